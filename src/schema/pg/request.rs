//! What a command about revisions works on.

use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::postgres::database::Database;

/// What to apply, where.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRequest<'a> {
    /// The target.
    pub database: &'a Database,
    /// The environment, recorded with each revision.
    pub environment: Environment,
    /// The roles that revisions speak of.
    pub roles: &'a Roles,
    /// Where the legacy table is: managed tables beside it are moved.
    pub legacy: Option<&'a TableName>,
    /// The environment whose database it was: a copy of it was restored here.
    pub adopts: Option<Environment>,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// The revision to go to, up or down; the newest, if none is named.
    pub to: Option<&'a str>,
    /// Whether indexes are built after the transaction, one by one, while others go on writing.
    pub concurrently: bool,
    /// Tables of other schemas, as `schema.table`, that triggers of others may lock.
    pub allow_objects: &'a [String],
}

impl<'a> ChangeRequest<'a> {
    /// To the newest revision, waiting five seconds for a lock.
    pub fn new(database: &'a Database, environment: Environment, roles: &'a Roles) -> Self {
        let lock_timeout = Duration::from_secs(5);
        Self {
            database,
            environment,
            roles,
            legacy: None,
            adopts: None,
            lock_timeout,
            to: None,
            concurrently: false,
            allow_objects: &[],
        }
    }
}
