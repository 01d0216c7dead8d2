//! Rolls back what `migrate` wrote: target rows and their lineage, a page of legacy rows in one transaction.
//!
//! One reader walks the lineage in the order of the legacy ids, with the legacy rows beside it; workers ([`page`]) compare
//! and delete. The reader's session holds the lock that `migrate` takes. A page that is committed is whole: neither a
//! target row without lineage nor lineage without its row is left, so the same command goes on where an earlier one ended.

pub(crate) mod chosen;
pub mod error;
mod page;
mod referring;
mod source_rows;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::base::text::{list, plural};
use crate::config::environment::Environment;
use crate::ledger::pg::admission::{check_applied, check_permitted};
use crate::ledger::pg::permission::current_role;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::legacy::LegacyRow;
use crate::migration::needs;
use crate::migration::pg::legacy::{CsvPages, FileNotes, LegacySource, came_from_a_file};
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::missing::{check_lineage, missing_columns};
use crate::migration::pg::names::{Witness, wait_for_writers};
use crate::migration::pg::needs::check_source;
use crate::migration::pg::rollback::chosen::Chosen;
use crate::migration::pg::rollback::error::RollbackError;
use crate::migration::pg::rollback::page::{Care, Manner, Part, PartEnd, Work, roll_back_part};
use crate::migration::pg::rollback::referring::Surroundings;
use crate::migration::pg::rollback::source_rows::SourceRows;
use crate::migration::pg::run_record::{RunRecord, recorded};
use crate::migration::pg::source::Source;
use crate::migration::pg::traits::traits_of_source;
use crate::migration::pg::workers::next_result;
use crate::migration::pg::write_error::WriteError;
use crate::migration::rollback::{Kept, RollbackCounts, RollbackOutcome, RollbackReport, Selection, Survey};
use crate::migration::run::Progress;
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::{Acquired, Lock};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::{run, server_facts};
use crate::postgres::transaction::{Limits, begin_reading};

/// Legacy rows of one transaction, unless something else is asked for.
pub const BATCH_SIZE: usize = 500;

/// Workers, each with a session of its own: while the server deletes for two of them, one compares.
pub(crate) const JOBS: usize = 3;

/// How often a page is looked at again after a conflict with another transaction.
const ATTEMPTS: u32 = 3;

/// What to roll back, where.
#[derive(Clone, Debug)]
pub struct RollbackRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// The legacy rows.
    pub source: LegacySource<'a>,
    /// Recorded with the run.
    pub environment: Environment,
    /// Which rows.
    pub selection: Selection,
    /// Legacy rows of one transaction.
    pub batch_size: usize,
    /// Nothing is deleted.
    pub dry_run: bool,
}

/// A page of migrated rows, for a worker.
struct Batch {
    sequence: u64,
    ids: Vec<i64>,
    rows: HashMap<i64, LegacyRow>,
}

/// Counts what a rollback would look at, by lineage, after checking that it may run. Reads only.
pub async fn survey(request: &RollbackRequest<'_>) -> Result<Survey, RollbackError> {
    // A standby is refused before anything is asked.
    let access = if request.dry_run { Access::Read } else { Access::Write };
    let mut session = request.target.connect(access, "rollback").await?;
    let surroundings = check_target(&mut session, request).await?;
    let version = server_facts(&mut session).await?.version;
    let chosen = Chosen::of(&mut session, request.target, &request.selection).await?;
    let mut survey = chosen.survey(&mut session, version).await?;
    survey.notes.extend(surroundings.notes());
    let _ = session.close().await;
    Ok(survey)
}

/// Rolls back what nothing keeps, until `interrupt` is ready.
pub async fn rollback(
    request: &RollbackRequest<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
    interrupt: impl Future<Output = ()>,
) -> Result<RollbackReport, RollbackError> {
    let record = OnceLock::new();
    let done = Arc::new(AtomicU64::new(0));
    // Dropping the run closes its connections, and the server rolls back what they had not committed.
    let result = tokio::select! {
        result = run_to_end(request, progress, &record, Arc::clone(&done)) => result,
        () = interrupt => {
            Err(RollbackError::Interrupted { rows: plural(done.load(Ordering::Relaxed), "row was", "rows were") })
        }
    };
    match (&result, record.get()) {
        (Err(RollbackError::Interrupted { .. }), None) => return Err(RollbackError::NothingBegun),
        (Err(RollbackError::Interrupted { .. }), Some(record)) => {
            record.abandon(request.target, "interrupted", None).await;
        }
        (Err(error), Some(record)) => record.abandon(request.target, "failed", Some(&recorded(error))).await,
        _ => {}
    }
    result
}

