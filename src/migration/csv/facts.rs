//! What a file was found to hold.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::migration::csv::alarm::{Alarm, Count};
use crate::migration::csv::race::Seen;
use crate::migration::csv::sum::Exact;
use crate::migration::ids::OddIds;
use crate::migration::legacy::LegacyColumn;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstandard,
}

/// What a file was found to hold.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Facts {
    pub rows: u64,
    /// The ids that rows have.
    pub(crate) ids: RoaringTreemap,
    /// The ids that several rows have, how many have each, and the lines of the second and later ones.
    pub(crate) repeated: BTreeMap<i64, Repeated>,
    /// Rows whose id is null or no `bigint`.
    pub(crate) without: Count,
    pub(crate) examples: Vec<(Option<String>, u64)>,
    /// The largest id but the last that a `bigint` holds.
    pub largest: Option<i64>,
    /// The sums of the columns of numbers, or the first value that isn't a number of its format, or too large.
    pub totals: Vec<(LegacyColumn, Result<Exact, Seen>)>,
    pub alarms: Vec<Alarm>,
}

/// An id that several rows have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeated {
    pub(crate) rows: u64,
    pub(crate) again: Count,
}

impl Facts {
    /// Whether a row has the id.
    pub(crate) fn has(&self, id: i64) -> bool {
        self.ids.contains(id.cast_unsigned())
    }

    /// The rows whose ids don't identify them.
    pub(crate) fn odd_ids(&self) -> OddIds {
        OddIds {
            without: self.without.count,
            examples: self.examples.clone(),
            repeated: self.repeated.len() as u64,
            repeating: self.repeated.values().map(|it| it.rows).sum(),
            first: self.repeated.keys().take(3).copied().collect(),
        }
    }
}
