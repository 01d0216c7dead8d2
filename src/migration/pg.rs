//! The migration of the rows, against real databases.
//!
//! `migrate` starts a `reader` and workers; the `worker` looks up, transforms and hands a page to `write`. `verify` is
//! the second opinion, and shares only how legacy and reference rows are read
//! with them.

pub(crate) mod ahead;
pub mod clean;
pub mod evidence;
pub(crate) mod foreign_keys;
pub(crate) mod identity;
pub(crate) mod ids;
pub(crate) mod large_text;
pub mod legacy;
pub(crate) mod legacy_page;
pub(crate) mod lineage;
pub(crate) mod lookup;
pub mod migrate;
pub mod migrate_error;
pub(crate) mod missing;
pub(crate) mod names;
pub(crate) mod needs;
pub(crate) mod odd_rows;
pub(crate) mod plain_page;
pub(crate) mod reader;
pub(crate) mod reading;
pub mod recorded;
pub(crate) mod refused;
pub(crate) mod rejects;
pub mod rollback;
pub(crate) mod run_record;
pub(crate) mod sequences;
pub(crate) mod side_effects;
pub(crate) mod source;
pub mod standing;
pub(crate) mod stored_page;
pub(crate) mod traits;
pub(crate) mod unreadable;
pub mod verify;
pub mod verify_error;
pub(crate) mod worker;
mod workers;
pub(crate) mod write;
pub(crate) mod write_error;
pub(crate) mod zone;
