//! What has several readings, what may have been lost on the way, and how each is said: tables of small files.

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::files::declared;
use super::{csv_text, fixture, prove_bytes, prove_file};
use crate::harness::program::{run, stderr};
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::csv::alarm::{Alarm, AlarmKind};
use pad_migrate::migration::csv::date::DateFormat;
use pad_migrate::migration::csv::number::NumberFormat;
use pad_migrate::migration::csv::summary::CsvSummary;
use pad_migrate::migration::legacy::LegacyColumn;

/// A file with these values in columns, one list for each row; the ids count from 1.
fn file(columns: &[&str], rows: &[&[&str]]) -> String {
    let ids: Vec<String> = (1..=rows.len()).map(|it| it.to_string()).collect();
    let cells = rows.iter().zip(&ids).map(|(row, id)| {
        let row = columns.iter().copied().zip(row.iter().copied());
        [("id", id.as_str())].into_iter().chain(row).collect::<Vec<_>>()
    });
    let cells: Vec<Vec<(&str, &str)>> = cells.collect();
    csv_text(&cells.iter().map(|it| &it[..]).collect::<Vec<_>>())
}

/// A column with these values.
fn column(name: &str, values: &[&str]) -> String {
    let rows: Vec<[&str; 1]> = values.iter().map(|it| [*it]).collect();
    file(&[name], &rows.iter().map(|it| &it[..]).collect::<Vec<_>>())
}

/// The alarms of a file that is read, other than that its rows weren't counted.
fn alarms(bytes: &[u8], flags: &[(&str, &str)]) -> Vec<Alarm> {
    let proved = prove_bytes("f.csv", bytes, &declared(flags)).unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    proved.facts.alarms.into_iter().filter(|it| it.kind != AlarmKind::NotCounted).collect()
}

fn refused(bytes: &[u8], flags: &[(&str, &str)]) -> String {
    match prove_bytes("f.csv", bytes, &declared(flags)) {
        Err(error) => error,
        Ok(proved) => panic!("{flags:?} is read: {:?}", CsvSummary::from(&proved)),
    }
}

/// Every word that programs write for NULL asks to be declared, in any case and between brackets; a text is none.
#[test]
fn words_for_null_are_asked_for() {
    for word in [
        "NULL", "Null", "(NULL)", "(Null)", "<NULL>", "[null]", "{null}", "\\N", "NaN", "nan", "None", "<NA>", "NA",
        "N/A", "n/a", "#N/A", "NIL", "NaT", "-nan",
    ] {
        let text = column("justification", &["a reason", word]);
        let error = refused(text.as_bytes(), &[]);
        let expected = format!("justification is {word} without quotation marks on line 3");
        assert!(error.contains(&expected) && error.contains(&format!("--csv-null '{word}'")), "{error}");
        let both = [("null", word), ("null", "empty")];
        assert_eq!(alarms(text.as_bytes(), &both), [], "{word}");
        // It is a text: so it is said, and of a word that texts have nothing more has to be.
        let kinds: Vec<AlarmKind> = alarms(text.as_bytes(), &[("null", "empty")]).iter().map(|it| it.kind).collect();
        let is_ordinary = ["None", "NA", "N/A", "n/a", "NIL"].contains(&word);
        assert_eq!(kinds, if is_ordinary { vec![] } else { vec![AlarmKind::NullWords] }, "{word}");
    }
    for text in ["annul", "nullable", "N", "NAN INC", "(n)", "none of it", "-5", "1.5", "NASDAQ"] {
        assert_eq!(alarms(column("justification", &[text]).as_bytes(), &[]), [], "{text}");
    }
}

