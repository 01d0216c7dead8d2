//! Moves the data: pages of legacy rows through the transform into the application schema.
//!
//! One reader ([`crate::migration::pg::reader`]) walks the source in id order and hands out pages of rows that have no
//! lineage yet. Workers ([`crate::migration::pg::worker`]) transform and write; each page is one transaction, with its
//! lineage and its rejections. The reader's connection to the target holds the advisory lock. Outcomes are put back
//! into id order before anyone sees them, so that the result depends neither on the number of workers nor on which was
//! faster (D22).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::base::outcome::Verdict;
use crate::base::text::list;
use crate::config::environment::Environment;
use crate::ledger::permission::Permissions;
use crate::ledger::pg::admission::{RefusedError, check_applied, check_permitted};
use crate::ledger::pg::permission::{current_role, permissions};
use crate::migration::ids::OddIds;
use crate::migration::needs;
use crate::migration::pg::large_text::LargeTextReader;
use crate::migration::pg::legacy::{CsvPages, FileNotes, Legacy, LegacySource, came_from_a_file};
use crate::migration::pg::lookup::References;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::missing::missing_columns;
use crate::migration::pg::needs::{check_source, migrate_needs, target_tables};
use crate::migration::pg::odd_rows::OddRows;
use crate::migration::pg::reader::{Batch, LegacyPages, Reader};
use crate::migration::pg::refused::what_relates_rows;
use crate::migration::pg::rejects::close_gone;
use crate::migration::pg::run_record::{RunRecord, recorded};
use crate::migration::pg::sequences;
use crate::migration::pg::source::Source;
use crate::migration::pg::traits::traits_of_source;
use crate::migration::pg::worker::{Work, run_worker};
use crate::migration::pg::workers::next_result;
use crate::migration::run::{
    MigrateCounts, MigrateReport, Observer, Options, PageOutcome, Progress, TargetTables, workers,
};
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::{Acquired, Lock};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::{round_trip, run, server_facts};

/// What to migrate, where.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct MigrateRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// Has the legacy rows.
    pub source: LegacySource<'a>,
    /// Recorded with the run.
    pub environment: Environment,
    pub options: Options,
}

/// Migrates what has no lineage yet, until `interrupt` is ready.
pub async fn migrate(
    request: &MigrateRequest<'_>,
    observer: &mut (dyn Observer + Send),
    interrupt: impl Future<Output = ()>,
) -> Result<MigrateReport, MigrateError> {
    let record = OnceLock::new();
    // Dropping the run closes its connections, and the server rolls back what they had not committed.
    let result = tokio::select! {
        result = run_to_end(request, observer, &record) => result,
        () = interrupt => Err(MigrateError::Interrupted),
    };
    let result = match result {
        Err(MigrateError::Session(error)) if record.get().is_some() => Err(MigrateError::Stopped(error)),
        result => result,
    };
    match (&result, record.get()) {
        (Err(MigrateError::Interrupted), Some(record)) => record.abandon(request.target, "interrupted", None).await,
        (Err(error), Some(record)) => record.abandon(request.target, "failed", Some(&recorded(error))).await,
        (Err(MigrateError::Interrupted), None) => return Err(MigrateError::NothingBegun),
        _ => {}
    }
    result
}

/// A run before its first write: nothing refuses it any more but a row.
struct Begun {
    /// Holds the advisory lock.
    lock_connection: Session,
    tables: TargetTables,
    server_version: String,
    examined: Examined,
    permissions: Permissions,
}

fn activity(options: &Options) -> &'static str {
    if options.dry_run { "migrate --dry-run" } else { "migrate" }
}

/// Looks at all that refuses a run, before a backup that may take an hour. Changes nothing.
pub async fn look_first(request: &MigrateRequest<'_>) -> Result<(), MigrateError> {
    let Begun { lock_connection, .. } = begin(request).await?;
    let _ = lock_connection.close().await;
    Ok(())
}

async fn begin(request: &MigrateRequest<'_>) -> Result<Begun, MigrateError> {
    let MigrateRequest { target, options, .. } = request;
    let access = if options.dry_run { Access::Read } else { Access::Write };
    let activity = activity(options);
    let mut lock_connection = target.connect(access, activity).await?;
    let tables = check_target(&mut lock_connection, request).await?;
    let server_version = server_facts(&mut lock_connection).await?.version;
    if !options.dry_run
        && let Acquired::HeldBy(holder) = Lock::Migrate.acquire(&mut lock_connection, Duration::from_secs(1)).await?
    {
        return Err(MigrateError::Locked { place: target.place(), holder });
    }
    target.phase("examining the legacy rows");
    let examined = examine(request, &mut lock_connection, activity).await?;
    let needs = migrate_needs(&mut lock_connection, examined.largest).await?;
    let permissions = permissions(&mut lock_connection, &needs, &target.roles).await?;
    if !options.dry_run {
        check_permitted(&mut lock_connection, target, &needs, "migrate").await?;
    }
    Ok(Begun { lock_connection, tables, server_version, examined, permissions })
}

