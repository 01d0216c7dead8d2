//! Rows that their ids don't identify are in no page: they are counted, and rejected, after the pages.

use std::collections::HashMap;

use crate::migration::ids::repeated_id;
use crate::migration::pg::legacy::{Legacy, repeated_ids};
use crate::migration::pg::lineage::read_lineage;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::rejects::record_rejections;
use crate::migration::rejection::Rejection;
use crate::migration::run::{MigrateReport, Observer};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_writing};

/// Ids of one step.
const IDS: usize = 10_000;

/// The sessions with both sides, and what is rejected there.
pub(crate) struct OddRows<'a> {
    pub(crate) legacy: &'a Legacy,
    /// A session with the table; none with a file.
    pub(crate) from: Option<Session>,
    pub(crate) target: &'a mut Session,
    /// None in a dry run, which writes nothing.
    pub(crate) run_id: Option<&'a str>,
    pub(crate) has_lineage: bool,
    /// Rows without lineage that are tried, at most, with those of the pages.
    pub(crate) limit: u64,
}

impl OddRows<'_> {
    /// Rejects them, up to the limit.
    pub(crate) async fn reject(
        mut self,
        report: &mut MigrateReport,
        observer: &mut (dyn Observer + Send),
    ) -> Result<(), MigrateError> {
        let left = |report: &MigrateReport| self.limit.saturating_sub(report.counts.migrated + report.counts.rejected);
        let mut after = None;
        loop {
            let ids = repeated_ids(self.legacy, self.from.as_mut(), after, IDS).await?;
            let (Some((first, _)), Some((last, _))) = (ids.first().copied(), ids.last().copied()) else { break };
            let lineage = match self.has_lineage {
                true => read_lineage(self.target, first.checked_sub(1), last).await?,
                false => HashMap::new(),
            };
            let mut rejections = Vec::new();
            for (id, rows) in ids {
                let count = rows.unsigned_abs();
                let is_migrated = lineage.get(&id).is_some_and(|it| it.has_request);
                let already = u64::from(is_migrated);
                let tried = left(report).min(count - already);
                if already + tried == 0 {
                    continue;
                }
                let rejection = again(self.legacy, repeated_id(id, rows, is_migrated));
                report.counts.read += already + tried;
                report.counts.already_migrated += already;
                report.counts.rejected += tried;
                report.counts.repeated_id += tried.saturating_sub(1 - already);
                for _ in 0..tried {
                    observer.rejected(&rejection).map_err(MigrateError::Rejects)?;
                    report.reject(rejection.clone());
                }
                // What is on record goes by the id, and a row is not on record both as migrated and as rejected.
                rejections.extend((!is_migrated).then_some(rejection));
            }
            if let Some(run_id) = self.run_id {
                begin_writing(self.target, Limits::default()).await?;
                record_rejections(self.target, run_id, (first, last), &[], &rejections).await?;
                run(self.target, "commit", "committing rejections").await?;
            }
            after = Some(last);
        }
        let without = self.legacy.odd_ids().without.min(left(report));
        report.counts.read += without;
        report.counts.rejected += without;
        report.counts.without_id = without;
        if let Some(from) = self.from {
            let _ = from.close().await;
        }
        Ok(())
    }
}

/// Names the lines on which an id comes again.
fn again(legacy: &Legacy, mut rejection: Rejection) -> Rejection {
    if let Legacy::Csv(csv) = legacy
        && let Some(repeated) = csv.facts.repeated.get(&rejection.source_id)
    {
        for reason in &mut rejection.reasons {
            reason.message.push_str(&format!(" (again on {})", repeated.again.shown()));
        }
    }
    rejection
}
