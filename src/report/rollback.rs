//! What a rollback would do or did, as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::hint::{MIGRATE, ROLLBACK};
use crate::base::outcome::Verdict;
use crate::base::text::{list, plural, thousands};
use crate::migration::csv::summary::CsvSummary;
use crate::migration::rollback::{Dangling, Kept, RollbackCounts, RollbackReport, Selection, Survey};
use crate::migration::run::LISTED;
use crate::report::layout::{Databases, Head, SHOWN, rate};
use crate::report::page::{Page, Text};

/// The target tables, and how many rows of each are deleted.
fn by_table(counts: &RollbackCounts) -> String {
    let RollbackCounts { pad_request, pad_approval, pad_execution, audit_log, migration_mapping, .. } = *counts;
    let tables = [
        ("pad_request", pad_request),
        ("pad_approval", pad_approval),
        ("pad_execution", pad_execution),
        ("audit_log", audit_log),
        ("migration_mapping", migration_mapping),
    ];
    tables.map(|(table, count)| format!("{table} {}", thousands(count))).join(", ")
}

fn selected(selection: &Selection) -> String {
    match selection {
        Selection::All => "every migrated row".to_owned(),
        Selection::Run(id) => format!("the rows that the run {id} has written"),
        Selection::Sources(ids) => match ids.len() {
            0..=SHOWN => format!("the legacy rows with the ids {}", list(ids.iter().map(ToString::to_string))),
            many => format!("{} legacy rows, named by their ids", thousands(many as u64)),
        },
    }
}

/// Named rows without lineage, in words.
fn not_migrated(counts: &RollbackCounts, first: &[i64]) -> Option<String> {
    let rest = counts.not_migrated.saturating_sub(first.len() as u64);
    let mut ids: Vec<String> = first.iter().map(ToString::to_string).collect();
    ids.extend((rest > 0).then(|| format!("{} more", thousands(rest))));
    let rows = plural(counts.not_migrated, "named row has", "named rows have");
    (counts.not_migrated > 0).then(|| format!("{rows} no lineage, so there is nothing to roll back: {}", list(ids)))
}

/// What is agreed to, on the lines before the question.
pub fn planned_rollback(survey: &Survey, selection: &Selection, databases: &Databases) -> Page {
    let mut page = Page::default();
    databases.rows(&mut page, &survey.server_version);
    let rows = plural(survey.counts.selected, "legacy row", "legacy rows");
    page.row("Rollback", format!("{}: {rows}", selected(selection)));
    page.row("At most", format!("deletes {}", by_table(&survey.counts)));
    if let Some(text) = not_migrated(&survey.counts, &survey.not_migrated) {
        page.row("No lineage", text);
    }
    page.row(
        "Keeps",
        format!(
            "rows that were changed since they were migrated, whose legacy row is gone, or that other rows refer to; \
             `{ROLLBACK} --dry-run` names them"
        ),
    );
    for note in &survey.notes {
        page.row("Note", note);
    }
    page
}

/// What a rollback did, or would do, as text.
pub fn rollback_page(report: &RollbackReport, selection: &Selection, databases: &Databases, dry_run: bool) -> Page {
    let mut page = Page::default();
    databases.rows(&mut page, &report.server_version);
    let counts = &report.counts;
    page.row("Selected", selected(selection));
    let (taken, kept) = if dry_run { ("to roll back", "to keep") } else { ("rolled back", "kept") };
    page.row(
        "Rows",
        format!(
            "{} migrated, {} {taken}, {} {kept}",
            thousands(counts.selected),
            thousands(counts.rolled_back),
            thousands(counts.kept)
        ),
    );
    page.row(if dry_run { "To delete" } else { "Deleted" }, by_table(counts));
    if let Some(text) = not_migrated(counts, &report.not_migrated) {
        page.row("No lineage", text);
    }
    kept_rows(&mut page, report);
    for text in dangling(&report.dangling) {
        page.row("Left over", text);
    }
    for note in &report.notes {
        page.row("Note", note);
    }
    let seconds = report.elapsed.as_secs_f64();
    let rate = thousands(rate(counts.selected, report.elapsed) as u64);
    page.row("Time", format!("{seconds:.1} s, {rate} rows a second"));
    if dry_run {
        page.row("Dry run", "nothing was deleted; which rows the target's triggers would keep isn't known");
    }
    page.row("Verdict", Text::verdict(&judgement(report, dry_run)));
    page
}

/// What names rows that are gone, in words.
pub(crate) fn dangling(dangling: &Dangling) -> impl Iterator<Item = String> + '_ {
    let tables = [("audit_log", &dangling.audit_log), ("migration_mapping", &dangling.migration_mapping)];
    tables.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(table, ids)| {
        let rest = ids.len().saturating_sub(SHOWN);
        let mut shown: Vec<String> = ids.iter().take(SHOWN).map(ToString::to_string).collect();
        shown.extend((rest > 0).then(|| format!("{} more", thousands(rest as u64))));
        format!(
            "{} of padealing.{table}, written meanwhile, about rows that had just been deleted: id {}",
            plural(ids.len() as u64, "row", "rows"),
            list(shown)
        )
    })
}

