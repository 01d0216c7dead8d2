//! The built command as its user runs it: good input, bad input, none. Its words are snapshots.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::csv::EXPORT;
use crate::harness::other;
use crate::harness::program::{named, run, run_in, stderr, stdout};
use crate::harness::{Place, Start, with_db};
use crate::schemas;
use crate::snapshots::Snapshot;
use crate::waiting::accept;

/// Of every command that the program's own help names.
#[test]
fn help_is_reviewed() {
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    Snapshot::help.check(&stdout(&output));
    let reviewed = [
        ("rehearse", Snapshot::help__rehearse),
        ("doctor", Snapshot::help__doctor),
        ("seed", Snapshot::help__seed),
        ("status", Snapshot::help__status),
        ("plan", Snapshot::help__plan),
        ("apply", Snapshot::help__apply),
        ("revert", Snapshot::help__revert),
        ("migrate", Snapshot::help__migrate),
        ("rollback", Snapshot::help__rollback),
        ("clean", Snapshot::help__clean),
        ("drift", Snapshot::help__drift),
        ("snapshot", Snapshot::help__snapshot),
        ("verify", Snapshot::help__verify),
        ("evidence", Snapshot::help__evidence),
        ("integrity", Snapshot::help__integrity),
        ("gate", Snapshot::help__gate),
        ("report", Snapshot::help__report),
        ("serve", Snapshot::help__serve),
        ("backup", Snapshot::help__backup),
        ("restore", Snapshot::help__restore),
        ("completions", Snapshot::help__completions),
        ("man", Snapshot::help__man),
    ];
    let reported = stdout(&output);
    let (_, commands) = reported.split_once("\nCommands:\n").expect("there is a list of commands");
    let lines = commands.lines().take_while(|it| !it.is_empty());
    // A description that goes on stands further to the right.
    let commands = lines.filter_map(|it| it.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let commands: Vec<&str> = commands.filter(|it| *it != "help").collect();
    assert_eq!(commands, reviewed.map(|it| it.0));
    for (command, snapshot) in reviewed {
        let output = run(&[command, "--help"], &[]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        snapshot.check(&stdout(&output));
    }
}

#[rstest]
#[case::no_database(Snapshot::error__no_database, &["migrate"], &[])]
#[case::url_unreadable(Snapshot::error__url_unreadable, &["--database-url", "mysql://u:hunter2@example.com/n", "migrate"], &[])]
#[case::url_with_a_bare_slash(Snapshot::error__url_with_a_bare_slash, &["--database-url", "postgres://u:12/hunter2@example.com/n", "migrate"], &[])]
#[case::url_with_a_bare_hash(Snapshot::error__url_with_a_bare_hash, &["--database-url", "postgres://u:12#hunter2@localhost/n", "migrate"], &[])]
#[case::url_with_a_bare_question_mark(Snapshot::error__url_with_a_bare_question_mark, &["--database-url", "postgres://u:12?hunter2@localhost/n", "migrate"], &[])]
#[case::unverified(Snapshot::error__unverified, &["--env", "prod", "--database-url", "postgres://u:hunter2@127.0.0.1:1/n?sslmode=require", "migrate"], &[])]
#[case::no_folder(Snapshot::error__no_folder, &["--config-dir", "/nowhere", "migrate"], &[])]
#[case::port_is_a_url(Snapshot::error__port_is_a_url, &["migrate"], &[("DB_HOST", "db"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PORT", "postgres://u:hunter2@h/db")])]
#[case::port(Snapshot::error__port, &["migrate"], &[("DB_HOST", "db"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PORT", "54x2")])]
#[case::half_named(Snapshot::error__half_named, &["migrate"], &[("DB_HOST", "db")])]
#[case::environment(Snapshot::error__environment, &["migrate"], &[("APP_ENV", "production")])]
#[case::schema(Snapshot::error__schema, &["migrate"], &[("DATABASE_SCHEMA", "public")])]
#[case::ssl_mode(Snapshot::error__ssl_mode, &["migrate"], &[("DB_SSLMODE", "maybe")])]
#[case::legacy_table(Snapshot::error__legacy_table, &["migrate"], &[("LEGACY_TABLE", "personal_account_dealing")])]
#[case::timeout(Snapshot::error__timeout, &["migrate"], &[("DB_CONNECT_TIMEOUT", "soon")])]
#[case::refused_port(Snapshot::error__refused_port, &["--database-url", "postgres://u:hunter2@127.0.0.1:1/n", "migrate"], &[])]
#[case::no_such_socket(Snapshot::error__no_such_socket, &["--database-url", "postgres:///n?host=/nowhere&user=u&password=hunter2", "verify"], &[])]
#[case::rows_of_two_kinds(Snapshot::error__rows_of_two_kinds, &["rehearse", "--rows", "5", "--source-url", "postgres://u:hunter2@h/n"], &[])]
#[case::rejects_folder(Snapshot::error__rejects_folder, &["--database-url", "postgres:///n?host=/nowhere", "migrate", "--rejects", "/nowhere/r.csv"], &[])]
fn bad_input_gets_one_sentence(
    #[case] snapshot: Snapshot,
    #[case] arguments: &[&str],
    #[case] variables: &[(&str, &str)],
) {
    let output = run(arguments, variables);
    snapshot.check_refused(&output);
    assert!(!stderr(&output).contains("hunter2"), "a password is never shown");
}

#[rstest]
#[case(&["migrate", "--batch-size", "0"], "--batch-size")]
#[case(&["migrate", "--jobs", "many"], "--jobs")]
#[case(&["migrate", "--rejects", "rejects.txt"], "--rejects")]
#[case(&["apply", "--lock-timeout", "5"], "--lock-timeout")]
#[case(&["apply", "--lock-timeout", "0s"], "--lock-timeout")]
#[case(&["migrate", "--limit", "-1"], "'-1'")]
#[case(&["clean"], "--employee")]
#[case(&["clean", "--employee", "me"], "--employee")]
#[case(&["gate", "--check-flags", "--allow-object", "ddl_log"], "write it as SCHEMA.TABLE")]
#[case(&["plan", "--allow-object", "padealing.pad_request"], "never for schema padealing; leave it out")]
#[case(&["apply", "--allow-object", "pg_catalog.pg_class"], "never for schema pg_catalog; leave it out")]
#[case(&["revert", "--to", "1", "--allow-object", "public."], "write it as SCHEMA.TABLE")]
#[case(&["rollback", "--run", "latest"], "write the whole id of a run")]
#[case(&["rollback", "--source-id", "x"], "--source-id")]
#[case(&["rollback", "--source-id", "1", "--run", "00000000-0000-0000-0000-000000000000"], "cannot be used with")]
#[case(&["rollback", "--dry-run", "--backup", "b.dump"], "cannot be used with")]
#[case(&["rehearse", "--rows", "0"], "--rows")]
#[case(&["rehearse", "--rows", "many"], "--rows")]
#[case(&["rehearse", "--rows", "100000001"], "--rows")]
#[case(&["rehearse", "--seed", "2"], "--rows")]
#[case(&["rehearse", "--rows", "2", "--seed", "-1"], "'-1'")]
#[case(&["seed", "--rows", "2", "--empty"], "--empty")]
#[case(&["postgres://u:hunter2@h/db", "verify"], "unrecognized subcommand")]
#[case(&["verify", "postgres://u:hunter2@h/db"], "unexpected argument")]
#[case(&["--env", "postgres://u:hunter2@h/db", "verify"], "possible values: local, dev, qa, prod")]
#[case(&["drift"], "--database-url")]
#[case(&[], "Usage: pad-migrate")]
fn usage_errors_are_2(#[case] arguments: &[&str], #[case] what: &str) {
    let output = run(arguments, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    // Whatever is right about the arguments, there is no database: the refusal must be about this one.
    assert!(stderr(&output).contains(what), "{}", stderr(&output));
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
    Snapshot::rehearse__fixtures.check(&stdout(&output));
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
    // Fields that are not there would be equal, too.
    assert_eq!((&report["verify"]["verified"], &report["counts"]["migrated"]), (&67.into(), &67.into()));
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
    assert!(report["counts"]["rejected"].as_u64().expect("a number") > 0);
    assert_eq!(
        (&report["unexpected"], &report["unexpected_total"]),
        (&Value::from(Vec::<Value>::new()), &Value::from(0))
    );
}

/// An outcome other than the expected one is reported: here the server changes two rows on their way into the table.
#[tokio::test]
async fn a_rehearsal_that_goes_otherwise_than_expected_says_so() {
    let server = other::start("").await;
    let tamper = "create function public.tamper() returns trigger language plpgsql as $$ begin \
             new.buysell := case new.id when 101 then 'X' when 3101 then 'B' else new.buysell end; return new; end $$; \
         create function public.arm() returns event_trigger language plpgsql as $$ begin \
             if to_regclass('public.personal_account_dealing') is not null \
                 and not exists (select from pg_trigger where tgname = 'tamper') then \
                 create trigger tamper before insert on public.personal_account_dealing \
                     for each row execute function public.tamper(); end if; end $$; \
         create event trigger arm on ddl_command_end when tag in ('CREATE TABLE') execute function public.arm()";
    // What a rehearsal's database is made from.
    server.execute("postgres", &["alter database template0 allow_connections true"]).await;
    server.execute("template0", &[tamper]).await;
    server.execute("postgres", &["alter database template0 allow_connections false"]).await;
    let url = server.url("postgres");
    let output = run(&["rehearse", "-q", "--provider", "url"], &[("PAD_TEST_DATABASE_URL", &url)]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let printed = stdout(&output);
    for unexpected in [
        "row 101 was rejected for buysell invalid_direction",
        "row 3101 was not rejected for buysell invalid_direction",
    ] {
        assert!(printed.contains(&format!("unexpected: {unexpected}\n")), "{printed}");
    }
    assert!(printed.contains("2 unexpected outcomes"), "{printed}");
}

/// Generated rows beside the fixtures' reference rows: seeding again changes nothing, and other rows than those that are
/// there are refused, whichever came first.
#[tokio::test]
async fn a_local_database_is_seeded_with_generated_rows() {
    with_db(Start::Reference, async |db| {
        let generated: &[&str] = &["seed", "--rows", "300", "--seed", "4"];
        for (snapshot, arguments) in
            [(Snapshot::local__seed_generated, generated), (Snapshot::local__seed_generated_again, generated)]
        {
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            snapshot.check(&stdout(&output));
        }
        assert_eq!(db.value("select count(*) from personal_account_dealing").await.as_deref(), Some("300"));
        assert_eq!(
            db.value("select reltuples from pg_class where relname = 'personal_account_dealing'").await.as_deref(),
            Some("300")
        );
        let go = |arguments: &[&str]| run(&[&["--database-url", &db.url], arguments].concat(), &[]);
        let refused = |arguments: &[&str], found: &str, wanted: &str| {
            let reported = stderr(&go(arguments));
            let rows =
                format!("holds other rows ({found}) than those that were asked for ({wanted}); name another database");
            assert!(reported.contains(&rows) && reported.lines().count() == 1, "{reported}");
        };
        for (arguments, wanted) in [
            (&["seed"] as &[&str], "fixtures"),
            (&["seed", "--rows", "500", "--seed", "4"], "generated, 500 rows, seed 4"),
            (&["seed", "--rows", "300"], "generated, 300 rows, seed 1"),
        ] {
            refused(arguments, "generated, 300 rows, seed 4", wanted);
        }
        assert_eq!(go(&["seed", "--empty"]).status.code(), Some(0), "the tables are there");
        // As the sentence says it.
        db.execute("drop table public.personal_account_dealing").await;
        assert_eq!(go(&["seed"]).status.code(), Some(0));
        refused(generated, "fixtures", "generated, 300 rows, seed 4");
    })
    .await;
}

/// An address on this machine may be the end of a tunnel: rows that seed didn't put there are not touched, and nothing is
/// created beside them.
#[tokio::test]
async fn rows_that_seed_did_not_make_are_refused() {
    with_db(Start::Empty, async |db| {
        db.execute(
            "create table public.personal_account_dealing (id int); insert into personal_account_dealing values (1)",
        )
        .await;
        let before = db.dump(&[]).await;
        for arguments in [&["seed"] as &[&str], &["seed", "--rows", "5"], &["seed", "--empty"]] {
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(2));
            let reported = stderr(&output);
            assert!(reported.contains("that seed did not put there, and they may be real; name another"), "{reported}");
            assert_eq!(db.dump(&[]).await, before);
        }
        // One kind of rows after the other, as a refusal says it, each with the people that it refers to.
        for arguments in [&["seed", "--rows", "5"] as &[&str], &["seed"]] {
            db.execute("drop table public.personal_account_dealing").await;
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        let lacking = "select count(*) from personal_account_dealing as p left join bo_airflow.oracle_employee as e \
                       on e.id = p.employee where p.employee < 20000 and e.id is null";
        assert_eq!(db.value(lacking).await.as_deref(), Some("0"));
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

        Snapshot::error__migrate_before_apply.check_refused(&named(go(&["migrate"]), &db));
        Snapshot::error__apply_without_yes.check_refused(&named(go(&["apply"]), &db));
        for (snapshot, code, arguments) in [
            (Snapshot::local__apply, 0, &["apply", "--yes"] as &[&str]),
            (Snapshot::local__apply_again, 0, &["apply"]),
            (Snapshot::local__seed, 0, &["seed"]),
            (Snapshot::local__seed_again, 0, &["seed"]),
            (Snapshot::local__verify_before_migrate, 1, &["verify"]),
            (Snapshot::local__migrate_dry_run, 1, &["migrate", "--dry-run"]),
            (Snapshot::local__migrate, 1, &["migrate", "--rejects", "rejects.csv"]),
            (
                Snapshot::local__migrate_again,
                1,
                &["migrate", "--rejects", "rejects.jsonl", "--on-missing-security", "null"],
            ),
            (Snapshot::local__verify, 0, &["verify"]),
        ] {
            let output = go(arguments);
            assert_eq!(output.status.code(), Some(code), "{snapshot:?}: {}", stderr(&output));
            snapshot.check(&stdout(&output));
        }
        let csv = std::fs::read_to_string(dir.path().join("rejects.csv")).expect("the file is written");
        Snapshot::local__rejects_csv.check(&csv);
        let jsonl = std::fs::read_to_string(dir.path().join("rejects.jsonl")).expect("the file is written");
        let first: Value = serde_json::from_str(jsonl.lines().next().expect("there is a line")).expect("it is JSON");
        for field in ["source_id", "field", "rule", "value", "message"] {
            assert!(first.get(field).is_some(), "{field}");
        }
        db.execute("update padealing.pad_request set estimated_value = 1 where id = 1901").await;
        let output = go(&["verify"]);
        assert_eq!(output.status.code(), Some(1));
        Snapshot::local__verify_corrupted.check(&stdout(&output));
        Snapshot::error__other_environment.check_refused(&named(
            run_in(dir.path(), &["--env", "dev", "--database-url", &db.url, "migrate"], &[("DB_SSLMODE", "disable")]),
            &db,
        ));
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
        Snapshot::error__seed_in_qa.check_refused(&named(env("qa"), &db));
        db.execute("create schema bo_airflow; comment on schema bo_airflow is 'theirs'").await;
        Snapshot::error__seed_beside_a_real_mirror.check_refused(&named(env("local"), &db));
    })
    .await;
}

/// A rehearsal of rows that were put into a database by hand, unknown columns and a rejection included.
#[tokio::test]
async fn a_real_source_is_rehearsed_and_only_read() {
    with_db(Start::Reference, async |db| {
        db.execute(
            "alter table personal_account_dealing add column \"Odd \"\"Name\" point, add column salary numeric; \
             insert into personal_account_dealing (id, employee, requested_date, status, inst_symbol, \"Odd \
                 \"\"Name\", salary) values (1, 1003, '2021-01-01', 'approved', 'ACME', '(1,2)', 1.50), \
                        (2, 1004, '2021-01-02', 'request', null, null, 'NaN')",
        )
        .await;
        let before = db.dump(&[]).await;
        let output = run(&["--source-url", &db.url, "rehearse"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("2 read, 2 migrated, 0 rejected"), "{}", stdout(&output));
        assert!(stdout(&output).contains("2 of 2 migrated rows verified"), "{}", stdout(&output));
        assert_eq!(db.dump(&[]).await, before);
        db.execute("insert into personal_account_dealing (id, employee, status) values (3, 4242, 'request')").await;
        let before = db.dump(&[]).await;
        let output = run(&["--database-url", &db.url, "--json", "rehearse", "--real-rows"], &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(report["verdict"], "ATTENTION: 1 row was rejected");
        let identity = &report["source_identity"];
        assert_eq!(
            (&identity["kind"], &identity["table"]),
            (&"table".into(), &"public.personal_account_dealing".into())
        );
        assert_eq!(identity["database"], db.place().name);
        assert_eq!(db.dump(&[]).await, before);
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
        let mut stream = accept(&listener);
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

/// The texts of a JSON, but for SQL.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| *name != "sql").flat_map(|(_, it)| texts(it)).collect()
        }
        _ => Vec::new(),
    }
}

/// What stands after the program's name wherever a text names a command. Each is complete.
#[track_caller]
fn named_commands<'t>(what: &str, text: &'t str) -> Vec<&'t str> {
    let is_command = |it: &&str| it.starts_with(|it: char| it.is_ascii_lowercase() || it == '-');
    let named: Vec<&str> = text.split("pad-migrate ").skip(1).filter(is_command).collect();
    for after in &named {
        let rest = after.strip_prefix("--env qa ").unwrap_or_else(|| panic!("{what}: {text}"));
        let of_rows = ["gate", "migrate", "rehearse", "rollback", "verify"];
        assert!(!of_rows.iter().any(|it| rest.starts_with(it)), "{what} lacks --source-csv: {text}");
    }
    named
}

/// What each command that prints JSON, or another document, is asked in turn, with and without its work done.
const ASKED: [&str; 40] = [
    "status --json",
    "doctor --json",
    "plan --json",
    "drift --json",
    "gate --json --stage before --freeze-seconds 0",
    "gate --json",
    "integrity --json",
    "verify --json",
    "report --json",
    "verify --json --evidence it.evidence",
    "evidence check --json it.evidence",
    "evidence show --json 1",
    "migrate --json",
    "rollback --json --yes",
    "backup --json --out it.dump",
    "apply --json --yes",
    "migrate --json --rejects it.csv",
    "status --json",
    "doctor --json",
    "drift --format markdown",
    "drift --format sarif",
    "drift --format github",
    "drift --format sql",
    "plan --format sql",
    "gate --json",
    "gate --format junit",
    "integrity --json",
    "integrity --format junit",
    "verify --json",
    "clean --json --employee 1003 --dry-run",
    "report --json",
    "report",
    "report --format markdown",
    "backup --json --out it.dump",
    "restore --json --from it.dump --yes",
    "rollback --json --dry-run",
    "rollback --json",
    "rehearse --json",
    "revert --json --to 0",
    "revert --json --to 0 --yes",
];

/// The same of JSON and its like, of each command that prints it.
#[tokio::test]
async fn commands_in_documents_name_the_environment_and_the_file() {
    with_db(Start::Reference, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let (mut seen, mut environments, mut files) = (BTreeSet::new(), 0, 0);
        for command in ASKED {
            let global = ["--env", "qa", "--database-url", &db.url, "--source-csv", EXPORT];
            let arguments = [&global[..], &command.split(' ').collect::<Vec<_>>()].concat();
            let printed = stdout(&run_in(dir.path(), &arguments, &[("DB_SSLMODE", "disable")]));
            let named = match serde_json::from_str::<Value>(&printed) {
                Ok(json) => {
                    seen.extend(json["command"].as_str().map(str::to_owned));
                    texts(&json).into_iter().flat_map(|it| named_commands(command, it)).map(str::to_owned).collect()
                }
                // The name of a JUnit report isn't a command.
                Err(_) => named_commands(command, &printed.replace("name=\"pad-migrate ", ""))
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            };
            environments += named.len();
            files += named.iter().filter(|it| it.contains(&format!("--source-csv {EXPORT} "))).count();
        }
        assert_eq!(seen, schemas::commands().into_iter().map(str::to_owned).collect());
        assert!(environments > 20 && files > 5, "{environments} {files}");
    })
    .await;
}

/// A command that is pasted from an output works on the database that the output is about.
#[tokio::test]
async fn commands_in_texts_name_the_environment() {
    with_db(Start::Reference, async |db| {
        let tls = [("DB_SSLMODE", "disable")];
        let at = |arguments: &[&str]| run(&[&["--database-url", &db.url], arguments].concat(), &tls);
        let named = at(&["--env", "qa", "status"]);
        assert!(stdout(&named).contains("`pad-migrate --env qa apply`"), "{}", stdout(&named));
        let refused = at(&["--env", "qa", "migrate"]);
        assert!(stderr(&refused).contains("`pad-migrate --env qa "), "{}", stderr(&refused));
        // local is what is meant without a name.
        let unnamed = at(&["status"]);
        assert!(stdout(&unnamed).contains("`pad-migrate apply`"), "{}", stdout(&unnamed));
    })
    .await;
}
