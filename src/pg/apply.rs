//! Applies a plan, and takes revisions back: in one transaction, on a connection of its own.
//!
//! The connection is closed on every path, and the advisory lock goes with its session. Nothing is sent that
//! [`crate::guard`] hasn't read, and nothing is committed before the server was asked what is locked (`locks`) and the
//! catalog was read again.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::introspect::IntrospectError;
use super::locks::{Allowed, Outside};
use super::plan::{Found, assess, live, stage};
use super::{Access, Attempt, ConnectError, Database, Lock, QueryError, RefusedError, run};
use crate::catalog::{APPLICATION_SCHEMA, CONTRACT_SCHEMA, Catalog, Id, Kind, Object, Property};
use crate::config::{Environment, Roles, TableName};
use crate::guard::{self, Refusal, Scope};
use crate::plan::route::{RecordKind, Route, applied};
use crate::plan::{Decision, HazardKind, Plan, Step, plan};
use crate::revisions::{self, MOVED_NOTE, Revision, RoleNames, render};

/// How long `apply` waits for another `apply` to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the whole is tried while somebody else holds a lock. Each time everything is let go of first.
const ATTEMPTS: u32 = 4;

/// What is read, not changed, when no step is under way.
const CATALOG: &str = "the catalog";

/// What to apply, where.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The target.
    pub database: &'a Database,
    /// The environment, recorded with each revision.
    pub environment: Environment,
    /// The roles that revisions speak of.
    pub roles: &'a Roles,
    /// Where the legacy table is: tables of ours beside it are moved.
    pub legacy: Option<&'a TableName>,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// The revision to go to, up or down; the newest, if none is named.
    pub to: Option<&'a str>,
    /// Whether indexes are built after the transaction, one by one, while others go on writing.
    pub concurrently: bool,
}

impl<'a> Request<'a> {
    /// To the newest revision, waiting five seconds for a lock.
    pub fn new(database: &'a Database, environment: Environment, roles: &'a Roles) -> Self {
        let lock_timeout = Duration::from_secs(5);
        Self { database, environment, roles, legacy: None, lock_timeout, to: None, concurrently: false }
    }
}

/// What `apply` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether the reference mirror was created too.
    pub mirror_created: bool,
    /// What was done.
    pub route: Route,
    /// How many indexes were built after the transaction.
    pub built: usize,
    /// Indexes that were not, and why.
    pub unbuilt: Vec<(String, String)>,
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
    /// The catalog could not be read.
    #[error(transparent)]
    Introspect(#[from] IntrospectError),
    /// Another `apply` is at work.
    #[error("another apply is running on {place}: {holder}; wait for it to end, then run this again")]
    Locked {
        /// Where.
        place: String,
        /// Who.
        holder: String,
    },
    /// Somebody else uses what is to be changed.
    #[error(
        "{object} could not be locked within {seconds} s, {attempts} times: in use by {holders}; nothing was changed; \
         wait for them or end them, or allow more with --lock-timeout"
    )]
    Busy {
        /// What the step is about.
        object: String,
        /// For how long each attempt waited.
        seconds: f32,
        /// How often.
        attempts: u32,
        /// Who holds locks.
        holders: String,
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
    /// There is no such revision.
    #[error("there is no revision {number}; there are {}", numbers())]
    Unknown {
        /// What was asked for.
        number: String,
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
    /// What is expected can't be reached without a person.
    #[error(
        "{count} must be seen to by a person first, and nothing was changed: {first}; `pad-migrate plan` shows more"
    )]
    Blocked {
        /// How many.
        count: String,
        /// One of them.
        first: String,
    },
    /// The schema isn't any more what the plan was made for.
    #[error("the schema was changed by somebody else since the plan was shown; nothing was done; look at the new plan")]
    Moved,
    /// A statement would touch what isn't ours. A defect of this program.
    #[error(transparent)]
    Guard(#[from] Refusal),
    /// The transaction holds what it must not. A defect of this program.
    #[error("the guard stopped it before COMMIT, and nothing was changed: {0}")]
    Held(String),
    /// The schema would not be what it should be.
    #[error("the schema would still differ, so nothing was changed: {first}; {count} in all")]
    Unreached {
        /// How many steps would be left.
        count: usize,
        /// One of them.
        first: String,
    },
    /// A step failed; all of them are rolled back.
    #[error("{object}: the step failed, and nothing was changed")]
    Step {
        /// What it is about.
        object: String,
        /// The cause.
        #[source]
        source: QueryError,
    },
    /// Whether the end was reached is not known.
    #[error("the connection was lost while committing; `pad-migrate status` tells whether it was done")]
    Commit(#[source] QueryError),
    /// There is nothing to take back.
    #[error("no revision above {to} is applied at {place}, so there is nothing to take back")]
    NothingToRevert {
        /// Where.
        place: String,
        /// The revision to go to.
        to: String,
    },
    /// Rows would be lost.
    #[error(
        "taking back {revisions} would lose {losses}; nothing was changed; give --allow-data-loss to revert if that is meant"
    )]
    Loss {
        /// The revisions.
        revisions: String,
        /// What would be lost.
        losses: String,
    },
    /// A statement between the steps failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

