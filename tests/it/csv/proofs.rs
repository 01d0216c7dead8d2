//! What the first reading counts and decides, a bound or a condition at a time: each case fails where one of them is
//! another.

use std::sync::atomic::AtomicBool;

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::{csv_text, prove_bytes};
use pad_migrate::base::text::sentence;
use pad_migrate::migration::csv::alarm::AlarmKind;
use pad_migrate::migration::csv::declared::Declared;
use pad_migrate::migration::csv::file::prove;
use pad_migrate::migration::csv::number::NumberFormat;
use pad_migrate::migration::csv::proved::ProvedCsv;
use pad_migrate::migration::csv::summary::CsvSummary;

/// A file with values in one column, under ids from 1.
fn column(name: &str, values: &[&str]) -> String {
    let ids: Vec<String> = (1..=values.len()).map(|it| it.to_string()).collect();
    let rows: Vec<[(&str, &str); 2]> = ids.iter().zip(values).map(|(id, it)| [("id", &**id), (name, *it)]).collect();
    csv_text(&rows.iter().map(|it| &it[..]).collect::<Vec<_>>())
}

fn proved(text: &str, declared: &Declared) -> Result<ProvedCsv, String> {
    prove_bytes("f.csv", text.as_bytes(), declared)
}

fn dates(formats: &[&str]) -> Declared {
    let dates = formats.iter().map(|it| it.parse().expect("dates")).collect();
    Declared { dates, ..Declared::default() }
}

#[test]
fn the_largest_id_has_a_successor() {
    let ids = ["5", "7", "5", "9223372036854775807", "5", "a", "b", "c", "d", "a", ""];
    let rows: Vec<[(&str, &str); 1]> = ids.iter().map(|id| [("id", *id)]).collect();
    let text = csv_text(&rows.iter().map(|it| &it[..]).collect::<Vec<_>>());
    let csv = proved(&text, &Declared::default()).expect("it is read");
    let facts = &csv.facts;
    assert_eq!((facts.rows, facts.largest), (11, Some(7)));
    assert_eq!(CsvSummary::from(&csv).bytes, text.len() as u64);
}

#[test]
fn an_interruption_ends_the_first_reading() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let path = dir.path().join("f.csv");
    std::fs::write(&path, column("relation", &["x"; 2000])).expect("the file is written");
    let interrupted = prove(&path, &Declared::default(), &AtomicBool::new(true)).expect_err("it ends");
    assert!(sentence(&interrupted).contains("interrupted"), "{interrupted}");
}

/// Alarms that are none, beside those of the fixtures.
#[rstest]
#[case::times_in_one_column("requested_date", &["2024-01-15 10:00:00", "2024-01-16"], &[], &[])]
#[case::a_short_time("requested_date", &["1/2/24 13:30"], &["DD/MM/RR HH24:MI"], &[AlarmKind::ShortYears])]
#[case::number_signs_in_dates("requested_date", &["2024-01-15 10:00:00", "########"], &[], &[AlarmKind::Overflow])]
#[case::number_signs_in_numbers("trade_size", &["1.25", "########"], &[], &[AlarmKind::Overflow])]
#[case::a_few_blanks("relation", &["a ", "b ", "c ", "d", "e", "f"], &[], &[])]
#[case::most_with_blanks("relation", &["a ", "b ", "c ", "d ", "e", "f"], &[], &[AlarmKind::Padded])]
#[case::zeros_are_there("sedol", &["123456", "0123456"], &[], &[])]
#[case::two_at_the_limit("relation", &["x80", "x80"], &[], &[])]
#[case::three_at_the_limit("relation", &["x80", "x80", "x80"], &[], &[AlarmKind::CutOff])]
#[case::one_is_longer("relation", &["x80", "x80", "x80", "x81"], &[], &[])]
#[case::two_number_signs("relation", &["##"], &[], &[])]
fn alarms_have_their_bounds(
    #[case] name: &str,
    #[case] values: &[&str],
    #[case] formats: &[&str],
    #[case] alarms: &[AlarmKind],
) {
    let long = ["x".repeat(80), "x".repeat(81)];
    let values: Vec<&str> = values
        .iter()
        .map(|it| match *it {
            "x80" => &*long[0],
            "x81" => &*long[1],
            other => other,
        })
        .collect();
    let declared = Declared { rows: Some(values.len() as u64), ..dates(formats) };
    let csv = proved(&column(name, &values), &declared).expect("it is read");
    assert_eq!(csv.facts.alarms.iter().map(|it| it.kind).collect::<Vec<_>>(), alarms);
}

#[test]
fn a_column_with_times_is_enough() {
    let row = [("id", "1"), ("requested_date", "2024-01-15 10:00:00"), ("auth_manager_date", "2024-01-15")];
    let csv = proved(&csv_text(&[&row]), &Declared { rows: Some(1), ..Declared::default() }).expect("it is read");
    assert_eq!(csv.facts.alarms, []);
}

/// What is declared holds: the last flag of a column, a format that the file doesn't keep to, and NULL by its marks.
#[test]
fn declarations_hold() {
    let both = dates(&["DD/MM/YYYY", "requested_date=DD/MM/YYYY", "requested_date=MM/DD/YYYY"]);
    let csv = proved(&column("requested_date", &["01/02/2024"]), &both).expect("it is read");
    assert_eq!(CsvSummary::from(&csv).dates["requested_date"], "MM/DD/YYYY");
    assert_eq!(CsvSummary::from(&csv).dates["auth_manager_date"], "DD/MM/YYYY");
    let numbers = Declared { numbers: Some(NumberFormat::Point), ..Declared::default() };
    let csv = proved(&column("trade_size", &["1234.5x"]), &numbers).expect("its row is rejected, not the file");
    assert_eq!(CsvSummary::from(&csv).totals["trade_size"], None);

    proved(&column("relation", &["\"NULL\""]), &Declared::default()).expect("a word in quotation marks is a text");
    let refused = proved(&column("relation", &["NULL"]), &Declared::default()).expect_err("a word may be NULL");
    assert!(refused.contains("--csv-null"), "{refused}");
    for (null, cases) in [
        ("empty", [("", false, true), ("", true, true), ("\\N", false, false), ("\\N", true, false)]),
        ("unquoted", [("", false, true), ("", true, false), ("\\N", false, false), ("\\N", true, false)]),
        ("\\N", [("", false, false), ("", true, false), ("\\N", false, true), ("\\N", true, false)]),
    ] {
        let declared = Declared { nulls: vec![null.parse().expect("a null")], ..Declared::default() };
        let csv = proved(&csv_text(&[]), &declared).expect("it is read");
        for (text, quoted, is_null) in cases {
            assert_eq!(csv.layout.is_null(text, quoted), is_null, "{null}: {text} {quoted}");
        }
    }
}

#[test]
fn a_message_shows_what_there_is() {
    let refused = |text: &str| proved(text, &Declared::default()).expect_err("it is refused");
    let long = column("requested_date", &[&"9".repeat(60)]);
    assert!(refused(&long).contains(&format!("'{}…'", "9".repeat(40))), "{}", refused(&long));
    let ragged = csv_text(&[]) + "the rows selected\n";
    assert!(refused(&ragged).contains("line 2: the record has 1 field"), "{}", refused(&ragged));
    let utf16 = prove_bytes("f.csv", b"\xfe\xffid", &Declared::default()).expect_err("UTF-16");
    assert!(utf16.contains("UTF-16"), "{utf16}");
}
