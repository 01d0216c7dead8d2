//! Reads one page of the legacy table through COPY.

use futures_util::TryStreamExt;

use crate::migration::copy_text::LineValues;
use crate::migration::legacy::LegacyRow;
use crate::migration::pg::source::Source;
use crate::migration::pg::source::rows::SourceRows;
use crate::migration::pg::unreadable::{is_about_row, read_unreadable_row};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};

/// Bytes of a page that are kept in memory. A page that turns out larger is cut; the rest comes with the next.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// One page of legacy rows.
pub(crate) struct LegacyPage {
    /// The rows in id order, each with its id.
    pub(crate) rows: Vec<(i64, LegacyRow)>,
    /// Whether rows were dropped because the page was too large.
    pub(crate) cut: bool,
}

/// Reads the rows after an id, `limit` of them at most. Where a row has bytes that can't be read the page ends before
/// it, or is that row.
pub(crate) async fn read_legacy_page(
    connection: &mut Session,
    source: &Source,
    after: Option<i64>,
    limit: usize,
) -> Result<LegacyPage, QueryError> {
    let mut size = limit;
    loop {
        match read_page(connection, source, after, size).await {
            Err(error) if is_about_row(&error) && size > 1 => size /= 2,
            Err(error) if is_about_row(&error) => {
                begin_read_only(connection, Limits::default()).await?;
                let row = read_unreadable_row(connection, source, after).await?;
                run(connection, "commit", "ending the transaction").await?;
                return Ok(LegacyPage { rows: row.into_iter().collect(), cut: limit > 1 });
            }
            page => return page.map(|page| LegacyPage { cut: page.cut || size < limit, ..page }),
        }
    }
}

async fn read_page(
    connection: &mut Session,
    source: &Source,
    after: Option<i64>,
    limit: usize,
) -> Result<LegacyPage, QueryError> {
    const WHAT: &str = "reading the legacy table";
    let sql = format!("copy ({}) to stdout", source.page(after, limit));
    let mut stream = connection.copy_out(&sql).await.attempt(WHAT)?;
    let (mut rows, mut cut) = (SourceRows::of(source, limit), false);
    let mut bytes = 0;
    let mut values = LineValues::default();
    // The server sends a message a row, and the stream must be read to its end.
    while let Some(line) = stream.try_next().await.attempt(WHAT)? {
        let line = line.as_ref();
        bytes += line.len();
        if bytes > PAGE_BYTES && rows.len() > 0 {
            cut = true;
            continue;
        }
        values.parse(line);
        let (bytes_of_row, fields) = values.fields();
        let malformed = || sqlx::Error::Protocol("COPY sent a row of another shape than its select".to_owned());
        rows.add(bytes_of_row, fields).ok_or_else(malformed).attempt(WHAT)?;
    }
    Ok(LegacyPage { rows: rows.finish(), cut })
}
