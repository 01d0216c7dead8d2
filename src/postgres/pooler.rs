//! Whether a connection is a session: found out before anything is set on it.
//!
//! A pooler in transaction or statement mode gives each transaction whichever server process is free. What a client
//! sets stays there, for the next client; prepared statements and advisory locks likewise. Two connections that hold
//! transactions by turns show it: a session keeps its process.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Error, Row};
use tokio::time::timeout;

use crate::base::text::sentence;
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
    /// Not even the first of them was given a server process.
    Nothing,
}

/// What became of a transaction.
enum Begun {
    /// It is open, in this process.
    By(i32),
    /// There was no process for it in time.
    Late,
    /// It isn't allowed.
    Refused,
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
    let room = match shown {
        Ok(Shown::Session) => check_room(database).await,
        _ => Ok(()),
    };
    if matches!(shown, Ok(Shown::Pooler(_))) {
        // The pooler gets its server processes back without an open transaction.
        let _ = timeout(BEGINNING, end(first)).await;
    }
    // One that waits for a server process ends when it is dropped.
    let _ = timeout(CLOSING, second.close()).await;
    match shown.map_err(|error| database.connect_error(error))? {
        Shown::Session => room,
        Shown::Nothing => {
            let (place, open) = (database.place(), database.sessions().len());
            Err(ConnectError::NoSession { place, seconds: BEGINNING.as_secs(), open })
        }
        Shown::Pooler(how) => Err(ConnectError::Pooler { place: database.place(), how }),
    }
}

/// The two that are compared.
const COMPARED: usize = 2;

/// Opens as many sessions as the command will have at once, beside the two that are open, and one that asks what becomes
/// of the others ([`Watch`](crate::postgres::watch::Watch)): a pool that is too small is known before anything is begun.
async fn check_room(database: &Database) -> Result<(), ConnectError> {
    let needed = database.at_once;
    let more = (needed + 1).saturating_sub(COMPARED);
    if needed == 1 {
        return Ok(());
    }
    let dialled = (0..more).map(|_| async {
        let begun = timeout(BEGINNING, async {
            let mut connection = database.dial("connect").await?;
            let begun = begin(&mut connection).await?;
            Ok::<_, Error>(matches!(begun, Begun::By(_)).then_some(connection))
        });
        begun.await.unwrap_or(Ok(None))
    });
    let (mut opened, mut refused) = (Vec::new(), None);
    for dialled in join_all(dialled).await {
        match dialled {
            Ok(connection) => opened.extend(connection),
            Err(error) => refused = Some(database.connect_error(error)),
        }
    }
    let open = COMPARED + opened.len();
    join_all(opened.into_iter().map(|mut connection| async {
        let _ = timeout(BEGINNING, end(&mut connection)).await;
        let _ = timeout(CLOSING, connection.close()).await;
    }))
    .await;
    // Where the server itself says no, nobody waits for the last one.
    if open > needed || open == needed && refused.is_some() {
        return Ok(());
    }
    let (needed, how) = match refused {
        Some(refused) => (needed, sentence(&refused)),
        None => (needed + 1, "the others were accepted, and wait for a connection of a pool".to_owned()),
    };
    Err(ConnectError::Room { place: database.place(), open, needed, how, fewer_jobs: database.fewer_jobs })
}

async fn compare(first: &mut PgConnection, second: &mut PgConnection) -> Result<Shown, Error> {
    let mut own = None;
    for round in 0..ROUNDS {
        // One after the other: a pooler that gives the process that was freed last then gives the other one.
        let one = begin(first).await;
        if own.is_none() && matches!(one, Ok(Begun::Late)) {
            return Ok(Shown::Nothing);
        }
        let other = begin(second).await;
        let (one, other) = match (one, other) {
            (Ok(Begun::By(one)), Ok(Begun::By(other))) => (one, other),
            // A pooler in statement mode also closes the connection.
            (Ok(Begun::Late | Begun::Refused), _) | (_, Ok(Begun::Late | Begun::Refused)) => {
                return Ok(Shown::Pooler("a transaction didn't begin while another one was open".to_owned()));
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
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

/// Begins a transaction.
async fn begin(connection: &mut PgConnection) -> Result<Begun, Error> {
    // Of this transaction only: where nobody hears of its end, the server ends it.
    const SQL: &str = "begin read only; set local idle_in_transaction_session_timeout = '1min'; \
                       select pg_catalog.pg_backend_pid()::text";
    match timeout(BEGINNING, sqlx::raw_sql(SQL).fetch_one(connection)).await {
        Err(_) => Ok(Begun::Late),
        Ok(Err(Error::Database(error))) if error.code().as_deref() == Some(sqlstate::PROTOCOL_VIOLATION) => {
            Ok(Begun::Refused)
        }
        Ok(row) => process(&row?).map(Begun::By),
    }
}

async fn end(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::raw_sql("commit").execute(connection).await.map(|_| ())
}

fn process(row: &PgRow) -> Result<i32, Error> {
    let text: String = row.try_get(0)?;
    text.parse().map_err(|_| Error::Protocol("the server's process has no number".to_owned()))
}
