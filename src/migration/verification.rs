//! What a verification found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::migration::causes::DifferenceGroups;
use crate::migration::check::check;
use crate::migration::difference::Difference;
use crate::migration::legacy::LegacyRow;
use crate::migration::lookups::Security;
use crate::migration::run::LISTED;
use crate::migration::stored::{Stored, StoredLineage};
use crate::migration::target::{Role, SOURCE_TABLE};

/// Rows counted; `source` is the sum of verified, different, missing, rejected and pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct VerifyCounts {
    /// Legacy rows.
    pub source: u64,
    /// Migrated, and everything stored is right.
    pub verified: u64,
    /// Migrated, and something stored is not.
    pub different: u64,
    /// Lineage, and no request.
    pub missing: u64,
    /// Tried, and not migrated for reasons on record.
    pub rejected: u64,
    /// Never tried.
    pub pending: u64,
    /// Lineage, and no legacy row.
    pub missing_source: u64,
    /// Target rows that lineage claims twice, or not at all though they carry the legacy mark.
    pub extra: u64,
}

impl VerifyCounts {
    /// Whether every legacy row is verified, or rejected for reasons on record.
    pub fn is_clean(&self) -> bool {
        let Self { different, missing, pending, missing_source, extra, .. } = self;
        different + missing + pending + missing_source + extra == 0
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Rows by what was found.
    pub counts: VerifyCounts,
    /// All of them by target, field and cause, with examples.
    pub groups: DifferenceGroups,
    /// The first differences in id order.
    pub differences: Vec<Difference>,
    /// How many differences there are.
    pub total_differences: u64,
    /// What people are to know of how the rows were read.
    pub notes: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// The server's version.
    pub server_version: String,
}

impl VerifyReport {
    pub(crate) fn differ(&mut self, difference: Difference) {
        self.total_differences += 1;
        self.groups.add(&difference);
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }

    pub(crate) fn add(&mut self, page: BothPages) {
        let BothPages { rows, mut stored, rejected, securities } = page;
        for (id, row) in rows {
            self.counts.source += 1;
            let stored = stored.remove(&id).filter(|stored| !stored.lineage.is_empty());
            let is_migrated = stored.as_ref().is_some_and(|stored| stored.lineage_id(Role::Request).is_some());
            if let Some(stray) = stored.as_ref().filter(|_| !is_migrated) {
                for row in &stray.lineage {
                    self.counts.extra += 1;
                    self.differ(Difference {
                        source_id: id,
                        target: row.target_table().to_owned(),
                        field: "lineage".to_owned(),
                        expected: Some("no lineage of a row that has no request".to_owned()),
                        actual: Some(row.target_id.to_string()),
                    });
                }
            }
            let Some(stored) = stored.filter(|_| is_migrated) else {
                if rejected.contains(&id) {
                    self.counts.rejected += 1;
                } else {
                    self.counts.pending += 1;
                }
                continue;
            };
            let differences = check(id, &row, &stored, &securities);
            if stored.request.is_none() {
                self.counts.missing += 1;
            } else if differences.is_empty() {
                self.counts.verified += 1;
            } else {
                self.counts.different += 1;
            }
            for difference in differences {
                self.differ(difference);
            }
        }
        // What is left of the range has lineage, and no legacy row.
        for (source_id, stored) in stored.into_iter().filter(|(_, stored)| !stored.lineage.is_empty()) {
            self.counts.missing_source += 1;
            let roles: Vec<&str> = stored.lineage.iter().map(StoredLineage::target_table).collect();
            self.differ(Difference {
                source_id,
                target: SOURCE_TABLE.to_owned(),
                field: "id".to_owned(),
                expected: Some(format!("the legacy row of {}", roles.join(", "))),
                actual: None,
            });
        }
    }
}

/// A page of the source with what is stored for it.
pub(crate) struct BothPages {
    pub(crate) rows: Vec<(i64, LegacyRow)>,
    pub(crate) stored: BTreeMap<i64, Stored>,
    pub(crate) rejected: HashSet<i64>,
    pub(crate) securities: HashMap<String, Vec<Security>>,
}
