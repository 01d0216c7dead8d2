//! The text format of COPY (documentation, COPY, File Formats): one line of values, escaped and unescaped.

use memchr::memchr2;

/// The values of one line, unescaped into one buffer that the next line uses again.
#[derive(Default)]
pub(crate) struct LineValues {
    buffer: Vec<u8>,
    /// End of each value in the buffer, and whether it is null.
    ends: Vec<(usize, bool)>,
}

impl LineValues {
    pub(crate) fn parse(&mut self, line: &[u8]) {
        self.buffer.clear();
        self.ends.clear();
        let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
        // Whether what came last is `\N`, which is null if it is all of a field, and which no text begins with.
        let (mut start, mut null) = (0, false);
        while let Some(at) = memchr2(b'\t', b'\\', rest) {
            self.buffer.extend_from_slice(&rest[..at]);
            if rest[at] == b'\t' {
                self.ends.push((self.buffer.len(), null));
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
        self.ends.push((self.buffer.len(), null));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        let (end, null) = self.ends[at];
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 };
        (!null).then(|| &self.buffer[start..end])
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

/// Escapes a text's bytes for a COPY field.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
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