/// Adds the rows that are kept by reason, the most frequent first, with the first few of each.
fn kept_rows(page: &mut Page, report: &RollbackReport) {
    if report.counts.kept == 0 {
        return;
    }
    let rows = plural(report.counts.kept, "row", "rows");
    page.row("Kept", format!("{rows}, by reason; a row with several reasons is counted for each"));
    let mut reasons: Vec<(&String, &u64)> = report.by_reason.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), *reason));
    let width = reasons.iter().map(|(_, count)| thousands(**count).len()).max().unwrap_or_default();
    let shown = (SHOWN / reasons.len().max(1)).max(2);
    for (reason, count) in reasons {
        let number = thousands(*count);
        page.beside(2, width + 2, format!("{number:>width$}"), reason);
        let of_reason = report.kept.iter().filter(|it| it.reason.to_string() == *reason);
        let mut named = BTreeSet::new();
        for Kept { source_id, target, message, .. } in of_reason {
            if named.len() == shown && !named.contains(source_id) {
                break;
            }
            named.insert(*source_id);
            page.paragraph(width + 4, format!("id {source_id}, {target}: {message}"));
        }
        let rest = count.saturating_sub(named.len() as u64);
        if rest > 0 {
            page.paragraph(width + 4, format!("… and {}", plural(rest, "other row", "other rows")));
        }
    }
    page.paragraph(2, format!("--format json lists the first {}", thousands(LISTED as u64)));
}

fn judgement(report: &RollbackReport, dry_run: bool) -> String {
    let RollbackCounts { selected, rolled_back, kept, .. } = report.counts;
    if kept == 0 && !report.dangling.is_empty() {
        return "ATTENTION: every selected row was rolled back, and the application has written about some of them \
                meanwhile: decide about the rows above"
            .to_owned();
    }
    let kept = plural(kept, "row", "rows");
    match (report.verdict(), selected, dry_run) {
        (Verdict::Clean, 0, _) => "CLEAN: there is nothing to roll back".to_owned(),
        (Verdict::Clean, _, true) => "CLEAN: every selected row can be rolled back".to_owned(),
        (Verdict::Clean, _, false) => {
            format!("CLEAN: nothing of the selected rows is left in padealing; `{MIGRATE}` brings them back").to_owned()
        }
        (Verdict::Attention, _, true) => format!(
            "ATTENTION: {} can be rolled back, and {kept} would be kept whole, for the reasons above",
            thousands(rolled_back)
        ),
        (Verdict::Attention, _, false) => format!(
            "ATTENTION: {kept} kept whole, with their lineage: decide about each by its reason above, and run the same \
             command again for those that are no longer in use"
        ),
    }
}

/// What `rollback --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RollbackJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Where padealing is: host, port, database and role.
    pub target: String,
    /// Where the legacy table is.
    pub source: String,
    /// The legacy table.
    pub table: String,
    /// Whether nothing was deleted.
    pub dry_run: bool,
    /// The run whose rows were selected; null if they weren't selected by a run.
    pub run: Option<String>,
    /// The legacy rows that were named; null if none were.
    pub source_ids: Option<Vec<i64>>,
    /// Rows by what became of them.
    pub counts: RollbackCounts,
    /// Kept rows by reason; a row counts under each of its reasons.
    pub kept_by_reason: BTreeMap<String, u64>,
    /// Why rows are kept, in id order: the first 1,000 reasons.
    pub kept: Vec<Kept>,
    /// How many reasons there are.
    pub kept_total: u64,
    /// The first named rows that have no lineage.
    pub not_migrated: Vec<i64>,
    /// Audit entries that were written while rollback was at work and name rows that it has deleted.
    pub dangling_audit_entries: Vec<i64>,
    /// Lineage that was written meanwhile and names rows that are gone.
    pub dangling_lineage: Vec<i64>,
    /// What people are to know.
    pub notes: Vec<String>,
    /// The CSV file, and how it was read; left out if the rows came from a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvSummary>,
    /// How long it took.
    pub seconds: f64,
    /// Legacy rows a second.
    pub rows_per_second: f64,
}

impl RollbackJson {
    /// What a rollback did, or would do.
    pub fn new(report: &RollbackReport, selection: &Selection, databases: Databases, dry_run: bool) -> Self {
        let (run, source_ids) = match selection {
            Selection::All => (None, None),
            Selection::Run(id) => (Some(id.clone()), None),
            Selection::Sources(ids) => (None, Some(ids.iter().copied().collect())),
        };
        Self {
            head: Head::new("rollback", databases.environment, &report.server_version, report.verdict()),
            target: databases.target,
            source: databases.source,
            table: databases.table,
            dry_run,
            run,
            source_ids,
            counts: report.counts.clone(),
            kept_by_reason: report.by_reason.clone(),
            kept: report.kept.clone(),
            kept_total: report.total_kept,
            not_migrated: report.not_migrated.clone(),
            dangling_audit_entries: report.dangling.audit_log.clone(),
            dangling_lineage: report.dangling.migration_mapping.clone(),
            notes: report.notes.clone(),
            csv: databases.csv,
            seconds: report.elapsed.as_secs_f64(),
            rows_per_second: rate(report.counts.selected, report.elapsed),
        }
    }
}
