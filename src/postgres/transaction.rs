//! Transactions: what is pinned in each, savepoints, and what became of one whose COMMIT was lost.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::time::{sleep, timeout};

use crate::base::hint::STATUS;
use crate::base::quote::quote_literal;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, NotConfirmed, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;

/// Settings that what the server prints or computes depends on. Each transaction sets them again: a pooler that is not
/// seen when the session begins may give it another server process later.
pub(crate) const PINNED: [(&str, &str); 14] = [
    ("search_path", "pg_catalog"),
    ("datestyle", "'ISO'"),
    ("intervalstyle", "'postgres'"),
    ("timezone", "'UTC'"),
    ("extra_float_digits", "3"),
    ("bytea_output", "'hex'"),
    ("xmlbinary", "'base64'"),
    ("xmloption", "'content'"),
    ("lc_monetary", "'C'"),
    ("standard_conforming_strings", "on"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("quote_all_identifiers", "off"),
    // Rows that a policy hides would be lost without notice: with this off the server raises an error instead.
    ("row_security", "off"),
];

/// The statements that pin them.
pub(crate) fn pin(set: &str) -> String {
    PINNED.iter().map(|(name, value)| format!("{set} {name} = {value}; ")).collect()
}

/// How long a statement of a transaction may wait or run; without a limit, as the session is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// For a lock.
    pub(crate) lock: Option<Duration>,
    /// In all.
    pub(crate) statement: Option<Duration>,
}

impl Limits {
    fn statements(self) -> String {
        let mut sql = String::new();
        for (setting, limit) in [("lock_timeout", self.lock), ("statement_timeout", self.statement)] {
            if let Some(limit) = limit {
                // 0 would be no limit.
                sql.push_str(&format!("set local {setting} = {}; ", limit.as_millis().max(1)));
            }
        }
        sql
    }
}

const BEGINNING: &str = "starting the transaction";

/// Begins a read-only transaction in which every statement sees the same moment.
pub(crate) async fn begin_read_only(session: &mut Session, limits: Limits) -> Result<(), QueryError> {
    begin(session, "begin isolation level repeatable read read only", limits).await
}

/// The same, seeing what another session's transaction sees, which has exported its snapshot and is still open.
pub(crate) async fn begin_read_only_at(
    session: &mut Session,
    limits: Limits,
    snapshot: &str,
) -> Result<(), QueryError> {
    let snapshot = quote_literal(snapshot);
    let statement = format!("begin isolation level repeatable read read only; set transaction snapshot {snapshot}");
    begin(session, &statement, limits).await
}

/// Begins a read-only transaction in which every statement sees what is committed.
pub(crate) async fn begin_reading(session: &mut Session, limits: Limits) -> Result<(), QueryError> {
    begin(session, "begin isolation level read committed read only", limits).await
}

/// Begins a transaction that writes.
pub(crate) async fn begin_writing(session: &mut Session, limits: Limits) -> Result<(), QueryError> {
    begin(session, "begin isolation level read committed read write", limits).await
}

/// Begins a transaction that writes, and in which every statement sees the same moment: what others have changed since
/// can't be written.
pub(crate) async fn begin_writing_one_moment(session: &mut Session, limits: Limits) -> Result<(), QueryError> {
    begin(session, "begin isolation level repeatable read read write", limits).await
}

async fn begin(session: &mut Session, statement: &str, limits: Limits) -> Result<(), QueryError> {
    let number = if statement.ends_with("write") { "pg_current_xact_id()::text" } else { "''" };
    let sql =
        format!("{statement}; {}{}select pg_backend_pid()::text, {number}", pin("set local"), limits.statements());
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *session).await.attempt(BEGINNING)?;
    let (process, number): (String, String) =
        row.try_get(0).and_then(|process| Ok((process, row.try_get(1)?))).attempt(BEGINNING)?;
    session.transaction = Some(number).filter(|it| !it.is_empty());
    match session.process().filter(|it| it.to_string() != process) {
        None => Ok(()),
        Some(before) => Err(sqlx::Error::Protocol(format!(
            "a connection pooler gave the session another server process ({process}, before {before}); connect to \
             PostgreSQL itself, or to a pool in session mode"
        )))
        .attempt(BEGINNING),
    }
}

