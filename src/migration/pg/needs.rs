//! What a role needs to migrate here, and whether it has it. Reads only.

use crate::config::settings::TableName;
use crate::ledger::permission::Need;
use crate::ledger::pg::admission::{RefusedError, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::ledger::tables::MANAGED_TABLES;
use crate::migration::needs::{self, IdSequence, LOOKED_UP};
use crate::migration::pg::sequences::DRAWN;
use crate::migration::run::TargetTables;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "asking what migrate needs";

/// What the connected role needs to migrate to this target. `largest` is the largest id of the source, if it is known.
pub(crate) async fn migrate_needs(connection: &mut Session, largest: Option<i64>) -> Result<Vec<Need>, QueryError> {
    let role = current_role(connection).await?;
    let sequences = sequences(connection, largest).await?;
    let referred = referred(connection).await?;
    Ok(needs::migrate(&role, &sequences, &referred))
}

/// Which of the tables that a dry run looks at exist.
pub(crate) async fn target_tables(connection: &mut Session) -> Result<TargetTables, QueryError> {
    let (has_lineage, has_requests) = sqlx::query_as(
        "select coalesce(bool_or(relname = 'migration_mapping'), false), \
                coalesce(bool_or(relname = 'pad_request'), false) \
         from pg_class where relnamespace = to_regnamespace('padealing') and relkind in ('r', 'p')",
    )
    .fetch_one(connection)
    .await
    .attempt(WHAT)?;
    Ok(TargetTables { is_applied: false, has_lineage, has_requests })
}

/// Checks that the connected role may read the legacy table.
pub(crate) async fn check_source(
    connection: &mut Session,
    database: &Database,
    table: &TableName,
) -> Result<(), RefusedError> {
    let role = current_role(connection).await?;
    check_permitted(connection, database, &needs::source(&role, table), "read the legacy table").await
}

/// The reference tables that keys refer to, with their owners.
pub(crate) async fn referred(connection: &mut Session) -> Result<Vec<(String, String)>, QueryError> {
    sqlx::query_as(
        "select c.relname::text, pg_get_userbyid(c.relowner)::text from pg_class c \
         join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'bo_airflow' and c.relname = any($1) and c.relkind in ('r', 'p') order by 1",
    )
    .bind(&LOOKED_UP[..])
    .fetch_all(connection)
    .await
    .attempt(WHAT)
}

/// The sequences of the managed tables' ids. That of `pad_request` goes past the largest legacy id.
async fn sequences(connection: &mut Session, largest: Option<i64>) -> Result<Vec<IdSequence>, QueryError> {
    let rows: Vec<(String, String, bool, String)> = sqlx::query_as(
        "select t.relname::text, s.relname::text, d.deptype = 'a', pg_get_userbyid(t.relowner)::text \
         from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' \
         join pg_class t on t.oid = d.refobjid join pg_namespace n on n.oid = t.relnamespace \
         where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
           and n.nspname = 'padealing' and t.relname = any($1) and s.relnamespace = n.oid order by 1, 2",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt(WHAT)?;
    let mut found = Vec::new();
    for (table, name, is_serial, owner) in rows {
        let is_far = match largest.filter(|_| table == "pad_request") {
            Some(largest) => largest.saturating_sub(last_value(connection, &name).await?) > DRAWN,
            None => false,
        };
        found.push(IdSequence { table, name, is_serial, is_far, owner });
    }
    Ok(found)
}

/// Where a sequence stands; its beginning, where the role may not see it.
async fn last_value(connection: &mut Session, name: &str) -> Result<i64, QueryError> {
    let found: Option<Option<i64>> = sqlx::query_scalar(
        "select last_value::int8 from pg_sequences where schemaname = 'padealing' and sequencename = $1",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
    .attempt(WHAT)?;
    Ok(found.flatten().unwrap_or(0))
}
