//! Rows as COPY sends them in its text format (documentation, COPY, File Formats), taken apart for the verification: a
//! second reading of that page, and not the one that `migrate` reads the legacy table by. What a row holds stays where
//! it was received until somebody asks for it.

use std::borrow::Cow;
use std::str::Utf8Error;

/// What the text of a field stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Itself.
    Plain,
    /// Null.
    Null,
    /// A text with escapes.
    Escaped,
}

/// The end of a field.
#[derive(Clone, Copy, Debug)]
struct End {
    at: usize,
    spelling: Spelling,
}

/// Finds the fields of a line, which begins at a place.
fn find_fields(line: &[u8], first: usize, ends: &mut Vec<End>) {
    let (mut start, mut is_escaped) = (0, false);
    let mut end = |start: usize, at: usize, is_escaped: bool| {
        let spelling = match is_escaped {
            false => Spelling::Plain,
            true if &line[start..at] == b"\\N" => Spelling::Null,
            true => Spelling::Escaped,
        };
        ends.push(End { at: first + at, spelling });
    };
    let mut special = |at: usize| {
        if line[at] == b'\\' {
            is_escaped = true;
        } else {
            // A tab within a value is written as an escape.
            end(start, at, is_escaped);
            (start, is_escaped) = (at + 1, false);
        }
    };
    let (eights, rest) = line.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let mut found = bytes_equal(eight, b'\t') | bytes_equal(eight, b'\\');
        while found != 0 {
            special(at * 8 + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
    }
    let read = line.len() - rest.len();
    (read..line.len()).filter(|at| matches!(line[*at], b'\t' | b'\\')).for_each(special);
    end(start, line.len(), is_escaped);
}

/// The highest bit of each of eight bytes that is this one.
fn bytes_equal(eight: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let other = eight ^ u64::from_ne_bytes([byte; 8]);
    // A sum has the highest bit where one of the lower ones is set, and carries nothing over.
    !(((other & LOW) + LOW) | other | LOW)
}

/// Bytes, and values, that room is made for before there are any.
const ROOM: usize = 256 * 1024;

/// Rows of one query.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
    /// Where each value ends, of one row after the other.
    ends: Vec<End>,
    /// Values of a row.
    width: usize,
    rows: usize,
}

impl Lines {
    /// Adds a row.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), Utf8Error> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line))?;
        let before = self.ends.len();
        find_fields(line.as_bytes(), self.text.len(), &mut self.ends);
        self.text.push_str(line);
        // As much as a separator between rows.
        self.text.push('\n');
        self.width = self.ends.len() - before;
        self.rows += 1;
        Ok(())
    }

    /// Makes room for this many rows like the one that is there.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.text.reserve(rows.saturating_mul(self.text.len()).min(ROOM));
        self.ends.reserve(rows.saturating_mul(self.ends.len()).min(ROOM));
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.rows = 0;
    }

    /// Each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        (0..self.rows).map(|row| Line { lines: self, row })
    }

    /// The value of a column of the select in a row, both from 0; none if it is null, or if there is no such column.
    pub(crate) fn get(&self, row: usize, column: usize) -> Option<Cow<'_, str>> {
        if column >= self.width {
            return None;
        }
        let at = row * self.width + column;
        let end = self.ends[at];
        let start = if at == 0 { 0 } else { self.ends[at - 1].at + 1 };
        let field = &self.text[start..end.at];
        match end.spelling {
            Spelling::Plain => Some(Cow::Borrowed(field)),
            Spelling::Null => None,
            // An escape stands for a letter of ASCII.
            Spelling::Escaped => {
                Some(Cow::Owned(String::from_utf8(without_escapes(field.as_bytes())).unwrap_or_default()))
            }
        }
    }
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    lines: &'a Lines,
    /// Which one, from 0.
    pub(crate) row: usize,
}

impl<'a> Line<'a> {
    /// The value of a column of the select, from 0; none if it is null.
    pub(crate) fn get(&self, column: usize) -> Option<Cow<'a, str>> {
        self.lines.get(self.row, column)
    }
}

/// The values of one line, which needn't be UTF-8. Used again for the next.
#[derive(Default)]
pub(crate) struct Values {
    ends: Vec<End>,
}

impl Values {
    /// Takes a line apart.
    pub(crate) fn find(&mut self, line: &[u8]) {
        self.ends.clear();
        find_fields(line.strip_suffix(b"\n").unwrap_or(line), 0, &mut self.ends);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A value of the line that was taken apart.
    pub(crate) fn get<'a>(&self, line: &'a [u8], column: usize) -> Option<Cow<'a, [u8]>> {
        let start = if column == 0 { 0 } else { self.ends[column - 1].at + 1 };
        let field = &line[start..self.ends[column].at];
        match self.ends[column].spelling {
            Spelling::Plain => Some(Cow::Borrowed(field)),
            Spelling::Null => None,
            Spelling::Escaped => Some(Cow::Owned(without_escapes(field))),
        }
    }
}

fn without_escapes(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut letters = field.iter();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            b'\\' => match letters.next() {
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 0x0b,
                Some(itself) => *itself,
                None => b'\\',
            },
            other => *other,
        });
    }
    plain
}
