//! Streams source and target side by side in id order, and proves every migrated row.
//!
//! Reads the legacy rows and what is stored through COPY, and takes neither apart by the code that `migrate` reads and
//! writes with: a mistake there must not cancel itself out here. Both directions: each legacy row has its
//! target rows, each lineage row its legacy row.

mod odd_rows;
pub(crate) mod one;
pub mod sample;
mod second_look;
mod stored_rows;
mod target_pages;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::base::text::list;
use crate::config::environment::Environment;
use crate::ledger::pg::admission::{check_applied, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::migration::accounting::Accounting;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::ids::OddIds;
use crate::migration::legacy::LegacyRow;
use crate::migration::needs;
use crate::migration::pg::ahead::Ahead;
use crate::migration::pg::evidence::spool::Spool;
use crate::migration::pg::legacy::{CsvPages, FileNotes, Legacy, LegacySource, came_from_a_file};
use crate::migration::pg::missing::{check_lineage, missing_columns};
use crate::migration::pg::plain_page::{LegacyCursor, PlainPage, read_plain_page};
use crate::migration::pg::reading::{Reading, repeated};
use crate::migration::pg::source::Source;
use crate::migration::pg::stored_page::Rows;
use crate::migration::pg::traits::traits_of_source;
use crate::migration::pg::verify::odd_rows::{SharedIds, count_odd_rows};
use crate::migration::pg::verify::second_look::{Doubtful, FEW, MANY, Settled, look_again};
use crate::migration::pg::verify::stored_rows::PageReader;
use crate::migration::pg::verify::target_pages::{
    InOrder, MissingPages, PAGES_AT_ONCE, Read, SourcePage, TargetPages, another, unclaimed,
};
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::run::Progress;
use crate::migration::verification::{Explained, JudgedPage, Outcome, VerifyCounts, VerifyReport, Wanted};
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::Lock;
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::{round_trip, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};

/// Legacy rows of one step.
const PAGE_ROWS: usize = 256;

/// Legacy rows that are read at once, at least: what a statement costs beside its rows is that of several pages.
const SOURCE_ROWS: usize = 4 * PAGE_ROWS;

/// What to verify, where.
#[derive(Clone, Debug)]
pub struct VerifyRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// Has the legacy rows.
    pub source: LegacySource<'a>,
    /// The environment of the run.
    pub environment: Environment,
}

/// Verifies every migrated row.
pub async fn verify(request: &VerifyRequest<'_>, progress: impl FnMut(Progress)) -> Result<VerifyReport, VerifyError> {
    verify_with(request, Wanted::default(), None, progress).await
}

/// Verifies every migrated row, and adds up both sides.
pub async fn verify_with_accounting(
    request: &VerifyRequest<'_>,
    progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    verify_with(request, Wanted { accounting: true, evidence: false }, None, progress).await
}

/// Verifies every migrated row, keeps each row's line of evidence, and adds up both sides if that is wanted.
pub(crate) async fn verify_with_evidence(
    request: &VerifyRequest<'_>,
    spool: &mut Spool,
    accounting: bool,
    progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    verify_with(request, Wanted { accounting, evidence: true }, Some(spool), progress).await
}

