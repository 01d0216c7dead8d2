//! The application schema: what it should be, what differs, and the plan that brings it there. Pure but for `pg`.

pub mod backup;
pub mod catalog;
pub(crate) mod ddl;
pub mod drift;
pub mod guard;
pub mod mirror;
pub mod names;
pub mod pg;
pub mod plan;
pub mod purpose;
pub mod relation;
pub mod requisite;
pub mod snapshot;
