//! A worker: looks up what a page refers to, transforms its rows, and writes the result in one transaction.

use std::collections::HashMap;
use std::time::Instant;

use tokio::sync::{Mutex, mpsc};

use crate::migration::legacy::Origin;
use crate::migration::lookups::{Collision, Lookups};
use crate::migration::pg::large_text::LargeTextReader;
use crate::migration::pg::lineage::read_lineage_of;
use crate::migration::pg::lookup::References;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::reader::Batch;
use crate::migration::pg::refused::write_what_is_accepted;
use crate::migration::pg::rejects::record_rejections;
use crate::migration::pg::write::{draw_ids, prepare_writing, write_rows};
use crate::migration::pg::write_error::{WriteError, commit_page};
use crate::migration::phases::Phases;
use crate::migration::rejection::Rejection;
use crate::migration::run::{
    MigrateCounts, OnIdCollision, OnMissingSecurity, Options, PageOutcome, SAMPLES, TargetTables,
};
use crate::migration::sample::Sample;
use crate::migration::target::TargetRows;
use crate::migration::transform::transform;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_reading, begin_writing};

/// How often a page is tried again after a conflict with another transaction.
const ATTEMPTS: u32 = 3;

/// What all workers of a run share.
pub(crate) struct Work {
    pub(crate) target_database: Database,
    /// What of the target there is.
    pub(crate) tables: TargetTables,
    pub(crate) options: Options,
    /// None in a dry run, which writes nothing.
    pub(crate) run_id: Option<String>,
    pub(crate) references: Mutex<References>,
    pub(crate) large_texts: LargeTextReader,
}

/// Migrates pages until there are no more.
pub(crate) async fn run_worker(
    work: &Work,
    batches: &Mutex<mpsc::Receiver<Batch>>,
    outcomes: &mpsc::Sender<Result<PageOutcome, MigrateError>>,
) -> Result<(), MigrateError> {
    let access = if work.options.dry_run { Access::Read } else { Access::Write };
    let mut connection = work.target_database.connect(access, "migrate worker").await?;
    let result = migrate_pages(work, &mut connection, batches, outcomes).await;
    let _ = connection.close().await;
    result
}

async fn migrate_pages(
    work: &Work,
    connection: &mut Session,
    batches: &Mutex<mpsc::Receiver<Batch>>,
    outcomes: &mpsc::Sender<Result<PageOutcome, MigrateError>>,
) -> Result<(), MigrateError> {
    loop {
        let since = Instant::now();
        let next = async { batches.lock().await.recv().await };
        let Some(batch) = connection.while_waiting(next).await? else {
            break;
        };
        let wait = since.elapsed();
        let mut outcome = migrate_page_with_retries(work, connection, batch).await?;
        outcome.phases.wait = wait;
        if connection.while_waiting(outcomes.send(Ok(outcome))).await?.is_err() {
            break;
        }
    }
    Ok(())
}

/// How a page is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// All rows at once.
    Whole,
    /// Without the rows that the target refuses.
    WithoutRefused,
}

/// Migrates a page, and tries again after a conflict with another transaction, or without the rows that are refused.
async fn migrate_page_with_retries(
    work: &Work,
    connection: &mut Session,
    mut batch: Batch,
) -> Result<PageOutcome, MigrateError> {
    let mut manner = Manner::Whole;
    let mut attempt = 1;
    loop {
        let WriteError { error, refusal, is_unknown } = match migrate_page(work, connection, &batch, manner).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        // On a connection that was lost this fails too, and the first error is the one that says why.
        let rolled_back = run(connection, "rollback", "rolling back").await;
        // Another transaction took the id, removed what a row refers to, or was waited for: look again.
        let look_again = error.is_retryable() && attempt < ATTEMPTS;
        let leave_out = !look_again && refusal.is_some() && manner == Manner::Whole;
        if rolled_back.is_err() || !look_again && !leave_out {
            let place = work.target_database.place();
            if is_unknown {
                return Err(MigrateError::Unknown { rows: batch.named(), place, source: error });
            }
            if let Some((first, last)) = batch.lines() {
                return Err(MigrateError::FilePage { first, last, place, source: error });
            }
            let (first, last) = batch.range().unwrap_or_default();
            return Err(MigrateError::Page { first, last, place, source: error });
        }
        (manner, attempt) = if leave_out { (Manner::WithoutRefused, 1) } else { (manner, attempt + 1) };
        work.references.lock().await.forget();
        drop_migrated(connection, &mut batch).await?;
    }
}

/// Takes rows out of a page that another run has migrated since the page was read.
async fn drop_migrated(connection: &mut Session, batch: &mut Batch) -> Result<(), QueryError> {
    let ids: Vec<i64> = batch.rows.iter().map(|(id, _)| *id).collect();
    let lineage = read_lineage_of(connection, &ids).await?;
    let before = batch.rows.len();
    batch.rows.retain(|(id, _)| !lineage.get(id).is_some_and(|found| found.has_request));
    batch.already += (before - batch.rows.len()) as u64;
    Ok(())
}

