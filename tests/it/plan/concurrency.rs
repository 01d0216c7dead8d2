//! Locks: waited for, reported, and avoided where indexes are built concurrently.

use std::time::Duration;

use pretty_assertions::assert_eq;
use sqlx::{AssertSqlSafe, Connection, Row as _};

use super::apply::{check_there, everything, go};
use crate::harness::{Start, apply_request, roles, with_db};
use crate::waiting::{LIMIT, until, until_true};
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::request::ChangeRequest;
use pad_migrate::schema::pg::{apply, plan};
use pad_migrate::schema::plan::outcome;
use pad_migrate::schema::plan::step::{HazardKind, LockMode};

/// Whoever holds a lock is named, and nothing is kept waiting behind us for longer than the timeout.
#[tokio::test]
async fn a_lock_that_another_session_holds_is_waited_for_and_then_reported() {
    with_db(Start::Alembic, async |db| {
        let before = everything(&db).await;
        let mut other = db.connect().await;
        let hold = "set application_name = 'PA Dealing'; begin; select count(*) from padealing.pad_request";
        sqlx::raw_sql(hold).execute(&mut other).await.expect("the application reads");
        let roles = roles();
        let request = ChangeRequest { lock_timeout: Duration::from_millis(50), ..apply_request(&db.database, &roles) };
        let error = apply::apply(&request, None).await.expect_err("it is busy");
        let text = pad_migrate::base::text::sentence(&error);
        assert!(matches!(error, ApplyError::Busy { .. }), "{text}");
        assert!(text.contains("PA Dealing") && text.contains("4 times for 0.05 s"), "{text}");
        assert_eq!(everything(&db).await, before);
        // A lock that is released in time isn't reported.
        let request = ChangeRequest { lock_timeout: LIMIT, ..request };
        let (applied, ()) = tokio::join!(apply::apply(&request, None), async {
            let waits = "exists (select from pg_stat_activity where datname = current_database() \
                         and application_name = 'pad-migrate apply' and wait_event_type = 'Lock')";
            until_true(&db, "apply waits for the application", waits).await;
            sqlx::raw_sql("commit").execute(&mut other).await.expect("the application is done");
        });
        applied.expect("it applies in the end");
        check_there(&db, &request).await;
    })
    .await;
}

