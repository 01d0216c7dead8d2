//! Reads a catalog with two queries, in one read-only transaction that sees one moment.

mod reader;

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor};
use tokio::time::Instant;

use crate::config::environment::Environment;
use crate::ledger::pg::admission::{RefusedError, SessionError, check_environment, from_session_error};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::holders;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};
use crate::schema::catalog::Catalog;
use crate::schema::pg::introspect::reader::Reader;

/// The statements that read the objects.
const OBJECTS: &str = include_str!("introspect/objects.sql");

/// The whole takes at most so many times DB_CONNECT_TIMEOUT, whatever the server or the network does.
const TIMEOUT_FACTOR: u32 = 6;

/// How long a table may be locked, by an ALTER TABLE say, before reading the catalog gives up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A catalog, and the server that it was read from.
#[derive(Clone, Debug)]
pub struct Introspection {
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// What is there.
    pub catalog: Catalog,
}

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Another session has locked a table.
    #[error(
        "a table at {place} is locked by {holders}, and its definition could not be read within {} s; try again when \
         that has finished",
        LOCK_TIMEOUT.as_secs()
    )]
    Locked {
        /// Host, port, database and role.
        place: String,
        /// Who holds locks.
        holders: String,
    },
    /// The server no longer answers.
    #[error(
        "reading the catalog at {place} took longer than {seconds} s and was cancelled; look for what blocks the \
         server (pg_stat_activity, pg_locks), or raise DB_CONNECT_TIMEOUT (the limit is {TIMEOUT_FACTOR} times that)"
    )]
    Stalled {
        /// Host, port, database and role.
        place: String,
        /// The limit.
        seconds: u64,
    },
}

from_session_error!(IntrospectError: ConnectError, RefusedError, QueryError);

/// Reads the catalog of some schemas of a database. Those that aren't there are missing from the catalog's list.
/// With an environment, a database that is another's is refused.
pub async fn introspect(
    database: &Database,
    environment: Option<Environment>,
    schemas: &[String],
    activity: &str,
) -> Result<Introspection, IntrospectError> {
    let mut session = CatalogSession::begin(database, environment, activity).await?;
    let found = session.read(schemas).await;
    session.end().await;
    found
}

/// A read-only transaction that sees one moment, on a connection of its own, with a limit of time for the whole.
pub(crate) struct CatalogSession<'a> {
    database: &'a Database,
    connection: Session,
    deadline: Instant,
}

impl<'a> CatalogSession<'a> {
    /// Connects and begins. With an environment, a database that is another's is refused.
    pub(crate) async fn begin(
        database: &'a Database,
        environment: Option<Environment>,
        activity: &str,
    ) -> Result<Self, IntrospectError> {
        let deadline = Instant::now() + database.timeout * TIMEOUT_FACTOR;
        let connection = limited(database, deadline, database.connect(Access::Read, activity)).await?;
        let mut session = Self { database, connection, deadline };
        let statement = Duration::from_secs(database.timeout.as_secs().max(1)) * TIMEOUT_FACTOR;
        let limits = Limits { lock: Some(LOCK_TIMEOUT), statement: Some(statement) };
        let begun = session
            .ask(async |connection| {
                begin_read_only(connection, limits).await?;
                match environment {
                    Some(environment) => Ok(check_environment(connection, database, environment).await?),
                    None => Ok::<_, IntrospectError>(()),
                }
            })
            .await;
        match begun {
            Ok(()) => Ok(session),
            Err(error) => {
                session.end().await;
                Err(error)
            }
        }
    }

    /// Reads the catalog of some schemas.
    pub(crate) async fn read(&mut self, schemas: &[String]) -> Result<Introspection, IntrospectError> {
        self.ask(async |connection| read(connection, schemas).await).await
    }

