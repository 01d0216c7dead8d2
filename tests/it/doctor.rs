//! `doctor`: what a release manager reads of the databases that there are, and what each fact leads to.

use std::collections::BTreeSet;
use std::path::Path;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{run, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, roles, with_db};
use crate::snapshots::Snapshot;
use crate::waiting;
use pad_migrate::base::version::SUPPORTED;
use pad_migrate::checks::check::{Check, Status};
use pad_migrate::checks::doctor::checks;
use pad_migrate::checks::expectations::Expectations;
use pad_migrate::checks::facts::{
    Attribute, CollationChange, Filled, PasswordExpiry, Relation, Role as Connected, Rows, SchemaRights, Server,
    TableRights, TargetFacts, Usage,
};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::report::doctor::CheckJson;
use pad_migrate::schema::relation::UnknownRelation;

/// The keys that name the roles of the test server.
fn role_keys() -> [(&'static str, &'static str); 3] {
    [("DB_OWNER_ROLE", Role::Owner.name()), ("DB_APP_ROLE", Role::App.name()), ("DB_READER_ROLE", Role::Reader.name())]
}

/// Exit code and report of an examination of a database as a role.
async fn examine(db: &Db, role: Role, environment: &str, more: &[&str]) -> (Option<i32>, Value) {
    let url = db.url_as(role).await;
    let arguments = ["--env", environment, "--database-url", &url, "doctor", "--format", "json"];
    let output = run(&[&arguments, more].concat(), &[&role_keys()[..], &[("DB_SSLMODE", "disable")]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    assert_eq!(stderr(&output), "", "nothing but the result is said");
    (output.status.code(), report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("there are checks");
    checks.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("there is no check {name}"))
}

fn message<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["message"].as_str().expect("it is a text")
}

/// Status and name of each check that is not as it should be.
fn noticed(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().expect("there are checks").iter();
    let line = |it: &Value| format!("{} {}", it["status"], it["name"]).replace('"', "");
    checks.map(line).filter(|it| it.starts_with("warn") || it.starts_with("fail")).collect()
}

/// What Alembic left in QA, as the application's role sees it: what is printed, but for what differs from server to
/// server.
#[tokio::test]
async fn the_qa_look_alike_reads_as_something_to_act_on() {
    with_db(Start::Alembic, async |db| {
        let url = db.url_as(Role::App).await;
        for width in ["60", "80", "140"] {
            let dir = tempfile::tempdir().expect("a directory is made");
            let keys = [&role_keys()[..], &[("DB_SSLMODE", "disable")]].concat();
            let mut command = std::process::Command::new(crate::harness::program());
            command.args(["--env", "qa", "--database-url", &url, "doctor"]).envs(keys).current_dir(dir.path());
            let output = waiting::output(command.env("COLUMNS", width));
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            let text = stdout(&output);
            let wide: usize = width.parse().expect("a number");
            for line in text.lines() {
                assert!(line.chars().count() <= wide, "{width}: {line}");
                assert_eq!(line.trim_end(), line, "no blanks at the end");
            }
            if width == "140" {
                let (from, to) = (text.find("\nTables\n"), text.find("\nTables by schema\n"));
                let shown = &text[from.expect("there is a section")..to.expect("there is a section")];
                let today = db.value("pg_postmaster_start_time()::date").await.expect("there is a day");
                let owner = db.place().user;
                let shown =
                    shown.replace(&today, "YYYY-MM-DD").replace(&format!("its owner, {owner}"), "its owner, OWNER");
                let lines = shown.lines().map(|line| match line.split_whitespace().next() {
                    Some("size") => "    size            SIZE".to_owned(),
                    Some("owner") => line.replace(&owner, "OWNER"),
                    _ => line.replace(&format!("belongs to {owner},"), "belongs to OWNER,"),
                });
                Snapshot::doctor__qa.check(&lines.collect::<Vec<_>>().join("\n"));
                let tables = text[to.expect("there is a section")..].lines();
                assert_eq!(tables.filter(|it| it.ends_with(" kB")).count(), 30, "{text}");
            }
        }
    })
    .await;
}

/// Nothing to look at, exit 0: a local database that has gone the whole way.
#[tokio::test]
async fn a_local_database_that_is_all_there_is_clean() {
    with_db(Start::Migrated, async |db| {
        let output = run(&["--database-url", &db.url, "doctor"], &role_keys());
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        assert!(stdout(&output).ends_with("Verdict       CLEAN: no check failed or warned\n"), "{}", stdout(&output));
        let output = run(&["--database-url", &db.url, "doctor", "--exact", "--format", "json"], &role_keys());
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        assert_eq!((&report["outcome"], &report["command"]), (&Value::from("clean"), &Value::from("doctor")));
        for field in ["tool", "version", "environment", "server_version"] {
            assert!(report[field].is_string(), "{field}");
        }
        let rows = check(&report, "tables")["rows"].as_array().expect("there are rows");
        assert!(rows.len() > 20, "{} tables", rows.len());
        for row in rows {
            let table =
                format!("{}.{}", row["schema"].as_str().expect("a text"), row["table"].as_str().expect("a text"));
            let counted = db.value(&format!("select count(*) from {table}")).await.expect("there is a count");
            assert_eq!((row["rows"].to_string(), &row["row_count_is"]), (counted, &Value::from("counted")), "{table}");
        }
        let coloured = run(&["--color", "always", "--database-url", &db.url, "doctor"], &[]);
        assert!(stdout(&coloured).contains("\n  \x1b[32mpass\x1b[0m  configuration"), "{}", stdout(&coloured));
        let verdict = "\nVerdict       \x1b[1m\x1b[31mATTENTION\x1b[0m: ";
        let unreachable = run(
            &["--color", "always", "--source-url", "postgres://u@127.0.0.1:1/n", "--database-url", &db.url, "doctor"],
            &[],
        );
        assert!(stdout(&unreachable).contains(verdict), "{}", stdout(&unreachable));
    })
    .await;
}

/// Who may do what: each role's examination says what it may, and what it lacks, in SQL that mends it.
#[tokio::test]
async fn each_role_reads_what_it_can_do() {
    with_db(Start::Migrated, async |db| {
        db.execute("grant select on public.personal_account_dealing to public").await;
        let (_, owner) = examine(&db, Role::Owner, "local", &[]).await;
        let yes = "as pad_migrate_owner – checks: yes; apply: nothing is pending; migrate: yes";
        assert_eq!(message(&owner, "privileges"), yes);
        let (code, reader) = examine(&db, Role::Reader, "local", &[]).await;
        let reported = message(&reader, "privileges");
        assert!(
            reported.starts_with(
                "as pad_migrate_reader – checks: yes; apply: nothing is pending; migrate: no (no INSERT on audit_log, "
            ),
            "{reported}"
        );
        assert_eq!((code, noticed(&reader)), (Some(0), Vec::<String>::new()));
        let (code, stranger) = examine(&db, Role::Stranger, "local", &[]).await;
        assert_eq!(code, Some(1));
        assert!(noticed(&stranger).contains(&"fail privileges".to_owned()));
        assert!(noticed(&stranger).contains(&"warn reference_tables".to_owned()), "{:?}", noticed(&stranger));
        assert_eq!(check(&stranger, "revision")["status"], "skip");
        let reported = message(&stranger, "privileges");
        let (_, sql) = reported.split_once("have these granted: ").expect("it says what it lacks");
        db.execute(sql).await;
        let (_, stranger) = examine(&db, Role::Stranger, "local", &["--exact"]).await;
        assert!(message(&stranger, "privileges").starts_with("as pad_migrate_stranger – checks: yes; "));
        assert_eq!(noticed(&stranger), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_the_roles_lack_or_have_too_much_of_is_named() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "grant select on public.personal_account_dealing to public; \
             revoke insert, update on padealing.pad_breach from pad_migrate_app; \
             revoke usage on sequence padealing.migration_mapping_id_seq from pad_migrate_app; \
             revoke references on bo_airflow.oracle_employee from pad_migrate_owner; \
             grant update on bo_airflow.currency to pad_migrate_app; grant create on schema bo_airflow to \
             pad_migrate_app; \
             grant create on schema padealing to pad_migrate_reader; grant delete on padealing.audit_log to \
             pad_migrate_reader",
        )
        .await;
        let (code, report) = examine(&db, Role::Owner, "local", &[]).await;
        assert_eq!(code, Some(1));
        assert_eq!(noticed(&report), ["fail role_privileges"]);
        let reported = message(&report, "role_privileges");
        for lack in [
            "pad_migrate_app (app) lacks: grant insert, update on padealing.\"pad_breach\" to \"pad_migrate_app\"",
            "grant usage on all sequences in schema padealing to \"pad_migrate_app\"",
            "(owner) lacks: grant references on bo_airflow.\"oracle_employee\" to \"pad_migrate_owner\"",
        ] {
            assert!(reported.contains(lack), "{reported}");
        }
        assert!(!reported.contains("(reader)"), "{reported}");
        let reported = message(&report, "excess_privileges");
        for excess in [
            "pad_migrate_app can write to currency of bo_airflow",
            "pad_migrate_app can create objects in bo_airflow",
            "pad_migrate_reader can write to audit_log of padealing, which it doesn't need",
            "pad_migrate_reader can create objects in padealing",
        ] {
            assert!(reported.contains(excess), "{reported}");
        }
    })
    .await;
}

/// The particulars of an unexpected relation, and the recommendation, from a real database.
#[tokio::test]
async fn an_unknown_table_is_described_and_left_alone() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "create table padealing.depended (id int primary key); create view public.onlooker as select * \
             from padealing.depended; \
             create table public.child (d int references padealing.depended); \
             create table padealing.empty (a numeric(4,1), \"B c\" text); comment on table padealing.empty is 'it''s \
             unused'; \
             create table padealing.kept (a int); comment on table padealing.kept is 'Kept on purpose: the auditors \
             want it'; \
             create table padealing.alembic_version (version_num varchar(32)); create extension if not exists \
             pg_trgm schema padealing",
        )
        .await;
        let (code, report) = examine(&db, Role::Owner, "local", &[]).await;
        assert_eq!(code, Some(1));
        let unknown = check(&report, "unknown_tables");
        assert_eq!(unknown["status"], "warn");
        assert!(message(&report, "unknown_tables").starts_with("padealing has unknown relations: depended, empty. "));
        let rows = unknown["rows"].as_array().expect("there are rows");
        let names: Vec<&Value> = rows.iter().map(|it| &it["table"]).collect();
        assert_eq!(names, ["depended", "empty", "kept"]);
        assert_eq!(rows[0]["recommendation"], "keep");
        assert_eq!(rows[0]["dependents"], "constraint child_d_fkey on table public.child, view public.onlooker");
        // Whose use is known for a day is not known.
        assert_eq!(
            (&rows[1]["recommendation"], &rows[1]["columns"]),
            (&"keep".into(), &"a numeric(4,1), B c text".into())
        );
        assert!(rows[1]["reason"].as_str().expect("a text").contains("only: check again later"));
        let sql = rows[1]["sql"].as_str().expect("it is a text");
        assert_eq!(sql, "comment on table padealing.\"empty\" is 'Kept on purpose: … (it''s unused)'");
        assert_eq!(rows[2]["comment"], "Kept on purpose: the auditors want it");
        let there = db.value("to_regclass('padealing.empty') is not null").await;
        assert_eq!(there.as_deref(), Some("true"), "it is never dropped");
        // Following the advice ends the warning.
        db.execute(sql).await;
        db.execute("comment on table padealing.depended is 'Kept on purpose: …'").await;
        let (_, report) = examine(&db, Role::Owner, "local", &[]).await;
        assert_eq!(check(&report, "unknown_tables")["status"], "pass");
        assert_eq!(message(&report, "other_managers").split(' ').next(), Some("Alembic"));
    })
    .await;
}

