//! Removes test data: the application's rows of some employees, in one transaction. Never in prod.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::base::text::{list, plural};
use crate::config::environment::Environment;
use crate::ledger::permission::Need;
use crate::ledger::pg::admission::{RefusedError, SessionError, check_applied, check_permitted, from_session_error};
use crate::ledger::pg::permission::current_role;
use crate::migration::clean::{CLEANED, CleanReport, LeftReason, LeftRows, TableRows};
use crate::migration::needs;
use crate::migration::pg::foreign_keys::{ForeignKey, foreign_keys};
use crate::migration::pg::run_record::RunRecord;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run, server_facts};
use crate::postgres::transaction::{CommitError, Limits, begin_read_only, begin_writing_one_moment, commit};

/// How often it is tried again after a conflict with another transaction.
const ATTEMPTS: u32 = 5;

/// Ids that a report lists of rows that stay.
const SHOWN: usize = 10;

/// Whose rows to remove, where.
#[derive(Clone, Debug)]
pub struct CleanRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// The environment; never prod.
    pub environment: Environment,
    /// Ids of `bo_airflow.oracle_employee`.
    pub employees: &'a BTreeSet<i64>,
    /// Nothing is deleted.
    pub dry_run: bool,
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum CleanError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Not there.
    #[error("clean removes test data and never works in prod; choose another environment with --env")]
    Prod,
    /// Nobody has such an id.
    #[error(
        "bo_airflow.oracle_employee at {place} has no employee with the id {ids}; nothing was removed; correct --employee"
    )]
    Unknown { place: String, ids: String },
    /// A table that pad-migrate doesn't manage refers to the rows.
    #[error(
        "{rows} of {table}, which pad-migrate doesn't manage, at {place} refer to rows of {referred} that would be \
         removed{example}; nothing was removed; remove them there first"
    )]
    Referred { place: String, table: String, referred: String, rows: String, example: String },
    /// A trigger or a rule drops a delete without a word.
    #[error(
        "{table} at {place} kept {rows} that were to be removed: a trigger or a rule of the table keeps them; nothing was \
         removed"
    )]
    Left { place: String, table: &'static str, rows: String },
    /// A trigger or a rule deletes rows that are nobody's test data.
    #[error(
        "a trigger or a rule at {place} deleted {rows} of {table} with the test data; nothing was removed; switch it off, \
         or remove the test data by hand"
    )]
    Others { place: String, table: &'static str, rows: String },
    /// The COMMIT.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

from_session_error!(CleanError: ConnectError, RefusedError, QueryError);

/// Removes the rows, or in a dry run counts them.
pub async fn clean(request: &CleanRequest<'_>) -> Result<CleanReport, CleanError> {
    if request.environment == Environment::Prod {
        return Err(CleanError::Prod);
    }
    let access = if request.dry_run { Access::Read } else { Access::Write };
    let mut session = request.target.connect(access, "clean").await?;
    let keys = check_target(&mut session, request).await?;
    let mut attempt = 1;
    let report = loop {
        match clean_once(&mut session, request, &keys).await {
            Err(CleanError::Session(SessionError::Query(error))) if error.is_retryable() && attempt < ATTEMPTS => {
                run(&mut session, "rollback", "rolling back").await?;
                attempt += 1;
            }
            done => break done?,
        }
    };
    let _ = session.close().await;
    Ok(report)
}

/// Refuses prod, and a server that can't be written to, before anything is counted and asked.
pub async fn check_writable(request: &CleanRequest<'_>) -> Result<(), CleanError> {
    if request.environment == Environment::Prod {
        return Err(CleanError::Prod);
    }
    let _ = request.target.connect(Access::Write, "clean").await?.close().await;
    Ok(())
}

/// Checks that it may work here, and finds what may refer to the rows.
async fn check_target(session: &mut Session, request: &CleanRequest<'_>) -> Result<Vec<ForeignKey>, CleanError> {
    let CleanRequest { target, environment, employees, dry_run } = request;
    let role = current_role(session).await?;
    let mut keys = foreign_keys(session, &CLEANED).await?;
    keys.retain(|it| !(it.is_of_request() && CLEANED.contains(&&*it.table)));
    let mut needs = needs::clean(&role, *dry_run);
    needs.extend(keys.iter().flat_map(|key| key.needs(&role)).collect::<Vec<Need>>());
    check_permitted(session, target, &needs, "remove test data").await?;
    check_applied(session, target, *environment).await?;
    let unknown: Vec<i64> = sqlx::query_scalar(
        "select it from unnest($1::int8[]) it where not exists \
             (select from bo_airflow.oracle_employee e where e.id = it) order by 1",
    )
    .bind(employees.iter().copied().collect::<Vec<_>>())
    .fetch_all(session)
    .await
    .attempt("looking up people in bo_airflow.oracle_employee")?;
    match unknown.is_empty() {
        true => Ok(keys),
        false => Err(CleanError::Unknown { place: target.place(), ids: list(unknown.iter().map(ToString::to_string)) }),
    }
}

async fn clean_once(
    session: &mut Session,
    request: &CleanRequest<'_>,
    keys: &[ForeignKey],
) -> Result<CleanReport, CleanError> {
    let CleanRequest { target, environment, employees, dry_run } = request;
    let server_version = server_facts(session).await?.version;
    // What others change meanwhile can't be deleted in it, and is looked at again.
    match dry_run {
        true => begin_read_only(session, Limits::default()).await?,
        false => begin_writing_one_moment(session, Limits::default()).await?,
    }
    let rows = Chosen::find(session, employees).await?;
    let mut report =
        CleanReport { employees: (*employees).clone(), left: rows.left, server_version, ..CleanReport::default() };
    for key in keys {
        let ids = rows.deleted.iter().find(|(table, _)| *table == key.referred).map_or(&[][..], |(_, ids)| ids);
        check_referring(session, target, key, ids).await?;
    }
    for (table, ids) in &rows.deleted {
        let before = count(session, table).await?;
        let (deleted, after) = (ids.len() as u64, before - ids.len() as u64);
        if !dry_run && deleted > 0 {
            let sql = format!("delete from padealing.{table} where id = any($1)");
            let done = sqlx::query(AssertSqlSafe(sql)).bind(ids).execute(&mut *session).await;
            let done = done.attempt(&format!("deleting from {table}"))?.rows_affected();
            if done != deleted {
                let rows = plural(deleted - done, "row", "rows");
                return Err(CleanError::Left { place: target.place(), table, rows });
            }
        }
        report.tables.push(TableRows { table, before, deleted, after });
    }
    // When all is done: a trigger of one table may write to another.
    for rows in report.tables.iter_mut().filter(|_| !dry_run) {
        let after = count(session, rows.table).await?;
        if after < rows.after {
            let others = plural(rows.after - after, "other row", "other rows");
            return Err(CleanError::Others { place: target.place(), table: rows.table, rows: others });
        }
        rows.after = after;
    }
    if *dry_run || report.deleted() == 0 {
        run(session, "rollback", "ending the transaction").await?;
        return Ok(report);
    }
    let record = RunRecord::new(session, "clean", *environment, json!({ "employees": employees })).await?;
    record.whole(session, &report.tables, report.verdict()).await?;
    commit(session, target, "committing the removal").await?;
    Ok(report)
}

async fn count(session: &mut Session, table: &str) -> Result<u64, QueryError> {
    let sql = format!("select count(*) from padealing.{table}");
    Ok(fetch_value::<i64>(session, &sql, "counting rows").await?.unsigned_abs())
}

/// Refuses to delete what another table refers to.
async fn check_referring(
    session: &mut Session,
    target: &Database,
    key: &ForeignKey,
    ids: &[i64],
) -> Result<(), CleanError> {
    let found: Vec<(i64, i64, Option<String>)> = sqlx::query_as(AssertSqlSafe(key.query()))
        .bind(ids)
        .fetch_all(session)
        .await
        .attempt(&format!("looking for rows of {} that refer to test data", key.shown()))?;
    let Some((_, _, example)) = found.first() else { return Ok(()) };
    let rows = found.iter().map(|(_, count, _)| count.unsigned_abs()).sum();
    Err(CleanError::Referred {
        place: target.place(),
        table: key.shown(),
        referred: key.referred.clone(),
        rows: plural(rows, "row", "rows"),
        example: example.as_ref().map(|id| format!(", such as the one with the id {id}")).unwrap_or_default(),
    })
}

/// The rows to delete, by table, and what stays.
struct Chosen {
    deleted: Vec<(&'static str, Vec<i64>)>,
    left: Vec<LeftRows>,
}

impl Chosen {
    async fn find(session: &mut Session, employees: &BTreeSet<i64>) -> Result<Self, QueryError> {
        let of = array(employees.iter().copied());
        let (requests, mut left) = requests(session, employees).await?;
        let removed = array(requests.iter().copied());
        let mut deleted = Vec::new();
        for table in CLEANED {
            let ids = match condition(table, &of, &removed) {
                Some(condition) => ids(session, table, &condition).await?,
                None => requests.clone(),
            };
            deleted.push((table, ids));
        }
        let of_table = |table: &str| {
            let ids = deleted.iter().find(|(name, _)| *name == table).map(|(_, ids)| ids.iter().copied());
            array(ids.into_iter().flatten())
        };
        let breaches = of_table("pad_breach");
        let stays = [
            (
                "pad_breach",
                LeftReason::AboutOthers,
                "about requests that stay",
                format!("employee_id = any({of}) and id <> all({breaches})"),
            ),
            (
                "pad_approval",
                LeftReason::NamesEmployee,
                "decisions about requests that stay",
                format!("approver_id = any({of}) and request_id <> all({removed})"),
            ),
            (
                "pad_execution",
                LeftReason::NamesEmployee,
                "executions of requests that stay",
                format!("recorded_by_id = any({of}) and request_id <> all({removed})"),
            ),
            (
                "pad_breach",
                LeftReason::NamesEmployee,
                "others' breaches that the employee resolved",
                format!("resolved_by_id = any({of}) and employee_id <> all({of}) and id <> all({breaches})"),
            ),
            (
                "pad_request",
                LeftReason::NamesEmployee,
                "others' requests that the employee changed or deleted",
                format!("(updated_by_id = any({of}) or deleted_by_id = any({of})) and employee_id <> all({of})"),
            ),
            (
                "audit_log",
                LeftReason::NamesEmployee,
                "what the employee did about requests that stay",
                format!("actor_type = 'user' and actor_id = any({of}) and id <> all({})", of_table("audit_log")),
            ),
            (
                "employee_role",
                LeftReason::NamesEmployee,
                "others' roles that the employee granted",
                format!("granted_by_id = any({of}) and employee_id <> all({of})"),
            ),
            (
                "restricted_security",
                LeftReason::NamesEmployee,
                "added by the employee",
                format!("added_by_id = any({of})"),
            ),
            (
                "compliance_config",
                LeftReason::NamesEmployee,
                "changed by the employee",
                format!("updated_by_id = any({of})"),
            ),
        ];
        for (table, reason, message, condition) in stays {
            let found = ids(session, table, &condition).await?;
            left.extend(stay(table, reason, message, &found));
        }
        Ok(Self { deleted, left })
    }
}

/// Which rows of a table are removed, but for those of lineage; none for the requests themselves.
fn condition(table: &str, of: &str, removed: &str) -> Option<String> {
    Some(match table {
        "audit_log" => format!(
            "(request_id = any({removed}) or request_id is null and case \
                 when entity_type = 'pad_request' and entity_id is not null then entity_id = any({removed}) \
                 else actor_type = 'user' and actor_id = any({of}) end)"
        ),
        "pad_breach" => {
            format!("(request_id = any({removed}) or request_id is null and employee_id = any({of}))")
        }
        "chatbot_session" | "employee_role" => format!("employee_id = any({of})"),
        "pad_request" => return None,
        _ => format!("request_id = any({removed})"),
    })
}

/// The employees' requests that are removed, and those that stay: with lineage, or with a breach of somebody else.
async fn requests(session: &mut Session, employees: &BTreeSet<i64>) -> Result<(Vec<i64>, Vec<LeftRows>), QueryError> {
    let rows: Vec<(i64, bool, bool)> = sqlx::query_as(
        "with own as (select id from padealing.pad_request where employee_id = any($1)), \
              lineage as materialized (select split_part(target_table, ':', 1) as name, target_id \
                                       from padealing.migration_mapping), \
              claimed as ( \
                  select own.id from own join lineage l on l.name = 'pad_request' and l.target_id = own.id \
                  union select own.id from own join padealing.pad_approval a on a.request_id = own.id \
                        join lineage l on l.name = 'pad_approval' and l.target_id = a.id \
                  union select own.id from own join padealing.pad_execution e on e.request_id = own.id \
                        join lineage l on l.name = 'pad_execution' and l.target_id = e.id \
                  union select own.id from own join padealing.audit_log a on a.request_id = own.id \
                        join lineage l on l.name = 'audit_log' and l.target_id = a.id) \
         select own.id, claimed.id is not null, \
                exists (select from padealing.pad_breach b where b.request_id = own.id and b.employee_id <> all($1)) \
         from own left join claimed on claimed.id = own.id order by 1",
    )
    .bind(employees.iter().copied().collect::<Vec<_>>())
    .fetch_all(session)
    .await
    .attempt("reading the employees' requests")?;
    let ids = |chosen: fn(&(i64, bool, bool)) -> bool| rows.iter().filter(|it| chosen(it)).map(|it| it.0).collect();
    let (migrated, in_use): (Vec<i64>, Vec<i64>) = (ids(|it| it.1), ids(|it| !it.1 && it.2));
    let left = [
        stay("pad_request", LeftReason::Migrated, "from the legacy table, so no test data", &migrated),
        stay("pad_request", LeftReason::InUse, "referred to by a breach of another employee", &in_use),
    ];
    Ok((ids(|it| !it.1 && !it.2), left.into_iter().flatten().collect()))
}

fn stay(table: &'static str, reason: LeftReason, message: &'static str, ids: &[i64]) -> Option<LeftRows> {
    let first = ids.iter().copied().take(SHOWN).collect();
    (!ids.is_empty()).then_some(LeftRows { table, reason, message, rows: ids.len() as u64, ids: first })
}

async fn ids(session: &mut Session, table: &str, condition: &str) -> Result<Vec<i64>, QueryError> {
    let sql = format!("select id::int8 from padealing.{table} where {condition} order by 1");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(session).await.attempt(&format!("reading {table}"))
}

/// SQL of an array of ids.
fn array(ids: impl IntoIterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("'{{{}}}'::int8[]", ids.join(","))
}
