//! Integrity checks as a page for people, as JSON for scripts and as JUnit; and the catalogue of the checks.

use crate::base::text::plural;
use crate::checks::check::{Check, Status};
use crate::checks::integrity::Definition;
use crate::checks::integrity::header::{Rows, Severity};
use crate::checks::integrity::outcome::{Integrity, Outcome};
use crate::report::checks::{CheckJson, checks_junit, checks_page, conclusion, tone};
use crate::report::layout::Head;
use crate::report::page::{Page, Text};

/// What `integrity --format json` prints.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct IntegrityJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// Every check that was asked for, and `exceptions` where there is a file of them.
    pub checks: Vec<IntegrityCheckJson>,
    /// How many rows are odd as in the legacy table. They fail no check.
    pub as_in_source: u64,
    /// The verdict in a sentence.
    pub verdict: String,
}

/// An integrity check in JSON.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct IntegrityCheckJson {
    /// Name, status, message, and the first rows.
    #[serde(flatten)]
    pub check: CheckJson,
    /// What the check is when rows are wrong: `fail` or `warn`.
    pub severity: &'static str,
    /// The acceptance scenarios of which it is a validation query.
    pub scenarios: Vec<u8>,
    /// How many rows are wrong, also those that are not shown.
    pub total: u64,
    /// How many are odd as in the legacy table.
    pub as_in_source: u64,
    /// How many an exception accepts.
    pub excepted: u64,
    /// The names of the exceptions that accept something.
    pub exceptions: Vec<String>,
}

impl IntegrityCheckJson {
    fn new(outcome: &Outcome) -> Self {
        let Outcome { definition, check, found, accepted_by, .. } = outcome;
        Self {
            check: CheckJson::new(check),
            severity: severity(definition),
            scenarios: definition.header.scenarios.clone(),
            total: found.counted,
            as_in_source: found.as_in_source,
            excepted: found.excepted,
            exceptions: accepted_by.iter().map(|it| it.name.clone()).collect(),
        }
    }

    /// The check of the exceptions.
    fn of_exceptions(check: &Check) -> Self {
        Self {
            check: CheckJson::new(check),
            severity: Status::Warn.as_str(),
            scenarios: Vec::new(),
            total: check.table.rows.len() as u64,
            as_in_source: 0,
            excepted: 0,
            exceptions: Vec::new(),
        }
    }
}

/// The checks in JSON, for a report of its own or of more.
pub(crate) fn checks_json(integrity: &Integrity) -> Vec<IntegrityCheckJson> {
    let outcomes = integrity.outcomes.iter().map(IntegrityCheckJson::new);
    outcomes.chain(integrity.exceptions.iter().map(IntegrityCheckJson::of_exceptions)).collect()
}

impl IntegrityJson {
    /// What was found.
    pub fn new(integrity: &Integrity) -> Self {
        let Integrity { environment, server_version, place, .. } = integrity;
        Self {
            head: Head::new("integrity", *environment, server_version, integrity.verdict()),
            place: place.clone(),
            checks: checks_json(integrity),
            as_in_source: integrity.as_in_source().0,
            verdict: verdict(integrity),
        }
    }
}

fn severity(definition: &Definition) -> &'static str {
    match definition.header.severity {
        Severity::Fail => Status::Fail.as_str(),
        Severity::Warn => Status::Warn.as_str(),
    }
}

/// The verdict in a sentence, with what weighs less.
pub(crate) fn verdict(integrity: &Integrity) -> String {
    let text = conclusion(integrity.checks().into_iter());
    match integrity.as_in_source() {
        (0, _) => text,
        (rows, checks) => {
            let rows = plural(rows, "row is", "rows are");
            format!("{text}; {rows} odd as in the legacy table ({})", plural(checks, "check", "checks"))
        }
    }
}

