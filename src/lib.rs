//! Moves PA Dealing from the legacy table `personal_account_dealing` to the normalised schema `padealing`, and proves
//! that nothing was lost.
//!
//! `ARCHITECTURE.md` is the map; `docs/field-mapping.md` has the decisions that the code names by number. In short: a
//! [`legacy::LegacyRow`] is [`transform::transform`]ed into [`target::TargetRows`] or rejected with all reasons;
//! [`reconstruct::reconstruct`] is the inverse; [`verify::check`] is a second opinion on what is stored; [`pg`] does all
//! of it against real databases, and [`rehearse`] does it on one that exists for nothing else.

pub mod catalog;
pub mod checks;
pub mod cli;
pub mod config;
mod ddl;
pub mod doctor;
pub mod drift;
pub mod fixtures;
pub mod generate;
pub mod guard;
pub mod legacy;
pub mod pg;
pub mod plan;
pub mod reconstruct;
pub mod rehearse;
pub mod report;
pub mod revisions;
pub mod server;
pub mod target;
pub mod transform;
pub mod value;
pub mod verify;
