//! `--backup` of other commands: taken first, unless they are refused or have nothing to change.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Role, Start, with_db};

use super::{HERE, go};

/// What changes the schema or the rows takes the same backup first, with its manifest.
#[tokio::test]
async fn other_commands_take_the_same_backup_first() {
    with_db(Start::Seeded, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let output = go(folder.path(), &db.url, &[], &["migrate", "--backup", "before.dump"]);
        assert!(stderr(&output).contains("backed up to before.dump, and read back in full: "), "{}", stderr(&output));
        let output = go(folder.path(), &db.url, &[], &["restore", "--from", "before.dump", "--rehearse"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(
            !stdout(&output).contains("migration_mapping"),
            "it was taken before a row was migrated: {}",
            stdout(&output)
        );
        // Nothing is written where there is no backup.
        let requests = "(select count(*) from padealing.migration_run)";
        let before = db.value(requests).await;
        let output = go(folder.path(), &db.url, &[], &["migrate", "--backup", "/nowhere/before.dump"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(db.value(requests).await, before);
    })
    .await;
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().expect("it is a directory").next().is_none()
}

/// What is refused anyway is refused before a backup that may take an hour, and where nothing is changed, none is taken,
/// which is said.
#[tokio::test]
async fn no_backup_is_taken_in_vain() {
    with_db(Start::Migrated, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        db.execute(
            "grant usage on schema padealing, bo_airflow to pad_migrate_stranger;
             grant select on all tables in schema padealing, bo_airflow, public to pad_migrate_stranger;
             grant select on all sequences in schema padealing to pad_migrate_stranger",
        )
        .await;
        let reads = db.url_as(Role::Stranger).await;
        let keys = [&[("APP_ENV", "local")], &HERE[1..]].concat();
        let migrate = ["migrate", "--backup", "it.dump"];
        let down = ["apply", "--to", "6", "--yes", "--backup", "it.dump"];
        let refused = |url: &str, arguments: &[&str], words: &str| {
            let output = go(folder.path(), url, &keys, arguments);
            let said = stderr(&output);
            assert_eq!((output.status.code(), said.trim_end().lines().count()), (Some(2), 1), "{arguments:?}: {said}");
            assert!(said.contains(words) && is_empty(folder.path()), "{arguments:?}: {said}");
        };
        for (url, arguments, words) in [
            (&reads, &migrate[..], "pad_migrate_stranger may not migrate at "),
            (&reads, &down[..], "pad_migrate_stranger may not revert at "),
            (&db.url, &down[..3], "without a terminal use --yes"),
            (&db.url, &["revert", "--to", "3", "--yes", "--backup", "it.dump"], " would lose "),
            (&db.url, &["revert", "--to", "9", "--yes", "--backup", "it.dump"], "9"),
        ] {
            refused(url, arguments, words);
        }
        // Another is at work.
        let mut other = db.connect().await;
        let lock = "select pg_advisory_lock(('x' || encode('padm', 'hex'))::bit(32)::int, 1)";
        sqlx::raw_sql(lock).execute(&mut other).await.expect("it is locked");
        let back = ["rollback", "--yes", "--backup", "it.dump"];
        for arguments in [&migrate[..], &back] {
            refused(&db.url, arguments, "another migrate or rollback is running on ");
        }
        sqlx::Connection::close(other).await.expect("it closes");
        let elsewhere = ["--source-url", "postgres://nobody@127.0.0.1:1/none"];
        for arguments in [&migrate[..], &back] {
            refused(&db.url, &[arguments, &elsewhere].concat(), "connecting to 127.0.0.1:1/none");
        }

        let output = go(folder.path(), &db.url, &keys, &["apply", "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let nothing = ["apply", "--yes", "--backup", "it.dump"];
        let output = go(folder.path(), &db.url, &keys, &nothing);
        assert!(
            stdout(&output).contains("Backup      none was taken: nothing is to be changed\n"),
            "{}",
            stdout(&output)
        );
        let output = go(folder.path(), &db.url, &keys, &[&nothing[..], &["--json"]].concat());
        assert!(stdout(&output).contains("\"no_backup\": \"nothing is to be changed\""), "{}", stdout(&output));
        assert!(is_empty(folder.path()));
        let output = go(folder.path(), &db.url, &keys, &["revert", "--yes", "--backup", "it.dump"]);
        assert!(stderr(&output).contains("backed up to it.dump, and read back in full: "), "{}", stderr(&output));
        assert!(stdout(&output).contains("Rolled back "), "{}", stdout(&output));
    })
    .await;
}

/// What no environment, or only some, have is refused before anything is said of the configuration.
#[test]
fn what_an_environment_has_not_is_refused_first() {
    for (arguments, words) in [
        (&["--env", "prod", "clean", "--employee", "1"][..], "clean removes test data and never works in prod"),
        (&["--env", "qa", "seed"], "seed is for local databases only: this run is for environment qa"),
        (&["--env", "prod", "apply", "--adopt-environment", "qa"], "only dev and qa adopt a copy of another"),
    ] {
        for url in [&[][..], &["--database-url", "postgres://x@db.example.com/y?sslmode=disable"]] {
            let output = run(&[arguments, url].concat(), &[]);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains(words), "{arguments:?} {url:?}: {}", stderr(&output));
        }
    }
}
