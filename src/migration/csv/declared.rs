//! What the command line declares about a CSV file.

use std::str::FromStr;

use crate::migration::csv::date::{DateFormat, NoFormat};
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::null::Null;
use crate::migration::csv::number::NumberFormat;
use crate::migration::csv::sum::Exact;
use crate::migration::legacy::{Kind, LegacyColumn};

/// What is declared; what isn't has to be proved.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// `--csv-delimiter`.
    pub delimiter: Option<Delimiter>,
    /// `--csv-encoding`.
    pub encoding: Option<Encoding>,
    /// `--csv-null`, all spellings.
    pub nulls: Vec<Null>,
    /// `--csv-dates`.
    pub dates: Vec<DatesOf>,
    /// `--csv-numbers`.
    pub numbers: Option<NumberFormat>,
    /// `--csv-sha256`: the file's, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// `--csv-rows`: how many rows the table had.
    pub rows: Option<u64>,
    /// `--csv-total`: what sums the table had.
    pub totals: Vec<Total>,
}

/// What stands between values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(pub u8);

impl Delimiter {
    /// What is tried when none is declared.
    pub const CANDIDATES: [Self; 4] = [Self(b','), Self(b';'), Self(b'\t'), Self(b'|')];

    /// Its name on the command line.
    pub fn name(self) -> String {
        if self.0 == b'\t' { "tab".to_owned() } else { char::from(self.0).to_string() }
    }
}

/// Why a text is no delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write tab, or one ASCII character other than those that values are full of: letters, digits, blanks, quotation marks, \
     line ends, and . - _"
)]
pub struct NoDelimiter;

impl FromStr for Delimiter {
    type Err = NoDelimiter;

    fn from_str(text: &str) -> Result<Self, NoDelimiter> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Self(b'\t')),
            [byte] if byte.is_ascii_punctuation() && !b"\"._-".contains(byte) || *byte == b'\t' => Ok(Self(*byte)),
            _ => Err(NoDelimiter),
        }
    }
}

/// The format of the dates of one column, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct DatesOf {
    pub column: Option<LegacyColumn>,
    pub format: DateFormat,
}

/// Why `--csv-dates` can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum NoDates {
    #[error(transparent)]
    Format(#[from] NoFormat),
    #[error("{0} is no date column; those are {1}")]
    Column(String, String),
}

fn column_of(kind: Kind, name: &str) -> Result<LegacyColumn, (String, String)> {
    let all = || LegacyColumn::ALL.iter().copied().filter(move |it| it.kind() == kind);
    let names = || all().map(LegacyColumn::name).collect::<Vec<_>>().join(", ");
    all().find(|it| it.name().eq_ignore_ascii_case(name)).ok_or_else(|| (name.to_owned(), names()))
}

impl FromStr for DatesOf {
    type Err = NoDates;

    fn from_str(text: &str) -> Result<Self, NoDates> {
        let Some((name, format)) = text.split_once('=') else {
            return Ok(Self { column: None, format: text.parse()? });
        };
        let column = column_of(Kind::Timestamp, name).map_err(|(name, all)| NoDates::Column(name, all))?;
        Ok(Self { column: Some(column), format: format.parse()? })
    }
}

/// A sum of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Total {
    pub column: LegacyColumn,
    pub sum: Exact,
}

/// Why `--csv-total` can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum NoTotal {
    #[error("write a column and its sum, such as trade_size=1234.5, with a point before the decimals and all digits")]
    Form,
    #[error(
        "{0} has an exponent, so digits may be lost; in SQL*Plus, `set numwidth 40` before the query shows all of them"
    )]
    Exponent(String),
    #[error("{0} is no column of numbers; those are {1}")]
    Column(String, String),
}

impl FromStr for Total {
    type Err = NoTotal;

    fn from_str(text: &str) -> Result<Self, NoTotal> {
        let (name, sum) = text.split_once('=').ok_or(NoTotal::Form)?;
        let column = column_of(Kind::Number, name).map_err(|(name, all)| NoTotal::Column(name, all))?;
        match NumberFormat::Point.read(sum).and_then(|it| Exact::parse(&it)) {
            Some(sum) => Ok(Self { column, sum }),
            None if sum.starts_with(|it: char| it.is_ascii_digit()) && sum.contains(['e', 'E']) => {
                Err(NoTotal::Exponent(sum.to_owned()))
            }
            None => Err(NoTotal::Form),
        }
    }
}
