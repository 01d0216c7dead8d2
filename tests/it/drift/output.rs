//! What `drift` and `snapshot` print, run as their users run them.

use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use super::cases::run as execute;
use super::laws::catalog_of;
use crate::harness::program::{named, run, stderr, stdout};
use crate::harness::proxy::{NewOnes, Proxy};
use crate::harness::{Db, Role, Start, with_db};
use crate::snapshots::Snapshot;
use crate::waiting::until;
use pad_migrate::postgres::session::Session;

/// Changes of every severity, in the application schema and in the reference schema.
const DRIFTED: &str = "
    alter table padealing.pad_approval rename column decision to verdict;
    alter table padealing.pad_request alter column ticker type varchar(20) collate \"C\";
    alter table padealing.pad_request drop constraint pad_request_status_check;
    alter table padealing.pad_request add constraint pad_request_status_check check (status in ('pending', \
    'approved', 'denied'));
    drop index padealing.pad_request_isin_key;
    revoke delete on padealing.pad_request from pad_migrate_app;
    grant select on padealing.pad_request to pad_migrate_stranger;
    create or replace function padealing.touch() returns trigger language plpgsql as $$ begin
  new.created_at := clock_timestamp();
  return new;
end $$;
    create table padealing.active_stocks (id bigint primary key, ticker text);
    insert into padealing.active_stocks select id, null from generate_series(1, 3) as id;
    create table padealing.\"Odd | name\" (id bigint);
    insert into padealing.\"Odd | name\" values (1), (2);
    comment on table padealing.pad_request is 'A `comment` with % and | and
two lines';
    alter index padealing.pad_approval_request_id_idx rename to ix_padealing_pad_approval_request_id;
    alter table bo_airflow.oracle_employee drop column email;
    alter table bo_airflow.oracle_employee add column desk text;
    grant update on bo_airflow.oracle_employee to pad_migrate_app;
";

const EXCEPTIONS: &str = r#"
[[exception]]
name = "stranger reads"
kind = "privilege_gained"
object = "pad_request for pad_migrate_stranger"
reason = "Audit of 2026, agreed with the data owner (ada@example.com)"
expires = 2999-12-31

[[exception]]
name = "old comment"
kind = "table_comment"
object = "pad_request"
reason = "the text is a draft"
expires = 2020-01-31

[[exception]]
name = "gone"
kind = "column_missing"
schema = "bo_airflow"
object = "oracle_employee.surname"
reason = "the column is not used"
expires = 2999-12-31
"#;

/// Runs the program on a database that has drifted from a snapshot of it.
async fn output_as(format: &str) -> (Option<i32>, String) {
    let mut result = None;
    with_db(Start::Drift, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let path = |name: &str| folder.path().join(name).to_str().expect("a path in UTF-8").to_owned();
        let (snapshot, exceptions) = (path("base.json"), path("exceptions.toml"));
        std::fs::write(&exceptions, EXCEPTIONS).expect("the file can be written");
        let output = run(&["--database-url", &db.url, "snapshot", "--out", &snapshot], &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
        db.execute(DRIFTED).await;
        db.execute("analyze").await;
        let arguments = ["drift", "--expected", &snapshot, "--exceptions", &exceptions, "--format", format];
        let output = run(&[&["--database-url", &db.url][..], &arguments].concat(), &[]);
        let (text, output_code) = (stdout(&output), output.status.code());
        assert_eq!(stderr(&output), "");
        let place = db.database.place();
        let user = db.place().user;
        let version =
            db.value("select split_part(current_setting('server_version'), ' ', 1)").await.expect("a version");
        let text = text.replace(&place, "PLACE").replace(&snapshot, "base.json").replace(&version, "VERSION");
        let text = text.replace(&format!(" {user}"), " OWNER");
        result = Some((output_code, text));
    })
    .await;
    result.expect("the body has run")
}