async fn run_to_end(
    request: &MigrateRequest<'_>,
    observer: &mut (dyn Observer + Send),
    record: &OnceLock<RunRecord>,
) -> Result<MigrateReport, MigrateError> {
    let started = Instant::now();
    let MigrateRequest { target, options, .. } = request;
    let activity = activity(options);
    let begun = begin(request).await?;
    let Begun { mut lock_connection, tables, server_version, examined, permissions } = begun;
    let Examined { legacy, pages, total, largest, notes } = examined;
    let jobs = match options.dry_run {
        true => options.jobs,
        false => writers(&mut lock_connection, target, options.jobs).await?,
    };
    let (jobs, target_database) = match options.more_jobs && jobs == options.jobs {
        true => more_workers(&mut lock_connection, target, jobs).await?,
        false => (jobs, (*target).clone()),
    };
    if !options.dry_run {
        let new = RunRecord::new(
            &mut lock_connection,
            "migrate",
            request.environment,
            recorded_options(request, &legacy, jobs),
        )
        .await?;
        // Known before it is stored: a run that is interrupted in between can still be recorded as such.
        record.get_or_init(|| new).start(&mut lock_connection).await?;
        sequences::advance(&mut lock_connection, largest.unwrap_or(0)).await?;
    }
    let work = Work {
        target_database,
        tables,
        options: Options { jobs, ..options.clone() },
        run_id: record.get().map(|it| it.id.clone()),
        references: Mutex::new(References::default()),
        large_texts: LargeTextReader::new(&legacy),
    };
    let total = total.min(options.limit.unwrap_or(u64::MAX));
    target.phase(if options.dry_run { "reading" } else { "migrating" });
    let beginning = started.elapsed();
    let pipeline = run_pipeline(Arc::new(work), lock_connection, pages, total, observer).await?;
    let (mut report, mut lock_connection) = pipeline;
    report.phases.begin = beginning;
    if legacy.odd_ids() != OddIds::default() {
        let odd = OddRows {
            legacy: &legacy,
            from: connect_again(&legacy, activity).await?,
            target: &mut lock_connection,
            run_id: record.get().map(|it| it.id.as_str()),
            has_lineage: tables.has_lineage,
            limit: options.limit.unwrap_or(u64::MAX),
        };
        odd.reject(&mut report, observer).await?;
    }
    let ending = Instant::now();
    if let Some(record) = record.get() {
        target.phase("ending: sequences and statistics");
        // Rows may have come while the run was at work.
        let largest = match (&legacy, connect_again(&legacy, activity).await?) {
            (Legacy::Table { source, .. }, Some(mut from)) => {
                let (_, largest) = source.extent(&mut from).await?;
                let _ = from.close().await;
                largest
            }
            _ => largest,
        };
        sequences::advance(&mut lock_connection, largest.unwrap_or(0)).await?;
        // A file may hold a part of the rows.
        if options.limit.is_none() && matches!(legacy, Legacy::Table { .. }) {
            close_gone(&mut lock_connection, &record.id).await?;
        }
        let rejected = Verdict::clean_if(report.counts.rejected == 0);
        record.finish(&mut lock_connection, &report.counts, rejected).await?;
        if report.counts.migrated > 0 {
            analyze(target, &mut lock_connection).await;
        }
    }
    report.phases.end = ending.elapsed();
    let _ = lock_connection.close().await;
    report.elapsed = started.elapsed();
    report.server_version = server_version;
    report.tables = tables;
    report.permissions = permissions;
    report.notes = notes;
    report.notes.extend(legacy.sentences_about_ids());
    report.csv = request.source.csv();
    Ok(report)
}

/// The source before the first row.
struct Examined {
    legacy: Legacy,
    pages: LegacyPages,
    total: u64,
    /// The largest id.
    largest: Option<i64>,
    notes: Vec<String>,
}

