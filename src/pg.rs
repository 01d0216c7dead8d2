//! The only module that speaks to Postgres.
//!
//! Every connection is one session with pinned settings, so that what the server prints doesn't depend on how a
//! database or a role is configured (D20).

pub mod admin;
pub mod apply;
pub mod backup;
mod connect;
mod copy;
pub mod doctor;
pub mod drift;
pub mod introspect;
mod locks;
mod lookup;
pub mod migrate;
pub mod plan;
pub mod seed;
mod sequences;
mod source;
pub mod verify;

pub use connect::{Access, ConnectError, Database};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::config::Environment;

/// Something that was asked of a database, and failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed")]
pub struct QueryError {
    /// What was attempted.
    pub what: String,
    /// The cause.
    #[source]
    pub source: Cause,
}

/// Why a database didn't do what was asked: its own words, without the driver's.
#[derive(Debug)]
pub struct Cause(pub sqlx::Error);

impl std::error::Error for Cause {}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            sqlx::Error::Database(error) => {
                f.write_str(error.message())?;
                if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    for more in [error.detail(), error.hint()].into_iter().flatten() {
                        write!(f, "; {}", more.trim_end_matches('.'))?;
                    }
                }
                let code = error.code().unwrap_or_default();
                write!(f, " (SQLSTATE {code})")?;
                // A database's own CONNECT is no matter that doctor could look into.
                if code == "42501" && !error.message().contains("for database") {
                    f.write_str("; `pad-migrate doctor` shows what the role lacks")?;
                }
                Ok(())
            }
            sqlx::Error::Io(error) => write!(f, "the connection was lost: {error}"),
            sqlx::Error::Protocol(text) => f.write_str(text),
            sqlx::Error::Tls(error) => write!(f, "TLS: {error}"),
            error => write!(f, "{error}"),
        }
    }
}

impl Cause {
    /// The SQLSTATE, if the server said one.
    pub fn sqlstate(&self) -> Option<String> {
        self.0.as_database_error().and_then(|it| it.code()).map(|it| it.into_owned())
    }
}

impl QueryError {
    /// The SQLSTATE, if the server said one.
    pub fn sqlstate(&self) -> Option<String> {
        self.source.sqlstate()
    }
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

/// Runs statements that return nothing.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str, what: &str) -> Result<(), QueryError> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ()).attempt(what)
}

/// Key of the advisory lock that keeps a second writer of a kind out: `padm` in ASCII, then the kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    Apply,
    Migrate,
}

impl Lock {
    fn keys(self) -> (i32, i32) {
        (i32::from_be_bytes(*b"padm"), self as i32)
    }

