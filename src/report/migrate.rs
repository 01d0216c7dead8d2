//! What a migration did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::hint::{MIGRATE, VERIFY};
use crate::base::outcome::Verdict;
use crate::base::text::{plural, thousands};
use crate::migration::csv::summary::CsvSummary;
use crate::migration::groups::RejectionGroup;
use crate::migration::phases::Phases;
use crate::migration::run::{self, IncompleteLineage, MigrateCounts, RejectedField};
use crate::migration::sample::Sample;
use crate::report::groups::{AllRejections, rejections};
use crate::report::layout::{Databases, Head, rate};
use crate::report::page::{Grid, Page, Text};
use crate::report::permission::PermissionsJson;

/// The target tables, and how many rows of each were written.
pub(crate) fn by_table(counts: &MigrateCounts) -> [(&'static str, u64); 5] {
    let MigrateCounts { pad_request, pad_approval, pad_execution, audit_log, migration_mapping, .. } = *counts;
    [
        ("pad_request", pad_request),
        ("pad_approval", pad_approval),
        ("pad_execution", pad_execution),
        ("audit_log", audit_log),
        ("migration_mapping", migration_mapping),
    ]
}

fn written(counts: &MigrateCounts) -> String {
    by_table(counts).map(|(table, count)| format!("{table} {}", thousands(count))).join(", ")
}

fn incomplete(report: &run::MigrateReport) -> Option<String> {
    let IncompleteLineage { count, first } = &report.incomplete;
    (*count > 0).then(|| {
        let ids: Vec<String> = first.iter().map(ToString::to_string).collect();
        format!(
            "{} by an earlier tool without the lineage of its other rows, among them {}; run `{VERIFY}` to \
             list what is missing",
            plural(*count, "row was migrated", "rows were migrated"),
            ids.join(", ")
        )
    })
}

/// What a migration did, as text. `file` has all rejections, if there is one.
pub(crate) fn migrate_page(
    report: &run::MigrateReport,
    databases: &Databases,
    dry_run: bool,
    file: Option<&str>,
) -> Page {
    let mut page = Page::default();
    databases.rows(&mut page, &report.server_version);
    let counts = &report.counts;
    let moved = if dry_run { "to migrate" } else { "migrated" };
    page.row(
        "Rows",
        format!(
            "{} read, {} {moved}, {} already migrated, {} rejected",
            thousands(counts.read),
            thousands(counts.migrated),
            thousands(counts.already_migrated),
            thousands(counts.rejected)
        ),
    );
    page.row(if dry_run { "To write" } else { "Written" }, written(counts));
    let all = match file {
        Some(file) => AllRejections::File(file),
        None if dry_run => AllRejections::OnRequest,
        None => AllRejections::Table,
    };
    rejections(&mut page, report, all);
    if let Some(text) = incomplete(report) {
        page.row("Incomplete", text);
    }
    for note in &report.notes {
        page.row("Note", note);
    }
    if !report.samples.is_empty() {
        page.heading("Examples, before and after; empty columns are left out; 1 is yes, and 2 is no");
    }
    for sample in &report.samples {
        sample_page(&mut page, sample);
    }
    let seconds = report.elapsed.as_secs_f64();
    let rate = thousands(rate(counts.read, report.elapsed) as u64);
    page.row("Time", format!("{seconds:.1} s, {rate} rows a second"));
    if counts.read >= TIMED {
        page.row("Of that", phases(report));
    }
    if dry_run {
        page.row(
            "Dry run",
            "nothing was written; which rows the target's constraints and triggers would refuse isn't known",
        );
        if let Some(unknown) = report.tables.unknown() {
            page.row("Not known", unknown);
        }
        if !report.permissions.are_complete() {
            let (role, words) = (&report.permissions.role, report.permissions.words());
            page.row("May not", format!("{role} may not migrate: {words}; {}", report.permissions.remedy()));
        }
    }
    page.row("Verdict", Text::verdict(&judgement(report, dry_run)));
    page
}

fn judgement(report: &run::MigrateReport, dry_run: bool) -> String {
    let rejected = plural(report.counts.rejected, "row", "rows");
    match (report.verdict(), report.counts.rejected, dry_run) {
        (Verdict::Clean, _, true) => {
            format!("CLEAN: every row that was read can be migrated; `{MIGRATE}` does it")
        }
        (Verdict::Clean, _, false) => {
            format!("CLEAN: every row that was read is in padealing; `{VERIFY}` proves it")
        }
        (Verdict::Attention, 0, _) => format!("ATTENTION: some rows lack lineage; `{VERIFY}` lists them"),
        (Verdict::Attention, _, true) => {
            format!(
                "ATTENTION: {} can be migrated, {rejected} would be rejected: correct them in the source, or accept that \
                 they are left out; `{MIGRATE}` does it",
                plural(report.counts.migrated, "row", "rows")
            )
        }
        (Verdict::Attention, _, false) => {
            format!(
                "ATTENTION: {rejected} rejected and not in padealing; correct them in the source, and run \
                 `{MIGRATE}` again, or accept that they are left out; `{VERIFY}` proves the others"
            )
        }
    }
}

/// Rows from which on it says something where the time went.
const TIMED: u64 = 10_000;

/// Where the time went, in shares of what the workers had together.
fn phases(report: &run::MigrateReport) -> String {
    let Phases { begin, read, wait, look_up, transform, copy, commit, end } = report.phases;
    let all = (wait + look_up + transform + copy + commit).as_secs_f64();
    let share = |part: Duration, of: f64| format!("{:.0} %", 100.0 * part.as_secs_f64() / of.max(f64::EPSILON));
    let part = |part: Duration| share(part, all);
    format!(
        "of what {} had: COPY {}, COMMIT {}, looking up {}, transforming {}, waiting for rows {}; of the whole: the \
         beginning (examining both sides) {}, the end (sequences, statistics) {}, and beside the work, reading the source {}",
        plural(report.jobs as u64, "worker", "workers"),
        part(copy),
        part(commit),
        part(look_up),
        part(transform),
        part(wait),
        share(begin, report.elapsed.as_secs_f64()),
        share(end, report.elapsed.as_secs_f64()),
        share(read, report.elapsed.as_secs_f64()),
    )
}

/// Characters of a legacy value that a sample shows.
const SAMPLE: usize = 58;

/// What a new column's value can't be understood without: D2 turns one of them round.
fn explained(column: &str) -> &'static str {
    match column {
        "pad_request.insider_info_declaration" => " (the opposite of inside_info_yn)",
        _ => "",
    }
}

