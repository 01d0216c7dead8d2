//! Moves PA Dealing from the legacy table `personal_account_dealing` to the normalised schema `padealing`, and proves
//! that nothing was lost.
//!
//! `ARCHITECTURE.md` is the map; `docs/field-mapping.md` has the decisions that the code names by number. The folders
//! are layers, each above those that follow it here ([`migration`] and [`schema`] side by side): [`commands`],
//! [`harness`], [`report`], [`checks`], [`migration`], [`schema`], [`ledger`], [`postgres`], [`config`], [`base`].
//! What speaks to Postgres is in [`postgres`] or in a folder `pg` of its layer; the rest of [`migration`] and
//! [`schema`] is pure.

pub mod base;
pub mod checks;
pub mod commands;
pub mod config;
#[cfg(feature = "serve")]
pub mod dashboard;
#[cfg(feature = "harness")]
pub mod harness;
pub mod ledger;
pub mod migration;
pub mod postgres;
pub mod report;
pub mod schema;
