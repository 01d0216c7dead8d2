//! What runs have left on record in the target: the runs themselves, and the rows that they rejected.

use crate::migration::standing::{Known, Runs};

/// Runs that are listed, the newest first.
pub(crate) const RUNS: usize = 50;

/// Rejected rows that are listed, of all groups together.
pub(crate) const ROWS: u64 = 1000;

/// What is on record, as far as the connected role may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The newest runs.
    pub runs: Known<Runs>,
    /// The rejected rows.
    pub rejections: Known<RecordedRejections>,
}

/// Rejected rows on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedRejections {
    /// Rows that are rejected for one reason at least.
    pub open: u64,
    /// Of those, rows that an exception accepts.
    pub accepted: u64,
    /// Rows that were rejected once, and for no reason any more.
    pub closed: u64,
    /// By rule, field and whether they are rejected still: the largest first.
    pub groups: Vec<RecordedGroup>,
}

/// The rows that one rule has rejected for one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedGroup {
    /// The rule's name, as it is stored.
    pub rule: String,
    /// The legacy column.
    pub field: String,
    /// Whether the reason holds still.
    pub is_open: bool,
    /// How many rows.
    pub rows: u64,
    /// The first of them, by id.
    pub first: Vec<RecordedRow>,
}

/// A reason for which a row was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRow {
    /// The legacy row's id.
    pub source_id: i64,
    /// The beginning of the value; none if the column was null.
    pub value: Option<String>,
    /// The sentence.
    pub message: String,
    /// When the run began that rejected it first, in UTC.
    pub first: String,
    /// The same of the last one.
    pub last: String,
    /// The same of the one that found the reason gone.
    pub closed: Option<String>,
}
