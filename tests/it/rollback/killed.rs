//! Whatever dies, waits or writes at the same time: no row is half there, and none of the application's is lost.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use pretty_assertions::assert_eq;
use sqlx::{AssertSqlSafe, Connection};

use super::{half, reasons, request, rest, take_back};
use crate::harness::program::{command, run, stderr};
use crate::harness::{Db, Start, program, stored, with_db};
use crate::waiting::{start, until, until_true};
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::pg::rollback::error::RollbackError;
use pad_migrate::migration::pg::rollback::{RollbackRequest, rollback};
use pad_migrate::migration::rollback::Selection;
use pad_migrate::migration::run::Options;

/// Whether a worker of a rollback waits for another session's lock.
pub(super) const WAITING: &str = "exists (select from pg_stat_activity where application_name = 'pad-migrate rollback worker' \
                       and datname = current_database() and wait_event_type = 'Lock')";

async fn count(db: &Db, sql: &str) -> u64 {
    db.value(sql).await.and_then(|it| it.parse().ok()).expect("the query counts")
}

/// A server process that dies at each statement of a page, and in its commit: whole pages are gone, the rest is there.
#[tokio::test]
async fn what_dies_at_any_statement_leaves_whole_rows_and_the_next_goes_on() {
    with_db(Start::Migrated, async |db| {
        let mut triggers = "create sequence public.statements; create table public.victim (at bigint); \
             insert into public.victim values (0); \
             create function padealing.die() returns trigger language plpgsql as $$ begin \
                 if nextval('public.statements') = (select at from public.victim) then \
                     perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); \
                 end if; return null; end $$;"
            .to_owned();
        for table in ["audit_log", "pad_execution", "pad_approval", "pad_request", "migration_mapping"] {
            triggers +=
                &format!("create trigger die before delete on padealing.{table} execute function padealing.die();");
        }
        db.execute(&triggers).await;
        db.execute(
            "create constraint trigger die_late after delete on padealing.migration_mapping deferrable \
             initially deferred for each row when (old.target_id = 1301) execute function padealing.die()",
        )
        .await;
        let (before, application) = (stored::outcomes(&db).await, rest(&db).await);
        let requests = "select count(*) from padealing.migration_mapping where target_table = 'pad_request'";
        let (table, mut deaths) = (TableName::legacy(), 0);
        for at in 1.. {
            db.execute(&format!("update public.victim set at = {at}; select setval('public.statements', 1, false)"))
                .await;
            let asked = RollbackRequest { batch_size: 40, ..request(&db, &table, Selection::All, false) };
            let ended = rollback(&asked, &mut |_| (), std::future::pending()).await;
            assert_eq!(half(&db).await, None, "at statement {at}");
            let mut left = before.clone();
            let found = stored::outcomes(&db).await;
            left.retain(|id, _| found.contains_key(id));
            assert_eq!(found, left, "what is left is as it was, at statement {at}");
            assert_eq!(rest(&db).await, application);
            match ended {
                Err(error) => {
                    deaths += 1;
                    assert!(matches!(error, RollbackError::Page { .. } | RollbackError::Session(_)), "{error}");
                    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where \
                                  datname = current_database() and application_name like 'pad-migrate rollback%'";
                    until("the sessions of the run end", async || (count(&db, others).await == 0).then_some(())).await;
                }
                Ok(report) => {
                    assert_eq!(report.counts.kept, 0);
                    break;
                }
            }
            // Bring back what is gone, so that the next statement is reached.
            db.migrate(Options { batch_size: 20, ..Options::default() }).await;
        }
        assert!(deaths > 8, "{deaths}");
        assert_eq!(count(&db, requests).await, 0);
        let failed = "select count(*) from padealing.migration_run where command = 'rollback' and outcome = 'failed'";
        assert_eq!(count(&db, failed).await, deaths, "a run that died is on record");
        db.migrate(Options::default()).await;
        assert_eq!(stored::outcomes(&db).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_killed_or_interrupted_leaves_whole_rows_and_says_what_is_rolled_back() {
    with_db(Start::Migrated, async |db| {
        let before = stored::outcomes(&db).await;
        let mut other = db.connect().await;
        // The last row is in use: what comes before it is rolled back.
        let hold = "begin; select from padealing.pad_request where id = 9000000600 for update";
        sqlx::raw_sql(hold).execute(&mut other).await.expect("the row is locked");
        let table = TableName::legacy();
        let asked = request(&db, &table, Selection::All, false);
        let busy = async {
            until_true(&db, "a worker waits", WAITING).await;
            let left = "(select count(*) from padealing.migration_mapping where target_table = 'pad_request') = 4";
            until_true(&db, "the other pages are rolled back", left).await;
        };
        let error = rollback(&asked, &mut |_| (), busy).await.expect_err("it is interrupted").to_string();
        assert_eq!(error, "interrupted; 63 rows were rolled back and stay so; run the same command again to go on");
        let recorded = "select outcome from padealing.migration_run order by started_at desc limit 1";
        assert_eq!(db.value(recorded).await.as_deref(), Some("interrupted"));
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("the row is free");
        assert_eq!(half(&db).await, None);
        db.migrate(Options::default()).await;

        sqlx::raw_sql(hold).execute(&mut other).await.expect("the row is locked");
        let mut command = command(program());
        command.args(["--database-url", &db.url, "rollback", "--yes"]);
        let mut child = start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        until_true(&db, "a worker waits", WAITING).await;
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("the row is free");
        assert_eq!(half(&db).await, None);
        // Before version 14 a server doesn't see that its client is gone, and would go on to the end of a statement.
        let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where \
                      datname = current_database() and application_name like 'pad-migrate rollback%'";
        until("the sessions of the run end", async || (count(&db, others).await == 0).then_some(())).await;
        assert_eq!(take_back(&db, Selection::All).await.counts.kept, 0);
        let outcomes = "select outcome from padealing.migration_run where command = 'rollback' order by started_at \
                        offset 1 limit 1";
        assert_eq!(db.value(outcomes).await.as_deref(), Some("lost"));
        db.migrate(Options::default()).await;
        assert_eq!(stored::outcomes(&db).await, before);
    })
    .await;
}

/// What the application writes while a page is at work is waited for, and then it is the application's.
#[tokio::test]
async fn what_is_written_at_the_same_time_is_kept() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create table public.notes (request bigint references padealing.pad_request on delete cascade); \
             create table public.links (request bigint references padealing.pad_request on delete set null)",
        )
        .await;
        let mut other = db.connect().await;
        let writes = "begin; update padealing.pad_request set ticker = 'NEW' where id = 101; \
             insert into padealing.pad_breach (request_id, employee_id, breach_type, severity) \
                 values (201, 1003, 'x', 'low'); \
             insert into public.notes values (402); insert into public.links values (403), (501); \
             delete from padealing.audit_log where request_id = 803 and action_type = 'approval_manager'";
        sqlx::raw_sql(writes).execute(&mut other).await.expect_err("there is no request 403");
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("it is over");
        let writes = writes.replace("(403), ", "");
        sqlx::raw_sql(AssertSqlSafe(writes)).execute(&mut other).await.expect("the application writes");
        let running = tokio::spawn({
            let db = db.clone();
            async move { take_back(&db, Selection::All).await }
        });
        until_true(&db, "a worker waits for the application", WAITING).await;
        sqlx::raw_sql("commit").execute(&mut other).await.expect("the application commits");
        let report = running.await.expect("the task ends");
        let expected: BTreeSet<String> = [
            "101 changed pad_request",
            "201 referred padealing.pad_breach",
            "402 referred public.notes",
            "501 referred public.links",
            "803 changed audit_log:approval_manager",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(reasons(&report), expected);
        assert_eq!(count(&db, "select count(request) from public.notes").await, 1);
        assert_eq!(count(&db, "select count(request) from public.links").await, 1);
        other.close().await.expect("it closes");
    })
    .await;
}

/// An application that goes on writing loses nothing that it has committed.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_at_work_loses_nothing() {
    with_db(Start::Migrated, async |db| {
        let ids = "select string_agg(id::text, ',' order by md5(id::text)) from padealing.pad_request where id in \
                   (select target_id from padealing.migration_mapping where target_table = 'pad_request')";
        let ids = db.value(ids).await.expect("there are rows");
        let mut application = db.connect().await;
        let running = tokio::spawn({
            let db = db.clone();
            async move { take_back(&db, Selection::All).await }
        });
        let mut written = BTreeSet::new();
        for id in ids.split(',') {
            let sql = format!("update padealing.pad_request set justification = 'mine' where id = {id}");
            let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut application).await.expect("it may write");
            if done.rows_affected() == 1 {
                written.insert(id.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let report = running.await.expect("the task ends");
        let kept = "select string_agg(id::text, ',') from padealing.pad_request where justification = 'mine'";
        let kept = db.value(kept).await.unwrap_or_default();
        let kept: BTreeSet<String> = kept.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        assert_eq!(kept, written, "{:?}", report.counts);
        assert_eq!(half(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_rollback_waits_for_no_other_run_and_names_it() {
    with_db(Start::Migrated, async |db| {
        let mut other = db.connect().await;
        let lock = "begin; lock table padealing.audit_log in exclusive mode";
        sqlx::raw_sql(lock).execute(&mut other).await.expect("the table is locked");
        let first = tokio::spawn({
            let db = db.clone();
            async move { take_back(&db, Selection::All).await }
        });
        until_true(&db, "the first one waits", WAITING).await;
        for command in [&["rollback", "--yes"][..], &["migrate"]] {
            let output = run(&[&["--database-url", &db.url], command].concat(), &[]);
            assert_eq!(output.status.code(), Some(2));
            let reported = stderr(&output);
            assert!(reported.contains("another migrate or rollback is running on "), "{reported}");
            assert!(reported.contains("pad-migrate rollback"), "{reported}");
        }
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("the table is free");
        assert_eq!(first.await.expect("the task ends").counts.rolled_back, 67);
    })
    .await;
}
