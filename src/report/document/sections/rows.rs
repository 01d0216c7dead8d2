//! Legacy rows by what became of them, and what both sides add up to.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::base::text::{plural, thousands, visible};
use crate::migration::accounting::{Accounting, Key, Sum, Totals};
use crate::migration::verification::VerifyCounts;
use crate::report::document::AccountingJson;
use crate::report::document::block::ColumnKind::{Number, Status, Text};
use crate::report::document::block::{Bar, Bars, Block, Cell, Section, Table, Term};
use crate::report::document::words::{QUOTED, amount};

/// Lines of a table; the others are summed up in one.
const LINES: usize = 200;

impl AccountingJson {
    /// What a verification has counted.
    pub(crate) fn of(counts: &VerifyCounts) -> Self {
        let VerifyCounts { source, verified, different, missing, rejected, pending, .. } = *counts;
        Self { read: source, migrated: verified + different + missing, rejected, pending }
    }
}

/// Read = migrated + rejected + pending.
pub(crate) fn equation(accounting: AccountingJson) -> Block {
    let AccountingJson { read, migrated, rejected, pending } = accounting;
    let term = |(count, label): (u64, &str)| Term { count, label: label.to_owned() };
    let terms = [(read, "read"), (migrated, "migrated"), (rejected, "rejected"), (pending, "pending")];
    Block::Equation { terms: terms.map(term).to_vec() }
}

/// The same as a sentence.
pub(crate) fn sum(AccountingJson { read, migrated, rejected, pending }: AccountingJson) -> String {
    let [read, migrated, rejected, pending] = [read, migrated, rejected, pending].map(thousands);
    format!("{read} legacy rows read = {migrated} migrated + {rejected} rejected + {pending} pending.")
}

/// What the words of the equation mean.
pub(crate) fn meaning() -> Block {
    let items = [
        "Read: every row that the legacy table holds.",
        "Migrated: rows that are in the new database.",
        "Rejected: rows that were left out, each with its reasons on record (see “Rows that were rejected”).",
        "Pending: rows that no run has tried yet.",
    ];
    Block::Items { items: items.map(str::to_owned).to_vec() }
}

/// Counts and control totals of both sides.
pub(crate) fn section(
    counts: Option<&VerifyCounts>,
    accounting: Option<&Accounting>,
    by_table: &[(&str, u64)],
    personal: bool,
) -> Section {
    let shown = Shown { personal };
    let mut section = Section::new("rows", "Rows and amounts, before and after");
    if let Some(counts) = counts {
        section.push(Block::Table(compared(counts)));
    }
    if let Some(accounting) = accounting {
        let years = by_year(accounting);
        if years.bars.len() > 1 {
            section.push(Block::Bars(years));
        }
        section.text(
            "The control totals add up every amount on both sides independently: from the legacy rows, and from what \
             is stored for them now. Year is that of the request. Currency, year and amounts are compared before and \
             after. “none” is no value at all, “empty” a text without a character; an amount that is not there counts as zero.",
        );
        section.push(Block::Table(totals(accounting, shown)));
        section.push(Block::Table(statuses(
            "Legacy rows by their status",
            &[("Migrated", &accounting.migrated), ("Rejected", &accounting.rejected), ("Pending", &accounting.pending)],
            shown,
        )));
        section.push(Block::Table(statuses(
            "Migrated requests by their status",
            &[("Requests", &accounting.stored)],
            shown,
        )));
        section.text(QUOTED);
        let unread = [&accounting.migrated, &accounting.rejected, &accounting.pending];
        let unread: u64 = unread.iter().flat_map(|it| it.sums.values()).map(|sum| sum.unread).sum();
        if unread > 0 {
            section.text(format!(
                "{} in no total, since no column of the new database could hold {}; such rows are rejected or pending.",
                plural(unread, "amount of a legacy row is", "amounts of legacy rows are"),
                if unread == 1 { "it" } else { "them" }
            ));
        }
    } else {
        section.text("The amounts of both sides were not added up in this run.");
    }
    if !by_table.is_empty() {
        let mut table = Table::new("Rows that the migration stored, by table", &[("Table", Text), ("Rows", Number)]);
        table.rows = by_table.iter().map(|(name, count)| vec![format!("`{name}`").into(), (*count).into()]).collect();
        section.push(Block::Table(table));
    }
    section
}

