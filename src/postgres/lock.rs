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
        let holder: Option<String> = sqlx::query_scalar(
            "select format('process %s (%s, role %s, from %s, since %s)', a.pid, a.application_name, a.usename, \
                    coalesce(host(a.client_addr), 'this machine'), date_trunc('second', a.backend_start)::timestamp) \
             from pg_locks l join pg_stat_activity a using (pid) \
             where l.locktype = 'advisory' and l.granted and l.classid = $1::int8::oid and l.objid = $2::int8::oid \
               and l.database = (select oid from pg_database where datname = current_database())",
        )
        .bind(i64::from(class))
        .bind(i64::from(object))
        .fetch_optional(&mut *connection)
        .await
        .attempt("finding who holds the advisory lock")?;
        Ok(Acquired::HeldBy(holder.unwrap_or_else(|| "a session that has just ended".to_owned())))
    }
}
