//! The first line: which column stands where.

use std::sync::Arc;

use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::record::Record;
use crate::migration::legacy::LegacyColumn;

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct CsvColumn {
    /// The legacy column's name; of a column that the data model doesn't name, in lower case if the file's names are all
    /// in upper case, as Oracle's are.
    pub name: Arc<str>,
    pub known: Option<LegacyColumn>,
}

/// What is wrong with the first line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum HeaderFault {
    #[error(
        "the first line has none of the legacy table's column names ({0}); export with the names in the first line"
    )]
    None(String),
    #[error("the first line lacks the columns {0}; export them too")]
    Missing(String),
    #[error("the column {0} stands in the first line twice; export it once")]
    Twice(String),
    #[error("field {0} of the first line is empty; every column needs a name")]
    Nameless(usize),
    #[error(
        "the column {0:?} has blanks around its name: the file has columns of a fixed width; export without padding, in \
         SQL*Plus by `set markup csv on quote on`"
    )]
    Padded(String),
    #[error("the first line is not text in {0}; name the file's encoding with --csv-encoding, such as windows-1252")]
    Encoding(String),
}

fn names(record: &Record, encoding: Encoding) -> Option<Vec<String>> {
    record.fields().map(|(bytes, _)| encoding.decode(bytes).ok().map(|it| it.into_owned())).collect()
}

/// How many of the known columns a line names.
pub fn known_names(record: &Record, encoding: Encoding) -> usize {
    let names = names(record, encoding).unwrap_or_default();
    LegacyColumn::ALL.iter().filter(|known| names.iter().any(|it| it.trim().eq_ignore_ascii_case(known.name()))).count()
}

/// The columns, if all that the mapping needs are there. Known names are compared without regard to case.
pub fn columns(record: &Record, encoding: Encoding) -> Result<Vec<CsvColumn>, HeaderFault> {
    let names = names(record, encoding).ok_or_else(|| HeaderFault::Encoding(encoding.name()))?;
    if known_names(record, encoding) == 0 {
        let line: String = names.join(" ").chars().take(80).collect();
        return Err(HeaderFault::None(line));
    }
    if let Some(at) = names.iter().position(|it| it.trim().is_empty()) {
        return Err(HeaderFault::Nameless(at + 1));
    }
    if let Some(padded) = names.iter().find(|it| it.trim() != it.as_str()) {
        return Err(HeaderFault::Padded(padded.clone()));
    }
    let is_upper = names.iter().all(|it| !it.chars().any(char::is_lowercase));
    let column = |name: &String| {
        let known = LegacyColumn::ALL.iter().copied().find(|it| it.name().eq_ignore_ascii_case(name));
        let own = || if is_upper { name.to_lowercase() } else { name.clone() };
        CsvColumn { name: known.map_or_else(own, |it| it.name().to_owned()).into(), known }
    };
    let columns: Vec<CsvColumn> = names.iter().map(column).collect();
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|it| it.name == column.name) {
            return Err(HeaderFault::Twice(column.name.to_string()));
        }
    }
    let is_missing = |it: &&LegacyColumn| !columns.iter().any(|column| column.known == Some(**it));
    let missing: Vec<&str> = LegacyColumn::ALL.iter().filter(is_missing).map(|it| it.name()).collect();
    if missing.is_empty() { Ok(columns) } else { Err(HeaderFault::Missing(missing.join(", "))) }
}
