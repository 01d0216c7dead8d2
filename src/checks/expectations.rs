//! What a target is checked against.

use std::ops::RangeInclusive;

use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};

/// What the checks are made against.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The environment.
    pub environment: Environment,
    /// The configured roles.
    pub roles: &'a Roles,
    /// The legacy table.
    pub legacy: &'a TableName,
    /// Whether the legacy table is in another database.
    pub source_elsewhere: bool,
    /// Major versions that are supported.
    pub supported: &'a RangeInclusive<u32>,
    /// The revisions that this program has for the environment.
    pub revisions: &'a [&'a str],
}
