//! Properties. Each is a law with a name; what is generated is what the legacy table could hold, not what it should:
//! rows of the generator's description, and arbitrary mess on top of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, FileFailurePersistence, TestError, TestRunner};

use crate::generate::{expected, legacy_row, lookups, rejected};
use crate::harness::{Db, Start, stored, with_db};
use pad_migrate::base::quote::quote_identifier;
use pad_migrate::harness::generate::{Choices, GOOD_OR_BAD, GeneratedRow, WIDTH};
use pad_migrate::harness::pg::seed::load_reference;
use pad_migrate::migration::legacy::{LegacyColumn, LegacyRow, Names};
use pad_migrate::migration::reconstruct::{default_inverse, reconstruct};
use pad_migrate::migration::rejection::{Rejection, Rule};
use pad_migrate::migration::run::Options;
use pad_migrate::migration::text::{Large, Text, TextBuf};
use pad_migrate::migration::transform::transform;
use pad_migrate::migration::value::{Amount, Timestamp};

/// The id of every row that no database holds.
const ID: i64 = 77;

/// Regressions are kept beside the tests and committed.
fn config(cases: u32) -> Config {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proptest-regressions/laws.txt");
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(file)) as _);
    // A row has sixty slots of choices, and each is shrunk by itself.
    Config { cases, failure_persistence, max_shrink_iters: 50_000, ..Config::default() }
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

fn timestamps() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..1_000_000_000_000_000i64).prop_map(|it| Timestamp(it).to_string()),
        1 => (Timestamp::MIN.0..=Timestamp::MAX.0).prop_map(|it| Timestamp(it).to_string()),
        1 => select(vec!["infinity", "-infinity", "2021-03-01", "2021-03-01 10:00:00+00"]).prop_map(str::to_owned),
    ]
}

fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..10_000_000_000i128).prop_map(|it| Amount::to_string(&pad_migrate::migration::value::Decimal(it))),
        1 => (-99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999)
            .prop_map(|it| Amount::to_string(&pad_migrate::migration::value::Decimal(it))),
        1 => "-?[0-9]{1,5}(\\.[0-9]{1,3})?",
        1 => "[1-9]e[+-]0[1-3]",
    ]
}

fn large() -> impl Strategy<Value = TextBuf> {
    (300_000..1_000_000u64, "[0-9a-f]{64}").prop_map(|(octets, sha256)| {
        let description = format!("{octets} {sha256} Once upon a time");
        TextBuf::from(Text::Large(Large::described(&description).expect("a description")))
    })
}

/// Slots of a row's choices: one for each cell, and the five that several cells share.
const SLOTS: usize = WIDTH + 5;

/// A row that the generator's description allows, good or bad. The choices behind it shrink towards 0, which is the
/// simplest shape of each cell, and one cell's don't move another's.
fn described(bad: bool) -> impl Strategy<Value = Made> {
    let choices = proptest::collection::vec(proptest::collection::vec(any::<u64>(), 0..16), SLOTS);
    choices.prop_map(move |mut choices| {
        choices[GOOD_OR_BAD] = vec![if bad { u64::MAX } else { 0 }];
        let row = GeneratedRow::new(Choices::Given(&choices), ID);
        Made { row: legacy_row(&row), expected: expected(&row) }
    })
}

/// A row and what it must be rejected for.
#[derive(Clone, Debug)]
struct Made {
    row: LegacyRow,
    expected: Vec<(String, Rule)>,
}

/// A row that must be migrated: one that the description allows, with texts of any size and unknown columns of any
/// name on top.
fn good_row() -> impl Strategy<Value = LegacyRow> {
    const UNLIMITED: [LegacyColumn; 4] = [
        LegacyColumn::Justification,
        LegacyColumn::ConflictComments,
        LegacyColumn::OtherComments,
        LegacyColumn::CommentsManager,
    ];
    let text = prop_oneof![3 => texts().prop_map(TextBuf::from), 1 => large()];
    let replaced = proptest::collection::vec((select(UNLIMITED.to_vec()), text), 0..3);
    let unknown = proptest::collection::btree_map(
        "[a-z][a-z_ ]{0,12}x",
        proptest::option::of(prop_oneof![texts(), numbers(), timestamps()]),
        0..4,
    );
    (described(false), replaced, unknown).prop_map(|(Made { mut row, .. }, replaced, unknown)| {
        for (column, text) in replaced {
            row.set(column, Some(text.as_text()));
        }
        for (name, text) in unknown {
            row.set_unknown(&name, text.as_deref().map(Text::from));
        }
        row
    })
}

