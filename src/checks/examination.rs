//! What an examination of an environment has found, step by step.

use std::cmp::Ordering;

use crate::checks::check::{Check, Status};
use crate::ledger::permission::Lack;

/// What an examination has found, as far as it got.
#[derive(Clone, Debug)]
pub struct Examination {
    /// Host, port, database and role.
    pub place: String,
    /// The steps of connecting, and then everything else.
    pub checks: Vec<Check>,
    /// What gives the roles what they lack.
    pub block: Vec<Lack>,
    /// What would let the connected role apply and migrate, too.
    pub optional: Vec<Lack>,
    /// The connected role.
    pub role: String,
    /// The server's version, if it has said so.
    pub server_version: Option<String>,
    /// What it failed with, in a sentence, if it didn't get to the end.
    pub failure: Option<String>,
}

/// The steps of getting to a database, in order.
const STEPS: [&str; 6] = ["name", "port", "tls", "authentication", "database", "schemas"];

impl Examination {
    /// An examination that has not begun.
    pub(crate) fn of(place: String) -> Self {
        Self {
            place,
            checks: Vec::new(),
            block: Vec::new(),
            optional: Vec::new(),
            role: String::new(),
            server_version: None,
            failure: None,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.checks.iter().any(|it| it.name == name)
    }

    /// Says why a check doesn't apply, whatever it found.
    pub(crate) fn skip(&mut self, name: &str, why: String) {
        for check in self.checks.iter_mut().filter(|it| it.name == name) {
            *check = Check::new(check.name, Status::Skip, &*why);
        }
    }

    /// Ends the examination at a step: those before it were passed, those after it were not reached. A server that
    /// falls silent does so at the first step from there on that it has not answered.
    pub(crate) fn mark_failed(&mut self, step: &str, failure: String) {
        let wanted = STEPS.iter().position(|it| *it == step).unwrap_or_default();
        let at = (wanted..STEPS.len()).find(|at| !self.has(STEPS[*at]));
        let open: Vec<(usize, &str)> = STEPS.into_iter().enumerate().filter(|(_, name)| !self.has(name)).collect();
        for (position, name) in open {
            self.checks.push(match Some(position).cmp(&at) {
                Ordering::Less => Check::new(name, Status::Pass, "passed"),
                Ordering::Equal => Check::new(name, Status::Fail, &*failure),
                Ordering::Greater => Check::new(name, Status::Skip, "not reached"),
            });
        }
        if at.is_none() {
            self.checks.push(Check::new("examination", Status::Fail, &*failure));
        }
        self.checks.sort_by_key(|it| STEPS.iter().position(|step| *step == it.name).unwrap_or(STEPS.len()));
        self.failure = Some(failure);
    }
}
