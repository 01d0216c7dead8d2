//! The law: whatever the application has written in between, a rollback and a `migrate` after it leave every table as it
//! was, but for surrogate ids and sequences; and nothing else is deleted than what the migration wrote.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{half, rest, take_back, try_rollback};
use crate::harness::{Db, Start, stored, with_db};
use pad_migrate::migration::rollback::Selection;
use pad_migrate::migration::run::Options;

/// What an application may write about a request: `$` is its id. Whether the row is kept for it.
const WRITES: [(&str, bool); 14] = [
    ("update padealing.pad_request set status = 'withdrawn', deleted_at = now() where id = $", true),
    ("update padealing.pad_request set justification = 'by the application' where id = $", true),
    ("update padealing.pad_request set quantity = 7.5, estimated_value = null where id = $", true),
    ("update padealing.audit_log set comments = 'seen' where request_id = $ and details is not null", true),
    (
        "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity) \
      select id, employee_id, 'late', 'low' from padealing.pad_request where id = $",
        true,
    ),
    (
        "insert into padealing.audit_log (action_type, action_status, actor_type, request_id) \
      select 'viewed', 'success', 'bot', id from padealing.pad_request where id = $",
        true,
    ),
    (
        "insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id) \
      values ('viewed', 'success', 'bot', 'pad_request', $)",
        true,
    ),
    (
        "insert into padealing.compliance_decision_outcome (request_id, outcome) \
      select id, 'ok' from padealing.pad_request where id = $",
        true,
    ),
    (
        "insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) \
      select id, 'manager', 'approved', now() from padealing.pad_request where id = $",
        true,
    ),
    // Written again as it was, looked at, written about somebody and not about the request: nothing of it is lost.
    ("update padealing.pad_request set status = status, ticker = ticker where id = $", false),
    ("select from padealing.pad_request where id = $ for update", false),
    (
        "insert into padealing.pad_breach (employee_id, breach_type, severity) \
      select employee_id, 'late', 'low' from padealing.pad_request where id = $",
        false,
    ),
    (
        "insert into padealing.pad_request (employee_id, status) \
      select employee_id, 'approved' from padealing.pad_request where id = $",
        false,
    ),
    (
        "insert into padealing.employee_role (employee_id, role) \
      select employee_id, 'r' || $ from padealing.pad_request where id = $ on conflict do nothing",
        false,
    ),
];

/// Every value that a sequence has no say in, by table.
async fn all(db: &Db) -> (impl PartialEq + std::fmt::Debug, impl PartialEq + std::fmt::Debug) {
    (stored::outcomes(db).await, rest(db).await)
}

#[tokio::test]
async fn migrate_after_a_rollback_is_the_identity_whatever_was_written_in_between() {
    with_db(Start::Migrated, async |db| {
        let ids = "select string_agg(source_id::text, ',' order by source_id) from padealing.migration_mapping \
                   where target_table = 'pad_request'";
        let ids = db.value(ids).await.expect("rows were migrated");
        let ids: Vec<i64> = ids.split(',').map(|id| id.parse().expect("an id")).collect();
        let mut runner = TestRunner::deterministic();
        let written = proptest::collection::vec((select(WRITES.to_vec()), any::<Index>()), 0..6);
        let case = (written, proptest::option::of(proptest::collection::vec(any::<Index>(), 1..20)));
        let mut kept = BTreeSet::new();
        for _ in 0..6 {
            let (written, named) = case.new_tree(&mut runner).expect("a case").current();
            for ((sql, keeps), at) in written {
                let id = *at.get(&ids);
                db.execute(&sql.replace('$', &id.to_string())).await;
                kept.extend(keeps.then_some(id));
            }
            let before = all(&db).await;
            let selection = match &named {
                None => Selection::All,
                Some(some) => Selection::Sources(some.iter().map(|at| *at.get(&ids)).collect()),
            };
            let asked: BTreeSet<i64> = match &selection {
                Selection::Sources(ids) => ids.clone(),
                _ => ids.iter().copied().collect(),
            };
            let dry = try_rollback(&db, selection.clone(), true).await.expect("a dry run");
            let report = take_back(&db, selection).await;
            assert_eq!((&dry.counts, &dry.kept), (&report.counts, &report.kept));
            let found: BTreeSet<i64> = report.kept.iter().map(|it| it.source_id).collect();
            assert_eq!(found, kept.intersection(&asked).copied().collect::<BTreeSet<_>>(), "{:?}", report.kept);
            assert_eq!(report.counts.rolled_back as usize, asked.len() - found.len());
            assert_eq!(half(&db).await, None);
            db.migrate(Options::default()).await;
            assert_eq!(all(&db).await, before);
        }
        assert!(kept.len() > 3, "{kept:?}");
    })
    .await;
}
