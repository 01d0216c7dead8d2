//! A rehearsal's summary.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::outcome::Verdict;
use crate::base::text::{plural, thousands};
use crate::checks::integrity::outcome::Integrity;
use crate::config::environment::Environment;
use crate::migration::causes::DifferenceGroup;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::difference::Difference;
use crate::migration::groups::RejectionGroup;
use crate::migration::identity::SourceIdentity;
use crate::migration::run::{self, LISTED, RejectedField};
use crate::migration::verification;
use crate::report::drift;
use crate::report::drift::json::{DriftCounts, FindingJson, findings};
use crate::report::groups::{AllRejections, rejections};
use crate::report::integrity::{self, IntegrityCheckJson};
use crate::report::layout::{Head, SHOWN, csv_rows};
use crate::report::migrate::by_table;
use crate::report::page::{Page, Text};
use crate::report::planted::Planted;
use crate::report::verify::{differences, verified};
use crate::schema::drift::finding::Severity;
use crate::schema::drift::outcome::Drift;

/// One step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// What it did, in a few words.
    pub text: String,
    /// How long it took; none if it was not run.
    pub elapsed: Option<Duration>,
}

/// How rejections differ from the expected ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unexpected {
    /// The first sentences, [`LISTED`] of them.
    pub first: Vec<String>,
    /// How many there are.
    pub total: u64,
}

impl Unexpected {
    /// Adds a sentence.
    pub fn add(&mut self, sentence: String) {
        self.total += 1;
        if self.first.len() < LISTED {
            self.first.push(sentence);
        }
    }
}

/// A whole rehearsal.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The environment of the run; the server itself belongs to none.
    pub environment: Environment,
    /// `server_version` of the ephemeral server.
    pub server_version: String,
    /// What ran the server.
    pub provider: String,
    /// Which server was taken, and why not another.
    pub server: String,
    /// Where the legacy rows came from.
    pub source: String,
    /// The same, so that it is found again.
    pub source_identity: SourceIdentity,
    /// The revisions that were applied: number and name.
    pub revisions: Vec<(&'static str, &'static str)>,
    /// What the migration did.
    pub migrated: run::MigrateReport,
    /// What the verification found.
    pub verified: verification::VerifyReport,
    /// How the rejections differ from the expected ones; none if nothing was expected.
    pub unexpected: Option<Unexpected>,
    /// How the schemas differ from what they should be, at the end.
    pub drift: Drift,
    /// What the integrity checks found, at the end.
    pub integrity: Integrity,
    /// What became of the faults that were planted on purpose.
    pub planted: Planted,
    /// What was done when.
    pub phases: Vec<Phase>,
}

impl Rehearsal {
    /// Clean if every row is accounted for: migrated and verified, or rejected as expected; if nothing has drifted and no
    /// integrity check finds anything; and if every planted fault was found.
    pub fn verdict(&self) -> Verdict {
        let rejected = self.migrated.counts.rejected;
        let expected = self.unexpected.as_ref().map_or(rejected == 0, |it| it.total == 0);
        Verdict::clean_if(expected && self.verified.counts.is_clean() && self.is_in_order())
    }

    fn drifted(&self) -> Verdict {
        drift::verdict(&self.drift, Severity::Warning)
    }

    fn is_in_order(&self) -> bool {
        [self.drifted(), self.integrity.verdict(), self.planted.verdict()].iter().all(|it| *it == Verdict::Clean)
    }

