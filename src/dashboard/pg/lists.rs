//! The lists of breaches, audit entries and rejections.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::dashboard::pg::keyset::{Bind, Conditions, EdgeGone, Listed, Order, Search};
use crate::dashboard::pg::record::{AUDIT, BREACH, Columns, IN_A_LIST, IN_FULL, REJECTION};
use crate::dashboard::pg::within::within;
use crate::dashboard::query::{At, AuditQuery, BreachesQuery, RejectionsQuery};
use crate::dashboard::rows::{Counted, Facet, MOST_RULES, Page, Record};
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// A page of records, or its edge is gone.
pub(crate) type Records = Result<Result<Page<Record>, EdgeGone>, QueryError>;

/// Rows of a page.
pub(crate) const ROWS: usize = 50;

async fn records(
    session: &mut Session,
    table: &'static str,
    names: &'static [&'static str],
    order: Order,
    conditions: &Conditions,
    at: At,
) -> Records {
    let columns = Columns { names, longest: IN_A_LIST };
    let sql = columns.sql();
    let what = &format!("listing {table}");
    let listed = Listed { table, columns: &sql, joins: "", what, order };
    listed.page(session, conditions, (at, Some(Search::of(at))), ROWS, |row| columns.read(row)).await
}

/// Breaches, the latest first.
pub(crate) async fn breaches(session: &mut Session, query: &BreachesQuery) -> Records {
    let mut conditions = Conditions::default();
    if let Some(severity) = query.severity {
        conditions.with("t.severity = ?", Bind::Text(severity.to_owned()));
    }
    match query.resolved {
        Some(true) => conditions.add("t.resolved_at is not null"),
        Some(false) => conditions.add("t.resolved_at is null"),
        None => {}
    }
    if let Some(employee) = query.employee {
        conditions.with("t.employee_id = ?", Bind::Int(employee));
    }
    records(session, "padealing.pad_breach", BREACH, Order::LATEST_ID, &conditions, query.at).await
}

/// Audit entries, the latest first.
pub(crate) async fn audit(session: &mut Session, query: &AuditQuery) -> Records {
    let mut conditions = Conditions::default();
    if let Some(action) = &query.action {
        conditions.with("t.action_type = ?", Bind::Text(action.clone()));
    }
    if let Some(result) = query.result {
        conditions.with("t.action_status = ?", Bind::Text(result.to_owned()));
    }
    if let Some(request) = query.request {
        conditions.with("t.request_id = ?", Bind::Int(request));
    }
    let order = Order { key: Some(("t.\"timestamp\"", "timestamp")), is_nullable: false, is_descending: true };
    records(session, "padealing.audit_log", AUDIT, order, &conditions, query.at).await
}

/// What the filters ask for. The source is named for its index, which has rows by legacy row.
fn conditions(query: &RejectionsQuery) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.with("t.source_table = ?", Bind::Text(SOURCE_TABLE.to_owned()));
    conditions.of_key();
    if let Some(rule) = &query.rule {
        conditions.with("t.rule = ?", Bind::Text(rule.clone()));
    }
    if let Some(row) = query.row {
        conditions.with("t.source_id = ?", Bind::Int(row));
    }
    match query.resolved {
        Some(true) => conditions.add("t.resolved_run_id is not null"),
        Some(false) => conditions.add("t.resolved_run_id is null"),
        None => {}
    }
    conditions
}

/// So many rejections, by legacy row; without a search it has them all, however long that takes.
pub(crate) async fn rejections(
    session: &mut Session,
    query: &RejectionsQuery,
    (at, search): (At, Option<Search>),
    rows: usize,
) -> Records {
    let columns = Columns { names: REJECTION, longest: if search.is_some() { IN_A_LIST } else { IN_FULL } };
    let sql = columns.sql();
    let order = Order { key: Some(("t.source_id", "bigint")), is_nullable: false, is_descending: false };
    let listed =
        Listed { table: "padealing.migration_reject", columns: &sql, joins: "", what: "listing rejections", order };
    listed.page(session, &conditions(query), (at, search), rows, |row| columns.read(row)).await
}

