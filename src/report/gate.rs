//! The gate's decision as a page, as JSON and as JUnit.

use std::time::Duration;

use jiff::civil::DateTime;

use crate::base::outcome::Verdict;
use crate::base::text::plural;
use crate::checks::check::{Check, Status};
use crate::checks::gate::{Bound, Decision, Gate, Stage};
use crate::config::environment::Environment;
use crate::migration::csv::summary::CsvSummary;
use crate::report::checks::{CheckJson, checks_junit, checks_page};
use crate::report::layout::{Head, csv_rows};
use crate::report::page::{Page, Text};

/// What `gate --format json` prints, also when there was no session.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct GateJson {
    /// The fields that every command's JSON begins with; the outcome is `failed` if there was no session.
    #[serde(flatten)]
    pub head: Head,
    /// Why there was no session, if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Host, port, database and role.
    pub place: String,
    /// Before or after the cutover.
    pub stage: Stage,
    /// GO or NO-GO.
    pub verdict: Decision,
    /// When it was decided, in UTC.
    pub decided_at: String,
    /// Until when a GO holds, in UTC; null for a NO-GO.
    pub valid_until: Option<String>,
    /// What the decision is about. It says nothing about any other program, catalog or plan.
    pub bound_to: Bound,
    /// The file, if the legacy rows come from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvSummary>,
    /// Names of the checks that close the gate, in the order in which a person mends them.
    pub reasons: Vec<&'static str>,
    /// All checks. One that is skipped could not be made, and closes the gate.
    pub checks: Vec<CheckJson>,
    /// How long it took.
    pub seconds: f64,
}

/// A moment to the second, in UTC, as ISO 8601 writes it.
fn moment(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl GateJson {
    /// A decision.
    pub fn new(gate: &Gate) -> Self {
        let mut head = Head::new("gate", gate.environment, "", verdict(gate));
        head.server_version = gate.server_version.clone();
        if gate.failure.is_some() {
            head.outcome = "failed";
        }
        Self {
            head,
            error: gate.failure.clone(),
            place: gate.place.clone(),
            stage: gate.stage,
            verdict: gate.decision(),
            decided_at: moment(gate.decided_at),
            valid_until: gate.valid_until().map(moment),
            bound_to: gate.bound.clone(),
            csv: gate.csv.clone(),
            reasons: gate.reasons().map(|it| it.name).collect(),
            checks: gate.checks.iter().map(CheckJson::new).collect(),
            seconds: gate.elapsed.as_secs_f64(),
        }
    }
}

/// Attention for a NO-GO.
pub fn verdict(gate: &Gate) -> Verdict {
    Verdict::clean_if(gate.decision() == Decision::Go)
}

/// The decision in a sentence.
fn conclusion(gate: &Gate) -> String {
    let question = match gate.stage {
        Stage::Before => "the cutover may begin",
        Stage::After => "the application may be opened",
    };
    let reasons = gate.reasons().count() as u64;
    match gate.decision() {
        Decision::Go => {
            let until = gate.valid_until().map(moment).unwrap_or_default();
            let warnings = gate.checks.iter().filter(|it| it.status == Status::Warn).count() as u64;
            let weigh = match warnings {
                0 => String::new(),
                some => format!(", if you accept {}", plural(some, "warning", "warnings")),
            };
            format!("GO: {question} until {until}{weigh}")
        }
        Decision::NoGo => {
            let question = question.replace(" may ", " may not ");
            format!("NO-GO: {question}; {}", plural(reasons, "reason", "reasons"))
        }
    }
}

/// As a page: what closes the gate comes first, numbered in the order in which to mend it.
pub fn page(gate: &Gate) -> Page {
    let mut page = Page::default();
    page.address("Target", &gate.place);
    let server = gate.server_version.as_deref().map_or("not reached".to_owned(), |it| format!("PostgreSQL {it}"));
    page.row("Server", format!("{server}, environment {}", gate.environment));
    if let Some(csv) = &gate.csv {
        csv_rows(&mut page, csv);
    }
    page.row("Stage", gate.stage.as_str());
    let reasons: Vec<&Check> = gate.reasons().collect();
    if !reasons.is_empty() {
        page.heading("What closes the gate, in the order in which to mend it");
        checks_page(&mut page, &reasons, &[]);
    }
    let with = |status: Status| gate.checks.iter().filter(|it| it.status == status).collect::<Vec<&Check>>();
    for (heading, status) in [("Warnings", Status::Warn), ("Passed", Status::Pass)] {
        let checks = with(status);
        if !checks.is_empty() {
            page.heading(heading);
            checks_page(&mut page, &checks, &[]);
        }
    }
    page.blank();
    let Bound { program, catalog, plan, row_root, csv_sha256 } = &gate.bound;
    page.row("Bound to", program);
    for (what, hash) in [("catalog", catalog), ("plan", plan), ("row root", row_root)] {
        page.labelled(2, format!("{what:<10}"), hash.as_deref().unwrap_or("none"));
    }
    if let Some(hash) = csv_sha256 {
        page.labelled(2, format!("{:<10}", "CSV file"), hash);
    }
    page.row("Took", words(gate.elapsed));
    page.row("Verdict", Text::verdict(&conclusion(gate)));
    page
}

fn words(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// What `gate --check-flags --format json` prints where nothing is wrong with the flags: nothing was decided.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct FlagsJson {
    /// The fields that every command's JSON begins with; no server was reached.
    #[serde(flatten)]
    pub head: Head,
    /// That only the flags, and the files that they name, were looked at.
    pub flags_checked: bool,
}

impl FlagsJson {
    /// That they are good.
    pub fn new(environment: Environment) -> Self {
        let head = Head { server_version: None, ..Head::new("gate", environment, "", Verdict::Clean) };
        Self { head, flags_checked: true }
    }
}

/// The same as JUnit: one case.
pub fn flags_junit() -> Result<String, quick_junit::SerializeError> {
    let check = Check::new("flags", Status::Pass, "nothing is wrong with the flags and the files that they name");
    checks_junit("gate flags", [check].iter())
}

/// As JUnit: a case for each check.
pub fn junit(gate: &Gate) -> Result<String, quick_junit::SerializeError> {
    // A check that could not be made closes the gate: a CI system must not take it for one that was left out.
    let closing = |it: &Check| match it.status {
        Status::Skip => Check { status: Status::Fail, ..it.clone() },
        Status::Warn => Check { status: Status::Pass, ..it.clone() },
        _ => it.clone(),
    };
    let checks: Vec<Check> = gate.checks.iter().map(closing).collect();
    checks_junit(&format!("gate {}", gate.stage.as_str()), checks.iter())
}
