//! Why a rollback stopped.

use crate::base::hint::{PLAN, STATUS};
use crate::ledger::pg::admission::{RefusedError, SessionError, from_session_error};
use crate::migration::csv::error::CsvError;
use crate::migration::pg::missing::NullLineage;
use crate::migration::pg::side_effects::UnsafeError;
use crate::migration::pg::source::SourceError;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::QueryError;

/// Why a rollback stopped. The pages that were committed before are rolled back; the same command goes on after them.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum RollbackError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The legacy table can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file of the legacy rows can't be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// Deletes can't be watched, or would reach other rows.
    #[error(transparent)]
    Unsafe(#[from] UnsafeError),
    /// Another run is at work.
    #[error(
        "another migrate or rollback is running on {place}: {holder}; wait for it to end, or end it, then run this again"
    )]
    Locked { place: String, holder: String },
    /// Lineage has rows that say nothing.
    #[error(transparent)]
    Lineage(#[from] NullLineage),
    /// Columns are missing that are compared.
    #[error(
        "padealing at {place} lacks {columns}, which rollback compares; nothing was rolled back; `{PLAN}` shows \
         how the schema is mended"
    )]
    Incomplete { place: String, columns: String },
    /// There is no such run.
    #[error("there is no run with the id {id} at {place}; `{STATUS} --format json` lists the newest runs")]
    NoRun { place: String, id: String },
    /// It wrote no rows.
    #[error("the run {id} at {place} is one of {command}, which migrates no rows; name a run of migrate")]
    OtherRun { place: String, id: String, command: String },
    /// Two runs were recorded for the same time, as when a clock was set back.
    #[error(
        "the times of the runs {id} and {other} at {place} overlap, so which of both has written a row isn't known; name \
         rows with --source-id, or roll back all of them"
    )]
    Overlapping { place: String, id: String, other: String },
    /// A page could not be rolled back.
    #[error(
        "the rows with ids from {first} to {last} could not be rolled back at {place}; they are as they were; correct the \
         cause and run the same command again"
    )]
    Page {
        first: i64,
        last: i64,
        place: String,
        #[source]
        source: QueryError,
    },
    /// Nobody has heard of a page's COMMIT, and the server can't be asked.
    #[error(
        "the COMMIT of the rows with ids from {first} to {last} at {place} was sent, and whether they are rolled back isn't \
         known; run the same command again: it goes on with what isn't"
    )]
    Unknown {
        first: i64,
        last: i64,
        place: String,
        #[source]
        source: QueryError,
    },
    /// The run was asked to stop.
    #[error("interrupted; {rows} rolled back and stay so; run the same command again to go on")]
    Interrupted {
        /// How many rows, in words, with their verb.
        rows: String,
    },
    /// The same before the run wrote anything, which a dry run never does.
    #[error("interrupted. Nothing was changed.")]
    NothingBegun,
    /// A task of the rollback panicked.
    #[error("a worker of the rollback panicked; this is a defect of pad-migrate")]
    Worker(#[source] tokio::task::JoinError),
}

from_session_error!(RollbackError: ConnectError, RefusedError, QueryError);
