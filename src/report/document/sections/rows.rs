//! Legacy rows by what became of them, and what both sides add up to.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::base::text::{plural, thousands};
use crate::migration::accounting::{Accounting, Key, Sum, Totals};
use crate::migration::verification::VerifyCounts;
use crate::report::document::AccountingJson;
use crate::report::document::block::ColumnKind::{Number, Status, Text};
use crate::report::document::block::{Bar, Bars, Block, Cell, Section, Table, Term};
use crate::report::document::words::{amount, rows};

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
) -> Section {
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
            "The control totals add up every amount on both sides independently: from the legacy rows, and from what is \
             stored for them now. Year is that of the request. Currency, year and amounts are compared before and after.",
        );
        section.push(Block::Table(totals(accounting)));
        section.push(Block::Table(statuses(
            "Legacy rows by their status",
            &[("Migrated", &accounting.migrated), ("Rejected", &accounting.rejected), ("Pending", &accounting.pending)],
        )));
        section.push(Block::Table(statuses("Migrated requests by their status", &[("Requests", &accounting.stored)])));
        let unread = [&accounting.migrated, &accounting.rejected, &accounting.pending];
        let unread: u64 = unread.iter().flat_map(|it| it.sums.values()).map(|sum| sum.unread).sum();
        if unread > 0 {
            section.text(format!(
                "{} of legacy rows in no total, since no column of the new database could hold them; such rows are \
                 rejected or pending.",
                plural(unread, "amount is", "amounts are")
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
        ("Never tried", counts.pending),
    ];
    table.rows = lines.iter().map(|(what, count)| vec![(*what).into(), (*count).into()]).collect();
    table.rows.push(vec!["Legacy rows".into(), counts.source.into()]);
    table.has_total = true;
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
    let bar = |(year, count): (Option<i64>, u64)| Bar {
        label: year.map_or("no year".to_owned(), |it| it.to_string()),
        length: count,
        text: thousands(count),
    };
    Bars { caption: "Legacy rows by year".to_owned(), bars: years.into_iter().map(bar).take(LINES).collect() }
}

/// Amounts of the migrated rows by currency and year: legacy beside stored.
fn totals(accounting: &Accounting) -> Table {
    let columns = [
        ("Currency", Text),
        ("Year", Number),
        ("Rows, legacy", Number),
        ("Rows, stored", Number),
        ("Trade size, legacy", Number),
        ("Trade size, stored", Number),
        ("Value, legacy", Number),
        ("Value, stored", Number),
        ("Result", Status),
    ];
    let mut table = Table::new("Control totals of the migrated rows", &columns);
    let keys: std::collections::BTreeSet<&Key> =
        accounting.migrated.sums.keys().chain(accounting.stored.sums.keys()).collect();
    let of = |side: &Totals, key: &Key| side.sums.get(key).cloned().unwrap_or_default();
    let (mut rest, mut whole) = ((Sum::default(), Sum::default()), (Sum::default(), Sum::default()));
    let mut left_out = 0;
    for (at, key) in keys.into_iter().enumerate() {
        let (legacy, stored) = (of(&accounting.migrated, key), of(&accounting.stored, key));
        add(&mut whole, &legacy, &stored);
        if at < LINES {
            let (currency, year) = match key {
                Key::Of(currency, year) => (
                    currency.as_deref().unwrap_or("none").to_owned(),
                    year.map_or("none".to_owned(), |it| it.to_string()),
                ),
                Key::Others => ("others".to_owned(), String::new()),
            };
            table.rows.push(line(currency, year, &legacy, &stored));
        } else {
            left_out += 1;
            add(&mut rest, &legacy, &stored);
        }
    }
    if left_out > 0 {
        table.rows.push(line(format!("{left_out} other lines"), String::new(), &rest.0, &rest.1));
    }
    table.rows.push(line("All".to_owned(), String::new(), &whole.0, &whole.1));
    table.has_total = true;
    table
}

fn add(sums: &mut (Sum, Sum), legacy: &Sum, stored: &Sum) {
    for (sum, more) in [(&mut sums.0, legacy), (&mut sums.1, stored)] {
        sum.rows += more.rows;
        sum.trade_size += more.trade_size;
        sum.value += more.value;
    }
}

fn line(currency: String, year: String, legacy: &Sum, stored: &Sum) -> Vec<Cell> {
    let is_equal = (legacy.rows, legacy.trade_size, legacy.value) == (stored.rows, stored.trade_size, stored.value);
    vec![
        currency.into(),
        year.into(),
        legacy.rows.into(),
        stored.rows.into(),
        amount(legacy.trade_size).into(),
        amount(stored.trade_size).into(),
        amount(legacy.value).into(),
        amount(stored.value).into(),
        if is_equal { "equal" } else { "different" }.into(),
    ]
}

fn statuses(caption: &str, sides: &[(&str, &Totals)]) -> Table {
    let columns: Vec<_> =
        std::iter::once(("Status", Text)).chain(sides.iter().map(|(title, _)| (*title, Number))).collect();
    let mut table = Table::new(caption, &columns);
    let all: std::collections::BTreeSet<&Option<CompactString>> =
        sides.iter().flat_map(|(_, side)| side.statuses.keys()).collect();
    let left_out = all.len().saturating_sub(LINES);
    let count = |status, side: &Totals| Cell::Count(side.statuses.get(status).copied().unwrap_or_default());
    for status in all.into_iter().take(LINES) {
        let name = match status.as_deref() {
            None => "none".to_owned(),
            Some("") => "empty".to_owned(),
            Some(name) => name.to_owned(),
        };
        let cells = sides.iter().map(|(_, side)| count(status, side));
        table.rows.push(std::iter::once(name.into()).chain(cells).collect());
    }
    let total = sides.iter().map(|(_, side)| Cell::Count(side.statuses.values().sum()));
    let all = if left_out > 0 { format!("All, {left_out} other values included") } else { "All".to_owned() };
    table.rows.push(std::iter::once(all.into()).chain(total).collect());
    table.has_total = true;
    table
}

/// What the result says of the rows, in a sentence.
pub(crate) fn sentence(counts: &VerifyCounts) -> String {
    let wrong = counts.different + counts.missing;
    let mut parts = vec![match wrong {
        0 => format!("{} compared with the legacy table, and none differs", rows(counts.verified) + " were"),
        _ => format!(
            "{} compared with the legacy table, and {} differ",
            rows(counts.verified + wrong) + " were",
            thousands(wrong)
        ),
    }];
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
