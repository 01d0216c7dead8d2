//! What the commands print: text for people, JSON for scripts.
//!
//! Pure. The JSON's fields are a contract (`docs/command-line.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::base::text::{plural, thousands};
use crate::config::environment::Environment;
use crate::migration::run::{self, Counts, IncompleteLineage};
use crate::migration::sample::Sample;
use crate::report::layout::{SHOWN, head, line, rate};

fn by_rule(rules: &BTreeMap<&'static str, u64>) -> String {
    rules.iter().map(|(rule, count)| format!("{rule} {}", thousands(*count))).collect::<Vec<_>>().join(", ")
}

fn written(counts: &Counts) -> String {
    let Counts { pad_request, pad_approval, pad_execution, audit_log, migration_mapping, .. } = counts;
    [
        ("pad_request", pad_request),
        ("pad_approval", pad_approval),
        ("pad_execution", pad_execution),
        ("audit_log", audit_log),
        ("migration_mapping", migration_mapping),
    ]
    .map(|(table, count)| format!("{table} {}", thousands(*count)))
    .join(", ")
}

pub(crate) fn rejections(out: &mut String, report: &run::Report) {
    for it in report.rejections.iter().take(SHOWN) {
        let _ = writeln!(out, "  row {}: {} ({})", it.source_id, it.reason.message, it.reason.rule);
    }
    if report.rejections.len() > SHOWN {
        let _ = writeln!(out, "  … and more: see --rejects FILE, --format json or padealing.migration_reject");
    }
}

fn incomplete(report: &run::Report) -> Option<String> {
    let IncompleteLineage { count, first } = &report.incomplete;
    (*count > 0).then(|| {
        let ids: Vec<String> = first.iter().map(ToString::to_string).collect();
        format!(
            "{} by an earlier tool lack the lineage of their other rows, among them {}; verify names what is missing",
            plural(*count, "row migrated", "rows migrated"),
            ids.join(", ")
        )
    })
}

/// What a migration did, as text.
pub fn migrate_text(report: &run::Report, dry_run: bool) -> String {
    let mut out = String::new();
    let counts = &report.counts;
    for sample in &report.samples {
        sample_text(&mut out, sample);
    }
    let moved = if dry_run { "to migrate" } else { "migrated" };
    line(
        &mut out,
        "Rows",
        &format!(
            "{} read, {} {moved}, {} migrated before, {} rejected",
            thousands(counts.read),
            thousands(counts.migrated),
            thousands(counts.already_migrated),
            thousands(counts.rejected)
        ),
    );
    line(&mut out, if dry_run { "To write" } else { "Written" }, &written(counts));
    if !report.by_rule.is_empty() {
        line(&mut out, "Rejected", &by_rule(&report.by_rule));
        rejections(&mut out, report);
    }
    if let Some(text) = incomplete(report) {
        line(&mut out, "Incomplete", &text);
    }
    let seconds = report.elapsed.as_secs_f64();
    line(&mut out, "Time", &format!("{seconds:.1} s, {:.0} rows a second", rate(counts.read, report.elapsed)));
    if dry_run {
        line(&mut out, "Dry run", "nothing was written");
    }
    out
}

fn sample_text(out: &mut String, sample: &Sample) {
    let cell = |it: Option<&(String, String)>| {
        it.map_or_else(String::new, |(name, text)| format!("{name} = {}", text.escape_debug()))
    };
    let _ = writeln!(out, "Row {}", sample.source_id);
    for at in 0..sample.old.len().max(sample.new.len()) {
        let (old, new) = (cell(sample.old.get(at)), cell(sample.new.get(at)));
        let mut old: String = old.chars().take(58).collect();
        if old.chars().count() == 58 {
            old.push('…');
        }
        let _ = writeln!(out, "  {}", format!("{old:<60}{new}").trim_end());
    }
    out.push('\n');
}

/// What a migration did, as JSON.
pub fn migrate_json(report: &run::Report, environment: Environment, dry_run: bool) -> Value {
    let verdict = report.verdict();
    let mut object = head("migrate", environment, &report.server_version, verdict);
    object.insert("dry_run".to_owned(), json!(dry_run));
    object.insert("counts".to_owned(), json!(report.counts));
    object.insert("rejected_by_rule".to_owned(), json!(report.by_rule));
    object.insert("rejections".to_owned(), json!(report.rejections));
    object.insert("incomplete_lineage".to_owned(), json!(report.incomplete.count));
    if dry_run {
        let pairs = |cells: &[(String, String)]| -> Map<String, Value> {
            cells.iter().map(|(name, text)| (name.clone(), json!(text))).collect()
        };
        let samples: Vec<Value> = report
            .samples
            .iter()
            .map(|it| json!({"source_id": it.source_id, "old": pairs(&it.old), "new": pairs(&it.new)}))
            .collect();
        object.insert("samples".to_owned(), json!(samples));
    }
    object.insert("seconds".to_owned(), json!(report.elapsed.as_secs_f64()));
    object.insert("rows_per_second".to_owned(), json!(rate(report.counts.read, report.elapsed)));
    Value::Object(object)
}
