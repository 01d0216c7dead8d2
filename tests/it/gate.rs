//! The gate: GO only when everything is known and right, and each reason by its name.

mod rehearsals;
mod waived;
mod writers;

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::date;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::harness::program::{run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, apply_with, roles, with_db};
use pad_migrate::checks::check::Status;
use pad_migrate::checks::gate::rehearsal::RehearsalReport;
use pad_migrate::checks::gate::waivers::is_waivable;
use pad_migrate::checks::gate::{Decision, Gate, Stage};
use pad_migrate::checks::pg::gate::gate;
use pad_migrate::checks::pg::gate::request::GateRequest;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::{Roles, TableName};
use pad_migrate::ledger::revisions::ALL;
use pad_migrate::migration::identity::SourceIdentity;
use pad_migrate::migration::legacy::LegacyColumn;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::run::Options;
use pad_migrate::schema::backup::{Manifest, manifest_path, rehearsed_path};
use pad_migrate::schema::drift::exceptions::Exceptions;
use pad_migrate::schema::pg::backup::{BackupFiles, BackupRequest, backup};

/// Three rows that nothing is wrong with.
const LEGACY: &str = "insert into public.personal_account_dealing (id, employee, requested_date, status) \
                      select id, 1003, '2020-01-01', 'request' from generate_series(1, 3) id";

/// What the gate is given when all is well.
struct Given {
    roles: Roles,
    table: TableName,
    folder: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory is made");
        Self { roles: roles(), table: TableName::legacy(), folder }
    }

    fn request<'a>(&'a self, db: &'a Db, stage: Stage) -> GateRequest<'a> {
        GateRequest {
            target: &db.database,
            source: LegacySource::Table { database: &db.database, table: &self.table },
            source_elsewhere: false,
            environment: Environment::Local,
            roles: &self.roles,
            table: &self.table,
            stage,
            plan_hash: None,
            allow_objects: &[],
            backup: None,
            rehearsal: None,
            window: None,
            freeze: Duration::ZERO,
            exceptions: None,
            today: date(2026, 11, 26),
            timeout: Duration::from_secs(120),
        }
    }

    /// A backup of the database as it is, whose restore is on record as rehearsed.
    async fn backup(&self, db: &Db) -> PathBuf {
        let path = self.folder.path().join("before.dump");
        let request =
            BackupRequest { database: &db.database, environment: Environment::Local, roles: &self.roles, legacy: None };
        let files = BackupFiles::create(&path).expect("the file is begun");
        backup(&request, files).await.expect("it is backed up").expect("there is something to back up");
        let text = std::fs::read_to_string(manifest_path(&path)).expect("there is a manifest");
        let manifest = Manifest::read(&text).expect("it is one");
        let record = json!({
            "tool": "pad-migrate", "command": "rehearsed", "version": "0.1.0", "rehearsed_at": "2026-11-26T20:00:00Z",
            "server_version": "18.0", "seconds": 2.0, "sha256": manifest.sha256,
        });
        std::fs::write(rehearsed_path(&path), record.to_string()).expect("the record is written");
        path
    }
}

/// The report of a clean rehearsal of so many rows.
fn rehearsal(version: &str, rows: u64, server_version: &str, source: &SourceIdentity) -> Value {
    let revisions: Vec<&str> =
        ALL.iter().filter(|it| it.not_for(Environment::Local).is_none()).map(|it| it.number).collect();
    let phase = |(name, seconds): (&str, f64)| json!({"name": name, "status": "done", "seconds": seconds});
    let seconds = [
        ("server", 900.0),
        ("prepare", 8.0),
        ("plan", 0.5),
        ("apply", 1.0),
        ("migrate", 6.0),
        ("verify", 2.0),
        ("drift", 0.5),
        ("integrity", 0.0),
        ("plant", 2.0),
    ];
    json!({
        "command": "rehearse", "version": version, "environment": "local", "server_version": server_version,
        "outcome": "clean", "verdict": "CLEAN", "source_identity": source, "revisions": revisions,
        "counts": {"read": rows, "migrated": rows, "already_migrated": 0, "rejected": 0},
        "verify": {"verified": rows, "different": 0, "missing": 0, "pending": 0, "missing_source": 0, "extra": 0},
        "drift": {"breaking": 0, "warning": 0, "info": 0}, "checks": [{"name": "sequences", "status": "pass"}],
        "planted": {"faults": 500, "found_by_verify": 500, "false_alarms": []},
        "phases": seconds.map(phase),
    })
}

