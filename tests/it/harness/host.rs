//! One ephemeral server a test run, whichever runner it has: under `cargo test` a run is this process, under nextest it
//! is all processes with the same parent.
//!
//! The server is held by a process of the built program, since statics are never dropped. It ends with the run: it
//! watches a pipe to us, or nextest's process.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use super::program::command;
use pad_migrate::harness::server::host::{ANNOUNCEMENT, Announcement, KEEP};
use pad_migrate::harness::server::local::{LOCK, parents};
use pad_migrate::harness::server::names::PREFIX;

/// An image is pulled, or programs are downloaded, by then.
const STARTED: Duration = Duration::from_secs(1800);

/// The run's server.
pub(crate) struct Host {
    pub(crate) announcement: Announcement,
    folder: PathBuf,
    /// Closed by the kernel when we end, and by nobody before.
    _alive: Option<ChildStdin>,
}

/// The run's server, or why the run has none: that is found out once.
fn start() -> &'static Result<Host, String> {
    static HOST: OnceLock<Result<Host, String>> = OnceLock::new();
    HOST.get_or_init(|| match std::env::var("NEXTEST_RUN_ID") {
        Ok(run) => join(&run),
        Err(_) => {
            let folder =
                tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parents()[0]).expect("a directory is made");
            let folder = folder.keep();
            let (announcement, alive) = wait(&folder, spawn(&folder, None))?;
            Ok(Host { announcement, folder, _alive: alive })
        }
    })
}

#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
pub(crate) fn host() -> &'static Host {
    match start() {
        Ok(host) => host,
        Err(why) => {
            let (first, more) = why.split_once('\n').unwrap_or((why, ""));
            static FIRST: Once = Once::new();
            FIRST.call_once(|| eprint!("{more}"));
            eprintln!("the run has no server: {first}");
            // Without the backtrace of a panic, which says nothing more, in every test.
            std::panic::resume_unwind(Box::new("the run has no server"));
        }
    }
}

/// Why the run has no server, in a file for the other processes of a nextest run. Its name has the run's and that of
/// nextest's process: it can't be an earlier run's.
fn failure(run: &str) -> PathBuf {
    let parent = parent_id();
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    // When it was started, in ticks since the machine was (proc_pid_stat(5)).
    let since = stat.rsplit(')').next().and_then(|it| it.split_whitespace().nth(19)).unwrap_or_default();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{NO_SERVER}{run}-{parent}-{since}"))
}

const NO_SERVER: &str = "no-server-";

/// Notes it, and removes what earlier runs have noted.
fn note(failure: &Path, why: &str) {
    let folder = failure.parent().expect("it is in a folder");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_old =
            entry.metadata().and_then(|it| it.modified()).is_ok_and(|it| it.elapsed().is_ok_and(|it| it > DAY));
        if is_old && entry.file_name().to_string_lossy().starts_with(NO_SERVER) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    // Where it can't be noted, each process finds out for itself.
    let _ = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(failure, why));
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Host {
    /// Keeps the server, with this database, when the run ends.
    pub(crate) fn keep(&self, database: &str) {
        std::fs::write(self.folder.join(KEEP), database).expect("the host's directory is there");
    }
}

/// The server of a nextest run: the first process starts it.
fn join(run: &str) -> Result<Host, String> {
    let failure = failure(run);
    let folder = parents()[0].join(format!("{PREFIX}run_{run}"));
    loop {
        if let Ok(why) = std::fs::read_to_string(&failure) {
            return Err(why.lines().next().unwrap_or_default().to_owned());
        }
        // Everybody may write to /tmp: a directory of another user isn't this run's.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder).and_then(|()| folder.metadata());
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(made.expect("the run's directory is made").uid(), own, "{} is somebody else's", folder.display());
        let Ok(turn) = File::create(folder.join("turn")) else { continue };
        turn.lock().expect("another process starts the server and ends");
        // A process that had its turn and got no server has taken the directory away.
        if folder.join("turn").exists() {
            let found = announced(&folder)
                .map_or_else(|| wait(&folder, spawn(&folder, Some(parent_id()))), |it| Ok((it, None)));
            let (announcement, _) = found.inspect_err(|why| note(&failure, why))?;
            return Ok(Host { announcement, folder, _alive: None });
        }
    }
}

/// A host that was started, and what it says where it doesn't say it on our own standard error.
struct Starting {
    child: Child,
    log: Option<File>,
}

/// Starts a host, unless there is one that only hasn't announced its server yet.
fn spawn(folder: &Path, process: Option<u32>) -> Option<Starting> {
    // Held by the host as its standard output: a sweep leaves the directory alone as long as the host lives.
    let lock = File::create(folder.join(LOCK)).expect("the host's directory is there");
    lock.try_lock().ok()?;
    let mut command = command(env!("CARGO_BIN_EXE_pad-migrate"));
    command.arg("ephemeral").arg(folder).stdout(lock).stdin(Stdio::piped());
    let mut log = None;
    if let Some(process) = process {
        // nextest waits for whoever holds a test's output.
        let path = folder.join("log");
        let file = File::create(&path).expect("the host's directory is there");
        command.args(["--process", &process.to_string()]).stdin(Stdio::null()).stderr(file);
        // A host that fails takes its directory away; who has the file open still reads it.
        log = File::open(path).ok();
    }
    // A group of its own, so that Ctrl-C reaches us and not the host, which has to clean up.
    let child = command.process_group(0).spawn().expect("the built program starts");
    Some(Starting { child, log })
}

fn announced(folder: &Path) -> Option<Announcement> {
    let text = std::fs::read(folder.join(ANNOUNCEMENT)).ok()?;
    Some(serde_json::from_slice(&text).expect("the announcement is JSON"))
}

/// Waits for the announcement of a host, which we have started or somebody who was killed since.
fn wait(folder: &Path, mut host: Option<Starting>) -> Result<(Announcement, Option<ChildStdin>), String> {
    let deadline = Instant::now() + STARTED;
    loop {
        if let Some(announcement) = announced(folder) {
            return Ok((announcement, host.and_then(|mut it| it.child.stdin.take())));
        }
        let ended = host.as_mut().and_then(|it| it.child.try_wait().expect("the host is our child"));
        if ended.is_some() || Instant::now() > deadline {
            let mut printed = String::new();
            if let Some(log) = host.as_mut().and_then(|it| it.log.as_mut()) {
                log.read_to_string(&mut printed).expect("the log is text");
            }
            // Under `cargo test` the host has said it on our own standard error.
            let ended = ended.map_or("it never said that it is ready".to_owned(), |it| {
                format!("its host ended with {it}; see above")
            });
            return Err(if printed.is_empty() { ended } else { printed });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
