//! For each check a violation, planted in what the application and the migration have left: it fires, and no other.

use std::collections::BTreeSet;

use pad_migrate::checks::integrity::ALL;
use pretty_assertions::assert_eq;

use super::{fired, in_transaction, session};
use crate::harness::{Start, with_db};

const STORY: &str = include_str!("story.sql");

const PLANTED: &[(&str, &str)] = &[
    ("amounts_plausible", "update padealing.pad_request set quantity = -1 where id = 7002"),
    (
        "approvals_logged",
        "delete from padealing.audit_log where request_id = 7001 and action_type = 'approval_compliance'",
    ),
    (
        "approved_has_approvals",
        "delete from padealing.pad_approval where request_id = 7001 and approval_type = 'compliance'",
    ),
    (
        "approver_known",
        "update padealing.pad_approval set approver_id = null where request_id = 7001 and approval_type = 'compliance'",
    ),
    ("audit_actors", "update padealing.audit_log set actor_id = 99999 where request_id = 7002"),
    ("audit_entities", "update padealing.audit_log set entity_id = 99999 where request_id = 7002"),
    (
        "audit_order",
        "update padealing.audit_log set \"timestamp\" = '2025-10-06 08:00' where request_id = 7001 \
         and action_type = 'approval_manager'",
    ),
    ("breach_employee", "update padealing.pad_breach set employee_id = 1004"),
    ("breaches_resolved", "update padealing.pad_breach set resolved_by_id = null"),
    (
        "codes_known",
        "alter table padealing.pad_request drop constraint pad_request_status_check; \
         update padealing.pad_request set status = 'draft' where id = 7002",
    ),
    (
        "compliance_role",
        "update padealing.pad_approval set approver_id = 1001 where request_id = 7001 and approval_type = 'compliance'",
    ),
    ("compliance_saw_flags", "update padealing.pad_request set has_conflict = true where id = 7001"),
    ("constraints_enforced", "alter table padealing.pad_breach add constraint positive check (id > 0) not valid"),
    ("contract_notes", "update padealing.pad_execution set contract_note_verified = true where request_id = 7001"),
    ("dates_plausible", "update padealing.pad_request set created_at = now() + '10 days' where id = 7002"),
    (
        "decisions_in_order",
        "update padealing.pad_approval set decided_at = '2025-10-06 09:30' where request_id = 7001 \
         and approval_type = 'compliance'",
    ),
    ("declined_has_decision", "update padealing.pad_request set status = 'rejected' where id = 7002"),
    ("deletion_has_person", "update padealing.pad_request set deleted_at = '2025-10-07' where id = 7002"),
    (
        "email_of_one_employee",
        "update bo_airflow.oracle_contact set email = (select upper(email) from bo_airflow.oracle_contact \
         where employee_id = 1003) where employee_id = 1004",
    ),
    (
        "employees_exist",
        "alter table padealing.pad_request drop constraint pad_request_updated_by_id_fkey; \
         update padealing.pad_request set updated_by_id = 99999 where id = 7002",
    ),
    (
        "executed_has_execution",
        "delete from padealing.pad_execution where request_id = 7001; \
         delete from padealing.audit_log where entity_type = 'pad_execution'",
    ),
    (
        "execution_after_approval",
        "update padealing.pad_execution set executed_at = '2025-10-05' where request_id = 7001",
    ),
    (
        "execution_of_executed",
        "insert into padealing.pad_execution (request_id, executed_at) values (7004, '2025-10-08'); \
         insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, request_id) \
         values ('2025-10-08', 'execution_recorded', 'success', 'bot', 7004)",
    ),
    ("executions_logged", "delete from padealing.audit_log where action_type = 'execution_recorded'"),
    (
        "former_employees_roles",
        "insert into padealing.employee_role (employee_id, role) values (1007, 'compliance_officer')",
    ),
    (
        "indexes_intact",
        "create extension amcheck; \
         create function public.fickle(bigint, bigint) returns int language sql immutable \
         as 'select case when $1 < $2 then -1 when $1 > $2 then 1 else 0 end'; \
         create operator class public.fickle_ops for type bigint using btree as operator 1 < (bigint, bigint), \
         operator 2 <= (bigint, bigint), operator 3 = (bigint, bigint), operator 4 >= (bigint, bigint), \
         operator 5 > (bigint, bigint), function 1 public.fickle(bigint, bigint); \
         create index fickle on padealing.audit_log (id public.fickle_ops); \
         create or replace function public.fickle(bigint, bigint) returns int language sql immutable \
         as 'select case when $1 > $2 then -1 when $1 < $2 then 1 else 0 end'",
    ),
    (
        "indexes_valid",
        "update pg_index set indisvalid = false where indexrelid = 'padealing.pad_breach_resolved_by_id_idx'::regclass",
    ),
    (
        "lineage_parts",
        "delete from padealing.migration_mapping where source_id = 1901 and target_table = 'pad_approval:manager'",
    ),
    (
        "lineage_marks",
        "update padealing.audit_log set details = '{\"source\": \"legacy_migration\"}' where request_id = 7002",
    ),
    ("lineage_targets", "delete from padealing.pad_execution where request_id = 1901"),
    (
        "lineage_unique",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
         select source_table, 999001, target_table, target_id from padealing.migration_mapping \
         where source_id = 1901 and target_table in ('pad_request', 'audit_log:request_submitted')",
    ),
    (
        "lineage_parts",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
         values ('personal_account_dealing', 999001, 'pad_request', 7002), \
         ('personal_account_dealing', 999001, 'pad_execution', (select max(id) from padealing.pad_execution))",
    ),
    (
        "lineage_whole",
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
         values ('personal_account_dealing', 999001, 'pad_request', 7002)",
    ),
    (
        "manager_chain",
        "update padealing.pad_approval set approver_id = 1004 where request_id = 7001 and approval_type = 'manager'",
    ),
    (
        "one_decision_per_stage",
        "insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at) \
         values (7001, 'manager', 1000, 'approved', '2025-10-06 10:30')",
    ),
    ("pending_compliance_undecided", "update padealing.pad_request set status = 'pending_compliance' where id = 7002"),
    ("pending_manager_undecided", "update padealing.pad_request set status = 'pending_manager' where id = 7004"),
    (
        "rejections_closed",
        "update padealing.migration_reject set source_id = 1901 where id = (select min(id) \
         from padealing.migration_reject)",
    ),
    (
        "reference_links",
        "alter table bo_airflow.oracle_employee drop constraint oracle_employee_manager_id_fkey; \
         update bo_airflow.oracle_employee set manager_id = 99999 where id = 1007",
    ),
    (
        "requests_exist",
        "alter table padealing.pad_breach drop constraint pad_breach_request_id_fkey; \
         update padealing.pad_breach set request_id = 99999",
    ),
    (
        "restricted_security",
        "insert into padealing.restricted_security (security_id, reason, added_by_id, added_at) \
         values (500, 'The firm advises the issuer', 1002, '2025-10-01')",
    ),
    ("restrictions_effective", "insert into padealing.restricted_security (reason, added_by_id) values ('r', 1002)"),
    (
        "securities_exist",
        "alter table padealing.pad_request drop constraint pad_request_security_id_fkey; \
         update padealing.pad_request set security_id = 99999 where id = 7002",
    ),
    (
        "self_approval",
        "update padealing.pad_approval set approver_id = 1003 where request_id = 7001 and approval_type = 'manager'",
    ),
    ("sequences", "alter sequence padealing.pad_breach_id_seq restart with 1"),
    ("submission_logged", "delete from padealing.audit_log where request_id = 7002"),
];

