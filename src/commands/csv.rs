//! The flags about a CSV file, and its first reading.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ArgMatches;

use crate::base::hint::shell_word;
use crate::commands::ended::Failure;
use crate::commands::progress::phase;
use crate::config::settings::TableName;
use crate::migration::csv::declared::{DatesOf, Declared, Delimiter, Total};
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::file::prove;
use crate::migration::csv::null::Null;
use crate::migration::csv::number::NumberFormat;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::pg::legacy::LegacySource;
use crate::postgres::database::Database;

/// Flags about the CSV file of the legacy table, for the commands that read its rows.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CsvFlags {
    /// A CSV export of the legacy table, also .gz or .zst, instead of a database; for the commands that read its rows
    #[arg(long, global = true, value_name = "FILE", help_heading = "CSV source")]
    pub(crate) source_csv: Option<PathBuf>,
    /// What stands between values: a character, or tab [default: proved by the first line]
    #[arg(long, global = true, value_name = "CHAR", help_heading = "CSV source", hide_short_help = true)]
    csv_delimiter: Option<Delimiter>,
    /// The encoding, if it isn't UTF-8, such as windows-1252
    #[arg(long, global = true, value_name = "NAME", help_heading = "CSV source", hide_short_help = true)]
    csv_encoding: Option<Encoding>,
    /// What stands for NULL: empty, unquoted (then "" is an empty text), or a word such as '\N', with its quotation marks if it
    /// has such in the file; repeatable [default: empty]
    #[arg(long, global = true, value_name = "WHAT", help_heading = "CSV source", hide_short_help = true)]
    csv_null: Vec<Null>,
    /// How dates are written: iso, or Oracle's elements, also for a column, as COLUMN=FORMAT [default: proved]
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "CSV source", hide_short_help = true)]
    csv_dates: Vec<DatesOf>,
    /// How numbers are written [default: proved]
    #[arg(long, global = true, value_name = "EXAMPLE", help_heading = "CSV source", hide_short_help = true)]
    csv_numbers: Option<NumberFormat>,
    /// The file's SHA-256, as an earlier command has shown it; another file is refused
    #[arg(long, global = true, value_name = "HASH", help_heading = "CSV source", hide_short_help = true, value_parser = parse_sha256)]
    csv_sha256: Option<String>,
    /// How many rows the table had; another number of rows in the file is refused
    #[arg(long, global = true, value_name = "N", help_heading = "CSV source", hide_short_help = true)]
    csv_rows: Option<u64>,
    /// A column's sum in the table, as COLUMN=SUM; another sum in the file is refused; repeatable
    #[arg(long, global = true, value_name = "COLUMN=SUM", help_heading = "CSV source", hide_short_help = true)]
    csv_total: Vec<Total>,
}

fn parse_sha256(text: &str) -> Result<String, String> {
    let text = text.to_lowercase();
    let is_hash = text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    if is_hash { Ok(text) } else { Err("write the 64 hexadecimal digits that migrate prints as SHA-256".to_owned()) }
}

/// The flags about a CSV file as they were given, as a shell takes them.
pub(crate) fn csv_words(matches: &ArgMatches) -> String {
    let Some((_, given)) = matches.subcommand() else { return String::new() };
    let flags = [
        "source_csv",
        "csv_delimiter",
        "csv_encoding",
        "csv_null",
        "csv_dates",
        "csv_numbers",
        "csv_sha256",
        "csv_rows",
        "csv_total",
    ];
    let each = flags.iter().flat_map(|id| {
        let values = given.try_get_raw(id).ok().flatten().into_iter().flatten();
        values.map(move |value| format!("--{} {}", id.replace('_', "-"), shell_word(&value.to_string_lossy())))
    });
    each.collect::<Vec<_>>().join(" ")
}

impl CsvFlags {
    /// Why the flags can't be used together.
    pub(crate) fn conflict(&self, source_url: bool, source_timezone: bool) -> Option<&'static str> {
        let is_described = self.csv_delimiter.is_some()
            || self.csv_encoding.is_some()
            || self.csv_numbers.is_some()
            || self.csv_rows.is_some()
            || self.csv_sha256.is_some()
            || !self.csv_null.is_empty()
            || !self.csv_dates.is_empty()
            || !self.csv_total.is_empty();
        match self.source_csv {
            Some(_) if source_url => Some(
                "--source-csv and --source-url can't be used together: the legacy rows come from a file, or from a database",
            ),
            Some(_) if source_timezone => Some(
                "--source-csv and --source-timezone can't be used together: the dates of a file are what a clock showed, and are \
                 migrated as they are",
            ),
            Some(_) if [Null::Empty, Null::Unquoted].iter().all(|it| self.csv_null.contains(it)) => Some(
                "--csv-null empty and --csv-null unquoted can't be used together: either \"\" is NULL, or an empty text",
            ),
            Some(_) if has_two(&self.csv_dates, |it| it.column, |it| &it.format) => Some(
                "--csv-dates is given twice for the same column, or for all, with another format; give one for all, and one for \
                 each column that differs",
            ),
            Some(_) if has_two(&self.csv_total, |it| it.column, |it| &it.sum) => {
                Some("--csv-total is given twice for the same column, with another sum; give one")
            }
            None if is_described => Some("the flags --csv-… describe the file of --source-csv; name the file with it"),
            _ => None,
        }
    }

    /// Reads the file for the first time, if one is named.
    pub(crate) async fn prove(&self) -> Result<Option<Arc<ProvedCsv>>, Failure> {
        let Some(path) = self.source_csv.clone() else { return Ok(None) };
        phase(&format!("reading {} for the first time", path.display()));
        let declared = Declared {
            delimiter: self.csv_delimiter,
            encoding: self.csv_encoding,
            nulls: self.csv_null.clone(),
            dates: self.csv_dates.clone(),
            numbers: self.csv_numbers,
            sha256: self.csv_sha256.clone(),
            rows: self.csv_rows,
            totals: self.csv_total.clone(),
        };
        // Who is interrupted drops this future, and with it the reading.
        let cancelled = CancelOnDrop(Arc::default());
        let flag = Arc::clone(&cancelled.0);
        let proved = tokio::task::spawn_blocking(move || prove(&path, &declared, &flag)).await??;
        Ok(Some(Arc::new(proved)))
    }
}

/// Whether two values say something else of the same.
fn has_two<V, Of: PartialEq, Said: PartialEq>(values: &[V], of: impl Fn(&V) -> Of, said: impl Fn(&V) -> &Said) -> bool {
    let differ = |one: &V, other: &V| of(one) == of(other) && said(one) != said(other);
    values.iter().enumerate().any(|(at, one)| values[..at].iter().any(|other| differ(one, other)))
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The legacy rows of a command.
pub(crate) enum LegacyRows {
    /// In a database.
    Database(Box<Database>),
    /// In a file.
    Csv(Arc<ProvedCsv>),
}

impl LegacyRows {
    /// The source of a run.
    pub(crate) fn source<'a>(&'a self, table: &'a TableName) -> LegacySource<'a> {
        match self {
            Self::Database(database) => LegacySource::Table { database, table },
            Self::Csv(csv) => LegacySource::Csv(csv),
        }
    }

    /// Where they are.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Database(database) => database.place(),
            Self::Csv(csv) => csv.name(),
        }
    }
}
