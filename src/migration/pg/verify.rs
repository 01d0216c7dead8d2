//! Streams source and target side by side in id order, and proves every migrated row.
//!
//! Reads through plain queries, not through the COPY code that `migrate` reads and writes with: a mistake there must
//! not cancel itself out here. Both directions: each legacy row has its target rows, each lineage row its legacy row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::base::quote::quote_literal;
use crate::base::text::list;
use crate::config::environment::Environment;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::{check_applied, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::migration::difference::Difference;
use crate::migration::ids::OddIds;
use crate::migration::legacy::LegacyRow;
use crate::migration::needs;
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::missing::missing_columns;
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage, read_plain_page};
use crate::migration::pg::reading::{Reading, is_cancelled, repeated};
use crate::migration::pg::source::Source;
use crate::migration::pg::stored_page::{Rows, for_each_row, number, read_rejected, read_stored, utf8};
use crate::migration::pg::traits::traits_of_source;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::run::Progress;
use crate::migration::target::{LEGACY_MARK, SOURCE_TABLE};
use crate::migration::verification::{BothPages, Judged, VerifyCounts, VerifyReport, judge};
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::Lock;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};

/// Legacy rows of one step.
const PAGE_ROWS: usize = 400;

/// What to verify, where.
#[derive(Clone, Debug)]
pub struct VerifyRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// Holds the legacy table.
    pub source: &'a Database,
    /// The legacy table.
    pub table: &'a TableName,
    /// The environment of the run.
    pub environment: Environment,
}

/// A page of the source, and the range of ids that it covers: after the first, up to the second, or all of the rest.
struct SourcePage {
    after: Option<i64>,
    until: Option<i64>,
    rows: Vec<(i64, LegacyRow)>,
}

