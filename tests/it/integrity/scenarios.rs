//! The ten acceptance scenarios, played as the application plays them, a write at a time: after each, exactly the checks
//! fire that it leaves something undone for. What would be wrong is rolled back; what is right stays for the next.

use pad_migrate::checks::integrity::ALL;
use pretty_assertions::assert_eq;

use super::violations::WRITES;
use super::{execute, fired, in_transaction, outcomes, session};
use crate::harness::{Start, with_db};

/// What is written, and the checks that fire then.
enum Step {
    /// It stays.
    Done(&'static str, &'static [&'static str]),
    /// It is rolled back.
    Wrong(&'static str, &'static [&'static str]),
}

use Step::{Done, Wrong};

const SUBMISSION: &[Step] = &[
    Done(
        "insert into padealing.pad_request (id, employee_id, security_id, status, direction, quantity, created_at) \
         values (8001, 1003, 500, 'pending_manager', 'BUY', 10, '2025-10-06 09:00')",
        &["fail submission_logged"],
    ),
    Done("select pg_temp.logged('2025-10-06 09:00', 'request_submitted', 1003, 8001, null)", &[]),
    Wrong(
        "select pg_temp.logged('2025-10-06 09:00', 'request_submitted', 1003, 8001, null)",
        &["warn submission_once"],
    ),
    Wrong("update padealing.pad_request set quantity = 0 where id = 8001", &["warn amounts_plausible"]),
];

const MANAGER: &[Step] = &[
    Done(
        "select pg_temp.decided(8001, 'manager', 1001, 'approved', '2025-10-06 10:00')",
        &["fail approvals_logged", "fail pending_manager_undecided"],
    ),
    Done("update padealing.pad_request set status = 'pending_compliance' where id = 8001", &["fail approvals_logged"]),
    Wrong(
        "select pg_temp.logged('2025-10-06 08:00', 'approval_manager', 1001, 8001, 'approved')",
        &["fail audit_order"],
    ),
    Wrong(
        "select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 8001, 'declined')",
        &["fail approvals_logged"],
    ),
    Done("select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 8001, 'approved')", &[]),
    Wrong(
        "update padealing.pad_approval set approver_id = 1003; \
         update padealing.audit_log set actor_id = 1003 where action_type = 'approval_manager'",
        &["fail self_approval"],
    ),
    Wrong(
        "update padealing.pad_approval set approver_id = 1005; \
         update padealing.audit_log set actor_id = 1005 where action_type = 'approval_manager'",
        &["warn manager_chain"],
    ),
    // The manager's manager stands in.
    Wrong(
        "update padealing.pad_approval set approver_id = 1000; \
         update padealing.audit_log set actor_id = 1000 where action_type = 'approval_manager'",
        &[],
    ),
];

const COMPLIANCE: &[Step] = &[
    Wrong("update padealing.pad_request set status = 'approved' where id = 8001", &["fail approved_has_approvals"]),
    Done(
        "select pg_temp.decided(8001, 'compliance', 1002, 'approved', '2025-10-06 11:00')",
        &["fail approvals_logged", "fail pending_compliance_undecided"],
    ),
    Done("update padealing.pad_request set status = 'approved' where id = 8001", &["fail approvals_logged"]),
    Done("select pg_temp.logged('2025-10-06 11:00', 'approval_compliance', 1002, 8001, 'approved')", &[]),
    Wrong(
        "update padealing.pad_approval set approver_id = 1004 where approval_type = 'compliance'; \
         update padealing.audit_log set actor_id = 1004 where action_type = 'approval_compliance'",
        &["warn compliance_role"],
    ),
    Wrong(
        "update padealing.pad_approval set decided_at = '2025-10-06 09:30' where approval_type = 'compliance'",
        &["fail decisions_in_order"],
    ),
];

const EXECUTION: &[Step] = &[
    Wrong("update padealing.pad_request set status = 'executed' where id = 8001", &["fail executed_has_execution"]),
    Done(
        "insert into padealing.pad_execution (request_id, executed_at, execution_quantity, recorded_by_id) \
         values (8001, '2025-10-07 15:00', 10, 1003)",
        &["fail execution_of_executed", "warn executions_logged"],
    ),
    Done(
        "update padealing.pad_request set status = 'executed' where id = 8001",
        &["warn executions_logged", "warn two_day_flag"],
    ),
    Done(
        "update padealing.pad_request set executed_within_two_days = true where id = 8001",
        &["warn executions_logged"],
    ),
    Done("select pg_temp.logged('2025-10-07 15:00', 'execution_recorded', 1003, 8001, null)", &[]),
    Wrong("update padealing.pad_execution set executed_at = '2025-10-05 15:00'", &["fail execution_after_approval"]),
    // Monday, and two business days: Wednesday.
    Wrong("update padealing.pad_execution set executed_at = '2025-10-08 15:00'", &[]),
    Wrong("update padealing.pad_execution set executed_at = '2025-10-09 15:00'", &["warn two_day_flag"]),
    Wrong("update padealing.pad_request set executed_within_two_days = false where id = 8001", &["warn two_day_flag"]),
    Wrong("delete from padealing.pad_execution", &["fail executed_has_execution"]),
];

const REJECTION: &[Step] = &[
    Done("select pg_temp.submitted(8005, 500)", &[]),
    Wrong("update padealing.pad_request set status = 'rejected' where id = 8005", &["fail declined_has_decision"]),
    Done(
        "select pg_temp.decided(8005, 'manager', 1001, 'declined', '2025-10-06 10:00'); \
         update padealing.pad_request set status = 'rejected' where id = 8005",
        &["fail approvals_logged"],
    ),
    Done("select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 8005, 'declined')", &[]),
];

const WITHDRAWAL: &[Step] = &[
    Done("select pg_temp.submitted(8006, 500)", &[]),
    Done(
        "update padealing.pad_request set status = 'withdrawn' where id = 8006",
        &["warn withdrawals_logged", "fail withdrawn_is_deleted"],
    ),
    Done(
        "update padealing.pad_request set deleted_at = '2025-10-06 12:00' where id = 8006",
        &["warn withdrawals_logged", "fail withdrawn_is_deleted"],
    ),
    Done("update padealing.pad_request set deleted_by_id = 1003 where id = 8006", &["warn withdrawals_logged"]),
    Done("select pg_temp.logged('2025-10-06 12:00', 'request_withdrawn', 1003, 8006, null)", &[]),
    Wrong("update padealing.pad_request set deleted_by_id = 1003 where id = 8005", &["fail deletion_has_person"]),
];

const DASHBOARD: &[Step] = &[
    Done(
        "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity, detected_at) \
         values (8001, 1003, 'late_contract_note', 'low', '2025-10-20 09:00')",
        &[],
    ),
    Done("update padealing.pad_breach set resolved_at = '2025-10-21 09:00'", &["fail breaches_resolved"]),
    Done("update padealing.pad_breach set resolved_by_id = 1002", &[]),
    Wrong("update padealing.pad_breach set employee_id = 1004", &["fail breach_employee"]),
    Wrong(
        "alter table padealing.pad_request drop constraint pad_request_status_check; \
         update padealing.pad_request set status = 'draft' where id = 8005",
        &["fail codes_known"],
    ),
    Wrong("update padealing.audit_log set entity_id = 1 where request_id = 8005", &["fail audit_entities"]),
];

const RESTRICTED: &[Step] = &[
    Done(
        "insert into padealing.restricted_security (security_id, ticker, reason, added_by_id, added_at) \
         values (501, 'BOR', 'The firm advises the issuer', 1002, '2025-06-02')",
        &[],
    ),
    // The application refuses: no request, and an entry.
    Done(
        "insert into padealing.audit_log (action_type, action_status, actor_type, actor_id, details) \
         values ('request_blocked', 'blocked', 'user', 1003, '{\"ticker\": \"BOR\"}')",
        &[],
    ),
    Wrong("select pg_temp.submitted(8008, 501)", &["fail restricted_security"]),
    // One that came through is to be declined or withdrawn, and then all is well.
    Wrong(
        "select pg_temp.submitted(8008, 501); \
         select pg_temp.decided(8008, 'manager', 1001, 'declined', '2025-10-06 10:00'); \
         select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 8008, 'declined'); \
         update padealing.pad_request set status = 'declined' where id = 8008",
        &[],
    ),
    // By its ticker only.
    Wrong(
        "select pg_temp.submitted(8008, null); update padealing.pad_request set ticker = 'bor' where id = 8008",
        &["fail restricted_security"],
    ),
    // By its ISIN only.
    Wrong(
        "select pg_temp.submitted(8008, null); update padealing.pad_request set isin = 'XS0000000BOR' where id = 8008",
        &["fail restricted_security"],
    ),
    // Before it was restricted.
    Wrong("select pg_temp.submitted(8008, 501); update padealing.restricted_security set added_at = '2025-10-07'", &[]),
    Wrong("update padealing.restricted_security set security_id = null, ticker = ''", &["fail restrictions_effective"]),
];

const CONFLICT: &[Step] = &[
    // A conflict is said, and blocks nothing.
    Done(
        "select pg_temp.submitted(8009, 500); update padealing.pad_request set has_conflict = true where id = 8009",
        &[],
    ),
    Done(
        "select pg_temp.decided(8009, 'manager', 1001, 'approved', '2025-10-06 10:00'); \
         select pg_temp.logged('2025-10-06 10:00', 'approval_manager', 1001, 8009, 'approved'); \
         update padealing.pad_request set status = 'pending_compliance' where id = 8009",
        &[],
    ),
    Done(
        "select pg_temp.decided(8009, 'compliance', 1002, 'approved', '2025-10-06 11:00'); \
         select pg_temp.logged('2025-10-06 11:00', 'approval_compliance', 1002, 8009, 'approved'); \
         update padealing.pad_request set status = 'approved' where id = 8009",
        &["warn compliance_saw_flags"],
    ),
    Done(
        "update padealing.pad_approval set conflict_check = true where request_id = 8009 and approval_type = 'compliance'",
        &[],
    ),
];

const PERFORMANCE: &[Step] = &[
    Done(
        "insert into padealing.pad_request (id, employee_id, security_id, status, created_at, deleted_at, deleted_by_id) \
         select 10000 + i, 1000 + i % 8, 500 + i % 9, 'withdrawn', timestamp '2024-01-01' + i * interval '1 minute', \
                timestamp '2024-02-01' + i * interval '1 minute', 1000 + i % 8 from generate_series(1, 3000) i; \
         insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, request_id) \
         select case action when 'request_submitted' then created_at else deleted_at end, action, 'success', 'user', \
                employee_id, id from padealing.pad_request, \
                unnest(array['request_submitted', 'request_withdrawn']) action where id > 10000; \
         analyze padealing.pad_request, padealing.audit_log",
        &[],
    ),
    Wrong("drop index padealing.pad_request_created_at_idx", &["fail plan_latest_requests"]),
    Wrong("drop index padealing.audit_log_request_id_idx", &["fail plan_audit_of_request"]),
];

const SCENARIOS: [&[Step]; 10] =
    [SUBMISSION, MANAGER, COMPLIANCE, EXECUTION, REJECTION, WITHDRAWAL, DASHBOARD, RESTRICTED, CONFLICT, PERFORMANCE];

/// What the application does in a write, so that the steps are short.
const STEPS: &str = "
    insert into padealing.employee_role (employee_id, role, granted_at) values (1002, 'compliance_officer', '2020-01-01');
    select setval('padealing.pad_request_id_seq', 100000);
    create function pg_temp.submitted(bigint, bigint) returns void language sql as
    $$ insert into padealing.pad_request (id, employee_id, security_id, status, created_at)
       values ($1, 1003, $2, 'pending_manager', '2025-10-06 09:00');
       insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, entity_type,
           entity_id, request_id)
       values ('2025-10-06 09:00', 'request_submitted', 'success', 'user', 1003, 'pad_request', $1, $1) $$;";

#[tokio::test]
async fn the_ten_acceptance_scenarios_are_played() {
    with_db(Start::Applied, async |db| {
        let mut session = session(&db).await;
        execute(&mut session, WRITES).await;
        execute(&mut session, STEPS).await;
        for (at, steps) in SCENARIOS.iter().enumerate() {
            let scenario = at as u8 + 1;
            let mut of_scenario = false;
            for step in *steps {
                let (sql, wanted) = match step {
                    Done(sql, wanted) | Wrong(sql, wanted) => (*sql, *wanted),
                };
                let found = in_transaction(&mut session, sql, fired).await;
                assert_eq!(found, wanted, "scenario {scenario}: {sql}");
                if matches!(step, Done(..)) {
                    execute(&mut session, sql).await;
                }
                of_scenario |= found.iter().any(|it| {
                    let name = it.split(' ').nth(1).expect("a status and a name");
                    ALL.iter().any(|it| it.name == name && it.header.scenarios.contains(&scenario))
                });
            }
            assert!(of_scenario, "a check of scenario {scenario} fires in it");
        }
        // The numbers of the dashboard add up.
        let sum = "(select sum(n) from (select count(*) n from padealing.pad_request group by status) s) = \
                   (select count(*) from padealing.audit_log where action_type = 'request_submitted')";
        assert_eq!(db.value(sum).await.as_deref(), Some("true"));
        let found = in_transaction(&mut session, "", outcomes).await;
        let plan = found.iter().find(|it| it.check.name == "plan_latest_requests").expect("it is there");
        assert!(plan.check.message.ends_with(": by pad_request_created_at_idx"), "{}", plan.check.message);
    })
    .await;
}
