//! What looks as if an export had lost something: no proof, so a warning with counts and lines, never a refusal.

use crate::base::text::list;

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
    /// No date of a column has a time of day.
    LostTime,
    /// Years have two digits.
    ShortYears,
    /// Characters were replaced because an encoding lacks them.
    LostCharacters,
    /// The file is UTF-8, or some of its values are, and another encoding is declared.
    OtherEncoding,
    /// Characters that no text has: bytes were read by the encoding of another program.
    ControlCharacters,
    /// An identifier of a security is what a spreadsheet makes of one.
    SpreadsheetValues,
    /// Words that programs write for NULL are read as texts.
    NullWords,
    /// A word that is declared to be NULL occurs nowhere.
    NullWordUnused,
    /// Values without anything are read as empty texts, which Oracle doesn't have.
    EmptyTexts,
    /// Some lines end in LF, some in CRLF.
    MixedLineEnds,
    /// The last line has no end.
    NoLastLineEnd,
    /// The file has a first line, and no rows.
    NoRows,
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
    /// Whether there are lines that weren't kept.
    has_others: bool,
}

impl Count {
    /// Lines that are kept.
    pub(crate) const LINES: usize = 5;

    /// So many, wherever they are.
    pub(crate) fn of(count: u64) -> Self {
        Self { count, ..Self::default() }
    }

    pub(crate) fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.last() == Some(&line) {
            return;
        }
        if self.lines.len() < Self::LINES { self.lines.push(line) } else { self.has_others = true }
    }

    /// All of them together.
    pub(crate) fn merged<'c>(counts: impl IntoIterator<Item = &'c Self>) -> Self {
        let mut merged = Self::default();
        for count in counts {
            merged.count += count.count;
            merged.lines.extend(&count.lines);
            merged.has_others |= count.has_others;
        }
        merged.lines.sort_unstable();
        merged.lines.dedup();
        merged.has_others |= merged.lines.len() > Self::LINES;
        merged.lines.truncate(Self::LINES);
        merged
    }

    /// `line 3`, `lines 3, 4 and others`.
    pub(crate) fn shown(&self) -> String {
        let numbers = list(self.lines.iter().map(ToString::to_string));
        let others = if self.has_others { " and others" } else { "" };
        format!("{} {numbers}{others}", if self.lines.len() == 1 { "line" } else { "lines" })
    }

    /// The alarm that these values are.
    pub(crate) fn alarm(&self, kind: AlarmKind, column: Option<&str>, message: String) -> Alarm {
        let column = column.map(str::to_owned);
        Alarm { kind, column, count: self.count, lines: self.lines.clone(), message }
    }
}
