//! Advisory locks that keep a second writer of a kind out.

use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// Key of the advisory lock that keeps a second writer of a kind out: `padm` in ASCII, then the kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    Apply,
    Migrate,
}

/// Whether the session has the lock now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    Yes,
    /// Another session has it: its process, program, role and address.
    HeldBy(String),
}

impl Lock {
    fn keys(self) -> (i32, i32) {
        (i32::from_be_bytes(*b"padm"), self as i32)
    }

    /// Takes the lock for the session, unless another session holds it for longer than the timeout. Polls: a session
    /// that waits inside the lock function holds a snapshot, which stops CREATE INDEX CONCURRENTLY elsewhere.
    pub(crate) async fn acquire(
        self,
        connection: &mut Session,
        timeout: std::time::Duration,
    ) -> Result<Acquired, QueryError> {
        let (class, object) = self.keys();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
                .bind(class)
                .bind(object)
                .fetch_one(&mut *connection)
                .await
                .attempt("taking the advisory lock")?;
            if taken {
                return Ok(Acquired::Yes);
            }
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let holder = self.holder(connection).await?;
        Ok(Acquired::HeldBy(holder.unwrap_or_else(|| "a session that has just ended".to_owned())))
    }

    /// Who has the lock: its process, program, role and address.
    pub(crate) async fn holder(self, connection: &mut Session) -> Result<Option<String>, QueryError> {
        let (class, object) = self.keys();
        sqlx::query_scalar(
            "select format('process %s (%s, role %s, from %s, since %s)', a.pid, a.application_name, a.usename, \
                    coalesce(host(a.client_addr), 'this machine'), date_trunc('second', a.backend_start)::timestamp) \
             from pg_locks l join pg_stat_activity a using (pid) \
             where l.locktype = 'advisory' and l.granted and l.classid = $1::int8::oid and l.objid = $2::int8::oid \
               and l.database = (select oid from pg_database where datname = current_database())",
        )
        .bind(i64::from(class))
        .bind(i64::from(object))
        .fetch_optional(connection)
        .await
        .attempt("finding who holds the advisory lock")
    }
}

impl Lock {
    /// Whether a session of this database has the lock.
    pub(crate) async fn is_held(self, connection: &mut Session) -> Result<bool, QueryError> {
        let (class, object) = self.keys();
        sqlx::query_scalar(
            "select exists (select from pg_locks where locktype = 'advisory' and granted \
                and classid = $1::int8::oid and objid = $2::int8::oid \
                and database = (select oid from pg_database where datname = current_database()))",
        )
        .bind(i64::from(class))
        .bind(i64::from(object))
        .fetch_one(connection)
        .await
        .attempt("looking for the advisory lock")
    }
}

/// Who holds locks on tables of the schemas that the program works with: sessions, and transactions that were prepared
/// and left (documentation, PREPARE TRANSACTION).
pub(crate) async fn holders(session: &mut Session) -> Result<String, QueryError> {
    holders_among(session, None).await
}

/// The same of some transactions, as `virtualtransaction` names them.
pub(crate) async fn holders_among(session: &mut Session, wanted: Option<&[String]>) -> Result<String, QueryError> {
    let found: Option<String> = sqlx::query_scalar(
        "select string_agg(it, '; ' order by it) from ( \
             select distinct case when p.gid is null then \
                 format('%s (process %s, role %s%s)', coalesce(nullif(a.application_name, ''), 'an unnamed program'), \
                     a.pid, a.usename, ', ' || a.state || ' since ' || to_char(a.xact_start, 'HH24:MI:SS')) else \
                 format('the prepared transaction %s (role %s, since %s; commit prepared or rollback prepared ends it)', \
                     quote_literal(p.gid), p.owner, date_trunc('second', p.prepared)::timestamp) end as it \
             from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace \
             left join pg_stat_activity a on a.pid = l.pid \
             left join pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid' \
                  and x.virtualtransaction = l.virtualtransaction \
             left join pg_prepared_xacts p on p.transaction = x.transactionid \
             where l.granted and l.pid is distinct from pg_backend_pid() \
               and n.nspname in ('padealing', 'bo_airflow', 'public') \
               and (a.pid is not null or p.gid is not null) \
               and ($1::text[] is null or l.virtualtransaction = any($1)) \
             order by 1 limit 3) it",
    )
    .bind(wanted)
    .fetch_one(session)
    .await
    .attempt("asking who holds locks")?;
    Ok(found.unwrap_or_else(|| "a session that has released its locks since".to_owned()))
}