/// A program that quotes everything quotes its word for NULL.
#[rstest]
#[case::said(&["\"(null)\"", "\"x\"", "\"(null)\""], &[], Some((2, &[2, 4][..])))]
#[case::in_any_case(&["\"Null\""], &[], Some((1, &[2][..])))]
#[case::a_word_of_texts_among_values_without_marks(&["\"None\""], &[], None)]
#[case::declared(&["\"(null)\"", "\"x\""], &[("null", "\"(null)\""), ("null", "empty")], None)]
#[case::the_program_writes_it_without(&["NULL", "\"NULL\""], &[("null", "NULL"), ("null", "empty")], None)]
fn quoted_words_for_null_are_said(
    #[case] values: &[&str],
    #[case] flags: &[(&str, &str)],
    #[case] expected: Option<(u64, &[u64])>,
) {
    let found = alarms(column("relation", values).as_bytes(), flags);
    let found: Vec<(AlarmKind, u64, &[u64])> = found.iter().map(|it| (it.kind, it.count, &it.lines[..])).collect();
    let expected: Vec<_> = expected.into_iter().map(|(count, lines)| (AlarmKind::NullWords, count, lines)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_quotes_everything_shows_nothing_by_its_quotation_marks() {
    let quoted = |text: &str| {
        let line = |line: &str| line.split(',').map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(",") + "\n";
        text.lines().map(line).collect::<String>()
    };
    let text = quoted(&column("relation", &["None", "x"]));
    let found = alarms(text.as_bytes(), &[]);
    assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), [AlarmKind::NullWords]);
    assert!(found[0].message.contains("--csv-null '\"None\"' too"), "{}", found[0].message);
    let flags = [("null", "\"None\""), ("null", "empty")];
    assert_eq!(alarms(text.as_bytes(), &flags), []);
    assert_eq!(
        CsvSummary::from(&prove_bytes("f.csv", text.as_bytes(), &declared(&flags)).expect("it is read")).nulls,
        ["\"None\"", "empty"]
    );
}

/// A word that is declared has to occur: else nothing says what the values without anything are.
#[test]
fn a_declared_word_that_occurs_nowhere_is_noticed() {
    let text = file(&["relation", "name"], &[&["", "x"], &["y", "z"]]);
    for word in ["NULL", "null", "(null)", "\"NULL\""] {
        let error = refused(text.as_bytes(), &[("null", word)]);
        for words in [&format!("--csv-null says {word}, which occurs nowhere"), "on line 2", "--csv-null empty"] {
            assert!(error.contains(words), "{words} isn't in {error}");
        }
    }
    let kinds = |text: &str, flags: &[(&str, &str)]| -> Vec<AlarmKind> {
        alarms(text.as_bytes(), flags).iter().map(|it| it.kind).collect()
    };
    use AlarmKind::{EmptyTexts, NullWordUnused, NullWords};
    assert_eq!(kinds(&text, &[("null", "NULL"), ("null", "empty")]), [NullWordUnused]);
    let used = file(&["relation", "name"], &[&["NULL", "x"], &["", "z"]]);
    let error = refused(used.as_bytes(), &[("null", "NULL")]);
    assert!(error.contains("trade_size is '' (--csv-null names words only: say --csv-null empty too"), "{error}");
    let columns =
        ["requested_date", "last_modified_date", "auth_manager_date", "auth_compliance_date", "trade_size", "value"];
    let null: &[&str] = &["NULL"; 6];
    assert_eq!(kinds(&file(&columns, &[null]), &[("null", "NULL")]), [EmptyTexts]);
    assert_eq!(kinds(&used, &[("null", "NULL"), ("null", "\\N"), ("null", "empty")]), [NullWordUnused]);
    let other = file(&["relation", "name"], &[&["NULL", "null"], &["", "z"]]);
    assert_eq!(kinds(&other, &[("null", "NULL"), ("null", "empty")]), [NullWords]);
    assert_eq!(kinds(&used, &[("null", "NULL"), ("null", "unquoted")]), []);
}

/// Dates without a time of day are said by column, where there are enough of them.
#[rstest]
#[case::one_column("2024-01-15", "2024-01-15 10:30:00", 10, Some("requested_date"))]
#[case::midnight_is_none("2024-01-15 00:00:00", "2024-01-15 10:30:00", 10, Some("requested_date"))]
#[case::few("2024-01-15", "2024-01-15 10:30:00", 9, None)]
#[case::both("2024-01-15", "2024-01-15", 2, Some("requested_date 2, last_modified_date 2"))]
#[case::both_have_times("2024-01-15 00:00:01", "2024-01-15 10:30", 12, None)]
#[case::few_at_midnight("2024-01-15 00:00:00", "2024-01-15 00:00:00", 2, None)]
#[case::half_past_midnight("01/15/2024 12:30:00 AM", "01/15/2024 12:30:00 AM", 12, None)]
#[case::midnight_in_half_hours("01/15/2024 12:00:00 AM", "01/15/2024 12:30:00 AM", 12, Some("requested_date"))]
fn lost_times_are_said_by_column(
    #[case] one: &str,
    #[case] other: &str,
    #[case] rows: usize,
    #[case] expected: Option<&str>,
) {
    let row: &[&str] = &[one, other];
    let found = alarms(file(&["requested_date", "last_modified_date"], &vec![row; rows]).as_bytes(), &[]);
    let kinds: Vec<AlarmKind> = found.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, if expected.is_some() { vec![AlarmKind::LostTime] } else { vec![] });
    for (alarm, words) in found.iter().zip(expected) {
        assert!(alarm.message.contains(words), "{}", alarm.message);
    }
}

