//! The built command as its user runs it: good input, bad input, none. Its words are snapshots.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{check_refused, named, run, run_in, stderr, stdout};
use crate::harness::{Place, Start, check_snapshot, with_db};

#[rstest]
#[case::program("help", &["--help"])]
#[case::rehearse("help__rehearse", &["rehearse", "--help"])]
#[case::seed("help__seed", &["seed", "--help"])]
#[case::status("help__status", &["status", "--help"])]
#[case::plan("help__plan", &["plan", "--help"])]
#[case::apply("help__apply", &["apply", "--help"])]
#[case::revert("help__revert", &["revert", "--help"])]
#[case::migrate("help__migrate", &["migrate", "--help"])]
#[case::verify("help__verify", &["verify", "--help"])]
fn help_is_reviewed(#[case] name: &str, #[case] arguments: &[&str]) {
    let output = run(arguments, &[]);
    assert_eq!(output.status.code(), Some(0));
    check_snapshot(name, &stdout(&output));
}

#[rstest]
#[case::no_database("no_database", &["migrate"], &[])]
#[case::url_unreadable("url_unreadable", &["--database-url", "mysql://u:hunter2@example.com/n", "migrate"], &[])]
#[case::url_with_a_bare_slash("url_with_a_bare_slash", &["--database-url", "postgres://u:12/hunter2@example.com/n", "migrate"], &[])]
#[case::url_with_a_bare_hash("url_with_a_bare_hash", &["--database-url", "postgres://u:12#hunter2@localhost/n", "migrate"], &[])]
#[case::url_with_a_bare_question_mark("url_with_a_bare_question_mark", &["--database-url", "postgres://u:12?hunter2@localhost/n", "migrate"], &[])]
#[case::unverified("unverified", &["--env", "prod", "--database-url", "postgres://u:hunter2@127.0.0.1:1/n?sslmode=require", "migrate"], &[])]
#[case::no_folder("no_folder", &["--config-dir", "/nowhere", "migrate"], &[])]
#[case::port_is_a_url("port_is_a_url", &["migrate"], &[("DB_HOST", "db"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PORT", "postgres://u:hunter2@h/db")])]
#[case::port("port", &["migrate"], &[("DB_HOST", "db"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PORT", "54x2")])]
#[case::half_named("half_named", &["migrate"], &[("DB_HOST", "db")])]
#[case::environment("environment", &["migrate"], &[("APP_ENV", "production")])]
#[case::schema("schema", &["migrate"], &[("DATABASE_SCHEMA", "public")])]
#[case::ssl_mode("ssl_mode", &["migrate"], &[("DB_SSLMODE", "maybe")])]
#[case::legacy_table("legacy_table", &["migrate"], &[("LEGACY_TABLE", "personal_account_dealing")])]
#[case::timeout("timeout", &["migrate"], &[("DB_CONNECT_TIMEOUT", "soon")])]
#[case::refused_port("refused_port", &["--database-url", "postgres://u:hunter2@127.0.0.1:1/n", "migrate"], &[])]
#[case::no_such_socket("no_such_socket", &["--database-url", "postgres:///n?host=/nowhere&user=u&password=hunter2", "verify"], &[])]
#[case::rows_of_two_kinds("rows_of_two_kinds", &["rehearse", "--rows", "5", "--source-url", "postgres://u:hunter2@h/n"], &[])]
#[case::rejects_folder("rejects_folder", &["--database-url", "postgres:///n?host=/nowhere", "migrate", "--rejects", "/nowhere/r.csv"], &[])]
fn bad_input_gets_one_sentence(#[case] name: &str, #[case] arguments: &[&str], #[case] variables: &[(&str, &str)]) {
    let output = run(arguments, variables);
    check_refused(name, &output);
    assert!(!stderr(&output).contains("hunter2"), "a password is never shown");
}

