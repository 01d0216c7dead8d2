//! A second look at rows of which something is wrong at first sight.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::evidence::spool::Spool;
use crate::migration::pg::legacy::{Legacy, rows_with};
use crate::migration::pg::plain_page::read_plain_page;
use crate::migration::pg::reading::is_cancelled;
use crate::migration::pg::source::Source;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify::stored_rows::{PageReader, both_pages};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::verification::{Judged, VerifyReport, judge};
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};

/// How long a second look keeps its snapshots.
const NEW_VIEW: Duration = Duration::from_secs(5);

/// Rows that are looked at again before something is claimed of them. More than these are not explained by what was
/// committed meanwhile.
pub(super) const MANY: usize = 1000;
/// The same where each look is a scan of the legacy table.
pub(super) const FEW: usize = 10;

/// Rows of which something is wrong at first sight, in id order.
pub(super) struct Doubtful {
    pub(super) rows: Vec<(i64, Judged)>,
    /// How many are looked at again; none once there were more.
    pub(super) bound: usize,
}

impl Doubtful {
    pub(super) fn settle_unless_doubtful(
        &mut self,
        id: i64,
        judged: Judged,
        settled: &mut Settled<'_>,
    ) -> Result<(), VerifyError> {
        if !judged.is_doubtful() {
            return settled.add(judged);
        }
        self.rows.push((id, judged));
        if self.rows.len() > self.bound {
            self.bound = 0;
            self.rows.drain(..).try_for_each(|(_, judged)| settled.add(judged))?;
        }
        Ok(())
    }
}

/// What is settled of the rows.
pub(super) struct Settled<'a> {
    pub(super) report: VerifyReport,
    /// Where the lines of evidence go.
    pub(super) spool: Option<&'a mut Spool>,
}

impl Settled<'_> {
    pub(super) fn add(&mut self, judged: Judged) -> Result<(), VerifyError> {
        let entry = self.report.settle(judged);
        match (&mut self.spool, entry) {
            (Some(spool), Some(entry)) => spool.add(&entry).map_err(VerifyError::Spool),
            _ => Ok(()),
        }
    }
}

/// Source and target are two snapshots, of two servers maybe: a row that was migrated, changed or removed meanwhile, or
/// that a standby doesn't have yet, looks wrong. Each such row is compared once more, in new snapshots.
pub(super) async fn look_again(
    database: &Database,
    legacy: &Legacy,
    doubtful: Doubtful,
    settled: &mut Settled<'_>,
    mut reader: PageReader,
) -> Result<(), VerifyError> {
    if doubtful.rows.is_empty() {
        return Ok(());
    }
    let mut target = database.connect(Access::Read, "verify").await?;
    let mut again = Again::start(legacy, &doubtful).await?;
    let mut since = Instant::now();
    begin_read_only(&mut target, Limits::default()).await?;
    for (id, first) in doubtful.rows {
        if since.elapsed() > NEW_VIEW {
            since = Instant::now();
            renew(&mut target, database).await?;
            if let Again::Table { from, database, source } = &mut again {
                renew(from, database).await?;
                source.set_up(from).await?;
            }
        }
        let looked = async {
            let mut rows = again.rows(id).await?;
            both_pages(&mut target, &mut reader, &Rows::Only(vec![id]), &mut rows).await
        };
        match looked.await {
            Ok(page) => {
                let again = judge(page);
                settled.report.moved |= !matches!(&*again, [(_, it)] if it.differences == first.differences);
                again.into_iter().try_for_each(|(_, judged)| settled.add(judged))?;
            }
            // A standby cancels this look, too: what was seen first stands.
            Err(error) if is_cancelled(database, &error).await || again.is_cancelled(&error).await => {
                settled.add(first)?;
                since = Instant::now() - NEW_VIEW * 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let _ = target.close().await;
    if let Again::Table { from, .. } = again {
        let _ = from.close().await;
    }
    Ok(())
}

/// Another view of what is committed.
async fn renew(session: &mut Session, database: &Database) -> Result<(), VerifyError> {
    if run(session, "rollback", "ending the transaction").await.is_err() {
        *session = database.connect(Access::Read, "verify").await?;
    }
    Ok(begin_read_only(session, Limits::default()).await?)
}

/// Where the rows come from that are looked at again.
enum Again<'a> {
    Table {
        from: Box<Session>,
        database: &'a Database,
        source: &'a Source,
    },
    /// A file doesn't change.
    Csv(HashMap<i64, LegacyRow>),
}

impl<'a> Again<'a> {
    async fn start(legacy: &'a Legacy, doubtful: &Doubtful) -> Result<Self, VerifyError> {
        match legacy {
            Legacy::Table { database, source, .. } => {
                let mut from = database.connect(Access::Read, "verify source").await?;
                begin_read_only(&mut from, Limits::default()).await?;
                source.set_up(&mut from).await?;
                Ok(Self::Table { from: Box::new(from), database, source })
            }
            Legacy::Csv(csv) => {
                let ids = doubtful.rows.iter().map(|(id, _)| *id).collect();
                Ok(Self::Csv(rows_with(csv, ids).await?))
            }
        }
    }

    async fn rows(&mut self, id: i64) -> Result<Vec<(i64, LegacyRow)>, QueryError> {
        match self {
            Self::Table { from, source, .. } => {
                let mut rows = read_plain_page(from, source, id.checked_sub(1), 1).await?.rows;
                rows.retain(|(found, _)| *found == id);
                Ok(rows)
            }
            Self::Csv(rows) => Ok(rows.remove(&id).map(|row| (id, row)).into_iter().collect()),
        }
    }

    async fn is_cancelled(&self, error: &QueryError) -> bool {
        match self {
            Self::Table { database, .. } => is_cancelled(database, error).await,
            Self::Csv(_) => false,
        }
    }
}