/// Sentinels and old dates can't come back from two digits: how many may be such, in the refusal and in the alarm.
#[test]
fn years_of_two_digits_say_what_they_cannot_say() {
    let text = column("requested_date", &["31-DEC-99", "15-JAN-24", "31-DEC-99"]);
    let error = refused(text.as_bytes(), &[]);
    let words =
        ["2 dates have a year from 50 on (lines 2, 4); a date such as 9999-12-31", "--csv-dates 'DD-MON-RR", "four"];
    words.iter().for_each(|it| assert!(error.contains(it), "{it} isn't in {error}"));
    for flag in ["DD-MON-RR", "requested_date=DD-MON-RR"] {
        let found = alarms(text.as_bytes(), &[("dates", flag)]);
        let short = found.iter().find(|it| it.kind == AlarmKind::ShortYears).expect("it is said");
        assert_eq!((short.count, &short.lines[..]), (2, &[2, 4][..]), "{}", short.message);
        assert!(short.message.contains("9999-12-31") && short.message.contains("before 1950"), "{}", short.message);
    }
    let proved = column("requested_date", &["15-JAN-24", "16-JAN-24"]);
    let found = alarms(proved.as_bytes(), &[]);
    let short = found.iter().find(|it| it.kind == AlarmKind::ShortYears).expect("it is said");
    assert!(short.count == 0 && short.message.contains("no date has a year from 50 on"), "{}", short.message);
}

/// What a spreadsheet makes of identifiers of securities is said, and no identifier that only looks odd.
#[test]
fn identifiers_that_a_spreadsheet_changed_are_said() {
    let damaged = [
        "1.23E+11",
        "1.2E+06",
        "1E+05",
        "1,23E+11",
        "01-Mar",
        "1-Mar",
        "Mar-01",
        "01. Mrz",
        "01-mars",
        "1-Mar-24",
        "01/03/2024",
        "3/1/24",
        "2024-03-01 00:00:00",
        "01.03.2024",
        "263494.0",
        "#NAME?",
        "#VALUE!",
    ];
    for name in ["sedol", "isin", "ticker", "bloomberg", "inst_symbol"] {
        let quoted: Vec<String> = damaged.iter().map(|it| format!("\"{it}\"")).collect();
        let values: Vec<&str> = ["AAPL"].into_iter().chain(quoted.iter().map(String::as_str)).collect();
        let found = alarms(column(name, &values).as_bytes(), &[]);
        let found: Vec<_> = found.iter().filter(|it| it.kind == AlarmKind::SpreadsheetValues).collect();
        let counts: Vec<_> = found.iter().map(|it| (it.column.as_deref(), it.count, &it.lines[..])).collect();
        assert_eq!(counts, [(Some(name), damaged.len() as u64, &[3, 4, 5, 6, 7][..])]);
    }
    for text in [
        "MAR-1",
        "MAR-01",
        "DEC-24",
        "BRK.B",
        "700 HK Equity",
        "3M US",
        "GB0002634946",
        "0263494",
        "B0YQ5W0",
        "1E5",
        "RDS-A",
        "2-MAY-B",
        "ES1 Index",
        "1234.HK",
        "May",
        "BT/A LN",
        "7203.T",
        "AAPL 05/17/24 C150",
        "1.5",
    ] {
        assert_eq!(alarms(column("ticker", &[text]).as_bytes(), &[]), [], "{text}");
    }
    // Where they are dates and numbers they are none of it.
    assert_eq!(alarms(column("justification", &["01-Mar", "bought on 01/03/2024"]).as_bytes(), &[]), []);
}

