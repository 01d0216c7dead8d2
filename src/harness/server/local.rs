//! An ephemeral server from the PostgreSQL programs on this machine.
//!
//! A keeper, a small shell script in a process group of its own, starts the server and waits for its standard input to
//! close. However this process ends, a SIGKILL included, the kernel closes that pipe; the keeper then stops the server
//! and removes its directory. As long as it lives it holds a lock on a file in there, so that a directory whose keeper
//! was killed too, or went with the power, can be distinguished from one in use, and is removed at the next start. As
//! root the server, the keeper and the directory belong to another user, since PostgreSQL refuses to run as root.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::harness::server::alive::{Alive, is_alive};
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::{Lease, Started, serve};
use crate::harness::server::names::{PREFIX, database_url, token, url_value};
use crate::harness::server::request::{Durability, ServerRequest, settings};
use crate::postgres::programs::{Programs, programs};

/// A server that isn't ready by then never will be.
const READY_SECONDS: u64 = 60;

/// The file in a server's directory on which its keeper holds a lock.
pub const LOCK: &str = "pad_migrate.lock";

/// The keeper holds its lock well before a directory is this old.
const YOUNG: Duration = Duration::from_secs(2);

/// Arguments: the programs' folder, the server's directory, a script for the data directory, the server's options.
/// Says on its standard error why there is no server, or the server's process; initdb's words aren't in a file, since a
/// full disk would not take them. Reads one word: `keep` leaves the server running until it is stopped by hand; anything
/// else, or the end of input, stops it at once. Immediate shutdown, because nothing in the directory outlives it.
const KEEPER: &str = r#"
trap '' INT TERM HUP PIPE
bin=$1; dir=$2; setup=$3; shift 3
server=
if made=$(exec 2>&1 </dev/null
    "$bin/initdb" --pgdata "$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync &&
    cd "$dir/data" && eval "$setup")
then
    (trap - INT TERM HUP PIPE; exec "$bin/postgres" -D "$dir/data" "$@") </dev/null >"$dir/log" 2>&1 &
    server=$!
    echo "$server" >&2
else
    echo "$made" >&2
    echo 'FATAL: initdb failed' >&2
fi
exec 2>/dev/null
word=
read -r word
if [ -n "$server" ]; then
    # A server without a pid file has no handlers yet, and no children; it may even ignore what is not KILL.
    if [ "$word" != keep ]; then
        while kill -0 "$server" 2>/dev/null; do
            if [ -s "$dir/data/postmaster.pid" ]; then kill -QUIT "$server"; else kill -KILL "$server"; fi
            sleep 0.1 || sleep 1
        done 2>/dev/null &
    fi
    wait "$server"
fi
cd / && rm -rf "$dir"
"#;

/// What a server needs.
pub(super) const SERVER: [&str; 2] = ["initdb", "postgres"];

#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// The user who runs the server, if it isn't the one of this process.
fn server_user() -> Result<Option<User>, ServerError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |name: &str| {
        let mut fields =
            passwd.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?.skip(2);
        // On macOS nobody is -2.
        let mut number = || fields.next()?.parse::<i64>().ok().map(|it| it as u32);
        Some(User { uid: number()?, gid: number()? })
    };
    user("postgres").or_else(|| user("nobody")).map(Some).ok_or(ServerError::NoUser)
}