/// As a page. What needs attention is in full; the rest is named.
pub fn page(integrity: &Integrity) -> Page {
    let mut page = Page::default();
    page.address("Target", &integrity.place);
    page.row("Server", format!("PostgreSQL {}, environment {}", integrity.server_version, integrity.environment));
    let checks = integrity.checks();
    let with = |status| checks.iter().copied().filter(move |it| it.status == status).collect::<Vec<&Check>>();
    section(&mut page, "Failed", &with(Status::Fail));
    section(&mut page, "Warnings", &with(Status::Warn));
    skipped(&mut page, &with(Status::Skip));
    let is_odd = |it: &&Outcome| it.check.status == Status::Pass && it.found.as_in_source > 0;
    let odd: Vec<&Check> = integrity.outcomes.iter().filter(is_odd).map(|it| &it.check).collect();
    let first: Vec<Check> = odd.iter().map(|it| first_rows(it)).collect();
    let heading = format!("Odd as in the legacy table (the first {FEW} of each)");
    section(&mut page, &heading, &first.iter().collect::<Vec<_>>());
    let is_excepted = |it: &&Outcome| it.check.status == Status::Pass && !is_odd(it) && !it.accepted_by.is_empty();
    let excepted: Vec<&Check> = integrity.outcomes.iter().filter(is_excepted).map(|it| &it.check).collect();
    section(&mut page, "Excepted", &excepted);
    let is_named = |it: &&Check| odd.iter().chain(&excepted).any(|other| other.name == it.name);
    let passed: Vec<&str> = with(Status::Pass).into_iter().filter(|it| !is_named(it)).map(|it| it.name).collect();
    if !passed.is_empty() {
        page.heading("Passed");
        page.paragraph(2, passed.join(", "));
    }
    page.blank();
    page.row("Verdict", Text::verdict(&verdict(integrity)));
    page
}

/// Rows that are shown of what fails nothing; JSON has more.
const FEW: usize = 3;

fn first_rows(check: &Check) -> Check {
    let mut check = check.clone();
    check.table.rows.truncate(FEW);
    check
}

/// The checks that were not made, by their reason, which is often the same.
fn skipped(page: &mut Page, checks: &[&Check]) {
    if checks.is_empty() {
        return;
    }
    page.heading("Skipped");
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in checks {
        match reasons.iter_mut().find(|(reason, _)| *reason == check.message) {
            Some((_, names)) => names.push(check.name),
            None => reasons.push((&check.message, vec![check.name])),
        }
    }
    for (reason, names) in reasons {
        page.beside(2, 6, Text::styled(tone(Status::Skip), Status::Skip.as_str()), names.join(", "));
        page.paragraph(8, reason);
    }
}

fn section(page: &mut Page, heading: &str, checks: &[&Check]) {
    if !checks.is_empty() {
        page.heading(heading);
        untimed(page, checks);
    }
}

/// How long each took is for scripts.
fn untimed(page: &mut Page, checks: &[&Check]) {
    let checks: Vec<Check> = checks.iter().map(|it| Check { elapsed: None, ..(*it).clone() }).collect();
    checks_page(page, &checks.iter().collect::<Vec<_>>(), &[]);
}

/// The names and the verdict, for a summary of several checks; what needs attention is in full.
pub(crate) fn summary(page: &mut Page, integrity: &Integrity) {
    let attention = |it: &&Check| matches!(it.status, Status::Fail | Status::Warn);
    let checks: Vec<&Check> = integrity.checks().into_iter().filter(attention).collect();
    untimed(page, &checks);
}

/// As JUnit: a case for each check.
pub fn junit(integrity: &Integrity) -> Result<String, quick_junit::SerializeError> {
    checks_junit("integrity", integrity.checks())
}

/// The catalogue as a page.
pub fn catalogue(checks: &[Definition]) -> Page {
    let mut page = Page::default();
    let column = checks.iter().map(|it| it.name.len() + 2).max().unwrap_or_default();
    for check in checks {
        let header = &check.header;
        let rows = match header.rows {
            Rows::Catalog => "the catalog".to_owned(),
            Rows::Both => "all rows".to_owned(),
            of => format!("{} rows", of.as_str()),
        };
        let scenarios = match header.scenarios.len() {
            0 => String::new(),
            1 => format!(", scenario {}", check.scenarios()),
            _ => format!(", scenarios {}", check.scenarios()),
        };
        page.beside(0, column, check.name, format!("{} ({}; {rows}{scenarios})", header.meaning, severity(check)));
    }
    page
}
