//! Reads the legacy table for the verification, and by a cursor for a migration, too. Its lines are taken apart by the
//! verification's own reader, and not by the one that `migrate` reads its pages with.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::source::rows::SourceRows;
use crate::migration::pg::source::{Source, raw_values};
use crate::migration::pg::unreadable::{is_about_row, is_unreadable, read_unreadable_row};
use crate::migration::stored::line::Values;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::savepoint;

const WHAT: &str = "reading the legacy table";

/// Bytes of a page that are kept in memory; a page that turns out larger is cut.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Legacy rows in id order.
#[derive(Default)]
pub(crate) struct PlainPage {
    pub(crate) rows: Vec<(i64, LegacyRow)>,
    /// Whether there may be more rows though these are fewer than was asked for.
    pub(crate) cut: bool,
}

/// Reads the rows after an id, in an open transaction that sees one moment. Where a row has bytes that can't be read
/// the page ends before it, or is that row.
pub(crate) async fn read_plain_page(
    from: &mut Session,
    source: &Source,
    after: Option<i64>,
    limit: usize,
) -> Result<PlainPage, QueryError> {
    if !source.converts && !source.computes {
        return read_rows(from, source, source.page(after, limit), limit).await;
    }
    let mut size = limit;
    loop {
        let sql = source.page(after, size);
        match savepoint(from, async |from| read_rows(from, source, sql, size).await).await? {
            Err(error) if is_about_row(&error) && size > 1 => size /= 2,
            Err(error) if is_about_row(&error) => {
                let row = read_unreadable_row(from, source, after).await?;
                return Ok(PlainPage { rows: row.into_iter().collect(), cut: true });
            }
            read => return read.map(|page| PlainPage { cut: page.cut || size < limit, ..page }),
        }
    }
}

/// Reads the rows with some ids, which are in order, in an open transaction.
pub(crate) async fn read_plain_rows(
    from: &mut Session,
    source: &Source,
    ids: &[i64],
) -> Result<Vec<(i64, LegacyRow)>, QueryError> {
    let mut rows = Vec::with_capacity(ids.len());
    if !source.converts && !source.computes {
        let mut left = ids;
        while !left.is_empty() {
            let page = read_rows(from, source, source.some(left), left.len()).await?;
            let Some((last, _)) = page.rows.last() else { break };
            left = &left[left.partition_point(|id| id <= last)..];
            rows.extend(page.rows);
        }
        return Ok(rows);
    }
    for id in ids {
        rows.extend(
            read_plain_page(from, source, id.checked_sub(1), 1).await?.rows.into_iter().filter(|it| it.0 == *id),
        );
    }
    Ok(rows)
}

async fn read_rows(from: &mut Session, source: &Source, sql: String, limit: usize) -> Result<PlainPage, QueryError> {
    let (mut rows, mut cut) = (SourceRows::of(source, limit), false);
    let (mut bytes, mut values) = (0, Values::default());
    let copy = format!("copy ({sql}) to stdout");
    let mut stream = from.copy_out(&copy).await.attempt(WHAT)?;
    while let Some(line) = stream.try_next().await.attempt(WHAT)? {
        let line = line.as_ref();
        bytes += line.len();
        if bytes > PAGE_BYTES && rows.len() > 0 {
            cut = true;
            continue;
        }
        values.find(line);
        let (bytes_of_row, fields) = values.fields();
        let malformed = || sqlx::Error::Protocol("a row has another shape than its select".to_owned());
        rows.add(bytes_of_row, fields).ok_or_else(malformed).attempt(WHAT)?;
    }
    Ok(PlainPage { rows: rows.finish(), cut })
}

/// A cursor over a table of which each page would be a scan of the whole: it is read, and sorted, once. In an open
/// transaction that sees one moment, whose end closes it.
#[derive(Default)]
pub(crate) struct LegacyCursor {
    is_open: bool,
}

impl LegacyCursor {
    /// The rows after an id that was the last of the page before, `limit` of them at most.
    pub(crate) async fn page(
        &mut self,
        from: &mut Session,
        source: &Source,
        after: Option<i64>,
        limit: usize,
    ) -> Result<PlainPage, QueryError> {
        if !self.is_open {
            let declare = format!("declare pad_migrate_rows no scroll cursor for {}", source.rows(after));
            run(from, &declare, WHAT).await?;
            self.is_open = true;
        }
        if !source.converts {
            return fetch_page(from, source, limit).await;
        }
        match savepoint(from, async |from| fetch_page(from, source, limit).await).await? {
            Err(error) if is_unreadable(&error) => {
                // The cursor is broken. The next page opens another after the row that is found here.
                run(from, "close pad_migrate_rows", WHAT).await?;
                self.is_open = false;
                let page = read_plain_page(from, source, after, limit).await?;
                Ok(PlainPage { cut: true, ..page })
            }
            page => page,
        }
    }
}

/// A row can't be given back to a cursor, so few are asked for until their size is known.
async fn fetch_page(from: &mut Session, source: &Source, limit: usize) -> Result<PlainPage, QueryError> {
    const FEW: usize = 8;
    let mut rows = SourceRows::of(source, limit);
    let (mut bytes, mut wanted) = (0, FEW.min(limit));
    loop {
        let sql = format!("fetch forward {wanted} from pad_migrate_rows");
        let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut *from);
        let before = rows.len();
        while let Some(row) = stream.try_next().await.attempt(WHAT)? {
            let (bytes_of_row, fields) = raw_values(&row).attempt(WHAT)?;
            bytes += bytes_of_row.len();
            let malformed = || sqlx::Error::Protocol("a row has another shape than its select".to_owned());
            rows.add(&bytes_of_row, &fields).ok_or_else(malformed).attempt(WHAT)?;
        }
        let (found, left) = (rows.len(), limit - rows.len());
        if found - before < wanted || left == 0 || bytes >= PAGE_BYTES {
            return Ok(PlainPage { rows: rows.finish(), cut: bytes >= PAGE_BYTES });
        }
        let fit = (PAGE_BYTES - bytes) / (bytes / found).max(1);
        wanted = fit.clamp(1, found * 4).min(left);
    }
}
