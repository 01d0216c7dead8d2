//! The files of a bundle, hashed while they are written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::text::hex;
use crate::migration::evidence::manifest::FileOf;
use crate::migration::pg::evidence::error::EvidenceError;

/// Writes files into a folder.
pub(crate) struct FolderWriter {
    folder: PathBuf,
    files: BTreeMap<String, FileOf>,
}

impl FolderWriter {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new() }
    }

    /// Begins a file.
    pub(crate) fn begin(&self, name: &'static str) -> Result<HashedFile, EvidenceError> {
        let path = self.folder.join(name);
        // They hold values of rows; a folder that is moved elsewhere may become readable.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        Ok(HashedFile { name, path, out: BufWriter::new(file), digest: Sha256::new(), bytes: 0 })
    }

    /// Keeps a file that is complete.
    pub(crate) fn keep(&mut self, file: HashedFile) -> Result<(), EvidenceError> {
        let HashedFile { name, path, out, digest, bytes } = file;
        let written = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        written.map_err(|error| failed(&path, &error))?;
        let sha256 = hex(&digest.finalize());
        self.files.insert(name.to_owned(), FileOf { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// Writes a whole file.
    pub(crate) fn put(&mut self, name: &'static str, text: &[u8]) -> Result<(), EvidenceError> {
        let mut file = self.begin(name)?;
        file.write(text)?;
        self.keep(file)
    }

    /// The files so far, in the order of their names.
    pub(crate) fn files(&self) -> Vec<FileOf> {
        self.files.values().cloned().collect()
    }
}

/// A file that is being written.
pub(crate) struct HashedFile {
    name: &'static str,
    path: PathBuf,
    out: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl HashedFile {
    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| failed(&self.path, &error))
    }
}

pub(crate) fn failed(path: &Path, error: &io::Error) -> EvidenceError {
    EvidenceError::Write { path: path.display().to_string(), reason: error.to_string() }
}
