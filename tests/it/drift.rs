//! Drift: what is found, what is not, and how it is printed.
//!
//! `fixtures/drift/base.sql` creates a database with objects of every kind; the files beside it change one thing in
//! each case, and list the findings. A case that says `quiet` must have none.

pub(crate) mod cases;
mod complete;
mod laws;
mod odd;
mod output;
mod queries;
mod recorded;
mod remedies;
mod spellings;
mod values;