fn numbers() -> String {
    let number = |it: Option<&Revision>| it.map_or("none", |it| it.number);
    format!("{} to {}", number(revisions::ALL.first()), number(revisions::ALL.last()))
}

/// What an `apply` and a `revert` say of themselves to the server: with its connection, its statement ends too
/// (PostgreSQL 20.3.2; from 14).
async fn watch_the_connection(connection: &mut PgConnection) -> Result<(), QueryError> {
    let sql = "select set_config(name, '1s', false) from pg_settings where name = 'client_connection_check_interval'";
    sqlx::query(sql).execute(connection).await.map(|_| ()).attempt("setting up the session")
}

async fn locked_connection(request: &Request<'_>, activity: &str) -> Result<PgConnection, ApplyError> {
    let mut connection = request.database.connect(Access::Write, activity).await?;
    watch_the_connection(&mut connection).await?;
    match Lock::Apply.acquire(&mut connection, PATIENCE).await? {
        Ok(()) => Ok(connection),
        Err(holder) => {
            let _ = connection.close().await;
            Err(ApplyError::Locked { place: request.database.place(), holder })
        }
    }
}

async fn begin(connection: &mut PgConnection, request: &Request<'_>) -> Result<(), QueryError> {
    let sql = format!(
        "begin read write; set local lock_timeout = {}; set local check_function_bodies = off",
        request.lock_timeout.as_millis()
    );
    run(connection, &sql, "starting the transaction").await
}

/// Brings the schema to the revision that is asked for, if the way there is the one that was agreed to.
/// In a local database without a reference schema, creates the mirror first.
pub async fn apply(request: &Request<'_>, agreed: Option<&Route>) -> Result<Applied, ApplyError> {
    let mut connection = locked_connection(request, "apply").await?;
    let result = apply_locked(&mut connection, request, agreed).await;
    // Whatever happened, an open transaction ends with the session, and so does the lock.
    let _ = connection.close().await;
    result
}

async fn apply_locked(
    connection: &mut PgConnection,
    request: &Request<'_>,
    agreed: Option<&Route>,
) -> Result<Applied, ApplyError> {
    let mut done = patiently(connection, request, async |it| attempt(it, request, agreed).await).await?;
    if request.concurrently {
        for step in done.route.plan.steps.iter().filter(|it| it.can_be_concurrent) {
            match build(connection, request, step).await {
                Ok(()) => done.built += 1,
                // The schema is committed: this is for a person to look at, not a run that did nothing.
                Err(error) => done.unbuilt.push((step.object.clone(), crate::report::sentence(&error))),
            }
        }
    }
    Ok(done)
}

/// Tries again, from the beginning, when somebody else holds a lock.
async fn patiently<T>(
    connection: &mut PgConnection,
    request: &Request<'_>,
    work: impl AsyncFn(&mut PgConnection) -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    let mut tried = 1;
    loop {
        begin(connection, request).await?;
        let (object, source) = match work(connection).await {
            Err(ApplyError::Step { object, source }) => (object, source),
            Err(ApplyError::Query(source)) => (CATALOG.to_owned(), source),
            other => return other,
        };
        // Not available within lock_timeout; a deadlock.
        let waits = matches!(source.sqlstate().as_deref(), Some("55P03" | "40P01"));
        if !waits {
            return Err(if object == CATALOG {
                ApplyError::Query(source)
            } else {
                ApplyError::Step { object, source }
            });
        }
        run(connection, "rollback", "letting go").await?;
        if tried == ATTEMPTS {
            let holders = holders(connection).await?;
            let seconds = request.lock_timeout.as_secs_f32();
            return Err(ApplyError::Busy { object, seconds, attempts: ATTEMPTS, holders });
        }
        tokio::time::sleep(Duration::from_millis(250 << tried)).await;
        tried += 1;
    }
}

