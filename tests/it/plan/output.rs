//! `plan`, `apply`, `revert` and `status` as their users run them.

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::program::{named, run, run_in, stderr, stdout};
use crate::harness::{Db, ROWS, Role, Start, with_db};
use crate::snapshots::Snapshot;

const ROLES: [(&str, &str); 4] = [
    ("DB_OWNER_ROLE", "pad_migrate_owner"),
    ("DB_APP_ROLE", "pad_migrate_app"),
    ("DB_READER_ROLE", "pad_migrate_reader"),
    ("DB_SSLMODE", "disable"),
];

fn go(url: &str, arguments: &[&str]) -> std::process::Output {
    run(&[&["--env", "qa", "--database-url", url], arguments].concat(), &ROLES)
}

/// Without what differs from run to run.
async fn normalized(db: &Db, text: &str) -> String {
    let version = db.value("select split_part(current_setting('server_version'), ' ', 1)").await.expect("a version");
    let place = db.place();
    let text =
        text.replace(&db.database.place(), "PLACE").replace(&version, "VERSION").replace(&place.name, "DATABASE");
    let text = text.replace(&format!("{}:{}", place.host, place.port), "SERVER").replace(&place.host, "SERVER");
    let text = text
        .replace(&format!("owner to {}", place.user), "owner to ME")
        .replace(&format!("belong to {}", place.user), "belong to ME")
        // As memberships are granted since version 16.
        .replace(" with inherit true, set true", "")
        .replace(&format!(" by {} ", place.user), " by ME ");
    // An empty table has no estimate before version 14.
    let text = text.replace("about 0 rows", "rows not estimated");
    let lines = text.lines().filter(|it| !it.starts_with("Live")).map(|it| {
        // It depends on the name of the role that owns.
        if let Some((before, digits)) = it.rsplit_once(' ').filter(|(_, last)| is_hash(last)) {
            assert!(before.starts_with("Hash") || before.ends_with("plan hash"), "{digits}");
            return format!("{before} 0123456789abcdef0123456789abcdef\n");
        }
        let words: Vec<&str> = it.split(' ').collect();
        let is_stamp = |it: &&str| it.len() == 5 && it.as_bytes()[2] == b':';
        match words.iter().position(is_stamp) {
            Some(at) if it.starts_with("  20") => format!("  DAY TIME {}\n", words[at + 1..].join(" ")),
            _ => format!("{it}\n"),
        }
    });
    lines.collect()
}

