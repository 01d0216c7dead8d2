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
    /// A server that is given by PAD_TEST_DATABASE_URL; only databases are created there, and dropped.
    Url,
    /// PostgreSQL's programs, downloaded once into the user's cache.
    Download,
}

impl Provider {
    /// The order in which they are tried.
    pub(crate) const ORDER: [Self; 4] = [Self::Url, Self::Docker, Self::Local, Self::Download];

    /// How to get it to work where it doesn't.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Auto => "",
            Self::Url => "export PAD_TEST_DATABASE_URL=postgres://USER@HOST/postgres, USER being a superuser",
            Self::Docker => {
                "Debian: apt-get install docker.io && systemctl start docker; \
                 Fedora: dnf install moby-engine && systemctl start docker; \
                 macOS: brew install --cask docker && open -a Docker"
            }
            Self::Local => {
                "Debian: apt-get install postgresql; Fedora: dnf install postgresql-server postgresql-contrib; \
                 macOS: brew install postgresql@18"
            }
            Self::Download => {
                "let this machine reach https://github.com, on Debian, Fedora and macOS alike through a proxy with \
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
pub enum ServerError {
    /// No provider works: each with the reason.
    #[error("no ephemeral PostgreSQL server can be had here{}", each(.0))]
    Nothing(Vec<(Provider, String)>),
    /// The provider that was asked for doesn't work.
    #[error("{reason}; to mend it, {remedy}")]
    Only {
        /// Why not.
        reason: String,
        /// The commands that mend it.
        remedy: &'static str,
    },
    /// No server was given.
    #[error("PAD_TEST_DATABASE_URL is not set")]
    NoUrl,
    /// The given server can't be used.
    #[error("the server of PAD_TEST_DATABASE_URL can't be used")]
    Given(#[source] PrepareError),
    /// The server is not the one that is wanted, or of a version that isn't supported.
    #[error(
        "{what} is PostgreSQL {found}, and {wanted} is wanted, of which 13 to 19 are supported; name another server, or \
         another version in PAD_POSTGRES_VERSION"
    )]
    OtherVersion {
        /// Which server.
        what: String,
        /// What it is.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// A server whose durability isn't ours.
    #[error("a benchmark starts its own server, since it can't say how durable a given one is")]
    NotOurs,
    /// No PostgreSQL programs were found.
    #[error("no PostgreSQL server programs (initdb, postgres) on PATH, through pg_config or where packages put them")]
    NoPrograms,
    /// No PostgreSQL programs of the wanted version were found.
    #[error("no PostgreSQL {wanted} programs on this machine; there are {found}")]
    NoSuchPrograms {
        /// What is wanted.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// We are root, and no other user can run the server.
    #[error("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody")]
    NoUser,
    /// No Docker engine answers.
    #[cfg(feature = "docker")]
    #[error("no Docker engine answers ({0})")]
    NoEngine(String),
    /// The container could not be started.
    #[cfg(feature = "docker")]
    #[error("a container of postgres:{tag} could not be started")]
    Docker {
        /// The image's tag.
        tag: String,
        /// The cause.
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
    Download {
        /// What is wanted.
        wanted: String,
        /// The place.
        from: &'static str,
        /// The cause.
        reason: String,
    },
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
    /// We are asked to stop.
    #[error("interrupted before the server was started")]
    GivenUp,
    /// The server was started and can't be spoken to.
    #[error("the ephemeral server was started and can't be used")]
    Unusable(#[source] PrepareError),
}

/// Every provider with the reason and the remedy, a line each.
pub(crate) fn each(tried: &[(Provider, String)]) -> String {
    let one = |(provider, reason): &(Provider, String)| {
        format!("\n  {provider}: {reason}\n      to mend it: {}", provider.remedy())
    };
    tried.iter().map(one).collect()
}