/// Tries out whether there is room for the sessions of a run, before anybody is asked.
pub async fn check_room(request: &RollbackRequest<'_>) -> Result<(), RollbackError> {
    let _ = request.target.connect(Access::Write, "rollback").await?.close().await;
    Ok(())
}

/// Looks at what refuses a run besides what [`survey`] has looked at, before a backup that may take an hour: another run
/// that is at work, legacy rows that can't be read. Changes nothing.
pub async fn look_first(request: &RollbackRequest<'_>) -> Result<(), RollbackError> {
    let mut session = request.target.connect(Access::Write, "rollback").await?;
    lock(&mut session, request.target).await?;
    legacy_rows(request.source, &mut session).await?;
    let _ = session.close().await;
    Ok(())
}

async fn lock(session: &mut Session, target: &Database) -> Result<(), RollbackError> {
    match Lock::Migrate.acquire(session, Duration::from_secs(1)).await? {
        Acquired::Yes => Ok(()),
        Acquired::HeldBy(holder) => Err(RollbackError::Locked { place: target.place(), holder }),
    }
}

/// Checks that the role may do it, and that the schema is one whose rows can be compared.
async fn check_target(session: &mut Session, request: &RollbackRequest<'_>) -> Result<Surroundings, RollbackError> {
    let RollbackRequest { target, environment, .. } = request;
    let role = current_role(session).await?;
    let surroundings = Surroundings::keys(session).await?;
    let mut needs = needs::rollback(&role, request.dry_run);
    needs.extend(surroundings.needs(&role));
    check_permitted(session, target, &needs, "roll back").await?;
    check_applied(session, target, *environment).await?;
    let missing = missing_columns(session).await?;
    if !missing.is_empty() {
        return Err(RollbackError::Incomplete { place: target.place(), columns: list(missing) });
    }
    check_lineage(session, target).await??;
    surroundings.check(session, target).await
}

async fn run_to_end(
    request: &RollbackRequest<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
    record: &OnceLock<RunRecord>,
    done: Arc<AtomicU64>,
) -> Result<RollbackReport, RollbackError> {
    let started = Instant::now();
    let RollbackRequest { target, dry_run, .. } = request;
    let access = if *dry_run { Access::Read } else { Access::Write };
    let activity = if *dry_run { "rollback --dry-run" } else { "rollback" };
    let mut holder = target.connect(access, activity).await?;
    let surroundings = check_target(&mut holder, request).await?;
    let server_version = server_facts(&mut holder).await?.version;
    if !dry_run {
        lock(&mut holder, target).await?;
    }
    target.phase("examining the legacy rows");
    let (examined, surroundings) = tokio::join!(
        examine(request, &mut holder, server_version.clone()),
        // Side by side: it looks at all lineage.
        async {
            let mut session = target.connect(Access::Read, activity).await?;
            let surroundings = surroundings.read(&mut session).await?;
            let _ = session.close().await;
            Ok::<_, RollbackError>(surroundings)
        }
    );
    let (Examined { rows, notes, chosen, survey, options }, surroundings) = (examined?, surroundings?);
    let triggers = surroundings.notes();
    if !dry_run {
        let new = RunRecord::new(&mut holder, "rollback", request.environment, recorded_options(request)).await?;
        // Known before it is stored: a run that is interrupted in between can still be recorded as such.
        record.get_or_init(|| new).start(&mut holder).await?;
    }
    let work = Work {
        target: (*target).clone(),
        dry_run: *dry_run,
        is_named: matches!(request.selection, Selection::Sources(_)),
        is_all: chosen.is_all && matches!(rows, LegacyRows::Table(_)),
        surroundings,
        securities: Mutex::new(Securities::default()),
        witness: Mutex::new(Witness::new(target)),
        own: Mutex::default(),
        gone: Mutex::default(),
        done,
    };
    target.phase(if *dry_run { "comparing" } else { "rolling back" });
    let total = survey.counts.selected;
    let walk = Walk { holder, rows, chosen, batch_size: request.batch_size.max(1) };
    let work = Arc::new(work);
    let (mut report, mut holder) = run_pipeline(Arc::clone(&work), walk, total, progress).await?;
    if report.counts.rolled_back > 0 && !dry_run {
        // The workers have ended.
        let witness = std::mem::replace(&mut *work.witness.lock().await, Witness::new(target));
        let gone = work.gone.lock().await;
        report.dangling = holder.while_waiting(witness.dangling(&[], &gone)).await??;
    }
    report.counts.not_migrated = survey.counts.not_migrated;
    report.not_migrated = survey.not_migrated;
    if let Some(record) = record.get() {
        record.finish(&mut holder, &report.counts, report.verdict()).await?;
    }
    let _ = holder.close().await;
    report.notes = notes;
    report.notes.extend(survey.notes);
    report.notes.extend(triggers);
    report.notes.extend(options.filter(|_| report.counts.rolled_back > 0));
    report.elapsed = started.elapsed();
    report.server_version = server_version;
    Ok(report)
}

