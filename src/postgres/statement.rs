//! Statements in a session.
//!
//! Every session has pinned settings, so that what the server prints doesn't depend on how a database or a role is
//! configured (D20).

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Executor};

use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Runs statements that return nothing.
pub(crate) async fn run(connection: &mut Session, sql: &str, what: &str) -> Result<(), QueryError> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ()).attempt(what)
}

/// The one value that a query returns.
pub(crate) async fn fetch_value<T>(connection: &mut Session, sql: &str, what: &str) -> Result<T, QueryError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.attempt(what)
}

/// How long the way to the server and back takes at best.
pub(crate) async fn round_trip(connection: &mut Session) -> Result<Duration, QueryError> {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let since = Instant::now();
        run(connection, "select 1", "measuring the way to the server").await?;
        least = least.min(since.elapsed());
    }
    Ok(least)
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version`, such as `15.18`.
    pub version: String,
    /// The encoding of the database.
    pub encoding: String,
}

pub(crate) async fn server_facts(connection: &mut Session) -> Result<ServerFacts, QueryError> {
    let (version, encoding) = sqlx::query_as::<_, (String, String)>(
        "select split_part(current_setting('server_version'), ' ', 1), current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .attempt("asking the server for its version")?;
    Ok(ServerFacts { version, encoding })
}
