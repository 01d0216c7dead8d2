//! Rows that name others without a foreign key: audit entries by their entity, and lineage.
//!
//! Such a row conflicts with no delete, and a transaction that deletes what it names doesn't see it. So, as the last thing
//! before the COMMIT, another session looks: first for transactions that may have written such a row and are open still,
//! which are waited for as CREATE INDEX CONCURRENTLY waits, then for what is committed. Nothing of the application waits.
//! What it writes between that look and the COMMIT, a moment later, is found afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use roaring::RoaringTreemap;
use tokio::time::{Instant, sleep};

use crate::migration::pg::side_effects::is_plain;
use crate::migration::rollback::{DELETED, Dangling, Referring};
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::holders_among;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;

/// How long others are waited for by who has rows locked that they may want: less than after which a server looks for
/// deadlocks, since it can't see this one.
const MOMENT: Duration = Duration::from_millis(300);

/// The same by who has nothing locked.
const PATIENCE: Duration = Duration::from_secs(30);

/// At the very end.
const LAST: Duration = Duration::from_secs(5);

const STEP: Duration = Duration::from_millis(10);

/// What the last look before a COMMIT finds.
pub(crate) enum Look {
    /// Nothing that names the rows, and nobody who may be about to.
    Quiet,
    /// Others have written what names the rows.
    Named,
    /// Transactions of others that may have written it are open still.
    Writing(Vec<String>),
}

/// Another session, which sees what is committed by now.
pub(crate) struct Witness {
    database: Database,
    session: Option<Session>,
}

impl Witness {
    pub(crate) fn new(database: &Database) -> Self {
        Self { database: database.clone(), session: None }
    }

    /// The session; a new one if the server, or a pooler, has ended it since the last look.
    async fn session(&mut self) -> Result<&mut Session, QueryError> {
        if let Some(session) = &mut self.session
            && run(session, "select 1", "looking who writes").await.is_err()
        {
            self.session = None;
        }
        if self.session.is_none() {
            let session = self.database.connect(Access::Read, "witness").await;
            let mut session = session.map_err(|error| error.in_the_middle("connecting once more"))?;
            run(&mut session, "set enable_seqscan = off", "setting up the session").await?;
            self.session = Some(session);
        }
        Ok(self.session.as_mut().expect("it is there"))
    }

    /// Looks for what names rows, but for audit entries that are deleted, too, before they are deleted for good. `own`: the
    /// processes whose writing doesn't count.
    pub(crate) async fn look(
        &mut self,
        own: &[i32],
        marks: Marks,
        rows: &[Named],
        deleted: &[i64],
    ) -> Result<Look, QueryError> {
        let session = self.session().await?;
        let writing = writers(session, own).await?;
        let writing = wait_out(session, writing, MOMENT).await?;
        if !writing.is_empty() {
            return Ok(Look::Writing(writing));
        }
        let named = marks.naming(session, rows, deleted).await?;
        Ok(if named.is_empty() { Look::Quiet } else { Look::Named })
    }

    /// Whether deletes set off nothing: see [`is_plain`].
    pub(crate) async fn is_plain(&mut self) -> Result<bool, QueryError> {
        is_plain(self.session().await?, &DELETED).await
    }

    /// What names rows that were deleted, when who writes has ended: it was written after the last look.
    pub(crate) async fn dangling(mut self, own: &[i32], gone: &Gone) -> Result<Dangling, QueryError> {
        let session = self.session().await?;
        let writing = writers(session, own).await?;
        let _ = wait_out(session, writing, LAST).await?;
        let found = gone.named_by(session).await?;
        if let Some(session) = self.session {
            let _ = session.close().await;
        }
        Ok(found)
    }
}

