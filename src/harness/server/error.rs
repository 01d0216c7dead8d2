//! The ways to get an ephemeral server, and why one doesn't work.

use std::fmt;
use std::str::FromStr;

use crate::harness::pg::databases::PrepareError;

/// A way to get an ephemeral server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// The first that works: url, docker, local, download.
    #[default]
    Auto,
    /// A Docker container of the official image.
    Docker,
    /// The PostgreSQL programs on this machine.
    Local,
    /// The server that PAD_TEST_DATABASE_URL names; only databases are created and dropped there.
    Url,
    /// PostgreSQL's programs, downloaded once into the user's cache.
    Download,
}

impl Provider {
    /// The order in which they are tried.
    pub(crate) const ORDER: [Self; 4] = [Self::Url, Self::Docker, Self::Local, Self::Download];

    /// The commands that make it work.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Auto => "",
            Self::Url => "export PAD_TEST_DATABASE_URL=postgres://USER@HOST/postgres, USER being a superuser",
            Self::Docker => {
                "on Debian, apt-get install docker.io && systemctl start docker; \
                 on Fedora, dnf install moby-engine && systemctl start docker; \
                 on macOS, brew install --cask docker && open -a Docker"
            }
            Self::Local => {
                "on Debian, apt-get install postgresql; on Fedora, dnf install postgresql-server postgresql-contrib; \
                 on macOS, brew install postgresql@18"
            }
            Self::Download => {
                "allow this machine to reach https://github.com, or name a proxy with \
                 export HTTPS_PROXY=http://HOST:PORT"
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Docker => "Docker",
            Self::Local => "programs",
            Self::Url => "PAD_TEST_DATABASE_URL",
            Self::Download => "download",
        })
    }
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as clap::ValueEnum>::from_str(text, true)
    }
}

/// Why there is no ephemeral server. Each is one sentence.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ServerError {
    /// No provider works: each with the reason.
    #[error("no ephemeral PostgreSQL server could be started{}", each(.0))]
    Nothing(Vec<(Provider, String)>),
    /// The provider that was asked for doesn't work.
    #[error("{reason}; to fix this: {remedy}")]
    Only {
        reason: String,
        /// The commands that fix it.
        remedy: &'static str,
    },
    /// No server was given.
    #[error("PAD_TEST_DATABASE_URL is not set")]
    NoUrl,
    /// The given server can't be used.
    #[error("the server that PAD_TEST_DATABASE_URL names can't be used")]
    Given(#[source] PrepareError),
    /// The server is of another version than the required one, or of one that isn't supported.
    #[error(
        "{what} is PostgreSQL {found}, but {wanted} is required (13 to 19 are supported); use another server, or set \
         another version in PAD_POSTGRES_VERSION"
    )]
    OtherVersion { what: String, found: String, wanted: String },
    /// A benchmark on a given server.
    #[error("a benchmark can't use the server that PAD_TEST_DATABASE_URL names, whose durability isn't known")]
    UnknownDurability,
    /// No PostgreSQL programs were found.
    #[error(
        "no PostgreSQL server programs (initdb, postgres) were found on PATH, through pg_config or where packages \
         install them"
    )]
    NoPrograms,
    /// No PostgreSQL programs of the wanted version were found.
    #[error("no PostgreSQL {wanted} programs were found on this machine, only {found}")]
    NoSuchPrograms { wanted: String, found: String },
    /// The program runs as root, and there is no other user to run the server.
    #[error("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody")]
    NoUser,
    /// No Docker engine is reachable.
    #[cfg(feature = "docker")]
    #[error("no Docker engine is reachable ({0})")]
    NoEngine(String),
    /// The container could not be started.
    #[cfg(feature = "docker")]
    #[error("a container of postgres:{tag} could not be started")]
    Docker {
        tag: String,
        #[source]
        source: testcontainers_modules::testcontainers::TestcontainersError,
    },
    /// This program can't use Docker.
    #[cfg(not(feature = "docker"))]
    #[error("this program was built without Docker (the cargo feature `docker`)")]
    NoDocker,
    /// This program can't download.
    #[cfg(not(feature = "download"))]
    #[error("this program was built without downloads (the cargo feature `download`)")]
    NoDownload,
    /// The programs could not be downloaded.
    #[cfg(feature = "download")]
    #[error("PostgreSQL {wanted} could not be downloaded from {from}: {reason}")]
    Download { wanted: String, from: &'static str, reason: String },
    /// A file or a process of the server could not be created.
    #[error("{what} failed")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
    /// The server did not accept connections.
    #[error("the ephemeral server didn't start; its log ends with: {log}")]
    NotReady {
        /// The last lines of its log.
        log: String,
    },
    /// The program was asked to stop.
    #[error("interrupted before the server was started")]
    Stopping,
    /// The server was started, and a connection to it failed.
    #[error("the ephemeral server was started, but can't be used")]
    Unusable(#[source] PrepareError),
}

/// Every provider with the reason and the remedy, a line each.
pub(crate) fn each(tried: &[(Provider, String)]) -> String {
    let one = |(provider, reason): &(Provider, String)| {
        format!("\n  {provider}: {reason}\n      to fix this: {}", provider.remedy())
    };
    tried.iter().map(one).collect()
}
