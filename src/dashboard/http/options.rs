//! What a dashboard shows.

use std::net::SocketAddr;

use crate::config::environment::Environment;
use crate::config::settings::Roles;
use crate::dashboard::pg::source::Source;
use crate::postgres::database::Database;

/// What the dashboard shows, and where it listens.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Options {
    /// Holds `padealing` and `bo_airflow`.
    pub target: Database,
    /// Has the legacy rows.
    pub source: Source,
    pub environment: Environment,
    pub roles: Roles,
    pub listen: SocketAddr,
}
