//! Properties. Each is a law with a name; what is generated is what the legacy table could hold, not what it should.

use std::collections::BTreeMap;
use std::sync::Arc;

use pad_migrate::legacy::{Kind, Large, LegacyColumn, LegacyRow, Text};
use pad_migrate::pg::migrate::Options;
use pad_migrate::reconstruct::{default_inverse, reconstruct};
use pad_migrate::transform::{Rejection, transform};
use pad_migrate::value::{Amount, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

use crate::harness::{Db, Start, stored, with_db};
use crate::transform::lookups;

/// Regressions are kept beside the tests and committed.
fn config(cases: u32) -> Config {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proptest-regressions/laws.txt");
    Config { cases, failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))), ..Config::default() }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,20}",
        2 => select(vec!["", " ", "\t", "\\N", "\\.", "a\nb\r\n", "\"{}\"", "Zoe\u{308}", "Zoë", "שלום", "👩‍👩‍👧", "null"])
            .prop_map(str::to_owned),
        1 => "\\PC{0,30}",
        // Every character that a text can hold; a NUL is none of them.
        1 => proptest::collection::vec(any::<char>().prop_filter("not NUL", |it| *it != '\0'), 0..10)
            .prop_map(|it| it.into_iter().collect()),
    ]
}

fn codes(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(words), "[ \t]{0,2}", "[ \t]{0,2}", 0..3u8).prop_map(|(word, before, after, how)| {
        let word = match how {
            0 => word.to_owned(),
            1 => word.to_uppercase(),
            _ => word[..1].to_uppercase() + &word[1..],
        };
        format!("{before}{word}{after}")
    })
}

fn timestamps() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..1_000_000_000_000_000i64).prop_map(|it| Timestamp(it).to_string()),
        1 => (Timestamp::MIN.0..=Timestamp::MAX.0).prop_map(|it| Timestamp(it).to_string()),
        1 => select(vec!["infinity", "-infinity", "2021-03-01", "2021-03-01 10:00:00+00"]).prop_map(str::to_owned),
    ]
}

fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..10_000_000_000i128).prop_map(|it| Amount::to_string(&pad_migrate::value::Decimal(it))),
        1 => (-99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999)
            .prop_map(|it| Amount::to_string(&pad_migrate::value::Decimal(it))),
        1 => "-?[0-9]{1,5}(\\.[0-9]{1,3})?",
        1 => "[1-9]e[+-]0[1-3]",
    ]
}

/// What a column could hold; mostly what it was meant to.
fn cell(column: LegacyColumn, messy: bool) -> BoxedStrategy<Option<Text>> {
    let meant = match (column, column.kind()) {
        (LegacyColumn::Id, _) => return Just(Some("77".into())).boxed(),
        (LegacyColumn::BuySell, _) => codes(&["b", "s"]).boxed(),
        (LegacyColumn::IsDeleted, _) => codes(&["y", "n"]).boxed(),
        (LegacyColumn::Status, _) => codes(&["request", "approved", "declined"]).boxed(),
        (_, Kind::Code) => codes(&["approved", "declined", "pending"]).boxed(),
        (_, Kind::YesNo) => select(vec!["1", "2", ""]).prop_map(str::to_owned).boxed(),
        (_, Kind::Identifier) => select(vec!["1", "2", "3", "3.0"]).prop_map(str::to_owned).boxed(),
        (_, Kind::Number) => numbers().boxed(),
        (_, Kind::Timestamp) => timestamps().boxed(),
        (LegacyColumn::InstSymbol, _) => select(vec!["ONE", ""]).prop_map(str::to_owned).boxed(),
        (LegacyColumn::Currency, _) => "\\PC{0,3}".boxed(),
        (LegacyColumn::Sedol, _) => "\\PC{0,7}".boxed(),
        (LegacyColumn::Isin, _) => "\\PC{0,12}".boxed(),
        (_, Kind::Text) => texts().boxed(),
    };
    let meant = meant.prop_map(|it| Some(Text::from(it)));
    let needed = matches!(column, LegacyColumn::Employee | LegacyColumn::RequestedDate | LegacyColumn::Status);
    let null = Just(None);
    let unlimited = column.kind() == Kind::Text
        && ["justification", "conflict_comments", "other_comments", "name"].contains(&column.name());
    match (messy, needed) {
        (false, true) => meant.boxed(),
        (false, false) if unlimited => prop_oneof![6 => meant, 3 => null, 1 => large().prop_map(Some)].boxed(),
        (false, false) => prop_oneof![2 => meant, 1 => null].boxed(),
        (true, _) => {
            let mess = prop_oneof![texts(), numbers(), timestamps()].prop_map(|it| Some(Text::from(it)));
            prop_oneof![8 => meant, 1 => null, 1 => mess].boxed()
        }
    }
}

