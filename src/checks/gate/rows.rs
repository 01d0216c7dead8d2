//! The rows: what would be rejected, what was verified, what is left to do, and the way back.

use std::collections::BTreeSet;

use serde_json::json;

use crate::base::hint::{INTEGRITY, MIGRATE, ROLLBACK, VERIFY};
use crate::base::text::{list, plural, size, thousands};
use crate::checks::check::{Check, Status};
use crate::checks::gate::schema::{LISTED, some};
use crate::checks::gate::waivers::Waivers;
use crate::checks::gate::{Stage, unknown};
use crate::checks::integrity::outcome::{Integrity, Outcome};
use crate::ledger::tables::MANAGED_TABLES;
use crate::migration::run::MigrateReport;
use crate::migration::verification::{Unnamed, VerifyReport};

/// A row that was rejected, for a reason that nobody has waived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenRejection {
    pub(crate) source_id: i64,
    pub(crate) field: String,
    pub(crate) rule: String,
}

/// What the dry run would reject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejections {
    /// The first ones that are not waived.
    pub(crate) open: Vec<OpenRejection>,
    /// How many rows are rejected for a reason that is not waived.
    pub(crate) open_rows: u64,
    /// The rows that are rejected and waived.
    pub(crate) waived: BTreeSet<i64>,
}

/// What the dry run found.
pub(crate) fn rejections(report: &MigrateReport, found: &Rejections) -> Check {
    const NAME: &str = "rejections";
    let counts = &report.counts;
    // Rows without an id are counted and can't be named.
    let open_rows = found.open_rows + counts.without_id;
    let read = plural(counts.read, "row", "rows");
    let waived = match found.waived.len() as u64 {
        0 => String::new(),
        rows => format!(", {} waived", plural(rows, "rejection is", "rejections are")),
    };
    if open_rows > 0 {
        let text = format!(
            "{} of {read} would be rejected{waived}; `{MIGRATE} --dry-run --rejects FILE` lists them: mend \
             them in the source, or waive each in the exceptions file{}",
            thousands(open_rows),
            unwaivable(counts.without_id)
        );
        let rows = found.open.iter().map(|it| vec![json!(it.source_id), json!(it.field), json!(it.rule)]).collect();
        return Check::new(NAME, Status::Fail, text).with_table(&["source_id", "field", "rule"], rows);
    }
    if !report.permissions.are_complete() {
        let text = format!("{} may not migrate: {}", report.permissions.role, report.permissions.words());
        return Check::new(NAME, Status::Fail, text);
    }
    Check::new(NAME, Status::Pass, format!("none of {read} that isn't waived{waived}"))
}

fn unwaivable(without_id: u64) -> String {
    match without_id {
        0 => String::new(),
        rows => format!("; {} no id, and can't be waived", plural(rows, "has", "have")),
    }
}

/// What the verification found: whether anything differs, and whether anything is left.
pub(crate) fn verified(report: &VerifyReport, waivers: Waivers<'_>) -> Vec<Check> {
    let counts = &report.counts;
    let wrong = counts.different + counts.missing + counts.missing_source + counts.extra;
    let verify = match wrong {
        0 => Check::new("verify", Status::Pass, plural(counts.verified, "row is", "rows are") + " verified"),
        _ if is_accepted(report, waivers) => {
            let text = format!("{}, each accepted", plural(wrong, "row differs", "rows differ"));
            Check::new("verify", Status::Warn, text)
        }
        _ => {
            let text = format!(
                "{} different, {} missing, {} without their source, {} extra; `{VERIFY}` shows them",
                counts.different, counts.missing, counts.missing_source, counts.extra
            );
            Check::new("verify", Status::Fail, text)
        }
    };
    let verify = match &report.other_file {
        Some(note) => Check { message: format!("{}; {note}", verify.message), ..verify },
        None => verify,
    };
    let pending = match counts.pending {
        0 => Check::new("pending", Status::Pass, "no row is left to migrate"),
        rows => {
            let text = format!("{} never tried; run `{MIGRATE}`", plural(rows, "row was", "rows were"));
            Check::new("pending", Status::Fail, text)
        }
    };
    vec![verify, pending]
}

