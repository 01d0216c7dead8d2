//! What is not as it should be, what resolves it, and what is resolved. Everything here is read from what was found.

use serde_json::Value;

use crate::base::hint::{MIGRATE, VERIFY};
use crate::base::text::{list, plural, thousands};
use crate::checks::check::Status as Outcome;
use crate::migration::causes::DifferenceGroup;
use crate::migration::groups::RejectionGroup;
use crate::migration::recorded::{RecordedGroup, RecordedRejections};
use crate::migration::standing::{RunEnd, Runs};
use crate::migration::target::SOURCE_TABLE;
use crate::migration::verification::VerifyCounts;
use crate::report::checks::{CheckJson, plain};
use crate::report::document::block::ColumnKind::{Number, Status, Text};
use crate::report::document::block::{Block, Cell, Section, Table, excerpt};
use crate::report::document::sections::schema::weight;
use crate::report::document::words::{cause, rejected, rule_words};
use crate::report::drift::json::FindingJson;
use crate::report::integrity::IntegrityCheckJson;
use crate::report::planted::Planted;
use crate::schema::drift::finding::Severity;

/// Issues that are listed of each kind.
const LISTED: usize = 100;

/// Columns of a rule that are named.
const COLUMNS: usize = 10;

/// What an issue can be, what needs attention first.
const STATES: [&str; 4] = ["open", "expected", "as before", "closed"];

/// What is said of issues of a rehearsal that had to be found.
const EXPECTED: &str = " Expected are rows that had to be rejected, since they were made to be: they show that the \
                        rules work.";

/// The issues as they are found.
pub(crate) struct Issues {
    table: Table,
}

impl Issues {
    /// None yet.
    pub(crate) fn new() -> Self {
        let columns =
            [("Issue", Text), ("How many", Number), ("State", Status), ("What resolves or resolved it", Text)];
        Self { table: Table::new("Known issues", &columns) }
    }

    fn push(&mut self, issue: impl Into<Cell>, count: u64, state: &str, remedy: impl Into<Cell>) {
        self.table.rows.push(vec![issue.into(), count.into(), state.into(), remedy.into()]);
    }

    /// Rows that differ, are missing, or were never tried.
    pub(crate) fn of_rows(&mut self, counts: &VerifyCounts, groups: &[DifferenceGroup]) {
        for group in groups.iter().take(LISTED) {
            let what = match group.target == SOURCE_TABLE {
                true => format!(
                    "Given back from what is stored, the legacy column `{}` is {}",
                    group.field,
                    cause(group.cause)
                ),
                false => format!(
                    "What is stored in `{}` of {} is {}",
                    group.field,
                    group.target.replace('_', " "),
                    cause(group.cause)
                ),
            };
            let ids = list(group.examples.iter().map(|it| it.source_id.to_string()));
            let remedy = format!(
                "Find out which side was changed since the migration. Legacy rows: {ids}{}. `{VERIFY}` shows both \
                 values.",
                if group.count > group.examples.len() as u64 { " and others" } else { "" }
            );
            self.push(what, group.count, "open", remedy);
        }
        if groups.len() > LISTED {
            self.push(
                "More kinds of differences",
                (groups.len() - LISTED) as u64,
                "open",
                format!("`{VERIFY}` lists them."),
            );
        }
        if counts.pending > 0 {
            self.push("Legacy rows that were never tried", counts.pending, "open", format!("Run `{MIGRATE}`."));
        }
    }

    /// Rejections on record.
    pub(crate) fn of_rejections(&mut self, found: &RecordedRejections) {
        let is_of = |is_open: bool| move |it: &&RecordedGroup| it.is_open == is_open;
        let group = |it: &RecordedGroup| (it.rule.clone(), it.field.clone(), it.rows);
        self.of_rules(found.groups.iter().filter(is_of(true)).map(group), "open");
        self.of_rules(found.groups.iter().filter(is_of(false)).map(group), "closed");
    }

    /// Rejections of one run.
    pub(crate) fn of_run(&mut self, groups: &[RejectionGroup], is_expected: bool) {
        let state = if is_expected { "expected" } else { "open" };
        self.of_rules(groups.iter().map(|it| (it.rule.as_str().to_owned(), it.field.clone(), it.rows)), state);
    }

    /// One issue for each rule, with the columns that it concerns: reasons by rule, column and count.
    fn of_rules(&mut self, groups: impl Iterator<Item = (String, String, u64)>, state: &str) {
        let mut rules: Vec<(String, Vec<String>, u64)> = Vec::new();
        for (rule, field, rows) in groups {
            match rules.iter_mut().find(|it| it.0 == rule) {
                Some((_, fields, count)) => {
                    fields.push(field);
                    *count += rows;
                }
                None => rules.push((rule, vec![field], rows)),
            }
        }
        let more = rules.len().saturating_sub(LISTED);
        for (rule, fields, count) in rules.into_iter().take(LISTED) {
            let plain = |name: &str| name.replace('`', "'");
            let columns = list(fields.iter().take(COLUMNS).map(|it| format!("`{}`", plain(it))));
            let others = if fields.len() > COLUMNS { " and others" } else { "" };
            let remedy = match state {
                "closed" => "A later run found the reason gone.",
                _ => rejected(&rule).remedy,
            };
            self.push(format!("Rejected: {} in {columns}{others}", plain(&rule_words(&rule))), count, state, remedy);
        }
        if more > 0 {
            self.push(
                "Rejected: more rules, which the table of rules counts",
                more as u64,
                state,
                "The same for them.",
            );
        }
    }

