//! Findings as a page for people; below, as JSON for scripts, and in the formats of CI systems.

pub mod formats;
pub mod json;

use std::collections::BTreeMap;

use anstyle::Style;
use similar::ChangeTag;

use crate::base::hint::{APPLY, PLAN};
use crate::base::outcome::Verdict;
use crate::base::style;
use crate::base::text::plural;
use crate::ledger::revisions;
use crate::report::page::{Page, Text};
use crate::schema::drift::exceptions::Excepted;
use crate::schema::drift::finding::{Change, Finding, RelationFacts, Remedy, Severity};
use crate::schema::drift::outcome::Drift;
use crate::schema::names::APPLICATION_SCHEMA;

/// The highest first.
const SEVERITIES: [Severity; 3] = [Severity::Breaking, Severity::Warning, Severity::Info];

/// Attention, if a finding has this severity or a higher one.
pub fn verdict(drift: &Drift, fail_on: Severity) -> Verdict {
    Verdict::clean_if(drift.findings.iter().all(|finding| finding.severity < fail_on))
}

/// Numbers of findings in words: `2 breaking, 1 warning`.
pub fn counted(drift: &Drift) -> String {
    count_severities(drift.findings.iter().map(|it| it.severity))
}

/// The same for differences of any source.
pub(crate) fn count_severities(all: impl Iterator<Item = Severity>) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    all.for_each(|severity| *counts.entry(severity).or_default() += 1);
    let part = |severity: &Severity| {
        Some(match (counts.get(severity)?, severity) {
            (1, Severity::Warning) => "1 warning".to_owned(),
            (count, Severity::Warning) => format!("{count} warnings"),
            (count, other) => format!("{count} {other}"),
        })
    };
    let parts: Vec<String> = SEVERITIES.iter().filter_map(part).collect();
    if parts.is_empty() { "no difference".to_owned() } else { parts.join(", ") }
}

/// Numbers of findings, or the finding if there is one only, for a summary of several checks.
pub(crate) fn summary(drift: &Drift) -> String {
    match &drift.findings[..] {
        [finding] => format!("1 {} ({} {})", finding.severity, finding.kind(), place(finding)),
        _ => counted(drift),
    }
}

/// Findings of one kind and of severity info that are shown; the rest is a count.
const SHOWN: usize = 8;

/// As a page for a terminal. The verdict comes first.
pub fn page(drift: &Drift, fail_on: Severity) -> Page {
    let mut page = Page::default();
    let word = match verdict(drift, fail_on) {
        Verdict::Clean => "CLEAN",
        Verdict::Attention => "ATTENTION",
    };
    page.row("Verdict", Text::verdict(&format!("{word}: {}", counted(drift))));
    page.address("Live", &drift.place);
    page.row("Server", format!("PostgreSQL {}, environment {}", drift.server_version, drift.environment));
    page.row("Expected", &drift.expected);
    page.row("Schemas", drift.schemas.join(", "));
    if drift.findings.iter().any(|finding| finding.change == Change::Unnamed) {
        page.row("Left out", "owners and privileges of the roles that aren't configured; the last finding names them");
    }
    if drift.concerns_plan() {
        page.row("Apply", by_plan());
    }
    for severity in SEVERITIES {
        let of: Vec<&Finding> = drift.findings.iter().filter(|finding| finding.severity == severity).collect();
        if of.is_empty() {
            continue;
        }
        page.heading(Text::styled(tone(severity).bold(), heading(severity)));
        match severity {
            Severity::Info => brief(&mut page, &of),
            _ => in_full(&mut page, &of),
        }
    }
    if !drift.excepted.is_empty() {
        page.heading("Excepted");
        for Excepted { finding, exception } in &drift.excepted {
            let text = format!("{} until {}: {}", exception.name, exception.expires, exception.reason);
            page.labelled(2, format!("{} {}", name(finding), finding.kind()), text);
        }
    }
    page
}

/// That what follows about managed tables need not be done by hand.
pub(crate) fn by_plan() -> String {
    format!(
        "`{APPLY}` makes the managed tables what is expected, without these remedies; `{PLAN}` shows its \
         steps, what it leaves unchanged, and what has to be done by hand before"
    )
}

fn heading(severity: Severity) -> &'static str {
    match severity {
        Severity::Breaking => "Breaking",
        Severity::Warning => "Warnings",
        Severity::Info => "Info",
    }
}

fn tone(severity: Severity) -> Style {
    match severity {
        Severity::Breaking => style::BAD,
        Severity::Warning => style::CAUTION,
        Severity::Info => style::FAINT,
    }
}

/// The object, with its schema unless that is the application schema.
fn name(finding: &Finding) -> String {
    if finding.id.schema == APPLICATION_SCHEMA { finding.object() } else { place(finding) }
}

/// Schema and object.
fn place(finding: &Finding) -> String {
    let object = finding.object();
    if finding.id.schema.is_empty() || object == finding.id.schema {
        object
    } else {
        format!("{}.{object}", finding.id.schema)
    }
}

/// The most remedies of a group of findings that are shown; of larger groups the first stands for all.
const REMEDIES: usize = 3;

