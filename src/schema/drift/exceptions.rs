//! Accepted findings: a committed file lists them, each with a reason and the date until which it is accepted. Pure.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;

use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::finding::{Change, Finding, Remedy, Severity, kinds, sort};
use crate::schema::names::APPLICATION_SCHEMA;

/// Why a file of exceptions can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ExceptionsError {
    /// It isn't TOML of this shape.
    #[error(
        "line {line}: {message}; each [[exception]] needs name, kind, object, reason and expires, such as 2026-12-31"
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
    /// A time of day, or a day that doesn't exist.
    #[error("the exception {0:?} must expire on a date, such as 2026-12-31, without quotes or a time of day")]
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
pub struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// Reads the text of a file.
    pub fn read(text: &str) -> Result<Self, ExceptionsError> {
        let line = |offset: usize| text[..offset.min(text.len())].lines().count().max(1);
        let file: File = toml::from_str(text).map_err(|error| ExceptionsError::Malformed {
            line: error.span().map_or(1, |it| line(it.start + 1)),
            message: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        let kinds = kinds();
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
                return Err(ExceptionsError::NoKind { name, kind });
            }
            let Some(expires) = date(&expires) else { return Err(ExceptionsError::NoDate(name)) };
            all.push(Exception { name, kind, schema, object, reason, expires });
        }
        Ok(Self(all))
    }

    /// Whether a rejection of a row is accepted.
    pub(crate) fn waives(&self, _rule: &str, _field: &str, _source_id: i64, _today: Date) -> bool {
        false
    }

    /// Takes the accepted findings out of the list, and returns them. An exception that has expired accepts nothing and
    /// is a finding itself; so is one that matches no finding.
    pub fn apply(&self, findings: &mut Vec<Finding>, today: Date) -> Vec<Excepted> {
        let mut excepted = Vec::new();
        for exception in &self.0 {
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

/// The date, if it is one that exists, without a time of day.
fn date(value: &toml::value::Datetime) -> Option<Date> {
    let (Some(date), None) = (value.date, value.time) else { return None };
    Date::new(date.year.try_into().ok()?, date.month.try_into().ok()?, date.day.try_into().ok()?).ok()
}
