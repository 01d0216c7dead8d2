//! The database schema before and after: what each revision created, and what differs from what was agreed.

use std::collections::BTreeMap;

use crate::base::text::{list, plural};
use crate::ledger::history::RecordKind;
use crate::ledger::revisions::{self, NOTHING, Revision};
use crate::report::document::block::ColumnKind::{Code, Status, Text};
use crate::report::document::block::{Block, Change, DiffLine, Section, Table, excerpt};
use crate::report::drift::json::FindingJson;
use crate::report::plan::json::PlanJson;
use crate::report::status::HistoryJson;
use crate::schema::catalog::{Catalog, Id, Kind};
use crate::schema::drift::finding::Severity;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::step::Decision;
use crate::schema::snapshot::Snapshot;

/// Findings that are listed.
const LISTED: usize = 100;

/// What is known of a schema.
pub(crate) struct Known<'a> {
    /// Its history, oldest line first; none of a rehearsal, which has none before it.
    pub(crate) history: Option<&'a [HistoryJson]>,
    /// Numbers of the revisions that were run.
    pub(crate) revisions: Vec<String>,
    /// Revisions that are left to apply.
    pub(crate) pending: Vec<String>,
    /// What differs now from what was agreed, or why that isn't known.
    pub(crate) findings: Result<&'a [FindingJson], String>,
    /// What would be changed now.
    pub(crate) plan: Option<Result<&'a PlanJson, String>>,
}

/// The schema, before and after.
pub(crate) fn section(known: &Known<'_>) -> Section {
    let mut section = Section::new("schema", "The database schema, before and after");
    match known.history {
        Some([]) => section.text("No revision is on record: the schema was not changed by this program."),
        Some(history) => section.push(Block::Table(history_table(history))),
        None => {}
    }
    if !known.pending.is_empty() {
        section.text(format!("Left to apply: {}.", list(&known.pending)));
    }
    let is_adopted = known.history.is_some_and(|it| it.iter().any(|record| record.kind == RecordKind::Baseline));
    if is_adopted {
        section.text(
            "Another tool had created the schema before. What it looked like then is not on record; what differed was \
             altered, and the lines below say what the schema has in full.",
        );
    }
    let lines = differences(&known.revisions);
    if !lines.is_empty() {
        let caption = format!("What the revisions add to the schema `{APPLICATION_SCHEMA}`");
        section.push(Block::Diff { caption, lines });
    }
    if let Some(plan) = &known.plan {
        section.text(planned(plan));
    }
    match &known.findings {
        Err(why) => section.text(format!("What the schema is now could not be compared with what was agreed: {why}.")),
        Ok([]) => section.text("The schema is now exactly what was agreed; every object and property was compared."),
        Ok(findings) => {
            section.push(Block::Table(findings_table(findings)));
            if findings.len() > LISTED {
                let more = (findings.len() - LISTED) as u64;
                section.text(format!("{} not listed.", plural(more, "more difference is", "more differences are")));
            }
        }
    }
    section
}

fn history_table(history: &[HistoryJson]) -> Table {
    let columns = [
        ("Revision", Code),
        ("What", Text),
        ("When", Text),
        ("Role", Code),
        ("Program", Code),
        ("SHA-256 of its SQL", Code),
    ];
    let mut table = Table::new("Revisions of the schema, the oldest first", &columns);
    for record in history {
        let what = match record.kind {
            RecordKind::Applied => "applied",
            RecordKind::Baseline => "adopted: the schema was there, and was altered to match",
            RecordKind::Reverted => "reverted",
        };
        table.rows.push(vec![
            excerpt(&format!("{} {}", record.revision, record.name)).into(),
            what.into(),
            format!("{} UTC", record.applied_at).into(),
            excerpt(&record.role).into(),
            excerpt(&record.version).into(),
            excerpt(&record.checksum).into(),
        ]);
    }
    table
}

fn catalog_after(number: &str) -> Catalog {
    let snapshot = revisions::recorded(number).map(Snapshot::read);
    snapshot.and_then(Result::ok).map(|it| it.catalog).unwrap_or_default()
}

