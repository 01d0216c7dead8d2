//! Moves the data: pages of legacy rows through the transform into the application schema.
//!
//! One reader walks the source in id order and hands out pages of rows that have no lineage yet. Workers transform
//! and write; each page is one transaction, with its lineage and its rejections. The reader's connection to the
//! target holds the advisory lock. Outcomes are put back into id order before anyone sees them, so that the result
//! depends neither on the number of workers nor on who was faster (D22).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::postgres::{PgConnection, PgCopyIn};
use sqlx::{Connection, Row};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::config::environment::Environment;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::{RefusedError, check_applied};
use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::{Collision, Lookups};
use crate::migration::pg::copy::{AsyncLarge, Origin, Rows, forward, read_page};
use crate::migration::pg::lookup::{Securities, employees};
use crate::migration::pg::sequences;
use crate::migration::pg::source::{Source, SourceError};
use crate::migration::rejection::Rejection;
use crate::migration::run::{
    Counts, Observer, OnIdCollision, OnMissingSecurity, Options, Outcome, Progress, Report, SAMPLES,
};
use crate::migration::sample::Sample;
use crate::migration::target::{LEGACY_MARK, Role, SOURCE_TABLE, Stage, TargetRows};
use crate::migration::transform::transform;
use crate::postgres::connect::{Access, Database};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::lock::{Acquired, Lock};
use crate::postgres::session::{Attempt, QueryError, run, server_facts};

/// How often a page is tried again after a conflict with somebody else's transaction.
const ATTEMPTS: u32 = 3;

/// What to migrate, where.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// Holds the legacy table.
    pub source: &'a Database,
    /// The legacy table.
    pub table: &'a TableName,
    /// Recorded with the run.
    pub environment: Environment,
    /// How.
    pub options: Options,
}

