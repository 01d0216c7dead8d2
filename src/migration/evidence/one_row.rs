//! One row, with everything that is known of it.

use crate::migration::difference::Difference;
use crate::migration::evidence::entry::{Entry, Rejected};
use crate::migration::legacy::LegacyRow;
use crate::migration::stored::Stored;

/// A legacy row, and what became of it.
#[derive(Debug)]
pub(crate) struct OneRow {
    /// The server's version.
    pub(crate) server_version: String,
    /// The legacy row; none if there is no row of that id, or several.
    pub(crate) row: Option<LegacyRow>,
    /// What is stored for it.
    pub(crate) stored: Option<Stored>,
    /// Its line of evidence.
    pub(crate) entry: Option<Entry>,
    /// What the verification finds.
    pub(crate) differences: Vec<Difference>,
    /// Why it is rejected.
    pub(crate) rejected: Vec<Rejected>,
}
