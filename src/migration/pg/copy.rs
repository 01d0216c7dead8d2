//! COPY in text format, both ways (documentation, COPY, File Formats).

use std::fmt::Display;
use std::io::Write as _;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;

use crate::base::text::hex;
use crate::migration::legacy::{LegacyRow, Text};
use crate::migration::pg::source::Source;
use crate::migration::target::Assessment;
use crate::postgres::session::{Attempt, Cause, QueryError};

/// Bytes of a page that are kept in memory. A page that turns out larger is cut; the rest comes with the next.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// One page of legacy rows.
pub(crate) struct Page {
    /// The rows in id order, each with its id.
    pub(crate) rows: Vec<(i64, LegacyRow)>,
    /// Whether rows were dropped because the page was too large.
    pub(crate) cut: bool,
}

/// Reads a page through COPY.
pub(crate) async fn read_page(
    connection: &mut PgConnection,
    source: &Source,
    after: Option<i64>,
    limit: usize,
) -> Result<Page, QueryError> {
    const WHAT: &str = "reading the legacy table";
    let sql = format!("copy ({}) to stdout", source.page(after, limit));
    let mut stream = connection.copy_out_raw(&sql).await.attempt(WHAT)?;
    let mut page = Page { rows: Vec::with_capacity(limit), cut: false };
    let mut bytes = 0;
    let mut values = Values::default();
    // The server sends a message a row, and the stream must be read to its end.
    while let Some(line) = stream.try_next().await.attempt(WHAT)? {
        bytes += line.len();
        if bytes > PAGE_BYTES && !page.rows.is_empty() {
            page.cut = true;
            continue;
        }
        values.parse(&line);
        let row = (values.len() == source.width()).then(|| source.row(|at| values.get(at))).flatten();
        let malformed = || sqlx::Error::Protocol("COPY sent a row of another shape than its select".to_owned());
        page.rows.push(row.ok_or_else(malformed).attempt(WHAT)?);
    }
    Ok(page)
}

/// The values of one line, unescaped into one buffer.
#[derive(Default)]
struct Values {
    buffer: Vec<u8>,
    /// End of each value in the buffer; none for a null.
    ends: Vec<(usize, bool)>,
}

