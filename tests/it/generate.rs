//! The generator of legacy rows: what it promises of itself, and what it predicts of its rows, through a real Postgres.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::TryStreamExt;
use pretty_assertions::assert_eq;

use crate::harness::{Db, Start, apply_all, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::harness::generate::columns::{STAGE_WORDS, STATUS_WORDS};
use pad_migrate::harness::generate::page::page;
use pad_migrate::harness::generate::{GeneratedRow, Generator};
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::migration::legacy::{LegacyColumn, LegacyRow};
use pad_migrate::migration::rejection::Rule;
use pad_migrate::migration::run::Options;
use pad_migrate::migration::text::Text;
use pad_migrate::migration::transform::transform;

pub(crate) use pure::lookups;

pub(crate) mod pure;

/// A database with generated rows, at the current revision.
pub(crate) async fn with_generated(generator: Generator, body: impl AsyncFnOnce(Db)) {
    with_db(Start::Empty, async |db| {
        admin::fill_with_generated(&db.database, generator, |_| ()).await.expect("the rows load");
        apply_all(&db.database).await;
        body(db).await;
    })
    .await;
}

/// The row as the migration would read it.
pub(crate) fn legacy_row(row: &GeneratedRow<'_>) -> LegacyRow {
    page([*row]).remove(0).1
}

/// Field and rule of each reason of a row that is rejected by the transform.
pub(crate) fn rejected(id: i64, row: &LegacyRow) -> Vec<(String, Rule)> {
    let reasons = transform(id, row, lookups()).err().map(|it| it.reasons).unwrap_or_default();
    reasons.into_iter().map(|it| (it.field, it.rule)).collect()
}

/// The same, as the generator expects them.
pub(crate) fn expected(row: &GeneratedRow<'_>) -> Vec<(String, Rule)> {
    row.expected().into_iter().map(|(field, rule)| (field.to_owned(), rule)).collect()
}

#[test]
fn the_same_seed_gives_the_same_rows_however_many_there_are() {
    let rows = |rows, seed| {
        let generator = Generator { rows, seed };
        (0..200).map(|index| legacy_row(&generator.row(index))).collect::<Vec<_>>()
    };
    assert_eq!(rows(200, 7), rows(1_000_000, 7));
    let (one, other) = (rows(200, 7), rows(200, 8));
    let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    assert_eq!(same, 0, "rows of another seed are other rows");
}

/// A seed names the same rows for ever: benchmarks and bug reports quote it.
#[test]
fn the_rows_of_a_seed_stay_what_they_are() {
    let generator = Generator { rows: 1000, seed: 1 };
    let mut text = String::new();
    for index in 0..3 {
        for (name, cell) in legacy_row(&generator.row(index)).columns().filter_map(|(name, it)| Some((name, it?))) {
            text += &format!("{name:<32}{:?}\n", cell.excerpt());
        }
        text.push('\n');
    }
    let digest = (0..1000).fold(0u64, |sum, index| {
        let mut sum = sum;
        generator.row(index).cells(&mut String::new(), |cell| {
            for byte in cell.unwrap_or("\0").bytes() {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
        });
        sum
    });
    Snapshot::generate__seed_1.check(&format!("{text}FNV-1a of 1,000 rows: {digest:016x}\n"));
}

#[test]
fn ids_ascend_with_gaps_and_lead_back_to_their_rows() {
    let generator = Generator { rows: 5000, seed: 3 };
    let ids: Vec<i64> = (0..generator.rows).map(|index| generator.id(index)).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    let known: HashSet<i64> = ids.iter().copied().collect();
    for id in -3..ids[4999] + 10 {
        let index = generator.index_of(id);
        assert_eq!(index.is_some(), known.contains(&id), "{id}");
        assert!(index.is_none_or(|it| generator.id(it) == id));
        assert!(index.is_some() || generator.expected(id).is_empty());
    }
    assert!(ids.windows(2).any(|it| it[1] - it[0] > 1));
}

/// What is said of the whole is the sum of what is said of each row.
#[test]
fn the_predictions_are_those_of_the_rows() {
    let generator = Generator { rows: 3000, seed: 5 };
    let all: BTreeMap<i64, _> = generator.rejections().collect();
    for index in 0..generator.rows {
        let id = generator.id(index);
        assert_eq!(all.get(&id).cloned().unwrap_or_default(), generator.expected(id));
    }
}

/// In a hundred thousand rows: every combination of the three statuses, about one bad row in a hundred, every rule
/// that the legacy table's types can break, each kind of text, and mostly what is ordinary.
#[test]
fn rows_have_realistic_proportions() {
    const ROWS: u64 = 100_000;
    let generator = Generator { rows: ROWS, seed: 1 };
    let bad: Vec<_> = generator.rejections().collect();
    assert!((800..1200).contains(&bad.len()), "{} bad rows", bad.len());
    let rules: BTreeSet<Rule> = bad.iter().flat_map(|(_, reasons)| reasons).map(|(_, rule)| *rule).collect();
    let unreachable = [Rule::IdCollision, Rule::Unreadable, Rule::RefusedByTarget];
    assert_eq!(rules, Rule::ALL.into_iter().filter(|it| !unreachable.contains(it)).collect());
    let fields: BTreeSet<(&str, Rule)> = bad.iter().flat_map(|(_, reasons)| reasons.iter().copied()).collect();
    for field in ["employee", "last_modified_by", "auth_manager", "auth_compliance"] {
        assert!(fields.contains(&(field, Rule::UnknownEmployee)), "{field}");
    }
    for field in ["status", "status_manager", "status_compliance"] {
        assert!(fields.contains(&(field, Rule::UnknownStatus)), "{field}");
    }
    assert!(bad.iter().any(|(_, reasons)| reasons.len() == 3), "some rows have three faults");

    let mut combinations: BTreeMap<[Option<String>; 3], u64> = BTreeMap::new();
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for index in 0..ROWS {
        let row = legacy_row(&generator.row(index));
        let normal = |text: &str| text.trim_matches([' ', '\t']).to_ascii_lowercase();
        let code = |column| row.plain(column).map(normal).filter(|it| !it.is_empty());
        let statuses = [LegacyColumn::Status, LegacyColumn::StatusManager, LegacyColumn::StatusCompliance];
        *combinations.entry(statuses.map(code)).or_default() += 1;
        let texts: Vec<Text<'_>> = row.columns().filter_map(|(_, text)| text).collect();
        let has = |wanted: fn(Text<'_>) -> bool| texts.iter().any(|it| wanted(*it));
        for (what, is_there) in [
            ("empty", has(|it| it.octets() == 0)),
            ("combining", has(|text| text.plain().is_some_and(|plain| plain.contains('\u{308}')))),
            ("composed", has(|text| text.plain().is_some_and(|plain| plain.contains('ë')))),
            ("right to left", has(|text| text.plain().is_some_and(|plain| plain.contains('ש')))),
            ("emoji", has(|text| text.plain().is_some_and(|plain| plain.contains('👩')))),
            ("escaped", has(|text| text.plain().is_some_and(|plain| plain.contains('\\') && plain.contains('\t')))),
            ("long", has(|it| it.octets() > 1000)),
            ("huge", has(|it| it.octets() > pad_migrate::migration::text::LARGE as u64)),
            ("deleted", code(LegacyColumn::IsDeleted).as_deref() == Some("y")),
            ("no requested date", row.is_null(LegacyColumn::RequestedDate)),
            (
                "odd spelling",
                row.plain(LegacyColumn::Status).is_some_and(|it| code(LegacyColumn::Status).as_deref() != Some(it)),
            ),
        ] {
            *seen.entry(what).or_default() += u64::from(is_there);
        }
    }
    for status in STATUS_WORDS {
        for manager in STAGE_WORDS {
            for compliance in STAGE_WORDS {
                let key = [Some(status), manager, compliance].map(|it| it.map(str::to_owned));
                assert!(combinations.contains_key(&key), "{key:?}");
            }
        }
    }
    let ordinary = ["approved"; 3].map(|it| Some(it.to_owned()));
    assert!(combinations[&ordinary] > ROWS / 2, "{}", combinations[&ordinary]);
    for (what, range) in [
        ("empty", 10_000..60_000),
        ("combining", 1_000..40_000),
        ("composed", 2_000..40_000),
        ("right to left", 300..20_000),
        ("emoji", 200..20_000),
        ("escaped", 50..10_000),
        ("long", 300..3_000),
        ("huge", 1..30),
        ("deleted", 4_000..10_000),
        ("no requested date", 200..1_000),
        ("odd spelling", 5_000..25_000),
    ] {
        assert!(range.contains(&seen[what]), "{what}: {}", seen[what]);
    }
}

/// What the generator says of a row is what Postgres prints of it, so that a pure test sees what a migration reads.
#[tokio::test]
async fn postgres_prints_what_was_generated() {
    let generator = Generator { rows: 2000, seed: 2 };
    with_generated(generator, async |db| {
        let mut connection = db.connect().await;
        sqlx::raw_sql("set datestyle = 'ISO'; set timezone = 'UTC'").execute(&mut connection).await.expect("it is set");
        let mut index = 0;
        let mut lines = sqlx::raw_sql("select * from personal_account_dealing order by id").fetch(&mut connection);
        while let Some(line) = lines.try_next().await.expect("the rows are read") {
            use sqlx::{Row as _, ValueRef};
            let mut at = 0;
            generator.row(index).cells(&mut String::new(), |cell| {
                let value = line.try_get_raw(at).expect("the column is there");
                let printed = (!value.is_null()).then(|| value.as_str().expect("the value is text"));
                assert_eq!(printed, cell, "row {index}, column {at}");
                at += 1;
            });
            assert_eq!(at, line.len());
            index += 1;
        }
        assert_eq!(index, generator.rows);
    })
    .await;
}

/// The whole way: rejected for exactly what was predicted, migrated otherwise, and proved.
#[tokio::test]
async fn generated_rows_are_migrated_or_rejected_as_predicted() {
    let generator = Generator { rows: 3000, seed: 1 };
    with_generated(generator, async |db| {
        let (report, seen) = db.migrate(Options::default()).await;
        let predicted: Vec<_> = generator.rejections().collect();
        let actual: Vec<(i64, Vec<(&str, Rule)>)> = seen
            .rejections
            .iter()
            .map(|row| (row.source_id, row.reasons.iter().map(|reason| (&*reason.field, reason.rule)).collect()))
            .collect();
        assert_eq!(actual, predicted);
        assert_eq!(report.counts.migrated + predicted.len() as u64, generator.rows);
        let verified = db.check_clean().await;
        assert_eq!(verified.verified, report.counts.migrated);
    })
    .await;
}

/// The prediction, without a database, of many more rows.
#[test]
fn the_transform_rejects_what_is_predicted() {
    let generator = Generator { rows: 600_000, seed: 9 };
    let bad = (0..generator.rows).map(|index| generator.row(index)).filter(|it| !it.expected().is_empty());
    let good = (0..20_000).map(|index| generator.row(index));
    let mut predicted = 0;
    for row in bad.chain(good) {
        let legacy = legacy_row(&row);
        assert_eq!(rejected(row.id, &legacy), expected(&row), "{legacy:?}");
        predicted += usize::from(!expected(&row).is_empty());
    }
    assert!(predicted > 5000, "{predicted} rows are bad");
}
