//! Runs integrity checks on a database, all of them at one moment. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use sqlx::{AssertSqlSafe, Row as _};

use crate::base::hint::{DOCTOR, INTEGRITY, PLAN};
use crate::base::text::{list, sentence};
use crate::checks::check::{Check, Status};
use crate::checks::integrity::explain::{PlannedTable, Plans};
use crate::checks::integrity::header::Key;
use crate::checks::integrity::judge::{Accepting, exceptions_check, judge};
use crate::checks::integrity::outcome::{Answer, Found, Integrity, Outcome, Reason};
use crate::checks::integrity::{AddedColumn, Definition, added_columns, is_of_the_migration};
use crate::config::environment::Environment;
use crate::ledger::permission::Need;
use crate::ledger::pg::admission::{RefusedError, SessionError, check_environment, check_permitted};
use crate::ledger::pg::history::history_access;
use crate::ledger::pg::permission::current_role;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::{fetch_value, run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only, begin_read_only_at, savepoint};
use crate::schema::drift::exceptions::{CheckException, Exceptions};
use crate::schema::drift::expectation::Expectation;

/// What to check.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct IntegrityRequest<'a> {
    pub target: &'a Database,
    pub environment: Environment,
    pub checks: &'a [&'static Definition],
    /// None if there is no file of exceptions.
    pub exceptions: Option<&'a Exceptions>,
    pub today: Date,
}

/// The longest that a query may run.
const STATEMENT: Duration = Duration::from_secs(300);

/// Of each statement. A table that another session locks for a change is not waited for longer.
const LIMITS: Limits = Limits { lock: Some(Duration::from_secs(5)), statement: Some(STATEMENT) };

/// Runs the checks in one transaction that sees one moment.
pub async fn integrity(request: &IntegrityRequest<'_>) -> Result<Integrity, SessionError> {
    integrity_at(request, false).await
}

/// The same before the first migration, whose own tables may not exist yet: then they are as if they were empty. Columns
/// that the plan adds are as it adds them, so that what they will be wrong with is known before.
pub(crate) async fn integrity_before_migration(request: &IntegrityRequest<'_>) -> Result<Integrity, SessionError> {
    integrity_at(request, true).await
}

async fn integrity_at(request: &IntegrityRequest<'_>, is_before: bool) -> Result<Integrity, SessionError> {
    let mut connection = request.target.connect(Access::Read, "integrity").await?;
    let result = integrity_of(&mut connection, request, is_before).await;
    let _ = connection.close().await;
    result
}

async fn integrity_of(
    connection: &mut Session,
    request: &IntegrityRequest<'_>,
    is_before: bool,
) -> Result<Integrity, SessionError> {
    let IntegrityRequest { target, environment, .. } = *request;
    begin_read_only(connection, LIMITS).await?;
    let history = history_access(connection).await?;
    if history.is_readable {
        check_environment(connection, target, environment).await?;
    }
    let mut readable = readable(connection, request.checks).await?;
    if is_before {
        for (_, state) in
            readable.iter_mut().filter(|(name, it)| **it == Readable::NotThere && is_of_the_migration(name))
        {
            *state = Readable::Empty;
        }
    }
    let added = if is_before { added(connection, &readable).await? } else { Vec::new() };
    check_some_readable(connection, request, &readable).await?;
    let accepting =
        Accepting { all: request.exceptions.map_or(&[] as &[CheckException], |it| &it.checks), today: request.today };
    let snapshot: String = fetch_value(connection, "select pg_export_snapshot()", "exporting the snapshot").await?;
    let work = Work {
        request,
        readable,
        added,
        accepting,
        open: Mutex::new((0..request.checks.len()).rev().collect()),
        done: Mutex::default(),
    };
    work.run_in_two(connection, &snapshot).await?;
    let outcomes: Vec<Outcome> = std::mem::take(&mut *lock(&work.done)).into_values().collect();
    let server_version = server_facts(connection).await?.version;
    run(connection, "commit", "ending the transaction").await?;
    let exceptions: Option<Check> = request.exceptions.map(|_| exceptions_check(&outcomes, accepting));
    Ok(Integrity { environment, place: target.place(), server_version, outcomes, exceptions })
}