impl Values {
    fn parse(&mut self, line: &[u8]) {
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

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> Option<&[u8]> {
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

/// A part of what is sent to COPY: bytes that are ready, or a text that is still in the source.
enum Part {
    Bytes(Vec<u8>),
    Large { id: i64, column: String, sha256: String, json: bool },
}

/// Rows for one COPY, encoded.
#[derive(Default)]
pub(crate) struct Rows {
    done: Vec<Part>,
    open: Vec<u8>,
    first: bool,
    /// How many rows there are.
    pub(crate) count: usize,
}

/// Where a large text of the row being written can be read.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The source id.
    pub(crate) id: i64,
    /// The legacy column.
    pub(crate) column: &'a str,
}

impl Rows {
    pub(crate) fn start_row(&mut self) {
        self.first = true;
        self.count += 1;
    }

    pub(crate) fn end_row(&mut self) {
        self.open.push(b'\n');
    }

    fn separate(&mut self) {
        if !self.first {
            self.open.push(b'\t');
        }
        self.first = false;
    }

    /// A value whose text needs no escape.
    pub(crate) fn plain(&mut self, value: Option<impl Display>) {
        self.separate();
        match value {
            Some(value) => {
                let _ = write!(self.open, "{value}");
            }
            None => self.open.extend_from_slice(b"\\N"),
        }
    }

    pub(crate) fn boolean(&mut self, value: Option<bool>) {
        self.plain(value.map(|it| if it { 't' } else { 'f' }));
    }

    pub(crate) fn text(&mut self, value: Option<&Text>, origin: Origin<'_>) {
        match value {
            None => self.plain(None::<char>),
            Some(Text::Plain(text)) => {
                self.separate();
                escape(text.as_bytes(), &mut self.open);
            }
            Some(Text::Large(large)) => {
                self.separate();
                self.large(origin, &large.sha256, false);
            }
        }
    }

    fn large(&mut self, origin: Origin<'_>, sha256: &str, json: bool) {
        self.done.push(Part::Bytes(std::mem::take(&mut self.open)));
        let (id, column, sha256) = (origin.id, origin.column.to_owned(), sha256.to_owned());
        self.done.push(Part::Large { id, column, sha256, json });
    }

    /// `compliance_assessment`.
    pub(crate) fn assessment(&mut self, source_id: i64, assessment: &Assessment) {
        if assessment.is_empty() {
            return self.plain(None::<char>);
        }
        self.separate();
        self.open.push(b'{');
        if let Some(holding_period) = assessment.holding_period {
            let _ = write!(self.open, "\"holding_period\":{holding_period}");
        }
        if !assessment.legacy.is_empty() {
            let comma = assessment.holding_period.map_or("", |_| ",");
            let _ = write!(self.open, "{comma}\"legacy\":{{");
            for (at, (name, text)) in assessment.legacy.iter().enumerate() {
                if at > 0 {
                    self.open.push(b',');
                }
                self.json(name);
                self.open.push(b':');
                match text {
                    None => self.open.extend_from_slice(b"null"),
                    Some(Text::Plain(text)) => self.json(text),
                    Some(Text::Large(large)) => {
                        self.open.push(b'"');
                        self.large(Origin { id: source_id, column: name }, &large.sha256, true);
                        self.open.push(b'"');
                    }
                }
            }
            self.open.push(b'}');
        }
        self.open.push(b'}');
    }

    fn json(&mut self, text: &str) {
        let mut quoted = Vec::with_capacity(text.len() + 2);
        quoted.push(b'"');
        escape_json(text.as_bytes(), &mut quoted);
        quoted.push(b'"');
        escape(&quoted, &mut self.open);
    }

    /// Sends the rows. Large texts are read from the source meanwhile, piece by piece.
    pub(crate) async fn send(
        mut self,
        connection: &mut PgConnection,
        statement: &str,
        large: &mut (impl AsyncLarge + Send),
    ) -> Result<(), QueryError> {
        if self.count == 0 {
            return Ok(());
        }
        let what = statement.split('(').next().unwrap_or(statement).trim();
        let mut copy = connection.copy_in_raw(statement).await.attempt(what)?;
        self.done.push(Part::Bytes(std::mem::take(&mut self.open)));
        for part in self.done {
            match part {
                Part::Bytes(bytes) => {
                    copy.send(bytes).await.attempt(what)?;
                }
                Part::Large { id, column, sha256, json } => {
                    if let Err(error) = large.pieces(id, &column, &sha256, json, &mut copy).await {
                        // The copy's own end would hide why it ended.
                        let _ = copy.abort("a large text could not be read from the source").await;
                        return Err(error);
                    }
                }
            }
        }
        let stored = copy.finish().await.attempt(what)?;
        if stored == self.count as u64 {
            return Ok(());
        }
        let fewer = format!("the table took {stored} of {} rows; a trigger or a rule of it drops rows", self.count);
        Err(sqlx::Error::Protocol(fewer)).attempt(what)
    }
}

/// Hands a large text to a COPY in pieces.
pub(crate) trait AsyncLarge {
    /// Sends the text of a column of a source row, and fails unless it is the one of this digest.
    fn pieces(
        &mut self,
        id: i64,
        column: &str,
        sha256: &str,
        json: bool,
        copy: &mut sqlx::postgres::PgCopyIn<&mut PgConnection>,
    ) -> impl Future<Output = Result<(), QueryError>> + Send;
}

/// Sends what a query of pieces returns. Binary COPY, since a piece may end within a character; what must be escaped is
/// ASCII, which no other character's bytes contain.
pub(crate) async fn forward(
    from: &mut PgConnection,
    query: &str,
    sha256: &str,
    json: bool,
    copy: &mut sqlx::postgres::PgCopyIn<&mut PgConnection>,
) -> Result<(), QueryError> {
    const WHAT: &str = "reading a large text from the source";
    let mut stream = from.copy_out_raw(&format!("copy ({query}) to stdout (format binary)")).await.attempt(WHAT)?;
    let mut digest = Sha256::new();
    let (mut quoted, mut escaped) = (Vec::new(), Vec::new());
    while let Some(message) = stream.try_next().await.attempt(WHAT)? {
        let piece = binary_value(&message);
        digest.update(piece);
        escaped.clear();
        if json {
            quoted.clear();
            escape_json(piece, &mut quoted);
            escape(&quoted, &mut escaped);
        } else {
            escape(piece, &mut escaped);
        }
        copy.send(&*escaped).await.attempt(WHAT)?;
    }
    if hex(&digest.finalize()) == sha256 {
        return Ok(());
    }
    let changed = "the row was changed while it was being read; run this again".to_owned();
    Err(QueryError { what: WHAT.to_owned(), source: Cause(sqlx::Error::Protocol(changed)) })
}

/// The one value in a message of a binary COPY; empty for the trailer (documentation, COPY, Binary Format).
fn binary_value(message: &[u8]) -> &[u8] {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    // The signature is followed by flags and the length of an extension that no server sends.
    let tuple = message.strip_prefix(SIGNATURE).map_or(message, |rest| rest.get(8..).unwrap_or_default());
    // A count of fields, then the field's length; the trailer is a count of -1.
    tuple.get(6..).unwrap_or_default()
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
fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
}
