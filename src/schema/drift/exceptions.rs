//! Accepted findings: a committed file lists them, each with a reason and the date until which it is accepted. Pure.
//!
//! The same file lists what integrity checks find and what is accepted of that: `drift` leaves these alone, and
//! `integrity` those of `drift`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;

use crate::base::text::list;
use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::finding::{Change, Finding, Remedy, Severity, kinds, sort};
use crate::schema::names::APPLICATION_SCHEMA;

/// Why a file of exceptions can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ExceptionsError {
    /// It isn't TOML of this shape.
    #[error(
        "line {line}: {message}; each [[exception]] needs name, reason, expires, such as 2026-12-31, and kind and object \
         of a finding, or check (and rows) of an integrity check"
    )]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What TOML says.
        message: String,
    },
    /// Two have the same name.
    #[error("two exceptions are named {0:?}; give each a name of its own")]
    Twice(String),
    /// An empty reason.
    #[error("the exception {0:?} has no reason; state why the difference is accepted, and who accepted it")]
    NoReason(String),
    /// No finding can be of that kind.
    #[error(
        "the exception {name:?} has the kind {kind:?}, which no finding can have; copy the kind from `drift --format json`"
    )]
    NoKind { name: String, kind: String },
    /// It is neither about a finding nor about a check, or it is about both.
    #[error(
        "the exception {0:?} needs either kind and object, as `drift --format json` has them, or check, as `integrity \
         --list` has it, with rows if it is about some of them only"
    )]
    Neither(String),
    /// There is no such check.
    #[error(
        "the exception {name:?} names the check {check:?}, which doesn't exist{}; copy the name from `integrity \
         --list`, or that of a check of the gate from docs/gate.md",
        similar(near)
    )]
    NoCheck { name: String, check: String, near: Vec<String> },
    /// Rows that are neither texts nor numbers.
    #[error("the exception {0:?} must list its rows by id: rows = [17, \"pad_request 18\"]")]
    NoRows(String),
    /// A time of day, or a day that doesn't exist.
    #[error("the exception {0:?} must expire on a date, such as 2026-12-31, without quotes or a time of day")]
    NoDate(String),
}

/// In a message: what was probably meant.
pub(crate) fn similar(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(" (similar: {})", list(near)) }
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
    kind: Option<String>,
    schema: Option<String>,
    object: Option<String>,
    check: Option<String>,
    rows: Option<Vec<toml::Value>>,
    reason: String,
    expires: toml::value::Datetime,
}

/// One accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its name in reports.
    pub name: String,
    kind: String,
    schema: String,
    object: String,
    /// Why it is accepted, and who accepted it.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Date,
}

/// What an integrity check finds, and what is accepted of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckException {
    /// Its name in reports.
    pub name: String,
    /// The check.
    pub check: String,
    /// The ids of the rows that it accepts; all if there are none.
    pub rows: Vec<String>,
    /// Why they are accepted, and who accepted them.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Date,
}

/// A finding that is accepted.
#[derive(Clone, Debug)]
pub struct Excepted {
    /// What differs.
    pub finding: Finding,
    /// Why it is accepted.
    pub exception: Exception,
}

/// All exceptions of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    findings: Vec<Exception>,
    /// Those of integrity checks.
    pub checks: Vec<CheckException>,
}