/// Checks that are shared between two sessions, since a server has more than one processor.
struct Work<'a> {
    request: &'a IntegrityRequest<'a>,
    readable: AllReadable,
    added: Vec<AddedColumn>,
    accepting: Accepting<'a>,
    /// The places of those that nobody has begun.
    open: Mutex<Vec<usize>>,
    done: Mutex<BTreeMap<usize, Outcome>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_> {
    /// Makes checks until there are none. What the session can't do is an answer, or is left for the other.
    async fn run(&self, connection: &mut Session, left: Option<&Mutex<Vec<usize>>>) -> Result<(), QueryError> {
        loop {
            let next = lock(&self.open).pop();
            let Some(at) = next else { return Ok(()) };
            let definition = self.request.checks[at];
            self.request.target.phase(&format!("checking {}", definition.name));
            let since = Instant::now();
            let added = definition.naming(&self.added);
            match (answer(connection, definition, &self.readable, &added, self.accepting).await, left) {
                (Err(_) | Ok(Answer::None(Reason::Locked(_))), Some(left)) => lock(left).push(at),
                (answer, _) => {
                    let mut outcome = judge(definition, answer?, self.accepting);
                    outcome.check = outcome.check.took(since.elapsed());
                    if !added.is_empty() && outcome.check.status != Status::Pass {
                        let columns = list(added.iter().map(|it| &it.column));
                        outcome.check.message.push_str(&format!("; checked with {columns} as the plan adds them"));
                    }
                    lock(&self.done).insert(at, outcome);
                }
            }
        }
    }

    /// Makes all checks, some of them in a second session that sees the snapshot of the first.
    async fn run_in_two(&self, connection: &mut Session, snapshot: &str) -> Result<(), QueryError> {
        let left = Mutex::default();
        let (helped, helping) = tokio::sync::oneshot::channel::<()>();
        let main = async {
            let made = self.run(connection, None).await;
            // After an error the other session begins nothing more.
            lock(&self.open).clear();
            made?;
            connection.while_waiting(helping).await.map(|_| connection)
        };
        let help = async {
            self.help(snapshot, &left).await;
            drop(helped);
        };
        let (main, ()) = tokio::join!(main, help);
        let connection = main?;
        lock(&self.open).append(&mut lock(&left));
        self.run(connection, None).await
    }

    /// Helps in a second session that sees the same moment. Without one it just takes longer.
    async fn help(&self, snapshot: &str, left: &Mutex<Vec<usize>>) {
        let Ok(mut connection) = self.request.target.connect(Access::Read, "integrity").await else { return };
        if begin_read_only_at(&mut connection, LIMITS, snapshot).await.is_ok() {
            let _ = self.run(&mut connection, Some(left)).await;
        }
        let _ = connection.close().await;
    }
}

/// Runs checks in a transaction that the caller has begun, on what it sees.
pub async fn check_session(
    connection: &mut Session,
    checks: &[&'static Definition],
    today: Date,
) -> Result<Vec<Outcome>, QueryError> {
    let accepting = Accepting { all: &[], today };
    let readable = readable(connection, checks).await?;
    let mut outcomes = Vec::new();
    for definition in checks {
        let answer = answer(connection, definition, &readable, &[], accepting).await?;
        outcomes.push(judge(definition, answer, accepting));
    }
    Ok(outcomes)
}

/// What the connected role may do with a relation that a check reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readable {
    Yes,
    NotThere,
    /// It doesn't exist, and is taken for empty.
    Empty,
    NotAllowed,
    /// A policy may hide rows.
    Policed,
    /// Another session has it, and did not let go of it in time.
    Locked,
}

type AllReadable = BTreeMap<&'static str, Readable>;

