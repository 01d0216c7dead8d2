//! Which source rows have lineage already (D19).

use std::collections::HashMap;

use crate::migration::target::SOURCE_TABLE;
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
