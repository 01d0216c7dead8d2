//! Reads the cells of a legacy row, and collects every reason why one can't be read.

use std::fmt;

use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow};
use crate::migration::lookups::Lookups;
use crate::migration::rejection::{Reason, Rule};
use crate::migration::text::Text;
use crate::migration::value::{AMOUNT_DIGITS, Amount, Timestamp, ValueError};

/// A legacy row that is being transformed, and the reasons so far why it can't be. The methods that decide are in the
/// files beside this one.
pub(super) struct RowReader<'a, 'l> {
    pub(super) row: &'a LegacyRow,
    pub(super) lookups: &'l Lookups,
    pub(super) reasons: Vec<Reason>,
}

/// A code of the legacy row, as it is compared (D3): ASCII blanks stripped, and ASCII letters in either case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code<'a>(&'a str);

impl<'a> Code<'a> {
    /// The code of a text; the empty one is null.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let code = text.trim_matches([' ', '\t']);
        (!code.is_empty()).then_some(Self(code))
    }

    /// Whether it is this word, which is in lower case.
    fn is(self, word: &str) -> bool {
        self.0.eq_ignore_ascii_case(word)
    }

    /// The one of some words that it is.
    pub(super) fn one_of(self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.is(word))
    }
}

impl<'a> RowReader<'a, '_> {
    pub(super) fn reject(&mut self, column: Col, rule: Rule, message: impl fmt::Display) {
        let value = self.row.get(column).map(Text::record);
        self.reasons.push(Reason { field: column.name().to_owned(), rule, value, message: message.to_string() });
    }

    pub(super) fn shown(&self, column: Col) -> String {
        self.row.get(column).map_or_else(|| "null".to_owned(), |it| format!("'{}'", it.excerpt()))
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
        let text = self.row.get(column)?;
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
        match self.row.get(column)?.plain() {
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
    pub(super) fn text(&mut self, column: Col, limit: usize) -> Option<Text<'a>> {
        let text = self.row.get(column)?;
        if text.exceeds(limit) {
            let message = format!(
                "{column} has more than {limit} characters, which the target column can't hold; shorten it in the source"
            );
            self.reject(column, Rule::TooLong, message);
        }
        Some(text)
    }

    /// D3: a code. A text too large to be in memory is a code that no set has.
    pub(super) fn code(&self, column: Col) -> Option<Code<'a>> {
        self.row.get(column).and_then(|text| text.plain().map_or(Some(Code("…")), Code::of))
    }
}
