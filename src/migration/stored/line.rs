//! Rows as COPY sends them in its text format (documentation, COPY, File Formats), taken apart for the verification: a
//! second reading of that page, and not the one that `migrate` reads the legacy table by. What a row holds stays where
//! it was received.

use std::error::Error;
use std::sync::Arc;

use crate::migration::legacy::Field;

/// Finds the fields of a line, which begins at a place, and which of them have escapes.
fn find_fields(line: &[u8], first: usize, fields: &mut Vec<Field>, escaped: &mut Vec<usize>) {
    let (mut start, mut is_escaped) = (0, false);
    let mut end = |start: usize, at: usize, is_escaped: bool| {
        if is_escaped && &line[start..at] == b"\\N" {
            return fields.push(Field::NULL);
        }
        if is_escaped {
            escaped.push(fields.len());
        }
        fields.push(Field::new(first + start, first + at));
    };
    let (eights, rest) = line.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
    for at in 0..=eights.len() {
        let eight = u64::from_le_bytes(*eights.get(at).unwrap_or(&last));
        let (mut tabs, mut escapes) = (bytes_equal(eight, b'\t'), bytes_equal(eight, b'\\'));
        // A tab within a value is written as an escape.
        while tabs != 0 {
            let (lowest, place) = (tabs & tabs.wrapping_neg(), at * 8 + tabs.trailing_zeros() as usize / 8);
            end(start, place, is_escaped || escapes & (lowest - 1) != 0);
            (start, is_escaped) = (place + 1, false);
            escapes &= !(lowest - 1);
            tabs ^= lowest;
        }
        is_escaped |= escapes != 0;
    }
    end(start, line.len(), is_escaped);
}

/// The highest bit of each of eight bytes that is this one.
fn bytes_equal(eight: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let other = eight ^ u64::from_ne_bytes([byte; 8]);
    // A sum has the highest bit where one of the lower ones is set, and carries nothing over.
    !(((other & LOW) + LOW) | other | LOW)
}

/// Writes a field without its escapes.
fn write_plain(field: &[u8], plain: &mut Vec<u8>) {
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
}

/// Bytes, and values, that room is made for before there are any.
const ROOM: usize = 256 * 1024;

/// Rows of one query.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
    /// The values, of one row after the other.
    fields: Vec<Field>,
    /// Values of a row.
    width: usize,
    rows: usize,
    /// Which values of a row have escapes, and one of them without.
    escaped: Vec<usize>,
    plain: Vec<u8>,
}

impl Lines {
    /// Adds a row.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line))?;
        let (first, before) = (self.text.len(), self.fields.len());
        // Of the line, and of what is in it without escapes.
        if first + 2 * line.len() >= u32::MAX as usize {
            return Err("what is stored for some rows has more than 4 GB".into());
        }
        self.escaped.clear();
        find_fields(line.as_bytes(), first, &mut self.fields, &mut self.escaped);
        self.text.push_str(line);
        for at in &self.escaped {
            let Some(range) = self.fields[*at].range() else { continue };
            self.plain.clear();
            write_plain(&line.as_bytes()[range.start - first..range.end - first], &mut self.plain);
            let start = self.text.len();
            self.text.push_str(std::str::from_utf8(&self.plain)?);
            self.fields[*at] = Field::new(start, self.text.len());
        }
        self.width = self.fields.len() - before;
        self.rows += 1;
        Ok(())
    }

    /// Makes room for this many rows like the one that is there.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.text.reserve(rows.saturating_mul(self.text.len()).min(ROOM));
        self.fields.reserve(rows.saturating_mul(self.fields.len()).min(ROOM));
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.rows = 0;
    }

    /// Each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Line<'_>> {
        (0..self.rows).map(|row| Line { lines: self, row })
    }

    /// The value of a column of the select in a row, both from 0; none if it is null, or if there is no such column.
    #[inline]
    pub(crate) fn get(&self, row: usize, column: usize) -> Option<&str> {
        if column >= self.width {
            return None;
        }
        Some(&self.text[self.fields[row * self.width + column].range()?])
    }
}

/// The room of one query's rows, for those of the next. Rows that are read and given up page by page would else be read into
/// other memory each time, which the allocator keeps for each thread.
#[derive(Debug, Default)]
pub(crate) struct Room(Option<Arc<Lines>>);

impl Room {
    /// More than a page has, unless its rows are large.
    const BYTES: usize = 4 * 1024 * 1024;

    /// No rows yet. They come into the room of the last ones, if nobody has these any more.
    pub(crate) fn lines(&mut self) -> Lines {
        let last = self.0.take().and_then(Arc::into_inner);
        let mut lines = last.filter(|it| it.text.capacity() <= Self::BYTES).unwrap_or_default();
        lines.clear();
        lines
    }

    /// Shares rows that were read.
    pub(crate) fn keep(&mut self, lines: Lines) -> Arc<Lines> {
        let lines = Arc::new(lines);
        self.0 = Some(Arc::clone(&lines));
        lines
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
    pub(crate) fn get(&self, column: usize) -> Option<&'a str> {
        self.lines.get(self.row, column)
    }
}

/// The values of one line, which needn't be UTF-8. Used again for the next.
#[derive(Default)]
pub(crate) struct Values {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    escaped: Vec<usize>,
}

impl Values {
    /// Takes a line apart.
    pub(crate) fn find(&mut self, line: &[u8]) {
        let Self { bytes, fields, escaped } = self;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        bytes.clear();
        fields.clear();
        escaped.clear();
        bytes.extend_from_slice(line);
        find_fields(line, 0, fields, escaped);
        for at in escaped {
            let Some(range) = fields[*at].range() else { continue };
            let start = bytes.len();
            write_plain(&line[range], bytes);
            fields[*at] = Field::new(start, bytes.len());
        }
    }

    /// The values, and where each is among the bytes.
    pub(crate) fn fields(&self) -> (&[u8], &[Field]) {
        (&self.bytes, &self.fields)
    }
}
