//! Rows of a file become what the table's rows become, and are verified against the file.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use pretty_assertions::assert_eq;
use sqlx::Connection;

use super::{csv_text, prove_file};
use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Seen, Start, apply_all, stored, with_db};
use pad_migrate::base::text::sentence;
use pad_migrate::config::environment::Environment;
use pad_migrate::harness::generate::Generator;
use pad_migrate::harness::pg::databases;
use pad_migrate::migration::csv::declared::Declared;
use pad_migrate::migration::csv::null::Null;
use pad_migrate::migration::csv::proved::ProvedCsv;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::rollback::{RollbackRequest, rollback};
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::rollback::{KeptReason, RollbackReport, Selection};
use pad_migrate::migration::run::{MigrateReport, Options};
use pad_migrate::migration::verification::VerifyReport;

/// Writes the legacy table as Postgres writes CSV, in this order.
pub(crate) async fn export(db: &Db, order: &str, path: &Path) {
    let mut connection = db.connect().await;
    let sql = format!("copy (select * from personal_account_dealing order by {order}) to stdout (format csv, header)");
    let mut stream = connection.copy_out_raw(&sql).await.expect("the table is exported");
    let mut bytes = Vec::new();
    while let Some(piece) = futures_util::TryStreamExt::try_next(&mut stream).await.expect("the table is exported") {
        bytes.extend_from_slice(&piece);
    }
    drop(stream);
    let _ = connection.close().await;
    std::fs::write(path, bytes).expect("the file is written");
}

fn prove(path: &Path) -> Arc<ProvedCsv> {
    let declared = Declared { nulls: vec![Null::Unquoted], ..Declared::default() };
    Arc::new(prove_file(path, &declared).expect("the file is read"))
}

async fn migrate_csv(db: &Db, csv: &Arc<ProvedCsv>, options: Options) -> (MigrateReport, Seen) {
    let (mut seen, source) = (Seen::default(), LegacySource::Csv(csv));
    let request = migrate::MigrateRequest { target: &db.database, source, environment: Environment::Local, options };
    let report = migrate::migrate(&request, &mut seen, std::future::pending()).await;
    (report.expect("the migration runs"), seen)
}

async fn rollback_csv(db: &Db, csv: &Arc<ProvedCsv>, batch_size: usize) -> RollbackReport {
    let request = RollbackRequest {
        target: &db.database,
        source: LegacySource::Csv(csv),
        environment: Environment::Local,
        selection: Selection::All,
        batch_size,
        dry_run: false,
    };
    rollback(&request, &mut |_| (), std::future::pending()).await.expect("the rollback runs")
}

async fn verify_csv(db: &Db, csv: &Arc<ProvedCsv>) -> VerifyReport {
    let request =
        verify::VerifyRequest { target: &db.database, source: LegacySource::Csv(csv), environment: Environment::Local };
    verify::verify(&request, |_| ()).await.expect("the verification runs")
}

/// Takes away what migrations wrote.
async fn forget(db: &Db) {
    db.execute(
        "truncate padealing.migration_mapping, padealing.migration_reject; delete from padealing.audit_log; \
         delete from padealing.pad_execution; delete from padealing.pad_approval; delete from padealing.pad_request",
    )
    .await;
}