fn command(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    // Other users may see a server's environment, and this process's holds passwords.
    let needed = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
    let needed = needed.iter().filter_map(|it| Some((it, std::env::var_os(it)?)));
    command.current_dir("/").env_clear().env("LC_ALL", "C").envs(needed);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// The last lines of what a keeper and a server have said, but for the process's number; before them the first that
/// gives a reason, which others may follow from.
fn last_lines(text: &str) -> String {
    let is_text = |it: &&str| !it.trim().is_empty() && it.parse::<u32>().is_err();
    let lines: Vec<&str> = text.lines().filter(is_text).collect();
    let (earlier, last) = lines.split_at(lines.len().saturating_sub(4));
    let reason = earlier.iter().find(|it| ["FATAL:", "PANIC:", "rror:"].iter().any(|word| it.contains(word)));
    reason.into_iter().chain(last).copied().collect::<Vec<_>>().join("; ")
}

/// Starts the highest version of the installed programs that will do; one that isn't released only where no other will.
pub(super) fn start(request: &ServerRequest) -> Result<Started, ServerError> {
    let found = programs(SERVER);
    let is_released = |it: &&Programs| it.version.chars().all(|it| it == '.' || it.is_ascii_digit());
    let mut fitting = found.iter().filter(|it| request.wants(&it.version));
    match fitting.clone().find(is_released).or_else(|| fitting.next()) {
        Some(programs) => run(programs, "local programs", request),
        None if found.is_empty() => Err(ServerError::NoPrograms),
        None => {
            let found: Vec<&str> = found.iter().map(|it| it.version.as_str()).collect();
            Err(ServerError::NoSuchPrograms { wanted: request.wanted(), found: found.join(" and ") })
        }
    }
}

/// Starts a server from these programs.
pub(super) fn run(programs: &Programs, kind: &str, request: &ServerRequest) -> Result<Started, ServerError> {
    let alive = Alive::begin()?;
    let user = server_user()?;
    let io = |what: String| move |source| ServerError::Io { what, source };

    let dir = directory(user, request.durability).map_err(io("creating the server's directory".to_owned()))?;
    // The socket is in a private directory: no port to collide on, nothing to listen to.
    let (address, port) = match &request.setup {
        None => ("", 5432),
        Some(_) => ("127.0.0.1", free_port().map_err(io("finding a free port".to_owned()))?),
    };
    let place = [
        // A list: a comma or a blank in it would part it.
        format!("unix_socket_directories=\"{}\"", dir.path().display().to_string().replace('"', "\"\"")),
        format!("listen_addresses={address}"),
        format!("port={port}"),
    ];
    let mut keeper = command(Path::new("/bin/sh"), user);
    keeper.args(["-c", KEEPER, "pad-migrate-keeper"]).arg(&programs.bin).arg(dir.path());
    keeper.arg(request.setup.as_deref().unwrap_or_default());
    for setting in place.into_iter().chain(settings(request.durability)) {
        keeper.arg("-c").arg(setting);
    }
    // The lock belongs to the open file, which is the keeper's standard output alone.
    let lock = File::create(dir.path().join(LOCK)).and_then(|it| it.lock().map(|()| it));
    let mut child = keeper
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(lock.map_err(io("locking the server's directory".to_owned()))?)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io("starting the server's keeper".to_owned()))?;
    drop(keeper);
    let stdin = child.stdin.take();
    let mut said = child.stderr.take();
    // It says all it has to say, and closes the pipe, once the server is started or can't be.
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = said.as_mut().map(|it| it.read_to_string(&mut text));
        text
    });
    let keeper = Keeper { child, stdin, dir };
    wait_until_ready(keeper.dir.path(), said)?;
    let url = format!("postgres:///postgres?host={}&port={port}&user=postgres", url_value(keeper.dir.path()));
    Ok(Started {
        connect: format!("psql '{}'", database_url(&url, "{}")),
        serve: serve(&database_url(&url, "{}")),
        stop: format!("kill -INT {}", pid_file(keeper.dir.path(), 1).unwrap_or_default()),
        description: format!("{kind} in {}", programs.bin.display()),
        url,
        token: token(),
        lease: Box::new(keeper),
        alive,
    })
}

