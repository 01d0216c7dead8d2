//! Findings that somebody has agreed to live with for a while: a committed file, each with a reason and a date. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::APPLICATION_SCHEMA;
use crate::schema::drift::finding::{Change, Finding, Severity, sort};

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i64,
    month: u8,
    day: u8,
}

impl Date {
    /// The day that is so many days after 1970-01-01 (the proleptic Gregorian calendar, in which years begin in March,
    /// so that a leap day is a year's last).
    pub fn of_days(days: u32) -> Self {
        let days = i64::from(days) + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * march + 2) / 5 + 1, if march < 10 { march + 3 } else { march - 9 });
        Self { year: year + era * 400 + i64::from(month <= 2), month: month as u8, day: day as u8 }
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Why a file of exceptions can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ExceptionsError {
    /// It isn't TOML of this shape.
    #[error(
        "line {line}: {message}; each [[exception]] needs name, kind, object, reason and expires, such as 2026-12-31"
    )]
    Malformed {
        /// Where.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Two have the same name, or except the same.
    #[error("the exception {0:?} is there twice; give each another name")]
    Twice(String),
    /// Nobody would know why.
    #[error("the exception {0:?} has no reason; say why it is needed, and who says so")]
    NoReason(String),
    /// No finding can be of that kind.
    #[error("the exception {0:?} has the kind {1:?}, which no finding has; take it from the JSON of drift")]
    NoKind(String, String),
    /// The date is none.
    #[error("the exception {0:?} must expire on a day, such as 2026-12-31, without quotes")]
    NoDate(String),
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<toml::Spanned<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    kind: String,
    #[serde(default = "application_schema")]
    schema: String,
    object: String,
    reason: String,
    expires: toml::value::Datetime,
}

fn application_schema() -> String {
    APPLICATION_SCHEMA.to_owned()
}

/// One finding that is excepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What people call it.
    pub name: String,
    kind: String,
    schema: String,
    object: String,
    /// Why, and who says so.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Date,
}

/// The exceptions of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// The exceptions that a file's text has.
    pub fn read(text: &str) -> Result<Self, ExceptionsError> {
        let line = |offset: usize| text[..offset.min(text.len())].lines().count().max(1);
        let file: File = toml::from_str(text).map_err(|error| ExceptionsError::Malformed {
            line: error.span().map_or(1, |it| line(it.start + 1)),
            message: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        let kinds = crate::schema::drift::finding::kinds();
        let mut names = BTreeSet::new();
        let mut all = Vec::new();
        for Entry { name, kind, schema, object, reason, expires } in
            file.exception.into_iter().map(toml::Spanned::into_inner)
        {
            if !names.insert(name.clone()) {
                return Err(ExceptionsError::Twice(name));
            }
            if reason.trim().is_empty() {
                return Err(ExceptionsError::NoReason(name));
            }
            if !kinds.contains(&kind) {
                return Err(ExceptionsError::NoKind(name, kind));
            }
            let (Some(date), None) = (expires.date, expires.time) else { return Err(ExceptionsError::NoDate(name)) };
            let expires = Date { year: date.year.into(), month: date.month, day: date.day };
            all.push(Exception { name, kind, schema, object, reason, expires });
        }
        Ok(Self(all))
    }

    /// Takes the excepted findings out, and hands them back with their exceptions. An exception that has expired
    /// excepts nothing, and is a finding; so is one that has nothing to except.
    pub fn apply(&self, findings: &mut Vec<Finding>, today: Date) -> Vec<(Finding, Exception)> {
        let mut excepted = Vec::new();
        for exception in &self.0 {
            let fits = |it: &Finding| {
                it.kind() == exception.kind && it.object() == exception.object && it.id.schema == exception.schema
            };
            let id =
                Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: exception.name.clone() };
            let (change, expected, actual, remedy) = if exception.expires < today {
                let actual = format!("expired on {}: {}", exception.expires, exception.reason);
                let remedy = "mend what it excepts, or agree on another day and write it into the file";
                (Change::Expired, "an exception that holds".to_owned(), actual, remedy)
            } else if findings.iter().any(fits) {
                let (out, kept) = std::mem::take(findings).into_iter().partition(fits);
                *findings = kept;
                let out: Vec<Finding> = out;
                excepted.extend(out.into_iter().map(|it| (it, exception.clone())));
                continue;
            } else {
                let expected = format!("{} of {}", exception.kind, exception.object);
                (Change::Unused, expected, "no such finding".to_owned(), "take the exception out of the file")
            };
            findings.push(Finding {
                severity: Severity::Warning,
                change,
                id,
                role: None,
                expected: Some(expected),
                actual: Some(actual),
                remedy: remedy.to_owned(),
                effects: Vec::new(),
                facts: Vec::new(),
            });
        }
        sort(findings);
        excepted
    }
}
