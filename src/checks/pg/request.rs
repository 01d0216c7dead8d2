//! What to examine.

use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::postgres::database::Database;
use crate::postgres::transaction::Limits;

/// What to examine.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct ExamineRequest<'a> {
    pub target: &'a Database,
    /// The database with the legacy table, if it is another.
    pub source: Option<&'a Database>,
    pub environment: Environment,
    pub roles: &'a Roles,
    pub table: &'a TableName,
    /// Whether rows are counted.
    pub exact: bool,
}

/// Of every transaction. A table that another session locks for a change is not waited for.
pub(crate) const LIMITS: Limits = Limits { lock: Some(Duration::from_secs(1)), statement: None };
