//! What is looked at in the values of each column while a file is proved.

use std::sync::Arc;

use crate::base::text::{list, plural, thousands};
use crate::migration::csv::alarm::{Alarm, AlarmKind, Count};
use crate::migration::csv::layout::is_overflow;
use crate::migration::csv::spreadsheet::{is_damaged, is_error};
use crate::migration::legacy::{Kind, LegacyColumn};

/// Whether a character stands for a lost one: U+FFFD, or what Oracle writes, an inverted question mark, after a letter.
fn has_lost(text: &str) -> bool {
    let is_after_letter = |at: usize| text[..at].chars().next_back().is_some_and(char::is_alphabetic);
    text.contains('\u{fffd}') || text.match_indices('\u{bf}').any(|(at, _)| is_after_letter(at))
}

/// Whether a date has a time of day other than midnight.
fn has_time(text: &str) -> bool {
    if is_day(text) {
        return false;
    }
    let bytes = text.as_bytes();
    let start = match bytes.iter().position(|it| *it == b':') {
        Some(colon) => colon.saturating_sub(2),
        None => bytes.iter().position(|it| matches!(it, b' ' | b'T')).unwrap_or(0),
    };
    let time = bytes[start..].trim_ascii_start();
    let is_am = bytes.iter().rev().take(4).any(|it| it.eq_ignore_ascii_case(&b'a'));
    let time = if is_am { time.strip_prefix(b"12").unwrap_or(time) } else { time };
    time.iter().any(|it| (b'1'..=b'9').contains(it))
}

/// Whether a date is written without a time of day: the longest such is 15-JAN-2024, and the shortest with one is
/// 1/2/2024 1:30.
fn is_day(text: &str) -> bool {
    text.len() <= 11
}

/// Lengths at which programs cut texts: SQL*Plus's `long` and a column of Oracle's `varchar2`.
const LIMITS: [usize; 2] = [80, 4000];

/// Values of one length that are many.
const MANY: u64 = 3;

/// Dates of a column that may all be midnight by chance, where other columns have times of day.
const FEW_DATES: u64 = 10;

/// What is looked at in the values of a column.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    name: Arc<str>,
    known: Option<LegacyColumn>,
    is_security: bool,
    values: u64,
    at_limit: [Count; 2],
    longest: usize,
    padded: Count,
    overflow: Count,
    /// Values with a character that stands for a lost one.
    replaced: Count,
    /// Values with a character from U+0080 to U+009F.
    controls: Count,
    damaged: Count,
    short_sedols: Count,
    leading_zeros: u64,
    /// Dates with a time of day other than midnight.
    with_time: u64,
    /// Dates that are written without one.
    days: u64,
}

impl Watch {
    pub(crate) fn new(name: &Arc<str>, known: Option<LegacyColumn>) -> Self {
        use LegacyColumn::{Bloomberg, InstSymbol, Isin, Sedol, Ticker};
        Self {
            name: Arc::clone(name),
            known,
            is_security: known.is_some_and(|it| [Isin, Sedol, Bloomberg, Ticker, InstSymbol].contains(&it)),
            values: 0,
            at_limit: Default::default(),
            longest: 0,
            padded: Count::default(),
            overflow: Count::default(),
            replaced: Count::default(),
            controls: Count::default(),
            damaged: Count::default(),
            short_sedols: Count::default(),
            leading_zeros: 0,
            with_time: 0,
            days: 0,
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
        if is_overflow(text) {
            self.overflow.add(line);
        }
        if text.len() != characters {
            if has_lost(text) {
                self.replaced.add(line);
            }
            if text.contains(|it| ('\u{80}'..='\u{9f}').contains(&it)) {
                self.controls.add(line);
            }
        }
        if is_error(text) || self.is_security && is_damaged(text) {
            self.damaged.add(line);
        }
        if self.known == Some(LegacyColumn::Sedol) {
            self.leading_zeros += u64::from(text.starts_with('0'));
            if text.len() < 7 && !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
                self.short_sedols.add(line);
            }
        }
        if self.is_dates() {
            self.days += u64::from(is_day(text));
            self.with_time += u64::from(has_time(text));
        }
    }

    fn is_dates(&self) -> bool {
        self.known.is_some_and(|it| it.kind() == Kind::Timestamp)
    }

