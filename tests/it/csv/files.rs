//! Files in the manners of SQL*Plus, SQLcl, SQL Developer, DBeaver and Excel, each with its typical faults; what is
//! proved of a file, and what is asked for where a file proves nothing.

use std::io::Write as _;

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::{csv_text, fixture, prove_bytes, prove_file};
use crate::harness::program::{command, run, stderr};
use crate::waiting;
use pad_migrate::base::text::sentence;
use pad_migrate::migration::csv::alarm::AlarmKind;
use pad_migrate::migration::csv::declared::Declared;
use pad_migrate::migration::csv::summary::CsvSummary;

/// What flags declare.
pub(super) fn declared(flags: &[(&str, &str)]) -> Declared {
    let mut declared = Declared::default();
    for (flag, value) in flags {
        match *flag {
            "encoding" => declared.encoding = Some(value.parse().expect("an encoding")),
            "null" => declared.nulls.push(value.parse().expect("a null")),
            "dates" => declared.dates.push(value.parse().expect("dates")),
            "numbers" => declared.numbers = Some(clap::ValueEnum::from_str(value, false).expect("a number's format")),
            "rows" => declared.rows = Some(value.parse().expect("a number")),
            "total" => declared.totals.push(value.parse().expect("a total")),
            "delimiter" => declared.delimiter = Some(value.parse().expect("a delimiter")),
            other => panic!("no flag {other}"),
        }
    }
    declared
}

/// A file that is read: delimiter, encoding, numbers, dates; and what is alarming about it.
#[rstest]
#[case::sqlplus("sqlplus.csv", &[], (",", "utf-8", "1234.5", "DD-MON-RR[ HH24:MI[:SSXFF]]"), &[AlarmKind::LostTime, AlarmKind::ShortYears])]
#[case::sqlplus_cut("sqlplus.cut_at_80.csv", &[], (",", "utf-8", "1234.5", "DD-MON-RR[ HH24:MI[:SSXFF]]"), &[AlarmKind::CutOff, AlarmKind::LostTime, AlarmKind::ShortYears])]
#[case::sqlplus_overflow("sqlplus.number_signs.csv", &[], (",", "utf-8", "1234.5", "DD-MON-RR[ HH24:MI[:SSXFF]]"), &[AlarmKind::Overflow, AlarmKind::LostTime, AlarmKind::ShortYears])]
#[case::sqlcl("sqlcl.csv", &[], (",", "utf-8", "1234.5", "DD-MON-RR[ HH.MI[.SSXFF] AM]"), &[AlarmKind::ShortYears])]
#[case::sqldeveloper("sqldeveloper.csv", &[("encoding", "windows-1252")], (",", "windows-1252", "1234.5", "DD/MM/YYYY[ HH24:MI[:SSXFF]]"), &[])]
#[case::sqldeveloper_null("sqldeveloper.null_words.csv", &[("null", "(null)"), ("null", "empty")], (",", "utf-8", "1234.5", "DD/MM/YYYY[ HH24:MI[:SSXFF]]"), &[])]
#[case::dbeaver("dbeaver.csv", &[], (",", "utf-8", "1234.5", "iso"), &[])]
#[case::excel("excel.csv", &[], (";", "utf-8", "1234,5", "DD.MM.YYYY[ HH24:MI[:SSXFF]]"), &[])]
#[case::excel_zeros("excel.lost_zeros.csv", &[], (";", "utf-8", "1234,5", "DD.MM.YYYY[ HH24:MI[:SSXFF]]"), &[AlarmKind::LostZeros])]
#[case::excel_dates("excel.ambiguous_dates.csv", &[("dates", "MM/DD/RR")], (";", "utf-8", "1234.5", "MM/DD/RR"), &[AlarmKind::LostTime, AlarmKind::ShortYears])]
fn a_file_is_read_as_its_program_wrote_it(
    #[case] file: &str,
    #[case] flags: &[(&str, &str)],
    #[case] (delimiter, encoding, numbers, dates): (&str, &str, &str, &str),
    #[case] alarms: &[AlarmKind],
) {
    let proved = prove_file(&fixture(file), &declared(&[flags, &[("rows", "5")]].concat())).expect("it is read");
    let summary = CsvSummary::from(&proved);
    let found = (&*summary.delimiter, &*summary.encoding, &*summary.numbers, &*summary.dates["requested_date"]);
    assert_eq!(found, (delimiter, encoding, numbers, dates));
    assert_eq!(summary.alarms.iter().map(|it| it.kind).collect::<Vec<_>>(), alarms);
    assert_eq!(summary.rows, 5);
}

