//! A CSV file on disk: hashed, decompressed and read in pieces, twice.
//!
//! Memory is bounded by the block and by one record. The first reading leaves the SHA-256 of each block, and the second
//! uses no byte of a block that isn't the same.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Cursor, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::GzDecoder;
use rustix::fs::OFlags;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest, Sha256};

use crate::base::file::reason;
use crate::base::text::hex;
use crate::migration::csv::declared::{Declared, Delimiter};
use crate::migration::csv::encoding::Encoding;
use crate::migration::csv::error::{CsvError, CsvFault};
use crate::migration::csv::facts::Compression;
use crate::migration::csv::header::{columns, known_names};
use crate::migration::csv::prove::{Prover, is_footer};
use crate::migration::csv::proved::{BlockDigest, ProvedCsv};
use crate::migration::csv::record::{Fault, FaultKind, Record, RecordReader};

/// Bytes of the file that are hashed together.
const BLOCK: usize = 1024 * 1024;

/// Reads a file by blocks, and hashes each.
struct Blocks {
    file: File,
    block: Vec<u8>,
    used: usize,
    digests: Vec<BlockDigest>,
    whole: Sha256,
    /// What the blocks have to be.
    expected: Option<Arc<[BlockDigest]>>,
    bytes: u64,
}

/// The mark of an error: the file isn't the one that was proved.
#[derive(Debug, thiserror::Error)]
#[error("the file has changed")]
struct ChangedMark;

impl Blocks {
    fn new(file: File, expected: Option<Arc<[BlockDigest]>>) -> Self {
        let (block, digests) = (Vec::with_capacity(BLOCK), Vec::new());
        Self { file, block, used: 0, digests, whole: Sha256::new(), expected, bytes: 0 }
    }

    /// Reads the next block whole; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.block.clear();
        self.used = 0;
        (&mut self.file).take(BLOCK as u64).read_to_end(&mut self.block)?;
        if self.block.is_empty() {
            let is_short = self.expected.as_ref().is_some_and(|it| it.len() != self.digests.len());
            return if is_short { Err(io::Error::other(ChangedMark)) } else { Ok(false) };
        }
        let digest: BlockDigest = Sha256::digest(&self.block).into();
        if let Some(expected) = &self.expected {
            if expected.get(self.digests.len()) != Some(&digest) {
                return Err(io::Error::other(ChangedMark));
            }
        } else {
            self.whole.update(&self.block);
        }
        self.bytes += self.block.len() as u64;
        self.digests.push(digest);
        Ok(true)
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.fill_buf()?.is_empty())
    }
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.block.len() {
            self.fill()?;
        }
        Ok(&self.block[self.used..])
    }

    fn consume(&mut self, length: usize) {
        self.used += length;
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Gzip: one member after the other, and nothing but zeros after the last, which tapes and some tools write.
enum Gzip {
    Member(Box<GzDecoder<Blocks>>),
    Ended(Blocks),
    Broken,
}

impl Gzip {
    /// What follows a member.
    fn after(mut blocks: Blocks) -> io::Result<Self> {
        let is_padded = blocks.fill_buf()?.first() == Some(&0);
        while is_padded && !blocks.is_at_end()? {
            let length = blocks.fill_buf()?.len();
            if blocks.fill_buf()?.iter().any(|byte| *byte != 0) {
                return Err(io::Error::other("something else follows the gzip data, and zeros after it"));
            }
            blocks.consume(length);
        }
        Ok(match blocks.is_at_end()? {
            true => Self::Ended(blocks),
            false => Self::Member(Box::new(GzDecoder::new(blocks))),
        })
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Self::Member(member) = self else { return Ok(0) };
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Self::Member(member) = std::mem::replace(self, Self::Broken) else { return Ok(0) };
            *self = Self::after(member.into_inner())?;
        }
    }
}

/// A frame, whose first bytes were looked at.
type Framed = io::Chain<Cursor<[u8; 4]>, Blocks>;

/// The first bytes of a frame that holds no data, as tools write beside those that do, but for the lowest four bits.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Zstandard: one frame after the other.
enum Zstandard {
    Frame(Box<StreamingDecoder<Framed, ruzstd::decoding::FrameDecoder>>),
    Between(Blocks),
    Broken,
}

