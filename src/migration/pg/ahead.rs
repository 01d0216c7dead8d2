//! How many legacy rows are read at once.

use std::time::Duration;

/// Pages that are read at once, at most.
const PAGES: u128 = 16;

/// What the way to the source and back may take for each page that is read at once: less than the work on one.
const WAY: Duration = Duration::from_millis(2);

/// As many rows as a page has; as those of several pages where the way to the source takes so long that the work would wait
/// for it; and fewer where rows are large.
#[derive(Debug)]
pub(crate) struct Ahead {
    most: usize,
    size: usize,
}

impl Ahead {
    /// For pages of so many rows, from a source that answers in this time.
    pub(crate) fn of(page: usize, round_trip: Duration) -> Self {
        let pages = round_trip.as_micros().div_ceil(WAY.as_micros()).clamp(1, PAGES);
        let most = page * pages as usize;
        Self { most, size: most }
    }

    /// How many rows to ask for.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// After reading so many rows, which were cut where they were too large to be held: the next time it is as many, or
    /// more again if these did fit.
    pub(crate) fn read(&mut self, rows: usize, cut: bool) {
        self.size = if cut { rows.max(1) } else { (self.size * 2).min(self.most) };
    }
}
