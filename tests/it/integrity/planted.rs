//! For each check a violation, planted in what the application and the migration have left: it fires, and no other; what
//! its remedy says clears it.

use std::collections::BTreeSet;

use pad_migrate::checks::integrity::ALL;
use pretty_assertions::assert_eq;

use super::violations::{VIOLATIONS, WRITES};
use super::{execute, fired, in_transaction, session};
use crate::harness::{Start, with_db};

const STORY: &str = include_str!("story.sql");

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

#[test]
fn every_check_has_a_violation() {
    let names: BTreeSet<&str> = ALL.iter().map(|it| it.name).collect();
    let planted = VIOLATIONS.iter().map(|it| it.0).chain(INDEXES.iter().map(|it| it.0));
    assert_eq!(planted.collect::<BTreeSet<&str>>(), names);
}

/// What must fire for a check.
fn firing(name: &str) -> [String; 1] {
    let check = ALL.iter().find(|it| it.name == name).expect("the check is there");
    [format!("{} {name}", format!("{:?}", check.header.severity).to_lowercase())]
}

/// And the remedy of the check, as its head has it, leaves nothing that fires.
#[tokio::test]
async fn a_violation_fires_its_check_and_no_other_and_its_remedy_clears_it() {
    with_db(Start::Migrated, async |db| {
        db.execute(STORY).await;
        let mut session = session(&db).await;
        execute(&mut session, WRITES).await;
        let clean = in_transaction(&mut session, "create extension amcheck", fired).await;
        assert_eq!(clean, [""; 0], "what the migration and the application leave is in order");
        let mut wrong = Vec::new();
        for (name, violation, remedy) in VIOLATIONS {
            let (found, left) = in_transaction(&mut session, violation, async |session| {
                let found = fired(session).await;
                execute(session, remedy).await;
                (found, fired(session).await)
            })
            .await;
            if found != firing(name) || !left.is_empty() {
                wrong.push(format!("{name}: {found:?}, and after the remedy {left:?}: {violation}"));
            }
        }
        for (name, sql) in INDEXES {
            let found = in_transaction(&mut session, sql, fired).await;
            if found != firing(name) {
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