/// What the old system could write: a row, good or bad, some cells of which hold anything.
fn messy_row() -> impl Strategy<Value = LegacyRow> {
    let columns: Vec<LegacyColumn> = LegacyColumn::ALL.iter().copied().filter(|it| *it != LegacyColumn::Id).collect();
    let mess = proptest::option::of(prop_oneof![texts(), numbers(), timestamps()]);
    let replaced = proptest::collection::vec((select(columns), mess), 0..6);
    let row = prop_oneof![good_row(), described(true).prop_map(|it| it.row)];
    (row, replaced).prop_map(|(mut row, replaced)| {
        for (column, text) in replaced {
            row.set(column, text.as_deref().map(Text::from));
        }
        row
    })
}

fn unknown(row: &LegacyRow) -> Names {
    Names::clone(row.names())
}

/// A failing law is shown on the simplest row that breaks it: but for what it complains of, the row of no choices.
#[test]
fn rows_shrink_to_what_matters() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..config(1000) });
    let failure = runner.run(&described(false), |made| {
        prop_assert!(made.row.plain(LegacyColumn::IsDeleted) != Some("Y"));
        Ok(())
    });
    let Err(TestError::Fail(_, Made { row, .. })) = failure else { panic!("no row was deleted: {failure:?}") };
    let mut simplest = legacy_row(&GeneratedRow::new(Choices::Given(&[]), ID));
    simplest.set(LegacyColumn::IsDeleted, Some("Y".into()));
    assert_eq!(row, simplest);
}

proptest! {
    #![proptest_config(config(1000))]

    /// A row that the description calls good is migrated, and a bad one rejected for exactly the faults it has.
    #[test]
    fn a_row_is_rejected_for_what_its_description_predicts(bad in described(true), good in described(false)) {
        prop_assert!(!bad.expected.is_empty() && good.expected.is_empty());
        prop_assert_eq!(rejected(ID, &bad.row), bad.expected);
        prop_assert_eq!(rejected(ID, &good.row), good.expected);
    }

    /// Nothing is lost: what a row became gives the row back, to the byte.
    #[test]
    fn reconstruction_after_transformation_is_the_identity(row in good_row()) {
        let rows = transform(ID, &row, lookups()).expect("a good row is migrated");
        prop_assert_eq!(&reconstruct(&rows, &unknown(&row)), &row);
    }

    /// The residual is small: a key is there exactly where the typed columns don't give the value back.
    #[test]
    fn the_residual_holds_what_the_default_inverse_does_not(row in good_row()) {
        let rows = transform(ID, &row, lookups()).expect("a good row is migrated");
        let back = default_inverse(&rows, &unknown(&row));
        let back: BTreeMap<&str, Option<Text<'_>>> = back.columns().collect();
        let differing: BTreeMap<&str, Option<Text<'_>>> =
            row.columns().filter(|(name, text)| back.get(name).copied().flatten() != *text).collect();
        let kept: BTreeMap<&str, Option<Text<'_>>> = rows.request.compliance_assessment.legacy.iter().collect();
        prop_assert_eq!(kept, differing);
    }

    /// A row is migrated whole or rejected with reasons, whatever it holds; nothing panics.
    #[test]
    fn every_row_is_migrated_or_rejected_with_reasons(row in messy_row()) {
        match transform(ID, &row, lookups()) {
            Ok(rows) => {
                prop_assert_eq!(rows.audit.len(), 1 + rows.approvals.len());
                prop_assert_eq!(&reconstruct(&rows, &unknown(&row)), &row);
            }
            Err(Rejection { reasons, .. }) => {
                prop_assert!(!reasons.is_empty());
                let keys: BTreeSet<_> = reasons.iter().map(|it| (&it.field, it.rule)).collect();
                prop_assert_eq!(keys.len(), reasons.len(), "a field and a rule are named once");
            }
        }
    }

    /// A number of any text is read exactly as the number it is, or not at all.
    #[test]
    fn an_amount_prints_as_it_was_read(units in -99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999) {
        let amount: Amount = pad_migrate::migration::value::Decimal(units);
        prop_assert_eq!(Amount::parse(&amount.to_string(), 20), Ok(amount));
    }

    /// What is read fast, as nearly every value is, is read as what isn't: a blank before it makes the difference.
    #[test]
    fn what_is_read_fast_is_read_alike(
        number in "-?[0-9]{0,19}(\\.[0-9]{0,6})?",
        time in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,7})?",
    ) {
        prop_assert_eq!(Amount::parse(&number, 20), Amount::parse(&format!(" {number}"), 20));
        prop_assert_eq!(Timestamp::parse(&time), Timestamp::parse(&format!(" {time}")));
    }

    /// Every timestamp that Postgres can store is read as it is printed.
    #[test]
    fn a_timestamp_prints_as_it_was_read(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
        let printed = Timestamp(micros).to_string();
        prop_assert_eq!(Timestamp::parse(&printed), Ok(Timestamp(micros)));
        prop_assert!(Timestamp(micros).prints(&printed) && !Timestamp(micros ^ 1).prints(&printed));
    }

    /// Of all spellings of a timestamp, one is what is printed for it.
    #[test]
    fn a_timestamp_prints_one_spelling(
        time in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,7})?)?)?Z?",
    ) {
        if let Ok(read) = Timestamp::parse(&time) {
            prop_assert_eq!(read.prints(&time), read.to_string() == time);
        }
    }
}

