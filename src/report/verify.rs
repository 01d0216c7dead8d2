//! What a verification found.

use std::fmt::Write as _;

use crate::base::hint::{MIGRATE, ROLLBACK, VERIFY};
use crate::base::outcome::Verdict;
use crate::base::text::{plural, thousands};
use crate::migration::causes::DifferenceGroup;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::difference::Difference;
use crate::migration::run::LISTED;
use crate::migration::verification::{self, Sample};
use crate::report::evidence::Written;
use crate::report::groups;
use crate::report::layout::{Databases, Head, rate};
use crate::report::page::{Page, Text};

pub(crate) fn verified(counts: &verification::VerifyCounts) -> String {
    let mut text = format!(
        "{} of {} verified",
        thousands(counts.verified),
        plural(counts.source - counts.rejected - counts.pending, "migrated row", "migrated rows")
    );
    for (count, what) in [
        (counts.different, "different"),
        (counts.missing, "missing in the target"),
        (counts.rejected, "rejected"),
        (counts.pending, "never tried"),
        (counts.missing_source, "without a legacy row"),
        (counts.extra, "without lineage or claimed twice"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", thousands(count));
        }
    }
    text
}

/// Adds the differences, grouped.
pub(crate) fn differences(page: &mut Page, report: &verification::VerifyReport) {
    if report.total_differences == 0 {
        return;
    }
    let count = plural(report.total_differences, "difference", "differences");
    page.row("Differing", format!("{count}, by field and cause"));
    groups::differences(page, &report.groups);
    if report.total_differences > 1 {
        page.paragraph(2, format!("--format json lists the first {}", thousands(LISTED as u64)));
    }
}

/// What a verification found, as text.
pub(crate) fn verify_page(
    report: &verification::VerifyReport,
    databases: &Databases,
    written: Option<&Written>,
) -> Page {
    let mut page = Page::default();
    databases.rows(&mut page, &report.server_version);
    let rows = match report.sample {
        None => format!("{} in the source", thousands(report.counts.source)),
        Some(Sample { rows, of }) => {
            format!("{} of {} in the source, chosen at random", thousands(rows), thousands(of))
        }
    };
    page.row("Rows", format!("{rows}: {}", verified(&report.counts)));
    differences(&mut page, report);
    for note in &report.notes {
        page.row("Note", note);
    }
    written.into_iter().for_each(|it| it.rows(&mut page));
    let seconds = report.elapsed.as_secs_f64();
    let rate = thousands(rate(report.counts.source, report.elapsed) as u64);
    page.row("Time", format!("{seconds:.1} s, {rate} rows a second"));
    page.row("Verdict", Text::verdict(&judgement(&report.counts, report.shared, report.sample)));
    page
}

fn judgement(counts: &verification::VerifyCounts, shared: u64, sample: Option<Sample>) -> String {
    if counts.is_clean() {
        if sample.is_some() {
            return format!(
                "CLEAN: every migrated row of the sample is what its legacy row gives, and gives it back; `{VERIFY}` \
                 without --sample looks at all rows, and for lineage and rows that no legacy row explains"
            );
        }
        let left_out = match counts.rejected {
            0 => String::new(),
            1 => "; 1 legacy row was rejected and is not in padealing".to_owned(),
            rejected => format!("; {} legacy rows were rejected and are not in padealing", thousands(rejected)),
        };
        return format!("CLEAN: every migrated row is what its legacy row gives, and gives it back{left_out}");
    }
    let mut actions = Vec::new();
    if shared > 0 {
        actions.push(format!(
            "{} several legacy rows, of which one was migrated while it was alone: give each legacy row an id of its own, the \
             one that was migrated the id that it has, and run `{MIGRATE}`",
            plural(shared, "id is that of", "ids are those of")
        ));
    }
    if counts.different + counts.missing + counts.missing_source + counts.extra > shared {
        actions.push(format!(
            "padealing differs from what the legacy rows give: find out which of both was changed since. What was \
                 changed on purpose stays so; migrate never rewrites a migrated row. Where the legacy row was changed, \
                 roll it back with `{ROLLBACK} --source-id N` and run `{MIGRATE}`; correct the rest by hand or from a \
                 backup, and run `{VERIFY}` again"
        ));
    }
    if counts.pending > 0 {
        actions.push(format!("run `{MIGRATE}` for the rows that were never tried"));
    }
    format!("ATTENTION: {}", actions.join("; "))
}

/// What `verify --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct VerifyJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Where padealing is: host, port, database and role.
    pub target: String,
    /// Where the legacy table is.
    pub source: String,
    /// The legacy table.
    pub table: String,
    /// Rows by what was found.
    pub counts: verification::VerifyCounts,
    /// How much of the source was looked at; left out without `--sample`, or if that was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// All differences by target, field and cause, the largest group first, with examples.
    pub groups: Vec<DifferenceGroup>,
    /// The first 1,000 differences, in id order.
    pub differences: Vec<Difference>,
    /// How many differences there are.
    pub differences_total: u64,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// The CSV file, and how it was read; left out if the rows came from a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvSummary>,
    /// The evidence that was written; left out without `--evidence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Written>,
    /// How long it took.
    pub seconds: f64,
    /// Legacy rows a second.
    pub rows_per_second: f64,
}

impl VerifyJson {
    /// What a verification found.
    pub fn new(report: &verification::VerifyReport, databases: Databases, evidence: Option<Written>) -> Self {
        let verdict = Verdict::clean_if(report.counts.is_clean());
        Self {
            head: Head::new("verify", databases.environment, &report.server_version, verdict),
            target: databases.target,
            source: databases.source,
            table: databases.table,
            counts: report.counts.clone(),
            sample: report.sample,
            groups: report.groups.largest_first(),
            differences: report.differences.clone(),
            differences_total: report.total_differences,
            notes: report.notes.clone(),
            csv: databases.csv,
            evidence,
            seconds: report.elapsed.as_secs_f64(),
            rows_per_second: rate(report.counts.source, report.elapsed),
        }
    }
}
