//! Pages of what is stored, which two sessions read in turn: one alone would keep the server waiting, or be waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, mpsc};

use crate::migration::csv::proved::ProvedCsv;
use crate::migration::difference::Difference;
use crate::migration::legacy::LegacyRow;
use crate::migration::pg::reading::Reading;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify::stored_rows::{PageReader, both_pages, count, read_missing, read_unclaimed};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::verification::{Count, Explained, JudgedPage, Wanted, Which};
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::{Limits, begin_read_only, begin_read_only_at};

/// A page of the source, and the ids that it covers.
pub(super) struct SourcePage {
    /// Its place among the others.
    pub(super) sequence: u64,
    pub(super) ids: Rows,
    pub(super) rows: Vec<(i64, LegacyRow)>,
}

/// Another session that sees what the first one's transaction sees, which has read nothing yet; none where there is no
/// room for one, or where a snapshot can't be shared.
pub(super) async fn another(first: &mut Session, database: &Database) -> Result<Option<Session>, QueryError> {
    let sharing = fetch_value(first, "select pg_export_snapshot()", "sharing the snapshot");
    let snapshot: String = match sharing.await {
        Ok(snapshot) => snapshot,
        Err(error) if error.is_lost() => return Err(error),
        // The role may not, for one. The transaction is broken; no part of one can share a snapshot, so that a savepoint
        // wouldn't have helped.
        Err(_) => {
            run(first, "rollback", "rolling back").await?;
            begin_read_only(first, Limits::default()).await?;
            return Ok(None);
        }
    };
    let connecting = database.for_one_more();
    let Ok(mut session) = first.while_waiting(connecting.connect(Access::Read, "verify")).await? else {
        return Ok(None);
    };
    if begin_read_only_at(&mut session, Limits::default(), &snapshot).await.is_err() {
        let _ = session.close().await;
        return Ok(None);
    }
    Ok(Some(session))
}

/// Pages that may be in memory between the source and the comparison: one that each session reads, and one that waits for
/// one before it.
pub(super) const PAGES_AT_ONCE: usize = 3;

/// Where pages come from, and where they go.
pub(super) struct TargetPages {
    pub(super) source: Arc<Mutex<mpsc::Receiver<SourcePage>>>,
    pub(super) judged: mpsc::Sender<(u64, JudgedPage)>,
    /// A permit for each page that may be in memory: one session doesn't run away from the other.
    pub(super) window: Arc<Semaphore>,
}

/// A session after the last page.
pub(super) struct Read {
    pub(super) target: Reading,
    /// What it has counted before the first.
    counted: Option<Count>,
}

/// Closes the window with what holds it, unless that has come to its end.
struct ClosesUnlessDone(Option<Arc<Semaphore>>);

impl ClosesUnlessDone {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for ClosesUnlessDone {
    fn drop(&mut self) {
        if let Some(window) = &self.0 {
            window.close();
        }
    }
}

impl TargetPages {
    /// Reads what is stored for pages until there are no more; if it `counts`, counts all rows before.
    pub(super) async fn read(self, target: Reading, wanted: Wanted, counts: bool) -> Result<Read, VerifyError> {
        // The other session's pages would wait for one that never comes, and its next one for a permit of theirs: also
        // where this task ends in a panic.
        let closing = ClosesUnlessDone(Some(Arc::clone(&self.window)));
        let read = self.read_pages(target, wanted, counts).await;
        match &read {
            Ok(_) => closing.done(),
            Err(_) => {
                drop(closing);
                self.source.lock().await.close();
            }
        }
        read
    }

