//! Whether a connection is a session: found out before anything is set on it.
//!
//! A pooler in transaction or statement mode gives each transaction whichever server process is free. What a client
//! sets stays there, for the next client; prepared statements and advisory locks likewise. Two connections that hold
//! transactions by turns show it: a session keeps its process.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Error, Row};
use tokio::time::timeout;

use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;
use crate::postgres::sqlstate;

/// A transaction begins at once, unless a pooler has no server process left to give.
const BEGINNING: Duration = Duration::from_secs(5);

/// For the farewell.
const CLOSING: Duration = Duration::from_millis(500);

/// Each frees the two processes in another order, since a pooler may give the first or the last that was freed; and
/// several of each, since one that works with several threads may free them in an order of its own.
const ROUNDS: usize = 6;

/// What two connections have shown.
enum Shown {
    Session,
    Pooler(String),
}

/// Refuses a connection that isn't a session. Changes nothing on it.
pub(crate) async fn check(database: &Database, first: &mut PgConnection) -> Result<(), ConnectError> {
    let mut second = match database.dial("connect").await {
        Ok(connection) => connection,
        // There is room for one session only: each transaction checks that its process is the same.
        Err(Error::Database(error)) if error.code().as_deref() == Some(sqlstate::TOO_MANY_CONNECTIONS) => return Ok(()),
        Err(error) => return Err(database.connect_error(error)),
    };
    let shown = compare(first, &mut second).await;
    if matches!(shown, Ok(Shown::Pooler(_))) {
        // The pooler gets its server processes back without an open transaction.
        let _ = timeout(BEGINNING, end(first)).await;
    }
    // One that waits for a server process ends when it is dropped.
    let _ = timeout(CLOSING, second.close()).await;
    match shown.map_err(|error| database.connect_error(error))? {
        Shown::Session => Ok(()),
        Shown::Pooler(how) => Err(ConnectError::Pooler { place: database.place(), how }),
    }
}

async fn compare(first: &mut PgConnection, second: &mut PgConnection) -> Result<Shown, Error> {
    let mut own = None;
    for round in 0..ROUNDS {
        // One after the other: a pooler that gives the process that was freed last then gives the other one.
        let (one, other) = (begin(first).await, begin(second).await);
        // A pooler in statement mode also closes the connection.
        let is_refused = [&one, &other].iter().any(|it| matches!(it, Ok(None)));
        let (Some(one), Some(other)) = (if is_refused { (None, None) } else { (one?, other?) }) else {
            return Ok(Shown::Pooler("a transaction didn't begin while another one was open".to_owned()));
        };
        let before = *own.get_or_insert(one);
        if one != before || one == other {
            return Ok(Shown::Pooler(format!("the same connection reached the server processes {before} and {one}")));
        }
        if round % 2 == 0 {
            end(first).await?;
            end(second).await?;
        } else {
            end(second).await?;
            end(first).await?;
        }
    }
    Ok(Shown::Session)
}

/// Begins a transaction, and says by which process; none if there was none in time, or none is allowed.
async fn begin(connection: &mut PgConnection) -> Result<Option<i32>, Error> {
    const SQL: &str = "begin read only; select pg_catalog.pg_backend_pid()::text";
    match timeout(BEGINNING, sqlx::raw_sql(SQL).fetch_one(connection)).await {
        Err(_) => Ok(None),
        Ok(Err(Error::Database(error))) if error.code().as_deref() == Some(sqlstate::PROTOCOL_VIOLATION) => Ok(None),
        Ok(row) => process(&row?).map(Some),
    }
}

async fn end(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::raw_sql("commit").execute(connection).await.map(|_| ())
}

fn process(row: &PgRow) -> Result<i32, Error> {
    let text: String = row.try_get(0)?;
    text.parse().map_err(|_| Error::Protocol("the server's process has no number".to_owned()))
}
