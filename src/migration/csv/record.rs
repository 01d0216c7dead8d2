//! Bytes to records, strictly: what a tolerant reader would guess at is a fault with its place.
//!
//! Invariant: where the chunks end makes no difference. The state is kept from byte to byte, and nothing looks ahead.

use std::fmt;

/// More than any row of the legacy table has: what is longer is a quotation mark that nobody closed.
pub const RECORD_BYTES: usize = 16 * 1024 * 1024;

/// A place in a file, for people and for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The character of the line, from 1.
    pub column: u64,
    /// The byte of the file, from 0; of a compressed file, of what it holds.
    pub byte: u64,
}

impl Place {
    /// The start of a file.
    pub const START: Self = Self { line: 1, column: 1, byte: 0 };
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A quotation mark within a value that doesn't begin with one.
    LooseQuote,
    /// Something else than a delimiter after the closing quotation mark: a quotation mark that isn't doubled, mostly.
    AfterQuote,
    /// The file ends within quotation marks.
    Unterminated,
    /// Within quotation marks there is more than a row can hold.
    Endless,
    /// A carriage return without a line feed.
    LoneCr,
    /// A line without anything.
    Blank,
    /// A NUL byte.
    Nul,
}

/// A fault, where it is, and in which field of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where; of an unterminated value, where it begins.
    pub place: Place,
    /// The field, from 1.
    pub field: usize,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LooseQuote => {
                "a quotation mark stands within a value that doesn't begin with one; export with quotation marks around \
                 the values, and with those of a text doubled"
            }
            Self::AfterQuote => {
                "a closing quotation mark is followed by something else than the delimiter or the end of the line; \
                 export with the quotation marks of a text doubled (\"\")"
            }
            Self::Unterminated => {
                "the value that begins here has no closing quotation mark; the file may have been cut off, or a quotation \
                 mark of a text isn't doubled: export again"
            }
            Self::Endless => {
                "the record has more than 16 MiB; a quotation mark that isn't closed or isn't doubled may have swallowed \
                 the lines after it: export again"
            }
            Self::LoneCr => {
                "a carriage return stands without a line feed outside quotation marks; export with lines that end in LF or \
                 CRLF, and with quotation marks around texts of several lines"
            }
            Self::Blank => "the line is blank; remove it, or export with the quotation marks around texts of several lines",
            Self::Nul => "there is a NUL byte, which no text holds; if the file is UTF-16, export or convert it to UTF-8",
        })
    }
}

/// A record: its fields without quotation marks, and whether each had them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    /// Where each field ends, and whether it was quoted.
    fields: Vec<(usize, bool)>,
    /// Where the record begins.
    pub start: Place,
}

impl Default for Record {
    fn default() -> Self {
        Self { bytes: Vec::new(), fields: Vec::new(), start: Place::START }
    }
}

impl Record {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it has none, as before it was read.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field's bytes, and whether it was quoted.
    pub fn field(&self, at: usize) -> Option<(&[u8], bool)> {
        let (end, quoted) = *self.fields.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.fields[before].0);
        Some((&self.bytes[start..end], quoted))
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], bool)> {
        (0..self.len()).filter_map(|at| self.field(at))
    }

    /// How many bytes the fields have.
    pub fn octets(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self, start: Place) {
        self.bytes.clear();
        self.fields.clear();
        self.start = start;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    /// After a quotation mark within a quoted value: the end of it, or the first of two.
    QuoteSeen,
    /// After a carriage return outside quotation marks; `blank` where the record has nothing.
    CrSeen {
        quoted: bool,
        blank: bool,
    },
    /// The record is complete; the next byte begins another.
    Done,
}

/// Reads records from chunks of bytes.
#[derive(Clone, Debug)]
pub struct RecordReader {
    delimiter: u8,
    state: State,
    at: Place,
    /// Where the quoted value begins that is being read.
    quote: Place,
    /// Where the last carriage return was.
    cr: Place,
    crlf: bool,
    lf: bool,
}

impl RecordReader {
    /// A reader for a file whose first byte after a byte order mark is at `byte`.
    pub fn new(delimiter: u8, byte: u64) -> Self {
        let at = Place { byte, ..Place::START };
        Self { delimiter, state: State::Done, at, quote: at, cr: at, crlf: false, lf: false }
    }

    /// Where the next byte is.
    pub fn place(&self) -> Place {
        self.at
    }

    /// Whether some lines end in LF, and some in CRLF.
    pub fn has_mixed_ends(&self) -> bool {
        self.crlf && self.lf
    }

