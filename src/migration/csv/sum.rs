//! The exact sum of a column, with as many decimals as its values have.

use std::fmt;

use crate::migration::csv::number::NumberFormat;
use crate::migration::csv::race::Seen;
use crate::migration::legacy::LegacyColumn;

/// Decimals that a sum has at most; Oracle prints no more of a number that isn't far below one.
const DECIMALS: usize = 37;

/// Decimals that are printed at least: those that the target holds.
const PRINTED: usize = 4;

const ONE: i128 = 10i128.pow(DECIMALS as u32);

/// A number with up to 37 decimals, exact: the whole number below it, and what it is above that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    whole: i128,
    /// Times 10^37, from 0.
    part: i128,
}

impl Exact {
    /// Reads what [`NumberFormat::read`] gives. None for what is no finite number, or has more digits than fit.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let whole: i128 = whole.parse().ok()?;
        let part = part.trim_end_matches('0');
        let missing = DECIMALS.checked_sub(part.len())?;
        let part = if part.is_empty() { 0 } else { part.parse::<i128>().ok()? * 10i128.pow(missing as u32) };
        Some(match (is_negative, part) {
            (false, _) => Self { whole, part },
            (true, 0) => Self { whole: -whole, part },
            (true, _) => Self { whole: -whole - 1, part: ONE - part },
        })
    }

    /// Both together, unless that is too large.
    fn plus(self, other: Self) -> Option<Self> {
        let part = self.part + other.part;
        let (carried, part) = if part < ONE { (0, part) } else { (1, part - ONE) };
        Some(Self { whole: self.whole.checked_add(other.whole)?.checked_add(carried)?, part })
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, whole, part) = match (self.whole < 0, self.part) {
            (false, part) => ("", self.whole, part),
            (true, 0) => ("-", -self.whole, 0),
            (true, part) => ("-", -(self.whole + 1), ONE - part),
        };
        let digits = format!("{part:0DECIMALS$}");
        let kept = digits.trim_end_matches('0').len().max(PRINTED);
        write!(f, "{sign}{whole}.{}", &digits[..kept])
    }
}

/// The sum of a column, if its numbers are of a format.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    pub(crate) column: LegacyColumn,
    pub(crate) format: NumberFormat,
    sum: Exact,
    /// The first value that can't be summed.
    unsummed: Option<Seen>,
}

impl Sum {
    pub(crate) fn new(column: LegacyColumn, format: NumberFormat) -> Self {
        Self { column, format, sum: Exact::default(), unsummed: None }
    }

    /// Adds how the format reads a value, if it reads it.
    pub(crate) fn add(&mut self, reading: Option<&str>, seen: impl FnOnce() -> Seen) {
        if self.unsummed.is_some() {
            return;
        }
        // Of a value that the target can't hold the row is rejected; the table's sum has it nevertheless.
        match reading.and_then(Exact::parse).and_then(|it| self.sum.plus(it)) {
            Some(sum) => self.sum = sum,
            None => self.unsummed = Some(seen()),
        }
    }

    /// The sum, or the first value that can't be summed.
    pub(crate) fn end(&self) -> Result<Exact, Seen> {
        self.unsummed.clone().map_or(Ok(self.sum), Err)
    }
}
