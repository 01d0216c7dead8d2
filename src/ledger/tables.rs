//! The tables that the revisions create.

/// The tables of `padealing` that pad-migrate manages: the application's, then those of pad-migrate itself.
pub(crate) const MANAGED_TABLES: &[&str] = &[
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

/// The managed tables that the application uses.
pub(crate) const APPLICATION_TABLES: &[&str] = MANAGED_TABLES.split_at(10).0;
