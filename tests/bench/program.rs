//! Programs: the one that was built, and those that this machine has.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Result, fs_text};

/// The built program, which prints nothing and finds no file of settings.
pub(super) fn pad_migrate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pad-migrate"));
    command.args(arguments).current_dir("/").stdout(Stdio::null());
    command
}

/// Runs a command of it on a database: the peak of its resident memory in megabytes.
pub(super) fn run(command: &[&str], url: &str, code: i32) -> Result<f64> {
    let mut child = pad_migrate(command).args(["-q", "--database-url", url]).spawn()?;
    // The kernel keeps the highest mark; the last look is a few milliseconds before the end.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    let ended = loop {
        let text = fs_text(&status);
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = mark.and_then(|mark| mark.parse::<f64>().ok()).map_or(peak, |mark| mark * 1024.0 / 1e6);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if ended.code() == Some(code) {
        Ok(peak)
    } else {
        Err(format!("{} ended with {ended}, and {code} was expected", command.join(" ")).into())
    }
}

/// Where this machine has a program: PostgreSQL's own, the newest first, then what PATH finds.
pub(super) fn programs(name: &str) -> impl Iterator<Item = PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    debian.into_iter().rev().chain(on_path).map(move |folder| folder.join(name)).filter(|path| path.exists())
}

/// Seconds that a command takes, whose exit code must be this.
pub(super) fn seconds(command: &mut Command, code: i32) -> Result<f64> {
    let since = Instant::now();
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    match ended.code() == Some(code) {
        true => Ok(since.elapsed().as_secs_f64()),
        false => Err(format!("{command:?} ended with {ended}, and {code} was expected").into()),
    }
}
