//! How fast a run goes, from what was counted of it a while ago. Pure.

use std::time::Duration;

/// A pace is measured over so long at least, and from a count no older than twice that, as long as somebody looks.
const SPAN: Duration = Duration::from_secs(10);

/// Counts of a run.
#[derive(Debug, Default)]
pub struct Pace {
    run: String,
    /// The count that the pace is measured from, and the one that comes next.
    counts: Option<[(Duration, u64); 2]>,
}

impl Pace {
    /// Rows a second since an earlier count of this run; none at first. `now` is counted from any moment, always the same.
    pub fn rate(&mut self, run: &str, rows: u64, now: Duration) -> Option<f64> {
        let [from, next] = match self.counts.filter(|_| self.run == run) {
            None => [(now, rows); 2],
            Some([_, next]) if now.saturating_sub(next.0) >= SPAN => [next, (now, rows)],
            Some(counts) => counts,
        };
        run.clone_into(&mut self.run);
        self.counts = Some([from, next]);
        let seconds = now.saturating_sub(from.0).as_secs_f64();
        (seconds >= 1.0).then(|| (rows as f64 - from.1 as f64) / seconds)
    }
}