    /// Reads on in the record: how many bytes of the chunk were used, and whether the record is complete. While it
    /// isn't, it goes on with the next chunk; the next record begins with the next byte.
    pub fn read(&mut self, chunk: &[u8], record: &mut Record) -> Result<(usize, bool), Fault> {
        if self.state == State::Done {
            record.clear(self.at);
            self.state = State::RecordStart;
        }
        let mut used = 0;
        while used < chunk.len() {
            used += self.run(&chunk[used..], record);
            if record.bytes.len() > RECORD_BYTES {
                let place = if self.state == State::Quoted { self.quote } else { record.start };
                return Err(Fault { kind: FaultKind::Endless, place, field: record.len() + 1 });
            }
            let Some(byte) = chunk.get(used) else { break };
            used += 1;
            let place = self.at;
            self.step(*byte, record).map_err(|kind| self.fault(kind, place, record))?;
            if self.state == State::Done {
                return Ok((used, true));
            }
        }
        Ok((used, false))
    }

    /// Ends the file: whether that ends a record, whose line then has no end.
    pub fn end(&mut self, record: &mut Record) -> Result<bool, Fault> {
        let quoted = match self.state {
            State::Done | State::RecordStart => return Ok(false),
            State::Quoted => return Err(self.fault(FaultKind::Unterminated, self.at, record)),
            State::CrSeen { .. } => return Err(self.fault(FaultKind::LoneCr, self.at, record)),
            State::FieldStart | State::Plain => false,
            State::QuoteSeen => true,
        };
        record.fields.push((record.bytes.len(), quoted));
        self.state = State::Done;
        Ok(true)
    }

    fn fault(&self, kind: FaultKind, place: Place, record: &Record) -> Fault {
        let place = match kind {
            FaultKind::Unterminated | FaultKind::Endless => self.quote,
            FaultKind::LoneCr => self.cr,
            _ => place,
        };
        Fault { kind, place, field: record.len() + 1 }
    }

    /// Takes the bytes that mean nothing but themselves; how many they are.
    fn run(&mut self, chunk: &[u8], record: &mut Record) -> usize {
        let plain = match self.state {
            State::Plain => chunk.iter().position(|it| matches!(it, b'"' | b'\n' | b'\r' | 0) || *it == self.delimiter),
            State::Quoted => chunk.iter().position(|it| matches!(it, b'"' | b'\n' | 0)),
            _ => Some(0),
        };
        let plain = plain.unwrap_or(chunk.len());
        let bytes = &chunk[..plain];
        record.bytes.extend_from_slice(bytes);
        self.at.byte += plain as u64;
        self.at.column += bytes.iter().filter(|it| starts_character(**it)).count() as u64;
        plain
    }

    fn step(&mut self, byte: u8, record: &mut Record) -> Result<(), FaultKind> {
        let place = self.at;
        self.at.byte += 1;
        if byte == b'\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += u64::from(starts_character(byte));
        }
        if byte == 0 {
            return Err(FaultKind::Nul);
        }
        let end_field = |record: &mut Record, quoted| record.fields.push((record.bytes.len(), quoted));
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteSeen,
            (State::Quoted, _) => {
                record.bytes.push(byte);
                State::Quoted
            }
            (State::QuoteSeen, b'"') => {
                record.bytes.push(byte);
                State::Quoted
            }
            (State::CrSeen { quoted, blank: false }, b'\n') => {
                end_field(record, quoted);
                self.crlf = true;
                State::Done
            }
            (State::CrSeen { blank: true, .. }, b'\n') | (State::RecordStart, b'\n') => return Err(FaultKind::Blank),
            (State::CrSeen { .. }, _) => return Err(FaultKind::LoneCr),
            (state, b'\r') => {
                self.cr = place;
                State::CrSeen { quoted: state == State::QuoteSeen, blank: state == State::RecordStart }
            }
            (state, b'\n') => {
                end_field(record, state == State::QuoteSeen);
                self.lf = true;
                State::Done
            }
            (state, _) if byte == self.delimiter => {
                end_field(record, state == State::QuoteSeen);
                State::FieldStart
            }
            (State::RecordStart | State::FieldStart, b'"') => {
                self.quote = place;
                State::Quoted
            }
            (_, b'"') => return Err(FaultKind::LooseQuote),
            (State::QuoteSeen, _) => return Err(FaultKind::AfterQuote),
            _ => {
                record.bytes.push(byte);
                State::Plain
            }
        };
        Ok(())
    }
}

/// Whether a byte begins a character of UTF-8; in other encodings every byte that isn't ASCII may count or not, which
/// only makes a column of a message smaller.
fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}