/// The legacy table in a database of its own is looked for there; one that can't be asked is a failed check.
#[tokio::test]
async fn the_source_is_examined_where_it_is() {
    with_db(Start::Migrated, async |target| {
        with_db(Start::Seeded, async |source| {
            target.execute("drop table public.personal_account_dealing").await;
            source.execute("analyze public.personal_account_dealing").await;
            let go = |url: &str| {
                let output = run(
                    &["--database-url", &target.url, "--source-url", url, "doctor", "--format", "json"],
                    &role_keys(),
                );
                serde_json::from_slice::<Value>(&output.stdout).expect("the output is JSON")
            };
            let report = go(&source.url);
            assert!(message(&report, "legacy_table").ends_with(" has about 100 rows (estimate)"));
            assert_eq!(noticed(&report), [""; 0]);
            let report = go("postgres://nobody@127.0.0.1:1/nowhere");
            assert_eq!(noticed(&report), ["fail legacy_table"]);
            assert!(message(&report, "legacy_table").contains("Connection refused"));
        })
        .await;
        let (code, report) = examine(&target, Role::Owner, "local", &[]).await;
        assert_eq!((code, noticed(&report)), (Some(1), vec!["fail legacy_table".to_owned()]));
    })
    .await;
}

/// It only reads, as every role and with --exact.
#[tokio::test]
async fn an_examination_changes_nothing() {
    with_db(Start::Alembic, async |db| {
        let before = db.dump(&[]).await;
        for role in Role::ALL {
            let (code, report) = examine(&db, role, "qa", &["--exact"]).await;
            assert_eq!(code, Some(1), "{role:?}");
            let tables = check(&report, "tables")["rows"].as_array().expect("there are rows");
            let counted = tables.iter().filter(|it| it["row_count_is"] == "counted").count();
            assert_eq!(counted > 10, role != Role::Stranger, "{role:?} has counted {counted} tables");
        }
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// A table that can't be read costs only its own facts: it is locked, behind a policy, or not what its name
/// promises.
#[tokio::test]
async fn an_awkward_table_does_not_end_the_examination() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create table public.alembic_version (other int); grant select on public.alembic_version to public; \
             create materialized view bo_airflow.never as select 1 as a with no data; \
             create view bo_airflow.broken as select 1 / (select count(*) - 8 from bo_airflow.oracle_employee) as a; \
             grant select on bo_airflow.never, bo_airflow.broken to public; \
             alter table padealing.schema_revision enable row level security",
        )
        .await;
        let mut holder = db.connect().await;
        sqlx::raw_sql("begin; lock table padealing.pad_request, bo_airflow.oracle_contact in access exclusive mode")
            .execute(&mut holder)
            .await
            .expect("the lock is taken");
        let (code, report) = examine(&db, Role::Reader, "local", &["--exact"]).await;
        assert_eq!(code, Some(1));
        let tables = check(&report, "tables")["rows"].as_array().expect("there are rows");
        let row = |name: &str| tables.iter().find(|it| it["table"] == name).expect("it is listed");
        let locked = row("pad_request");
        assert_eq!((&locked["rows"], &locked["size"]), (&Value::Null, &Value::Null));
        assert!(locked["row_count_is"].as_str().expect("a text").contains("lock timeout"), "{locked}");
        assert_eq!(row("pad_approval")["row_count_is"], "counted");
        assert_eq!(row("never")["row_count_is"], "may not be read");
        assert_eq!(row("broken")["row_count_is"], "a view");
        assert!(message(&report, "reference_tables").contains("is unknown: oracle_contact (looking at a table's rows"));
        assert_eq!(check(&report, "revision")["status"], "skip");
        assert!(message(&report, "revision").contains("row-level security"), "{}", message(&report, "revision"));
        let managers = check(&report, "other_managers")["rows"][0]["version"].to_string();
        assert!(managers.contains("column \\\"version_num\\\" does not exist"), "{managers}");
    })
    .await;
}

