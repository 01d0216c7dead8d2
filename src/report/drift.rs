//! Findings as text for a terminal; below, as JSON for scripts, and in the formats of CI systems.

pub mod formats;
pub mod json;

use std::collections::BTreeMap;

use anstyle::Style;
use similar::ChangeTag;

use crate::base::outcome::Verdict;
use crate::base::style;
use crate::base::text::plural;
use crate::ledger::revisions;
use crate::schema::drift::exceptions::Excepted;
use crate::schema::drift::finding::{Change, Finding, RelationFacts, Severity};
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
    let parts: Vec<String> = SEVERITIES
        .into_iter()
        .filter(|severity| drift.count(*severity) > 0)
        .map(|severity| match (drift.count(severity), severity) {
            (1, Severity::Warning) => "1 warning".to_owned(),
            (count, Severity::Warning) => format!("{count} warnings"),
            (count, other) => format!("{count} {other}"),
        })
        .collect();
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

/// As text, wrapped at the width where possible. The verdict comes first.
pub fn text(drift: &Drift, fail_on: Severity, width: u16) -> String {
    let width = usize::from(width.max(60));
    let mut out = String::new();
    let word = match verdict(drift, fail_on) {
        Verdict::Clean => "CLEAN",
        Verdict::Attention => "ATTENTION",
    };
    labelled(&mut out, width, 0, "Verdict", &style::verdict(&format!("{word}: {}", counted(drift))));
    out.push_str(&format!("{:<12}{}\n", "Live", drift.place));
    let server = format!("PostgreSQL {}, environment {}", drift.server_version, drift.environment);
    labelled(&mut out, width, 0, "Server", &server);
    labelled(&mut out, width, 0, "Expected", &drift.expected);
    labelled(&mut out, width, 0, "Schemas", &drift.schemas.join(", "));
    for severity in SEVERITIES {
        let of: Vec<&Finding> = drift.findings.iter().filter(|finding| finding.severity == severity).collect();
        if of.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{}\n", style::paint(tone(severity).bold(), heading(severity))));
        match severity {
            Severity::Info => brief(&mut out, width, &of),
            _ => in_full(&mut out, width, &of),
        }
    }
    if !drift.excepted.is_empty() {
        out.push_str("\nExcepted\n");
        for Excepted { finding, exception } in &drift.excepted {
            let text = format!("{} until {}: {}", exception.name, exception.expires, exception.reason);
            labelled(&mut out, width, 2, &format!("{} {}", name(finding), finding.kind()), &clean(&text));
        }
    }
    out
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
    if finding.id.schema == APPLICATION_SCHEMA { clean(&finding.object()) } else { place(finding) }
}

/// Schema and object.
fn place(finding: &Finding) -> String {
    let object = finding.object();
    clean(&if finding.id.schema.is_empty() || object == finding.id.schema {
        object
    } else {
        format!("{}.{object}", finding.id.schema)
    })
}

/// Without control characters: names and texts come from the database, and must not control the terminal.
fn clean(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', " ")
}

/// A label in its column, and a text beside it, wrapped at blanks.
pub(super) fn labelled(out: &mut String, width: usize, indent: usize, label: &str, text: &str) {
    const COLUMN: usize = 12;
    let start = indent + COLUMN.max(label.chars().count() + 2);
    let room = width.saturating_sub(start).max(20);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest = String::new();
        for word in line.split(' ') {
            if !rest.is_empty() && style::width(&rest) + 1 + style::width(word) > room {
                lines.push(std::mem::take(&mut rest));
            }
            if !rest.is_empty() {
                rest.push(' ');
            }
            rest.push_str(word);
        }
        lines.push(rest);
    }
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        out.push_str(format!("{:indent$}{label:<column$}{line}", "", column = start - indent).trim_end());
        out.push('\n');
    }
}

/// The most remedies of a group of findings that are shown; of larger groups the first stands for all.
const REMEDIES: usize = 3;

/// Findings in full; those of one kind that say the same are one entry.
fn in_full(out: &mut String, width: usize, findings: &[&Finding]) {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for it in findings {
        // What is missing or unexpected has one side only.
        let one_sided = matches!(it.change, Change::Missing | Change::Unexpected);
        let sides = |other: &Finding| (&other.expected, &other.actual) == (&it.expected, &it.actual);
        let alike = |other: &&&Finding| {
            other.kind() == it.kind()
                && other.role == it.role
                && (one_sided || sides(other))
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
            out.push('\n');
        }
        let places: Vec<String> = group.iter().map(|it| name(it)).collect();
        labelled(out, width, 2, &first.kind(), &places.join(", "));
        if group.len() == 1 || !matches!(first.change, Change::Missing | Change::Unexpected) {
            sides(out, width, first);
        }
        facts(out, width, 4, first.facts.as_ref());
        let mut remedies: Vec<String> = group.iter().map(|it| clean(&it.remedy)).collect();
        remedies.dedup();
        if remedies.len() > REMEDIES {
            let others = plural(remedies.len() as u64 - 1, "other", "others");
            remedies.truncate(1);
            remedies.push(format!("and likewise for the {others}; --format json lists them"));
        }
        labelled(out, width, 4, "remedy", &remedies.join("\n"));
        if !first.effects.is_empty() {
            labelled(out, width, 4, "consequences", &clean(&first.effects.join(", ")));
        }
    }
}

