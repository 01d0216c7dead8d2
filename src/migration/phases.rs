//! Where the time of a migration went.

use std::ops::AddAssign;
use std::time::Duration;

/// Time by what was done in it. Sessions work side by side, and each phase is the sum of all that were in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Before the first page: connecting, and examining both sides.
    pub begin: Duration,
    /// Reading the source, and which of its rows have lineage; by the one session that does it.
    pub read: Duration,
    /// Workers without a page: the source was slower than they.
    pub wait: Duration,
    /// Looking up what rows refer to.
    pub look_up: Duration,
    /// The transform.
    pub transform: Duration,
    /// Drawing ids, encoding rows, and COPY: what the target takes to store them.
    pub copy: Duration,
    /// COMMIT.
    pub commit: Duration,
    /// After the last page: sequences and statistics.
    pub end: Duration,
}

impl Phases {
    /// Each with its name.
    pub fn named(&self) -> [(&'static str, Duration); 8] {
        let Self { begin, read, wait, look_up, transform, copy, commit, end } = *self;
        [
            ("begin", begin),
            ("read", read),
            ("wait", wait),
            ("look_up", look_up),
            ("transform", transform),
            ("copy", copy),
            ("commit", commit),
            ("end", end),
        ]
    }
}

impl AddAssign for Phases {
    fn add_assign(&mut self, other: Self) {
        self.begin += other.begin;
        self.read += other.read;
        self.wait += other.wait;
        self.look_up += other.look_up;
        self.transform += other.transform;
        self.copy += other.copy;
        self.commit += other.commit;
        self.end += other.end;
    }
}
