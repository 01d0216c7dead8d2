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
use crate::migration::effects::Firing;
use crate::migration::needs;
use crate::migration::pg::foreign_keys::{ForeignKey, foreign_keys};
use crate::migration::pg::names::{Gone, Look, Marks, NAMED_TABLE, Named, Witness, wait_for_writers};
use crate::migration::pg::run_record::RunRecord;
use crate::migration::pg::side_effects::{Checked, UnsafeError, Written, check_side_effects, refuse};
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
    /// A trigger or a rule writes to other rows.
    #[error("removing the test data, {written}; nothing was removed at {place}")]
    Others { place: String, written: String },
    /// The application writes about the rows all the time.
    #[error(
        "the application is writing about the test data at {place}, and nothing was removed; keep it from that for a moment, \
         and run this again"
    )]
    Busy { place: String, source: QueryError },
    /// Deletes can't be watched, or would reach other rows.
    #[error(transparent)]
    Unsafe(#[from] UnsafeError),
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
    let (keys, firing) = check_target(&mut session, request).await?;
    let marks = Marks::now(&mut session).await?;
    let mut witness = Witness::new(request.target);
    let busy = |source| CleanError::Busy { place: request.target.place(), source };
    let mut attempt = 1;
    let (mut report, gone) = loop {
        match clean_once(&mut session, request, &keys, (&mut witness, marks)).await {
            Ok(CleanEnd::Done(report, gone)) => break (report, gone),
            Ok(CleanEnd::Named) if attempt < ATTEMPTS => {
                run(&mut session, "rollback", "rolling back").await?;
                attempt += 1;
            }
            Ok(CleanEnd::Named) => {
                let words = "audit entries about it are written all the time".to_owned();
                Err(sqlx::Error::Protocol(words)).attempt("removing the test data").map_err(busy)?;
            }
            Ok(CleanEnd::Writing(others)) => {
                run(&mut session, "rollback", "rolling back").await?;
                wait_for_writers(&mut session, request.target, others).await.map_err(busy)?;
            }
            Err(CleanError::Session(SessionError::Query(error))) if error.is_retryable() && attempt < ATTEMPTS => {
                run(&mut session, "rollback", "rolling back").await?;
                attempt += 1;
            }
            Err(CleanError::Session(SessionError::Query(error))) if error.is_retryable() => return Err(busy(error)),
            Err(error) => return Err(error),
        }
    };
    if !request.dry_run && report.deleted() > 0 {
        report.dangling = session.while_waiting(witness.dangling(&[], &gone)).await??;
    }
    report.notes = firing.iter().map(|it| it.note("clean")).collect();
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
async fn check_target(
    session: &mut Session,
    request: &CleanRequest<'_>,
) -> Result<(Vec<ForeignKey>, Vec<Firing>), CleanError> {
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
    .fetch_all(&mut *session)
    .await
    .attempt("looking up people in bo_airflow.oracle_employee")?;
    if !unknown.is_empty() {
        let ids = list(unknown.iter().map(ToString::to_string));
        return Err(CleanError::Unknown { place: target.place(), ids });
    }
    match check_side_effects(session, target, &CLEANED).await? {
        Checked::Safe(firing) => Ok((keys, firing)),
        Checked::Unsafe(error) => Err(error.into()),
    }
}

/// How one attempt ended.
enum CleanEnd {
    Done(CleanReport, Gone),
    /// The transaction is open still: others have written what names its rows.
    Named,
    /// It is open still, and so are these transactions of others, which may have.
    Writing(Vec<String>),
}

/// One attempt, in one transaction, which is open still if this fails.
async fn clean_once(
    session: &mut Session,
    request: &CleanRequest<'_>,
    keys: &[ForeignKey],
    (witness, marks): (&mut Witness, Marks),
) -> Result<CleanEnd, CleanError> {
    let CleanRequest { target, environment, employees, dry_run } = request;
    let server_version = server_facts(session).await?.version;
    // What others change meanwhile can't be deleted in it, and is looked at again.
    match dry_run {
        true => begin_read_only(session, Limits::default()).await?,
        false => begin_writing_one_moment(session, Limits::default()).await?,
    }
    let rows = Chosen::find(session, employees).await?;
    let mut report = CleanReport {
        employees: (*employees).clone(),
        left: rows.left.clone(),
        server_version,
        ..CleanReport::default()
    };
    for key in keys {
        let ids = rows.deleted.iter().find(|(table, _)| *table == key.referred).map_or(&[][..], |(_, ids)| ids);
        check_referring(session, target, key, ids).await?;
    }
    for (table, ids) in &rows.deleted {
        let (before, deleted) = (count(session, table).await?, ids.len() as u64);
        report.tables.push(TableRows { table, before, deleted, after: before - deleted });
    }
    if *dry_run || report.deleted() == 0 {
        run(session, "rollback", "ending the transaction").await?;
        return Ok(CleanEnd::Done(report, Gone::default()));
    }
    delete(session, target, &rows.deleted).await?;
    for rows in &mut report.tables {
        rows.after = count(session, rows.table).await?;
    }
    let record = RunRecord::new(session, "clean", *environment, json!({ "employees": employees })).await?;
    record.whole(session, &report.tables, report.verdict()).await?;
    let own: Vec<i32> = session.process().into_iter().collect();
    let named = rows.named();
    match session.while_waiting(witness.look(&own, marks, &named, rows.entries())).await?? {
        Look::Quiet => {}
        Look::Named => return Ok(CleanEnd::Named),
        Look::Writing(others) => return Ok(CleanEnd::Writing(others)),
    }
    commit(session, target, "committing the removal").await?;
    let mut gone = Gone::default();
    gone.extend(&named);
    Ok(CleanEnd::Done(report, gone))
}

/// Deletes the rows and nothing else.
async fn delete(session: &mut Session, target: &Database, rows: &[(&'static str, Vec<i64>)]) -> Result<(), CleanError> {
    let written = Written::so_far(session).await?;
    let mut meant = Vec::new();
    for (table, ids) in rows.iter().filter(|(_, ids)| !ids.is_empty()) {
        let sql = format!("delete from padealing.{table} where id = any($1)");
        let done = sqlx::query(AssertSqlSafe(sql)).bind(ids).execute(&mut *session).await;
        let done = done.attempt(&format!("deleting from {table}"))?.rows_affected();
        let deleted = ids.len() as u64;
        if done != deleted {
            let rows = plural(deleted - done, "row", "rows");
            return Err(CleanError::Left { place: target.place(), table, rows });
        }
        meant.push((*table, deleted));
    }
    // Triggers that wait for the COMMIT are seen, too.
    run(session, "set constraints all immediate", "checking the constraints").await?;
    let Some(others) = Written::so_far(session).await?.beside(&written, &meant) else { return Ok(()) };
    let written = refuse(session, &CLEANED, &others).await?;
    Err(CleanError::Others { place: target.place(), written })
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
    /// The rows that an audit entry may name: one of their request refers to that by its foreign key.
    fn named(&self) -> Vec<Named> {
        let of = |(table, ids): &(&'static str, Vec<i64>)| {
            let table = *table;
            let row = move |id| Named { table, id, request: (table == "pad_request").then_some(id) };
            ids.iter().copied().map(row).collect::<Vec<_>>()
        };
        self.deleted.iter().filter(|(table, _)| *table != AUDIT_LOG).flat_map(of).collect()
    }

    /// The audit entries that are deleted.
    fn entries(&self) -> &[i64] {
        self.deleted.iter().find(|(table, _)| *table == AUDIT_LOG).map_or(&[], |(_, ids)| ids)
    }

    async fn find(session: &mut Session, employees: &BTreeSet<i64>) -> Result<Self, QueryError> {
        let of = array(employees.iter().copied());
        let (requests, mut left) = requests(session, employees).await?;
        let removed = array(requests.iter().copied());
        let mut deleted = Vec::new();
        for table in CLEANED.into_iter().filter(|it| *it != AUDIT_LOG) {
            let ids = match condition(table, &of, &removed) {
                Some(condition) => ids(session, table, &condition).await?,
                None => requests.clone(),
            };
            deleted.push((table, ids));
        }
        let entries = ids(session, AUDIT_LOG, &entries(&of, &removed, &deleted)).await?;
        // Those first that refer to others.
        deleted.insert(0, (AUDIT_LOG, entries));
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

const AUDIT_LOG: &str = "audit_log";

/// An audit entry `a` of a request that stays.
fn of_others(removed: &str) -> String {
    format!("a.request_id is not null and a.request_id <> all({removed})")
}

/// Which rows of a table `t` are removed, but for those of lineage; none for the requests themselves.
fn condition(table: &str, of: &str, removed: &str) -> Option<String> {
    Some(match table {
        "pad_breach" => {
            let others = of_others(removed);
            format!(
                "(request_id = any({removed}) or request_id is null and employee_id = any({of}) and not exists \
                     (select from padealing.audit_log a where {others} and {NAMED_TABLE} = 'pad_breach' \
                      and a.entity_id = t.id))"
            )
        }
        "chatbot_session" | "employee_role" => format!("employee_id = any({of})"),
        "pad_request" => return None,
        _ => format!("request_id = any({removed})"),
    })
}

/// Which audit entries are removed: those of the requests, those that name rows that are removed, and what the employees
/// did beside; never one that came from the legacy table.
fn entries(of: &str, removed: &str, deleted: &[(&str, Vec<i64>)]) -> String {
    let name = NAMED_TABLE.replace("a.", "t.");
    let named = deleted.iter().map(|(table, ids)| {
        format!(
            "when {name} = '{table}' and entity_id is not null then entity_id = any({}) ",
            array(ids.iter().copied())
        )
    });
    format!(
        "(request_id = any({removed}) or request_id is null and case {}\
             else actor_type = 'user' and actor_id = any({of}) end \
             and not exists (select from padealing.migration_mapping m where m.target_id = t.id \
                             and split_part(m.target_table, ':', 1) = 'audit_log'))",
        named.collect::<String>()
    )
}

/// The requests of some that an audit entry of another request names, itself or a row of it.
async fn named_by_others(session: &mut Session, requests: &[i64]) -> Result<BTreeSet<i64>, QueryError> {
    let removed = array(requests.iter().copied());
    let of = |table: &str| {
        let others = of_others(&removed);
        let request = if table == "pad_request" { "id" } else { "request_id" };
        format!(
            "select t.{request} from padealing.audit_log a join padealing.{table} t on t.id = a.entity_id \
             where {others} and {NAMED_TABLE} = '{table}' and t.{request} = any({removed})"
        )
    };
    let tables = ["pad_request", "pad_approval", "pad_execution", "pad_breach", "compliance_decision_outcome"];
    let sql = tables.map(of).join(" union ");
    let found: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(session)
        .await
        .attempt("looking for audit entries that name test data")?;
    Ok(found.into_iter().collect())
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
    .fetch_all(&mut *session)
    .await
    .attempt("reading the employees' requests")?;
    let ids = |chosen: fn(&(i64, bool, bool)) -> bool| rows.iter().filter(|it| chosen(it)).map(|it| it.0).collect();
    let (migrated, in_use): (Vec<i64>, Vec<i64>) = (ids(|it| it.1), ids(|it| !it.1 && it.2));
    let (mut removed, mut named): (Vec<i64>, Vec<i64>) = (ids(|it| !it.1 && !it.2), Vec::new());
    // What stays may name more.
    loop {
        let more = named_by_others(session, &removed).await?;
        if more.is_empty() {
            break;
        }
        removed.retain(|id| !more.contains(id));
        named.extend(more);
    }
    let left = [
        stay("pad_request", LeftReason::Migrated, "from the legacy table, so no test data", &migrated),
        stay("pad_request", LeftReason::InUse, "referred to by a breach of another employee", &in_use),
        stay("pad_request", LeftReason::InUse, "named by the audit log as part of another request", &named),
    ];
    Ok((removed, left.into_iter().flatten().collect()))
}

fn stay(table: &'static str, reason: LeftReason, message: &'static str, ids: &[i64]) -> Option<LeftRows> {
    let first = ids.iter().copied().take(SHOWN).collect();
    (!ids.is_empty()).then_some(LeftRows { table, reason, message, rows: ids.len() as u64, ids: first })
}

async fn ids(session: &mut Session, table: &str, condition: &str) -> Result<Vec<i64>, QueryError> {
    let sql = format!("select id::int8 from padealing.{table} t where {condition} order by 1");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(session).await.attempt(&format!("reading {table}"))
}

/// SQL of an array of ids.
fn array(ids: impl IntoIterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("'{{{}}}'::int8[]", ids.join(","))
}
