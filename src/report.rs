//! What the commands print: text for people, JSON for scripts. Pure.
//!
//! The JSON's fields are a contract (`docs/command-line.md`).

pub mod apply;
pub mod backup;
pub mod checks;
pub mod clean;
pub mod doctor;
pub mod document;
pub mod drift;
pub mod evidence;
pub mod gate;
pub mod groups;
pub mod integrity;
pub mod layout;
pub mod migrate;
pub mod page;
pub mod permission;
pub mod plan;
pub mod planted;
pub mod progress;
pub mod rehearsal;
pub mod rejects;
pub mod restore;
pub mod revert;
pub mod rollback;
pub mod status;
pub mod verify;
