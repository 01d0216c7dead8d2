//! The list of requests.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::base::quote::quote_literal;
use crate::dashboard::pg::keyset::{Bind, Conditions, EdgeGone, Listed, Order, Search};
use crate::dashboard::pg::lists::{COUNTING, counted};
use crate::dashboard::pg::within::within;
use crate::dashboard::query::{At, RequestsQuery, Security, Sort, Writer};
use crate::dashboard::rows::{Counted, Facet, Page, RequestRow};
use crate::migration::target::{LEGACY_MARK, Role, SOURCE_TABLE, Status};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "listing requests";

/// Names and codes are cut in a list; the request's own page has more of them.
const COLUMNS: &str = "t.id::bigint, t.created_at::text, t.employee_id::bigint, t.status::text, t.direction::text, t.security_id::bigint, \
    left(coalesce(t.security_name, s.description::text), 120), left(coalesce(t.ticker, s.ticker::text), 50), \
    t.isin::text, t.quantity::text, t.estimated_value::text, t.currency::text, t.deleted_at is not null";

const SECURITY: &str = "left join bo_airflow.oracle_bloomberg s on s.id = t.security_id";

fn order(sort: Sort) -> Order {
    let (key, is_nullable, is_descending) = match sort {
        Sort::Newest => (Some(("t.created_at", "timestamp")), false, true),
        Sort::Oldest => (Some(("t.created_at", "timestamp")), false, false),
        Sort::Id => (None, false, false),
        Sort::Employee => (Some(("t.employee_id", "bigint")), false, false),
        Sort::Security => (Some(("t.security_id", "bigint")), true, false),
        Sort::Value => (Some(("t.estimated_value", "numeric")), true, true),
    };
    Order { key, is_nullable, is_descending }
}

/// What the filters ask for.
fn conditions(query: &RequestsQuery) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(status) = query.status {
        conditions.with("t.status = ?", Bind::Text(status.as_str().to_owned()));
    }
    if let Some(employee) = query.employee {
        conditions.with("t.employee_id = ?", Bind::Int(employee));
    }
    match query.security {
        Some(Security::Id(id)) => conditions.with("t.security_id = ?", Bind::Int(id)),
        Some(Security::None) => conditions.add("t.security_id is null"),
        None => {}
    }
    if let Some(year) = query.year {
        for (condition, year) in [("t.created_at >= ?::timestamp", year), ("t.created_at < ?::timestamp", year + 1)] {
            conditions.with(condition, Bind::Text(format!("{year:04}-01-01")));
            if matches!(query.sort, Sort::Newest | Sort::Oldest) {
                conditions.of_key();
            }
        }
    }
    match query.writer {
        Some(Writer::Migration) => conditions.add(&format!("({})", written_by_a_migration())),
        Some(Writer::Application) => conditions.add(&format!("not ({})", written_by_a_migration())),
        None => {}
    }
    conditions
}

/// Lineage of the legacy row that has the request's id names it (D6), or an entry of the audit log has the legacy mark: as
/// the page of a request finds it, row by row by an index. As scalar queries, which the server doesn't answer by reading
/// both tables first.
fn written_by_a_migration() -> String {
    let (source, role, mark) =
        (quote_literal(SOURCE_TABLE), quote_literal(Role::Request.as_str()), quote_literal(LEGACY_MARK));
    format!(
        "coalesce((select true from padealing.migration_mapping m where m.source_table = {source} \
             and m.source_id = t.id and m.target_table = {role} and m.target_id = t.id limit 1), \
         (select true from padealing.audit_log a where a.request_id = t.id and a.details ->> 'source' = {mark} limit 1), \
         false)"
    )
}

fn read(row: &PgRow) -> Result<RequestRow, sqlx::Error> {
    Ok(RequestRow {
        id: row.try_get(0)?,
        created_at: row.try_get(1)?,
        employee_id: row.try_get(2)?,
        status: row.try_get(3)?,
        direction: row.try_get(4)?,
        security_id: row.try_get(5)?,
        security_name: row.try_get(6)?,
        ticker: row.try_get(7)?,
        isin: row.try_get(8)?,
        quantity: row.try_get(9)?,
        estimated_value: row.try_get(10)?,
        currency: row.try_get(11)?,
        is_deleted: row.try_get(12)?,
    })
}