async fn examine(
    request: &MigrateRequest<'_>,
    target: &mut Session,
    activity: &'static str,
) -> Result<Examined, MigrateError> {
    let full = request.options.batch_size.max(1);
    let (database, table) = match request.source {
        LegacySource::Table { database, table } => (database, table),
        LegacySource::Csv(csv) => {
            let notes = FileNotes::read(target, csv).await??.all();
            let (total, largest) = (csv.facts.rows, csv.facts.largest);
            let pages = LegacyPages::Csv(CsvPages::start(Arc::clone(csv), full));
            return Ok(Examined { legacy: Legacy::Csv(Arc::clone(csv)), pages, total, largest, notes });
        }
    };
    let mut connection = database.connect(Access::Read, activity).await?;
    check_source(&mut connection, database, table).await?;
    let source = Source::describe(&mut connection, table, &database.place()).await?;
    let source = source.in_zone(database, &mut connection, target).await?;
    let traits = traits_of_source(&mut connection, &source).await?;
    let (total, largest) = source.extent(&mut connection).await?;
    let (total, mut notes) = (u64::try_from(total).unwrap_or(0), traits.notes(table));
    notes.extend(came_from_a_file(target).await?);
    let (database, source) = (Arc::new(database.clone()), Arc::new(source));
    let pages = LegacyPages::of_table(Arc::clone(&source), connection, traits.needs_cursor, full).await?;
    Ok(Examined { legacy: Legacy::Table { database, source }, pages, total, largest, notes })
}

/// Another session with the table, if the source is one.
async fn connect_again(legacy: &Legacy, activity: &'static str) -> Result<Option<Session>, MigrateError> {
    match legacy {
        Legacy::Table { database, .. } => Ok(Some(database.connect(Access::Read, activity).await?)),
        Legacy::Csv(_) => Ok(None),
    }
}

/// Checks that the run may go on in the target. A dry run may before the schema is there.
async fn check_target(connection: &mut Session, request: &MigrateRequest<'_>) -> Result<TargetTables, MigrateError> {
    let MigrateRequest { target, options, .. } = request;
    let role = current_role(connection).await?;
    let (needs, what) = match options.dry_run {
        true => ([needs::state(&role), needs::reference(&role)].concat(), "read what a dry run reads"),
        false => (migrate_needs(connection, None).await?, "migrate"),
    };
    check_permitted(connection, target, &needs, what).await?;
    match check_applied(connection, target, request.environment).await {
        Ok(()) => {
            let missing = missing_columns(connection).await?;
            if !missing.is_empty() {
                return Err(MigrateError::Incomplete { place: target.place(), columns: list(missing) });
            }
            Ok(TargetTables::default())
        }
        Err(RefusedError::NotApplied { .. }) if options.dry_run => Ok(target_tables(connection).await?),
        Err(error) => Err(error.into()),
    }
}

/// How many workers write: one where it depends on the order which rows the target refuses.
async fn writers(connection: &mut Session, target: &Database, wanted: usize) -> Result<usize, QueryError> {
    let related = what_relates_rows(connection).await?;
    if related.is_empty() || wanted == 1 {
        return Ok(wanted);
    }
    target.note(&format!(
        "{} may make a row depend on others; rows are written one page after the other, in the order of their ids",
        list(related)
    ));
    Ok(1)
}

/// More workers than `jobs`, where that is faster and there is room for their sessions; with the database they connect to.
async fn more_workers(holder: &mut Session, target: &Database, jobs: usize) -> Result<(usize, Database), QueryError> {
    let round_trip = round_trip(holder).await?;
    // How many another machine has isn't known.
    let cores = match target.is_loopback() {
        true => std::thread::available_parallelism().map_or(jobs, usize::from),
        false => jobs,
    };
    let wanted = workers(cores, round_trip);
    if wanted <= jobs {
        return Ok((jobs, target.clone()));
    }
    let wide = target.for_more_sessions(target.at_once + wanted - jobs);
    let tried = async { Ok::<_, ConnectError>(wide.connect(Access::Read, "migrate").await?.close().await) };
    match holder.while_waiting(tried).await? {
        Ok(_) => return Ok((wanted, wide)),
        Err(ConnectError::Room { .. } | ConnectError::NoSession { .. }) => target.note(&format!(
            "{wanted} workers would be faster here than {jobs}, and there is no room for the sessions of more than \
             {jobs}: raise the limit of connections, or the size of the pool"
        )),
        // A worker meets it again, and says it.
        Err(_) => {}
    }
    Ok((jobs, target.clone()))
}

/// What `padealing.migration_run` keeps of how the run was asked for.
fn recorded_options(request: &MigrateRequest<'_>, legacy: &Legacy, jobs: usize) -> serde_json::Value {
    let Options { limit, batch_size, on_missing_security, on_id_collision, .. } = request.options;
    let (place, table, zone) = match legacy {
        Legacy::Table { database, source, .. } => (database.place(), source.table.to_string(), source.zone.clone()),
        Legacy::Csv(csv) => (csv.name(), SOURCE_TABLE.to_owned(), None),
    };
    let mut options = json!({
        "source": place,
        "legacy_table": table,
        "source_timezone": zone,
        "limit": limit,
        "batch_size": batch_size,
        "jobs": jobs,
        "on_missing_security": format!("{on_missing_security:?}").to_lowercase(),
        "on_id_collision": format!("{on_id_collision:?}").to_lowercase(),
    });
    if let (Some(csv), Some(options)) = (request.source.csv(), options.as_object_mut()) {
        options.insert("csv".to_owned(), json!(csv));
    }
    options
}