#[rstest]
#[case(&["migrate", "--batch-size", "0"])]
#[case(&["migrate", "--jobs", "many"])]
#[case(&["migrate", "--rejects", "rejects.txt"])]
#[case(&["apply", "--lock-timeout", "5"])]
#[case(&["apply", "--lock-timeout", "0s"])]
#[case(&["migrate", "--limit", "-1"])]
#[case(&["rehearse", "--rows", "0"])]
#[case(&["rehearse", "--rows", "many"])]
#[case(&["rehearse", "--rows", "100000001"])]
#[case(&["rehearse", "--seed", "2"])]
#[case(&["rehearse", "--rows", "2", "--seed", "-1"])]
#[case(&["seed", "--rows", "2", "--empty"])]
#[case(&["postgres://u:hunter2@h/db", "verify"])]
#[case(&["verify", "postgres://u:hunter2@h/db"])]
#[case(&["--env", "postgres://u:hunter2@h/db", "verify"])]
#[case(&["drift"])]
#[case(&[])]
fn usage_errors_are_2(#[case] arguments: &[&str]) {
    let output = run(arguments, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(!stderr(&output).is_empty());
    assert!(!stderr(&output).contains("hunter2"), "a password is never shown");
}

/// A run that is refused leaves the file of an earlier run as it was, and says so in JSON too if it was to be JSON.
#[test]
fn a_refused_run_leaves_the_files_alone() {
    let dir = tempfile::tempdir().expect("a directory is made");
    std::fs::write(dir.path().join("rejects.csv"), "an earlier run's").expect("it is written");
    let url = "postgres:///n?host=/nowhere";
    let arguments = ["--database-url", url, "migrate", "--rejects", "rejects.csv", "--format", "json"];
    let output = run_in(dir.path(), &arguments, &[]);
    assert_eq!(output.status.code(), Some(2));
    let kept = std::fs::read_to_string(dir.path().join("rejects.csv")).expect("the file is there");
    assert_eq!(kept, "an earlier run's");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the folder is there").count(), 1, "nothing else is left");
    let failed: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    assert_eq!((&failed["outcome"], &failed["command"]), (&Value::from("failed"), &Value::from("migrate")));
}

#[test]
fn the_rehearsal_on_the_fixtures_is_clean() {
    let output = run(&["rehearse", "-q"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "nothing but the result is said");
    check_snapshot("rehearse__fixtures", &stdout(&output));
}

#[test]
fn the_rehearsal_as_json_has_the_contracts_fields() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let output = run_in(dir.path(), &["rehearse", "--format", "json", "--report", "report.json"], &[]);
    let report: Value = serde_json::from_str(&stdout(&output)).expect("the output is JSON");
    assert_eq!(report["tool"], "pad-migrate");
    assert_eq!(report["command"], "rehearse");
    assert_eq!(report["outcome"], "clean");
    assert_eq!(report["counts"]["read"], 100);
    assert_eq!(report["verify"]["verified"], report["counts"]["migrated"]);
    let written = std::fs::read_to_string(dir.path().join("report.json")).expect("the report is written");
    assert_eq!(written, stdout(&output));
}

/// Rows of a seed, bad ones among them: each is migrated, or rejected for what the generator says. Flags win over keys,
/// so the source that the environment names is not looked at.
#[test]
fn the_rehearsal_on_generated_rows_is_clean() {
    let arguments = ["rehearse", "--rows", "700", "--seed", "4", "--format", "json"];
    let output = run(&arguments, &[("SOURCE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).expect("the output is JSON");
    assert_eq!(report["source"], "generated, 700 rows, seed 4");
    assert_eq!(report["outcome"], "clean");
    assert_eq!(report["counts"]["read"], 700);
    assert_ne!(report["counts"]["rejected"], 0);
    assert_eq!(
        (&report["unexpected"], &report["unexpected_total"]),
        (&Value::from(Vec::<Value>::new()), &Value::from(0))
    );
}

/// Generated rows beside the fixtures' reference rows: the second seeding leaves the first one's rows as they are.
#[tokio::test]
async fn a_local_database_is_seeded_with_generated_rows() {
    with_db(Start::Reference, async |db| {
        for (name, arguments) in [
            ("seed_generated", &["seed", "--rows", "300", "--seed", "4"] as &[&str]),
            ("seed_generated_again", &["seed", "--rows", "500"]),
        ] {
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            check_snapshot(&format!("local__{name}"), &stdout(&output));
        }
        assert_eq!(db.value("select count(*) from personal_account_dealing").await.as_deref(), Some("300"));
        assert_eq!(
            db.value("select reltuples from pg_class where relname = 'personal_account_dealing'").await.as_deref(),
            Some("300")
        );
    })
    .await;
}

/// Apply, seed, migrate, verify on a local database, as the README has it.
#[tokio::test]
async fn a_local_database_goes_the_whole_way() {
    with_db(Start::Empty, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let Place { host, port, name, user, password } = db.place();
        // The later file wins over the earlier one.
        let earlier =
            format!("DB_HOST={host}\nDB_PORT={port}\nDB_NAME=wrong\nDB_USER={user}\nDB_PASSWORD={password}\n");
        std::fs::write(dir.path().join(".env"), earlier).expect("it is written");
        std::fs::write(dir.path().join(".env.local"), format!("DB_NAME={name}\n")).expect("it is written");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(dir.path().join(".env"), private).expect("it is ours");
        let go = |arguments: &[&str]| run_in(dir.path(), arguments, &[]);

        check_refused("migrate_before_apply", &named(go(&["migrate"]), &db));
        check_refused("apply_without_yes", &named(go(&["apply"]), &db));
        for (name, code, arguments) in [
            ("apply", 0, &["apply", "--yes"] as &[&str]),
            ("apply_again", 0, &["apply"]),
            ("seed", 0, &["seed"]),
            ("seed_again", 0, &["seed"]),
            ("verify_before_migrate", 1, &["verify"]),
            ("migrate_dry_run", 1, &["migrate", "--dry-run"]),
            ("migrate", 1, &["migrate", "--rejects", "rejects.csv"]),
            ("migrate_again", 1, &["migrate", "--rejects", "rejects.jsonl", "--on-missing-security", "null"]),
            ("verify", 0, &["verify"]),
        ] {
            let output = go(arguments);
            assert_eq!(output.status.code(), Some(code), "{name}: {}", stderr(&output));
            check_snapshot(&format!("local__{name}"), &stdout(&output));
        }
        let csv = std::fs::read_to_string(dir.path().join("rejects.csv")).expect("the file is written");
        check_snapshot("local__rejects_csv", &csv);
        let jsonl = std::fs::read_to_string(dir.path().join("rejects.jsonl")).expect("the file is written");
        let first: Value = serde_json::from_str(jsonl.lines().next().expect("there is a line")).expect("it is JSON");
        for field in ["source_id", "field", "rule", "value", "message"] {
            assert!(first.get(field).is_some(), "{field}");
        }
        db.execute("update padealing.pad_request set estimated_value = 1 where id = 1901").await;
        let output = go(&["verify"]);
        assert_eq!(output.status.code(), Some(1));
        check_snapshot("local__verify_corrupted", &stdout(&output));
        check_refused(
            "other_environment",
            &named(
                run_in(
                    dir.path(),
                    &["--env", "dev", "--database-url", &db.url, "migrate"],
                    &[("DB_SSLMODE", "disable")],
                ),
                &db,
            ),
        );
    })
    .await;
}

#[tokio::test]
async fn json_has_the_contracts_fields() {
    with_db(Start::Seeded, async |db| {
        let go = |arguments: &[&str]| {
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).expect("the output is JSON"))
        };
        let (code, dry) = go(&["migrate", "--dry-run", "--format", "json"]);
        assert_eq!((code, &dry["outcome"]), (Some(1), &Value::from("attention")));
        let (code, real) = go(&["migrate", "--format", "json"]);
        assert_eq!(code, Some(1));
        assert_eq!(real["rejections"], dry["rejections"]);
        assert_eq!(real["counts"], dry["counts"]);
        let keys = |value: &Value| value.as_object().expect("it is an object").keys().cloned().collect::<Vec<_>>();
        let counts = [
            "read",
            "migrated",
            "already_migrated",
            "rejected",
            "pad_request",
            "pad_approval",
            "pad_execution",
            "audit_log",
            "migration_mapping",
        ];
        assert_eq!(keys(&real["counts"]), counts);
        assert_eq!(keys(&real["rejections"][0]), ["source_id", "field", "rule", "value", "message"]);
        assert!(real["seconds"].is_number() && real["rows_per_second"].is_number());
        let (code, verified) = go(&["verify", "--format", "json"]);
        assert_eq!((code, &verified["outcome"]), (Some(0), &Value::from("clean")));
        let counts = ["source", "verified", "different", "missing", "rejected", "pending", "missing_source", "extra"];
        assert_eq!(keys(&verified["counts"]), counts);
        assert_eq!(verified["differences"], Value::from(Vec::<Value>::new()));
        db.execute("update padealing.pad_request set ticker = 'x' where id = 101").await;
        let (code, corrupted) = go(&["verify", "--format", "json"]);
        assert_eq!(code, Some(1));
        assert_eq!(keys(&corrupted["differences"][0]), ["source_id", "target", "field", "expected", "actual"]);
    })
    .await;
}

#[tokio::test]
async fn seed_is_for_local_databases_only() {
    with_db(Start::Empty, async |db| {
        let env = |env: &str| run(&["--env", env, "--database-url", &db.url, "seed"], &[("DB_SSLMODE", "disable")]);
        check_refused("seed_in_qa", &named(env("qa"), &db));
        db.execute("create schema bo_airflow; comment on schema bo_airflow is 'theirs'").await;
        check_refused("seed_beside_a_real_mirror", &named(env("local"), &db));
    })
    .await;
}

/// A rehearsal of rows that were put into a database by hand, unknown columns and a rejection included.
#[tokio::test]
async fn a_real_source_is_rehearsed_and_only_read() {
    with_db(Start::Reference, async |db| {
        db.execute(
            "alter table personal_account_dealing add column \"Odd \"\"Name\" point, add column salary numeric; \
             insert into personal_account_dealing (id, employee, requested_date, status, inst_symbol, \"Odd \"\"Name\", salary) \
                 values (1, 1003, '2021-01-01', 'approved', 'ACME', '(1,2)', 1.50), \
                        (2, 1004, '2021-01-02', 'request', null, null, 'NaN')",
        )
        .await;
        let output = run(&["--source-url", &db.url, "rehearse"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("2 read, 2 migrated, 0 rejected"), "{}", stdout(&output));
        assert!(stdout(&output).contains("2 of 2 migrated rows verified"), "{}", stdout(&output));
        db.execute("insert into personal_account_dealing (id, employee, status) values (3, 4242, 'request')").await;
        let output = run(&["--source-url", &db.url, "rehearse"], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("ATTENTION: 1 row was rejected"), "{}", stdout(&output));
        let untouched = db.value("select to_regnamespace('padealing') is null").await;
        assert_eq!(untouched.as_deref(), Some("true"));
    })
    .await;
}

/// The password of `~/.pgpass` is that of the host that is connected to. The other end is played by a socket of ours,
/// since a real server doesn't tell what it was sent.
#[test]
fn the_password_file_is_read_for_the_host_of_the_keys() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    let file = dir.path().join("pgpass");
    std::fs::write(&file, format!("localhost:*:*:*:another\n127.0.0.1:{port}:n:u s:hunter2\n")).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the program connects");
        let mut message = |head: usize| {
            let mut start = vec![0; head + 4];
            stream.read_exact(&mut start).expect("a message comes");
            let length = u32::from_be_bytes(start[head..].try_into().expect("four bytes"));
            let mut body = vec![0; length as usize - 4];
            stream.read_exact(&mut body).expect("the message is whole");
            // AuthenticationCleartextPassword, after the startup message (documentation, Message Formats).
            stream.write_all(b"R\0\0\0\x08\0\0\0\x03").expect("it is answered");
            body
        };
        (message(0), message(1))
    });
    let passfile = file.to_string_lossy().into_owned();
    let keys = [("DB_HOST", "127.0.0.1"), ("DB_PORT", &port), ("DB_NAME", "n"), ("DB_USER", "u s")];
    let output = run(&["verify"], &[&keys[..], &[("DB_SSLMODE", "disable"), ("PGPASSFILE", &passfile)]].concat());
    let (startup, password) = server.join().expect("the other end saw both messages");
    assert!(String::from_utf8_lossy(&startup).contains("user\0u s\0"), "the user is sent as it is");
    assert_eq!(password, b"hunter2\0");
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("hunter2"), "a password is never shown");
}
