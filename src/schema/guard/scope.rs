//! What a change of the schema may do beyond changing padealing.

/// What a change of the schema may do beyond creating and altering what is in padealing.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// A down migration: managed tables and columns may be dropped. Never with CASCADE.
    pub down: bool,
    /// A local or ephemeral database: the reference mirror's own DDL, comment and grants are allowed in bo_airflow.
    pub mirror: bool,
    /// Schemas from which a managed table ([`MANAGED_TABLES`]) or a sequence may be moved into padealing
    /// (`SET SCHEMA padealing`), and back to `public` when `down`.
    pub moves_from: Vec<String>,
    /// An ephemeral database, which gets what a backup depends on: routines, types, domains and collations may be created
    /// in other schemas. A manifest's text says how, so that what they call is looked at, too: it runs before the
    /// rehearsal ends.
    pub stand_ins: bool,
}
