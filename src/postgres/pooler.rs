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

use crate::base::text::{plural, sentence};
use crate::postgres::connect_error::{ConnectError, Lacking};
use crate::postgres::database::Database;
use crate::postgres::query_error::Cause;
use crate::postgres::room::{While, is_full};
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
    let mut second = match database.dial_when_there_is_room("connect").await {
        Ok(connection) => connection,
        Err(error) if is_full(&error) => {
            let how = words(&database.connect_error(error));
            return match database.at_once {
                // There is room for one session only: each transaction checks that its process is the same.
                1 => Ok(()),
                needed => Err(no_room(database, (1, needed), how, Lacking::Connections)),
            };
        }
        Err(error) => return Err(database.connect_error(error)),
    };
    let shown = compare(first, &mut second).await;
    let room = match shown {
        Ok(Shown::Session) => find_room(database, first).await,
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
            Err(ConnectError::NoSession { place, seconds: BEGINNING.as_secs(), is_set: false, open })
        }
        Shown::Pooler(how) => Err(ConnectError::Pooler { place: database.place(), how }),
    }
}

/// The two that are compared.
const COMPARED: usize = 2;

/// Whether there is room, at once or a moment later.
async fn find_room(database: &Database, first: &mut PgConnection) -> Result<(), ConnectError> {
    let patience = While::of(database.timeout);
    loop {
        match check_room(database, first).await {
            Err(Unfit { error: ConnectError::Room { .. }, is_refused: true }) if patience.lasts().await => {}
            found => return found.map_err(|it| it.error),
        }
    }
}

/// The error for so many sessions, of those that are needed.
fn no_room(database: &Database, (open, needed): (usize, usize), how: String, lacking: Lacking) -> ConnectError {
    let fewer_jobs = needed <= open + database.spare;
    ConnectError::Room { place: database.place(), open, needed, how, lacking, fewer_jobs }
}

/// Why there is no room.
struct Unfit {
    error: ConnectError,
    /// Whether the server says so, and not a pool by its silence.
    is_refused: bool,
}

impl From<ConnectError> for Unfit {
    fn from(error: ConnectError) -> Self {
        Self { error, is_refused: true }
    }
}

/// Opens as many sessions as the command will have at once, beside the two that are open, and one that asks what becomes
/// of the others ([`Watch`](crate::postgres::watch::Watch)): a pool that is too small is known before anything is begun.
///
/// The server is asked for its limits first, so that no command takes all connections of a server to find out that they
/// are too few.
async fn check_room(database: &Database, first: &mut PgConnection) -> Result<(), Unfit> {
    let needed = database.at_once;
    let more = (needed + 1).saturating_sub(COMPARED);
    if needed == 1 {
        return Ok(());
    }
    let limits = match limits(first).await {
        // What answers isn't PostgreSQL's own server, or lets the role see less: the sessions themselves will show it.
        Err(Error::Database(_)) => Vec::new(),
        limits => limits.map_err(|error| database.connect_error(error))?,
    };
    if let Some(Limit { left, has_others, words }) = limits.into_iter().min_by_key(|it| it.left)
        && COMPARED + left < needed
    {
        return Err(no_room(database, (COMPARED + left, needed), words, Lacking::Limit { has_others }).into());
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
            Err(error) => refused = Some(error),
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
    let is_refused = refused.is_some();
    let (needed, how, lacking) = match refused {
        Some(refused) => match database.connect_error(refused) {
            // Whatever it is, it isn't that there are too many.
            lost if !is_about_room(&lost) => return Err(lost.into()),
            refused => (needed, words(&refused), Lacking::Connections),
        },
        None => (needed + 1, "the others were accepted, and wait for a connection of a pool".to_owned(), Lacking::Pool),
    };
    Err(Unfit { error: no_room(database, (open, needed), how, lacking), is_refused })
}

/// Why a session was refused, in the server's words alone, for a sentence that names the place and what to do.
fn words(error: &ConnectError) -> String {
    match error {
        ConnectError::Refused { source, .. } => source.to_string(),
        other => sentence(other),
    }
}

/// Whether a server, or a pooler, has no room for one session more: a pooler says so in words of its own.
fn is_about_room(error: &ConnectError) -> bool {
    let ConnectError::Refused { source: Cause(Error::Database(error)), .. } = error else { return false };
    [sqlstate::TOO_MANY_CONNECTIONS, sqlstate::PROTOCOL_VIOLATION].contains(&&*error.code().unwrap_or_default())
}

/// A limit of sessions.
struct Limit {
    /// How many more there may be.
    left: usize,
    /// Whether others use some of it.
    has_others: bool,
    words: String,
}

/// The server's, the database's and the role's limits (documentation, Connection Settings; CREATE ROLE; CREATE DATABASE).
/// The last two don't hold for superusers, who also have the connections that are reserved for them.
async fn limits(connection: &mut PgConnection) -> Result<Vec<Limit>, Error> {
    // Of other roles' sessions not every role sees what they are: those aren't counted.
    const SQL: &str = "with clients as (\
             select datname, usename from pg_catalog.pg_stat_activity where backend_type = 'client backend'), \
         own as (select rolname, rolsuper, rolconnlimit from pg_catalog.pg_roles where rolname = session_user), \
         here as (\
             select datname, datconnlimit from pg_catalog.pg_database where datname = pg_catalog.current_database()) \
         select 'the server', pg_catalog.current_setting('max_connections')::int8 - case when rolsuper then 0 \
             else pg_catalog.current_setting('superuser_reserved_connections')::int8 end, \
             (select pg_catalog.count(*) from clients) from own \
         union all select 'the role', rolconnlimit, (select pg_catalog.count(*) from clients where usename = rolname) \
             from own where rolconnlimit >= 0 and not rolsuper \
         union all select 'the database', datconnlimit, \
             (select pg_catalog.count(*) from clients c where c.datname = here.datname) \
             from here, own where datconnlimit >= 0 and not rolsuper";
    let limit = |row: PgRow| {
        let (whose, most, open): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let left = usize::try_from(most - open).unwrap_or(0);
        let others = u64::try_from(open - COMPARED as i64).unwrap_or(0);
        let allowed = plural(u64::try_from(most).unwrap_or(0), "connection", "connections");
        let words = match others {
            0 => format!("{whose} allows {allowed}"),
            others => format!("{whose} allows {allowed}, of which others use {others} or more"),
        };
        Ok(Limit { left, has_others: others > 0, words })
    };
    sqlx::raw_sql(SQL).fetch_all(connection).await?.into_iter().map(limit).collect()
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
