//! The schemas and tables that pad-migrate manages, and those that it relies on.

/// The application schema, which pad-migrate manages.
pub const APPLICATION_SCHEMA: &str = "padealing";

/// The reference schema, which pad-migrate doesn't manage, but relies on.
pub const CONTRACT_SCHEMA: &str = "bo_airflow";

/// The reference tables that the migration and the application need: foreign keys refer to the first two, names and
/// addresses come from the third.
pub const CRITICAL_REFERENCE_TABLES: [&str; 3] = ["oracle_employee", "oracle_bloomberg", "oracle_contact"];

/// The reference tables of the contract: those that `migrations/reference.sql` declares, in its order.
pub(crate) const REFERENCE_TABLES: [&str; 18] = [
    "inst_type",
    "currency",
    "contact_type",
    "contact_group",
    "contact",
    "oracle_employee",
    "oracle_contact",
    "oracle_employee_log",
    "oracle_bloomberg",
    "oracle_portfolio_group",
    "oracle_portfolio",
    "oracle_portfolio_meta_data",
    "oracle_position",
    "mako_position",
    "oracle_product",
    "oracle_product_usage",
    "oracle_exchange",
    "oracle_map_inst_symbol",
];

/// Whether `--allow-object` may name a table of this schema: neither what pad-migrate changes or relies on, nor the
/// server's own.
pub(crate) fn is_allowable(schema: &str) -> bool {
    ![APPLICATION_SCHEMA, CONTRACT_SCHEMA, "information_schema"].contains(&schema) && !schema.starts_with("pg_")
}

/// The schemas that are asked for, or else the application schema and the reference schema.
pub(crate) fn schemas_or_both(schemas: &[String]) -> Vec<String> {
    if schemas.is_empty() {
        [APPLICATION_SCHEMA, CONTRACT_SCHEMA].map(str::to_owned).to_vec()
    } else {
        schemas.to_vec()
    }
}

/// Columns that models of the application used and the reference tables never had: table, column, and what to read
/// instead.
pub const PHANTOM_COLUMNS: [(&str, &str, &str); 3] = [
    (
        "oracle_employee",
        "email",
        "join bo_airflow.oracle_contact on oracle_contact.employee_id = oracle_employee.id and read its email",
    ),
    (
        "oracle_employee",
        "full_name",
        "join bo_airflow.oracle_contact on oracle_contact.employee_id = oracle_employee.id \
         and read its full_name, or put forename and surname together",
    ),
    ("oracle_position", "last_trade_date", "read max(position_date) of the position's portfolio_id and inst_symbol"),
];

/// What to read instead of such a column.
pub(crate) fn read_instead(schema: &str, table: &str, column: &str) -> Option<&'static str> {
    let found = PHANTOM_COLUMNS.iter().find(|(of, name, _)| (*of, *name) == (table, column));
    found.filter(|_| schema == CONTRACT_SCHEMA).map(|(_, _, instead)| *instead)
}

/// Known tables of `padealing` that pad-migrate doesn't manage: reported, and never changed.
pub(crate) const UNMANAGED_TABLES: [&str; 3] = ["active_stocks", "alembic_version", "personal_account_dealing"];