    /// Asks something else in the same transaction.
    pub(crate) async fn ask<T, E: Into<IntrospectError>>(
        &mut self,
        question: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, IntrospectError> {
        match limited(self.database, self.deadline, question(&mut self.connection)).await {
            Err(IntrospectError::Locked { place, .. }) => {
                let asked = async {
                    run(&mut self.connection, "rollback", "ending the transaction").await?;
                    holders(&mut self.connection).await
                };
                let holders = limited(self.database, self.deadline, asked).await?;
                Err(IntrospectError::Locked { place, holders })
            }
            answer => answer,
        }
    }

    /// Ends the transaction with the connection, also after an error. Nothing was written: there is nothing to commit.
    pub(crate) async fn end(self) {
        let _ = tokio::time::timeout_at(self.deadline, self.connection.close()).await;
    }
}

/// Waits for an answer until the deadline. Why the server gave up says what to do about it.
async fn limited<T, E: Into<IntrospectError>>(
    database: &Database,
    deadline: Instant,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, IntrospectError> {
    let stalled =
        || IntrospectError::Stalled { place: database.place(), seconds: (database.timeout * TIMEOUT_FACTOR).as_secs() };
    match tokio::time::timeout_at(deadline, answer).await {
        Err(_) => Err(stalled()),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match error.into() {
            IntrospectError::Session(SessionError::Query(error)) => match error.sqlstate().as_deref() {
                Some(sqlstate::LOCK_NOT_AVAILABLE) => {
                    IntrospectError::Locked { place: database.place(), holders: String::new() }
                }
                Some(sqlstate::QUERY_CANCELED) => stalled(),
                _ => error.into(),
            },
            error => error,
        }),
    }
}

/// Reads the catalog of some schemas in the transaction that the session is in.
pub async fn read(connection: &mut Session, schemas: &[String]) -> Result<Introspection, QueryError> {
    const WHAT: &str = "reading the catalog";
    let query = "select split_part(current_setting('server_version'), ' ', 1), \
             coalesce(array_agg(n.nspname::text order by n.nspname), '{}'), coalesce(array_agg(n.oid)::text, '{}'), \
             coalesce((select array_agg(d.objid) from pg_depend d join pg_class c on c.oid = d.objid \
                 where d.classid = 'pg_class'::regclass and d.deptype = 'e' \
                     and c.relnamespace = any(array_agg(n.oid)))::text, '{}'), \
             array(select distinct d.classid::regclass::text from pg_depend d \
                 where d.refclassid = 'pg_namespace'::regclass and d.refobjid = any(array_agg(n.oid))) \
         from pg_namespace n where n.nspname = any($1)";
    let (server_version, there, oids, members, catalogs): (String, Vec<String>, String, String, Vec<String>) =
        sqlx::query_as(query).bind(schemas).fetch_one(&mut *connection).await.attempt(WHAT)?;
    let major = crate::base::version::major(&server_version);
    let sql = statements(major, &catalogs)
        .replace("{schemas}", &format!("'{oids}'::oid[]"))
        .replace("{members}", &format!("'{members}'::oid[]"));

    let mut reader = Reader::default();
    let mut rows = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
    while let Some(step) = rows.try_next().await.attempt(WHAT)? {
        match step {
            Either::Left(_) => reader.next_statement(),
            Either::Right(row) => reader.take(&row).attempt(WHAT)?,
        }
    }
    drop(rows);
    reader.name_unknown(connection).await?;
    let catalog = Catalog { major, schemas: there, objects: reader.into_objects() };
    Ok(Introspection { server_version, catalog })
}

/// The statements for servers of a major version, where the schemas have something in these catalogs.
fn statements(major: u32, catalogs: &[String]) -> String {
    let is_wanted = |statement: &&str| {
        let condition = statement.lines().find_map(|line| line.strip_prefix("-- if "));
        condition.is_none_or(|wanted| wanted.split(' ').any(|name| catalogs.iter().any(|catalog| catalog == name)))
    };
    let fits = |line: &&str| match line.rsplit_once("-- from ") {
        Some((_, from)) => from.trim().parse::<u32>().is_ok_and(|from| major >= from),
        None => !line.trim_start().starts_with("--"),
    };
    let lines = OBJECTS.split("\n\n").filter(is_wanted).flat_map(str::lines).filter(fits);
    lines.fold(String::new(), |all, line| all + line + "\n")
}
