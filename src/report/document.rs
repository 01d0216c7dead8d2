//! The results of a migration as a document: for people who sign it, and for those who ask years later.
//!
//! `report`, `rehearse --report` and `gate --report` each make one [`ReportJson`] from what they have found. It holds
//! every sentence and number; [`html`] and [`markdown`] only lay it out, so that both say the same. What is said is
//! written for a reader who knows neither this program nor its words, and shows no values of rows unless that was asked
//! for.

pub mod block;
pub mod environment;
pub(crate) mod gate;
pub mod html;
pub mod markdown;
pub mod rehearsal;
mod sections;
pub(crate) mod words;

use crate::report::document::block::Section;
use crate::report::layout::Head;

/// What `report --format json` prints, and what a document is laid out from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ReportJson {
    /// The fields that every command's JSON begins with.
    #[serde(flatten)]
    pub head: Head,
    /// The document's title.
    pub title: String,
    /// What it is about, for a reader who knows nothing of it.
    pub about: String,
    /// When it was made, in UTC, such as `2026-11-25 19:01:30 UTC`.
    pub made_at: String,
    /// The program and its commit.
    pub program: String,
    /// Whether values of rows, such as the names of employees, are shown.
    pub personal_data: bool,
    /// The result in a few words.
    pub verdict: String,
    /// The legacy rows by what became of them; null if that could not be found out.
    pub accounting: Option<AccountingJson>,
    /// Everything else, in the order in which it is read.
    pub sections: Vec<Section>,
}

/// Legacy rows by what became of them: `read` is the sum of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct AccountingJson {
    /// Rows of the legacy table.
    pub read: u64,
    /// Rows that are in the new database.
    pub migrated: u64,
    /// Rows that were left out, each for reasons on record.
    pub rejected: u64,
    /// Rows that were never tried.
    pub pending: u64,
}

impl AccountingJson {
    /// Whether nothing is outside it.
    pub fn adds_up(&self) -> bool {
        self.read == self.migrated + self.rejected + self.pending
    }
}

/// How and for whom a document is made.
#[derive(Clone, Debug)]
pub struct Making {
    /// When, as it is shown: UTC.
    pub made_at: String,
    /// Whether values of rows are shown.
    pub personal_data: bool,
}

/// What every document is about.
const ABOUT: &str = "Employees of the firm ask for permission before they trade on their own account. The record of these requests moves \
                     from one table, the legacy table, to several tables, the new database schema `padealing`.";

/// The program and its commit.
pub(crate) fn program() -> String {
    format!("pad-migrate {}", env!("PAD_MIGRATE_LONG_VERSION"))
}
