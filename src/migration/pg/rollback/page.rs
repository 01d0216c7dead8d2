//! One page of migrated rows, in one transaction: what is stored, what keeps a row, and the deletes of the others.
//!
//! The transaction sees one moment. A row that another session has changed since that moment can't be deleted in it
//! (documentation, Repeatable Read Isolation Level), and a foreign key sees rows that came later, too: either fails, and
//! the page is looked at again. What names a row without a foreign key is looked for once more by another session before
//! the COMMIT ([`names`](crate::migration::pg::names)). So nothing is deleted that isn't as it was when it
//! was compared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::AssertSqlSafe;
use tokio::sync::Mutex;

use crate::migration::legacy::LegacyRow;
use crate::migration::pg::lookup::Securities;
use crate::migration::pg::names::{Gone, Look, Witness};
use crate::migration::pg::rollback::referring::{Surroundings, claimed, named};
use crate::migration::pg::side_effects::{Written, refuse};
use crate::migration::pg::stored_page::{Depth, Rooms, Rows, read_stored};
use crate::migration::pg::write::prepare_writing;
use crate::migration::pg::write_error::{WriteError, commit_page, left, refused};
use crate::migration::rollback::{Candidate, DELETED, Judged, Kept, KeptReason, RollbackCounts};
use crate::migration::stored::Stored;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only, begin_writing_one_moment, savepoint};

/// What all workers of a run share.
pub(crate) struct Work {
    pub(crate) target: Database,
    pub(crate) dry_run: bool,
    /// Whether rows were asked for by their ids.
    pub(crate) is_named: bool,
    /// Whether a page has every row with lineage between its first and its last.
    pub(crate) is_all: bool,
    pub(crate) surroundings: Surroundings,
    pub(crate) securities: Mutex<Securities>,
    /// Looks for what others write meanwhile.
    pub(crate) witness: Mutex<Witness>,
    /// The processes that write for this run.
    pub(crate) own: Mutex<Vec<i32>>,
    /// What is deleted.
    pub(crate) gone: Mutex<Gone>,
    /// Rows that are rolled back.
    pub(crate) done: Arc<AtomicU64>,
}

/// A part of a page.
pub(crate) struct Part<'a> {
    /// The legacy rows' ids, in order.
    pub(crate) ids: &'a [i64],
    pub(crate) rows: &'a HashMap<i64, LegacyRow>,
}

/// How a part is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// What names its rows without a foreign key is looked for at the end, once: few parts have any.
    AtTheEnd,
    /// And at the beginning, where it is known that something does.
    Throughout,
}

/// How a part is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// All rows at once.
    Whole,
    /// Without the rows that the target keeps.
    WithoutRefused,
}

/// How the transaction of a part ended.
pub(crate) enum PartEnd {
    /// It is committed.
    Done(RollbackCounts, Vec<Kept>),
    /// It is open still: others have written what names its rows, or made what fires when they are deleted, so that it must
    /// be looked at again.
    Named,
    /// It is open still, and so are these transactions of others, which may have.
    Writing(Vec<String>),
}

