//! The result of a comparison.

use std::collections::BTreeSet;

use crate::config::environment::Environment;
use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::catalog::Id;
use crate::schema::drift::exceptions::Excepted;
use crate::schema::drift::finding::{Finding, Severity};
use crate::schema::names::APPLICATION_SCHEMA;

/// The result.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Drift {
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: String,
    /// What the live database was compared with, for sentences.
    pub expected: String,
    pub server_version: String,
    /// The schemas that were compared.
    pub schemas: Vec<String>,
    /// The expected objects that belong to no other object.
    pub compared: BTreeSet<Name>,
    /// What differs and is not accepted.
    pub findings: Vec<Finding>,
    /// What differs and is accepted.
    pub excepted: Vec<Excepted>,
    /// Whether what `migrations/` produce is expected.
    pub embedded: bool,
}

impl Drift {
    /// Whether SQL that a remedy has is about a managed table, so that a plan has steps for it.
    pub(crate) fn concerns_plan(&self) -> bool {
        let is_managed = |it: &Finding| it.id.schema == APPLICATION_SCHEMA && MANAGED_TABLES.contains(&it.id.top());
        self.embedded && self.findings.iter().any(|it| !it.remedy.sql.is_empty() && is_managed(it))
    }
}

/// The name of an object that belongs to no other object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its schema; empty for what belongs to the database.
    pub schema: String,
    /// Its bare name.
    pub name: String,
}

impl Name {
    /// The name of this object.
    pub(crate) fn of(id: &Id) -> Self {
        Self { schema: id.schema.clone(), name: id.name.clone() }
    }
}

impl Drift {
    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|it| it.severity == severity).count()
    }
}
