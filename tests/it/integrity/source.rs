//! Rows that are odd in the legacy table already: said to be that, and no failure; what is done to them afterwards is.

use std::collections::BTreeSet;

use pad_migrate::checks::check::Status;
use pad_migrate::checks::integrity::ALL;
use pad_migrate::migration::run::Options;
use pretty_assertions::assert_eq;

use super::{fired, in_transaction, outcomes, session};
use crate::harness::program::{run_in, stdout};
use crate::harness::{Start, with_db};

/// A row for each way to be odd; the others of a row's columns are as they should be.
const ROWS: &str = "
    insert into padealing.employee_role (employee_id, role, granted_at) values (1002, 'compliance_officer', '2020-01-01');
    insert into padealing.restricted_security (security_id, reason, added_by_id, added_at)
        values (501, 'The firm advises the issuer', 1002, '2025-06-02');
    insert into public.personal_account_dealing
        (id, employee, requested_date, last_modified_date, status, inst_symbol, trade_size,
         auth_manager, auth_manager_date, status_manager, auth_compliance, auth_compliance_date, status_compliance,
         two_business_days_execution_yn) values
    (1, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        null, '2021-03-02', 'approved', null, '2021-03-03', ' Approved', null),
    (2, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        null, null, null, 1002, '2021-03-03', 'approved', null),
    (3, 1003, '2021-03-01', '2021-03-09', 'declined', 'ACME', 1,
        null, null, null, null, null, null, null),
    (4, 1003, '2021-03-01', '2021-03-09', 'request', 'ACME', 1,
        null, null, null, null, null, null, '1'),
    (5, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        1001, '2021-03-02', 'approved', 1002, null, 'approved', '1'),
    (6, 1003, '2021-03-01', '2021-03-09', 'request', 'ACME', 1,
        1001, '2021-03-02', 'approved', null, null, null, null),
    (7, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        null, null, null, null, null, 'pending', null),
    (8, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        1001, '2021-02-02', 'approved', null, null, null, null),
    (9, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        1003, '2021-03-02', 'approved', null, null, null, null),
    (10, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        1006, '2021-03-02', 'approved', null, null, null, null),
    (11, 1003, '2021-03-01', '2021-03-09', 'approved', 'ACME', 1,
        1001, '2021-03-02', 'approved', 1005, '2021-03-03', 'approved', null),
    (12, 1003, '2025-07-01', '2025-07-09', 'request', 'BOREAL', 1,
        null, null, null, null, null, null, null),
    (13, 1003, '2021-03-01', '2021-03-09', 'request', 'ACME', -1,
        null, null, null, null, null, null, null),
    (14, 1003, '-infinity', '2021-03-09', 'request', 'ACME', 1,
        null, null, null, null, null, null, null)";

#[tokio::test]
async fn what_is_odd_in_the_source_is_said_to_be_that_and_what_is_done_to_it_is_not() {
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 14);
        let mut session = session(&db).await;
        let (found, noticed) =
            in_transaction(&mut session, "", async |session| (outcomes(session).await, fired(session).await)).await;
        assert_eq!(noticed, [""; 0], "none of them fails or warns");
        let odd: BTreeSet<&str> = found.iter().filter(|it| it.found.as_in_source > 0).map(|it| it.check.name).collect();
        let wanted: BTreeSet<&str> = ALL.iter().filter(|it| it.header.legacy.is_some()).map(|it| it.name).collect();
        assert_eq!(odd, wanted, "each check that excuses such rows has one");
        let approved = found.iter().find(|it| it.check.name == "approved_has_approvals").expect("it is there");
        assert_eq!((approved.check.status, approved.found.as_in_source), (Status::Pass, 2));
        assert!(approved.check.message.contains("2 rows are odd as in the legacy table"), "{}", approved.check.message);

        for (sql, wanted) in [
            // Compliance never decided: neither there nor here.
            ("update padealing.pad_request set status = 'approved' where id = 6", &["fail approved_has_approvals"][..]),
            // Waited for compliance there.
            ("update padealing.pad_request set status = 'approved' where id = 7", &["fail approved_has_approvals"]),
            // What was migrated is gone.
            (
                "delete from padealing.pad_approval where request_id = 11 and approval_type = 'manager'",
                &["fail approved_has_approvals", "fail lineage_targets"],
            ),
            ("update padealing.pad_request set status = 'executed' where id = 1", &["fail executed_has_execution"]),
            ("update padealing.pad_request set status = 'rejected' where id = 3", &["fail declined_has_decision"]),
            (
                "insert into padealing.audit_log (action_type, action_status, actor_type, request_id) \
                 values ('status_changed', 'success', 'bot', 7)",
                &["fail pending_compliance_undecided"],
            ),
            (
                "insert into padealing.audit_log (action_type, action_status, actor_type, request_id) \
                 values ('status_changed', 'success', 'bot', 3)",
                &["fail declined_has_decision"],
            ),
        ] {
            assert_eq!(in_transaction(&mut session, sql, fired).await, wanted, "{sql}");
        }

        // What accepts the whole check accepts them, too.
        let dir = tempfile::tempdir().expect("a directory is made");
        let whole =
            "[[exception]]\nname = \"old\"\ncheck = \"approved_has_approvals\"\nreason = \"x\"\nexpires = 9999-12-31\n";
        std::fs::write(dir.path().join("e.toml"), whole).expect("it is written");
        let check = ["--check", "approved_has_approvals", "--exceptions", "e.toml", "--format", "json"];
        let output = run_in(dir.path(), &[&["--database-url", &db.url, "integrity"], &check[..]].concat(), &[]);
        let found: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
        assert_eq!(output.status.code(), Some(0), "{found}");
        let excepted = found["checks"].as_array().expect("checks").iter().filter_map(|it| it["excepted"].as_u64());
        assert_eq!(excepted.max(), Some(2), "{found}");
    })
    .await;
}
