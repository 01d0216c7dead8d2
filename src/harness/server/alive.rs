//! Which servers live, and whether more may be started.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::server::error::ServerError;

/// Whether a process of this number lives, be it another user's. One that has ended and that its parent has not waited
/// for, a zombie, doesn't.
pub fn is_alive(pid: u32) -> bool {
    // The state follows the name, which may hold anything (proc(5)).
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = stat.rsplit(')').next().is_some_and(|it| it.trim_start().starts_with(['Z', 'X']));
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    !zombie && pid.is_some_and(|it| rustix::process::test_kill_process(it) != Err(rustix::io::Errno::SRCH))
}

/// How many servers there are of which something would be left if the process ended now.
pub(crate) static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// Whether no more servers are to be started.
pub(crate) static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Held from before a server's start until after its end.
pub(crate) struct Alive;

impl Alive {
    pub(crate) fn begin() -> Result<Self, ServerError> {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        // Dropped in an error, it makes the count right again.
        let alive = Self;
        if GIVEN_UP.load(Ordering::SeqCst) { Err(ServerError::Stopping) } else { Ok(alive) }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets no further server be started, and says whether one is alive, whose end has to be waited for.
pub(crate) fn give_up() -> bool {
    GIVEN_UP.store(true, Ordering::SeqCst);
    ALIVE.load(Ordering::SeqCst) > 0
}
