//! Where a database is, in the spellings that other programs read.

use std::path::PathBuf;
use std::str::FromStr;

use pad_migrate::harness::server::names::url_value;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::Result;

/// The parts of a database's URL.
pub(super) struct Address {
    user: String,
    /// As the URL has it, which is encoded.
    password: String,
    pub(super) host: Host,
    pub(super) port: u16,
    database: String,
}

/// A folder with a socket, or a name.
pub(super) enum Host {
    Socket(PathBuf),
    Name(String),
}

impl Address {
    pub(super) fn of(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?;
        let host = options.get_host();
        let socket = options.get_socket().cloned().or_else(|| host.starts_with('/').then(|| PathBuf::from(host)));
        Ok(Self {
            user: options.get_username().to_owned(),
            password: Url::parse(url)?.password().map_or_else(String::new, |password| format!(":{password}")),
            host: socket.map_or_else(|| Host::Name(host.to_owned()), Host::Socket),
            port: options.get_port(),
            database: options.get_database().unwrap_or_default().to_owned(),
        })
    }

    /// Behind another port of this machine.
    pub(super) fn behind(&self, port: u16) -> String {
        self.url("postgres", "127.0.0.1", port) + "?sslmode=disable"
    }

    pub(super) fn for_pgloader(&self) -> String {
        match &self.host {
            Host::Socket(folder) => self.url("pgsql", &format!("unix:{}", folder.display()), self.port),
            Host::Name(name) => self.url("pgsql", name, self.port),
        }
    }

    /// Whose driver takes no folder in a parameter.
    pub(super) fn for_reladiff(&self) -> String {
        match &self.host {
            Host::Socket(folder) => self.url("postgresql", &url_value(folder).replace('/', "%2F"), self.port),
            Host::Name(name) => self.url("postgresql", name, self.port),
        }
    }

    fn url(&self, scheme: &str, host: &str, port: u16) -> String {
        format!("{scheme}://{}{}@{host}:{port}/{}", self.user, self.password, self.database)
    }
}
