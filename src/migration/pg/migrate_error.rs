//! Why a migration stopped.

use crate::base::hint::{MIGRATE, PLAN};
use crate::ledger::pg::admission::{RefusedError, SessionError, from_session_error};
use crate::migration::csv::error::CsvError;
use crate::migration::pg::source::SourceError;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::QueryError;

/// Why a migration stopped. What was committed before stays, and the next run continues after it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum MigrateError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The legacy table can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The CSV file can't be read, or has changed.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// Another migration is running.
    #[error(
        "another migrate or rollback is running on {place}: {holder}; wait for it to end, or end it, then run this again"
    )]
    Locked {
        /// Host, port, database and role.
        place: String,
        /// The session that holds the lock.
        holder: String,
    },
    /// Columns are missing that rows are written to.
    #[error(
        "padealing at {place} lacks {columns}, which migrate and verify need; nothing was migrated; `{PLAN}` shows how \
         the schema is mended"
    )]
    Incomplete { place: String, columns: String },
    /// A page could not be written.
    #[error(
        "the rows with ids from {first} to {last} could not be migrated to {place}; none of them is stored; \
         correct the cause and run `{MIGRATE}` again, which migrates what isn't stored"
    )]
    Page {
        /// The first source id.
        first: i64,
        last: i64,
        /// Host, port, database and role of the target.
        place: String,
        #[source]
        source: QueryError,
    },
    /// The same of a file's rows, which are in any order.
    #[error(
        "the rows on the lines {first} to {last} of the file could not be migrated to {place}; none of them is stored; \
         correct the cause and run `{MIGRATE}` again, which migrates what isn't stored"
    )]
    FilePage {
        /// The line of the first row.
        first: u64,
        last: u64,
        /// Host, port, database and role of the target.
        place: String,
        #[source]
        source: QueryError,
    },
    /// Nobody has heard of a page's COMMIT, and the server can't be asked.
    #[error(
        "the COMMIT of {rows} at {place} was sent, and whether they are stored isn't known; run `{MIGRATE}` again: it \
         migrates what isn't stored"
    )]
    Unknown {
        /// The rows, in words.
        rows: String,
        place: String,
        #[source]
        source: QueryError,
    },
    /// The run had begun, and ended between its pages.
    #[error(
        "the run stopped before its end; rows that were committed stay, but for the last ones if the server itself has \
         crashed; correct the cause and run `{MIGRATE}` again to continue"
    )]
    Stopped(#[source] SessionError),
    /// The rejections could not be written to their file.
    #[error("the rejections could not be written to their file")]
    Rejects(#[source] std::io::Error),
    /// The run was asked to stop.
    #[error("interrupted; rows that were committed stay; run `{MIGRATE}` again to continue")]
    Interrupted,
    /// The same before the run wrote anything, which a dry run never does.
    #[error("interrupted. Nothing was written.")]
    NothingBegun,
    /// A task of the migration panicked.
    #[error("a worker of the migration panicked; this is a defect of pad-migrate")]
    Worker(#[source] tokio::task::JoinError),
}

from_session_error!(MigrateError: ConnectError, RefusedError, QueryError);
