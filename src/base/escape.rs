//! Text from a database, a file or the environment, escaped for where it is printed. One function a destination.
//!
//! A name may hold anything but NUL: a newline that begins a line of its own, a sequence that a terminal obeys, a
//! character that looks like a blank or like nothing. Reports hand texts over as they are; what prints them calls the
//! function of its destination; `sql_text` has those of SQL.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that are shown as nothing or as a blank and that `char::escape_debug` leaves in place: fillers,
/// variation selectors and joiners (Unicode, DerivedCoreProperties, Default_Ignorable_Code_Point), and the blank
/// Braille pattern.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a character is shown as what it is, after another one.
pub(crate) fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // What `str::escape_debug` leaves: no control or format character, no blank but the ASCII one, nothing unassigned
    // or private. After a letter, since at the beginning it also escapes what combines with the character before.
    let mut pair = [0; 5];
    pair[0] = b'a';
    let end = 1 + c.encode_utf8(&mut pair[1..]).len();
    let pair = std::str::from_utf8(&pair[..end]).unwrap_or_default();
    !is_invisible(c) && pair.escape_debug().eq(pair.chars())
}

/// Whether a text can stand on a line as it is.
fn is_plain_text(text: &str) -> bool {
    let begins_with_mark = || text.chars().next().is_some_and(|c| !c.is_ascii() && c.escape_debug().len() > 1);
    text.chars().all(is_plain) && !begins_with_mark() && marker(text).is_none()
}

/// Where a text has what a CI system obeys wherever it stands in a line: `##[error]`, `##vso[…]`, `##teamcity[…]`.
pub(crate) fn marker(text: &str) -> Option<usize> {
    // In `###[`, too, where the first two are followed by none.
    let pairs = text.as_bytes().windows(2).enumerate().filter(|(_, pair)| *pair == b"##");
    pairs.map(|(at, _)| at).find(|at| {
        let rest = text[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        rest.starts_with('[')
    })
}

/// A character as people read it: `\n`, `\t`, `\u{1b}`.
pub(crate) fn escaped(c: char, out: &mut String) {
    let _ = match c {
        '\n' | '\r' | '\t' => write!(out, "{}", c.escape_default()),
        _ => write!(out, "{}", c.escape_unicode()),
    };
}

/// For a terminal, a log, or a document for people: one line, in which every character is shown as what it is, and
/// what isn't shown is spelt out, such as `\n` and `\u{1b}`.
pub fn text(text: &str) -> Cow<'_, str> {
    if is_plain_text(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.chars().enumerate() {
        let is_mark = at == 0 && !c.is_ascii() && c.escape_debug().len() > 1;
        if is_plain(c) && !is_mark { out.push(c) } else { escaped(c, &mut out) }
    }
    while let Some(at) = marker(&out) {
        out.replace_range(at..=at, "\\u{23}");
    }
    Cow::Owned(out)
}

/// A whole line for a log. A CI system obeys a line that begins with `::`, also after blanks (GitHub, Workflow
/// commands).
pub fn line(line: &str) -> Cow<'_, str> {
    match line.trim_start().strip_prefix("::") {
        Some(rest) => Cow::Owned(format!("{}\\u{{3a}}:{rest}", &line[..line.len() - rest.len() - 2])),
        None => Cow::Borrowed(line),
    }
}

/// For a log: a text of several lines, each of them escaped.
pub fn lines(lines: &str) -> String {
    let one = |one: &str| line(&text(one)).into_owned();
    lines.split('\n').map(one).collect::<Vec<_>>().join("\n")
}

/// For JSON: the same value, spelt so that nothing reaches a terminal that it obeys. JSON's own characters are ASCII,
/// so that others stand within strings.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let has_marker = marker(text).is_some();
    for c in text.chars() {
        if c == '\n' || is_plain(c) && !(has_marker && c == '#') {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// For a cell of a CSV file, which is quoted elsewhere. A spreadsheet takes a text that begins like a formula for one
/// (OWASP, CSV Injection): such a text gets an apostrophe, a number doesn't.
pub fn cell(cell: &str) -> Cow<'_, str> {
    let first = cell.trim_start_matches(' ');
    let begins = first.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    match text(cell) {
        shown if begins && cell.parse::<f64>().is_err() => Cow::Owned(format!("'{shown}")),
        shown => shown,
    }
}

/// For the running text of a Markdown document, or a cell of its tables: no character is syntax.
pub fn markdown(words: &str) -> String {
    let mut out = String::new();
    for c in text(words).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// For a code span of a Markdown document or of a cell of its tables, with its backticks (GitHub Flavored Markdown,
/// Code spans and Tables).
pub fn markdown_code(code: &str) -> String {
    let mut shown = String::new();
    for c in text(code).chars() {
        if c == '|' {
            // Of two backslashes, the second doesn't count for what follows.
            let backslashes = shown.len() - shown.trim_end_matches('\\').len();
            shown.push_str(if backslashes.is_multiple_of(2) { "\\" } else { "\\\\" });
        }
        shown.push(c);
    }
    // A span ends at as many backticks as it began with.
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    match longest {
        0 if shown.trim().is_empty() => "` `".to_owned(),
        // Of blanks on both sides, one on each is left out.
        0 if shown.starts_with(' ') && shown.ends_with(' ') => format!("` {shown} `"),
        0 => format!("`{shown}`"),
        _ => {
            let fence = "`".repeat(longest + 1);
            format!("{fence} {shown} {fence}")
        }
    }
}

/// For the message of a GitHub workflow command, which shows its lines.
pub fn github(message: &str) -> String {
    let line = |line: &str| text(line).replace('%', "%25");
    message.split('\n').map(line).collect::<Vec<_>>().join("%0A")
}

/// For a property of a GitHub workflow command.
pub fn github_property(property: &str) -> String {
    text(property).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}
