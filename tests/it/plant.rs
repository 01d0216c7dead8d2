//! The faults that a rehearsal plants: in each column, and judged by what is named.

use std::collections::{BTreeMap, BTreeSet};

use pretty_assertions::assert_eq;

use crate::harness::{Start, host, with_db};
use pad_migrate::base::outcome::Verdict;
use pad_migrate::harness::generate::columns::UNKNOWN;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::pg::plant::plant;
use pad_migrate::harness::plant::fault::{Column, Migrated, Place, Row, Stock};
use pad_migrate::harness::plant::{Attempted, Fault, judge, rounds};
use pad_migrate::migration::difference::Difference;
use pad_migrate::migration::legacy::LegacyColumn;
use pad_migrate::migration::target::Role;
use pad_migrate::report::page::Page;
use pad_migrate::report::planted::{NotChecked, Planted};

/// Nothing is silent: each column of each table that is written has a fault, or a reason why it has none.
#[tokio::test]
async fn each_column_has_its_faults_and_verify_finds_them() {
    with_db(Start::Applied, async |db| {
        let written = Role::ALL.iter().map(|it| Place::Target(*it)).chain([Place::Lineage(Role::Request)]);
        let tables: BTreeSet<&str> = written.map(Place::table).collect();
        assert_eq!(tables.len(), 5);
        let list = tables.iter().map(|it| format!("'padealing.{it}'::regclass")).collect::<Vec<_>>().join(", ");
        let count = format!(
            "(select count(*) from pg_attribute where attrelid in ({list}) and attnum > 0 and not attisdropped)"
        );
        let columns = db.value(&count).await.and_then(|it| it.parse::<u64>().ok()).expect("it is a number");

        let server = EphemeralDatabase::at(&host().announcement.url).expect("the URL is right");
        let name = format!("{}planted", db.place().name);
        let planted = plant(&server, &name).await.expect("it runs");
        assert_eq!(planted.missed, []);
        assert_eq!(planted.false_alarms, []);
        assert_eq!(planted.found_by_verify, planted.faults);
        assert_eq!((planted.found_by_proof, &planted.proof_not_run), (Some(planted.faults), &None));
        assert_eq!((planted.missed_by_proof, planted.false_alarms_of_proof), (Vec::new(), Vec::new()));
        let unchecked: Vec<(&str, &str)> =
            planted.not_checked.iter().map(|it| (it.table, it.column.as_str())).collect();
        assert_eq!(unchecked, [("migration_mapping", "id"), ("migration_mapping", "migrated_at")]);
        let legacy = (LegacyColumn::ALL.len() + UNKNOWN.len()) as u64;
        assert_eq!((planted.columns, planted.tables), (columns + legacy - 2, 6));
        let too_few: Vec<_> = planted.not_planted.iter().filter(|it| it.reason.contains("too few")).collect();
        assert!(too_few.is_empty(), "{too_few:?}");
        let refusing = |it: &str| planted.refused.iter().any(|refused| refused.constraint == it);
        for constraint in ["not null", "pad_request_status_check", "pad_approval_decision_check"] {
            assert!(refusing(constraint), "{constraint}: {:?}", planted.refused);
        }
        let left = db.value(&format!("(select count(*) from pg_database where starts_with(datname, '{name}'))")).await;
        assert_eq!(left.as_deref(), Some("0"), "no copy is left");
    })
    .await;
}

/// Two columns of a request, and so many migrated rows.
fn stock(rows: i64) -> Stock {
    let column = |name: &str, kind: &str, is_nullable| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        is_nullable,
        references: None,
    };
    let columns = vec![column("id", "bigint", false), column("justification", "text", true)];
    let row = |id: i64| Row { id, cells: vec![Some(id.to_string()), Some(format!("because {id}"))] };
    let migrated =
        |id: i64| Migrated { source_id: id, rows: BTreeMap::from([(Place::Target(Role::Request), row(id))]) };
    let columns = BTreeMap::from([("pad_request".to_owned(), columns)]);
    Stock { columns, migrated: (1..=rows).map(migrated).collect() }
}

/// The fault of this kind in the column of the texts.
fn of_kind(rounds: &[Vec<Fault>], kind: &str) -> Fault {
    let of_column = |it: &&Fault| it.described.column.as_deref() == Some("justification") && it.described.fault == kind;
    rounds.iter().flatten().find(of_column).expect("it is declared").clone()
}

fn difference(source_id: i64, target: &str, field: &str) -> Difference {
    Difference { source_id, target: target.to_owned(), field: field.to_owned(), expected: None, actual: None }
}

const CHANGED: &str = "another last character";