    fn judgement(&self) -> String {
        let counts = &self.migrated.counts;
        match self.verdict() {
            Verdict::Clean if counts.rejected == 0 => {
                "CLEAN: every legacy row was migrated, and can be restored from what is stored".to_owned()
            }
            Verdict::Clean => "CLEAN: every legacy row was migrated and verified, or rejected as expected".to_owned(),
            Verdict::Attention => {
                let mut reasons = Vec::new();
                match &self.unexpected {
                    Some(Unexpected { total, .. }) if *total > 0 => {
                        reasons.push(plural(*total, "unexpected outcome", "unexpected outcomes"));
                    }
                    None if counts.rejected > 0 => {
                        reasons.push(format!("{} rejected", plural(counts.rejected, "row was", "rows were")));
                    }
                    _ => {}
                }
                if !self.verified.counts.is_clean() {
                    reasons.push("the verification found differences".to_owned());
                }
                if self.drifted() == Verdict::Attention {
                    reasons.push("the schemas have drifted".to_owned());
                }
                if self.integrity.verdict() == Verdict::Attention {
                    reasons.push("integrity checks fail or warn".to_owned());
                }
                if self.planted.verdict() == Verdict::Attention {
                    reasons.push("verify missed a planted fault, or named a row without one".to_owned());
                }
                format!("ATTENTION: {}", reasons.join(", and "))
            }
        }
    }

    fn unexpected(&self, page: &mut Page) {
        let Some(unexpected) = &self.unexpected else { return };
        for sentence in unexpected.first.iter().take(SHOWN) {
            page.paragraph(2, format!("unexpected: {sentence}"));
        }
        if unexpected.total > SHOWN as u64 {
            let more = thousands(unexpected.total - SHOWN as u64);
            page.paragraph(2, format!("… and {more} more; --format json lists the first {}", thousands(LISTED as u64)));
        }
    }

    /// The summary for people. `file` has all rejections, if there is one.
    pub fn page(&self, file: Option<&str>) -> Page {
        let mut page = Page::default();
        let counts = &self.migrated.counts;
        page.row("Server", &self.server);
        match &self.migrated.csv {
            Some(csv) => csv_rows(&mut page, csv),
            None => page.row("Source", &self.source),
        }
        let names: Vec<String> = self.revisions.iter().map(|(number, name)| format!("{number} {name}")).collect();
        page.row("Revisions", format!("{} applied", names.len()));
        for name in names {
            page.paragraph(2, name);
        }
        let rejected = match &self.unexpected {
            Some(Unexpected { total: 0, .. }) => " (as expected)",
            _ => "",
        };
        page.row(
            "Rows",
            format!(
                "{} read, {} migrated, {} rejected{rejected}",
                thousands(counts.read),
                thousands(counts.migrated),
                thousands(counts.rejected)
            ),
        );
        rejections(&mut page, &self.migrated, file.map_or(AllRejections::OnRequest, AllRejections::File));
        self.unexpected(&mut page);
        for note in &self.migrated.notes {
            page.row("Note", note);
        }
        page.row("Written", "rows by target table");
        for (table, count) in by_table(counts) {
            page.line(2, format!("{table:<24}{:>10}", thousands(count)));
        }
        page.row("Verified", verified(&self.verified.counts));
        differences(&mut page, &self.verified);
        page.row("Drift", format!("{}, compared with {}", drift::summary(&self.drift), self.drift.expected));
        for it in self.drift.findings.iter().filter(|it| it.severity >= Severity::Warning).take(SHOWN) {
            let finding = format!("{} {} {}: {}", it.severity, it.kind(), it.object(), it.remedy.advice);
            page.paragraph(2, finding.trim_end_matches(": "));
            page.statements(4, "", &it.remedy.sql);
        }
        page.row("Integrity", integrity::verdict(&self.integrity));
        integrity::summary(&mut page, &self.integrity);
        self.planted.page(&mut page);
        page.row("Phases", "");
        for phase in &self.phases {
            let time = phase.elapsed.map_or("not checked".to_owned(), |it| format!("{:.2} s", it.as_secs_f64()));
            page.beside(2, 26, format!("{:<12}{time:>12}", phase.name), &phase.text);
        }
        page.row("Verdict", Text::verdict(&self.judgement()));
        page
    }
}