/// Expected and actual, one below the other; long texts as what differs in them.
fn sides(out: &mut String, width: usize, finding: &Finding) {
    match (&finding.expected, &finding.actual) {
        (Some(expected), Some(actual)) if expected.contains('\n') || actual.contains('\n') => {
            labelled(out, width, 4, "expected -", "actual +");
            let diff = similar::TextDiff::from_lines(expected.trim_end(), actual.trim_end());
            for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
                for change in hunk.iter_changes() {
                    let value = clean(change.value());
                    let line = format!("      {}{}", change.tag(), value.trim_end_matches('\n'));
                    let line = line.trim_end();
                    out.push_str(&match change.tag() {
                        ChangeTag::Delete => style::paint(style::BAD, line),
                        ChangeTag::Insert => style::paint(style::GOOD, line),
                        ChangeTag::Equal => line.to_owned(),
                    });
                    out.push('\n');
                }
            }
        }
        (_, Some(actual)) if finding.change == Change::Renamed => {
            let text = format!("{} (probably: only the name differs)", clean(actual));
            labelled(out, width, 4, "is now", &text);
        }
        (expected, actual) => {
            // The kind of the finding says which side is there, and often the remedy repeats it.
            let repeated = |side: &Option<String>| side.as_ref().is_none_or(|text| finding.remedy.contains(text));
            let differs = matches!(finding.change, Change::Differs(_));
            if !differs && repeated(expected) && repeated(actual) {
                return;
            }
            let side = |side: &Option<String>| side.as_ref().map(|text| clean(text).replace('\n', " "));
            let absent = || differs.then(|| "none".to_owned());
            let (expected, actual) = (side(expected).or_else(absent), side(actual).or_else(absent));
            for (label, side) in [("expected", &expected), ("actual", &actual)] {
                if let Some(side) = side {
                    labelled(out, width, 4, label, side);
                }
            }
            if let (Some(expected), Some(actual)) = (expected, actual) {
                pointer(out, width, &expected, &actual);
            }
        }
    }
}

/// A line that points at what differs between two long lines that are mostly the same.
fn pointer(out: &mut String, width: usize, expected: &str, actual: &str) {
    let (one, other): (Vec<char>, Vec<char>) = (expected.chars().collect(), actual.chars().collect());
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let left = (one.len() - same).min(other.len() - same);
    let after = (1..=left).take_while(|back| one[one.len() - back] == other[other.len() - back]).count();
    let fits = one.len().max(other.len()) + 16 < width;
    // A pointer helps only where most is the same.
    if fits && same + after >= 12 {
        let marked = (other.len() - same - after).max(1);
        let marks = style::paint(style::BAD, &"^".repeat(marked));
        out.push_str(&format!("{:start$}{marks}\n", "", start = 16 + same));
    }
}

fn facts(out: &mut String, width: usize, indent: usize, facts: Option<&RelationFacts>) {
    for (label, text) in facts.iter().flat_map(|facts| facts.labelled()) {
        labelled(out, width, indent, label, &clean(text));
    }
}

/// A line each, by kind.
fn brief(out: &mut String, width: usize, findings: &[&Finding]) {
    let mut by_kind: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for it in findings {
        by_kind.entry(it.kind()).or_default().push(it);
    }
    for (kind, of) in by_kind {
        let more = of.len().saturating_sub(SHOWN);
        let count = if of.len() == 1 { String::new() } else { format!(" ({})", of.len()) };
        out.push_str(&format!("  {kind}{count}\n"));
        let shown = if more > 1 { SHOWN } else { of.len() };
        for it in &of[..shown] {
            let line = match (&it.expected, &it.actual) {
                (Some(_), Some(actual)) if it.change == Change::Renamed => format!("is {actual}"),
                (Some(expected), Some(actual)) => format!("{expected} → {actual}"),
                (Some(expected), None) => format!("{expected} → none"),
                (None, Some(actual)) => actual.clone(),
                (None, None) => String::new(),
            };
            let line = clean(&line).replace('\n', " ");
            out.push_str(format!("    {}: {line}", name(it)).trim_end_matches(": "));
            out.push('\n');
            facts(out, width, 6, it.facts.as_ref());
        }
        if more > 1 {
            out.push_str(&format!("    and {more} more; --format json lists them\n"));
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
