//! The read-only dashboard of an environment: pages of what its database holds, for a browser on this machine.
//!
//! - `query`: an address is the whole state of a view.
//! - `rows`: what a page shows.
//! - `pace`: how fast a run goes.
//! - `page`: HTML, whose every text from outside is escaped. Pure, as the three before.
//! - `pg`: a few sessions that pages share, and the queries.
//! - `http`: who is answered at all, limits, answers.

pub mod http;
pub mod pace;
pub(crate) mod page;
pub mod pg;
pub mod query;
pub mod rows;