/// Findings in full; those of one kind that say the same are one entry.
fn in_full(page: &mut Page, findings: &[&Finding]) {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for it in findings {
        // What is missing or unexpected has one side only.
        let one_sided = matches!(it.change, Change::Missing | Change::Unexpected);
        let sides = |other: &Finding| (&other.expected, &other.actual) == (&it.expected, &it.actual);
        // Where there are words only, they have to be about each of a group.
        let has_sql = |of: &Finding| !of.remedy.sql.is_empty();
        let alike = |other: &&&Finding| {
            other.kind() == it.kind()
                && other.role == it.role
                && (one_sided || sides(other))
                && (has_sql(it) && has_sql(other) || other.remedy == it.remedy)
                && other.id.schema == it.id.schema
                && (&other.effects, &other.facts) == (&it.effects, &it.facts)
        };
        match groups.iter_mut().find(|group| group.first().as_ref().is_some_and(alike)) {
            Some(group) => group.push(it),
            None => groups.push(vec![it]),
        }
    }
    // The application schema before others, what is missing before what differs, then by kind.
    groups.sort_by_key(|group| group.first().map(|it| (it.id.schema != APPLICATION_SCHEMA, it.change, it.id.kind)));
    for (number, group) in groups.iter().enumerate() {
        let Some(first) = group.first() else { continue };
        if number > 0 {
            page.blank();
        }
        let places: Vec<String> = group.iter().map(|it| name(it)).collect();
        page.labelled(2, first.kind(), places.join(", "));
        if group.len() == 1 || !matches!(first.change, Change::Missing | Change::Unexpected) {
            sides(page, first);
        }
        facts(page, 4, first.facts.as_ref());
        let mut remedies: Vec<&Remedy> = group.iter().map(|it| &it.remedy).collect();
        remedies.dedup();
        let others = remedies.len() as u64 - 1;
        if remedies.len() > REMEDIES {
            remedies.truncate(1);
        }
        let mut label = "remedy";
        for Remedy { advice, sql } in remedies {
            if !advice.is_empty() {
                page.labelled(4, std::mem::take(&mut label), advice);
            }
            page.statements(4, std::mem::take(&mut label), sql);
        }
        if others >= REMEDIES as u64 {
            let others = plural(others, "other", "others");
            page.labelled(4, "", format!("-- and likewise for the {others}; --format json lists them"));
        }
        if !first.effects.is_empty() {
            page.labelled(4, "consequences", first.effects.join(", "));
        }
    }
}

/// Expected and actual, one below the other; long texts as what differs in them.
fn sides(page: &mut Page, finding: &Finding) {
    match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) if expected.contains('\n') || actual.contains('\n') => {
            page.labelled(4, "expected -", "actual +");
            let diff = similar::TextDiff::from_lines(expected.trim_end(), actual.trim_end());
            for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
                for change in hunk.iter_changes() {
                    let line = format!("{}{}", change.tag(), change.value().trim_end_matches('\n'));
                    let style = match change.tag() {
                        ChangeTag::Delete => style::BAD,
                        ChangeTag::Insert => style::GOOD,
                        ChangeTag::Equal => Style::new(),
                    };
                    page.line(6, Text::styled(style, line.trim_end()));
                }
            }
        }
        (_, Some(actual)) if finding.change == Change::Renamed => {
            page.labelled(4, "is now", format!("{actual} (probably: only the name differs)"));
        }
        (expected, actual) => {
            // The kind of the finding says which side is there, and often the remedy repeats it.
            let repeated = |side: &Option<String>| side.as_ref().is_none_or(|text| finding.remedy.sql.contains(text));
            let differs = matches!(finding.change, Change::Differs(_));
            if !differs && repeated(expected) && repeated(actual) {
                return;
            }
            let side = |side: &Option<String>| side.as_ref().map(|text| text.replace('\n', " "));
            let absent = || differs.then(|| "none".to_owned());
            let (expected, actual) = (side(expected).or_else(absent), side(actual).or_else(absent));
            match (expected, actual) {
                (Some(expected), Some(actual)) => page.compared(4, ["expected", "actual"], [expected, actual]),
                (Some(expected), None) => page.labelled(4, "expected", expected),
                (None, Some(actual)) => page.labelled(4, "actual", actual),
                (None, None) => {}
            }
        }
    }
}

fn facts(page: &mut Page, indent: usize, facts: Option<&RelationFacts>) {
    for (label, text) in facts.iter().flat_map(|facts| facts.labelled()) {
        page.labelled(indent, label, text);
    }
}

/// A line each, by kind.
fn brief(page: &mut Page, findings: &[&Finding]) {
    let mut by_kind: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for it in findings {
        by_kind.entry(it.kind()).or_default().push(it);
    }
    for (kind, of) in by_kind {
        let more = of.len().saturating_sub(SHOWN);
        let count = if of.len() == 1 { String::new() } else { format!(" ({})", of.len()) };
        page.line(2, format!("{kind}{count}"));
        let shown = if more > 1 { SHOWN } else { of.len() };
        for it in &of[..shown] {
            let line = match (&it.expected, &it.actual) {
                (Some(_), Some(actual)) if it.change == Change::Renamed => format!("is {actual}"),
                (Some(expected), Some(actual)) => format!("{expected} → {actual}"),
                (Some(expected), None) => format!("{expected} → none"),
                (None, Some(actual)) => actual.clone(),
                (None, None) => String::new(),
            };
            let line = line.replace('\n', " ");
            page.paragraph(4, format!("{}: {line}", name(it)).trim_end_matches(": "));
            facts(page, 6, it.facts.as_ref());
        }
        if more > 1 {
            page.line(4, format!("and {more} more; --format json lists them"));
        }
    }
}

/// The file that declares the application schema, for formats that annotate files.
const DECLARED: &str = "migrations/schema.sql";

/// The line of the declared schema that a finding is about, counted from 1.
fn line(finding: &Finding) -> Option<usize> {
    let lines: Vec<&str> = revisions::declared_schema().lines().collect();
    let table = format!("create table {}.{} (", finding.id.schema, finding.id.top());
    let start = lines.iter().position(|it| it.starts_with(&table))?;
    let column = format!("    {} ", finding.id.name);
    let within =
        lines[start..].iter().take_while(|line| !line.starts_with(')')).position(|line| line.starts_with(&column));
    Some(start + within.unwrap_or_default() + 1)
}