/// A file that is refused, and what the sentence has to say: what, where, what to do.
#[rstest]
#[case::footer("sqlplus.footer.csv", &["line 9", "SQL*Plus's footer, \"5 rows selected.\"", "set feedback off"])]
#[case::fixed_width("sqlplus.fixed_width.csv", &["\"ID          \" has blanks around", "set markup csv on"])]
#[case::quotes("sqlcl.quotes_not_doubled.csv", &["line 2, character ", "(field 17, justification)", "doubled"])]
#[case::encoding("sqldeveloper.csv", &["line 2: name is not text in utf-8", "--csv-encoding"])]
#[case::null_words("sqldeveloper.null_words.csv", &["relation is (null) without quotation marks on line 2", "--csv-null '(null)'"])]
#[case::line_break("dbeaver.line_break.csv", &["line 3: the record has 17 fields, and the first line has 42", "line break"])]
#[case::cut_off("dbeaver.cut_off.csv", &["line 3, character ", "(field 17, justification)", "no closing quotation mark"])]
#[case::dates("excel.ambiguous_dates.csv", &["formats read all dates", "requested_date on line 2", "--csv-dates '"])]
#[case::numbers("excel.ambiguous_numbers.csv", &["'1,234' (trade_size on line 2) is 1.234 by 1234,5, or 1234 by 1,234.5;", "--csv-numbers"])]
#[case::old_mac("excel.old_mac.csv", &["line 1, character ", "carriage return"])]
#[case::missing("no_such_file.csv", &["the file can't be read: it doesn't exist"])]
#[case::below_a_file("dbeaver.csv/rows.csv", &["the file can't be read: "])]
fn a_fault_is_refused_with_its_place(#[case] file: &str, #[case] words: &[&str]) {
    let error = sentence(&prove_file(&fixture(file), &Declared::default()).expect_err("it is refused"));
    for word in words {
        assert!(error.contains(word), "{word:?} isn't in {error}");
    }
}

/// Every file is in one of the tables above.
#[test]
fn every_file_is_tried() {
    let tables = include_str!("files.rs");
    for file in std::fs::read_dir(fixture("")).expect("the folder can be read").flatten() {
        let name = file.file_name().into_string().expect("a name of ASCII");
        assert!(tables.contains(&format!("(\"{name}\"")), "no case reads {name}");
    }
}

/// What isn't declared is proved over the whole file: the last row decides, or nothing does.
#[rstest]
#[case::a_day_over_12_decides(&["01/02/2024", "13/02/2024"], Ok("DD/MM/YYYY[ HH24:MI[:SSXFF]]"))]
#[case::a_month_over_12_decides(&["01/02/2024", "02/13/2024"], Ok("MM/DD/YYYY[ HH24:MI[:SSXFF]]"))]
#[case::nothing_decides(&["01/02/2024", "03/04/2024"], Err("'01/02/2024' (requested_date on line 2) is 2024-02-01 by DD/MM/YYYY"))]
#[case::a_day_that_is_its_month(&["01/01/2024", "02/02/2024"], Ok("DD/MM/YYYY[ HH24:MI[:SSXFF]]"))]
#[case::three_numbers(&["01-02-03"], Err("--csv-dates"))]
#[case::the_century(&["01-JAN-99"], Err("1999-01-01 by DD-MON-RR[ HH24:MI[:SSXFF]], or 2099-01-01 by DD-MON-YY"))]
#[case::two_formats(&["2024-01-15", "15/01/2024"], Err("no format reads all dates"))]
#[case::no_date(&["2024-01-15", "soon"], Err("line 3, where requested_date is 'soon'"))]
fn dates_are_proved_by_the_whole_file(#[case] dates: &[&str], #[case] expected: Result<&str, &str>) {
    let ids: Vec<String> = (1..=dates.len()).map(|it| it.to_string()).collect();
    let rows: Vec<[(&str, &str); 2]> =
        dates.iter().zip(&ids).map(|(date, id)| [("id", id.as_str()), ("requested_date", date)]).collect();
    let rows: Vec<&[(&str, &str)]> = rows.iter().map(|it| &it[..]).collect();
    match (prove_bytes("f.csv", csv_text(&rows).as_bytes(), &Declared::default()), expected) {
        (Ok(proved), Ok(format)) => assert_eq!(CsvSummary::from(&proved).dates["requested_date"], format),
        (Err(error), Err(words)) => assert!(error.contains(words), "{words:?} isn't in {error}"),
        (found, _) => panic!("{:?} instead of {expected:?}", found.map(|it| CsvSummary::from(&it))),
    }
}

