//! What stops a backup or a restore: a sentence, and nothing is left behind or changed.

use std::path::Path;
use std::process::Stdio;

use pretty_assertions::assert_eq;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::program::{command, run_in, stderr, stdout};
use crate::harness::{ROWS, Role, Start, program, with_db};
use crate::waiting::{self, until_true};

use super::{HERE, go};

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("the folder is there").flatten();
    let mut names: Vec<String> = entries.map(|it| it.file_name().display().to_string()).collect();
    names.sort();
    names
}

/// A backup that fails leaves no file, and says what is wrong with what.
#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    with_db(Start::Applied, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let refused = |url: &str, file: &str, words: &str| {
            let output = run_in(dir.path(), &["--database-url", url, "backup", "--out", file], &[]);
            let said = stderr(&output);
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
            assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{said}");
            assert_eq!(names(dir.path()), Vec::<String>::new());
        };
        refused(&db.url, "none/it.dump", "none/it.dump can't be created: its folder doesn't exist; ");
        refused(&db.url, "/dev/fd/2", "--out /dev/fd/2 is no regular file, and the manifest has no place beside it; ");
        let stranger = db.url_as(Role::Stranger).await;
        refused(&stranger, "it.dump", "pad_migrate_stranger may not ");
        db.execute("grant usage on schema padealing to pad_migrate_stranger").await;
        db.execute("grant select on all tables in schema padealing to pad_migrate_stranger").await;
        refused(&stranger, "it.dump", "pad_migrate_stranger may not back up padealing at ");
        refused(&stranger, "it.dump", "no SELECT on sequences ");
        db.execute("grant select on all sequences in schema padealing to pad_migrate_stranger").await;
        db.execute("alter table padealing.pad_breach enable row level security").await;
        refused(&stranger, "it.dump", "pad_breach");
        db.execute("alter table padealing.pad_breach disable row level security").await;
        let output = run_in(dir.path(), &["--database-url", &stranger, "backup", "--out", "it.dump"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(names(dir.path()), ["it.dump", "it.dump.manifest.json"]);

        // A full disk: files may have eight blocks. What was there stays as it was.
        let before = std::fs::read(dir.path().join("it.dump")).expect("it is there");
        let mut shell = command("sh");
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$1\" --database-url \"$2\" backup --out it.dump";
        shell.current_dir(dir.path()).args(["-c", script, "sh", program(), &db.url]);
        let output = waiting::output(&mut shell);
        let said = stderr(&output);
        assert!(output.status.code() == Some(2) && said.contains("it.dump could not be written: "), "{said}");
        assert_eq!(std::fs::read(dir.path().join("it.dump")).expect("it is there"), before);
        assert_eq!(names(dir.path()), ["it.dump", "it.dump.manifest.json"]);
    })
    .await;
    with_db(Start::Reference, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert!(stderr(&output).contains("there is nothing to back up: no table of padealing is there at "));
    })
    .await;
}

