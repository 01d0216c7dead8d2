//! A plan as data: decisions, steps, and what they may hurt.

use std::collections::BTreeMap;

use strum::Display;

use crate::schema::catalog::Kind;
use crate::schema::drift::finding::{Remedy, Severity};
use crate::schema::plan::surroundings::Surroundings;

/// What becomes of a managed table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Decision {
    /// It is as expected.
    Use,
    /// It is there, and steps make it what is expected.
    Upgrade,
    /// It isn't there.
    Create,
    /// It is in another schema, with its rows.
    Move,
}

/// What a step does that others notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HazardKind {
    /// A managed table is locked, briefly.
    Lock,
    /// A table is read from end to end, under the lock.
    Scan,
    /// An index is built, under the lock.
    IndexBuild,
    /// A table and its indexes are rewritten, under the lock.
    Rewrite,
    /// A table of the reference schema is locked: its rows can be read, and not written.
    ReferenceLock,
    /// What has probably been renamed gets its name back; queries that use the other name fail.
    Rename,
    /// A table changes its schema; queries that use the old one fail.
    Move,
    /// `revert` won't restore what was there before.
    NotUndone,
    /// A role loses an unexpected privilege, or ownership.
    Revoke,
    /// An unexpected comment, default or condition is dropped or overwritten.
    Overwrite,
    /// An event trigger, or a trigger on the history, fires on it, and may refuse it or lock other objects.
    Trigger,
    /// Rows could not be checked. If they violate it, everything is rolled back.
    Unverified,
}

/// Lock modes of tables (PostgreSQL 13.3.1), the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
#[expect(missing_docs, reason = "each is what PostgreSQL's documentation calls so")]
pub enum LockMode {
    #[serde(rename = "SHARE UPDATE EXCLUSIVE")]
    #[strum(serialize = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    Share,
    #[serde(rename = "SHARE ROW EXCLUSIVE")]
    #[strum(serialize = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    #[serde(rename = "ACCESS EXCLUSIVE")]
    #[strum(serialize = "ACCESS EXCLUSIVE")]
    AccessExclusive,
}

/// What a step may hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// What it does.
    pub kind: HazardKind,
    /// The lock that it takes on `table`, and holds until the transaction ends.
    pub lock: Option<LockMode>,
    /// The table, with its schema.
    pub table: String,
    /// In words.
    pub note: String,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It runs a revision's own SQL, up or down.
    Revision,
    /// It creates the reference mirror.
    Mirror,
    /// It creates an object of this kind.
    Create(Kind),
    /// It changes a property, or what an object holds.
    Alter,
    /// It gives an object another name.
    Rename,
    /// It moves an object to another schema.
    Move,
    /// It drops an object, which another step creates again.
    Drop,
    /// It rebuilds an invalid index.
    Reindex,
    /// It grants privileges on an object.
    Grant,
    /// It revokes privileges on an object.
    Revoke,
}

/// An index build that lets others write meanwhile, outside any transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentBuild {
    /// The statement, without a semicolon.
    pub sql: String,
    /// The invalid index that a failed build leaves, with its schema.
    pub leftover: String,
}

/// One statement, or one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The statement, with its semicolon; a revision's has several.
    pub sql: String,
    /// What it is about: `pad_request.status`, or `revision 0004`.
    pub object: String,
    /// The table that it changes, if that was there before.
    pub table: Option<String>,
    /// The expected table that its object is, belongs to or numbers; empty for a revision.
    pub belongs_to: String,
    /// What it may hurt.
    pub hazards: Vec<Hazard>,
    /// How it can run after the transaction instead (`--concurrently`).
    pub concurrent: Option<ConcurrentBuild>,
}

impl Step {
    /// A step that is no planned change of one object: a revision, or the mirror.
    pub(crate) fn verbatim(action: Action, object: String, sql: String, hazards: Vec<Hazard>) -> Self {
        Self { action, sql, object, table: None, belongs_to: String::new(), hazards, concurrent: None }
    }
}

/// A difference that no step resolves, or what stops a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The kind of finding in `drift`, or what stops a step, such as `name_taken`.
    pub kind: String,
    /// What differs.
    pub object: String,
    /// How much that matters.
    pub severity: Severity,
    /// Why it is left.
    pub reason: String,
    /// What shows the rows, or the object.
    pub query: Option<String>,
    /// What to do, where more can be said than in the reason.
    pub remedy: Option<Remedy>,
    /// Whether it must be resolved by hand: nothing at all is applied before.
    pub is_blocking: bool,
}

/// What stops a step, with the statement that removes it where there is one.
pub(crate) fn stop(kind: &str, object: String, reason: String, sql: Option<String>) -> Left {
    Left {
        kind: kind.to_owned(),
        object,
        severity: Severity::Breaking,
        reason,
        query: None,
        remedy: sql.map(Remedy::sql),
        is_blocking: true,
    }
}

/// How large a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The planner's estimate of its rows, if there is one.
    pub rows: Option<i64>,
    /// Bytes, indexes and TOAST included.
    pub bytes: i64,
}

/// Whether a query finds rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It finds none.
    Clear,
    /// It finds some.
    Found,
    /// It could not be asked, and why.
    Unknown(String),
}

/// What is known of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataFacts {
    /// The tables, by schema and name.
    pub sizes: BTreeMap<(String, String), Size>,
    /// What else the database holds that can stop a step.
    pub surroundings: Surroundings,
    /// Questions that were asked, with their answers.
    pub answers: BTreeMap<String, Answer>,
}

/// How a live schema becomes the expected one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The expected tables of the application schema, by name.
    pub tables: BTreeMap<String, Decision>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What is left as it is.
    pub left: Vec<Left>,
    /// Queries whose answers would make the plan surer: each finds rows that stand in a step's way.
    pub questions: Vec<String>,
}

impl Plan {
    /// What must be resolved by hand before anything is applied.
    pub fn blocking(&self) -> impl Iterator<Item = &Left> {
        self.left.iter().filter(|it| it.is_blocking)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rows {
            Some(1) => f.write_str("about 1 row, ")?,
            Some(rows) => write!(f, "about {rows} rows, ")?,
            None => f.write_str("rows not estimated, ")?,
        }
        match self.bytes {
            it if it >= 10 << 30 => write!(f, "{} GiB", it >> 30),
            it if it >= 10 << 20 => write!(f, "{} MiB", it >> 20),
            it => write!(f, "{} KiB", it >> 10),
        }
    }
}
