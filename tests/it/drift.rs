//! Drift: what is found, what is not, and how it is told.
//!
//! `fixtures/drift/base.sql` makes a database with something of every kind; the files beside it change one thing each, and
//! say what must be found. A case that says `quiet` must yield nothing.

pub(crate) mod cases;
mod complete;
mod laws;
mod recorded;
mod told;
