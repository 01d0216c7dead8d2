//! How the legacy table would be read.

use crate::base::quote::quote_identifier;
use crate::checks::facts::LegacyFacts;
use crate::config::settings::TableName;
use crate::migration::legacy::{Kind, LegacyColumn};
use crate::migration::pg::traits::{legacy_traits, page_of_ids};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// What is known of it. A table that can't be read costs these facts only; another check says so.
pub(crate) async fn legacy(
    database: &Database,
    connection: &mut Session,
    table: &TableName,
) -> Result<LegacyFacts, QueryError> {
    let traits = legacy_traits(connection, table, &page_of_ids(table)).await?;
    let without_zone = match database.timezone {
        Some(_) => Vec::new(),
        None => moments(connection, table).await?,
    };
    Ok(LegacyFacts { traits, without_zone })
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
