//! The numbers of the overview.

use std::collections::BTreeMap;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::dashboard::pg::within::within;
use crate::dashboard::rows::{Overview, Run, Year};
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
pub(crate) async fn overview(session: &mut Session) -> Result<Overview, QueryError> {
    let mut by_year = within_a_second(session, BY_YEAR).await?;
    let is_by_year = by_year.is_some();
    if !is_by_year {
        by_year = within_a_second(session, BY_STATUS).await?;
    }
    let estimate = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let tables = sqlx::query(TABLES).fetch_all(&mut *session).await.attempt(WHAT)?;
    let tables = tables.iter().map(estimate).collect::<Result<_, sqlx::Error>>().attempt(WHAT)?;
    let rejections = sqlx::query(
        "select rule::text, count(*) from padealing.migration_reject where resolved_run_id is null \
         group by 1 order by 2 desc, 1",
    )
    .fetch_all(&mut *session)
    .await
    .attempt(WHAT)?;
    let rejection = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let rejections = rejections.iter().map(rejection).collect::<Result<_, sqlx::Error>>().attempt(WHAT)?;
    let rejected: i64 = sqlx::query_scalar(
        "select count(distinct (source_table, source_id)) from padealing.migration_reject where resolved_run_id is null",
    )
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
    let runs = runs(session).await?;
    let counted_at =
        sqlx::query_scalar("select to_char(now(), 'HH24:MI:SS')").fetch_one(session).await.attempt(WHAT)?;
    Ok(Overview {
        by_year,
        is_by_year,
        tables,
        runs,
        rejections,
        rejected: rejected.unsigned_abs(),
        migrated,
        counted_at,
    })
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

async fn runs(session: &mut Session) -> Result<Vec<Run>, QueryError> {
    const WHAT: &str = "reading the runs of the migration";
    let sql = format!(
        "select command::text, date_trunc('second', started_at)::text, date_trunc('second', finished_at)::text, \
                database_role::text, program_version::text, outcome::text, \
                array(select key || '=' || value from jsonb_each_text(case jsonb_typeof(counts) when 'object' then counts \
                      else '{{}}' end) where length(value) < 30 limit 30) \
         from padealing.migration_run order by started_at desc, id limit {RUNS}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(session).await.attempt(WHAT)?;
    let run = |row: &PgRow| {
        let counts: Vec<String> = row.try_get(6)?;
        let count = |it: &String| it.split_once('=').map(|(name, count)| (name.to_owned(), count.to_owned()));
        Ok(Run {
            command: row.try_get(0)?,
            started_at: row.try_get(1)?,
            finished_at: row.try_get(2)?,
            database_role: row.try_get(3)?,
            program_version: row.try_get(4)?,
            outcome: row.try_get(5)?,
            counts: counts.iter().filter_map(count).collect(),
        })
    };
    rows.iter().map(run).collect::<Result<_, sqlx::Error>>().attempt(WHAT)
}
