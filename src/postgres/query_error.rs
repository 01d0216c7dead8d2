//! The errors of statements: what failed, and why.

use std::io::ErrorKind;

use crate::base::hint::DOCTOR;
use crate::config::mask::{is_raised, mask_quoted, mask_urls, quotes_values};
use crate::postgres::sqlstate;

/// A statement that failed, and what it was for.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed")]
#[expect(missing_docs, reason = "the messages say what each is")]
pub struct QueryError {
    pub what: String,
    #[source]
    pub source: Cause,
}

/// Why a database refused: the server's message, detail, hint and SQLSTATE, without the driver's wrapping.
#[derive(Debug)]
pub struct Cause(pub sqlx::Error);

impl std::error::Error for Cause {}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                let error = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
                let is_masked = quotes_values(&code, error.and_then(|it| it.r#where()));
                let message = error.map_or_else(String::new, |it| it.message().to_owned());
                f.write_str(&mask_urls(&if is_masked { mask_quoted(&message) } else { message.clone() }))?;
                // A function's author may have put values into each of its words; what happened is in the message.
                let has_more = !is_masked && !sqlstate::is_about_rows(&code) && !self.is_raised();
                if let Some(error) = error.filter(|_| has_more) {
                    for more in [error.detail(), error.hint()].into_iter().flatten() {
                        write!(f, "; {}", mask_urls(more.trim_end_matches('.')))?;
                    }
                }
                write!(f, " (SQLSTATE {code})")?;
                if code == sqlstate::LOCK_NOT_AVAILABLE {
                    f.write_str("; another session holds a lock: run this again when it has finished")?;
                }
                if code == sqlstate::SEQUENCE_LIMIT_EXCEEDED {
                    f.write_str(
                        "; raise its end (alter sequence … maxvalue …), and make its column a bigint if that is full, too",
                    )?;
                }
                // Without CONNECT on the database, doctor has no session either.
                if code == sqlstate::INSUFFICIENT_PRIVILEGE && !message.contains("for database") {
                    write!(f, "; `{DOCTOR}` shows what the role lacks")?;
                }
                Ok(())
            }
            // The watch's own words.
            sqlx::Error::Io(error) if error.get_ref().is_some_and(|it| it.is::<NotConfirmed>() || it.is::<Lost>()) => {
                write!(f, "{error}")
            }
            sqlx::Error::Io(error) => write!(f, "the connection was lost: {}", why(error)),
            sqlx::Error::Protocol(text) => f.write_str(&mask_urls(text)),
            sqlx::Error::Tls(error) => write!(f, "TLS: {error}"),
            error => f.write_str(&mask_urls(&error.to_string())),
        }
    }
}

impl Cause {
    /// Whether a function raised it in words of its own.
    pub(crate) fn is_raised(&self) -> bool {
        let sqlx::Error::Database(error) = &self.0 else { return false };
        error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|it| is_raised(it.r#where()))
    }

    /// The SQLSTATE, if the error is the server's.
    pub(crate) fn sqlstate(&self) -> Option<String> {
        self.0.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
    }
}

impl QueryError {
    /// The SQLSTATE, if the error is the server's.
    pub(crate) fn sqlstate(&self) -> Option<String> {
        self.source.sqlstate()
    }

    /// Where the server was when the error came up: which functions it ran.
    pub(crate) fn context(&self) -> Option<&str> {
        let sqlx::Error::Database(error) = &self.source.0 else { return None };
        error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?.r#where()
    }

    /// Whether the connection is gone, and with it what the server may have said about that.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(&self.source.0, sqlx::Error::Io(error) if !error.get_ref().is_some_and(|it| it.is::<NotConfirmed>()))
    }

    /// Whether another session's lock was in the way, so that the same statement may succeed later.
    pub(crate) fn is_lock_conflict(&self) -> bool {
        self.sqlstate().is_some_and(|it| sqlstate::is_lock_conflict(&it))
    }

    /// Whether another session's change or lock was in the way, so that the same work may succeed on what is there now.
    pub(crate) fn is_retryable(&self) -> bool {
        self.sqlstate().is_some_and(|it| sqlstate::is_retryable(&it))
    }
}

/// A connection that was lost, or ended by the server.
#[derive(Debug, thiserror::Error)]
#[error("the connection to {place} was lost: {why}")]
pub(crate) struct Lost {
    /// Host, port, database and role.
    pub(crate) place: String,
    pub(crate) why: String,
}

/// An error of a session, with the place if the connection is gone, however that is said.
pub(crate) fn located(error: sqlx::Error, place: impl FnOnce() -> String) -> sqlx::Error {
    let (kind, why) = match &error {
        sqlx::Error::Io(io) if io.get_ref().is_some_and(|it| it.is::<NotConfirmed>() || it.is::<Lost>()) => {
            return error;
        }
        sqlx::Error::Io(io) => (io.kind(), why(io)),
        sqlx::Error::Database(said) => match said.code() {
            Some(code) if sqlstate::is_end_of_session(&code) => {
                (ErrorKind::ConnectionAborted, format!("{} (SQLSTATE {code})", said.message()))
            }
            _ => return error,
        },
        _ => return error,
    };
    sqlx::Error::Io(std::io::Error::new(kind, Lost { place: place(), why }))
}

/// Why a connection was lost. The driver's words are about bytes where nothing more comes.
fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the other end has closed it".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether a command failed because a connection was lost.
pub(crate) fn is_of_lost_connection(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|it| match it.downcast_ref::<Cause>() {
        Some(Cause(sqlx::Error::Io(error))) => error.get_ref().is_some_and(|it| it.is::<Lost>()),
        // Before it was a session.
        Some(cause) => cause.sqlstate().is_some_and(|it| sqlstate::is_end_of_session(&it)),
        _ => false,
    })
}

/// A commit is done on the server, and waits for a standby that doesn't answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the commit is done on this server, and not confirmed by a synchronous standby (synchronous_standby_names is \
     '{setting}'); start the standby, or correct the setting"
)]
pub struct NotConfirmed {
    pub(crate) setting: String,
}

/// Says what was attempted when a statement fails.
pub(crate) trait Attempt<T> {
    fn attempt(self, what: &str) -> Result<T, QueryError>;
}

impl<T> Attempt<T> for Result<T, sqlx::Error> {
    fn attempt(self, what: &str) -> Result<T, QueryError> {
        self.map_err(|source| QueryError { what: what.to_owned(), source: Cause(source) })
    }
}
