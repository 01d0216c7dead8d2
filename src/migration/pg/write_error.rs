//! Why rows were not written: the run's error, or what the target has against a row.

use sqlx::postgres::PgDatabaseError;

use crate::migration::refusal::{Culprit, Refusal, culprit};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, Cause, QueryError};
use crate::postgres::session::Session;
use crate::postgres::transaction::{CommitError, commit};

/// Why rows were not written.
#[derive(Debug)]
pub(crate) struct WriteError {
    pub(crate) error: QueryError,
    /// What a row of them is refused for; none if the error is the run's.
    pub(crate) refusal: Option<Box<Refusal>>,
    /// Whether all may be written nevertheless: nobody has heard of the COMMIT, and the server can't be asked.
    pub(crate) is_unknown: bool,
}

impl From<QueryError> for WriteError {
    fn from(error: QueryError) -> Self {
        Self { error, refusal: None, is_unknown: false }
    }
}

/// What the target said while a table was written, or while the constraints were checked that are checked last.
pub(crate) fn refused(table: Option<&str>, error: QueryError) -> WriteError {
    let refusal = refusal(table, &error.source).map(Box::new);
    WriteError { error, refusal, is_unknown: false }
}

/// Commits a page.
pub(crate) async fn commit_page(session: &mut Session, target: &Database) -> Result<(), WriteError> {
    const COMMITTING: &str = "committing a page";
    match commit(session, target, COMMITTING).await {
        Ok(()) => Ok(()),
        Err(CommitError::Refused(error) | CommitError::RolledBack { source: error, .. }) => Err(refused(None, error)),
        Err(CommitError::Unknown { source: error, .. }) => Err(WriteError { error, refusal: None, is_unknown: true }),
        Err(CommitError::Unconfirmed { source, .. }) => {
            let error = sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, source));
            let error = Err::<(), _>(error).attempt(COMMITTING).expect_err("it is an error");
            Err(WriteError { error, refusal: None, is_unknown: true })
        }
    }
}

fn refusal(table: Option<&str>, Cause(error): &Cause) -> Option<Refusal> {
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    if culprit(error.code()) == Culprit::Run {
        return None;
    }
    let of_padealing = || error.table().filter(|_| error.schema() == Some("padealing"));
    let table = table.or_else(of_padealing).map(str::to_owned);
    Some(Refusal::new(table, error.code(), error.message(), error.r#where()))
}

/// Fewer rows were deleted than were to be.
pub(crate) fn left(table: &str, what: &str, deleted: u64, wanted: usize) -> WriteError {
    let fewer = format!("{deleted} of {wanted} rows were deleted; a trigger or a rule of the table keeps rows");
    let error = Err::<(), _>(sqlx::Error::Protocol(fewer)).attempt(what).expect_err("it is an error");
    WriteError { error, refusal: Some(Box::new(Refusal::left(table))), is_unknown: false }
}

/// Fewer rows were stored than were sent.
pub(crate) fn dropped(table: &str, what: &str, stored: u64, sent: usize) -> WriteError {
    let fewer = format!("{stored} of {sent} rows were stored; a trigger or a rule of the table drops rows");
    let error = Err::<(), _>(sqlx::Error::Protocol(fewer)).attempt(what).expect_err("it is an error");
    WriteError { error, refusal: Some(Box::new(Refusal::dropped(table))), is_unknown: false }
}