#[rstest]
#[case::text("text", Snapshot::drift__text)]
#[case::json("json", Snapshot::drift__json)]
#[case::markdown("markdown", Snapshot::drift__markdown)]
#[case::junit("junit", Snapshot::drift__junit)]
#[case::sarif("sarif", Snapshot::drift__sarif)]
#[case::github("github", Snapshot::drift__github)]
#[case::sql("sql", Snapshot::drift__sql)]
#[tokio::test]
async fn findings_are_printed_in_every_format(#[case] format: &str, #[case] snapshot: Snapshot) {
    let (code, text) = output_as(format).await;
    assert_eq!(code, Some(1), "{text}");
    if format == "sarif" {
        check_sarif(&text);
    }
    snapshot.check(&text);
}

/// What a release manager sees before the cutover: the first screen has what matters, and nothing is repeated.
#[tokio::test]
async fn a_database_made_by_alembic_is_compared_with_migrations() {
    with_db(Start::Alembic, async |db| {
        let output = run(
            &["--database-url", &db.url_as(Role::Reader).await, "drift"],
            &[
                ("DB_OWNER_ROLE", Role::Owner.name()),
                ("DB_APP_ROLE", Role::App.name()),
                ("DB_READER_ROLE", Role::Reader.name()),
            ],
        );
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
        let owner = db.place().user;
        let version =
            db.value("select split_part(current_setting('server_version'), ' ', 1)").await.expect("a version");
        let text = stdout(&output).replace(&format!(" {owner}\n"), " OWNER\n").replace(&version, "VERSION");
        let text: String = text.lines().filter(|it| !it.starts_with("Live")).map(|it| format!("{it}\n")).collect();
        Snapshot::drift__alembic.check(&text);
    })
    .await;
}

/// Valid by the schema of the standard (`fixtures/sarif/README.md` says where it comes from).
#[track_caller]
fn check_sarif(text: &str) {
    let schema = include_str!("../../../fixtures/sarif/sarif-schema-2.1.0.json");
    let mut schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    // This pattern of the standard is not a regular expression; the property, a language, is not in our output.
    for part in ["run", "toolComponent"] {
        let language = schema["definitions"][part]["properties"]["language"].as_object_mut();
        language.expect("it is there").remove("pattern");
    }
    let instance: Value = serde_json::from_str(text).expect("the output is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is right");
    let errors: Vec<String> =
        validator.iter_errors(&instance).map(|it| format!("{it} at {}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    // The validator refuses what is invalid.
    assert!(!validator.is_valid(&serde_json::json!({ "version": "2.1.0" })));
}

fn drift(url: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["--database-url", url, "drift", "--format", "json"], more].concat(), &[]);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    // The server counts use in its own time.
    for finding in report["findings"].as_array_mut().expect("a list") {
        if let Some(facts) = finding["facts"].as_object_mut() {
            facts.remove("use");
        }
    }
    (output.status.code(), report)
}

/// A role without privileges sees what a superuser sees.
#[tokio::test]
async fn a_role_without_any_privilege_finds_the_same() {
    with_db(Start::Drift, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let snapshot = folder.path().join("base.json").to_str().expect("a path in UTF-8").to_owned();
        let stranger = db.url_as(Role::Stranger).await;
        let output = run(&["--database-url", &stranger, "snapshot", "--out", &snapshot], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(drift(&db.url, &["--expected", &snapshot]).1["findings"], serde_json::json!([]));
        db.execute(DRIFTED).await;
        let (code, of_superuser) = drift(&db.url, &["--expected", &snapshot]);
        let (other_code, of_stranger) = drift(&stranger, &["--expected", &snapshot]);
        assert_eq!((code, other_code), (Some(1), Some(1)));
        assert!(of_superuser["findings"].as_array().expect("a list").len() > 10);
        assert_eq!(of_superuser["findings"], of_stranger["findings"]);
    })
    .await;
}

