//! The document of a rehearsal, from its JSON.

use crate::base::text::{list, plural, thousands};
use crate::checks::check::Status;
use crate::migration::accounting::Accounting;
use crate::migration::identity::SourceIdentity;
use crate::report::document::block::{Block, Fact, Section};
use crate::report::document::sections::issues::Issues;
use crate::report::document::sections::runs::{Timed, times};
use crate::report::document::sections::{checks, decisions, ends, rejections, rows, schema};
use crate::report::document::words::capitalised;
use crate::report::document::{ABOUT, AccountingJson, Making, ReportJson, program};
use crate::report::migrate::by_table;
use crate::report::planted::NotChecked;
use crate::report::rehearsal::{PhaseJson, RehearseJson};

/// Columns that are listed.
const LISTED: usize = 50;

/// Phases whose time grows with the rows.
const BY_ROWS: [&str; 3] = ["migrate", "verify", "integrity"];

/// The document of a rehearsal.
pub fn document(json: &RehearseJson, accounting: Option<&Accounting>, making: &Making) -> ReportJson {
    let is_clean = json.head.outcome == "clean";
    let counts = AccountingJson::of(&json.verify);
    let word = if is_clean { "Rehearsed, and complete" } else { "Rehearsed, and needs attention" };
    // It begins with a word of its own.
    let verdict = json.verdict.split_once(": ").map_or(&*json.verdict, |(_, rest)| rest);
    let checks: Result<_, String> = Ok(&json.checks[..]);
    let mut result = Section::new("result", "Result");
    let text = format!(
        "{}. This was a rehearsal on a server of its own: nothing in the environment was changed.{}",
        capitalised(verdict),
        if is_invented(json) { INVENTED } else { "" }
    );
    result.push(Block::Verdict { good: is_clean, word: word.to_owned(), text });
    result.push(rows::equation(counts));
    result.push(rows::meaning());
    result.text(rows::sentence(&json.verify));
    let sections = vec![
        result,
        origin(json, making),
        rows::section(Some(&json.verify), accounting, &by_table(&json.counts), making.personal_data),
        rejections::of_run(&json.groups, &json.rejections, json.counts.rejected, is_expected(json)),
        proof(json),
        ends::unchecked(unchecked(json)),
        schema::section(&schema::Known {
            history: None,
            revisions: json.revisions.iter().map(|it| (*it).to_owned()).collect(),
            pending: Vec::new(),
            findings: Ok(&json.findings),
            plan: None,
        }),
        checks::section(&checks),
        checks::scenarios(&checks),
        times(&timed(json), None),
        issues(json),
        decisions::section(),
        ends::signatures(
            making,
            &format!("{word}. {}", rows::sum(counts)),
            "May the cutover be made as it was rehearsed?",
        ),
    ];
    ReportJson {
        head: json.head.clone(),
        title: format!("Rehearsal of the migration of personal account dealing, environment {}", json.head.environment),
        about: format!("{ABOUT} This document says how a rehearsal of that went."),
        made_at: making.made_at.clone(),
        program: program(),
        personal_data: making.personal_data,
        verdict: format!("{word}: {verdict}"),
        accounting: Some(counts),
        sections,
    }
}

/// What rows that were made for tests say.
const INVENTED: &str =
    " Its rows were invented: they show that the program works, and say nothing about the environment's own rows.";

fn is_invented(json: &RehearseJson) -> bool {
    matches!(json.source_identity, SourceIdentity::Fixtures | SourceIdentity::Generated)
}

/// Whether exactly those rows were rejected that had to be.
fn is_expected(json: &RehearseJson) -> bool {
    json.unexpected_total == Some(0)
}

fn origin(json: &RehearseJson, making: &Making) -> Section {
    let mut facts = vec![
        Fact::new("Environment", json.head.environment),
        Fact::new("Server of the rehearsal", json.server.replace('`', "'")),
    ];
    match &json.csv {
        Some(csv) => facts.extend(ends::file(csv)),
        None => {
            let invented = if is_invented(json) { " (invented)" } else { "" };
            facts.push(Fact::new("Legacy rows", format!("{}{invented}", json.source.replace('`', "'"))));
        }
    }
    facts.push(Fact::new("Revisions", list(&json.revisions)));
    ends::origin(making, facts)
}

fn timed(json: &RehearseJson) -> Vec<Timed> {
    let of = |it: &PhaseJson| {
        let rows = BY_ROWS.contains(&it.name).then_some(json.counts.read);
        let what =
            if it.name == "plant" { "Faults planted on purpose, and found".to_owned() } else { capitalised(it.name) };
        Some(Timed { what, seconds: it.seconds?, rows })
    };
    json.phases.iter().filter_map(of).collect()
}

fn issues(json: &RehearseJson) -> Section {
    let mut issues = Issues::new();
    issues.of_rows(&json.verify, &json.difference_groups);
    issues.of_run(&json.groups, is_expected(json));
    issues.of_schema(&json.findings);
    issues.of_checks(&json.checks);
    issues.of_planted(&json.planted);
    issues.section()
}

/// What is proved, and how it was tried whether the comparison finds what is wrong.
fn proof(json: &RehearseJson) -> Section {
    let mut section = ends::proof(true);
    let planted = &json.planted;
    if planted.faults > 0 {
        let in_sql = planted.found_by_proof.map_or(String::new(), |found| {
            format!(" Another comparison, in plain SQL and without this program, found {}.", thousands(found))
        });
        section.text(format!(
            "The comparison itself was tried in a database of its own: {} on purpose, one of each kind in {} of {}, \
             and it found {} of them.{in_sql}",
            plural(planted.faults, "fault was planted", "faults were planted"),
            plural(planted.columns, "column", "columns"),
            plural(planted.tables, "table", "tables"),
            thousands(planted.found_by_verify),
        ));
    }
    section
}

fn unchecked(json: &RehearseJson) -> Vec<String> {
    let phases = json.phases.iter().filter(|it| it.seconds.is_none());
    let mut items: Vec<String> = phases.map(|it| format!("The phase {} was not run.", it.name)).collect();
    let skipped = json.checks.iter().filter(|it| it.check.status == Status::Skip);
    items.extend(
        skipped.map(|it| {
            format!("The check `{}` was not made: {}.", it.check.name, it.check.message.trim_end_matches('.'))
        }),
    );
    items.extend(json.notes.iter().map(|it| capitalised(&format!("{}.", it.trim_end_matches('.')))));
    let open = |it: &NotChecked| format!("The column `{}.{}` is not compared: {}.", it.table, it.column, it.reason);
    items.extend(json.planted.not_checked.iter().take(LISTED).map(open));
    let not_run = |why: &String| format!("The comparison in plain SQL was not tried: {}.", why.trim_end_matches('.'));
    items.extend(json.planted.proof_not_run.iter().map(not_run));
    items.push(
        "The environment's own database: a rehearsal runs on another server, whose speed and settings may differ."
            .to_owned(),
    );
    items
}
