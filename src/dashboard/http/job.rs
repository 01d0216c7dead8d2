//! Work that takes longer than a page may: one at a time, its result kept until somebody asks again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// A page waits so long for the result before it says that the work goes on.
const PATIENCE: Duration = Duration::from_secs(3);

/// When work ended, and what it found, or why it found nothing.
pub(crate) type Found<T> = Arc<(String, Result<T, String>)>;

/// Where the work is.
struct State<T> {
    since: Option<Instant>,
    found: Option<Found<T>>,
}

/// The work.
pub(crate) struct Job<T> {
    state: Mutex<State<T>>,
    /// Shared by all such work.
    one_at_a_time: Arc<Semaphore>,
}

impl<T: Send + Sync + 'static> Job<T> {
    pub(crate) fn new(one_at_a_time: &Arc<Semaphore>) -> Arc<Self> {
        let state = Mutex::new(State { since: None, found: None });
        Arc::new(Self { state, one_at_a_time: Arc::clone(one_at_a_time) })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it begins now.
    fn begins(&self) -> bool {
        let mut state = self.state();
        let begins = state.since.is_none();
        if begins {
            state.since = Some(Instant::now());
        }
        begins
    }

    /// Starts the work unless it runs, and waits a moment for it. It goes on when nobody waits any more: a page that is
    /// reloaded must not begin it again beside itself.
    pub(crate) async fn start<W>(self: &Arc<Self>, work: impl FnOnce() -> W + Send + 'static)
    where
        W: Future<Output = Result<T, String>>,
    {
        if self.begins() {
            let job = Arc::clone(self);
            let runtime = tokio::runtime::Handle::current();
            // On a thread of its own: what commands do needn't move between threads.
            tokio::task::spawn_blocking(move || {
                runtime.block_on(async move {
                    let _turn = job.one_at_a_time.acquire().await;
                    let found = work().await;
                    let at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
                    let mut state = job.state();
                    (state.since, state.found) = (None, Some(Arc::new((at, found))));
                });
            });
        }
        let until = Instant::now() + PATIENCE;
        while self.state().since.is_some() && Instant::now() < until {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// For how many seconds it runs, if it does; else the last result, if there is one.
    pub(crate) fn look(&self) -> (Option<u64>, Option<Found<T>>) {
        let state = self.state();
        (state.since.map(|it| it.elapsed().as_secs()), state.found.clone())
    }
}