/// One page, in one transaction: what it refers to, what becomes of it, what is written.
async fn migrate_page(
    work: &Work,
    connection: &mut Session,
    batch: &Batch,
    manner: Manner,
) -> Result<PageOutcome, WriteError> {
    // All of them are migrated already: nothing is sent, whose failure would name rows that there are none of.
    if batch.rows.is_empty() {
        let counts = MigrateCounts { read: batch.read, already_migrated: batch.already, ..MigrateCounts::default() };
        let incomplete = batch.incomplete.clone();
        return Ok(PageOutcome { sequence: batch.sequence, counts, incomplete, ..PageOutcome::default() });
    }
    if work.options.dry_run {
        begin_reading(connection, Limits::default()).await?;
    } else {
        begin_writing(connection, Limits::default()).await?;
    }
    let (mut phases, mut since) = (Phases::default(), Instant::now());
    let mut lap = || std::mem::replace(&mut since, Instant::now()).elapsed();
    let lookups = look_up(work, connection, batch).await?;
    phases.look_up = lap();
    let (mut accepted, mut rejections) = (Vec::new(), Vec::new());
    let mut samples = Vec::new();
    let origins: HashMap<i64, Origin> = batch.rows.iter().filter_map(|(id, row)| Some((*id, row.origin?))).collect();
    for (id, row) in &batch.rows {
        match transform(*id, row, &lookups) {
            Ok(rows) => {
                if work.options.dry_run && samples.len() < SAMPLES {
                    samples.push(Sample::of(row, &rows));
                }
                accepted.push(rows);
            }
            Err(rejection) => rejections.push(rejection),
        }
    }
    phases.transform = lap();
    let place = |rejection: Rejection| match origins.get(&rejection.source_id) {
        Some(origin) => rejection.at(*origin),
        None => rejection,
    };
    let mut rejections: Vec<Rejection> = rejections.into_iter().map(place).collect();
    if let Some(run_id) = &work.run_id {
        prepare_writing(connection).await?;
        if manner == Manner::Whole {
            write_rows(connection, &work.large_texts, &accepted).await?;
        } else {
            let target = &work.target_database;
            let (written, refusals) = write_what_is_accepted(connection, &work.large_texts, accepted, target).await?;
            accepted = written;
            rejections.extend(refusals.into_iter().map(place));
            if origins.is_empty() {
                rejections.sort_by_key(|it| it.source_id);
            } else {
                rejections.sort_by_key(|it| it.origin.map(|it| it.line));
            }
        }
        if let Some(range) = batch.range() {
            record_rejections(connection, run_id, range, &accepted, &rejections).await?;
        }
    }
    let counts = MigrateCounts {
        read: batch.read,
        already_migrated: batch.already,
        rejected: rejections.len() as u64,
        ..count(&accepted)
    };
    phases.copy = lap();
    commit_page(connection, &work.target_database).await?;
    phases.commit = lap();
    let incomplete = batch.incomplete.clone();
    Ok(PageOutcome { sequence: batch.sequence, counts, rejections, incomplete, samples, phases })
}

/// Which of the ids requests of the target have. Where the page's range has none, as nearly always, one look shows it.
async fn taken(connection: &mut Session, batch: &Batch) -> Result<Vec<i64>, QueryError> {
    const WHAT: &str = "looking for requests with the ids of legacy rows";
    let Some((first, last)) = batch.range() else { return Ok(Vec::new()) };
    // The least is at hand in the index; whether there is any may look to the planner like a few rows of a scan.
    let least: Option<i64> =
        sqlx::query_scalar("select min(id)::int8 from padealing.pad_request where id between $1 and $2")
            .bind(first)
            .bind(last)
            .fetch_one(&mut *connection)
            .await
            .attempt(WHAT)?;
    if least.is_none() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = batch.rows.iter().map(|(id, _)| *id).collect();
    sqlx::query_scalar("select id::int8 from padealing.pad_request where id = any($1) order by id")
        .bind(ids)
        .fetch_all(connection)
        .await
        .attempt(WHAT)
}

/// Looks up what the rows of a page refer to.
async fn look_up(work: &Work, connection: &mut Session, batch: &Batch) -> Result<Lookups, QueryError> {
    let rows = || batch.rows.iter().map(|(_, row)| row);
    // None of these rows has lineage, so a request of that id came from elsewhere.
    let taken = if work.tables.has_requests { taken(connection, batch).await? } else { Vec::new() };
    let mut collisions = HashMap::new();
    match work.options.on_id_collision {
        OnIdCollision::Reject => collisions.extend(taken.into_iter().map(|id| (id, Collision::Reject))),
        // A dry run draws nothing from the sequence, and doesn't show the id.
        OnIdCollision::Reassign if work.options.dry_run => {
            collisions.extend(taken.into_iter().map(|id| (id, Collision::Reassign(0))));
        }
        OnIdCollision::Reassign => {
            let [mut new_ids] = draw_ids(connection, [("pad_request", taken.len())]).await?;
            for id in taken {
                collisions.insert(id, Collision::Reassign(new_ids.next()?));
            }
        }
    }
    collisions.extend(batch.stray.iter().map(|id| (*id, Collision::StrayLineage)));
    let mut references = work.references.lock().await;
    Ok(Lookups {
        employees: references.people.of(connection, rows()).await?,
        securities: references.securities.of(connection, rows()).await?,
        collisions,
        missing_security_is_null: work.options.on_missing_security == OnMissingSecurity::Null,
    })
}

/// Counts the target rows.
fn count(accepted: &[TargetRows<'_>]) -> MigrateCounts {
    let sum = |each: fn(&TargetRows<'_>) -> usize| accepted.iter().map(each).sum::<usize>() as u64;
    let (pad_request, pad_approval) = (accepted.len() as u64, sum(|rows| rows.approvals.len()));
    let (pad_execution, audit_log) = (sum(|rows| usize::from(rows.execution.is_some())), sum(|rows| rows.audit.len()));
    MigrateCounts {
        migrated: pad_request,
        pad_request,
        pad_approval,
        pad_execution,
        audit_log,
        migration_mapping: pad_request + pad_approval + pad_execution + audit_log,
        ..MigrateCounts::default()
    }
}