/// What the integrity checks found. A warning is for a person to weigh; a check that could not be made is not. Before the
/// cutover the application's rows are checked as far as the schema has them: what is wrong with them would be found
/// afterwards, when everything is written, and what could not be checked is said.
pub(crate) fn integrity(found: &Integrity, stage: Stage) -> Check {
    const NAME: &str = "integrity";
    let (failed, warned) = (found.with(Status::Fail), found.with(Status::Warn));
    let rows = found.checks().into_iter().filter(|it| matches!(it.status, Status::Fail | Status::Warn));
    let with_ids = |it: &Check| match ids(found, it.name) {
        ids if ids.is_empty() => it.message.clone(),
        ids => format!("{}; ids: {ids}", it.message),
    };
    let rows = rows.map(|it| vec![json!(it.name), json!(it.status), json!(with_ids(it))]);
    let why = |it: &Outcome| it.skipped.as_ref().map_or(String::new(), |why| why.words().to_owned());
    let open: Vec<(&str, String)> = found.unknown().map(|it| (it.definition.name, why(it))).collect();
    let skipped = open.iter().map(|(name, why)| vec![json!(name), json!(Status::Skip), json!(why)]);
    let rows: Vec<_> = rows.chain(skipped).collect();
    let with_rows = |check: Check| check.with_table(&["check", "status", "why"], rows.clone());
    // Before the first migration the command can't make all of them.
    let where_to_look = match stage {
        Stage::Before => "the ids of the rows are below".to_owned(),
        Stage::After => format!("`{INTEGRITY}` shows the rows"),
    };
    if !failed.is_empty() {
        let text = format!("{} failed; {where_to_look}", list(failed));
        return with_rows(Check::new(NAME, Status::Fail, text));
    }
    if !open.is_empty() && stage == Stage::After {
        return with_rows(unknown(NAME, list(open.iter().map(|(name, why)| format!("{name} ({why})")))));
    }
    let made = found.outcomes.iter().filter(|it| it.skipped.is_none()).count() as u64;
    let count = plural(made, "check", "checks");
    let mut notes = Vec::new();
    if !warned.is_empty() {
        notes.push(format!("{} warned; {where_to_look}", list(warned)));
    }
    if !open.is_empty() {
        notes.push(format!(
            "{count} made; {} of the application's rows can't be made on what there is now: {}; they are made after the \
             cutover, when everything is written, so try apply and migrate on a copy first",
            plural(open.len() as u64, "check", "checks"),
            list(open.iter().map(|(name, _)| name))
        ));
    }
    match notes.is_empty() {
        true => Check::new(NAME, Status::Pass, format!("{count} made, and none failed or warned")),
        false => with_rows(Check::new(NAME, Status::Warn, notes.join("; "))),
    }
}

/// The ids of the first rows that a check has found.
fn ids(found: &Integrity, name: &str) -> String {
    let outcomes = found.outcomes.iter().filter(|it| it.definition.name == name);
    let ids = outcomes.flat_map(|it| &it.found.rows).filter_map(|row| row.get("id"));
    list(ids.take(LISTED).map(|id| id.as_str().map_or(id.to_string(), str::to_owned)))
}

/// The rows that differ and are accepted; none if not all that differ are known.
pub(crate) fn accepted(report: &VerifyReport, waivers: Waivers<'_>) -> Option<BTreeSet<i64>> {
    let ids = report.differences.iter().map(|it| it.source_id).filter(|id| waivers.accepts_row("verify", *id));
    (report.total_differences == report.differences.len() as u64).then(|| ids.collect())
}

