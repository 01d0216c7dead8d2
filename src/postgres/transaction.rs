//! Transactions that only read, and savepoints.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use crate::postgres::session::{QueryError, run};

/// How long a statement of a transaction may wait or run; without a limit, as the session is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// For a lock.
    pub(crate) lock: Option<Duration>,
    /// In all.
    pub(crate) statement: Option<Duration>,
}

/// Begins a read-only transaction in which every statement sees the same moment.
pub(crate) async fn begin_read_only(connection: &mut PgConnection, limits: Limits) -> Result<(), QueryError> {
    let mut sql = "begin isolation level repeatable read read only".to_owned();
    for (setting, limit) in [("lock_timeout", limits.lock), ("statement_timeout", limits.statement)] {
        if let Some(limit) = limit {
            // 0 would be no limit.
            sql.push_str(&format!("; set local {setting} = {}", limit.as_millis().max(1)));
        }
    }
    run(connection, &sql, "starting the transaction").await
}

/// Does work that may fail: the transaction goes on after it, without what the work did.
pub(crate) async fn savepoint<T, E>(
    connection: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<Result<T, E>, QueryError> {
    run(connection, "savepoint pad_migrate", "setting a savepoint").await?;
    let result = work(connection).await;
    let end = match result {
        Ok(_) => "release savepoint pad_migrate",
        Err(_) => "rollback to savepoint pad_migrate; release savepoint pad_migrate",
    };
    run(connection, end, "ending a savepoint").await?;
    Ok(result)
}
