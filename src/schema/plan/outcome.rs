//! What `plan` and `status` found, and what `apply` and `revert` did.

use crate::config::environment::Environment;
use crate::ledger::history::Record;
use crate::ledger::revisions::Revision;
use crate::schema::catalog::{Catalog, Kind};
use crate::schema::ddl::qualified;
use crate::schema::drift::expectation::RoleContext;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::plan::route::Route;
use crate::schema::plan::step::{Facts, Size};

/// What `apply` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether the reference mirror was created too.
    pub mirror_created: bool,
    /// What was done.
    pub route: Route,
    /// How many indexes were built after the transaction.
    pub built: usize,
    /// Indexes that were not, and why.
    pub unbuilt: Vec<(String, String)>,
}

/// The way down: what is taken back, and what would be lost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descent {
    /// The revisions, newest first.
    pub revisions: Vec<Revision>,
    /// What would be lost, in words: tables with rows, columns with values.
    pub losses: Vec<String>,
    /// Revisions that were not run but found: what was there before them is not known.
    pub adopted: Vec<Revision>,
}

/// What there is, and the way to where it should be.
#[derive(Clone, Debug)]
pub struct Found {
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// The way.
    pub route: Route,
    /// The history, oldest first.
    pub history: Vec<Record>,
    /// Whether the reference mirror is created first: in a local database that has none.
    pub makes_mirror: bool,
    /// What there is now.
    pub(crate) live: Catalog,
    pub(crate) parties: RoleContext,
    pub(crate) mirror: String,
    pub(crate) facts: Facts,
}

impl Found {
    /// What creates the reference mirror.
    pub fn mirror_sql(&self) -> &str {
        &self.mirror
    }

    /// What there is to back up, as `pg_dump` is told: the application schema, and tables of ours that are elsewhere.
    pub fn backup_patterns(&self) -> Vec<String> {
        let schema = self.live.schemas.iter().filter(|it| *it == APPLICATION_SCHEMA).map(|it| format!("--schema={it}"));
        let ours = [APPLICATION_SCHEMA, CONTRACT_SCHEMA];
        let elsewhere = self.live.objects.keys().filter(|it| it.kind == Kind::Table && !ours.contains(&&*it.schema));
        schema.chain(elsewhere.map(|it| format!("--table={}", qualified(&it.schema, &it.name)))).collect()
    }

    /// How large a table is, by its name in SQL.
    pub fn size(&self, table: &str) -> Option<Size> {
        let found = self.facts.sizes.iter().find(|it| qualified(&it.0.0, &it.0.1) == table);
        found.map(|it| *it.1)
    }
}

/// Where a database stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The environment.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: String,
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// Number and name of the newest revision that counts as applied.
    pub current: Option<(String, String)>,
    /// Revisions that are not applied and are for this environment.
    pub pending: Vec<Revision>,
    /// Revisions that are not for this environment, and why.
    pub skipped: Vec<(Revision, &'static str)>,
    /// The history, oldest first.
    pub history: Vec<Record>,
    /// Tables in which other programs keep a history, the programs, and their versions.
    pub managers: Vec<(String, &'static str, Option<String>)>,
    /// Our tables that are there.
    pub tables: Vec<String>,
}
