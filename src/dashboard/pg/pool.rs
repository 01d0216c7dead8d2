//! A few sessions that all pages share: however many pages are open, the database has no more than these.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_read_only};

/// Sessions at once.
pub(crate) const SESSIONS: usize = 4;

/// Pages that wait for one of them; more are turned away.
const QUEUE: usize = 100;

/// How long a page waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a page's statements may take, each: a dashboard must not be what a change night waits for.
const LIMITS: Limits = Limits { lock: Some(Duration::from_millis(500)), statement: Some(Duration::from_secs(1)) };

/// A session that nobody has used for so long is closed, long before the server ends it.
const IDLE: Duration = Duration::from_secs(10);

/// Why a page has no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("all sessions of the dashboard are busy")]
    Busy,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The sessions.
#[derive(Debug)]
pub(crate) struct Pool {
    database: Database,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    idle: Mutex<Vec<(Session, Instant)>>,
}

/// Counts a page that waits, until it doesn't.
struct Waiting<'p>(&'p AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(database: Database) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(SESSIONS));
        Arc::new(Self { database, permits, waiting: AtomicUsize::new(0), idle: Mutex::default() })
    }

    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that was used last, so that those that nobody needs are closed.
        idle.pop_if(|(_, since)| since.elapsed() < IDLE).map(|(session, _)| session)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PoolError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE + SESSIONS {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(PoolError::Busy);
        }
        let _waiting = Waiting(&self.waiting);
        match timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(PoolError::Busy),
        }
    }

    /// A session in a read-only transaction that sees one moment.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<Lease, PoolError> {
        let permit = self.permit().await?;
        if let Some(session) = self.take_idle() {
            let mut lease = Lease { session: Some(session), permit: Some(permit), pool: Arc::clone(self) };
            // The server may have ended it meanwhile; a new one is tried in its place.
            match begin_read_only(&mut lease, LIMITS).await {
                Ok(()) => return Ok(lease),
                Err(_) => return Self::fresh(self, lease.give_up()).await,
            }
        }
        Self::fresh(self, permit).await
    }

    async fn fresh(self: &Arc<Self>, permit: impl Into<Option<OwnedSemaphorePermit>>) -> Result<Lease, PoolError> {
        let permit = permit.into();
        let session = self.database.connect(Access::Read, "serve").await?;
        let mut lease = Lease { session: Some(session), permit, pool: Arc::clone(self) };
        begin_read_only(&mut lease, LIMITS).await?;
        Ok(lease)
    }

    /// Closes what nobody has used for a while.
    pub(crate) async fn close_idle(&self) {
        let old: Vec<Session> = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let keep = idle.iter().position(|(_, since)| since.elapsed() < IDLE).unwrap_or(idle.len());
            idle.drain(..keep).map(|(session, _)| session).collect()
        };
        for session in old {
            let _ = session.close().await;
        }
    }

    /// Closes every session, waiting a moment for those that are at work.
    pub(crate) async fn close(&self) {
        let _ = timeout(Duration::from_millis(1500), self.permits.acquire_many(SESSIONS as u32)).await;
        let all = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for (session, _) in all {
            let _ = session.close().await;
        }
    }
}

/// A session while a page uses it.
pub(crate) struct Lease {
    session: Option<Session>,
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Lease {
    /// Ends the transaction and gives the session back.
    pub(crate) async fn done(mut self) -> Result<(), QueryError> {
        run(&mut self, "rollback", "ending the transaction").await?;
        if let Some(session) = self.session.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push((session, Instant::now()));
        }
        Ok(())
    }

    /// Drops a session that is no more, and keeps its place.
    fn give_up(mut self) -> Option<OwnedSemaphorePermit> {
        self.session = None;
        self.permit.take()
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a lease has its session")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a lease has its session")
    }
}

impl Drop for Lease {
    /// A page that was given up, or whose statement failed: its place is free only when the server has ended what it
    /// still works at, which takes a second at most.
    fn drop(&mut self) {
        let (Some(session), permit) = (self.session.take(), self.permit.take()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = session.close().await;
                drop(permit);
            });
        }
    }
}
