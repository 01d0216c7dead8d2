//! The numbers of the overview.

use std::collections::BTreeMap;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::settings::TableName;
use crate::dashboard::pg::within::within;
use crate::dashboard::rows::{Overview, Pulse, Year};
use crate::migration::pg::standing::{in_target, known, runs};
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "counting rows";

/// Tables whose size is shown beside that of the requests.
const TABLES: &str = "select c.relname::text, greatest(c.reltuples, 0)::bigint from pg_class c \
    where c.relnamespace = 'padealing'::regnamespace \
      and c.relname in ('pad_approval', 'pad_execution', 'pad_breach', 'audit_log', 'migration_mapping') order by 1";

/// Runs that are shown.
const RUNS: usize = 10;

/// Counts requests, where a second is enough for that; of other tables, the planner's estimate is enough.
pub(crate) async fn overview(session: &mut Session, legacy: Option<&TableName>) -> Result<Overview, QueryError> {
    let mut by_year = within_a_second(session, BY_YEAR).await?;
    let is_by_year = by_year.is_some();
    if !is_by_year {
        by_year = within_a_second(session, BY_STATUS).await?;
    }
    let estimate = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let tables = sqlx::query(TABLES).fetch_all(&mut *session).await.attempt(WHAT)?;
    let tables = tables.iter().map(estimate).collect::<Result<_, sqlx::Error>>().attempt(WHAT)?;
    let rejections = sqlx::query(
        "select rule::text, count(*) from padealing.migration_reject where resolved_run_id is null and source_table = $1 \
         group by 1 order by 2 desc, 1",
    )
    .bind(SOURCE_TABLE)
    .fetch_all(&mut *session)
    .await
    .attempt(WHAT)?;
    let rejection = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let rejections = rejections.iter().map(rejection).collect::<Result<_, sqlx::Error>>().attempt(WHAT)?;
    let rejected: i64 = sqlx::query_scalar(
        "select count(distinct source_id) from padealing.migration_reject where resolved_run_id is null and source_table = $1",
    )
    .bind(SOURCE_TABLE)
    .fetch_one(&mut *session)
    .await
    .attempt(WHAT)?;
    let migrated =
        sqlx::query("select count(*) from padealing.migration_mapping where source_table = $1 and target_table = $2");
    let migrated = migrated.bind(SOURCE_TABLE).bind(Role::Request.as_str());
    let migrated = within(session, None, migrated, WHAT)
        .await?
        .as_deref()
        .and_then(<[PgRow]>::first)
        .map(|row| row.try_get::<i64, _>(0));
    let migrated = migrated.transpose().attempt(WHAT)?.map(i64::unsigned_abs);
    let legacy = match legacy {
        Some(table) => legacy_rows(session, table).await?,
        None => None,
    };
    let counted_at =
        sqlx::query_scalar("select to_char(now(), 'HH24:MI:SS')").fetch_one(session).await.attempt(WHAT)?;
    Ok(Overview {
        by_year,
        is_by_year,
        tables,
        rejections,
        rejected: rejected.unsigned_abs(),
        migrated,
        legacy,
        counted_at,
    })
}

/// A legacy table of up to so many bytes is counted: a count that takes longer would be stopped, which is an error in the
/// server's log.
const COUNTED: i64 = 1024 * 1024 * 1024;

/// The rows of the legacy table, if this role may count them.
async fn legacy_rows(session: &mut Session, table: &TableName) -> Result<Option<u64>, QueryError> {
    let name = format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    let sql = format!(
        "select case when pg_relation_size({}) <= {COUNTED} then (select count(*) from {name}) end",
        quote_literal(&name)
    );
    let counted = known(session, table, async |it| {
        sqlx::query_scalar::<_, Option<i64>>(AssertSqlSafe(sql)).fetch_one(it).await.attempt(WHAT)
    });
    Ok(counted.await?.ok().flatten().map(i64::unsigned_abs))
}

const BY_YEAR: &str = "select case when isfinite(created_at) then extract(year from created_at)::int end, status::text, count(*) \
     from padealing.pad_request group by 1, 2";

/// By the index on status alone.
const BY_STATUS: &str = "select null::int, status::text, count(*) from padealing.pad_request group by 2";

/// Requests by year, the latest first, and status; none if it takes longer than a page's statement may.
async fn within_a_second(session: &mut Session, sql: &'static str) -> Result<Option<Vec<Year>>, QueryError> {
    let rows = within(session, None, sqlx::query(sql), WHAT).await?;
    rows.map(|rows| years(&rows)).transpose().attempt(WHAT)
}

fn years(rows: &[PgRow]) -> Result<Vec<Year>, sqlx::Error> {
    let mut by_year: BTreeMap<Option<i32>, BTreeMap<String, u64>> = BTreeMap::new();
    for row in rows {
        let count: i64 = row.try_get(2)?;
        by_year.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, count.unsigned_abs());
    }
    Ok(by_year.into_iter().rev().collect())
}

/// What is at work: quick, and asked for every few seconds while something is.
pub(crate) async fn pulse(session: &mut Session) -> Result<Pulse, QueryError> {
    let runs = known(session, &in_target("migration_run"), async |it| runs(it, RUNS).await).await?;
    let requests: Option<i64> =
        sqlx::query_scalar("select pg_stat_get_live_tuples(to_regclass('padealing.pad_request'))")
            .fetch_one(session)
            .await
            .attempt("looking for rows in the server's statistics")?;
    Ok(Pulse { runs, requests: requests.map_or(0, i64::unsigned_abs), rate: None })
}
