//! What is rolled back of a migration, what is kept, and why. Pure.
//!
//! Whether a stored row is still what its legacy row gives is what [`crate::migration::check`] says, the second opinion:
//! the transform has no say in what is deleted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::hint::ROLLBACK;
use crate::base::outcome::Verdict;
use crate::base::text::{list, plural};
use crate::migration::check::check;
use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::SecuritiesBySymbol;
use crate::migration::run::LISTED;
use crate::migration::stored::{Cells, Stored, StoredLineage};
use crate::migration::target::{Role, SOURCE_TABLE};

/// Which migrated rows are rolled back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Those that a run of `migrate` has written, by the run's id.
    Run(String),
    /// Those of these legacy rows.
    Sources(BTreeSet<i64>),
}

/// The tables that rows are deleted from, those first that refer to others.
pub(crate) const DELETED: [&str; 5] =
    ["audit_log", "pad_execution", "pad_approval", "pad_request", "migration_mapping"];

/// Rows counted; `selected` is the sum of `rolled_back` and `kept`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RollbackCounts {
    /// Legacy rows that were asked for and have lineage.
    pub selected: u64,
    /// Of those, rolled back: nothing of them is left in padealing.
    pub rolled_back: u64,
    /// Of those, kept whole.
    pub kept: u64,
    /// Legacy rows that were named and have no lineage.
    pub not_migrated: u64,
    /// Requests deleted.
    pub pad_request: u64,
    /// Approvals deleted.
    pub pad_approval: u64,
    /// Executions deleted.
    pub pad_execution: u64,
    /// Audit entries deleted.
    pub audit_log: u64,
    /// Lineage rows deleted.
    pub migration_mapping: u64,
}

/// Why a row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, strum::Display)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum KeptReason {
    /// A stored row was changed since it was migrated.
    Changed,
    /// The legacy row, or a reference row that it names, was changed since; the stored rows are as they were written.
    SourceChanged,
    /// The legacy row is gone: nothing could bring the stored rows back.
    SourceGone,
    /// Rows that the migration didn't write refer to it.
    Referred,
    /// It was migrated without its whole lineage, as an earlier tool did (D19).
    IncompleteLineage,
    /// The request that lineage names isn't there.
    Missing,
    /// Another lineage row claims the same request, or the same row of it.
    ClaimedTwice,
    /// A trigger, a rule or a constraint of the target refuses the delete.
    Refused,
}

/// A reason for which a row is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Kept {
    /// The legacy row.
    pub source_id: i64,
    /// What the reason is about: the role of a target row, a table that refers to it, or the legacy table.
    pub target: String,
    /// The reason.
    pub reason: KeptReason,
    /// The same in a sentence that names columns and tables, and no value.
    pub message: String,
}

/// Rows of a table that refer to a migrated row, and that the migration didn't write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Referring {
    /// The table, with its schema.
    pub(crate) table: String,
    pub(crate) count: u64,
    /// The id of one of them, if the table has one.
    pub(crate) example: Option<String>,
}

/// What is known of a legacy row that is to be rolled back.
pub(crate) struct Candidate<'a> {
    pub(crate) source_id: i64,
    /// None if it is gone.
    pub(crate) row: Option<&'a LegacyRow>,
    pub(crate) stored: &'a Stored,
    pub(crate) referring: Vec<Referring>,
    /// The role of a row that another lineage row claims, too.
    pub(crate) claimed_twice: Option<Role>,
    /// Columns that the migration doesn't write and that hold something, by the role of the row.
    pub(crate) filled: &'a [(String, String)],
}

/// What keeps a row, as far as its values say.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) kept: Vec<Kept>,
    /// The columns that aren't what the legacy row gives, by target.
    differing: BTreeMap<String, BTreeSet<String>>,
}