/// What is counted of a table is not all that is known of its use.
#[tokio::test]
async fn a_table_with_relations_is_never_called_unused() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "create table padealing.prices (d date) partition by range (d); \
             create table padealing.prices_1 partition of padealing.prices for values from ('2025-01-01') to \
             ('2026-01-01'); create table padealing.audit_log_2025 () inherits (padealing.audit_log); \
             create table padealing.lender (n serial); create table public.borrower (n int default \
             nextval('padealing.lender_n_seq')); \
             create table padealing.typed (a int); create table public.holder (t padealing.typed); \
             create table padealing.published (a int primary key); create publication it for table \
             padealing.published; create table padealing.called (a int); \
             create function public.caller(padealing.called) returns int language sql as 'select 1'",
        )
        .await;
        let (_, report) = examine(&db, Role::Owner, "local", &[]).await;
        let rows = check(&report, "unknown_tables")["rows"].as_array().expect("there are rows");
        let dependents: Vec<String> =
            rows.iter().map(|it| format!("{}: {}", it["table"], it["dependents"]).replace('"', "")).collect();
        assert_eq!(
            dependents,
            [
                "audit_log_2025: it inherits from padealing.audit_log",
                "called: function public.caller(padealing.called)",
                "lender: default value for column n of table public.borrower",
                "prices: it is partitioned",
                "prices_1: it is a partition of padealing.prices",
                "published: publication of table padealing.published in publication it",
                "typed: table public.holder",
            ]
        );
        for row in rows {
            assert_eq!(row["recommendation"], "keep", "{row}");
        }
    })
    .await;
}

