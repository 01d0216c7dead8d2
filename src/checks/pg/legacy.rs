//! How the legacy table would be read.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::facts::LegacyFacts;
use crate::config::settings::TableName;
use crate::migration::ids::OddIds;
use crate::migration::legacy::{Kind, LegacyColumn};
use crate::migration::pg::ids::LegacyId;
use crate::migration::pg::source::{check_columns, has_unique_id};
use crate::migration::pg::traits::{legacy_traits, page_of_ids};
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
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
    let facts = LegacyFacts { traits, without_zone, ..LegacyFacts::default() };
    if !is_readable {
        return Ok((facts, None));
    }
    let place = database.place();
    match savepoint(connection, async |connection| check_columns(connection, table, &place).await).await? {
        Err(error) => Ok((LegacyFacts { problem: Some(sentence(&error)), ..facts }, None)),
        Ok(id) => {
            let odd_ids = odd_ids(connection, table, &id).await?;
            Ok((LegacyFacts { odd_ids, ..facts }, largest(connection, table).await?))
        }
    }
}

/// How long a table is searched that has no key to make it sure that ids identify rows.
const SEARCH: Duration = Duration::from_secs(5);

/// The rows that their ids don't identify, if they are found in time.
async fn odd_ids(
    connection: &mut Session,
    table: &TableName,
    id: &LegacyId,
) -> Result<Result<OddIds, String>, QueryError> {
    // An error in any case, so that the limit ends with the savepoint.
    let found = savepoint(connection, async |connection| {
        let limit = format!("set local statement_timeout = {}", SEARCH.as_millis());
        let found = match run(connection, &limit, "setting up the search").await {
            Ok(()) => id.find_odd(connection, table).await,
            Err(error) => Err(error),
        };
        Err::<(), _>(found)
    });
    let Err(found) = found.await? else { return Ok(Ok(OddIds::default())) };
    Ok(found.map_err(|error| match error.sqlstate().as_deref() {
        Some(sqlstate::QUERY_CANCELED) => format!("looking takes more than {} s", SEARCH.as_secs()),
        _ => sentence(&error),
    }))
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

/// The largest id, where an index has it.
async fn largest(connection: &mut Session, table: &TableName) -> Result<Option<i64>, QueryError> {
    if !has_unique_id(connection, table).await? {
        return Ok(None);
    }
    let qualified = [&table.schema, &table.name].map(|it| quote_identifier(it)).join(".");
    let sql = format!("select max(id)::numeric::text from {qualified}");
    let read = savepoint(connection, async |connection| {
        sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql))
            .fetch_one(connection)
            .await
            .attempt("reading the largest id")
    });
    Ok(read.await?.ok().flatten().and_then(|it| it.parse().ok()))
}
