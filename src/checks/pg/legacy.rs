//! How the legacy table would be read.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::facts::LegacyFacts;
use crate::config::settings::TableName;
use crate::migration::legacy::{Kind, LegacyColumn};
use crate::migration::pg::source::{check_columns, has_unique_id};
use crate::migration::pg::traits::{legacy_traits, page_of_ids};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;

/// What is known of it, and the largest id where an index has it. A table that can't be read costs these facts only;
/// another check says so.
pub(crate) async fn legacy(
    database: &Database,
    connection: &mut Session,
    table: &TableName,
    is_readable: bool,
) -> Result<(LegacyFacts, Option<i64>), QueryError> {
    let traits = legacy_traits(connection, table, &page_of_ids(table)).await?;
    let without_zone = match database.timezone {
        Some(_) => Vec::new(),
        None => moments(connection, table).await?,
    };
    let (problem, largest) = match is_readable {
        true => columns(connection, table, &database.place()).await?,
        false => (None, None),
    };
    Ok((LegacyFacts { traits, without_zone, problem }, largest))
}

async fn moments(connection: &mut Session, table: &TableName) -> Result<Vec<String>, QueryError> {
    let known = LegacyColumn::ALL.iter().filter(|it| it.kind() == Kind::Timestamp).map(|it| it.name());
    sqlx::query_scalar(
        "select a.attname::text from pg_attribute a join pg_type t on t.oid = a.atttypid \
         where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped and a.attname = any($2) \
           and coalesce(nullif(t.typbasetype, 0), t.oid) = 'timestamptz'::regtype order by a.attnum",
    )
    .bind(format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name)))
    .bind(known.collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .attempt("looking at the columns of the legacy table")
}

/// Why `migrate` would refuse the legacy table as its columns are, and otherwise the largest id, where an index has it.
async fn columns(
    connection: &mut Session,
    table: &TableName,
    place: &str,
) -> Result<(Option<String>, Option<i64>), QueryError> {
    let checked = savepoint(connection, async |connection| check_columns(connection, table, place).await).await?;
    if let Err(error) = checked {
        return Ok((Some(sentence(&error)), None));
    }
    if !has_unique_id(connection, table).await? {
        return Ok((None, None));
    }
    let qualified = [&table.schema, &table.name].map(|it| quote_identifier(it)).join(".");
    let sql = format!("select max(id)::numeric::text from {qualified}");
    let read = savepoint(connection, async |connection| {
        sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql))
            .fetch_one(connection)
            .await
            .attempt("reading the largest id")
    });
    Ok((None, read.await?.ok().flatten().and_then(|it| it.parse().ok())))
}
