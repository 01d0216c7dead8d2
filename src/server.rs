//! An ephemeral Postgres: got for one process, gone with it.
//!
//! Tests and `rehearse` share this module. A provider knows one way to get a server; [`start`] takes the first that
//! works, or the one that was asked for, and keeps the reasons why the others were passed over. What a provider returns
//! is a URL and a guard: no connection is shared.

#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "download")]
pub mod download;
mod given;
pub mod host;
mod local;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) use local::programs;
pub use local::{LOCK, parents};

use crate::config::Secret;
use crate::pg::admin::{self, PrepareError};

/// Prefix of every database, role, directory and container that this program creates for itself.
pub const PREFIX: &str = "pad_migrate_";

/// Digits of the hexadecimal number that tells a run's databases from another's.
pub const TOKEN: usize = 12;

/// Major versions of PostgreSQL that are supported.
pub const SUPPORTED: RangeInclusive<u32> = 13..=19;

/// The newest of them that is released: what Docker and downloads are asked for by default. Where 19 is a release
/// candidate there is no `postgres:19`.
#[cfg(any(feature = "docker", feature = "download"))]
const NEWEST: u32 = 18;

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
    const ORDER: [Self; 4] = [Self::Url, Self::Docker, Self::Local, Self::Download];

    /// How to get it to work where it doesn't.
    fn remedy(self) -> &'static str {
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
fn each(tried: &[(Provider, String)]) -> String {
    let one = |(provider, reason): &(Provider, String)| {
        format!("\n  {provider}: {reason}\n      to mend it: {}", provider.remedy())
    };
    tried.iter().map(one).collect()
}

/// How durable an ephemeral server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing survives a crash, and nothing needs to.
    #[default]
    None,
    /// The same, and its files are in memory where there is room for them: for databases that are small and many.
    Memory,
    /// As a production server has it: for measurements.
    Full,
}

/// What server is wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The way to get it.
    pub provider: Provider,
    /// How durable it must be.
    pub durability: Durability,
    /// PAD_POSTGRES_VERSION: a major version, a minor one, or an image's tag.
    pub version: Option<String>,
    /// PAD_TEST_DATABASE_URL.
    pub url: Option<Secret>,
    /// A shell script that runs in the new data directory before the server starts, which then is reached over TCP, too:
    /// for tests of what only another configuration shows. Not for a given server.
    pub setup: Option<String>,
    /// Is told, in a sentence, of what takes its time: a download, an image that is pulled. Without it nothing is shown.
    pub tell: Option<fn(&str)>,
}

impl Request {
    /// What the environment wants of a provider.
    pub fn new(provider: Provider, tell: Option<fn(&str)>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        Self {
            provider,
            durability: Durability::None,
            version: variable("PAD_POSTGRES_VERSION"),
            url: variable("PAD_TEST_DATABASE_URL").map(Secret),
            setup: None,
            tell,
        }
    }

    /// Whether a version is the wanted one: `15` is any 15, `15.4` and `15.4-alpine` are that minor release.
    fn wants(&self, version: &str) -> bool {
        match &self.version {
            Some(wanted) => {
                let rest = version.strip_prefix(numbers(wanted));
                rest.is_some_and(|it| it.is_empty() || it.starts_with(|c: char| !c.is_ascii_digit()))
            }
            None => major(version).is_some_and(|it| SUPPORTED.contains(&it)),
        }
    }

    #[cfg(any(feature = "docker", feature = "download"))]
    fn tell(&self, text: &str) {
        if let Some(tell) = self.tell {
            tell(text);
        }
    }

    /// The wanted version, in words.
    fn wanted(&self) -> String {
        self.version.clone().unwrap_or_else(|| format!("{} to {}", SUPPORTED.start(), SUPPORTED.end()))
    }
}

/// The version in an image's tag.
fn numbers(tag: &str) -> &str {
    tag.split(|it: char| it != '.' && !it.is_ascii_digit()).next().unwrap_or_default().trim_end_matches('.')
}

fn major(version: &str) -> Option<u32> {
    version.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// An ephemeral server. Dropping it stops it, or leaves it as it was found, and removes what it left.
pub struct Server {
    /// Connection URL of its maintenance database, as superuser; may hold a password.
    pub url: String,
    /// The version it says it has.
    pub version: String,
    /// What runs it, for people: the provider and where the programs are.
    pub description: String,
    /// Why the providers before this one were not taken.
    pub passed_over: Vec<(Provider, String)>,
    /// The shell command that connects to a database, `{}` being its name; holds no password.
    pub connect: String,
    /// The shell command that ends it, if it is kept.
    pub stop: String,
    /// Distinguishes its databases from those of others who use the same server.
    token: String,
    guard: Guard,
    // The last field, dropped when the guard has been.
    _alive: Alive,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("line", &self.line()).finish_non_exhaustive()
    }
}

/// What ends the server when it is dropped.
enum Guard {
    Local(local::Keeper),
    Given(given::Visit),
    #[cfg(feature = "docker")]
    Docker(docker::Lease),
}

impl Server {
    /// A name for a database of this server, which no other run uses.
    pub fn database_name(&self, what: &str) -> String {
        format!("{PREFIX}{}_{what}", self.token)
    }

    /// Which server was taken and why not another, on one line.
    pub fn line(&self) -> String {
        let mut line = format!("PostgreSQL {}, {}", self.version, self.description);
        for (at, (provider, reason)) in self.passed_over.iter().enumerate() {
            line.push_str(if at == 0 { " (passed over: " } else { "; " });
            // The sentence about the variable names it.
            line.push_str(&if *provider == Provider::Url { reason.clone() } else { format!("{provider}, {reason}") });
        }
        line.push_str(if self.passed_over.is_empty() { "" } else { ")" });
        line
    }

