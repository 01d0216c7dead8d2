//! A backup of the application schema, by PostgreSQL's own program, read back before it is called good.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::NamedTempFile;
use tokio::process::Command;

use super::Database;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The programs aren't here.
    #[error(
        "{program} is not on this machine's PATH nor where packages put it; \
         install PostgreSQL's client programs, of the server's version or newer"
    )]
    Program {
        /// Which.
        program: &'static str,
    },
    /// One of them failed.
    #[error("{program} failed, and there is no backup: {told}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its own words.
        told: String,
    },
    /// The file could not be written.
    #[error("{path} can't be created: {kind}; choose another file")]
    File {
        /// Where.
        path: String,
        /// The system's word.
        kind: ErrorKind,
    },
}

/// Backs up to a file, as `pg_dump -Fc` does: what the patterns name, `--schema=padealing` for example. An earlier file
/// stays as it was until the new one has been read back.
pub async fn backup(database: &Database, patterns: &[String], path: &Path) -> Result<(), BackupError> {
    let failed = |kind| BackupError::File { path: path.display().to_string(), kind };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).map_err(|error| failed(error.kind()))?;
    let mut dump: Vec<PathBuf> = ["--format=custom", "--no-password", "--file"].map(PathBuf::from).into();
    dump.push(file.path().to_owned());
    dump.extend(patterns.iter().map(PathBuf::from));
    run("pg_dump", database, &dump).await?;
    run("pg_restore", database, &[PathBuf::from("--list"), file.path().to_owned()]).await?;
    file.persist(path).map(|_| ()).map_err(|error| failed(error.error.kind()))
}

/// Runs a program with the connection in its environment: a process's arguments can be read by everybody.
async fn run(program: &'static str, database: &Database, arguments: &[PathBuf]) -> Result<(), BackupError> {
    for found in places(program) {
        let mut command = Command::new(&found);
        command.args(arguments).envs(database.variables()).stdin(Stdio::null()).stdout(Stdio::null());
        // With the one who waits for it, it ends too.
        let output = match command.stderr(Stdio::piped()).kill_on_drop(true).output().await {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other,
        };
        let failed = |told: String| Err(BackupError::Failed { program, told });
        return match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                failed(text.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("; "))
            }
            Err(error) => failed(error.to_string()),
        };
    }
    Err(BackupError::Program { program })
}

/// By its name, and where packages put it, the newest first: an older one would not read a newer server.
fn places(program: &str) -> Vec<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = folders.map(|it| it.path()).collect();
    let version = |it: &PathBuf| it.file_name().and_then(|it| it.to_str()?.parse::<u32>().ok());
    folders.sort_by_key(|it| std::cmp::Reverse(version(it)));
    let packaged = folders.into_iter().map(|it| it.join("bin").join(program)).filter(|it| it.is_file());
    packaged.chain([PathBuf::from(program)]).collect()
}
