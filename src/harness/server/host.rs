//! A process that holds an ephemeral server for others: a test binary can't end one itself, since its statics are never
//! dropped, and under nextest each test is a process of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::harness::server::alive::is_alive;
use crate::harness::server::lease::{Kept, Server};
use crate::harness::server::local::LOCK;

/// The file in which the server is announced.
pub const ANNOUNCEMENT: &str = "server.json";
/// The file that names a database to be kept, with its server.
pub const KEEP: &str = "keep";
/// Between two checks whether the process lives for which the server is held.
const POLL: Duration = Duration::from_millis(50);

/// What those who use the server need to know.
#[derive(Clone, Serialize, Deserialize)]
pub struct Announcement {
    /// As [`Server::url`]; may hold a password.
    pub url: String,
    /// As [`Server::line`].
    pub line: String,
    /// As [`Server::connect`].
    pub connect: String,
    /// As [`Server::stop`].
    pub stop: String,
    /// Whether the server was there before and stays.
    pub given: bool,
    /// Prefix of databases that go with this server.
    pub prefix: String,
}

/// Files that this process and the users of the server put into the directory they share.
const FILES: [&str; 6] = [ANNOUNCEMENT, WRITTEN, KEEP, "log", "turn", LOCK];
const WRITTEN: &str = "written.json";

/// The private directory that those who use the server share, removed at the end unless it holds something else.
pub struct Shared(PathBuf);

impl Shared {
    /// Takes a directory that holds nothing but what those who share it put there.
    pub(crate) fn claim(folder: &Path) -> std::io::Result<Self> {
        match folder.read_dir()?.flatten().find(|it| !FILES.iter().any(|file| it.file_name() == *file)) {
            None => Ok(Self(folder.to_owned())),
            Some(other) => Err(std::io::Error::other(format!(
                "{} can't be used for a server, because it holds {}; name an empty directory",
                folder.display(),
                other.path().display()
            ))),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for file in FILES {
            let _ = std::fs::remove_file(self.0.join(file));
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Announces the server in the directory and holds it until the process ends, or else the standard input does. Then the
/// server ends too, unless the directory names a database to be kept.
pub async fn hold(server: Server, shared: Shared, process: Option<u32>) -> std::io::Result<Option<Kept>> {
    let folder = &shared.0;
    let announcement = Announcement {
        url: server.url.clone(),
        line: server.line(),
        connect: server.connect.clone(),
        stop: server.stop.clone(),
        given: server.lease.is_given(),
        prefix: server.database_name(""),
    };
    // Readers must never see half of it.
    let written = folder.join(WRITTEN);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written)?;
    file.write_all(&serde_json::to_vec(&announcement)?)?;
    std::fs::rename(written, folder.join(ANNOUNCEMENT))?;
    match process {
        Some(process) => {
            while is_alive(process) {
                tokio::time::sleep(POLL).await;
            }
        }
        None => {
            let (end, ended) = tokio::sync::oneshot::channel();
            // A thread of its own: the runtime would wait for one of its threads when a signal ends us.
            std::thread::spawn(move || end.send(std::io::copy(&mut std::io::stdin(), &mut std::io::sink())));
            let _ = ended.await;
        }
    }
    let kept = std::fs::read_to_string(folder.join(KEEP)).ok();
    drop(shared);
    Ok(kept.map(|database| server.keep(database.trim())))
}