/// Loads rows into a legacy table whose columns are all text but the id, so that it can hold every mess.
async fn load(db: &Db, rows: &[LegacyRow]) {
    let mut widened = String::new();
    for column in LegacyColumn::ALL.iter().filter(|it| **it != LegacyColumn::Id) {
        widened += &format!("alter table personal_account_dealing alter column {} type text;", column.name());
    }
    db.execute(&widened).await;
    let mut names: Vec<&str> = rows.iter().flat_map(|it| it.names().iter()).map(|it| &**it).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let name = quote_identifier(name);
        db.execute(&format!("alter table personal_account_dealing add column {name} text")).await;
    }
    let literal = |text: Option<Text<'_>>| match text {
        None => "null".to_owned(),
        Some(Text::Plain(text)) => format!("'{}'", text.replace('\'', "''")),
        Some(Text::Large(large)) => {
            format!("repeat('{}', {})", &large.sha256()[..10], large.octets() / 10)
        }
    };
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<(&str, Option<Text<'_>>)> = row.columns().filter(|(name, _)| *name != "id").collect();
        let names: Vec<String> = cells.iter().map(|(name, _)| quote_identifier(name)).collect();
        let values: Vec<String> = cells.iter().map(|(_, text)| literal(*text)).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        db.execute(&format!("insert into personal_account_dealing (id, {names}) values ({}, {values})", at + 1)).await;
    }
}

fn some(count: usize, strategy: &impl Strategy<Value = LegacyRow>) -> Vec<LegacyRow> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a row is generated").current()).collect()
}

/// What is stored and read back equals what was computed, and gives the row back: the same law, through Postgres.
#[tokio::test]
async fn what_is_stored_gives_the_row_back() {
    with_db(Start::Applied, async |db| {
        load_reference(&mut db.connect().await.into()).await.expect("the reference rows load");
        load(&db, &some(150, &good_row())).await;
        let (report, _) = db.migrate(Options { batch_size: 20, ..Options::default() }).await;
        assert_eq!(report.counts.migrated, 150, "{:?}", report.counts);
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
    let rows = [some(60, &messy_row()), some(60, &good_row())].concat();
    for (batch_size, jobs, shuffled) in [(500, 2, false), (1, 1, false), (7, 4, true)] {
        with_db(Start::Applied, async |db| {
            load_reference(&mut db.connect().await.into()).await.expect("the reference rows load");
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
