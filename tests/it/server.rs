//! The ephemeral server leaves nothing behind, however its owner ends. With the provider that this run has: what is
//! looked for afterwards is a directory and a process, a container, or a database.

mod providers;
mod visits;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};

use crate::harness::program::command;
use crate::harness::{Start, host, program, with_db};
use crate::waiting::{output, start};
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server;
use pad_migrate::harness::server::alive;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::host::Announcement;
use pad_migrate::harness::server::local::{LOCK, parents};
use pad_migrate::harness::server::names::PREFIX;
use pad_migrate::harness::server::request::ServerRequest;

/// Everything that an end has to remove is gone by then, however busy the machine is.
const GONE: Duration = Duration::from_secs(60);

/// What there is of a server, as far as it must not be left.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Trace {
    /// The server's directory and its process.
    Local(PathBuf, Process),
    Container(String),
    Database(String),
}

/// A process: its number, which another may get when it has ended, and when it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    pid: u32,
    started: Option<String>,
}

impl Process {
    fn of(pid: u32) -> Self {
        Self { pid, started: fields(pid).get(19).cloned() }
    }

    fn is_alive(&self) -> bool {
        alive::is_alive(self.pid) && Self::of(self.pid) == *self
    }
}

/// What Linux says of a process after its name, which may hold anything: its state, its parent, … (proc(5)).
fn fields(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

impl Trace {
    /// From the command that connects to a database of a server that runs, and whether that is a given one.
    fn of(connect: &str, given: bool) -> Self {
        let words: Vec<&str> = connect.split_whitespace().collect();
        match words.as_slice() {
            ["docker", "exec", "-it", id, ..] => Self::Container((*id).to_owned()),
            _ if given => {
                let name = connect.split('?').next().and_then(|it| it.rsplit('/').next()).expect("a URL has a name");
                Self::Database(name.trim_end_matches('\'').to_owned())
            }
            _ => {
                let dir = connect.split("host=").nth(1).and_then(|it| it.split('&').next()).expect("a socket's folder");
                let dir = PathBuf::from(percent_decode_str(dir).decode_utf8_lossy().into_owned());
                let file = std::fs::read_to_string(dir.join("data/postmaster.pid")).expect("the server has a pid file");
                let pid = file.lines().next().and_then(|it| it.parse().ok()).expect("the pid is on the first line");
                Self::Local(dir, Process::of(pid))
            }
        }
    }

    async fn is_there(&self) -> bool {
        match self {
            Self::Local(dir, process) => dir.exists() || process.is_alive(),
            Self::Container(id) => container_is_there(id).await,
            Self::Database(name) => database_is_there(name).await,
        }
    }

    async fn check_gone(&self) {
        let deadline = Instant::now() + GONE;
        while self.is_there().await {
            assert!(Instant::now() < deadline, "{self:?} is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[cfg(feature = "docker")]
async fn container_is_there(id: &str) -> bool {
    use testcontainers_modules::testcontainers::core::client::docker_client_instance;
    docker_client_instance().await.expect("the engine answers").inspect_container(id, None).await.is_ok()
}

#[cfg(not(feature = "docker"))]
async fn container_is_there(_: &str) -> bool {
    unreachable!("nobody has started one")
}

async fn database_is_there(name: &str) -> bool {
    let mut connection = PgConnection::connect(&host().announcement.url).await.expect("the server answers");
    let found = sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(name);
    let found = found.fetch_one(&mut connection).await.expect("the query runs");
    connection.close().await.expect("the connection closes");
    found
}

fn signal(process: &Child, name: &str) {
    let status = command("kill").args([format!("-{name}"), process.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// The end of a process.
fn wait(child: &mut Child) -> std::process::ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().expect("the process is ours") {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().expect("the process is ours");
            panic!("the process didn't end; is SIGINT ignored here? See `interruptible`.");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server of the same kind as the run's.
fn wanted() -> ServerRequest {
    ServerRequest::new(std::env::var("PAD_PROVIDER").map_or(Provider::Auto, |it| it.parse().expect("a provider")), None)
}

/// Gets a server of the same kind as the run's, which first removes what dead runs have left, and lets it go again.
async fn come_and_go() {
    let wanted = wanted();
    let server = tokio::task::spawn_blocking(move || server::start(&wanted).map(drop));
    server.await.expect("it doesn't panic").expect("a server starts");
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let wanted = wanted();
    let server = tokio::task::spawn_blocking(move || server::start(&wanted).expect("a server starts"));
    let server = server.await.expect("it doesn't panic");
    let admin = EphemeralDatabase::at(&server.url).expect("the URL is right");
    let name = server.database_name("dropped");
    admin::create_database(&admin, &name, None).await.expect("a database is created");
    let trace = Trace::of(&server.connect.replace("{}", &name), host().announcement.given);
    assert!(trace.is_there().await);
    drop(server);
    // Dropping waits: nothing is left the moment it returns.
    assert!(!trace.is_there().await, "{trace:?} is gone");
}

/// A rehearsal that has come to a phase, and what there is of its server.
async fn start_rehearsal(source: &str, phase: &str) -> (Child, Trace) {
    let mut child = command(program())
        .args(["rehearse", "-v", "--source-url", source])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut printed = BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
    let server = printed.find(|it| it.contains("connect with ")).expect("the server has started");
    assert!(printed.any(|it| it.contains(phase)), "it comes to {phase}");
    let connect = server.split("connect with ").nth(1).expect("it says how to connect").to_owned();
    let trace = Trace::of(&connect, host().announcement.given);
    let deadline = Instant::now() + GONE;
    while !trace.is_there().await {
        assert!(Instant::now() < deadline, "{trace:?} is made");
    }
    (child, trace)
}

#[rstest]
#[case::interrupted("INT", Some(2))]
#[case::terminated("TERM", Some(2))]
#[case::killed("KILL", None)]
#[tokio::test]
async fn a_rehearsal_that_is_stopped_leaves_nothing(#[case] name: &str, #[case] code: Option<i32>) {
    with_db(Start::Reference, async |db| {
        let mut blocker = db.connect().await;
        let lock = "begin; lock table personal_account_dealing";
        sqlx::raw_sql(lock).execute(&mut blocker).await.expect("the lock is taken");
        // It waits for the lock.
        let (mut child, trace) = start_rehearsal(&db.url, "preparing the database").await;
        signal(&child, name);
        assert_eq!(wait(&mut child).code(), code);
        // A container, or a database of a given server, outlives a SIGKILL, and is removed at the next start that sees
        // the process, or its session, gone.
        let deadline = Instant::now() + GONE;
        while code.is_none() && !matches!(trace, Trace::Local(..)) && trace.is_there().await {
            assert!(Instant::now() < deadline, "{trace:?} is still there");
            come_and_go().await;
        }
        trace.check_gone().await;
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_that_is_interrupted_while_it_plants_faults_leaves_nothing() {
    with_db(Start::Reference, async |db| {
        let (mut child, trace) = start_rehearsal(&db.url, "planting faults").await;
        signal(&child, "INT");
        assert_eq!(wait(&mut child).code(), Some(2));
        trace.check_gone().await;
    })
    .await;
}

/// The test below, which the others run in a process of its own.
const VICTIM: &str = "server::a_test_run_that_passes_leaves_nothing";

/// Runs itself, as a test run of its own; that one has `PAD_VICTIM`, prints what there is of its server, and ends as
/// the variable says.
#[tokio::test]
async fn a_test_run_that_passes_leaves_nothing() {
    match std::env::var("PAD_VICTIM") {
        Ok(what) => victim(&what).await,
        Err(_) => check_run("pass", None).await,
    }
}

#[expect(clippy::print_stdout, reason = "it is read by who has started this run")]
async fn victim(what: &str) {
    with_db(Start::Applied, async |db| {
        // Who reads this may come when the server has gone.
        let Announcement { connect, given, .. } = &host().announcement;
        let trace = Trace::of(&connect.replace("{}", &db.place().name), *given);
        println!("victim: {}", serde_json::to_string(&trace).expect("it is JSON"));
        match what {
            "pass" => {}
            "fail" => panic!("this is meant to fail"),
            "hang" => std::future::pending().await,
            other => panic!("PAD_VICTIM is {other}"),
        }
    })
    .await;
}

/// A program that SIGINT ends, also where it is ignored, as by what a script runs in its background: that is inherited,
/// and only GNU's `env` undoes it.
fn interruptible(program: &Path) -> Command {
    const DEFAULT: &str = "--default-signal=INT";
    let undone = command("env").args([DEFAULT, "true"]).output().is_ok_and(|it| it.status.success());
    if !undone {
        return command(program);
    }
    let mut command = command("env");
    command.arg(DEFAULT).arg(program);
    command
}

/// A test run of its own, of one test, which hangs, fails or passes.
fn start_run(what: &str, shared: Option<&str>) -> (Child, Vec<Trace>) {
    let binary = std::env::current_exe().expect("this is a program");
    let tests = format!("--exact --nocapture {VICTIM}");
    let mut command = match shared {
        None => {
            let mut command = interruptible(&binary);
            command.args(tests.split(' '));
            command
        }
        // Two processes of one run, as nextest has them: what they share is their parent.
        Some(run) => {
            let mut command = command("sh");
            let script = format!("\"$0\" {tests}; \"$0\" {tests}; true");
            command.args(["-c", &script]).arg(&binary).env("NEXTEST_RUN_ID", run);
            command
        }
    };
    let mut child = start(command.env("PAD_VICTIM", what).stdout(Stdio::piped()).process_group(0));
    let mut printed = BufReader::new(child.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    let victims = if shared.is_some() && what != "hang" { 2 } else { 1 };
    let traces = printed.by_ref().filter_map(|it| Some(it.split("victim: ").nth(1)?.to_owned()));
    let traces = traces.take(victims).map(|it| serde_json::from_str(&it).expect("a victim prints its server"));
    let traces = traces.collect();
    // Whoever closes the pipe ends the writer.
    std::thread::spawn(move || printed.for_each(drop));
    (child, traces)
}

/// Whatever becomes of a run of one test.
async fn check_run(what: &str, name: Option<&str>) {
    let (mut child, traces) = start_run(what, None);
    assert_eq!(traces.len(), 1, "the run has printed its database");
    if let Some(name) = name {
        assert!(traces[0].is_there().await);
        signal(&child, name);
    }
    let status = wait(&mut child);
    assert_eq!(status.signal().is_some(), name.is_some());
    assert_eq!(status.code(), name.is_none().then_some(if what == "pass" { 0 } else { 101 }));
    // On a given server the database of a failed test is kept to be looked at.
    if what == "fail"
        && let Trace::Database(name) = &traces[0]
    {
        assert!(traces[0].is_there().await);
        let admin = EphemeralDatabase::at(&host().announcement.url).expect("the URL is right");
        admin::execute(&admin, &format!("drop database {name}")).await.expect("it is dropped");
    }
    traces[0].check_gone().await;
}

#[rstest]
#[case::failed("fail", None)]
#[case::interrupted("hang", Some("INT"))]
#[case::terminated("hang", Some("TERM"))]
#[case::killed("hang", Some("KILL"))]
#[tokio::test]
async fn a_test_run_leaves_nothing(#[case] what: &str, #[case] name: Option<&str>) {
    check_run(what, name).await;
}

#[rstest]
#[case::passed("pass", None)]
#[case::killed("hang", Some("KILL"))]
#[tokio::test]
async fn processes_of_one_run_share_a_server_that_ends_with_the_run(#[case] what: &str, #[case] name: Option<&str>) {
    let run = format!("{}_{what}", std::process::id());
    let (mut child, traces) = start_run(what, Some(&run));
    if let Some(name) = name {
        let group = command("kill").args([format!("-{name}"), "--".to_owned(), format!("-{}", child.id())]).status();
        assert!(group.expect("kill runs").success());
    }
    wait(&mut child);
    match traces.as_slice() {
        [Trace::Local(_, one), Trace::Local(_, other)] => assert_eq!(one, other),
        [Trace::Container(one), Trace::Container(other)] => assert_eq!(one, other),
        [Trace::Database(_), Trace::Database(_)] => {}
        [_] if what == "hang" => {}
        other => panic!("two processes tell of one server: {other:?}"),
    }
    traces[0].check_gone().await;
    let folder = parents()[0].join(format!("{PREFIX}run_{run}"));
    let deadline = Instant::now() + GONE;
    while folder.exists() {
        assert!(Instant::now() < deadline, "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever ends while the server is being made is no exception: a directory may have no keeper yet, a keeper runs
/// initdb.
#[rstest]
#[case::at_once(None)]
#[case::with_a_directory(Some(LOCK))]
#[case::in_initdb(Some("data"))]
#[case::with_a_server(Some(".s.PGSQL.5432"))]
#[tokio::test]
async fn a_run_that_is_killed_while_its_server_is_made_leaves_nothing(#[case] made: Option<&str>) {
    // Its own, in which nobody else sweeps; short, since there are sockets in it.
    let temporary = open(tempfile::tempdir_in("/tmp").expect("a folder is made"));
    let entries = || std::fs::read_dir(temporary.path()).expect("the folder is there").flatten().map(|it| it.path());
    let command = || {
        let mut command = command(program());
        command.env("TMPDIR", temporary.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let local = Provider::Local == kind();
    let mut child = start(command().args(["rehearse", "-q"]));
    let deadline = Instant::now() + GONE;
    while let Some(made) = made
        && match local {
            true => !entries().any(|it| it.join(made).exists()),
            false => kind() == Provider::Docker && containers_of(child.id()).await == 0,
        }
    {
        assert!(Instant::now() < deadline, "{made} is made");
        assert_eq!(child.try_wait().expect("the process is ours"), None, "it isn't over before it has begun");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The keeper, if there is one, is the program's child.
    let keepers: Vec<Process> = children(child.id()).into_iter().map(Process::of).collect();
    signal(&child, "KILL");
    wait(&mut child);
    let deadline = Instant::now() + GONE;
    while let Some(keeper) = keepers.iter().find(|it| it.is_alive()) {
        assert!(Instant::now() < deadline, "the keeper {keeper:?} still lives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What had no keeper yet goes at the next start that is sure of it; of a server elsewhere only the provider knows.
    let deadline = Instant::now() + GONE;
    while entries().count() > 0 || containers_of(child.id()).await > 0 {
        assert!(Instant::now() < deadline, "left: {:?}", entries().collect::<Vec<_>>());
        let shared = tempfile::tempdir().expect("a folder is made");
        let next =
            command().arg("ephemeral").arg(shared.path()).stderr(Stdio::null()).status().expect("the program runs");
        assert!(next.success(), "{next}");
    }
}

/// Where the run's server comes from.
fn kind() -> Provider {
    let Announcement { connect, given, .. } = &host().announcement;
    match given {
        true => Provider::Url,
        false if connect.starts_with("docker ") => Provider::Docker,
        false => Provider::Local,
    }
}

/// How many containers there are that this process has started.
#[cfg(feature = "docker")]
async fn containers_of(pid: u32) -> usize {
    use std::collections::HashMap;
    use testcontainers_modules::testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;
    use testcontainers_modules::testcontainers::core::client::docker_client_instance;
    if kind() != Provider::Docker {
        return 0;
    }
    let filters = HashMap::from([("label", vec!["pad_migrate_owner"])]);
    let all = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let engine = docker_client_instance().await.expect("the engine answers");
    let containers = engine.list_containers(Some(all)).await.expect("the engine lists containers");
    let owner = format!(":{pid}");
    let labels = containers.iter().filter_map(|it| it.labels.as_ref()?.get("pad_migrate_owner"));
    labels.filter(|it| it.ends_with(&owner)).count()
}

#[cfg(not(feature = "docker"))]
async fn containers_of(_: u32) -> usize {
    0
}

fn children(of: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| fields(*pid).get(1) == Some(&of.to_string())).collect()
}

/// The command that holds a server for others removes what it has made in a directory, and not the directory it is
/// given.
#[test]
fn a_directory_that_holds_something_else_is_refused_and_left() {
    let folder = tempfile::tempdir().expect("a directory is made");
    std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("a file is written");
    let output = output(command(program()).arg("ephemeral").arg(folder.path()));
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8(output.stderr).expect("the text is UTF-8");
    assert!(printed.contains("can't be used for a server, because it holds "), "{printed}");
    let kept = std::fs::read_dir(folder.path()).expect("the directory is there").count();
    assert_eq!(kept, 1);
}

/// A directory without a keeper is removed at the next start; one that somebody keeps, or that isn't ours, is not.
#[tokio::test]
async fn what_a_power_cut_left_is_swept_and_nothing_else() {
    let make = |name: &str, lock: bool| {
        let dir = parents()[0].join(format!("{PREFIX}{name}_{}", std::process::id()));
        std::fs::create_dir_all(dir.join("data")).expect("a directory is made");
        let file = lock.then(|| std::fs::File::create(dir.join(LOCK)).expect("a file is made"));
        (dir, file)
    };
    let (dead, lock) = make("dead", true);
    drop(lock);
    let (kept, lock) = make("kept", true);
    let lock = lock.expect("it has a lock");
    lock.lock().expect("nobody else knows the file");
    let (foreign, _) = make("foreign", false);
    // Before a certain age a keeper may be about to come; and another run may be at it.
    let deadline = Instant::now() + GONE;
    while dead.exists() {
        assert!(Instant::now() < deadline, "{} is swept", dead.display());
        tokio::time::sleep(Duration::from_millis(500)).await;
        come_and_go().await;
    }
    for dir in [kept, foreign] {
        assert!(dir.exists(), "{} is not", dir.display());
        std::fs::remove_dir_all(dir).expect("it is ours");
    }
}

#[tokio::test]
async fn a_kept_server_stays_until_it_is_stopped() {
    let output = output(command(program()).args(["rehearse", "-q", "--keep"]));
    let printed = String::from_utf8(output.stderr).expect("the text is UTF-8");
    let (connect, stop) = printed.trim().split_once("; stop it with: ").expect("it says how to stop");
    let trace =
        Trace::of(connect.split("connect with ").nth(1).expect("it says how to connect"), host().announcement.given);
    assert!(trace.is_there().await);
    // A later run takes it for somebody's.
    come_and_go().await;
    assert!(trace.is_there().await, "{trace:?} was swept");
    match &trace {
        Trace::Local(..) => assert!(command("sh").args(["-c", stop]).status().expect("sh runs").success()),
        Trace::Container(id) => assert_eq!(stop, format!("docker rm -f -v {id}")),
        Trace::Database(name) => {
            assert_eq!(stop, format!("dropdb --maintenance-db=\"$PAD_TEST_DATABASE_URL\" {name}"));
            let admin = EphemeralDatabase::at(&host().announcement.url).expect("the URL is right");
            admin::execute(&admin, &format!("drop database {name}")).await.expect("it is dropped");
        }
    }
    #[cfg(feature = "docker")]
    if let Trace::Container(id) = &trace {
        use testcontainers_modules::testcontainers::bollard::query_parameters::RemoveContainerOptionsBuilder;
        use testcontainers_modules::testcontainers::core::client::docker_client_instance;
        let engine = docker_client_instance().await.expect("the engine answers");
        let all = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        engine.remove_container(id, Some(all)).await.expect("it is removed");
    }
    trace.check_gone().await;
}

fn open_folder() -> tempfile::TempDir {
    open(tempfile::tempdir().expect("a folder is made"))
}

fn open(folder: tempfile::TempDir) -> tempfile::TempDir {
    // The server's user, who isn't root, must be able to enter.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("the folder is ours");
    folder
}