    /// Runs that did not come to their end.
    pub(crate) fn of_runs(&mut self, runs: &Runs) {
        let is_done_after =
            |at: usize| runs.newest[..at].iter().any(|it| it.end == RunEnd::Done && it.command == "migrate");
        for (at, run) in
            runs.newest.iter().enumerate().filter(|(_, it)| !matches!(it.end, RunEnd::Done | RunEnd::Running))
        {
            let why = run.reason.as_deref().map_or(String::new(), |it| format!(": {}", excerpt(it).replace('`', "'")));
            let what = format!("The run of {} UTC ended before its end ({}{why})", run.started_at, run.end);
            match is_done_after(at) {
                true => self.push(
                    what,
                    1,
                    "closed",
                    "What it had stored stayed; a later run went on from there and came to its end.",
                ),
                false => {
                    self.push(what, 1, "open", format!("What it had stored stays; `{MIGRATE}` goes on from there."))
                }
            }
        }
    }

    /// Differences of the schema that matter.
    pub(crate) fn of_schema(&mut self, findings: &[FindingJson]) {
        let matters = |it: &&FindingJson| it.severity >= Severity::Warning;
        for finding in findings.iter().filter(matters).take(LISTED) {
            let object = finding.object.replace('`', "'");
            let what = format!(
                "The schema differs ({}): {} of {}",
                weight(finding.severity),
                finding.kind.replace('_', " "),
                object
            );
            self.push(excerpt(&what), 1, "open", excerpt(&finding.remedy));
        }
    }

    /// Checks of the stored rows that fail or warn.
    pub(crate) fn of_checks(&mut self, checks: &[IntegrityCheckJson]) {
        for it in checks.iter().filter(|it| matches!(it.check.status, Outcome::Fail | Outcome::Warn)) {
            let ids =
                it.check.rows.iter().filter_map(|row| row.get("id")).filter(|id| id.is_number()).map(Value::to_string);
            let ids = list(ids.take(10));
            let ids = if ids.is_empty() { String::new() } else { format!(" (ids: {ids})") };
            self.push(
                format!("The check `{}` found rows{ids}", it.check.name),
                it.total,
                "open",
                excerpt(&it.check.message),
            );
        }
        for it in checks.iter().filter(|it| it.as_in_source > 0) {
            let what =
                format!("The check `{}` would object to rows that were so in the legacy table already", it.check.name);
            let remedy = "Migrated as they are: history is not rewritten, and nobody was asked to accept it.";
            self.push(what, it.as_in_source, "as before", remedy);
        }
    }

    /// Faults that were planted on purpose and not found, and rows that were named without one.
    pub(crate) fn of_planted(&mut self, planted: &Planted) {
        let remedy =
            "Report it to those who maintain pad-migrate: until then the comparison can't be relied on for it.";
        for (by, missed) in [("the comparison", &planted.missed), ("the one in plain SQL", &planted.missed_by_proof)] {
            for it in missed.iter().take(LISTED) {
                let column = it.column.as_deref().unwrap_or("a whole row");
                let what =
                    format!("A planted fault was not found by {by}: {} in `{column}` of `{}`", it.fault, it.table);
                self.push(what, 1, "open", remedy);
            }
        }
        let count = planted.false_alarms.len() + planted.false_alarms_of_proof.len();
        if count > 0 {
            self.push("Rows without a fault that the comparisons name", count as u64, "open", remedy);
        }
    }

    /// Relations of the schema that nobody expected.
    pub(crate) fn of_unknown(&mut self, checks: &[CheckJson]) {
        let Some(check) = checks.iter().find(|it| it.name == "unknown_tables") else { return };
        for row in check.rows.iter().take(LISTED) {
            let cell = |name: &str| row.get(name).map(plain).unwrap_or_default().replace('`', "'");
            let is_kept = cell("comment").starts_with("Kept on purpose");
            let what = format!("Unknown {} {} in the schema; it was not changed", cell("kind"), cell("table"));
            let remedy = format!("Recommendation: {}, because {}.", cell("recommendation"), cell("reason"));
            self.push(excerpt(&what), 1, if is_kept { "closed" } else { "open" }, excerpt(&remedy));
        }
    }

    /// As a part of the document.
    pub(crate) fn section(self) -> Section {
        let mut section = Section::new("issues", "Known issues, and what becomes of them");
        if self.table.rows.is_empty() {
            section.text("None.");
            return section;
        }
        let of = |state: &str| self.table.rows.iter().filter(|row| row[2] == Cell::from(state)).count() as u64;
        let none_open = if of("open") == 0 { ", none of them open" } else { "" };
        let counts = STATES.map(|state| (of(state), state)).into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, state)| format!("{} {state}", thousands(count))).collect();
        let expected = if of("expected") > 0 { EXPECTED } else { "" };
        section.text(format!(
            "{}{none_open}: {}. What is open needs somebody to act; nothing else does.{expected}",
            plural(self.table.rows.len() as u64, "issue", "issues"),
            counts.join(", "),
        ));
        section.push(Block::Table(self.table));
        section
    }
}

/// What counts as attention beyond the verdicts of the parts: rejected rows, for which somebody has to decide.
pub(crate) fn left_out(open: u64) -> Option<String> {
    let what = plural(open, "row was left out and needs a decision", "rows were left out and need a decision");
    (open > 0).then_some(what)
}
