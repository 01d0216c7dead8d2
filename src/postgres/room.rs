//! Room for one session more: whether a server says that there is none, and for how long to look again.

use std::time::Duration;

use sqlx::Error;
use tokio::time::{Instant, sleep};

use crate::postgres::sqlstate;

/// Whether a server has no connection left.
pub(crate) fn is_full(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|it| it.code());
    code.as_deref() == Some(sqlstate::TOO_MANY_CONNECTIONS)
}

/// How long room is looked for, at most, and how long after another time. A server takes a moment to end the sessions that
/// were closed last, ours among them.
const A_WHILE: Duration = Duration::from_secs(2);
const A_MOMENT: Duration = Duration::from_millis(250);

/// The time in which room is looked for: 2 s, or a quarter of DB_CONNECT_TIMEOUT where that is less, so that two of them
/// and what comes between end within it.
pub(crate) struct While(Instant);

impl While {
    pub(crate) fn of(connect_timeout: Duration) -> Self {
        Self(Instant::now() + A_WHILE.min(connect_timeout / 4))
    }

    /// Waits for a moment, unless the time is over; whether to try again.
    pub(crate) async fn lasts(&self) -> bool {
        let lasts = Instant::now() < self.0;
        if lasts {
            sleep(A_MOMENT).await;
        }
        lasts
    }
}
