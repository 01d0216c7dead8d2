//! All checks see one moment, though two sessions make them.

use pad_migrate::base::outcome::Verdict;
use pad_migrate::checks::integrity::select;
use pad_migrate::checks::pg::integrity::{IntegrityRequest, integrity};
use pad_migrate::config::environment::Environment;
use pad_migrate::schema::pg::drift::today;
use pretty_assertions::assert_eq;

use super::{execute, session};
use crate::harness::{Start, with_db};
use crate::waiting::until_true;

#[tokio::test]
async fn what_is_committed_meanwhile_is_seen_by_no_check() {
    with_db(Start::Migrated, async |db| {
        let checks = select(&[]).expect("all");
        let request = IntegrityRequest {
            target: &db.database,
            environment: Environment::Local,
            checks: &checks,
            exceptions: None,
            today: today(),
        };
        let mut holder = session(&db).await;
        execute(&mut holder, "begin; lock table padealing.employee_role in access exclusive mode").await;
        // It has its snapshot when it asks for the locks.
        let meanwhile = async {
            let waits = "exists (select from pg_locks where not granted \
                         and relation = 'padealing.employee_role'::regclass)";
            until_true(&db, "integrity waits for the lock", waits).await;
            // Half of the checks would see it: those of the audit log, of lineage, of approvals, of links.
            db.execute(
                "delete from padealing.audit_log; delete from padealing.pad_approval; \
                 update padealing.pad_request set status = 'executed', created_at = now() + '10 days'",
            )
            .await;
            execute(&mut holder, "rollback").await;
        };
        let (found, ()) = tokio::join!(integrity(&request), meanwhile);
        let found = found.expect("the checks run");
        assert_eq!(found.verdict(), Verdict::Clean, "{:?}", found.checks());
        let after = integrity(&request).await.expect("the checks run");
        assert_eq!(after.verdict(), Verdict::Attention);
    })
    .await;
}