impl Candidate<'_> {
    /// Finds everything that keeps the row.
    pub(crate) fn judge(self, securities: &SecuritiesBySymbol) -> Judged {
        let Self { source_id, row, stored, mut referring, claimed_twice, filled } = self;
        let mut judged = Judged::default();
        let mut keep = |target: &str, reason, message: String| {
            judged.kept.push(Kept { source_id, target: target.to_owned(), reason, message });
        };
        let request = Role::Request.as_str();
        if stored.lineage_id(Role::Request).is_none() {
            let message = "it has lineage of other rows and none of a request".to_owned();
            keep(request, KeptReason::IncompleteLineage, message);
            return judged;
        }
        if stored.request.is_none() {
            keep(request, KeptReason::Missing, "the request that its lineage names isn't there".to_owned());
            return judged;
        }
        if stored.lineage_id(Role::AuditSubmitted).is_none() {
            let message = "its lineage has no submission: an earlier tool has migrated it, and it alone knows how";
            keep(request, KeptReason::IncompleteLineage, message.to_owned());
            return judged;
        }
        if let Some(role) = claimed_twice {
            let what = if role == Role::Request { "request" } else { "row" };
            keep(role.as_str(), KeptReason::ClaimedTwice, format!("another lineage row claims the same {what}"));
        }
        let (own, children) = own(stored);
        referring.extend(children);
        for it in referring {
            let example =
                it.example.as_ref().map(|id| format!(", such as the one with the id {id}")).unwrap_or_default();
            let rows = plural(it.count, "row", "rows");
            let refer = if it.count == 1 { "refers" } else { "refer" };
            keep(&it.table, KeptReason::Referred, format!("{rows} of {} {refer} to it{example}", it.table));
        }
        for (target, column) in filled {
            let message = format!("{column}, which migrate doesn't write, holds a value");
            keep(target, KeptReason::Changed, message);
        }
        let Some(row) = row else {
            let message =
                "no legacy row is its own (it is gone, or several have its id), so that nothing could bring it back"
                    .to_owned();
            keep(SOURCE_TABLE, KeptReason::SourceGone, message);
            return judged;
        };
        for difference in check(source_id, row, &own, securities) {
            judged.differing.entry(difference.target).or_default().insert(difference.field);
        }
        // What a stored column says otherwise, the legacy row that is given back says again.
        if judged.differing.len() > 1 {
            judged.differing.remove(SOURCE_TABLE);
        }
        judged
    }
}

impl Judged {
    /// Whether it matters who has changed what.
    pub(crate) fn differs(&self) -> bool {
        !self.differing.is_empty()
    }

    /// Everything that keeps the row; nothing if it is rolled back. `is_untouched`: the stored rows are the ones that were
    /// written with their lineage. `is_named`: the row was asked for by its id, so that a legacy row that was changed since
    /// is to be migrated again (D23).
    pub(crate) fn settle(self, source_id: i64, is_untouched: bool, is_named: bool) -> Vec<Kept> {
        let Self { mut kept, differing } = self;
        if is_untouched && is_named && kept.is_empty() {
            return kept;
        }
        for (target, fields) in differing {
            let fields = list(fields);
            let (reason, since) = match is_untouched {
                true => (
                    KeptReason::SourceChanged,
                    format!(
                        "the legacy row, or a reference row that it names, was changed since; `{ROLLBACK} \
                         --source-id {source_id}` rolls it back"
                    ),
                ),
                false => (KeptReason::Changed, "it was changed in padealing since it was migrated".to_owned()),
            };
            let message = format!("not what the legacy row gives: {fields}; {since}");
            kept.push(Kept { source_id, target, reason, message });
        }
        kept.sort();
        kept
    }
}

/// What of the stored rows lineage claims, and the rest of what belongs to the request, which few requests have.
fn own(stored: &Stored) -> (Cow<'_, Stored>, Vec<Referring>) {
    let is_own = |table: &str, cells: &Cells| {
        let id = cells.id();
        let claims =
            |it: &StoredLineage| Some(it.target_id) == id && it.role.as_ref().is_ok_and(|role| role.table() == table);
        stored.lineage.iter().any(claims)
    };
    let mut others = Vec::new();
    let Stored { approvals, executions, audit, .. } = stored;
    for (table, rows) in [("pad_approval", approvals), ("pad_execution", executions), ("audit_log", audit)] {
        let mut other = rows.iter().filter(|it| !is_own(table, it)).peekable();
        let example = other.peek().and_then(|it| it.get("id")?.plain().map(str::to_owned));
        let count = other.count() as u64;
        if count > 0 {
            others.push(Referring { table: format!("padealing.{table}"), count, example });
        }
    }
    if others.is_empty() {
        return (Cow::Borrowed(stored), others);
    }
    let mut own = stored.clone();
    own.approvals.retain(|it| is_own("pad_approval", it));
    own.executions.retain(|it| is_own("pad_execution", it));
    own.audit.retain(|it| is_own("audit_log", it));
    (Cow::Owned(own), others)
}

