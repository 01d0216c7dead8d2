//! How many rows a table has, and a checksum of them. Reads only.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::schema::backup::TableRows;

/// A table that holds rows, and its columns, in the order of their names.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

/// Counts the rows, and sums up what each hashes to: equal rows have equal sums, in whatever order they are stored, on
/// every version of the server. The session's pinned settings decide how a value is spelled.
pub(crate) async fn measure(session: &mut Session, of: &Stored) -> Result<TableRows, QueryError> {
    let what = format!("reading the rows of {}.{}", of.schema, of.table);
    let columns = of.columns.iter().map(|it| format!("t.{}", quote_identifier(it))).collect::<Vec<_>>().join(", ");
    let half = |from: u32| format!("sum(('x' || substr(it, {from}, 16))::bit(64)::int8)");
    let sql = format!(
        "select count(*), coalesce({}, 0)::text, coalesce({}, 0)::text \
         from (select encode(sha256(convert_to(row({columns})::text, 'UTF8')), 'hex') as it from only {}.{} t) hashed",
        half(1),
        half(17),
        quote_identifier(&of.schema),
        quote_identifier(&of.table)
    );
    let (rows, first, second): (i64, String, String) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(session).await.attempt(&what)?;
    // The sum of any number of rows fits, and what overflows 64 bits is of no use.
    let half = |text: &str| text.parse::<i128>().map(|it| it as u64).unwrap_or_default();
    Ok(TableRows {
        schema: of.schema.clone(),
        table: of.table.clone(),
        rows: rows.unsigned_abs(),
        checksum: format!("{:016x}{:016x}", half(&first), half(&second)),
    })
}