/// Why a migration stopped. What was committed before stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database is not for this.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// The legacy table is not fit to be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Another migration is at work.
    #[error("another migrate is running on {place}: {holder}; wait for it to end, or end it, then run this again")]
    Locked {
        /// Where.
        place: String,
        /// Who.
        holder: String,
    },
    /// A page could not be written.
    #[error("the rows {first} to {last} could not be migrated, and nothing of them was written")]
    Batch {
        /// The first source id.
        first: i64,
        /// The last.
        last: i64,
        /// The cause.
        #[source]
        source: QueryError,
    },
    /// The rejections could not be written to their file.
    #[error("the rejections could not be written to their file")]
    Rejects(#[source] std::io::Error),
    /// It was asked to stop.
    #[error("interrupted; what was committed stays, and the next run goes on from there")]
    Interrupted,
    /// A worker ended in a way that it must not.
    #[error("a worker of the migration died; this is a defect of pad-migrate")]
    Worker(#[source] tokio::task::JoinError),
    /// Something else was asked of a database, and failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A page of rows without lineage, for a worker.
#[derive(Default)]
struct Batch {
    sequence: u64,
    read: u64,
    already: u64,
    incomplete: Vec<i64>,
    /// Rows that lineage speaks of without naming a request.
    stray: Vec<i64>,
    rows: Vec<(i64, LegacyRow)>,
}

/// What all parts of a run share.
struct Shared {
    source: Source,
    source_database: Database,
    target_database: Database,
    options: Options,
    run_id: Option<String>,
    securities: Mutex<Securities>,
}

/// Migrates what has no lineage yet, until `interrupt` is ready.
pub async fn migrate(
    request: &Request<'_>,
    observer: &mut (dyn Observer + Send),
    interrupt: impl Future<Output = ()>,
) -> Result<Report, MigrateError> {
    let run_id = OnceLock::new();
    // Dropping the run closes its connections, and the server rolls back what they had not committed.
    let result = tokio::select! {
        result = run_to_end(request, observer, &run_id) => result,
        () = interrupt => Err(MigrateError::Interrupted),
    };
    if let (Err(error), Some(run_id)) = (&result, run_id.get()) {
        let outcome = if matches!(error, MigrateError::Interrupted) { "interrupted" } else { "failed" };
        abandon_run(request, run_id, outcome).await;
    }
    result
}

async fn run_to_end(
    request: &Request<'_>,
    observer: &mut (dyn Observer + Send),
    recorded: &OnceLock<String>,
) -> Result<Report, MigrateError> {
    let started = Instant::now();
    let Request { target, source: source_database, options, .. } = request;
    let access = if options.dry_run { Access::Read } else { Access::Write };
    let activity = if options.dry_run { "migrate --dry-run" } else { "migrate" };
    let mut lead = target.connect(access, activity).await?;
    check_applied(&mut lead, target, request.environment).await?;
    let server_version = server_facts(&mut lead).await?.version;
    if !options.dry_run
        && let Acquired::HeldBy(holder) = Lock::Migrate.acquire(&mut lead, Duration::from_secs(1)).await?
    {
        return Err(MigrateError::Locked { place: target.place(), holder });
    }
    let mut from = source_database.connect(Access::Read, activity).await?;
    let source = Source::describe(&mut from, request.table, &source_database.place()).await?;
    let (total, largest) = source.extent(&mut from).await?;
    if !options.dry_run {
        let new = sqlx::query_scalar("select gen_random_uuid()::text").fetch_one(&mut lead).await;
        let new: String = new.attempt("recording the run")?;
        // Known before it is recorded: who is interrupted in between can still tell which run it was.
        start_run(&mut lead, request, recorded.get_or_init(|| new)).await?;
        sequences::advance(&mut lead, largest.unwrap_or(0)).await?;
    }

    let shared = Arc::new(Shared {
        source,
        source_database: (*source_database).clone(),
        target_database: (*target).clone(),
        options: options.clone(),
        run_id: recorded.get().cloned(),
        securities: Mutex::new(Securities::default()),
    });
    let total = u64::try_from(total).unwrap_or(0).min(options.limit.unwrap_or(u64::MAX));
    let (mut report, mut lead) = work(Arc::clone(&shared), lead, from, total, observer).await?;
    if let Some(run_id) = recorded.get() {
        // Rows may have come while the run was at work.
        let mut from = source_database.connect(Access::Read, activity).await?;
        let (_, largest) = shared.source.extent(&mut from).await?;
        let _ = from.close().await;
        sequences::advance(&mut lead, largest.unwrap_or(0)).await?;
        finish_run(&mut lead, run_id, &report.counts).await?;
        if report.counts.migrated > 0 {
            analyze(target, &mut lead).await;
        }
    }
    let _ = lead.close().await;
    report.elapsed = started.elapsed();
    report.server_version = server_version;
    Ok(report)
}

/// The tables have grown by orders of magnitude; without statistics the next reader's plans are for empty ones. Who
/// keeps us from it (a vacuum, a role that isn't the owner) does no harm: autovacuum comes by later.
async fn analyze(target: &Database, lead: &mut PgConnection) {
    const WHAT: &str = "updating the statistics";
    const SETTINGS: &str = "set lock_timeout = '1s'";
    // The widest table takes as long as the others together.
    let widest = async {
        if let Ok(mut connection) = target.connect(Access::Write, "migrate").await {
            let _ = run(&mut connection, SETTINGS, WHAT).await;
            let _ = run(&mut connection, "analyze padealing.pad_request", WHAT).await;
            let _ = connection.close().await;
        }
    };
    let others = async {
        let _ = run(lead, SETTINGS, WHAT).await;
        for table in ["pad_approval", "pad_execution", "audit_log", "migration_mapping"] {
            let _ = run(lead, &format!("analyze padealing.{table}"), WHAT).await;
        }
    };
    tokio::join!(widest, others);
}

async fn work(
    shared: Arc<Shared>,
    lead: PgConnection,
    from: PgConnection,
    total: u64,
    observer: &mut (dyn Observer + Send),
) -> Result<(Report, PgConnection), MigrateError> {
    let jobs = shared.options.jobs.max(1);
    let (batches, queue) = mpsc::channel::<Batch>(1);
    let queue = Arc::new(Mutex::new(queue));
    let (outcomes, mut results) = mpsc::channel::<Result<Outcome, MigrateError>>(jobs);
    // Pages in memory, at most: one for each worker, and one that is being read or waits.
    let window = Arc::new(Semaphore::new(jobs + 1));

    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (shared, queue, outcomes) = (Arc::clone(&shared), Arc::clone(&queue), outcomes.clone());
        workers.spawn(async move {
            if let Err(error) = worker(&shared, &queue, &outcomes).await {
                // The collector may have stopped listening because of another worker's error.
                let _ = outcomes.send(Err(error)).await;
            }
        });
    }
    drop(outcomes);
    let mut reader = JoinSet::new();
    reader.spawn(read(Arc::clone(&shared), lead, from, batches, Arc::clone(&window)));

    let mut report = Report::default();
    let mut waiting: BTreeMap<u64, Outcome> = BTreeMap::new();
    let mut next = 0;
    // An error leaves this function, and dropping the sets ends the other workers and the reader.
    while let Some(outcome) = results.recv().await {
        let outcome = outcome?;
        waiting.insert(outcome.sequence, outcome);
        while let Some(outcome) = waiting.remove(&next) {
            next += 1;
            window.add_permits(1);
            for rejection in &outcome.rejections {
                observer.rejected(rejection).map_err(MigrateError::Rejects)?;
            }
            report.add(outcome);
            let Counts { read, rejected, .. } = report.counts;
            observer.progress(Progress { done: read, total: total.max(read), rejected });
        }
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(MigrateError::Worker)?;
    }
    let lead = reader.join_next().await.expect("the reader was started").map_err(MigrateError::Worker)??;
    let Counts { read, migrated, already_migrated, rejected, .. } = report.counts;
    assert_eq!(read, migrated + already_migrated + rejected, "every row read is accounted for");
    Ok((report, lead))
}

/// Walks the source in id order and hands out what has no lineage. Gives the lead connection back at the end.
async fn read(
    shared: Arc<Shared>,
    mut lead: PgConnection,
    mut from: PgConnection,
    batches: mpsc::Sender<Batch>,
    window: Arc<Semaphore>,
) -> Result<PgConnection, MigrateError> {
    let full = shared.options.batch_size.max(1);
    let mut left = shared.options.limit.unwrap_or(u64::MAX);
    let (mut after, mut size, mut sequence) = (None, full, 0);
    while left > 0 {
        // This fails only when the run is being given up, and then somebody else says why.
        let Ok(permit) = window.acquire().await else {
            break;
        };
        permit.forget();
        let page = read_page(&mut from, &shared.source, after, size).await?;
        let Some((last, _)) = page.rows.last() else {
            break;
        };
        let last = *last;
        let lineage = lineage(&mut lead, after, last).await?;
        let mut batch = Batch { sequence, ..Batch::default() };
        // The next page is as large as this one turned out to be, or larger again if it was whole.
        size = if page.cut { page.rows.len() } else { (size * 2).min(full) };
        for (id, row) in page.rows {
            match lineage.get(&id) {
                Some(found) if found.request => {
                    batch.already += 1;
                    if !found.rest {
                        batch.incomplete.push(id);
                    }
                }
                _ if left == 0 => break,
                found => {
                    left -= 1;
                    batch.stray.extend(found.map(|_| id));
                    batch.rows.push((id, row));
                }
            }
            batch.read += 1;
        }
        after = Some(last);
        sequence += 1;
        if batches.send(batch).await.is_err() {
            break;
        }
    }
    Ok(lead)
}

/// What lineage there is of a source row.
#[derive(Clone, Copy, Debug)]
struct Lineage {
    /// The request's: then the row is migrated (D19).
    request: bool,
    /// That of any other target row.
    rest: bool,
}

/// The lineage of source ids after `after` up to `last`. Bounded on both sides: without the range the planner would
/// read the whole mapping for each page.
async fn lineage(
    connection: &mut PgConnection,
    after: Option<i64>,
    last: i64,
) -> Result<HashMap<i64, Lineage>, QueryError> {
    let rows: Vec<(i64, bool, bool)> = sqlx::query_as(
        "select source_id, bool_or(target_table = 'pad_request'), bool_or(target_table <> 'pad_request') \
         from padealing.migration_mapping \
         where source_table = $1 and ($2::int8 is null or source_id > $2) and source_id <= $3 group by source_id",
    )
    .bind(SOURCE_TABLE)
    .bind(after)
    .bind(last)
    .fetch_all(connection)
    .await
    .attempt("reading the lineage")?;
    Ok(rows.into_iter().map(|(id, request, rest)| (id, Lineage { request, rest })).collect())
}

async fn worker(
    shared: &Arc<Shared>,
    queue: &Mutex<mpsc::Receiver<Batch>>,
    outcomes: &mpsc::Sender<Result<Outcome, MigrateError>>,
) -> Result<(), MigrateError> {
    let access = if shared.options.dry_run { Access::Read } else { Access::Write };
    let mut connection = shared.target_database.connect(access, "migrate worker").await?;
    let mut large = LargeTexts { shared: Arc::clone(shared), connection: None };
    loop {
        let Some(mut batch) = queue.lock().await.recv().await else {
            break;
        };
        let mut attempt = 1;
        let outcome = loop {
            match process(shared, &mut connection, &mut large, &batch).await {
                Ok(outcome) => break outcome,
                Err(error) => {
                    run(&mut connection, "rollback", "rolling back").await?;
                    // Somebody took the id, removed what a row refers to, or was waited for: look again.
                    if !error.is_retryable() || attempt == ATTEMPTS {
                        let first = batch.rows.first().map_or(0, |it| it.0);
                        let last = batch.rows.last().map_or(0, |it| it.0);
                        return Err(MigrateError::Batch { first, last, source: error });
                    }
                    shared.securities.lock().await.forget();
                    drop_migrated(&mut connection, &mut batch).await?;
                    attempt += 1;
                }
            }
        };
        if outcomes.send(Ok(outcome)).await.is_err() {
            break;
        }
    }
    let _ = connection.close().await;
    Ok(())
}

/// Takes rows out of a page that have been migrated since it was read, by a run that was thought dead.
async fn drop_migrated(connection: &mut PgConnection, batch: &mut Batch) -> Result<(), QueryError> {
    let (Some((first, _)), Some((last, _))) = (batch.rows.first(), batch.rows.last()) else { return Ok(()) };
    let lineage = lineage(connection, first.checked_sub(1), *last).await?;
    let before = batch.rows.len();
    batch.rows.retain(|(id, _)| !lineage.get(id).is_some_and(|it| it.request));
    batch.already += (before - batch.rows.len()) as u64;
    Ok(())
}

/// Large texts, read from the source on a connection that is opened when the first one comes.
struct LargeTexts {
    shared: Arc<Shared>,
    connection: Option<PgConnection>,
}

impl AsyncLarge for LargeTexts {
    async fn pieces(
        &mut self,
        id: i64,
        column: &str,
        sha256: &str,
        json: bool,
        copy: &mut PgCopyIn<&mut PgConnection>,
    ) -> Result<(), QueryError> {
        let shared = Arc::clone(&self.shared);
        if self.connection.is_none() {
            let opened = shared.source_database.connect(Access::Read, "migrate large texts").await;
            let failed = |error: ConnectError| sqlx::Error::Protocol(error.to_string());
            self.connection = Some(opened.map_err(failed).attempt("connecting to the source once more")?);
        }
        let connection = self.connection.as_mut().expect("it was opened above");
        forward(connection, &shared.source.pieces(id, column), sha256, json, copy).await
    }
}

/// One page, in one transaction: what it refers to, what becomes of it, what is written.
async fn process(
    shared: &Shared,
    connection: &mut PgConnection,
    large: &mut LargeTexts,
    batch: &Batch,
) -> Result<Outcome, QueryError> {
    let begin = if shared.options.dry_run { "begin read only" } else { "begin" };
    run(connection, begin, "starting the transaction").await?;
    let lookups = look_up(shared, connection, batch).await?;
    let (mut accepted, mut rejections) = (Vec::new(), Vec::new());
    let mut samples = Vec::new();
    for (id, row) in &batch.rows {
        match transform(*id, row, &lookups) {
            Ok(rows) => {
                if shared.options.dry_run && samples.len() < SAMPLES {
                    samples.push(Sample::of(row, &rows));
                }
                accepted.push(rows);
            }
            Err(rejection) => rejections.push(rejection),
        }
    }
    let mut counts = count(&accepted);
    counts.read = batch.read;
    counts.already_migrated = batch.already;
    counts.rejected = rejections.len() as u64;
    if let Some(run_id) = &shared.run_id {
        write(connection, large, &accepted).await?;
        write_rejections(connection, run_id, batch, &accepted, &rejections).await?;
    }
    run(connection, "commit", "committing a page").await?;
    let incomplete = batch.incomplete.clone();
    Ok(Outcome { sequence: batch.sequence, counts, rejections, incomplete, samples })
}

async fn look_up(shared: &Shared, connection: &mut PgConnection, batch: &Batch) -> Result<Lookups, QueryError> {
    let ids: Vec<i64> = batch.rows.iter().map(|(id, _)| *id).collect();
    let rows = || batch.rows.iter().map(|(_, row)| row);
    // None of these rows has lineage, so a request of that id came from elsewhere.
    let taken: Vec<i64> = sqlx::query_scalar("select id from padealing.pad_request where id = any($1) order by id")
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await
        .attempt("looking for requests with the ids of legacy rows")?;
    let mut collisions = HashMap::new();
    match shared.options.on_id_collision {
        OnIdCollision::Reject => collisions.extend(taken.into_iter().map(|id| (id, Collision::Reject))),
        // A dry run draws nothing from the sequence, and nobody sees the id.
        OnIdCollision::Reassign if shared.options.dry_run => {
            collisions.extend(taken.into_iter().map(|id| (id, Collision::Reassign(0))));
        }
        OnIdCollision::Reassign => {
            let new = draw(connection, &[("pad_request", taken.len())]).await?.remove(0);
            collisions.extend(taken.into_iter().zip(new.into_iter().map(Collision::Reassign)));
        }
    }
    collisions.extend(batch.stray.iter().map(|id| (*id, Collision::StrayLineage)));
    Ok(Lookups {
        employees: employees(connection, rows()).await?,
        securities: shared.securities.lock().await.of(connection, rows()).await?,
        collisions,
        missing_security_is_null: shared.options.on_missing_security == OnMissingSecurity::Null,
    })
}

fn count(accepted: &[TargetRows]) -> Counts {
    let sum = |each: fn(&TargetRows) -> usize| accepted.iter().map(each).sum::<usize>() as u64;
    let (pad_request, pad_approval) = (accepted.len() as u64, sum(|it| it.approvals.len()));
    let (pad_execution, audit_log) = (sum(|it| usize::from(it.execution.is_some())), sum(|it| it.audit.len()));
    Counts {
        migrated: pad_request,
        pad_request,
        pad_approval,
        pad_execution,
        audit_log,
        migration_mapping: pad_request + pad_approval + pad_execution + audit_log,
        ..Counts::default()
    }
}

/// Draws ids from the sequences of tables.
async fn draw(connection: &mut PgConnection, wanted: &[(&str, usize)]) -> Result<Vec<Vec<i64>>, QueryError> {
    let one = |(table, count): &(&str, usize)| {
        format!(
            "array(select nextval((select pg_get_serial_sequence('padealing.{table}', 'id')::regclass)) \
             from generate_series(1, {count}))"
        )
    };
    let sql = format!("select {}", wanted.iter().map(one).collect::<Vec<_>>().join(", "));
    const WHAT: &str = "drawing ids from the sequences";
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.attempt(WHAT)?;
    let ids: Vec<Vec<i64>> = (0..wanted.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>().attempt(WHAT)?;
    if ids.iter().zip(wanted).any(|(ids, (_, count))| ids.len() != *count) {
        let short = sqlx::Error::Protocol("a table of padealing has no sequence for its id".to_owned());
        return Err(short).attempt(WHAT);
    }
    Ok(ids)
}

const COPY_REQUEST: &str = "copy padealing.pad_request (id, employee_id, security_id, status, direction, \
    security_name, isin, sedol, bloomberg_ticker, ticker, quantity, estimated_value, currency, justification, \
    is_related_party, existing_position, insider_info_declaration, is_restricted, has_conflict, relation, \
    compliance_assessment, created_at, updated_at, conflict_comments, other_comments, broker_reporting, is_derivative, \
    is_leveraged, related_party_name, signed_declaration, updated_by_id, deleted_at, deleted_by_id, \
    executed_within_two_days) from stdin";
const COPY_APPROVAL: &str = "copy padealing.pad_approval (id, request_id, approval_type, approver_id, decision, \
    comments, decided_at, restricted_check, holding_period_check, conflict_check) from stdin";
const COPY_EXECUTION: &str = "copy padealing.pad_execution (id, request_id, executed_at, execution_price, \
    execution_quantity, contract_note_received, contract_note_verified, recorded_by_id) from stdin";
const COPY_AUDIT: &str = "copy padealing.audit_log (id, \"timestamp\", action_type, action_status, actor_type, \
    actor_id, entity_type, entity_id, request_id, decision, comments, details) from stdin";
const COPY_MAPPING: &str =
    "copy padealing.migration_mapping (source_table, source_id, target_table, target_id) from stdin";

/// Every statement that writes rows, for those who review them.
pub const COPY_STATEMENTS: [&str; 5] = [COPY_REQUEST, COPY_APPROVAL, COPY_EXECUTION, COPY_AUDIT, COPY_MAPPING];

async fn write(
    connection: &mut PgConnection,
    large: &mut LargeTexts,
    accepted: &[TargetRows],
) -> Result<(), QueryError> {
    let counts = count(accepted);
    let wanted = [
        ("pad_approval", counts.pad_approval as usize),
        ("pad_execution", counts.pad_execution as usize),
        ("audit_log", counts.audit_log as usize),
    ];
    if accepted.is_empty() {
        return Ok(());
    }
    // The foreign keys' own queries are planned once a session instead of once a row, and by index, since the tables may
    // be empty when it happens. No page waits for the disk: the commit that records the end of the run does, and with
    // it everything before it is on disk. Should the server crash earlier, the last pages are gone whole, with their
    // lineage, and the next run migrates them.
    let settings = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; \
                    set local synchronous_commit = off";
    run(connection, settings, "setting up the transaction").await?;
    let drawn = draw(connection, &wanted).await?;
    let mut ids = drawn.into_iter().map(Vec::into_iter);
    let (mut approval_ids, mut execution_ids, mut audit_ids) =
        (ids.next().unwrap_or_default(), ids.next().unwrap_or_default(), ids.next().unwrap_or_default());

    let details = format!("{{\"source\": \"{LEGACY_MARK}\", \"original_table\": \"{SOURCE_TABLE}\"}}");
    let mut requests = Rows::default();
    let mut approvals = Rows::default();
    let mut executions = Rows::default();
    let mut audit = Rows::default();
    let mut mapping = Rows::default();
    for rows in accepted {
        let request_id = rows.request.id;
        let mut lineage = |role: Role, target_id: i64| {
            mapping.start_row();
            mapping.plain(Some(SOURCE_TABLE));
            mapping.plain(Some(rows.source_id));
            mapping.plain(Some(role));
            mapping.plain(Some(target_id));
            mapping.end_row();
        };
        encode_request(&mut requests, rows);
        lineage(Role::Request, request_id);
        for approval in &rows.approvals {
            let id = approval_ids.next();
            let column = comments_column(approval.stage);
            approvals.start_row();
            approvals.plain(id);
            approvals.plain(Some(request_id));
            approvals.plain(Some(approval.stage));
            approvals.plain(Some(approval.approver_id));
            approvals.plain(Some(approval.decision));
            approvals.text(approval.comments.as_ref(), Origin { id: rows.source_id, column });
            approvals.plain(Some(approval.decided_at));
            approvals.boolean(approval.restricted_check);
            approvals.boolean(approval.holding_period_check);
            approvals.boolean(approval.conflict_check);
            approvals.end_row();
            lineage(Role::approval(approval.stage), id.unwrap_or_default());
        }
        if let Some(execution) = &rows.execution {
            let id = execution_ids.next();
            executions.start_row();
            executions.plain(id);
            executions.plain(Some(request_id));
            executions.plain(Some(execution.executed_at));
            executions.plain(execution.execution_price);
            executions.plain(execution.execution_quantity);
            executions.boolean(execution.contract_note_received);
            executions.boolean(Some(false));
            executions.plain(execution.recorded_by_id);
            executions.end_row();
            lineage(Role::Execution, id.unwrap_or_default());
        }
        for entry in &rows.audit {
            let id = audit_ids.next();
            let column = match entry.action {
                crate::migration::target::Action::ApprovalCompliance => comments_column(Stage::Compliance),
                _ => comments_column(Stage::Manager),
            };
            audit.start_row();
            audit.plain(id);
            audit.plain(Some(entry.timestamp));
            audit.plain(Some(entry.action));
            audit.plain(Some(entry.status()));
            audit.plain(Some("user"));
            audit.plain(Some(entry.actor_id));
            audit.plain(Some("pad_request"));
            audit.plain(Some(request_id));
            audit.plain(Some(request_id));
            audit.plain(entry.decision);
            audit.text(entry.comments.as_ref(), Origin { id: rows.source_id, column });
            audit.plain(Some(&details));
            audit.end_row();
            lineage(Role::audit(entry.action), id.unwrap_or_default());
        }
    }
    requests.send(connection, COPY_REQUEST, large).await?;
    approvals.send(connection, COPY_APPROVAL, large).await?;
    executions.send(connection, COPY_EXECUTION, large).await?;
    audit.send(connection, COPY_AUDIT, large).await?;
    mapping.send(connection, COPY_MAPPING, large).await
}

fn comments_column(stage: Stage) -> &'static str {
    match stage {
        Stage::Manager => "comments_manager",
        Stage::Compliance => "comments_compliance",
    }
}

fn encode_request(out: &mut Rows, rows: &TargetRows) {
    let request = &rows.request;
    let from = |column: &'static str| Origin { id: rows.source_id, column };
    out.start_row();
    out.plain(Some(request.id));
    out.plain(Some(request.employee_id));
    out.plain(request.security_id);
    out.plain(Some(request.status));
    out.plain(request.direction);
    out.text(request.security_name.as_ref(), from("security_description"));
    out.text(request.isin.as_ref(), from("isin"));
    out.text(request.sedol.as_ref(), from("sedol"));
    out.text(request.bloomberg_ticker.as_ref(), from("bloomberg"));
    out.text(request.ticker.as_ref(), from("ticker"));
    out.plain(request.quantity);
    out.plain(request.estimated_value);
    out.text(request.currency.as_ref(), from("currency"));
    out.text(request.justification.as_ref(), from("justification"));
    out.boolean(request.is_related_party);
    out.boolean(request.existing_position);
    out.boolean(request.insider_info_declaration);
    out.boolean(request.is_restricted);
    out.boolean(request.has_conflict);
    out.text(request.relation.as_ref(), from("relation"));
    out.assessment(rows.source_id, &request.compliance_assessment);
    out.plain(Some(request.created_at));
    out.plain(request.updated_at);
    out.text(request.conflict_comments.as_ref(), from("conflict_comments"));
    out.text(request.other_comments.as_ref(), from("other_comments"));
    out.boolean(request.broker_reporting);
    out.boolean(request.is_derivative);
    out.boolean(request.is_leveraged);
    out.text(request.related_party_name.as_ref(), from("name"));
    out.boolean(request.signed_declaration);
    out.plain(request.updated_by_id);
    out.plain(request.deleted_at);
    out.plain(request.deleted_by_id);
    out.boolean(request.executed_within_two_days);
    out.end_row();
}

/// Replaces the reasons of the rows that are rejected now, and closes those of the rows that are migrated.
async fn write_rejections(
    connection: &mut PgConnection,
    run_id: &str,
    batch: &Batch,
    accepted: &[TargetRows],
    rejections: &[Rejection],
) -> Result<(), QueryError> {
    const WHAT: &str = "recording the rejections";
    let (Some((first, _)), Some((last, _))) = (batch.rows.first(), batch.rows.last()) else {
        return Ok(());
    };
    let known: bool = sqlx::query_scalar(
        "select exists (select from padealing.migration_reject \
         where source_table = $1 and source_id between $2 and $3)",
    )
    .bind(SOURCE_TABLE)
    .bind(first)
    .bind(last)
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    if known {
        let migrated: Vec<i64> = accepted.iter().map(|it| it.source_id).collect();
        sqlx::query(
            "update padealing.migration_reject set resolved_run_id = $1::uuid \
             where source_table = $2 and source_id = any($3) and resolved_run_id is null",
        )
        .bind(run_id)
        .bind(SOURCE_TABLE)
        .bind(migrated)
        .execute(&mut *connection)
        .await
        .attempt(WHAT)?;
    }
    let reasons = || rejections.iter().flat_map(|it| it.reasons.iter().map(|reason| (it.source_id, reason)));
    let ids: Vec<i64> = reasons().map(|it| it.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let fields: Vec<&str> = reasons().map(|it| it.1.field.as_str()).collect();
    let rules: Vec<&str> = reasons().map(|it| it.1.rule.as_str()).collect();
    let values: Vec<Option<&str>> = reasons().map(|it| it.1.value.as_deref()).collect();
    let messages: Vec<&str> = reasons().map(|it| it.1.message.as_str()).collect();
    if known {
        sqlx::query(
            "delete from padealing.migration_reject r \
             where r.source_table = $1 and r.source_id = any($2) and not exists ( \
                 select from unnest($2::int8[], $3::text[], $4::text[]) as now(source_id, field, rule) \
                 where now.source_id = r.source_id and now.field = r.field and now.rule = r.rule)",
        )
        .bind(SOURCE_TABLE)
        .bind(&ids)
        .bind(&fields)
        .bind(&rules)
        .execute(&mut *connection)
        .await
        .attempt(WHAT)?;
    }
    sqlx::query(
        "insert into padealing.migration_reject \
             (source_table, source_id, field, rule, value, message, first_run_id, last_run_id) \
         select $1, source_id, field, rule, value, message, $7::uuid, $7::uuid \
         from unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::text[]) \
              as now(source_id, field, rule, value, message) \
         on conflict (source_table, source_id, field, rule) do update \
         set value = excluded.value, message = excluded.message, last_run_id = excluded.last_run_id, \
             resolved_run_id = null",
    )
    .bind(SOURCE_TABLE)
    .bind(&ids)
    .bind(&fields)
    .bind(&rules)
    .bind(&values)
    .bind(&messages)
    .bind(run_id)
    .execute(connection)
    .await
    .map(|_| ())
    .attempt(WHAT)
}

/// Records a run, which nobody else may have recorded.
async fn start_run(connection: &mut PgConnection, request: &Request<'_>, run_id: &str) -> Result<(), QueryError> {
    const NEW: &str = "insert into padealing.migration_run (id, command, environment, program_version, options) \
                       values ($1::uuid, 'migrate', $2, $3, $4::jsonb)";
    record_run(request, run_id, sqlx::query(NEW)).execute(connection).await.map(|_| ()).attempt("recording the run")
}

type RunQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds what is recorded of a run.
fn record_run<'q>(request: &Request<'_>, run_id: &str, query: RunQuery<'q>) -> RunQuery<'q> {
    let Options { limit, batch_size, jobs, on_missing_security, on_id_collision, .. } = request.options;
    let options = json!({
        "source": request.source.place(),
        "legacy_table": request.table.to_string(),
        "limit": limit,
        "batch_size": batch_size,
        "jobs": jobs,
        "on_missing_security": format!("{on_missing_security:?}").to_lowercase(),
        "on_id_collision": format!("{on_id_collision:?}").to_lowercase(),
    });
    let (environment, version) = (request.environment.as_str(), env!("CARGO_PKG_VERSION"));
    query.bind(run_id.to_owned()).bind(environment).bind(version).bind(options.to_string())
}

async fn finish_run(connection: &mut PgConnection, run_id: &str, counts: &Counts) -> Result<(), QueryError> {
    let outcome = if counts.rejected == 0 { "clean" } else { "attention" };
    // This commit vouches for those of the pages, whatever the role's or the database's own setting is.
    let wait =
        "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
    run(connection, wait, "recording the end of the run").await?;
    sqlx::query(
        "update padealing.migration_run set finished_at = clock_timestamp(), counts = $2::jsonb, outcome = $3 \
         where id = $1::uuid",
    )
    .bind(run_id)
    .bind(json!(counts).to_string())
    .bind(outcome)
    .execute(connection)
    .await
    .map(|_| ())
    .attempt("recording the end of the run")
}

/// Records that a run ended early, if the database can still be reached; the run's own error matters more. The server
/// may still have to execute what was sent to record the start, which then finds the run recorded and fails.
async fn abandon_run(request: &Request<'_>, run_id: &str, outcome: &str) {
    const ENDED: &str = "insert into padealing.migration_run \
             (id, command, environment, program_version, options, finished_at, outcome) \
         values ($1::uuid, 'migrate', $2, $3, $4::jsonb, clock_timestamp(), $5) \
         on conflict (id) do update set finished_at = excluded.finished_at, outcome = excluded.outcome \
         where migration_run.finished_at is null";
    let Ok(mut connection) = request.target.connect(Access::Write, "migrate").await else {
        return;
    };
    let _ = record_run(request, run_id, sqlx::query(ENDED)).bind(outcome).execute(&mut connection).await;
    let _ = connection.close().await;
}
