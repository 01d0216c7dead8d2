//! Differences by target, field and what probably caused them, so that many of one kind don't hide a few of another.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::Serialize;

use crate::migration::difference::Difference;

/// Examples that a group keeps.
pub(crate) const EXAMPLES: usize = 3;

/// Groups that are distinguished by their values; what comes after them is grouped by target and field only.
const MOST: usize = 200;

/// The longest word of an enumeration.
const WORD: usize = 24;

/// How what is stored differs from what must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing is stored where something must be.
    Absent,
    /// Something is stored where nothing must be.
    Unexpected,
    /// Upper and lower case only.
    Case,
    /// Blanks only.
    Blanks,
    /// The beginning only.
    CutShort,
    /// A time, by a constant.
    Shifted,
    /// One word of few for another: a status, a decision, a boolean.
    Word,
    /// Too many rows, too few, or lineage that doesn't fit them.
    Rows,
    /// None of these.
    Other,
}

/// The differences of one field that have the same cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DifferenceGroup {
    /// The role of the target row, or the legacy table.
    pub target: String,
    /// The column.
    pub field: String,
    /// How the values differ.
    pub cause: Cause,
    /// The same in words.
    pub pattern: String,
    /// How many differences.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<DifferenceExample>,
}

/// A difference of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct DifferenceExample {
    /// The legacy row.
    pub source_id: i64,
    /// What must be there.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
}

/// All groups, as differences come.
#[derive(Clone, Debug, Default)]
pub struct DifferenceGroups(BTreeMap<(String, String, Cause, String), DifferenceGroup>);

impl DifferenceGroups {
    pub(crate) fn add(&mut self, difference: &Difference) {
        let Difference { source_id, target, field, expected, actual } = difference;
        let (mut cause, mut pattern) = cause(field, expected.as_deref(), actual.as_deref());
        let key = |cause, pattern: &str| (target.clone(), field.clone(), cause, pattern.to_owned());
        if self.0.len() >= MOST && !self.0.contains_key(&key(cause, &pattern)) {
            (cause, pattern) = (Cause::Other, ANOTHER.to_owned());
        }
        let group = self.0.entry(key(cause, &pattern)).or_insert_with(|| DifferenceGroup {
            target: target.clone(),
            field: field.clone(),
            cause,
            pattern,
            count: 0,
            examples: Vec::new(),
        });
        group.count += 1;
        if group.examples.len() < EXAMPLES {
            let (expected, actual) = (expected.clone(), actual.clone());
            group.examples.push(DifferenceExample { source_id: *source_id, expected, actual });
        }
    }

    /// The groups, the largest first.
    pub fn largest_first(&self) -> Vec<DifferenceGroup> {
        let mut groups: Vec<DifferenceGroup> = self.0.values().cloned().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

const ANOTHER: &str = "another value than expected";

fn cause(field: &str, expected: Option<&str>, actual: Option<&str>) -> (Cause, String) {
    let of = |cause, pattern: &str| (cause, pattern.to_owned());
    let (expected, actual) = match (expected, actual) {
        (Some(expected), Some(actual)) => (expected, actual),
        (Some(expected), None) if is_about_rows(field, expected) => {
            return (Cause::Rows, format!("expected {}", numberless(expected)));
        }
        (Some(_), None) => return of(Cause::Absent, "null, and a value is expected"),
        (None, _) => return of(Cause::Unexpected, "a value, and null is expected"),
    };
    if is_about_rows(field, expected) {
        return (Cause::Rows, format!("{}, expected {}", numberless(actual), numberless(expected)));
    }
    let blankless = |text: &str| text.split_whitespace().collect::<String>();
    if expected.to_lowercase() == actual.to_lowercase() {
        return of(Cause::Case, "the same in another case");
    }
    if blankless(expected) == blankless(actual) {
        return of(Cause::Blanks, "the same with other blanks");
    }
    if let (Ok(expected), Ok(actual)) = (expected.parse::<DateTime>(), actual.parse::<DateTime>()) {
        return (Cause::Shifted, shifted(expected, actual));
    }
    if is_word(expected) && is_word(actual) {
        return (Cause::Word, format!("'{actual}', expected '{expected}'"));
    }
    match !actual.is_empty() && expected.starts_with(actual) && actual.parse::<f64>().is_err() {
        true => of(Cause::CutShort, "only the beginning of what is expected"),
        false => of(Cause::Other, ANOTHER),
    }
}

/// Words that no value of a column is: what is counted or claimed.
fn is_about_rows(field: &str, expected: &str) -> bool {
    ["id", "lineage"].contains(&field) && expected.contains(' ')
}

/// A sentence without the numbers that make each of its kind another.
fn numberless(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('N') => {}
            true => out.push('N'),
            false => out.push(c),
        }
    }
    out
}

fn is_word(text: &str) -> bool {
    (1..=WORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// By how much a time is off, where that is a whole number of quarters of an hour: a time zone, a day.
fn shifted(expected: DateTime, actual: DateTime) -> String {
    const QUARTER: i64 = 900;
    let nanoseconds = actual.duration_since(expected).as_nanos();
    let is_even = nanoseconds % 1_000_000_000 == 0;
    let seconds = i64::try_from(nanoseconds / 1_000_000_000).unwrap_or_default();
    let side = if nanoseconds < 0 { "earlier" } else { "later" };
    let length = seconds.unsigned_abs();
    match (length / 86_400, length % 86_400) {
        (0, 0) => ANOTHER.to_owned(),
        _ if !is_even || seconds % QUARTER != 0 => format!("{side} than expected"),
        (days @ 1.., 0) => format!("{days} d {side} than expected"),
        (_, _) if length % 3_600 == 0 => format!("{} h {side} than expected", length / 3_600),
        _ => format!("{} min {side} than expected", length / 60),
    }
}