/// Rights that an app or a migration would miss are found where they would be missed.
#[tokio::test]
async fn what_apply_and_migrate_would_fail_for_is_said_before() {
    with_db(Start::Alembic, async |db| {
        let (_, report) = examine(&db, Role::Owner, "qa", &[]).await;
        assert!(message(&report, "privileges").contains("can't read everything"), "{}", message(&report, "privileges"));
        let output = run(
            &["--env", "qa", "--database-url", &db.url, "doctor", "--format", "json"],
            &[("DB_SSLMODE", "disable")],
        );
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        let reported = message(&report, "privileges");
        assert!(reported.contains("apply: yes"), "{reported}");
    })
    .await;
    with_db(Start::Empty, async |db| {
        let output = run(
            &["--env", "qa", "--database-url", &db.url, "doctor", "--format", "json"],
            &[("DB_SSLMODE", "disable")],
        );
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        let reported = message(&report, "privileges");
        assert!(reported.contains("apply: no (bo_airflow.oracle_employee doesn't exist"), "{reported}");
        assert_eq!(check(&report, "role_privileges")["status"], "skip");
    })
    .await;
    with_db(Start::Migrated, async |db| {
        let all = "grant select, insert, update on all tables in schema padealing to pad_migrate_stranger; \
                   grant usage on schema padealing, bo_airflow to pad_migrate_stranger; \
                   grant select on all tables in schema bo_airflow to pad_migrate_stranger";
        db.execute(all).await;
        let (_, report) = examine(&db, Role::Stranger, "local", &[]).await;
        let reported = message(&report, "privileges");
        assert!(
            reported.contains("migrate: no (no USAGE and SELECT on ")
                && reported.contains("; public.personal_account_dealing can't be read"),
            "{reported}"
        );
    })
    .await;
}