async fn verify_with(
    request: &VerifyRequest<'_>,
    wanted: Wanted,
    spool: Option<&mut Spool>,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    let started = Instant::now();
    let Begun { target, server_version, examined, total, shared, migrating } = begin(request, Wants::Total).await?;
    let Examined { legacy, opened, notes, other_file } = examined;
    let repeats = Arc::new(AtomicU32::new(0));
    let reading = |session, database| Reading::new(session, database, Arc::clone(&repeats));
    let mut targets = vec![reading(target, request.target)];
    let second = another(&mut targets[0].session, request.target).await?;
    targets.extend(second.map(|session| reading(session, request.target)));
    let (mut readers, bound) = Readers::start(opened, targets, wanted, &repeats);

    request.target.phase("verifying");
    let accounting = wanted.accounting.then(Accounting::default);
    let csv = request.source.csv();
    let report = VerifyReport { server_version, notes, other_file, csv, accounting, ..VerifyReport::default() };
    let mut settled = Settled { report, spool };
    let mut doubtful = Doubtful { rows: Vec::new(), bound };
    let mut explained = Explained::NOTHING;
    let mut take = |page: JudgedPage, settled: &mut Settled<'_>| -> Result<(), VerifyError> {
        explained.add(page.explained);
        for (id, judged) in page.rows {
            if judged.outcome == Outcome::MissingSource && shared.contains(id) {
                // Its rows are in no page, and counted at the end.
                continue;
            }
            doubtful.settle_unless_doubtful(id, judged, settled)?;
        }
        let counts = &settled.report.counts;
        let done = counts.source + doubtful.rows.len() as u64;
        progress(Progress { done, total: total.max(done), rejected: counts.rejected });
        Ok(())
    };
    while let Some(page) = readers.pages.next().await {
        take(page, &mut settled)?;
        // Where judging takes longer than reading there is always another page, and an interruption would not be heard.
        tokio::task::yield_now().await;
    }
    let mut read = readers.end().await?;
    if let Legacy::Csv(csv) = &legacy {
        let mut missing = MissingPages::of(csv, wanted);
        while let Some(page) = missing.next(&mut read[0].target).await? {
            take(page, &mut settled)?;
        }
    }
    request.target.phase("looking for rows that lineage doesn't explain");
    let unclaimed = unclaimed(read, explained).await?;
    look_again(request.target, &legacy, doubtful, &mut settled, PageReader::new(wanted)).await?;
    let mut report = settled.report;
    report.moved |= repeats.load(Ordering::Relaxed) > 0;
    if legacy.odd_ids() != OddIds::default() {
        count_odd_rows(request.target, &legacy, shared, &mut report).await?;
        report.notes.extend(legacy.sentences_about_ids());
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

/// What reads pages of both sides.
struct Readers {
    source: JoinSet<Result<(), VerifyError>>,
    target: JoinSet<Result<Read, VerifyError>>,
    pages: InOrder,
}

impl Readers {
    /// Starts them; how many rows are looked at again, too.
    fn start(opened: Opened<'_>, targets: Vec<Reading>, wanted: Wanted, repeats: &Arc<AtomicU32>) -> (Self, usize) {
        let (pages, source_pages) = mpsc::channel::<SourcePage>(1);
        let (judged, judged_pages) = mpsc::channel::<(u64, JudgedPage)>(PAGES_AT_ONCE);
        let window = Arc::new(Semaphore::new(PAGES_AT_ONCE));
        let (mut of_source, mut of_target) = (JoinSet::new(), JoinSet::new());
        let mut bound = MANY;
        match opened {
            Opened::Table { from, database, source, needs_cursor } => {
                bound = if needs_cursor { FEW } else { MANY };
                let from = Reading::new(from, database, Arc::clone(repeats));
                of_source.spawn(read_source(from, source, needs_cursor, pages));
            }
            Opened::Csv(csv) => {
                of_source.spawn(read_csv(csv, pages));
            }
        }
        let source_pages = Arc::new(Mutex::new(source_pages));
        for (at, target) in targets.into_iter().enumerate() {
            let (source, window) = (Arc::clone(&source_pages), Arc::clone(&window));
            let pages = TargetPages { source, judged: judged.clone(), window };
            // The second has time to count.
            of_target.spawn(pages.read(target, wanted, at == 1));
        }
        (Self { source: of_source, target: of_target, pages: InOrder::of(judged_pages, window) }, bound)
    }

    /// After the last page.
    async fn end(mut self) -> Result<Vec<Read>, VerifyError> {
        while let Some(ended) = self.source.join_next().await {
            ended.map_err(VerifyError::Worker)??;
        }
        let mut read = Vec::new();
        while let Some(ended) = self.target.join_next().await {
            read.push(ended.map_err(VerifyError::Worker)??);
        }
        Ok(read)
    }
}

/// Both sides, each in one snapshot.
struct Begun<'a> {
    target: Session,
    server_version: String,
    examined: Examined<'a>,
    /// Legacy rows; 0 if nobody wants to know.
    total: u64,
    /// None if nobody wants the total.
    shared: SharedIds,
    /// Who is migrating meanwhile.
    migrating: Option<String>,
}

