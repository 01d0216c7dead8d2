//! The migration of the rows, against real databases.

pub(crate) mod copy;
pub(crate) mod lookup;
pub mod migrate;
pub(crate) mod sequences;
pub(crate) mod source;
pub mod verify;
