//! Where the schema stands: as text for a terminal, as JSON for scripts.

use serde::Serialize;

use crate::base::hint::{APPLY, MIGRATE, PLAN, VERIFY};
use crate::base::outcome::Verdict;
use crate::base::text::{list, plural, thousands};
use crate::ledger::history::RecordKind;
use crate::migration::standing::{RolledBackCounts, Run, RunCounts, RunEnd, Standing};
use crate::report::layout::Head;
use crate::report::page::Page;
use crate::report::plan::json::SkippedJson;
use crate::schema::plan::outcome::Status;

/// Clean if nothing is pending.
pub fn status_verdict(status: &Status) -> Verdict {
    Verdict::clean_if(status.pending.is_empty())
}

/// Text for a terminal.
pub fn status_page(status: &Status, data: &Standing) -> Page {
    let mut page = Page::default();
    page.address("Live", &status.place);
    page.row("Server", format!("PostgreSQL {}, environment {}", status.server_version, status.environment));
    let current = match &status.current {
        Some(revision) => format!("{} {}", revision.number, revision.name),
        None if status.tables.is_empty() => {
            format!("none: padealing has no tables yet; `{APPLY}` creates them")
        }
        None => format!(
            "none: {} in padealing, but no history of pad-migrate; `{PLAN}` shows how they would be adopted",
            plural(status.tables.len() as u64, "table", "tables")
        ),
    };
    page.row("Current", current);
    let pending = status.pending.iter().map(|revision| format!("{} {}", revision.number, revision.name));
    let pending = list(pending);
    page.row(
        "Pending",
        if pending.is_empty() { format!("no revision; `{PLAN}` compares the schema itself") } else { pending },
    );
    for skipped in &status.skipped {
        page.row("Skipped", skipped.sentence(status.environment));
    }
    for manager in &status.managers {
        let version = manager.version.as_ref().map(|version| format!(", at {version}")).unwrap_or_default();
        let text = format!("{}: {}{version}; left unchanged", manager.program, manager.table);
        page.row("Also found", text);
    }
    rows(&mut page, data);
    runs(&mut page, data);
    if !status.history.is_empty() {
        page.heading("History");
        for record in &status.history {
            let allowed = record.allowed.as_ref().map(|it| format!(", allowing locks on {it}")).unwrap_or_default();
            let who = format!("by {} with {} in {}{allowed}", record.role, record.version, record.environment);
            let what = format!("{} {} {}", record.revision, record.kind, record.name);
            page.beside(2, 18, &record.applied_at, format!("{what:<48} {who}"));
        }
    }
    page
}

/// How many legacy rows are where.
fn rows(page: &mut Page, data: &Standing) {
    let Standing { source, migrated, rejected, .. } = data;
    let mut parts = Vec::new();
    for (count, what) in [(source, "in the legacy table"), (migrated, "migrated"), (rejected, "rejected")] {
        if let Ok(count) = count {
            parts.push(format!("{} {what}", thousands(*count)));
        }
    }
    if let Some(left) = data.left() {
        parts.push(format!("which leaves {}; `{VERIFY}` compares row by row", thousands(left)));
    }
    page.row("Rows", if parts.is_empty() { "not known".to_owned() } else { parts.join(", ") });
    for (what, reason) in unknown(data).filter(|(what, _)| *what != RUNS) {
        page.row("Not known", format!("{what}: {reason}"));
    }
}

