//! What a check has found.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::base::outcome::Verdict;
use crate::checks::check::{Check, Status, verdict};
use crate::checks::integrity::Definition;
use crate::checks::integrity::explain::{PlannedTable, Plans};
use crate::config::environment::Environment;

/// Rows that a query has found, counted; those that are excepted count for nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that are wrong.
    pub counted: u64,
    /// Those that came from the legacy table and are odd there already.
    pub as_in_source: u64,
    /// Those that an exception accepts.
    pub excepted: u64,
    /// The ids that exceptions accept and that were found.
    pub accepted_ids: Vec<String>,
    /// The first rows that no exception accepts, those that are wrong before the others.
    pub rows: Vec<Map<String, Value>>,
}

/// Why a check was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// What it is about isn't on this server: an extension.
    NotApplicable(String),
    /// It could not be known: a right, a missing table, a limit.
    Unknown(String),
    /// Another session has what it reads.
    Locked(String),
}

impl Reason {
    /// In words.
    pub fn words(&self) -> &str {
        match self {
            Self::NotApplicable(words) | Self::Unknown(words) | Self::Locked(words) => words,
        }
    }
}

/// What the server answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What the query returned.
    Rows(Found),
    /// How the query would be run: with sequential scans avoided, and as it is.
    Plans(Plans, PlannedTable),
    /// The server found damage, in its words.
    Damaged(String),
    /// None.
    None(Reason),
}

/// A check and what it found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The check.
    pub definition: &'static Definition,
    /// Its result, in words, with the rows.
    pub check: Check,
    /// The rows, counted.
    pub found: Found,
    /// Why it was not made, if it was not.
    pub skipped: Option<Reason>,
    /// The exceptions that accept what it found: name, reason, last day.
    pub accepted_by: Vec<Accepted>,
}

/// An exception that accepts something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Accepted {
    pub name: String,
    pub reason: String,
    pub expires: Date,
}

/// All checks of a database, seen at one moment.
#[derive(Clone, Debug)]
pub struct Integrity {
    /// The environment of the run.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: String,
    /// `server_version`.
    pub server_version: String,
    /// What each check found.
    pub outcomes: Vec<Outcome>,
    /// Exceptions that have expired or accept nothing, as a check; none if there is no file of exceptions.
    pub exceptions: Option<Check>,
}

impl Integrity {
    /// The results, that of the exceptions last.
    pub fn checks(&self) -> Vec<&Check> {
        self.outcomes.iter().map(|it| &it.check).chain(&self.exceptions).collect()
    }

    /// Attention if a check fails or warns.
    pub fn verdict(&self) -> Verdict {
        verdict(self.checks())
    }

    /// The checks whose result could not be known, which is no pass.
    pub fn unknown(&self) -> impl Iterator<Item = &Outcome> {
        let is_unknown = |it: &&Outcome| matches!(it.skipped, Some(Reason::Unknown(_) | Reason::Locked(_)));
        self.outcomes.iter().filter(is_unknown)
    }

    /// How many rows are odd as in their source, and in how many checks.
    pub fn as_in_source(&self) -> (u64, u64) {
        let odd = self.outcomes.iter().map(|it| it.found.as_in_source).filter(|rows| *rows > 0);
        odd.fold((0, 0), |(rows, checks), more| (rows + more, checks + 1))
    }

    /// The names of the checks with a result.
    pub fn with(&self, status: Status) -> Vec<&'static str> {
        self.checks().into_iter().filter(|it| it.status == status).map(|it| it.name).collect()
    }
}
