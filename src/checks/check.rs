//! A named check and its result.

use std::time::Duration;

use serde_json::Value;

use crate::base::outcome::Verdict;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not possible, or not applicable; the message says why.
    Skip,
    /// As it should be.
    Pass,
    /// It works, but needs attention.
    Warn,
    /// A cutover would fail, or lose something.
    Fail,
}

impl Status {
    /// The word, in text as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check has to show beside its message: columns, and rows of as many cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' names, as JSON has them.
    pub columns: Vec<String>,
    /// The cells: texts, numbers, booleans and nulls.
    pub rows: Vec<Vec<Value>>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Check {
    /// Its name, which stays the same from version to version.
    pub name: &'static str,
    pub status: Status,
    /// What was found, and what to do if it isn't as it should be.
    pub message: String,
    /// How long it took, where that says something.
    pub elapsed: Option<Duration>,
    pub table: Table,
}

impl Check {
    /// A check without particulars.
    pub fn new(name: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { name, status, message: message.into(), elapsed: None, table: Table::default() }
    }

    /// The same check with particulars.
    pub(crate) fn with_table(self, columns: &'static [&'static str], rows: Vec<Vec<Value>>) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { table: Table { columns, rows }, ..self }
    }

    /// The same check with its time.
    pub fn took(self, elapsed: Duration) -> Self {
        Self { elapsed: Some(elapsed), ..self }
    }
}

/// Attention if a check fails or warns.
pub fn verdict<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Verdict {
    Verdict::clean_if(checks.into_iter().all(|it| it.status <= Status::Pass))
}
