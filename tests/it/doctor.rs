//! `doctor`: what a release manager reads of the databases that there are, and what each fact leads to.

mod consequences;

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::program::{command, run, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};
use crate::snapshots::Snapshot;
use crate::waiting;

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

/// Runs the statements of a report, each as the role that it names.
async fn run_statements(db: &Db, report: &Value, which: &str) {
    for statement in report[which].as_array().expect("there are statements") {
        let role = statement["run_as"].as_str().map(|it| format!("set role \"{it}\"; ")).unwrap_or_default();
        db.execute(&format!("{role}{}", statement["sql"].as_str().expect("a text"))).await;
    }
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
            let mut command = command(crate::harness::program());
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
                    _ => line.replace(&format!("belong to {owner}"), "belong to OWNER"),
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
        let text = stdout(&output);
        let verdict = text.split("Verdict       CLEAN: no check failed or warned").nth(1).expect("it is clean");
        // What is not needed for a socket is skipped.
        let skipped = text.lines().filter(|it| it.starts_with("  skip  ")).count();
        assert_eq!(skipped > 0, verdict.starts_with(&format!("; {skipped} check")), "{text}");
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
                "as pad_migrate_reader – checks: yes; apply: nothing is pending; migrate: no (no INSERT on \
                 pad_request, pad_approval, "
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
        assert!(reported.contains(" – checks: no (no USAGE on schema padealing; "), "{reported}");
        // Memberships hold in every database, where other tests are: `permissions::pasted` runs them for roles of its own.
        let statements = stranger["statements"].as_array().expect("there are statements").iter();
        let offered = statements.filter(|it| it["sql"].as_str().is_some_and(|it| it.starts_with("grant pad_migrate_")));
        assert_eq!(offered.map(|it| &it["run_as"]).collect::<Vec<_>>(), [&Value::Null], "it is to read as the reader");
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
            "pad_migrate_app (app): no INSERT, UPDATE on padealing.pad_breach; ",
            "no USAGE on sequence padealing.migration_mapping_id_seq",
            "pad_migrate_owner (owner): no REFERENCES on bo_airflow.oracle_employee",
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
        run_statements(&db, &report, "statements").await;
        let (_, report) = examine(&db, Role::Owner, "local", &[]).await;
        assert_eq!((noticed(&report), &report["statements"]), (Vec::new(), &Value::Array(Vec::new())));
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
        assert!(message(&report, "privileges").contains(" – checks: no ("), "{}", message(&report, "privileges"));
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
        for lack in [
            "migrate: no (no DELETE on padealing.migration_reject; no SELECT on sequences audit_log_id_seq, ",
            "; no SELECT on public.personal_account_dealing",
        ] {
            assert!(reported.contains(lack), "{reported}");
        }
        // It may write what only the migration writes: then what it lacks is a warning.
        assert_eq!(noticed(&report), ["fail legacy_table", "warn privileges"]);
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
             grant update on padealing.migration_run, padealing.migration_reject to pad_migrate_stranger; \
             grant delete on padealing.migration_reject to pad_migrate_stranger; \
             insert into public.personal_account_dealing (id) values (90000)",
        )
        .await;
        let migrates = async || {
            let (_, report) = examine(&db, Role::Stranger, "local", &[]).await;
            message(&report, "privileges").split_once("; migrate: ").expect("the last of three").1.to_owned()
        };
        // Its sequence is locked when it is moved far ahead, which takes the table's owner.
        let far = "no (table padealing.pad_request belongs to pad_migrate_owner); the SQL is at the end";
        assert_eq!(migrates().await, far);
        let url = db.url_as(Role::Stranger).await;
        let refused = run(&["--database-url", &url, "migrate"], &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        assert!(
            stderr(&refused).contains("table padealing.pad_request belongs to pad_migrate_owner; run as a superuser")
        );
        db.execute("alter table padealing.pad_request owner to pad_migrate_stranger").await;
        assert!(migrates().await.starts_with("yes"));
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