/// The newest runs of `migrate`, and how they ended.
fn runs(page: &mut Page, data: &Standing) {
    let runs = match &data.runs {
        Ok(runs) if runs.newest.is_empty() => return page.row("Runs", format!("none; `{MIGRATE}` migrates the rows")),
        Ok(runs) => runs,
        Err(reason) => return page.row("Runs", format!("not known: {reason}")),
    };
    page.heading("Runs of migrate and rollback, the newest first (UTC)");
    for run in &runs.newest {
        let did = match (&run.counts, run.end) {
            _ if run.command == "rollback" => rolled_back(run),
            (Some(RunCounts { read, migrated, rejected }), _) => {
                let [read, migrated, rejected] = [read, migrated, rejected].map(|it| thousands(it.unsigned_abs()));
                format!("{read} read, {migrated} migrated, {rejected} rejected")
            }
            (None, RunEnd::Running) => "at work".to_owned(),
            (None, _) if run.reason.is_some() => "what it had committed stays".to_owned(),
            (None, _) => format!("what it had committed stays; `{MIGRATE}` goes on"),
        };
        let end = run.finished_at.as_ref().and_then(|at| Some(format!(", ended {}", later(&run.started_at, at)?)));
        let end = end.unwrap_or_default();
        let label = format!("{:<21}{}", run.started_at, run.end);
        page.beside(2, 36, label, format!("{did}{end}, by {} with {}", run.role, run.version));
        if run.command == "migrate" && run.end != RunEnd::Running {
            page.beside(2, 36, "", format!("run {}", run.id));
        }
        if let Some(reason) = &run.reason {
            page.beside(2, 36, "", reason);
        }
    }
    let more = runs.total.saturating_sub(runs.newest.len() as u64);
    if more > 0 {
        page.paragraph(2, format!("… and {}", plural(more, "earlier run", "earlier runs")));
    }
}

/// What a rollback did.
fn rolled_back(run: &Run) -> String {
    match (&run.rolled_back, run.end) {
        (Some(RolledBackCounts { rolled_back, kept }), _) => {
            let [rolled_back, kept] = [rolled_back, kept].map(|it| thousands(it.unsigned_abs()));
            format!("rollback: {rolled_back} rolled back, {kept} kept")
        }
        (None, RunEnd::Running) => "rollback: at work".to_owned(),
        (None, _) => "rollback: what it had committed is rolled back; the same command goes on".to_owned(),
    }
}

/// A time as it is worth saying beside an earlier one: its hour on the same day, nothing in the same minute.
fn later<'a>(earlier: &str, time: &'a str) -> Option<&'a str> {
    let same_day = earlier.split(' ').next() == time.split(' ').next();
    match time.split_once(' ') {
        _ if time == earlier => None,
        Some((_, hour)) if same_day => Some(hour),
        _ => Some(time),
    }
}

const RUNS: &str = "runs";

/// What can't be known, and why.
fn unknown(data: &Standing) -> impl Iterator<Item = (&'static str, &str)> {
    [
        (RUNS, data.runs.as_ref().err()),
        ("legacy rows", data.source.as_ref().err()),
        ("migrated rows", data.migrated.as_ref().err()),
        ("rejected rows", data.rejected.as_ref().err()),
    ]
    .into_iter()
    .filter_map(|(what, reason)| Some((what, reason?.as_str())))
}

/// What `status --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct StatusJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// Host, port, database and role.
    pub place: String,
    /// The number of the newest revision that counts as applied.
    pub current: Option<&'static str>,
    /// Revisions that this environment needs and that are not applied.
    pub pending: Vec<PendingJson>,
    /// Revisions that this environment skips.
    pub skipped: Vec<SkippedJson>,
    /// The history, oldest line first.
    pub history: Vec<HistoryJson>,
    /// Histories of other programs.
    pub managers: Vec<ManagerJson>,
    /// The newest runs of `migrate` and `rollback`, the newest first; null if they can't be known.
    pub runs: Option<Vec<RunJson>>,
    /// How many runs there are.
    pub runs_total: Option<u64>,
    /// Legacy rows by where they stand.
    pub rows: RowsJson,
    /// What can't be known, and why.
    pub unknown: Vec<UnknownJson>,
}