impl Exceptions {
    /// Reads the text of a file. `near` gives the names that are like the one of a check that doesn't exist, and nothing
    /// for one that does.
    pub fn read(text: &str, near: impl Fn(&str) -> Option<Vec<String>>) -> Result<Self, ExceptionsError> {
        // The character at the offset may have several bytes, and counts for its line.
        let line = |offset: usize| text[..text.ceil_char_boundary(offset)].lines().count().max(1);
        let file: File = toml::from_str(text).map_err(|error| ExceptionsError::Malformed {
            line: error.span().map_or(1, |it| line(it.start + 1)),
            message: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        let kinds = kinds();
        let mut names = BTreeSet::new();
        let mut all = Self::default();
        for entry in file.exception.into_iter().map(toml::Spanned::into_inner) {
            let Entry { name, reason, .. } = &entry;
            if !names.insert(name.clone()) {
                return Err(ExceptionsError::Twice(name.clone()));
            }
            if reason.trim().is_empty() {
                return Err(ExceptionsError::NoReason(name.clone()));
            }
            let Some(expires) = date(&entry.expires) else { return Err(ExceptionsError::NoDate(name.clone())) };
            let Entry { name, kind, schema, object, check, rows, reason, .. } = entry;
            match (kind, object, check) {
                (Some(kind), Some(object), None) if rows.is_none() => {
                    if !kinds.contains(&kind) {
                        return Err(ExceptionsError::NoKind { name, kind });
                    }
                    let schema = schema.unwrap_or_else(|| APPLICATION_SCHEMA.to_owned());
                    all.findings.push(Exception { name, kind, schema, object, reason, expires });
                }
                (None, None, Some(check)) if schema.is_none() => {
                    if let Some(near) = near(&check) {
                        return Err(ExceptionsError::NoCheck { name, check, near });
                    }
                    let Some(rows) = ids(rows) else { return Err(ExceptionsError::NoRows(name)) };
                    all.checks.push(CheckException { name, check, rows, reason, expires });
                }
                _ => return Err(ExceptionsError::Neither(name)),
            }
        }
        Ok(all)
    }

    /// Takes the accepted findings out of the list, and returns them. An exception that has expired accepts nothing and
    /// is a finding itself; so is one that matches no finding.
    pub fn apply(&self, findings: &mut Vec<Finding>, today: Date) -> Vec<Excepted> {
        let mut excepted = Vec::new();
        for exception in &self.findings {
            if exception.expires < today {
                findings.push(exception.expired());
                continue;
            }
            let (matching, others): (Vec<Finding>, Vec<Finding>) =
                std::mem::take(findings).into_iter().partition(|finding| exception.matches(finding));
            *findings = others;
            if matching.is_empty() {
                findings.push(exception.unused());
            }
            let accepted = matching.into_iter().map(|finding| Excepted { finding, exception: exception.clone() });
            excepted.extend(accepted);
        }
        sort(findings);
        excepted
    }
}

impl Exception {
    fn matches(&self, finding: &Finding) -> bool {
        finding.kind() == self.kind && finding.object() == self.object && finding.id.schema == self.schema
    }

    fn expired(&self) -> Finding {
        self.finding(
            Change::Expired,
            "an exception that has not expired".to_owned(),
            format!("expired on {}: {}", self.expires, self.reason),
            "fix the difference, or agree on a later date and change it in the exceptions file",
        )
    }

    fn unused(&self) -> Finding {
        self.finding(
            Change::Unused,
            format!("{} of {}", self.kind, self.object),
            "no such finding".to_owned(),
            "remove the exception from the exceptions file",
        )
    }

    /// A finding about the exception itself.
    fn finding(&self, change: Change, expected: String, actual: String, remedy: &str) -> Finding {
        Finding {
            severity: Severity::Warning,
            change,
            id: Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: self.name.clone() },
            role: None,
            expected: Some(expected),
            actual: Some(actual),
            remedy: Remedy::advice(remedy),
            order: None,
            effects: Vec::new(),
            facts: None,
        }
    }
}

/// The ids of rows as texts. A list that is there is not empty: it would accept nothing, and reads like everything.
fn ids(rows: Option<Vec<toml::Value>>) -> Option<Vec<String>> {
    let Some(rows) = rows else { return Some(Vec::new()) };
    let id = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let ids: Vec<String> = rows.iter().map(id).collect::<Option<_>>()?;
    (!ids.is_empty()).then_some(ids)
}

/// The date, if it is one that exists, without a time of day.
fn date(value: &toml::value::Datetime) -> Option<Date> {
    let (Some(date), None) = (value.date, value.time) else { return None };
    Date::new(date.year.try_into().ok()?, date.month.try_into().ok()?, date.day.try_into().ok()?).ok()
}
