//! The transaction in which the schema is changed: its lock, its retries, its guards.

use std::time::Duration;

use crate::config::environment::Environment;
use crate::ledger::history::RecordKind;
use crate::ledger::pg::admission::SessionError;
use crate::ledger::revisions::Revision;
use crate::postgres::database::Access;
use crate::postgres::lock::{Acquired, Lock, holders};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only, begin_writing};
use crate::schema::catalog::{Catalog, Id, Object};
use crate::schema::guard;
use crate::schema::guard::scope::Scope;
use crate::schema::names::CONTRACT_SCHEMA;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::locks::{Allowed, Outside};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::step::Step;

/// How long `apply` waits for another `apply` to end.
pub(crate) const APPLY_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How often everything is tried while another session holds a lock. Before each retry it is rolled back.
pub(crate) const ATTEMPTS: u32 = 4;

/// What is read, not changed, when no step is under way.
const CATALOG: &str = "the catalog";

/// Has the server end the statement of an `apply` or a `revert` when its connection is lost
/// (PostgreSQL 20.3.2; from 14).
pub(crate) async fn watch_the_connection(connection: &mut Session) -> Result<(), QueryError> {
    let sql = "select set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval'";
    sqlx::query(sql).execute(connection).await.map(|_| ()).attempt("setting up the session")
}

pub(crate) async fn locked_connection(request: &ChangeRequest<'_>, activity: &str) -> Result<Session, ApplyError> {
    let mut connection = request.database.connect(Access::Write, activity).await?;
    watch_the_connection(&mut connection).await?;
    match Lock::Apply.acquire(&mut connection, APPLY_LOCK_TIMEOUT).await? {
        Acquired::Yes => Ok(connection),
        Acquired::HeldBy(holder) => {
            let _ = connection.close().await;
            Err(ApplyError::Locked { place: request.database.place(), holder })
        }
    }
}

pub(crate) async fn begin(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<(), QueryError> {
    begin_writing(connection, Limits { lock: Some(request.lock_timeout), statement: None }).await?;
    run(connection, "set local check_function_bodies = off", "setting up the transaction").await
}

/// Tries again, from the beginning, when another session holds a lock. Each time in a transaction that writes.
pub(crate) async fn retry_while_locked<T>(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    work: impl AsyncFn(&mut Session) -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    retry(connection, request, Access::Write, work).await
}

/// The same in a transaction that reads, and sees one moment.
pub(crate) async fn read_while_locked<T>(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    work: impl AsyncFn(&mut Session) -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    retry(connection, request, Access::Read, work).await
}

async fn retry<T>(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    access: Access,
    work: impl AsyncFn(&mut Session) -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    let mut tried = 1;
    loop {
        match access {
            Access::Write => begin(connection, request).await?,
            Access::Read => {
                begin_read_only(connection, Limits { lock: Some(request.lock_timeout), statement: None }).await?;
            }
        }
        // Not available within lock_timeout; a deadlock.
        let object = match work(connection).await {
            Err(ApplyError::Step { object, source }) if source.is_lock_conflict() => object,
            Err(ApplyError::Session(SessionError::Query(source))) if source.is_lock_conflict() => CATALOG.to_owned(),
            other => return other,
        };
        run(connection, "rollback", "rolling back").await?;
        if tried == ATTEMPTS {
            let holders = holders(connection).await?;
            let seconds = request.lock_timeout.as_secs_f32();
            return Err(ApplyError::Busy { object, seconds, attempts: ATTEMPTS, holders });
        }
        tokio::time::sleep(Duration::from_millis(250 << tried)).await;
        tried += 1;
    }
}

/// What may be sent, besides changes within padealing.
pub(crate) fn scope(request: &ChangeRequest<'_>, down: bool) -> Scope {
    let mut moves_from = vec!["public".to_owned()];
    moves_from.extend(request.legacy.map(|it| it.schema.clone()));
    Scope { down, mirror: false, moves_from }
}

pub(crate) async fn send(connection: &mut Session, step: &Step, scope: &Scope) -> Result<(), ApplyError> {
    guard::check(&step.sql, scope)?;
    let failed = |source| ApplyError::Step { object: step.object.clone(), source };
    run(connection, &step.sql, "the statement").await.map_err(failed)
}

pub(crate) fn reference(catalog: &Catalog) -> Vec<(&Id, &Object)> {
    catalog.objects.iter().filter(|(id, _)| id.schema == CONTRACT_SCHEMA).collect()
}

pub(crate) async fn check_held(
    connection: &mut Session,
    outside: &Outside,
    allowed: &Allowed,
) -> Result<(), ApplyError> {
    let violations = outside.violations(connection, allowed).await?;
    if violations.is_empty() { Ok(()) } else { Err(ApplyError::Held(violations.join("; "))) }
}

/// Records that the database is this environment's from now on: the newest line again, which changes nothing else.
pub(crate) async fn record_adoption(
    connection: &mut Session,
    environment: Environment,
    given_up: Environment,
) -> Result<(), QueryError> {
    sqlx::query(
        "insert into padealing.schema_revision \
             (revision, name, checksum, kind, sql, database_role, program_version, environment) \
         select revision, name, checksum, kind, $1, current_user, $2, $3 \
         from padealing.schema_revision order by id desc limit 1",
    )
    .bind(format!("-- a copy of {given_up} became the database of {environment}"))
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(environment.as_str())
    .execute(connection)
    .await
    .map(|_| ())
    .attempt("recording the environment")
}

pub(crate) async fn record_one(
    connection: &mut Session,
    revision: &Revision,
    kind: RecordKind,
    sql: &str,
    environment: Environment,
) -> Result<(), ApplyError> {
    let is_stored: Option<bool> = sqlx::query_scalar(
        "insert into padealing.schema_revision \
             (revision, name, checksum, kind, sql, database_role, program_version, environment) \
         values ($1, $2, $3, $4, $5, current_user, $6, $7) \
         returning (revision, name, checksum, kind, environment) is not distinct from ($1, $2, $3, $4, $7)",
    )
    .bind(revision.number)
    .bind(revision.name)
    .bind(revision.checksum())
    .bind(kind.to_string())
    .bind(sql)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(environment.as_str())
    .fetch_optional(connection)
    .await
    .attempt("recording the revision")?;
    match is_stored {
        Some(true) => Ok(()),
        _ => Err(ApplyError::Unrecorded { number: revision.number.to_owned() }),
    }
}
