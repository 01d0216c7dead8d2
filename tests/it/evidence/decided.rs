//! What a bundle says of rows in words and sums: the decisions behind a row, rows without an id of their own, more kinds of
//! amounts than are kept apart.

use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::evidence::bundle::{clean, on};
use crate::harness::program::stdout;
use crate::harness::{Db, Start, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::accounting::{Accounting, Key};
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::verify::{VerifyRequest, verify_with_accounting};
use pad_migrate::migration::run::Options;

/// Each sentence about a row of the fixtures, once, with the first row that it is said of.
#[tokio::test]
async fn decisions_are_said_in_words() {
    with_db(Start::Migrated, async |db| {
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let ids = db.value("select string_agg(source_id::text, ' ' order by source_id) from padealing.migration_mapping where target_table = 'pad_request'").await;
        let mut sentences: BTreeMap<(u32, String), String> = BTreeMap::new();
        for id in ids.expect("there are rows").split(' ') {
            let shown = on(&db, dir.path(), &["evidence", "show", id, "--from", "evidence", "--format", "json"]);
            let shown: Value = serde_json::from_str(&stdout(&shown)).expect("it is JSON");
            for decided in shown["decisions"].as_array().expect("decisions are listed") {
                let text = |name: &str| decided[name].as_str().expect("a text").to_owned();
                let number = text("decision")[1..].parse().expect("a number");
                let said = format!("D{number} {}: {}", text("title"), text("text").replace(id, "ID"));
                sentences.entry((number, said)).or_insert_with(|| id.to_owned());
            }
        }
        let lines = sentences.into_iter().map(|((_, said), id)| format!("{said} [{id}]\n"));
        Snapshot::evidence__decisions.check(&lines.collect::<String>());
    })
    .await;
}

/// Rows without an id of their own have no line, and add up with those that have one.
#[tokio::test]
async fn rows_without_a_line_add_up() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table personal_account_dealing drop constraint personal_account_dealing_pkey; \
             alter table personal_account_dealing alter column id drop not null; \
             insert into personal_account_dealing (id, employee, requested_date, status) \
                 select id, 1003, now(), 'request' from unnest('{null,null,101}'::int8[]) id",
        )
        .await;
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let checked = clean(&db, dir.path(), &["evidence", "check", "evidence"]);
        assert!(checked.contains("rejected 37 + pending 0; 4 rows are without an id"), "{checked}");
    })
    .await;
}

async fn accounting(db: &Db) -> Accounting {
    let table = TableName::legacy();
    let source = LegacySource::Table { database: &db.database, table: &table };
    let request = VerifyRequest { target: &db.database, source, environment: Environment::Local };
    let report = verify_with_accounting(&request, |_| {}).await.expect("it is verified");
    report.accounting.expect("it was wanted")
}

/// A thousand years, and a thousand statuses, are added up by themselves, the others together.
#[tokio::test]
async fn sums_are_kept_apart_up_to_a_thousand() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "insert into personal_account_dealing (id, employee, requested_date, status) \
                 select 5000 + i, 1003, make_timestamp(1000 + i, 1, 1, 0, 0, 0), 'S' || i from generate_series(1, 1002) i",
        )
        .await;
        let pending = accounting(&db).await.pending;
        assert_eq!((pending.sums.len(), pending.statuses.len()), (1001, 1001));
        assert_eq!(pending.sums[&Key::Others].rows, 2);
        assert_eq!(pending.statuses[&Some("…".into())], 2);
    })
    .await;
}

/// The rows that lineage claims are those of the tables, where the migration alone has written.
#[tokio::test]
async fn claimed_rows_are_counted_by_table() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "insert into personal_account_dealing (id, employee, requested_date, status, status_manager, auth_manager) \
                 values (1, 1003, now(), 'approved', 'approved', 1001), (2, 1003, now(), 'request', null, null)",
        )
        .await;
        db.migrate(Options::default()).await;
        let tables = accounting(&db).await.tables;
        for table in ["pad_request", "pad_approval", "pad_execution", "audit_log", "migration_mapping"] {
            let rows = db.value(&format!("select count(*) from padealing.{table}")).await.expect("a number");
            assert_eq!(tables.get(table).copied().unwrap_or_default().to_string(), rows, "{table}: {tables:?}");
        }
        assert!(tables["migration_mapping"] > tables["pad_request"], "{tables:?}");
    })
    .await;
}
