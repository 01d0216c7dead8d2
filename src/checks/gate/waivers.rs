//! What a person has accepted, by name, reason and last day: rows by their ids, and some checks as a whole.

use jiff::civil::{Date, DateTime};

use crate::checks::check::{Check, Status};
use crate::schema::drift::exceptions::CheckException;

/// Of these checks rows are accepted, each by its id: a new one is not accepted with them.
const BY_ROW: [&str; 2] = ["rejections", "verify"];

/// These checks may be accepted as a whole: what they are about may be known to a person and not to the program.
const WHOLE: [&str; 7] = [
    "replication_slots",
    "prepared_transactions",
    "long_transactions",
    "source_frozen",
    "statistics",
    "rehearsal",
    "window",
];

/// Whether an exception may name a check of the gate.
pub fn is_waivable(name: &str) -> bool {
    BY_ROW.contains(&name) || WHOLE.contains(&name)
}

/// The exceptions of a file that name checks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waivers<'a> {
    pub(crate) all: &'a [CheckException],
    pub(crate) today: Date,
}

impl<'a> Waivers<'a> {
    fn holding(self) -> impl Iterator<Item = &'a CheckException> {
        self.all.iter().filter(move |it| it.expires >= self.today)
    }

    /// Whether a row of a check is accepted.
    pub(crate) fn accepts_row(self, check: &str, id: i64) -> bool {
        let id = id.to_string();
        self.holding().any(|it| it.check == check && it.rows.contains(&id))
    }

    /// The check, which warns in place of failing if it is accepted as a whole.
    pub(crate) fn weigh(self, check: Check) -> Check {
        let is_closing = matches!(check.status, Status::Fail | Status::Skip) && WHOLE.contains(&check.name);
        match self.holding().find(|it| is_closing && it.check == check.name && it.rows.is_empty()) {
            None => check,
            Some(waiver) => {
                let message = format!(
                    "accepted until {} by {:?}, {}: {}",
                    waiver.expires, waiver.name, waiver.reason, check.message
                );
                Check { status: Status::Warn, message, ..check }
            }
        }
    }

    /// The end, in UTC, of the first day after which one of them no longer holds.
    pub(crate) fn end(self) -> Option<DateTime> {
        let last = self.holding().map(|it| it.expires).min()?;
        Some(last.tomorrow().ok()?.at(0, 0, 0, 0))
    }
}
