//! The text format of COPY (documentation, COPY, File Formats): one line of values, escaped and unescaped.

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
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        for field in line.split(|byte| *byte == b'\t') {
            let null = field == b"\\N";
            if !null {
                unescape(field, &mut self.buffer);
            }
            self.ends.push((self.buffer.len(), null));
        }
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

fn unescape(field: &[u8], out: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        // COPY TO writes no other escapes than these, and a backslash before anything else stands for it.
        out.push(match rest.get(at + 1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(other) => *other,
            None => b'\\',
        });
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
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
