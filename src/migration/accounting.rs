//! What the rows of both sides add up to: rows, trade sizes and values by currency and year, rows by status.
//!
//! Computed by the verification while it has both sides of a row, from the legacy row's texts on one side and from what
//! is stored on the other.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow};
use crate::migration::stored::{Cells, Stored, Value};
use crate::migration::target::Role;
use crate::migration::value::{AMOUNT_DIGITS, Amount, Timestamp};

/// Currencies and years, or statuses, that are kept apart. What a source holds is not bounded, and memory is.
const KEPT: usize = 1000;

/// What became of a legacy row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has lineage.
    Migrated,
    /// It was tried, and is not migrated for reasons on record.
    Rejected,
    /// It was never tried.
    Pending,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Migrated => "migrated",
            Self::Rejected => "rejected",
            Self::Pending => "pending",
        }
    }
}

/// What amounts add up to, and of how many rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// The sum of `trade_size`, in ten-thousandths.
    pub trade_size: i128,
    /// The sum of `value`, in ten-thousandths.
    pub value: i128,
    /// Amounts that are in no sum, since no column of the target could hold them.
    pub unread: u64,
}

impl Sum {
    fn add(&mut self, trade_size: Option<&str>, value: Option<&str>) {
        self.rows += 1;
        for (text, sum) in [(trade_size, &mut self.trade_size), (value, &mut self.value)] {
            match text.map(|it| Amount::parse(it, AMOUNT_DIGITS)) {
                None => {}
                // Twenty digits a row: an i128 holds the sum of 10^18 rows.
                Some(Ok(amount)) => *sum += amount.0,
                Some(Err(_)) => self.unread += 1,
            }
        }
    }
}

/// What rows are added up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A currency and the year in which the trade was requested, as far as a row has them.
    Of(Option<CompactString>, Option<i64>),
    /// All beyond the first thousand.
    Others,
}

/// The rows of one side, or of one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By currency and year.
    pub sums: BTreeMap<Key, Sum>,
    /// By status; none is a row without one.
    pub statuses: BTreeMap<Option<CompactString>, u64>,
}

impl Totals {
    fn add(&mut self, row: Figures<'_>) {
        let key = Key::Of(row.currency.map(CompactString::new), row.year);
        let key = if self.sums.len() < KEPT || self.sums.contains_key(&key) { key } else { Key::Others };
        self.sums.entry(key).or_default().add(row.trade_size, row.value);
        let status = row.status.map(CompactString::new);
        let is_kept = self.statuses.len() < KEPT || self.statuses.contains_key(&status);
        let status = if is_kept { status } else { Some(CompactString::const_new("…")) };
        *self.statuses.entry(status).or_default() += 1;
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.sums.values().map(|sum| sum.rows).sum()
    }
}

/// What is added up of a row.
struct Figures<'a> {
    currency: Option<&'a str>,
    year: Option<i64>,
    trade_size: Option<&'a str>,
    value: Option<&'a str>,
    status: Option<&'a str>,
}

impl<'a> Figures<'a> {
    /// Of a legacy row. The year is that of D9.
    fn of_legacy(row: &'a LegacyRow) -> Self {
        let date = |column| row.clock(column).and_then(|text| Timestamp::parse(text).ok());
        Self {
            currency: row.plain(Col::Currency),
            year: date(Col::RequestedDate).or_else(|| date(Col::LastModifiedDate)).and_then(Timestamp::year),
            trade_size: row.plain(Col::TradeSize),
            value: row.plain(Col::Value),
            status: row.plain(Col::Status),
        }
    }
}

/// The rows of both sides, by what became of them. Each legacy row is in one of the first three.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Legacy rows that were migrated.
    pub migrated: Totals,
    /// Legacy rows that were rejected.
    pub rejected: Totals,
    /// Legacy rows that were never tried.
    pub pending: Totals,
    /// What is stored for the migrated rows.
    pub stored: Totals,
    /// Rows that lineage claims, by table.
    pub tables: BTreeMap<&'static str, u64>,
}

impl Accounting {
    /// Adds a row with what is stored for it.
    pub(crate) fn add(&mut self, state: State, row: &LegacyRow, stored: Option<&Stored>) {
        let side = match state {
            State::Migrated => &mut self.migrated,
            State::Rejected => &mut self.rejected,
            State::Pending => &mut self.pending,
        };
        side.add(Figures::of_legacy(row));
        let Some(stored) = stored else { return };
        if let Some(cells) = &stored.request {
            self.add_stored(cells);
        }
        for role in stored.lineage.iter().filter_map(|row| row.role.as_ref().ok()) {
            *self.tables.entry(Role::table(*role)).or_default() += 1;
        }
        *self.tables.entry("migration_mapping").or_default() += stored.lineage.len() as u64;
    }

    fn add_stored(&mut self, cells: &Cells) {
        let value = |column| cells.get(column);
        let [currency, size, amount, status, created] =
            ["currency", "quantity", "estimated_value", "status", "created_at"].map(value);
        let plain = |value: &'_ Option<Value<'_>>| value.as_ref().and_then(Value::plain).map(CompactString::new);
        let (currency, size, amount, status) = (plain(&currency), plain(&size), plain(&amount), plain(&status));
        let created = created.as_ref().and_then(Value::plain).and_then(|text| Timestamp::parse(text).ok());
        self.stored.add(Figures {
            currency: currency.as_deref(),
            year: created.and_then(Timestamp::year),
            trade_size: size.as_deref(),
            value: amount.as_deref(),
            status: status.as_deref(),
        });
    }
}
