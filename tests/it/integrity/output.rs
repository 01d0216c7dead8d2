//! What `integrity` prints: the catalogue, the result in its formats, exceptions; and for whom it can check what.

use pad_migrate::checks::integrity::header::{Header, Severity};
use pad_migrate::checks::integrity::{ALL, near};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{named, run, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};
use crate::snapshots::Snapshot;
use crate::tidy::{read, root};

async fn report(db: &Db, role: Option<Role>, more: &[&str]) -> (Option<i32>, Value) {
    let url = match role {
        Some(role) => db.url_as(role).await,
        None => db.url.clone(),
    };
    let output = run(&[&["--database-url", &url, "integrity", "--format", "json"], more].concat(), &[]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", stderr(&output)));
    (output.status.code(), report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("there are checks");
    checks.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("there is no check {name}"))
}

fn with_status(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().expect("there are checks").iter();
    checks.filter(|it| it["status"] == status).map(|it| it["name"].to_string().replace('"', "")).collect()
}

/// A line of the table in `docs/integrity.md`.
fn row(check: &pad_migrate::checks::integrity::Definition) -> String {
    let Header { meaning, rows, remedy, severity, .. } = &check.header;
    let severity = if *severity == Severity::Fail { "fail" } else { "warn" };
    let cells = [&format!("`{}`", check.name), severity, rows.as_str(), &check.scenarios(), meaning, remedy];
    format!("| {} |", cells.map(str::to_owned).join(" | "))
}

/// `PAD_RECORD=1 cargo test integrity` writes the table.
#[test]
fn the_document_lists_every_check() {
    let path = root().join("docs/integrity.md");
    let text = read(&path);
    let (head, rest) = text.split_once("| --- | --- | --- | --- | --- | --- |\n").expect("there is a table");
    let (table, tail) = rest.split_once("\n\n").expect("the table ends");
    let wanted: Vec<String> = ALL.iter().map(row).collect();
    let wanted = wanted.join("\n");
    if std::env::var_os("PAD_RECORD").is_some() {
        let whole = format!("{head}| --- | --- | --- | --- | --- | --- |\n{wanted}\n\n{tail}");
        std::fs::write(&path, whole).expect("the document is written");
        return;
    }
    assert_eq!(table, wanted, "docs/integrity.md; PAD_RECORD=1 cargo test integrity writes it");
}

#[rstest]
#[case::no_severity("-- It holds.\n-- rows: both\n-- remedy: x\nselect 1;", "severity is missing")]
#[case::unknown_key("-- It holds.\n-- sverity: fail\nselect 1;", "the key \"sverity\"")]
#[case::twice("-- It holds.\n-- rows: both\n-- rows: both\nselect 1;", "rows is there twice")]
#[case::rows("-- It holds.\n-- severity: fail\n-- rows: some\n-- remedy: x\nselect 1;", "rows is legacy")]
#[case::scenario(
    "-- It holds.\n-- severity: fail\n-- scenarios: 11\n-- rows: both\n-- remedy: x\nselect 1;",
    "a number from 1 to 10"
)]
#[case::two_statements(
    "-- It holds.\n-- severity: fail\n-- rows: both\n-- remedy: x\nselect 1; select 2;",
    "one statement"
)]
#[case::no_meaning("-- severity: fail\n-- rows: both\n-- remedy: x\nselect 1;", "the meaning")]
#[case::source(
    "-- It holds.\n-- severity: fail\n-- rows: both\n-- remedy: x\nselect true as as_in_source;",
    "has a line legacy"
)]
#[case::reads(
    "-- It holds.\n-- severity: fail\n-- rows: both\n-- reads: padealing.a\n-- remedy: x\nselect 1;",
    "which the query doesn't"
)]
fn a_wrong_head_does_not_build(#[case] text: &str, #[case] wanted: &str) {
    let problem = Header::parse(text).expect_err("it is wrong");
    assert!(problem.contains(wanted), "{problem}");
}

