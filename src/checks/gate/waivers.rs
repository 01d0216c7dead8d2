//! What a person has accepted, by name, reason and last day: rows by their ids, and some checks as a whole.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use crate::base::text::list;
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
    waivable().any(|it| it == name)
}

/// The checks of the gate that an exception may name.
pub fn waivable() -> impl Iterator<Item = &'static str> {
    BY_ROW.into_iter().chain(WHOLE)
}

/// The rows that were found and accepted, by check.
pub(crate) type Used = BTreeMap<&'static str, BTreeSet<i64>>;

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

    /// What the exceptions themselves come to, as in `integrity`: those that have expired, and those that accept nothing
    /// of a check that was made. `checks` are as they were before anything was accepted.
    pub(crate) fn review(self, checks: &[Check], used: &Used) -> Check {
        const NAME: &str = "exceptions";
        let mut rows = Vec::new();
        for waiver in self.all {
            let Some(check) = checks.iter().find(|it| it.name == waiver.check) else { continue };
            let state = match self.state(waiver, check, used) {
                Some(state) => state,
                None => continue,
            };
            let expires = waiver.expires.to_string();
            rows.push([&waiver.name, &waiver.check, &state, &expires, &waiver.reason].map(|it| json!(it)).to_vec());
        }
        if rows.is_empty() {
            return Check::new(NAME, Status::Pass, "every exception of the gate's own holds and accepts something");
        }
        let states = rows.iter().map(|row| match &row[..] {
            [Value::String(name), _, Value::String(state), ..] => format!("{name:?} is {state}"),
            _ => String::new(),
        });
        let text = format!(
            "{}; correct what they are about or agree on a later date, and remove from the file what accepts nothing",
            list(states)
        );
        Check::new(NAME, Status::Warn, text).with_table(&["exception", "check", "state", "expires", "reason"], rows)
    }

    /// What is wrong with one.
    fn state(self, waiver: &CheckException, check: &Check, used: &Used) -> Option<String> {
        if !is_waivable(&waiver.check) {
            return None;
        }
        if waiver.expires < self.today {
            return Some("expired".to_owned());
        }
        if waiver.rows.is_empty() {
            let is_needed = matches!(check.status, Status::Fail | Status::Skip) && WHOLE.contains(&check.name);
            return (!is_needed).then(|| "unused".to_owned());
        }
        let used = match used.get(check.name) {
            Some(used) => used,
            // Which rows there are is not known.
            None if BY_ROW.contains(&check.name) => return None,
            None => return Some("unused".to_owned()),
        };
        let is_gone = |id: &&String| !used.iter().any(|it| it.to_string() == **id);
        let gone: Vec<&String> = waiver.rows.iter().filter(is_gone).collect();
        (!gone.is_empty()).then(|| format!("unused for {}", list(gone)))
    }

    /// The end, in UTC, of the first day after which one of them no longer holds.
    pub(crate) fn end(self) -> Option<DateTime> {
        let last = self.holding().map(|it| it.expires).min()?;
        Some(last.tomorrow().ok()?.at(0, 0, 0, 0))
    }
}
