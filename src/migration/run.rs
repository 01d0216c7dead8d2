//! A migration run: how to migrate, how far it is, what it did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::hint::APPLY;
use crate::base::outcome::Verdict;
use crate::ledger::permission::Permissions;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::groups::RejectionGroups;
use crate::migration::phases::Phases;
use crate::migration::rejection::{Reason, Rejection};
use crate::migration::sample::Sample;

/// Rejection reasons that a report lists; all of them are in the database.
pub(crate) const LISTED: usize = 1000;

/// What happens to a row whose id is taken by another request in the target (D6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnIdCollision {
    /// The row is rejected.
    #[default]
    Reject,
    /// The request gets a new id.
    Reassign,
}

/// What happens to a row whose symbol isn't in the reference schema (D7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnMissingSecurity {
    /// The row is rejected.
    #[default]
    Reject,
    /// The row is migrated, and its security_id is null.
    Null,
}

/// How to migrate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Nothing is written.
    pub dry_run: bool,
    /// Rows without lineage that are tried, at most.
    pub limit: Option<u64>,
    /// Rows of one transaction.
    pub batch_size: usize,
    /// Workers.
    pub jobs: usize,
    /// Whether there may be more of them, where they are faster and there is room for their sessions.
    pub more_jobs: bool,
    /// What happens to a row whose symbol isn't in the reference schema.
    pub on_missing_security: OnMissingSecurity,
    /// What happens to a row whose id is taken.
    pub on_id_collision: OnIdCollision,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            limit: None,
            batch_size: 500,
            jobs: FEWEST_JOBS,
            more_jobs: false,
            on_missing_security: OnMissingSecurity::Reject,
            on_id_collision: OnIdCollision::Reject,
        }
    }
}

/// Workers, if nobody says how many: at least.
pub(crate) const FEWEST_JOBS: usize = 2;

/// And at most: each is a session more, of which a server has few.
const MOST_JOBS: usize = 8;

/// Sessions with the source: one that reads, and one that fetches the texts that are too large for a page.
pub(crate) const SOURCE_SESSIONS: usize = 2;

/// How many workers keep so many cores of a target busy. They wait for about 17 answers a page, whose work takes a core
/// about 60 ms (`docs/benchmarks.md`).
pub fn workers(cores: usize, round_trip: Duration) -> usize {
    let waiting = (17 * round_trip).as_secs_f64() / 0.06;
    let wanted = (cores as f64 * (1.0 + waiting)).round();
    (wanted as usize).clamp(FEWEST_JOBS, MOST_JOBS)
}

/// Rows counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct MigrateCounts {
    /// Legacy rows read.
    pub read: u64,
    /// Of those, migrated by this run.
    pub migrated: u64,
    /// Migrated by an earlier one.
    pub already_migrated: u64,
    /// Rejected.
    pub rejected: u64,
    /// Of those, rows whose id is null or no bigint, so that no list of rejections can name them; left out if none.
    #[serde(skip_serializing_if = "is_zero")]
    pub without_id: u64,
    /// Of those that were rejected, rows whose id another one has, too: beyond the first of them, which is on record by its id,
    /// or which was migrated; left out if none.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeated_id: u64,
    /// Requests written.
    pub pad_request: u64,
    /// Approvals written.
    pub pad_approval: u64,
    /// Executions written.
    pub pad_execution: u64,
    /// Audit entries written.
    pub audit_log: u64,
    /// Lineage rows written.
    pub migration_mapping: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A reason for a rejection, with the row it is of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RejectedField {
    /// The legacy row.
    pub source_id: i64,
    /// The reason.
    #[serde(flatten)]
    pub reason: Reason,
    /// The line of the file on which the row begins, from 1; left out for a table's row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The byte of the file at which it begins, from 0; left out for a table's row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
}

impl RejectedField {
    /// The reasons of a row.
    pub(crate) fn all(rejection: Rejection) -> impl Iterator<Item = Self> {
        let Rejection { source_id, reasons, origin } = rejection;
        let (line, byte) = (origin.map(|it| it.line), origin.map(|it| it.byte));
        reasons.into_iter().map(move |reason| Self { source_id, reason, line, byte })
    }
}

/// Rows that an earlier tool migrated with a request's lineage only (D19).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncompleteLineage {
    /// How many there are.
    pub count: u64,
    /// The first few source ids.
    pub first: Vec<i64>,
}

/// What of the target a run could look at. A dry run may come before the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetTables {
    /// Whether the schema is at the current revision.
    pub is_applied: bool,
    /// Whether there is lineage to read: which rows are migrated already.
    pub has_lineage: bool,
    /// Whether there are requests: which ids are taken.
    pub has_requests: bool,
}

