//! Rows that no legacy row explains, and rows where there are more than one.

use crate::migration::proof::facts::{Place, Proof};
use crate::migration::proof::fields::MARKED;
use crate::migration::proof::rows::qualified;
use crate::migration::proof::text::fill;

const CROWDED: &str = include_str!("crowded.sql");
const STRAYS: &str = include_str!("strays.sql");

/// Where one row is due and there are more: psql remembers the later ones, and the source rows.
pub(super) fn crowded() -> String {
    fill(CROWDED, &[("marked", MARKED)])
}

impl Proof {
    /// Rows that no legacy row explains: `source_id`, `target`, `field`.
    pub(super) fn strays(&self) -> String {
        let missing = match &self.place {
            Place::Elsewhere(_) => String::new(),
            Place::Here { table, .. } => format!(
                "\nunion all\n-- Lineage, and no legacy row.\n\
                 select distinct m.source_id, 'personal_account_dealing', 'id'\n\
                 from padealing.migration_mapping m\nwhere m.source_table = 'personal_account_dealing'\n  \
                 and not exists (select from (select {} as id from {} l where {} offset int8 '0') l\n                  \
                 where l.id = m.source_id)",
                self.id(),
                qualified(table),
                self.is_in_trees()
            ),
        };
        fill(STRAYS, &[("marked", MARKED), ("missing", &missing)])
    }
}
