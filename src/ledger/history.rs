//! What a history says: which revisions count as applied.

use std::collections::BTreeMap;

use crate::config::environment::Environment;
use crate::ledger::revisions::{ALL, Revision};

/// What a line of the history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RecordKind {
    /// A revision was run.
    Applied,
    /// The schema was altered to match it, or matched already: it and all before it count as applied.
    Baseline,
    /// A revision was rolled back.
    Reverted,
}

/// A line of the history, `padealing.schema_revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Record {
    pub revision: String,
    pub name: String,
    /// The checksum of its SQL.
    pub checksum: String,
    pub kind: RecordKind,
    /// When, by the server's clock.
    pub applied_at: String,
    /// By which role.
    pub role: String,
    /// By which version of this program.
    pub version: String,
    pub environment: String,
    /// What triggers were allowed to lock outside padealing, as `--allow-object` named it.
    pub allowed: Option<String>,
}

/// The revisions that count as applied, by number: as the last line about each says.
pub fn applied(history: &[Record]) -> BTreeMap<String, RecordKind> {
    let mut applied = BTreeMap::new();
    for record in history {
        match record.kind {
            RecordKind::Applied => {
                applied.insert(record.revision.clone(), RecordKind::Applied);
            }
            RecordKind::Reverted => {
                applied.remove(&record.revision);
            }
            RecordKind::Baseline => {
                for revision in ALL.iter().filter(|it| it.number <= record.revision.as_str()) {
                    applied.entry(revision.number.to_owned()).or_insert(RecordKind::Baseline);
                }
                applied.insert(record.revision.clone(), RecordKind::Baseline);
            }
        }
    }
    applied
}

/// The revisions that are not applied and are for this environment.
pub fn pending(history: &[Record], environment: Environment) -> Vec<Revision> {
    let applied = applied(history);
    let open = ALL.iter().filter(|it| !applied.contains_key(it.number) && it.not_for(environment).is_none());
    open.copied().collect()
}
