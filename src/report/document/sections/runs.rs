//! Runs of the migration, how long things took, and how long they would take again.

use serde_json::Value;

use crate::base::text::{plural, thousands};
use crate::migration::standing::{Run, RunEnd, Runs};
use crate::report::document::block::ColumnKind::{Code, Number, Status, Text};
use crate::report::document::block::{Bar, Bars, Block, Section, Table, excerpt};
use crate::report::document::words::{duration, rows};

/// The runs on record, the newest first.
pub(crate) fn section(found: &Result<Runs, String>) -> Section {
    let mut section = Section::new("runs", "Runs of the migration");
    let runs = match found {
        Err(why) => {
            section.text(format!("The record of the runs could not be read: {why}."));
            return section;
        }
        Ok(runs) => runs,
    };
    if runs.newest.is_empty() {
        section.text("No run is on record.");
        return section;
    }
    let columns = [
        ("Began", Text),
        ("What", Code),
        ("End", Status),
        ("Role", Code),
        ("Program", Code),
        ("Read", Number),
        ("Migrated", Number),
        ("Rejected", Number),
        ("Took", Number),
    ];
    let mut table = Table::new("Runs, the newest first", &columns);
    let of = |count: Option<i64>| count.map_or("".into(), |it| it.unsigned_abs().into());
    for run in &runs.newest {
        table.rows.push(vec![
            format!("{} UTC", run.started_at).into(),
            run.command.as_str().into(),
            run.end.to_string().into(),
            excerpt(&run.role).into(),
            excerpt(&run.version).into(),
            of(run.counts.map(|it| it.read)),
            of(run.counts.map(|it| it.migrated)),
            of(run.counts.map(|it| it.rejected)),
            run.seconds.map_or(String::new(), duration).into(),
        ]);
    }
    section.push(Block::Table(table));
    let more = runs.total.saturating_sub(runs.newest.len() as u64);
    if more > 0 {
        section.text(format!(
            "{} not listed; they are in the table `padealing.migration_run`.",
            plural(more, "earlier run is", "earlier runs are")
        ));
    }
    let mut table = Table::new("What was asked of each run", &[("Run", Code), ("Began", Text), ("Options", Text)]);
    for run in &runs.newest {
        let began = format!("{} UTC", run.started_at);
        table.rows.push(vec![run.id.as_str().into(), began.into(), options(run.options.as_deref()).into()]);
    }
    section.push(Block::Table(table));
    section
}

/// Options as they are stored, without those that say nothing.
fn options(stored: Option<&str>) -> String {
    let Some(Ok(Value::Object(options))) = stored.map(serde_json::from_str) else { return "not recorded".to_owned() };
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(of) => {
            of.get("sha256").map_or("…".to_owned(), |it| format!("SHA-256 {}", it.as_str().unwrap_or("…")))
        }
        other => other.to_string(),
    };
    let one = |(name, value): (&String, &Value)| format!("{}: {}", name.replace('_', " "), shown(value));
    let set: Vec<String> = options.iter().filter(|(_, value)| !value.is_null()).map(one).collect();
    excerpt(&set.join("; ").replace('`', "'"))
}

/// A thing that took time.
pub(crate) struct Timed {
    pub(crate) what: String,
    pub(crate) seconds: f64,
    /// Of how many rows.
    pub(crate) rows: Option<u64>,
}

/// The newest run that came to its end with rows.
pub(crate) fn migrated(runs: &Runs) -> Option<Timed> {
    let is_whole = |run: &&Run| run.command == "migrate" && run.end == RunEnd::Done && run.seconds.is_some();
    let newest = runs.newest.iter().filter(is_whole).max_by_key(|it| it.counts.map(|it| it.migrated))?;
    let rows = newest.counts.map(|it| it.read.unsigned_abs());
    let what = format!("Migration (the run of {} UTC)", newest.started_at);
    Some(Timed { what, seconds: newest.seconds.unwrap_or_default(), rows })
}

/// Of fewer rows a time says little about many.
const ENOUGH: u64 = 10_000;

/// How long things took, and what that foretells.
pub(crate) fn times(all: &[Timed], pending: Option<u64>) -> Section {
    let mut section = Section::new("times", "How long it took, and a forecast");
    if all.is_empty() {
        section.text("No times are known.");
        return section;
    }
    let bar = |it: &Timed| {
        let rate = it.rows.filter(|rows| *rows > 0).map(|rows| rows as f64 / it.seconds.max(1e-9));
        let rate = rate.map_or(String::new(), |it| format!(", {} rows a second", thousands(it as u64)));
        Bar {
            label: it.what.clone(),
            length: (it.seconds * 1e6) as u64,
            text: format!("{}{rate}", duration(it.seconds)),
        }
    };
    section.push(Block::Bars(Bars { caption: "Time by step".to_owned(), bars: all.iter().map(bar).collect() }));
    let measured = |it: &&Timed| it.rows.is_some_and(|rows| rows > 0);
    let each: f64 = all.iter().filter(measured).map(|it| it.seconds / it.rows.unwrap_or(1) as f64).sum();
    let most = all.iter().filter_map(|it| it.rows).max().unwrap_or_default();
    if most < ENOUGH {
        section.text(format!("No forecast: {} are too few to say how long many would take.", rows(most)));
    } else if each > 0.0 {
        let of = |count: u64| format!("{} would take about {}", rows(count), duration(each * count as f64));
        let mut text = format!(
            "Forecast: on this server, at this rate, {} for the steps above whose time grows with the rows",
            of(1_000_000)
        );
        if let Some(pending) = pending.filter(|it| *it > 0) {
            text.push_str(&format!("; the {} pending", of(pending).replace(" would", " that are left would")));
        }
        section.text(format!("{text}."));
    }
    section
}