/// What a page came to.
pub(crate) struct RollbackOutcome {
    pub(crate) sequence: u64,
    pub(crate) counts: RollbackCounts,
    pub(crate) kept: Vec<Kept>,
}

/// Rows that name deleted ones without a foreign key, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dangling {
    /// Audit entries.
    pub audit_log: Vec<i64>,
    /// Lineage, of whatever tool.
    pub migration_mapping: Vec<i64>,
}

impl Dangling {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.audit_log.is_empty() && self.migration_mapping.is_empty()
    }
}

/// What a rollback did, or a dry run would do.
#[derive(Clone, Debug, Default)]
pub struct RollbackReport {
    /// Rows by what became of them.
    pub counts: RollbackCounts,
    /// Why rows are kept, in id order; the first [`LISTED`] reasons.
    pub kept: Vec<Kept>,
    /// How many reasons there are.
    pub total_kept: u64,
    /// Rows that are kept by reason; a row counts under each of its reasons.
    pub by_reason: BTreeMap<String, u64>,
    /// The first few legacy rows that were named and have no lineage.
    pub not_migrated: Vec<i64>,
    /// What was written while rollback was at work and names rows that it has deleted.
    pub dangling: Dangling,
    /// What people are to know.
    pub notes: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// The server's version.
    pub server_version: String,
}

impl RollbackReport {
    /// Clean unless a row was kept, or the application has written about one that is gone.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.counts.kept == 0 && self.dangling.is_empty())
    }

    pub(crate) fn add(&mut self, outcome: RollbackOutcome) {
        self.counts.add(&outcome.counts);
        self.total_kept += outcome.kept.len() as u64;
        let mut last = BTreeSet::new();
        let mut of = None;
        for kept in outcome.kept {
            if of != Some(kept.source_id) {
                (of, last) = (Some(kept.source_id), BTreeSet::new());
            }
            if last.insert(kept.reason) {
                *self.by_reason.entry(kept.reason.to_string()).or_default() += 1;
            }
            if self.kept.len() < LISTED {
                self.kept.push(kept);
            }
        }
    }
}

impl RollbackCounts {
    /// Adds what another part came to.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            selected,
            rolled_back,
            kept,
            not_migrated,
            pad_request,
            pad_approval,
            pad_execution,
            audit_log,
            migration_mapping,
        } = other;
        self.selected += selected;
        self.rolled_back += rolled_back;
        self.kept += kept;
        self.not_migrated += not_migrated;
        self.pad_request += pad_request;
        self.pad_approval += pad_approval;
        self.pad_execution += pad_execution;
        self.audit_log += audit_log;
        self.migration_mapping += migration_mapping;
    }

    /// Counts the rows of a table that are deleted.
    pub(crate) fn count(&mut self, table: &str, rows: u64) {
        match table {
            "pad_request" => self.pad_request += rows,
            "pad_approval" => self.pad_approval += rows,
            "pad_execution" => self.pad_execution += rows,
            "audit_log" => self.audit_log += rows,
            _ => self.migration_mapping += rows,
        }
    }
}

/// What would be rolled back at most, before any row is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The server's version.
    pub server_version: String,
    /// Legacy rows that were asked for and have lineage, and their lineage rows by target table.
    pub counts: RollbackCounts,
    /// The first few legacy rows that were named and have no lineage.
    pub not_migrated: Vec<i64>,
    /// What people are to know before it begins.
    pub notes: Vec<String>,
}
