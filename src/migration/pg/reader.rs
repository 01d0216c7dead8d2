//! Walks the source, a table in id order and a file in its own, and hands out pages of rows that have no lineage yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::ahead::Ahead;
use crate::migration::pg::legacy::CsvPages;
use crate::migration::pg::legacy_page::{LegacyPage, read_legacy_page};
use crate::migration::pg::lineage::{Lineage, read_lineage, read_lineage_of};
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage};
use crate::migration::pg::source::Source;
use crate::migration::run::Options;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::{round_trip, run};
use crate::postgres::transaction::{Limits, begin_read_only, begin_reading};

/// A page of rows without lineage, for a worker.
#[derive(Default)]
pub(crate) struct Batch {
    /// The page's place among the others.
    pub(crate) sequence: u64,
    /// Rows of the source that the page covers.
    pub(crate) read: u64,
    /// Of those, the rows that are migrated already.
    pub(crate) already: u64,
    /// Of those, the rows that have no lineage but the request's (D19).
    pub(crate) incomplete: Vec<i64>,
    /// Rows that have lineage, and none of a request.
    pub(crate) stray: Vec<i64>,
    /// The rows to migrate, in id order, or a file's order.
    pub(crate) rows: Vec<(i64, LegacyRow)>,
}

impl Batch {
    /// The least and the largest id of the rows to migrate.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        let ids = || self.rows.iter().map(|(id, _)| *id);
        Some((ids().min()?, ids().max()?))
    }

    /// The rows to migrate, in words.
    pub(crate) fn named(&self) -> String {
        let (first, last) = self.range().unwrap_or_default();
        match self.lines() {
            Some((first, last)) => format!("the rows on the lines {first} to {last} of the file"),
            None => format!("the rows with ids from {first} to {last}"),
        }
    }

    /// The lines of a file on which the first and the last row to migrate begin.
    pub(crate) fn lines(&self) -> Option<(u64, u64)> {
        let line = |row: Option<&(i64, LegacyRow)>| row?.1.origin.map(|it| it.line);
        Some((line(self.rows.first())?, line(self.rows.last())?))
    }
}

/// Where the reader gets pages from.
pub(crate) enum LegacyPages {
    /// A table, in id order.
    Table(Box<TablePages>),
    /// A file, in its own order.
    Csv(CsvPages),
}

/// The pages of a table.
pub(crate) struct TablePages {
    source: Arc<Source>,
    connection: Session,
    cursor: Option<LegacyCursor>,
    after: Option<i64>,
    ahead: Ahead,
    /// What was read ahead.
    rows: VecDeque<(i64, LegacyRow)>,
    full: usize,
}

impl LegacyPages {
    /// Before the first page of a table.
    pub(crate) async fn of_table(
        source: Arc<Source>,
        mut connection: Session,
        needs_cursor: bool,
        full: usize,
    ) -> Result<Self, QueryError> {
        let cursor = needs_cursor.then(LegacyCursor::default);
        let (ahead, rows) = (Ahead::of(full, round_trip(&mut connection).await?), VecDeque::new());
        Ok(Self::Table(Box::new(TablePages { source, connection, cursor, after: None, ahead, rows, full })))
    }

    /// Begins the transaction in which a cursor reads.
    async fn begin(&mut self) -> Result<(), QueryError> {
        match self {
            Self::Table(table) if table.cursor.is_some() => {
                begin_read_only(&mut table.connection, Limits::default()).await
            }
            _ => Ok(()),
        }
    }

    /// The next page, with the lineage of its rows from `holder`; none after the last.
    async fn next(&mut self, holder: &mut Session, has_lineage: bool) -> Result<Option<Page>, MigrateError> {
        let none = HashMap::new;
        match self {
            Self::Table(table) => {
                let after = table.after;
                let rows = holder.while_waiting(table.next()).await??;
                let Some((last, _)) = rows.last() else { return Ok(None) };
                let lineage = if has_lineage { read_lineage(holder, after, *last).await? } else { none() };
                Ok(Some(Page { rows, lineage }))
            }
            Self::Csv(pages) => {
                let Some(rows) = holder.while_waiting(pages.next()).await?? else { return Ok(None) };
                let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
                let lineage = if has_lineage { read_lineage_of(holder, &ids).await? } else { none() };
                Ok(Some(Page { rows, lineage }))
            }
        }
    }