/// A role that doctor says can migrate can, with exactly the privileges that it needs.
#[tokio::test]
async fn who_may_migrate_can() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "grant usage on schema padealing, bo_airflow to pad_migrate_stranger; \
             grant select on all tables in schema padealing, bo_airflow to pad_migrate_stranger; \
             grant select on public.personal_account_dealing to pad_migrate_stranger; \
             grant usage, select on all sequences in schema padealing to pad_migrate_stranger; \
             grant insert on padealing.pad_request, padealing.pad_approval, padealing.pad_execution, \
                 padealing.audit_log, \
                 padealing.migration_mapping, padealing.migration_run, padealing.migration_reject to \
             pad_migrate_stranger; \
             grant update on padealing.migration_run, padealing.migration_reject to pad_migrate_stranger",
        )
        .await;
        let migrates = async || {
            let (_, report) = examine(&db, Role::Stranger, "local", &[]).await;
            message(&report, "privileges").split_once("; migrate: ").expect("the last of three").1.to_owned()
        };
        assert_eq!(migrates().await, "no (7 tables belong to other roles)");
        for table in ["pad_request", "pad_approval", "pad_execution", "audit_log", "migration_mapping"] {
            db.execute(&format!("alter table padealing.{table} owner to pad_migrate_stranger")).await;
        }
        assert_eq!(migrates().await, "no (2 tables belong to other roles)");
        db.execute(
            "alter table padealing.migration_run owner to pad_migrate_stranger; \
             alter table padealing.migration_reject owner to pad_migrate_stranger",
        )
        .await;
        assert_eq!(migrates().await, "yes");
        let url = db.url_as(Role::Stranger).await;
        let output = run(&["--database-url", &url, "migrate", "--format", "json"], &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        assert_eq!(report["counts"]["migrated"], 67);
    })
    .await;
}