/// What the decoder's error means: its own words are for programmers. The file may have ended, or changed.
fn broken(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let causes = std::iter::successors(Some(error), |it: &&(dyn std::error::Error + 'static)| (*it).source());
    for error in causes.filter_map(|it| it.downcast_ref::<io::Error>()) {
        if error.get_ref().is_some_and(|it| it.is::<ChangedMark>()) {
            return io::Error::other(ChangedMark);
        }
        if error.kind() != io::ErrorKind::Other {
            return error.kind().into();
        }
    }
    io::Error::other("the Zstandard data is damaged, or something else follows it")
}

impl Read for Zstandard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(self, Self::Broken) {
                Self::Broken => return Err(io::Error::other("the Zstandard data is broken")),
                Self::Between(mut blocks) => {
                    if blocks.is_at_end()? {
                        *self = Self::Between(blocks);
                        return Ok(0);
                    }
                    let mut magic = [0; 4];
                    blocks.read_exact(&mut magic)?;
                    if u32::from_le_bytes(magic) & !0xf == SKIPPABLE {
                        let mut length = [0; 4];
                        blocks.read_exact(&mut length)?;
                        let length = u64::from(u32::from_le_bytes(length));
                        if io::copy(&mut (&mut blocks).take(length), &mut io::sink())? < length {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        *self = Self::Between(blocks);
                        continue;
                    }
                    let frame = StreamingDecoder::new(Cursor::new(magic).chain(blocks)).map_err(|it| broken(&it))?;
                    *self = Self::Frame(Box::new(frame));
                }
                Self::Frame(mut frame) => {
                    let read = frame.read(buffer).map_err(|it| broken(&it))?;
                    if read > 0 || buffer.is_empty() {
                        *self = Self::Frame(frame);
                        return Ok(read);
                    }
                    let (framed, decoder) = frame.into_parts();
                    let (_, blocks) = framed.into_inner();
                    let checksum = decoder.get_checksum_from_data();
                    if checksum.is_some() && checksum != decoder.get_calculated_checksum() {
                        return Err(io::Error::other("the Zstandard data doesn't have its checksum"));
                    }
                    *self = Self::Between(blocks);
                }
            }
        }
    }
}

enum Packed {
    Plain(Blocks),
    Gzip(Gzip),
    Zstandard(Zstandard),
}

/// What a packed file holds.
#[derive(Default)]
struct Content {
    digest: Sha256,
    bytes: u64,
}

/// What a file holds, unpacked.
struct Input {
    packed: Packed,
    /// Of a packed file that is read for the first time.
    content: Option<Content>,
}

impl Input {
    fn new(blocks: Blocks, compression: Compression) -> Self {
        let is_hashed = compression != Compression::None && blocks.expected.is_none();
        let packed = match compression {
            Compression::None => Packed::Plain(blocks),
            Compression::Gzip => Packed::Gzip(Gzip::Member(Box::new(GzDecoder::new(blocks)))),
            Compression::Zstandard => Packed::Zstandard(Zstandard::Between(blocks)),
        };
        Self { packed, content: is_hashed.then(Content::default) }
    }

    /// What was read, and the digest of the content if that isn't the file's.
    fn end(self) -> Option<(Blocks, Option<Content>)> {
        match self.packed {
            Packed::Plain(blocks)
            | Packed::Gzip(Gzip::Ended(blocks))
            | Packed::Zstandard(Zstandard::Between(blocks)) => Some((blocks, self.content)),
            Packed::Gzip(_) | Packed::Zstandard(_) => None,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.packed {
            Packed::Plain(blocks) => blocks.read(buffer),
            Packed::Gzip(members) => members.read(buffer),
            Packed::Zstandard(frames) => frames.read(buffer),
        }?;
        if let Some(content) = &mut self.content {
            content.digest.update(&buffer[..read]);
            content.bytes += read as u64;
        }
        Ok(read)
    }
}

fn failed(error: io::Error) -> CsvFault {
    let is_changed = error.get_ref().is_some_and(|it| it.is::<ChangedMark>());
    if is_changed { CsvFault::Changed } else { CsvFault::Read(error) }
}

/// Opens a regular file.
fn open(path: &Path) -> Result<File, CsvFault> {
    if path == Path::new("-") {
        return Err(CsvFault::NotRegular("this is the standard input"));
    }
    // Opening a FIFO waits for a writer otherwise.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let unopened = |error: io::Error| CsvFault::Unopened(reason(&error, "it doesn't exist"));
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unopened)?;
    let kind = file.metadata().map_err(unopened)?.file_type();
    match () {
        () if kind.is_file() => Ok(file),
        () if kind.is_dir() => Err(CsvFault::NotRegular("this is a folder")),
        () if kind.is_fifo() => Err(CsvFault::NotRegular("this is a pipe")),
        () => Err(CsvFault::NotRegular("this is no regular file")),
    }
}

