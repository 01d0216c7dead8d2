-- with {reader}
alter default privileges for role {owner} in schema padealing revoke select on tables from {reader};
revoke select on
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
    from {reader};
revoke usage on schema padealing from {reader};

-- with {app}
alter default privileges for role {owner} in schema padealing revoke usage on sequences from {app};
alter default privileges for role {owner} in schema padealing revoke select, insert, update, delete on tables from {app};
revoke usage on sequence
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
    from {app};
revoke select, insert, update, delete on
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
    from {app};
revoke usage on schema padealing from {app};
-- always
alter table padealing.schema_revision owner to current_user;
alter table padealing.migration_reject owner to current_user;
alter table padealing.migration_run owner to current_user;
alter table padealing.migration_mapping owner to current_user;
alter table padealing.restricted_security owner to current_user;
alter table padealing.employee_role owner to current_user;
alter table padealing.compliance_decision_outcome owner to current_user;
alter table padealing.compliance_config owner to current_user;
alter table padealing.chatbot_session owner to current_user;
alter table padealing.audit_log owner to current_user;
alter table padealing.pad_breach owner to current_user;
alter table padealing.pad_execution owner to current_user;
alter table padealing.pad_approval owner to current_user;
alter table padealing.pad_request owner to current_user;
alter schema padealing owner to current_user;