/// How many rejections the filters leave, counted up to a bound.
pub(crate) async fn count_rejections(
    session: &mut Session,
    query: &RejectionsQuery,
    bound: u64,
) -> Result<Counted, QueryError> {
    counted(session, ("padealing.migration_reject", "counting rejections"), conditions(query), bound).await
}

/// How many rows of a table fulfil the conditions, counted up to a bound.
pub(super) async fn counted(
    session: &mut Session,
    (table, what): (&str, &str),
    conditions: Conditions,
    bound: u64,
) -> Result<Counted, QueryError> {
    let clause = conditions.clause();
    let sql = format!("select count(*) from (select from {table} t{clause} limit {}) t", bound.saturating_add(1));
    let row = conditions.query(sql).fetch_one(session).await.attempt(what)?;
    let found: i64 = row.try_get(0).attempt(what)?;
    let found = found.unsigned_abs();
    Ok(Counted { rows: found.min(bound), is_more: found > bound })
}

/// How many reasons each rule has under the other filters, the most frequent first; without numbers where counting takes
/// too long.
pub(crate) async fn by_rule(session: &mut Session, query: &RejectionsQuery) -> Result<Vec<Facet>, QueryError> {
    const WHAT: &str = "counting rejections by rule";
    let conditions = conditions(&RejectionsQuery { rule: None, ..query.clone() });
    let clause = conditions.clause();
    let sql = format!(
        "select t.rule::text, count(*) from padealing.migration_reject t{clause} group by 1 order by 2 desc, 1 \
         limit {MOST_RULES}"
    );
    match within(session, Some(COUNTING), conditions.query(sql), WHAT).await? {
        Some(rows) => {
            let facet = |row: &PgRow| {
                let rows = row.try_get::<i64, _>(1)?.unsigned_abs();
                Ok(Facet { word: row.try_get(0)?, count: Some(Counted { rows, is_more: false }) })
            };
            rows.iter().map(facet).collect::<Result<_, sqlx::Error>>().attempt(WHAT)
        }
        None => Ok(rules(session).await?.into_iter().map(|word| Facet { word, count: None }).collect()),
    }
}

/// Facets are counted so long.
pub(super) const COUNTING: Duration = Duration::from_millis(50);

/// How many reasons are on record against a legacy row.
pub(crate) async fn reasons(session: &mut Session, id: i64) -> Result<u64, QueryError> {
    const WHAT: &str = "looking for rejections";
    let sql = "select count(*) from padealing.migration_reject where source_id = $1 and resolved_run_id is null";
    let row = sqlx::query(sql).bind(id).fetch_one(session).await.attempt(WHAT)?;
    row.try_get::<i64, _>(0).attempt(WHAT).map(i64::unsigned_abs)
}

/// The actions of the audit log, found one after the other by the index; no more than people choose from.
pub(crate) async fn actions(session: &mut Session) -> Result<Vec<String>, QueryError> {
    let sql = "with recursive words as ( \
                   (select t.action_type::text as word from padealing.audit_log t order by t.action_type limit 1) union all \
                   select (select t.action_type::text from padealing.audit_log t where t.action_type > words.word \
                           order by t.action_type limit 1) from words where words.word is not null) \
               select word from words where word is not null limit 50";
    words(session, sql).await
}

/// The rules by which rows were rejected.
async fn rules(session: &mut Session) -> Result<Vec<String>, QueryError> {
    let sql = format!("select distinct rule::text from padealing.migration_reject order by 1 limit {MOST_RULES}");
    words(session, &sql).await
}

async fn words(session: &mut Session, sql: &str) -> Result<Vec<String>, QueryError> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(session).await.attempt("looking for filters")?;
    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().attempt("looking for filters")
}
