//! Relations of `padealing` that pad-migrate doesn't manage.

use crate::base::text::{list, plural};

/// A relation of `padealing` that is not expected there.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct UnknownRelation {
    pub name: String,
    /// `table`, `view`, `materialized view` or `foreign table`.
    pub kind: &'static str,
    pub owner: String,
    pub comment: Option<String>,
    /// Columns with their types.
    pub columns: String,
    /// What depends on it.
    pub dependents: Vec<String>,
    /// How it is partitioned or inherits, in words; then its own statistics are not the whole.
    pub family: Option<String>,
    /// Scans of it since statistics began.
    pub reads: i64,
    /// Rows written since statistics began.
    pub writes: i64,
    /// When statistics began, or the server was started, and how many days ago.
    pub since: (String, f64),
    /// Whether the server keeps such statistics.
    pub counted: bool,
    /// When it was last read, where the server says (16 and later), and how many days ago.
    pub last_read: Option<(String, f64)>,
    /// The planner's estimate of its rows, where there is one.
    pub estimate: Option<i64>,
}

impl UnknownRelation {
    /// What depends on it, and how it is partitioned or inherits.
    pub fn dependents(&self) -> String {
        match self.dependents.is_empty() && self.family.is_none() {
            true => "none".to_owned(),
            false => list(self.dependents.iter().chain(&self.family)),
        }
    }

    /// How much it was used since statistics began.
    pub fn used(&self) -> String {
        let last = self.last_read.as_ref().map(|(day, _)| format!(", last read {day}")).unwrap_or_default();
        let (reads, writes) = (self.reads.unsigned_abs(), self.writes.unsigned_abs());
        let used = [plural(reads, "read", "reads"), plural(writes, "row written", "rows written")].join(", ");
        format!("{used} since {}{last}", self.since.0)
    }
}