/// What the comparison row by row has found.
fn compared(counts: &VerifyCounts) -> Table {
    let mut table = Table::new("Every row compared with its legacy row", &[("What was found", Text), ("Rows", Number)]);
    let lines = [
        ("Migrated, and exactly what the legacy row says", counts.verified),
        ("Migrated, and something stored differs", counts.different),
        ("Migration on record, and the request is missing", counts.missing),
        ("Rejected, with reasons on record", counts.rejected),
        ("Pending: never tried", counts.pending),
    ];
    table.rows = lines.iter().map(|(what, count)| vec![(*what).into(), (*count).into()]).collect();
    table.rows.push(vec!["Legacy rows".into(), counts.source.into()]);
    table.total = 1;
    table
}

fn by_year(accounting: &Accounting) -> Bars {
    let mut years: BTreeMap<Option<i64>, u64> = BTreeMap::new();
    for side in [&accounting.migrated, &accounting.rejected, &accounting.pending] {
        for (key, sum) in &side.sums {
            let year = if let Key::Of(_, year) = key { *year } else { None };
            *years.entry(year).or_default() += sum.rows;
        }
    }
    let bar = |(of, count): (Option<i64>, u64)| Bar { label: year(of), length: count, text: thousands(count) };
    Bars { caption: "Legacy rows by year".to_owned(), bars: years.into_iter().map(bar).take(LINES).collect() }
}

/// What is shown of words that rows hold: those that are no code and no status may say anything.
#[derive(Clone, Copy)]
struct Shown {
    personal: bool,
}

/// In place of what is not shown.
const OTHER: &str = "other values";

/// Statuses of the legacy table and of the new one.
const STATUSES: [&str; 10] = [
    "request",
    "approved",
    "declined",
    "pending",
    "pending_manager",
    "pending_compliance",
    "executed",
    "rejected",
    "withdrawn",
    "cancelled",
];

impl Shown {
    fn word(self, word: Option<&str>, is_known: impl Fn(&str) -> bool) -> String {
        match word {
            None => "none".to_owned(),
            Some("") => "empty".to_owned(),
            Some(word) if self.personal || is_known(word) => visible(&word.replace('`', "'")).into_owned(),
            Some(_) => OTHER.to_owned(),
        }
    }

    fn currency(self, key: &Key) -> (String, Option<i64>) {
        let is_code = |word: &str| word.len() == 3 && word.bytes().all(|it| it.is_ascii_uppercase());
        match key {
            Key::Of(currency, year) => (self.word(currency.as_deref(), is_code), *year),
            Key::Others => (OTHER.to_owned(), None),
        }
    }

    fn status(self, status: &Option<CompactString>) -> String {
        let is_status = |word: &str| STATUSES.contains(&&*word.trim().to_lowercase());
        self.word(status.as_deref(), is_status)
    }
}

/// A year; 0 is 1 BC.
fn year(year: Option<i64>) -> String {
    match year {
        None => "none".to_owned(),
        Some(year @ ..=0) => format!("{} BC", 1 - year),
        Some(year) => year.to_string(),
    }
}