async fn readable(connection: &mut Session, checks: &[&'static Definition]) -> Result<AllReadable, QueryError> {
    let names: BTreeSet<&'static str> = checks.iter().flat_map(|it| it.header.reads.iter().copied()).collect();
    let names: Vec<&'static str> = names.into_iter().collect();
    let rows: Vec<(i64, bool, bool, bool)> = sqlx::query_as(
        "select w.at, c.oid is not null, \
                coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'), false), \
                coalesce(row_security_active(c.oid), false) \
         from unnest($1::text[]) with ordinality w (name, at) \
         left join pg_namespace n on n.nspname = split_part(w.name, '.', 1) \
         left join pg_class c on c.relnamespace = n.oid and c.relname = split_part(w.name, '.', 2) \
              and c.relkind in ('r', 'p', 'v', 'm', 'f') \
         order by w.at",
    )
    .bind(&names)
    .fetch_all(&mut *connection)
    .await
    .attempt("asking what the role may read")?;
    let state = |(_, is_there, is_allowed, is_policed)| match (is_there, is_allowed, is_policed) {
        (false, ..) => Readable::NotThere,
        (true, false, _) => Readable::NotAllowed,
        (true, true, true) => Readable::Policed,
        (true, true, false) => Readable::Yes,
    };
    let mut found: AllReadable = names.into_iter().zip(rows.into_iter().map(state)).collect();
    for (name, state) in found.iter_mut().filter(|(_, state)| **state == Readable::Yes) {
        if is_locked(connection, name).await? {
            *state = Readable::Locked;
        }
    }
    Ok(found)
}

/// The columns that tables of padealing don't have yet.
async fn added(connection: &mut Session, readable: &AllReadable) -> Result<Vec<AddedColumn>, QueryError> {
    let names: Vec<&str> = readable.iter().filter(|(_, it)| **it == Readable::Yes).map(|(name, _)| *name).collect();
    let live: Vec<(String, String, String)> = sqlx::query_as(
        "select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) \
         from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'padealing' and n.nspname || '.' || c.relname = any($1) and c.relkind in ('r', 'p') \
           and a.attnum > 0 and not a.attisdropped",
    )
    .bind(&names)
    .fetch_all(connection)
    .await
    .attempt("asking which columns there are")?;
    Ok(added_columns(&Expectation::embedded().catalog, &live))
}

/// Takes the lock that every query of a relation takes, so that what is locked is waited for once. The names are those
/// of the checks' files.
async fn is_locked(connection: &mut Session, name: &str) -> Result<bool, QueryError> {
    let sql = format!("lock table {name} in access share mode");
    let taken = savepoint(connection, async |connection| run(connection, &sql, "locking what is read").await).await?;
    // What can't be locked, such as a foreign table, is read without.
    Ok(taken.is_err_and(|error| error.is_lock_conflict()))
}

/// Ends the command where it could say nothing of any row: no schema, or no right to read it.
async fn check_some_readable(
    connection: &mut Session,
    request: &IntegrityRequest<'_>,
    readable: &AllReadable,
) -> Result<(), SessionError> {
    let target = request.target;
    let is_there = "select to_regnamespace('padealing') is not null";
    if !fetch_value::<bool>(connection, is_there, "looking for padealing").await? {
        return Err(RefusedError::NotApplied { place: target.place() }.into());
    }
    let reading: Vec<&&Definition> = request.checks.iter().filter(|it| !it.header.reads.is_empty()).collect();
    let is_possible = |it: &&&Definition| it.header.reads.iter().all(|name| readable.get(name) == Some(&Readable::Yes));
    if reading.is_empty() || reading.iter().any(is_possible) {
        return Ok(());
    }
    if readable.values().all(|it| matches!(it, Readable::NotThere | Readable::Empty)) {
        return Err(RefusedError::NotApplied { place: target.place() }.into());
    }
    let role = current_role(connection).await?;
    let parts = readable.keys().filter_map(|name| name.split_once('.'));
    let needs = parts.flat_map(|(schema, name)| {
        [
            Need::schema(&role, schema, "USAGE"),
            Need::table(&role, schema, name, "SELECT"),
            Need::rows(&role, schema, name),
        ]
    });
    Ok(check_permitted(connection, target, &needs.collect::<Vec<_>>(), "read what the checks are about").await?)
}

async fn answer(
    connection: &mut Session,
    definition: &'static Definition,
    readable: &AllReadable,
    added: &[&AddedColumn],
    accepting: Accepting<'_>,
) -> Result<Answer, QueryError> {
    if let Some(reason) = obstacle(connection, definition, readable).await? {
        return Ok(Answer::None(reason));
    }
    let asked = savepoint(connection, async |connection| match definition.header.index {
        Some(key) => plans(connection, definition, key).await,
        None => found(connection, definition, readable, added, accepting).await,
    });
    match asked.await? {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_lost() => Err(error),
        Err(error) => Ok(refused(definition, &error)),
    }
}

/// Why a check can't be made, if that is known beforehand.
async fn obstacle(
    connection: &mut Session,
    definition: &Definition,
    readable: &AllReadable,
) -> Result<Option<Reason>, QueryError> {
    let of = |wanted: Readable| {
        let names = definition.header.reads.iter().filter(|name| readable.get(*name) == Some(&wanted));
        Some(list(names)).filter(|names| !names.is_empty())
    };
    if let Some(names) = of(Readable::NotThere) {
        return Ok(Some(Reason::Unknown(format!("{names} doesn't exist; `{PLAN}` shows what is missing"))));
    }
    if let Some(names) = of(Readable::NotAllowed) {
        let role = current_role(connection).await?;
        let text = format!("{role} has no SELECT on {names}; `{DOCTOR}` shows what the role lacks");
        return Ok(Some(Reason::Unknown(text)));
    }
    if let Some(names) = of(Readable::Policed) {
        let text = format!("row-level security may hide rows of {names}; connect as a role with BYPASSRLS");
        return Ok(Some(Reason::Unknown(text)));
    }
    if let Some(names) = of(Readable::Locked) {
        let text = format!("{names} is locked by another session; run this again when it has finished");
        return Ok(Some(Reason::Locked(text)));
    }
    let Some((extension, function)) = definition.header.extension else { return Ok(None) };
    let allowed: Option<bool> = sqlx::query_scalar(
        "select has_schema_privilege(n.oid, 'usage') and coalesce(has_function_privilege( \
                    to_regprocedure(format('%I.', n.nspname) || $2), 'execute'), false) \
         from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = $1",
    )
    .bind(extension)
    .bind(function)
    .fetch_optional(&mut *connection)
    .await
    .attempt("looking for an extension")?;
    Ok(match allowed {
        Some(true) => None,
        Some(false) => {
            let role = current_role(connection).await?;
            let text = format!("{role} may not execute {function} of the extension {extension}; grant it EXECUTE");
            Some(Reason::Unknown(text))
        }
        None => Some(Reason::NotApplicable(format!(
            "the extension {extension} isn't installed in this database; a superuser can run `create extension {extension}`"
        ))),
    })
}

/// What an error of a check's statement means.
fn refused(definition: &Definition, error: &QueryError) -> Answer {
    let words = sentence(&error.source);
    if error.is_lock_conflict() {
        return Answer::None(Reason::Locked(words));
    }
    match error.sqlstate().as_deref() {
        Some(sqlstate::DATA_CORRUPTED | sqlstate::INDEX_CORRUPTED) => Answer::Damaged(words),
        Some(sqlstate::QUERY_CANCELED) => Answer::None(Reason::Unknown(format!(
            "it took more than {} s and was ended; `{INTEGRITY} --sql {}` prints it for psql, which has no limit",
            STATEMENT.as_secs(),
            definition.name
        ))),
        Some(sqlstate::UNDEFINED_COLUMN | sqlstate::UNDEFINED_TABLE) => {
            Answer::None(Reason::Unknown(format!("{words}; `{PLAN}` shows what is missing")))
        }
        _ => Answer::None(Reason::Unknown(words)),
    }
}

async fn found(
    connection: &mut Session,
    definition: &Definition,
    readable: &AllReadable,
    added: &[&AddedColumn],
    accepting: Accepting<'_>,
) -> Result<Answer, QueryError> {
    const WHAT: &str = "running a check";
    // The queries join whole tables: a nested loop over a table that the planner takes for small would never end.
    // Two sessions are at work: more processes than that would take the application's processors, and on few get in each
    // other's way.
    let settings = "set local enable_nestloop = off; set local work_mem = '64MB'; \
                    set local max_parallel_workers_per_gather = 0";
    run(connection, settings, WHAT).await?;
    let is_absent = |name: &&&str| readable.get(*name) == Some(&Readable::Empty);
    let absent: Vec<&str> = definition.header.reads.iter().filter(is_absent).copied().collect();
    type Row = (i64, i64, i64, Vec<String>, String);
    let (counted, as_in_source, excepted, accepted_ids, rows): Row =
        sqlx::query_as(AssertSqlSafe(definition.counting_before(&absent, added)))
            .bind(accepting.ids(definition.name))
            .fetch_one(connection)
            .await
            .attempt(WHAT)?;
    let rows = read_json(&rows)?;
    let [counted, as_in_source, excepted] = [counted, as_in_source, excepted].map(i64::unsigned_abs);
    Ok(Answer::Rows(Found { counted, as_in_source, excepted, accepted_ids, rows }))
}

fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, QueryError> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into())).attempt("reading the server's JSON")
}