/// Who holds locks on our tables or on theirs.
async fn holders(connection: &mut PgConnection) -> Result<String, QueryError> {
    let found: Option<String> = sqlx::query_scalar(
        "select string_agg(it, '; ' order by it) from ( \
             select distinct format('process %s (%s, role %s%s)', a.pid, coalesce(nullif(a.application_name, ''), 'without a name'), \
                 a.usename, ', ' || a.state || ' since ' || to_char(a.xact_start, 'HH24:MI:SS')) as it \
             from pg_locks l join pg_stat_activity a using (pid) join pg_class c on c.oid = l.relation \
             join pg_namespace n on n.oid = c.relnamespace \
             where l.granted and l.pid <> pg_backend_pid() and n.nspname in ('padealing', 'bo_airflow', 'public') \
             order by 1 limit 3) it",
    )
    .fetch_one(connection)
    .await
    .attempt("asking who holds locks")?;
    Ok(found.unwrap_or_else(|| "somebody who has just let go".to_owned()))
}

/// The words for what stands in the way.
fn blocked(plan: &Plan) -> Option<ApplyError> {
    let first = plan.blocking().next()?;
    let first = format!("{} {}: {}", first.kind, first.object, first.reason);
    let count = crate::report::plural(plan.blocking().count() as u64, "difference", "differences");
    Some(ApplyError::Blocked { count, first })
}

async fn attempt(
    connection: &mut PgConnection,
    request: &Request<'_>,
    agreed: Option<&Route>,
) -> Result<Applied, ApplyError> {
    let found = assess(connection, request).await?;
    let Found { route, makes_mirror, .. } = &found;
    if let Some(error) = blocked(&route.plan) {
        return Err(error);
    }
    // What another program has made, beside a reference schema that isn't our mirror, is nobody's local database.
    let Request { database, environment, .. } = *request;
    let is_adoption = found.history.is_empty() && route.records.iter().any(|it| it.kind == RecordKind::Baseline);
    if environment == Environment::Local && is_adoption {
        super::check_local(connection, database, environment, "adopting what another program has made").await?;
    }
    let same = |it: &Route| {
        let sql = |it: &Route| it.plan.steps.iter().map(|it| it.sql.clone()).collect::<Vec<_>>();
        sql(it) == sql(route) && it.records == route.records
    };
    if !agreed.is_none_or(same) {
        return Err(ApplyError::Moved);
    }
    let mut done = Applied { mirror_created: *makes_mirror, route: route.clone(), built: 0, unbuilt: Vec::new() };
    if route.is_empty() && !makes_mirror {
        run(connection, "rollback", "ending the transaction").await?;
        return Ok(done);
    }
    let outside = Outside::read(connection).await?;
    if *makes_mirror {
        let mirror = super::seed::mirror(request.roles);
        send(connection, &mirror, &Scope { mirror: true, ..Scope::default() }).await?;
    }
    let scope = scope(request, false);
    let later = |it: &&Step| {
        let planned = || route.plan.steps.iter().any(|step| step.sql == it.sql);
        request.concurrently && it.can_be_concurrent && planned()
    };
    for step in route.plan.steps.iter().filter(|it| !later(it)) {
        send(connection, step, &scope).await?;
    }
    // What is there now is asked of the server, not concluded.
    let (_, reached) = live(connection, request).await?;
    let expected = stage(request.to).map(|it| it.after);
    let rest = expected.map(|it| plan(it, reached.clone(), &found.parties, &found.facts)).unwrap_or_default();
    let mut rest: Vec<&Step> = rest.steps.iter().collect();
    rest.retain(|it| !later(it));
    if let Some(first) = rest.first() {
        return Err(ApplyError::Unreached { count: rest.len(), first: first.sql.trim_end_matches(';').to_owned() });
    }
    for record in &route.records {
        let (revision, kind) = (&record.revision, record.kind);
        record_one(connection, revision, kind, &record.sql, request.environment).await?;
    }
    let moves = route.plan.tables.iter().filter(|it| *it.1 == Decision::Move).map(|it| it.0.clone()).collect();
    let allowed = Allowed { references: references(route), down: false, moved: moves, mirror: *makes_mirror };
    check_held(connection, &outside, &allowed).await?;
    if !makes_mirror && reference(&found.live) != reference(&reached) {
        return Err(ApplyError::Held(
            "the reference schema has changed meanwhile; see who changed it, and run apply again".to_owned(),
        ));
    }
    run(connection, "commit", "committing").await.map_err(ApplyError::Commit)?;
    done.route = found.route;
    Ok(done)
}

