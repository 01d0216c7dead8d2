//! The databases that the harness may fill.

use std::ops::Deref;
use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::mask::Secret;
use crate::config::settings::{Endpoint, Transport};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;

/// A database of an ephemeral server, which belongs to no environment: the only kind that the harness fills, and the
/// only kind in which it writes `bo_airflow` without asking.
#[derive(Clone, Debug)]
pub struct EphemeralDatabase(Database);

impl EphemeralDatabase {
    /// The database that an ephemeral server's URL names.
    pub fn at(url: &str) -> Result<Self, ConnectError> {
        let connect_timeout = Duration::from_secs(30);
        let transport = Transport { ssl_mode: None, ssl_root_cert: None, client_cert: None, connect_timeout };
        Ok(Self(Database::new(&Endpoint::Url(Secret(url.to_owned())), Environment::Local, &transport)?))
    }

    /// Another database of the same server.
    pub fn named(&self, name: &str) -> Self {
        Self(self.0.named(name))
    }
}

/// What may be done with any database may be done with this one.
impl Deref for EphemeralDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}