/// Law: what a file of the table gives is what the table gives, the residual and the rejections included, whatever the
/// order of the rows; it is verified against the file, and nothing is migrated twice.
#[tokio::test]
async fn rows_of_a_file_become_what_the_tables_rows_become() {
    with_db(Start::Empty, async |db| {
        let generator = Generator { rows: 600, seed: 7 };
        databases::fill_with_generated(&db.database, generator, |_| ()).await.expect("the rows load");
        apply_all(&db.database).await;
        let (from_table, seen) = db.migrate(Options::default()).await;
        let stored = stored::outcomes(&db).await;
        let reasons = |seen: &Seen| {
            let each = seen.rejections.iter().flat_map(|it| {
                it.reasons.iter().map(|reason| (it.source_id, reason.field.clone(), reason.rule, reason.value.clone()))
            });
            let mut all: Vec<_> = each.collect();
            all.sort();
            all
        };
        let dir = tempfile::tempdir().expect("a directory is made");
        for (order, batch_size) in [("id", 500), ("md5(id::text)", 37)] {
            let path = dir.path().join("export.csv");
            export(&db, order, &path).await;
            let csv = prove(&path);
            forget(&db).await;
            let half = Options { limit: Some(200), batch_size, ..Options::default() };
            migrate_csv(&db, &csv, half).await;
            migrate_csv(&db, &csv, Options { batch_size, ..Options::default() }).await;
            let (again, seen_again) = migrate_csv(&db, &csv, Options { batch_size, ..Options::default() }).await;
            assert_eq!(again.counts.already_migrated, from_table.counts.migrated, "by {order}");
            assert_eq!(reasons(&seen_again), reasons(&seen), "by {order}");
            assert_eq!(stored::outcomes(&db).await, stored, "by {order}");
            let verified = verify_csv(&db, &csv).await;
            assert!(verified.counts.is_clean(), "{:?} {:?}", verified.counts, verified.differences);
            // The rows of the files before were rolled back.
            assert_eq!(verified.other_file, None, "by {order}");
            // The second opinion on the same rows: the table verifies what the file gave.
            db.check_clean().await;
            // And back: a row that was changed since is kept, and one that the file no longer has.
            let changed = "(select min(source_id) from padealing.migration_mapping)";
            db.execute(&format!("update padealing.pad_request set currency = 'XTS' where id = {changed}")).await;
            let gone = "(select max(source_id) from padealing.migration_mapping)";
            db.execute(&format!("create table gone as select * from personal_account_dealing where id = {gone}")).await;
            db.execute("delete from personal_account_dealing where id in (select id from gone)").await;
            export(&db, order, &path).await;
            db.execute("insert into personal_account_dealing select * from gone; drop table gone").await;
            let report = rollback_csv(&db, &prove(&path), batch_size).await;
            let other = report.notes.iter().filter(|it| it.contains(&format!("whose SHA-256 is {}", csv.sha256)));
            assert_eq!(other.count(), 1, "another file by {order}: {:?}", report.notes);
            let kept: Vec<KeptReason> = report.kept.iter().map(|it| it.reason).collect();
            assert_eq!(kept, [KeptReason::Changed, KeptReason::SourceGone], "by {order}: {:?}", report.kept);
            assert_eq!(report.counts.rolled_back, from_table.counts.migrated - 2, "by {order}");
            let left = db.value("select count(distinct source_id) from padealing.migration_mapping").await;
            assert_eq!(left.as_deref(), Some("2"), "by {order}");
        }
    })
    .await;
}

/// A row that comes again in the file that it is rolled back from is kept: which of both is its own isn't known.
#[tokio::test]
async fn a_row_that_comes_again_is_kept_by_a_rollback() {
    with_db(Start::Applied, async |db| {
        let row =
            |id| [("id", id), ("status", "request"), ("requested_date", "2024-01-15 10:00:00"), ("employee", "1001")];
        let dir = tempfile::tempdir().expect("a directory is made");
        let file = |name: &str, ids: &[&'static str]| {
            let rows: Vec<_> = ids.iter().map(|id| row(id)).collect();
            let rows: Vec<&[(&str, &str)]> = rows.iter().map(|it| &it[..]).collect();
            let path = dir.path().join(name);
            std::fs::write(&path, csv_text(&rows)).expect("the file is written");
            prove(&path)
        };
        let (migrated, _) = migrate_csv(&db, &file("once.csv", &["3", "5", "12"]), Options::default()).await;
        assert_eq!(migrated.counts.migrated, 3);
        let report = rollback_csv(&db, &file("twice.csv", &["12", "3", "5", "12"]), 500).await;
        let kept: Vec<_> = report.kept.iter().map(|it| (it.source_id, it.reason)).collect();
        assert_eq!(kept, [(12, KeptReason::SourceGone)]);
        assert_eq!((report.counts.selected, report.counts.rolled_back), (3, 2));
    })
    .await;
}

