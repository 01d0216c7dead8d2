//! How a live schema becomes the expected one: expected × live → a decision for each table, and steps. Pure.
//!
//! A plan is data: every step has its statement, the lock it takes, and whether it rewrites or reads a table. Lossy
//! changes are never planned: the difference is left, with the reason and the query that shows the rows. Unexpected
//! objects are left unchanged. Nothing here has CASCADE, and nothing that holds rows, numbers or values is dropped.

pub mod code;
pub(crate) mod data;
pub(crate) mod history;
pub mod history_table;
pub mod losses;
pub(crate) mod needs;
pub(crate) mod order;
pub mod outcome;
pub mod planner;
pub mod route;
pub mod step;
pub(crate) mod stops;
pub mod surroundings;