#[test]
fn the_catalogue_needs_no_database() {
    let output = run(&["integrity", "--list"], &[]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    let shown = stdout(&output);
    for check in ALL.iter() {
        assert!(shown.contains(check.name), "{} is listed", check.name);
        let output = run(&["integrity", "--sql", check.name], &[("APP_ENV", "nowhere")]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), check.text.to_owned()));
    }
    for (wrong, wanted) in [
        ("self_aproval", "self_approval"),
        ("Self-Approval", "self_approval"),
        ("sequence", "sequences"),
        // A part of a name, and a name with more around it.
        ("former", "former_employees_roles"),
        ("is_there_any_self_approval", "self_approval"),
    ] {
        assert_eq!(near(wrong).expect("there is none").first().map(String::as_str), Some(wanted));
    }
    assert_eq!(near("self_approval"), None);
    for json in [&["--json", "integrity", "--list"][..], &["integrity", "--sql", "sequences", "--format", "junit"]] {
        let output = run(json, &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        assert!(stderr(&output).contains("--list and --sql print text"), "{}", stderr(&output));
    }
    Snapshot::error__integrity_no_check.check_refused(&run(&["integrity", "--sql", "self_aproval"], &[]));
    let output = run(&["--database-url", "postgres://u@127.0.0.1:1/n", "integrity", "--check", "self_aproval"], &[]);
    assert!(
        stderr(&output).contains("there is no check \"self_aproval\" (similar: self_approval)"),
        "{}",
        stderr(&output)
    );
}

/// Each file as `--sql` prints it.
#[tokio::test]
async fn psql_runs_every_check_as_it_is_printed() {
    with_db(Start::Migrated, async |db| {
        db.psql(&ALL.iter().map(|it| it.text).collect::<String>()).await;
    })
    .await;
}

#[tokio::test]
async fn the_result_is_shown_in_each_format_and_nothing_is_changed() {
    with_db(Start::Migrated, async |db| {
        let before = db.dump(&[]).await;
        let (code, clean) = report(&db, None, &[]).await;
        assert_eq!((code, &clean["outcome"]), (Some(0), &"clean".into()));
        assert_eq!(with_status(&clean, "skip"), ["indexes_intact"]);
        assert!(clean["as_in_source"].as_u64() > Some(0), "the fixtures have odd rows");
        for role in [Role::Owner, Role::Reader] {
            let (code, found) = report(&db, Some(role), &[]).await;
            assert_eq!(code, Some(0), "{found}");
            // To read a sequence is a right that the reader doesn't have.
            let skipped = if role == Role::Reader { &["indexes_intact", "sequences"][..] } else { &["indexes_intact"] };
            assert_eq!(with_status(&found, "skip"), skipped);
        }
        let (code, found) = report(&db, Some(Role::App), &[]).await;
        assert_eq!(code, Some(0));
        assert_eq!(check(&found, "submission_logged")["status"], "pass");
        assert_eq!(check(&found, "self_approval")["status"], "skip");
        let message = check(&found, "self_approval")["message"].to_string();
        assert!(message.contains("pad_migrate_app has no SELECT on padealing.migration_mapping"), "{message}");
        assert_eq!(db.dump(&[]).await, before);
        // A second session, which takes half of the work, is not needed.
        let limit = |connections: i32| format!("alter database {} connection limit {connections}", db.place().name);
        db.execute(&limit(1)).await;
        let (code, alone) = report(&db, Some(Role::Owner), &[]).await;
        assert_eq!((code, alone["checks"].as_array().map(Vec::len)), (Some(0), Some(ALL.len())));
        db.execute(&limit(-1)).await;

        db.execute(
            "insert into padealing.pad_request (id, employee_id, status, created_at) \
             select 7000 + i, 1003, 'pending_manager', '2025-10-06 09:00' from generate_series(1, 25) i; \
             insert into padealing.employee_role (employee_id, role) values (1007, 'auditor')",
        )
        .await;
        let (code, found) = report(&db, None, &["--check", "submission_logged,self_approval"]).await;
        assert_eq!((code, found["checks"].as_array().map(Vec::len)), (Some(1), Some(2)));
        let logged = check(&found, "submission_logged");
        assert_eq!((&logged["status"], &logged["total"]), (&"fail".into(), &25.into()));
        let rows = logged["rows"].as_array().expect("there are rows");
        assert_eq!((rows.len(), &rows[0]["id"]), (20, &7001.into()), "the first ones are shown");
        let only =
            ["submission_logged", "former_employees_roles", "compliance_role", "indexes_intact", "self_approval"];
        let arguments = [&["--database-url", &db.url, "integrity", "--check"][..], &only].concat();
        let output = run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(1));
        Snapshot::integrity__found.check(&stdout(&named_place(&db, output)));
        let output = run(&[&arguments[..], &["--format", "junit"]].concat(), &[]);
        assert_eq!(output.status.code(), Some(1));
        let junit = stdout(&output);
        assert!(
            junit.contains("tests=\"5\" skipped=\"1\" failures=\"2\"") && junit.contains("<skipped message="),
            "{junit}"
        );
    })
    .await;
}