/// What is known before the first row.
struct Examined {
    rows: LegacyRows,
    /// What people are to know of how they are read.
    notes: Vec<String>,
    chosen: Chosen,
    survey: Survey,
    /// See [`options_of_runs`].
    options: Option<String>,
}

async fn examine(
    request: &RollbackRequest<'_>,
    holder: &mut Session,
    server_version: String,
) -> Result<Examined, RollbackError> {
    let (rows, notes) = legacy_rows(request.source, holder).await?;
    let chosen = Chosen::of(holder, request.target, &request.selection).await?;
    let survey = chosen.survey(holder, server_version).await?;
    let options = options_of_runs(holder).await?;
    Ok(Examined { rows, notes, chosen, survey, options })
}

/// Where the legacy rows of a rollback come from.
enum LegacyRows {
    Table(Box<SourceRows>),
    Csv(Arc<ProvedCsv>),
}

/// The legacy rows, and what people are to know of how they are read.
async fn legacy_rows(
    source: LegacySource<'_>,
    holder: &mut Session,
) -> Result<(LegacyRows, Vec<String>), RollbackError> {
    let (database, table) = match source {
        LegacySource::Table { database, table } => (database, table),
        LegacySource::Csv(csv) => {
            return Ok((LegacyRows::Csv(Arc::clone(csv)), FileNotes::read(holder, csv).await??.all()));
        }
    };
    let mut from = database.connect(Access::Read, "rollback source").await?;
    check_source(&mut from, database, table).await?;
    let source = Source::describe(&mut from, table, &database.place()).await?;
    let source = source.in_zone(database, &mut from, holder).await?;
    let traits = traits_of_source(&mut from, &source).await?;
    let rows = SourceRows::new(from, Arc::new(source), traits.needs_cursor).await?;
    let mut notes = traits.notes(table);
    notes.extend(came_from_a_file(holder).await?);
    Ok((LegacyRows::Table(Box::new(rows)), notes))
}

/// What `padealing.migration_run` keeps of how the run was asked for.
fn recorded_options(request: &RollbackRequest<'_>) -> serde_json::Value {
    let (run, source_ids) = match &request.selection {
        Selection::All => (None, None),
        Selection::Run(id) => (Some(id), None),
        Selection::Sources(ids) => (None, Some(ids)),
    };
    let (place, table) = match request.source {
        LegacySource::Table { database, table } => (database.place(), Some(table.to_string())),
        LegacySource::Csv(csv) => (csv.name(), None),
    };
    json!({
        "source": place,
        "legacy_table": table,
        "csv": request.source.csv(),
        "run": run,
        "source_ids": source_ids,
    })
}

/// With which options rows were migrated that a following `migrate` needs again to bring all of them back.
async fn options_of_runs(session: &mut Session) -> Result<Option<String>, QueryError> {
    let (is_null, is_reassigned): (bool, bool) = sqlx::query_as(
        "select coalesce(bool_or(options ->> 'on_missing_security' = 'null'), false), \
                coalesce(bool_or(options ->> 'on_id_collision' = 'reassign'), false) \
         from padealing.migration_run where command = 'migrate'",
    )
    .fetch_one(session)
    .await
    .attempt("reading the runs of migrate")?;
    let given = [(is_null, "--on-missing-security null"), (is_reassigned, "--on-id-collision reassign")];
    let given: Vec<&str> = given.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
    let sentence = || {
        format!(
            "a run of migrate was given {}; to bring its rows back, give migrate the same again",
            given.join(" and ")
        )
    };
    Ok((!given.is_empty()).then(sentence))
}

