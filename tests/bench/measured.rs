//! What was measured, and the one kind of table that it is printed in.

use std::collections::BTreeMap;
use std::fmt;

use super::cores;

/// What one run took.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds by the clock on the wall.
    pub(super) wall: f64,
    /// Seconds of a processor that the client's processes used.
    pub(super) own: Option<f64>,
    /// And those of the server's, where they can be seen.
    pub(super) server: Option<f64>,
    /// The highest resident set of the program, in megabytes.
    pub(super) peak: Option<f64>,
}

impl Cost {
    /// Of a run whose processes nobody looks at.
    pub(super) fn wall(seconds: f64) -> Self {
        Self { wall: seconds, ..Self::default() }
    }

    /// The share of the machine's cores that client and server kept busy, in percent.
    fn busy(&self) -> Option<f64> {
        Some(100.0 * (self.own? + self.server?) / (self.wall * cores() as f64))
    }
}

/// How a value is printed: what it is multiplied by, and what follows it.
#[derive(Clone, Copy)]
pub(super) struct Unit(f64, &'static str);

pub(super) const SECONDS: Unit = Unit(1.0, " s");
pub(super) const MILLISECONDS: Unit = Unit(1e3, " ms");
const MEGABYTES: Unit = Unit(1.0, " MB");
const PERCENT: Unit = Unit(1.0, " %");
pub(super) const TIMES: Unit = Unit(1.0, "");

impl Unit {
    pub(super) fn print(self, value: f64) -> String {
        format!("{:.2}{}", value * self.0, self.1)
    }
}

/// Runs by their names, round by round.
#[derive(Default)]
pub(super) struct Measured(BTreeMap<String, Vec<Cost>>);

impl Measured {
    pub(super) fn add(&mut self, name: &str, cost: Cost) {
        self.0.entry(name.to_owned()).or_default().push(cost);
    }

    /// The median of the seconds, of what was measured at all.
    pub(super) fn seconds(&self, name: &str) -> Option<f64> {
        median(self.values(name, |cost| Some(cost.wall)))
    }

    fn values(&self, name: &str, of: impl Fn(&Cost) -> Option<f64>) -> Vec<f64> {
        self.0.get(name).into_iter().flatten().filter_map(of).collect()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A table in Markdown, whose first column says what a row is. Without rows it prints nothing, and rows of what was not
/// measured are not added.
pub(super) struct Table {
    heads: Vec<&'static str>,
    rows: String,
}

impl Table {
    pub(super) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: String::new() }
    }

    pub(super) fn spreads() -> Self {
        Self::new(&["median", "least", "most"])
    }

    /// Of seconds with the processors' time.
    pub(super) fn costs() -> Self {
        Self::new(&["median", "least", "most", "processor, own", "processor, server", "cores busy"])
    }

    pub(super) fn row(&mut self, label: &str, mut cells: Vec<String>) {
        cells.resize(self.heads.len(), String::new());
        self.rows += &format!("| {label} | {} |\n", cells.join(" | "));
    }

    /// The median and the extremes of some values.
    pub(super) fn spread(&mut self, label: &str, values: Vec<f64>, unit: Unit) {
        if let Some(cells) = spread(values, unit) {
            self.row(label, cells);
        }
    }

    pub(super) fn walls(&mut self, measured: &Measured, name: &str, label: &str, unit: Unit) {
        self.spread(label, measured.values(name, |cost| Some(cost.wall)), unit);
    }

    /// Seconds, and the medians of what the processors did in them.
    pub(super) fn cost(&mut self, measured: &Measured, name: &str, label: &str) {
        let Some(mut cells) = spread(measured.values(name, |cost| Some(cost.wall)), SECONDS) else { return };
        let of = |of: fn(&Cost) -> Option<f64>, unit: Unit| {
            median(measured.values(name, of)).map_or_else(|| "–".to_owned(), |value| unit.print(value))
        };
        cells.extend([of(|cost| cost.own, SECONDS), of(|cost| cost.server, SECONDS), of(Cost::busy, PERCENT)]);
        self.row(label, cells);
    }

    pub(super) fn peak(&mut self, measured: &Measured, name: &str) {
        self.spread(&format!("memory of {name}, peak"), measured.values(name, |cost| cost.peak), MEGABYTES);
    }

    /// How many times as fast one is as another, round by round.
    pub(super) fn times(&mut self, measured: &Measured, one: &str, other: &str) {
        let [fast, slow] = [one, other].map(|name| measured.values(name, |cost| Some(cost.wall)));
        let ratios = fast.iter().zip(&slow).map(|(one, other)| other / one).collect();
        self.spread(&format!("{one}, times as fast as {other}"), ratios, TIMES);
    }
}

fn spread(mut values: Vec<f64>, unit: Unit) -> Option<Vec<String>> {
    values.sort_by(f64::total_cmp);
    let cells = [median(values.clone())?, *values.first()?, *values.last()?];
    Some(cells.map(|value| unit.print(value)).to_vec())
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        write!(f, "\n| | {} |\n|{}\n{}", self.heads.join(" | "), " --- |".repeat(self.heads.len() + 1), self.rows)
    }
}
