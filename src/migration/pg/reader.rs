//! Walks the source in id order and hands out pages of rows that have no lineage yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::legacy_page::{LegacyPage, read_legacy_page};
use crate::migration::pg::lineage::read_lineage;
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage};
use crate::migration::pg::source::Source;
use crate::migration::run::Options;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::run;
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
    /// The rows to migrate, in id order.
    pub(crate) rows: Vec<(i64, LegacyRow)>,
}

impl Batch {
    /// The first and the last id of the rows to migrate.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        Some((self.rows.first()?.0, self.rows.last()?.0))
    }
}

/// The reader's connections, and where its pages go.
pub(crate) struct Reader {
    pub(crate) source: Arc<Source>,
    /// Whether there is lineage to read.
    pub(crate) has_lineage: bool,
    pub(crate) source_connection: Session,
    /// Holds the advisory lock of the run.
    pub(crate) lock_connection: Session,
    /// Whether each page would be a scan of the whole table.
    pub(crate) needs_cursor: bool,
    pub(crate) batches: mpsc::Sender<Batch>,
    /// A permit for each page that may be in memory: one for each worker, and one more.
    pub(crate) window: Arc<Semaphore>,
}

impl Reader {
    /// Reads to the end, or to the limit. Gives the connection with the lock back.
    pub(crate) async fn run(self, options: Options) -> Result<Session, QueryError> {
        let full = options.batch_size.max(1);
        let pages = u32::try_from(options.jobs.max(1) + 1).unwrap_or(u32::MAX);
        let mut left = options.limit.unwrap_or(u64::MAX);
        let (mut after, mut size, mut sequence) = (None, full, 0);
        let Self { source, has_lineage, mut source_connection, mut lock_connection, needs_cursor, batches, window } =
            self;
        let mut cursor = needs_cursor.then(LegacyCursor::default);
        let holder = &mut lock_connection;
        // In a transaction, the server notices in a minute when nobody holds the lock any more, in every version.
        begin_reading(holder, Limits::default()).await?;
        if cursor.is_some() {
            begin_read_only(&mut source_connection, Limits::default()).await?;
        }
        while left > 0 {
            // This fails only when the run is being given up, for a reason that is reported elsewhere.
            let waiting = holder.while_waiting(window.acquire());
            let Ok(permit) = source_connection.while_waiting(waiting).await?? else {
                break;
            };
            permit.forget();
            let reading = async {
                let Some(cursor) = &mut cursor else {
                    return read_legacy_page(&mut source_connection, &source, after, size).await;
                };
                let PlainPage { rows, cut } = cursor.page(&mut source_connection, &source, after, size).await?;
                Ok(LegacyPage { rows, cut })
            };
            let page = holder.while_waiting(reading).await??;
            let Some((last, _)) = page.rows.last() else {
                window.add_permits(1);
                break;
            };
            let last = *last;
            let lineage = if has_lineage { read_lineage(holder, after, last).await? } else { HashMap::new() };
            let mut batch = Batch { sequence, ..Batch::default() };
            // The next page is as large as this one turned out to be, or larger again if it was whole.
            size = if page.cut { page.rows.len() } else { (size * 2).min(full) };
            for (id, row) in page.rows {
                match lineage.get(&id) {
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
            after = Some(last);
            sequence += 1;
            let waiting = holder.while_waiting(batches.send(batch));
            if source_connection.while_waiting(waiting).await??.is_err() {
                break;
            }
        }
        let _ = source_connection.close().await;
        drop(batches);
        // The lock is held until the last page is written, however long that takes; a run that is given up closes the
        // window.
        let _ = holder.while_waiting(window.acquire_many(pages)).await?;
        run(holder, "commit", "ending the transaction").await?;
        Ok(lock_connection)
    }
}
