//! Colours in reports. A report puts them where it writes the word; the printer strips them where colour isn't wanted.

use anstream::adapter::strip_str;
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

/// The text without its styles, for a file.
pub(crate) fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// The columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    strip_str(text).map(|part| part.chars().count()).sum()
}
