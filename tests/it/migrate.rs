//! The migration against a real database: idempotency, resuming, locks, collisions, sources of other shapes.

mod encodings;
mod reading;
mod refused;
mod sources;
mod types;

use std::collections::BTreeMap;
use std::time::Duration;

use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::harness::{Db, Seen, Start, stored, with_db};
use crate::waiting::{until, until_true};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::ledger::pg::admission::SessionError;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::migrate;
use pad_migrate::migration::pg::migrate_error::MigrateError;
use pad_migrate::migration::run::{IncompleteLineage, OnIdCollision, OnMissingSecurity, Options, workers};

/// Everything in `padealing`, surrogate keys and times included, to see that nothing has changed.
async fn everything(db: &Db) -> BTreeMap<&'static str, Option<String>> {
    let mut all = BTreeMap::new();
    for table in ["pad_request", "pad_approval", "pad_execution", "audit_log", "migration_mapping", "employee_role"] {
        let sql = format!("select md5(string_agg(t::text, '|' order by t.id)) from padealing.{table} t");
        all.insert(table, db.value(&sql).await);
    }
    all
}

async fn count(db: &Db, sql: &str) -> u64 {
    db.value(sql).await.and_then(|it| it.parse().ok()).expect("the query counts")
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    with_db(Start::Seeded, async |db| {
        let (first, _) = db.migrate(Options::default()).await;
        let (stored, rejects) =
            (everything(&db).await, count(&db, "select count(*) from padealing.migration_reject").await);
        let (second, _) = db.migrate(Options::default()).await;
        assert_eq!(everything(&db).await, stored);
        assert!(stored.values().all(Option::is_some), "every table has rows: {stored:?}");
        assert_eq!((first.counts.migrated, first.counts.read), (67, 100));
        assert_eq!(second.counts.migrated, 0);
        assert_eq!(second.counts.already_migrated, first.counts.migrated);
        assert_eq!(second.counts.rejected, first.counts.rejected);
        assert_eq!(second.rejections, first.rejections);
        let after = count(&db, "select count(*) from padealing.migration_reject").await;
        assert_eq!(after, rejects, "rejections are not doubled");
        let runs = db.value("select string_agg(outcome, ',' order by started_at) from padealing.migration_run").await;
        assert_eq!(runs.as_deref(), Some("attention,attention"));
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_touches_nothing() {
    with_db(Start::Seeded, async |db| {
        let before = db.dump(&[]).await;
        let (report, _) = db.migrate(Options { dry_run: true, ..Options::default() }).await;
        assert_eq!(db.dump(&[]).await, before);
        assert_eq!(report.samples.len(), 3, "a few rows are shown old and new");
        assert!(report.counts.migrated > 0 && report.counts.rejected > 0);
    })
    .await;
}

#[tokio::test]
async fn a_limit_takes_the_first_rows_and_the_next_run_goes_on() {
    with_db(Start::Seeded, async |db| {
        let limited = Options { limit: Some(10), batch_size: 3, ..Options::default() };
        let (first, _) = db.migrate(limited.clone()).await;
        assert_eq!((first.counts.read, first.counts.migrated), (10, 10));
        let (second, _) = db.migrate(limited).await;
        assert_eq!((second.counts.read, second.counts.already_migrated, second.counts.migrated), (20, 10, 10));
        let ids = "select array_agg(source_id order by source_id) = (select array_agg(id order by id) from \
                   (select id from personal_account_dealing order by id limit 20) l) \
                   from padealing.migration_mapping where target_table = 'pad_request'";
        assert_eq!(db.value(ids).await.as_deref(), Some("true"));
        db.migrate(Options::default()).await;
        let piecewise = stored::outcomes(&db).await;
        with_db(Start::Seeded, async |whole| {
            whole.migrate(Options::default()).await;
            assert_eq!(stored::outcomes(&whole).await, piecewise);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_corrected_row_is_migrated_and_its_rejections_are_closed() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let open = "select string_agg(field || ' ' || rule, ',' order by field) from padealing.migration_reject \
                    where source_id = 2101 and resolved_run_id is null";
        assert_eq!(db.value(open).await.map(|it| it.split(',').count()), Some(9));
        // Some reasons go, one changes its rule, one is new.
        db.execute(
            "update personal_account_dealing set employee = 1003, status = 'request', status_manager = null, \
             buysell = 'S', is_deleted_yn = null, related_yn = null, inst_symbol = 'TWIN', last_modified_by = '1.5' \
             where id = 2101",
        )
        .await;
        db.migrate(Options::default()).await;
        let left = "inst_symbol ambiguous_security,last_modified_by out_of_range,requested_date missing_date";
        assert_eq!(db.value(open).await.as_deref(), Some(left));
        let rewritten = "select first_run_id = last_run_id from padealing.migration_reject \
                         where source_id = 2101 and rule = 'missing_date'";
        assert_eq!(db.value(rewritten).await.as_deref(), Some("false"));
        db.execute(
            "update personal_account_dealing set inst_symbol = 'ACME', last_modified_by = '1003', \
             requested_date = '2021-01-01' where id = 2101",
        )
        .await;
        db.migrate(Options::default()).await;
        assert_eq!(db.value(open).await, None);
        let closed = "select count(*) from padealing.migration_reject where source_id = 2101 \
                      and resolved_run_id = (select id from padealing.migration_run order by started_at desc limit 1)";
        assert_eq!(count(&db, closed).await, 3);
        assert_eq!(db.verify().await.counts.different, 0);
    })
    .await;
}

#[tokio::test]
async fn rows_that_the_application_wrote_are_left_alone() {
    with_db(Start::Seeded, async |db| {
        let of_the_application = "select string_agg(r::text, '|' order by id) from padealing.pad_request r \
                      where not exists \
                      (select from padealing.migration_mapping m where m.target_id = r.id and m.target_table = \
                      'pad_request')";
        let before = db.value(of_the_application).await;
        assert!(before.is_some(), "the fixtures have rows of the application");
        let (report, seen) = db.migrate(Options::default()).await;
        assert_eq!(db.value(of_the_application).await, before);
        assert_eq!(report.by_rule["id_collision"], 2);
        assert!(seen.rejections.iter().any(|it| it.source_id == 2201));
    })
    .await;
}

#[tokio::test]
async fn a_collision_may_be_reassigned_and_verifies() {
    with_db(Start::Seeded, async |db| {
        let options = Options { on_id_collision: OnIdCollision::Reassign, ..Options::default() };
        let (dry, _) = db.migrate(Options { dry_run: true, ..options.clone() }).await;
        let (report, _) = db.migrate(options).await;
        assert_eq!(report.by_rule.get("id_collision"), None);
        assert_eq!(dry.rejections, report.rejections);
        let new =
            "select target_id from padealing.migration_mapping where source_id = 2201 and target_table = 'pad_request'";
        let new = count(&db, new).await;
        assert!(new > 9_000_000_600, "{new} is beyond every legacy id");
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn a_missing_security_may_be_null_and_verifies() {
    with_db(Start::Seeded, async |db| {
        let options = Options { on_missing_security: OnMissingSecurity::Null, ..Options::default() };
        let (report, _) = db.migrate(options).await;
        // The row with every mistake has an unknown security among them, and is rejected for the others.
        assert_eq!(report.by_rule.get("unknown_security"), None);
        let security = "select security_id is null from padealing.pad_request where id = 3501";
        assert_eq!(db.value(security).await.as_deref(), Some("true"));
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn identity_sequences_are_moved_past_every_id_and_never_back() {
    with_db(Start::Seeded, async |db| {
        db.execute("select setval('padealing.pad_approval_id_seq', 5000)").await;
        // A sequence that nobody has drawn from is behind the first number.
        let breach = "insert into padealing.pad_breach (id, employee_id, breach_type, severity) values";
        db.execute(&format!("truncate padealing.pad_breach restart identity; {breach} (1, 1003, 'x', 'low')")).await;
        db.migrate(Options::default()).await;
        db.execute(&format!("{breach} (default, 1003, 'x', 'low')")).await;
        assert_eq!(count(&db, "select max(id) from padealing.pad_breach").await, 2);
        let insert = "insert into padealing.pad_request (employee_id, status) values (1003, 'approved')";
        db.execute(insert).await;
        let id = count(&db, "select max(id) from padealing.pad_request").await;
        assert_eq!(id, 9_000_000_601, "the application's next id is past the largest legacy id");
        assert!(count(&db, "select last_value from padealing.pad_approval_id_seq").await >= 5000);
        for table in ["pad_approval", "pad_execution", "audit_log", "migration_mapping"] {
            let behind = format!(
                "select (select last_value from padealing.{table}_id_seq) >= (select max(id) from padealing.{table})"
            );
            assert_eq!(db.value(&behind).await.as_deref(), Some("true"), "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn identity_sequences_are_moved_past_rows_that_came_meanwhile() {
    with_db(Start::Seeded, async |db| {
        let mut blocker = db.connect().await;
        let lock = "begin; lock table padealing.migration_reject in exclusive mode";
        sqlx::raw_sql(lock).execute(&mut blocker).await.expect("the lock is taken");
        let running = tokio::spawn({
            let db = db.clone();
            async move { db.try_migrate(Options { batch_size: 5, ..Options::default() }, &mut Seen::default()).await }
        });
        until_true(&db, "a worker waits for the lock", WAITING).await;
        db.execute(
            "insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn) \
             values (9000000700, 1003, '2021-01-01', 'request', 'N')",
        )
        .await;
        sqlx::raw_sql("rollback").execute(&mut blocker).await.expect("the lock is let go");
        running.await.expect("the task ends").expect("the migration ends well");
        db.execute("insert into padealing.pad_request (employee_id, status) values (1003, 'approved')").await;
        assert_eq!(count(&db, "select max(id) from padealing.pad_request").await, 9_000_000_701);
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_migrate_names_the_running_one() {
    with_db(Start::Seeded, async |db| {
        // Somebody else's session holds a row that the migration needs, so that the first one stays at work.
        let mut blocker = db.connect().await;
        sqlx::raw_sql("begin; lock table padealing.migration_reject")
            .execute(&mut blocker)
            .await
            .expect("the lock is taken");
        let first = tokio::spawn({
            let db = db.clone();
            async move { db.try_migrate(Options::default(), &mut Seen::default()).await }
        });
        let lock = "exists (select from pg_locks where locktype = 'advisory' and granted \
                    and database = (select oid from pg_database where datname = current_database()))";
        until_true(&db, "the first migrate takes its lock", lock).await;
        let error = db.try_migrate(Options::default(), &mut Seen::default()).await.expect_err("the second is kept out");
        let MigrateError::Locked { holder, .. } = &error else { panic!("another error: {error}") };
        assert!(
            holder.contains("pad-migrate migrate") && holder.contains(&format!("role {}", db.place().user)),
            "{holder}"
        );
        drop(blocker);
        let report = first.await.expect("the task ends").expect("the first migrate ends well");
        assert_eq!(report.counts.migrated, 67);
    })
    .await;
}

/// Kills the server's side of a migration again and again; whatever was committed is whole, and the rest is resumed.
#[tokio::test]
async fn what_dies_leaves_whole_rows_and_the_next_run_goes_on() {
    with_db(Start::Seeded, async |db| {
        // When a run has committed a page (and it sees its own, of two rows), it falls asleep in the middle of the
        // next.
        db.execute(
            "create table public.application as select id from padealing.pad_request; \
             create table public.run (requests bigint); insert into public.run values (0); \
             create function padealing.dawdle() returns trigger language plpgsql as $$ begin \
                 if (select count(*) from padealing.migration_mapping where target_table = 'pad_request') \
                     > (select requests + 2 from public.run) then perform pg_sleep(600); end if; return null; end $$; \
             create trigger dawdle before insert on padealing.audit_log execute function padealing.dawdle()",
        )
        .await;
        let requests = "select count(*) from padealing.migration_mapping where target_table = 'pad_request'";
        for deaths in 1..=5 {
            let before = count(&db, requests).await;
            db.execute(&format!("update public.run set requests = {before}")).await;
            let running = tokio::spawn({
                let db = db.clone();
                async move {
                    let options = Options { batch_size: 2, jobs: 3, limit: Some(40), ..Options::default() };
                    db.try_migrate(options, &mut Seen::default()).await
                }
            });
            let kill = format!(
                "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity where \
                     datname = current_database() and application_name = 'pad-migrate migrate worker' \
                     and wait_event = 'PgSleep' and query like 'copy padealing.audit_log%' \
                     and ({requests}) > {before} limit 1) k"
            );
            until("a worker is killed in its COPY", async || {
                assert!(!running.is_finished(), "the run ended before a worker could be killed");
                (count(&db, &kill).await == 1).then_some(())
            })
            .await;
            let error = running.await.expect("the task ends").expect_err("a worker was killed");
            assert!(
                matches!(error, MigrateError::Page { .. } | MigrateError::Session(SessionError::Query(_))),
                "another error: {error}"
            );
            let half = "select count(*) from padealing.pad_request r where id not in (select id \
                        from public.application) \
                        and not (exists (select from padealing.audit_log a where a.request_id = r.id) and exists \
                        (select from padealing.migration_mapping m where m.target_id = r.id and target_table = \
                        'pad_request'))";
            assert_eq!(count(&db, half).await, 0, "no row is half migrated");
            assert!(count(&db, requests).await > before, "what was committed before stays");
            let failed = "select count(*) from padealing.migration_run where outcome = 'failed'";
            assert_eq!(count(&db, failed).await, deaths, "a run that died is on record");
            // Sessions that sleep don't see that the run is over.
            let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where \
                          datname = current_database() and application_name like 'pad-migrate migrate%'";
            until("the sessions of the run end", async || (count(&db, others).await == 0).then_some(())).await;
        }
        db.execute("drop trigger dawdle on padealing.audit_log").await;
        let before = count(&db, requests).await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!((report.counts.already_migrated, report.counts.migrated), (before, 67 - before));
        let verified = db.check_clean().await;
        assert_eq!(verified.verified, 67);
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_run_is_recorded_as_such() {
    with_db(Start::Seeded, async |db| {
        // A lock of another session, which lets the table be read, keeps a worker busy until the run is interrupted.
        let mut blocker = db.connect().await;
        let lock = "begin; lock table padealing.audit_log in exclusive mode";
        sqlx::raw_sql(lock).execute(&mut blocker).await.expect("the lock is taken");
        let request = migrate::MigrateRequest {
            target: &db.database,
            source: LegacySource::Table { database: &db.database, table: &TableName::legacy() },
            environment: Environment::Local,
            options: Options::default(),
        };
        let busy = until_true(&db, "a worker waits for the lock", WAITING);
        let result = migrate::migrate(&request, &mut Seen::default(), busy).await;
        assert!(matches!(result, Err(MigrateError::Interrupted)), "{result:?}");
        let recorded = "select outcome || ' ' || (finished_at is not null) from padealing.migration_run";
        assert_eq!(db.value(recorded).await.as_deref(), Some("interrupted true"));
        // What had begun nothing says so.
        let options = Options { dry_run: true, ..Options::default() };
        let dry = migrate::MigrateRequest { options, ..request };
        let result = migrate::migrate(&dry, &mut Seen::default(), std::future::ready(())).await;
        assert_eq!(result.expect_err("it is interrupted").to_string(), "interrupted. Nothing was written.");
        // One that could record nothing any more is found by the next.
        db.execute("update padealing.migration_run set finished_at = null, outcome = null").await;
        db.migrate(Options { limit: Some(0), ..Options::default() }).await;
        let outcomes = "select string_agg(outcome, ' ' order by started_at) from padealing.migration_run";
        assert_eq!(db.value(outcomes).await.as_deref(), Some("lost clean"));
        assert_eq!(count(&db, "select count(*) from padealing.migration_mapping").await, 0);
    })
    .await;
}

/// Whether a worker of a migration waits for another session's lock.
const WAITING: &str = "exists (select from pg_stat_activity where application_name = 'pad-migrate migrate worker' \
                       and datname = current_database() and wait_event_type = 'Lock')";

#[tokio::test]
async fn a_row_that_an_earlier_tool_migrated_is_respected_and_reported() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "insert into padealing.pad_request (id, employee_id, status, created_at, related_party_name) \
                 values (101, 1003, 'pending_manager', '2021-03-01 09:30:00', 'by an earlier tool'); \
             insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
                 values ('personal_account_dealing', 101, 'pad_request', 101)",
        )
        .await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!(report.incomplete, IncompleteLineage { count: 1, first: vec![101] });
        assert_eq!(report.counts.already_migrated, 1);
        let kept = "select related_party_name from padealing.pad_request where id = 101";
        assert_eq!(db.value(kept).await.as_deref(), Some("by an earlier tool"));
        let verified = db.verify().await;
        let lacking = verified.differences.iter().any(|it| it.source_id == 101 && it.field == "lineage");
        assert!(lacking && verified.counts.different == 1, "{:?}", verified.differences);
    })
    .await;
}

/// The history says that a column is there: whether it is, is asked before the first row, in a dry run, too.
#[tokio::test]
async fn a_target_that_lacks_a_column_is_refused() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table padealing.pad_approval drop column comments, drop column approver_google_uid; \
             alter table padealing.pad_execution rename column executed_at to done_at",
        )
        .await;
        for dry_run in [true, false] {
            let error = db.try_migrate(Options { dry_run, ..Options::default() }, &mut Seen::default()).await;
            let error = error.expect_err("it is refused");
            let text = error.to_string();
            let lacking = "lacks pad_approval.approver_google_uid, pad_approval.comments, pad_execution.executed_at, which migrate and verify need";
            assert!(text.contains(lacking) && text.contains("`pad-migrate plan`"), "{text}");
        }
        assert_eq!(count(&db, "select count(*) from padealing.migration_mapping").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_target_of_another_environment_is_refused() {
    with_db(Start::Seeded, async |db| {
        let request = migrate::MigrateRequest {
            target: &db.database,
            source: LegacySource::Table { database: &db.database, table: &TableName::legacy() },
            environment: Environment::Qa,
            options: Options::default(),
        };
        let error = migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await;
        let text = error.expect_err("it is refused").to_string();
        assert!(text.contains("set up as environment local, and this run is for qa"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_the_target_drops_is_rejected_whole() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "create function padealing.swallow() returns trigger language plpgsql as 'begin return null; end'; \
             create trigger swallow before insert on padealing.audit_log for each row \
                 when (new.request_id = 1901 and new.action_type = 'approval_manager') \
                 execute function padealing.swallow()",
        )
        .await;
        let (report, seen) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 66);
        let rejected = seen.rejections.iter().find(|it| it.source_id == 1901).expect("the row is rejected");
        let message = &rejected.reasons[0].message;
        assert!(message.contains("a trigger or a rule of the table drops it"), "{message}");
        assert_eq!(count(&db, "select count(*) from padealing.pad_request where id = 1901").await, 0);
        db.check_clean().await;
    })
    .await;
}

/// A run that was thought dead commits while the next one is already at work on the same rows.
#[tokio::test]
async fn a_late_commit_of_another_run_is_taken_for_what_it_is() {
    with_db(Start::Seeded, async |db| {
        let mut late = db.connect().await;
        sqlx::raw_sql(
            "begin; insert into padealing.pad_request (id, employee_id, status) values (601, 1003, 'pending_manager'); \
             insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
                 values ('personal_account_dealing', 601, 'pad_request', 601)",
        )
        .execute(&mut late)
        .await
        .expect("the rows are written");
        let running = tokio::spawn({
            let db = db.clone();
            async move { db.try_migrate(Options::default(), &mut Seen::default()).await }
        });
        until_true(&db, "the migration waits for the other transaction", WAITING).await;
        sqlx::raw_sql("commit").execute(&mut late).await.expect("it commits");
        let report = running.await.expect("the task ends").expect("the migration ends well");
        assert_eq!((report.counts.already_migrated, report.counts.migrated), (1, 66));
        assert_eq!(count(&db, "select count(*) from padealing.migration_reject where source_id = 601").await, 0);
    })
    .await;
}

#[tokio::test]
async fn lineage_without_a_request_rejects_its_row_and_no_other() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
                 values ('personal_account_dealing', 601, 'pad_execution', 777)",
        )
        .await;
        let (report, seen) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 66);
        let rejected = seen.rejections.iter().find(|it| it.source_id == 601).expect("the row is rejected");
        assert_eq!(rejected.reasons[0].rule.as_str(), "id_collision");
        let verified = db.verify().await;
        assert_eq!((verified.counts.extra, verified.counts.rejected), (1, 34), "{:?}", verified.differences);
    })
    .await;
}

#[tokio::test]
async fn the_last_id_of_all_leaves_none_for_the_application() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "insert into personal_account_dealing (id, employee, requested_date, status) \
                 values (9223372036854775807, 1003, now(), 'request'), (-5, 1003, now(), 'request')",
        )
        .await;
        let (_, seen) = db.migrate(Options::default()).await;
        let last = seen.rejections.last().expect("a row is rejected");
        assert_eq!((last.source_id, last.reasons[0].rule.as_str()), (i64::MAX, "out_of_range"));
        db.execute("insert into padealing.pad_request (employee_id, status) values (1003, 'approved')").await;
        db.check_clean().await;
    })
    .await;
}

#[rstest]
#[case::near(2, 50, 2)]
#[case::one_core(1, 50, 2)]
#[case::more_cores(6, 50, 6)]
#[case::many_cores(64, 50, 8)]
#[case::next_room(2, 1_000, 3)]
#[case::next_city(2, 5_000, 5)]
#[case::far_away(2, 20_000, 8)]
fn there_are_as_many_workers_as_keep_the_server_busy(
    #[case] cores: usize,
    #[case] microseconds: u64,
    #[case] expected: usize,
) {
    assert_eq!(workers(cores, Duration::from_micros(microseconds)), expected);
}

/// Pages of rows that are migrated already are no transactions, of which something could be said when they fail.
#[tokio::test]
async fn what_is_migrated_already_writes_nothing() {
    with_db(Start::Migrated, async |db| {
        // Those of this database alone: a given server has others beside us.
        let number = async || {
            let sql = "select xact_commit::text from pg_stat_database where datname = current_database()";
            db.value(sql).await.and_then(|number| number.parse::<u64>().ok()).expect("a number")
        };
        let before = number().await;
        let mut pages = 0;
        // Several runs, since the server looks after its tables in between, in transactions of its own.
        for _ in 0..3 {
            let (report, _) = db.migrate(Options { batch_size: 1, ..Options::default() }).await;
            assert!(report.counts.already_migrated > report.counts.read / 2, "{:?}", report.counts);
            pages += report.counts.read;
        }
        let taken = number().await - before;
        // The reader's two for each page, one for a page with a row that is rejected: 2.9 of them. It would be 3.5.
        assert!(taken < pages * 32 / 10, "{taken} transactions for {pages} pages");
    })
    .await;
}
