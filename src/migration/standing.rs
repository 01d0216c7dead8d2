//! Where the data stands: the runs, and the rows that are migrated, rejected and left.

use serde::Serialize;

/// Runs that a status lists, the newest first.
pub(crate) const LISTED: usize = 5;

/// Something that is known, or a sentence that says why it can't be.
pub type Known<T> = Result<T, String>;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunEnd {
    /// It came to its end.
    Done,
    /// An error ended it; what it had committed stays.
    Failed,
    /// It was interrupted; what it had committed stays.
    Interrupted,
    /// It was killed, or lost its connection: nothing records its end.
    Lost,
    /// It is at work.
    Running,
}

impl RunEnd {
    /// By what `padealing.migration_run` says, and whether a session is at work for it.
    pub(crate) fn of(outcome: Option<&str>, is_at_work: bool) -> Self {
        match outcome {
            Some("clean" | "attention") => Self::Done,
            Some("interrupted") => Self::Interrupted,
            Some("lost") => Self::Lost,
            Some(_) => Self::Failed,
            None if is_at_work => Self::Running,
            None => Self::Lost,
        }
    }
}

/// A run of `migrate` or of `rollback`.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// `migrate` or `rollback`.
    pub command: String,
    /// When it began, in UTC.
    pub started_at: String,
    /// When its end was recorded, in UTC.
    pub finished_at: Option<String>,
    /// How it ended.
    pub end: RunEnd,
    /// By which role.
    pub role: String,
    /// With which version of this program.
    pub version: String,
    /// What was asked of it, as JSON.
    pub options: Option<String>,
    /// How long it took; none if its end wasn't recorded.
    pub seconds: Option<f64>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Rows read, migrated and rejected; a run that didn't come to its end records none.
    pub counts: Option<RunCounts>,
    /// What a rollback did with rows, likewise.
    pub rolled_back: Option<RolledBackCounts>,
}

/// What a run did with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RunCounts {
    /// Rows read.
    pub read: i64,
    /// Rows migrated.
    pub migrated: i64,
    /// Rows rejected.
    pub rejected: i64,
}

/// What a rollback did with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RolledBackCounts {
    /// Legacy rows rolled back.
    pub rolled_back: i64,
    /// Legacy rows kept.
    pub kept: i64,
}

/// The runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    /// The newest first, as many as were asked for.
    pub newest: Vec<Run>,
    /// How many there are.
    pub total: u64,
}

/// Where the data stands, as far as the connected role may know.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The runs.
    pub runs: Known<Runs>,
    /// Rows of the legacy table.
    pub source: Known<u64>,
    /// Legacy rows that have a request, by lineage.
    pub migrated: Known<u64>,
    /// Legacy rows whose last attempt was rejected.
    pub rejected: Known<u64>,
}

impl Standing {
    /// Legacy rows that were never tried, if all else is known: a count, not a comparison row by row.
    pub fn left(&self) -> Option<u64> {
        let [source, migrated, rejected] = [&self.source, &self.migrated, &self.rejected].map(|it| it.as_ref().ok());
        Some(source?.saturating_sub(migrated? + rejected?))
    }
}
