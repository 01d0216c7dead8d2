//! pad-migrate.
pub mod catalog;
pub mod cli;
pub mod config;
pub mod fixtures;
pub mod legacy;
pub mod pg;
pub mod reconstruct;
pub mod rehearse;
pub mod report;
pub mod revisions;
pub mod server;
pub mod target;
pub mod transform;
pub mod value;
pub mod verify;
