//! Waits that end: what doesn't happen in time fails the test, which says what it waited for.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::Db;

/// Long enough on a machine however busy, and short enough to tell a wait from a hang. It is no measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two questions. Others need the processor too.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask).await
}

async fn within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it did not happen within {patience:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks the database until a condition holds.
pub(crate) async fn until_true(db: &Db, what: &str, condition: &str) {
    until(what, async || (db.value(condition).await.as_deref() == Some("true")).then_some(())).await;
}

/// The next connection to a port, from which reads end in time, too.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("the listener is ours");
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("the stream is ours");
                stream.set_read_timeout(Some(PATIENCE)).expect("the stream is ours");
                return stream;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "nobody connected within {PATIENCE:?}");
                std::thread::sleep(PAUSE);
            }
            Err(error) => panic!("no connection can be accepted: {error}"),
        }
    }
}

#[tokio::test]
#[should_panic(expected = "it did not happen within 50ms: nothing at all")]
async fn a_wait_for_what_never_happens_fails() {
    within(Duration::from_millis(50), "nothing at all", async || None::<()>).await;
}
