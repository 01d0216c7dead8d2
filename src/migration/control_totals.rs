//! The sums of both sides as documents have them: a line for each currency and year, and for each status.

use std::collections::BTreeSet;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::migration::accounting::{Accounting, Key, Sum, Totals};
use crate::migration::value::{Amount, Decimal};

/// What the rows of a currency and a year add up to, by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ControlTotal {
    /// The currency; null of rows without one. `others` stands for all beyond the first thousand lines.
    pub currency: Option<String>,
    /// The year of `requested_date`, or else of `last_modified_date`; null where neither says one.
    pub year: Option<i64>,
    /// The legacy rows that were migrated.
    pub migrated: Amounts,
    /// What is stored for them.
    pub stored: Amounts,
    /// The legacy rows that were rejected.
    pub rejected: Amounts,
    /// The legacy rows that were never tried.
    pub pending: Amounts,
}

/// Sums of amounts, exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// Rows.
    pub rows: u64,
    /// The sum of `trade_size`, as a decimal number.
    pub trade_size: String,
    /// The sum of `value`, likewise.
    pub value: String,
    /// Amounts that are in no sum, since they are no numbers that the target could hold.
    pub not_summed: u64,
}

impl From<&Sum> for Amounts {
    fn from(sum: &Sum) -> Self {
        let Sum { rows, trade_size, value, unread } = sum;
        let text = |amount| Amount::to_string(&Decimal(amount));
        Self { rows: *rows, trade_size: text(*trade_size), value: text(*value), not_summed: *unread }
    }
}

/// How many rows have a status, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusCount {
    /// The status; null of rows without one.
    pub status: Option<String>,
    /// Rows that have it.
    pub rows: u64,
}

/// A line for each currency and year that any side has.
pub fn control_totals(accounting: &Accounting) -> Vec<ControlTotal> {
    let Accounting { migrated, rejected, pending, stored, .. } = accounting;
    let sides = [migrated, stored, rejected, pending];
    let keys: BTreeSet<&Key> = sides.iter().flat_map(|side| side.sums.keys()).collect();
    let line = |key: &Key| {
        let of = |side: &Totals| Amounts::from(side.sums.get(key).unwrap_or(&Sum::default()));
        let (currency, year) = match key {
            Key::Of(currency, year) => (currency.as_ref().map(ToString::to_string), *year),
            Key::Others => (Some("others".to_owned()), None),
        };
        let [migrated, stored, rejected, pending] = sides.map(of);
        ControlTotal { currency, year, migrated, stored, rejected, pending }
    };
    keys.into_iter().map(line).collect()
}

/// The statuses of rows.
pub fn statuses(totals: &[&Totals]) -> Vec<StatusCount> {
    let names: BTreeSet<_> = totals.iter().flat_map(|it| it.statuses.keys()).collect();
    let count = |name: &Option<CompactString>| StatusCount {
        status: name.as_ref().map(ToString::to_string),
        rows: totals.iter().filter_map(|it| it.statuses.get(name)).sum(),
    };
    names.into_iter().map(count).collect()
}