    /// Whether it is this column, and has values.
    pub(crate) fn has(&self, column: LegacyColumn) -> bool {
        self.known == Some(column) && self.values > 0
    }

    /// What to be alarmed at in this column alone.
    fn alarms(&self) -> Vec<Alarm> {
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

    /// Whether most values end in blanks, other than those of a `char(1)`.
    fn is_padded(&self) -> bool {
        let is_most = self.padded.count >= MANY && self.padded.count * 2 > self.values;
        is_most && self.known.is_none_or(|it| it.kind() != Kind::YesNo)
    }
}

/// What to be alarmed at in the columns: one alarm of a kind where each column would say the same.
pub(crate) fn alarms(watches: &[Watch]) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = watches.iter().flat_map(Watch::alarms).collect();
    let padded = watches.iter().filter(|it| it.is_padded()).map(|it| (it, &it.padded));
    alarms.extend(of_columns(AlarmKind::Padded, padded, |count, columns| {
        format!(
            "{} in blanks, as most of their column do ({columns}; {}): the export may have columns of a fixed width; blanks at \
             the end are kept as they are",
            plural(count.count, "value ends", "values end"),
            count.shown()
        )
    }));
    let damaged = watches.iter().map(|it| (it, &it.damaged));
    alarms.extend(of_columns(AlarmKind::SpreadsheetValues, damaged, |count, columns| {
        format!(
            "{} what a spreadsheet makes of a text, such as 1.23E+11, 01-Mar, 263494.0 or #NAME? ({columns}; {}); export again \
             without opening the file in one",
            plural(count.count, "value is", "values are"),
            count.shown()
        )
    }));
    let controls = watches.iter().map(|it| (it, &it.controls));
    alarms.extend(of_columns(AlarmKind::ControlCharacters, controls, |count, columns| {
        format!(
            "{} a control character from U+0080 to U+009F ({columns}; {}): windows-1252 has the euro sign and quotation marks \
             there, so such texts were read as iso-8859-1, by --csv-encoding or before they came into the table; compare one \
             with the table",
            plural(count.count, "value has", "values have"),
            count.shown()
        )
    }));
    alarms.extend(lost_time(watches));
    let replaced = watches.iter().map(|it| (it, &it.replaced));
    alarms.extend(of_columns(AlarmKind::LostCharacters, replaced, |count, columns| {
        format!(
            "{} with a character that stands for a lost one, U+FFFD or an inverted question mark after a letter ({columns}; \
             {}); export with NLS_LANG=.AL32UTF8",
            plural(count.count, "value", "values"),
            count.shown()
        )
    }));
    alarms
}

/// Columns of dates without a time of day; a few values may all be midnight by chance, unless no date of the file has a
/// time.
fn lost_time(watches: &[Watch]) -> Option<Alarm> {
    let dates = || watches.iter().filter(|it| it.is_dates() && it.values > 0);
    let is_nowhere = dates().all(|it| it.days == it.values);
    let without = dates().filter(|it| it.with_time == 0 && (is_nowhere || it.values >= FEW_DATES));
    // Which lines they are on says nothing: all of the column's.
    let counts: Vec<(&Watch, Count)> = without.map(|it| (it, Count::of(it.values))).collect();
    of_columns(AlarmKind::LostTime, counts.iter().map(|(watch, count)| (*watch, count)), |_, columns| {
        format!(
            "no date of these columns has a time of day other than midnight ({columns}): if the table has them, the export \
             has lost them; export with NLS_DATE_FORMAT='YYYY-MM-DD HH24:MI:SS'"
        )
    })
}

/// The alarm about values of several columns, whose message is made from all of them and from how many each column has.
fn of_columns<'w>(
    kind: AlarmKind,
    counts: impl Iterator<Item = (&'w Watch, &'w Count)>,
    message: impl FnOnce(&Count, &str) -> String,
) -> Option<Alarm> {
    let found: Vec<(&Watch, &Count)> = counts.filter(|(_, count)| count.count > 0).collect();
    let all = Count::merged(found.iter().map(|(_, count)| *count));
    let columns = list(found.iter().map(|(watch, count)| format!("{} {}", watch.name, thousands(count.count))));
    let only = if let [(watch, _)] = found[..] { Some(&*watch.name) } else { None };
    (all.count > 0).then(|| all.alarm(kind, only, message(&all, &columns)))
}
