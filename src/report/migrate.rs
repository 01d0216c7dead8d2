//! What a migration did.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::text::{plural, thousands};
use crate::config::environment::Environment;
use crate::migration::run::{self, IncompleteLineage, MigrateCounts, RejectedField};
use crate::migration::sample::Sample;
use crate::report::layout::{Head, SHOWN, line, rate};

fn by_rule(rules: &BTreeMap<&'static str, u64>) -> String {
    rules.iter().map(|(rule, count)| format!("{rule} {}", thousands(*count))).collect::<Vec<_>>().join(", ")
}

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

pub(crate) fn rejections(out: &mut String, report: &run::MigrateReport) {
    for RejectedField { source_id, reason } in report.rejections.iter().take(SHOWN) {
        let _ = writeln!(out, "  row {source_id}: {} ({})", reason.message, reason.rule);
    }
    if report.rejections.len() > SHOWN {
        let _ = writeln!(out, "  … and more: use --rejects FILE or --format json, or query padealing.migration_reject");
    }
}

fn incomplete(report: &run::MigrateReport) -> Option<String> {
    let IncompleteLineage { count, first } = &report.incomplete;
    (*count > 0).then(|| {
        let ids: Vec<String> = first.iter().map(ToString::to_string).collect();
        format!(
            "{} by an earlier tool without the lineage of its other rows, among them {}; run `pad-migrate verify` to \
             list what is missing",
            plural(*count, "row was migrated", "rows were migrated"),
            ids.join(", ")
        )
    })
}

/// What a migration did, as text.
pub(crate) fn migrate_text(report: &run::MigrateReport, dry_run: bool) -> String {
    let mut out = String::new();
    let counts = &report.counts;
    for sample in &report.samples {
        sample_text(&mut out, sample);
    }
    let moved = if dry_run { "to migrate" } else { "migrated" };
    line(
        &mut out,
        "Rows",
        &format!(
            "{} read, {} {moved}, {} already migrated, {} rejected",
            thousands(counts.read),
            thousands(counts.migrated),
            thousands(counts.already_migrated),
            thousands(counts.rejected)
        ),
    );
    line(&mut out, if dry_run { "To write" } else { "Written" }, &written(counts));
    if !report.by_rule.is_empty() {
        line(&mut out, "Rejected", &by_rule(&report.by_rule));
        rejections(&mut out, report);
    }
    if let Some(text) = incomplete(report) {
        line(&mut out, "Incomplete", &text);
    }
    let seconds = report.elapsed.as_secs_f64();
    line(&mut out, "Time", &format!("{seconds:.1} s, {:.0} rows a second", rate(counts.read, report.elapsed)));
    if dry_run {
        line(&mut out, "Dry run", "nothing was written");
    }
    out
}

fn sample_text(out: &mut String, sample: &Sample) {
    let cell = |cell: Option<&(String, String)>| {
        cell.map_or_else(String::new, |(name, text)| format!("{name} = {}", text.escape_debug()))
    };
    let _ = writeln!(out, "Row {}", sample.source_id);
    for at in 0..sample.old.len().max(sample.new.len()) {
        let (old, new) = (cell(sample.old.get(at)), cell(sample.new.get(at)));
        let mut old: String = old.chars().take(58).collect();
        if old.chars().count() == 58 {
            old.push('…');
        }
        let _ = writeln!(out, "  {}", format!("{old:<60}{new}").trim_end());
    }
    out.push('\n');
}

/// What `migrate --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct MigrateJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Rows by what became of them.
    pub counts: MigrateCounts,
    /// Rejected rows by rule; a row counts under each of its rules.
    pub rejected_by_rule: BTreeMap<&'static str, u64>,
    /// The first 1,000 reasons, in id order.
    pub rejections: Vec<RejectedField>,
    /// Rows that an earlier tool migrated with a request's lineage only.
    pub incomplete_lineage: u64,
    /// A few rows old and new; from a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<Vec<SampleJson>>,
    /// How long it took.
    pub seconds: f64,
    /// Legacy rows a second.
    pub rows_per_second: f64,
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
    pub fn new(report: &run::MigrateReport, environment: Environment, dry_run: bool) -> Self {
        let samples =
            report.samples.iter().cloned().map(|Sample { source_id, old, new }| SampleJson { source_id, old, new });
        Self {
            head: Head::new("migrate", environment, &report.server_version, report.verdict()),
            dry_run,
            counts: report.counts.clone(),
            rejected_by_rule: report.by_rule.clone(),
            rejections: report.rejections.clone(),
            incomplete_lineage: report.incomplete.count,
            samples: dry_run.then(|| samples.collect()),
            seconds: report.elapsed.as_secs_f64(),
            rows_per_second: rate(report.counts.read, report.elapsed),
        }
    }
}
