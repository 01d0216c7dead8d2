//! Evidence of a migration: taken from a database, kept in a folder, and checked against both.

pub mod bundle;
pub mod compare;
pub mod error;
pub(crate) mod files;
pub mod folder;
pub mod proofs;
pub(crate) mod records;
pub(crate) mod rows;
pub mod signature;
pub(crate) mod spool;
pub mod take;