/// What may be sent, beside what is ours.
fn scope(request: &Request<'_>, down: bool) -> Scope {
    let mut moves_from = vec!["public".to_owned()];
    moves_from.extend(request.legacy.map(|it| it.schema.clone()));
    Scope { down, mirror: false, moves_from }
}

async fn send(connection: &mut PgConnection, step: &Step, scope: &Scope) -> Result<(), ApplyError> {
    guard::check(&step.sql, scope)?;
    let failed = |source| ApplyError::Step { object: step.object.clone(), source };
    run(connection, &step.sql, "the statement").await.map_err(failed)
}

/// Reference tables that foreign keys are added to.
fn references(route: &Route) -> BTreeSet<String> {
    let hazards = route.plan.steps.iter().flat_map(|it| &it.hazards);
    hazards.filter(|it| it.kind == HazardKind::ReferenceLock).map(|it| it.table.replace('"', "")).collect()
}

fn reference(catalog: &Catalog) -> Vec<(&Id, &Object)> {
    catalog.objects.iter().filter(|it| it.0.schema == CONTRACT_SCHEMA).collect()
}

async fn check_held(connection: &mut PgConnection, outside: &Outside, allowed: &Allowed) -> Result<(), ApplyError> {
    let violations = outside.violations(connection, allowed).await?;
    if violations.is_empty() { Ok(()) } else { Err(ApplyError::Held(violations.join("; "))) }
}

/// Builds an index, or builds it again, while others go on writing. What a failure of ours leaves half built is dropped.
async fn build(connection: &mut PgConnection, request: &Request<'_>, step: &Step) -> Result<(), ApplyError> {
    let name = step.object.rsplit_once('.').map_or(step.object.as_str(), |it| it.1);
    let ours = |name: &str| crate::ddl::qualified(APPLICATION_SCHEMA, name);
    let (sql, leftover) = match step.sql.strip_prefix("reindex index ") {
        // What is left of a rebuilding has a name of its own.
        Some(rest) => (format!("reindex index concurrently {rest}"), ours(&format!("{name}_ccnew"))),
        None => (step.sql.replacen("index ", "index concurrently ", 1), ours(name)),
    };
    guard::check(&sql, &scope(request, false))?;
    let drop = format!("drop index concurrently if exists {leftover}");
    guard::check(&drop, &scope(request, false))?;
    let mut tried = 1;
    loop {
        let timeout = format!("set lock_timeout = {}", request.lock_timeout.as_millis());
        run(connection, &timeout, "setting the lock timeout").await?;
        let Err(error) = run(connection, &sql, "building the index").await else { return Ok(()) };
        // Somebody else's of the same name is valid, or being built by them.
        let is_ours = !matches!(error.sqlstate().as_deref(), Some("42P07" | "42710"));
        if is_ours && is_invalid(connection, &leftover).await? {
            // Whoever kept us waiting keeps this waiting too.
            run(connection, "set lock_timeout = '60s'", "setting the lock timeout").await?;
            run(connection, &drop, "dropping the half-built index").await?;
        }
        if tried == ATTEMPTS || !matches!(error.sqlstate().as_deref(), Some("55P03" | "40P01")) {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(250 << tried)).await;
        tried += 1;
    }
}

async fn is_invalid(connection: &mut PgConnection, name: &str) -> Result<bool, QueryError> {
    sqlx::query_scalar("select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)")
        .bind(name)
        .fetch_one(connection)
        .await
        .attempt("looking for a half-built index")
}

async fn record_one(
    connection: &mut PgConnection,
    revision: &Revision,
    kind: RecordKind,
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
    .bind(kind.to_string())
    .bind(sql)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(environment.as_str())
    .execute(connection)
    .await
    .map(|_| ())
    .attempt("recording the revision")
}

/// The way down: what is taken back, and what would be lost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descent {
    /// The revisions, newest first.
    pub revisions: Vec<Revision>,
    /// What would be lost, in words: tables with rows, columns with values.
    pub losses: Vec<String>,
    /// Revisions that were not run but found: what was there before them is not known.
    pub adopted: Vec<Revision>,
}

/// What `revert` would take back, without doing it. Without `to`, the newest revision only; `0000` takes all of them.
pub async fn descent(request: &Request<'_>) -> Result<Descent, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "revert").await?;
    let found = descend(&mut connection, request, false).await;
    let _ = connection.close().await;
    found.map(|it| it.0)
}

