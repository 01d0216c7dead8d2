//! The document of an environment: everything that is known of its migration.

use crate::base::outcome::Verdict;
use crate::base::text::{list, plural};
use crate::checks::check::{Check, Status};
use crate::ledger::revisions::ALL;
use crate::migration::recorded::Recorded;
use crate::migration::standing::Known;
use crate::migration::verification::VerifyReport;
use crate::report::checks::CheckJson;
use crate::report::document::block::{Block, Fact, Section};
use crate::report::document::sections::issues::{Issues, left_out};
use crate::report::document::sections::runs::{Timed, migrated, times};
use crate::report::document::sections::{checks, decisions, ends, rejections, rows, runs, schema};
use crate::report::document::words::capitalised;
use crate::report::document::{ABOUT, AccountingJson, Making, ReportJson, program};
use crate::report::drift::json::DriftJson;
use crate::report::integrity::IntegrityJson;
use crate::report::layout::{Databases, Head};
use crate::report::plan::json::PlanJson;
use crate::report::status::StatusJson;
use crate::schema::drift::exceptions::CheckException;

/// Everything that was found. What could not be found out is a sentence that says why.
#[derive(Debug)]
pub struct Found<'a> {
    /// How the document is made.
    pub making: &'a Making,
    /// Where the rows are.
    pub databases: &'a Databases,
    /// The history of the schema.
    pub status: &'a StatusJson,
    /// Both sides, compared row by row.
    pub verify: Known<VerifyReport>,
    /// The schema, compared with what was agreed.
    pub drift: Known<DriftJson>,
    /// The stored rows.
    pub integrity: Known<IntegrityJson>,
    /// The environment.
    pub examined: &'a [Check],
    /// What would be changed.
    pub plan: Known<PlanJson>,
    /// Runs and rejections on record.
    pub recorded: &'a Recorded,
    /// Exceptions that let rows stay rejected; none if no file of exceptions was given.
    pub exceptions: Option<&'a [CheckException]>,
}