impl Default for TargetTables {
    fn default() -> Self {
        Self { is_applied: true, has_lineage: true, has_requests: true }
    }
}

impl TargetTables {
    /// What a dry run could not know, in a sentence.
    pub fn unknown(self) -> Option<String> {
        let mut unknown = Vec::new();
        if !self.has_lineage {
            unknown.push("which rows are migrated already");
        }
        if !self.has_requests {
            unknown.push("which ids other requests have");
        }
        match (self.is_applied, unknown.is_empty()) {
            (true, _) => None,
            (false, true) => Some(format!("padealing isn't at the current revision yet; run `{APPLY}` first")),
            (false, false) => Some(format!(
                "padealing isn't at the current revision yet, so {} is not known; run `{APPLY}` before migrate",
                unknown.join(" and ")
            )),
        }
    }
}

/// What a migration did, or a dry run would do.
#[derive(Clone, Debug, Default)]
pub struct MigrateReport {
    /// Rows by what became of them.
    pub counts: MigrateCounts,
    /// Rejected rows by rule; a row counts under each of its rules.
    pub by_rule: BTreeMap<&'static str, u64>,
    /// Rejected rows by rule and field, with examples.
    pub groups: RejectionGroups,
    /// The first reasons in id order, [`LISTED`] of them.
    pub rejections: Vec<RejectedField>,
    /// Rows that an earlier tool migrated with a request's lineage only (D19).
    pub incomplete: IncompleteLineage,
    /// A few rows old and new, from a dry run.
    pub samples: Vec<Sample>,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// The CSV file, if the rows came from one.
    pub csv: Option<CsvSummary>,
    /// How long it took.
    pub elapsed: Duration,
    /// Workers.
    pub jobs: usize,
    /// Where the time went.
    pub phases: Phases,
    /// The server's version.
    pub server_version: String,
    /// What of the target could be looked at.
    pub tables: TargetTables,
    /// What the role lacks to migrate, which stops no dry run.
    pub permissions: Permissions,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Rows done, of the source's.
    pub done: u64,
    /// Rows there are to read.
    pub total: u64,
    /// Rows rejected.
    pub rejected: u64,
}

/// Sees what happens, in id order.
pub trait Observer {
    /// A page is done.
    fn progress(&mut self, progress: Progress);
    /// A row was rejected.
    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()>;
}

impl MigrateReport {
    /// Clean unless a row was rejected, or an earlier tool has migrated one without its whole lineage.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.counts.rejected == 0 && self.incomplete.count == 0)
    }

    pub(crate) fn add(&mut self, outcome: PageOutcome) {
        let MigrateCounts {
            read,
            migrated,
            already_migrated,
            rejected,
            without_id,
            repeated_id,
            pad_request,
            pad_approval,
            pad_execution,
            audit_log,
            migration_mapping,
        } = outcome.counts;
        self.phases += outcome.phases;
        self.counts.read += read;
        self.counts.migrated += migrated;
        self.counts.already_migrated += already_migrated;
        self.counts.rejected += rejected;
        self.counts.without_id += without_id;
        self.counts.repeated_id += repeated_id;
        self.counts.pad_request += pad_request;
        self.counts.pad_approval += pad_approval;
        self.counts.pad_execution += pad_execution;
        self.counts.audit_log += audit_log;
        self.counts.migration_mapping += migration_mapping;
        for rejection in outcome.rejections {
            self.reject(rejection);
        }
        self.incomplete.count += outcome.incomplete.len() as u64;
        let room = 10usize.saturating_sub(self.incomplete.first.len());
        self.incomplete.first.extend(outcome.incomplete.into_iter().take(room));
        let room = SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(outcome.samples.into_iter().take(room));
    }

    /// Lists a row that was rejected.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        self.groups.add(&rejection);
        let mut rules: Vec<&str> = rejection.reasons.iter().map(|it| it.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            *self.by_rule.entry(rule).or_default() += 1;
        }
        let room = LISTED.saturating_sub(self.rejections.len());
        self.rejections.extend(RejectedField::all(rejection).take(room));
    }
}

/// Rows that a dry run shows old and new.
pub(crate) const SAMPLES: usize = 3;

/// What became of a page.
#[derive(Default)]
pub(crate) struct PageOutcome {
    pub(crate) sequence: u64,
    pub(crate) counts: MigrateCounts,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) incomplete: Vec<i64>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) phases: Phases,
}
