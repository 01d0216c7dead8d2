//! Checks of the stored rows, the acceptance scenarios that they answer, and exceptions that were agreed.

use crate::base::text::{list, plural};
use crate::checks::check::Status as Outcome;
use crate::report::document::block::ColumnKind::{Code, Number, Status, Text};
use crate::report::document::block::{Block, Section, Table, excerpt};
use crate::report::document::words::{SCENARIOS, status};
use crate::report::drift::json::FindingJson;
use crate::report::integrity::IntegrityCheckJson;
use crate::schema::drift::exceptions::CheckException;

/// The checks, or why none was made.
type Checks<'a> = Result<&'a [IntegrityCheckJson], String>;

fn counted(checks: &[IntegrityCheckJson], wanted: Outcome) -> u64 {
    checks.iter().filter(|it| it.check.status == wanted).count() as u64
}

/// Every check of the stored rows.
pub(crate) fn section(checks: &Checks<'_>) -> Section {
    let mut section = Section::new("checks", "Checks of the stored rows");
    let checks = match checks {
        Err(why) => {
            section.text(format!("The stored rows could not be checked: {why}."));
            return section;
        }
        Ok(checks) => checks,
    };
    section.text(format!(
        "{} of {}: whether links lead to what exists, statuses agree with decisions and executions, the audit log is \
         complete, and requests can be found by an index. {} failed, {} to look at, {} not made. A row that was odd in \
         the legacy table already was migrated as it is, and fails nothing.",
        plural(counted(checks, Outcome::Pass), "check passed", "checks passed"),
        checks.len(),
        counted(checks, Outcome::Fail),
        plural(counted(checks, Outcome::Warn), "warning", "warnings"),
        counted(checks, Outcome::Skip),
    ));
    let columns = [
        ("Check", Code),
        ("Result", Status),
        ("Rows wrong", Number),
        ("Odd in the legacy table already", Number),
        ("Accepted", Number),
        ("What was found", Text),
    ];
    let mut table = Table::new("Checks, those that need attention first", &columns);
    let mut sorted: Vec<&IntegrityCheckJson> = checks.iter().collect();
    sorted.sort_by_key(|it| match it.check.status {
        Outcome::Fail => 0,
        Outcome::Warn => 1,
        Outcome::Skip => 2,
        Outcome::Pass => 3,
    });
    for it in sorted {
        table.rows.push(vec![
            it.check.name.into(),
            status(it.check.status).into(),
            it.total.into(),
            it.as_in_source.into(),
            it.excepted.into(),
            excerpt(&it.check.message).into(),
        ]);
    }
    section.push(Block::Table(table));
    section
}

/// The ten acceptance scenarios, with the checks that answer each.
pub(crate) fn scenarios(checks: &Checks<'_>) -> Section {
    let mut section = Section::new("scenarios", "The ten acceptance scenarios");
    section.text(
        "Scenarios are played through by people in the application. The checks here ask the database what every \
         scenario that was played, or migrated, must have left in it. They press no buttons: what screens show and \
         which messages are sent is for people to try.",
    );
    let columns = [("Scenario", Number), ("What happens", Text), ("Result", Status), ("Checks that answer it", Text)];
    let mut table = Table::new("Acceptance scenarios", &columns);
    for (number, what) in SCENARIOS {
        let empty: &[IntegrityCheckJson] = &[];
        let all = checks.as_ref().map_or(empty, |it| it);
        let mine: Vec<&IntegrityCheckJson> = all.iter().filter(|it| it.scenarios.contains(&number)).collect();
        let has = |wanted| mine.iter().any(|it| it.check.status == wanted);
        let result = match () {
            () if has(Outcome::Fail) => "failed",
            () if has(Outcome::Warn) => "warning",
            () if !has(Outcome::Pass) => "not checked",
            () => "passed",
        };
        let named = |wanted: Outcome| {
            list(mine.iter().filter(|it| it.check.status == wanted).map(|it| format!("`{}`", it.check.name)))
        };
        let mut texts = Vec::new();
        for (wanted, word) in [
            (Outcome::Fail, "failed"),
            (Outcome::Warn, "warning"),
            (Outcome::Skip, "not made"),
            (Outcome::Pass, "passed"),
        ] {
            if has(wanted) {
                texts.push(format!("{word}: {}", named(wanted)));
            }
        }
        table.rows.push(vec![
            u64::from(number).into(),
            what.into(),
            result.into(),
            if texts.is_empty() { "none was made".to_owned() } else { texts.join("; ") }.into(),
        ]);
    }
    section.push(Block::Table(table));
    section
}

/// What was agreed to leave as it is.
pub(crate) fn exceptions(findings: &[FindingJson], checks: &Checks<'_>, waived: Option<&[CheckException]>) -> Section {
    let mut section = Section::new("exceptions", "Exceptions that were agreed");
    let mut table =
        Table::new("Exceptions", &[("Exception", Code), ("About", Text), ("Reason", Text), ("Holds until", Text)]);
    for finding in findings {
        if let Some(exception) = &finding.exception {
            table.rows.push(vec![
                excerpt(&exception.name).into(),
                excerpt(&format!("{} of {}", finding.kind.replace('_', " "), finding.object)).into(),
                excerpt(&exception.reason).into(),
                exception.expires.as_str().into(),
            ]);
        }
    }
    let empty: &[IntegrityCheckJson] = &[];
    for check in checks.as_ref().map_or(empty, |it| it).iter().filter(|it| it.excepted > 0) {
        table.rows.push(vec![
            excerpt(&list(&check.exceptions)).into(),
            format!("{} of the check {}", plural(check.excepted, "row", "rows"), check.check.name).into(),
            excerpt(&check.check.message).into(),
            "see the reason".into(),
        ]);
    }
    for waiver in waived.unwrap_or_default() {
        table.rows.push(vec![
            excerpt(&waiver.name).into(),
            format!("rejected rows: {}", excerpt(&list(&waiver.rows))).into(),
            excerpt(&waiver.reason).into(),
            waiver.expires.to_string().into(),
        ]);
    }
    match (table.rows.is_empty(), waived.is_some()) {
        (false, _) => section.push(Block::Table(table)),
        (true, true) => section.text("The file of exceptions accepts nothing of what was found."),
        (true, false) => section.text("None: no file of exceptions was given (`--exceptions`)."),
    }
    section
}
