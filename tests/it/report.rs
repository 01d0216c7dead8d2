//! The document about a migration: that HTML, Markdown and JSON say the same, that nothing in it is obeyed or loaded,
//! that it shows no values unless asked, and its exit codes.

mod read;
mod texts;
mod words;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use pad_migrate::base::escape;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{run, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};

fn report(db: &Db, more: &[&str]) -> Output {
    run(&[&["--database-url", &db.url, "report"], more].concat(), &[])
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", stderr(output)))
}

/// The texts of a part of the document, all in one.
fn section(report: &Value, id: &str) -> String {
    let sections = report["sections"].as_array().expect("there are sections");
    let section = sections.iter().find(|it| it["id"] == id).unwrap_or_else(|| panic!("there is no section {id}"));
    section.to_string()
}

/// What no other run says: when it was, and how long it took.
fn is_of_the_run(statement: &str) -> bool {
    let is_time = statement.ends_with("UTC") && statement.len() == "2026-11-2703:22:36UTC".len();
    statement.contains("rowsasecond") || statement.contains("aboutthedocumentof") || is_time
}

#[tokio::test]
async fn html_markdown_and_json_say_the_same() {
    with_db(Start::Migrated, async |db| {
        db.execute("create table padealing.active_stocks (id int)").await;
        let (page, document) = (report(&db, &[]), report(&db, &["--format", "markdown"]));
        assert_eq!(page.status.code(), Some(1), "{}", stderr(&page));
        let (page, document) = (stdout(&page), stdout(&document));
        let without = |statements: Vec<String>| -> Vec<String> {
            statements.into_iter().filter(|it| !is_of_the_run(it)).collect()
        };
        let (of_page, of_document) = (without(read::html(&page)), without(read::markdown(&document)));
        assert_eq!(of_page, of_document);
        let whole = of_page.join("").replace(',', "");
        let found = json(&report(&db, &["--json"]));
        for text in read::json(&found) {
            let text = read::bare(&escape::text(&text)).replace(',', "");
            assert!(is_of_the_run(&text) || whole.contains(&text), "only the JSON says {text}");
        }
        for wanted in ["100read=67migrated+33rejected+0pending", "active_stocks", "Complianceofficer", "equal"] {
            assert!(of_page.iter().any(|it| it.contains(wanted)), "{wanted}");
        }
        // Verdict and accounting come first, and what was not checked is always said.
        assert_eq!(found["sections"][0]["id"], "result");
        assert_eq!(found["accounting"], serde_json::json!({"read": 100, "migrated": 67, "rejected": 33, "pending": 0}));
        assert!(section(&found, "unchecked").contains("Whether what the legacy table says is true"));
    })
    .await;
}

/// No request to anywhere: a browser is told so, too.
#[tokio::test]
async fn the_page_needs_nothing_else() {
    with_db(Start::Migrated, async |db| {
        let page = stdout(&report(&db, &[]));
        for never in ["http:", "https:", " src=", "url(", "@import", "<script", "javascript:"] {
            assert!(!page.contains(never), "{never}");
        }
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
        assert!(page.contains(policy) && page.contains("<html lang=\"en\">") && page.contains("<main>"), "{page}");
        for wanted in ["prefers-color-scheme: dark", "@media print", "tabular-nums", "scope=\"col\"", "scope=\"row\""] {
            assert!(page.contains(wanted), "{wanted}");
        }
    })
    .await;
}

#[tokio::test]
async fn values_are_shown_only_if_that_is_asked() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "insert into public.personal_account_dealing
                 (id, employee, requested_date, status, buysell, justification) values
                 (990, 1003, '2021-03-01', 'Jane Secret', 'S', 'because Jane Secret said so'),
                 (991, 1003, '2021-03-01', 'request', 'J', null)",
        )
        .await;
        assert_eq!(run(&["--database-url", &db.url, "migrate"], &[]).status.code(), Some(1));
        for format in ["html", "markdown", "json"] {
            let masked = stdout(&report(&db, &["--format", format]));
            assert!(masked.contains("990") && !masked.contains("Secret"), "{format}");
            let shown = stdout(&report(&db, &["--format", format, "--personal-data"]));
            assert!(shown.contains("Jane Secret"), "{format}");
        }
        assert_eq!(json(&report(&db, &["--json"]))["personal_data"], false);
        // What the comparison finds has values, too.
        db.execute("update padealing.pad_request set justification = 'not what Secret wrote' where id = 1001").await;
        let masked = stdout(&report(&db, &["--format", "json"]));
        assert!(masked.contains("justification") && !masked.contains("Secret"), "{masked}");
    })
    .await;
}