/// What `rehearse --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RehearseJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// What ran the server.
    pub provider: String,
    /// Which server was taken, and why not another.
    pub server: String,
    /// Where the legacy rows came from.
    pub source: String,
    /// The same, so that the gate finds out whether they are the rows of a cutover.
    pub source_identity: SourceIdentity,
    /// The CSV file, and how it was read; left out if the rows came from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvSummary>,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// The numbers of the revisions that were applied.
    pub revisions: Vec<&'static str>,
    /// Rows by what the migration did with them.
    pub counts: run::MigrateCounts,
    /// Rejected rows by rule; a row counts under each of its rules.
    pub rejected_by_rule: BTreeMap<&'static str, u64>,
    /// Rejected rows by rule and field, the largest group first, with examples.
    pub groups: Vec<RejectionGroup>,
    /// The first 1,000 reasons for rejections, in id order.
    pub rejections: Vec<RejectedField>,
    /// The first 1,000 sentences about how rejections differ from the expected ones; null if nothing was expected.
    pub unexpected: Option<Vec<String>>,
    /// How many of them there are.
    pub unexpected_total: Option<u64>,
    /// Rows by what the verification found.
    pub verify: verification::VerifyCounts,
    /// Differences by target, field and cause, the largest group first, with examples.
    pub difference_groups: Vec<DifferenceGroup>,
    /// The first 1,000 differences, in id order.
    pub differences: Vec<Difference>,
    /// How many findings of drift there are of each severity.
    pub drift: DriftCounts,
    /// The findings, as `drift --format json` has them.
    pub findings: Vec<FindingJson>,
    /// The integrity checks, as `integrity --format json` has them.
    pub checks: Vec<IntegrityCheckJson>,
    /// The faults that were planted on purpose in a database of their own, and what became of them.
    pub planted: Planted,
    /// What was done when.
    pub phases: Vec<PhaseJson>,
    /// The verdict in a sentence.
    pub verdict: String,
}

/// One step of a rehearsal.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PhaseJson {
    /// Its name.
    pub name: &'static str,
    /// `done`, or `not checked`.
    pub status: &'static str,
    /// How long it took; null if it was not run.
    pub seconds: Option<f64>,
}

impl RehearseJson {
    /// A rehearsal's summary.
    pub fn new(rehearsal: &Rehearsal) -> Self {
        let Rehearsal { migrated, verified, unexpected, drift, .. } = rehearsal;
        let phases = rehearsal.phases.iter().map(|phase| PhaseJson {
            name: phase.name,
            status: if phase.elapsed.is_some() { "done" } else { "not checked" },
            seconds: phase.elapsed.map(|elapsed| elapsed.as_secs_f64()),
        });
        Self {
            head: Head::new("rehearse", rehearsal.environment, &rehearsal.server_version, rehearsal.verdict()),
            provider: rehearsal.provider.clone(),
            server: rehearsal.server.clone(),
            source: rehearsal.source.clone(),
            source_identity: rehearsal.source_identity.clone(),
            csv: migrated.csv.clone(),
            notes: migrated.notes.clone(),
            revisions: rehearsal.revisions.iter().map(|(number, _)| *number).collect(),
            counts: migrated.counts.clone(),
            rejected_by_rule: migrated.by_rule.clone(),
            groups: migrated.groups.largest_first(),
            rejections: migrated.rejections.clone(),
            unexpected: unexpected.as_ref().map(|unexpected| unexpected.first.clone()),
            unexpected_total: unexpected.as_ref().map(|unexpected| unexpected.total),
            verify: verified.counts.clone(),
            difference_groups: verified.groups.largest_first(),
            differences: verified.differences.clone(),
            drift: DriftCounts::of(drift),
            findings: findings(drift),
            checks: integrity::checks_json(&rehearsal.integrity),
            planted: rehearsal.planted.clone(),
            phases: phases.collect(),
            verdict: rehearsal.judgement(),
        }
    }
}
