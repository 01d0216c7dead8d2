//! The folder of a bundle: it has its name only when it is complete.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::migration::pg::evidence::error::EvidenceError;

/// A folder that is being filled, beside the place where it will be.
#[derive(Debug)]
pub struct PendingFolder {
    filled: TempDir,
    goal: PathBuf,
}

impl PendingFolder {
    /// Begins a folder. Called before the work that fills it, so that one that can't be made is known early. What is there
    /// already is never replaced, but for an empty folder.
    pub fn create(goal: &Path) -> Result<Self, EvidenceError> {
        let refused =
            |reason: &str| EvidenceError::Folder { path: goal.display().to_string(), reason: reason.to_owned() };
        if std::fs::symlink_metadata(goal).is_ok_and(|it| it.is_symlink()) {
            return Err(refused("it is a link"));
        }
        match std::fs::read_dir(goal).map(|mut found| found.next().is_some()) {
            Ok(true) => return Err(refused("it holds files already")),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(refused("it is a file")),
            Err(error) => return Err(refused(&error.to_string())),
        }
        let Some(name) = goal.file_name() else { return Err(refused("it is not the name of a new folder")) };
        let beside = goal.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let device = |path: &Path| std::fs::metadata(path).map(|it| it.dev()).ok();
        if device(goal).is_some_and(|it| Some(it) != device(beside)) {
            return Err(refused("something is mounted there"));
        }
        // It holds values of rejected rows.
        let own = Permissions::from_mode(0o700);
        let filled = tempfile::Builder::new()
            .permissions(own)
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .tempdir_in(beside);
        let filled = filled.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused("the folder in which it would be doesn't exist"),
            io::ErrorKind::PermissionDenied => refused("its folder doesn't let this user write"),
            _ => refused(&error.to_string()),
        })?;
        Ok(Self { filled, goal: goal.to_owned() })
    }

    /// Where it is until it is complete.
    pub fn path(&self) -> &Path {
        self.filled.path()
    }

    /// Gives it its name.
    pub fn finish(self) -> Result<(), EvidenceError> {
        let Self { filled, goal } = self;
        let renamed = std::fs::rename(filled.path(), &goal);
        renamed
            .map_err(|error| EvidenceError::Folder { path: goal.display().to_string(), reason: error.to_string() })?;
        // What it was called has become another name, and is no longer to be removed.
        let _ = filled.keep();
        Ok(())
    }
}