/// A run of `migrate` or of `rollback`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RunJson {
    /// Its id, as `rollback --run` takes it.
    pub id: String,
    /// `migrate` or `rollback`.
    pub command: String,
    /// When it began, in UTC.
    pub started_at: String,
    /// When its end was recorded, in UTC.
    pub finished_at: Option<String>,
    /// How it ended.
    pub end: RunEnd,
    /// By which role.
    pub role: String,
    /// With which version of this program.
    pub version: String,
    /// Why it failed; left out if it didn't, or that isn't recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a run of `migrate` did with rows; null if it didn't come to its end.
    pub counts: Option<RunCounts>,
    /// What a rollback did with rows, if it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBackCounts>,
}

/// Legacy rows by where they stand; null what can't be known.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RowsJson {
    /// Rows of the legacy table.
    pub source: Option<u64>,
    /// Migrated, by lineage.
    pub migrated: Option<u64>,
    /// Rejected when they were tried last.
    pub rejected: Option<u64>,
    /// The others: source less migrated and rejected. `verify` compares row by row.
    pub left: Option<u64>,
}

/// Something that can't be known.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct UnknownJson {
    /// `runs`, `legacy rows`, `migrated rows` or `rejected rows`.
    pub what: &'static str,
    /// Why.
    pub reason: String,
}

impl From<&Run> for RunJson {
    fn from(run: &Run) -> Self {
        let Run { id, command, started_at, finished_at, end, role, version, reason, counts, rolled_back, .. } =
            run.clone();
        Self { id, command, started_at, finished_at, end, role, version, reason, counts, rolled_back }
    }
}

/// A revision that is to be applied.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct PendingJson {
    /// Its number.
    pub revision: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// A line of the history.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct HistoryJson {
    /// The revision's number.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// What was done.
    pub kind: RecordKind,
    /// SHA-256 of the revision's SQL.
    pub checksum: String,
    /// When, by the server's clock: `2026-01-20 09:30`.
    pub applied_at: String,
    /// By which role.
    pub role: String,
    /// With which version of this program.
    pub version: String,
    /// In which environment.
    pub environment: String,
    /// What triggers were allowed to lock outside padealing (`--allow-object`).
    pub allowed: Option<String>,
}

/// A table in which another program keeps a history.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ManagerJson {
    /// The table.
    pub table: String,
    /// The program.
    pub program: &'static str,
    /// The version that it records, if this role may read it.
    pub version: Option<String>,
}

impl StatusJson {
    /// The JSON of where schema and data stand.
    pub fn new(status: &Status, data: &Standing) -> Self {
        let history = status.history.iter().cloned().map(|record| HistoryJson {
            revision: record.revision,
            name: record.name,
            kind: record.kind,
            checksum: record.checksum,
            applied_at: record.applied_at,
            role: record.role,
            version: record.version,
            environment: record.environment,
            allowed: record.allowed,
        });
        let managers = status.managers.iter().cloned().map(|manager| ManagerJson {
            table: manager.table,
            program: manager.program,
            version: manager.version,
        });
        let pending = status.pending.iter();
        Self {
            head: Head::new("status", status.environment, &status.server_version, status_verdict(status)),
            place: status.place.clone(),
            current: status.current.map(|revision| revision.number),
            pending: pending.map(|it| PendingJson { revision: it.number, name: it.name }).collect(),
            skipped: status.skipped.iter().map(SkippedJson::from).collect(),
            history: history.collect(),
            managers: managers.collect(),
            runs: data.runs.as_ref().ok().map(|runs| runs.newest.iter().map(RunJson::from).collect()),
            runs_total: data.runs.as_ref().ok().map(|runs| runs.total),
            rows: RowsJson {
                source: data.source.as_ref().ok().copied(),
                migrated: data.migrated.as_ref().ok().copied(),
                rejected: data.rejected.as_ref().ok().copied(),
                left: data.left(),
            },
            unknown: unknown(data).map(|(what, reason)| UnknownJson { what, reason: reason.to_owned() }).collect(),
        }
    }
}
