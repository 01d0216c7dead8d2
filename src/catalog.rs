//! What the application schema and the reference schema consist of.

use std::sync::LazyLock;

use crate::fixtures::REFERENCE_SCHEMA;

/// The tables of `padealing` that are ours: the application's, then our own bookkeeping.
pub const MANAGED_TABLES: &[&str] = &[
    "pad_request",
    "pad_approval",
    "pad_execution",
    "pad_breach",
    "audit_log",
    "chatbot_session",
    "compliance_config",
    "compliance_decision_outcome",
    "employee_role",
    "restricted_security",
    "migration_mapping",
    "migration_run",
    "migration_reject",
    "schema_revision",
];

/// The managed tables that the application works on.
pub const APPLICATION_TABLES: &[&str] = MANAGED_TABLES.split_at(10).0;

/// The reference tables that the migration and the application can't do without: foreign keys point at the first two,
/// names and addresses come from the third.
pub const CRITICAL_REFERENCE_TABLES: [&str; 3] = ["oracle_employee", "oracle_bloomberg", "oracle_contact"];

/// The reference tables of the contract, from the mirror's definition, which is its only source.
pub static REFERENCE_TABLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let created = REFERENCE_SCHEMA.lines().filter_map(|it| it.strip_prefix("create table bo_airflow."));
    created.filter_map(|it| it.split([' ', '(']).next()).collect()
});
