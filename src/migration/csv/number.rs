//! How a CSV file writes numbers, and what Postgres prints for them.

use strum::IntoEnumIterator as _;

use crate::migration::csv::null::undeclared_null;
use crate::migration::value::{ValueError, parse_identifier};

/// How numbers are written; each is named by an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, strum::EnumIter)]
pub enum NumberFormat {
    /// A point before the decimals, and nothing between the thousands.
    #[value(name = "1234.5")]
    Point,
    /// A comma before the decimals.
    #[value(name = "1234,5")]
    Comma,
    /// A comma between the thousands, a point before the decimals.
    #[value(name = "1,234.5")]
    CommaPoint,
    /// A point between the thousands, a comma before the decimals.
    #[value(name = "1.234,5")]
    PointComma,
    /// A blank between the thousands, which may be a no-break space, and a comma before the decimals.
    #[value(name = "1 234,5")]
    BlankComma,
    /// An apostrophe between the thousands, a point before the decimals.
    #[value(name = "1'234.5")]
    ApostrophePoint,
}

impl NumberFormat {
    /// All of them, in the order in which one is taken where several read every value alike.
    pub fn all() -> Vec<Self> {
        Self::iter().collect()
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Point => "1234.5",
            Self::Comma => "1234,5",
            Self::CommaPoint => "1,234.5",
            Self::PointComma => "1.234,5",
            Self::BlankComma => "1 234,5",
            Self::ApostrophePoint => "1'234.5",
        }
    }

    fn marks(self) -> (&'static [char], char) {
        match self {
            Self::Point => (&[], '.'),
            Self::Comma => (&[], ','),
            Self::CommaPoint => (&[','], '.'),
            Self::PointComma => (&['.'], ','),
            Self::BlankComma => (&[' ', '\u{a0}', '\u{202f}'], ','),
            Self::ApostrophePoint => (&['\'', '\u{2019}'], '.'),
        }
    }

    /// The number as Postgres prints a `numeric`, with the decimals that are written. None for a text that isn't a number
    /// of this format; an exponent is of none, since a program that writes 1.23E+05 has lost digits. Oracle's `to_char`
    /// writes blanks before a number, and with the element `S` or `MI` the sign after it.
    pub fn read(self, text: &str) -> Option<String> {
        if ["NaN", "Infinity", "-Infinity"].contains(&text) {
            return Some(text.to_owned());
        }
        let (groups, point) = self.marks();
        let text = text.trim_start_matches(' ');
        let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (&text[..1], rest),
            None => text.strip_suffix(['-', '+']).map_or(("", text), |rest| (&text[rest.len()..], rest)),
        };
        let sign = if sign == "-" { "-" } else { "" };
        let (whole, part) = unsigned.split_once(point).map_or((unsigned, None), |(whole, part)| (whole, Some(part)));
        let whole = ungrouped(whole, groups)?;
        let is_digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        if !is_digits(&whole)
            || part.is_some_and(|it| it.is_empty() || !is_digits(it))
            || whole.is_empty() && part.is_none()
        {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let part = part.map(|it| format!(".{it}")).unwrap_or_default();
        let is_zero = whole == "0" && part.bytes().all(|it| matches!(it, b'.' | b'0'));
        Some(format!("{}{whole}{part}", if is_zero { "" } else { sign }))
    }
}

/// The digits of a whole number without what is between its thousands: groups of three, the first of one to three.
fn ungrouped(whole: &str, groups: &[char]) -> Option<String> {
    let mut parts = whole.split(groups);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    if groups.is_empty() {
        return Some(whole.to_owned());
    }
    let is_grouped = !rest.is_empty();
    if is_grouped && (first.is_empty() || first.len() > 3 || rest.iter().any(|it| it.len() != 3))
        || !is_grouped && first.len() > 3
    {
        return None;
    }
    Some(first.to_owned() + &rest.concat())
}

/// A whole number as Postgres prints a `bigint`. No exponent is read: a program that writes 1.23E+05 has lost digits.
pub fn read_identifier(text: &str) -> Result<String, ValueError> {
    let text = text.trim_start_matches(' ');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit() || it == b'.') {
        return Err(ValueError::Unreadable);
    }
    parse_identifier(text).map(|id| id.to_string())
}

/// What is wrong with a value that no format of numbers reads, if it can be said.
pub(crate) fn why_no_number(text: &str) -> Option<&'static str> {
    let is_exponent = text.contains(['e', 'E']) && text.chars().all(|it| it.is_ascii_digit() || "eE+-., ".contains(it));
    match text {
        _ if undeclared_null(text).is_some() => undeclared_null(text),
        _ if is_exponent => Some("a program that writes an exponent has lost digits: in SQL*Plus, `set numwidth 40`"),
        _ if text.starts_with(['(', '<']) => Some("negative numbers are written with a minus"),
        _ if text.ends_with(' ') => Some("it ends in a blank: export without padding"),
        _ => None,
    }
}
