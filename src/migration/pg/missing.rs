//! What rows are written to or compared by, and that isn't there: columns, and ids in the lineage.

use std::collections::BTreeSet;

use crate::base::hint::DRIFT;
use crate::base::text::thousands;
use crate::migration::columns::{ApprovalRow, AuditRow, ExecutionRow, LineageRow, RequestRow, TargetRow as _};
use crate::migration::stored;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// The columns that migrate writes or verify compares and that aren't there, though the history says that they are.
pub(crate) async fn missing_columns(connection: &mut Session) -> Result<Vec<String>, QueryError> {
    let tables = [
        (RequestRow::TABLE, RequestRow::COLUMNS),
        (ApprovalRow::TABLE, ApprovalRow::COLUMNS),
        (ExecutionRow::TABLE, ExecutionRow::COLUMNS),
        (AuditRow::TABLE, AuditRow::COLUMNS),
        (LineageRow::TABLE, LineageRow::COLUMNS),
        (RequestRow::TABLE, stored::REQUEST.names()),
        (ApprovalRow::TABLE, stored::APPROVAL.names()),
        (ExecutionRow::TABLE, stored::EXECUTION.names()),
        (AuditRow::TABLE, stored::AUDIT.names()),
    ];
    let needed: BTreeSet<String> = tables
        .into_iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}.{column}")))
        .collect();
    sqlx::query_scalar(
        "select it from unnest($1::text[]) it where not exists ( \
             select from pg_attribute a join pg_class c on c.oid = a.attrelid \
             where c.relnamespace = to_regnamespace('padealing') and a.attnum > 0 and not a.attisdropped \
               and c.relname || '.' || a.attname = it) order by 1",
    )
    .bind(Vec::from_iter(needed))
    .fetch_all(connection)
    .await
    .attempt("looking at the columns of padealing")
}

/// Lineage lost its constraints, and rows of it say nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "there {rows} in padealing.migration_mapping at {place} without a source_id, target_table or target_id, so \
     what they are about isn't known; nothing was changed; correct or delete them ({query}), and make the columns not null again: \
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