/// Ids that several rows have, that no row has, and that are none; each row's place in its rejection.
#[tokio::test]
async fn odd_ids_of_a_file_are_rejected_and_counted() {
    with_db(Start::Applied, async |db| {
        let status = ("status", "request");
        let date = ("requested_date", "2024-01-15 10:00:00");
        let person = ("employee", "1001");
        let row = |id| [("id", id), status, date, person];
        let bad = [("id", "9"), ("status", "what"), date, ("trade_size", "#####"), ("employee", "1.5E+05")];
        let ids = ["5", "3", "5", "", "x", "12", "5"].map(row);
        let rows: Vec<&[(&str, &str)]> = ids.iter().map(|it| &it[..]).chain([&bad[..]]).collect();
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("odd.csv");
        std::fs::write(&path, csv_text(&rows)).expect("the file is written");
        let csv = prove(&path);
        let (report, seen) = migrate_csv(&db, &csv, Options::default()).await;
        let counts = &report.counts;
        assert_eq!((counts.read, counts.migrated, counts.rejected, counts.without_id), (8, 2, 6, 2), "{report:?}");
        let places: Vec<_> = seen.rejections.iter().map(|it| (it.source_id, it.origin.map(|it| it.line))).collect();
        assert_eq!(places, [(9, Some(9)), (5, None), (5, None), (5, None)]);
        let reasons = &seen.rejections[0].reasons;
        let fields: Vec<(&str, Option<&str>)> =
            reasons.iter().map(|it| (it.field.as_str(), it.value.as_deref())).collect();
        assert_eq!(fields, [("employee", Some("1.5E+05")), ("status", Some("what")), ("trade_size", Some("#####"))]);
        assert!(reasons[1].message.contains("(line 9, byte "), "{}", reasons[1].message);
        assert!(seen.rejections[1].reasons[0].message.ends_with("(again on lines 4, 8)"), "{:?}", seen.rejections[1]);
        assert!(report.notes.iter().any(|it| it.contains("without a usable id: lines 5, 6")), "{:?}", report.notes);
        let verified = verify_csv(&db, &csv).await;
        let found = (verified.counts.source, verified.counts.verified, verified.counts.rejected);
        assert_eq!((found, verified.counts.is_clean()), ((8, 2, 6), true), "{:?}", verified.counts);
        // A row that the file no longer has, and one that is stored differently.
        std::fs::write(&path, csv_text(&rows[1..2])).expect("the file is written");
        db.execute("update padealing.pad_request set currency = 'XTS' where id = 3").await;
        let other = prove(&path);
        let verified = verify_csv(&db, &other).await;
        let note = verified.other_file.as_deref().expect("the rows came from another file");
        assert!(note.contains(&csv.sha256) && note.contains(&other.sha256), "{note}");
        assert!(verified.notes.iter().any(|it| it == note), "{:?}", verified.notes);
        // Of a packed file both hashes are said: one is the file's, the other that of what it holds.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&std::fs::read(&path).expect("it is there")).expect("it is packed");
        let path_packed = dir.path().join("odd.csv.gz");
        std::fs::write(&path_packed, packed.finish().expect("it is packed")).expect("the file is written");
        let packed = prove(&path_packed);
        let note = verify_csv(&db, &packed).await.other_file.expect("the rows came from another file");
        assert_eq!(packed.content_sha256, other.sha256);
        let found = format!("of this file is {}, and {} unpacked; ", packed.sha256, other.sha256);
        assert!(note.contains(&found) && note.contains(&format!("whose SHA-256 is {}, ", csv.sha256)), "{note}");
        let counts = &verified.counts;
        assert_eq!((counts.source, counts.different, counts.missing_source), (1, 1, 1), "{:?}", verified.differences);
        let run: String = db
            .value("select options from padealing.migration_run order by started_at desc limit 1")
            .await
            .expect("a run");
        assert!(run.contains(&format!("\"sha256\": \"{}\"", csv.sha256)), "{run}");
    })
    .await;
}

