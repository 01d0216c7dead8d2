//! What is known of a target: its server, relations, roles and history.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::checks::part::Part;
use crate::ledger::permission::{Lack, Permissions};
use crate::ledger::tables::MANAGED_TABLES;
use crate::migration::ids::OddIds;
use crate::migration::traits::LegacyTraits;
use crate::schema::names::REFERENCE_TABLES;
use crate::schema::relation::UnknownRelation;

/// Everything that doctor asks a target.
#[derive(Clone, Debug)]
pub struct TargetFacts {
    /// The server and the database.
    pub server: Server,
    /// The connected role.
    pub role: Role,
    /// The relations of both schemas, the legacy table, and those in `public` with a managed table's name.
    pub relations: Vec<Relation>,
    /// How the legacy table would be read, if it is in the target.
    pub legacy: LegacyFacts,
    /// The relations of `padealing` that aren't expected there.
    pub unknown: Vec<UnknownRelation>,
    /// Columns of `padealing` that `migrate` writes and that aren't there.
    pub missing_columns: Vec<String>,
    /// The policies of the tables whose rows they may hide from the connected role.
    pub policies: Vec<Policy>,
    /// What roles may do with the schemas.
    pub schema_rights: Vec<SchemaRights>,
    /// What roles may do with each table.
    pub table_rights: Vec<TableRights>,
    /// Configured roles that don't exist: key, role.
    pub missing_roles: Vec<(&'static str, String)>,
    /// Attributes of the roles that override privileges or policies.
    pub attributes: Vec<(String, Attribute)>,
    /// Applied revisions; none if there is no history or this role can't read it, an error if reading it failed.
    pub revisions: Result<Option<BTreeSet<String>>, String>,
    /// How many revisions `apply` would apply, or why it would not.
    pub apply: Option<Result<usize, String>>,
    /// What the roles may not do.
    pub permissions: Gaps,
    /// Tables in which other programs keep their migration history: table, program, its version.
    pub managers: Vec<(String, &'static str, Option<String>)>,
}

impl Default for TargetFacts {
    fn default() -> Self {
        Self {
            server: Server::default(),
            role: Role::default(),
            relations: Vec::new(),
            legacy: LegacyFacts::default(),
            unknown: Vec::new(),
            missing_columns: Vec::new(),
            policies: Vec::new(),
            schema_rights: Vec::new(),
            table_rights: Vec::new(),
            missing_roles: Vec::new(),
            attributes: Vec::new(),
            revisions: Ok(None),
            apply: None,
            permissions: Gaps::default(),
            managers: Vec::new(),
        }
    }
}

/// What the roles may not do.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    /// The connected role, of what doctor reads.
    pub reading: Permissions,
    /// The connected role, of what is pending.
    pub applying: Permissions,
    /// The connected role, of what `migrate` does.
    pub migrating: Permissions,
    /// Each configured role that exists, of what its part takes: its key's part, and what it lacks.
    pub parts: Vec<(Part, Permissions)>,
    /// What is to be mended: of these, all that is this environment's or the connected role's business.
    pub block: Vec<Lack>,
    /// What else it takes for the connected role to apply and to migrate.
    pub optional: Vec<Lack>,
}

/// The server and the database.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Server {
    /// `server_version`.
    pub version: String,
    pub major: u32,
    /// Whether it is a standby.
    pub standby: bool,
    /// Whether new transactions are read-only by configuration.
    pub read_only: bool,
    pub encoding: String,
    pub collation: String,
    /// Collations whose library version has changed.
    pub collation_changes: Vec<CollationChange>,
    /// `log_timezone`: the zone of the server's clock.
    pub clock_zone: String,
    /// Time zones that are set for the database or for roles: for what, zone.
    pub zones: Vec<(String, String)>,
    /// Of `max_connections`, without those reserved for superusers.
    pub connections: Usage,
    /// Of the database's limit.
    pub database_connections: Usage,
    /// Of the role's limit.
    pub role_connections: Usage,
}

/// A limit of connections, and how many are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The limit; -1 is none.
    pub limit: i64,
    /// Connections in use.
    pub used: i64,
}

/// A collation whose library has another version than when its indexes were built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollationChange {
    /// The collation.
    pub name: String,
    /// The version that the catalog records.
    pub recorded: String,
    /// The library's version.
    pub actual: String,
}

/// What lets a role past every check of its privileges, or past every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// SUPERUSER.
    Superuser,
    /// BYPASSRLS.
    BypassRls,
}