/// The number that stands before the first revision.
pub const NOTHING: &str = "0000";

async fn descend(
    connection: &mut PgConnection,
    request: &Request<'_>,
    lock: bool,
) -> Result<(Descent, Catalog, RoleNames), ApplyError> {
    let Request { database, environment, .. } = *request;
    super::check_environment(connection, database, environment).await?;
    let history = super::plan::history(connection).await?;
    super::plan::check_history(&history)?;
    let applied = applied(&history);
    let newest = revisions::ALL.iter().rfind(|it| applied.contains_key(it.number));
    let before = newest.and_then(|it| revisions::ALL.iter().rfind(|other| other.number < it.number));
    let to = match request.to {
        Some(to) if to != NOTHING && !revisions::ALL.iter().any(|it| it.number == to) => {
            return Err(ApplyError::Unknown { number: to.to_owned() });
        }
        Some(to) => to,
        None => before.map_or(NOTHING, |it| it.number),
    };
    let taken = revisions::ALL.iter().rev().filter(|it| applied.contains_key(it.number) && it.number > to);
    let revisions: Vec<Revision> = taken.copied().collect();
    if revisions.is_empty() {
        return Err(ApplyError::NothingToRevert { place: database.place(), to: to.to_owned() });
    }
    let (_, live) = live(connection, request).await?;
    let names = super::plan::role_names(connection, request).await?;
    let mut losses = Vec::new();
    for (table, column) in lost(&live, to, revisions.first().map_or("", |it| it.number)) {
        let place = crate::ddl::qualified(APPLICATION_SCHEMA, &table);
        if lock {
            // Rows that come in after the counting would be lost unseen.
            let sql = format!("lock table {place} in access exclusive mode");
            run(connection, &sql, "locking what would be lost").await?;
        }
        let counted = match &column {
            Some(column) => format!("count({})", revisions::quote_identifier(column)),
            None => "count(*)".to_owned(),
        };
        let sql = format!("select {counted} from {place}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .attempt("counting what would be lost")?;
        if count > 0 {
            losses.push(match column {
                Some(column) => {
                    format!("{} of {table}.{column}", crate::report::plural(count as u64, "value", "values"))
                }
                None => format!("{} of {table}", crate::report::plural(count as u64, "row", "rows")),
            });
        }
    }
    let adopted: Vec<Revision> =
        revisions.iter().filter(|it| applied.get(it.number) == Some(&RecordKind::Baseline)).copied().collect();
    // Empty as it is, it isn't ours to drop unasked.
    if let (Some(newest), false) = (revisions.first(), adopted.is_empty()) {
        let made: Option<String> =
            sqlx::query_scalar("select string_agg(sql, e'\\n') from padealing.schema_revision where kind = 'baseline'")
                .fetch_one(&mut *connection)
                .await
                .attempt("reading what was made")?;
        let made = made.unwrap_or_default();
        let tables = lost(&live, to, newest.number).into_iter().filter(|it| it.1.is_none()).map(|it| it.0);
        let found = tables
            .filter(|it| !made.contains(&format!("create table {} ", crate::ddl::qualified(APPLICATION_SCHEMA, it))));
        losses.extend(found.map(|it| format!("table {it}, which was there before pad-migrate")));
    }
    Ok((Descent { revisions, losses, adopted }, live, names))
}

/// Tables and columns that are there at a revision and not at an earlier one. What moves back keeps its rows; our own
/// history goes with its table.
fn lost(live: &Catalog, to: &str, from: &str) -> Vec<(String, Option<String>)> {
    let after = |number: &str| -> Catalog {
        let recorded = crate::drift::Expectation::recorded(number);
        recorded.map(|it| it.named(&Roles::default())).unwrap_or_default()
    };
    let (high, low) = (after(from), after(to));
    let is_moved = |table: &str| {
        let comment = live.relation(APPLICATION_SCHEMA, table).and_then(|it| it.1.get(&Property::Comment));
        comment.is_some_and(|it| it.to_string().starts_with(MOVED_NOTE))
    };
    let gone = high.objects.keys().filter(|it| it.schema == APPLICATION_SCHEMA && !low.objects.contains_key(it));
    let is_there = |id: &&Id| live.objects.contains_key(*id);
    let of_table = |id: &Id| low.relation(APPLICATION_SCHEMA, id.top()).is_some() || is_moved(id.top());
    gone.filter(is_there)
        .filter_map(|id| match id.kind {
            Kind::Table if id.name != "schema_revision" && !is_moved(&id.name) => Some((id.name.clone(), None)),
            // The columns of a table that goes are not told one by one; those of one that moves back stay with it,
            // unless a revision has added them.
            Kind::Column if of_table(id) && (added_later(id) || !is_moved(&id.parent)) => {
                Some((id.parent.clone(), Some(id.name.clone())))
            }
            _ => None,
        })
        .collect()
}

/// Whether a column came with a later revision than its table.
fn added_later(id: &Id) -> bool {
    let recorded = |number: &str| crate::drift::Expectation::recorded(number).map(|it| it.named(&Roles::default()));
    let mut stages = revisions::ALL.iter().filter_map(|it| recorded(it.number));
    let first = stages.find(|it| it.relation(&id.schema, &id.parent).is_some());
    first.is_some_and(|it| !it.objects.contains_key(id))
}

/// Takes back what `agreed` says, if that is still what there is to take back.
pub async fn revert(
    request: &Request<'_>,
    allow_data_loss: bool,
    agreed: Option<&Descent>,
) -> Result<Descent, ApplyError> {
    let mut connection = locked_connection(request, "revert").await?;
    let work = async |it: &mut PgConnection| revert_once(it, request, allow_data_loss, agreed).await;
    let result = patiently(&mut connection, request, work).await;
    let _ = connection.close().await;
    result
}

async fn revert_once(
    connection: &mut PgConnection,
    request: &Request<'_>,
    allow_data_loss: bool,
    agreed: Option<&Descent>,
) -> Result<Descent, ApplyError> {
    let outside = Outside::read(connection).await?;
    let (descent, live_before, names) = descend(connection, request, true).await?;
    if agreed.is_some_and(|it| it.revisions != descent.revisions || !allow_data_loss && it.losses != descent.losses) {
        return Err(ApplyError::Moved);
    }
    let numbers = || descent.revisions.iter().map(|it| it.number).collect::<Vec<_>>().join(", ");
    if !descent.losses.is_empty() && !allow_data_loss {
        return Err(ApplyError::Loss { revisions: numbers(), losses: descent.losses.join(", ") });
    }
    let parties = super::drift::parties(connection, request.roles).await?;
    let is_at = |number: &str, catalog: &Catalog| {
        let stage = stage(Some(number))?;
        Some(plan(stage.after, catalog.clone(), &parties, &Default::default()).steps)
    };
    let from = descent.revisions.first().map_or("", |it| it.number);
    let was_clean = is_at(from, &live_before).is_some_and(|it| it.is_empty());
    let first = revisions::ALL.first().map_or("", |it| it.number);
    for revision in &descent.revisions {
        let sql = render(revision.down, &names);
        let object = format!("revision {} {}, the way down", revision.number, revision.name);
        let step = Step { sql: sql.clone(), object, table: None, hazards: Vec::new(), can_be_concurrent: false };
        send(connection, &step, &scope(request, true)).await?;
        // The first revision takes the history itself away.
        if revision.number != first {
            record_one(connection, revision, RecordKind::Reverted, &sql, request.environment).await?;
        }
    }
    let (_, reached) = live(connection, request).await?;
    let lowest = descent.revisions.last().map_or("", |it| it.number);
    let to = revisions::ALL.iter().rfind(|it| it.number < lowest);
    let moved: BTreeSet<String> = (live_before.objects.iter())
        .filter(|it| {
            it.0.kind == Kind::Table
                && it.1.get(&Property::Comment).is_some_and(|it| it.to_string().starts_with(MOVED_NOTE))
        })
        .map(|it| it.0.name.clone())
        .collect();
    // Tables that have moved back are no revision's.
    if let Some(to) = to.filter(|_| was_clean && moved.is_empty())
        && let Some(rest) = is_at(to.number, &reached)
        && let Some(first) = rest.first()
    {
        return Err(ApplyError::Unreached { count: rest.len(), first: first.sql.trim_end_matches(';').to_owned() });
    }
    let references = crate::catalog::REFERENCE_TABLES.iter().map(|it| format!("{CONTRACT_SCHEMA}.{it}")).collect();
    let allowed = Allowed { references, down: true, moved, mirror: false };
    check_held(connection, &outside, &allowed).await?;
    run(connection, "commit", "committing the way down").await.map_err(ApplyError::Commit)?;
    Ok(descent)
}
