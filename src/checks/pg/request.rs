//! What to examine.

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::postgres::connect::Database;

/// What to examine.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The target.
    pub target: &'a Database,
    /// The database with the legacy table, if it is another.
    pub source: Option<&'a Database>,
    /// The environment.
    pub environment: Environment,
    /// The roles that are named.
    pub roles: &'a Roles,
    /// The legacy table.
    pub table: &'a TableName,
    /// Whether rows are counted.
    pub exact: bool,
}

/// Every transaction. Nobody is waited for who holds a lock for a change.
pub(crate) const BEGIN: &str = "begin read only; set local lock_timeout = '1s'";
