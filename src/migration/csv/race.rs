//! Finds out which reading of several is the only one that a whole file allows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The line on which its record begins.
    pub line: u64,
    /// The column.
    pub column: Arc<str>,
    /// The value, cut short if it is long.
    pub text: String,
}

impl Seen {
    /// A value as a message shows it.
    pub fn new(line: u64, column: &Arc<str>, text: &str) -> Self {
        let text = match text.char_indices().nth(40) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        Self { line, column: Arc::clone(column), text }
    }
}

struct Runner<F> {
    format: F,
    /// Values that it read.
    read: u64,
    /// The first value that it couldn't read.
    stumbled: Option<Seen>,
}

/// Formats that read the same values side by side.
pub struct Race<F> {
    runners: Vec<Runner<F>>,
    /// The first value that two of them read differently.
    differing: BTreeMap<(usize, usize), Seen>,
    /// How those that are left read the last value.
    readings: Vec<(usize, String)>,
}

/// Why no format is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// None reads every value.
    None {
        /// The format that read the most values before one that it can't read, if one read any, and how many.
        best: Option<(String, u64)>,
        /// What it can't read.
        seen: Seen,
        /// A format that reads that.
        other: Option<String>,
    },
    /// Several do, and don't agree.
    Several {
        /// Values with several readings, each with the format that gives it.
        examples: Vec<(Seen, Vec<Reading>)>,
        /// The formats.
        formats: Vec<String>,
    },
}

/// How a format reads a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Reading {
    pub format: String,
    pub text: String,
}

/// Values that a message shows.
const EXAMPLES: usize = 3;

impl<F: Clone> Race<F> {
    /// All of them at the start.
    pub fn new(formats: Vec<F>) -> Self {
        let runner = |format| Runner { format, read: 0, stumbled: None };
        let runners = formats.into_iter().map(runner).collect();
        Self { runners, differing: BTreeMap::new(), readings: Vec::new() }
    }

    /// Lets each that has read everything so far read a value.
    pub fn see(&mut self, line: u64, column: &Arc<str>, text: &str, read: impl Fn(&F, &str) -> Option<String>) {
        self.readings.clear();
        for (at, runner) in self.runners.iter_mut().enumerate().filter(|(_, it)| it.stumbled.is_none()) {
            match read(&runner.format, text) {
                Some(reading) => {
                    runner.read += 1;
                    self.readings.push((at, reading));
                }
                None => runner.stumbled = Some(Seen::new(line, column, text)),
            }
        }
        if self.readings.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            return;
        }
        for (first, one) in &self.readings {
            for (second, _) in self.readings.iter().filter(|(at, reading)| at > first && reading != one) {
                self.differing.entry((*first, *second)).or_insert_with(|| Seen::new(line, column, text));
            }
        }
    }

    /// How those that have read everything so far read the last value.
    pub fn readings(&self) -> impl Iterator<Item = (&F, &str)> {
        self.readings.iter().map(|(at, text)| (&self.runners[*at].format, text.as_str()))
    }

    /// The format that read the most values before one that it couldn't read, if one read any.
    fn furthest(&self, name: &impl Fn(&F) -> String, read: &impl Fn(&F, &str) -> Option<String>) -> Undecided {
        let best = self.runners.iter().enumerate().max_by_key(|(at, it)| (it.read, Reverse(*at)));
        let found = best.and_then(|(_, it)| Some((it, it.stumbled.clone()?)));
        let (best, seen) = found.expect("each format has a value that it can't read");
        let other = self.runners.iter().find(|it| read(&it.format, &seen.text).is_some()).map(|it| name(&it.format));
        Undecided::None { best: (best.read > 0).then(|| (name(&best.format), best.read)), seen, other }
    }

    /// The format, if there is one that alone reads every value, or several that read all alike.
    pub fn decide(
        &self,
        name: impl Fn(&F) -> String,
        read: impl Fn(&F, &str) -> Option<String>,
    ) -> Result<F, Undecided> {
        // Of those that read all alike, the first stands for the others.
        let mut distinct: Vec<(usize, &Runner<F>)> = Vec::new();
        for (at, runner) in self.runners.iter().enumerate().filter(|(_, it)| it.stumbled.is_none()) {
            if distinct.iter().all(|(earlier, _)| self.differing.contains_key(&(*earlier, at))) {
                distinct.push((at, runner));
            }
        }
        let Some((_, first)) = distinct.first() else {
            return Err(self.furthest(&name, &read));
        };
        if distinct.len() == 1 {
            return Ok(first.format.clone());
        }
        let pairs = distinct.iter().enumerate().flat_map(|(at, (one, _))| {
            distinct[at + 1..].iter().filter_map(|(other, _)| self.differing.get(&(*one, *other)))
        });
        let mut values: Vec<&Seen> = pairs.collect();
        values.sort_by_key(|it| it.line);
        values.dedup();
        let readings = |seen: &Seen| {
            let each = distinct
                .iter()
                .filter_map(|(_, it)| Some(Reading { format: name(&it.format), text: read(&it.format, &seen.text)? }));
            each.collect()
        };
        let examples = values.into_iter().take(EXAMPLES).map(|it| (it.clone(), readings(it))).collect();
        Err(Undecided::Several { examples, formats: distinct.iter().map(|(_, it)| name(&it.format)).collect() })
    }
}
