//! What server is wanted.

use crate::base::version::{SUPPORTED, major};
use crate::config::mask::Secret;
use crate::harness::server::error::Provider;

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
pub struct ServerRequest {
    /// The way to get it.
    pub provider: Provider,
    /// How durable it must be.
    pub durability: Durability,
    /// PAD_POSTGRES_VERSION: a major version, a minor one, or an image's tag.
    pub version: Option<String>,
    /// PAD_TEST_DATABASE_URL.
    pub url: Option<Secret>,
    /// A shell script that runs in the new data directory before the server starts, which then is reached over TCP,
    /// too: for tests of what only another configuration shows. Not for a given server.
    pub setup: Option<String>,
    /// Shows a sentence about what takes long: a download, an image that is pulled. Without it nothing is shown.
    pub notify: Option<fn(&str)>,
}

impl ServerRequest {
    /// What the environment wants of a provider.
    pub fn new(provider: Provider, notify: Option<fn(&str)>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        Self {
            provider,
            durability: Durability::None,
            version: variable("PAD_POSTGRES_VERSION"),
            url: variable("PAD_TEST_DATABASE_URL").map(Secret),
            setup: None,
            notify,
        }
    }

    /// Whether a version is the wanted one: `15` is any 15, `15.4` and `15.4-alpine` are that minor release.
    pub(crate) fn wants(&self, version: &str) -> bool {
        match &self.version {
            Some(wanted) => {
                let rest = version.strip_prefix(numbers(wanted));
                rest.is_some_and(|it| it.is_empty() || it.starts_with(|c: char| !c.is_ascii_digit()))
            }
            None => SUPPORTED.contains(&major(version)),
        }
    }

    #[cfg(any(feature = "docker", feature = "download"))]
    pub(crate) fn notify(&self, text: &str) {
        if let Some(notify) = self.notify {
            notify(text);
        }
    }

    /// The wanted version, in words.
    pub(crate) fn wanted(&self) -> String {
        self.version.clone().unwrap_or_else(|| format!("{} to {}", SUPPORTED.start(), SUPPORTED.end()))
    }
}

/// The version in an image's tag.
pub(crate) fn numbers(tag: &str) -> &str {
    tag.split(|it: char| it != '.' && !it.is_ascii_digit()).next().unwrap_or_default().trim_end_matches('.')
}

/// The server's settings, beside where to listen.
pub(crate) fn settings(durability: Durability) -> Vec<String> {
    let mut settings = vec!["max_connections=200", "shared_buffers=256MB", "timezone=UTC", "tcp_keepalives_idle=60"];
    settings.extend(match durability {
        Durability::Full => &["max_wal_size=4GB"] as &[_],
        // Nothing needs to survive a crash, and a busy disk is what makes tests slow.
        Durability::None | Durability::Memory => &[
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_wal_size=1GB",
            "wal_init_zero=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            // Compiling a query takes longer than running it on small databases.
            "jit=off",
        ],
    });
    settings.into_iter().map(str::to_owned).collect()
}
