//! The program, run as its user runs it, with its signals, its time and what it leaves on the machine.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::sync::Semaphore;

use crate::harness::program::command;
use crate::harness::proxy::Proxy;
use crate::harness::{Db, program};

/// How a run has ended.
pub(super) struct Run {
    /// Its exit code, if no signal ended it.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    /// Its standard error.
    pub(super) printed: String,
    pub(super) took: Duration,
    /// What is wrong with it in any case.
    pub(super) wrong: Vec<String>,
}

/// So many at once that a processor is left.
pub(super) static TURNS: Semaphore = Semaphore::const_new(3);

/// A minute or so, as is promised, on a machine that others use, too.
pub(super) const BOUND: Duration = Duration::from_secs(120);

/// Processes that end because the program has ended need a moment.
const CHILDREN: Duration = Duration::from_secs(10);

pub(super) async fn run(db: &Db, proxy: Option<&Proxy>, arguments: &[&str], input: &Path, folder: &Path) -> Run {
    run_by(command(program()), db, proxy, arguments, input, folder).await
}

/// The same by a command that runs the program with more arguments.
pub(super) async fn run_by(
    mut command: Command,
    db: &Db,
    proxy: Option<&Proxy>,
    arguments: &[&str],
    input: &Path,
    folder: &Path,
) -> Run {
    let url = match proxy {
        Some(proxy) => proxy.url(db, &format!("{}&user={}", db.url, db.place().user)),
        None => db.url.clone(),
    };
    let input = input.to_str().expect("a path in UTF-8");
    let temporary = tempfile::tempdir().expect("a directory is made");
    command.current_dir(folder).env("COLUMNS", "100").env("TMPDIR", temporary.path()).args(["--database-url", &url]);
    command.args(arguments.iter().map(|it| it.replace("{in}", input)));
    // A group of its own, so that what it starts is known.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if proxy.is_none_or(Proxy::is_harmless) {
        // Nothing is to fail, however busy the machine is.
        command.env("DB_CONNECT_TIMEOUT", "60");
    }
    let since = Instant::now();
    let child = command.spawn().expect("the program starts");
    let pid = Pid::from_child(&child);
    if let Some(proxy) = proxy {
        proxy.watch(pid);
    }
    let mut ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let mut wrong = Vec::new();
    let output = match tokio::time::timeout(BOUND, &mut ended).await {
        Ok(output) => output,
        Err(_) => {
            wrong.push(format!("it did not end within {BOUND:?}"));
            let _ = kill_process_group(pid, Signal::KILL);
            ended.await
        }
    };
    let output = output.expect("it is waited for").expect("its output is read");
    let took = since.elapsed();
    let deadline = Instant::now() + CHILDREN;
    while test_kill_process_group(pid).is_ok() {
        if Instant::now() > deadline {
            wrong.push("a process that it started is still there".to_owned());
            let _ = kill_process_group(pid, Signal::KILL);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = temporary.path().read_dir().expect("the folder is there").flatten();
    wrong.extend(left.map(|it| format!("it left the temporary file {}", it.file_name().display())));
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    Run { code: output.status.code(), signal: output.status.signal(), printed, took, wrong }
}