async fn plans(connection: &mut Session, definition: &Definition, key: Key<'_>) -> Result<Answer, QueryError> {
    const WHAT: &str = "asking for a plan";
    let mut plans = Vec::new();
    for scans in ["off", "on"] {
        let settings = format!(
            "set local enable_nestloop = on; set local max_parallel_workers_per_gather to default; \
             set local enable_seqscan = {scans}"
        );
        run(connection, &settings, WHAT).await?;
        let row =
            sqlx::raw_sql(AssertSqlSafe(definition.explaining())).fetch_one(&mut *connection).await.attempt(WHAT)?;
        let text: String = row.try_get_unchecked(0).attempt(WHAT)?;
        plans.push(read_json(&text)?);
    }
    let (bytes, rows): (i64, f32) =
        sqlx::query_as("select pg_relation_size(oid), reltuples from pg_class where oid = to_regclass($1)")
            .bind(key.table)
            .fetch_one(&mut *connection)
            .await
            .attempt(WHAT)?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, pg_get_indexdef(i.indexrelid, 1, true) \
         from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)",
    )
    .bind(key.table)
    .fetch_all(&mut *connection)
    .await
    .attempt(WHAT)?;
    let usual = plans.pop().unwrap_or_default();
    let without_scans = plans.pop().unwrap_or_default();
    let table = PlannedTable { bytes, rows: rows.into(), indexes: indexes.into_iter().collect() };
    Ok(Answer::Plans(Plans { without_scans, usual }, table))
}