/// Does work that may fail: the transaction goes on after it, without what the work did.
pub(crate) async fn savepoint<T, E>(
    session: &mut Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
) -> Result<Result<T, E>, QueryError> {
    run(session, "savepoint pad_migrate", "setting a savepoint").await?;
    let result = work(session).await;
    let end = match result {
        Ok(_) => "release savepoint pad_migrate",
        Err(_) => "rollback to savepoint pad_migrate; release savepoint pad_migrate",
    };
    run(session, end, "ending a savepoint").await?;
    Ok(result)
}

/// A COMMIT that didn't succeed, or that nobody has heard of.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The server refused it, and has rolled back.
    #[error(transparent)]
    Refused(QueryError),
    /// It is committed, but not on a standby that has to have it.
    #[error("at {place} {source}")]
    Unconfirmed {
        /// Host, port, database and role.
        place: String,
        /// What it waits for.
        source: NotConfirmed,
    },
    /// The connection was lost, and the server says that it has rolled back.
    #[error("the connection to {place} was lost while committing, and nothing was committed; run the command again")]
    RolledBack {
        /// Host, port, database and role.
        place: String,
        /// How it was lost.
        #[source]
        source: QueryError,
    },
    /// The connection was lost, and the server can't be asked.
    #[error(
        "the connection to {place} was lost while committing, and whether it was committed isn't known; when the server \
         answers again, `{STATUS}` shows it"
    )]
    Unknown {
        /// Host, port, database and role.
        place: String,
        /// How it was lost.
        #[source]
        source: QueryError,
    },
}

/// The server is asked so often what became of a transaction, a second apart.
const QUESTIONS: u32 = 12;

/// For a connection and an answer.
const ASKING: Duration = Duration::from_secs(8);

/// Commits what [`begin_writing`] began. When the connection is lost on the way, the server is asked by another one
/// what became of the transaction (documentation, Transaction ID and Snapshot Information Functions).
pub(crate) async fn commit(session: &mut Session, database: &Database, what: &str) -> Result<(), CommitError> {
    let number = session.transaction.take();
    let Err(source) = run(session, "commit", what).await else { return Ok(()) };
    if source.sqlstate().is_some_and(|it| !sqlstate::is_end_of_session(&it)) {
        return Err(CommitError::Refused(source));
    }
    let place = database.place();
    if let Some(source) = not_confirmed(&source) {
        return Err(CommitError::Unconfirmed { place, source });
    }
    let Some(number) = number else { return Err(CommitError::RolledBack { place, source }) };
    for _ in 0..QUESTIONS {
        match timeout(ASKING, status(database, &number)).await {
            Ok(Ok(Some(status))) if status == "committed" => {
                database.note("the connection was lost while committing; the server says that it was committed");
                return Ok(());
            }
            Ok(Ok(Some(status))) if status == "aborted" => return Err(CommitError::RolledBack { place, source }),
            Ok(Ok(_)) => {}
            // The network is as silent as it was.
            Ok(Err(_)) | Err(_) => break,
        }
        sleep(Duration::from_secs(1)).await;
    }
    Err(CommitError::Unknown { place, source })
}

fn not_confirmed(error: &QueryError) -> Option<NotConfirmed> {
    match &error.source.0 {
        sqlx::Error::Io(error) => error.get_ref()?.downcast_ref().cloned(),
        _ => None,
    }
}

async fn status(database: &Database, number: &str) -> Result<Option<String>, sqlx::Error> {
    let mut connection: PgConnection = database.dial("status").await?;
    let sql = format!("select pg_catalog.pg_xact_status('{number}'::pg_catalog.xid8)");
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
    let status = row.try_get(0)?;
    let _ = connection.close().await;
    Ok(status)
}
