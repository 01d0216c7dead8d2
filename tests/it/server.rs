//! The ephemeral server leaves nothing behind, however its owner ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pad_migrate::server::{self, Durability, Provider, programs};
use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::harness::{Start, program, with_db};

/// The server's directory, from its URL.
fn directory(url: &str) -> PathBuf {
    let host =
        url.split("host=").nth(1).and_then(|it| it.split('&').next()).expect("the URL names the socket's folder");
    PathBuf::from(host)
}

/// Waits until the directory, and the process that ran the server in it, are gone.
#[track_caller]
fn check_gone(dir: &Path, pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while dir.exists() || Path::new(&format!("/proc/{pid}")).exists() {
        assert!(Instant::now() < deadline, "{} or process {pid} is still there", dir.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn server_pid(dir: &Path) -> String {
    let file = std::fs::read_to_string(dir.join("data/postmaster.pid")).expect("the server has a pid file");
    file.lines().next().expect("the pid is on the first line").to_owned()
}

#[test]
fn a_dropped_server_is_gone() {
    let server = server::start(Provider::Local, Durability::None).expect("a server starts");
    let dir = directory(&server.url);
    let pid = server_pid(&dir);
    drop(server);
    // Dropping waits: nothing is left the moment it returns.
    assert!(!dir.exists(), "{} is gone", dir.display());
    check_gone(&dir, &pid);
}

/// A rehearsal that is kept busy by a lock on its source, with its server's directory and process.
fn start_rehearsal(source: &str) -> (Child, PathBuf, String) {
    let mut child = Command::new(program())
        .args(["rehearse", "-v", "--provider", "local", "--source-url", source])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = child.id();
    let mut told = BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
    assert!(told.any(|it| it.contains("prepare")), "the server has started");
    // The keeper is the program's child, the server is the keeper's.
    let keeper = children(pid).into_iter().next().expect("the program has a keeper");
    let postgres = children(keeper).into_iter().next().expect("the keeper has a server");
    let command = std::fs::read_to_string(format!("/proc/{postgres}/cmdline")).expect("the server runs");
    let data = command.split('\0').skip_while(|it| *it != "-D").nth(1).expect("the server has a data directory");
    let dir = Path::new(data).parent().expect("the data directory is in ours").to_owned();
    (child, dir, postgres.to_string())
}

fn children(of: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The fields after the name, which may hold anything: state, parent.
        stat.rsplit(')').next().and_then(|it| it.split_whitespace().nth(1)) == Some(of.to_string().as_str())
    })
    .collect()
}

#[rstest]
#[case::interrupted("INT", Some(2))]
#[case::terminated("TERM", Some(2))]
#[case::killed("KILL", None)]
#[tokio::test]
async fn a_rehearsal_that_is_stopped_leaves_nothing(#[case] signal: &str, #[case] code: Option<i32>) {
    with_db(Start::Reference, async |db| {
        let mut blocker = db.connect().await;
        let lock = "begin; lock table personal_account_dealing";
        sqlx::raw_sql(lock).execute(&mut blocker).await.expect("the lock is taken");
        let (mut child, dir, postgres) = start_rehearsal(&db.url);
        let status = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
        assert_eq!(child.wait().expect("the program ends").code(), code);
        check_gone(&dir, &postgres);
    })
    .await;
}

#[test]
fn the_highest_version_comes_first() {
    let found = programs();
    assert!(!found.is_empty(), "PostgreSQL's programs are here");
    let majors: Vec<u32> = found
        .iter()
        .map(|it| it.version.split('.').next().and_then(|it| it.parse().ok()).expect("a major version"))
        .collect();
    assert!(majors.is_sorted_by(|a, b| a >= b), "{majors:?}");
}

#[test]
fn a_kept_server_stays_until_it_is_stopped() {
    let output = Command::new(program())
        .args(["rehearse", "-q", "--keep", "--provider", "local"])
        .output()
        .expect("the program runs");
    let told = String::from_utf8(output.stderr).expect("the text is UTF-8");
    let url = told.split('\'').nth(1).expect("it says how to connect");
    let dir = directory(url);
    let pid = server_pid(&dir);
    let stop = told.split("stop it with: ").nth(1).expect("it says how to stop").trim();
    assert_eq!(stop, format!("kill -INT {pid}"));
    let alive = Command::new(programs()[0].bin.join("psql"))
        .args([url, "-Atc", "select count(*) from padealing.pad_request"])
        .output();
    assert_eq!(String::from_utf8_lossy(&alive.expect("psql runs").stdout).trim(), "69");
    assert!(Command::new("sh").args(["-c", stop]).status().expect("sh runs").success());
    check_gone(&dir, &pid);
}
