//! Legacy rows that their ids don't identify: they are in no page, and counted at the end.

use roaring::RoaringTreemap;
use sqlx::AssertSqlSafe;

use crate::migration::difference::Difference;
use crate::migration::ids::OddIds;
use crate::migration::pg::evidence::records::{counted, last_run};
use crate::migration::pg::legacy::{Legacy, repeated_ids};
use crate::migration::pg::stored_page::{Rows, for_each_row, number, read_rejected_rows};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::target::SOURCE_TABLE;
use crate::migration::verification::VerifyReport;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Ids of one step.
const IDS: usize = 10_000;

/// Ids that several legacy rows have, of which one was migrated while it was alone: which one isn't known.
#[derive(Debug, Default)]
pub(super) struct SharedIds(RoaringTreemap);

impl SharedIds {
    /// Looks for them; through a session with the table, if the rows aren't a file's.
    pub(super) async fn read(
        legacy: &Legacy,
        mut from: Option<&mut Session>,
        target: &mut Session,
    ) -> Result<Self, QueryError> {
        let mut shared = Self::default();
        if legacy.odd_ids().repeated == 0 {
            return Ok(shared);
        }
        let mut after = None;
        loop {
            let ids = repeated_ids(legacy, from.as_deref_mut(), after, IDS).await?;
            let Some((last, _)) = ids.last().copied() else { break };
            let sql = format!(
                "select m.source_id from padealing.migration_mapping m where m.target_table = 'pad_request' and {}",
                Rows::Only(ids.into_iter().map(|(id, _)| id).collect()).condition("m")
            );
            for_each_row(target, sql, "reading the lineage", |values| {
                shared.0.insert(number(values.get(0))?.cast_unsigned());
                Ok(())
            })
            .await?;
            after = Some(last);
        }
        Ok(shared)
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.0.contains(id.cast_unsigned())
    }
}

/// Counts the rows that their ids don't identify: rejected if that is on record; one different and the others rejected, as
/// `migrate` counts them, where one was migrated.
pub(super) async fn count_odd_rows(
    target: &Database,
    legacy: &Legacy,
    mut shared: SharedIds,
    report: &mut VerifyReport,
) -> Result<(), VerifyError> {
    let mut target = target.connect(Access::Read, "verify").await?;
    let mut from = match legacy {
        Legacy::Table { database, .. } => Some(database.connect(Access::Read, "verify source").await?),
        Legacy::Csv(_) => None,
    };
    let mut after = None;
    loop {
        let ids = repeated_ids(legacy, from.as_mut(), after, IDS).await?;
        let Some((last, _)) = ids.last().copied() else { break };
        let rejected = read_rejected_rows(&mut target, &Rows::Between { after, until: Some(last) }).await?;
        for (id, rows) in ids {
            let rows = rows.unsigned_abs();
            match shared.0.remove(id.cast_unsigned()) {
                true => differ(report, id, rows, format!("{rows} legacy rows, one of which was migrated")),
                false => {
                    // Those that came since weren't tried.
                    let tried = rejected.get(&id).map_or(0, |tried| rows.min(*tried));
                    report.unnamed.add(id, tried);
                    count(report, tried, true);
                    count(report, rows - tried, false);
                }
            }
        }
        after = Some(last);
    }
    // The source was changed meanwhile.
    for id in shared.0 {
        differ(report, id.cast_signed(), 1, "several legacy rows, when reading began".to_owned());
    }
    // Nothing names them one by one: as many are on record as a run has counted.
    let last = format!("select {} from ({}) last", counted("without_id"), last_run());
    let recorded: Option<Option<i64>> = sqlx::query_scalar(AssertSqlSafe(last))
        .fetch_optional(&mut target)
        .await
        .attempt("reading the runs of migrate")?;
    let OddIds { without, .. } = legacy.odd_ids();
    let recorded = recorded.flatten().map_or(0, i64::unsigned_abs).min(without);
    report.unnamed.without_id = recorded;
    count(report, recorded, true);
    count(report, without - recorded, false);
    let _ = target.close().await;
    if let Some(from) = from {
        let _ = from.close().await;
    }
    Ok(())
}

fn count(report: &mut VerifyReport, rows: u64, is_rejected: bool) {
    let counts = &mut report.counts;
    counts.source += rows;
    *if is_rejected { &mut counts.rejected } else { &mut counts.pending } += rows;
}

fn differ(report: &mut VerifyReport, source_id: i64, rows: u64, actual: String) {
    report.counts.source += rows;
    // One of them, whichever it is, was migrated.
    report.counts.different += 1;
    report.counts.rejected += rows - 1;
    report.shared += 1;
    let (target, field) = (SOURCE_TABLE.to_owned(), "id".to_owned());
    let expected = Some("one legacy row of this id".to_owned());
    report.differ(Difference { source_id, target, field, expected, actual: Some(actual) });
}
