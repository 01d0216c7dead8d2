//! Colours in reports. A report puts them where it writes the word; the printer takes them out where colour isn't
//! wanted.

use anstyle::{AnsiColor, Style};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// A text in a style. Columns are aligned and lines are wrapped before, or by [`width`]: a style takes no room.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A conclusion such as `CLEAN: nothing to do`, its first word in the colour of what it says.
pub(crate) fn verdict(sentence: &str) -> String {
    let style = match sentence.split_once(':') {
        Some(("CLEAN", _)) => GOOD,
        Some(("ATTENTION" | "FAILED", _)) => BAD,
        _ => return sentence.to_owned(),
    };
    let (word, rest) = sentence.split_at(sentence.find(':').unwrap_or_default());
    paint(style.bold(), word) + rest
}

/// The sequences that [`paint`] writes. Only these are taken out again: a text from a database may hold others, and a
/// terminal sequence without an end would take the rest of the report with it.
const SEQUENCES: [&str; 6] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];

/// The text without its styles.
pub(crate) fn plain(text: &str) -> String {
    SEQUENCES.iter().fold(text.to_owned(), |text, sequence| text.replace(sequence, ""))
}

/// The columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    plain(text).chars().count()
}