/// Verifies every migrated row.
pub async fn verify(
    request: &VerifyRequest<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    let started = Instant::now();
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let role = current_role(&mut target).await?;
    check_permitted(&mut target, request.target, &needs::verify(&role), "verify").await?;
    check_applied(&mut target, request.target, request.environment).await?;
    let missing = missing_columns(&mut target).await?;
    if !missing.is_empty() {
        return Err(VerifyError::Incomplete { place: request.target.place(), columns: list(missing) });
    }
    let server_version = server_facts(&mut target).await?.version;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    request.target.phase("examining the legacy table");
    let role = current_role(&mut from).await?;
    check_permitted(&mut from, request.source, &needs::source(&role, request.table), "read the legacy table").await?;
    let source = Source::describe(&mut from, request.table, &request.source.place()).await?;
    let source = Arc::new(source.in_zone(request.source, &mut from, &mut target).await?);
    let traits = traits_of_source(&mut from, &source).await?;
    let (total, _) = source.extent(&mut from).await?;
    let migrating = Lock::Migrate.holder(&mut target).await?;
    // One snapshot each: what is committed meanwhile is not half seen.
    for connection in [&mut target, &mut from] {
        begin_read_only(connection, Limits::default()).await?;
    }

    let repeats = Arc::new(AtomicU32::new(0));
    let reading = |session, database| Reading::new(session, database, Arc::clone(&repeats));
    let (from, target) = (reading(from, request.source), reading(target, request.target));
    let (pages, source_pages) = mpsc::channel::<SourcePage>(1);
    let (both, mut both_pages) = mpsc::channel::<BothPages>(1);
    let mut readers = JoinSet::new();
    readers.spawn(read_source(from, Arc::clone(&source), traits.needs_cursor, pages));
    readers.spawn(read_target(target, source_pages, both));

    request.target.phase("verifying");
    let mut report = VerifyReport { server_version, notes: traits.notes(request.table), ..VerifyReport::default() };
    let mut doubtful = Doubtful { rows: Vec::new(), bound: if traits.needs_cursor { FEW } else { MANY } };
    let total = u64::try_from(total).unwrap_or(0);
    while let Some(page) = both_pages.recv().await {
        for (id, judged) in judge(page) {
            doubtful.settle_unless_doubtful(id, judged, &mut report);
        }
        let done = report.counts.source + doubtful.rows.len() as u64;
        progress(Progress { done, total: total.max(done), rejected: report.counts.rejected });
        // Where judging takes longer than reading there is always another page, and an interruption would not be heard.
        tokio::task::yield_now().await;
    }
    request.target.phase("looking for rows that lineage doesn't explain");
    let mut unclaimed = Vec::new();
    while let Some(ended) = readers.join_next().await {
        unclaimed.extend(ended.map_err(VerifyError::Worker)??.unwrap_or_default());
    }
    look_again(request, &source, doubtful, &mut report).await?;
    if source.odd_ids != OddIds::default() {
        count_odd_rows(request, &source, &mut report.counts).await?;
        report.notes.extend(source.odd_ids.sentences(request.table));
    }
    for difference in unclaimed {
        report.counts.extra += 1;
        report.differ(difference);
    }
    report.notes.extend(migrating.map(|holder| {
        format!("a migration was running meanwhile ({holder}); rows that it had not committed count as never tried")
    }));
    report.notes.extend(repeated(repeats.load(Ordering::Relaxed)));
    let VerifyCounts { source, verified, different, missing, rejected, pending, .. } = report.counts;
    assert_eq!(source, verified + different + missing + rejected + pending, "every legacy row is accounted for");
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Rows that are looked at again before something is claimed of them. More than these are not explained by what was
/// committed meanwhile.
const MANY: usize = 1000;
/// The same where each look is a scan of the legacy table.
const FEW: usize = 10;

/// Rows of which something is wrong at first sight, in id order.
struct Doubtful {
    rows: Vec<(i64, Judged)>,
    /// How many are looked at again; none once there were more.
    bound: usize,
}

impl Doubtful {
    fn settle_unless_doubtful(&mut self, id: i64, judged: Judged, report: &mut VerifyReport) {
        if !judged.is_doubtful() {
            return report.settle(judged);
        }
        self.rows.push((id, judged));
        if self.rows.len() > self.bound {
            self.bound = 0;
            self.rows.drain(..).for_each(|(_, judged)| report.settle(judged));
        }
    }
}

/// Source and target are two snapshots, of two servers maybe: a row that was migrated, changed or removed meanwhile, or
/// that a standby doesn't have yet, looks wrong. Each such row is compared once more, in new snapshots.
async fn look_again(
    request: &VerifyRequest<'_>,
    source: &Source,
    doubtful: Doubtful,
    report: &mut VerifyReport,
) -> Result<(), VerifyError> {
    if doubtful.rows.is_empty() {
        return Ok(());
    }
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    let mut securities = Securities::default();
    let mut since = Instant::now();
    for connection in [&mut target, &mut from] {
        begin_read_only(connection, Limits::default()).await?;
    }
    for (id, first) in doubtful.rows {
        if since.elapsed() > NEW_VIEW {
            since = Instant::now();
            for (connection, database) in [(&mut target, request.target), (&mut from, request.source)] {
                if run(connection, "rollback", "ending the transaction").await.is_err() {
                    *connection = database.connect(Access::Read, "verify").await?;
                }
                begin_read_only(connection, Limits::default()).await?;
            }
        }
        let after = id.checked_sub(1);
        let range = Rows::Between { after, until: Some(id) };
        let again = async {
            let mut rows = read_plain_page(&mut from, source, after, 1).await?.rows;
            rows.retain(|(found, _)| *found == id);
            both_pages(&mut target, &mut securities, &range, rows).await
        };
        match again.await {
            Ok(page) => judge(page).into_iter().for_each(|(_, judged)| report.settle(judged)),
            // A standby cancels this look, too: what was seen first stands.
            Err(error) if is_cancelled(request.target, &error).await || is_cancelled(request.source, &error).await => {
                report.settle(first);
                since = Instant::now() - NEW_VIEW * 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let _ = target.close().await;
    let _ = from.close().await;
    Ok(())
}

/// Counts the rows that their ids don't identify: rejected if that is on record.
async fn count_odd_rows(
    request: &VerifyRequest<'_>,
    source: &Source,
    counts: &mut VerifyCounts,
) -> Result<(), VerifyError> {
    const IDS: usize = 10_000;
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let mut from = request.source.connect(Access::Read, "verify source").await?;
    let mut count = |rows: u64, is_rejected: bool| {
        counts.source += rows;
        *if is_rejected { &mut counts.rejected } else { &mut counts.pending } += rows;
    };
    let mut after = None;
    loop {
        let ids = source.repeated_ids(&mut from, after, IDS).await?;
        let Some((last, _)) = ids.last().copied() else { break };
        let rejected = read_rejected(&mut target, &Rows::Between { after, until: Some(last) }).await?;
        ids.into_iter().for_each(|(id, rows)| count(rows.unsigned_abs(), rejected.contains(&id)));
        after = Some(last);
    }
    // Nothing names them one by one: as many are on record as the last run that came to its end has counted.
    let last = "select (counts ->> 'without_id')::int8 from padealing.migration_run \
                where command = 'migrate' and counts is not null order by started_at desc limit 1";
    let recorded: Option<Option<i64>> =
        sqlx::query_scalar(last).fetch_optional(&mut target).await.attempt("reading the runs of migrate")?;
    let recorded = recorded.flatten().map_or(0, i64::unsigned_abs).min(source.odd_ids.without);
    count(recorded, true);
    count(source.odd_ids.without - recorded, false);
    let _ = target.close().await;
    let _ = from.close().await;
    Ok(())
}

/// How long a second look keeps its snapshots.
const NEW_VIEW: Duration = Duration::from_secs(5);

/// What a reader has found beyond the rows: target rows that lineage doesn't explain.
type Unclaimed = Option<Vec<Difference>>;

async fn read_source(
    mut from: Reading,
    source: Arc<Source>,
    needs_cursor: bool,
    pages: mpsc::Sender<SourcePage>,
) -> Result<Unclaimed, VerifyError> {
    let (mut after, mut size) = (None, PAGE_ROWS);
    let (mut cursor, mut snapshot) = (needs_cursor.then(LegacyCursor::default), 0);
    loop {
        if snapshot != from.snapshots {
            // The cursor has ended with its snapshot.
            (cursor, snapshot) = (needs_cursor.then(LegacyCursor::default), from.snapshots);
        }
        let read = match &mut cursor {
            Some(cursor) => cursor.page(&mut from.session, &source, after, size).await,
            None => read_plain_page(&mut from.session, &source, after, size).await,
        };
        let PlainPage { rows, cut } = match read {
            Ok(page) => page,
            Err(error) => {
                from.recover(error).await?;
                continue;
            }
        };
        from.in_a_row = 0;
        let done = rows.is_empty() || rows.len() < size && !cut;
        size = if cut { rows.len().max(1) } else { (size * 2).min(PAGE_ROWS) };
        // The last range is open, so that lineage beyond the last legacy row is seen too.
        let until = if done { None } else { rows.last().map(|(id, _)| *id) };
        let Ok(room) = from.wait(pages.reserve()).await? else { break };
        room.send(SourcePage { after, until, rows });
        if done {
            break;
        }
        after = until;
    }
    let _ = from.session.close().await;
    Ok(None)
}

async fn read_target(
    mut target: Reading,
    mut source_pages: mpsc::Receiver<SourcePage>,
    both: mpsc::Sender<BothPages>,
) -> Result<Unclaimed, VerifyError> {
    let mut securities = Securities::default();
    while let Some(page) = target.wait(source_pages.recv()).await? {
        let range = Rows::Between { after: page.after, until: page.until };
        let page = loop {
            match both_pages(&mut target.session, &mut securities, &range, page.rows.clone()).await {
                Ok(page) => break page,
                Err(error) => target.recover(error).await?,
            }
        };
        target.in_a_row = 0;
        let Ok(room) = target.wait(both.reserve()).await? else { return Ok(None) };
        room.send(page);
    }
    let unclaimed = loop {
        match read_unclaimed(&mut target.session).await {
            Ok(unclaimed) => break unclaimed,
            Err(error) => target.recover(error).await?,
        }
    };
    let _ = target.session.close().await;
    Ok(Some(unclaimed))
}

/// Rows of the source with what is stored for them.
async fn both_pages(
    target: &mut Session,
    securities: &mut Securities,
    range: &Rows,
    rows: Vec<(i64, LegacyRow)>,
) -> Result<BothPages, QueryError> {
    // A page is a small part of a large table; the planner, which takes random reads for expensive, would read the
    // whole table for each page, which makes the verification quadratic.
    run(target, "set local enable_seqscan = off", "setting up the transaction").await?;
    let stored = read_stored(target, range).await?;
    let rejected = read_rejected(target, range).await?;
    let securities = securities.of(target, rows.iter().map(|(_, row)| row)).await?;
    Ok(BothPages { rows, stored, rejected, securities })
}

/// Target rows that no range shows: those that lineage claims twice, and marked ones that belong to no migrated row.
async fn read_unclaimed(target: &mut Session) -> Result<Vec<Difference>, QueryError> {
    run(target, "set local enable_seqscan = on", "setting up the transaction").await?;
    let source_table = quote_literal(SOURCE_TABLE);
    let migrated = format!(
        "select from padealing.migration_mapping m where m.source_table = {source_table} \
         and m.target_table = 'pad_request'"
    );
    let mark = quote_literal(LEGACY_MARK);
    let sql = format!(
        "select min(source_id), 'pad_request', target_id, count(*) || ' lineage rows' \
             from padealing.migration_mapping where source_table = {source_table} and target_table = 'pad_request' \
             group by target_id having count(*) > 1 \
         union all \
         select a.entity_id, 'audit_log:' || a.action_type, a.id, 'no migrated row' from padealing.audit_log a \
             where a.details ->> 'source' = {mark} and not exists ({migrated} and m.target_id = a.request_id) \
         union all \
         select r.id, 'pad_request', r.id, 'no lineage row' from padealing.pad_request r \
             where r.compliance_assessment ? 'legacy' and not exists ({migrated} and m.target_id = r.id) \
         order by 1, 2, 3"
    );
    let mut unclaimed = Vec::new();
    for_each_row(target, sql, "looking for rows that lineage doesn't explain", |values| {
        unclaimed.push(Difference {
            source_id: if values[0].is_some() { number(values[0])? } else { 0 },
            target: utf8(values[1])?.unwrap_or_default().to_owned(),
            field: "id".to_owned(),
            expected: Some("one lineage row".to_owned()),
            actual: Some(format!("{} has {}", number(values[2])?, utf8(values[3])?.unwrap_or_default())),
        });
        Ok(())
    })
    .await?;
    Ok(unclaimed)
}
