//! What `plan` and `status` found, and what `apply` and `revert` did.

use sha2::{Digest, Sha256};

use crate::base::text::hex;
use crate::config::environment::Environment;
use crate::ledger::history::Record;
use crate::ledger::permission::{Need, Permissions};
use crate::ledger::revisions::Revision;
use crate::schema::catalog::Catalog;
use crate::schema::ddl::qualified;
use crate::schema::drift::expectation::RoleContext;
use crate::schema::plan::route::{Route, Skipped};
use crate::schema::plan::step::{DataFacts, Size, Step};

/// What `apply` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether the reference mirror was created too.
    pub mirror_created: bool,
    /// What was done.
    pub route: Route,
    /// How many indexes were built after the transaction.
    pub built: usize,
    /// Indexes that were not.
    pub unbuilt: Vec<Unbuilt>,
}

impl Applied {
    /// Whether anything is changed or recorded.
    pub(crate) fn is_changed(&self) -> bool {
        self.mirror_created || !self.route.is_empty()
    }
}

/// An index that could not be built after the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbuilt {
    /// The index, with its table.
    pub index: String,
    /// Why, as one sentence.
    pub reason: String,
}

/// What a revert rolls back, and what is lost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The revisions, newest first.
    pub revisions: Vec<Revision>,
    /// What is lost, in words: tables with rows, columns with values.
    pub losses: Vec<String>,
    /// Revisions that were adopted, not run: what was there before them is not known.
    pub adopted: Vec<Revision>,
    /// What is run, a down migration each, in order.
    pub steps: Vec<Step>,
    /// Tables that are dropped, that lose columns or that move: nobody reads or writes them until the transaction ends.
    pub blocks: Vec<String>,
    /// The server's version, such as `15.18`.
    pub server_version: String,
}

/// A plan, and what it starts from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// What to do and to record.
    pub route: Route,
    /// The history, oldest first.
    pub history: Vec<Record>,
    /// Whether the reference mirror is created first: in a local database that has none.
    pub makes_mirror: bool,
    /// What the connected role may not do of it.
    pub permissions: Permissions,
    /// What there is now.
    /// What it takes to apply it.
    pub(crate) needs: Vec<Need>,
    pub(crate) live: Catalog,
    pub(crate) context: RoleContext,
    pub(crate) mirror: String,
    pub(crate) facts: DataFacts,
}

impl Found {
    /// What creates the reference mirror.
    pub fn mirror_sql(&self) -> &str {
        &self.mirror
    }

    /// A digest of all that is done, recorded and left in an environment, 32 hexadecimal digits: two plans with the same
    /// one do the same, whatever the tables hold. What is read twice, by a reviewer and by `apply`, is compared by it.
    pub fn hash(&self, environment: Environment) -> String {
        let mut digest = Sha256::new();
        // Each part with its length, so that no two lists of parts are the same bytes.
        let mut add = |part: &str| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        add(environment.as_str());
        add(if self.makes_mirror { &self.mirror } else { "" });
        let Route { plan, records, allowed, .. } = &self.route;
        for step in &plan.steps {
            add("step");
            add(&step.object);
            add(&step.sql);
        }
        for record in records {
            add("record");
            add(record.revision.number);
            add(&record.revision.checksum());
            add(&record.kind.to_string());
        }
        for left in &plan.left {
            add("left");
            add(&left.severity.to_string());
            add(&left.kind);
            add(&left.object);
        }
        for table in allowed {
            add("allowed");
            add(table);
        }
        hex(&digest.finalize()[..HASH_BYTES])
    }

    /// A digest of the live catalog of both schemas, in the order of its objects.
    pub fn catalog_hash(&self) -> String {
        let mut digest = Sha256::new();
        for (id, object) in &self.live.objects {
            let line = serde_json::to_string(&(id, object)).unwrap_or_default();
            digest.update((line.len() as u64).to_le_bytes());
            digest.update(line);
        }
        hex(&digest.finalize())
    }

    /// How large a table is, by its name in SQL.
    pub fn size(&self, table: &str) -> Option<Size> {
        let mut sizes = self.facts.sizes.iter();
        sizes.find(|((schema, name), _)| qualified(schema, name) == table).map(|(_, size)| *size)
    }
}

/// Bytes of a plan's hash: enough that no two plans share one, and few enough to be read.
pub(crate) const HASH_BYTES: usize = 16;

/// Where a database stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The environment.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: String,
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// The newest revision that counts as applied.
    pub current: Option<Revision>,
    /// Revisions that are not applied and are for this environment.
    pub pending: Vec<Revision>,
    /// Revisions that this environment skips.
    pub skipped: Vec<Skipped>,
    /// The history, oldest first.
    pub history: Vec<Record>,
    /// Histories of other programs.
    pub managers: Vec<Manager>,
    /// The managed tables that are there.
    pub tables: Vec<String>,
}

/// A table in which another program keeps a history.
#[derive(Clone, Debug)]
pub struct Manager {
    /// The table, with its schema.
    pub table: String,
    /// The program.
    pub program: &'static str,
    /// The version that it records, if there is one.
    pub version: Option<String>,
}
