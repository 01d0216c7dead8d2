//! Reads the cells of a legacy row, and collects every reason why one can't be read.

use std::fmt;

use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow, Text};
use crate::migration::lookups::Lookups;
use crate::migration::rejection::{Reason, Rule};
use crate::migration::value::{AMOUNT_DIGITS, Amount, Timestamp, ValueError};

/// A legacy row that is being transformed, and the reasons so far why it can't be. The methods that decide are in the
/// files beside this one.
pub(super) struct RowReader<'a> {
    pub(super) row: &'a LegacyRow,
    pub(super) lookups: &'a Lookups,
    pub(super) reasons: Vec<Reason>,
}

/// ASCII blanks stripped, ASCII letters lowered (D3). Empty is null.
pub fn normalize_code(text: &str) -> Option<String> {
    let code = text.trim_matches([' ', '\t']).to_ascii_lowercase();
    (!code.is_empty()).then_some(code)
}

impl RowReader<'_> {
    /// Whether a column is neither null nor empty.
    pub(super) fn has_text(&self, column: Col) -> bool {
        has_text(self.row, column)
    }

    pub(super) fn reject(&mut self, column: Col, rule: Rule, message: impl fmt::Display) {
        let value = self.row[column].as_ref().map(Text::record);
        self.reasons.push(Reason { field: column.name().to_owned(), rule, value, message: message.to_string() });
    }

    pub(super) fn shown(&self, column: Col) -> String {
        self.row[column].as_ref().map_or_else(|| "null".to_owned(), |it| format!("'{}'", it.excerpt()))
    }

    pub(super) fn reject_value(&mut self, column: Col, error: ValueError) {
        let shown = self.shown(column);
        let (kind, limit) = match column.kind() {
            Kind::Timestamp => ("a timestamp", "microseconds between 4714 BC and AD 294276"),
            Kind::Identifier => ("an identifier", "a whole number of 64 bits"),
            _ => ("a number", "20 digits, 4 of them after the point"),
        };
        match error {
            ValueError::Unreadable => {
                let message = format!("{column} is {shown}, which is not {kind}; correct it in the source");
                self.reject(column, Rule::Unreadable, message);
            }
            ValueError::OutOfRange => {
                let message =
                    format!("{column} is {shown}; the target can only hold {limit}; correct it in the source");
                self.reject(column, Rule::OutOfRange, message);
            }
            ValueError::NotFinite => {
                let message = format!("{column} is {shown}; it must be a finite number; correct it in the source");
                self.reject(column, Rule::OutOfRange, message);
            }
        }
    }

    /// The value of a column as `parse` reads it; a text that it can't read is a reason.
    pub(super) fn parsed<T>(&mut self, column: Col, parse: impl Fn(&str) -> Result<T, ValueError>) -> Option<T> {
        let text = self.row[column].as_ref()?;
        let parsed = text.plain().map_or(Err(ValueError::Unreadable), parse);
        parsed.map_err(|error| self.reject_value(column, error)).ok()
    }

    /// D5b.
    pub(super) fn timestamp(&mut self, column: Col) -> Option<Timestamp> {
        let row = self.row;
        self.parsed(column, |text| Timestamp::parse(row.clock(column).unwrap_or(text)))
    }

    /// D5.
    pub(super) fn amount(&mut self, column: Col) -> Option<Amount> {
        self.parsed(column, |text| Amount::parse(text, AMOUNT_DIGITS))
    }

    /// D1: `1`, `2`, or nothing.
    pub(super) fn boolean(&mut self, column: Col) -> Option<bool> {
        match self.row[column].as_ref()?.plain() {
            Some("1") => Some(true),
            Some("2") => Some(false),
            Some("") => None,
            _ => {
                let message = format!("{column} is {}; it must be '1', '2' or empty", self.shown(column));
                self.reject(column, Rule::InvalidBoolean, message);
                None
            }
        }
    }

    /// D4: a text of so many characters at most.
    pub(super) fn text(&mut self, column: Col, limit: usize) -> Option<Text> {
        let text = self.row[column].clone()?;
        if text.exceeds(limit) {
            let message = format!(
                "{column} has more than {limit} characters, which the target column can't hold; shorten it in the source"
            );
            self.reject(column, Rule::TooLong, message);
        }
        Some(text)
    }

    /// D3: a code, normalised. A text too large to be in memory is a code that no set has.
    pub(super) fn code(&self, column: Col) -> Option<String> {
        self.row[column].as_ref().and_then(|text| text.plain().map_or(Some("…".to_owned()), normalize_code))
    }
}

/// Whether a column is neither null nor empty.
pub(super) fn has_text(row: &LegacyRow, column: Col) -> bool {
    row[column].as_ref().is_some_and(|text| text.octets() > 0)
}
