//! The command line: one file a command, with its flags, its call and its output.
//!
//! [`start::main`] parses, dispatches and decides the exit code; `printer` is the only place that prints.

mod apply;
mod backup;
mod clean;
pub mod cli;
mod completions;
mod context;
mod csv;
mod doctor;
mod drift;
mod ended;
#[cfg(feature = "harness")]
mod ephemeral;
mod evidence;
mod files;
mod gate;
#[cfg(feature = "harness")]
mod generated;
mod global;
mod help;
mod integrity;
mod man;
mod migrate;
mod plan;
mod printer;
mod progress;
#[cfg(feature = "harness")]
mod rehearse;
mod report;
mod restore;
mod revert;
mod rollback;
mod screen;
#[cfg(feature = "harness")]
mod seed;
#[cfg(feature = "serve")]
mod serve;
mod snapshot;
pub mod start;
mod status;
mod verify;
