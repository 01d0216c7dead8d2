//! What the gate is to decide about.

use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;

use crate::checks::gate::Stage;
use crate::checks::gate::rehearsal::RehearsalReport;
use crate::checks::gate::waivers::Waivers;
use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::migration::pg::legacy::LegacySource;
use crate::postgres::database::Database;
use crate::schema::drift::exceptions::Exceptions;

/// What to decide about.
#[derive(Clone, Copy, Debug)]
pub struct GateRequest<'a> {
    /// Holds `padealing` and `bo_airflow`.
    pub target: &'a Database,
    /// The legacy rows.
    pub source: LegacySource<'a>,
    /// Whether they are in a database of their own.
    pub source_elsewhere: bool,
    /// What `--env` chose.
    pub environment: Environment,
    /// The configured roles.
    pub roles: &'a Roles,
    /// The legacy table.
    pub table: &'a TableName,
    /// Before the cutover or after it.
    pub stage: Stage,
    /// The hash of the plan that was reviewed.
    pub plan_hash: Option<&'a str>,
    /// Tables of other schemas that triggers may lock, as the plan was reviewed with.
    pub allow_objects: &'a [String],
    /// The backup.
    pub backup: Option<&'a Path>,
    /// The report of a rehearsal.
    pub rehearsal: Option<&'a RehearsalReport>,
    /// How long the cutover may take.
    pub window: Option<Duration>,
    /// How long the source is watched.
    pub freeze: Duration,
    /// What is accepted, if there is a file of it.
    pub exceptions: Option<&'a Exceptions>,
    /// The day for which exceptions hold.
    pub today: Date,
    /// For the whole.
    pub timeout: Duration,
}

impl<'a> GateRequest<'a> {
    pub(crate) fn waivers(&self) -> Waivers<'a> {
        Waivers { all: self.exceptions.map_or(&[], |it| &it.checks), today: self.today }
    }
}
