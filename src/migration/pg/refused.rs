//! Rows that the target refuses are found and left out, so that they don't stop the others.

use crate::base::hint::MIGRATE;
use crate::migration::pg::large_text::LargeTextReader;
use crate::migration::pg::write::write_rows;
use crate::migration::pg::write_error::{WriteError, refused};
use crate::migration::refusal::Refusal;
use crate::migration::rejection::Rejection;
use crate::migration::target::TargetRows;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::savepoint;

/// Refusals one after the other by the same thing, from which on people are informed.
const MANY: u32 = 100;

/// Writes the rows of a page of which some are refused, and rejects those.
///
/// Set by set in id order, each in a savepoint: a set that is refused is halved down to the row, the next is larger
/// again. A row is tried when all rows before it are decided, so that of two rows that exclude each other the one with
/// the lower id is migrated, whatever the page's size (D22). Isolated refusals cost a logarithm of attempts each; where
/// every row is refused each is tried once.
pub(crate) async fn write_what_is_accepted<'a>(
    connection: &mut Session,
    large_texts: &LargeTextReader,
    rows: Vec<TargetRows<'a>>,
    target: &Database,
) -> Result<(Vec<TargetRows<'a>>, Vec<Rejection>), WriteError> {
    let mut rejections: Vec<Rejection> = Vec::new();
    let mut size = (rows.len() / 2).max(1);
    let mut at = 0;
    let mut run_of: Option<(Refusal, u32)> = None;
    while at < rows.len() {
        let set = &rows[at..rows.len().min(at + size)];
        let written = savepoint(connection, async |session| write_set(session, large_texts, set).await).await?;
        let refusal = match written {
            Ok(()) => {
                (at, size, run_of) = (at + set.len(), set.len() * 2, None);
                continue;
            }
            Err(WriteError { refusal: Some(refusal), .. }) => *refusal,
            Err(error) => return Err(error),
        };
        size = set.len() / 2;
        if let [row] = set {
            let reasons = vec![refusal.reason(row.source_id)];
            rejections.push(Rejection { source_id: row.source_id, reasons, origin: None });
            (at, size) = (at + 1, 1);
            let before = run_of.take().filter(|(before, _)| before.is_like(&refusal)).map_or(0, |(_, count)| count);
            if before + 1 == MANY {
                target.note(&many(&refusal));
            }
            run_of = Some((refusal, before + 1));
        }
    }
    let is_rejected = |row: &TargetRows<'_>| rejections.binary_search_by_key(&row.source_id, |it| it.source_id).is_ok();
    let accepted = rows.into_iter().filter(|row| !is_rejected(row)).collect();
    Ok((accepted, rejections))
}

fn many(refusal: &Refusal) -> String {
    let place = refusal.table.as_ref().map_or("padealing".to_owned(), |table| format!("padealing.{table}"));
    format!(
        "{place} has refused {MANY} rows, one after the other, for the same reason ({}); each row is now tried by \
         itself, which takes longer. If the cause is in the target, interrupt this, correct it, and run \
         `{MIGRATE}` again",
        refusal.words()
    )
}

/// Writes some rows, and checks what the constraints would say at the commit.
async fn write_set(
    connection: &mut Session,
    large_texts: &LargeTextReader,
    rows: &[TargetRows<'_>],
) -> Result<(), WriteError> {
    write_rows(connection, large_texts, rows).await?;
    let check = "set constraints all immediate; set constraints all deferred";
    run(connection, check, "checking the constraints").await.map_err(|error| refused(None, error))
}

/// The tables that the rows are written to.
const TABLES: [&str; 5] = ["pad_request", "pad_approval", "pad_execution", "audit_log", "migration_mapping"];

/// What makes one row's refusal depend on other rows: unique indexes and exclusions that may concern two legacy rows,
/// and triggers, which may look at anything. Then the order decides, and pages are written one after the other.
pub(crate) async fn what_relates_rows(connection: &mut Session) -> Result<Vec<String>, QueryError> {
    // An index over the request's id, or over the id of lineage's source, has an entry for one legacy row only.
    sqlx::query_scalar(
        "with recursive t as (\
             select c.oid from pg_class c where c.relnamespace = to_regnamespace('padealing') and c.relname = any($1) \
             union select h.inhrelid from t join pg_inherits h on h.inhparent = t.oid) \
         select 'the index ' || i.indexrelid::regclass::text from t join pg_index i on i.indrelid = t.oid \
         where (i.indisunique or i.indisexclusion) and not exists (\
             select from pg_attribute a where i.indisunique and a.attrelid = i.indrelid \
               and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
               and a.attname in ('id', 'request_id', 'source_id')) \
         union all \
         select 'the trigger ' || quote_ident(g.tgname) || ' of ' || g.tgrelid::regclass::text \
         from t join pg_trigger g on g.tgrelid = t.oid \
         where not g.tgisinternal and g.tgenabled in ('O', 'A') and g.tgtype & 4 = 4 order by 1",
    )
    .bind(TABLES)
    .fetch_all(connection)
    .await
    .attempt("looking for constraints between rows")
}
