//! How the records of a file become legacy rows: by what is declared or proved, never by the value.

use std::borrow::Cow;

use crate::migration::csv::date::DateFormat;
use crate::migration::csv::declared::Delimiter;
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::header::CsvColumn;
use crate::migration::csv::null::Null;
use crate::migration::csv::number::{NumberFormat, read_identifier};
use crate::migration::csv::record::Record;
use crate::migration::legacy::{Kind, LegacyColumn, LegacyRow, Misread, Origin, Place, Places};
use crate::migration::text::Text;
use crate::migration::value::{ValueError, parse_identifier};

/// How a file is read.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Layout {
    pub columns: Vec<CsvColumn>,
    pub(crate) places: Places,
    pub delimiter: Delimiter,
    pub encoding: Encoding,
    pub nulls: Vec<Null>,
    pub numbers: NumberFormat,
    /// The format of each column of dates.
    pub dates: Vec<(LegacyColumn, DateFormat)>,
}

/// A value that isn't what its column should hold.
pub(crate) fn is_overflow(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|it| it == b'#')
}

impl Layout {
    /// Whether a value is NULL.
    pub fn is_null(&self, text: &str, quoted: bool) -> bool {
        self.nulls.iter().any(|it| it.is(text, quoted))
    }

    fn date_format(&self, column: LegacyColumn) -> Option<&DateFormat> {
        self.dates.iter().find(|(of, _)| *of == column).map(|(_, format)| format)
    }

    /// The row of a record that was proved. Its id, if that identifies a row: a `bigint`.
    pub fn row(&self, record: &Record) -> (Option<i64>, LegacyRow) {
        let mut row = LegacyRow::null(self.places.names());
        row.origin = Some(Origin { line: record.start.line, byte: record.start.byte });
        for (at, place) in self.places.iter().enumerate() {
            let (bytes, quoted) = record.field(at).unwrap_or_default();
            // Every value was decoded when the file was proved, and each block is the one that was proved.
            let text = self.encoding.decode(bytes).unwrap_or_default();
            let text = if self.is_null(&text, quoted) { None } else { Some(text) };
            let Place::Known(known) = place else {
                row.set_at(place, text.as_deref().map(Text::from));
                continue;
            };
            let Some(text) = text else { continue };
            match self.known(known, &text) {
                Ok(text) => row.set(known, Some(Text::from(&*text))),
                Err(why) => {
                    row.odd_mut().misread.insert(known, Misread { text: text.into_owned(), why });
                }
            }
        }
        let id = row.plain(LegacyColumn::Id).and_then(|it| parse_identifier(it).ok());
        (id, row)
    }

    /// The text of a known column as the legacy table's type prints it, or why it isn't of the column's kind.
    fn known<'a>(&self, column: LegacyColumn, text: &'a str) -> Result<Cow<'a, str>, String> {
        let overflow = || "which a program writes for a value that is too wide to show; export it again".to_owned();
        match column.kind() {
            Kind::Number | Kind::Timestamp | Kind::Identifier if is_overflow(text) => Err(overflow()),
            Kind::Number => {
                let format = self.numbers;
                let why = || format!("which is not a number written like {} (--csv-numbers)", format.name());
                format.read(text).map(Cow::from).ok_or_else(why)
            }
            Kind::Timestamp => {
                let format = self.date_format(column);
                let shown = format.map_or_else(|| "iso".to_owned(), ToString::to_string);
                let why = || format!("which is not a date of the format {shown} (--csv-dates)");
                format.and_then(|it| it.read(text)).map(Cow::from).ok_or_else(why)
            }
            Kind::Identifier => match read_identifier(text) {
                Ok(id) => Ok(Cow::from(id)),
                Err(ValueError::OutOfRange) => Ok(Cow::from(text)),
                Err(_) => Err("which is not a whole number in digits".to_owned()),
            },
            Kind::YesNo | Kind::Code | Kind::Text => Ok(Cow::from(text)),
        }
    }
}
