//! A running server, and what ends it.

use std::fmt;

use crate::harness::server::alive::Alive;
use crate::harness::server::error::Provider;
use crate::harness::server::names::PREFIX;

/// An ephemeral server. Dropping it stops it, or leaves it as it was found, and removes what it left.
pub struct Server {
    /// Connection URL of its maintenance database, as superuser; may hold a password.
    pub url: String,
    /// The version it says it has.
    pub version: String,
    /// What runs it, for people: the provider and where the programs are.
    pub description: String,
    /// Why the providers before this one were not used.
    pub not_used: Vec<(Provider, String)>,
    /// The shell command that connects to a database, `{}` being its name; holds no password.
    pub connect: String,
    /// The shell command that shows a database in a browser, likewise.
    pub serve: String,
    /// The shell command that ends it, if it is kept.
    pub stop: String,
    /// Distinguishes its databases from those of other runs on the same server.
    pub(crate) token: String,
    pub(crate) lease: Box<dyn Lease>,
    // The last field, dropped when the lease has been.
    pub(crate) _alive: Alive,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("line", &self.line()).finish_non_exhaustive()
    }
}

/// What a provider holds of its server. Dropping it ends the server, or the use of it.
pub(crate) trait Lease: Send + Sync {
    /// Leaves the server, or this database of a given one, as it is when the process ends.
    fn keep(self: Box<Self>, database: &str);

    /// Whether the server was there before and stays.
    fn is_given(&self) -> bool {
        false
    }
}

impl Server {
    /// A name for a database of this server, which no other run uses.
    pub fn database_name(&self, what: &str) -> String {
        format!("{PREFIX}{}_{what}", self.token)
    }

    /// Which server is used, and why the others aren't, on one line.
    pub fn line(&self) -> String {
        let mut line = format!("PostgreSQL {}, {}", self.version, self.description);
        for (at, (provider, reason)) in self.not_used.iter().enumerate() {
            line.push_str(if at == 0 { " (not used: " } else { "; " });
            // The sentence about the variable names it.
            line.push_str(&if *provider == Provider::Url { reason.clone() } else { format!("{provider}, {reason}") });
        }
        line.push_str(if self.not_used.is_empty() { "" } else { ")" });
        line
    }

    /// Lets the server, or this database of a given one, live on after this process.
    pub fn keep(self, database: &str) -> Kept {
        self.lease.keep(database);
        let of = |command: &str| command.replace("{}", database);
        Kept { connect: of(&self.connect), serve: of(&self.serve), stop: of(&self.stop) }
    }
}

/// A server that was left running on purpose.
#[derive(Debug)]
pub struct Kept {
    /// The shell command that connects to it.
    pub connect: String,
    /// The shell command that shows it in a browser.
    pub serve: String,
    /// The shell command that stops it and removes its files.
    pub stop: String,
}

/// The shell command that shows a database in a browser.
pub(crate) fn serve(url: &str) -> String {
    format!("pad-migrate --env local serve --database-url '{url}'")
}

/// The same for the database `{}` of a container: its password stays in there until the command runs.
pub fn serve_from_container(id: &str, address: &str) -> String {
    let url = format!("postgres://postgres@{address}/{{}}?sslmode=disable");
    format!("PGPASSWORD=$(docker exec {id} printenv POSTGRES_PASSWORD) {}", serve(&url))
}

/// What a provider has started, before the first connection.
pub(crate) struct Started {
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) connect: String,
    pub(crate) serve: String,
    pub(crate) stop: String,
    pub(crate) token: String,
    pub(crate) lease: Box<dyn Lease>,
    pub(crate) alive: Alive,
}

/// Runs something asynchronous to its end, whether or not the caller is within a runtime, which would not allow
/// another.
pub(crate) fn off_runtime<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread starts").block_on(work)
    };
    std::thread::spawn(run).join().expect("the work doesn't panic")
}
