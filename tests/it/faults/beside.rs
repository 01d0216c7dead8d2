//! What others do while a command is at work: applications that write, lock and deadlock, a source that changes, rights
//! that go, other programs, and clocks that jump.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use pretty_assertions::assert_eq;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection};

use super::ground::{Ground, Prepared};
use super::laws::{Picture, nothing_stays, picture, sentence, whole};
use super::run::{Run, run};
use super::subject::{Effect, subject};
use crate::harness::{Db, Role};
use crate::waiting::until;

/// Small pages, so that there is a meanwhile.
pub(super) const MIGRATE: &[&str] = &["migrate", "--batch-size", "10", "--jobs", "2"];

/// The legacy rows of a picture.
fn rows(picture: &Picture) -> Picture {
    let is_row = |key: &str| key.starts_with("row ") || key.starts_with("rejected ") || key.starts_with("wrong");
    picture.iter().filter(|it| is_row(it.0)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A database as the subject finds it, what is done to it, and nothing is left of it.
pub(super) async fn on(name: &str, body: impl AsyncFnOnce(&Prepared, &Db)) {
    let ground = Ground::shared();
    let prepared = Prepared::new(&ground, subject(name)).await;
    let db = ground.create(Some(&prepared.template)).await;
    body(&prepared, &db).await;
    assert_eq!(nothing_stays(&db, false).await, Vec::<String>::new());
    ground.drop(&db).await;
    prepared.drop(&ground).await;
}

/// Runs the program, which ends as people are told that it does.
pub(super) async fn go(db: &Db, arguments: &[&str]) -> Run {
    let dir = tempfile::tempdir().expect("a directory is made");
    let mut done = run(db, None, arguments, dir.path(), dir.path()).await;
    if done.code == Some(2) {
        done.wrong.extend(sentence(&done.printed));
    }
    assert_eq!(done.wrong, Vec::<String>::new());
    assert!(done.signal.is_none() && done.code.is_some_and(|it| it <= 2), "{}", done.printed);
    done
}

/// Each legacy row is as before or as after.
pub(super) async fn check_rows(prepared: &Prepared, db: &Db, is_done: bool) {
    let (before, after) = (rows(&prepared.before), rows(&prepared.after));
    let found = rows(&picture(db).await);
    assert_eq!(whole(Effect::Rows, &before, &after, &found, is_done), Vec::<String>::new());
}

/// How many legacy rows are migrated.
async fn migrated(db: &Db) -> u64 {
    let sql = "(select count(*) from padealing.migration_mapping where target_table = 'pad_request')";
    db.value(sql).await.and_then(|it| it.parse().ok()).expect("a number")
}

/// Writes, updates what it has written, and now and then takes locks in the order in which a page doesn't: one of both
/// is ended by the server, which prefers the program.
async fn application(db: &Db, is_over: &AtomicBool) -> (u64, u64) {
    let mut session = db.connect().await;
    let (mut written, mut deadlocks) = (0, 0);
    for round in 0.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let locks = match round {
            0 | 20 | 40 | 60 => {
                "lock padealing.audit_log in share row exclusive mode; select pg_sleep(0.05); \
                  lock padealing.pad_request in share row exclusive mode;"
            }
            _ => "",
        };
        let sql = format!(
            "begin; set local deadlock_timeout = '20s'; {locks} \
             insert into padealing.pad_request (employee_id, status, justification) values (20001, 'approved', 'mine'); \
             insert into padealing.audit_log (action_type, action_status, actor_type, comments) \
                 values ('seen', 'success', 'user', 'mine'); \
             update padealing.pad_request set ticker = 'X' where justification = 'mine' and id > 900000020; commit"
        );
        match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut session).await {
            Ok(_) => written += 1,
            Err(error) => {
                assert_eq!(error.as_database_error().and_then(|it| it.code()).as_deref(), Some("40P01"), "{error}");
                deadlocks += 1;
                sqlx::raw_sql("rollback").execute(&mut session).await.expect("it goes on");
            }
        }
    }
    session.close().await.expect("it closes");
    (written, deadlocks)
}