#[tokio::test]
async fn the_exit_code_is_the_verdict() {
    with_db(Start::Applied, async |db| {
        let one = "insert into public.personal_account_dealing (id, employee, requested_date, status)
                       values (1, 1003, '2021-03-01', 'request')";
        db.execute(one).await;
        let pending = report(&db, &["--json"]);
        assert_eq!(pending.status.code(), Some(1), "{}", stderr(&pending));
        assert_eq!(json(&pending)["accounting"]["pending"], 1);
        assert!(section(&json(&pending), "issues").contains("never tried"));
        assert_eq!(run(&["--database-url", &db.url, "migrate"], &[]).status.code(), Some(0));
        db.execute("analyze").await;
        let done = report(&db, &["--json"]);
        assert_eq!(done.status.code(), Some(0), "{}", stdout(&done));
        assert_eq!(json(&done)["verdict"], "Complete");

        db.execute(
            "insert into public.personal_account_dealing (id, employee, requested_date, status)
                 values (2, 1003, null, 'request')",
        )
        .await;
        assert_eq!(run(&["--database-url", &db.url, "migrate"], &[]).status.code(), Some(1));
        let rejected = report(&db, &["--json"]);
        assert_eq!(rejected.status.code(), Some(1));
        assert_eq!(json(&rejected)["verdict"], "Needs attention: 1 row was left out and needs a decision");
        let dir = tempfile::tempdir().expect("a directory is made");
        let exception = "[[exception]]\nname = \"no date\"\nreason = \"agreed with compliance\"\nexpires = 2999-12-31\n\
                         check = \"rejections\"\nrows = [2]\n";
        std::fs::write(dir.path().join("e.toml"), exception).expect("it is written");
        let url = ["--database-url", &db.url, "report", "--json", "--exceptions", "e.toml"];
        let accepted = run_in(dir.path(), &url, &[]);
        assert_eq!(accepted.status.code(), Some(0), "{}", stdout(&accepted));
        let accepted = json(&accepted);
        assert!(section(&accepted, "exceptions").contains("agreed with compliance"));
        assert!(section(&accepted, "result").contains("but for 1 row that was rejected, which an exception accepts"));

        // A row that is mended is migrated, and its rejection closed.
        db.execute("update public.personal_account_dealing set requested_date = '2021-03-02' where id = 2").await;
        assert_eq!(run(&["--database-url", &db.url, "migrate"], &[]).status.code(), Some(0));
        let closed = json(&report(&db, &["--json"]));
        assert!(section(&closed, "rejections").contains("closed"), "{closed}");
        assert!(section(&closed, "runs").contains("migrate"));
    })
    .await;
}