fn is_hash(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a reviewer with the right to say no reads, as a role that may only read.
#[tokio::test]
async fn the_plan_for_qa_is_reviewed() {
    with_db(Start::Alembic, async |db| {
        db.execute("analyze").await;
        let before = db.dump(&[]).await;
        let reader = db.url_as(Role::Reader).await;
        let output = go(&reader, &["plan"]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
        Snapshot::plan__qa.check(&normalized(&db, &stdout(&output)).await);
        let output = go(&reader, &["plan", "--check"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let output = go(&reader, &["plan", "--format", "sql"]);
        assert_eq!(output.status.code(), Some(1), "the reader may not apply it");
        Snapshot::plan__qa_sql.check(&normalized(&db, &stdout(&output)).await);
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_plan_as_json_has_the_contracts_fields() {
    with_db(Start::Alembic, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let arguments = ["--env", "qa", "--database-url", &db.url, "plan", "--format", "json", "--out", "plan.json"];
        let output = run_in(folder.path(), &arguments, &ROLES);
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
        let text = std::fs::read_to_string(folder.path().join("plan.json")).expect("the file is there");
        let plan: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(
            (&plan["tool"], &plan["command"], &plan["outcome"]),
            (&"pad-migrate".into(), &"plan".into(), &"clean".into())
        );
        let tables = plan["tables"].as_array().expect("a list");
        assert_eq!(tables.len(), 14);
        let known = ["use", "upgrade", "create", "move"];
        assert!(
            tables
                .iter()
                .all(|it| it["table"].is_string() && known.contains(&it["decision"].as_str().expect("a text")))
        );
        let steps = plan["steps"].as_array().expect("a list");
        assert!(steps.iter().all(|it| it["sql"].is_string() && it["object"].is_string() && it["hazards"].is_array()));
        let hazards = steps.iter().flat_map(|it| it["hazards"].as_array().expect("a list"));
        let hazards: Vec<&Value> = hazards.collect();
        assert!(hazards.iter().all(|it| it["kind"].is_string() && it["note"].is_string() && it.get("lock").is_some()));
        assert!(hazards.iter().any(|it| it["kind"] == "rewrite" && it["lock"] == "ACCESS EXCLUSIVE"));
        assert!(hazards.iter().any(|it| it["kind"] == "reference_lock" && it["lock"] == "SHARE ROW EXCLUSIVE"));
    })
    .await;
}

/// From nothing of ours to everything and back, as it is reported.
#[tokio::test]
async fn every_command_from_nothing_to_all_and_back_is_reviewed() {
    with_db(Start::Alembic, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let backup = folder.path().join("before.dump").display().to_string();
        let mut all = String::new();
        for (arguments, code) in [
            (&["status"][..], 1),
            (&["apply", "--yes", "--backup", &backup], 0),
            (&["apply", "--yes"], 0),
            (&["plan"], 0),
            (&["status"], 0),
            (&["revert", "--yes"], 0),
            (&["status"], 1),
            (&["apply", "--yes", "--to", "0007"], 0),
        ] {
            // pg_dump would go where these lead.
            let elsewhere = [&ROLES[..], &[("PGSERVICE", "nowhere"), ("PGHOSTADDR", "127.0.0.9")]].concat();
            let output = run(&[&["--env", "qa", "--database-url", &db.url], arguments].concat(), &elsewhere);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
            let command = arguments.join(" ").replace(&backup, "FILE");
            all.push_str(&format!("$ {command}\n{}\n", normalized(&db, &stdout(&output)).await));
        }
        Snapshot::plan__whole_way.check(&all);
        let read = std::fs::read(&backup).expect("the backup is there");
        assert!(read.starts_with(b"PGDMP"), "it is a dump in custom format");
        let json = go(&db.url, &["status", "--format", "json"]);
        let status: Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
        assert_eq!((&status["current"], &status["outcome"]), (&"0007".into(), &"clean".into()));
        assert_eq!(status["managers"][0]["program"], "Alembic");
    })
    .await;
}

/// Each refusal is one sentence that says what, where, and what to do, and changes nothing.
#[tokio::test]
async fn what_is_refused_is_one_sentence() {
    let refused = async |db: &Db, snapshot: Snapshot, output: &dyn Fn() -> std::process::Output| {
        let before = db.dump(&[]).await;
        snapshot.check_refused(&named(output(), db));
        assert_eq!(db.dump(&[]).await, before, "{snapshot:?} changes nothing");
    };
    with_db(Start::Alembic, async |db| {
        for (snapshot, arguments) in [
            (Snapshot::error__apply_without_terminal, &["apply"][..]),
            (Snapshot::error__apply_to_nowhere, &["apply", "--yes", "--to", "0099"]),
            (Snapshot::error__revert_nothing, &["revert", "--yes"]),
            (Snapshot::error__apply_backup_nowhere, &["apply", "--yes", "--backup", "/nowhere/before.dump"]),
        ] {
            refused(&db, snapshot, &|| go(&db.url, arguments)).await;
        }
        let app = db.url_as(Role::App).await;
        refused(&db, Snapshot::error__apply_as_reader, &|| go(&app, &["apply", "--yes"])).await;
        db.execute("create view public.requests as select id from padealing.pad_request").await;
        refused(&db, Snapshot::error__apply_blocked, &|| go(&db.url, &["apply", "--yes"])).await;
    })
    .await;
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        for (snapshot, change, arguments) in [
            (Snapshot::error__revert_loss, "", &["revert", "--yes", "--to", "0000"][..]),
            (Snapshot::error__plan_down, "", &["plan", "--to", "0003"]),
            (
                Snapshot::error__apply_changed,
                "update padealing.schema_revision set checksum = 'x' where revision = '0003'",
                &["apply", "--yes"],
            ),
            (
                Snapshot::error__apply_newer,
                "update padealing.schema_revision set revision = '0042' where revision = '0007'",
                &["status"],
            ),
            (
                Snapshot::error__apply_other_history,
                "alter table padealing.schema_revision drop column checksum",
                &["plan"],
            ),
        ] {
            db.execute(change).await;
            let output = || run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            refused(&db, snapshot, &output).await;
        }
    })
    .await;
}

/// A terminal sequence in a name takes nothing of the plan with it, whether or not the plan is coloured.
#[tokio::test]
async fn a_terminal_sequence_in_a_name_hides_nothing() {
    with_db(Start::Applied, async |db| {
        db.execute("create table padealing.\"a\u{1b}]0;\" (i int); drop index padealing.pad_request_status_idx").await;
        let plan = |colour: &str| {
            let output = run(&["--database-url", &db.url, "--color", colour, "plan", "--show-sql"], &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            stdout(&output)
        };
        let (plain, coloured) = (plan("never"), plan("always"));
        assert!(plain.contains("create index pad_request_status_idx"), "the SQL is there: {plain}");
        assert!(coloured.len() >= plain.len(), "{coloured}");
        let without = ["0", "1", "2", "31", "32", "33"]
            .iter()
            .fold(coloured, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
        assert_eq!(without, plain);
    })
    .await;
}
