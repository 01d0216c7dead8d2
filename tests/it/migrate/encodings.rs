//! Sources whose databases have another encoding than UTF-8, and bytes that are no text in any.

use pretty_assertions::assert_eq;

use crate::harness::program::{run, stderr};
use crate::harness::{Db, Seen, Start, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::harness::fixtures;
use pad_migrate::harness::pg::databases::fill_with_fixtures;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::run::{MigrateReport, Options};
use pad_migrate::migration::verification::VerifyReport;

/// Runs a test in a new database of an encoding beside another.
async fn with_encoding(beside: &Db, encoding: &str, test: impl AsyncFnOnce(Db)) {
    let own = beside.place().name;
    let name = format!("{own}_{}", encoding.to_lowercase());
    let create = format!("create database {name} encoding '{encoding}' template template0 locale 'C'");
    beside.execute(&create).await;
    test(Db { database: beside.database.named(&name), url: beside.url.replace(&own, &name) }).await;
    beside.execute(&format!("drop database {name}")).await;
}

async fn migrate_from(source: &Db, target: &Db, options: Options) -> (MigrateReport, Vec<String>) {
    let request = migrate::MigrateRequest {
        target: &target.database,
        source: LegacySource::Table { database: &source.database, table: &TableName::legacy() },
        environment: Environment::Local,
        options,
    };
    let mut seen = Seen::default();
    let report = migrate::migrate(&request, &mut seen, std::future::pending()).await.expect("it runs");
    let reasons = seen.rejections.iter().flat_map(|row| row.reasons.iter().map(move |it| (row.source_id, it)));
    (report, reasons.map(|(id, reason)| format!("{id} {} {}", reason.field, reason.rule)).collect())
}

async fn verify_from(source: &Db, target: &Db) -> VerifyReport {
    let request = verify::VerifyRequest {
        target: &target.database,
        source: LegacySource::Table { database: &source.database, table: &TableName::legacy() },
        environment: Environment::Local,
    };
    verify::verify(&request, |_| ()).await.expect("it runs")
}

/// A LATIN1 source holds in 200 kB what takes 400 kB in UTF-8.
#[tokio::test]
async fn a_large_text_of_another_encoding_is_moved() {
    with_db(Start::Applied, async |target| {
        with_encoding(&target, "LATIN1", async |source| {
            source.execute(fixtures::LEGACY_TABLE).await;
            source
                .execute(
                    "insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, \
                         justification, other_comments) values \
                         (1, 1003, '2021-01-01', 'request', 'N', repeat('x', 300000), null), \
                         (2, 1003, '2021-01-01', 'request', 'N', null, repeat(convert_from('\\xe9', 'LATIN1'), \
                         200000))",
                )
                .await;
            let (report, reasons) = migrate_from(&source, &target, Options::default()).await;
            assert_eq!((report.counts.migrated, reasons), (2, Vec::new()));
            let verified = verify_from(&source, &target).await;
            assert!(verified.counts.is_clean(), "{:?}", verified.differences);
        })
        .await;
    })
    .await;
}

/// Forty rows, of which four have bytes that are no text: in a short, a long and an unlisted column, and beside another
/// fault. The rehearsal copies what the rows refer to, however unreadable the rest of it is.
#[tokio::test]
async fn bytes_that_are_no_text_reject_their_rows_only() {
    for (encoding, bad) in [("WIN1252", "\\x81"), ("EUC_JP", "\\xa9a1"), ("SQL_ASCII", "\\xe9")] {
        with_db(Start::Applied, async |target| {
            with_encoding(&target, encoding, async |source| {
                fill_with_fixtures(&source.database, &[]).await.expect("the reference rows are loaded");
                let bad = match encoding {
                    "SQL_ASCII" => format!("convert_from('{bad}', 'SQL_ASCII')"),
                    _ => format!("convert_from('{bad}', '{encoding}')"),
                };
                source
                    .execute(&format!(
                        "alter table personal_account_dealing add column note text; \
                         insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, \
                             inst_symbol) \
                         select id, 1003, '2021-01-01', 'request', 'N', 'TWIN' from generate_series(1, 40) id; \
                         update personal_account_dealing set isin = 'XS000000TWN1'; \
                         update personal_account_dealing set relation = 'caf' || {bad} where id in (7, 8); \
                         update personal_account_dealing set status = 'what' where id = 8; \
                         update personal_account_dealing set justification = repeat({bad}, 300000) where id = 20; \
                         update personal_account_dealing set note = {bad} where id = 33; \
                         update bo_airflow.oracle_employee set surname = {bad} where id = 1003; \
                         update bo_airflow.oracle_bloomberg set ticker = {bad}, description = {bad} where id = 503"
                    ))
                    .await;
                if encoding != "WIN1252" {
                    // Read by a cursor, which such bytes break; and an id that is no text, either.
                    let change = format!(
                        "alter table personal_account_dealing drop constraint personal_account_dealing_pkey; \
                         alter table personal_account_dealing alter column id type text; \
                         insert into personal_account_dealing (id) values ('4' || {bad})"
                    );
                    source.execute(&change).await;
                }
                let without_id = u64::from(encoding != "WIN1252");
                let options = Options { batch_size: 16, ..Options::default() };
                let (dry, foreseen) =
                    migrate_from(&source, &target, Options { dry_run: true, ..options.clone() }).await;
                let (report, reasons) = migrate_from(&source, &target, options).await;
                let rejected = 4 + without_id;
                assert_eq!((dry.counts.rejected, &foreseen), (rejected, &reasons), "{encoding}");
                assert_eq!((report.counts.rejected, report.counts.without_id), (rejected, without_id), "{encoding}");
                assert_eq!(report.counts.migrated, 36, "{encoding}");
                let want = [
                    "7 relation unreadable",
                    "8 relation unreadable",
                    "8 status unknown_status",
                    "20 justification unreadable",
                    "33 note unreadable",
                ];
                assert_eq!(reasons, want, "{encoding}");
                let shown = report.rejections[0].reason.value.clone().expect("the bytes are shown");
                assert_eq!(
                    shown,
                    format!("caf{}", if encoding == "EUC_JP" { "\\xa9\\xa1" } else { bad_byte(encoding) })
                );
                let verified = verify_from(&source, &target).await;
                assert!(verified.counts.is_clean(), "{encoding}: {:?}", verified.differences);
                assert_eq!((verified.counts.verified, verified.counts.rejected), (36, rejected));
                // A text of a migrated row that is none any more is a difference, which is looked at again.
                source.execute(&format!("update personal_account_dealing set note = {bad} where id = '9'")).await;
                let verified = verify_from(&source, &target).await;
                assert_eq!((verified.counts.verified, verified.counts.different), (35, 1), "{encoding}");
                source.execute("update personal_account_dealing set note = null where id = '9'").await;
                if encoding == "WIN1252" {
                    let output = run(&["--source-url", &source.url, "rehearse"], &[]);
                    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
                    assert!(printed.contains("40 read, 36 migrated, 4 rejected"), "{printed}{:?}", output.stderr);
                }
            })
            .await;
        })
        .await;
    }
}

fn bad_byte(encoding: &str) -> &'static str {
    if encoding == "WIN1252" { "\\x81" } else { "\\xe9" }
}

/// What could never be migrated into is not set up.
#[tokio::test]
async fn a_target_of_another_encoding_is_refused_by_plan_and_apply() {
    with_db(Start::Empty, async |beside| {
        with_encoding(&beside, "LATIN1", async |target| {
            for command in [&["plan"][..], &["apply", "--yes"], &["migrate", "--dry-run"]] {
                let output = run(&[&["--database-url", &*target.url], command].concat(), &[]);
                let said = stderr(&output);
                assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
                assert!(said.contains("has the encoding LATIN1; the target must be UTF8"), "{command:?}: {said}");
            }
            let schemas = "select count(*) from pg_namespace where nspname in ('padealing', 'bo_airflow')";
            assert_eq!(target.value(schemas).await.as_deref(), Some("0"), "nothing was set up");
        })
        .await;
    })
    .await;
}
