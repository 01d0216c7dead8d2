//! What is shown at 2 a.m.: rows in groups, where the data stands, what is waited for, what is agreed to.

use std::time::Duration;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::harness::program::{command, run, run_in, stderr, stdout};
use crate::harness::terminal::run_on_terminal;
use crate::harness::{Db, Role, Start, program, with_db};
use pad_migrate::migration::run::Progress;
use pad_migrate::report::progress::Seen;

fn at(db: &Db, arguments: &[&str]) -> std::process::Output {
    run(&[&["--database-url", &db.url], arguments].concat(), &[])
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// Many rows of one kind, and few of two others after them.
const KINDS: &str = "insert into personal_account_dealing (id, employee, requested_date, status, inst_symbol, buysell) \
     select i, 1003, '2021-03-01', 'request', case when i <= 90 then 'NOSUCH' || i % 40 end, \
            case when i > 92 then 'X' end from generate_series(1, 95) i; \
     update personal_account_dealing set employee = 424242 where id in (91, 92)";

#[tokio::test]
async fn rejections_of_one_kind_do_not_hide_another() {
    with_db(Start::Applied, async |db| {
        db.execute(KINDS).await;
        for (arguments, hint) in [
            (&["migrate", "--dry-run"][..], "--rejects FILE writes all of them to a file"),
            (&["migrate"], "all of them are in padealing.migration_reject; --rejects FILE writes them to a file"),
        ] {
            let shown = stdout(&at(&db, arguments));
            let heading = "95 rows, by rule and field";
            for part in [
                heading,
                "90  unknown_security in inst_symbol",
                " 3  invalid_direction in buysell",
                " 2  unknown_employee in employee",
                "'NOSUCH1'",
                "and 81 other rows",
                "id 93: buysell is 'X'; it must be B, S or empty (and 2 rows like it)",
                hint,
            ] {
                assert!(shown.contains(part), "{part}: {shown}");
            }
            let known = hint.contains("migration_reject") || !shown.contains("migration_reject");
            assert!(known, "a dry run has written no table: {shown}");
        }
        let dir = tempfile::tempdir().expect("a directory is made");
        let arguments = ["--database-url", &db.url, "--json", "migrate", "--rejects", "r.jsonl"];
        let report = json(&run_in(dir.path(), &arguments, &[]));
        let group = &report["groups"][0];
        assert_eq!(
            (&group["rule"], &group["field"], &group["rows"]),
            (&"unknown_security".into(), &"inst_symbol".into(), &90.into())
        );
        assert_eq!(group["examples"][0]["rows"], 3, "{group}");
        let lines = std::fs::read_to_string(dir.path().join("r.jsonl")).expect("the file is there");
        assert_eq!(lines.lines().count(), 95);
        let shown = stdout(&run_in(dir.path(), &["--database-url", &db.url, "migrate", "--rejects", "r.csv"], &[]));
        assert!(shown.contains("all of them are in r.csv"), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn differences_of_one_kind_do_not_hide_another() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "update padealing.pad_request set created_at = created_at - interval '1 hour'; \
             update padealing.pad_request set status = 'declined' where id in \
                 (select id from padealing.pad_request where status = 'approved' order by id limit 2); \
             update padealing.pad_request set justification = upper(justification) where id = 1901",
        )
        .await;
        let shown = stdout(&at(&db, &["verify"]));
        let report = json(&at(&db, &["verify", "--format", "json"]));
        for part in [
            "pad_request.created_at: 1 h earlier than expected",
            " 2  pad_request.status: 'declined', expected 'approved'",
            "pad_request.justification: the same in another case",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let groups = report["groups"].as_array().expect("there are groups");
        let causes: Vec<&str> = groups.iter().filter_map(|group| group["cause"].as_str()).collect();
        assert!(causes.starts_with(&["shifted", "word"]) && causes.contains(&"case"), "{causes:?}");
        let all: u64 = groups.iter().filter_map(|group| group["count"].as_u64()).sum();
        assert_eq!(Value::from(all), report["differences_total"]);
        assert_eq!(groups[0]["examples"].as_array().map(Vec::len), Some(3));
    })
    .await;
}

/// All rejections on request, of a rehearsal too.
#[test]
fn a_rehearsal_writes_its_rejections() {
    let dir = tempfile::tempdir().expect("a directory is made");
    for (file, head) in [("r.csv", "source_id,field,rule,value,message"), ("r.jsonl", "{\"source_id\":")] {
        let output = run_in(dir.path(), &["rehearse", "-q", "--rejects", file], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(&format!("all of them are in {file}")), "{}", stdout(&output));
        let text = std::fs::read_to_string(dir.path().join(file)).expect("the file is there");
        assert!(text.starts_with(head) && text.lines().count() > 33, "{text}");
    }
}

#[tokio::test]
async fn status_shows_runs_and_rows() {
    with_db(Start::Reference, async |db| {
        // Before the schema is there.
        let shown = stdout(&at(&db, &["status"]));
        assert!(shown.contains("Rows        0 in the legacy table\n"), "{shown}");
        assert!(shown.contains("not known: there is no table padealing.migration_run"), "{shown}");
        let status = json(&at(&db, &["--json", "status"]));
        assert_eq!((&status["runs"], &status["rows"]["left"]), (&Value::Null, &Value::Null));
        assert_eq!(status["unknown"].as_array().map(Vec::len), Some(3));
    })
    .await;
    with_db(Start::Seeded, async |db| {
        let shown = stdout(&at(&db, &["status"]));
        assert!(shown.contains("Runs        none"), "{shown}");
        at(&db, &["migrate", "--limit", "40"]);
        let rows = |status: &Value| ["source", "migrated", "rejected", "left"].map(|it| status["rows"][it].clone());
        let status = json(&at(&db, &["--json", "status"]));
        let [source, migrated, rejected, left] = rows(&status).map(|it| it.as_u64().expect("it is known"));
        assert_eq!((source, migrated + rejected, left), (100, 40, 60));
        assert_eq!((&status["runs"][0]["end"], &status["runs_total"]), (&"done".into(), &1.into()));
        assert_eq!(status["runs"][0]["counts"]["read"], 40);
        // Runs that ended otherwise; seven in all.
        db.execute(
            "insert into padealing.migration_run (command, environment, program_version, started_at, outcome) \
             select 'migrate', 'local', '0', now() + i * interval '1 hour', \
                    (array['failed', 'interrupted', 'lost', 'clean', null, null])[i] from generate_series(1, 6) i",
        )
        .await;
        let ends = |status: &Value| -> Vec<String> {
            let runs = status["runs"].as_array().expect("they are known");
            runs.iter().map(|run| run["end"].as_str().expect("a word").to_owned()).collect()
        };
        // Nobody is at work.
        assert_eq!(ends(&json(&at(&db, &["--json", "status"]))), ["lost", "lost", "done", "lost", "interrupted"]);
        let mut other = PgConnection::connect(&db.url).await.expect("a connection");
        let lock = format!("select pg_advisory_lock({}, 1)", i32::from_be_bytes(*b"padm"));
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut other).await.expect("the lock is free");
        assert_eq!(ends(&json(&at(&db, &["--json", "status"])))[..2], ["running", "lost"]);
        let shown = stdout(&at(&db, &["status"]));
        assert!(shown.contains("running        at work") && shown.contains("… and 2 earlier runs"), "{shown}");
        // A reader sees what it may.
        let reader = db.url_as(Role::Reader).await;
        db.execute("revoke select on personal_account_dealing from public, pad_migrate_reader").await;
        let output = run(&["--database-url", &reader, "--json", "status"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let status = json(&output);
        assert_eq!((&status["rows"]["source"], &status["rows"]["left"]), (&Value::Null, &Value::Null));
        assert_eq!((&status["rows"]["migrated"], ends(&status).len()), (&migrated.into(), 5));
        let unknown = &status["unknown"][0];
        assert_eq!(unknown["reason"], "public.personal_account_dealing is not readable by this role", "{unknown}");
    })
    .await;
}

#[rstest]
#[case(140, "migrating [####----------------] 2,000 of 10,000 rows, 51 rejected, 200 rows a second, 40 s left")]
#[case(80, "migrating 2,000 of 10,000 rows, 51 rejected, 200 rows a second, 40 s left")]
#[case(60, "migrating 2,000 of 10,000, 51 rejected, 200/s, 40 s left")]
#[case(45, "migrating 2,000 of 10,000, 40 s left")]
#[case(30, "migrating 20 %, 40 s left")]
#[case(12, "migrating 2…")]
fn progress_fits(#[case] width: usize, #[case] line: &str) {
    let rows = Some(Progress { done: 2_000, total: 10_000, rejected: 51 });
    let seen = Seen { phase: "migrating", elapsed: Duration::from_secs(10), rows };
    assert_eq!(seen.line(width), line);
    let waiting = Seen { phase: "reading\u{1b} the catalog", elapsed: Duration::from_secs(7_500), rows: None };
    assert!(waiting.line(width).chars().count() <= width && !waiting.line(width).contains('\u{1b}'));
    assert_eq!(waiting.line(80), "reading\\u{1b} the catalog 2 h 5 min");
    let plain =
        |milliseconds| Seen { phase: "planting", elapsed: Duration::from_millis(milliseconds), rows: None }.plain();
    assert_eq!([plain(0), plain(999), plain(1_000)], ["still planting", "still planting", "still planting, 1 s"]);
}

/// A hash is copied: it is never in two pieces, however narrow the screen is.
#[tokio::test]
async fn hashes_are_whole() {
    with_db(Start::Migrated, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let narrow = |arguments: &[&str]| {
            let arguments = [&["--database-url", &db.url], arguments].concat();
            let output = run_in(dir.path(), &arguments, &[("COLUMNS", "60")]);
            assert!(output.status.code().is_some_and(|it| it < 2), "{}", stderr(&output));
            stdout(&output)
        };
        for arguments in [
            &["verify", "--evidence", "evidence"] as &[&str],
            &["evidence", "show", "1001"],
            &["evidence", "show", "1001", "--from", "evidence", "--out", "proof"],
            &["evidence", "check", "evidence"],
        ] {
            let printed = narrow(arguments);
            let is_hex = |it: &str| it.len() > 16 && it.bytes().all(|it| it.is_ascii_hexdigit());
            let words = printed.lines().flat_map(|line| line.split([' ', ',', '.']).map(move |word| (line, word)));
            for (line, hash) in words.filter(|(_, word)| is_hex(word)) {
                assert_eq!(hash.len(), 64, "{printed}");
                assert!(line.trim().trim_end_matches([',', '.', ';']) == hash, "{line} in {printed}");
            }
        }
    })
    .await;
}

/// What is waited for is said while a table is locked: by every command, on a terminal and elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_wait_is_silent() {
    with_db(Start::Migrated, async |db| {
        let mut other = PgConnection::connect(&db.url).await.expect("a connection");
        let lock = "begin; lock table public.personal_account_dealing in access exclusive mode";
        sqlx::raw_sql(lock).execute(&mut other).await.expect("it is locked");
        let cases = [
            ("migrate --dry-run", "examining the legacy rows"),
            ("verify", "examining the legacy rows"),
            ("doctor --exact", "examining the environment"),
        ];
        let runs = cases.map(|(command, _)| {
            let url = db.url.clone();
            tokio::task::spawn_blocking(move || {
                let arguments: Vec<&str> = ["--database-url", &url].into_iter().chain(command.split(' ')).collect();
                std::thread::scope(|scope| {
                    let drawn = scope.spawn(|| run_on_terminal(60, &arguments, &[], &[]).0);
                    let plain = String::from_utf8(run(&arguments, &[]).stderr).expect("it is UTF-8");
                    (drawn.join().expect("it ends"), plain)
                })
            })
        });
        tokio::time::sleep(Duration::from_secs(4)).await;
        sqlx::raw_sql("rollback").execute(&mut other).await.expect("it is free");
        for ((command, phase), run) in cases.into_iter().zip(runs) {
            let (drawn, plain) = run.await.expect("it ends");
            assert!(drawn.contains(phase), "{command}: {drawn}");
            assert!(plain.contains(&format!("pad-migrate: still {phase}, ")), "{command}: {plain}");
        }
    })
    .await;
}

/// The question comes last, with what it is about; the statements are shown on request.
#[tokio::test]
async fn revert_says_what_is_agreed_to() {
    with_db(Start::Migrated, async |db| {
        let arguments = ["--database-url", &db.url, "revert", "--to", "3", "--allow-data-loss", "--show-sql"];
        let (shown, code) = run_on_terminal(100, &arguments, &[], &[("Revert? [y/N]", "n")]);
        assert_eq!(code, 2, "{shown}");
        let (sql, question) = shown.split_once("\nTarget ").expect("there is a summary");
        assert!(
            sql.contains("-- down migration of revision 0007 grant_privileges") && sql.contains("drop table"),
            "{sql}"
        );
        for part in [
            &*db.place().name,
            "environment local",
            "4 down migrations, in one transaction",
            "rows of migration_mapping",
            "reads and writes of",
            "padealing.migration_mapping",
            "Revert? [y/N]",
            "Nothing was changed.",
        ] {
            assert!(question.contains(part), "{part}: {question}");
        }
        // Without a terminal, the statements are the result, and nothing is changed.
        let output = at(&db, &["revert", "--show-sql"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stdout(&output).contains("-- down migration of revision 0007"), "{}", stdout(&output));
        assert!(stderr(&output).contains("use --yes"), "{}", stderr(&output));
    })
    .await;
}

/// Numbers as people write them, and JSON of what changes the schema.
#[tokio::test]
async fn apply_and_revert_as_json() {
    with_db(Start::Reference, async |db| {
        let refused = at(&db, &["apply", "--json"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("add --yes"), "{}", stderr(&refused));
        assert_eq!(json(&refused)["outcome"], "failed");
        let up = json(&at(&db, &["apply", "--yes", "--json", "--to", "4"]));
        assert_eq!((&up["command"], &up["outcome"], &up["before"]), (&"apply".into(), &"clean".into(), &Value::Null));
        assert_eq!(up["records"].as_array().map(Vec::len), Some(4));
        assert!(up["server_version"].is_string() && up["place"].is_string(), "{up}");
        let planned = json(&at(&db, &["plan", "--to", "0005", "--json"]));
        assert_eq!(planned["records"][0]["revision"], "0005");
        let down = json(&at(&db, &["apply", "--yes", "--format", "json", "--to", "3"]));
        assert_eq!((&down["command"], &down["steps"][0]["revision"]), (&"apply".into(), &"0004".into()));
        assert_eq!(json(&at(&db, &["status", "--json"]))["current"], "0003");
        let down = json(&at(&db, &["revert", "--yes", "--json", "--to", "0"]));
        assert_eq!((&down["command"], down["steps"].as_array().map(Vec::len)), (&"revert".into(), Some(3)));
        for (arguments, part) in [
            (&["plan", "--to", "12"][..], "there is no revision 0012; there are 0001 create_schema, 0002"),
            (&["revert", "--yes", "--to", "12"], "there is no revision 0012; there are 0001 create_schema, 0002"),
            (&["plan", "--to", "newest"], "there are 0001 create_schema, 0002"),
        ] {
            let output = at(&db, arguments);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains(part), "{}", stderr(&output));
        }
    })
    .await;
}

#[rstest]
#[case(&["--json", "drift", "--format", "markdown"], "--json and another --format")]
#[case(&["plan", "--format", "text", "--json"], "--json and another --format")]
#[case(&["--json", "seed"], "seed prints no JSON")]
fn json_contradicts_another_format(#[case] arguments: &[&str], #[case] sentence: &str) {
    let output = run(arguments, &[]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
    assert!(stderr(&output).contains(sentence) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
}

/// Every screen fits its width, on a terminal and in a pipe, and no line ends with blanks. Addresses, paths and SQL are
/// never broken.
#[tokio::test]
async fn every_screen_fits() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "update padealing.pad_request set status = 'declined' where id = 101; \
            drop index padealing.pad_request_status_idx; create table padealing.unknown (i int)",
        )
        .await;
        let fits = |command: &str, width: u16, text: &str| {
            for line in text.lines() {
                assert_eq!(line, line.trim_end(), "{command} at {width}");
                let is_whole = line.split("  ").filter(|part| !part.trim().is_empty()).count() <= 2;
                let is_broken_where_it_may = line.chars().count() <= usize::from(width)
                    || is_whole && (line.contains(&*db.place().name) || line.trim_start().starts_with("query: "));
                assert!(is_broken_where_it_may, "{command} at {width}: {line:?}");
            }
        };
        for command in ["status", "doctor", "plan", "drift", "migrate --dry-run", "verify", "integrity"] {
            let arguments: Vec<&str> = ["--database-url", &db.url].into_iter().chain(command.split(' ')).collect();
            for width in [60_u16, 80, 140] {
                let output = run(&arguments, &[("COLUMNS", &width.to_string())]);
                assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
                fits(command, width, &stdout(&output));
            }
        }
        let (shown, _) =
            run_on_terminal(60, &["--database-url", &db.url, "--color", "never", "-q", "status"], &[], &[]);
        fits("status", 60, &shown);
    })
    .await;
}

