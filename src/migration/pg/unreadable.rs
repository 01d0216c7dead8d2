//! Legacy rows with bytes that the source's encoding doesn't define, or with values that the source fails to compute.
//!
//! The server refuses such a value, and with it everything that a statement reads. So the statement is made
//! smaller: fewer rows, down to one, and of that row fewer columns, down to those that can't be read.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Executor, Row};

use crate::migration::legacy::{LegacyColumn, LegacyRow, Odd};
use crate::migration::pg::source::rows::SourceRows;
use crate::migration::pg::source::{Source, raw_values};
use crate::migration::text::spelled;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::transaction::savepoint;

const WHAT: &str = "reading a legacy row that isn't readable as a whole";

/// Whether a text has bytes that the server can't convert, or that aren't UTF-8.
pub(crate) fn is_unreadable(error: &QueryError) -> bool {
    let is_no_text = matches!(error.source.0, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    is_no_text || error.sqlstate().is_some_and(|it| sqlstate::is_about_encoding(&it))
}

/// Whether a row has no value that could be read: a text that is none, or what can't be computed of this row, such as a
/// cast in a view.
pub(crate) fn is_about_row(error: &QueryError) -> bool {
    is_unreadable(error) || is_failed(error)
}

fn is_failed(error: &QueryError) -> bool {
    error.sqlstate().is_some_and(|it| it.starts_with("22") && !sqlstate::is_about_encoding(&it))
}

/// The first row after an id, of which some columns can't be read, in a transaction that sees one moment.
pub(crate) async fn read_unreadable_row(
    session: &mut Session,
    source: &Source,
    after: Option<i64>,
) -> Result<Option<(i64, LegacyRow)>, QueryError> {
    let sql = sqlx::raw_sql(AssertSqlSafe(source.next_id(after)));
    let Some(found) = session.fetch_optional(sql).await.attempt(WHAT)? else { return Ok(None) };
    let id: i64 = found.try_get_unchecked(0).attempt(WHAT)?;
    let mut row = LegacyRow::default();
    let mut left = vec![(0, source.width_of_table())];
    while let Some((start, end)) = left.pop() {
        let part = source.part(start..end);
        match savepoint(session, async |session| read_part(session, &part, id).await).await? {
            Ok(read) => add(&mut row, read),
            Err(error) if !is_about_row(&error) => return Err(error),
            Err(error) if end - start == 1 && is_failed(&error) => {
                row.odd_mut().failed.extend(part.names().map(|name| (Arc::clone(name), error.source.to_string())));
            }
            Err(_) if end - start == 1 => {
                let shown = savepoint(session, async |session| bytes(session, &part, id).await).await?;
                let shown = shown.unwrap_or_else(|_| "bytes that can't be shown".to_owned());
                row.odd_mut().unreadable.extend(part.names().map(|name| (Arc::clone(name), shown.clone())));
            }
            Err(_) => {
                let middle = (start + end) / 2;
                left.extend([(start, middle), (middle, end)]);
            }
        }
    }
    Ok(Some((id, row)))
}

async fn read_part(session: &mut Session, part: &Source, id: i64) -> Result<LegacyRow, QueryError> {
    let row = session.fetch_one(sqlx::raw_sql(AssertSqlSafe(part.only(id)))).await.attempt(WHAT)?;
    let (bytes, fields) = raw_values(&row).attempt(WHAT)?;
    let malformed = || sqlx::Error::Protocol("a row has another shape than its select".to_owned());
    let mut rows = SourceRows::of(part, 1);
    rows.add(&bytes, &fields).ok_or_else(malformed).attempt(WHAT)?;
    rows.finish().pop().map(|(_, row)| row).ok_or_else(malformed).attempt(WHAT)
}

fn add(row: &mut LegacyRow, part: LegacyRow) {
    for column in LegacyColumn::ALL.iter().filter(|it| !part.is_null(**it)) {
        row.set(*column, part.get(*column));
    }
    part.unknown().for_each(|(name, text)| row.set_unknown(name, text));
    let Odd { unreadable, failed, local, .. } = part.odd().clone();
    let odd = row.odd_mut();
    odd.unreadable.extend(unreadable);
    odd.failed.extend(failed);
    odd.local.extend(local);
    row.padded = part.padded;
}

/// The bytes of a column that can't be read.
async fn bytes(session: &mut Session, part: &Source, id: i64) -> Result<String, QueryError> {
    let row = session.fetch_one(sqlx::raw_sql(AssertSqlSafe(part.bytes(id)))).await.attempt(WHAT)?;
    let digits: String = row.try_get(0).attempt(WHAT)?;
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    Ok(spelled(&(0..digits.len()).step_by(2).filter_map(byte).collect::<Vec<_>>()))
}
