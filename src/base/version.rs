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
