//! Records why rows were rejected, in `padealing.migration_reject`.

use crate::migration::rejection::Rejection;
use crate::migration::target::{SOURCE_TABLE, TargetRows};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Replaces the reasons of the rows that are rejected now, and closes those of the rows that are migrated.
///
/// `(first, last)` is the first and the last source id of the page.
pub(crate) async fn record_rejections(
    connection: &mut Session,
    run_id: &str,
    (first, last): (i64, i64),
    accepted: &[TargetRows<'_>],
    rejections: &[Rejection],
) -> Result<(), QueryError> {
    const WHAT: &str = "recording the rejections";
    let known: bool = sqlx::query_scalar(
        "select exists (select from padealing.migration_reject \
         where source_table = $1 and source_id between $2 and $3)",
    )
    .bind(SOURCE_TABLE)
    .bind(first)
    .bind(last)
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    if known {
        let migrated: Vec<i64> = accepted.iter().map(|it| it.source_id).collect();
        sqlx::query(
            "update padealing.migration_reject set resolved_run_id = $1::uuid \
             where source_table = $2 and source_id = any($3) and resolved_run_id is null",
        )
        .bind(run_id)
        .bind(SOURCE_TABLE)
        .bind(migrated)
        .execute(&mut *connection)
        .await
        .attempt(WHAT)?;
    }
    let reasons =
        || rejections.iter().flat_map(|rejection| rejection.reasons.iter().map(|reason| (rejection.source_id, reason)));
    let ids: Vec<i64> = reasons().map(|(source_id, _)| source_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let fields: Vec<&str> = reasons().map(|(_, reason)| reason.field.as_str()).collect();
    let rules: Vec<&str> = reasons().map(|(_, reason)| reason.rule.as_str()).collect();
    let values: Vec<Option<&str>> = reasons().map(|(_, reason)| reason.value.as_deref()).collect();
    let messages: Vec<&str> = reasons().map(|(_, reason)| reason.message.as_str()).collect();
    if known {
        sqlx::query(
            "delete from padealing.migration_reject r \
             where r.source_table = $1 and r.source_id = any($2) and not exists ( \
                 select from unnest($2::int8[], $3::text[], $4::text[]) as now(source_id, field, rule) \
                 where now.source_id = r.source_id and now.field = r.field and now.rule = r.rule)",
        )
        .bind(SOURCE_TABLE)
        .bind(&ids)
        .bind(&fields)
        .bind(&rules)
        .execute(&mut *connection)
        .await
        .attempt(WHAT)?;
    }
    sqlx::query(
        "insert into padealing.migration_reject \
             (source_table, source_id, field, rule, value, message, first_run_id, last_run_id) \
         select $1, source_id, field, rule, value, message, $7::uuid, $7::uuid \
         from unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::text[]) \
              as now(source_id, field, rule, value, message) \
         on conflict (source_table, source_id, field, rule) do update \
         set value = excluded.value, message = excluded.message, last_run_id = excluded.last_run_id, \
             resolved_run_id = null",
    )
    .bind(SOURCE_TABLE)
    .bind(&ids)
    .bind(&fields)
    .bind(&rules)
    .bind(&values)
    .bind(&messages)
    .bind(run_id)
    .execute(connection)
    .await
    .map(|_| ())
    .attempt(WHAT)
}

/// Closes the rejections of rows that the legacy table doesn't have any more: those that a run which has tried every row did not
/// come upon. What a file had is another's.
pub(crate) async fn close_gone(connection: &mut Session, run_id: &str) -> Result<(), QueryError> {
    sqlx::query(
        "update padealing.migration_reject set resolved_run_id = $1::uuid \
         where source_table = $2 and resolved_run_id is null and last_run_id <> $1::uuid \
           and not exists (select from padealing.migration_run m \
                           where m.id = last_run_id and jsonb_exists(m.options, 'csv'))",
    )
    .bind(run_id)
    .bind(SOURCE_TABLE)
    .execute(connection)
    .await
    .map(|_| ())
    .attempt("closing the rejections of rows that are gone")
}