/// The tables have grown by orders of magnitude; without statistics the next reader's plans are for empty ones. A
/// failure (a vacuum at work, a role that isn't the owner) does no harm: autovacuum does the same later.
async fn analyze(target: &Database, connection: &mut Session) {
    const WHAT: &str = "updating the statistics";
    const SETTINGS: &str = "set lock_timeout = '1s'";
    // The widest table takes as long as the others together.
    let widest = async {
        if let Ok(mut own) = target.connect(Access::Write, "migrate").await {
            let _ = run(&mut own, SETTINGS, WHAT).await;
            let _ = run(&mut own, "analyze padealing.pad_request", WHAT).await;
            let _ = own.close().await;
        }
    };
    let others = async {
        let _ = run(connection, SETTINGS, WHAT).await;
        for table in ["pad_approval", "pad_execution", "audit_log", "migration_mapping"] {
            let _ = run(connection, &format!("analyze padealing.{table}"), WHAT).await;
        }
    };
    tokio::join!(widest, others);
}

/// Runs reader and workers to the end. Gives the connection with the lock back.
async fn run_pipeline(
    work: Arc<Work>,
    lock_connection: Session,
    pages: LegacyPages,
    total: u64,
    observer: &mut (dyn Observer + Send),
) -> Result<(MigrateReport, Session), MigrateError> {
    let jobs = work.options.jobs.max(1);
    let (batches, queue) = mpsc::channel::<Batch>(1);
    let queue = Arc::new(Mutex::new(queue));
    let (outcomes, results) = mpsc::channel::<Result<PageOutcome, MigrateError>>(jobs);
    // Pages in memory, at most: one for each worker, and one that is being read or waits.
    let window = Arc::new(Semaphore::new(jobs + 1));

    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (work, queue, outcomes) = (Arc::clone(&work), Arc::clone(&queue), outcomes.clone());
        workers.spawn(async move {
            if let Err(error) = run_worker(&work, &queue, &outcomes).await {
                // The collector may have stopped listening because of another worker's error.
                let _ = outcomes.send(Err(error)).await;
            }
        });
    }
    drop(outcomes);
    let has_lineage = work.tables.has_lineage;
    let reader = Reader { pages, has_lineage, lock_connection, batches, window: Arc::clone(&window) };
    let mut reading = JoinSet::new();
    reading.spawn(reader.run(work.options.clone()));

    // An error leaves this function, and dropping the sets ends the other workers and the reader.
    let mut report = collect(results, &mut workers, (&window, total), observer).await?;
    while let Some(ended) = workers.join_next().await {
        ended.map_err(MigrateError::Worker)?;
    }
    work.large_texts.close().await;
    let ended = reading.join_next().await.expect("the reader was started").map_err(MigrateError::Worker)?;
    let MigrateCounts { read, migrated, already_migrated, rejected, .. } = report.counts;
    assert_eq!(read, migrated + already_migrated + rejected, "every row read is accounted for");
    let (lock_connection, reading) = ended?;
    (report.jobs, report.phases.read) = (jobs, reading);
    Ok((report, lock_connection))
}

/// Adds the outcomes of pages up in id order, and lets the reader go on after each.
async fn collect(
    mut results: mpsc::Receiver<Result<PageOutcome, MigrateError>>,
    workers: &mut JoinSet<()>,
    (window, total): (&Semaphore, u64),
    observer: &mut (dyn Observer + Send),
) -> Result<MigrateReport, MigrateError> {
    let mut report = MigrateReport::default();
    let mut waiting: BTreeMap<u64, PageOutcome> = BTreeMap::new();
    let mut next = 0;
    while let Some(outcome) = next_result(&mut results, workers).await.map_err(MigrateError::Worker)? {
        let outcome = outcome?;
        waiting.insert(outcome.sequence, outcome);
        while let Some(outcome) = waiting.remove(&next) {
            next += 1;
            window.add_permits(1);
            for rejection in &outcome.rejections {
                observer.rejected(rejection).map_err(MigrateError::Rejects)?;
            }
            report.add(outcome);
            let MigrateCounts { read, rejected, .. } = report.counts;
            observer.progress(Progress { done: read, total: total.max(read), rejected });
        }
    }
    Ok(report)
}
