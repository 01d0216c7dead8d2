//! What a comparison found.

use std::collections::BTreeSet;

use crate::config::environment::Environment;
use crate::schema::drift::exceptions::Exception;
use crate::schema::drift::finding::{Finding, Severity};

/// What was found.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The environment.
    pub environment: Environment,
    /// Host, port, database and role.
    pub place: String,
    /// What was expected, in words.
    pub expected: String,
    /// The server's version.
    pub server_version: String,
    /// The schemas that were compared.
    pub schemas: Vec<String>,
    /// What was compared: schema and name of everything that stands by itself.
    pub compared: BTreeSet<(String, String)>,
    /// What differs.
    pub findings: Vec<Finding>,
    /// What differs, and is agreed upon.
    pub excepted: Vec<(Finding, Exception)>,
}

impl Drift {
    /// How many findings are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|it| it.severity == severity).count()
    }
}
