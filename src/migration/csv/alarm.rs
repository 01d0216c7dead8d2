//! What looks as if an export had lost something: no proof, so a warning with counts and lines, never a refusal.

use std::sync::Arc;

use crate::base::text::{list, plural, thousands};
use crate::migration::legacy::{Kind, LegacyColumn};

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Many texts are exactly as long as a program's limit, and none is longer.
    CutOff,
    /// Number signs instead of a value.
    Overflow,
    /// Texts are padded with blanks.
    Padded,
    /// Numeric SEDOLs are too short, and none begins with a zero.
    LostZeros,
    /// No date has a time of day.
    LostTime,
    /// Years have two digits.
    ShortYears,
    /// Characters were replaced because an encoding lacks them.
    LostCharacters,
    /// The file is UTF-8, and another encoding is declared.
    OtherEncoding,
    /// Some lines end in LF, some in CRLF.
    MixedLineEnds,
    /// The last line has no end.
    NoLastLineEnd,
    /// Nothing says how many rows there should be.
    NotCounted,
}

/// Something that looks as if an export had lost it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// How many values.
    pub count: u64,
    /// The lines of the first few.
    pub lines: Vec<u64>,
    /// A sentence: what was found, what it may mean, what to do.
    pub message: String,
}

/// Values counted, with the lines of the first few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) count: u64,
    pub(crate) lines: Vec<u64>,
}

impl Count {
    /// Lines that are kept.
    pub(crate) const LINES: usize = 5;

    pub(crate) fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < Self::LINES {
            self.lines.push(line);
        }
    }

    /// `line 3`, `lines 3, 4 and others`.
    pub(crate) fn shown(&self) -> String {
        let numbers = list(self.lines.iter().map(ToString::to_string));
        let others = if self.count > self.lines.len() as u64 { " and others" } else { "" };
        format!("{} {numbers}{others}", if self.count == 1 { "line" } else { "lines" })
    }

    /// The alarm that these values are.
    pub(crate) fn alarm(&self, kind: AlarmKind, column: Option<&str>, message: String) -> Alarm {
        let column = column.map(str::to_owned);
        Alarm { kind, column, count: self.count, lines: self.lines.clone(), message }
    }
}

/// Whether a character stands for a lost one: U+FFFD, or what Oracle writes, an inverted question mark, after a letter.
fn has_lost(text: &str) -> bool {
    let is_after_letter = |at: usize| text[..at].chars().next_back().is_some_and(char::is_alphabetic);
    text.contains('\u{fffd}') || text.match_indices('\u{bf}').any(|(at, _)| is_after_letter(at))
}

/// Lengths at which programs cut texts: SQL*Plus's `long` and a column of Oracle's `varchar2`.
const LIMITS: [usize; 2] = [80, 4000];

/// Values of one length that are many.
const MANY: u64 = 3;

/// What is looked at in the values of a column.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) name: Arc<str>,
    pub(crate) known: Option<LegacyColumn>,
    values: u64,
    at_limit: [Count; 2],
    longest: usize,
    padded: Count,
    overflow: Count,
    /// Values with a character that stands for a lost one.
    pub(crate) replaced: Count,
    short_sedols: Count,
    leading_zeros: u64,
    pub(crate) with_time: u64,
    pub(crate) without_time: Count,
}

impl Watch {
    pub(crate) fn new(name: &Arc<str>, known: Option<LegacyColumn>) -> Self {
        Self {
            name: Arc::clone(name),
            known,
            values: 0,
            at_limit: Default::default(),
            longest: 0,
            padded: Count::default(),
            overflow: Count::default(),
            replaced: Count::default(),
            short_sedols: Count::default(),
            leading_zeros: 0,
            with_time: 0,
            without_time: Count::default(),
        }
    }

    /// Looks at a value that isn't NULL.
    pub(crate) fn see(&mut self, line: u64, text: &str) {
        self.values += 1;
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        self.longest = self.longest.max(characters);
        for (count, limit) in self.at_limit.iter_mut().zip(LIMITS) {
            if characters == limit || text.len() == limit {
                count.add(line);
            }
        }
        if text.ends_with(' ') {
            self.padded.add(line);
        }
        if text.starts_with("###") && text.bytes().all(|it| it == b'#') {
            self.overflow.add(line);
        }
        if text.len() != characters && has_lost(text) {
            self.replaced.add(line);
        }
        if self.known == Some(LegacyColumn::Sedol) {
            self.leading_zeros += u64::from(text.starts_with('0'));
            if text.len() < 7 && !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
                self.short_sedols.add(line);
            }
        }
        if self.known.is_some_and(|it| it.kind() == Kind::Timestamp) {
            // The longest date without a time of day is 15-JAN-2024, the shortest with one 1/2/2024 1:30.
            if text.len() <= 11 { self.without_time.add(line) } else { self.with_time += 1 }
        }
    }

    /// What to be alarmed at.
    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        let (name, mut alarms) = (&*self.name, Vec::new());
        let mut add = |kind, count: &Count, message: String| alarms.push(count.alarm(kind, Some(name), message));
        for (count, limit) in self.at_limit.iter().zip(LIMITS) {
            if count.count >= MANY && self.longest <= limit {
                let message = format!(
                    "{} of {name} have exactly {limit} characters ({}), and none has more: the export may have cut them \
                     off; in SQL*Plus, `set long 2000000` and `set longchunksize 2000000`",
                    plural(count.count, "value", "values"),
                    count.shown()
                );
                add(AlarmKind::CutOff, count, message);
            }
        }
        if self.overflow.count > 0 {
            let message = format!(
                "{} of {name} made of number signs only ({}): a program writes them for what is too wide to show; widen the \
                 column or the format, and export again",
                plural(self.overflow.count, "value", "values"),
                self.overflow.shown()
            );
            add(AlarmKind::Overflow, &self.overflow, message);
        }
        let is_padded = self.padded.count >= MANY && self.padded.count * 2 > self.values;
        if is_padded && self.known.is_none_or(|it| it.kind() != Kind::YesNo) {
            let message = format!(
                "{} of {} of {name} end in blanks ({}): the export may have columns of a fixed width; blanks at the end are \
                 kept as they are",
                thousands(self.padded.count),
                plural(self.values, "value", "values"),
                self.padded.shown()
            );
            add(AlarmKind::Padded, &self.padded, message);
        }
        if self.short_sedols.count > 0 && self.leading_zeros == 0 {
            let message = format!(
                "{} of sedol with fewer than 7 digits ({}), and none that begins with 0: a spreadsheet may have removed leading \
                 zeros; export again without opening the file in one",
                plural(self.short_sedols.count, "value", "values"),
                self.short_sedols.shown()
            );
            add(AlarmKind::LostZeros, &self.short_sedols, message);
        }
        alarms
    }
}
