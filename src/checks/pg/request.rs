//! What to examine.

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::postgres::connect::Database;

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

/// Starts every transaction. A table that another session locks for a change is not waited for.
pub(crate) const BEGIN: &str = "begin read only; set local lock_timeout = '1s'";
