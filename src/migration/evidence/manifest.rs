//! `manifest.json` of a bundle: what is claimed, and of what.
//!
//! Nothing in it depends on when or how often it is written: the same database gives the same bytes. Times are those that
//! the database has on record.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::migration::control_totals::{ControlTotal, StatusCount};

/// The format of bundles, in their manifests.
pub const FORMAT: u32 = 1;

/// What a manifest's `kind` says.
pub(crate) const KIND: &str = "evidence of a migration";

/// The most that a manifest holds.
pub(crate) const LIMIT: usize = 16 << 20;

/// What a bundle claims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `evidence of a migration`.
    pub kind: String,
    /// 1: how rows are hashed and folded, and what the files hold.
    pub format: u32,
    /// The program with its version and commit.
    pub program: String,
    /// The environment.
    pub environment: String,
    /// `clean`, or `attention` if the verification found something.
    pub outcome: String,
    /// The database that holds `padealing`.
    pub target: Place,
    /// Where the legacy rows were read.
    pub source: SourceOf,
    /// SHA-256 of the live catalog of both schemas, as `gate` shows it; null if it could not be read.
    pub catalog_sha256: Option<String>,
    /// The hash of the plan to the current revision, as `plan` prints it.
    pub plan_hash: Option<String>,
    /// The names of the roles that the configuration gives: owner, application and reader.
    pub roles: [Option<String>; 3],
    /// The history of the schema, in its order.
    pub revisions: Vec<RevisionOf>,
    /// Runs of migrate and rollback, in the order of their starts.
    pub runs: Vec<Run>,
    /// How many legacy rows there are, by what became of them.
    pub rows: RowCounts,
    /// What the verification counted besides.
    pub verification: Verification,
    /// The roots.
    pub roots: Roots,
    /// Reasons for which rows are rejected, by rule.
    pub rejections: Vec<RuleCount>,
    /// One SHA-256 over all of `migration_reject`, what is resolved and what no row explains included.
    pub reasons_sha256: String,
    /// Sums by currency and year, of both sides.
    pub control_totals: Vec<ControlTotal>,
    /// Legacy rows that were migrated, by the status that they have.
    pub statuses_before: Vec<StatusCount>,
    /// What is stored for them, likewise.
    pub statuses_after: Vec<StatusCount>,
    /// Rows that lineage claims, by table.
    pub tables: Vec<TableCount>,
    /// Exceptions that were accepted, as the file of `--exceptions` has them; empty without one.
    pub exceptions: Vec<Value>,
    /// The other files of the bundle, in the order of their names.
    pub files: Vec<FileOf>,
}

impl Manifest {
    /// The text of the file.
    pub(crate) fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Where something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Host, port, database and role.
    pub place: String,
    /// The server's version.
    pub server_version: String,
    /// The encoding of the database.
    pub encoding: String,
}

/// Where the legacy rows were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceOf {
    /// Host, port, database and role, or the file's name.
    pub place: String,
    /// Schema and table; null of a file.
    pub table: Option<String>,
    /// SHA-256 of the CSV file; null of a table.
    pub csv_sha256: Option<String>,
    /// Whether it is in the same database as `padealing`, so that `proof.sql` reads it.
    pub is_beside: bool,
    /// The time zone in which moments of the type timestamptz are read.
    pub timezone: Option<String>,
    /// Its columns, in its order.
    pub columns: Vec<ColumnOf>,
}

/// A column of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ColumnOf {
    /// Its name.
    pub name: String,
    /// Its type; null of a file's.
    pub r#type: Option<String>,
}

/// A revision on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the column of schema_revision of the same name, as text")]
pub struct RevisionOf {
    pub revision: String,
    pub name: String,
    pub checksum: String,
    pub kind: String,
    pub applied_at: Option<String>,
    pub database_role: Option<String>,
    pub program_version: Option<String>,
    pub environment: Option<String>,
}

/// A run on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the column of migration_run of the same name, as text")]
pub struct Run {
    pub id: String,
    pub command: String,
    pub environment: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub database_role: String,
    pub program_version: String,
    pub options: Option<String>,
    pub counts: Option<String>,
    pub outcome: Option<String>,
}

/// How many legacy rows there are: read = migrated + rejected + pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    /// All of them.
    pub read: u64,
    /// Those that have lineage.
    pub migrated: u64,
    /// Those that were tried, and are not migrated for reasons on record.
    pub rejected: u64,
    /// Those that were never tried.
    pub pending: u64,
    /// Of the rejected and pending ones, those without an id or with the id of another row: nothing names them one by
    /// one, so they are counted, and have no leaf.
    pub without_leaf: u64,
}

/// What the verification counted besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Migrated rows of which everything stored is right.
    pub verified: u64,
    /// Migrated rows of which something is not.
    pub different: u64,
    /// Migrated rows whose request is missing.
    pub missing: u64,
    /// Lineage of legacy rows that don't exist.
    pub missing_source: u64,
    /// Target rows that lineage claims twice, or not at all though they carry the legacy mark.
    pub extra: u64,
}

/// The roots of the three trees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Roots {
    /// Of the legacy rows.
    pub source: String,
    /// Of what the target gives back: equal to the source's if every migrated row is there, unchanged.
    pub target: String,
    /// Of the keys that the migration gave, and of when it wrote them.
    pub keys: String,
}

/// How often a rule rejects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleCount {
    /// The rule.
    pub rule: String,
    /// Reasons.
    pub reasons: u64,
}

/// How many rows of a table lineage claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TableCount {
    /// The table of `padealing`.
    pub table: String,
    /// Rows.
    pub rows: u64,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileOf {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}