impl Found<'_> {
    /// What needs attention, a clause each.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        match &self.verify {
            Err(_) => reasons.push("the rows could not be compared".to_owned()),
            Ok(report) => {
                let counts = &report.counts;
                let wrong = counts.different + counts.missing + counts.missing_source + counts.extra;
                if wrong > 0 {
                    reasons.push(plural(wrong, "row differs", "rows differ"));
                }
                if counts.pending > 0 {
                    reasons.push(plural(counts.pending, "row was never tried", "rows were never tried"));
                }
                let accepted = self.recorded.rejections.as_ref().map_or(0, |it| it.accepted);
                reasons.extend(left_out(counts.rejected.saturating_sub(accepted)));
            }
        }
        if !self.status.pending.is_empty() {
            reasons.push("revisions of the schema are left to apply".to_owned());
        }
        match &self.drift {
            Err(_) => reasons.push("the schema could not be compared".to_owned()),
            Ok(drift) if drift.counts.breaking + drift.counts.warning > 0 => {
                reasons.push("the schema differs from what was agreed".to_owned());
            }
            Ok(_) => {}
        }
        match &self.integrity {
            Err(_) => reasons.push("the stored rows could not be checked".to_owned()),
            Ok(found) => {
                let of = |status| found.checks.iter().filter(|it| it.check.status == status).count();
                if of(Status::Fail) + of(Status::Warn) > 0 {
                    reasons.push("checks of the stored rows failed or warn".to_owned());
                }
            }
        }
        reasons
    }

    /// Attention if there is a reason.
    pub fn verdict(&self) -> Verdict {
        Verdict::clean_if(self.reasons().is_empty())
    }

    /// The document.
    pub fn document(&self) -> ReportJson {
        let (databases, making) = (self.databases, self.making);
        let reasons = self.reasons();
        let accounting = self.verify.as_ref().ok().map(|it| AccountingJson::of(&it.counts));
        let word = if reasons.is_empty() { "Complete" } else { "Needs attention" };
        let findings = self.drift.as_ref().map_or(&[][..], |it| &it.excepted[..]);
        let checks = self.integrity.as_ref().map(|it| &it.checks[..]).map_err(Clone::clone);
        let sections = vec![
            self.result(word, &reasons, accounting),
            self.origin(),
            self.rows(),
            rejections::recorded(&self.recorded.rejections, making.personal_data),
            checks::exceptions(findings, &checks, self.exceptions),
            ends::proof(self.verify.is_ok()),
            ends::unchecked(self.unchecked()),
            self.schema(),
            runs::section(&self.recorded.runs),
            checks::section(&checks),
            checks::scenarios(&checks),
            self.times(),
            self.issues(),
            decisions::section(),
            ends::signatures(
                making,
                &accounting.map_or(format!("{word}."), |counts| format!("{word}. {}", rows::sum(counts))),
                "Is the migration accepted as this document describes it?",
            ),
        ];
        let verdict = Verdict::clean_if(reasons.is_empty());
        ReportJson {
            head: Head::new(
                "report",
                databases.environment,
                self.status.head.server_version.as_deref().unwrap_or_default(),
                verdict,
            ),
            title: format!("Migration of personal account dealing, environment {}", databases.environment),
            about: format!(
                "{ABOUT} This document says what became of each row, how that was checked, and what was not checked."
            ),
            made_at: making.made_at.clone(),
            program: program(),
            personal_data: making.personal_data,
            verdict: format!(
                "{word}{}",
                if reasons.is_empty() { String::new() } else { format!(": {}", list(&reasons)) }
            ),
            accounting,
            sections,
        }
    }

    fn result(&self, word: &str, reasons: &[String], accounting: Option<AccountingJson>) -> Section {
        let mut section = Section::new("result", "Result");
        let left_out = accounting.map_or(0, |it| it.rejected);
        let text = match (reasons.is_empty(), left_out) {
            (true, 0) => {
                "Every row of the legacy table is in the new database, unchanged, and nothing that was checked is open."
                    .to_owned()
            }
            (true, accepted) => format!(
                "Every row of the legacy table is in the new database, unchanged, but for {}, which an exception \
                 accepts. Nothing else that was checked is open.",
                plural(accepted, "row that was rejected", "rows that were rejected")
            ),
            (false, _) => format!("{}. “Known issues” says what resolves each.", capitalised(&reasons.join("; "))),
        };
        section.push(Block::Verdict { good: reasons.is_empty(), word: word.to_owned(), text });
        if let Some(accounting) = accounting {
            section.push(rows::equation(accounting));
            section.push(rows::meaning());
        }
        if let Ok(report) = &self.verify {
            section.text(rows::sentence(&report.counts));
        }
        section
    }

    fn origin(&self) -> Section {
        let databases = self.databases;
        let place = |text: &str| text.replace('`', "'");
        let mut facts = vec![
            Fact::new("Environment", databases.environment.as_str()),
            Fact::new(
                "Server",
                format!("PostgreSQL {}", self.status.head.server_version.as_deref().unwrap_or("of an unknown version")),
            ),
        ];
        match &databases.csv {
            Some(csv) => facts.extend(ends::file(csv)),
            None => {
                facts.push(Fact::new("Legacy table", place(&databases.table)));
                facts.push(Fact::new("From (host, database, role)", place(&databases.source)));
            }
        }
        facts.push(Fact::new("To (host, database, role)", place(&databases.target)));
        facts.push(Fact::new("New schema", "`padealing`"));
        if let Ok(runs) = &self.recorded.runs {
            let mut roles: Vec<&str> = runs.newest.iter().map(|it| &*it.role).collect();
            roles.sort_unstable();
            roles.dedup();
            if let (Some(last), Some(first)) = (runs.newest.first(), runs.newest.last()) {
                let span = format!(
                    "{} UTC to {} UTC",
                    first.started_at,
                    last.finished_at.as_ref().unwrap_or(&last.started_at)
                );
                facts.push(Fact::new("Migrated", span));
                facts.push(Fact::new("By the database role", place(&list(roles))));
            }
        }
        let current = self.status.current.map_or("none".to_owned(), str::to_owned);
        facts.push(Fact::new("Revision of the schema", current));
        ends::origin(self.making, facts)
    }

    fn rows(&self) -> Section {
        let report = self.verify.as_ref().ok();
        let accounting = report.and_then(|it| it.accounting.as_ref());
        let tables: Vec<(&str, u64)> =
            accounting.map(|it| it.tables.iter().map(|(name, count)| (*name, *count)).collect()).unwrap_or_default();
        rows::section(report.map(|it| &it.counts), accounting, &tables, self.making.personal_data)
    }

    fn schema(&self) -> Section {
        schema::section(&schema::Known {
            history: Some(&self.status.history),
            revisions: applied(self.status),
            pending: self.status.pending.iter().map(|it| format!("{} {}", it.revision, it.name)).collect(),
            findings: self.drift.as_ref().map(|it| &it.findings[..]).map_err(Clone::clone),
            plan: Some(self.plan.as_ref().map_err(Clone::clone)),
        })
    }

    fn times(&self) -> Section {
        let mut all: Vec<Timed> = Vec::new();
        all.extend(self.recorded.runs.as_ref().ok().and_then(migrated));
        let mut pending = None;
        if let Ok(report) = &self.verify {
            pending = Some(report.counts.pending);
            let rows = Some(report.counts.source);
            all.push(Timed { what: "Comparison of every row".to_owned(), seconds: report.elapsed.as_secs_f64(), rows });
        }
        times(&all, pending)
    }

    fn issues(&self) -> Section {
        let mut issues = Issues::new();
        if let Ok(report) = &self.verify {
            issues.of_rows(&report.counts, &report.groups.largest_first());
        }
        if let Ok(found) = &self.recorded.rejections {
            issues.of_rejections(found);
        }
        if let Ok(runs) = &self.recorded.runs {
            issues.of_runs(runs);
        }
        if let Ok(drift) = &self.drift {
            issues.of_schema(&drift.findings);
        }
        if let Ok(found) = &self.integrity {
            issues.of_checks(&found.checks);
        }
        issues.of_unknown(&self.examined.iter().map(CheckJson::new).collect::<Vec<_>>());
        issues.section()
    }

    /// What could not be checked this time.
    fn unchecked(&self) -> Vec<String> {
        let mut items = Vec::new();
        let sentence = |what: &str, why: &str| format!("{what}: {}.", why.trim_end_matches('.'));
        if let Err(why) = &self.verify {
            items.push(sentence("The rows were not compared", why));
        }
        if let Err(why) = &self.drift {
            items.push(sentence("The schema was not compared", why));
        }
        if let Err(why) = &self.plan {
            items.push(sentence("What would be changed now is not known", why));
        }
        if let Err(why) = &self.recorded.runs {
            items.push(sentence("The runs are not known", why));
        }
        if let Err(why) = &self.recorded.rejections {
            items.push(sentence("The rejected rows are not known one by one", why));
        }
        match &self.integrity {
            Err(why) => items.push(sentence("The stored rows were not checked", why)),
            Ok(found) => {
                let skipped = found.checks.iter().filter(|it| it.check.status == Status::Skip);
                items.extend(
                    skipped
                        .map(|it| sentence(&format!("The check `{}` was not made", it.check.name), &it.check.message)),
                );
            }
        }
        if let Ok(report) = &self.verify {
            items.push(OWN.to_owned());
            items.extend(report.notes.iter().map(|it| capitalised(&format!("{}.", it.trim_end_matches('.')))));
        }
        items
    }
}

/// Columns of what the migration keeps for itself, of which the legacy table has nothing.
const OWN: &str = "In the table `migration_mapping`, which says what came from which legacy row: the number of each \
                   line and when it was written. The legacy table has neither.";

/// The numbers of the revisions that count as applied.
fn applied(status: &StatusJson) -> Vec<String> {
    let current = status.current.unwrap_or_default();
    let is_skipped = |number: &str| status.skipped.iter().any(|it| it.revision == number);
    let numbers = ALL.iter().map(|it| it.number);
    numbers.filter(|it| *it <= current && !is_skipped(it)).map(str::to_owned).collect()
}
