//! `transform` and `reconstruct`: what a row became gives it back.

use std::collections::BTreeSet;

use pad_migrate::harness::generate::page::page;
use pad_migrate::harness::generate::{Choices, GeneratedRow, WIDTH};
use pad_migrate::migration::legacy::{LegacyColumn, LegacyRow};
use pad_migrate::migration::reconstruct::reconstruct;
use pad_migrate::migration::rejection::Rejection;
use pad_migrate::migration::text::Text;
use pad_migrate::migration::transform::transform;

use crate::generate::pure::lookups;

/// The id of every row.
const ID: i64 = 77;

/// A row of the generator's choices, a byte for each slot, some cells of which hold any text instead: a byte says how
/// many choices there are, then follow a column, a length (255 is null) and a text, as often as there are bytes.
fn row(data: &[u8]) -> LegacyRow {
    let (count, rest) = data.split_first().map_or((0, data), |(count, rest)| (usize::from(*count), rest));
    let (chosen, mut rest) = rest.split_at(count.min(rest.len()));
    let mut choices = vec![Vec::new(); WIDTH + 5];
    for (slot, byte) in choices.iter_mut().zip(chosen) {
        // Every bit of a choice counts somewhere.
        *slot = vec![u64::from(*byte).wrapping_mul(0x0101_0101_0101_0101); 4];
    }
    let (_, mut row) = page([GeneratedRow::new(Choices::Given(&choices), ID)]).remove(0);
    while let [column, length, after @ ..] = rest {
        let is_null = *length == 255;
        let (bytes, after) = after.split_at(if is_null { 0 } else { usize::from(*length).min(after.len()) });
        rest = after;
        let text = String::from_utf8_lossy(bytes).replace('\0', "");
        let text = (!is_null).then(|| Text::from(text.as_str()));
        match LegacyColumn::ALL.get(usize::from(*column)) {
            Some(LegacyColumn::Id) => {}
            Some(column) => row.set(*column, text),
            None => row.set_unknown(&format!("unknown_{column}"), text),
        }
    }
    row
}

/// A row is migrated whole, and then it comes back to the byte, or it is rejected with reasons, each once.
pub(super) fn transform_and_back(data: &[u8]) {
    let row = row(data);
    match transform(ID, &row, lookups()) {
        Ok(rows) => {
            assert_eq!(rows.audit.len(), 1 + rows.approvals.len());
            assert_eq!(reconstruct(&rows, row.names()), row);
        }
        Err(Rejection { source_id, reasons, .. }) => {
            assert_eq!(source_id, ID);
            assert!(!reasons.is_empty());
            let keys: BTreeSet<_> = reasons.iter().map(|it| (&it.field, it.rule)).collect();
            assert_eq!(keys.len(), reasons.len(), "a field and a rule are named once");
        }
    }
}
