//! Bytes to records: the `csv` crate is the oracle where a file is well formed, and where it guesses there is a fault.

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use rstest::rstest;

use pad_migrate::migration::csv::record::{Fault, FaultKind, RECORD_BYTES, Record, RecordReader};

type Records = Vec<Vec<(Vec<u8>, bool)>>;

/// All records, read in chunks of these lengths, and the rest at once.
fn read(bytes: &[u8], delimiter: u8, chunks: &[usize]) -> Result<Records, Fault> {
    let (mut reader, mut record, mut records) = (RecordReader::new(delimiter, 0), Record::default(), Vec::new());
    let fields = |record: &Record| record.fields().map(|(bytes, quoted)| (bytes.to_vec(), quoted)).collect();
    let mut rest = bytes;
    for length in chunks.iter().copied().chain([usize::MAX]) {
        let (mut chunk, after) = rest.split_at(length.min(rest.len()));
        while !chunk.is_empty() {
            let (used, is_complete) = reader.read(chunk, &mut record)?;
            chunk = &chunk[used..];
            if is_complete {
                records.push(fields(&record));
            }
        }
        rest = after;
    }
    if reader.end(&mut record)? {
        records.push(fields(&record));
    }
    Ok(records)
}

/// What the oracle reads.
fn oracle(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let records = reader.byte_records().map(|it| it.expect("the oracle reads anything"));
    records.map(|record| record.iter().map(<[u8]>::to_vec).collect()).collect()
}

fn field() -> impl Strategy<Value = (String, bool)> {
    ("[a-c\",;\r\n é]{0,6}", any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A file that is written by the rules is read as the oracle reads it, and "was quoted" is what was written.
    #[test]
    fn well_formed_files_are_read_as_the_oracle_reads_them(
        rows in prop::collection::vec(prop::collection::vec(field(), 2..5), 1..6),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        crlf in any::<bool>(),
        ends in any::<bool>(),
    ) {
        let needs = |text: &str| text.contains(['"', '\r', '\n', char::from(delimiter)]);
        let rows: Vec<Vec<(String, bool)>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|(text, quoted)| (text.clone(), quoted || needs(&text))).collect())
            .collect();
        let cell = |(text, quoted): &(String, bool)| match quoted {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.clone(),
        };
        let separator = char::from(delimiter).to_string();
        let end = if crlf { "\r\n" } else { "\n" };
        let lines: Vec<String> =
            rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(&separator)).collect();
        let text = lines.join(end) + if ends { end } else { "" };
        let found = read(text.as_bytes(), delimiter, &[]).expect("it is well formed");
        let written: Records = rows
            .iter()
            .map(|row| row.iter().map(|(text, quoted)| (text.as_bytes().to_vec(), *quoted)).collect())
            .collect();
        prop_assert_eq!(&found, &written);
        let texts: Vec<Vec<Vec<u8>>> =
            found.into_iter().map(|row| row.into_iter().map(|(text, _)| text).collect()).collect();
        prop_assert_eq!(texts, oracle(text.as_bytes(), delimiter));
    }

    /// Any bytes are read or refused, and where the chunks end makes no difference.
    #[test]
    fn chunks_make_no_difference(
        bytes in prop::collection::vec(
            prop::sample::select(b"ab\"\",,;\r\n\0\xc3\xa9\xff ".to_vec()), 0..60),
        chunks in prop::collection::vec(0usize..7, 0..20),
    ) {
        prop_assert_eq!(read(&bytes, b',', &chunks), read(&bytes, b',', &[]));
    }
}

/// What the oracle takes in silence is a fault here, with its place: line, character, byte, field.
#[rstest]
#[case::a_quotation_mark_that_is_not_doubled("a,\"5\" pipe\",c\n", FaultKind::AfterQuote, (1, 6, 5, 2))]
#[case::a_quotation_mark_within_a_plain_value("x\na,5\" pipe,c\n", FaultKind::LooseQuote, (2, 4, 5, 2))]
#[case::an_escape_of_another_kind("a,\"5\\\" pipe\",c\n", FaultKind::AfterQuote, (1, 7, 6, 2))]
#[case::a_quote_that_swallows_the_file("a,b\né,\"c\nd,e\nf,g\n", FaultKind::Unterminated, (2, 3, 7, 2))]
#[case::a_carriage_return_for_a_line_end("a,b\rc,d\r", FaultKind::LoneCr, (1, 4, 3, 2))]
#[case::a_carriage_return_at_the_end("a,b\r", FaultKind::LoneCr, (1, 4, 3, 2))]
#[case::a_blank_line("a,b\n\nc,d\n", FaultKind::Blank, (2, 1, 4, 1))]
#[case::a_blank_line_with_a_carriage_return("a,b\r\n\r\nc,d\r\n", FaultKind::Blank, (2, 2, 6, 1))]
#[case::a_nul("a,\0\n", FaultKind::Nul, (1, 3, 2, 2))]
#[case::a_nul_within_quotation_marks("a,\"b\0\"\n", FaultKind::Nul, (1, 5, 4, 2))]
fn what_is_guessed_at_elsewhere_is_refused(
    #[case] text: &str,
    #[case] kind: FaultKind,
    #[case] (line, column, byte, field): (u64, u64, u64, usize),
) {
    let fault = read(text.as_bytes(), b',', &[]).expect_err("it is refused");
    let place = (fault.place.line, fault.place.column, fault.place.byte, fault.field);
    assert_eq!((fault.kind, place), (kind, (line, column, byte, field)));
    // The oracle says nothing.
    oracle(text.as_bytes(), b',');
}

#[test]
fn nothing_is_not_the_empty_text() {
    let records = read(b",\"\",x\n", b',', &[]).expect("it is well formed");
    let nothing = || Vec::new();
    assert_eq!(records, [vec![(nothing(), false), (nothing(), true), (b"x".to_vec(), false)]]);
}

/// A quotation mark that isn't closed ends at the length of a record, not at the end of memory.
#[test]
fn an_endless_record_is_refused() {
    let mut reader = RecordReader::new(b',', 0);
    let mut record = Record::default();
    let chunk = vec![b'x'; 1 << 20];
    let fault = std::iter::once(&b"a,b\n1,\""[..])
        .chain(std::iter::repeat_n(&chunk[..], 20))
        .find_map(|mut chunk| {
            while !chunk.is_empty() {
                match reader.read(chunk, &mut record) {
                    Ok((used, _)) => chunk = &chunk[used..],
                    Err(fault) => return Some(fault),
                }
            }
            None
        })
        .expect("it is refused");
    assert_eq!((fault.kind, fault.place.line, fault.place.column), (FaultKind::Endless, 2, 3));
}

/// A record may have as much as the limit says, and no byte more.
#[test]
fn the_longest_record_is_read() {
    for (length, is_read) in [(RECORD_BYTES, true), (RECORD_BYTES + 1, false)] {
        let text = [&vec![b'x'; length - 1][..], b",y\n"].concat();
        assert_eq!(read(&text, b',', &[]).is_ok(), is_read, "{length}");
    }
}