fn read(report: &Value) -> RehearsalReport {
    RehearsalReport::read(&report.to_string()).expect("it is a report")
}

/// The legacy table of the test's database.
async fn source(db: &Db) -> SourceIdentity {
    SourceIdentity::Table {
        system_identifier: db.value("(select system_identifier from pg_control_system())").await,
        place: "another name:1/of the server as somebody".to_owned(),
        database: db.place().name,
        table: TableName::legacy().to_string(),
    }
}

fn exceptions(expires: &str) -> Exceptions {
    let text = format!(
        "[[exception]]\nname = 'left'\ncheck = 'rejections'\nrows = [9]\nreason = 'left in 2009'\nexpires = {expires}"
    );
    Exceptions::read(&text, |name| (!is_waivable(name)).then(Vec::new)).expect("it is a file of exceptions")
}

fn reasons(gate: &Gate) -> Vec<&'static str> {
    gate.reasons().map(|it| it.name).collect()
}

fn status(gate: &Gate, name: &str) -> (Status, String) {
    let check = gate.checks.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("there is no {name}"));
    (check.status, check.message.clone())
}

/// Before: nothing but what was planted closes the gate, and what isn't known closes it, too.
#[tokio::test]
async fn before_a_cutover_everything_must_be_known_and_right() {
    with_db(Start::Applied, async |db| {
        db.execute(LEGACY).await;
        let given = Given::new();
        let version = db.value("select current_setting('server_version')").await.expect("a version");
        let backup = given.backup(&db).await;
        let rehearsed = read(&rehearsal(env!("CARGO_PKG_VERSION"), 3, &version, &source(&db).await));
        let asked = given.request(&db, Stage::Before);
        let all = GateRequest {
            backup: Some(&backup),
            rehearsal: Some(&rehearsed),
            window: Some(Duration::from_secs(60)),
            freeze: Duration::from_millis(1),
            ..asked
        };
        let before = db.dump(&[]).await;
        let found = gate(&all).await;
        assert_eq!(reasons(&found), [""; 0], "{:#?}", found.checks);
        assert_eq!(found.decision(), Decision::Go);
        assert_eq!(status(&found, "window").1, "3 rows take some 10 s; the window is 60 s");
        let (from, until) = (found.decided_at, found.valid_until().expect("a GO ends"));
        assert_eq!(until.duration_since(from).as_secs(), 3600);
        assert_eq!(db.dump(&[]).await, before, "it only reads");

        // Nothing is known.
        db.execute("drop index padealing.pad_breach_request_id_idx").await;
        db.execute("insert into public.personal_account_dealing (id, employee, status) values (9, 77, 'request')")
            .await;
        let found = gate(&asked).await;
        let open = ["plan", "source_frozen", "rejections", "backup", "rehearsal", "window"];
        assert_eq!(reasons(&found), open, "{:#?}", found.checks);
        assert_eq!(found.valid_until(), None);

        // All of it is known, and wrong.
        db.execute("grant update on public.personal_account_dealing to pad_migrate_app").await;
        db.execute("insert into padealing.compliance_config (config_key, config_value) values ('k', '1')").await;
        let other = read(&rehearsal("0.0.1", 3, &version, &source(&db).await));
        let expired = exceptions("2026-11-25");
        let wrong = GateRequest {
            rehearsal: Some(&other),
            window: Some(Duration::from_secs(9)),
            plan_hash: Some("0123456789abcdef0123456789abcdef"),
            exceptions: Some(&expired),
            ..all
        };
        let found = gate(&wrong).await;
        assert_eq!(reasons(&found), open, "{:#?}", found.checks);
        for name in open {
            assert_eq!(status(&found, name).0, Status::Fail, "{name}");
        }
        assert!(status(&found, "backup").1.starts_with("compliance_config changed since"));
        let frozen = status(&found, "source_frozen").1;
        assert!(frozen.contains("from pad_migrate_app;"), "{frozen}");

        // Reviewed, mended, waived until the end of the day: a warning remains.
        db.execute("revoke update on public.personal_account_dealing from pad_migrate_app").await;
        let backup = given.backup(&db).await;
        let hash = found.bound.plan.clone().expect("there is a plan");
        let today = exceptions("2026-11-26");
        let mended = GateRequest {
            backup: Some(&backup),
            plan_hash: Some(&hash),
            window: Some(Duration::from_secs(15)),
            exceptions: Some(&today),
            ..all
        };
        let found = gate(&mended).await;
        assert_eq!(reasons(&found), [""; 0], "{:#?}", found.checks);
        assert_eq!(status(&found, "window").0, Status::Warn, "{:?}", status(&found, "window"));
        assert!(status(&found, "rejections").1.ends_with("1 rejection is waived"));
        assert_eq!(found.accepted_until.map(|it| it.to_string()).as_deref(), Some("2026-11-27T00:00:00"));

        // Another row is not waived with it, a backup that was cut is none, and a rehearsal on a tenth of the rows says
        // nothing.
        db.execute("insert into public.personal_account_dealing (id, employee, status) values (10, 77, 'request')")
            .await;
        let bytes = std::fs::read(&backup).expect("the backup is there");
        std::fs::write(&backup, &bytes[..bytes.len() / 2]).expect("it is cut");
        db.execute(&LEGACY.replace("(1, 3)", "(1001, 1040)")).await;
        let found = gate(&mended).await;
        assert_eq!(reasons(&found), ["rejections", "backup", "window"], "{:#?}", found.checks);
    })
    .await;
}

