//! Reads the legacy rows with given ids, in the order of their ids.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage, read_plain_page};
use crate::migration::pg::source::Source;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};

/// Legacy rows of one step.
const PAGE_ROWS: usize = 400;

/// The source, read forwards.
pub(crate) struct SourceRows {
    pub(crate) session: Session,
    source: Arc<Source>,
    /// Where each page would be a scan of the whole table: one snapshot, then, for the whole.
    cursor: Option<LegacyCursor>,
    /// Rows that were read and not asked for yet.
    ahead: VecDeque<(i64, LegacyRow)>,
    after: Option<i64>,
    size: usize,
    is_done: bool,
    /// Whether the last page was cut, since it holds much text.
    is_cut: bool,
}

impl SourceRows {
    pub(crate) async fn new(mut session: Session, source: Arc<Source>, needs_cursor: bool) -> Result<Self, QueryError> {
        if needs_cursor {
            begin_read_only(&mut session, Limits::default()).await?;
        }
        let cursor = needs_cursor.then(LegacyCursor::default);
        let (ahead, size) = (VecDeque::new(), PAGE_ROWS);
        Ok(Self { session, source, cursor, ahead, after: None, size, is_done: false, is_cut: false })
    }

    /// The rows with the ids, which are in order, and after all that were asked for before. Where rows hold much text, only
    /// those of the first ids: how many ids were looked for comes with them.
    pub(crate) async fn of(&mut self, ids: &[i64]) -> Result<(HashMap<i64, LegacyRow>, usize), QueryError> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut left = ids.iter().copied().peekable();
        while let Some(&id) = left.peek() {
            match self.ahead.pop_front() {
                Some((at, row)) if at == id => {
                    found.insert(id, row);
                    left.next();
                }
                Some((at, _)) if at < id => {}
                // It is gone.
                Some(row) => {
                    self.ahead.push_front(row);
                    left.next();
                }
                None if self.is_done => break,
                None if self.is_cut && !found.is_empty() => return Ok((found, ids.len() - left.len())),
                None => self.read(id).await?,
            }
        }
        Ok((found, ids.len()))
    }

    /// Reads on, from an id or from where a cursor stands.
    async fn read(&mut self, id: i64) -> Result<(), QueryError> {
        let Self { session, source, cursor, size, .. } = self;
        let page = match cursor {
            Some(cursor) => cursor.page(session, source, self.after, *size).await?,
            None => {
                begin_read_only(session, Limits::default()).await?;
                let page = read_plain_page(session, source, id.checked_sub(1), *size).await?;
                run(session, "commit", "ending the transaction").await?;
                page
            }
        };
        let PlainPage { rows, cut } = page;
        self.is_done = rows.is_empty() || rows.len() < self.size && !cut;
        self.is_cut = cut;
        self.size = if cut { rows.len().max(1) } else { (self.size * 2).min(PAGE_ROWS) };
        self.after = rows.last().map(|(id, _)| *id).or(self.after);
        self.ahead = rows.into();
        Ok(())
    }
}