#[rstest]
#[case::migrate("migrate", MIGRATE)]
#[case::rollback("rollback", &["rollback", "--yes"])]
#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_writes_and_deadlocks_loses_nothing(#[case] name: &str, #[case] arguments: &[&str]) {
    on(name, async |prepared, db| {
        let is_over = AtomicBool::new(false);
        let at_work = async {
            // A deadlock that comes again and again may stop it: the next run goes on.
            for _ in 0..20 {
                let done = go(db, arguments).await;
                if done.code != Some(2) {
                    break;
                }
                check_rows(prepared, db, false).await;
            }
            is_over.store(true, Ordering::SeqCst);
        };
        let ((), (written, _)) = tokio::join!(at_work, application(db, &is_over));
        assert!(written > 0, "the application came to write");
        for count in [
            "(select count(*) from padealing.pad_request where justification = 'mine')",
            "(select count(*) from padealing.audit_log where comments = 'mine')",
        ] {
            assert_eq!(db.value(count).await, Some(written.to_string()), "what it has committed is there");
        }
        go(db, arguments).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}

/// Rows that are changed, removed and added while they are migrated are migrated as they were at one moment, or not yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_gives_whole_rows() {
    on("migrate", async |_, db| {
        let first = "(select min(id) from personal_account_dealing)";
        let first: i64 = db.value(first).await.and_then(|it| it.parse().ok()).expect("an id");
        let is_over = AtomicBool::new(false);
        let at_work = async {
            let done = go(db, MIGRATE).await;
            is_over.store(true, Ordering::SeqCst);
            done
        };
        let changing = async {
            let mut changed = BTreeSet::new();
            while !is_over.load(Ordering::SeqCst) {
                let sql = format!(
                    "update personal_account_dealing set comments_manager = 'changed' where id = (select id from \
                     personal_account_dealing where id >= {first} order by random() limit 1) returning id::text"
                );
                let mut session = db.connect().await;
                let id: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut session).await.expect("it may");
                session.close().await.expect("it closes");
                changed.insert(id.parse::<i64>().expect("an id"));
            }
            changed
        };
        let (done, changed) = tokio::join!(at_work, changing);
        assert!(matches!(done.code, Some(0 | 1)), "{}", done.printed);
        let report = db.verify().await;
        let different: BTreeSet<i64> = report.differences.iter().map(|it| it.source_id).collect();
        assert!(different.is_subset(&changed), "{different:?} of {changed:?}");
        assert_eq!((report.counts.missing, report.counts.pending, report.counts.extra), (0, 0, 0));
        // What was changed since comes with its own id.
        let named: Vec<String> = different.iter().flat_map(|id| ["--source-id".to_owned(), id.to_string()]).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        if !named.is_empty() {
            assert_eq!(go(db, &[&["rollback", "--yes"], &named[..]].concat()).await.code, Some(0));
        }
        go(db, MIGRATE).await;
        assert!(db.verify().await.counts.is_clean());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_revoked_meanwhile_leave_whole_rows() {
    on("migrate", async |prepared, db| {
        let (app, role) = (Role::App.name(), Db { url: db.url_as(Role::App).await, ..db.clone() });
        db.execute(&format!(
            "grant usage on schema padealing, bo_airflow to {app}; \
             grant select on all tables in schema bo_airflow, public to {app}; \
             grant select, insert, update, delete on all tables in schema padealing to {app}; \
             grant usage, select, update on all sequences in schema padealing to {app}"
        ))
        .await;
        let revoking = async {
            until("some rows are migrated", async || (migrated(db).await > 20).then_some(())).await;
            db.execute(&format!("revoke insert on padealing.audit_log from {app}")).await;
        };
        let slow = [MIGRATE[0], MIGRATE[1], "1", MIGRATE[3], "1"];
        let (done, ()) = tokio::join!(go(&role, &slow), revoking);
        assert_eq!(done.code, Some(2), "{}", done.printed);
        assert!(done.printed.contains("permission denied for table audit_log"), "{}", done.printed);
        check_rows(prepared, db, false).await;
        assert_eq!(go(&role, MIGRATE).await.code, Some(2), "it is said before anything is written");
        db.execute(&format!("grant insert on padealing.audit_log to {app}")).await;
        go(&role, MIGRATE).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}

/// One of them works, and the others name it; none is in the way of the next.
#[rstest]
#[case::two(2)]
#[case::eight(8)]
#[tokio::test(flavor = "multi_thread")]
async fn several_programs_at_once_do_the_work_of_one(#[case] count: usize) {
    on("migrate", async |prepared, db| {
        let all = join_all((0..count).map(|_| go(db, MIGRATE))).await;
        let done = all.iter().filter(|it| it.code != Some(2)).count();
        assert!(done >= 1, "{:?}", all.iter().map(|it| &it.printed).collect::<Vec<_>>());
        for other in all.iter().filter(|it| it.code == Some(2)) {
            assert!(other.printed.contains("another migrate or rollback is running"), "{}", other.printed);
        }
        check_rows(prepared, db, true).await;
        let rollback: &[&str] = &["rollback", "--yes"];
        let both = (0..count).map(|at| go(db, if at % 2 == 0 { rollback } else { MIGRATE }));
        join_all(both).await;
        check_rows(prepared, db, false).await;
        go(db, MIGRATE).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}

/// A server's clock that was a day ahead, and is set back: a run's rows are still that run's.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_mixes_no_runs() {
    on("migrate", async |prepared, db| {
        go(db, &["migrate", "--limit", "100"]).await;
        let early = migrated(db).await;
        db.execute(
            "update padealing.migration_mapping set migrated_at = migrated_at + interval '1 day'; \
             update padealing.migration_run set started_at = started_at + interval '1 day', \
                 finished_at = finished_at + interval '1 day'",
        )
        .await;
        go(db, MIGRATE).await;
        let run = "(select id from padealing.migration_run order by started_at limit 1)";
        let run = db.value(run).await.expect("the run that began first by its clock is the later one");
        let done = go(db, &["rollback", "--run", &run, "--yes"]).await;
        assert_eq!(done.code, Some(0), "{}", done.printed);
        assert_eq!(migrated(db).await, early, "the rows of the run before are there");
        check_rows(prepared, db, false).await;
        go(db, MIGRATE).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}