/// Where the application has no schema yet nothing of it is wrong.
#[tokio::test]
async fn a_first_cutover_may_begin() {
    with_db(Start::Reference, async |db| {
        db.execute(LEGACY).await;
        let given = Given::new();
        let version = db.value("select current_setting('server_version')").await.expect("a version");
        let rehearsed = read(&rehearsal(env!("CARGO_PKG_VERSION"), 3, &version, &source(&db).await));
        let asked = GateRequest {
            rehearsal: Some(&rehearsed),
            window: Some(Duration::from_secs(60)),
            freeze: Duration::from_millis(1),
            ..given.request(&db, Stage::Before)
        };
        let found = gate(&asked).await;
        assert_eq!(reasons(&found), ["plan"], "{:#?}", found.checks);
        let hash = found.bound.plan.clone().expect("there is a plan");
        let asked = GateRequest { plan_hash: Some(&hash), ..asked };
        assert_eq!(reasons(&gate(&asked).await), [""; 0]);
    })
    .await;
}

/// Who writes to the legacy table is found while it writes, and before it commits.
#[tokio::test]
async fn a_source_that_is_written_to_is_not_frozen() {
    with_db(Start::Applied, async |db| {
        db.execute(LEGACY).await;
        let given = Given::new();
        let asked = GateRequest { freeze: Duration::from_millis(1), ..given.request(&db, Stage::Before) };
        let mut writer = db.connect().await;
        sqlx::raw_sql("begin; update public.personal_account_dealing set comments_manager = 'x' where id = 1")
            .execute(&mut writer)
            .await
            .expect("it is updated");
        let found = gate(&asked).await;
        let (state, message) = status(&found, "source_frozen");
        assert_eq!(state, Status::Fail);
        assert!(message.starts_with("1 open transaction has written"), "{message}");
        sqlx::raw_sql("rollback").execute(&mut writer).await.expect("it is rolled back");
        let writing = async {
            loop {
                let next = "select coalesce(max(id), 0) + 1, 1003, '2020-01-01', 'request'";
                db.execute(&format!(
                    "insert into public.personal_account_dealing (id, employee, requested_date, status) {next} \
                     from public.personal_account_dealing"
                ))
                .await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        // On a busy machine an insert may be under way when the gate looks, which it says in place of what changes.
        let looking = async {
            loop {
                let found = gate(&asked).await;
                let (state, message) = status(&found, "source_frozen");
                assert_eq!(state, Status::Fail, "{message}");
                if !message.starts_with("1 open transaction") {
                    return message.to_owned();
                }
            }
        };
        let message = tokio::select! {
            message = looking => message,
            () = writing => unreachable!("it writes for ever"),
        };
        assert!(message.contains("changed within"), "{message}");
        writer.close().await.expect("the connection closes");
    })
    .await;
}

/// Afterwards: nothing is left to do, and everything is proved.
#[tokio::test]
async fn after_a_cutover_nothing_is_left_and_everything_is_proved() {
    with_db(Start::Reference, async |db| {
        db.execute(LEGACY).await;
        let given = Given::new();
        apply_with(&db.database, &given.roles).await;
        db.migrate(Options::default()).await;
        db.execute("analyze").await;
        let asked = given.request(&db, Stage::After);
        let before = db.dump(&[]).await;
        let found = gate(&asked).await;
        assert_eq!(reasons(&found), [""; 0], "{:#?}", found.checks);
        assert!(status(&found, "way_back").1.contains("removes 3 migrated requests"), "{:?}", status(&found, "way_back"));
        assert_eq!(db.dump(&[]).await, before, "it only reads");

        db.execute("drop index padealing.pad_breach_request_id_idx").await;
        db.execute("update padealing.pad_request set justification = 'other' where id = 1").await;
        db.execute(&LEGACY.replace("(1, 3)", "(4, 4)")).await;
        db.execute("update padealing.pad_request set status = 'withdrawn' where id = 2").await;
        db.execute(
            "insert into padealing.employee_role (employee_id, role) select 1002, 'r' || n from generate_series(1, 5) n",
        )
        .await;
        let found = gate(&asked).await;
        let open = ["plan", "drift", "pending", "verify", "integrity", "statistics"];
        assert_eq!(reasons(&found), open, "{:#?}", found.checks);

        // What a role may not see closes the gate, by name.
        let url = db.url_as(Role::Stranger).await;
        let output = run_in(given.folder.path(), &["--database-url", &url, "--json", "gate"], &[]);
        let printed: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_eq!((&printed["verdict"], &printed["outcome"]), (&json!("NO-GO"), &json!("attention")));
        let open: Vec<&str> = printed["reasons"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        for name in ["privileges", "verify", "integrity", "statistics"] {
            assert!(open.contains(&name), "{name} is among {open:?}");
        }
    })
    .await;
}

/// Since when others' transactions are open is not known to a role that may not see their sessions.
#[tokio::test]
async fn transactions_that_are_hidden_are_not_known() {
    with_db(Start::Applied, async |db| {
        let mut other = db.connect().await;
        sqlx::raw_sql("begin; select 1").execute(&mut other).await.expect("it is begun");
        let folder = tempfile::tempdir().expect("a directory is made");
        let url = db.url_as(Role::Owner).await;
        let output = run_in(folder.path(), &["--database-url", &url, "--json", "gate"], &[]);
        let printed: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        let checks = printed["checks"].as_array().expect("a list");
        let check = checks.iter().find(|it| it["name"] == "long_transactions").expect("it is there");
        assert_eq!(check["status"], "skip", "{check}");
        assert!(check["message"].to_string().contains("grant pg_read_all_stats to pad_migrate_owner"), "{check}");
        let seen = gate(&Given::new().request(&db, Stage::After)).await;
        assert_eq!(status(&seen, "long_transactions").0, Status::Pass, "a superuser sees them");
        other.close().await.expect("the connection closes");
    })
    .await;
}

/// The whole ends in time, whatever holds it up, and says what is not known.
#[tokio::test]
async fn what_is_not_known_in_time_is_no_go() {
    with_db(Start::Applied, async |db| {
        let given = Given::new();
        let mut other = db.connect().await;
        let locks = "begin; lock table padealing.pad_request, public.personal_account_dealing";
        sqlx::raw_sql(locks).execute(&mut other).await.expect("they are locked");
        for (stage, unknown) in [(Stage::Before, "source_frozen"), (Stage::After, "verify")] {
            let asked = GateRequest { timeout: Duration::from_secs(5), ..given.request(&db, stage) };
            let found = gate(&asked).await;
            assert!(found.elapsed < Duration::from_secs(30));
            assert_eq!(found.decision(), Decision::NoGo);
            assert_eq!(found.failure, None, "there was a session");
            let (state, message) = status(&found, unknown);
            assert_eq!(state, Status::Skip);
            assert!(message.contains("--timeout 5 s") || message.contains("lock"), "{message}");
        }
        other.close().await.expect("the connection closes");

        let folder = given.folder.path();
        let output = run_in(folder, &["--database-url", "postgres://x@127.0.0.1:1/x", "--json", "gate"], &[]);
        assert_eq!(output.status.code(), Some(2));
        let printed: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
        assert_eq!((&printed["verdict"], &printed["outcome"]), (&json!("NO-GO"), &json!("failed")));
        assert_eq!(stderr(&output).lines().count(), 1, "one sentence: {}", stderr(&output));
    })
    .await;
}

/// The flags are looked at with the files that they name, and without a database.
#[test]
fn flags_are_checked_with_their_files_and_said_to_be_good_in_each_format() {
    let folder = tempfile::tempdir().expect("a directory is made");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it is written");
    std::fs::create_dir(folder.path().join("folder.dump")).expect("it is made");
    write("lone.dump", "x");
    write("bad.dump", "x");
    write("bad.dump.manifest.json", "{}");
    let go = |arguments: &[&str]| {
        let nowhere = ["--database-url", "postgres://x@127.0.0.1:1/x", "gate", "--stage", "before", "--check-flags"];
        run_in(folder.path(), &[&nowhere, arguments].concat(), &[])
    };
    for (arguments, why) in [
        (&["--backup", "none.dump"][..], "none.dump can't be read: the file doesn't exist; check the path"),
        (&["--backup", "folder.dump"], "folder.dump can't be read: it is not a regular file"),
        (&["--backup", "lone.dump"], "lone.dump has no manifest: lone.dump.manifest.json doesn't exist"),
        (&["--backup", "bad.dump"], "bad.dump.manifest.json: it is not a manifest of a backup"),
        (&["--timeout", "11s"], "--freeze-seconds 10 and --timeout 11s contradict each other"),
        (&["--timeout", "19s"], "--freeze-seconds 10 and --timeout 19s contradict each other"),
    ] {
        let output = go(arguments);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{arguments:?}");
        assert!(stderr(&output).contains(why) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
        let printed: Value =
            serde_json::from_str(&stdout(&go(&[arguments, &["--format", "json"]].concat()))).expect("JSON");
        assert_eq!(printed["outcome"], "failed");
    }
    for (arguments, printed) in [
        (&["--timeout", "20s"][..], ""),
        (&["--format", "json"], "\"flags_checked\": true"),
        (&["--format", "junit"], "<testcase name=\"flags\""),
    ] {
        let output = go(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(printed) && stdout(&output).is_empty() == printed.is_empty(), "{output:?}");
    }
}

/// As a CI system reads it: what could not be known is a failure there, too.
#[tokio::test]
async fn junit_has_a_failure_for_each_reason() {
    with_db(Start::Reference, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let arguments = ["--database-url", &db.url, "gate", "--format", "junit", "--report", "gate.xml"];
        let output = run_in(folder.path(), &arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let text = stdout(&output);
        assert_eq!(std::fs::read_to_string(folder.path().join("gate.xml")).ok().as_deref(), Some(&*text));
        assert!(text.contains("<testsuite name=\"gate after\"") && !text.contains("<skipped"), "{text}");
        assert!(text.contains("<testcase name=\"verify\" classname=\"gate after\">\n            <failure"), "{text}");
        for (arguments, code) in [
            (&["gate", "--rehearsal", "none.json"][..], 2),
            (&["gate", "--plan-hash", "12"], 2),
            (&["gate", "--stage", "during"], 2),
        ] {
            let output = run_in(folder.path(), &[&["--database-url", &*db.url], arguments].concat(), &[]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(code), String::new()), "{arguments:?}");
        }
    })
    .await;
}

/// The legacy rows may be in a file, too: what is known of it counts, and what isn't closes the gate.
#[tokio::test]
async fn a_file_is_verified_and_nothing_is_known_of_its_table() {
    with_db(Start::Applied, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let known: Vec<String> = LegacyColumn::ALL.iter().map(|it| it.name().to_owned()).collect();
        let head = known.join(",");
        let cell = |column: &&String| match column.as_str() {
            "id" => "1",
            "employee" => "1003",
            "requested_date" => "2020-01-01 00:00:00",
            "status" => "request",
            _ => "",
        };
        let row: Vec<&str> = known.iter().map(|it| cell(&it)).collect();
        std::fs::write(folder.path().join("export.csv"), format!("{head}\n{}\n", row.join(",")))
            .expect("it is written");
        let go = |arguments: &[&str]| {
            run_in(
                folder.path(),
                &[&["--database-url", &*db.url, "--source-csv", "export.csv"], arguments].concat(),
                &[],
            )
        };
        let output = go(&["gate", "--stage", "before", "--json"]);
        let printed: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        let checks = printed["checks"].as_array().expect("a list");
        let of = |name: &str| checks.iter().find(|it| it["name"] == name).cloned();
        assert_eq!(of("legacy_table"), None);
        assert_eq!(printed["csv"]["rows"], 1, "{printed}");
        let roles = of("role_privileges").expect("what closes the gate afterwards is said before");
        assert!(roles["status"] == "warn" && roles["message"].to_string().contains("DB_APP_ROLE"), "{roles}");
        let file = of("source_file").expect("it is there");
        assert!(file["status"] == "warn" && file["message"].to_string().contains("--csv-rows"), "{file}");
        assert_eq!(printed["bound_to"]["csv_sha256"], printed["csv"]["sha256"]);
        assert_eq!(of("rejections").map(|it| it["status"].clone()), Some(json!("pass")));
        let frozen = of("source_frozen").expect("it is there");
        assert_eq!(frozen["status"], "skip");
        assert!(frozen["message"].to_string().contains("come from a file"), "{frozen}");
        assert_eq!(go(&["migrate"]).status.code(), Some(0));
        let output = go(&["gate", "--json"]);
        let printed: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
        let verify = printed["checks"].as_array().and_then(|all| all.iter().find(|it| it["name"] == "verify").cloned());
        assert_eq!(verify.map(|it| it["message"].clone()), Some(json!("1 row is verified")));
        let output = go(&["rollback", "--yes", "--json"]);
        let printed: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
        assert_eq!(printed["counts"]["rolled_back"], 1, "{printed}");
    })
    .await;
}