    async fn read_pages(&self, mut target: Reading, wanted: Wanted, counts: bool) -> Result<Read, VerifyError> {
        let mut reader = PageReader::new(wanted);
        let counted =
            if counts { Some(again(&mut target, async |it| count(it, Which::All).await).await?) } else { None };
        loop {
            let next = async {
                // Before the page is taken, so that the first of all has a permit. It is closed where the other has failed.
                self.window.acquire().await.ok()?.forget();
                self.source.lock().await.recv().await
            };
            let Some(mut page) = target.wait(next).await? else { break };
            let both = loop {
                match both_pages(&mut target.session, &mut reader, &page.ids, &mut page.rows).await {
                    Ok(both) => break both,
                    Err(error) => target.recover(error).await?,
                }
            };
            target.in_a_row = 0;
            // Here, where the page was read: two pages are compared at once, and what they were read into is used again for
            // the next ones.
            let judged = JudgedPage::of(both);
            let Ok(room) = target.wait(self.judged.reserve()).await? else { break };
            room.send((page.sequence, judged));
        }
        Ok(Read { target, counted })
    }
}

/// Asks until a standby lets it.
async fn again<T>(
    target: &mut Reading,
    mut ask: impl AsyncFnMut(&mut Session) -> Result<T, QueryError>,
) -> Result<T, VerifyError> {
    loop {
        match ask(&mut target.session).await {
            Ok(answer) => {
                target.in_a_row = 0;
                return Ok(answer);
            }
            Err(error) => target.recover(error).await?,
        }
    }
}

/// The ids with lineage that a file has no row of, page by page: its pages cover the ids of its rows, and no others. None
/// after the last.
pub(super) struct MissingPages<'a> {
    csv: &'a ProvedCsv,
    reader: PageReader,
    after: Option<i64>,
    is_done: bool,
}

impl<'a> MissingPages<'a> {
    pub(super) fn of(csv: &'a ProvedCsv, wanted: Wanted) -> Self {
        Self { csv, reader: PageReader::new(wanted), after: None, is_done: false }
    }

    pub(super) async fn next(&mut self, target: &mut Reading) -> Result<Option<JudgedPage>, VerifyError> {
        if self.is_done {
            return Ok(None);
        }
        let Self { csv, reader, after, is_done } = self;
        let (page, last) = again(target, async |session| {
            let (missing, last) = read_missing(session, csv, *after).await?;
            let both = both_pages(session, reader, &Rows::Only(missing), &mut Vec::new()).await?;
            Ok((JudgedPage::of(both), last))
        })
        .await?;
        (*after, *is_done) = (last, last.is_none());
        Ok(Some(page))
    }
}

/// The target rows that lineage doesn't explain. Where the pages have shown as many rows as there are, that is none, and
/// so it is where they have shown as many marked ones, of which there may be fewer; otherwise each is looked for.
pub(super) async fn unclaimed(read: Vec<Read>, explained: Explained) -> Result<Vec<Difference>, VerifyError> {
    let is_one_moment = read.iter().all(|it| it.target.snapshots == 0);
    let counted = read.iter().find_map(|it| it.counted);
    let mut unclaimed = Vec::new();
    for (at, Read { mut target, .. }) in read.into_iter().enumerate() {
        if at == 0 {
            let mut are_all = counted.is_some_and(|it| explained.are_all(Which::All, it));
            if !are_all && explained.is_sure {
                let marked = again(&mut target, async |it| count(it, Which::Marked).await).await?;
                are_all = explained.are_all(Which::Marked, marked);
            }
            if !(are_all && is_one_moment && target.snapshots == 0) {
                unclaimed = again(&mut target, async |it| read_unclaimed(it).await).await?;
            }
        }
        let _ = target.session.close().await;
    }
    Ok(unclaimed)
}

/// Pages in their order, though two sessions read them.
pub(super) struct InOrder {
    pages: mpsc::Receiver<(u64, JudgedPage)>,
    window: Arc<Semaphore>,
    early: BTreeMap<u64, JudgedPage>,
    next: u64,
}

impl InOrder {
    pub(super) fn of(pages: mpsc::Receiver<(u64, JudgedPage)>, window: Arc<Semaphore>) -> Self {
        Self { pages, window, early: BTreeMap::new(), next: 0 }
    }

    /// The next page; none after the last, and none if one is missing, because its session has ended with an error.
    pub(super) async fn next(&mut self) -> Option<JudgedPage> {
        loop {
            if let Some(page) = self.early.remove(&self.next) {
                self.next += 1;
                self.window.add_permits(1);
                return Some(page);
            }
            let (sequence, page) = self.pages.recv().await?;
            self.early.insert(sequence, page);
        }
    }
}