/// Whether the legacy rows are counted, which costs a scan of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Total,
    Rows,
}

async fn begin<'a>(request: &VerifyRequest<'a>, wants: Wants) -> Result<Begun<'a>, VerifyError> {
    let (mut target, server_version) = admitted(request).await?;
    request.target.phase("examining the legacy rows");
    let mut examined = examine(request, &mut target).await?;
    // Before the snapshot, which a standby would cancel for a scan that takes long.
    let (total, shared) = match wants {
        Wants::Total => (examined.opened.total().await?, examined.shared_ids(&mut target).await?),
        Wants::Rows => (0, SharedIds::default()),
    };
    let migrating = Lock::Migrate.holder(&mut target).await?;
    // One snapshot each: what is committed meanwhile is not half seen.
    begin_read_only(&mut target, Limits::default()).await?;
    if let Opened::Table { from, .. } = &mut examined.opened {
        begin_read_only(from, Limits::default()).await?;
    }
    Ok(Begun { target, server_version, examined, total, shared, migrating })
}

/// A session with the target, if it can be verified; and the server's version.
async fn admitted(request: &VerifyRequest<'_>) -> Result<(Session, String), VerifyError> {
    let mut target = request.target.connect(Access::Read, "verify").await?;
    let role = current_role(&mut target).await?;
    check_permitted(&mut target, request.target, &needs::verify(&role), "verify").await?;
    check_applied(&mut target, request.target, request.environment).await?;
    let missing = missing_columns(&mut target).await?;
    if !missing.is_empty() {
        return Err(VerifyError::Incomplete { place: request.target.place(), columns: list(missing) });
    }
    check_lineage(&mut target, request.target).await??;
    let version = server_facts(&mut target).await?.version.clone();
    Ok((target, version))
}

/// The source before the first row.
struct Examined<'a> {
    legacy: Legacy,
    opened: Opened<'a>,
    notes: Vec<String>,
    other_file: Option<String>,
}

impl Examined<'_> {
    async fn shared_ids(&mut self, target: &mut Session) -> Result<SharedIds, QueryError> {
        let from = match &mut self.opened {
            Opened::Table { from, .. } => Some(from),
            Opened::Csv(_) => None,
        };
        SharedIds::read(&self.legacy, from, target).await
    }
}

/// What is read from.
enum Opened<'a> {
    Table {
        from: Session,
        database: &'a Database,
        source: Arc<Source>,
        /// Whether each page would be a scan of the whole table.
        needs_cursor: bool,
    },
    Csv(Arc<ProvedCsv>),
}

impl Opened<'_> {
    /// How many rows there are.
    async fn total(&mut self) -> Result<u64, VerifyError> {
        match self {
            Self::Table { from, source, .. } => Ok(u64::try_from(source.extent(from).await?.0).unwrap_or(0)),
            Self::Csv(csv) => Ok(csv.facts.rows),
        }
    }
}

