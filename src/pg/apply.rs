//! Applies the revisions: pending ones, in one transaction, on a connection of their own.
//!
//! The connection is closed on every path, and the advisory lock goes with its session.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{Access, Attempt, ConnectError, Database, Lock, QueryError, RefusedError, check_environment, run};
use crate::config::{Environment, Roles};
use crate::revisions::{self, Revision, RoleNames, render};

/// How long `apply` waits for another `apply` to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to apply, where.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The target.
    pub database: &'a Database,
    /// The environment, recorded with each revision.
    pub environment: Environment,
    /// The roles that revisions speak of.
    pub roles: &'a Roles,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
}

/// What `apply` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether the reference mirror was created too.
    pub mirror_created: bool,
    /// The revisions that were applied now, in order.
    pub revisions: Vec<Revision>,
    /// How many had been applied before.
    pub already: usize,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database is not for this.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// Another `apply` is at work.
    #[error("another apply is running on {place}: {holder}; wait for it to end, then run this again")]
    Locked {
        /// Where.
        place: String,
        /// Who.
        holder: String,
    },
    /// A revision that was applied has another text now.
    #[error(
        "revision {number} was applied with another text than this program has for it; \
         use the program version that applied it, or restore migrations/{number}_{name}.up.sql"
    )]
    Changed {
        /// The revision.
        number: String,
        /// Its name.
        name: String,
    },
    /// The history names a revision that the program doesn't know.
    #[error("the database is at revision {number}, which this program doesn't know; use a newer pad-migrate")]
    Newer {
        /// The revision.
        number: String,
    },
    /// Tables of ours are there, made by somebody else.
    #[error(
        "padealing at {place} holds {tables} and no history of pad-migrate; \
         this version can only apply to an empty schema or to one that it manages"
    )]
    Unmanaged {
        /// Where.
        place: String,
        /// The tables.
        tables: String,
    },
    /// The reference tables that foreign keys point at are missing.
    #[error(
        "{place} has no table bo_airflow.{table}, which padealing refers to; \
         have the mirror set up, or grant USAGE on bo_airflow to this role"
    )]
    NoReference {
        /// Where.
        place: String,
        /// The table.
        table: &'static str,
    },
    /// A revision failed; all of them are rolled back.
    #[error("revision {number} ({name}) failed, and nothing was changed")]
    Revision {
        /// The revision.
        number: &'static str,
        /// Its name.
        name: &'static str,
        /// The cause.
        #[source]
        source: QueryError,
    },
    /// A statement between the revisions failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The revisions that are applied, with the checksum of each.
pub(crate) async fn history(connection: &mut PgConnection) -> Result<BTreeMap<String, String>, QueryError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select distinct on (revision) revision, kind, checksum from padealing.schema_revision order by revision, id desc",
    )
    .fetch_all(connection)
    .await
    .attempt("reading the schema's history")?;
    Ok(rows.into_iter().filter(|(_, kind, _)| kind != "reverted").map(|(number, _, sum)| (number, sum)).collect())
}

/// What `apply` would do now, without doing it: the pending revisions.
pub async fn pending(request: &Request<'_>) -> Result<Applied, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "apply").await?;
    let found = assess(&mut connection, request).await;
    let _ = connection.close().await;
    found
}

/// Applies what is pending. In a local database without a reference schema, creates the mirror first.
pub async fn apply(request: &Request<'_>) -> Result<Applied, ApplyError> {
    let mut connection = request.database.connect(Access::Write, "apply").await?;
    let result = apply_locked(&mut connection, request).await;
    // Whatever happened, an open transaction ends with the session, and so does the lock.
    let _ = connection.close().await;
    result
}

pub(super) async fn assess(connection: &mut PgConnection, request: &Request<'_>) -> Result<Applied, ApplyError> {
    let Request { database, environment, .. } = *request;
    check_environment(connection, database, environment).await?;
    let has_history = super::history_access(connection).await?.0;
    let applied = if has_history { history(connection).await? } else { BTreeMap::new() };
    for (number, checksum) in &applied {
        match revisions::ALL.iter().find(|it| it.number == number) {
            None => {
                return Err(ApplyError::Newer { number: number.clone() });
            }
            Some(revision) if revision.checksum() != *checksum => {
                return Err(ApplyError::Changed { number: number.clone(), name: revision.name.to_owned() });
            }
            Some(_) => {}
        }
    }
    if !has_history {
        let managed = crate::catalog::MANAGED_TABLES;
        let found: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = to_regnamespace('padealing') \
             and relkind in ('r', 'p', 'v', 'm') and relname = any($1) order by 1",
        )
        .bind(managed)
        .fetch_all(&mut *connection)
        .await
        .attempt("looking for tables of ours")?;
        if !found.is_empty() {
            return Err(ApplyError::Unmanaged { place: database.place(), tables: found.join(", ") });
        }
    }
    let local = environment == Environment::Local;
    let mirror_created = local && database.is_loopback() && super::lacks_mirror(connection).await?;
    if !mirror_created {
        for table in ["oracle_employee", "oracle_bloomberg"] {
            let there: bool = sqlx::query_scalar("select to_regclass('bo_airflow.' || $1) is not null")
                .bind(table)
                .fetch_one(&mut *connection)
                .await
                .attempt("looking for the reference tables")?;
            if !there {
                return Err(ApplyError::NoReference { place: database.place(), table });
            }
        }
    }
    let revisions = revisions::ALL.iter().filter(|it| !applied.contains_key(it.number)).copied().collect();
    Ok(Applied { mirror_created, revisions, already: applied.len() })
}

