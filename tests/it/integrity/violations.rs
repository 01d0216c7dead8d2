//! A violation for each check but those of plans, planted in `story.sql` and what the migration leaves, and what the
//! check's remedy comes to in SQL.

/// A check, a violation of it, and the remedy.
pub(super) const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "amounts_plausible",
        "update padealing.pad_request set quantity = -1 where id = 7002",
        "update padealing.pad_request set quantity = 10 where id = 7002",
    ),
    (
        "approvals_logged",
        "delete from padealing.audit_log where request_id = 7001 and action_type = 'approval_compliance'",
        "select pg_temp.logged('2025-10-06 11:00', 'approval_compliance', 1002, 7001, 'approved')",
    ),
    (
        "approvals_logged",
        "update padealing.audit_log set action_status = 'failed' where request_id = 7001 and action_type = \
         'approval_manager'",
        "select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 7001, 'approved')",
    ),
    (
        "approvals_logged",
        "update padealing.audit_log set action_status = 'blocked', decision = null where request_id = 7001 and \
         action_type = 'approval_manager'",
        "select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 7001, 'approved')",
    ),
    (
        "approvals_logged",
        "update padealing.audit_log set actor_type = 'bot' where request_id = 7001; select pg_temp.decided(7001, \
         'manager', 1003, 'approved', '2025-10-06 10:30')",
        "select pg_temp.logged('2025-10-06 10:30', 'approval_manager', 1003, 7001, 'approved')",
    ),
    (
        "approved_has_approvals",
        "delete from padealing.pad_approval where request_id = 7001 and approval_type = 'compliance'",
        "select pg_temp.decided(7001, 'compliance', 1002, 'approved', '2025-10-06 11:00')",
    ),
    (
        "approver_known",
        "update padealing.pad_approval set approver_id = null where request_id = 7001 and approval_type = \
         'compliance'",
        "update padealing.pad_approval set approver_id = 1002 where approver_id is null",
    ),
    (
        "audit_actors",
        "update padealing.audit_log set actor_id = 99999 where request_id = 7002",
        "update padealing.audit_log set actor_id = 1003 where actor_id = 99999",
    ),
    (
        "audit_actors_agree",
        "update padealing.audit_log set actor_id = 1001 where request_id = 7001 and action_type = \
         'approval_compliance'",
        "update padealing.audit_log set actor_id = 1002 where request_id = 7001 and action_type = \
         'approval_compliance'",
    ),
    (
        "audit_actors_agree",
        "update padealing.audit_log set actor_id = null, google_uid = 'b' where request_id = 7005 and action_type = \
         'approval_manager'; update padealing.pad_approval set approver_google_uid = 'a' where request_id = 7005",
        "update padealing.pad_approval set approver_google_uid = 'b' where request_id = 7005",
    ),
    (
        "audit_actors_agree",
        "update padealing.audit_log set actor_id = 1001 where request_id = 7001 and action_type = \
         'execution_recorded'",
        "update padealing.pad_execution set recorded_by_id = 1001 where request_id = 7001",
    ),
    (
        "audit_actors_agree",
        "update padealing.audit_log set actor_id = 1001 where request_id = 7003 and action_type = 'request_withdrawn'",
        "update padealing.pad_request set deleted_by_id = 1001 where id = 7003",
    ),
    (
        "audit_entities",
        "update padealing.audit_log set entity_id = 99999 where request_id = 7002",
        "insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id) values \
         ('request_deleted', 'success', 'system', 'pad_request', 99999)",
    ),
    (
        "audit_entities",
        "delete from padealing.pad_breach; insert into padealing.audit_log (action_type, action_status, actor_type, \
         entity_type, entity_id, request_id) values ('breach_resolved', 'success', 'system', 'pad_breach', 99999, \
         7001)",
        "update padealing.audit_log set action_type = 'breach_removed' where entity_id = 99999",
    ),
    (
        "audit_order",
        "update padealing.audit_log set \"timestamp\" = '2025-10-06 08:00' where request_id = 7001 and action_type = \
         'approval_manager'",
        "update padealing.audit_log set \"timestamp\" = '2025-10-06 10:00' where request_id = 7001 and action_type = \
         'approval_manager'",
    ),
    (
        "audit_order",
        "update padealing.audit_log set \"timestamp\" = '2025-10-06 09:30', action_type = 'trade_executed' where \
         request_id = 7001 and action_type = 'execution_recorded'",
        "update padealing.audit_log set \"timestamp\" = '2025-10-07 10:00' where request_id = 7001 and action_type = \
         'trade_executed'",
    ),
    (
        "breach_employee",
        "update padealing.pad_breach set employee_id = 1004",
        "update padealing.pad_breach set employee_id = 1003",
    ),
    (
        "breaches_resolved",
        "update padealing.pad_breach set resolved_by_id = null",
        "update padealing.pad_breach set resolved_by_id = 1002",
    ),
    (
        "codes_known",
        "alter table padealing.pad_request drop constraint pad_request_status_check; update padealing.pad_request set \
         status = 'draft' where id = 7002",
        "update padealing.pad_request set status = 'pending_manager' where id = 7002",
    ),
    (
        "compliance_role",
        "update padealing.pad_approval set approver_id = 1001 where request_id = 7001 and approval_type = \
         'compliance'; update padealing.audit_log set actor_id = 1001 where request_id = 7001 and action_type = \
         'approval_compliance'",
        "insert into padealing.employee_role (employee_id, role, granted_at) values (1001, 'compliance_officer', \
         '2025-01-01')",
    ),
    (
        "compliance_saw_flags",
        "update padealing.pad_request set has_conflict = true where id = 7001",
        "update padealing.pad_approval set conflict_check = true where request_id = 7001 and approval_type = \
         'compliance'",
    ),
    (
        "constraints_enforced",
        "alter table padealing.pad_breach add constraint positive check (id > 0) not valid",
        "alter table padealing.pad_breach validate constraint positive",
    ),
    (
        "constraints_enforced",
        "alter table padealing.pad_breach disable trigger all",
        "alter table padealing.pad_breach enable trigger all",
    ),
    (
        "constraints_enforced",
        "update pg_constraint set convalidated = false where conname = 'pad_breach_request_id_fkey'",
        "alter table padealing.pad_breach validate constraint pad_breach_request_id_fkey",
    ),
    (
        "contract_notes",
        "update padealing.pad_execution set contract_note_verified = true where request_id = 7001",
        "update padealing.pad_execution set contract_note_received = true where request_id = 7001",
    ),
    (
        "dates_plausible",
        "update padealing.pad_request set created_at = now() + '10 days' where id = 7002",
        "update padealing.pad_request set created_at = '2025-10-06 09:00' where id = 7002",
    ),
    (
        "decisions_in_order",
        "update padealing.pad_approval set decided_at = '2025-10-06 09:30' where request_id = 7001 and approval_type \
         = 'compliance'",
        "update padealing.pad_approval set decided_at = '2025-10-06 11:00' where request_id = 7001 and approval_type \
         = 'compliance'",
    ),
    (
        "declined_has_decision",
        "update padealing.pad_request set status = 'rejected' where id = 7002",
        "select pg_temp.decided(7002, 'manager', 1001, 'declined', '2025-10-06 10:00'); select \
         pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 7002, 'declined')",
    ),
    (
        "deletion_has_person",
        "update padealing.pad_request set deleted_at = '2025-10-07' where id = 7002",
        "update padealing.pad_request set deleted_by_id = 1003 where id = 7002",
    ),
    (
        "email_of_one_employee",
        "update bo_airflow.oracle_contact set email = (select upper(email) from bo_airflow.oracle_contact where \
         employee_id = 1003) where employee_id = 1004",
        "update bo_airflow.oracle_contact set email = 'other@example.com' where employee_id = 1004",
    ),
    (
        "employees_exist",
        "alter table padealing.pad_request drop constraint pad_request_updated_by_id_fkey; update \
         padealing.pad_request set updated_by_id = 99999 where id = 7002",
        "insert into bo_airflow.oracle_employee (id) values (99999)",
    ),
    (
        "executed_has_execution",
        "delete from padealing.pad_execution where request_id = 7001; delete from padealing.audit_log where \
         entity_type = 'pad_execution'",
        "insert into padealing.pad_execution (request_id, executed_at, recorded_by_id) values (7001, '2025-10-07 \
         10:00', 1003); select pg_temp.logged('2025-10-07 10:00', 'execution_recorded', 1003, 7001, null)",
    ),
    (
        "execution_after_approval",
        "update padealing.pad_execution set executed_at = '2025-10-05' where request_id = 7001",
        "update padealing.pad_execution set executed_at = '2025-10-07' where request_id = 7001",
    ),
    (
        "execution_after_approval",
        "update padealing.pad_execution set executed_at = '2025-10-05' where request_id = 7001",
        "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity, detected_at) values (7001, \
         1003, 'traded_before_approval', 'high', '2025-10-20')",
    ),
    (
        "execution_of_executed",
        "insert into padealing.pad_execution (request_id, executed_at) values (7004, '2025-10-08'); insert into \
         padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, request_id) values \
         ('2025-10-08', 'execution_recorded', 'success', 'bot', 7004)",
        "delete from padealing.pad_execution where request_id = 7004",
    ),
    (
        "executions_logged",
        "delete from padealing.audit_log where action_type = 'execution_recorded'",
        "select pg_temp.logged('2025-10-07 10:00', 'execution_recorded', 1003, 7001, null)",
    ),
    (
        "executions_logged",
        "update padealing.audit_log set action_status = 'failed' where action_type = 'execution_recorded'",
        "select pg_temp.logged('2025-10-07 10:00', 'request_executed', 1003, 7001, null)",
    ),
    (
        "executions_logged",
        "update padealing.audit_log set action_type = 'execution_reminder' where action_type = 'execution_recorded'",
        "select pg_temp.logged('2025-10-07 10:00', 'execution_recorded', 1003, 7001, null)",
    ),
    (
        "executions_logged",
        "insert into padealing.pad_execution (request_id, executed_at, recorded_by_id) values (7001, '2025-10-07 \
         11:00', 1003)",
        "select pg_temp.logged('2025-10-07 11:00', 'execution_recorded', 1003, 7001, null)",
    ),
    (
        "executions_logged",
        "insert into padealing.pad_execution (request_id, executed_at, recorded_by_id) values (7001, '2025-10-07 \
         11:00', 1003); update padealing.audit_log set entity_type = 'pad_request', entity_id = 7001 where \
         action_type = 'execution_recorded'",
        "update padealing.audit_log set entity_type = 'pad_request', entity_id = 7001 where action_type = \
         'execution_recorded'; select pg_temp.logged('2025-10-07 11:00', 'execution_recorded', 1003, 7001, null)",
    ),
    (
        "former_employees_roles",
        "insert into padealing.employee_role (employee_id, role) values (1007, 'compliance_officer')",
        "update padealing.employee_role set revoked_at = now() where employee_id = 1007",
    ),
    (
        "indexes_intact",
        "create extension amcheck; create function public.fickle(bigint, bigint) returns int language sql immutable \
         as 'select case when $1 < $2 then -1 when $1 > $2 then 1 else 0 end'; create operator class \
         public.fickle_ops for type bigint using btree as operator 1 < (bigint, bigint), operator 2 <= (bigint, \
         bigint), operator 3 = (bigint, bigint), operator 4 >= (bigint, bigint), operator 5 > (bigint, bigint), \
         function 1 public.fickle(bigint, bigint); create index fickle on padealing.audit_log (id public.fickle_ops); \
         create or replace function public.fickle(bigint, bigint) returns int language sql immutable as 'select case \
         when $1 > $2 then -1 when $1 < $2 then 1 else 0 end'",
        "reindex index padealing.fickle",
    ),
    (
        "indexes_valid",
        "update pg_index set indisvalid = false where indexrelid = \
         'padealing.pad_breach_resolved_by_id_idx'::regclass",
        "drop index padealing.pad_breach_resolved_by_id_idx; create index pad_breach_resolved_by_id_idx on \
         padealing.pad_breach (resolved_by_id)",
    ),
    (
        "lineage_marks",
        "update padealing.audit_log set details = '{\"source\": \"legacy_migration\"}' where request_id = 7002",
        "update padealing.audit_log set details = null where request_id = 7002",
    ),
    (
        "lineage_parts",
        "delete from padealing.migration_mapping where source_id = 1901 and target_table = 'pad_approval:manager'",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) select \
         'personal_account_dealing', 1901, 'pad_approval:manager', id from padealing.pad_approval where request_id = \
         1901 and approval_type = 'manager'",
    ),
    (
        "lineage_parts",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) values \
         ('personal_account_dealing', 999001, 'pad_request', 7002), ('personal_account_dealing', 999001, \
         'pad_execution', (select max(id) from padealing.pad_execution))",
        "delete from padealing.migration_mapping where source_id = 999001",
    ),
    (
        "lineage_targets",
        "delete from padealing.pad_execution where request_id = 1901",
        "insert into padealing.pad_execution (id, request_id, executed_at) select target_id, 1901, '9999-12-31' from \
         padealing.migration_mapping where source_id = 1901 and target_table = 'pad_execution'",
    ),
    (
        "lineage_unique",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) select \
         source_table, 999001, target_table, target_id from padealing.migration_mapping where source_id = 1901 and \
         target_table in ('pad_request', 'audit_log:request_submitted')",
        "delete from padealing.migration_mapping where source_id = 999001",
    ),
    (
        "lineage_whole",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) values \
         ('personal_account_dealing', 999001, 'pad_request', 7002)",
        "delete from padealing.migration_mapping where source_id = 999001",
    ),
    (
        "manager_chain",
        "update padealing.pad_approval set approver_id = 1004 where request_id = 7001 and approval_type = 'manager'; \
         update padealing.audit_log set actor_id = 1004 where request_id = 7001 and action_type = 'approval_manager'",
        "update padealing.pad_approval set approver_id = 1001 where request_id = 7001 and approval_type = 'manager'; \
         update padealing.audit_log set actor_id = 1001 where request_id = 7001 and action_type = 'approval_manager'",
    ),
    (
        "one_decision_per_stage",
        "insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at) values \
         (7001, 'manager', 1000, 'approved', '2025-10-06 10:30'); select pg_temp.logged('2025-10-06 10:30', \
         'approval_manager', 1000, 7001, 'approved')",
        "delete from padealing.pad_approval where request_id = 7001 and approver_id = 1000",
    ),
    (
        "pending_compliance_undecided",
        "update padealing.pad_request set status = 'pending_compliance' where id = 7002",
        "select pg_temp.decided(7002, 'manager', 1001, 'approved', '2025-10-06 10:00'); select \
         pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 7002, 'approved')",
    ),
    (
        "pending_manager_undecided",
        "update padealing.pad_request set status = 'pending_manager' where id = 7004",
        "update padealing.pad_request set status = 'pending_compliance' where id = 7004",
    ),
    (
        "reference_links",
        "alter table bo_airflow.oracle_employee drop constraint oracle_employee_manager_id_fkey; update \
         bo_airflow.oracle_employee set manager_id = 99999 where id = 1007",
        "insert into bo_airflow.oracle_employee (id) values (99999)",
    ),
    (
        "rejections_closed",
        "update padealing.migration_reject set source_id = 1901 where id = (select min(id) from \
         padealing.migration_reject)",
        "update padealing.migration_reject set resolved_run_id = last_run_id where source_id = 1901",
    ),
    (
        "requests_exist",
        "alter table padealing.pad_breach drop constraint pad_breach_request_id_fkey; update padealing.pad_breach set \
         request_id = 99999",
        "delete from padealing.pad_breach where request_id = 99999",
    ),
    (
        "restricted_security",
        "insert into padealing.restricted_security (security_id, reason, added_by_id, added_at) values (500, 'The \
         firm advises the issuer', 1002, '2025-10-01')",
        "select pg_temp.withdrawn(7002); select pg_temp.withdrawn(7004); insert into padealing.pad_breach \
         (request_id, employee_id, breach_type, severity, detected_at) values (7001, 1003, 'restricted_security', \
         'high', '2025-10-20')",
    ),
    (
        "restricted_security",
        "update padealing.pad_request set security_id = null, bloomberg_ticker = 'bor us equity' where id = 7002",
        "select pg_temp.withdrawn(7002)",
    ),
    (
        "restricted_security",
        "update padealing.pad_request set security_id = null, bloomberg_ticker = 'XYZ US Equity' where id = 7002; \
         insert into padealing.restricted_security (ticker, reason, added_by_id, added_at) values ('XYZ US Equity', \
         'r', 1002, '2025-10-01')",
        "update padealing.restricted_security set added_at = '2025-10-07' where reason = 'r'",
    ),
    (
        "restricted_security",
        "update padealing.pad_request set security_id = null, security_name = 'Boreal Mining Inc' where id = 7002",
        "update padealing.pad_request set status = 'rejected' where id = 7002; select pg_temp.decided(7002, \
         'manager', 1001, 'declined', '2025-10-06 10:00'); select pg_temp.logged('2025-10-06 10:00', \
         'approval_manager', 1001, 7002, 'declined')",
    ),
    (
        "restrictions_effective",
        "insert into padealing.restricted_security (reason, added_by_id) values ('r', 1002)",
        "update padealing.restricted_security set is_active = false where reason = 'r'",
    ),
    (
        "securities_exist",
        "alter table padealing.pad_request drop constraint pad_request_security_id_fkey; update padealing.pad_request \
         set security_id = 99999 where id = 7002",
        "insert into bo_airflow.oracle_bloomberg (id) values (99999)",
    ),
    (
        "self_approval",
        "update padealing.pad_approval set approver_id = 1003 where request_id = 7001 and approval_type = 'manager'; \
         update padealing.audit_log set actor_id = 1003 where request_id = 7001 and action_type = 'approval_manager'",
        "select pg_temp.decided(7001, 'manager', 1001, 'approved', '2025-10-20 10:00'); select \
         pg_temp.logged('2025-10-20 10:00', 'approval_manager', 1001, 7001, 'approved')",
    ),
    (
        "self_approval",
        "update padealing.pad_approval set approver_id = 1003 where request_id = 7001 and approval_type = 'manager'; \
         update padealing.audit_log set actor_id = 1003 where request_id = 7001 and action_type = 'approval_manager'",
        "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity, detected_at) values (7001, \
         1003, 'self_approval', 'high', '2025-10-20')",
    ),
    (
        "sequences",
        "alter sequence padealing.pad_breach_id_seq restart with 1",
        "select setval('padealing.pad_breach_id_seq', (select max(id) from padealing.pad_breach))",
    ),
    (
        "submission_actor",
        "update padealing.audit_log set actor_id = 1004 where request_id = 7002",
        "update padealing.audit_log set actor_id = 1003 where request_id = 7002",
    ),
    (
        "submission_logged",
        "delete from padealing.audit_log where request_id = 7002",
        "select pg_temp.logged('2025-10-06 09:00', 'request_submitted', 1003, 7002, null)",
    ),
    (
        "submission_logged",
        "update padealing.audit_log set action_status = 'failed' where request_id = 7002",
        "select pg_temp.logged('2025-10-06 09:00', 'request_submitted', 1003, 7002, null)",
    ),
    (
        "submission_once",
        "insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, \
         request_id) select \"timestamp\", action_type, action_status, actor_type, actor_id, request_id from \
         padealing.audit_log where request_id = 7002",
        "delete from padealing.audit_log where id = (select max(id) from padealing.audit_log)",
    ),
    (
        "two_day_flag",
        "update padealing.pad_request set executed_within_two_days = false where id = 7001",
        "update padealing.pad_request set executed_within_two_days = true where id = 7001",
    ),
    (
        "withdrawals_logged",
        "delete from padealing.audit_log where action_type = 'request_withdrawn'",
        "select pg_temp.logged('2025-10-06 12:00', 'request_withdrawn', 1003, 7003, null)",
    ),
    (
        "withdrawals_logged",
        "update padealing.audit_log set action_status = 'failed' where action_type = 'request_withdrawn'",
        "select pg_temp.logged('2025-10-06 12:00', 'request_withdrawn', 1003, 7003, null)",
    ),
    (
        "withdrawals_logged",
        "update padealing.audit_log set action_type = 'withdrawal_reminder' where action_type = 'request_withdrawn'",
        "select pg_temp.logged('2025-10-06 12:00', 'request_withdrawn', 1003, 7003, null)",
    ),
    (
        "withdrawn_is_deleted",
        "update padealing.pad_request set deleted_by_id = null where id = 7003",
        "update padealing.pad_request set deleted_by_id = 1003 where id = 7003",
    ),
];

/// Writes of the application that the remedies consist of.
pub(super) const WRITES: &str = "
    create function pg_temp.logged(timestamp, text, bigint, bigint, text) returns void language sql as
    $$ insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, entity_type,
           entity_id, request_id, decision)
       values ($1, $2, case $5 when 'declined' then 'blocked' else 'success' end, 'user', $3, 'pad_request', $4, $4, $5) $$;
    create function pg_temp.decided(bigint, text, bigint, text, timestamp) returns void language sql as
    $$ insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at)
       values ($1, $2, $3, $4, $5) $$;
    create function pg_temp.withdrawn(bigint) returns void language sql as
    $$ update padealing.pad_request set status = 'withdrawn', deleted_at = '2025-10-06 12:00', deleted_by_id = 1003
           where id = $1;
       select pg_temp.logged('2025-10-06 12:00', 'request_withdrawn', 1003, $1, null) $$;";