/// Tables that were not moved yet are backed up, and so is what restore would refuse to send; both are said.
#[tokio::test]
async fn what_restore_can_not_do_is_said_by_backup() {
    let taken = |db: &crate::harness::Db, folder: &Path, words: &str| {
        let output = go(folder, &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{said}");
        let output = go(folder, &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        stderr(&output)
    };
    let dir = tempfile::tempdir().expect("a directory is made");
    with_db(Start::Public, async |db| {
        let said =
            taken(&db, dir.path(), "it holds tables outside padealing, from before `pad-migrate apply` moves them");
        assert!(said.contains("restore writes to padealing only"), "{said}");
    })
    .await;
    with_db(Start::Applied, async |db| {
        db.execute(
            "create function padealing.log() returns void language sql as 'insert into public.personal_account_dealing \
             (id) values (1)'",
        )
        .await;
        let said = taken(&db, dir.path(), "restore will refuse this backup: ");
        assert!(said.contains("the backup has a statement that restore doesn't send"), "{said}");
        db.execute(
            "drop function padealing.log; create sequence public.counter; \
             alter table padealing.pad_breach add column counted bigint default nextval('public.counter')",
        )
        .await;
        db.execute("drop table padealing.chatbot_session").await;
        let lacks = "revision 0007 has chatbot_session, which the database lacks, and the backup with it";
        taken(&db, dir.path(), lacks);
        let said = taken(&db, dir.path(), "nextval is not of a sequence in padealing, or does not say so");
        assert!(
            said.contains("it needs sequence public.counter (for default value for padealing.pad_breach."),
            "{said}"
        );
    })
    .await;
}

/// What doesn't fit is refused before anything is written.
#[tokio::test]
async fn a_backup_that_does_not_fit_is_refused() {
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let refused = |url: &str, keys: &[(&str, &str)], words: &str| {
            let output = go(dir.path(), url, keys, &["restore", "--from", "it.dump", "--yes"]);
            let said = stderr(&output);
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
            assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{said}");
        };
        refused(&db.url, &[], " is not empty: table audit_log, ");
        with_db(Start::Reference, async |to| {
            let before = to.dump(&[]).await;
            let unasked = go(dir.path(), &to.url, &[], &["restore", "--from", "it.dump"]);
            assert!(stderr(&unasked).contains("without a terminal use --yes"), "{}", stderr(&unasked));
            refused(&to.url, &[("APP_ENV", "prod")], "only dev and qa take a backup of another environment");
            refused(&to.url_as(Role::Stranger).await, &HERE, "pad_migrate_stranger may not restore padealing at ");
            assert_eq!(to.dump(&[]).await, before, "nothing was changed");
            to.execute("create table public.kept as table bo_airflow.oracle_employee").await;
            to.execute("truncate bo_airflow.oracle_employee cascade").await;
            let missing = "lacks: 2 rows of bo_airflow.oracle_employee (id 1002, 1003; for employee_role.employee_id, \
                           pad_breach.employee_id, pad_request.employee_id, restricted_security.added_by_id)";
            refused(&to.url, &[], missing);
            to.execute("insert into bo_airflow.oracle_employee table public.kept; drop table public.kept").await;
            to.execute("drop table bo_airflow.oracle_bloomberg").await;
            refused(&to.url, &[], "lacks: the table bo_airflow.oracle_bloomberg");
            assert_eq!(to.value("to_regnamespace('padealing')").await, None);
        })
        .await;
        // A name that another thing has; and what is there of others stays as it was.
        with_db(Start::Reference, async |to| {
            to.execute("create schema padealing authorization pad_migrate_stranger").await;
            to.execute("grant usage on schema padealing to pad_migrate_reader").await;
            to.execute("create table padealing.active_stocks (id int); create sequence padealing.audit_log_id_seq")
                .await;
            refused(&to.url, &[], " is not empty: sequence audit_log_id_seq; ");
            to.execute("drop sequence padealing.audit_log_id_seq").await;
            for (create, drop, words) in [
                ("type padealing.pad_breach as (a int)", "type padealing.pad_breach", "composite type pad_breach"),
                ("domain padealing.pad_request as int", "domain padealing.pad_request", "domain pad_request"),
                (
                    "index pad_request_pkey on padealing.active_stocks (id)",
                    "index padealing.pad_request_pkey",
                    "index pad_request_pkey",
                ),
            ] {
                to.execute(&format!("create {create}")).await;
                refused(&to.url, &[], &format!(" is not empty: {words}; "));
                to.execute(&format!("drop {drop}")).await;
            }
            let acl = "(select nspowner::regrole::text || nspacl::text from pg_namespace where nspname = 'padealing')";
            let before = to.value(acl).await;
            let output = go(dir.path(), &to.url, &[], &["restore", "--from", "it.dump", "--yes"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let after = to.value(acl).await.expect("it is there");
            assert!(after.starts_with(before.expect("it is there").trim_end_matches('}')), "{after}");
            assert_eq!(to.value("to_regclass('padealing.active_stocks') is not null").await.as_deref(), Some("true"));
        })
        .await;
    })
    .await;
}

/// Killed while it waits for a lock, in the middle: no file, no table, no session is left.
#[tokio::test]
async fn what_is_killed_leaves_nothing() {
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let go = |url: &str, arguments: &[&str]| {
            let mut command = command(program());
            command.current_dir(dir.path()).args(["--database-url", url]).args(arguments);
            waiting::start(command.stdout(Stdio::null()))
        };
        let backup = ["backup", "--out", "it.dump"];
        let gone = "not exists (select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() \
                    and application_name like 'pad-migrate%')";
        for signal in [Signal::INT, Signal::KILL] {
            let mut other = db.connect().await;
            sqlx::raw_sql("begin; lock padealing.pad_request").execute(&mut other).await.expect("it is locked");
            let mut child = go(&db.url, &backup);
            let waits = "exists (select from pg_stat_activity where wait_event_type = 'Lock' and application_name = \
                         'pad-migrate backup' and datname = current_database())";
            until_true(&db, "the backup waits for the lock", waits).await;
            kill_process(Pid::from_child(&child), signal).expect("it runs still");
            waiting::until("it ends", async || child.try_wait().expect("it can be asked")).await;
            assert_eq!(names(dir.path()), Vec::<String>::new());
            sqlx::Connection::close(other).await.expect("it closes");
            until_true(&db, "its sessions are gone", gone).await;
        }
        let mut child = go(&db.url, &backup);
        waiting::until("it ends", async || child.try_wait().expect("it can be asked")).await;
        with_db(Start::Reference, async |to| {
            for signal in [Signal::INT, Signal::KILL] {
                let mut other = to.connect().await;
                // Keys can't be added, rows can be looked up.
                let lock = "begin; lock bo_airflow.oracle_employee in row exclusive mode";
                sqlx::raw_sql(lock).execute(&mut other).await.expect("it is locked");
                let mut child = go(&to.url, &["restore", "--from", "it.dump", "--yes"]);
                let waits = "exists (select from pg_stat_activity where wait_event_type = 'Lock' and application_name = \
                             'pad-migrate restore' and datname = current_database())";
                until_true(&to, "the restore waits for the lock", waits).await;
                kill_process(Pid::from_child(&child), signal).expect("it runs still");
                waiting::until("it ends", async || child.try_wait().expect("it can be asked")).await;
                sqlx::Connection::close(other).await.expect("it closes");
                until_true(&to, "its sessions are gone", gone).await;
                assert_eq!(to.value("to_regnamespace('padealing')").await, None);
            }
        })
        .await;
    })
    .await;
}
