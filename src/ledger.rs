//! The revisions of the application schema, and the history that each database keeps of them.

pub(crate) mod former_owner;
pub mod history;
pub mod permission;
pub mod pg;
pub mod properties;
pub mod revisions;
pub(crate) mod tables;
