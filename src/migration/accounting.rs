//! What the rows of both sides add up to: rows, trade sizes and values by currency and year, rows by status.
//!
//! Computed by the verification while it has both sides of a row, from the legacy row's texts on one side and from what
//! is stored on the other.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::Role;
use crate::migration::text::Text;
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
    fn add(&mut self, trade_size: Figure, value: Figure) {
        self.rows += 1;
        for (figure, sum) in [(trade_size, &mut self.trade_size), (value, &mut self.value)] {
            match figure {
                Figure::None => {}
                // Twenty digits a row: an i128 holds the sum of 10^18 rows.
                Figure::Amount(amount) => *sum += amount.0,
                Figure::Unread => self.unread += 1,
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
    fn add(&mut self, row: Figures) {
        let Figures { currency, year, trade_size, value, status } = row;
        let key = Key::Of(currency, year);
        let key = if self.sums.len() < KEPT || self.sums.contains_key(&key) { key } else { Key::Others };
        self.sums.entry(key).or_default().add(trade_size, value);
        let is_kept = self.statuses.len() < KEPT || self.statuses.contains_key(&status);
        let status = if is_kept { status } else { Some(CompactString::const_new("…")) };
        *self.statuses.entry(status).or_default() += 1;
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.sums.values().map(|sum| sum.rows).sum()
    }
}

/// A number of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    None,
    Amount(Amount),
    /// It is in no sum.
    Unread,
}

impl Figure {
    fn of(text: Option<&str>) -> Self {
        match text.map(|it| Amount::parse(it, AMOUNT_DIGITS)) {
            None => Self::None,
            Some(Ok(amount)) => Self::Amount(amount),
            Some(Err(_)) => Self::Unread,
        }
    }
}

/// What is added up of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Figures {
    currency: Option<CompactString>,
    year: Option<i64>,
    trade_size: Figure,
    value: Figure,
    status: Option<CompactString>,
}

/// A word of a row, cut where it is longer than any that the data model knows.
fn word(text: Option<&str>) -> Option<CompactString> {
    text.map(|it| it.chars().take(20).collect())
}

impl Figures {
    /// Of a legacy row. The year is that of D9.
    fn of_legacy(row: &LegacyRow) -> Self {
        let date = |column| row.clock(column).and_then(|text| Timestamp::parse(text).ok());
        Self {
            currency: word(row.plain(Col::Currency)),
            year: date(Col::RequestedDate).or_else(|| date(Col::LastModifiedDate)).and_then(Timestamp::year),
            trade_size: Figure::of(row.plain(Col::TradeSize)),
            value: Figure::of(row.plain(Col::Value)),
            status: word(row.plain(Col::Status)),
        }
    }

    /// Of a stored request.
    fn of_request(cells: &Cells) -> Self {
        let columns = ["currency", "quantity", "estimated_value", "status", "created_at"];
        let [currency, size, value, status, created] = columns.map(|it| cells.get(it).and_then(Text::plain));
        Self {
            currency: word(currency),
            year: created.and_then(|text| Timestamp::parse(text).ok()).and_then(Timestamp::year),
            trade_size: Figure::of(size),
            value: Figure::of(value),
            status: word(status),
        }
    }
}

/// What a row adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    state: State,
    legacy: Figures,
    stored: Option<Figures>,
    /// Rows that lineage claims, by the place of their role in [`Role::ALL`].
    roles: [u32; Role::ALL.len()],
}

impl Addition {
    /// What a row adds, with what is stored for it.
    pub(crate) fn of(state: State, row: &LegacyRow, stored: Option<&Stored>) -> Self {
        let mut roles = [0; Role::ALL.len()];
        for role in stored.iter().flat_map(|it| &*it.lineage).filter_map(|row| row.role.as_ref().ok()) {
            roles[*role as usize] += 1;
        }
        let request = stored.and_then(|it| it.request.as_ref());
        Self { state, legacy: Figures::of_legacy(row), stored: request.map(Figures::of_request), roles }
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
    /// Adds a row.
    pub(crate) fn add(&mut self, row: Addition) {
        let Addition { state, legacy, stored, roles } = row;
        let side = match state {
            State::Migrated => &mut self.migrated,
            State::Rejected => &mut self.rejected,
            State::Pending => &mut self.pending,
        };
        side.add(legacy);
        stored.into_iter().for_each(|figures| self.stored.add(figures));
        for (role, rows) in Role::ALL.iter().zip(roles).filter(|(_, rows)| *rows > 0) {
            *self.tables.entry(role.table()).or_default() += u64::from(rows);
            *self.tables.entry("migration_mapping").or_default() += u64::from(rows);
        }
    }
}