/// With fixed names of server and database.
fn named_place(db: &Db, output: std::process::Output) -> std::process::Output {
    let mut output = named(output, db);
    let place = db.place();
    let text = stdout(&output).replace(&format!("{}:{}/{}", place.host, place.port, place.name), "SERVER/DATABASE");
    output.stdout = text.replace(&format!(" as {}", place.user), " as USER").into_bytes();
    output
}

const EXCEPTIONS: &str = r#"
[[exception]]
name = "two requests of the trial"
check = "submission_logged"
rows = [7001, "7002"]
reason = "Written by hand on the day of the trial (ada@example.com)"
expires = 9999-12-31

[[exception]]
name = "the auditor left last"
check = "former_employees_roles"
reason = "Agreed with compliance (ada@example.com)"
expires = 9999-12-31

[[exception]]
name = "long ago"
check = "self_approval"
reason = "x"
expires = 2020-01-01

[[exception]]
name = "of nothing"
check = "manager_chain"
reason = "x"
expires = 9999-12-31

[[exception]]
name = "of drift"
kind = "table_missing"
object = "nothing"
reason = "x"
expires = 9999-12-31
"#;

#[tokio::test]
async fn exceptions_are_those_of_drifts_file_by_check_row_and_day() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "insert into padealing.pad_request (id, employee_id, status) select 7000 + i, 1003, 'pending_manager' \
             from generate_series(1, 2) i; \
             insert into padealing.employee_role (employee_id, role) values (1007, 'auditor')",
        )
        .await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let go = |text: &str, command: &[&str]| {
            std::fs::write(dir.path().join("e.toml"), text).expect("it is written");
            let arguments = [&["--database-url", &db.url], command, &["--exceptions", "e.toml"]].concat();
            let output = run_in(dir.path(), &arguments, &[]);
            (output.status.code(), stdout(&output), stderr(&output))
        };
        let json = ["integrity", "--format", "json"];
        let (code, text, _) = go(EXCEPTIONS, &json);
        let found: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((code, with_status(&found, "warn")), (Some(1), vec!["exceptions".to_owned()]));
        let logged = check(&found, "submission_logged");
        assert_eq!((&logged["status"], &logged["excepted"], &logged["total"]), (&"pass".into(), &2.into(), &0.into()));
        assert!(logged["message"].to_string().contains("two requests of the trial until 9999-12-31"), "{logged}");
        assert_eq!(check(&found, "former_employees_roles")["exceptions"][0], "the auditor left last");
        let states = check(&found, "exceptions")["rows"].as_array().expect("there are rows").iter();
        let states: Vec<String> = states.map(|it| format!("{} {}", it["exception"], it["state"])).collect();
        assert_eq!(states, [r#""long ago" "expired""#, r#""of nothing" "unused""#]);
        // What isn't made is not unused.
        let (code, _, _) = go(EXCEPTIONS, &["integrity", "--check", "submission_logged"]);
        assert_eq!(code, Some(0));
        // One row is gone, another is new.
        let changed = EXCEPTIONS.replace("[7001, \"7002\"]", "[7001, 17]");
        let (code, text, _) = go(&changed, &[&json[..], &["--check", "submission_logged"]].concat());
        let found: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((code, &check(&found, "submission_logged")["total"]), (Some(1), &1.into()));
        assert_eq!(check(&found, "exceptions")["rows"][0]["state"], "unused for 17");
        // What accepts the whole check leaves nothing for one that lists rows to miss.
        let whole = changed
            + "\n[[exception]]\nname = \"all\"\ncheck = \"submission_logged\"\nreason = \"x\"\n\
                               expires = 9999-12-31\n";
        let (code, text, _) = go(&whole, &[&json[..], &["--check", "submission_logged"]].concat());
        let found: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((code, &check(&found, "submission_logged")["total"]), (Some(0), &0.into()), "{text}");
        // drift leaves them alone, and reads the same file.
        let (_, text, _) = go(EXCEPTIONS, &["drift", "--format", "json"]);
        assert!(text.contains("\"of drift\"") && !text.contains("\"of nothing\""), "{text}");
        for (wrong, wanted) in [
            (
                "check = \"self_aproval\"",
                "names the check \"self_aproval\", which doesn't exist (similar: self_approval)",
            ),
            ("check = \"self_approval\"\nrows = []", "must list its rows by id"),
            ("check = \"self_approval\"\nkind = \"table_missing\"", "needs either kind and object"),
            ("rows = [1]", "needs either kind and object"),
        ] {
            let text = format!("[[exception]]\nname = \"n\"\nreason = \"r\"\nexpires = 9999-12-31\n{wrong}\n");
            for command in ["integrity", "drift"] {
                let (code, _, error) = go(&text, &[command]);
                assert!(code == Some(2) && error.contains(wanted), "{command}: {error}");
            }
        }
    })
    .await;
}

