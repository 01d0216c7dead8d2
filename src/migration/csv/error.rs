//! Why a CSV file can't be read. No row of it was used then, unless it changed while it was read.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::base::text::plural;
use crate::migration::csv::header::HeaderFault;
use crate::migration::csv::race::Undecided;
use crate::migration::csv::record::Fault;

/// Why a file can't be read, with its name.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {fault}")]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct CsvError {
    pub file: String,
    pub fault: Box<CsvFault>,
}

impl CsvError {
    /// A fault of the file.
    pub(crate) fn new(file: String, fault: CsvFault) -> Self {
        Self { file, fault: Box::new(fault) }
    }

    /// Whether the file is no longer the one that was read first.
    #[cfg(feature = "serve")]
    pub(crate) fn is_changed(&self) -> bool {
        matches!(*self.fault, CsvFault::Changed)
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum CsvFault {
    #[error("the file can't be read: {0}")]
    Unopened(String),
    #[error(
        "{0}; the file is read twice, which only a regular file allows: write the export into a file, and name that"
    )]
    NotRegular(&'static str),
    #[error("this is {0}; unpack it, and name the CSV file in it; .gz and .zst are read as they are")]
    Archive(&'static str),
    #[error("the file begins with a byte order mark of UTF-8, and --csv-encoding says {0}; leave the flag out")]
    OtherMark(String),
    #[error("this is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW, and name the new file")]
    Utf16,
    #[error("the file's name ends in {0}, but its content isn't compressed so; correct the name, or export again")]
    Misnamed(&'static str),
    #[error("the file is empty; export again")]
    Empty,
    #[error("reading failed: {0}; copy or export the file again")]
    Read(#[source] io::Error),
    #[error(
        "the file has changed since it was read for the first time, in this run; what was committed for rows before the \
         change stays committed; see to it that nothing writes the file, and run this again"
    )]
    Changed,
    #[error(
        "the run {run}, whose rows are in padealing, read this file otherwise; give the flags of that run: {}",
        .flags.join(" ")
    )]
    ReadOtherwise { run: String, flags: Vec<String> },
    #[error("{}{}: {}", at(.0.place.line, Some(.0.place.column)), field(.0.field, .1.as_deref()), .0.kind)]
    Record(Fault, Option<Arc<str>>),
    #[error("{0}")]
    Header(#[from] HeaderFault),
    #[error(
        "line {line}: this is SQL*Plus's footer, {text:?}, not a record; export with `set feedback off`, or remove the line \
         and the blank line before it"
    )]
    Footer { line: u64, text: String },
    #[error(
        "line {line}: the record has {}, and the first line has {expected}; {}",
        plural(*found as u64, "field", "fields"),
        if found < expected { "a line break within a value without quotation marks, or a file that was cut off, does this" }
        else { "a delimiter within a value without quotation marks does this" }
    )]
    Ragged { line: u64, found: usize, expected: usize },
    #[error(
        "line {line}: this is the first line again, with the names of the columns; remove it there, and see whether several \
         exports were put together"
    )]
    FirstLineAgain { line: u64 },
    #[error(
        "line {line}: {column} is not text in {encoding} (the record begins at byte {byte}); {}",
        encodings.advice()
    )]
    NotText { line: u64, column: Arc<str>, byte: u64, encoding: String, encodings: Encodings },
    #[error("{0}")]
    Undecided(String),
    #[error(
        "{column} has values without anything both with quotation marks (line {quoted}) and without (line {bare}), so two \
         readings are possible; say --csv-null empty if both are NULL, as from Oracle, or --csv-null unquoted if \"\" is an \
         empty text"
    )]
    Nulls { column: Arc<str>, quoted: u64, bare: u64 },
    #[error(
        "{column} is {word} without quotation marks on line {line}, which may stand for NULL; say --csv-null '{word}' if it \
         does, or --csv-null empty if it is a text and only values without anything are NULL; several --csv-null may be given"
    )]
    NullWord { column: Arc<str>, word: String, line: u64 },
    #[error(
        "--csv-null says {declared}, which occurs nowhere in the file, while {column} has a value without anything on line \
         {line}, so two readings are possible; say --csv-null empty if such values are NULL, as from Oracle, or \
         --csv-null unquoted if \"\" is an empty text"
    )]
    NullUnused { declared: String, column: Arc<str>, line: u64 },
    #[error("{}", control(.0))]
    Control(Vec<String>),
    #[error("interrupted. Nothing was changed.")]
    Interrupted,
}