/// A page of so many requests; without a search it has them all, however long that takes.
pub(crate) async fn requests(
    session: &mut Session,
    query: &RequestsQuery,
    (at, search): (At, Option<Search>),
    rows: usize,
) -> Result<Result<Page<RequestRow>, EdgeGone>, QueryError> {
    let listed = Listed {
        table: "padealing.pad_request",
        columns: COLUMNS,
        joins: SECURITY,
        what: WHAT,
        order: order(query.sort),
    };
    let search = search.map(|it| if query.writer.is_some() { it.with_lookups() } else { it });
    listed.page(session, &conditions(query), (at, search), rows, read).await
}

/// What is counted.
const COUNTED: (&str, &str) = ("padealing.pad_request", "counting requests");

/// How many requests the filters leave, counted up to a bound.
pub(crate) async fn count(session: &mut Session, query: &RequestsQuery, bound: u64) -> Result<Counted, QueryError> {
    counted(session, COUNTED, conditions(query), bound).await
}

/// A facet is counted so far: further, every page would count the whole table.
const FACET_BOUND: u64 = 1000;

/// Under other filters so many rows are looked at; of more, nothing is counted.
const LOOKED_AT: u64 = 5000;

/// How many requests each status leaves under the other filters, as far as that is quickly known.
pub(crate) async fn by_status(session: &mut Session, query: &RequestsQuery) -> Result<Vec<Facet>, QueryError> {
    let others = RequestsQuery { status: None, ..query.clone() };
    let counts = if others.is_filtered() { looked_at(session, &others).await? } else { None };
    let mut facets = Vec::new();
    for status in Status::ALL {
        let word = status.as_str().to_owned();
        let count = match &counts {
            Some(counts) => Some(Counted { rows: counts.get(&word).copied().unwrap_or_default(), is_more: false }),
            None if others.is_filtered() => None,
            // By the index on status alone.
            None => {
                let mut conditions = Conditions::default();
                conditions.with("t.status = ?", Bind::Text(word.clone()));
                Some(counted(session, COUNTED, conditions, FACET_BOUND).await?)
            }
        };
        facets.push(Facet { word, count });
    }
    Ok(facets)
}

async fn looked_at(session: &mut Session, query: &RequestsQuery) -> Result<Option<BTreeMap<String, u64>>, QueryError> {
    const WHAT: &str = "counting requests by status";
    let conditions = conditions(query);
    let clause = conditions.clause();
    let sql = format!(
        "select status, count(*) from (select t.status::text from padealing.pad_request t{clause} limit {}) t group by 1",
        LOOKED_AT + 1
    );
    // Who wrote a row is looked up for each: it is counted where there are few.
    let limit = if query.writer.is_some() { COUNTING / 4 } else { COUNTING };
    let Some(rows) = within(session, Some(limit), conditions.query(sql), WHAT).await? else { return Ok(None) };
    let count = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let counts = rows.iter().map(count).collect::<Result<BTreeMap<String, u64>, sqlx::Error>>().attempt(WHAT)?;
    Ok(Some(counts).filter(|counts| counts.values().sum::<u64>() <= LOOKED_AT))
}

/// The years in which requests were created, the latest first, each found by the index: no more than people choose from.
pub(crate) async fn years(session: &mut Session) -> Result<Vec<u16>, QueryError> {
    const WHAT: &str = "looking for years";
    let rows = sqlx::query(
        "with recursive years as ( \
             (select date_trunc('year', max(created_at)) as year from padealing.pad_request where created_at < 'infinity') \
             union all \
             select (select date_trunc('year', max(created_at)) from padealing.pad_request t \
                     where t.created_at < years.year and t.created_at > '-infinity') from years where years.year is not null) \
         select extract(year from year)::int from years where year between '0001-01-01' and '9999-12-31' limit 40",
    )
    .fetch_all(session)
    .await
    .attempt(WHAT)?;
    let years = rows.iter().map(|row| row.try_get::<i32, _>(0)).collect::<Result<Vec<_>, _>>().attempt(WHAT)?;
    Ok(years.into_iter().filter_map(|it| u16::try_from(it).ok()).collect())
}
