//! The document of a gate's decision, from its JSON.

use crate::base::text::{list, plural};
use crate::checks::check::Status as Outcome;
use crate::checks::gate::{Decision, Stage};
use crate::report::checks::CheckJson;
use crate::report::document::block::ColumnKind::{Code, Status, Text};
use crate::report::document::block::{Block, Fact, Section, Table, excerpt};
use crate::report::document::sections::ends;
use crate::report::document::words::{duration, status};
use crate::report::document::{ABOUT, Making, ReportJson, program};
use crate::report::gate::GateJson;

/// The document of a decision.
pub(crate) fn document(json: &GateJson, making: &Making) -> ReportJson {
    let is_go = json.verdict == Decision::Go;
    let mut result = Section::new("result", "Result");
    let text = sentence(json, is_go);
    result.push(Block::Verdict { good: is_go, word: json.verdict.as_str().to_owned(), text: text.clone() });
    let closing: Vec<&CheckJson> = json.checks.iter().filter(|it| json.reasons.contains(&it.name)).collect();
    if !closing.is_empty() {
        result.push(Block::Table(table("What closes the gate, in the order in which to mend it", &closing)));
    }
    let mut all = Section::new("checks", "Everything that was checked");
    let others: Vec<&CheckJson> = json.checks.iter().filter(|it| !json.reasons.contains(&it.name)).collect();
    all.text(format!("{} made.", plural(json.checks.len() as u64, "check was", "checks were")));
    all.push(Block::Table(table("What doesn't close the gate", &others)));
    let question = match json.stage {
        Stage::Before => "May the cutover begin?",
        Stage::After => "May the application be opened?",
    };
    let sections = vec![
        result,
        origin(json, making),
        all,
        ends::unchecked(unchecked(json)),
        ends::signatures(making, &format!("{}: {text}", json.verdict.as_str()), question),
    ];
    ReportJson {
        head: json.head.clone(),
        title: format!("GO or NO-GO {} the cutover, environment {}", json.stage.as_str(), json.head.environment),
        about: format!("{ABOUT} This document says whether the next step may be taken."),
        made_at: making.made_at.clone(),
        program: program(),
        personal_data: making.personal_data,
        verdict: format!("{}: {text}", json.verdict.as_str()),
        accounting: None,
        sections,
    }
}

fn sentence(json: &GateJson, is_go: bool) -> String {
    let what = match json.stage {
        Stage::Before => "The cutover may",
        Stage::After => "The application may",
    };
    let done = if json.stage == Stage::Before { "begin" } else { "be opened" };
    match (&json.error, is_go) {
        (Some(error), _) => format!("{what} not {done}: {}.", excerpt(error).replace('`', "'").trim_end_matches('.')),
        (None, true) => {
            format!("{what} {done}. This holds until {}.", json.valid_until.as_deref().unwrap_or("nothing changes"))
        }
        (None, false) => {
            let reasons = plural(json.reasons.len() as u64, "reason", "reasons");
            format!("{what} not {done}: {reasons}.")
        }
    }
}

fn origin(json: &GateJson, making: &Making) -> Section {
    let server = json.head.server_version.as_ref().map_or("not reached".to_owned(), |it| format!("PostgreSQL {it}"));
    let mut facts = vec![
        Fact::new("Environment", json.head.environment),
        Fact::new("Server", server),
        Fact::new("Database (host, database, role)", json.place.replace('`', "'")),
        Fact::new("Decided", &json.decided_at),
        Fact::new("Took", duration(json.seconds)),
    ];
    facts.extend(json.csv.iter().flat_map(ends::file));
    let bound = &json.bound_to;
    for (label, value) in [
        ("Schema of the database (SHA-256)", &bound.catalog),
        ("Plan (hash)", &bound.plan),
        ("Rows (root of their hashes)", &bound.row_root),
    ] {
        facts.extend(value.iter().map(|it| Fact::new(label, it)));
    }
    ends::origin(making, facts)
}

fn table(caption: &str, checks: &[&CheckJson]) -> Table {
    let mut table = Table::new(caption, &[("Check", Code), ("Result", Status), ("What was found", Text)]);
    let row = |it: &&CheckJson| vec![it.name.into(), status(it.status).into(), excerpt(&it.message).into()];
    table.rows = checks.iter().map(row).collect();
    table
}

fn unchecked(json: &GateJson) -> Vec<String> {
    let skipped: Vec<&str> = json.checks.iter().filter(|it| it.status == Outcome::Skip).map(|it| it.name).collect();
    let mut items = Vec::new();
    if !skipped.is_empty() {
        items.push(format!("These checks could not be made: {}.", list(skipped)));
    }
    if json.stage == Stage::Before {
        items.push("The rows after the migration: it has not been made yet.".to_owned());
    }
    items
}
