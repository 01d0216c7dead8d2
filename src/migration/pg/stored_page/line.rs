//! A row as COPY sends it in its text format (documentation, COPY, File Formats), taken apart for the verification: a
//! second reading of that page, and not the one that `migrate` reads the legacy table by.

use std::borrow::Cow;
use std::str::Utf8Error;

use memchr::memchr_iter;

/// Where the values of one line end. Used again for the next.
#[derive(Default)]
pub(super) struct Ends(Vec<usize>);

impl Ends {
    /// The values of a line.
    pub(super) fn of<'a>(&'a mut self, line: &'a [u8]) -> Result<Line<'a>, Utf8Error> {
        let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line))?;
        self.0.clear();
        // A tab within a value is written as an escape.
        self.0.extend(memchr_iter(b'\t', text.as_bytes()));
        self.0.push(text.len());
        Ok(Line { text, ends: &self.0 })
    }
}

/// The values of a row.
pub(crate) struct Line<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Line<'a> {
    /// The value of a column of the select, from 0; none if it is null.
    pub(crate) fn get(&self, at: usize) -> Option<Cow<'a, str>> {
        let end = *self.ends.get(at)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] + 1 };
        let field = &self.text[start..end];
        if field == "\\N" {
            None
        } else if field.contains('\\') {
            Some(Cow::Owned(without_escapes(field)))
        } else {
            Some(Cow::Borrowed(field))
        }
    }
}

fn without_escapes(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(itself) => itself,
                None => '\\',
            },
            other => other,
        });
    }
    plain
}
