//! Finds out which reading of several is the only one that a whole file allows.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
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
    /// All that it read, in order.
    read: DefaultHasher,
    /// The first value that it couldn't read.
    stumbled: Option<Seen>,
}

/// Formats that read the same values side by side.
pub struct Race<F> {
    runners: Vec<Runner<F>>,
    /// The first value that two of them read differently, with both readings.
    differing: BTreeMap<(usize, usize), (Seen, String, String)>,
    values: u64,
}

/// Why no format is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// None reads every value: the one that came furthest, and what it can't read.
    None {
        /// The format that came furthest.
        best: String,
        /// What it can't read.
        seen: Seen,
    },
    /// Several do, and don't agree.
    Several {
        /// Values with two readings: `(value, format, reading, format, reading)`.
        examples: Vec<(Seen, String, String, String, String)>,
        /// The formats.
        formats: Vec<String>,
    },
}

/// Values that a message shows.
const EXAMPLES: usize = 3;

impl<F: Clone> Race<F> {
    /// All of them at the start.
    pub fn new(formats: Vec<F>) -> Self {
        let runner = |format| Runner { format, read: DefaultHasher::new(), stumbled: None };
        Self { runners: formats.into_iter().map(runner).collect(), differing: BTreeMap::new(), values: 0 }
    }

    /// Lets each that has read everything so far read a value.
    pub fn see(&mut self, line: u64, column: &Arc<str>, text: &str, read: impl Fn(&F, &str) -> Option<String>) {
        self.values += 1;
        let mut readings: Vec<(usize, String)> = Vec::new();
        for (at, runner) in self.runners.iter_mut().enumerate().filter(|(_, it)| it.stumbled.is_none()) {
            match read(&runner.format, text) {
                Some(reading) => {
                    reading.hash(&mut runner.read);
                    readings.push((at, reading));
                }
                None => runner.stumbled = Some(Seen::new(line, column, text)),
            }
        }
        if readings.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            return;
        }
        for (first, one) in &readings {
            for (second, other) in readings.iter().filter(|(at, reading)| at > first && reading != one) {
                let differs = || (Seen::new(line, column, text), one.clone(), other.clone());
                self.differing.entry((*first, *second)).or_insert_with(differs);
            }
        }
    }

    /// The format, if there is one that alone reads every value, or several that read all alike.
    pub fn decide(&self, name: impl Fn(&F) -> String) -> Result<F, Undecided> {
        let standing: Vec<(usize, &Runner<F>)> =
            self.runners.iter().enumerate().filter(|(_, it)| it.stumbled.is_none()).collect();
        let Some((_, first)) = standing.first() else {
            let furthest = self.runners.iter().max_by_key(|it| it.stumbled.as_ref().map_or(0, |seen| seen.line));
            let (best, seen) =
                furthest.and_then(|it| Some((name(&it.format), it.stumbled.clone()?))).expect("some format stumbled");
            return Err(Undecided::None { best, seen });
        };
        if standing.iter().all(|(_, it)| it.read.finish() == first.read.finish()) {
            return Ok(first.format.clone());
        }
        let (mut examples, mut formats) = (Vec::new(), Vec::<String>::new());
        let mut distinct: Vec<(usize, u64)> = Vec::new();
        for (at, runner) in &standing {
            let read = runner.read.finish();
            if distinct.iter().all(|(_, other)| *other != read) {
                distinct.push((*at, read));
                formats.push(name(&runner.format));
            }
        }
        for (index, (one, _)) in distinct.iter().enumerate() {
            for (other, _) in &distinct[index + 1..] {
                let Some((seen, first, second)) = self.differing.get(&(*one, *other)) else { continue };
                let names = [*one, *other].map(|at| name(&self.runners[at].format));
                let [named, second_named] = names;
                if examples.len() < EXAMPLES {
                    examples.push((seen.clone(), named, first.clone(), second_named, second.clone()));
                }
            }
        }
        Err(Undecided::Several { examples, formats })
    }

    /// Whether there was anything to read.
    pub fn has_values(&self) -> bool {
        self.values > 0
    }
}
