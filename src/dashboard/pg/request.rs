//! One request with everything that belongs to it.

use sqlx::{AssertSqlSafe, Row as _};

use crate::dashboard::pg::people::people;
use crate::dashboard::pg::record::{APPROVAL, AUDIT, BREACH, Columns, EXECUTION, IN_FULL, REQUEST};
use crate::dashboard::pg::within::within;
use crate::dashboard::rows::{Lineage, Origin, Record, Request};
use crate::migration::target::{LEGACY_MARK, Role, SOURCE_TABLE};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Of more rows of a table the first are shown.
const MOST: usize = 200;

/// Columns that name an employee.
const PEOPLE: [&str; 8] = [
    "employee_id",
    "updated_by_id",
    "deleted_by_id",
    "approver_id",
    "recorded_by_id",
    "resolved_by_id",
    "actor_id",
    "granted_by_id",
];

/// The employees that rows name.
pub(crate) fn named<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<i64> {
    records.into_iter().flat_map(|record| PEOPLE.iter().filter_map(|it| record.id_in(it))).collect()
}

async fn rows(
    session: &mut Session,
    table: &str,
    columns: Columns,
    of: (&str, i64),
    order: &str,
) -> Result<Vec<Record>, QueryError> {
    let what = &format!("reading {table}");
    let (column, id) = of;
    let sql = format!(
        "select {} from padealing.{table} t where t.{column} = $1 order by {order} limit {}",
        columns.sql(),
        MOST + 1
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_all(session).await.attempt(what)?;
    rows.iter().map(|row| columns.read(row)).collect::<Result<_, _>>().attempt(what)
}

/// The request of an id, if there is one.
pub(crate) async fn request(session: &mut Session, id: i64, people_shown: bool) -> Result<Option<Request>, QueryError> {
    let columns = |names| Columns { names, longest: IN_FULL };
    let found = rows(session, "pad_request", columns(REQUEST), ("id", id), "t.id").await?;
    let Some(request) = found.into_iter().next() else { return Ok(None) };
    let of = ("request_id", id);
    let mut parts = [
        rows(session, "pad_approval", columns(APPROVAL), of, "t.decided_at, t.id").await?,
        rows(session, "pad_execution", columns(EXECUTION), of, "t.executed_at, t.id").await?,
        rows(session, "pad_breach", columns(BREACH), of, "t.detected_at, t.id").await?,
        rows(session, "audit_log", columns(AUDIT), of, "t.\"timestamp\", t.id").await?,
    ];
    let is_more = parts.iter().any(|it| it.len() > MOST);
    parts.iter_mut().for_each(|it| it.truncate(MOST));
    let security = match request.id_in("security_id") {
        Some(id) => security(session, id).await?,
        None => None,
    };
    let origin = origin(session, id, &parts[3]).await?;
    let people = match people_shown {
        true => people(session, named(std::iter::once(&request).chain(parts.iter().flatten()))).await?,
        false => Default::default(),
    };
    let [approvals, executions, breaches, audit] = parts;
    Ok(Some(Request { request, security, approvals, executions, breaches, audit, is_more, origin, people }))
}

async fn security(session: &mut Session, id: i64) -> Result<Option<String>, QueryError> {
    const WHAT: &str = "looking up a security in bo_airflow.oracle_bloomberg";
    let row = sqlx::query(
        "select left(concat_ws(', ', description, nullif(ticker, ''), nullif(inst_symbol, '')), 300) \
         from bo_airflow.oracle_bloomberg where id = $1",
    )
    .bind(id)
    .fetch_optional(session)
    .await
    .attempt(WHAT)?;
    row.map(|row| row.try_get(0)).transpose().attempt(WHAT).map(Option::flatten)
}

const LINEAGE: &str = "select source_table::text, source_id::bigint, migrated_at::text from padealing.migration_mapping \
    where source_table = $1 and target_table = $2 and target_id = $3";

/// The lineage of a request. There is an index for a source's id only, which finds it where the id was kept (D6). Where
/// it was reassigned the whole table is read, if it isn't large, or for a request with the legacy mark.
async fn origin(session: &mut Session, id: i64, audit: &[Record]) -> Result<Origin, QueryError> {
    match lineage(session, "and source_id = $3", id).await? {
        Some(Some(lineage)) => return Ok(Origin::Legacy(lineage)),
        Some(None) => {}
        None => return Ok(Origin::Unknown),
    }
    let is_marked = audit.iter().any(|entry| entry.get("details").is_some_and(|it| it.contains(LEGACY_MARK)));
    if is_marked || is_searched(session).await? {
        match lineage(session, "limit 1", id).await? {
            Some(Some(lineage)) => return Ok(Origin::Legacy(lineage)),
            Some(None) => {}
            None => return Ok(Origin::Unknown),
        }
    }
    let is_application = !is_marked && !names_parts(session, id).await?;
    Ok(if is_application { Origin::Application } else { Origin::Broken })
}

/// Up to so many bytes of lineage are read to find which line names a row, for which there is no index. More would take so long
/// that the search would be stopped, which is an error in the server's log.
const SEARCHED: i64 = 32 * 1024 * 1024;

/// Whether lineage is small enough to be searched by what it names.
pub(crate) async fn is_searched(session: &mut Session) -> Result<bool, QueryError> {
    let size: Option<i64> = sqlx::query_scalar("select pg_relation_size(to_regclass('padealing.migration_mapping'))")
        .fetch_one(session)
        .await
        .attempt(WHAT)?;
    Ok(size.unwrap_or_default() <= SEARCHED)
}

const WHAT: &str = "looking up lineage";

/// Whether lineage of the legacy row with the request's id names an approval, an execution or an entry of the request.
async fn names_parts(session: &mut Session, id: i64) -> Result<bool, QueryError> {
    let row = sqlx::query(
        "select exists (select from padealing.migration_mapping m \
         where m.source_table = $1 and m.source_id = $2 and case \
             when m.target_table like 'pad_approval:%' \
                 then exists (select from padealing.pad_approval t where t.id = m.target_id and t.request_id = $2) \
             when m.target_table = 'pad_execution' \
                 then exists (select from padealing.pad_execution t where t.id = m.target_id and t.request_id = $2) \
             when m.target_table like 'audit_log:%' \
                 then exists (select from padealing.audit_log t where t.id = m.target_id and t.request_id = $2) end)",
    )
    .bind(SOURCE_TABLE)
    .bind(id)
    .fetch_one(session)
    .await
    .attempt(WHAT)?;
    row.try_get(0).attempt(WHAT)
}

/// None if it takes too long.
async fn lineage(session: &mut Session, end: &str, id: i64) -> Result<Option<Option<Lineage>>, QueryError> {
    let query = sqlx::query(AssertSqlSafe(format!("{LINEAGE} {end}")));
    let query = query.bind(SOURCE_TABLE).bind(Role::Request.as_str()).bind(id);
    let Some(rows) = within(session, None, query, WHAT).await? else { return Ok(None) };
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Lineage { source_table: row.try_get(0)?, source_id: row.try_get(1)?, migrated_at: row.try_get(2)? })
    };
    rows.first().map(read).transpose().attempt(WHAT).map(Some)
}
