//! Databases that may be filled: ephemeral ones, and local ones.

pub mod databases;
pub mod ephemeral;
pub mod lease;
pub mod plant;
mod psql;
pub(crate) mod references;
pub mod seed;