/// Rows as the legacy table has them, the bad ones among them, alarm at nothing that no export did.
#[test]
fn generated_rows_are_not_alarming() {
    let generator = Generator { rows: 400, seed: 11 };
    let names: Vec<&str> = LegacyColumn::ALL.iter().map(|it| it.name()).collect();
    let mut text = names.join(",") + "\n";
    let mut buffer = String::new();
    for at in 0..generator.rows {
        let mut cells = Vec::new();
        generator.row(at).cells(&mut buffer, |cell| {
            cells.push(cell.map(|it| format!("\"{}\"", it.replace('"', "\"\""))).unwrap_or_default());
        });
        text += &(cells[..names.len()].join(",") + "\n");
    }
    // Control characters are among the texts of generated rows.
    use AlarmKind::{LostTime, NullWordUnused, NullWords, OtherEncoding, SpreadsheetValues};
    let flags = [("null", "unquoted"), ("dates", "iso"), ("numbers", "1234.5")];
    let found = alarms(text.as_bytes(), &flags);
    let new = [LostTime, NullWordUnused, NullWords, OtherEncoding, SpreadsheetValues];
    assert_eq!(found.into_iter().filter(|it| new.contains(&it.kind)).collect::<Vec<_>>(), []);
    for name in ["dbeaver.csv", "excel.csv", "sqlcl.csv"] {
        let proved = prove_file(&fixture(name), &declared(&[])).expect("it is read");
        let found = proved.facts.alarms.into_iter().filter(|it| new.contains(&it.kind)).collect::<Vec<_>>();
        assert_eq!(found, [], "{name}");
    }
}

/// Bytes that were read by another encoding than that of the program that wrote them.
#[test]
fn wrong_encodings_are_said() {
    let head = column("name", &[]);
    let with = |values: &[&[u8]]| {
        let mut bytes = head.clone().into_bytes();
        for value in values {
            let row = column("name", &["@"]);
            let row = row.lines().nth(1).expect("a row").to_owned() + "\n";
            let (before, after) = row.split_once('@').expect("the value");
            bytes.extend([before.as_bytes(), value, after.as_bytes()].concat());
        }
        bytes
    };
    let found = alarms(&with(&[b"caf\xe9", b"5 \x80", b"\x93x\x94"]), &[("encoding", "iso-8859-1")]);
    let found: Vec<_> = found.iter().map(|it| (it.kind, it.column.as_deref(), it.count, &it.lines[..])).collect();
    assert_eq!(found, [(AlarmKind::ControlCharacters, Some("name"), 2, &[3, 4][..])]);
    // Half of it is UTF-8.
    let half = with(&["Grüße".as_bytes(), b"Gr\xfc\xdfe", b"plain", "Zoë".as_bytes()]);
    let found = alarms(&half, &[("encoding", "windows-1252")]);
    let found: Vec<_> = found.iter().map(|it| (it.kind, it.count, &it.lines[..])).collect();
    assert_eq!(found, [(AlarmKind::OtherEncoding, 2, &[2, 5][..])]);
    assert_eq!(alarms(&with(&[b"Gr\xfc\xdfe"]), &[("encoding", "windows-1252")]), []);
    // UTF-8 has bytes that windows-1252 leaves undefined.
    let utf8 = with(&["é".as_bytes(), "Ý".as_bytes()]);
    let error = refused(&utf8, &[("encoding", "windows-1252")]);
    assert!(error.contains("the file is valid UTF-8: leave --csv-encoding out"), "{error}");
    // The one and the other, whichever is declared.
    for (values, encoding) in [([&b"\xe9"[..], "Ý".as_bytes()], "windows-1252"), (["é".as_bytes(), b"\xe9"], "utf-8")]
    {
        let error = refused(&with(&values), &[("encoding", encoding)]);
        assert!(error.contains("put together from several"), "{error}");
    }
    let error = refused(&with(&[b"\xe9"]), &[]);
    assert!(error.contains("name the encoding in which the file was written"), "{error}");
}

/// A line is named once, however many of its values are concerned.
#[test]
fn a_line_is_named_once() {
    let bytes = file(&["name", "relation", "currency"], &[&["é", "é", "é"], &["ë", "ë", "ë"]]);
    let found = alarms(bytes.as_bytes(), &[("encoding", "iso-8859-1")]);
    let found = found.iter().find(|it| it.kind == AlarmKind::OtherEncoding).expect("it is said");
    assert_eq!((found.count, &found.lines[..]), (6, &[2, 3][..]));
    assert!(found.message.contains("(lines 2, 3)"), "{}", found.message);
}

/// Padding is one alarm, whichever columns have it.
#[test]
fn padding_is_said_once() {
    let row: &[&str] = &["a  ", "b  ", "c  "];
    let found = alarms(file(&["name", "relation", "currency"], &[row; 3]).as_bytes(), &[]);
    let found: Vec<_> = found.iter().map(|it| (it.kind, it.column.as_deref(), it.count, &it.lines[..])).collect();
    assert_eq!(found, [(AlarmKind::Padded, None, 9, &[2, 3, 4][..])]);
}