/// What hides rows, and revisions that this program doesn't know.
#[tokio::test]
async fn what_would_lose_rows_fails() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "alter table public.personal_account_dealing enable row level security; \
             alter table padealing.pad_request enable row level security; \
             grant select on public.personal_account_dealing to public; \
             insert into padealing.schema_revision (revision, name, checksum, kind, database_role, program_version, \
                 environment) values ('9999', 'later', 'x', 'applied', 'r', '9', 'local')",
        )
        .await;
        let (code, report) = examine(&db, Role::Reader, "local", &["--exact"]).await;
        assert_eq!(code, Some(1));
        assert_eq!(noticed(&report), ["fail legacy_table", "fail row_security", "fail revision"]);
        let tables = check(&report, "tables")["rows"].as_array().expect("there are rows");
        let policed = tables.iter().find(|it| it["table"] == "pad_request").expect("it is listed");
        assert_eq!((&policed["rows"], &policed["row_count_is"]), (&Value::Null, &"may not be read".into()));
    })
    .await;
}

/// Facts of a database about which there is nothing to say.
fn facts() -> TargetFacts {
    TargetFacts {
        server: Server {
            version: "15.4".to_owned(),
            major: 15,
            encoding: "UTF8".to_owned(),
            collation: "C".to_owned(),
            clock_zone: "UTC".to_owned(),
            connections: Usage { limit: 97, used: 3 },
            database_connections: Usage { limit: -1, used: 3 },
            role_connections: Usage { limit: -1, used: 1 },
            ..Server::default()
        },
        role: Connected { name: "someone".to_owned(), ..Connected::default() },
        ..TargetFacts::default()
    }
}

fn checked(facts: &TargetFacts, environment: Environment) -> Vec<Check> {
    let expected = Expectations {
        environment,
        roles: &roles(),
        legacy: &TableName::legacy(),
        source_elsewhere: false,
        supported: &SUPPORTED,
        revisions: &["0001", "0002"],
    };
    checks(facts, &expected)
}

#[track_caller]
fn check_fact(name: &str, status: Status, says: &str, change: impl FnOnce(&mut TargetFacts)) {
    let mut changed = facts();
    change(&mut changed);
    let all = checked(&changed, Environment::Qa);
    let found = all.iter().find(|it| it.name == name).expect("the check is there");
    assert_eq!(found.status, status, "{}", found.message);
    assert!(found.message.contains(says), "{}", found.message);
}

#[test]
fn facts_about_the_server_have_their_consequences() {
    use Status::{Fail, Pass, Warn};
    check_fact("server_version", Pass, "PostgreSQL 15.4; 13 to 19 are supported", |_| {});
    check_fact("server_version", Warn, "use a newer pad-migrate", |facts| facts.server.major = 20);
    check_fact("server_role", Pass, "the primary", |_| {});
    check_fact("server_role", Warn, "a standby", |it| it.server.standby = true);
    check_fact("server_role", Warn, "read-only by default", |it| it.server.read_only = true);
    check_fact("encoding", Fail, "recreate the database with encoding UTF8", |it| {
        it.server.encoding = "LATIN1".to_owned()
    });
    check_fact("collation", Warn, "REINDEX", |it| {
        it.server.collation_changes.push(CollationChange {
            name: "en_GB".to_owned(),
            recorded: "2.31".to_owned(),
            actual: "2.36".to_owned(),
        });
    });
    check_fact("time_zone", Pass, "Europe/London for this database", |it| {
        it.server.zones.push(("this database".to_owned(), "Europe/London".to_owned()));
    });
    check_fact("connections", Pass, "server: 3 of 97 in use, role: 1 of 9 in use", |it| {
        it.server.role_connections = Usage { limit: 9, used: 1 };
    });
    check_fact("connections", Warn, "raise the connection limit of the server and the role", |it| {
        it.server.connections = Usage { limit: 97, used: 95 };
        it.server.role_connections = Usage { limit: 2, used: 1 };
    });
}

