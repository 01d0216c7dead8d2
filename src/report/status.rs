//! Where the schema stands: as text for a terminal, as JSON for scripts.

use serde::Serialize;

use crate::base::outcome::Verdict;
use crate::base::text::{list, plural};
use crate::ledger::history::RecordKind;
use crate::report::layout::Head;
use crate::report::page::Page;
use crate::report::plan::json::SkippedJson;
use crate::schema::plan::outcome::Status;

/// Clean if nothing is pending.
pub fn status_verdict(status: &Status) -> Verdict {
    Verdict::clean_if(status.pending.is_empty())
}

/// Text for a terminal.
pub fn status_page(status: &Status) -> Page {
    let mut page = Page::default();
    page.address("Live", &status.place);
    page.row("Server", format!("PostgreSQL {}, environment {}", status.server_version, status.environment));
    let current = match &status.current {
        Some(revision) => format!("{} {}", revision.number, revision.name),
        None if status.tables.is_empty() => {
            "none: padealing has no tables yet; `pad-migrate apply` creates them".to_owned()
        }
        None => format!(
            "none: {} in padealing, but no history of pad-migrate; `pad-migrate plan` shows how they would be adopted",
            plural(status.tables.len() as u64, "table", "tables")
        ),
    };
    page.row("Current", current);
    let pending = status.pending.iter().map(|revision| format!("{} {}", revision.number, revision.name));
    let pending = list(pending);
    page.row("Pending", if pending.is_empty() { "none" } else { &pending });
    for skipped in &status.skipped {
        page.row("Skipped", skipped.sentence(status.environment));
    }
    for manager in &status.managers {
        let version = manager.version.as_ref().map(|version| format!(", at {version}")).unwrap_or_default();
        let text = format!("{}: {}{version}; left unchanged", manager.program, manager.table);
        page.row("Also found", text);
    }
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
    /// The JSON of where a schema stands.
    pub fn new(status: &Status) -> Self {
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
        }
    }
}
