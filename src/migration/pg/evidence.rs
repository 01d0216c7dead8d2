//! Evidence of a migration: taken from a database, kept in a folder, and checked against both.

pub(crate) mod spool;
