//! Names of what an ephemeral run creates.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Prefix of every database, role, directory and container that this program creates for itself.
pub const PREFIX: &str = "pad_migrate_";

/// Digits of the hexadecimal number that distinguishes a run's databases from another's.
pub(crate) const TOKEN: usize = 12;

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

/// A path as the value of a URL's parameter.
pub fn url_value(path: impl AsRef<Path>) -> String {
    // Readable where it can be.
    const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');
    utf8_percent_encode(&path.as_ref().display().to_string(), VALUE).to_string()
}

/// A number that nobody can guess: the keys of the standard library's hasher come from the system's generator.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn token() -> String {
    format!("{:0TOKEN$x}", random() >> (64 - 4 * TOKEN))
}