async fn examine<'a>(request: &VerifyRequest<'a>, target: &mut Session) -> Result<Examined<'a>, VerifyError> {
    let (database, table) = match request.source {
        LegacySource::Table { database, table } => (database, table),
        LegacySource::Csv(csv) => {
            let notes = FileNotes::read(target, csv).await??;
            let (legacy, opened) = (Legacy::Csv(Arc::clone(csv)), Opened::Csv(Arc::clone(csv)));
            return Ok(Examined { legacy, opened, notes: notes.all(), other_file: notes.other_file });
        }
    };
    let mut from = database.connect(Access::Read, "verify source").await?;
    let role = current_role(&mut from).await?;
    check_permitted(&mut from, database, &needs::source(&role, table), "read the legacy table").await?;
    let source = Source::describe(&mut from, table, &database.place()).await?;
    let source = Arc::new(source.in_zone(database, &mut from, target).await?);
    let traits = traits_of_source(&mut from, &source).await?;
    let legacy = Legacy::Table { database: Arc::new(database.clone()), source: Arc::clone(&source) };
    let mut notes = traits.notes(table);
    let other_file = came_from_a_file(target).await?;
    notes.extend(other_file.clone());
    let opened = Opened::Table { from, database, source, needs_cursor: traits.needs_cursor };
    Ok(Examined { legacy, opened, notes, other_file })
}

async fn read_source(
    mut from: Reading,
    source: Arc<Source>,
    needs_cursor: bool,
    pages: mpsc::Sender<SourcePage>,
) -> Result<(), VerifyError> {
    let apart = loop {
        match round_trip(&mut from.session).await {
            Ok(apart) => break apart,
            Err(error) => begin_again(&mut from, &source, error).await?,
        }
    };
    let mut ahead = Ahead::of(SOURCE_ROWS, apart);
    let (mut after, mut sequence) = (None, 0);
    let (mut cursor, mut snapshot) = (needs_cursor.then(LegacyCursor::default), 0);
    'pages: loop {
        if snapshot != from.snapshots {
            // The cursor has ended with its snapshot.
            (cursor, snapshot) = (needs_cursor.then(LegacyCursor::default), from.snapshots);
        }
        let size = ahead.size();
        let read = match &mut cursor {
            Some(cursor) => cursor.page(&mut from.session, &source, after, size).await,
            None => read_plain_page(&mut from.session, &source, after, size).await,
        };
        let PlainPage { rows, cut } = match read {
            Ok(page) => page,
            Err(error) => {
                begin_again(&mut from, &source, error).await?;
                continue;
            }
        };
        from.in_a_row = 0;
        let done = rows.is_empty() || rows.len() < size && !cut;
        ahead.read(rows.len(), cut);
        let mut rows = rows.into_iter().peekable();
        loop {
            let page: Vec<(i64, LegacyRow)> = rows.by_ref().take(PAGE_ROWS).collect();
            let is_end = rows.peek().is_none();
            // The last range is open, so that lineage beyond the last legacy row is seen too.
            let until = if done && is_end { None } else { page.last().map(|(id, _)| *id) };
            // Nobody wants more: the run was given up.
            let Ok(room) = from.wait(pages.reserve()).await? else { break 'pages };
            room.send(SourcePage { sequence, ids: Rows::Between { after, until }, rows: page });
            (sequence, after) = (sequence + 1, until);
            if is_end {
                break;
            }
        }
        if done {
            break;
        }
    }
    let _ = from.session.close().await;
    Ok(())
}

/// Goes on in another snapshot after an error that a standby raises, or fails.
async fn begin_again(from: &mut Reading, source: &Source, error: QueryError) -> Result<(), VerifyError> {
    from.recover(error).await?;
    source.set_up(&mut from.session).await?;
    Ok(())
}

/// Hands out the rows of a file, in its order.
async fn read_csv(csv: Arc<ProvedCsv>, pages: mpsc::Sender<SourcePage>) -> Result<(), VerifyError> {
    let mut read = CsvPages::start(csv, PAGE_ROWS);
    for sequence in 0.. {
        let Some(rows) = read.next().await? else { break };
        let ids = Rows::Only(rows.iter().map(|(id, _)| *id).collect());
        if pages.send(SourcePage { sequence, ids, rows }).await.is_err() {
            break;
        }
    }
    Ok(())
}