/// How the file is compressed, by what it begins with, which no text does.
fn compression(path: &Path, head: &[u8]) -> Result<Compression, CsvFault> {
    let found = match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstandard,
        [b'P', b'K', 3, 4, ..] => return Err(CsvFault::Archive("a zip archive or a spreadsheet (.xlsx)")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(CsvFault::Archive("compressed by bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return Err(CsvFault::Archive("compressed by xz")),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(CsvFault::Archive("a spreadsheet (.xls)")),
        _ => Compression::None,
    };
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "gz" if found != Compression::Gzip => Err(CsvFault::Misnamed(".gz")),
        "zst" if found != Compression::Zstandard => Err(CsvFault::Misnamed(".zst")),
        _ => Ok(found),
    }
}

/// Records from an input, with a buffer between.
struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    used: usize,
    reader: RecordReader,
    is_ended: bool,
}

const BUFFER: usize = 256 * 1024;

impl<R: Read> Records<R> {
    fn new(input: R, delimiter: Delimiter, byte: u64) -> Self {
        Self { input, buffer: Vec::new(), used: 0, reader: RecordReader::new(delimiter.0, byte), is_ended: true }
    }

    /// The next record; false at the end. A fault comes with the start of the line after it, which may explain it.
    fn next(&mut self, record: &mut Record) -> Result<bool, CsvFault> {
        loop {
            if self.used == self.buffer.len() {
                self.buffer.resize(BUFFER, 0);
                let read = loop {
                    match self.input.read(&mut self.buffer) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read.map_err(failed)?,
                    }
                };
                self.buffer.truncate(read);
                self.used = 0;
                if read == 0 {
                    let is_record = self.reader.end(record).map_err(|it| CsvFault::Record(it, None))?;
                    self.is_ended &= !is_record;
                    return Ok(is_record);
                }
            }
            match self.reader.read(&self.buffer[self.used..], record) {
                Ok((used, is_complete)) => {
                    self.used += used;
                    if is_complete {
                        return Ok(true);
                    }
                }
                Err(fault) => return Err(self.explained(fault)),
            }
        }
    }

    /// A blank line before SQL*Plus's footer is said to be that.
    fn explained(&self, fault: Fault) -> CsvFault {
        let rest = String::from_utf8_lossy(&self.buffer[self.used..]);
        let mut lines = rest.lines().skip_while(|it| it.trim().is_empty());
        match lines.next() {
            Some(line) if fault.kind == FaultKind::Blank && is_footer(line) => {
                CsvFault::Footer { line: fault.place.line + 1, text: line.trim().chars().take(60).collect() }
            }
            _ => CsvFault::Record(fault, None),
        }
    }
}

/// The bytes of a byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The delimiter with which the first line names the columns of the legacy table.
fn find_delimiter(head: &[u8], encoding: Encoding, byte: u64) -> Delimiter {
    let known = |delimiter: &Delimiter| {
        let mut record = Record::default();
        let mut reader = RecordReader::new(delimiter.0, byte);
        match reader.read(head, &mut record).and_then(
            |(_, is_complete)| {
                if is_complete { Ok(true) } else { reader.end(&mut record) }
            },
        ) {
            Ok(true) => known_names(&record, encoding),
            _ => 0,
        }
    };
    // A name holds no delimiter, so all names are found with one of them only; the first is kept among equals.
    let [first, others @ ..] = Delimiter::CANDIDATES;
    others.into_iter().fold(first, |best, it| if known(&it) > known(&best) { it } else { best })
}

/// Reads a file for the first time, to its end or until it is `cancelled`.
pub fn prove(path: &Path, declared: &Declared, cancelled: &AtomicBool) -> Result<ProvedCsv, CsvError> {
    prove_file(path, declared, cancelled).map_err(|fault| CsvError::new(path.display().to_string(), fault))
}

