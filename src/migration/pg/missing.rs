//! Columns that rows are written to or read from, and that aren't there.

use std::collections::BTreeSet;

use crate::migration::columns::{ApprovalRow, AuditRow, ExecutionRow, LineageRow, RequestRow, TargetRow as _};
use crate::migration::stored;
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
        (RequestRow::TABLE, stored::REQUEST),
        (ApprovalRow::TABLE, stored::APPROVAL),
        (ExecutionRow::TABLE, stored::EXECUTION),
        (AuditRow::TABLE, stored::AUDIT),
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
