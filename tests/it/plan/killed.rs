//! Whatever dies at whichever step, nothing is half done, and the next run finishes.
//!
//! An event trigger counts the statements that change the schema, and at the one that a test names does what the test
//! wants: it runs in our own session, so it is exactly there.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use pretty_assertions::assert_eq;
use rstest::rstest;
use sqlx::{Connection, PgConnection};

use super::apply::{Rows, bring_there, check_there, everything, go};
use crate::harness::program::command;
use crate::harness::{Db, Start, apply_request, other, program, roles, with_db};
use crate::waiting::{start, until, until_true};
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::schema::pg::apply;
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::request::ChangeRequest;

/// At statement `public.at`, does what `act` says. The counter is a sequence: it counts in transactions that are rolled
/// back, too.
fn trap(act: &str) -> String {
    format!(
        "create sequence public.steps; create sequence public.at minvalue -1; select setval('public.at', -1); \
         create function public.trap() returns event_trigger language plpgsql as $$ begin \
             if nextval('public.steps') = (select last_value from public.at) then {act}; end if; end $$; \
         create event trigger trap on ddl_command_start execute function public.trap()"
    )
}

async fn set_trap(db: &Db, at: u64) {
    db.execute(&format!(
        "alter event trigger trap disable; select setval('public.at', {at}); alter sequence \
        public.steps restart; alter event trigger trap enable"
    ))
    .await;
}

async fn take_trap_away(db: &Db) {
    db.execute("alter event trigger trap disable").await;
}

/// Nobody holds an advisory lock or is in a transaction. Ended sessions leave in their own time.
async fn check_nobody_is_left(db: &Db) {
    let left = "not exists (select from pg_stat_activity where datname = current_database() \
                and pid <> pg_backend_pid() and application_name like 'pad-migrate%')";
    until_true(db, "every session of the program ends", left).await;
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from \
        pg_database where datname = current_database())";
    assert_eq!(db.value(locks).await.as_deref(), Some("0"));
}

/// A server that recovers ends every session first, and takes nobody in meanwhile.
pub(crate) async fn accepts_again(db: &Db, mut session: PgConnection) {
    until("the server goes down", async || sqlx::raw_sql("select 1").execute(&mut session).await.err()).await;
    until("the server comes back", async || PgConnection::connect(&db.url).await.ok()).await;
}

/// How many statements there are: the trap counts to the end, where the guard sees its sequence.
async fn steps(db: &Db, request: &ChangeRequest<'_>) -> u64 {
    set_trap(db, 1_000_000).await;
    let error = apply::apply(request, None).await.expect_err("it is stopped at its end");
    assert!(matches!(error, ApplyError::Held(_)), "{error}");
    db.value("select last_value from public.steps").await.expect("a number").parse().expect("a number")
}

#[rstest]
#[case::the_backend("perform pg_terminate_backend(pg_backend_pid())")]
// A backend that is killed takes the server down with it, which starts again and recovers.
#[case::the_server("execute format('copy (select 1) to program %L', 'kill -9 ' || pg_backend_pid())")]
#[tokio::test]
async fn what_dies_at_any_step_leaves_nothing(#[case] act: &str) {
    let is_server = act.contains("kill");
    let body = async |db: Db| {
        db.execute(&trap(act)).await;
        let roles = if is_server { Roles::default() } else { roles() };
        let request = apply_request(&db.database, &roles);
        let rows = Rows::of(&db).await;
        let digests = rows.digests(&db).await;
        let count = steps(&db, &request).await;
        assert!(count > 80, "{count}");
        let before = everything(&db).await;
        // The first, the last, and others on each major version: all of them would take minutes.
        let every = if is_server { count / 3 } else { 19 };
        let first = u64::from(db.major().await) % every;
        let places = (1..=count).filter(|at| *at == 1 || *at == count || at % every == first);
        for at in places {
            set_trap(&db, at).await;
            let session = db.connect().await;
            let error = apply::apply(&request, None).await.expect_err("its connection is gone");
            let text = pad_migrate::base::text::sentence(&error);
            assert!(text.contains("57P01") || text.contains("connection"), "step {at}: {text}");
            if is_server {
                accepts_again(&db, session).await;
            } else {
                // A sequence remembers what was rolled back. (A server that recovers goes on with a later number.)
                let reached = db.value("select last_value from public.steps").await;
                assert_eq!(reached, Some(at.to_string()), "it died where it was meant to");
            }
            take_trap_away(&db).await;
            assert_eq!(rows.digests(&db).await, digests, "step {at}");
            check_nobody_is_left(&db).await;
            let history = "select to_regclass('padealing.schema_revision') is null";
            assert_eq!(db.value(history).await.as_deref(), Some("true"), "step {at}");
        }
        // The counters are the trap's, and a server that recovers goes on with a later number.
        let without_counters = |text: &str| -> Vec<String> {
            let skipped = |it: &&str| !it.is_empty() && !it.contains(".setval('") && !it.contains("EVENT TRIGGER");
            text.lines().filter(skipped).map(str::to_owned).collect()
        };
        assert_eq!(without_counters(&everything(&db).await), without_counters(&before));
        go(&request).await;
        assert_eq!(rows.digests(&db).await, digests);
        check_there(&db, &request).await;
    };
    match is_server {
        false => with_db(Start::Alembic, body).await,
        // Not the server that other tests are at.
        true => {
            let server = other::start("").await;
            server.execute("postgres", &["create database killed"]).await;
            let url = server.url("killed");
            let db = Db { database: EphemeralDatabase::at(&url).expect("the URL is right"), url };
            admin::fill_with_fixtures(&db.database, &[]).await.expect("the reference rows load");
            db.execute(include_str!("../../../fixtures/alembic/tables.sql")).await;
            body(db).await;
        }
    }
}