/// What each of these revisions makes of the schema, in order.
fn differences(numbers: &[String]) -> Vec<DiffLine> {
    let mut lines = Vec::new();
    let is_there = |it: &&Revision| numbers.iter().any(|number| number == it.number);
    for revision in revisions::ALL.iter().filter(is_there) {
        let before = revisions::ALL.iter().rfind(|it| it.number < revision.number).map_or(NOTHING, |it| it.number);
        lines.push(DiffLine {
            change: Change::Heading,
            text: format!("revision {} {}", revision.number, revision.name.replace('_', " ")),
        });
        let changed = compared(&catalog_after(before), &catalog_after(revision.number));
        if changed.is_empty() {
            let text = match revision.properties.moves_tables.is_empty() {
                true => "no new object; properties and privileges only",
                false => {
                    "no new object; it moves tables of the application that sit in the schema public, if there are any"
                }
            };
            lines.push(DiffLine { change: Change::Same, text: text.to_owned() });
        }
        lines.extend(changed);
    }
    lines
}

/// Whether an object is a line of its own; what belongs to a new table is counted in the table's line.
fn is_shown(id: &Id) -> bool {
    id.schema == APPLICATION_SCHEMA && !matches!(id.kind, Kind::Sequence | Kind::DefaultPrivileges)
}

fn compared(before: &Catalog, after: &Catalog) -> Vec<DiffLine> {
    let mut lines = Vec::new();
    for (change, one, other) in [(Change::Removed, before, after), (Change::Added, after, before)] {
        for id in one.objects.keys().filter(|id| is_shown(id) && !other.objects.contains_key(*id)) {
            let has_parent = !id.parent.is_empty();
            // It is in the line of its table, which is as new or as gone.
            let is_part = has_parent
                && !other
                    .objects
                    .keys()
                    .any(|it| it.kind.is_relation() && it.schema == id.schema && it.name == id.parent);
            if !is_part {
                lines.push(DiffLine { change, text: described(id, one) });
            }
        }
    }
    lines
}

fn described(id: &Id, catalog: &Catalog) -> String {
    let (kind, name) = (id.kind.words(), id.object());
    if id.kind == Kind::Schema {
        return format!("schema {}", id.schema);
    }
    if !id.kind.is_relation() {
        return format!("{kind} {name}");
    }
    let mut parts: BTreeMap<Kind, u64> = BTreeMap::new();
    for (part, _) in catalog.children(&id.schema, &id.name) {
        *parts.entry(part.kind).or_default() += 1;
    }
    let part = |(kind, count): (Kind, u64)| {
        let one = kind.words();
        let many = if one.ends_with('x') { format!("{one}es") } else { format!("{one}s") };
        plural(count, &one, &many)
    };
    let parts = list(parts.into_iter().map(part));
    if parts.is_empty() { format!("{kind} {name}") } else { format!("{kind} {name}: {parts}") }
}

fn planned(plan: &Result<&PlanJson, String>) -> String {
    match plan {
        Err(why) => format!("What would be changed now could not be found out: {why}."),
        Ok(plan) => {
            let count = |decision| plan.tables.iter().filter(|it| it.decision == decision).count() as u64;
            let used = count(Decision::Use);
            let rest: Vec<String> = [
                (Decision::Upgrade, "altered"),
                (Decision::Create, "created"),
                (Decision::Move, "moved from another schema"),
            ]
            .into_iter()
            .map(|(decision, word)| (count(decision), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} would be {word}", plural(count, "table", "tables")))
            .collect();
            let used = plural(used, "table is used as it is", "tables are used as they are");
            match rest.is_empty() {
                true => format!("Nothing is left to change: {used}."),
                false => format!("What is left to change: {}; {used}.", rest.join(", ")),
            }
        }
    }
}

/// How much a difference matters, in a word.
pub(crate) fn weight(severity: Severity) -> &'static str {
    match severity {
        Severity::Breaking => "serious",
        Severity::Warning => "warning",
        Severity::Info => "minor",
    }
}

fn findings_table(findings: &[FindingJson]) -> Table {
    let columns = [("Object", Code), ("Weight", Status), ("Agreed", Code), ("Now", Code), ("What to do", Text)];
    let mut table = Table::new("What differs from what was agreed", &columns);
    for finding in findings.iter().take(LISTED) {
        let value = |value: &Option<String>| value.as_deref().map_or("not there".to_owned(), excerpt);
        let object = match finding.schema.is_empty() {
            true => finding.object.clone(),
            false => format!("{}.{}", finding.schema, finding.object),
        };
        table.rows.push(vec![
            excerpt(&object).into(),
            weight(finding.severity).into(),
            value(&finding.expected).into(),
            value(&finding.actual).into(),
            excerpt(&finding.remedy).into(),
        ]);
    }
    table
}
