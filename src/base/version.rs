//! Versions of PostgreSQL.

use std::ops::RangeInclusive;

/// Major versions of PostgreSQL that are supported.
pub const SUPPORTED: RangeInclusive<u32> = 13..=19;

/// The newest of them that is released: what Docker and downloads are asked for by default. While 19 is a release
/// candidate there is no image `postgres:19`.
#[cfg(any(feature = "docker", feature = "download"))]
pub(crate) const NEWEST: u32 = 18;

/// The major version of a version such as `15.18` or `19rc1`; 0 if it begins with no number.
pub fn major(version: &str) -> u32 {
    version.split(|it: char| !it.is_ascii_digit()).next().and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// Whether this is the version of a server or of a program of its that can be: `15.18`, `19rc1`.
pub(crate) fn is_version(version: &str) -> bool {
    let rest = version.trim_start_matches(|it: char| it.is_ascii_digit());
    let (minor, stage) = (rest.strip_prefix('.'), rest.trim_end_matches(|it: char| it.is_ascii_digit()));
    let is_minor = minor.is_some_and(|it| !it.is_empty() && it.chars().all(|it| it.is_ascii_digit() || it == '.'));
    (*SUPPORTED.start()..100).contains(&major(version))
        && (rest.is_empty() || is_minor || matches!(stage, "beta" | "rc" | "devel"))
}