/// Indexes after the transaction: built, valid, and none of them within it.
#[tokio::test]
async fn indexes_are_built_after_the_transaction() {
    with_db(Start::Alembic, async |db| {
        let roles = roles();
        let request = ChangeRequest { concurrently: true, ..apply_request(&db.database, &roles) };
        let applied = go(&request).await;
        assert!(applied.built > 10, "{}", applied.built);
        check_there(&db, &request).await;
        assert_eq!(db.value(INVALID).await.as_deref(), Some("0"));
        // Rows that came in after the plan: the index can't be, and nothing of it is left.
        db.execute("drop index padealing.employee_role_current_key; drop index padealing.pad_request_status_idx").await;
        let shown = plan::plan(&request).await.expect("a plan").route;
        db.execute("insert into padealing.employee_role (employee_id, role) values (1003, 'x'), (1003, 'x')").await;
        let before = everything(&db).await;
        let error = apply::apply(&request, Some(&shown)).await.expect_err("another plan");
        assert!(matches!(error, ApplyError::Blocked { .. }), "{error}");
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

/// How many indexes are not valid.
const INVALID: &str = "select count(*) from pg_index where not indisvalid";

/// The phase of an index that some session builds concurrently.
const PHASE: &str = "select phase from pg_stat_progress_create_index where command = 'CREATE INDEX CONCURRENTLY' \
                     and datname = current_database()";

/// Writers are not kept waiting, neither before the table is read nor after, and what they write is in the index.
#[tokio::test]
async fn indexes_are_built_while_others_write() {
    with_db(Start::Applied, async |db| {
        db.execute("drop index padealing.pad_request_created_at_idx").await;
        let roles = roles();
        let request = ChangeRequest { concurrently: true, lock_timeout: LIMIT, ..apply_request(&db.database, &roles) };
        // An open transaction that has written keeps the building from beginning, one with an old snapshot from ending.
        let (mut writing, mut reading) = (db.connect().await, db.connect().await);
        let insert = "insert into padealing.pad_request (employee_id, status) values (1003, 'approved')";
        sqlx::raw_sql(AssertSqlSafe(format!("begin; {insert}"))).execute(&mut writing).await.expect("a row is written");
        // Writes, and sees that the building stands where it stood before.
        let write_in = async |phase: &str| {
            until(phase, async || (db.value(PHASE).await.as_deref() == Some(phase)).then_some(())).await;
            db.execute(&format!("set lock_timeout = '5s'; {insert}; update padealing.pad_request set ticker = 'X'"))
                .await;
            assert_eq!(db.value(PHASE).await.as_deref(), Some(phase), "it was being built all the time");
        };
        let (applied, ()) = tokio::join!(go(&request), async {
            write_in("waiting for writers before build").await;
            let snapshot = "begin isolation level repeatable read; select count(*) from padealing.employee_role";
            sqlx::raw_sql(snapshot).execute(&mut reading).await.expect("a snapshot is taken");
            sqlx::raw_sql("commit").execute(&mut writing).await.expect("the first row is committed");
            write_in("waiting for old snapshots").await;
            sqlx::raw_sql("commit").execute(&mut reading).await.expect("the snapshot is let go");
        });
        assert_eq!((applied.built, &applied.unbuilt[..]), (1, &[][..]));
        assert_eq!(db.value(INVALID).await.as_deref(), Some("0"));
        let mut connection = db.connect().await;
        let by_index = "set enable_seqscan = off; \
                        explain select count(created_at) from padealing.pad_request where created_at > '2000-01-01'";
        let plan: Vec<String> = sqlx::raw_sql(by_index)
            .fetch_all(&mut connection)
            .await
            .expect("it is planned")
            .iter()
            .map(|it| it.get(0))
            .collect();
        assert!(plan.concat().contains("pad_request_created_at_idx"), "{plan:#?}");
        let (_, count) = by_index.split_once("explain ").expect("a query");
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("it is counted");
        connection.close().await.expect("the connection closes");
        assert_eq!(count, 3, "every row is in the index");
        check_there(&db, &request).await;
    })
    .await;
}

/// The lock that a step takes on a reference table is named, and it takes none that is stronger.
#[tokio::test]
async fn the_locks_on_reference_tables_are_hazards() {
    with_db(Start::Alembic, async |db| {
        let roles = roles();
        let found = plan::plan(&apply_request(&db.database, &roles)).await.expect("a plan");
        let hazards = found.route.plan.steps.iter().flat_map(|it| &it.hazards);
        let on_reference: Vec<_> = hazards.filter(|it| it.table.starts_with("bo_airflow.")).collect();
        assert!(!on_reference.is_empty());
        for hazard in on_reference {
            let found = (hazard.kind, hazard.lock);
            assert_eq!(found, (HazardKind::ReferenceLock, Some(LockMode::ShareRowExclusive)), "{hazard:?}");
        }
    })
    .await;
}

/// A writer keeps an index waiting; what that leaves half built is dropped, and it is tried again.
#[tokio::test]
async fn an_index_that_a_writer_keeps_waiting_is_built_in_the_end() {
    with_db(Start::Applied, async |db| {
        db.execute("drop index padealing.pad_request_created_at_idx").await;
        let roles = roles();
        let request = ChangeRequest {
            concurrently: true,
            lock_timeout: Duration::from_millis(200),
            ..apply_request(&db.database, &roles)
        };
        let mut other = db.connect().await;
        let write = "begin; insert into padealing.pad_request (employee_id, status) values (1003, 'approved')";
        sqlx::raw_sql(write).execute(&mut other).await.expect("the application writes");
        let (applied, ()) = tokio::join!(go(&request), async {
            until_true(&db, "it waits for the writer", &format!("({PHASE}) is not null")).await;
            until_true(&db, "it gives up", &format!("({PHASE}) is null and ({INVALID}) = 1")).await;
            sqlx::raw_sql("commit").execute(&mut other).await.expect("the application is done");
        });
        assert_eq!((applied.built, &applied.unbuilt[..]), (1, &[][..]));
        assert_eq!(db.value(INVALID).await.as_deref(), Some("0"));
        // One that is invalid is built again, as slowly.
        db.execute(
            "update pg_index set indisvalid = false where indexrelid = \
            'padealing.pad_request_created_at_idx'::regclass",
        )
        .await;
        let applied = go(&request).await;
        assert_eq!(applied.built, 1, "{:?}", applied.unbuilt);
        assert_eq!(db.value(INVALID).await.as_deref(), Some("0"));
        check_there(&db, &request).await;
    })
    .await;
}

/// The schema is committed by then: an index that can't be built is reported.
#[tokio::test]
async fn an_index_that_can_not_be_built_is_reported() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "drop index padealing.pad_request_created_at_idx; \
             create function public.no_index() returns event_trigger language plpgsql as $$ begin if tg_tag <> '' then \
             raise exception 'no index today'; end if; end $$; \
             create event trigger no_index on ddl_command_start when tag in ('CREATE INDEX') execute function \
             public.no_index()",
        )
        .await;
        let roles = roles();
        let request = ChangeRequest { concurrently: true, ..apply_request(&db.database, &roles) };
        let applied = go(&request).await;
        assert_eq!(applied.built, 0);
        let [outcome::Unbuilt { index, reason: why }] = &applied.unbuilt[..] else { panic!("{applied:?}") };
        assert!(index.ends_with("pad_request_created_at_idx") && why.contains("no index today"), "{index}: {why}");
        assert_eq!(
            pad_migrate::report::apply::applied_verdict(&applied),
            pad_migrate::base::outcome::Verdict::Attention
        );
        db.execute("drop event trigger no_index").await;
        go(&request).await;
        check_there(&db, &request).await;
    })
    .await;
}