#[test]
fn nothing_and_the_empty_text_in_one_column_are_two_readings() {
    let text = csv_text(&[&[("id", "1"), ("relation", "\"\"")], &[("id", "2")]]);
    let error = prove_bytes("f.csv", text.as_bytes(), &Declared::default()).expect_err("it is refused");
    assert!(error.contains("relation has values without anything both with quotation marks (line 2)"), "{error}");
    for null in ["empty", "unquoted"] {
        assert!(prove_bytes("f.csv", text.as_bytes(), &declared(&[("null", null)])).is_ok());
    }
}

/// Rows and sums that the release manager knows from the table.
#[test]
fn a_file_that_lacks_rows_is_refused() {
    let known = |rows, total| declared(&[("rows", rows), ("total", total)]);
    prove_file(&fixture("dbeaver.csv"), &known("5", "value=12551.74")).expect("it is whole");
    let error = prove_file(&fixture("dbeaver.csv"), &known("6", "value=12551.25")).expect_err("it isn't whole");
    let error = sentence(&error);
    for words in [
        "the file has 5 rows, and --csv-rows says 6",
        "the sum of value is 12551.7400 in the file",
        "so no row of it was used; export again",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let hash = CsvSummary::from(&prove_file(&fixture("dbeaver.csv"), &Declared::default()).expect("it is read")).sha256;
    let known = |sha256: &str| Declared { sha256: Some(sha256.to_owned()), ..Declared::default() };
    prove_file(&fixture("dbeaver.csv"), &known(&hash)).expect("it is that file");
    let error = prove_file(&fixture("dbeaver.csv"), &known(&hash.replace(&hash[..1], "x"))).expect_err("it is another");
    assert!(sentence(&error).contains(&format!("the file has the SHA-256 {hash}, and --csv-sha256 says x")));
    // The table's sum holds values that the target can't; of those the rows are rejected.
    let text = csv_text(&[&[("id", "1"), ("value", "10000000000000000.25")], &[("id", "2"), ("value", "1.5")]]);
    let whole = declared(&[("rows", "2"), ("total", "value=10000000000000001.75")]);
    prove_bytes("large.csv", text.as_bytes(), &whole).expect("it is whole");
}

#[test]
fn the_first_line_names_the_columns() {
    let lacking = csv_text(&[]).replace("sedol,", "");
    let refused = |text: &str| prove_bytes("f.csv", text.as_bytes(), &Declared::default()).expect_err("it is refused");
    assert!(refused(&lacking).contains("the first line lacks the columns sedol"));
    assert!(refused(&csv_text(&[]).replace("sedol,", "isin,")).contains("isin stands in the first line twice"));
    assert!(refused("1,2,3\n4,5,6\n").contains("none of the legacy table's column names (1 2 3)"));
    assert!(refused("").contains("the file is empty"));
    // Oracle's upper case is the legacy table's lower case, for columns that only the file knows too.
    let upper = csv_text(&[]).replace("comments_compliance", "comments_compliance,desk_code").to_uppercase();
    let proved = prove_bytes("f.csv", upper.as_bytes(), &Declared::default()).expect("it is read");
    assert_eq!(&*proved.layout.columns.last().expect("columns").name, "desk_code");
}

/// A compressed file is read as what it holds; one that is cut off, or isn't what its name says, is refused.
#[test]
fn compressed_files_are_read() {
    let text = std::fs::read(fixture("dbeaver.csv")).expect("it is there");
    let rows = declared(&[("rows", "5")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&text[..700]).expect("it is compressed");
    let mut packed = gzip.finish().expect("it is compressed");
    let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    second.write_all(&text[700..]).expect("it is compressed");
    packed.extend(second.finish().expect("it is compressed"));
    let zstandard = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (name, bytes, compression) in
        [("f.csv.gz", &packed, "gzip"), ("f.csv.zst", &zstandard, "zstandard"), ("f", &zstandard, "zstandard")]
    {
        let proved = prove_bytes(name, bytes, &rows).expect(name);
        assert_eq!(CsvSummary::from(&proved).compression, compression);
        let cut = prove_bytes(name, &bytes[..bytes.len() - 20], &rows);
        assert!(cut.is_err(), "{name} that is cut off");
    }
    assert!(prove_bytes("f.csv.gz", &text, &rows).expect_err("it isn't gzip").contains("isn't compressed so"));
    let marked = [b"\xef\xbb\xbf", &text[..]].concat();
    assert_eq!(prove_bytes("f.csv", &marked, &rows).expect("it is read").layout.columns.len(), 42);
    let other = prove_bytes("f.csv", &marked, &declared(&[("encoding", "windows-1252")]));
    assert!(other.expect_err("two encodings").contains("byte order mark"));
    assert!(prove_bytes("f.xlsx", b"PK\x03\x04rest", &rows).expect_err("a zip").contains("zip archive"));
    assert!(prove_bytes("f.csv", b"\xff\xfei\0d\0", &rows).expect_err("UTF-16").contains("UTF-16"));
}

/// What can't be read twice, and flags that don't go together: one sentence, exit 2, before any connection.
#[test]
fn what_cannot_be_read_is_one_sentence() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let pipe = dir.path().join("pipe").display().to_string();
    let made = waiting::output(command("mkfifo").arg(&pipe));
    assert!(made.status.success(), "{made:?}");
    let folder = dir.path().display().to_string();
    let url = "postgres://nobody@localhost:1/none";
    for (arguments, words) in [
        (&["migrate", "--source-csv", "-"][..], "this is the standard input; the file is read twice"),
        (&["verify", "--source-csv", &pipe], "this is a pipe"),
        (&["migrate", "--source-csv", &folder], "this is a folder"),
        (&["migrate", "--source-csv", "f.csv", "--source-url", url], "can't be used together"),
        (&["migrate", "--csv-rows", "5"], "name the file with it"),
        (
            &["gate", "--stage", "after", "--source-csv", "f.csv", "--csv-null", "empty", "--csv-null", "unquoted"],
            "can't be used together",
        ),
        (&["rehearse", "--source-csv", "f.csv", "--rows", "5"], "can't be used together"),
    ] {
        let output = run(arguments, &[("DB_HOST", "localhost"), ("DB_NAME", "none"), ("DB_USER", "nobody")]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        let printed = stderr(&output);
        assert!(printed.contains(words) && printed.trim_end().lines().count() == 1, "{arguments:?}: {printed}");
    }
}

/// What stands in a file and in its name is shown, and never obeyed by a terminal.
#[test]
fn a_hostile_file_is_shown_and_not_obeyed() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let path = dir.path().join("a\u{1b}[31m\n::error::b.csv");
    let date = "\"\u{1b}]0;x\u{7}\n::error::c\"";
    let text = csv_text(&[&[("id", "1"), ("requested_date", date)]]);
    for text in
        [text.clone(), text.replace("comments_compliance", "comments_compliance,\u{1b}[2J"), "\u{1b}[2J,x\n".to_owned()]
    {
        std::fs::write(&path, text).expect("the file is written");
        let file = path.display().to_string();
        let output = run(
            &["migrate", "--source-csv", &file],
            &[("DB_HOST", "localhost"), ("DB_NAME", "none"), ("DB_USER", "nobody")],
        );
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(!printed.trim_end().contains(char::is_control), "{printed:?}");
    }
}

/// What an export may have lost is said, and what only looks like it isn't.
#[test]
fn what_may_be_lost_is_said() {
    use AlarmKind::{CutOff, LostCharacters, MixedLineEnds, NoLastLineEnd, NotCounted, OtherEncoding, Padded};
    let rows = |column, values: &[&str]| {
        let rows: Vec<[(&str, &str); 2]> =
            values.iter().zip(["1", "2", "3", "4"]).map(|(value, id)| [("id", id), (column, value)]).collect();
        csv_text(&rows.iter().map(|it| &it[..]).collect::<Vec<_>>())
    };
    let (long, longer) = ("x".repeat(4000), "x".repeat(4001));
    let plain = rows("name", &["Zoë"]);
    for (text, flags, expected) in [
        (plain.clone(), &[("rows", "1")][..], &[][..]),
        (plain.clone(), &[], &[NotCounted]),
        (plain.clone(), &[("rows", "1"), ("encoding", "windows-1252")], &[OtherEncoding]),
        (plain.trim_end().to_owned(), &[("rows", "1")], &[NoLastLineEnd]),
        (plain.replacen('\n', "\r\n", 1), &[("rows", "1")], &[MixedLineEnds]),
        (rows("name", &["Zo\u{fffd}"]), &[("rows", "1")], &[LostCharacters]),
        (rows("name", &["Zo\u{bf} Example"]), &[("rows", "1")], &[LostCharacters]),
        (rows("name", &["\u{bf}Quién?"]), &[("rows", "1")], &[]),
        (rows("relation", &["a  ", "b  ", "c  "]), &[("rows", "3")], &[Padded]),
        (rows("relation", &["a  ", "b", "c", "d"]), &[("rows", "4")], &[]),
        (rows("justification", &[&long, &long, &long]), &[("rows", "3")], &[CutOff]),
        (rows("justification", &[&long, &long, &long, &longer]), &[("rows", "4")], &[]),
    ] {
        let proved = prove_bytes("f.csv", text.as_bytes(), &declared(flags)).expect("it is read");
        let kinds: Vec<AlarmKind> = proved.facts.alarms.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, expected, "{}", &text[text.len().min(600)..].chars().take(80).collect::<String>());
    }
}

