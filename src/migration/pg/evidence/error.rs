//! Why there is no evidence.

use crate::base::hint::VERIFY;
use crate::ledger::pg::admission::{RefusedError, SessionError, from_session_error};
use crate::migration::pg::evidence::signature::SignatureError;
use crate::migration::pg::verify_error::VerifyError;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::QueryError;

/// Why no evidence was taken.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The verification ended without a result.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Rows were written meanwhile.
    #[error(
        "rows were written while they were read, so the evidence would not be of one moment; stop what writes to both \
         sides, and run `{VERIFY} --evidence DIR` again"
    )]
    Moved,
    /// The folder can't be made.
    #[error("the folder {path} can't be made: {reason}; name another one, which doesn't exist or is empty")]
    #[expect(missing_docs, reason = "the message says what each is")]
    Folder { path: String, reason: String },
    /// The manifest can't be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A file of the bundle can't be written.
    #[error("{path} can't be written: {reason}; make room, or choose another folder")]
    #[expect(missing_docs, reason = "the message says what each is")]
    Write { path: String, reason: String },
}

from_session_error!(EvidenceError: ConnectError, RefusedError, QueryError);