    /// Lets the server, or this database of a given one, live on after this process.
    pub fn keep(self, database: &str) -> Kept {
        match self.guard {
            Guard::Local(keeper) => keeper.keep(),
            Guard::Given(visit) => visit.keep(database),
            #[cfg(feature = "docker")]
            Guard::Docker(lease) => lease.keep(),
        }
        Kept { connect: self.connect.replace("{}", database), stop: self.stop.replace("{}", database) }
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

/// What a provider has got, before anybody has spoken to it.
struct Started {
    url: String,
    description: String,
    connect: String,
    stop: String,
    token: String,
    guard: Guard,
    alive: Alive,
}

/// Gets an ephemeral server, and first removes what runs that were killed have left. Blocks.
pub fn start(request: &Request) -> Result<Server, ServerError> {
    local::sweep();
    if request.provider != Provider::Auto {
        return get(request.provider, request).map_err(|error| match error {
            ServerError::NotReady { .. } | ServerError::Io { .. } | ServerError::Unusable(_) => error,
            ServerError::OtherVersion { .. } | ServerError::NotOurs | ServerError::GivenUp => error,
            lacking => {
                ServerError::Only { reason: crate::report::sentence(&lacking), remedy: request.provider.remedy() }
            }
        });
    }
    let mut passed_over = Vec::new();
    for provider in Provider::ORDER {
        match get(provider, request) {
            Ok(server) => return Ok(Server { passed_over, ..server }),
            Err(error) => passed_over.push((provider, crate::report::sentence(&error))),
        }
    }
    Err(ServerError::Nothing(passed_over))
}

fn get(provider: Provider, request: &Request) -> Result<Server, ServerError> {
    let started = match provider {
        Provider::Url => given::start(request),
        #[cfg(feature = "docker")]
        Provider::Docker => docker::start(request),
        #[cfg(not(feature = "docker"))]
        Provider::Docker => Err(ServerError::NoDocker),
        #[cfg(feature = "download")]
        Provider::Download => download::start(request),
        #[cfg(not(feature = "download"))]
        Provider::Download => Err(ServerError::NoDownload),
        Provider::Local | Provider::Auto => local::start(request),
    }?;
    let Started { url, description, connect, stop, token, guard, alive } = started;
    let address = url.clone();
    let version = off_runtime(async move { admin::server_version(&admin::ephemeral(&address)?).await });
    let version = version.map_err(ServerError::Unusable)?;
    // A tag of an image says what it likes; what the others took was chosen by its version.
    let wants = provider == Provider::Docker || request.wants(&version);
    if !wants || !major(&version).is_some_and(|it| SUPPORTED.contains(&it)) {
        return Err(ServerError::OtherVersion { found: version, what: description, wanted: request.wanted() });
    }
    Ok(Server { url, version, description, passed_over: Vec::new(), connect, stop, token, guard, _alive: alive })
}

/// Connection URL of another database on the same server.
pub fn database_url(url: &str, database: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, ""), |(address, rest)| (address, rest));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    // A name may also be given as a parameter, which would win.
    let kept: Vec<&str> = parameters.split('&').filter(|it| !it.is_empty() && !it.starts_with("dbname=")).collect();
    let parameters = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{authority}/{database}{parameters}")
}

/// A number that nobody can guess: the keys of the standard library's hasher come from the system's generator.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Whether a process of this number lives, be it another user's. One that has ended and that nobody has noticed, a
/// zombie, doesn't.
pub fn is_alive(pid: u32) -> bool {
    // The state follows the name, which may hold anything (proc(5)).
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = stat.rsplit(')').next().is_some_and(|it| it.trim_start().starts_with(['Z', 'X']));
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    !zombie && pid.is_some_and(|it| rustix::process::test_kill_process(it) != Err(rustix::io::Errno::SRCH))
}

/// How many servers there are of which something would be left if the process ended now.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether no more servers are to be started.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Held from before a server's start until after its end.
struct Alive;

impl Alive {
    fn begin() -> Result<Self, ServerError> {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        // Dropped in an error, it makes the count right again.
        let alive = Self;
        if GIVEN_UP.load(Ordering::SeqCst) { Err(ServerError::GivenUp) } else { Ok(alive) }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets no further server be started, and says whether one is alive, whose end has to be waited for.
pub fn give_up() -> bool {
    GIVEN_UP.store(true, Ordering::SeqCst);
    ALIVE.load(Ordering::SeqCst) > 0
}

fn token() -> String {
    format!("{:0TOKEN$x}", random() >> (64 - 4 * TOKEN))
}

/// Runs something asynchronous to its end, whether or not the caller is within a runtime, which would not allow another.
fn off_runtime<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread starts").block_on(work)
    };
    std::thread::spawn(run).join().expect("the work doesn't panic")
}

/// What the server is told beside where to listen.
fn settings(durability: Durability) -> Vec<String> {
    let mut settings = vec!["max_connections=200", "shared_buffers=256MB", "timezone=UTC", "tcp_keepalives_idle=60"];
    settings.extend(match durability {
        Durability::Full => &["max_wal_size=4GB"] as &[_],
        // Little is written that nobody will read: a busy disk is what makes tests slow.
        Durability::None | Durability::Memory => &[
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_wal_size=1GB",
            "wal_init_zero=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        ],
    });
    settings.into_iter().map(str::to_owned).collect()
}