async fn apply_locked(connection: &mut PgConnection, request: &Request<'_>) -> Result<Applied, ApplyError> {
    if let Err(holder) = Lock::Apply.acquire(connection, PATIENCE).await? {
        return Err(ApplyError::Locked { place: request.database.place(), holder });
    }
    let begin = format!("begin; set local lock_timeout = {}", request.lock_timeout.as_millis());
    run(connection, &begin, "starting the transaction").await?;
    let todo = assess(connection, request).await?;
    if todo.mirror_created {
        super::seed::create_mirror(connection, request.roles).await?;
    }
    let roles = role_names(connection, request.roles).await?;
    for revision in &todo.revisions {
        let sql = render(revision.up, &roles);
        let failed = |source| ApplyError::Revision { number: revision.number, name: revision.name, source };
        run(connection, &sql, "the way up").await.map_err(failed)?;
        record(connection, revision, "applied", &sql, request.environment).await.map_err(failed)?;
    }
    run(connection, "commit", "committing the revisions").await?;
    Ok(todo)
}

/// Takes every revision above `down_to` back, newest first, in one transaction. Without `down_to`, all of them.
pub async fn revert(request: &Request<'_>, down_to: Option<&str>) -> Result<Vec<Revision>, ApplyError> {
    let mut connection = request.database.connect(Access::Write, "revert").await?;
    let result = revert_locked(&mut connection, request, down_to).await;
    let _ = connection.close().await;
    result
}

async fn revert_locked(
    connection: &mut PgConnection,
    request: &Request<'_>,
    down_to: Option<&str>,
) -> Result<Vec<Revision>, ApplyError> {
    if let Err(holder) = Lock::Apply.acquire(connection, PATIENCE).await? {
        return Err(ApplyError::Locked { place: request.database.place(), holder });
    }
    let begin = format!("begin; set local lock_timeout = {}", request.lock_timeout.as_millis());
    run(connection, &begin, "starting the transaction").await?;
    check_environment(connection, request.database, request.environment).await?;
    let applied = history(connection).await?;
    let roles = role_names(connection, request.roles).await?;
    let mut reverted = Vec::new();
    for revision in revisions::ALL.iter().rev() {
        if !applied.contains_key(revision.number) || down_to.is_some_and(|it| revision.number <= it) {
            continue;
        }
        let sql = render(revision.down, &roles);
        let failed = |source| ApplyError::Revision { number: revision.number, name: revision.name, source };
        run(connection, &sql, "the way down").await.map_err(failed)?;
        // The first revision takes the history itself away.
        if revision.number != revisions::ALL[0].number {
            record(connection, revision, "reverted", &sql, request.environment).await.map_err(failed)?;
        }
        reverted.push(*revision);
    }
    run(connection, "commit", "committing the way down").await?;
    Ok(reverted)
}

async fn role_names(connection: &mut PgConnection, roles: &Roles) -> Result<RoleNames, QueryError> {
    let current: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(connection)
        .await
        .attempt("asking for the current role")?;
    let Roles { owner, app, reader } = roles.clone();
    Ok(RoleNames { owner: owner.unwrap_or(current), app, reader })
}

async fn record(
    connection: &mut PgConnection,
    revision: &Revision,
    kind: &str,
    sql: &str,
    environment: Environment,
) -> Result<(), QueryError> {
    sqlx::query(
        "insert into padealing.schema_revision \
             (revision, name, checksum, kind, sql, database_role, program_version, environment) \
         values ($1, $2, $3, $4, $5, current_user, $6, $7)",
    )
    .bind(revision.number)
    .bind(revision.name)
    .bind(revision.checksum())
    .bind(kind)
    .bind(sql)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(environment.as_str())
    .execute(connection)
    .await
    .map(|_| ())
    .attempt("recording the revision")
}
