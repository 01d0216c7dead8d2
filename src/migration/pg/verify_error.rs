//! Why a verification ended without a result.

use crate::base::hint::{PLAN, VERIFY};
use crate::ledger::pg::admission::{RefusedError, SessionError, from_session_error};
use crate::migration::csv::error::CsvError;
use crate::migration::pg::missing::NullLineage;
use crate::migration::pg::source::SourceError;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::QueryError;

/// Why a verification ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The legacy table can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The CSV file can't be read, or has changed.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// Lineage has rows that say nothing.
    #[error(transparent)]
    Lineage(#[from] NullLineage),
    /// Columns are missing that are compared.
    #[error("padealing at {place} lacks {columns}, which verify compares; `{PLAN}` shows how the schema is mended")]
    #[expect(missing_docs, reason = "the message says what each is")]
    Incomplete { place: String, columns: String },
    /// A standby lets nothing be read.
    #[error(
        "reading at {place} was cancelled {times} times in a row; it is a standby that applies changes of its primary: \
         set hot_standby_feedback = on there, or raise max_standby_streaming_delay, and run `{VERIFY}` again"
    )]
    #[expect(missing_docs, reason = "the message says what each is")]
    Cancelled {
        place: String,
        times: u32,
        #[source]
        source: QueryError,
    },
    /// The hashes of the rows can't be kept aside.
    #[error("the hashes of the rows can't be kept in the folder for temporary files: {0}; make room, or set TMPDIR")]
    Spool(std::io::Error),
    /// A reader panicked.
    #[error("a reader of the verification panicked; this is a defect of pad-migrate")]
    Worker(#[source] tokio::task::JoinError),
}

from_session_error!(VerifyError: ConnectError, RefusedError, QueryError);
