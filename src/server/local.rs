//! An ephemeral server from the PostgreSQL programs on this machine.
//!
//! A keeper, a small shell script in a process group of its own, starts the server and waits for its standard input
//! to close. However this process ends, a SIGKILL included, the kernel closes that pipe; the keeper then stops the
//! server and removes its directory. As root the server, the keeper and the directory belong to another user, since
//! PostgreSQL refuses to run as root.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Durability, Guard, PREFIX, Server, ServerError, settings};

/// A server that isn't ready by then never will be.
const READY_SECONDS: u64 = 60;

/// Arguments: the programs' folder, our directory, the server's options. Reads one word: `keep` leaves the server
/// running until somebody stops it; anything else, or the end of input, stops it at once. Immediate shutdown, because
/// nothing in the directory outlives it.
const KEEPER: &str = r#"
trap '' INT TERM HUP
bin=$1; dir=$2; shift 2
if "$bin/initdb" --pgdata "$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    --no-instructions </dev/null >"$dir/log" 2>&1
then
    (trap - INT TERM HUP; exec "$bin/postgres" -D "$dir/data" "$@") </dev/null >>"$dir/log" 2>&1 &
    server=$!
else
    echo 'FATAL: initdb failed' >>"$dir/log"
    server=
fi
word=
read -r word
if [ -n "$server" ]; then
    [ "$word" = keep ] || kill -QUIT "$server" 2>/dev/null
    wait "$server"
fi
cd / && rm -rf "$dir"
"#;

/// A set of PostgreSQL programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// The folder that holds `initdb` and `postgres`.
    pub bin: PathBuf,
    /// The version as the program prints it, such as `15.18`.
    pub version: String,
}

/// Every set of PostgreSQL server programs on this machine, the highest version first.
pub fn programs() -> Vec<Programs> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),                          // Debian, Ubuntu
        ("/usr", "bin"),                                         // RPM packages named by version: /usr/pgsql-17/bin
        ("/opt/homebrew/opt", "bin"),                            // Homebrew on Apple silicon
        ("/usr/local/opt", "bin"),                               // Homebrew on Intel
        ("/home/linuxbrew/.linuxbrew/opt", "bin"),               // Homebrew on Linux
        ("/Applications/Postgres.app/Contents/Versions", "bin"), // Postgres.app
        ("/usr/local/pgsql", ""),                                // built from source
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else {
            continue;
        };
        folders.extend(entries.flatten().map(|entry| entry.path().join(below)));
    }
    let mut found: Vec<Programs> = Vec::new();
    for folder in folders {
        let real = |program: &str| folder.join(program).canonicalize().ok().filter(|it| it.is_file());
        let (Some(initdb), Some(_)) = (real("initdb"), real("postgres")) else {
            continue;
        };
        // A link on PATH leads to the folder where the other programs and the libraries are.
        let Some(bin) = initdb.parent().map(Path::to_owned) else {
            continue;
        };
        if found.iter().any(|it| it.bin == bin) {
            continue;
        }
        let Ok(output) = Command::new(bin.join("postgres")).arg("--version").output() else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(version) = text.split_whitespace().find(|it| it.starts_with(|c: char| c.is_ascii_digit())) {
            found.push(Programs { bin, version: version.to_owned() });
        }
    }
    let numbers = |it: &Programs| it.version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    found.sort_by_key(|it| std::cmp::Reverse(numbers(it)));
    found
}

#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// The user who runs the server: nobody else when we aren't root.
fn server_user() -> Result<Option<User>, ServerError> {
    let ours = tempfile::tempfile().and_then(|it| it.metadata());
    let ours = ours.map_err(|source| ServerError::Io { what: "making a temporary file".to_owned(), source })?;
    if ours.uid() != 0 {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |name: &str| {
        let mut fields = passwd.lines().map(|it| it.split(':')).find(|it| it.clone().next() == Some(name))?.skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    user("postgres").or_else(|| user("nobody")).map(Some).ok_or(ServerError::NoUser)
}

fn command(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    // A server started from here must not inherit a client's settings, least of all its password.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|it| !it.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

pub(super) fn start(durability: Durability) -> Result<Server, ServerError> {
    let programs = programs().into_iter().next().ok_or(ServerError::NoPrograms)?;
    let user = server_user()?;
    let io = |what: String| move |source| ServerError::Io { what, source };

    let dir = directory(user).map_err(io("making the server's directory".to_owned()))?;
    // The socket is in our own directory, which nobody else may enter: no port to collide on, nothing to listen to.
    let place = [format!("unix_socket_directories={}", dir.path().display()), "listen_addresses=".to_owned()];
    let mut keeper = command(Path::new("/bin/sh"), user);
    keeper.args(["-c", KEEPER, "pad-migrate-keeper"]).arg(&programs.bin).arg(dir.path());
    for setting in place.into_iter().chain(settings(durability)) {
        keeper.arg("-c").arg(setting);
    }
    let mut child = keeper
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(io("starting the server's keeper".to_owned()))?;
    let stdin = child.stdin.take();
    let keeper = Keeper { child, stdin, dir };

    // The pid file says `ready` on its eighth line once connections are accepted (pg_ctl waits for the same).
    let pid_file = keeper.dir.path().join("data/postmaster.pid");
    let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
    while !std::fs::read_to_string(&pid_file).is_ok_and(|it| it.lines().nth(7).is_some_and(|it| it.trim() == "ready")) {
        if Instant::now() > deadline || !pid_file.exists() && keeper.has_ended() {
            let log = last_lines(&std::fs::read(keeper.dir.path().join("log")).unwrap_or_default());
            return Err(ServerError::NotReady { log });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let url = format!("postgres:///postgres?host={}&port=5432&user=postgres", keeper.dir.path().display());
    let description = format!("local programs in {}", programs.bin.display());
    Ok(Server { url, description, guard: Guard::Local(keeper) })
}

/// Makes `/tmp/pad_migrate_…`, or its like below `TMPDIR`, for nobody but the server's user. Removed on drop, unless
/// the keeper has done so.
fn directory(user: Option<User>) -> std::io::Result<TempDir> {
    // A socket's path has some hundred bytes at most (sockaddr_un); a long TMPDIR would not leave room for it.
    let parent = Some(std::env::temp_dir()).filter(|it| it.as_os_str().len() < 60).unwrap_or_else(|| "/tmp".into());
    let private = std::fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
    if let Some(user) = user {
        chown(dir.path(), Some(user.uid), Some(user.gid))?;
    }
    Ok(dir)
}

/// The keeper's process, and the pipe that keeps the server alive.
#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
    stdin: Option<ChildStdin>,
    dir: TempDir,
}

impl Keeper {
    fn has_ended(&self) -> bool {
        // Without the log there was no server; with it, a server that ended has said why.
        std::fs::read(self.dir.path().join("log")).is_ok_and(|it| it.windows(5).any(|word| word == b"FATAL"))
    }

    pub(super) fn keep(mut self) -> String {
        if let Some(stdin) = self.stdin.as_mut() {
            // A keeper that has gone takes the server with it; then there is nothing to keep.
            let _ = stdin.write_all(b"keep\n");
        }
        let pid = std::fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap_or_default();
        let stop = format!("kill -INT {}", pid.lines().next().unwrap_or_default());
        std::mem::forget(self);
        stop
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The keeper ends when the server has; it never waits for anything else.
        let _ = self.child.wait();
    }
}
