//! Files that are written whole or not at all.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why a file was not written. An earlier file of that name is as it was.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum FileError {
    /// It can't be created in its folder.
    #[error("{path} can't be created: {reason}; choose another file")]
    Create {
        path: String,
        /// Why. Not the whole error, which would name a temporary file.
        reason: String,
    },
    /// It could not be written, or not be renamed to its final name.
    #[error("{path} could not be written: {source}")]
    Write { path: String, source: std::io::Error },
}

/// Why a file can't be used; `missing` is what is said of one that doesn't exist.
pub(crate) fn reason(kind: ErrorKind, missing: &str) -> String {
    if kind == ErrorKind::NotFound { missing.to_owned() } else { kind.to_string() }
}

/// A temporary file, in the folder of the file that it replaces once it is complete.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl PendingFile {
    /// Starts a file. Called before the work that fills it, so that a file that can't be written is known early.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|error| FileError::Create {
            path: path.display().to_string(),
            reason: reason(error.kind(), "its folder doesn't exist"),
        })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is until then, for a program that writes it.
    pub(crate) fn pending_path(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// Adds text.
    pub fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Writes the whole of a file, and puts it in its place.
    pub(crate) fn save(mut self, text: &str) -> Result<(), FileError> {
        let written = self.write(text);
        written.map_err(|source| FileError::Write { path: self.path.display().to_string(), source })?;
        self.finish()
    }

    /// Puts the complete file in its place.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, file } = self;
        let written = file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let kept = written.and_then(|file| file.persist(&path).map_err(|error| error.error));
        kept.map(|_| ()).map_err(|source| FileError::Write { path: path.display().to_string(), source })
    }
}