/// No check computes with ids, so that none is too large for it.
#[tokio::test]
async fn ids_at_the_ends_of_their_range_are_checked() {
    with_db(Start::Migrated, async |db| {
        for id in [i64::MAX, i64::MAX / 2 + 1, i64::MIN] {
            db.execute(&format!(
                "insert into padealing.pad_request (id, employee_id, status) values ({id}, 1003, 'approved'); \
                 insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at) \
                 values ({id}, 'manager', 1001, 'approved', now()); \
                 insert into padealing.pad_execution (request_id, executed_at) values ({id}, now()); \
                 insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id, request_id) \
                 values ('viewed', 'success', 'bot', 'pad_request', {id}, {id}); \
                 insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
                 values ('personal_account_dealing', {id}, 'pad_request', {id})"
            ))
            .await;
        }
        let (code, report) = report(&db, None, &[]).await;
        assert_eq!(code, Some(1));
        assert_eq!(check(&report, "approvals_logged")["status"], "fail");
        assert_eq!(check(&report, "approvals_logged")["total"], 3);
        assert!(!report.to_string().contains("out of range"), "{report}");
    })
    .await;
}

#[tokio::test]
async fn without_padealing_nothing_passes() {
    with_db(Start::Reference, async |db| {
        for more in [&["integrity"][..], &["integrity", "--check", "constraints_enforced"]] {
            let output = run(&[&["--database-url", &db.url], more].concat(), &[]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
            assert!(stderr(&output).contains("run `pad-migrate apply` first"), "{}", stderr(&output));
        }
    })
    .await;
}

/// What can't be read or is locked costs its own checks only; where nothing can be read, nothing is claimed.
#[tokio::test]
async fn what_can_not_be_checked_is_skipped_with_its_reason() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create extension amcheck; alter table padealing.pad_breach enable row level security; \
             drop table padealing.chatbot_session; \
             alter table padealing.migration_reject rename column resolved_run_id to other",
        )
        .await;
        let mut holder = db.connect().await;
        sqlx::raw_sql("begin; lock table padealing.employee_role in access exclusive mode")
            .execute(&mut holder)
            .await
            .expect("the lock is taken");
        let (code, found) = report(&db, Some(Role::Reader), &[]).await;
        assert_eq!(code, Some(0), "{found}");
        for (name, wanted) in [
            ("compliance_role", "padealing.employee_role is locked by another session"),
            ("breaches_resolved", "row-level security may hide rows of padealing.pad_breach"),
            ("plan_session_by_key", "padealing.chatbot_session doesn't exist"),
            ("rejections_closed", "resolved_run_id"),
            ("indexes_intact", "may not execute bt_index_check(regclass)"),
            ("sequences", "permission denied for sequence"),
        ] {
            let check = check(&found, name);
            assert_eq!(check["status"], "skip", "{check}");
            assert!(check["message"].to_string().contains(wanted), "{check}");
        }
        assert_eq!(check(&found, "approver_known")["status"], "pass");
        drop(holder);
        let (_, found) = report(&db, None, &["--check", "indexes_intact"]).await;
        assert_eq!(check(&found, "indexes_intact")["status"], "pass");
    })
    .await;
}
