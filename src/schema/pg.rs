//! The application schema in a live database: read, compared, changed, reverted.

pub mod apply;
pub mod archive;
pub mod backup;
pub mod drift;
pub mod error;
pub mod introspect;
mod locks;
pub(crate) mod needs;
pub mod plan;
pub mod relations;
pub mod request;
pub(crate) mod requisites;
pub mod restorable;
pub mod restore;
pub mod revert;
pub(crate) mod rows;
pub mod status;
mod surroundings;
mod transaction;