/// What the values of a file look like up to one that is not text in its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the advice says what each is")]
pub enum Encodings {
    Utf8,
    Several,
    Unknown,
}

impl Encodings {
    fn advice(self) -> &'static str {
        match self {
            Self::Utf8 => "up to there the file is valid UTF-8: leave --csv-encoding out",
            Self::Several => {
                "some values with letters that aren't ASCII are valid UTF-8 and some aren't, so the file was put together from \
                 several, or its end was cut off: export again in one encoding"
            }
            Self::Unknown => {
                "name the encoding in which the file was written with --csv-encoding, such as windows-1252 or iso-8859-1"
            }
        }
    }
}

impl CsvFault {
    /// No format of dates or numbers, or several; `reason` says what is wrong with a value, if it can be said.
    pub(crate) fn undecided(
        what: &str,
        flag: &str,
        example: &str,
        why: Undecided,
        reason: impl Fn(&str) -> Option<String>,
    ) -> Self {
        Self::Undecided(undecided(what, flag, example, &why, reason))
    }

    /// With another sentence after it.
    pub(crate) fn noted(self, note: Option<String>) -> Self {
        match (self, note) {
            (Self::Undecided(text), Some(note)) => Self::Undecided(format!("{text}; {note}")),
            (fault, _) => fault,
        }
    }
}

fn at(line: u64, column: Option<u64>) -> String {
    column.map_or_else(|| format!("line {line}"), |column| format!("line {line}, character {column}"))
}

fn field(number: usize, name: Option<&str>) -> String {
    name.map_or_else(|| format!(" (field {number})"), |name| format!(" (field {number}, {name})"))
}

/// The sentence for differences between a file and what the command line says it should hold.
fn control(differences: &[String]) -> impl fmt::Display + use<> {
    format!(
        "{}; the export is not whole, or not of that table, so no row of it was used; export again, or correct the expectation",
        differences.join("; ")
    )
}

fn undecided(
    what: &str,
    flag: &str,
    example: &str,
    why: &Undecided,
    reason: impl Fn(&str) -> Option<String>,
) -> String {
    match why {
        Undecided::None { best, seen, other } => {
            let best = match best {
                Some((best, count)) => {
                    format!("{best} reads {}, but not that on", plural(*count, "value", "values"))
                }
                None => "none reads the first value, on".to_owned(),
            };
            let other = match other {
                Some(other) => format!(", which is written like {other}"),
                None => reason(&seen.text).map_or_else(String::new, |it| format!(" ({it})")),
            };
            format!(
                "no format reads all {what}: {best} line {}, where {} is '{}'{other}; correct the value or export again, or \
                 name the format with {flag}, such as {flag} {example}: rows with values of another are then rejected",
                seen.line, seen.column, seen.text
            )
        }
        Undecided::Several { examples, formats } => {
            let shown = examples.iter().map(|(seen, readings)| {
                let readings =
                    readings.iter().map(|it| format!("{} by {}", it.text.trim_end_matches(" 00:00:00"), it.format));
                format!(
                    "'{}' ({} on line {}) is {}",
                    seen.text,
                    seen.column,
                    seen.line,
                    readings.collect::<Vec<_>>().join(", or ")
                )
            });
            let first = formats.first().map_or(example, String::as_str);
            format!(
                "{} formats read all {what} and don't agree: {}; nothing in the file decides: name the format with {flag}, \
                 such as {flag} '{first}'",
                formats.len(),
                shown.collect::<Vec<_>>().join("; "),
            )
        }
    }
}
