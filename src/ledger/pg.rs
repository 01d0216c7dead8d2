//! Reads a database's history. Reads only.

pub mod admission;
pub mod history;
pub(crate) mod permission;