/// Runs reader and workers to the end. Gives the connection with the lock back.
async fn run_pipeline(
    work: Arc<Work>,
    walk: Walk,
    total: u64,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(RollbackReport, Session), RollbackError> {
    let (batches, queue) = mpsc::channel::<Batch>(1);
    let queue = Arc::new(Mutex::new(queue));
    let (outcomes, mut results) = mpsc::channel::<Result<RollbackOutcome, RollbackError>>(JOBS);
    // Pages in memory, at most: one for each worker, and one that is being read or waits.
    let window = Arc::new(Semaphore::new(JOBS + 1));
    let mut workers = JoinSet::new();
    for _ in 0..JOBS {
        let (work, queue, outcomes) = (Arc::clone(&work), Arc::clone(&queue), outcomes.clone());
        workers.spawn(async move {
            if let Err(error) = run_worker(&work, &queue, &outcomes).await {
                // Nobody may be listening any more, because of another worker's error.
                let _ = outcomes.send(Err(error)).await;
            }
        });
    }
    drop(outcomes);
    let mut reading = JoinSet::new();
    reading.spawn(walk.run(batches, Arc::clone(&window)));

    // An error leaves this function, and dropping the sets ends the other workers and the reader.
    let mut report = RollbackReport::default();
    let (mut waiting, mut next) = (BTreeMap::new(), 0);
    while let Some(outcome) = next_result(&mut results, &mut workers).await.map_err(RollbackError::Worker)? {
        let outcome = outcome?;
        waiting.insert(outcome.sequence, outcome);
        while let Some(outcome) = waiting.remove(&next) {
            next += 1;
            window.add_permits(1);
            report.add(outcome);
            let done = report.counts.selected;
            progress(Progress { done, total: total.max(done), rejected: 0 });
        }
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(RollbackError::Worker)?;
    }
    let ended = reading.join_next().await.expect("the reader was started").map_err(RollbackError::Worker)?;
    let RollbackCounts { selected, rolled_back, kept, .. } = report.counts;
    assert_eq!(selected, rolled_back + kept, "every row is accounted for");
    Ok((report, ended?))
}

/// The reader's connections, and what it reads.
struct Walk {
    /// Holds the advisory lock of the run.
    holder: Session,
    rows: LegacyRows,
    chosen: Chosen,
    batch_size: usize,
}

impl Walk {
    /// Walks the lineage, and hands out pages with their legacy rows. Gives the connection with the lock back.
    async fn run(self, batches: mpsc::Sender<Batch>, window: Arc<Semaphore>) -> Result<Session, RollbackError> {
        let Self { mut holder, rows, chosen, batch_size } = self;
        // In a transaction, the server notices in a minute when nobody holds the lock any more, in every version.
        begin_reading(&mut holder, Limits::default()).await?;
        match rows {
            LegacyRows::Table(rows) => {
                walk_table(&mut holder, *rows, &chosen, batch_size, (&batches, &window)).await?;
            }
            LegacyRows::Csv(csv) => walk_file(&mut holder, &csv, &chosen, batch_size, (&batches, &window)).await?,
        }
        drop(batches);
        // The lock is held until the last page is rolled back, however long that takes.
        let pages = u32::try_from(JOBS + 1).unwrap_or(u32::MAX);
        let _ = holder.while_waiting(window.acquire_many(pages)).await?;
        run(&mut holder, "commit", "ending the transaction").await?;
        Ok(holder)
    }
}

/// Where pages go, and how many there may be.
type Out<'a> = (&'a mpsc::Sender<Batch>, &'a Semaphore);

/// Walks the lineage, with the rows of a table beside it.
async fn walk_table(
    holder: &mut Session,
    mut rows: SourceRows,
    chosen: &Chosen,
    batch_size: usize,
    (batches, window): Out<'_>,
) -> Result<(), RollbackError> {
    let (mut after, mut sequence) = (None, 0);
    loop {
        let waiting = holder.while_waiting(window.acquire());
        // This fails only when the run is being given up, for a reason that is reported elsewhere.
        let Ok(permit) = rows.session.while_waiting(waiting).await?? else { break };
        permit.forget();
        let mut ids = chosen.page(holder, after, batch_size).await?;
        if ids.is_empty() {
            window.add_permits(1);
            break;
        }
        let (found, count) = holder.while_waiting(rows.of(&ids)).await??;
        ids.truncate(count);
        after = ids.last().copied();
        let waiting = holder.while_waiting(batches.send(Batch { sequence, ids, rows: found }));
        if rows.session.while_waiting(waiting).await??.is_err() {
            break;
        }
        sequence += 1;
    }
    let _ = rows.session.close().await;
    Ok(())
}

/// Walks a file, with the lineage beside it; then the lineage that the file has no row of.
async fn walk_file(
    holder: &mut Session,
    csv: &Arc<ProvedCsv>,
    chosen: &Chosen,
    batch_size: usize,
    (batches, window): Out<'_>,
) -> Result<(), RollbackError> {
    let mut pages = CsvPages::start(Arc::clone(csv), batch_size);
    let (mut after, mut sequence, mut is_read) = (None, 0, false);
    loop {
        let (ids, rows) = if is_read {
            let ids = chosen.page(holder, after, batch_size).await?;
            let Some(last) = ids.last().copied() else { break };
            after = Some(last);
            // What several rows of the file have is in no page.
            let has_one = |id: i64| csv.facts.has(id) && !csv.facts.repeated.contains_key(&id);
            (ids.into_iter().filter(|id| !has_one(*id)).collect(), HashMap::new())
        } else {
            let Some(page) = holder.while_waiting(pages.next()).await?? else {
                is_read = true;
                continue;
            };
            let rows: HashMap<i64, LegacyRow> = page.into_iter().collect();
            (chosen.among(holder, rows.keys().copied().collect()).await?, rows)
        };
        if ids.is_empty() {
            continue;
        }
        let Ok(permit) = holder.while_waiting(window.acquire()).await? else { break };
        permit.forget();
        if holder.while_waiting(batches.send(Batch { sequence, ids, rows })).await?.is_err() {
            break;
        }
        sequence += 1;
    }
    Ok(())
}

/// Takes pages back until there are no more.
async fn run_worker(
    work: &Work,
    batches: &Mutex<mpsc::Receiver<Batch>>,
    outcomes: &mpsc::Sender<Result<RollbackOutcome, RollbackError>>,
) -> Result<(), RollbackError> {
    let access = if work.dry_run { Access::Read } else { Access::Write };
    let mut session = work.target.connect(access, "rollback worker").await?;
    work.own.lock().await.extend(session.process());
    loop {
        let next = async { batches.lock().await.recv().await };
        let Some(batch) = session.while_waiting(next).await? else { break };
        let (counts, mut kept) = roll_back_page(work, &mut session, &batch).await?;
        kept.sort();
        let outcome = RollbackOutcome { sequence: batch.sequence, counts, kept };
        if session.while_waiting(outcomes.send(Ok(outcome))).await?.is_err() {
            break;
        }
    }
    let _ = session.close().await;
    Ok(())
}

/// Takes a page back: whole, or after a conflict with another transaction once more, then in smaller parts; and without
/// the rows that the target refuses to let go.
async fn roll_back_page(
    work: &Work,
    session: &mut Session,
    batch: &Batch,
) -> Result<(RollbackCounts, Vec<Kept>), RollbackError> {
    let (mut counts, mut all) = (RollbackCounts::default(), Vec::new());
    let mut parts: Vec<&[i64]> = vec![&batch.ids];
    'parts: while let Some(ids) = parts.pop() {
        let part = Part { ids, rows: &batch.rows };
        let (mut manner, mut care, mut attempt) = (Manner::Whole, Care::AtTheEnd, 1);
        loop {
            let WriteError { error, refusal, is_unknown } =
                match roll_back_part(work, session, &part, (manner, care)).await {
                    Ok(PartEnd::Done(done, kept)) => {
                        work.done.fetch_add(done.rolled_back, Ordering::Relaxed);
                        counts.add(&done);
                        all.extend(kept);
                        continue 'parts;
                    }
                    Ok(PartEnd::Named) => {
                        run(session, "rollback", "rolling back").await?;
                        care = Care::Throughout;
                        continue;
                    }
                    Ok(PartEnd::Writing(others)) => {
                        run(session, "rollback", "rolling back").await?;
                        match wait_for_writers(session, &work.target, others).await {
                            Ok(()) => continue,
                            Err(error) => error.into(),
                        }
                    }
                    Err(error) => error,
                };
            // On a connection that was lost this fails too, and the first error is the one that says why.
            let rolled_back = run(session, "rollback", "rolling back").await;
            let look_again = error.is_retryable() && attempt < ATTEMPTS;
            let leave_out = !look_again && refusal.is_some() && manner == Manner::Whole;
            let is_in_use = error.sqlstate().as_deref() == Some(sqlstate::SERIALIZATION_FAILURE);
            if rolled_back.is_ok() && !look_again && !leave_out && is_in_use && ids.len() > 1 {
                // The application is at work on some of the rows.
                let (first, second) = ids.split_at(ids.len() / 2);
                parts.extend([second, first]);
                continue 'parts;
            }
            if rolled_back.is_err() || !look_again && !leave_out {
                let (first, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
                let place = work.target.place();
                return Err(match is_unknown {
                    true => RollbackError::Unknown { first, last, place, source: error },
                    false => RollbackError::Page { first, last, place, source: error },
                });
            }
            (manner, care, attempt) = match leave_out {
                true => (Manner::WithoutRefused, Care::Throughout, 1),
                false => (manner, care, attempt + 1),
            };
            *work.securities.lock().await = Securities::default();
        }
    }
    Ok((counts, all))
}