#[test]
fn facts_about_the_roles_have_their_consequences() {
    use Status::{Fail, Pass, Warn};
    let until = |days| {
        move |facts: &mut TargetFacts| {
            facts.role.password_expiry = Some(PasswordExpiry { date: "2026-12-01".to_owned(), days });
        }
    };
    check_fact("password_expiry", Pass, "doesn't expire", |_| {});
    check_fact("password_expiry", Pass, "expires on 2026-12-01", until(40.0));
    check_fact("password_expiry", Warn, "expires on 2026-12-01", until(3.0));
    check_fact("password_expiry", Warn, "expired on 2026-12-01", until(-3.0));
    check_fact("role_privileges", Fail, "role nobody (DB_APP_ROLE) doesn't exist", |it| {
        it.missing_roles.push(("DB_APP_ROLE", "nobody".to_owned()));
    });
    check_fact("excess_privileges", Pass, "none", |_| {});
    check_fact("excess_privileges", Warn, "someone is a superuser", |it| {
        it.attributes.push(("someone".to_owned(), Attribute::Superuser));
    });
    check_fact("excess_privileges", Warn, "someone has BYPASSRLS", |it| {
        it.attributes.push(("someone".to_owned(), Attribute::BypassRls));
    });
    let may = |role: &str, schema: &str, privilege: &str| TableRights {
        role: role.to_owned(),
        schema: schema.to_owned(),
        table: "any".to_owned(),
        privileges: vec!["SELECT".to_owned(), privilege.to_owned()],
        writes: true,
    };
    for privilege in ["INSERT", "UPDATE", "DELETE", "TRUNCATE"] {
        check_fact("excess_privileges", Warn, "someone can write to any of bo_airflow", |it| {
            it.table_rights.push(may("someone", "bo_airflow", privilege));
        });
        check_fact(
            "excess_privileges",
            Warn,
            "pad_migrate_reader can write to any of padealing, which it doesn't need",
            |it| {
                it.table_rights.push(may("pad_migrate_reader", "padealing", privilege));
            },
        );
    }
    check_fact("excess_privileges", Pass, "none", |it| {
        let right = may("pad_migrate_app", "padealing", "INSERT");
        it.table_rights.push(TableRights { table: "pad_request".to_owned(), ..right });
    });
    check_fact(
        "excess_privileges",
        Warn,
        "pad_migrate_app can write to any of padealing, which it doesn't need",
        |it| {
            it.table_rights.push(may("pad_migrate_app", "padealing", "INSERT"));
        },
    );
    check_fact("excess_privileges", Warn, "someone can change sequences of bo_airflow", |it| {
        it.schema_rights.push(SchemaRights {
            role: "someone".to_owned(),
            schema: "bo_airflow".to_owned(),
            usage: true,
            create: false,
            closed_sequences: 0,
            undrawable_sequences: 0,
            open_sequences: 1,
        });
    });
    // In local they are ignored.
    let mut local = facts();
    local.attributes.push(("someone".to_owned(), Attribute::Superuser));
    let all = checked(&local, Environment::Local);
    let excess = all.iter().find(|it| it.name == "excess_privileges").expect("the check is there");
    assert_eq!((excess.status, excess.message.contains("superuser")), (Pass, true));
}

#[test]
fn facts_about_the_history_have_their_consequences() {
    use Status::{Fail, Pass, Skip};
    let at = |revisions: &'static [&'static str]| {
        move |it: &mut TargetFacts| {
            it.revisions = Ok(Some(revisions.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>()))
        }
    };
    let has = |name: &'static str| {
        move |it: &mut TargetFacts| {
            it.relations.push(Relation {
                schema: "padealing".to_owned(),
                name: name.to_owned(),
                kind: "table",
                rows: Rows::Hidden,
                bytes: None,
                owner: "someone".to_owned(),
                owned: true,
                readable: false,
                countable: false,
                filled: Filled::Unknown("no SELECT privilege".to_owned()),
                policed: false,
            });
        }
    };
    check_fact("revision", Fail, "nothing is applied yet", |_| {});
    check_fact("revision", Pass, "at 0002, the newest", at(&["0001", "0002"]));
    check_fact("revision", Fail, "at 0001; pending: 0002", at(&["0001"]));
    check_fact("revision", Fail, "doesn't know 0003", at(&["0001", "0002", "0003"]));
    check_fact("revision", Fail, "another program created them", has("pad_request"));
    check_fact("revision", Skip, "not readable by this role: no SELECT privilege", has("schema_revision"));
    check_fact("row_security", Pass, "no policy", |_| {});
    check_fact("row_security", Fail, "padealing.pad_request", |it| {
        has("pad_request")(it);
        it.relations[0].policed = true;
    });
}