/// Amounts of the migrated rows by currency and year: what is stored below what the legacy rows say.
fn totals(accounting: &Accounting, shown: Shown) -> Table {
    let columns = [
        ("Currency", Text),
        ("Year", Number),
        ("Side", Text),
        ("Rows", Number),
        ("Trade size", Number),
        ("Value", Number),
        ("Result", Status),
    ];
    let mut table = Table::new("Control totals of the migrated rows", &columns);
    let mut lines: BTreeMap<(String, Option<i64>), Both> = BTreeMap::new();
    for (side, of) in [(&accounting.migrated, Both::legacy as Side), (&accounting.stored, Both::stored)] {
        for (key, sum) in &side.sums {
            add(of(lines.entry(shown.currency(key)).or_default()), sum);
        }
    }
    let (mut rest, mut whole) = (Both::default(), Both::default());
    let left_out = lines.len().saturating_sub(LINES);
    for (at, ((currency, of), both)) in lines.into_iter().enumerate() {
        for (sums, of) in [(&mut whole, true), (&mut rest, at >= LINES)] {
            if of {
                add(&mut sums.legacy, &both.legacy);
                add(&mut sums.stored, &both.stored);
            }
        }
        if at < LINES {
            table.rows.extend(both.lines(&currency, &year(of)));
        }
    }
    if left_out > 0 {
        table.rows.extend(rest.lines(&format!("{left_out} other lines"), ""));
    }
    table.rows.extend(whole.lines("All", ""));
    table.total = 2;
    table
}

/// The sums of both sides.
#[derive(Default)]
struct Both {
    legacy: Sum,
    stored: Sum,
}

type Side = fn(&mut Both) -> &mut Sum;

impl Both {
    fn legacy(&mut self) -> &mut Sum {
        &mut self.legacy
    }

    fn stored(&mut self) -> &mut Sum {
        &mut self.stored
    }

    fn lines(&self, currency: &str, year: &str) -> [Vec<Cell>; 2] {
        let sums = |sum: &Sum| (sum.rows, sum.trade_size, sum.value);
        let result = if sums(&self.legacy) == sums(&self.stored) { "equal" } else { "different" };
        let line = |side: &str, sum: &Sum, result: &str| {
            let (size, value) = (amount(sum.trade_size), amount(sum.value));
            vec![currency.into(), year.into(), side.into(), sum.rows.into(), size.into(), value.into(), result.into()]
        };
        [line("legacy", &self.legacy, ""), line("stored", &self.stored, result)]
    }
}

fn add(sum: &mut Sum, more: &Sum) {
    sum.rows += more.rows;
    sum.trade_size += more.trade_size;
    sum.value += more.value;
}

fn statuses(caption: &str, sides: &[(&str, &Totals)], shown: Shown) -> Table {
    let columns: Vec<_> =
        std::iter::once(("Status", Text)).chain(sides.iter().map(|(title, _)| (*title, Number))).collect();
    let mut table = Table::new(caption, &columns);
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (at, (_, side)) in sides.iter().enumerate() {
        for (status, count) in &side.statuses {
            lines.entry(shown.status(status)).or_insert_with(|| vec![0; sides.len()])[at] += count;
        }
    }
    let left_out = lines.len().saturating_sub(LINES);
    let line = |name: String, counts: Vec<u64>| {
        std::iter::once(name.into()).chain(counts.into_iter().map(Cell::Count)).collect()
    };
    table.rows.extend(lines.into_iter().take(LINES).map(|(name, counts)| line(name, counts)));
    let all = if left_out > 0 { format!("All, {left_out} other values included") } else { "All".to_owned() };
    table.rows.push(line(all, sides.iter().map(|(_, side)| side.statuses.values().sum()).collect()));
    table.total = 1;
    table
}

/// What the result says of the rows, in a sentence.
pub(crate) fn sentence(counts: &VerifyCounts) -> String {
    let wrong = counts.different + counts.missing;
    let compared = plural(counts.verified + wrong, "row was compared", "rows were compared");
    let differing = match wrong {
        0 => "none differs".to_owned(),
        1 => "1 differs".to_owned(),
        _ => format!("{} differ", thousands(wrong)),
    };
    let mut parts = vec![format!("{compared} with the legacy table, and {differing}")];
    if counts.missing_source > 0 {
        let rows = plural(counts.missing_source, "migrated row has", "migrated rows have");
        parts.push(format!("{rows} no legacy row any more"));
    }
    if counts.extra > 0 {
        parts.push(format!(
            "{} by no legacy row",
            plural(counts.extra, "stored row is explained", "stored rows are explained")
        ));
    }
    format!("{}.", parts.join("; "))
}