fn large() -> impl Strategy<Value = Text> {
    (300_000..1_000_000u64, "[0-9a-f]{64}").prop_map(|(octets, sha256)| {
        Text::Large(Arc::new(Large { octets, sha256, head: "Once upon a time".to_owned() }))
    })
}

/// A row of the legacy table, unknown columns of several kinds included.
fn legacy_row(messy: bool) -> impl Strategy<Value = LegacyRow> {
    let known: Vec<_> = LegacyColumn::ALL.iter().map(|it| cell(*it, messy)).collect();
    let unknown = proptest::collection::btree_map(
        "[a-z][a-z_ ]{0,12}x",
        proptest::option::of(prop_oneof![
            texts(),
            numbers(),
            timestamps(),
            Just("{1,NULL}".to_owned()),
            Just("\\x00ff".to_owned())
        ]),
        0..5,
    );
    (known, unknown).prop_map(|(known, unknown)| {
        let mut row = LegacyRow::default();
        for (column, text) in LegacyColumn::ALL.iter().zip(known) {
            row[*column] = text;
        }
        row.unknown = unknown.into_iter().map(|(name, text)| (name.into(), text.map(Text::from))).collect();
        row
    })
}

fn unknown(row: &LegacyRow) -> Vec<Arc<str>> {
    row.unknown.keys().cloned().collect()
}

/// Rows that are meant to be fine mostly are, so that the laws below are about something.
#[test]
fn most_generated_rows_are_migrated() {
    let mut runner = TestRunner::new(config(1));
    let mut accepted = 0;
    for _ in 0..500 {
        let row = legacy_row(false).new_tree(&mut runner).expect("a row is generated").current();
        accepted += usize::from(transform(77, &row, &lookups()).is_ok());
    }
    assert!(accepted > 250, "only {accepted} of 500 rows are migrated");
}

proptest! {
    #![proptest_config(config(1000))]

    /// Nothing is lost: what a row became gives the row back, to the byte.
    #[test]
    fn reconstruction_after_transformation_is_the_identity(row in legacy_row(false)) {
        if let Ok(rows) = transform(77, &row, &lookups()) {
            prop_assert_eq!(reconstruct(&rows, &unknown(&row)), row);
        }
    }

    /// The residual is small: a key is there exactly where the typed columns don't give the value back.
    #[test]
    fn the_residual_holds_what_the_default_inverse_does_not(row in legacy_row(false)) {
        if let Ok(rows) = transform(77, &row, &lookups()) {
            let back = default_inverse(&rows, &unknown(&row));
            let back: BTreeMap<&str, Option<&Text>> = back.columns().collect();
            let differing: BTreeMap<String, Option<Text>> = row
                .columns()
                .filter(|(name, text)| back.get(name).copied().flatten() != *text)
                .map(|(name, text)| (name.to_owned(), text.cloned()))
                .collect();
            prop_assert_eq!(rows.request.compliance_assessment.legacy, differing);
        }
    }

    /// A row is migrated whole or rejected with reasons, whatever it holds; nothing panics.
    #[test]
    fn every_row_is_migrated_or_rejected_with_reasons(row in legacy_row(true)) {
        match transform(77, &row, &lookups()) {
            Ok(rows) => {
                prop_assert_eq!(rows.audit.len(), 1 + rows.approvals.len());
                prop_assert_eq!(reconstruct(&rows, &unknown(&row)), row);
            }
            Err(Rejection { reasons, .. }) => {
                prop_assert!(!reasons.is_empty());
                let mut keys: Vec<_> = reasons.iter().map(|it| (&it.field, it.rule)).collect();
                keys.dedup();
                prop_assert_eq!(keys.len(), reasons.len(), "a field and a rule are named once");
            }
        }
    }

    /// A number of any text is read exactly as the number it is, or not at all.
    #[test]
    fn an_amount_prints_as_it_was_read(units in -99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999) {
        let amount: Amount = pad_migrate::value::Decimal(units);
        prop_assert_eq!(Amount::parse(&amount.to_string(), 20), Ok(amount));
    }

    /// Every timestamp that Postgres can store is read as it is printed.
    #[test]
    fn a_timestamp_prints_as_it_was_read(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
        prop_assert_eq!(Timestamp::parse(&Timestamp(micros).to_string()), Ok(Timestamp(micros)));
    }
}

