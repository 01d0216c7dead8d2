//! What `clean` would remove or removed, as text and as JSON.

use serde::Serialize;

use crate::base::hint::ROLLBACK;
use crate::base::text::{list, plural, thousands};
use crate::config::environment::Environment;
use crate::migration::clean::{CleanReport, LeftReason, LeftRows, TableRows};
use crate::report::layout::Head;
use crate::report::page::{Grid, Page, Text};
use crate::report::rollback::dangling;

/// What is agreed to, on the lines before the question.
pub fn planned_clean(report: &CleanReport, environment: Environment, place: &str) -> Page {
    page(report, environment, place, true)
}

/// What was removed, or would be, as text.
pub fn clean_page(report: &CleanReport, environment: Environment, place: &str, dry_run: bool) -> Page {
    let mut page = page(report, environment, place, dry_run);
    if dry_run {
        page.row("Dry run", "nothing was removed");
    }
    page.row("Verdict", Text::verdict(&judgement(report, dry_run)));
    page
}

fn page(report: &CleanReport, environment: Environment, place: &str, dry_run: bool) -> Page {
    let mut page = Page::default();
    page.address("Target", place);
    page.row("Server", format!("PostgreSQL {}, environment {environment}", report.server_version));
    page.row("Employees", list(report.employees.iter().map(ToString::to_string)));
    let deleted = if dry_run { "to delete" } else { "deleted" };
    let header = ["", "before", deleted, "after"].map(str::to_owned).to_vec();
    let rows = report.tables.iter().map(|TableRows { table, before, deleted, after }| {
        let after = if dry_run { before - deleted } else { *after };
        vec![(*table).to_owned(), thousands(*before), thousands(*deleted), thousands(after)]
    });
    page.grid(2, Grid { header: Some(header), rows: rows.collect(), numbers: vec![1, 2, 3], gap: 2 });
    for LeftRows { table, message, rows, ids, .. } in &report.left {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let rest = rows.saturating_sub(ids.len() as u64);
        ids.extend((rest > 0).then(|| format!("{} more", thousands(rest))));
        let rows = plural(*rows, "row", "rows");
        page.row("Stays", format!("{rows} of {table}, {message}: id {}", list(ids)));
    }
    for text in dangling(&report.dangling) {
        page.row("Left over", text);
    }
    for note in &report.notes {
        page.row("Note", note);
    }
    page
}

fn judgement(report: &CleanReport, dry_run: bool) -> String {
    let stays: u64 = report.left.iter().filter(|it| it.reason != LeftReason::NamesEmployee).map(|it| it.rows).sum();
    let deleted = plural(report.deleted(), "row", "rows");
    if stays == 0 && !report.dangling.is_empty() {
        return format!(
            "ATTENTION: {deleted} removed, and the application has written about some of them meanwhile: decide about the \
             rows above"
        );
    }
    match (stays, report.deleted(), dry_run) {
        (0, 0, _) => "CLEAN: the application has no rows of these employees".to_owned(),
        (0, _, true) => format!("CLEAN: {deleted} can be removed"),
        (0, _, false) => format!("CLEAN: {deleted} removed, and no row of these employees is left"),
        (_, _, true) => {
            format!(
                "ATTENTION: {deleted} can be removed, and {} of these employees would stay",
                plural(stays, "row", "rows")
            )
        }
        (_, _, false) => format!(
            "ATTENTION: {deleted} removed, and {} of these employees stay, for the reasons above; `{ROLLBACK}` \
             removes migrated rows",
            plural(stays, "row", "rows")
        ),
    }
}

/// What `clean --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct CleanJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Whose rows.
    pub employees: Vec<i64>,
    /// Each table that rows are removed from, in the order in which they are.
    pub tables: Vec<TableRows>,
    /// What stays, and why.
    pub left: Vec<LeftRows>,
    /// Audit entries that were written while clean was at work and name rows that it has deleted.
    pub dangling_audit_entries: Vec<i64>,
    /// Lineage that was written meanwhile and names rows that are gone.
    pub dangling_lineage: Vec<i64>,
    /// What people are to know.
    pub notes: Vec<String>,
}

impl CleanJson {
    /// What was removed, or would be.
    pub fn new(report: &CleanReport, environment: Environment, place: &str, dry_run: bool) -> Self {
        Self {
            head: Head::new("clean", environment, &report.server_version, report.verdict()),
            place: place.to_owned(),
            dry_run,
            employees: report.employees.iter().copied().collect(),
            tables: report.tables.clone(),
            left: report.left.clone(),
            dangling_audit_entries: report.dangling.audit_log.clone(),
            dangling_lineage: report.dangling.migration_mapping.clone(),
            notes: report.notes.clone(),
        }
    }
}
