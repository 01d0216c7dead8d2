//! Lines of evidence, kept in a file without a name until all are there, and given back in the order of their ids.
//!
//! Rows come nearly in order: pages in theirs, rows that are looked at twice at the end, and those of a CSV file in the
//! file's. They are sorted in parts that fit in memory, and the parts are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use crate::migration::evidence::entry::{Entry, Fate, Target};
use crate::migration::evidence::tree::Hash;

/// Octets of a record: id, what became of the row, and three hashes.
const RECORD: usize = 8 + 2 + 3 * 32;

/// Records that are sorted at once.
const PART: usize = 32 * 1024;

/// Lines of evidence on a disk.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    /// Those that are not on the disk yet.
    part: Vec<Entry>,
    /// How many records each part on the disk has.
    parts: Vec<usize>,
}

impl Spool {
    /// An empty one, in the folder for temporary files.
    pub(crate) fn create() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, part: Vec::new(), parts: Vec::new() })
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        self.part.push(*entry);
        if self.part.len() < PART { Ok(()) } else { self.put_part() }
    }

    fn put_part(&mut self) -> io::Result<()> {
        self.part.sort_unstable_by_key(|entry| entry.id);
        let mut out = BufWriter::new(&self.file);
        for entry in &self.part {
            out.write_all(&encode(entry))?;
        }
        out.flush()?;
        self.parts.push(self.part.len());
        self.part.clear();
        Ok(())
    }

    /// The line of a row, and its place among all, from 0.
    pub(crate) fn find(&mut self, id: i64) -> io::Result<Option<(u64, Entry)>> {
        let (mut sorted, mut place) = (self.sorted()?, 0);
        while let Some(entry) = sorted.next()? {
            if entry.id == id {
                return Ok(Some((place, entry)));
            }
            place += 1;
        }
        Ok(None)
    }

    /// All lines in the order of their ids.
    pub(crate) fn sorted(&mut self) -> io::Result<Sorted<'_>> {
        if !self.part.is_empty() {
            self.put_part()?;
        }
        let (mut readers, mut at) = (Vec::with_capacity(self.parts.len()), 0);
        for records in &self.parts {
            let end = at + (records * RECORD) as u64;
            readers.push(BufReader::new(Section { file: &self.file, at, end }));
            at = end;
        }
        let mut sorted = Sorted { readers, next: BinaryHeap::new() };
        for part in 0..self.parts.len() {
            sorted.read(part)?;
        }
        Ok(sorted)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // The file has no name, and goes with its last descriptor; this gives the room back at once.
        let _ = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.set_len(0));
    }
}

/// A part of a file.
struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(bytes.len());
        let read = self.file.read_at(&mut bytes[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The lines of a spool in order.
pub(crate) struct Sorted<'a> {
    readers: Vec<BufReader<Section<'a>>>,
    /// The next id of each part.
    next: BinaryHeap<Reverse<(i64, usize, [u8; RECORD])>>,
}

impl Sorted<'_> {
    fn read(&mut self, part: usize) -> io::Result<()> {
        let mut record = [0; RECORD];
        match self.readers[part].read_exact(&mut record) {
            Ok(()) => self.next.push(Reverse((id(&record), part, record))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The next line; none after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((_, part, record))) = self.next.pop() else { return Ok(None) };
        self.read(part)?;
        Ok(Some(decode(&record)))
    }
}

fn id(record: &[u8; RECORD]) -> i64 {
    i64::from_be_bytes(std::array::from_fn(|at| record[at]))
}

fn encode(entry: &Entry) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&entry.id.to_be_bytes());
    record[9] = u8::from(entry.opaque);
    record[10..42].copy_from_slice(&entry.source.0);
    record[8] = match entry.fate {
        Fate::Pending => 0,
        Fate::Rejected(_) => 1,
        Fate::Migrated { target, keys } => {
            record[74..].copy_from_slice(&keys.0);
            match target {
                Target::Same => 2,
                Target::Missing => 3,
                Target::Wrong => 5,
                Target::Other(hash) => {
                    record[42..74].copy_from_slice(&hash.0);
                    4
                }
            }
        }
    };
    record
}

fn decode(record: &[u8; RECORD]) -> Entry {
    let hash = |from: usize| Hash(std::array::from_fn(|at| record[from + at]));
    let migrated = |target| Fate::Migrated { target, keys: hash(74) };
    let fate = match record[8] {
        0 => Fate::Pending,
        1 => Fate::Rejected(None),
        2 => migrated(Target::Same),
        3 => migrated(Target::Missing),
        5 => migrated(Target::Wrong),
        _ => migrated(Target::Other(hash(42))),
    };
    Entry { id: id(record), source: hash(10), fate, opaque: record[9] == 1 }
}