/// A file that isn't the one that was proved stops the run before a row of what changed is used.
#[tokio::test]
async fn a_file_that_changes_stops_the_run() {
    with_db(Start::Applied, async |db| {
        let row = [("id", "3"), ("employee", "1001"), ("status", "request"), ("requested_date", "2024-01-15 10:00:00")];
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("changing.csv");
        let text = csv_text(&[&row]);
        // Blocks of a megabyte are compared: whole ones can be missing, or be there in addition.
        let rows = |length: usize| {
            let comment = "x".repeat(length - text.len() - csv_text(&[&[("id", "4")]]).len() + csv_text(&[]).len());
            text.clone()
                + csv_text(&[&[("id", "4"), ("justification", &comment)]]).split_once('\n').expect("two lines").1
        };
        let (block, more) = (rows(1 << 20), rows((1 << 20) + 5000));
        assert_eq!(block.len(), 1 << 20);
        for (text, changed) in [
            (&text, text.replace("request,", "decline,")),
            (&text, text.clone() + &text),
            (&text, text[..text.len() - 1].to_owned()),
            (&block, block.clone() + "5"),
            (&more, more[..1 << 20].to_owned()),
        ] {
            std::fs::write(&path, text).expect("the file is written");
            let csv = prove(&path);
            std::fs::write(&path, &changed).expect("the file is written");
            let request = migrate::MigrateRequest {
                target: &db.database,
                source: LegacySource::Csv(&csv),
                environment: Environment::Local,
                options: Options::default(),
            };
            let result = migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await;
            let error = sentence(&result.expect_err("it stops"));
            assert!(error.contains("the file has changed"), "{error}");
            assert_eq!(db.value("select count(*) from padealing.pad_request").await.as_deref(), Some("0"));
        }
    })
    .await;
}

