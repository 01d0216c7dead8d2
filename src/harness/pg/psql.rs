//! Runs a script with psql, as a person runs it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::postgres::programs::programs;

/// A script over some hundred rows is done within a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where psql is, if it is installed: the newest one.
pub(super) async fn find_psql() -> Option<PathBuf> {
    let found = tokio::task::spawn_blocking(|| programs(["psql", "psql"])).await.unwrap_or_default();
    found.into_iter().next().map(|it| it.bin.join("psql"))
}

/// What a script prints, and whether it ended well; or why it could not be run.
pub(super) async fn run_script(
    psql: &Path,
    database: &EphemeralDatabase,
    script: &Path,
) -> Result<(String, bool), String> {
    let mut command = Command::new(psql);
    // In libpq they win over what is given, and lead to another server.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command
        .args(["-X", "--no-password", "-f"])
        .arg(script)
        .envs(database.variables())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| error.to_string())?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.map_err(|_| format!("it gave no answer within {} s", PATIENCE.as_secs()))?;
    let output = output.map_err(|error| error.to_string())?;
    match output.status.code() {
        // 3 is an error of the script: what it says at its end of rows that differ.
        Some(code @ (0 | 3)) => Ok((String::from_utf8_lossy(&output.stdout).into_owned(), code == 0)),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")),
    }
}
