//! A relation of `padealing` that is not managed.

use crate::base::text::{list, plural};

/// A relation of `padealing` that nobody expects there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stranger {
    /// The name.
    pub name: String,
    /// What SQL calls its kind.
    pub kind: &'static str,
    /// Its owner.
    pub owner: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Columns with their types.
    pub columns: String,
    /// What would go, or break, with it.
    pub dependents: Vec<String>,
    /// That it is a partition, or that others inherit from it, and the like: what is counted of it is not all.
    pub family: Option<String>,
    /// Scans of it since statistics began.
    pub reads: i64,
    /// Rows written since statistics began.
    pub writes: i64,
    /// When statistics began, or at least the server, and how many days ago.
    pub since: (String, f64),
    /// Whether the server keeps such statistics.
    pub counted: bool,
    /// When it was last read, where the server says (16 and later), and how many days ago.
    pub last_read: Option<(String, f64)>,
    /// The planner's estimate of its rows, where there is one.
    pub estimate: Option<i64>,
}

impl Stranger {
    /// What would go, or break, with it, and what else is to be told of its family.
    pub fn dependents(&self) -> String {
        let dependents = self.dependents.iter().chain(&self.family);
        if dependents.clone().next().is_none() { "none".to_owned() } else { list(dependents) }
    }

    /// How much it was used since statistics began.
    pub fn used(&self) -> String {
        let last = self.last_read.as_ref().map(|(when, _)| format!(", last read {when}")).unwrap_or_default();
        let (reads, writes) = (self.reads.unsigned_abs(), self.writes.unsigned_abs());
        let used = [plural(reads, "read", "reads"), plural(writes, "row written", "rows written")].join(", ");
        format!("{used} since {}{last}", self.since.0)
    }
}
