-- Who may do what. {owner} owns everything in padealing; {app} works on the application tables; {reader} reads.
-- A section that opens with `-- with {app}` or `-- with {reader}` runs only if that role is named (DB_APP_ROLE,
-- DB_READER_ROLE). {owner} is DB_OWNER_ROLE, or else the role that applies this.
alter schema padealing owner to {owner};
alter table padealing.pad_request owner to {owner};
alter table padealing.pad_approval owner to {owner};
alter table padealing.pad_execution owner to {owner};
alter table padealing.pad_breach owner to {owner};
alter table padealing.audit_log owner to {owner};
alter table padealing.chatbot_session owner to {owner};
alter table padealing.compliance_config owner to {owner};
alter table padealing.compliance_decision_outcome owner to {owner};
alter table padealing.employee_role owner to {owner};
alter table padealing.restricted_security owner to {owner};
alter table padealing.migration_mapping owner to {owner};
alter table padealing.migration_run owner to {owner};
alter table padealing.migration_reject owner to {owner};
alter table padealing.schema_revision owner to {owner};

-- with {app}
grant usage on schema padealing to {app};
grant select, insert, update, delete on
    padealing.pad_request,
    padealing.pad_approval,
    padealing.pad_execution,
    padealing.pad_breach,
    padealing.audit_log,
    padealing.chatbot_session,
    padealing.compliance_config,
    padealing.compliance_decision_outcome,
    padealing.employee_role,
    padealing.restricted_security
    to {app};
grant usage on sequence
    padealing.audit_log_id_seq,
    padealing.chatbot_session_id_seq,
    padealing.compliance_config_id_seq,
    padealing.compliance_decision_outcome_id_seq,
    padealing.employee_role_id_seq,
    padealing.migration_mapping_id_seq,
    padealing.migration_reject_id_seq,
    padealing.pad_approval_id_seq,
    padealing.pad_breach_id_seq,
    padealing.pad_execution_id_seq,
    padealing.pad_request_id_seq,
    padealing.restricted_security_id_seq,
    padealing.schema_revision_id_seq
    to {app};
alter default privileges for role {owner} in schema padealing grant select, insert, update, delete on tables to {app};
alter default privileges for role {owner} in schema padealing grant usage on sequences to {app};

-- with {reader}
grant usage on schema padealing to {reader};
grant select on
    padealing.pad_request,
    padealing.pad_approval,
    padealing.pad_execution,
    padealing.pad_breach,
    padealing.audit_log,
    padealing.chatbot_session,
    padealing.compliance_config,
    padealing.compliance_decision_outcome,
    padealing.employee_role,
    padealing.restricted_security,
    padealing.migration_mapping,
    padealing.migration_run,
    padealing.migration_reject,
    padealing.schema_revision
    to {reader};
alter default privileges for role {owner} in schema padealing grant select on tables to {reader};
