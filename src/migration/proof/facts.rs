//! What `proof.sql` and the view are made for: the source as its catalog has it, and what the bundle claims.

use crate::migration::legacy::LegacyColumn;

/// A column of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` prints it where `search_path` is `pg_catalog`; `text` for a column of a file.
    pub sql_type: String,
    /// `pg_type.typname` of the type, or of a domain's base; it decides how values are printed.
    pub base_type: String,
}

impl Column {
    /// The column of the data model that it is.
    pub(crate) fn known(&self) -> Option<LegacyColumn> {
        LegacyColumn::from_name(&self.name)
    }
}

/// How the ids of the source are read. The table is called `l` in the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdSql {
    /// SQL of the id as a number.
    pub sql: String,
    /// SQL that is true of an id that a bigint holds; none where each is.
    pub usable: Option<String>,
    /// Whether several rows may have an id.
    pub may_repeat: bool,
}

/// Where the legacy rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a table beside `padealing`.
    Here {
        /// The table's schema and name.
        table: (String, String),
        /// How its ids are read.
        id: IdSql,
    },
    /// In a CSV file or in another database, which is named for people.
    Elsewhere(String),
}

/// A node over 256 leaves, in the order of the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id of its first leaf.
    pub first_id: i64,
    /// Its hash in the tree of the source, of the target, and of the keys.
    pub hashes: [String; 3],
}

/// What the bundle says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Roots of the trees of the source, of the target and of the keys.
    pub roots: [String; 3],
    /// Legacy rows in the trees, and of them the migrated, rejected and pending ones.
    pub source: u64,
    /// See `source`.
    pub migrated: u64,
    /// See `source`.
    pub rejected: u64,
    /// See `source`.
    pub pending: u64,
    /// Legacy rows without an id of their own, which are in no tree.
    pub outside: u64,
    /// The level-2 nodes of the three trees.
    pub nodes: Vec<Node>,
    /// Hashes of legacy rows that the script can't compute, by id: those that aren't migrated where the source is
    /// elsewhere, and those that can't be read.
    pub row_hashes: Vec<(i64, String)>,
    /// The rows of `migration_run`: id, and hash as [`RUN_HASHES`] computes it.
    pub runs: Vec<(String, String)>,
    /// What [`REASONS_HASH`] gives.
    pub reasons: String,
    /// The version of the program that wrote the bundle.
    pub tool_version: String,
}

/// All that `proof.sql` is made for. The target's encoding is UTF8, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The source's columns, in their own order.
    pub columns: Vec<Column>,
    /// Where the legacy rows are.
    pub place: Place,
    /// The time zone in which known columns of the type timestamptz are read.
    pub zone: Option<String>,
    /// What the bundle says.
    pub claims: Claims,
}

/// Each row of `migration_run` with the SHA-256 of all its columns, as lines of format 1. The session's settings are
/// those of D20.
pub const RUN_HASHES: &str = include_str!("runs.sql");

/// One SHA-256 over all of `migration_reject`, what is resolved and what no row explains included. Likewise.
pub const REASONS_HASH: &str = include_str!("reasons.sql");
