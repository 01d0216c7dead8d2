//! A file that was read once: what it is, how it is read, what it holds.

use std::path::PathBuf;
use std::sync::Arc;

use crate::migration::csv::facts::{Compression, Facts};
use crate::migration::csv::layout::Layout;

/// The SHA-256 of a block of a file.
pub(crate) type BlockDigest = [u8; 32];

/// A file that was read once, and may be read again (`csv::file`).
#[derive(Debug)]
pub struct ProvedCsv {
    pub(crate) path: PathBuf,
    pub(crate) compression: Compression,
    pub(crate) blocks: Arc<[BlockDigest]>,
    /// How its records become rows.
    pub layout: Layout,
    /// What it holds.
    pub facts: Facts,
    /// The SHA-256 of the file as it lies there, in lower-case hexadecimal.
    pub sha256: String,
    /// The SHA-256 of what it holds, unpacked.
    pub content_sha256: String,
    /// The file's length.
    pub bytes: u64,
    /// The length of what it holds, unpacked.
    pub content_bytes: u64,
}

impl ProvedCsv {
    /// The file's name as it was given.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}
