//! The third opinion: psql with the script of a bundle.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Result;

/// Runs proof.sql of a bundle, which has to prove.
pub(super) fn prove(url: &str, folder: &Path) -> Result<()> {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-d", url, "-f"]).arg(folder.join("proof.sql")).stdout(Stdio::null());
    let status = psql.status()?;
    if status.success() { Ok(()) } else { Err(format!("proof.sql ended with {status}").into()) }
}
