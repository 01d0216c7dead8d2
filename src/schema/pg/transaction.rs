//! The transaction in which the schema is changed: its lock, its retries, its guards.

use std::time::Duration;

use crate::config::environment::Environment;
use crate::ledger::history::{Record, RecordKind};
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
use crate::schema::plan::code::Code;
use crate::schema::plan::step::Step;
use crate::schema::plan::stops::{allowed_line, how_to_disable};

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
    Scope { down, moves_from, ..Scope::default() }
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

/// A line that the history gets.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) revision: String,
    pub(crate) name: String,
    pub(crate) checksum: String,
    pub(crate) kind: RecordKind,
    /// What was sent.
    pub(crate) sql: String,
}

impl Line {
    pub(crate) fn of(revision: &Revision, kind: RecordKind, sql: &str) -> Self {
        let Revision { number, name, .. } = *revision;
        Self {
            revision: number.to_owned(),
            name: name.to_owned(),
            checksum: revision.checksum(),
            kind,
            sql: sql.to_owned(),
        }
    }

    /// That the database is another environment's from now on: the newest line again, which changes nothing else.
    pub(crate) fn adoption(newest: &Record, environment: Environment, given_up: Environment) -> Self {
        let Record { revision, name, checksum, kind, .. } = newest.clone();
        let sql = format!("-- a copy of {given_up} became the database of {environment}");
        Self { revision, name, checksum, kind, sql }
    }
}

/// Writes lines, and reads each back: a trigger may drop or change it. The last one names what was allowed.
pub(crate) async fn record(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    mut lines: Vec<Line>,
    code: &[Code],
) -> Result<(), ApplyError> {
    if let (Some(last), Some(allowed)) = (lines.last_mut(), allowed_line(request.allow_objects)) {
        last.sql.push_str(&allowed);
    }
    for line in &lines {
        record_one(connection, line, request.environment).await.map_err(|error| stopped(error, code))?;
    }
    Ok(())
}

async fn record_one(connection: &mut Session, line: &Line, environment: Environment) -> Result<(), ApplyError> {
    const WHAT: &str = "recording the revision";
    let Line { revision, name, checksum, kind, sql } = line;
    let kind = kind.to_string();
    let id: Option<i64> = sqlx::query_scalar(
        "insert into padealing.schema_revision \
             (revision, name, checksum, kind, sql, database_role, program_version, environment) \
         values ($1, $2, $3, $4, $5, current_user, $6, $7) returning id::int8",
    )
    .bind(revision)
    .bind(name)
    .bind(checksum)
    .bind(&kind)
    .bind(sql)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(environment.as_str())
    .fetch_optional(&mut *connection)
    .await
    .attempt(WHAT)?;
    let is_stored: bool = sqlx::query_scalar(
        "select exists (select from padealing.schema_revision where id = $1 \
             and (revision, name, checksum, kind, environment) is not distinct from ($2, $3, $4, $5, $6))",
    )
    .bind(id)
    .bind(revision)
    .bind(name)
    .bind(checksum)
    .bind(&kind)
    .bind(environment.as_str())
    .fetch_one(connection)
    .await
    .attempt(WHAT)?;
    if is_stored { Ok(()) } else { Err(ApplyError::Unrecorded { number: revision.clone() }) }
}

/// The error, with the trigger that raised it, if one of those that fire on steps did (documentation, PL/pgSQL: the
/// context of an error names the function).
pub(crate) fn stopped(error: ApplyError, code: &[Code]) -> ApplyError {
    let (object, source) = match error {
        ApplyError::Step { object, source } if !source.is_lock_conflict() => (object, source),
        ApplyError::Session(SessionError::Query(source)) if !source.is_lock_conflict() => {
            ("the record of the revision".to_owned(), source)
        }
        other => return other,
    };
    let context = source.context().unwrap_or_default().to_owned();
    match code.iter().find(|it| context.contains(&format!("function {} ", it.function))) {
        Some(code) => {
            let Code { caller, function, .. } = code;
            let what = format!("{caller}, which calls {function}, stopped {object}; {}", how_to_disable(code));
            ApplyError::Stopped { what, source }
        }
        None => ApplyError::Step { object, source },
    }
}