/// The connected role.
#[derive(Clone, Debug, Default)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// When its password expires, if it does.
    pub password_expiry: Option<PasswordExpiry>,
    /// The owner of `padealing`, if the schema exists.
    pub application_owner: Option<String>,
    /// Whether changes of padealing are its business: it is a member of the owner, or may write what only the migration
    /// writes; and it is neither the application's role nor the reader's.
    pub is_operator: bool,
}

/// A password's expiry.
#[derive(Clone, Debug, PartialEq)]
pub struct PasswordExpiry {
    /// The day.
    pub date: String,
    /// In how many days; negative if it has passed.
    pub days: f64,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Counted.
    Exact(i64),
    /// The planner's estimate.
    Estimate(i64),
    /// Never analysed.
    Unknown,
    /// The role lacks SELECT, or a policy may hide rows.
    Hidden,
    /// A view has none of its own.
    View,
    /// Counting failed; the message.
    Failed(String),
}

impl Rows {
    /// The number, for JSON.
    pub(crate) fn cell(&self) -> Value {
        match self {
            Self::Exact(rows) | Self::Estimate(rows) => json!(rows),
            Self::Unknown | Self::Hidden | Self::View | Self::Failed(_) => Value::Null,
        }
    }

    /// Where the number comes from, or why there is none.
    pub(crate) fn source(&self) -> &str {
        match self {
            Self::Exact(_) => "counted",
            Self::Estimate(_) => "estimate",
            Self::Unknown => "never analysed",
            Self::Hidden => "may not be read",
            Self::View => "a view",
            Self::Failed(why) => why,
        }
    }
}

/// A table, view or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Relation {
    pub schema: String,
    pub name: String,
    /// Table, view and so on.
    pub kind: &'static str,
    pub rows: Rows,
    /// Bytes with indexes and TOAST; none if the table was locked.
    pub bytes: Option<i64>,
    pub owner: String,
    /// Whether the role is a member of its owner.
    pub owned: bool,
    /// Whether the role may read it.
    pub readable: bool,
    /// Whether its rows can be counted.
    pub countable: bool,
    /// Whether there is a row.
    pub filled: Filled,
    /// Whether row-level security may hide rows from the role.
    pub policed: bool,
    /// Whether it has row-level security at all.
    pub has_row_security: bool,
}

/// A policy of row-level security, as pg_policies has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Policy {
    pub table: String,
    pub name: String,
    /// SELECT, INSERT and so on, or ALL.
    pub command: String,
    pub roles: Vec<String>,
    /// Which rows are shown, as SQL.
    pub shows: Option<String>,
}

/// How the legacy table would be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyFacts {
    /// What can be found out of it; nothing if it can't be read.
    pub traits: LegacyTraits,
    /// Columns that need a time zone, if none is named.
    pub without_zone: Vec<String>,
    /// Why `migrate` would refuse its columns.
    pub problem: Option<String>,
    /// Rows that their ids don't identify, or why they aren't known.
    pub odd_ids: Result<OddIds, String>,
}

impl Default for LegacyFacts {
    fn default() -> Self {
        let (traits, without_zone) = (LegacyTraits::default(), Vec::new());
        Self { traits, without_zone, problem: None, odd_ids: Ok(OddIds::default()) }
    }
}

/// Whether a table holds a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It holds one.
    Yes,
    /// It is empty.
    No,
    /// Why that isn't known.
    Unknown(String),
}

/// What a role may do with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct SchemaRights {
    pub role: String,
    pub schema: String,
    /// USAGE.
    pub usage: bool,
    /// CREATE.
    pub create: bool,
    /// Sequences with USAGE or UPDATE.
    pub open_sequences: i64,
}

/// What a role may do with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct TableRights {
    pub role: String,
    pub schema: String,
    pub table: String,
    /// SELECT, INSERT and so on, on the whole table.
    pub privileges: Vec<String>,
    /// Whether it can write to it, be it one column.
    pub writes: bool,
}

impl TableRights {
    /// Whether the data model knows the table.
    pub(crate) fn is_known(&self) -> bool {
        let known: &[&str] = if self.schema == "padealing" { MANAGED_TABLES } else { &REFERENCE_TABLES };
        known.contains(&&*self.table)
    }
}

impl TargetFacts {
    /// Whether a table of `padealing` exists.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.relations.iter().any(|it| it.schema == "padealing" && it.name == table)
    }

    /// What a role can do with a schema.
    pub(crate) fn schema(&self, role: &str, schema: &str) -> Option<&SchemaRights> {
        self.schema_rights.iter().find(|it| it.role == role && it.schema == schema)
    }
}
