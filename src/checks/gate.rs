//! The gate: whether a cutover may begin, and whether the application may be opened afterwards. Pure: facts become
//! checks, and checks a decision. [`crate::checks::pg::gate`] gathers the facts.
//!
//! A check that could not be made is [`Status::Skip`], and closes the gate like one that failed.

pub(crate) mod backup;
pub mod rehearsal;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod source;
pub mod waivers;

use std::time::Duration;

use jiff::civil::DateTime;

use crate::base::hint::DOCTOR;
use crate::checks::check::{Check, Status};
use crate::config::environment::Environment;
use crate::migration::csv::summary::CsvSummary;

/// When the gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before the cutover: may it begin?
    Before,
    /// After it: may the application be opened?
    After,
}

impl Stage {
    /// The word, on the command line as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub enum Decision {
    /// Every check was made, and none failed.
    #[serde(rename = "GO")]
    Go,
    /// A check failed, or could not be made.
    #[serde(rename = "NO-GO")]
    NoGo,
}

impl Decision {
    /// The words, in text as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
        }
    }
}

/// What a decision is about; what is null is not known, or not there yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Bound {
    /// This program and its version.
    pub program: String,
    /// SHA-256 of the live catalog of both schemas.
    pub catalog: Option<String>,
    /// The hash of the plan, as `plan` prints it.
    pub plan: Option<String>,
    /// The root of the rows.
    pub row_root: Option<String>,
    /// SHA-256 of the file, where the legacy rows come from one.
    pub csv_sha256: Option<String>,
}

/// Everything that was checked at once, and when.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Before or after the cutover.
    pub stage: Stage,
    /// What `--env` chose.
    pub environment: Environment,
    /// Host, port, database and role of the target.
    pub place: String,
    /// The server's version, if it was reached.
    pub server_version: Option<String>,
    /// In the order in which a person mends them.
    pub checks: Vec<Check>,
    /// What the decision is about.
    pub bound: Bound,
    /// The file, if the legacy rows come from one.
    pub csv: Option<CsvSummary>,
    /// When everything was known, in UTC.
    pub decided_at: DateTime,
    /// When the first of the exceptions ends, in UTC.
    pub accepted_until: Option<DateTime>,
    /// How long it took.
    pub elapsed: Duration,
    /// Why there was no session, if there was none.
    pub failure: Option<String>,
}

/// A decision holds for so long: what it rests on changes.
pub(crate) const VALID: Duration = Duration::from_secs(60 * 60);

/// Names of checks in the order in which a person mends them: first what nothing works without, then what others wait
/// for, then what the others rest on.
const ORDER: [&str; 39] = [
    "name",
    "port",
    "tls",
    "authentication",
    "database",
    "schemas",
    "server_version",
    "server_role",
    "encoding",
    "privileges",
    "role_privileges",
    "row_security",
    "password_expiry",
    "connections",
    "wraparound",
    "replication_slots",
    "prepared_transactions",
    "long_transactions",
    "reference_tables",
    "legacy_table",
    "source_file",
    "plan",
    "revision",
    "critical_tables",
    "drift",
    "source_frozen",
    "rejections",
    "pending",
    "verify",
    "integrity",
    "sequences",
    "statistics",
    "backup",
    "rehearsal",
    "window",
    "room",
    "way_back",
    "exceptions",
    "examination",
];

impl Gate {
    /// Puts the checks in order.
    pub(crate) fn sort(&mut self) {
        self.checks.sort_by_key(|it| ORDER.iter().position(|name| *name == it.name).unwrap_or(ORDER.len()));
    }

    /// GO if every check was made and none failed. Warnings are for a person to weigh.
    pub fn decision(&self) -> Decision {
        let is_open = |it: &Check| matches!(it.status, Status::Pass | Status::Warn);
        match self.failure.is_none() && self.checks.iter().all(is_open) {
            true => Decision::Go,
            false => Decision::NoGo,
        }
    }

    /// Until when a GO holds, in UTC.
    pub fn valid_until(&self) -> Option<DateTime> {
        let until = self.decided_at.checked_add(VALID).ok()?;
        let until = self.accepted_until.map_or(until, |end| end.min(until));
        (self.decision() == Decision::Go).then_some(until)
    }

    /// What closes the gate, in the order in which a person mends it.
    pub fn reasons(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|it| matches!(it.status, Status::Fail | Status::Skip))
    }
}

/// The checks of doctor that the gate makes too, at either stage. Before the cutover, tables and privileges may still
/// lack what the plan brings.
const BOTH: [&str; 14] = [
    "name",
    "port",
    "tls",
    "authentication",
    "database",
    "server_version",
    "server_role",
    "encoding",
    "connections",
    "reference_tables",
    "legacy_table",
    "row_security",
    "password_expiry",
    "privileges",
];

/// Those that are made afterwards.
const AFTER: [&str; 4] = ["schemas", "critical_tables", "role_privileges", "revision"];

/// Warnings of doctor that would end a change night.
const WEIGHTY: [&str; 3] = ["server_role", "connections", "privileges"];

/// What doctor found, as far as it decides.
pub(crate) fn of_doctor(stage: Stage, checks: Vec<Check>) -> Vec<Check> {
    let is_wanted = |it: &Check| {
        BOTH.contains(&it.name) || stage == Stage::After && AFTER.contains(&it.name) || it.name == "examination"
    };
    let judged = |check: Check| {
        let status = match (check.status, check.name) {
            // A socket has no name to resolve and no TLS.
            (Status::Skip, "name" | "tls") => Status::Pass,
            (Status::Warn, name) if WEIGHTY.contains(&name) => Status::Fail,
            (status, _) => status,
        };
        // The particulars are doctor's, and so is the SQL.
        let ends = ["the SQL is at the end", "the SQL for the checks is at the end"];
        let message = match ends.into_iter().find_map(|end| check.message.strip_suffix(end)) {
            Some(message) => format!("{message}`{DOCTOR}` shows the SQL"),
            None => check.message,
        };
        Check { status, message, elapsed: None, table: Default::default(), ..check }
    };
    checks.into_iter().filter(is_wanted).map(judged).collect()
}

/// A check that could not be made.
pub(crate) fn unknown(name: &'static str, why: impl std::fmt::Display) -> Check {
    Check::new(name, Status::Skip, format!("not known: {why}"))
}
