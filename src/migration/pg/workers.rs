//! What the tasks of a run hand to the one that collects it.

use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinError, JoinSet};

/// The next result of any of the workers; none after the last. A worker that ends in a panic sends none, and the others
/// may wait for the page that it had: it ends the run.
pub(crate) async fn next_result<T>(
    results: &mut Receiver<T>,
    workers: &mut JoinSet<()>,
) -> Result<Option<T>, JoinError> {
    loop {
        tokio::select! {
            biased;
            result = results.recv() => return Ok(result),
            Some(ended) = workers.join_next() => ended?,
        }
    }
}
