//! The reference mirror: `bo_airflow` as a local or ephemeral database has it.

use crate::base::quote::quote_identifier;
use crate::config::settings::Roles;
use crate::schema::names::CONTRACT_SCHEMA;
use crate::schema::plan::step::{Action, Step};

/// Creates the reference mirror. The file is the contract as well: `migrations/expected.json` is recorded from it.
pub const REFERENCE_SCHEMA: &str = include_str!("../../migrations/reference.sql");

/// The reference mirror and who may use it, as a step.
pub(crate) fn mirror(roles: &Roles) -> Step {
    let mut sql = REFERENCE_SCHEMA.to_owned();
    for (role, rights) in [(&roles.owner, "select, references"), (&roles.app, "select"), (&roles.reader, "select")] {
        if let Some(role) = role.as_deref().map(quote_identifier) {
            sql.push_str(&format!("\ngrant usage on schema bo_airflow to {role};"));
            sql.push_str(&format!("\ngrant {rights} on all tables in schema bo_airflow to {role};"));
        }
    }
    Step::verbatim(Action::Mirror, CONTRACT_SCHEMA.to_owned(), sql, Vec::new())
}
