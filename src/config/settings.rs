//! What a command is configured with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::mask::Secret;

/// How to reach a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A `postgres://` URL, which may hold a password.
    Url(Secret),
    /// The `DB_…` keys.
    Parts {
        /// `DB_HOST`: a name, an address, or a socket's folder.
        host: String,
        /// `DB_PORT`.
        port: u16,
        /// `DB_NAME`.
        database: String,
        /// `DB_USER`.
        user: String,
        /// `DB_PASSWORD`.
        password: Option<Secret>,
    },
}

/// How to connect, the same for every database of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// `DB_SSLMODE`; without it TLS is verified in full everywhere but in local.
    pub ssl_mode: Option<String>,
    /// `DB_SSLROOTCERT`: certificate authorities that are trusted beside the system's, PEM.
    pub ssl_root_cert: Option<PathBuf>,
    /// `DB_SSLCERT` and `DB_SSLKEY`: the client certificate and its key, PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// `DB_CONNECT_TIMEOUT`.
    pub connect_timeout: Duration,
}

/// The database roles that own, use and read the application schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// `DB_OWNER_ROLE`.
    pub owner: Option<String>,
    /// `DB_APP_ROLE`.
    pub app: Option<String>,
    /// `DB_READER_ROLE`.
    pub reader: Option<String>,
}

impl Roles {
    /// Whether a role is the application's or the reader's, and not the owner's, too: it is to have what `migrations/`
    /// give it, and no more.
    pub(crate) fn confine(&self, role: &str) -> bool {
        let is = |name: &Option<String>| name.as_deref() == Some(role);
        (is(&self.app) || is(&self.reader)) && !is(&self.owner)
    }
}

/// A table by schema and name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl TableName {
    /// Where the legacy table is by default.
    pub fn legacy() -> Self {
        Self { schema: "public".to_owned(), name: "personal_account_dealing".to_owned() }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// The process's environment.
    Variable,
    /// A file.
    File(PathBuf),
    /// No place sets one.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "from {flag}"),
            Self::Variable => f.write_str("from the environment"),
            Self::File(path) => write!(f, "from {}", path.display()),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// One value of the configuration, for people: passwords are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// The value, masked; none if nothing is set.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// The configuration of one run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Config {
    pub environment: Environment,
    /// The database that holds `padealing`, if one is named.
    pub target: Option<Endpoint>,
    /// The database that holds the legacy table; the target if none is named.
    pub source: Option<Endpoint>,
    /// The time zone in which the legacy table's `timestamptz` columns are read.
    pub source_timezone: Option<String>,
    pub transport: Transport,
    /// The roles of `padealing`.
    pub roles: Roles,
    /// `LEGACY_TABLE`.
    pub legacy_table: TableName,
    /// Every value that this run uses, and where it came from.
    pub settings: Vec<Setting>,
    /// Warnings, a sentence each, which every command prints.
    pub warnings: Vec<String>,
    /// Warnings that only `doctor` prints.
    pub remarks: Vec<String>,
}
