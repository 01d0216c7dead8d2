//! An ephemeral Postgres: started for one process, gone with it.
//!
//! Tests and `rehearse` share this module. A provider knows one way to get a server; [`start`] takes the first that
//! works, or the one that was asked for. What a provider returns is a URL and a guard: no connection is shared.

#[cfg(feature = "docker")]
mod docker;
mod local;

use std::str::FromStr;

pub use local::{Programs, programs};

/// Prefix of every database, directory and container that this program creates for itself.
pub const PREFIX: &str = "pad_migrate_";

/// A way to get an ephemeral server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// The first that works.
    #[default]
    Auto,
    /// The PostgreSQL programs on this machine.
    Local,
    /// A Docker container of the official image; PAD_POSTGRES_VERSION names its tag.
    Docker,
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as clap::ValueEnum>::from_str(text, true)
    }
}

/// Why there is no ephemeral server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No PostgreSQL programs were found.
    #[error(
        "no PostgreSQL server programs (initdb, postgres) were found on PATH, through pg_config or where packages put \
         them; install them, on Debian with `apt-get install postgresql`, on Fedora with `dnf install \
         postgresql-server`, on macOS with `brew install postgresql`"
    )]
    NoPrograms,
    /// We are root, and no other user can run the server.
    #[error("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody")]
    NoUser,
    /// The container could not be started.
    #[cfg(feature = "docker")]
    #[error(
        "a container of postgres:{tag} could not be started; check that a Docker engine runs and may be used by you, \
         and that it can pull the image"
    )]
    Docker {
        /// The image's tag.
        tag: String,
        /// The cause.
        #[source]
        source: testcontainers_modules::testcontainers::TestcontainersError,
    },
    /// This program can't use Docker.
    #[cfg(not(feature = "docker"))]
    #[error("this program was built without Docker; install PostgreSQL's programs, or build with the feature `docker`")]
    NoDocker,
    /// A file or a process of the server could not be made.
    #[error("{what} failed")]
    Io {
        /// What was attempted.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The server did not accept connections.
    #[error("the ephemeral server did not start; its log ends with: {log}")]
    NotReady {
        /// The last lines of its log.
        log: String,
    },
}

/// How durable an ephemeral server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing survives a crash, and nothing needs to.
    #[default]
    None,
    /// As a production server has it: for measurements.
    Full,
}

/// A running ephemeral server. Dropping it stops the server and removes what it left.
#[derive(Debug)]
pub struct Server {
    /// Connection URL of the `postgres` database, as superuser.
    pub url: String,
    /// What runs it, for people: the provider and where the programs are.
    pub description: String,
    guard: Guard,
}

/// What stops the server when it is dropped.
#[derive(Debug)]
enum Guard {
    Local(local::Keeper),
    #[cfg(feature = "docker")]
    Docker(docker::Lease),
}

impl Server {
    /// The URL of another database on this server.
    pub fn database_url(&self, database: &str) -> String {
        self.url.replacen("/postgres?", &format!("/{database}?"), 1)
    }

    /// Lets the server live on after this process, and says how to reach a database of it.
    pub fn keep(self, database: &str) -> Kept {
        let url = self.database_url(database);
        match self.guard {
            Guard::Local(keeper) => Kept { connect: format!("psql '{url}'"), stop: keeper.keep() },
            #[cfg(feature = "docker")]
            Guard::Docker(lease) => lease.keep(database),
        }
    }
}

/// A server that was left running on purpose.
#[derive(Debug)]
pub struct Kept {
    /// The shell command that connects to it.
    pub connect: String,
    /// The shell command that stops it and removes its files.
    pub stop: String,
}

/// Starts an ephemeral server.
pub fn start(provider: Provider, durability: Durability) -> Result<Server, ServerError> {
    match provider {
        Provider::Local => local::start(durability),
        #[cfg(feature = "docker")]
        Provider::Docker => docker::start(durability),
        #[cfg(not(feature = "docker"))]
        Provider::Docker => Err(ServerError::NoDocker),
        Provider::Auto => match local::start(durability) {
            // Without programs there may still be an engine; if there is neither, the programs are the easier advice.
            #[cfg(feature = "docker")]
            Err(ServerError::NoPrograms) => docker::start(durability).map_err(|_| ServerError::NoPrograms),
            started => started,
        },
    }
}

/// What the server is told beside where to listen.
fn settings(durability: Durability) -> Vec<String> {
    let mut settings = vec!["max_connections=200", "shared_buffers=256MB", "max_wal_size=4GB", "timezone=UTC"];
    if durability == Durability::None {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    settings.into_iter().map(str::to_owned).collect()
}