/// Takes a part back, in one transaction, which is open still if this fails.
pub(crate) async fn roll_back_part(
    work: &Work,
    session: &mut Session,
    part: &Part<'_>,
    (manner, care): (Manner, Care),
) -> Result<PartEnd, WriteError> {
    if work.dry_run {
        begin_read_only(session, Limits::default()).await?;
    } else {
        begin_writing_one_moment(session, Limits::default()).await?;
    }
    // A part is a small part of large tables, whatever the planner takes random reads for.
    run(session, "set local enable_seqscan = off", "setting up the transaction").await?;
    let ids = match part.ids {
        // A range is read faster than its ids.
        [first, .., last] if work.is_all => Rows::Between { after: first.checked_sub(1), until: Some(*last) },
        ids => Rows::Only(ids.to_vec()),
    };
    let stored = read_stored(session, &ids, Depth::Rows, &mut Rooms::default()).await?;
    let care = if work.dry_run { Care::Throughout } else { care };
    let (mut kept, mut taken) = judge(work, session, part, (&ids, care), &stored).await?;
    let mut gone = Vec::new();
    let is_unwatched = manner == Manner::Whole && work.surroundings.is_plain.load(Ordering::Relaxed);
    if !work.dry_run && !taken.is_empty() {
        prepare_writing(session).await?;
        match manner {
            Manner::Whole if is_unwatched => drop(delete_checked(session, &taken).await?),
            Manner::Whole => delete_watched(session, &taken).await?,
            Manner::WithoutRefused => {
                let (deleted, refused) = delete_what_may_go(session, taken).await?;
                taken = deleted;
                kept.extend(refused);
                kept.sort();
            }
        }
        gone = named(&taken);
        let look = async {
            let own = work.own.lock().await.clone();
            let mut witness = work.witness.lock().await;
            if is_unwatched && !witness.is_plain().await? {
                work.surroundings.is_plain.store(false, Ordering::Relaxed);
                return Ok(Look::Named);
            }
            witness.look(&own, work.surroundings.marks, &gone, &[]).await
        };
        match session.while_waiting(look).await?? {
            Look::Quiet => {}
            Look::Named => return Ok(PartEnd::Named),
            Look::Writing(others) => return Ok(PartEnd::Writing(others)),
        }
    }
    commit_page(session, &work.target).await?;
    work.gone.lock().await.extend(&gone);
    let mut counts = RollbackCounts { selected: stored.len() as u64, ..RollbackCounts::default() };
    counts.rolled_back = taken.len() as u64;
    counts.kept = counts.selected - counts.rolled_back;
    for table in DELETED {
        let rows = match table {
            "migration_mapping" => taken.iter().map(|(_, stored)| stored.lineage.len()).sum(),
            table => claimed(&taken, table).count(),
        };
        counts.count(table, rows as u64);
    }
    Ok(PartEnd::Done(counts, kept))
}

/// A legacy row, and what is stored for it.
type Row<'a> = (i64, &'a Stored);

