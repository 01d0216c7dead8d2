//! Sessions in which a verification reads: a standby may cancel what they read, or end them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::base::text::plural;
use crate::migration::pg::verify_error::VerifyError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::{Limits, begin_read_only};

/// What people are to know of pages that were read again.
pub(crate) fn repeated(times: u32) -> Option<String> {
    (times > 0).then(|| {
        format!(
            "a standby cancelled reading {}, and the page was read again in a new snapshot; set hot_standby_feedback = \
             on there, or raise max_standby_streaming_delay",
            plural(times.into(), "time", "times")
        )
    })
}

/// A session that reads in one snapshot, as long as its server lets it.
pub(crate) struct Reading {
    pub(crate) session: Session,
    database: Database,
    /// Pages that were read again, of all sessions.
    repeats: Arc<AtomicU32>,
    /// Of those, the last ones in a row.
    pub(crate) in_a_row: u32,
    /// How often a snapshot was begun after the first.
    pub(crate) snapshots: u32,
}

impl Reading {
    /// A session that is in a snapshot.
    pub(crate) fn new(session: Session, database: &Database, repeats: Arc<AtomicU32>) -> Self {
        Self { session, database: database.clone(), repeats, in_a_row: 0, snapshots: 0 }
    }

    /// Begins a new snapshot if a standby has cancelled what was read in the last (documentation, Handling Query
    /// Conflicts), up to a bound. Rows are then compared page by page as of different moments, and what looks wrong is
    /// looked at again.
    pub(crate) async fn recover(&mut self, error: QueryError) -> Result<(), VerifyError> {
        if !is_cancelled(&self.database, &error).await {
            return Err(error.into());
        }
        if self.in_a_row == REPEATS {
            return Err(VerifyError::Cancelled { place: self.database.place(), times: REPEATS, source: error });
        }
        self.in_a_row += 1;
        self.snapshots += 1;
        self.repeats.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100) * self.in_a_row).await;
        if run(&mut self.session, "rollback", "rolling back").await.is_err() {
            self.session = self.database.connect(Access::Read, "verify").await?;
        }
        Ok(begin_read_only(&mut self.session, Limits::default()).await?)
    }

    /// Waits for something else, while a standby may end the session.
    pub(crate) async fn wait<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, VerifyError> {
        let mut wait = std::pin::pin!(wait);
        loop {
            match self.session.while_waiting(&mut wait).await {
                Ok(done) => return Ok(done),
                Err(error) => self.recover(error).await?,
            }
        }
    }
}

/// Whether a standby has cancelled what was read. It ends a session that is idle meanwhile, and over a socket its reason
/// is lost with the connection.
pub(crate) async fn is_cancelled(database: &Database, error: &QueryError) -> bool {
    let sqlstate = error.sqlstate();
    if sqlstate.is_some() || !error.is_lost() {
        return sqlstate.as_deref() == Some(sqlstate::SERIALIZATION_FAILURE);
    }
    let Ok(mut session) = database.connect(Access::Read, "verify").await else { return false };
    let asked = fetch_value(&mut session, "select pg_is_in_recovery()", "asking whether this is a standby").await;
    let _ = session.close().await;
    asked.unwrap_or(false)
}

/// How often a page is read again.
const REPEATS: u32 = 10;
