//! Writes the target rows of a page, and their lineage, with one COPY a table.

use sqlx::Row;

use crate::migration::columns::{ApprovalRow, AuditRow, ExecutionRow, LineageRow, RequestRow, TargetRow};
use crate::migration::copy_rows::{CopyPart, CopyRows, copy_statement};
use crate::migration::pg::large_text::LargeTextReader;
use crate::migration::pg::write_error::{WriteError, dropped, refused};
use crate::migration::target::{Role, TargetRows};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;

const DRAWING: &str = "drawing ids from the sequences";

/// The rows of a page, encoded by table.
#[derive(Default)]
struct EncodedPage {
    requests: CopyRows,
    approvals: CopyRows,
    executions: CopyRows,
    audit: CopyRows,
    lineage: CopyRows,
}

/// Sets the open transaction up for writing.
pub(crate) async fn prepare_writing(connection: &mut Session) -> Result<(), QueryError> {
    // The foreign keys' own queries are planned once a session instead of once a row, and by index, since the tables
    // may be empty when it happens. No page waits for the disk: the commit that records the end of the run does, and
    // with it everything before it is on disk. Should the server crash earlier, the last pages are gone whole, with
    // their lineage, and the next run migrates them.
    let settings = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; \
                    set local synchronous_commit = off";
    run(connection, settings, "setting up the transaction").await
}

/// Writes the rows that legacy rows become, in the transaction that is open.
pub(crate) async fn write_rows(
    connection: &mut Session,
    large_texts: &LargeTextReader,
    accepted: &[TargetRows<'_>],
) -> Result<(), WriteError> {
    if accepted.is_empty() {
        return Ok(());
    }
    let EncodedPage { requests, approvals, executions, audit, lineage } = encode(connection, accepted).await?;
    send::<RequestRow<'_>>(connection, requests, large_texts).await?;
    send::<ApprovalRow<'_>>(connection, approvals, large_texts).await?;
    send::<ExecutionRow<'_>>(connection, executions, large_texts).await?;
    send::<AuditRow<'_>>(connection, audit, large_texts).await?;
    send::<LineageRow>(connection, lineage, large_texts).await
}

/// Encodes a page, after drawing an id for each row but the requests, which have their ids already.
async fn encode(connection: &mut Session, accepted: &[TargetRows<'_>]) -> Result<EncodedPage, QueryError> {
    let sum = |count: fn(&TargetRows<'_>) -> usize| accepted.iter().map(count).sum::<usize>();
    let wanted = [
        ("pad_approval", sum(|rows| rows.approvals.len())),
        ("pad_execution", sum(|rows| usize::from(rows.execution.is_some()))),
        ("audit_log", sum(|rows| rows.audit.len())),
    ];
    let [mut approval_ids, mut execution_ids, mut audit_ids] = draw_ids(connection, wanted).await?;
    let mut page = EncodedPage::default();
    for rows in accepted {
        let (source_id, request_id) = (rows.source_id, rows.request.id);
        let mut lineage = |role, target_id| page.lineage.push(source_id, &LineageRow { source_id, role, target_id });
        page.requests.push(source_id, &RequestRow(&rows.request));
        lineage(Role::Request, request_id);
        for approval in &rows.approvals {
            let id = approval_ids.next()?;
            page.approvals.push(source_id, &ApprovalRow { id, request_id, approval });
            lineage(Role::approval(approval.stage), id);
        }
        if let Some(execution) = &rows.execution {
            let id = execution_ids.next()?;
            page.executions.push(source_id, &ExecutionRow { id, request_id, execution });
            lineage(Role::Execution, id);
        }
        for entry in &rows.audit {
            let id = audit_ids.next()?;
            page.audit.push(source_id, &AuditRow { id, request_id, entry });
            lineage(Role::audit(entry.action), id);
        }
    }
    Ok(page)
}

/// Ids that were drawn from a sequence, each to be used once.
pub(crate) struct DrawnIds(std::vec::IntoIter<i64>);

impl DrawnIds {
    pub(crate) fn next(&mut self) -> Result<i64, QueryError> {
        let none_left = || sqlx::Error::Protocol("fewer ids were drawn than there are rows".to_owned());
        self.0.next().ok_or_else(none_left).attempt(DRAWING)
    }
}

/// Draws ids from the sequences of tables, so many for each.
pub(crate) async fn draw_ids<const N: usize>(
    connection: &mut Session,
    wanted: [(&str, usize); N],
) -> Result<[DrawnIds; N], QueryError> {
    let array = |(table, count): (&str, usize)| {
        format!(
            "array(select nextval((select pg_get_serial_sequence('padealing.{table}', 'id')::regclass)) \
             from generate_series(1, {count}))"
        )
    };
    let sql = format!("select {}", wanted.map(array).join(", "));
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.attempt(DRAWING)?;
    let mut drawn = [const { Vec::new() }; N];
    for (at, (table, count)) in wanted.into_iter().enumerate() {
        let ids: Vec<i64> = row.try_get(at).attempt(DRAWING)?;
        if ids.len() != count {
            let none = sqlx::Error::Protocol(format!("padealing.{table} has no sequence for its id"));
            return Err(none).attempt(DRAWING);
        }
        drawn[at] = ids;
    }
    Ok(drawn.map(|ids| DrawnIds(ids.into_iter())))
}

/// Sends the rows of one table. Large texts are read from the source meanwhile, piece by piece.
async fn send<R: TargetRow>(
    connection: &mut Session,
    rows: CopyRows,
    large_texts: &LargeTextReader,
) -> Result<(), WriteError> {
    let count = rows.count();
    if count == 0 {
        return Ok(());
    }
    let what = format!("writing to padealing.{}", R::TABLE);
    let mut copy = connection.copy_in(&copy_statement::<R>()).await.attempt(&what)?;
    for part in rows.into_parts() {
        match part {
            CopyPart::Bytes(bytes) => {
                copy.send(bytes).await.attempt(&what)?;
            }
            CopyPart::LargeText(text) => {
                if let Err(error) = large_texts.send(&text, &mut copy).await {
                    // The copy's own end would hide why it ended.
                    let _ = copy.abort("a large text could not be read from the source").await;
                    return Err(error.into());
                }
            }
        }
    }
    let stored = copy.finish().await.attempt(&what).map_err(|error| refused(Some(R::TABLE), error))?;
    if stored == count as u64 { Ok(()) } else { Err(dropped(R::TABLE, &what, stored, count)) }
}
