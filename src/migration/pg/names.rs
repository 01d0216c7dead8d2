//! Rows that name others without a foreign key: audit entries by their entity, and lineage.
//!
//! Such a row conflicts with no delete. Only a lock on its table keeps others from writing one between a look and the
//! COMMIT: what they are still writing is waited for, and what they begin then waits for the COMMIT.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::migration::rollback::Referring;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_writing, begin_writing_alone, savepoint};

/// How long a lock is waited for in a row: others that write wait behind it. A server asks an autovacuum for its lock after
/// a second.
const TURN: Duration = Duration::from_secs(2);

/// In all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two turns.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a row is waited for while the tables are locked: far less than after which a server looks for deadlocks, since
/// who has the row may want to write to the tables.
const MOMENT: &str = "100ms";

/// Locks the audit log and lineage against writers until the transaction ends.
pub(crate) async fn lock_names(session: &mut Session) -> Result<(), QueryError> {
    let lock = format!(
        "set local lock_timeout = '{}'; \
         lock table padealing.audit_log, padealing.migration_mapping in share row exclusive mode",
        TURN.as_millis()
    );
    let until = Instant::now() + PATIENCE;
    loop {
        match savepoint(session, async |it| run(it, &lock, "locking the audit log").await).await? {
            Ok(()) => return wait_a_moment_only(session).await,
            Err(error) if error.is_lock_conflict() && Instant::now() < until => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// Begins a transaction that writes and sees one moment, with the audit log locked against writers.
pub(crate) async fn begin_with_audit_log(session: &mut Session) -> Result<(), QueryError> {
    let limits = Limits { lock: Some(TURN), statement: None };
    let until = Instant::now() + PATIENCE;
    loop {
        match begin_writing_alone(session, limits, &["padealing.audit_log"]).await {
            Ok(()) => return wait_a_moment_only(session).await,
            Err(error) if error.is_lock_conflict() && Instant::now() < until => {
                run(session, "rollback", "rolling back").await?;
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn wait_a_moment_only(session: &mut Session) -> Result<(), QueryError> {
    run(session, &format!("set local lock_timeout = '{MOMENT}'"), "setting up the transaction").await
}

/// Waits until nobody else has some rows, given by conditions on their tables, those first that refer to others. Where the
/// tables that are locked otherwise are waited for, that is for a turn.
pub(crate) async fn wait_for_rows(session: &mut Session, rows: &[(&str, String)]) -> Result<(), QueryError> {
    // What is waited for longest first, and without a lock on the others. A role that may delete needn't be one that may
    // lock rows otherwise.
    for (table, condition) in rows.iter().rev() {
        let is_locked = ["audit_log", "migration_mapping"].contains(table);
        begin_writing(session, Limits { lock: is_locked.then_some(TURN), statement: None }).await?;
        run(session, "set local enable_seqscan = off", "setting up the transaction").await?;
        let delete = format!("delete from padealing.{table} where {condition}");
        let done = run(session, &delete, "waiting for rows that another session has").await;
        run(session, "rollback", "rolling back").await?;
        match done {
            Err(error) if error.is_lock_conflict() => return Err(error),
            // Rows that refer to them are there still.
            _ => {}
        }
    }
    Ok(())
}

/// A target row, as what names it does.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) table: &'static str,
    pub(crate) id: i64,
    /// The request that it belongs to.
    pub(crate) request: Option<i64>,
}

/// The last rows that there were at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    audit_log: i64,
    migration_mapping: i64,
}

/// SQL of the table that an audit entry names.
pub(crate) const NAMED_TABLE: &str = "replace(lower(a.entity_type), 'padealing.', '')";

impl Marks {
    /// The last audit entry.
    pub(crate) fn audit_log(self) -> i64 {
        self.audit_log
    }

    pub(crate) async fn now(session: &mut Session) -> Result<Self, QueryError> {
        let (audit_log, migration_mapping) = sqlx::query_as(
            "select (select coalesce(max(id), 0)::int8 from padealing.audit_log), \
                    (select coalesce(max(id), 0)::int8 from padealing.migration_mapping)",
        )
        .fetch_one(session)
        .await
        .attempt("looking for the last audit entry")?;
        Ok(Self { audit_log, migration_mapping })
    }

    /// What names some rows: audit entries without a request, and all that was written since. An entry with the row's own
    /// request refers to that by its foreign key.
    pub(crate) async fn naming(
        self,
        session: &mut Session,
        rows: &[Named],
    ) -> Result<Vec<(String, i64, Referring)>, QueryError> {
        let found: Vec<(String, i64, String, i64, Option<String>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "with n as (select * from unnest($1::text[], $2::int8[], $3::int8[]) n (name, id, request)) \
             select n.name, n.id, 'padealing.audit_log', count(*), min(a.id)::text from padealing.audit_log a \
             join n on n.id = a.entity_id and n.name = {NAMED_TABLE} \
             where (a.request_id is null or a.id > $4) and a.request_id is distinct from n.request group by 1, 2 \
             union all \
             select n.name, n.id, 'padealing.migration_mapping', count(*), min(l.id)::text \
             from padealing.migration_mapping l \
             join n on n.id = l.target_id and n.name = split_part(l.target_table, ':', 1) \
             where l.id > $5 group by 1, 2"
        )))
        .bind(rows.iter().map(|it| it.table).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|it| it.request).collect::<Vec<_>>())
        .bind(self.audit_log)
        .bind(self.migration_mapping)
        .fetch_all(session)
        .await
        .attempt("looking for audit entries that name rows")?;
        let referring = |(name, id, table, count, example): (String, i64, String, i64, Option<String>)| {
            (name, id, Referring { table, count: count.unsigned_abs(), example })
        };
        Ok(found.into_iter().map(referring).collect())
    }

    /// Audit entries that were written since, and name rows of the application that aren't there. Who is still writing one
    /// is waited for.
    pub(crate) async fn dangling(self, session: &mut Session) -> Result<Vec<i64>, QueryError> {
        begin_writing(session, Limits::default()).await?;
        let lock = "set local lock_timeout = '5s'; lock table padealing.audit_log in share row exclusive mode";
        match savepoint(session, async |it| run(it, lock, "locking the audit log").await).await? {
            Err(error) if !error.is_lock_conflict() => return Err(error),
            _ => {}
        }
        let found = self.missing(session).await;
        run(session, "rollback", "ending the transaction").await?;
        found
    }

    async fn missing(self, session: &mut Session) -> Result<Vec<i64>, QueryError> {
        let tables = ["pad_request", "pad_approval", "pad_execution", "pad_breach", "audit_log"];
        let missing = tables.map(|table| {
            format!(
                "{NAMED_TABLE} = '{table}' and not exists (select from padealing.{table} t where t.id = a.entity_id)"
            )
        });
        let sql = format!(
            "select a.id::int8 from padealing.audit_log a where a.id > $1 and a.entity_id is not null and ({}) order by 1",
            missing.join(" or ")
        );
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(self.audit_log)
            .fetch_all(session)
            .await
            .attempt("looking for audit entries that name missing rows")
    }
}