/// A row old | new, side by side where that fits, and else one below the other.
fn sample_page(page: &mut Page, sample: &Sample) {
    let cell = |(name, text): &(String, String)| format!("{name} = {text}");
    let short = |cell: String| match cell.char_indices().nth(SAMPLE) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell,
    };
    let old: Vec<String> = sample.old.iter().map(cell).map(short).collect();
    let new: Vec<String> = sample.new.iter().map(|it| cell(it) + explained(&it.0)).collect();
    page.line(0, format!("Legacy row with id {}", sample.source_id));
    let side = |cells: &[String], at: usize| cells.get(at).cloned().unwrap_or_default();
    let rows = (0..old.len().max(new.len())).map(|at| vec![side(&old, at), side(&new, at)]).collect();
    let mut narrow = Page::default();
    for (label, cells) in [("old", &old), ("new", &new)] {
        for (at, cell) in cells.iter().enumerate() {
            narrow.beside(2, 5, if at == 0 { label } else { "" }, cell);
        }
    }
    page.grid_or(2, Grid { rows, gap: 2, ..Grid::default() }, narrow);
    page.blank();
}

/// What `migrate --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct MigrateJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Where padealing is: host, port, database and role.
    pub target: String,
    /// Where the legacy table is.
    pub source: String,
    /// The legacy table.
    pub table: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Rows by what became of them.
    pub counts: MigrateCounts,
    /// Rejected rows by rule; a row counts under each of its rules.
    pub rejected_by_rule: BTreeMap<&'static str, u64>,
    /// What a dry run could not know, since padealing isn't at the current revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_known: Option<String>,
    /// What the connected role lacks to migrate; in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionsJson>,
    /// Rejected rows by rule and field, the largest group first, with examples.
    pub groups: Vec<RejectionGroup>,
    /// The first 1,000 reasons, in id order.
    pub rejections: Vec<RejectedField>,
    /// Rows that an earlier tool migrated with a request's lineage only.
    pub incomplete_lineage: u64,
    /// A few rows old and new; from a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<Vec<SampleJson>>,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// The CSV file, and how it was read; left out if the rows came from a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvSummary>,
    /// How long it took.
    pub seconds: f64,
    /// Legacy rows a second.
    pub rows_per_second: f64,
    /// Workers, each with a session of its own.
    pub jobs: usize,
    /// Seconds by what was done in them, each the sum of all sessions: `begin` (examining both sides),
    /// `read` (the source), `wait` (workers without rows),
    /// `look_up`, `transform`, `copy` (ids and COPY), `commit`, `end` (sequences and statistics).
    pub phases: BTreeMap<&'static str, f64>,
}

/// A row old and new.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct SampleJson {
    /// The legacy row's id.
    pub source_id: i64,
    /// The legacy columns that aren't null.
    #[serde(serialize_with = "as_object")]
    #[cfg_attr(feature = "harness", schemars(with = "BTreeMap<String, String>"))]
    pub old: Vec<(String, String)>,
    /// What they become: `role.column`, and the text.
    #[serde(serialize_with = "as_object")]
    #[cfg_attr(feature = "harness", schemars(with = "BTreeMap<String, String>"))]
    pub new: Vec<(String, String)>,
}

/// Columns in their own order, which a map would lose.
fn as_object<S: serde::Serializer>(cells: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(cells.iter().map(|(name, text)| (name, text)))
}

impl MigrateJson {
    /// What a migration did, or a dry run would do.
    pub fn new(report: &run::MigrateReport, databases: Databases, dry_run: bool) -> Self {
        let samples =
            report.samples.iter().cloned().map(|Sample { source_id, old, new }| SampleJson { source_id, old, new });
        Self {
            head: Head::new("migrate", databases.environment, &report.server_version, report.verdict()),
            target: databases.target,
            source: databases.source,
            table: databases.table,
            dry_run,
            counts: report.counts.clone(),
            rejected_by_rule: report.by_rule.clone(),
            not_known: report.tables.unknown(),
            permissions: dry_run.then(|| PermissionsJson::from(&report.permissions)),
            groups: report.groups.largest_first(),
            rejections: report.rejections.clone(),
            incomplete_lineage: report.incomplete.count,
            samples: dry_run.then(|| samples.collect()),
            notes: report.notes.clone(),
            csv: databases.csv,
            seconds: report.elapsed.as_secs_f64(),
            rows_per_second: rate(report.counts.read, report.elapsed),
            jobs: report.jobs,
            phases: report.phases.named().into_iter().map(|(name, time)| (name, time.as_secs_f64())).collect(),
        }
    }
}
