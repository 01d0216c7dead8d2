//! Which source rows have lineage already (D19).

use std::collections::HashMap;

use crate::base::hint::DRIFT;
use crate::base::text::thousands;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// What lineage there is of a source row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lineage {
    /// The request's: then the row is migrated (D19).
    pub(crate) has_request: bool,
    /// That of any other target row.
    pub(crate) has_others: bool,
}

/// Lineage lost its constraints, and rows of it say nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "there {rows} in padealing.migration_mapping at {place} without a source_id, target_table or target_id, so what they are \
     about isn't known; nothing was changed; correct or delete them ({query}), and make the columns not null again: \
     `{DRIFT}` has the SQL"
)]
pub struct NullLineage {
    place: String,
    rows: String,
    query: String,
}

/// Refuses lineage without the ids by which rows are compared. Where the columns are not null, nothing is read.
pub(crate) async fn check_lineage(
    session: &mut Session,
    database: &Database,
) -> Result<Result<(), NullLineage>, QueryError> {
    const NEEDED: [&str; 3] = ["source_id", "target_table", "target_id"];
    let nullable: Vec<String> = sqlx::query_scalar(
        "select attname::text from pg_attribute where attrelid = to_regclass('padealing.migration_mapping') \
         and attname = any($1) and not attnotnull order by attnum",
    )
    .bind(NEEDED)
    .fetch_all(&mut *session)
    .await
    .attempt("looking at the columns of the lineage")?;
    if nullable.is_empty() {
        return Ok(Ok(()));
    }
    let is_null = nullable.iter().map(|it| format!("{it} is null")).collect::<Vec<_>>().join(" or ");
    let condition = format!("from padealing.migration_mapping where source_table = '{SOURCE_TABLE}' and ({is_null})");
    let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!("select count(*) {condition}")));
    let rows = match count.fetch_one(session).await.attempt("reading the lineage")? {
        0 => return Ok(Ok(())),
        1 => "is 1 row".to_owned(),
        rows => format!("are {} rows", thousands(rows.unsigned_abs())),
    };
    Ok(Err(NullLineage { place: database.place(), rows, query: format!("`select * {condition}`") }))
}

/// The lineage of source ids after `after` up to `last`. Bounded on both sides: without the range the planner would
/// read the whole mapping for each page.
pub(crate) async fn read_lineage(
    connection: &mut Session,
    after: Option<i64>,
    last: i64,
) -> Result<HashMap<i64, Lineage>, QueryError> {
    let rows: Vec<(i64, bool, bool)> = sqlx::query_as(
        "select source_id, bool_or(target_table = 'pad_request'), bool_or(target_table <> 'pad_request') \
         from padealing.migration_mapping \
         where source_table = $1 and ($2::int8 is null or source_id > $2) and source_id <= $3 group by source_id",
    )
    .bind(SOURCE_TABLE)
    .bind(after)
    .bind(last)
    .fetch_all(connection)
    .await
    .attempt("reading the lineage")?;
    Ok(rows.into_iter().map(|(id, has_request, has_others)| (id, Lineage { has_request, has_others })).collect())
}

/// The lineage of some source ids, which need not be neighbours. Each is looked up by itself: while the mapping has no
/// statistics yet, the planner would read the whole of it for each page.
pub(crate) async fn read_lineage_of(
    connection: &mut Session,
    ids: &[i64],
) -> Result<HashMap<i64, Lineage>, QueryError> {
    let rows: Vec<(i64, bool, bool)> = sqlx::query_as(
        "select u.id, bool_or(m.target_table = 'pad_request'), bool_or(m.target_table <> 'pad_request') \
         from unnest($2::int8[]) u (id) cross join lateral ( \
             select target_table from padealing.migration_mapping \
             where source_table = $1 and source_id = u.id offset 0) m \
         group by u.id",
    )
    .bind(SOURCE_TABLE)
    .bind(ids)
    .fetch_all(connection)
    .await
    .attempt("reading the lineage")?;
    Ok(rows.into_iter().map(|(id, has_request, has_others)| (id, Lineage { has_request, has_others })).collect())
}