/// What compressed files can be beside whole: read where that is right, one sentence in our own words where it isn't.
#[test]
fn compressed_files_are_read_to_their_end_or_refused() {
    let text = std::fs::read(fixture("dbeaver.csv")).expect("it is there");
    let rows = declared(&[("rows", "5")]);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("it is compressed");
        encoder.finish().expect("it is compressed")
    };
    let zstandard = |bytes| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let (gz, zst) = (gzip(&text), zstandard(&text[..]));
    let halves = [zstandard(&text[..700]), zstandard(&text[700..])];
    let skipped = b"\x5a\x2a\x4d\x18\x04\0\0\0abcd";
    for bytes in [
        halves.concat(),
        [skipped, &zst[..], skipped].concat(),
        [&halves[0][..], skipped, skipped, &halves[1]].concat(),
    ] {
        assert_eq!(CsvSummary::from(&prove_bytes("f.zst", &bytes, &rows).expect("it is read")).rows, 5);
    }
    // Tapes and some tools write zeros up to the end of a block.
    for zeros in [1, 512, 3 << 20] {
        let padded = [&gz[..], &vec![0; zeros]].concat();
        let proved = prove_bytes("f.gz", &padded, &rows).expect("it is read");
        assert_eq!((proved.facts.rows, proved.bytes), (5, padded.len() as u64));
        let plain = prove_bytes("f.csv", &text, &rows).expect("it is read");
        assert_eq!(proved.content_sha256, plain.sha256);
        assert_ne!(proved.sha256, plain.sha256);
    }
    let flipped = |bytes: &[u8], from_end: usize| {
        let mut bytes = bytes.to_vec();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    for (name, bytes, words) in [
        ("f.gz", [&gz[..], b"rest of something else"].concat(), "invalid gzip header"),
        ("f.gz", [&gz[..], b"\0\0rest"].concat(), "something else follows the gzip data, and zeros after it"),
        ("f.gz", [&gz[..], b"\0\0", &gz[..]].concat(), "something else follows the gzip data, and zeros after it"),
        ("f.gz", gz[..gz.len() - 3].to_vec(), "unexpected end of file"),
        ("f.gz", gz[..3].to_vec(), "unexpected end of file"),
        ("f.gz", flipped(&gz, 6), "checksum"),
        ("f.gz", gzip(b""), "the file is empty"),
        ("f.gz", gzip(b"id,\0"), "line 1, character 4 (field 2): there is a NUL byte"),
        ("f.zst", [&zst[..], b"rest"].concat(), "the Zstandard data is damaged, or something else follows it"),
        ("f.zst", flipped(&zst, 1), "the Zstandard data doesn't have its checksum"),
        ("f.zst", text.clone(), "isn't compressed so"),
        ("f.zst", zst[..zst.len() - 3].to_vec(), "unexpected end of file"),
        ("f.zst", [&zst[..], b"re"].concat(), "failed to fill whole buffer"),
        ("f.zst", [&zst[..], &skipped[..9]].concat(), "unexpected end of file"),
        ("f.zst", [&zst[..], &skipped[..6]].concat(), "failed to fill whole buffer"),
    ] {
        let error = prove_bytes(name, &bytes, &rows).expect_err("it is refused");
        assert!(error.contains(words) && !error.contains("Error"), "{words:?} isn't in {error}");
    }
    // It would be gigabytes: a megabyte of it says so.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(csv_text(&[]).as_bytes()).expect("it is compressed");
    bomb.write_all(b"1,\"").expect("it is compressed");
    for _ in 0..40 {
        bomb.write_all(&[b'x'; 1 << 20]).expect("it is compressed");
    }
    let error = prove_bytes("f.gz", &bomb.finish().expect("it is compressed"), &rows).expect_err("it is refused");
    assert!(error.contains("line 2, character 3 (field 2, employee): the record has more than 16 MiB"), "{error}");
}
