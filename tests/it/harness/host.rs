//! One ephemeral server a test run, whichever runner it has: under `cargo test` a run is this process, under nextest it
//! is all processes with the same parent.
//!
//! The server is held by a process of the built since statics are never dropped. It ends with the run: it
//! watches a pipe to us, or nextest's process.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::OnceLock;
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

pub(crate) fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| match std::env::var("NEXTEST_RUN_ID") {
        Ok(run) => join(&run),
        Err(_) => {
            let folder =
                tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parents()[0]).expect("a directory is made");
            let folder = folder.keep();
            let (announcement, alive) = wait(&folder, spawn(&folder, None));
            Host { announcement, folder, _alive: alive }
        }
    })
}

impl Host {
    /// Keeps the server, with this database, when the run ends.
    pub(crate) fn keep(&self, database: &str) {
        std::fs::write(self.folder.join(KEEP), database).expect("the host's directory is there");
    }
}

/// The server of a nextest run: the first process starts it.
fn join(run: &str) -> Host {
    let folder = parents()[0].join(format!("{PREFIX}run_{run}"));
    // Everybody may write to /tmp; what somebody else put there is not ours.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder).and_then(|()| folder.metadata());
    let ours = rustix::process::geteuid().as_raw();
    assert_eq!(made.expect("the run's directory is made").uid(), ours, "{} is somebody else's", folder.display());
    let Ok(turn) = File::create(folder.join("turn")) else { return join(run) };
    turn.lock().expect("another process starts the server and ends");
    if !folder.join("turn").exists() {
        // Whoever had its turn got no server, and its host took the directory away. We may fare better, or say why not.
        return join(run);
    }
    let announcement = announced(&folder).unwrap_or_else(|| wait(&folder, spawn(&folder, Some(parent_id()))).0);
    Host { announcement, folder, _alive: None }
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
fn wait(folder: &Path, mut host: Option<Starting>) -> (Announcement, Option<ChildStdin>) {
    let deadline = Instant::now() + STARTED;
    loop {
        if let Some(announcement) = announced(folder) {
            return (announcement, host.and_then(|mut it| it.child.stdin.take()));
        }
        let ended = host.as_mut().and_then(|it| it.child.try_wait().expect("the host is our child"));
        if ended.is_some() || Instant::now() > deadline {
            let mut printed = String::new();
            if let Some(log) = host.as_mut().and_then(|it| it.log.as_mut()) {
                log.read_to_string(&mut printed).expect("the log is text");
            }
            panic!("the ephemeral server could not be had ({ended:?}); see above or here: {printed}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