#[rstest]
#[case(&["--out", "report.txt"], "must end in .html or .md")]
#[case(&["--out", "folder/", "--format", "html"], "it names a folder")]
#[case(&["--out", "folder", "--format", "html"], "folder")]
#[case(&["--out", "/nowhere/report.html"], "its folder doesn't exist")]
#[case(&["--out", "report.html", "--exceptions", "missing.toml"], "missing.toml")]
fn what_can_not_be_written_is_one_sentence(#[case] flags: &[&str], #[case] sentence: &str) {
    let dir = tempfile::tempdir().expect("a directory is made");
    std::fs::create_dir(dir.path().join("folder")).expect("a folder is made");
    let arguments = [&["--database-url", "postgres://u@127.0.0.1:1/n", "report"], flags].concat();
    let output = run_in(dir.path(), &arguments, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
}

/// Written whole, for its owner only; by a role that may only read, and nothing in the database is changed.
#[tokio::test]
async fn a_reader_gets_it_and_changes_nothing() {
    with_db(Start::Migrated, async |db| {
        let before = db.dump(&[]).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let url = db.url_as(Role::Reader).await;
        for file in ["a.html", "a.md", "a.json", "A.HTM"] {
            let output = run_in(dir.path(), &["--database-url", &url, "report", "--out", file], &[]);
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            assert_eq!(stdout(&output), "");
            let mode = std::fs::metadata(dir.path().join(file)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let read = |file: &str| std::fs::read_to_string(dir.path().join(file)).expect("it is text");
        assert!(read("a.html").starts_with("<!DOCTYPE html>") && read("A.HTM").starts_with("<!DOCTYPE html>"));
        assert!(read("a.md").starts_with("# Migration of personal account dealing, environment local\n"));
        assert!(read("a.json").starts_with("{\n  \"tool\": \"pad-migrate\""));
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// What a role may not see is named, and not a pass.
#[tokio::test]
async fn what_is_not_known_is_said() {
    with_db(Start::Migrated, async |db| {
        db.execute(&format!("revoke select on padealing.pad_approval from {}", Role::Reader.name())).await;
        let url = db.url_as(Role::Reader).await;
        let output = run(&["--database-url", &url, "report", "--json"], &[]);
        assert!(matches!(output.status.code(), Some(1)), "{}", stderr(&output));
        let found = json(&output);
        assert_eq!(found["accounting"], Value::Null);
        assert!(section(&found, "unchecked").contains("The rows were not compared"), "{found}");
        assert!(section(&found, "proof").contains("Nothing is proved"));
    })
    .await;
}

/// Some kinds of rejections in great number don't make the document large, and every row is counted.
#[tokio::test]
async fn its_size_is_bounded() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "insert into padealing.migration_reject
                 (source_table, source_id, field, rule, value, message, first_run_id, last_run_id)
             select 'personal_account_dealing', 100000 + n, 'field' || n % 50, 'rule' || n % 3, repeat('v', 100000),
                 repeat('<b>', 30000), r.id, r.id
             from generate_series(1, 3000) n, (select id from padealing.migration_run limit 1) r;
             insert into padealing.migration_run
                 (command, environment, program_version, options, outcome, finished_at)
             select 'migrate', 'local', '0', jsonb_build_object('reason', repeat('long ', 5000)), 'failed', now()
             from generate_series(1, 500)",
        )
        .await;
        let personal = ["--format", "html", "--personal-data"];
        for more in [&["--format", "html"] as &[&str], &personal, &["--format", "markdown"]] {
            let output = report(&db, more);
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            let size = output.stdout.len();
            assert!(size < 1_000_000, "{more:?}: {size} bytes");
        }
        let text = section(&json(&report(&db, &["--json"])), "rejections");
        assert!(text.contains("reasons are counted here") && text.contains("are not"), "{text}");
    })
    .await;
}

/// A rehearsal and the gate write the same kind of document, and what they wrote before under other names.
#[tokio::test]
async fn a_rehearsal_and_the_gate_write_one_too() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let read = |file: &str| std::fs::read_to_string(Path::new(dir.path()).join(file)).expect("it is text");
    for (file, flags) in [("r.html", &[] as &[&str]), ("r.md", &["--json"]), ("r.txt", &[])] {
        let output = run_in(dir.path(), &[&["rehearse", "--report", file], flags].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let without = |all: Vec<String>| -> Vec<String> { all.into_iter().filter(|it| !is_of_a_rehearsal(it)).collect() };
    assert_eq!(without(read::html(&read("r.html"))), without(read::markdown(&read("r.md"))));
    let (page, words) = (read("r.html"), read("r.md"));
    assert!(words.contains("Exactly the rows were rejected that had to be"));
    // Each reason is a row of one table, and each rule a place in it that the table above leads to.
    for wanted in
        ["reasons are counted here, and all are listed by row", "| D8: The status |", "## Decisions about legacy"]
    {
        assert!(words.contains(wanted), "{wanted}");
    }
    assert_eq!(page.matches("<details").count(), 1);
    for wanted in ["href=\"#rejected-1\"", "<tbody id=\"rejected-1\">", "href=\"#decision-d8\"", "id=\"decision-d8\""] {
        assert!(page.contains(wanted), "{wanted}");
    }
    // What is expected and what is open are counted in one sentence.
    assert!(words.contains("issues, none of them open: 12 expected") && !words.contains("None is open"), "{words}");
    assert!(read("r.txt").starts_with("Server "));
    with_db(Start::Migrated, async |db| {
        for file in ["g.html", "g.md", "g.xml"] {
            let arguments = ["--database-url", &db.url, "gate", "--format", "junit", "--report", file];
            assert_eq!(run_in(dir.path(), &arguments, &[]).status.code(), Some(1));
        }
        assert!(read::html(&read("g.html")).iter().any(|it| it.starts_with("NO-GOTheapplicationmaynotbeopened")));
        assert!(read("g.md").contains("**NO-GO** The application may not be opened: "));
        assert!(read("g.xml").starts_with("<?xml"));
    })
    .await;
}

/// Phases take another time each time.
fn is_of_a_rehearsal(statement: &str) -> bool {
    let is_seconds = |it: &str| it.strip_suffix('s').is_some_and(|it| it.parse::<f64>().is_ok());
    is_of_the_run(statement) || is_seconds(statement) || statement.contains("anindexcanbeused")
}