/// Loads rows into a legacy table whose columns are all text but the id, so that it can hold every mess.
async fn load(db: &Db, rows: &[LegacyRow]) {
    let mut widened = String::new();
    for column in LegacyColumn::ALL.iter().filter(|it| **it != LegacyColumn::Id) {
        widened += &format!("alter table personal_account_dealing alter column {} type text;", column.name());
    }
    db.execute(&widened).await;
    let mut names: Vec<&str> = rows.iter().flat_map(|it| it.unknown.keys()).map(|it| &**it).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        db.execute(&format!("alter table personal_account_dealing add column \"{name}\" text")).await;
    }
    let literal = |text: Option<&Text>| match text {
        None => "null".to_owned(),
        Some(Text::Plain(text)) => format!("'{}'", text.replace('\'', "''")),
        Some(Text::Large(large)) => {
            format!("repeat('{}', {})", &large.sha256[..10], large.octets / 10)
        }
    };
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<(&str, Option<&Text>)> = row.columns().filter(|it| it.0 != "id").collect();
        let names: Vec<String> = cells.iter().map(|it| format!("\"{}\"", it.0)).collect();
        let values: Vec<String> = cells.iter().map(|it| literal(it.1)).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        db.execute(&format!("insert into personal_account_dealing (id, {names}) values ({}, {values})", at + 1)).await;
    }
}

fn generated(count: usize, messy: bool) -> Vec<LegacyRow> {
    let mut runner = TestRunner::deterministic();
    let strategy = legacy_row(messy);
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a row is generated").current()).collect()
}

const PEOPLE_AND_SECURITIES: &str = "
    insert into bo_airflow.oracle_employee (id) values (1), (2), (3);
    insert into bo_airflow.oracle_bloomberg (id, inst_symbol, isin) values (10, 'ONE', 'I1')";

/// What is stored and read back equals what was computed, and gives the row back: the same law, through Postgres.
#[tokio::test]
async fn what_is_stored_gives_the_row_back() {
    with_db(Start::Applied, async |db| {
        db.execute(PEOPLE_AND_SECURITIES).await;
        load(&db, &generated(150, false)).await;
        let (report, _) = db.migrate(Options { batch_size: 20, ..Options::default() }).await;
        assert!(report.counts.migrated > 75, "{:?}", report.counts);
        let verified = db.check_clean().await;
        assert_eq!(verified.verified, report.counts.migrated);
    })
    .await;
}

/// The result depends neither on the batch size nor on the number of workers, nor on the order in which rows lie in
/// the table; and a dry run rejects exactly what a real run rejects.
#[tokio::test]
async fn the_result_depends_on_the_rows_only() {
    let mut results = Vec::new();
    let rows = [generated(60, true), generated(60, false)].concat();
    for (batch_size, jobs, shuffled) in [(500, 2, false), (1, 1, false), (7, 4, true)] {
        with_db(Start::Applied, async |db| {
            db.execute(PEOPLE_AND_SECURITIES).await;
            load(&db, &rows).await;
            if shuffled {
                db.execute(
                    "create table shuffled as select * from personal_account_dealing order by md5(id::text); \
                     truncate personal_account_dealing; \
                     insert into personal_account_dealing select * from shuffled",
                )
                .await;
            }
            let options = Options { batch_size, jobs, ..Options::default() };
            let (dry, dry_seen) = db.migrate(Options { dry_run: true, ..options.clone() }).await;
            let (real, seen) = db.migrate(options).await;
            assert_eq!(dry_seen.rejections, seen.rejections, "a dry run's rejections are the real run's");
            assert_eq!(dry.counts, real.counts);
            results.push((stored::outcomes(&db).await, seen.rejections));
        })
        .await;
    }
    let (outcomes, rejections) = &results[0];
    assert!(outcomes.len() > 10 && rejections.len() > 10, "{} and {}", outcomes.len(), rejections.len());
    for other in &results[1..] {
        assert_eq!(&other.0, outcomes);
        assert_eq!(&other.1, rejections);
    }
}
