//! What `clean` removes of test data, and what of it stays. Pure.

use std::collections::BTreeSet;

use crate::base::outcome::Verdict;
use crate::migration::rollback::Dangling;

/// The tables that rows are deleted from, those first that refer to others.
pub(crate) const CLEANED: [&str; 8] = [
    "audit_log",
    "compliance_decision_outcome",
    "pad_breach",
    "pad_execution",
    "pad_approval",
    "pad_request",
    "chatbot_session",
    "employee_role",
];

/// A table, and its rows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct TableRows {
    /// The table of padealing.
    pub table: &'static str,
    /// Its rows before, whosesoever they are.
    pub before: u64,
    /// Of those, deleted.
    pub deleted: u64,
    /// Its rows afterwards.
    pub after: u64,
}

/// Why rows that have to do with an employee stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, strum::Display)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LeftReason {
    /// The employee's requests that came from the legacy table: they are no test data.
    Migrated,
    /// The employee's requests that a breach of another employee refers to, or an audit entry of another request names.
    InUse,
    /// The employee's breaches that are about requests that stay.
    AboutOthers,
    /// Rows of others, or of nobody, that name the employee.
    NamesEmployee,
}

/// Rows that stay.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct LeftRows {
    /// The table of padealing.
    pub table: &'static str,
    /// Why they stay.
    pub reason: LeftReason,
    /// The same in words.
    pub message: &'static str,
    /// How many there are.
    pub rows: u64,
    /// The ids of the first ten.
    pub ids: Vec<i64>,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default)]
pub struct CleanReport {
    /// Whose rows.
    pub employees: BTreeSet<i64>,
    /// Each table that rows are deleted from.
    pub tables: Vec<TableRows>,
    /// What stays.
    pub left: Vec<LeftRows>,
    /// What was written while it was at work and names rows that it has deleted.
    pub dangling: Dangling,
    /// What people are to know.
    pub notes: Vec<String>,
    /// The server's version.
    pub server_version: String,
}

impl CleanReport {
    /// Rows deleted, of all tables.
    pub fn deleted(&self) -> u64 {
        self.tables.iter().map(|it| it.deleted).sum()
    }

    /// Clean unless rows of the employees stay, or the application has written about one that is gone.
    pub fn verdict(&self) -> Verdict {
        let is_clean = self.left.iter().all(|it| it.reason == LeftReason::NamesEmployee);
        Verdict::clean_if(is_clean && self.dangling.is_empty())
    }
}