#[rstest]
#[case::killed("KILL", 2)]
#[case::killed_later("KILL", 60)]
#[case::interrupted("INT", 30)]
#[case::terminated("TERM", 66)]
#[tokio::test]
async fn a_program_that_dies_at_a_step_leaves_nothing(#[case] signal: &str, #[case] at: u64) {
    with_db(Start::Alembic, async |db| {
        // Before version 14 a server doesn't see that its client is gone, and sleeps to the end.
        db.execute(&trap("perform pg_sleep(6)")).await;
        let rows = Rows::of(&db).await;
        let digests = rows.digests(&db).await;
        set_trap(&db, at).await;
        let mut child = command(program())
            .args(["--database-url", &db.url, "apply", "--yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let asleep =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
        until("it gets to the step", async || {
            assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before");
            (db.value(asleep).await.as_deref() == Some("1")).then_some(())
        })
        .await;
        let sent = command("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        if signal == "KILL" {
            assert_eq!(output.status.signal(), Some(9), "{output:?}");
        } else {
            assert_eq!(output.status.code(), Some(2));
            let printed = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(printed.contains("interrupted. What was not committed is rolled back"), "{printed}");
        }
        check_nobody_is_left(&db).await;
        take_trap_away(&db).await;
        assert_eq!(rows.digests(&db).await, digests);
        let history = "select to_regclass('padealing.schema_revision') is null";
        assert_eq!(db.value(history).await.as_deref(), Some("true"));
        bring_there(&db).await;
    })
    .await;
}

/// An index that was being built when everything ended is there, and invalid: the next run makes it good.
#[tokio::test]
async fn a_half_built_index_is_rebuilt_by_the_next_run() {
    with_db(Start::Alembic, async |db| {
        bring_there(&db).await;
        db.execute("drop index padealing.pad_request_created_at_idx; truncate padealing.pad_breach").await;
        // Whoever has an old snapshot keeps CREATE INDEX CONCURRENTLY waiting.
        let mut other = db.connect().await;
        sqlx::raw_sql("begin isolation level repeatable read; select count(*) from padealing.pad_request")
            .execute(&mut other)
            .await
            .expect("the application reads");
        let mut apply = command(program());
        apply.args(["--database-url", &db.url, "apply", "--yes", "--concurrently", "--lock-timeout", "1min"]);
        let mut child = start(apply.stdout(Stdio::null()));
        let invalid = "select count(*) from pg_index where not indisvalid";
        until_true(&db, "the index is begun", &format!("({invalid}) = 1")).await;
        child.kill().expect("it can be killed");
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(9), "it was at work: {status}");
        // Before version 14 a server doesn't see that its client is gone, and would build the index to its end.
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() \
                   and application_name like 'pad-migrate%' and current_setting('server_version_num')::int < 140000";
        db.value(end).await;
        check_nobody_is_left(&db).await;
        sqlx::raw_sql("commit").execute(&mut other).await.expect("the application is done");
        assert_eq!(db.value(invalid).await.as_deref(), Some("1"), "the half-built index is left");
        bring_there(&db).await;
        assert_eq!(db.value(invalid).await.as_deref(), Some("0"));
    })
    .await;
}