/// Nothing is written, and no lock is taken but ACCESS SHARE, the only one that does not conflict with EXCLUSIVE.
#[tokio::test]
async fn drift_reads_only() {
    with_db(Start::Drift, async |db| {
        // Sessions report what they have done within a second: a count that stays is one that is complete.
        let written = "select (tup_inserted + tup_updated + tup_deleted)::text from pg_stat_database where datname = \
            current_database()";
        let count = async |db: &Db| {
            let mut last = db.value(written).await;
            until("no session reports what it has written", async || {
                tokio::time::sleep(Duration::from_millis(1200)).await;
                let now = db.value(written).await;
                (std::mem::replace(&mut last, now.clone()) == now).then_some(now)
            })
            .await
        };
        let mut holder = Session::from(db.connect().await);
        let lock = "do $$ declare it regclass; begin \
                        for it in select oid from pg_class where relkind in ('r', 'p') and relnamespace in \
                            ('padealing'::regnamespace, 'bo_airflow'::regnamespace, 'pg_catalog'::regnamespace) \
                        loop execute format('lock table %s in exclusive mode', it); end loop; end $$";
        execute(&mut holder, "begin").await.expect("a transaction begins");
        // A lock on the shared catalogs would stop every other test of this server.
        let lock = lock.replace("relkind in ('r', 'p')", "relkind in ('r', 'p') and not relisshared");
        execute(&mut holder, &lock).await.expect("the tables are locked");
        let before = count(&db).await;
        let output = run(&["--database-url", &db.url, "snapshot"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = run(&["--database-url", &db.url, "drift"], &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_eq!(count(&db).await, before);
        execute(&mut holder, "rollback").await.expect("the locks are gone");
        db.execute("create table public.written ()").await;
        assert_ne!(count(&db).await, before, "what is written is counted");
        // A table that is being altered is not waited for forever, and a catalog that could not be read is not clean.
        execute(&mut holder, "begin; lock table padealing.pad_request in access exclusive mode").await.expect("a lock");
        let since = Instant::now();
        let mut output = named(run(&["--database-url", &db.url, "drift"], &[]), &db);
        // Who holds it is said after two seconds.
        let text = stderr(&output);
        let (waiting, sentence) = text.split_once('\n').expect("two lines");
        assert!(waiting.starts_with("pad-migrate: waiting for a lock that process "), "{waiting}");
        let (before, rest) = sentence.split_once(" is locked by ").expect("who holds the lock");
        let (who, after) = rest.split_once(", and its").expect("a sentence");
        assert!(who.contains("(process ") && who.contains(", idle in transaction since "), "{who}");
        output.stderr = format!("{before} is locked by HOLDER, and its{after}").into();
        Snapshot::error__drift_locked.check_refused(&output);
        assert!(since.elapsed() < Duration::from_secs(30));
        holder.close().await.expect("the connection closes");
    })
    .await;
}

/// A server that stops answering: everything passes until the catalog is asked for, and nothing afterwards.
#[tokio::test]
async fn drift_ends_by_itself_when_the_server_stalls() {
    with_db(Start::Drift, async |db| {
        let proxy = Proxy::silenced_by(&db, "'schema' as kind", NewOnes::AreSilent);
        let url = proxy.url(&db, &db.url_as(Role::Stranger).await);
        let name = db.place().name;
        let variables = [("DB_CONNECT_TIMEOUT", "1"), ("DB_SSLMODE", "disable")];
        let since = Instant::now();
        let mut output = run(&["--database-url", &url, "drift"], &variables);
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
        output.stderr =
            stderr(&output).replace(&proxy.port.to_string(), "PORT").replace(&name, "DATABASE").into_bytes();
        Snapshot::error__drift_stalled.check_refused(&output);
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_compared_is_refused_in_one_sentence() {
    with_db(Start::Applied, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the file can be written");
            path.to_str().expect("a path in UTF-8").to_owned()
        };
        let snapshot = stdout(&run(&["--database-url", &db.url, "snapshot"], &[]));
        let verify = stdout(&run(&["--database-url", &db.url, "drift", "--format", "json"], &[]));
        let empty =
            snapshot.split("\"schemas\": [").next().expect("a head").to_owned() + "\"schemas\": [], \"objects\": []}";
        let exception = "[[exception]]\nname = \"a\"\nkind = \"table_missing\"\nobject = \"b\"\nreason = \
            \"c\"\nexpires = 2999-01-01\n";
        let cases: Vec<(Snapshot, Vec<String>)> = vec![
            (Snapshot::error__drift_no_file, vec!["--expected".into(), "/nowhere/base.json".into()]),
            (Snapshot::error__drift_no_json, vec!["--expected".into(), file("a.json", "select 1")]),
            (Snapshot::error__drift_other_output, vec!["--expected".into(), file("b.json", &verify)]),
            (
                Snapshot::error__drift_newer,
                vec!["--expected".into(), file("c.json", &snapshot.replace("\"format\": 1", "\"format\": 99"))],
            ),
            (
                Snapshot::error__drift_unknown_property,
                vec!["--expected".into(), file("d.json", &snapshot.replacen("\"owner\"", "\"colour\"", 1))],
            ),
            (Snapshot::error__drift_nothing_expected, vec!["--expected".into(), file("e.json", &empty)]),
            (Snapshot::error__drift_no_schema, vec!["--schema".into(), "public".into()]),
            (
                Snapshot::error__drift_no_database,
                vec!["--expected".into(), "postgres://nobody@127.0.0.1:1/nothing".into()],
            ),
            (Snapshot::error__drift_exceptions_no_file, vec!["--exceptions".into(), "/nowhere/exceptions.toml".into()]),
            (Snapshot::error__drift_exceptions_no_toml, vec!["--exceptions".into(), file("a.toml", "exception = 1")]),
            (
                Snapshot::error__drift_exceptions_no_reason,
                vec!["--exceptions".into(), file("b.toml", &exception.replace("\"c\"", "\" \""))],
            ),
            (
                Snapshot::error__drift_exceptions_no_kind,
                vec!["--exceptions".into(), file("c.toml", &exception.replace("table_missing", "table_lost"))],
            ),
            (
                Snapshot::error__drift_exceptions_no_date,
                vec!["--exceptions".into(), file("d.toml", &exception.replace("2999-01-01", "12:00:00"))],
            ),
            (
                Snapshot::error__drift_exceptions_twice,
                vec!["--exceptions".into(), file("e.toml", &exception.repeat(2))],
            ),
            (
                Snapshot::error__drift_exceptions_field,
                vec!["--exceptions".into(), file("f.toml", &exception.replace("expires", "until"))],
            ),
        ];
        for (snapshot, more) in cases {
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let mut output = named(run(&[&["--database-url", &db.url, "drift"], &more[..]].concat(), &[]), &db);
            output.stderr = stderr(&output)
                .replace(folder.path().to_str().expect("UTF-8"), "FOLDER")
                .replace("127.0.0.1", "SERVER")
                .into_bytes();
            snapshot.check_refused(&output);
        }
        with_db(Start::Reference, async |other| {
            let mut output = named(run(&["--database-url", &db.url, "drift", "--expected", &other.url], &[]), &db);
            output.stderr = stderr(&named(output.clone(), &other)).into_bytes();
            Snapshot::error__drift_wrong_database.check_refused(&output);
        })
        .await;
        let arguments = ["--database-url", &db.url, "snapshot", "--schema", "nowhere", "--out"];
        let out = folder.path().join("never.json");
        let output = run(&[&arguments[..], &[out.to_str().expect("UTF-8")]].concat(), &[]);
        assert!(!out.exists(), "nothing is written");
        Snapshot::error__snapshot_no_schema.check_refused(&named(output, &db));
    })
    .await;
}

/// Another database instead of a file, with --fail-on and --schema.
#[tokio::test]
async fn two_databases_are_compared() {
    with_db(Start::Applied, async |one| {
        with_db(Start::Applied, async |other| {
            let expected = ["--expected", one.url.as_str()];
            assert_eq!(drift(&other.url, &expected).0, Some(0));
            other
                .execute(
                    "comment on table padealing.pad_request is 'x'; drop index padealing.pad_breach_employee_id_idx",
                )
                .await;
            let (code, report) = drift(&other.url, &expected);
            assert_eq!(code, Some(1));
            assert_eq!(report["counts"], serde_json::json!({"breaking": 0, "warning": 1, "info": 1}));
            assert_eq!(drift(&other.url, &[&expected[..], &["--fail-on", "breaking"]].concat()).0, Some(0));
            assert_eq!(drift(&other.url, &[&expected[..], &["--schema", "bo_airflow"]].concat()).0, Some(0));
            other.execute("create index pad_breach_employee_id_idx on padealing.pad_breach (employee_id)").await;
            assert_eq!(drift(&other.url, &[&expected[..], &["--fail-on", "info"]].concat()).0, Some(1));
        })
        .await;
    })
    .await;
}

/// Names that need quotes, a thousand tables, 1,600 columns, and extensions.
#[tokio::test]
async fn a_catalog_with_unusual_names_and_sizes() {
    with_db(Start::Empty, async |db| {
        let long = "l".repeat(63);
        db.execute(&format!(
            "create schema padealing; create schema bo_airflow; \
             create table padealing.\"Quote\"\"d 100%% näme\" (\"a \"\"b\"\"\" int primary key, \"new\nline\" text \
             default 'x''y', \"{long}\" int); \
             create view padealing.\"select\" as select \"new\nline\" as \"from\" \
             from padealing.\"Quote\"\"d 100%% näme\"; \
             create index \"i . i\" on padealing.\"Quote\"\"d 100%% näme\" (lower(\"new\nline\")); \
             create function padealing.\"f(x)\"(\"select\" int) returns int language sql as 'select 1'; \
             create extension hstore schema padealing; create extension pg_trgm schema padealing; \
             create extension tablefunc schema padealing; create extension postgres_fdw schema padealing; \
             create extension pg_stat_statements schema padealing; \
             do $$ begin for it in 1..1000 loop \
                 execute format('create table padealing.t%s (id bigint primary key, note text, other bigint)', it); \
                 execute format('create index on padealing.t%s (note)', it); end loop; end $$"
        ))
        .await;
        db.execute(
            "do $$ begin execute 'create table padealing.wide (' || \
                 (select string_agg('c' || it || ' int', ', ') from generate_series(1, 1600) it) || ')'; end $$",
        )
        .await;
        let folder = tempfile::tempdir().expect("a directory is made");
        let snapshot = folder.path().join("base.json").to_str().expect("a path in UTF-8").to_owned();
        let output = run(&["--database-url", &db.url, "snapshot", "--out", &snapshot], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let (code, report) = drift(&db.url, &["--expected", &snapshot]);
        assert_eq!((code, &report["findings"]), (Some(0), &serde_json::json!([])));
        let found = catalog_of(&db).await;
        assert!(
            !found.objects.keys().any(|it| it.name.contains("similarity")),
            "objects of an extension are not \
            compared"
        );
        db.execute(
            "alter table padealing.\"Quote\"\"d 100%% näme\" drop column \"a \"\"b\"\"\"; \
             alter table padealing.wide drop column c800; drop table padealing.t7",
        )
        .await;
        let (_, report) = drift(&db.url, &["--expected", &snapshot]);
        let findings = report["findings"].as_array().expect("a list");
        let objects: Vec<&str> = findings.iter().filter_map(|it| it["object"].as_str()).collect();
        assert_eq!(objects, ["Quote\"d 100%% näme.a \"b\"", "t7", "wide.c800"]);
        for format in ["text", "markdown", "junit", "sarif", "github", "sql"] {
            let output = run(&["--database-url", &db.url, "drift", "--expected", &snapshot, "--format", format], &[]);
            assert_eq!(output.status.code(), Some(1), "{format}: {}", stderr(&output));
        }
        // Two databases that have nothing in common.
        with_db(Start::Applied, async |other| {
            let (code, report) = drift(&other.url, &["--expected", &snapshot]);
            assert_eq!(code, Some(1));
            assert_eq!(report["findings"][0]["kind"], "schema_empty");
        })
        .await;
    })
    .await;
}