/// Finds the rows that are kept, with the reasons, and those that aren't.
async fn judge<'a>(
    work: &Work,
    session: &mut Session,
    part: &Part<'_>,
    (ids, care): (&Rows, Care),
    stored: &'a [(i64, Stored)],
) -> Result<(Vec<Kept>, Vec<Row<'a>>), QueryError> {
    let all: Vec<Row<'a>> = stored.iter().map(|(id, stored)| (*id, stored)).collect();
    let securities = work.securities.lock().await.of(session, part.rows.values()).await?;
    let mut referring = work.surroundings.referring(session, &all).await?;
    if care == Care::Throughout {
        for (id, names) in work.surroundings.naming(session, &all).await? {
            referring.entry(id).or_default().push(names);
        }
    }
    let filled = work.surroundings.filled(session, ids).await?;
    let mut judged: Vec<(Row<'_>, Judged)> = Vec::with_capacity(all.len());
    for (id, stored) in all {
        let candidate = Candidate {
            source_id: id,
            row: part.rows.get(&id),
            stored,
            referring: referring.remove(&id).unwrap_or_default(),
            claimed_twice: work.surroundings.claimed_twice(stored),
            filled: filled.get(&id).map_or(&[], |it| it.as_slice()),
        };
        judged.push(((id, stored), candidate.judge(&securities)));
    }
    let doubtful: Vec<i64> = judged.iter().filter(|(_, it)| it.differs()).map(|((id, _), _)| *id).collect();
    let untouched = if doubtful.is_empty() { HashSet::new() } else { untouched(session, &doubtful).await? };
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    for ((id, stored), judged) in judged {
        let reasons = judged.settle(id, untouched.contains(&id), work.is_named);
        if reasons.is_empty() {
            taken.push((id, stored));
        }
        kept.extend(reasons);
    }
    Ok((kept, taken))
}

/// Which rows were written by the transaction that wrote their lineage, and never since: an UPDATE writes a row again, in
/// a transaction of its own. After a restore in one transaction that transaction has written all, the history, too, and
/// nothing is known.
async fn untouched(session: &mut Session, ids: &[i64]) -> Result<HashSet<i64>, QueryError> {
    let found: Vec<i64> = sqlx::query_scalar(
        "select m.source_id from padealing.migration_mapping m \
         left join padealing.pad_request r on m.target_table = 'pad_request' and r.id = m.target_id \
         left join padealing.pad_approval a on m.target_table like 'pad\\_approval:%' and a.id = m.target_id \
         left join padealing.pad_execution e on m.target_table = 'pad_execution' and e.id = m.target_id \
         left join padealing.audit_log l on m.target_table like 'audit\\_log:%' and l.id = m.target_id \
         where m.source_table = $1 and m.source_id = any($2) \
         group by m.source_id \
         having bool_and(coalesce(m.xmin in (r.xmin, a.xmin, e.xmin, l.xmin), false)) \
            and count(distinct m.xmin::text) = 1 \
            and not exists (select from padealing.schema_revision h where h.xmin::text = min(m.xmin::text))",
    )
    .bind(SOURCE_TABLE)
    .bind(ids)
    .fetch_all(session)
    .await
    .attempt("looking for rows that were changed since they were migrated")?;
    Ok(found.into_iter().collect())
}

/// Deletes rows, and checks what the constraints would say at the COMMIT.
async fn delete_checked(session: &mut Session, rows: &[Row<'_>]) -> Result<Vec<(&'static str, u64)>, WriteError> {
    let deleted = delete(session, rows).await?;
    let check = "set constraints all immediate; set constraints all deferred";
    run(session, check, "checking the constraints").await.map_err(|error| refused(None, error))?;
    Ok(deleted)
}

/// Deletes rows, and refuses what triggers wrote beside.
async fn delete_watched(session: &mut Session, rows: &[Row<'_>]) -> Result<(), WriteError> {
    let before = Written::so_far(session).await?;
    let deleted = delete_checked(session, rows).await?;
    match Written::so_far(session).await?.beside(&before, &deleted) {
        None => Ok(()),
        Some(written) => {
            let words = refuse(session, &DELETED, &written).await?;
            Err(Err::<(), _>(sqlx::Error::Protocol(words)).attempt("deleting rows").expect_err("it is an error").into())
        }
    }
}

/// Deletes rows, those first that refer to others, and their lineage. Gives back how many of each table.
async fn delete(session: &mut Session, rows: &[Row<'_>]) -> Result<Vec<(&'static str, u64)>, WriteError> {
    let mut done = Vec::with_capacity(DELETED.len());
    for table in DELETED {
        let what = format!("deleting from {table}");
        let (sql, ids, expected) = match table {
            "migration_mapping" => (
                format!("delete from padealing.{table} where source_table = '{SOURCE_TABLE}' and source_id = any($1)"),
                rows.iter().map(|(id, _)| *id).collect(),
                rows.iter().map(|(_, stored)| stored.lineage.len()).sum(),
            ),
            table => {
                let ids: Vec<i64> = claimed(rows, table).map(|(target, _)| target).collect();
                let expected = ids.len();
                (format!("delete from padealing.{table} where id = any($1)"), ids, expected)
            }
        };
        if ids.is_empty() {
            continue;
        }
        let deleted = sqlx::query(AssertSqlSafe(sql)).bind(ids).execute(&mut *session).await.attempt(&what);
        let deleted = deleted.map_err(|error| refused(Some(table), error))?.rows_affected();
        if deleted != expected as u64 {
            return Err(left(table, &what, deleted, expected));
        }
        done.push((table, deleted));
    }
    Ok(done)
}

/// Deletes the rows that the target lets go: a set that it refuses is halved down to the row.
async fn delete_what_may_go<'a>(
    session: &mut Session,
    rows: Vec<Row<'a>>,
) -> Result<(Vec<Row<'a>>, Vec<Kept>), WriteError> {
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    let mut sets: Vec<&[Row<'a>]> = vec![&rows];
    while let Some(set) = sets.pop() {
        let done = savepoint(session, async |session| delete_watched(session, set).await).await?;
        match (done, set) {
            (Ok(()), set) => deleted.extend_from_slice(set),
            (Err(WriteError { refusal: Some(refusal), .. }), [(source_id, _)]) => {
                let table = refusal.table.clone().unwrap_or_else(|| "pad_request".to_owned());
                let message = refusal.sentence("refuses to let the row go");
                kept.push(Kept { source_id: *source_id, target: table, reason: KeptReason::Refused, message });
            }
            (Err(WriteError { refusal: Some(_), .. }), set) => {
                let (first, second) = set.split_at(set.len() / 2);
                sets.extend([second, first]);
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok((deleted, kept))
}