    /// Waits for something else than the source, which hears from its session meanwhile.
    async fn while_waiting<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, QueryError> {
        match self {
            Self::Table(table) => table.connection.while_waiting(wait).await,
            Self::Csv(_) => Ok(wait.await),
        }
    }
}

impl TablePages {
    async fn next(&mut self) -> Result<Vec<(i64, LegacyRow)>, QueryError> {
        let Self { source, connection, cursor, after, ahead, rows, full } = self;
        if rows.is_empty() {
            let size = ahead.size();
            let read = match cursor {
                None => read_legacy_page(connection, source, *after, size).await?,
                Some(cursor) => {
                    let PlainPage { rows, cut } = cursor.page(connection, source, *after, size).await?;
                    LegacyPage { rows, cut }
                }
            };
            ahead.read(read.rows.len(), read.cut);
            *rows = read.rows.into();
        }
        let page: Vec<(i64, LegacyRow)> = rows.drain(..rows.len().min(*full)).collect();
        *after = page.last().map(|(id, _)| *id).or(*after);
        Ok(page)
    }
}

struct Page {
    rows: Vec<(i64, LegacyRow)>,
    lineage: HashMap<i64, Lineage>,
}

/// The reader's connections, and where its pages go.
pub(crate) struct Reader {
    pub(crate) pages: LegacyPages,
    /// Whether there is lineage to read.
    pub(crate) has_lineage: bool,
    /// Holds the advisory lock of the run.
    pub(crate) lock_connection: Session,
    pub(crate) batches: mpsc::Sender<Batch>,
    /// A permit for each page that may be in memory: one for each worker, and one more.
    pub(crate) window: Arc<Semaphore>,
}

impl Reader {
    /// Reads to the end, or to the limit. Gives the connection with the lock back, and how long reading took.
    pub(crate) async fn run(self, options: Options) -> Result<(Session, Duration), MigrateError> {
        let window_size = u32::try_from(options.jobs.max(1) + 1).unwrap_or(u32::MAX);
        let mut left = options.limit.unwrap_or(u64::MAX);
        let (mut sequence, mut reading) = (0, Duration::ZERO);
        let Self { mut pages, has_lineage, mut lock_connection, batches, window } = self;
        let holder = &mut lock_connection;
        // In a transaction, the server notices in a minute when nobody holds the lock any more, in every version.
        begin_reading(holder, Limits::default()).await?;
        pages.begin().await?;
        while left > 0 {
            // This fails only when the run is being given up, for a reason that is reported elsewhere.
            let waiting = holder.while_waiting(window.acquire());
            let Ok(permit) = pages.while_waiting(waiting).await?? else {
                break;
            };
            permit.forget();
            let since = Instant::now();
            let page = pages.next(holder, has_lineage).await?;
            reading += since.elapsed();
            let Some(page) = page else {
                window.add_permits(1);
                break;
            };
            let mut batch = Batch { sequence, ..Batch::default() };
            for (id, row) in page.rows {
                match page.lineage.get(&id) {
                    Some(found) if found.has_request => {
                        batch.already += 1;
                        if !found.has_others {
                            batch.incomplete.push(id);
                        }
                    }
                    _ if left == 0 => break,
                    found => {
                        left -= 1;
                        batch.stray.extend(found.map(|_| id));
                        batch.rows.push((id, row));
                    }
                }
                batch.read += 1;
            }
            sequence += 1;
            let waiting = holder.while_waiting(batches.send(batch));
            if pages.while_waiting(waiting).await??.is_err() {
                break;
            }
        }
        if let LegacyPages::Table(table) = pages {
            let _ = table.connection.close().await;
        }
        drop(batches);
        // The lock is held until the last page is written, however long that takes; a run that is given up closes the
        // window.
        let _ = holder.while_waiting(window.acquire_many(window_size)).await?;
        run(holder, "commit", "ending the transaction").await?;
        Ok((lock_connection, reading))
    }
}