/// The commands, as their user runs them.
#[tokio::test]
async fn the_commands_take_a_file() {
    with_db(Start::Applied, async |db| {
        // Where the rows come from a file, nobody misses the table.
        db.execute("drop table personal_account_dealing").await;
        let row = [("id", "3"), ("employee", "1001"), ("status", "request"), ("requested_date", "15-JAN-24")];
        let bad = [("id", "4"), ("status", "what"), ("requested_date", "16-JAN-24")];
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rows.csv");
        std::fs::write(&path, csv_text(&[&row, &bad])).expect("the file is written");
        let path = path.display().to_string();
        let file = ["--database-url", &db.url, "--source-csv", &path, "--csv-rows", "2", "--json"];
        let json = |command: &[&str], code| {
            let output = run(&[command, &file].concat(), &[("DB_SSLMODE", "disable")]);
            assert_eq!(output.status.code(), Some(code), "{output:?}");
            serde_json::from_str::<serde_json::Value>(&stdout(&output)).expect("it is JSON")
        };
        let migrated = json(&["migrate"], 1);
        assert_eq!(migrated["csv"]["dates"]["requested_date"], "DD-MON-RR[ HH24:MI[:SSXFF]]");
        assert_eq!((&migrated["rejections"][0]["line"], &migrated["source"]), (&3.into(), &path.clone().into()));
        assert!(migrated["rejections"][0]["byte"].is_u64(), "{migrated}");
        let doctor = json(&["doctor"], 0);
        let checks = doctor["checks"].as_array().expect("checks");
        let table = checks.iter().find(|it| it["name"] == "legacy_table").expect("the check");
        assert_eq!(table["status"], "skip", "{table}");
        let verified = json(&["verify"], 0);
        assert_eq!(
            (&verified["counts"]["verified"], &verified["csv"]["sha256"]),
            (&1.into(), &migrated["csv"]["sha256"])
        );
        let status = json(&["status"], 0);
        assert_eq!(status["data"]["source"], serde_json::Value::Null, "{status}");
        // What is pasted works on the same rows.
        let text = |command: &[&str]| {
            let csv = ["--source-csv", &path, "--csv-rows", "2", "--csv-dates", "DD-MON-RR"];
            let local = ["--env", "local", "--database-url", &db.url];
            let output =
                run(&[&local[..], &csv[..], command].concat(), &[("DB_SSLMODE", "disable"), ("COLUMNS", "400")]);
            stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let flags = format!("--env local --source-csv {path} --csv-dates DD-MON-RR --csv-rows 2");
        let migrated = text(&["migrate"]);
        assert!(migrated.contains(&format!("`pad-migrate {flags} verify`")), "{migrated}");
        let status = text(&["status"]);
        assert!(status.contains(&format!("they come from {path}, which status doesn't read")), "{status}");
        let rolled_back = json(&["rollback", "--yes"], 0);
        assert_eq!(rolled_back["csv"]["rows"], 2, "{rolled_back}");
    })
    .await;
}

/// One file read in two ways would be two tables.
#[tokio::test]
async fn a_file_is_read_in_one_way() {
    with_db(Start::Applied, async |db| {
        let row = |id| [("id", id), ("employee", "1001"), ("status", "request"), ("requested_date", "01-02-03")];
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rows.csv");
        std::fs::write(&path, csv_text(&[&row("3"), &row("4")])).expect("the file is written");
        let path = path.display().to_string();
        let read_file = |path: &str, dates: &str, command: &[&str]| {
            let file = ["--database-url", &db.url, "--source-csv", path, "--csv-rows", "2", "--csv-dates", dates];
            let output = run(&[&file[..], command].concat(), &[("DB_SSLMODE", "disable")]);
            (output.status.code(), stdout(&output) + &stderr(&output))
        };
        let read_as = |dates: &str, command: &[&str]| read_file(&path, dates, command);
        let (code, printed) = read_as("DD-MM-RR", &["migrate", "--limit", "1"]);
        assert_eq!(code, Some(0), "{printed}");
        for command in [&["migrate"][..], &["migrate", "--dry-run"], &["verify"], &["rollback", "--yes"]] {
            let (code, printed) = read_as("MM-DD-RR", command);
            assert_eq!(code, Some(2), "{command:?}: {printed}");
            assert!(printed.contains("read this file otherwise; give the flags of that run: --csv-dates DD-MM-RR"));
            assert_eq!(printed.lines().count(), 1, "{printed}");
        }
        let (code, printed) = read_as("MM-DD-RR", &["gate"]);
        let words: Vec<&str> = printed.split_whitespace().collect();
        assert!(code == Some(1) && words.join(" ").contains("read this file otherwise"), "{printed}");
        for command in
            [&["verify", "--json"][..], &["migrate", "--dry-run", "--json"], &["rollback", "--dry-run", "--json"]]
        {
            let output = run(&[&["--database-url", &db.url], command].concat(), &[("DB_SSLMODE", "disable")]);
            let printed = stdout(&output);
            assert!(printed.contains("rows came from a file: the run ") && printed.contains(&path), "{printed}");
        }
        // Packed it is the same file, also to a run of a version that recorded the file's own digest only.
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&std::fs::read(&path).expect("it is there")).expect("it is packed");
        let packed = format!("{path}.gz");
        std::fs::write(&packed, gzip.finish().expect("it is packed")).expect("the file is written");
        for forget in ["select 1", "update padealing.migration_run set options = options #- '{csv,content_sha256}'"] {
            db.execute(forget).await;
            let (code, printed) = read_file(&packed, "DD-MM-RR", &["verify"]);
            assert!(code == Some(1) && printed.contains("1 of 1 migrated row"), "{printed}");
            assert!(!printed.contains("another file"), "{printed}");
            let (code, printed) = read_file(&packed, "MM-DD-RR", &["verify"]);
            assert!(code == Some(2) && printed.contains("read this file otherwise"), "{printed}");
        }
        for command in [&["migrate"][..], &["verify"], &["rollback", "--yes"]] {
            let (code, printed) = read_as("DD-MM-RR", command);
            assert_eq!(code, Some(0), "{command:?}: {printed}");
        }
        // Nothing is left that was read so.
        let (code, printed) = read_as("MM-DD-RR", &["migrate"]);
        assert_eq!(code, Some(0), "{printed}");
    })
    .await;
}

/// What a dry run says before the first migration, on any schema: a file and a table alike. The application's ids there
/// are 32 bits long.
#[tokio::test]
async fn a_file_is_examined_before_the_first_migration() {
    for start in [Start::Reference, Start::Alembic] {
        with_db(start, async |db| {
            let dir = tempfile::tempdir().expect("a directory is made");
            let path = dir.path().join("rows.csv");
            let row = [("id", "1"), ("employee", "1001"), ("status", "request"), ("requested_date", "2024-01-15")];
            std::fs::write(&path, csv_text(&[&row])).expect("the file is written");
            let csv =
                ["--database-url", &db.url, "--source-csv", &path.display().to_string(), "--json"].map(str::to_owned);
            let csv: Vec<&str> = csv.iter().map(String::as_str).collect();
            let output = run(&[&csv[..], &["migrate", "--dry-run"]].concat(), &[("DB_SSLMODE", "disable")]);
            let taken = start == Start::Alembic;
            let shown = format!("{}{}", stdout(&output), stderr(&output));
            assert_eq!(output.status.code(), Some(i32::from(taken)), "{shown}");
            assert_eq!(shown.contains("id_collision"), taken, "{shown}");
        })
        .await;
    }
}