/// Further ways, and the rest.
const MORE: [(&str, &str); 6] = [
    ("constraints_enforced", "alter table padealing.pad_breach disable trigger all"),
    (
        "constraints_enforced",
        "update pg_constraint set convalidated = false where conname = 'pad_breach_request_id_fkey'",
    ),
    (
        "submission_once",
        "insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, request_id) \
         select \"timestamp\", action_type, action_status, actor_type, actor_id, request_id from padealing.audit_log \
         where request_id = 7002",
    ),
    ("two_day_flag", "update padealing.pad_request set executed_within_two_days = false where id = 7001"),
    ("withdrawals_logged", "delete from padealing.audit_log where action_type = 'request_withdrawn'"),
    ("withdrawn_is_deleted", "update padealing.pad_request set deleted_by_id = null where id = 7003"),
];

/// The index that each plan needs.
const INDEXES: [(&str, &str); 15] = [
    ("plan_approvals_of_approver", "drop index padealing.pad_approval_approver_id_idx"),
    ("plan_approvals_of_request", "drop index padealing.pad_approval_request_id_idx"),
    ("plan_audit_by_action", "drop index padealing.audit_log_action_type_idx"),
    ("plan_audit_of_request", "drop index padealing.audit_log_request_id_idx"),
    ("plan_breaches_of_employee", "drop index padealing.pad_breach_employee_id_idx"),
    ("plan_breaches_of_request", "drop index padealing.pad_breach_request_id_idx"),
    ("plan_executions_of_request", "drop index padealing.pad_execution_request_id_idx"),
    ("plan_latest_audit", "drop index padealing.audit_log_timestamp_idx"),
    ("plan_latest_requests", "drop index padealing.pad_request_created_at_idx"),
    ("plan_requests_by_status", "drop index padealing.pad_request_status_idx"),
    ("plan_requests_of_employee", "drop index padealing.pad_request_employee_id_idx"),
    ("plan_requests_of_security", "drop index padealing.pad_request_security_id_idx"),
    ("plan_restriction_of_security", "drop index padealing.restricted_security_security_id_idx"),
    (
        "plan_roles_of_employee",
        "drop index padealing.employee_role_employee_id_idx; drop index padealing.employee_role_current_key",
    ),
    ("plan_session_by_key", "alter table padealing.chatbot_session drop constraint chatbot_session_session_key_key"),
];

fn planted() -> impl Iterator<Item = (&'static str, &'static str)> {
    PLANTED.iter().copied().chain(MORE).chain(INDEXES)
}

#[test]
fn every_check_has_a_violation() {
    let names: BTreeSet<&str> = ALL.iter().map(|it| it.name).collect();
    assert_eq!(planted().map(|it| it.0).collect::<BTreeSet<&str>>(), names);
}

#[tokio::test]
async fn a_violation_fires_its_check_and_no_other() {
    with_db(Start::Migrated, async |db| {
        db.execute(STORY).await;
        let mut session = session(&db).await;
        let clean = in_transaction(&mut session, "create extension amcheck", fired).await;
        assert_eq!(clean, [""; 0], "what the migration and the application leave is in order");
        let mut wrong = Vec::new();
        for (name, sql) in planted() {
            let found = in_transaction(&mut session, sql, fired).await;
            let check = ALL.iter().find(|it| it.name == name).expect("the check is there");
            let severity = format!("{:?}", check.header.severity).to_lowercase();
            if found != [format!("{severity} {name}")] {
                wrong.push(format!("{name}: {found:?}"));
            }
        }
        if db.major().await >= 18 {
            let sql = "alter table padealing.pad_breach add constraint positive check (id > 0) not enforced";
            assert_eq!(in_transaction(&mut session, sql, fired).await, ["fail constraints_enforced"]);
        }
        assert_eq!(wrong, [""; 0]);
    })
    .await;
}
