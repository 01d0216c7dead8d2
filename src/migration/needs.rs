//! What a role needs to migrate, to look what would be migrated, and to verify. Pure.

use crate::config::settings::TableName;
use crate::ledger::permission::{Need, Right};
use crate::ledger::tables::MANAGED_TABLES;
use crate::migration::clean::CLEANED;
use crate::migration::rollback::DELETED;

const APPLICATION: &str = "padealing";
const REFERENCE: &str = "bo_airflow";

/// The reference tables that rows are looked up in, and that foreign keys refer to.
pub(crate) const LOOKED_UP: [&str; 2] = ["oracle_employee", "oracle_bloomberg"];

/// The tables that `migrate` inserts into.
pub(crate) const WRITTEN: &[&str] = &[
    "pad_request",
    "pad_approval",
    "pad_execution",
    "audit_log",
    "migration_mapping",
    "migration_run",
    "migration_reject",
];

/// Of those, the tables whose rows it changes, too: its own.
const CHANGED: [&str; 2] = ["migration_run", "migration_reject"];

/// The tables whose ids it draws from their sequences.
const DRAWN: [&str; 5] = ["pad_request", "pad_approval", "pad_execution", "audit_log", "migration_mapping"];

/// The sequence of a managed table's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdSequence {
    pub(crate) table: String,
    pub(crate) name: String,
    /// Whether a default draws from it, with the privileges of the role that inserts.
    pub(crate) is_serial: bool,
    /// Whether it must be moved so far that it is locked meanwhile, as only its owner may.
    pub(crate) is_far: bool,
    pub(crate) owner: String,
}

/// What a role needs to read the legacy table.
pub(crate) fn source(role: &str, table: &TableName) -> Vec<Need> {
    read(role, &table.schema, &[table.name.as_str()])
}

/// What it needs to look up what rows refer to.
pub(crate) fn reference(role: &str) -> Vec<Need> {
    read(role, REFERENCE, &LOOKED_UP)
}

/// What it needs to see which rows are migrated already, and in which state the schema is.
pub(crate) fn state(role: &str) -> Vec<Need> {
    read(role, APPLICATION, &["pad_request", "migration_mapping", "schema_revision"])
}

/// What it needs to verify what is stored, beside the legacy table.
pub(crate) fn verify(role: &str) -> Vec<Need> {
    const READ: [&str; 7] = [
        "pad_request",
        "pad_approval",
        "pad_execution",
        "audit_log",
        "migration_mapping",
        "migration_reject",
        "schema_revision",
    ];
    let mut needs = read(role, APPLICATION, &READ);
    needs.extend(read(role, REFERENCE, &["oracle_bloomberg"]));
    needs
}

/// What it needs to show all of that in a browser, with names and addresses.
#[cfg(feature = "serve")]
pub(crate) fn serve(role: &str) -> Vec<Need> {
    let mut needs = verify(role);
    needs.extend(read(role, APPLICATION, &["pad_breach", "migration_run"]));
    needs.extend(read(role, REFERENCE, &["oracle_contact"]));
    needs
}

/// What it needs to take migrated rows back, or to look what would be, beside the legacy table and what refers to the rows.
pub(crate) fn rollback(role: &str, dry_run: bool) -> Vec<Need> {
    let mut needs = read(role, APPLICATION, MANAGED_TABLES);
    needs.extend(read(role, REFERENCE, &["oracle_bloomberg"]));
    if !dry_run {
        needs.extend(DELETED.map(|table| Need::table(role, APPLICATION, table, "DELETE")));
        needs.extend(["INSERT", "UPDATE"].map(|it| Need::table(role, APPLICATION, "migration_run", it)));
    }
    needs
}

/// What it needs to remove test data, or to count it, beside what refers to the rows.
pub(crate) fn clean(role: &str, dry_run: bool) -> Vec<Need> {
    let mut needs = read(role, APPLICATION, MANAGED_TABLES);
    needs.extend(read(role, REFERENCE, &["oracle_employee"]));
    if !dry_run {
        needs.extend(CLEANED.map(|table| Need::table(role, APPLICATION, table, "DELETE")));
        needs.push(Need::table(role, APPLICATION, "migration_run", "INSERT"));
    }
    needs
}

/// What it needs to migrate, beside the legacy table; and what the owners of the reference tables need, since foreign
/// keys are checked as them.
pub(crate) fn migrate(role: &str, sequences: &[IdSequence], referred: &[(String, String)]) -> Vec<Need> {
    let mut needs = read(role, APPLICATION, MANAGED_TABLES);
    needs.extend(reference(role));
    let on = |tables: &[&str], privilege| {
        tables.iter().map(|table| Need::table(role, APPLICATION, table, privilege)).collect::<Vec<_>>()
    };
    needs.extend(on(WRITTEN, "INSERT"));
    needs.extend(on(&CHANGED, "UPDATE"));
    needs.extend(on(&["migration_reject"], "DELETE"));
    for IdSequence { table, name, is_serial, is_far, owner } in sequences {
        needs.push(Need::sequence(role, APPLICATION, name, "SELECT"));
        if DRAWN.contains(&&**table) || *is_serial && WRITTEN.contains(&&**table) {
            needs.push(Need::sequence(role, APPLICATION, name, "USAGE"));
        }
        if *is_far {
            let object = format!("table {APPLICATION}.{table}");
            needs.push(Need { role: role.to_owned(), right: Right::Ownership { object, owner: owner.clone() } });
        }
    }
    needs.extend(keys(referred));
    needs
}

/// What the owners of referred tables need: a foreign key is checked as the owner of the table that it refers to.
pub(crate) fn keys(referred: &[(String, String)]) -> Vec<Need> {
    let mut needs = Vec::new();
    for (table, owner) in referred {
        needs.push(Need::schema(owner, REFERENCE, "USAGE"));
        needs.extend(["SELECT", "UPDATE"].map(|privilege| Need::table(owner, REFERENCE, table, privilege)));
    }
    needs
}

/// Every row of some tables.
fn read(role: &str, schema: &str, tables: &[&str]) -> Vec<Need> {
    let mut needs = vec![Need::schema(role, schema, "USAGE")];
    needs.extend(tables.iter().map(|table| Need::table(role, schema, table, "SELECT")));
    needs.extend(tables.iter().map(|table| Need::rows(role, schema, table)));
    needs
}