#[rstest]
#[case::nobody_uses_it("drop", "nothing depends on it", |_: &mut UnknownRelation| {})]
#[case::something_depends_on_it("keep", "view x would break", |it: &mut UnknownRelation| it.dependents.push("view x".to_owned()))]
#[case::somebody_writes_it("keep", "it was written to since 2026-01-02", |it: &mut UnknownRelation| it.writes = 1)]
#[case::somebody_reads_it("keep", "it was read 7 times since 2026-01-02", |it: &mut UnknownRelation| it.reads = 7)]
#[case::read_lately("keep", "it was last read on 2026-11-01", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2026-11-01".to_owned(), 20.0)));
})]
#[case::it_is_a_view("keep", "no statistics on reads of a view: ask its owner, \
    postgres", |it: &mut UnknownRelation| it.kind = "view")]
#[case::it_has_partitions("keep", "it is partitioned: its own \
    statistics", |it: &mut UnknownRelation| it.family = Some("it is partitioned".to_owned()))]
#[case::nobody_counts("keep", "doesn't track its use (track_counts is off)", |it: &mut UnknownRelation| it.counted = false)]
#[case::known_for_days("keep", "statistics go back to 2026-01-02 only", |it: &mut UnknownRelation| it.since.1 = 12.0)]
#[case::not_known_long_enough("keep", "statistics go back to 2026-01-02 only", |it: &mut UnknownRelation| it.since.1 = 89.9)]
#[case::known_long_enough("drop", "nothing depends on it", |it: &mut UnknownRelation| it.since.1 = 90.0)]
#[case::not_read_long_enough_ago("keep", "it was last read on 2026-08-01", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2026-08-01".to_owned(), 89.9)));
})]
#[case::read_long_ago("drop", "nothing depends on it", |it: &mut UnknownRelation| {
    (it.reads, it.last_read) = (7, Some(("2024-11-01".to_owned(), 700.0)));
})]
fn an_unknown_table_is_recommended_to_be(
    #[case] recommendation: &str,
    #[case] reason: &str,
    #[case] change: impl FnOnce(&mut UnknownRelation),
) {
    let mut stranger = UnknownRelation {
        name: "active_stocks".to_owned(),
        kind: "table",
        owner: "postgres".to_owned(),
        since: ("2026-01-02".to_owned(), 300.0),
        counted: true,
        ..UnknownRelation::default()
    };
    change(&mut stranger);
    let facts = TargetFacts { unknown: vec![stranger], ..facts() };
    let all = checked(&facts, Environment::Qa);
    let found = CheckJson::new(all.iter().find(|it| it.name == "unknown_tables").expect("the check is there"));
    assert_eq!(found.rows[0]["recommendation"], recommendation);
    let found_reason = found.rows[0]["reason"].as_str().expect("it is a text");
    assert!(found_reason.contains(reason), "{found_reason}");
}

/// A standby doesn't know who reads on the primary.
#[test]
fn nothing_is_recommended_to_be_dropped_on_a_standby() {
    let stranger = UnknownRelation {
        name: "active_stocks".to_owned(),
        kind: "table",
        since: ("2026-01-02".to_owned(), 300.0),
        counted: true,
        ..UnknownRelation::default()
    };
    for (standby, recommendation) in [(false, "drop"), (true, "keep")] {
        let mut facts = TargetFacts { unknown: vec![stranger.clone()], ..facts() };
        facts.server.standby = standby;
        let all = checked(&facts, Environment::Qa);
        let found = CheckJson::new(all.iter().find(|it| it.name == "unknown_tables").expect("the check is there"));
        let found = serde_json::to_value(&found).expect("it is JSON");
        assert_eq!(found["rows"][0]["recommendation"], recommendation);
    }
}

/// The page that explains the checks names all that there are.
#[tokio::test]
async fn every_check_is_documented() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md"));
    let page = page.expect("the page is there");
    with_db(Start::Empty, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = run_in(dir.path(), &["--database-url", &db.url, "doctor", "--format", "json"], &[]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
        let checks = report["checks"].as_array().expect("there are checks");
        assert!(checks.len() > 20);
        let mut names: Vec<&str> = checks.iter().map(|it| it["name"].as_str().expect("it is a text")).collect();
        // Where there is no end of an examination.
        names.push("examination");
        let explained = page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0));
        assert_eq!(explained.collect::<Vec<_>>(), names, "docs/doctor.md explains every check, and no other");
    })
    .await;
}
