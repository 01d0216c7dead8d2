//! The reader of CSV files: the `csv` crate is the oracle of what is accepted.

use std::sync::atomic::AtomicBool;

use pad_migrate::migration::csv::declared::Declared;
use pad_migrate::migration::csv::file::prove;
use pad_migrate::migration::csv::record::{Fault, RECORD_BYTES, Record, RecordReader};
use pad_migrate::migration::csv::summary::CsvSummary;

use super::config::folder;

type Fields = Vec<Vec<u8>>;

/// All records, read in chunks of a length.
fn read(bytes: &[u8], delimiter: u8, chunk: usize) -> Result<Vec<Fields>, Fault> {
    let (mut reader, mut record, mut records) = (RecordReader::new(delimiter, 0), Record::default(), Vec::new());
    let fields = |record: &Record| record.fields().map(|(bytes, _)| bytes.to_vec()).collect();
    for mut chunk in bytes.chunks(chunk) {
        while !chunk.is_empty() {
            let (used, is_complete) = reader.read(chunk, &mut record)?;
            assert!(used > 0, "a reader that uses nothing would never end");
            assert!(record.octets() <= RECORD_BYTES);
            chunk = &chunk[used..];
            if is_complete {
                records.push(fields(&record));
            }
        }
    }
    if reader.end(&mut record)? {
        records.push(fields(&record));
    }
    Ok(records)
}

/// Bytes to records: where chunks end makes no difference, and what is accepted is what the oracle reads. The first two
/// bytes choose the delimiter and the length of chunks.
pub(super) fn records(data: &[u8]) {
    let [choice, length, bytes @ ..] = data else { return };
    let delimiter = b",;\t|"[usize::from(*choice) % 4];
    let found = read(bytes, delimiter, 1 + usize::from(*length));
    assert_eq!(found, read(bytes, delimiter, usize::MAX), "where a chunk ends makes a difference");
    // The oracle leaves a byte order mark out, which is the file's here and not the reader's.
    let Some(found) = found.ok().filter(|_| !bytes.starts_with(b"\xef\xbb\xbf")) else { return };
    let mut oracle =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let oracle = oracle.byte_records().map(|it| it.expect("the oracle reads anything"));
    let oracle: Vec<Fields> = oracle.map(|record| record.iter().map(<[u8]>::to_vec).collect()).collect();
    assert_eq!(found, oracle);
}

/// A whole file: what is proved of it is proved again, what is said of it is of one line, and what has rows has as many
/// as the records after the first.
pub(super) fn file(data: &[u8]) {
    let path = folder().path().join("legacy.csv");
    std::fs::write(&path, data).expect("the file is written");
    let proved = || prove(&path, &Declared::default(), &AtomicBool::new(false));
    match (proved(), proved()) {
        (Ok(one), Ok(other)) => {
            assert_eq!(CsvSummary::from(&one), CsvSummary::from(&other));
            let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
            if one.content_bytes == data.len() as u64 && one.content_sha256 == one.sha256 {
                let records = read(text, one.layout.delimiter.0, 7).expect("it was read");
                assert_eq!(one.facts.rows, records.len() as u64 - 1);
            }
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (one, other) => panic!("one reading says {one:?}, the other {other:?}"),
    }
}