fn prove_file(path: &Path, declared: &Declared, cancelled: &AtomicBool) -> Result<ProvedCsv, CsvFault> {
    let mut file = open(path)?;
    let mut magic = Vec::new();
    (&mut file).take(8).read_to_end(&mut magic).map_err(failed)?;
    let compression = compression(path, &magic)?;
    // Nothing is kept of what was read: the blocks begin with the first byte.
    let mut input = Input::new(Blocks::new(open(path)?, None), compression);
    let mut head = Vec::new();
    (&mut input).take(BLOCK as u64).read_to_end(&mut head).map_err(failed)?;
    if head.is_empty() {
        return Err(CsvFault::Empty);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(CsvFault::Utf16);
    }
    let has_bom = head.starts_with(BOM);
    let encoding = declared.encoding.unwrap_or(Encoding::Utf8);
    if has_bom && encoding != Encoding::Utf8 {
        return Err(CsvFault::OtherMark(encoding.name()));
    }
    let start = if has_bom { BOM.len() } else { 0 };
    let text = head.split_off(start);
    let delimiter = declared.delimiter.unwrap_or_else(|| find_delimiter(&text, encoding, start as u64));
    let mut records = Records::new(Cursor::new(text).chain(input), delimiter, start as u64);
    let mut record = Record::default();
    if !records.next(&mut record)? {
        return Err(CsvFault::Empty);
    }
    let mut prover = Prover::new(declared.clone(), columns(&record, encoding)?, delimiter, encoding);
    let mut count = 0u64;
    loop {
        match records.next(&mut record) {
            Ok(true) => prover.see(&record)?,
            Ok(false) => break,
            Err(CsvFault::Record(fault, _)) => return Err(CsvFault::Record(fault, prover.name(fault.field))),
            Err(fault) => return Err(fault),
        }
        count += 1;
        if count.is_multiple_of(1024) && cancelled.load(Ordering::Relaxed) {
            return Err(CsvFault::Interrupted);
        }
    }
    let (is_ended, has_mixed_ends) = (records.is_ended, records.reader.has_mixed_ends());
    let (_, input) = records.input.into_inner();
    let broken = || CsvFault::Read(io::Error::other("the compressed data is broken"));
    let (blocks, content) = input.end().ok_or_else(broken)?;
    let sha256 = hex(&blocks.whole.finalize());
    if let Some(wanted) = declared.sha256.as_ref().filter(|it| **it != sha256) {
        let difference = format!("the file has the SHA-256 {sha256}, and --csv-sha256 says {wanted}");
        return Err(CsvFault::Control(vec![difference]));
    }
    let (layout, facts) = prover.end(is_ended, has_mixed_ends)?;
    Ok(ProvedCsv {
        path: path.to_owned(),
        compression,
        blocks: blocks.digests.into(),
        layout,
        facts,
        content_bytes: content.as_ref().map_or(blocks.bytes, |it| it.bytes),
        content_sha256: content.map_or_else(|| sha256.clone(), |it| hex(&it.digest.finalize())),
        sha256,
        bytes: blocks.bytes,
    })
}

/// The records of a file that was proved, after the first line.
pub(crate) struct CsvRecords {
    file: String,
    records: Records<Input>,
}

impl CsvRecords {
    /// Reads the file once more.
    pub(crate) fn open(csv: &ProvedCsv) -> Result<Self, CsvError> {
        let started = || -> Result<Records<Input>, CsvFault> {
            let blocks = Blocks::new(open(&csv.path)?, Some(Arc::clone(&csv.blocks)));
            let mut input = Input::new(blocks, csv.compression);
            let mut head = vec![0; BOM.len()];
            let mut length = 0;
            while length < head.len() {
                match input.read(&mut head[length..]).map_err(failed)? {
                    0 => break,
                    read => length += read,
                }
            }
            head.truncate(length);
            let start = if head == BOM { BOM.len() } else { 0 };
            let mut records = Records::new(input, csv.layout.delimiter, start as u64);
            records.buffer = head.split_off(start);
            records.next(&mut Record::default())?;
            Ok(records)
        };
        let file = csv.name();
        match started() {
            Ok(records) => Ok(Self { file, records }),
            Err(fault) => Err(CsvError::new(file, fault)),
        }
    }

    /// The next record; false at the end.
    pub(crate) fn next(&mut self, record: &mut Record) -> Result<bool, CsvError> {
        self.records.next(record).map_err(|fault| CsvError::new(self.file.clone(), fault))
    }
}