/// Waits for a server that a keeper starts, which says its process or why there is none.
fn wait_until_ready(dir: &Path, said: JoinHandle<String>) -> Result<(), ServerError> {
    let mut said = Some(said);
    let mut words = String::new();
    let mut process = None;
    let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
    // The pid file says so on its eighth line once connections are accepted (pg_ctl waits for the same).
    while !pid_file(dir, 8).is_some_and(|it| ["ready", "standby"].contains(&it.trim())) {
        if let Some(said) = said.take_if(|it| it.is_finished()) {
            words = said.join().unwrap_or_default();
            process = words.lines().find_map(|it| it.parse().ok());
        }
        let has_ended = said.is_none() && !process.is_some_and(is_alive);
        if has_ended || Instant::now() > deadline {
            let logged = std::fs::read(dir.join("log")).unwrap_or_default();
            let mut log = last_lines(&format!("{words}{}", String::from_utf8_lossy(&logged)));
            if !has_ended {
                log += &format!("; it isn't ready after {READY_SECONDS} s");
            }
            let room = rustix::fs::statvfs(dir).map_or(u64::MAX, |it| it.f_bavail * it.f_frsize);
            if room < NO_ROOM {
                log += &format!("; there is no space left in {}", dir.display());
            }
            return Err(ServerError::NotReady { log });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Less room than one segment of the write-ahead log takes.
const NO_ROOM: u64 = 16 << 20;

/// Where the directories are: below TMPDIR, unless a server couldn't have its socket there; or in memory.
pub fn parents() -> [PathBuf; 2] {
    let user = server_user().ok().flatten();
    let temporary = std::path::absolute(std::env::temp_dir()).ok().filter(|it| is_usable(it, user));
    [temporary.unwrap_or_else(|| "/tmp".into()), MEMORY.into()]
}

/// Whether a server's directory may be in a folder: a socket's path has some hundred bytes at most (`sockaddr_un`), all
/// of which are text here, and the server's user must get there.
fn is_usable(folder: &Path, user: Option<User>) -> bool {
    let is_text = folder.to_str().is_some_and(|it| it.len() < 60 && !it.contains(char::is_control));
    let is_open = |found: Metadata, user: User| {
        let shift = match (found.uid() == user.uid, found.gid() == user.gid) {
            (true, _) => 6,
            (false, true) => 3,
            (false, false) => 0,
        };
        found.mode() >> shift & 1 == 1
    };
    let may_enter = |user| folder.ancestors().all(|it| it.metadata().is_ok_and(|found| is_open(found, user)));
    is_text && user.is_none_or(may_enter)
}

/// Linux's file system in memory. Many small files are created and removed there several times as fast.
const MEMORY: &str = "/dev/shm";

/// What a test suite's databases and their write-ahead log may need, in bytes.
const ENOUGH: u64 = 2 << 30;

/// Removes what servers left whose keeper is gone: the process, if it was orphaned, and the directory.
pub(super) fn sweep() {
    // The temporary directory is shared: only what this user, or the servers' user, has created there counts.
    let own = geteuid();
    let servers = server_user().ok().flatten().map(|it| it.uid);
    let entries = parents().into_iter().flat_map(|it| std::fs::read_dir(it).into_iter().flatten());
    let named = |name: &std::ffi::OsStr| name.to_str().is_some_and(|it| it.starts_with(PREFIX));
    for path in entries.flatten().filter(|entry| named(&entry.file_name())).map(|entry| entry.path()) {
        let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
        if !found.is_dir() || found.uid() != own.as_raw() && Some(found.uid()) != servers {
            continue;
        }
        let is_young =
            |of: &Metadata| of.modified().ok().and_then(|time| time.elapsed().ok()).is_none_or(|age| age < YOUNG);
        let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;
        let Ok(lock) = OpenOptions::new().read(true).custom_flags(flags).open(path.join(LOCK)) else {
            // A directory of that name without a lock is not a server's, unless it is empty: its creator died before
            // there was a lock, or the keeper could remove only what is in it.
            if !is_young(&found) {
                let _ = std::fs::remove_dir(&path);
            }
            continue;
        };
        if lock.metadata().as_ref().map_or(true, is_young) || lock.try_lock().is_err() {
            continue;
        }
        // What answers on the socket in there is the server of the pid file, unless both were forged; so it must be a
        // process of the directory's owner, too.
        let port = pid_file(&path, 4).unwrap_or_default();
        if UnixStream::connect(path.join(format!(".s.PGSQL.{}", port.trim()))).is_ok()
            && let Some(pid) = pid_file(&path, 1).and_then(|line| line.parse().ok()).filter(|pid| *pid > 1)
            && std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|it| it.uid() == found.uid())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::QUIT);
        }
        // What can't be removed belongs to another user, whose runs will remove it.
        let _ = std::fs::remove_dir_all(&path);
    }
}

/// A line of a running server's pid file: 1 is its process, 4 its port, 8 its state (miscinit.c, AddToDataDirLockFile).
fn pid_file(dir: &Path, line: usize) -> Option<String> {
    Some(std::fs::read_to_string(dir.join("data/postmaster.pid")).ok()?.lines().nth(line - 1)?.to_owned())
}

/// A port that is free just now.
fn free_port() -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|it| it.port())
}

/// Creates `pad_migrate_…` in one of [`parents`], private to the server's user. Removed on drop, unless the keeper has
/// done so.
fn directory(user: Option<User>, durability: Durability) -> std::io::Result<TempDir> {
    let [temporary, memory] = parents();
    let room = rustix::fs::statvfs(MEMORY).map_or(0, |it| it.f_bavail * it.f_frsize);
    let parent = if durability == Durability::Memory && room > ENOUGH { memory } else { temporary };
    let private = std::fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
    if let Some(user) = user {
        chown(dir.path(), Some(user.uid), Some(user.gid))?;
    }
    Ok(dir)
}

/// The keeper's process, and the pipe that keeps the server alive.
pub(super) struct Keeper {
    child: Child,
    stdin: Option<ChildStdin>,
    dir: TempDir,
}

impl Lease for Keeper {
    fn keep(mut self: Box<Self>, _: &str) {
        if let Some(stdin) = self.stdin.as_mut() {
            // A keeper that has gone takes the server with it; then there is nothing to keep.
            let _ = stdin.write_all(b"keep\n");
        }
        std::mem::forget(*self);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The keeper ends when the server has; it never waits for anything else.
        let _ = self.child.wait();
    }
}