/// Sums are exact, with as many decimals as there are; of a column that has none it is said why.
#[rstest]
#[case::five_decimals(&["1.00001", "1.00002", "2"], "4.00003", Ok("4.00003"))]
#[case::zeros_after_it(&["1.00001", "1.00002", "2"], "4.000030", Ok("4.00003"))]
#[case::another(&["1.00001", "1.00002", "2"], "4.00004", Err("is 4.00003 in the file, and --csv-total says 4.00004"))]
#[case::negative(&["-1.5", "0.25", "-.00000000000000000001"], "-1.25000000000000000001", Ok("-1.25000000000000000001"))]
#[case::to_zero(&["-1.5", "1.5"], "0", Ok("0.0000"))]
#[case::carried(&["0.7", "0.7", "0.7"], "2.1", Ok("2.1000"))]
#[case::large(&["99999999999999999999999999999999", "0.0000000000000000000000000001"],
    "99999999999999999999999999999999.0000000000000000000000000001",
    Ok("99999999999999999999999999999999.0000000000000000000000000001"))]
#[case::overflow(&["1", "#####"], "1", Err("value can't be summed, since it is '#####' on line 3, and --csv-total says 1.0000"))]
#[case::not_a_number(&["\"NaN\"", "1"], "1", Err("since it is 'NaN' on line 2"))]
fn sums_are_exact(#[case] values: &[&str], #[case] total: &str, #[case] expected: Result<&str, &str>) {
    let text = column("value", values);
    let total = format!("value={total}");
    match (prove_bytes("f.csv", text.as_bytes(), &declared(&[("total", &total)])), expected) {
        (Ok(proved), Ok(sum)) => assert_eq!(CsvSummary::from(&proved).totals["value"].as_deref(), Some(sum)),
        (Err(error), Err(words)) => assert!(error.contains(words), "{words} isn't in {error}"),
        (found, _) => panic!("{:?} instead of {expected:?}", found.map(|it| CsvSummary::from(&it))),
    }
}