/// Rows that were deleted, by table.
#[derive(Default)]
pub(crate) struct Gone(BTreeMap<&'static str, RoaringTreemap>);

impl Gone {
    pub(crate) fn extend(&mut self, rows: &[Named]) {
        for Named { table, id, .. } in rows {
            self.0.entry(*table).or_default().insert(id.cast_unsigned());
        }
    }

    /// What names them.
    async fn named_by(&self, session: &mut Session) -> Result<Dangling, QueryError> {
        if self.0.is_empty() {
            return Ok(Dangling::default());
        }
        // Few are looked for by their ids, many by their absence.
        const FEW: u64 = 10_000;
        let is_few = self.0.values().map(RoaringTreemap::len).sum::<u64>() <= FEW;
        let ids: Vec<i64> = self.0.values().flatten().take_while(|_| is_few).map(u64::cast_signed).collect();
        let only = |named: &str| match is_few {
            true => format!("join (select distinct unnest($1::int8[])) g (id) on g.id = {named}"),
            false => "cross join (select $1::int8[]) g (ids)".to_owned(),
        };
        let missing = |table: &str, named: &str| {
            let each = self.0.keys().map(|name| {
                format!("{table} = '{name}' and not exists (select from padealing.{name} t where t.id = {named})")
            });
            format!("{named} is not null and ({})", each.collect::<Vec<_>>().join(" or "))
        };
        let lineage = "split_part(l.target_table, ':', 1)";
        let sql = format!(
            "select true, a.id::int8, {NAMED_TABLE}, a.entity_id::int8 from padealing.audit_log a {} where {} \
             union all \
             select false, l.id::int8, {lineage}, l.target_id from padealing.migration_mapping l {} where {} order by 1, 2",
            only("a.entity_id"),
            missing(NAMED_TABLE, "a.entity_id"),
            only("l.target_id"),
            missing(lineage, "l.target_id"),
        );
        run(session, "set enable_seqscan = on", "setting up the session").await?;
        let rows: Vec<(bool, i64, String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(ids)
            .fetch_all(session)
            .await
            .attempt("looking for what names rows that were deleted")?;
        let mut found = Dangling::default();
        for (is_entry, id, table, named) in rows {
            // What names a row that was missing before isn't of this run.
            if self.0.get(&*table).is_some_and(|gone| gone.contains(named.cast_unsigned())) {
                if is_entry { found.audit_log.push(id) } else { found.migration_mapping.push(id) }
            }
        }
        Ok(found)
    }
}

/// Transactions of others that write to the tables whose rows name others, open or prepared.
async fn writers(session: &mut Session, own: &[i32]) -> Result<Vec<String>, QueryError> {
    sqlx::query_scalar(
        "select distinct l.virtualtransaction from pg_locks l \
         where l.locktype = 'relation' and l.granted and l.mode = 'RowExclusiveLock' and coalesce(l.pid, 0) <> all($1) \
           and l.database = (select d.oid from pg_database d where d.datname = current_database()) \
           and coalesce(pg_partition_root(l.relation), l.relation) in \
               (to_regclass('padealing.audit_log'), to_regclass('padealing.migration_mapping'))",
    )
    .bind(own)
    .fetch_all(session)
    .await
    .attempt("looking who writes")
}

/// Waits until transactions have ended, in a session that has nothing locked.
pub(crate) async fn wait_for_writers(
    session: &mut Session,
    database: &Database,
    writing: Vec<String>,
) -> Result<(), QueryError> {
    database.note("waiting for transactions that write to padealing.audit_log");
    let open = wait_out(session, writing, PATIENCE).await?;
    if open.is_empty() {
        return Ok(());
    }
    let words = format!(
        "transactions that write to padealing.audit_log, and may write about these rows, don't end: {}; end them, or wait \
         for them",
        holders_among(session, Some(&open)).await?
    );
    Err(sqlx::Error::Protocol(words)).attempt("waiting for others")
}

/// Waits for transactions to end. Gives those back that haven't.
async fn wait_out(session: &mut Session, mut open: Vec<String>, patience: Duration) -> Result<Vec<String>, QueryError> {
    let until = Instant::now() + patience;
    while !open.is_empty() && Instant::now() < until {
        sleep(STEP).await;
        open =
            sqlx::query_scalar("select distinct virtualtransaction from pg_locks where virtualtransaction = any($1)")
                .bind(&open)
                .fetch_all(&mut *session)
                .await
                .attempt("waiting for transactions of others")?;
    }
    Ok(open)
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

    /// What names some rows, but for audit entries that are deleted: entries without a request, and all that was written
    /// since. An entry with the row's own request refers to that by its foreign key.
    pub(crate) async fn naming(
        self,
        session: &mut Session,
        rows: &[Named],
        deleted: &[i64],
    ) -> Result<Vec<(String, i64, Referring)>, QueryError> {
        // Mostly there is nothing at all that could, which is asked for without the rows.
        let may_name: bool = sqlx::query_scalar(
            "select exists (select from padealing.audit_log a where a.request_id is null and a.entity_id is not null \
                              and a.id <> all($3)) \
                 or exists (select from padealing.audit_log a where a.id > $1 and a.id <> all($3)) \
                 or exists (select from padealing.migration_mapping l where l.id > $2)",
        )
        .bind(self.audit_log)
        .bind(self.migration_mapping)
        .bind(deleted)
        .fetch_one(&mut *session)
        .await
        .attempt("looking for audit entries that name rows")?;
        if !may_name {
            return Ok(Vec::new());
        }
        let found: Vec<(String, i64, String, i64, Option<String>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "with n as (select * from unnest($1::text[], $2::int8[], $3::int8[]) n (name, id, request)) \
             select n.name, n.id, 'padealing.audit_log', count(*), min(a.id)::text from padealing.audit_log a \
             join n on n.id = a.entity_id and n.name = {NAMED_TABLE} \
             where (a.request_id is null or a.id > $4) and a.request_id is distinct from n.request \
               and a.id <> all($6) group by 1, 2 \
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
        .bind(deleted)
        .fetch_all(session)
        .await
        .attempt("looking for audit entries that name rows")?;
        let referring = |(name, id, table, count, example): (String, i64, String, i64, Option<String>)| {
            (name, id, Referring { table, count: count.unsigned_abs(), example })
        };
        Ok(found.into_iter().map(referring).collect())
    }
}