    /// Takes the lock for the session, or says who holds it. Polls: a session that waits inside the lock function
    /// holds a snapshot, which stops CREATE INDEX CONCURRENTLY elsewhere.
    pub(crate) async fn acquire(
        self,
        connection: &mut PgConnection,
        patience: std::time::Duration,
    ) -> Result<Result<(), String>, QueryError> {
        let (class, object) = self.keys();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
                .bind(class)
                .bind(object)
                .fetch_one(&mut *connection)
                .await
                .attempt("taking the advisory lock")?;
            if taken {
                return Ok(Ok(()));
            }
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let holder: Option<String> = sqlx::query_scalar(
            "select format('process %s (%s, role %s, from %s, since %s)', a.pid, a.application_name, a.usename, \
                    coalesce(host(a.client_addr), 'this machine'), date_trunc('second', a.backend_start)::timestamp) \
             from pg_locks l join pg_stat_activity a using (pid) \
             where l.locktype = 'advisory' and l.granted and l.classid = $1::int8::oid and l.objid = $2::int8::oid \
               and l.database = (select oid from pg_database where datname = current_database())",
        )
        .bind(i64::from(class))
        .bind(i64::from(object))
        .fetch_optional(&mut *connection)
        .await
        .attempt("finding who holds the advisory lock")?;
        Ok(Err(holder.unwrap_or_else(|| "a session that has just ended".to_owned())))
    }
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version`, such as `15.18`.
    pub version: String,
    /// The encoding of the database.
    pub encoding: String,
}

pub(crate) async fn server_facts(connection: &mut PgConnection) -> Result<ServerFacts, QueryError> {
    let (version, encoding) = sqlx::query_as::<_, (String, String)>(
        "select split_part(current_setting('server_version'), ' ', 1), current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .attempt("asking the server for its version")?;
    Ok(ServerFacts { version, encoding })
}

/// Why a command may not run here.
#[derive(Debug, thiserror::Error)]
pub enum RefusedError {
    /// The database belongs to another environment.
    #[error(
        "the database at {place} was set up as environment {recorded}, and this run is for {asked}; \
         correct --env or APP_ENV, or the address"
    )]
    OtherEnvironment {
        /// Where.
        place: String,
        /// What the database says.
        recorded: String,
        /// What the run says.
        asked: Environment,
    },
    /// There is no application schema of ours yet.
    #[error("the database at {place} has no padealing schema at the current revision; run `pad-migrate apply` first")]
    NotApplied {
        /// Where.
        place: String,
    },
    /// A command for local databases was called elsewhere.
    #[error("{what} is for local databases only: {reason}")]
    NotLocal {
        /// What was refused.
        what: &'static str,
        /// Which condition fails.
        reason: String,
    },
    /// The database can't hold every text.
    #[error("the database at {place} has the encoding {encoding}; the target must be UTF8 to hold every text")]
    Encoding {
        /// Where.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The question itself failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Whether the history of our revisions is there, and whether the role may read it, all of it.
pub(crate) async fn history_access(connection: &mut PgConnection) -> Result<(bool, bool), QueryError> {
    let access: Option<bool> = sqlx::query_scalar(
        "select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
                and not row_security_active(c.oid) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'padealing' and c.relname = 'schema_revision'",
    )
    .fetch_optional(connection)
    .await
    .attempt("looking for the schema's history")?;
    Ok((access.is_some(), access == Some(true)))
}

/// Checks that the database is the one that the run is meant for.
pub(crate) async fn check_environment(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    if !history_access(connection).await?.0 {
        return Ok(());
    }
    let recorded: Option<String> =
        sqlx::query_scalar("select environment from padealing.schema_revision order by id desc limit 1")
            .fetch_optional(connection)
            .await
            .attempt("reading the schema's history")?;
    match recorded {
        Some(recorded) if recorded != environment.as_str() => {
            Err(RefusedError::OtherEnvironment { place: database.place(), recorded, asked: environment })
        }
        _ => Ok(()),
    }
}

/// Checks that the target is at the current revision and can hold every text.
pub(crate) async fn check_applied(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    let facts = server_facts(connection).await?;
    if facts.encoding != "UTF8" {
        return Err(RefusedError::Encoding { place: database.place(), encoding: facts.encoding });
    }
    check_environment(connection, database, environment).await?;
    let not_applied = || RefusedError::NotApplied { place: database.place() };
    if !history_access(connection).await?.0 {
        return Err(not_applied());
    }
    let history = plan::history(connection).await?;
    if crate::plan::route::pending(&history, environment).is_empty() { Ok(()) } else { Err(not_applied()) }
}

/// Text of our mark on a reference schema that we created.
pub(crate) const MIRROR_MARK: &str = "Reference mirror made by pad-migrate for local and ephemeral use.";

/// Whether there is no reference mirror yet: no schema, or one that is marked as ours and has no tables.
pub(crate) async fn lacks_mirror(connection: &mut PgConnection) -> Result<bool, QueryError> {
    sqlx::query_scalar(
        "select not exists (select from pg_namespace n where nspname = 'bo_airflow' \
             and (obj_description(n.oid, 'pg_namespace') is distinct from $1 \
                  or exists (select from pg_class where relnamespace = n.oid)))",
    )
    .bind(MIRROR_MARK)
    .fetch_one(connection)
    .await
    .attempt("looking for the reference mirror")
}

/// Checks everything that a command for local databases needs (command line, "What local may do").
pub(crate) async fn check_local(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
    what: &'static str,
) -> Result<(), RefusedError> {
    let refused = |reason: String| Err(RefusedError::NotLocal { what, reason });
    if environment != Environment::Local {
        return refused(format!("this run is for environment {environment}"));
    }
    if !database.is_loopback() {
        return refused(format!("{} is not on this machine", database.place()));
    }
    let foreign: bool = sqlx::query_scalar(
        "select exists (select from pg_namespace where nspname = 'bo_airflow' \
         and obj_description(oid, 'pg_namespace') is distinct from $1)",
    )
    .bind(MIRROR_MARK)
    .fetch_one(connection)
    .await
    .attempt("looking for the reference schema")?;
    if foreign {
        return refused(format!(
            "{} has a reference schema bo_airflow that pad-migrate did not create",
            database.place()
        ));
    }
    Ok(())
}