/// A value that can't be summed stands on the screen and in JSON with its line, of a declared format too.
#[test]
fn what_cannot_be_summed_is_named() {
    let text = column("trade_size", &["1.5", "1 000", "2"]);
    let proved = prove_bytes("f.csv", text.as_bytes(), &declared(&[("numbers", "1234.5")])).expect("it is read");
    let summary = CsvSummary::from(&proved);
    assert_eq!((&summary.totals["trade_size"], summary.unsummed["trade_size"].line), (&None, 3));
    assert_eq!(summary.unsummed["trade_size"].value, "1 000");
    assert!(!summary.unsummed.contains_key("value"));
    for (total, words) in [("value=9.1E+10", "set numwidth 40"), ("value=1,5", "with a point before the decimals")] {
        let error = total.parse::<pad_migrate::migration::csv::declared::Total>().expect_err("it is refused");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// What no format reads is named as what it is, with the format that read the most before it.
#[rstest]
#[case::null_of_pandas("requested_date", &["\"NaN\"", "2024-01-15"], &["none reads the first value, on line 2", "'NaN' (if it stands for NULL"])]
#[case::null_of_pandas_later("requested_date", &["2024-01-15", "2024-01-16", "\"NaT\""], &["iso reads 2 values", "line 4", "'NaT' (if it"])]
#[case::month_of_another_language("requested_date", &["02-MAI-20"], &["'02-MAI-20' (names of months have to be English", "NLS_DATE_LANGUAGE=ENGLISH"])]
#[case::month_of_another_language_later("requested_date", &["02-MAR-20", "02-DÉC-20"], &["DD-MON-RR[ HH24:MI[:SSXFF]] reads 1 value,", "names of months"])]
#[case::the_end_of_a_day("requested_date", &["2024-01-15 24:00:00"], &["24:00 is 00:00 of the next day"])]
#[case::an_offset("requested_date", &["2024-01-15 10:00:00", "2024-01-15 10:00:00+01:00"], &["iso reads 1 value", "only zero (+00, +0000, +00:00 or Z)"])]
#[case::a_time_zone("requested_date", &["2024-01-15 10:00:00 UTC"], &["only iso has an offset"])]
#[case::another_format("requested_date", &["2024-01-15", "2024-01-16", "15/01/2024"], &["iso reads 2 values", "line 4", "written like DD/MM/YYYY"])]
#[case::an_exponent("value", &["1E5"], &["none reads the first value", "'1E5' (a program that writes an exponent has lost digits"])]
#[case::an_exponent_later("value", &["1.5", "2.5", "1E5"], &["1234.5 reads 2 values, but not that on line 4, where value is '1E5'"])]
#[case::a_number_of_accountants("value", &["(100)"], &["negative numbers are written with a minus"])]
fn what_no_format_reads_is_named(#[case] name: &str, #[case] values: &[&str], #[case] words: &[&str]) {
    let error = refused(column(name, values).as_bytes(), &[]);
    for word in words {
        assert!(error.contains(word), "{word} isn't in {error}");
    }
}

/// Offsets of zero, points in AM, what Oracle's `to_char` puts around a number: each has one reading.
#[test]
fn what_has_one_reading_is_read() {
    for text in [
        "2024-01-15T03:04:05Z",
        "2024-01-15 03:04:05+00",
        "2024-01-15T03:04:05+00:00",
        "2024-01-15T03:04:05+0000",
        "2024-01-15 03:04:05 +0000",
    ] {
        let format: DateFormat = "iso".parse().expect("a format");
        assert_eq!(format.read(text).as_deref(), Some("2024-01-15 03:04:05"), "{text}");
        let mixed = column("requested_date", &[text, "2024-01-15 03:04:05"]);
        assert_eq!(alarms(mixed.as_bytes(), &[]), []);
    }
    let iso: DateFormat = "iso".parse().expect("a format");
    assert_eq!(iso.read("2024-01-15 03:04:05.5+00").as_deref(), Some("2024-01-15 03:04:05.5"));
    assert_eq!(iso.read("2024-01-15 03:04:05-05"), None);
    for (format, text) in [
        ("DD-MON-RR HH.MI.SSXFF AM", "15-JAN-24 03.04.05 p.m."),
        ("DD-MON-RR HH.MI.SSXFF A.M.", "15-JAN-24 03.04.05 P.M."),
        ("DD/MM/YYYY HH:MI:SS PM", "15/01/2024 03:04:05 pm"),
    ] {
        let format: DateFormat = format.parse().expect("a format");
        assert_eq!(format.read(text).as_deref(), Some("2024-01-15 15:04:05"), "{text}");
    }
    assert_eq!(alarms(column("requested_date", &["15/01/2024 3:04:05 p.m."]).as_bytes(), &[]), []);
    for (text, expected) in [
        ("  100.5", Some("100.5")),
        (" -7", Some("-7")),
        ("100-", Some("-100")),
        ("100+", Some("100")),
        ("-100-", None),
        ("-", None),
    ] {
        assert_eq!(NumberFormat::Point.read(text).as_deref(), expected, "{text:?}");
    }
}

/// The first line again, no rows at all: each has its own sentence.
#[test]
fn files_that_were_put_together_or_are_empty_are_said() {
    let text = column("name", &["a"]);
    let twice = text.clone() + &text.to_uppercase();
    let error = refused(twice.as_bytes(), &[]);
    assert!(error.contains("line 3: this is the first line again"), "{error}");
    let found = alarms(column("name", &[]).as_bytes(), &[]);
    assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), [AlarmKind::NoRows]);
    assert_eq!(alarms(column("name", &[]).as_bytes(), &[("rows", "0")]), []);
}

/// A flag that is given twice says one thing, or is refused.
#[test]
fn flags_that_contradict_themselves_are_refused() {
    let dates = ["--csv-dates", "iso", "--csv-dates"];
    let of = ["--csv-dates", "requested_date=iso", "--csv-dates"];
    let total = ["--csv-total", "value=1.5", "--csv-total"];
    for (flags, other, words) in [
        (dates, "DD/MM/YYYY", "--csv-dates is given twice"),
        (of, "requested_date=DD/MM/YYYY", "--csv-dates is given twice"),
        (total, "value=2", "--csv-total is given twice"),
        (dates, "iso", "it doesn't exist"),
        (of, "DD/MM/YYYY", "it doesn't exist"),
        (total, "value=1.50", "it doesn't exist"),
        (["--csv-null", "empty", "--csv-delimiter"], "-", ". - _"),
    ] {
        let arguments = [&["migrate", "--source-csv", "no_such_file.csv"], &flags[..], &[other]].concat();
        let output = run(&arguments, &[("DB_HOST", "localhost"), ("DB_NAME", "none"), ("DB_USER", "nobody")]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
    }
}
