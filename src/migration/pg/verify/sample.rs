//! A sample of the legacy rows, another each time: how a large table is looked at between two full verifications.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use sqlx::AssertSqlSafe;

use crate::migration::pg::legacy::rows_with;
use crate::migration::pg::plain_page::read_plain_rows;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::verify::second_look::{Doubtful, FEW, MANY, Settled, look_again};
use crate::migration::pg::verify::stored_rows::{PageReader, both_pages};
use crate::migration::pg::verify::{Begun, Examined, Opened, PAGE_ROWS, VerifyRequest, Wants, begin, verify};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::run::Progress;
use crate::migration::verification::{Sample, VerifyReport, Wanted, judge};
use crate::postgres::query_error::Attempt;

/// Verifies so many rows, chosen at random; all of them where there are no more.
pub async fn verify_sample(
    request: &VerifyRequest<'_>,
    rows: u64,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    let started = Instant::now();
    let Begun { mut target, server_version, examined, total, .. } = begin(request, Wants::Total).await?;
    let Examined { legacy, mut opened, notes, other_file } = examined;
    if rows >= total {
        let _ = target.close().await;
        if let Opened::Table { from, .. } = opened {
            let _ = from.close().await;
        }
        return verify(request, progress).await;
    }
    request.target.phase("verifying a sample");
    let ids = choose(&mut opened, rows).await?;
    let sample = Some(Sample { rows: ids.len() as u64, of: total });
    let csv = request.source.csv();
    let report = VerifyReport { server_version, notes, other_file, csv, sample, ..VerifyReport::default() };
    let mut settled = Settled { report, spool: None };
    let bound = if matches!(&opened, Opened::Table { needs_cursor: true, .. }) { FEW } else { MANY };
    let mut doubtful = Doubtful { rows: Vec::new(), bound };
    let mut reader = PageReader::new(Wanted::default());
    let mut of_file = match &opened {
        Opened::Csv(csv) => rows_with(csv, ids.iter().copied().collect::<HashSet<_>>()).await?,
        Opened::Table { .. } => Default::default(),
    };
    for ids in ids.chunks(PAGE_ROWS) {
        let mut rows = match &mut opened {
            Opened::Table { from, source, .. } => read_plain_rows(from, source, ids).await?,
            Opened::Csv(_) => ids.iter().filter_map(|id| Some((*id, of_file.remove(id)?))).collect(),
        };
        let page = both_pages(&mut target, &mut reader, &Rows::Only(ids.to_vec()), &mut rows).await?;
        for (id, judged) in judge(page) {
            doubtful.settle_unless_doubtful(id, judged, &mut settled)?;
        }
        let done = settled.report.counts.source + doubtful.rows.len() as u64;
        progress(Progress { done, total: rows_of(&settled), rejected: settled.report.counts.rejected });
        tokio::task::yield_now().await;
    }
    let _ = target.close().await;
    if let Opened::Table { from, .. } = opened {
        let _ = from.close().await;
    }
    look_again(request.target, &legacy, doubtful, &mut settled, PageReader::new(Wanted::default())).await?;
    let mut report = settled.report;
    report.elapsed = started.elapsed();
    Ok(report)
}

fn rows_of(settled: &Settled<'_>) -> u64 {
    settled.report.sample.map_or(0, |it| it.rows)
}

/// So many ids at random, in their order.
async fn choose(opened: &mut Opened<'_>, rows: u64) -> Result<Vec<i64>, VerifyError> {
    let mut ids: Vec<i64> = match opened {
        Opened::Table { from, source, .. } => {
            let sql = source.some_ids(rows);
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(from).await.attempt("choosing a sample")?
        }
        Opened::Csv(csv) => {
            // The ids with the least hashes; the hash is another one in each run.
            let hasher = RandomState::new();
            let ids = csv.facts.ids.iter().map(u64::cast_signed);
            let ids = ids.filter(|id| !csv.facts.repeated.contains_key(id));
            let mut hashed: Vec<(u64, i64)> = ids.map(|id| (hasher.hash_one(id), id)).collect();
            hashed.sort_unstable();
            let wanted = usize::try_from(rows).unwrap_or(usize::MAX);
            hashed.into_iter().take(wanted).map(|(_, id)| id).collect()
        }
    };
    ids.sort_unstable();
    Ok(ids)
}