/// Whether every row that differs is accepted by its id. Of very many only the first are known.
fn is_accepted(report: &VerifyReport, waivers: Waivers<'_>) -> bool {
    let differences = &report.differences;
    let is_accepted = |id: i64| waivers.accepts_row("verify", id);
    report.total_differences == differences.len() as u64
        && !differences.is_empty()
        && differences.iter().all(|it| is_accepted(it.source_id))
}

/// Rejections that a migration has recorded, and that nobody has waived; with them the rows that the record doesn't name.
pub(crate) fn recorded(found: &Rejections, unnamed: &Unnamed) -> Check {
    const NAME: &str = "rejections";
    let waived_by_id = unnamed.by_id.iter().filter(|(id, _)| found.waived.contains(id)).map(|(_, rows)| rows);
    let open_rows = found.open_rows + unnamed.without_id + unnamed.repeated - waived_by_id.sum::<u64>();
    let waived = match found.waived.len() as u64 {
        0 => String::new(),
        rows => format!("; {} waived", plural(rows, "rejection is", "rejections are")),
    };
    if open_rows == 0 {
        return Check::new(NAME, Status::Pass, format!("none that isn't waived{waived}"));
    }
    let text = format!(
        "{} rejected{waived}; mend what is wrong in the source and run `{MIGRATE}`, or waive each in the exceptions file{}",
        plural(open_rows, "row was", "rows were"),
        unwaivable(unnamed.without_id)
    );
    let rows = found.open.iter().map(|it| vec![json!(it.source_id), json!(it.field), json!(it.rule)]).collect();
    Check::new(NAME, Status::Fail, text).with_table(&["source_id", "field", "rule"], rows)
}

/// Tables of which the planner knows too little: never analysed since they were filled, or much changed since.
pub(crate) fn statistics(stale: &[String]) -> Check {
    const NAME: &str = "statistics";
    if stale.is_empty() {
        return Check::new(NAME, Status::Pass, "every table is analysed");
    }
    let names: Vec<&str> = stale.iter().map(String::as_str).collect();
    let tables: Vec<String> = stale.iter().map(|it| format!("padealing.{it}")).collect();
    let text = format!(
        "the planner does not know what is in {}, so queries may be slow; their owner runs: analyze {};",
        some(&names),
        tables.join(", ")
    );
    Check::new(NAME, Status::Fail, text)
}

/// Of the legacy table's size, padealing takes so much at most: rows, indexes, WAL until the next checkpoint.
const SPACE: i64 = 4;

/// How much room is needed. What there is, SQL does not show.
pub(crate) fn room(legacy_bytes: i64) -> Check {
    let needed = size(legacy_bytes.saturating_mul(SPACE));
    let text = format!(
        "free space on the server's disk can't be seen from here: make sure of {needed}, {SPACE} times the legacy table"
    );
    Check::new("room", Status::Warn, text)
}

/// What could still be rolled back, and what would stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct WayBack {
    /// Requests that the migration wrote.
    pub(crate) migrated: i64,
    /// Requests that it did not.
    pub(crate) others: i64,
    /// Other rows that the application wrote, by table.
    pub(crate) rows: Vec<(String, i64)>,
}

/// Until when there is a way back, and what would be lost.
pub(crate) fn way_back(found: &WayBack) -> Check {
    let requests = u64::try_from(found.migrated).unwrap_or_default();
    let kept: Vec<String> = std::iter::once(("pad_request".to_owned(), found.others))
        .chain(found.rows.iter().cloned())
        .filter(|(table, rows)| *rows > 0 && MANAGED_TABLES.contains(&&**table))
        .map(|(table, rows)| format!("{rows} in {table}"))
        .collect();
    let kept = match kept.is_empty() {
        true => "the application has written nothing yet".to_owned(),
        false => format!("rows that the application wrote stay: {}", kept.join(", ")),
    };
    let text = format!(
        "`{ROLLBACK}` removes {} until the application changes them or refers to them; {kept}",
        plural(requests, "migrated request", "migrated requests")
    );
    Check::new("way_back", Status::Pass, text)
}
