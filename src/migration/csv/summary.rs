//! A CSV file, for a report and for the record of a run.

use std::collections::BTreeMap;

use crate::migration::csv::alarm::Alarm;
use crate::migration::csv::facts::Compression;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::csv::race::Seen;
use crate::migration::csv::sum::Exact;

/// Which file was read, and how.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct CsvSummary {
    /// The file's name, as it was given.
    pub file: String,
    /// The SHA-256 of the file as it lies there, in lower-case hexadecimal.
    pub sha256: String,
    /// The SHA-256 of what it holds, unpacked: by it two files are the same.
    pub content_sha256: String,
    /// The file's length.
    pub bytes: u64,
    /// `none`, `gzip` or `zstandard`.
    pub compression: &'static str,
    /// Rows, without the first line.
    pub rows: u64,
    /// What stands between values: a character, or `tab`.
    pub delimiter: String,
    /// The encoding.
    pub encoding: String,
    /// What stands for NULL: `empty`, `unquoted`, or words.
    pub nulls: Vec<String>,
    /// How numbers are written, by an example.
    pub numbers: String,
    /// How the dates of each column are written.
    pub dates: BTreeMap<String, String>,
    /// The sums of the columns of numbers; null where a value is no number or too large.
    pub totals: BTreeMap<String, Option<String>>,
    /// Of each column that has no sum, the first value that can't be summed.
    pub unsummed: BTreeMap<String, UnsummedValue>,
    /// What looks as if the export had lost something.
    pub alarms: Vec<Alarm>,
}

/// A value that can't be summed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct UnsummedValue {
    /// The line on which its row begins.
    pub line: u64,
    /// The value, cut short if it is long.
    pub value: String,
}

impl From<&ProvedCsv> for CsvSummary {
    fn from(csv: &ProvedCsv) -> Self {
        let (layout, facts) = (&csv.layout, &csv.facts);
        let dates = layout.dates.iter().map(|(column, format)| (column.name().to_owned(), format.to_string()));
        Self {
            file: csv.name(),
            sha256: csv.sha256.clone(),
            content_sha256: csv.content_sha256.clone(),
            bytes: csv.bytes,
            compression: match csv.compression {
                Compression::None => "none",
                Compression::Gzip => "gzip",
                Compression::Zstandard => "zstandard",
            },
            rows: facts.rows,
            delimiter: layout.delimiter.name(),
            encoding: layout.encoding.name(),
            nulls: layout.nulls.iter().map(|it| it.name().into_owned()).collect(),
            numbers: layout.numbers.name().to_owned(),
            dates: dates.collect(),
            totals: facts.totals.iter().map(|(column, sum)| (column.name().to_owned(), shown(sum))).collect(),
            unsummed: facts
                .totals
                .iter()
                .filter_map(|(column, sum)| Some((column.name().to_owned(), unsummed(sum)?)))
                .collect(),
            alarms: facts.alarms.clone(),
        }
    }
}

fn shown(sum: &Result<Exact, Seen>) -> Option<String> {
    sum.as_ref().ok().map(ToString::to_string)
}

fn unsummed(sum: &Result<Exact, Seen>) -> Option<UnsummedValue> {
    sum.as_ref().err().map(|seen| UnsummedValue { line: seen.line, value: seen.text.clone() })
}
