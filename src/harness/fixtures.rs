//! The hand-written cases of `fixtures/legacy/cases`, embedded in the program.
//!
//! A case is a folder: `legacy.toml` with the legacy rows, `expected.toml` with what becomes of each. Both are data: a
//! reviewer needs no code. Values are the texts that Postgres prints; what isn't mentioned is null.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

include!(concat!(env!("OUT_DIR"), "/legacy_cases.rs"));

/// Creates the legacy table.
pub const LEGACY_TABLE: &str = include_str!("../../fixtures/legacy/table.sql");
/// Fills the reference mirror.
pub(crate) const REFERENCE_ROWS: &str = include_str!("../../fixtures/reference/rows.sql");
/// Fills the application's own tables.
pub(crate) const APPLICATION_ROWS: &str = include_str!("../../fixtures/reference/application.sql");

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name: the decision or the rule, and what it says.
    pub name: String,
    /// What the case shows, in a sentence.
    pub says: String,
    /// SQL to run in the target before the migration.
    pub before: Option<String>,
    /// Columns of the legacy table that the case adds, or whose type it changes, with the type.
    pub columns: BTreeMap<String, String>,
    /// The legacy rows: the text of each column that isn't null.
    pub rows: Vec<BTreeMap<String, String>>,
    /// What becomes of each row, by legacy id.
    pub expected: BTreeMap<i64, Outcome>,
}

/// What becomes of a legacy row, as `expected.toml` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It is rejected, for these reasons: field, blank, rule.
    Rejected {
        /// The reasons in order.
        rejected: Vec<String>,
    },
    /// It is migrated: what is stored, by role. Nulls, surrogate keys and what every row has are left out.
    Migrated(BTreeMap<String, BTreeMap<String, String>>),
}

/// Why a case can't be read.
#[derive(Debug, thiserror::Error)]
#[error("fixtures/legacy/cases/{case}: {reason}")]
pub struct FixtureError {
    case: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegacyFile {
    says: String,
    before: Option<String>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    row: Vec<BTreeMap<String, Cell>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cell {
    Text(String),
    Repeated { repeat: String, times: usize },
}

/// Every case that is embedded, by name.
pub fn cases() -> Result<Vec<Case>, FixtureError> {
    read_cases(LEGACY_CASES.iter().copied())
}

/// The cases that files make up, each with its path `case/file` and its text. A path `case/` says that there is a case.
pub fn read_cases<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Case>, FixtureError> {
    let mut cases: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (path, text) in files {
        let (case, file) = path.split_once('/').unwrap_or((path, ""));
        let files = cases.entry(case).or_default();
        if !file.is_empty() {
            files.insert(file, text);
        }
    }
    cases.into_iter().map(|(name, files)| read_case(name, &files)).collect()
}

fn read_case(name: &str, files: &BTreeMap<&str, &str>) -> Result<Case, FixtureError> {
    let failed = |reason: String| FixtureError { case: name.to_owned(), reason };
    if let Some(file) = files.keys().find(|it| !["legacy.toml", "expected.toml"].contains(it)) {
        return Err(failed(format!("{file} is not a file of a case; a case has legacy.toml and expected.toml")));
    }
    let file = |file: &str| files.get(file).copied().ok_or_else(|| failed(format!("{file} is missing")));
    let legacy: LegacyFile = toml::from_str(file("legacy.toml")?).map_err(|error| failed(error.to_string()))?;
    let expected: BTreeMap<String, Outcome> =
        toml::from_str(file("expected.toml")?).map_err(|error| failed(error.to_string()))?;
    let text = |cell| match cell {
        Cell::Text(text) => text,
        Cell::Repeated { repeat, times } => repeat.repeat(times),
    };
    let rows: Vec<BTreeMap<String, String>> = legacy
        .row
        .into_iter()
        .map(|row| row.into_iter().map(|(column, cell)| (column, text(cell))).collect())
        .collect();
    let expected: BTreeMap<i64, Outcome> = expected
        .into_iter()
        .map(|(id, outcome)| id.parse().map(|id| (id, outcome)).map_err(|_| failed(format!("{id} is not a legacy id"))))
        .collect::<Result<_, _>>()?;
    let mut ids: Vec<i64> = Vec::new();
    for row in &rows {
        let id = row.get("id").and_then(|it| it.parse().ok());
        ids.push(id.ok_or_else(|| failed("a row has no id".to_owned()))?);
    }
    ids.sort_unstable();
    if !ids.iter().eq(expected.keys()) {
        return Err(failed("expected.toml must have exactly the rows of legacy.toml".to_owned()));
    }
    Ok(Case {
        name: name.to_owned(),
        says: legacy.says,
        before: legacy.before,
        columns: legacy.columns,
        rows,
        expected,
    })
}
