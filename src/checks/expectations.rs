//! What a target is checked against.

use std::ops::RangeInclusive;

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};

/// What the checks are made against.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Expectations<'a> {
    pub environment: Environment,
    pub roles: &'a Roles,
    pub legacy: &'a TableName,
    /// Whether the legacy table is in another database.
    pub source_elsewhere: bool,
    /// Major versions that are supported.
    pub supported: &'a RangeInclusive<u32>,
    /// The revisions that this program has for the environment.
    pub revisions: &'a [&'a str],
}
