//! The text format of COPY (documentation, COPY, File Formats): one line of values, escaped and unescaped.

use memchr::memchr2;

use crate::migration::legacy::Field;

/// The values of one line, unescaped into one buffer that the next line uses again.
#[derive(Default)]
pub(crate) struct LineValues {
    buffer: Vec<u8>,
    fields: Vec<Field>,
}

impl LineValues {
    pub(crate) fn parse(&mut self, line: &[u8]) {
        self.buffer.clear();
        self.fields.clear();
        let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
        // Whether what came last is `\N`, which is null if it is all of a field, and which no text begins with.
        let (mut start, mut null) = (0, false);
        while let Some(at) = memchr2(b'\t', b'\\', rest) {
            self.buffer.extend_from_slice(&rest[..at]);
            if rest[at] == b'\t' {
                self.end(start, null);
                (start, null) = (self.buffer.len(), false);
                rest = &rest[at + 1..];
                continue;
            }
            match rest.get(at + 1) {
                Some(b'N') if self.buffer.len() == start && matches!(rest.get(at + 2), None | Some(b'\t')) => {
                    null = true
                }
                letter => self.buffer.push(unescaped(letter)),
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        self.buffer.extend_from_slice(rest);
        self.end(start, null);
    }

    fn end(&mut self, start: usize, null: bool) {
        self.fields.push(if null { Field::NULL } else { Field::new(start, self.buffer.len()) });
    }

    /// The values, and where each is among the bytes.
    pub(crate) fn fields(&self) -> (&[u8], &[Field]) {
        (&self.buffer, &self.fields)
    }
}

/// What a backslash before a letter stands for. COPY TO writes no other escapes than these, and a backslash before
/// anything else stands for it.
fn unescaped(letter: Option<&u8>) -> u8 {
    match letter {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 0x0b,
        Some(other) => *other,
        None => b'\\',
    }
}

/// Eight bytes, each of which is the same.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether one of eight bytes is less than a byte that is no more than 128, or is one of two others. May also say so
/// where none is.
fn has_special(bytes: u64, below: u8, others: [u8; 2]) -> bool {
    let less = bytes.wrapping_sub(eight(below)) & !bytes;
    let equal = others.map(|other| {
        let zero = bytes ^ eight(other);
        zero.wrapping_sub(eight(1)) & !zero
    });
    (less | equal[0] | equal[1]) & eight(0x80) != 0
}

/// Whether no byte is a special one.
fn is_plain(text: &[u8], below: u8, others: [u8; 2]) -> bool {
    let (eights, rest) = text.as_chunks::<8>();
    !eights.iter().any(|it| has_special(u64::from_ne_bytes(*it), below, others))
        && !rest.iter().any(|byte| *byte < below || others.contains(byte))
}

/// Whether a text can stand in a JSON string, and that in a COPY field, as it is.
pub(crate) fn is_plain_json(text: &[u8]) -> bool {
    is_plain(text, 0x20, [b'"', b'\\'])
}

/// Escapes a text's bytes for a COPY field.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    if is_plain(text, b'\r' + 1, [b'\\'; 2]) {
        return out.extend_from_slice(text);
    }
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        let letter = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => continue,
        };
        out.extend_from_slice(&text[start..at]);
        out.extend_from_slice(&[b'\\', letter]);
        start = at + 1;
    }
    out.extend_from_slice(&text[start..]);
}

/// Escapes a text's bytes for the inside of a JSON string (RFC 8259, section 7), which isn't yet escaped for COPY.
pub(crate) fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
}