#[test]
fn a_row_has_one_fault_in_a_round() {
    for rows in [2, 3, 40] {
        let found = rounds(&stock(rows)).rounds;
        let all = found.iter().flatten().count();
        let alone = rounds(&stock(40)).rounds.iter().flatten().count();
        assert_eq!(all, alone, "with {rows} rows there are as many faults, in more rounds");
        for round in &found {
            let ids: BTreeSet<i64> = round.iter().map(|it| it.described.source_id).collect();
            assert_eq!(ids.len(), round.len(), "{round:?}");
        }
        assert_eq!(found.len() == 1, rows == 40);
    }
    let lonely = rounds(&stock(1));
    let exchanged = "two rows' values exchanged";
    assert!(lonely.not_planted.iter().any(|it| it.fault == exchanged), "{:?}", lonely.not_planted);
    assert_eq!(of_kind(&lonely.rounds, CHANGED).described.source_id, 1);
}

/// A fault is found if its row, its target and its field are named, and not by less.
#[test]
fn a_fault_is_found_by_its_row_target_and_field() {
    let fault = of_kind(&rounds(&stock(40)).rounds, CHANGED);
    let id = fault.described.source_id;
    let judged = |attempted: Attempted, differences: &[Difference]| {
        let mut planted = Planted::new("rows".to_owned(), Vec::new());
        judge(&mut planted, &[(fault.clone(), attempted)], differences);
        planted
    };
    let found = judged(Attempted::Planted, &[difference(id, "pad_request", "justification")]);
    assert_eq!((found.faults, found.found_by_verify, found.columns, found.tables), (1, 1, 1, 1));
    assert_eq!(found.verdict(), Verdict::Clean);
    for (target, field) in
        [("pad_request", "relation"), ("pad_execution", "justification"), ("pad_request", "justifications")]
    {
        let missed = judged(Attempted::Planted, &[difference(id, target, field)]);
        assert_eq!((missed.found_by_verify, missed.missed.as_slice()), (0, &[fault.described.clone()][..]));
        assert_eq!((missed.false_alarms.len(), missed.verdict()), (0, Verdict::Attention));
    }
    let elsewhere = judged(
        Attempted::Planted,
        &[difference(id, "pad_request", "justification"), difference(id + 1, "pad_request", "justification")],
    );
    assert_eq!((elsewhere.found_by_verify, elsewhere.false_alarms.len()), (1, 1));
    assert_eq!(elsewhere.verdict(), Verdict::Attention);
    // What the schema refuses isn't there to be found, and a row that is named all the same has no fault.
    let refused = Attempted::Refused("a_check".to_owned());
    let refused = judged(refused, &[difference(id, "pad_request", "justification")]);
    assert_eq!((refused.faults, refused.refused_by_schema, refused.false_alarms.len()), (0, 1, 1));
    assert_eq!((refused.refused[0].constraint.as_str(), refused.columns), ("a_check", 0));
    assert_eq!(judged(Attempted::Planted, &[]).verdict(), Verdict::Attention);
    assert_eq!(Planted::default().verdict(), Verdict::Attention, "no fault at all proves nothing");
}

/// Both rows of a fault of two are to be named.
#[test]
fn of_an_exchange_both_rows_are_named() {
    let fault = of_kind(&rounds(&stock(40)).rounds, "two rows' values exchanged");
    let found = |ids: &[i64]| {
        let mut planted = Planted::default();
        let differences: Vec<Difference> =
            ids.iter().map(|id| difference(*id, "pad_request", "justification")).collect();
        judge(&mut planted, &[(fault.clone(), Attempted::Planted)], &differences);
        planted.found_by_verify
    };
    let id = fault.described.source_id;
    let other = (1..=40).find(|other| *other != id && found(&[id, *other]) == 1);
    assert!(other.is_some() && found(&[id]) == 0, "{fault:?}");
}

#[test]
fn what_was_missed_is_shown() {
    let fault = of_kind(&rounds(&stock(40)).rounds, CHANGED);
    let mut planted = Planted::new("generated, 2 rows, seed 1".to_owned(), Vec::new());
    let differences = [difference(fault.described.source_id + 1, "pad_request", "isin\u{1b}[31m")];
    judge(&mut planted, &[(fault.clone(), Attempted::Planted)], &differences);
    let reason = "nothing is said of it";
    planted.not_checked.push(NotChecked { table: "pad_request", column: "id".to_owned(), reason });
    let mut page = Page::default();
    planted.page(&mut page);
    let printed = page.render(160, false);
    let id = fault.described.source_id;
    for line in [
        "Faults      1 planted in 1 column of 1 table, verify found 0".to_owned(),
        format!("not found by verify: pad_request.justification of legacy row {id}: another last character"),
        format!("of legacy row {}, in which nothing was planted", id + 1),
        "not checked by verify: pad_request.id".to_owned(),
    ] {
        assert!(printed.contains(&line), "{line}:\n{printed}");
    }
    assert!(!printed.contains('\u{1b}'), "{printed}");
}