/// The work is done, and its result can't be printed: that is said, and where it can be seen.
#[tokio::test]
async fn work_that_was_done_is_said_to_be_when_its_result_can_not_be_printed() {
    with_db(Start::Reference, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        let file = dir.path().join("x.dump").display().to_string();
        let out = ["backup", "--out", &file];
        db.execute(
            "insert into personal_account_dealing (id, employee, requested_date, status, buysell) \
             values (1, 1003, '2021-03-01', 'request', 'B')",
        )
        .await;
        for (arguments, done) in [
            (
                &["apply", "--yes"][..],
                "the schema was changed, which is committed; `pad-migrate status` shows it; after",
            ),
            (&["migrate"], "1 row was migrated, and 0 rejected; `pad-migrate status` shows it; after that, the result"),
            (&out, "x.dump is complete, and its manifest is beside it; after that, the result could not be written"),
            (
                &["clean", "--yes", "--employee", "1001"],
                "removed; `pad-migrate status` shows it; after that, the result",
            ),
            (&["rollback", "--yes"], "1 row was rolled back, and 0 kept; `pad-migrate status` shows it; after that, "),
            (
                &["revert", "--yes", "--allow-data-loss", "--to", "0"],
                "the schema was reverted, which is committed; `pad-",
            ),
            (&["status"], "pad-migrate: the result could not be written"),
        ] {
            if arguments[0] == "clean" {
                db.execute("insert into padealing.pad_request (employee_id, status) values (1001, 'declined')").await;
            }
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("there is one");
            let mut command = command(program());
            command.args(["--database-url", &db.url]).args(arguments).stdout(full);
            let output = command.output().expect("it runs");
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains(done), "{arguments:?}: {}", stderr(&output));
        }
        assert_eq!(at(&db, &["apply", "--yes"]).status.code(), Some(0));
        let unused = dir.path().join("y.dump");
        let none = at(&db, &["rollback", "--yes", "--backup", &unused.display().to_string()]);
        assert!(stderr(&none).contains("no backup was taken: there is nothing to roll back"), "{}", stderr(&none));
        assert!(!unused.exists());
    })
    .await;
}
