//! A backup of the application schema by pg_dump, which pg_restore must be able to read.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::base::file::PendingFile;
use crate::postgres::database::Database;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The programs aren't installed.
    #[error(
        "pg_dump and pg_restore are neither on the PATH nor where packages install them; \
         install PostgreSQL's client programs, of the server's version or newer"
    )]
    Programs,
    /// One of them failed.
    #[error("{program} failed, so there is no backup: {output}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its stderr, on one line.
        output: String,
    },
}

/// The program that writes, and the one that reads.
const PROGRAMS: [&str; 2] = ["pg_dump", "pg_restore"];

/// Backs up to a pending file, as `pg_dump -Fc` does: what the patterns name, `--schema=padealing` for example. It is
/// read back before it counts.
pub async fn backup(database: &Database, patterns: &[String], file: &PendingFile) -> Result<(), BackupError> {
    // The newest: an older one would not read a newer server.
    let programs = tokio::task::spawn_blocking(|| crate::postgres::programs::programs(PROGRAMS).into_iter().next());
    let bin = programs.await.ok().flatten().ok_or(BackupError::Programs)?.bin;
    let mut dump: Vec<PathBuf> = ["--format=custom", "--no-password", "--file"].map(PathBuf::from).into();
    dump.push(file.pending_path());
    dump.extend(patterns.iter().map(PathBuf::from));
    let list = [PathBuf::from("--list"), file.pending_path()];
    for (program, arguments) in [(PROGRAMS[0], &dump[..]), (PROGRAMS[1], &list)] {
        run(program, &bin, database, arguments).await?;
    }
    Ok(())
}

/// Runs a program with the connection in its environment: other users can read a process's arguments.
async fn run(program: &'static str, bin: &Path, database: &Database, arguments: &[PathBuf]) -> Result<(), BackupError> {
    let mut command = Command::new(bin.join(program));
    command.args(arguments).envs(database.variables()).stdin(Stdio::null()).stdout(Stdio::null());
    // In libpq they win over the host and the database that are given, and lead to another server.
    for name in ["PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR"] {
        command.env_remove(name);
    }
    // It is killed when the command is interrupted.
    let output = command.stderr(Stdio::piped()).kill_on_drop(true).output().await;
    let output = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Err(error) => error.to_string(),
    };
    Err(BackupError::Failed { program, output })
}
