//! The read-only dashboard of an environment: pages of what its database holds, for a browser on this machine.
//!
//! - `query`: an address is the whole state of a view.
//! - `rows`: what a page shows.
//! - `page`: HTML, whose every text from outside is escaped. Pure, as the two before.
//! - `pg`: a few sessions that pages share, and the queries.
//! - `http`: who is answered at all, limits, answers.

pub mod http;
pub(crate) mod page;
pub mod pg;
pub mod query;
pub mod rows;
