//! Where a server comes from, and what is said when it can't.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::{open, open_folder};
use crate::harness::program::command;
use crate::harness::{host, program};
use crate::waiting::output;
use pad_migrate::config::mask::Secret;
use pad_migrate::harness::server;
use pad_migrate::harness::server::error::Provider;
use pad_migrate::harness::server::request::{Durability, ServerRequest};

/// The command that gets a server, with nothing of the run's environment but what is given.
fn rehearse(provider: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = command(program());
    for name in ["PAD_PROVIDER", "PAD_POSTGRES_VERSION", "PAD_TEST_DATABASE_URL"] {
        command.env_remove(name);
    }
    command.args(["rehearse", "-q", "--provider", provider]).envs(variables.iter().copied());
    let output = output(&mut command);
    (output.status.code(), String::from_utf8(output.stderr).expect("the text is UTF-8"))
}

/// A folder with programs of this version that say what they are and do nothing.
fn fake_programs(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder).expect("a folder is made");
    for program in ["initdb", "postgres"] {
        let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n[ \"$1\" = --version ]\n");
        std::fs::write(folder.join(program), script).expect("a file is written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join(program), executable).expect("the file is ours");
    }
}

#[cfg(feature = "download")]
#[test]
fn the_cache_of_downloaded_programs_is_used() {
    let cache = open_folder();
    fake_programs(&cache.path().join("postgresql/16.3.0/bin"), "16.3");
    fake_programs(&cache.path().join("postgresql/18.1.0/bin"), "18.1");
    let dir = cache.path().to_str().expect("a path in UTF-8");
    for (wanted, found) in [(None, "18.1"), (Some("16"), "16.3"), (Some("16.3-alpine"), "16.3")] {
        let wanted = wanted.map(|it| ("PAD_POSTGRES_VERSION", it));
        let variables: Vec<_> = [("PAD_CACHE_DIR", dir)].into_iter().chain(wanted).collect();
        let (code, printed) = rehearse("download", &variables);
        assert_eq!(code, Some(2));
        assert!(
            printed.contains(&format!("log ends with: initdb (PostgreSQL) {found}; FATAL: initdb failed")),
            "{printed}"
        );
    }
}

/// What is fetched is an archive with a folder of its own in it; what comes of it is a set of programs in the cache.
#[cfg(feature = "download")]
#[tokio::test]
async fn a_downloaded_archive_becomes_programs_in_the_cache() {
    let (cache, archive) = (open_folder(), open_folder());
    fake_programs(&archive.path().join("postgresql-18.2.0-of-some-machine/bin"), "18.2");
    let arguments = ["-czf", "archive.tar.gz", "postgresql-18.2.0-of-some-machine"];
    let made = command("tar").args(arguments).current_dir(archive.path()).status();
    assert!(made.expect("tar runs").success());
    let bytes = std::fs::read(archive.path().join("archive.tar.gz")).expect("the archive is there");
    let folder = cache.path().join("postgresql");
    std::fs::create_dir(&folder).expect("a folder is made");
    for _ in 0..2 {
        server::download::unpack(&bytes, "18.2.0", &folder).await.expect("it is unpacked");
    }
    let entries: Vec<_> = std::fs::read_dir(&folder).expect("the folder is there").flatten().collect();
    assert_eq!(entries.len(), 1, "nothing else is left: {entries:?}");
    let dir = cache.path().to_str().expect("a path in UTF-8");
    let (code, printed) = rehearse("download", &[("PAD_CACHE_DIR", dir)]);
    assert_eq!(code, Some(2));
    assert!(printed.contains("log ends with: initdb (PostgreSQL) 18.2; FATAL: initdb failed"), "{printed}");
}

#[test]
fn the_highest_version_comes_first() {
    let folder = open_folder();
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    // Versions that no machine has, and two that aren't released.
    for version in ["3.9", "3.11rc1", "2.6.24", "3.10", "4devel"] {
        fake_programs(&folder.path().join(version), version);
        path.push(":");
        path.push(folder.path().join(version));
    }
    let (code, printed) =
        rehearse("local", &[("PATH", path.to_str().expect("a path in UTF-8")), ("PAD_POSTGRES_VERSION", "1")]);
    assert_eq!(code, Some(2));
    let (_, found) =
        printed.split_once("no PostgreSQL 1 programs were found on this machine, only ").expect("it says so");
    let (found, remedy) = found.split_once("; to fix this: ").expect("it says what to do");
    let ours: Vec<&str> = found.split(" and ").filter(|it| it.starts_with(['2', '3', '4'])).collect();
    assert_eq!(ours, ["4devel", "3.11rc1", "3.10", "3.9", "2.6.24"], "{printed}");
    assert!(remedy.starts_with("on Debian, apt-get install postgresql; on Fedora, "), "{printed}");
    // Of those that will do, one that is released.
    for (wanted, taken) in [("3", "3.10"), ("4", "4devel")] {
        let path = path.to_str().expect("a path in UTF-8");
        let (code, printed) = rehearse("local", &[("PATH", path), ("PAD_POSTGRES_VERSION", wanted)]);
        assert_eq!(code, Some(2));
        assert!(
            printed.contains(&format!("log ends with: initdb (PostgreSQL) {taken}; FATAL: initdb failed")),
            "{printed}"
        );
    }
}

#[rstest]
#[case::url("url", &[], "PAD_TEST_DATABASE_URL is not set; to fix this: export PAD_TEST_DATABASE_URL=")]
#[case::url_dead("url", &[("PAD_TEST_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/n")], "as u failed: Connection refused")]
#[case::url_unreadable("url", &[("PAD_TEST_DATABASE_URL", "mysql://u:hunter2@example.com/n")], "write postgres://user@host")]
#[cfg_attr(feature = "docker", case::docker("docker", &[("DOCKER_HOST", "unix:///nowhere.sock")], "no Docker engine is reachable"))]
#[cfg_attr(not(feature = "docker"), case::docker("docker", &[], "this program was built without Docker"))]
#[cfg_attr(feature = "download", case::download("download", &[("PAD_CACHE_DIR", "/dev/null"), ("PAD_POSTGRES_VERSION", "newest")], "PAD_POSTGRES_VERSION must be a version"))]
#[cfg_attr(not(feature = "download"), case::download("download", &[], "this program was built without downloads"))]
fn a_provider_that_does_not_work_says_why(
    #[case] provider: &str,
    #[case] variables: &[(&str, &str)],
    #[case] want: &str,
) {
    let (code, printed) = rehearse(provider, variables);
    assert_eq!(code, Some(2));
    assert!(printed.contains(want), "{printed}");
    assert!(printed.contains("to fix this: "), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

/// Where nothing works, the message names each provider and what mends it.
#[test]
fn when_nothing_works_one_message_names_each_provider() {
    let variables = [
        ("PAD_TEST_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/n"),
        ("DOCKER_HOST", "unix:///nowhere.sock"),
        // No installed and no downloadable programs are of this version.
        ("PAD_POSTGRES_VERSION", "1"),
        ("PAD_CACHE_DIR", "/dev/null"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    let (code, printed) = rehearse("auto", &variables);
    assert_eq!(code, Some(2));
    for provider in ["\n  PAD_TEST_DATABASE_URL: ", "\n  Docker: ", "\n  programs: ", "\n  download: "] {
        assert_eq!(printed.matches(provider).count(), 1, "{provider}: {printed}");
    }
    assert_eq!(printed.matches("to fix this: ").count(), 4, "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_measurement_wants_a_server_of_its_own() {
    let url = Some(Secret(host().announcement.url.clone()));
    let wanted = ServerRequest { durability: Durability::Full, url, ..ServerRequest::new(Provider::Url, None) };
    let error = server::start(&wanted).expect_err("it is refused").to_string();
    assert!(error.contains("a benchmark can't use the server"), "{error}");
}

/// A run that can get no server says why, under either runner, and leaves nothing. The reason is found out once: other
/// tests of the run fail at once, with a line.
#[rstest]
#[case::cargo_test(false)]
#[case::nextest(true)]
fn a_run_without_a_server_says_why(#[case] shared: bool) {
    let temporary = open_folder();
    let tests = "--exact --nocapture --test-threads 1 server::a_test_run_that_passes_leaves_nothing \
                 program::rows_that_seed_did_not_make_are_refused";
    // What two processes of a nextest run share is their parent.
    let script = if shared { format!("\"$0\" {tests}; \"$0\" {tests}") } else { format!("\"$0\" {tests}") };
    let mut command = command("sh");
    command.args(["-c", &script]).arg(std::env::current_exe().expect("this is a program"));
    command.env("PAD_VICTIM", "pass").env("TMPDIR", temporary.path());
    command.envs(shared.then_some(("NEXTEST_RUN_ID", "none")));
    // Something that is no server, and counts how often it is asked.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let url = format!("postgres://u:hunter2@{}/n", listener.local_addr().expect("it has an address"));
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let output = output(command.env("PAD_PROVIDER", "url").env("PAD_TEST_DATABASE_URL", url));
    assert_eq!(output.status.code(), Some(101));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("was closed before PostgreSQL answered") && !printed.contains("hunter2"), "{printed}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "{printed}");
    let tests = if shared { 4 } else { 2 };
    assert_eq!(printed.matches("the run has no server: ").count(), tests, "{printed}");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("the folder is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A server starts below any TMPDIR that a CI system or a person may have; where it can't, as the user that runs it, it
/// starts elsewhere.
#[rstest]
#[case::of_all_that_means_something_to_somebody("ws@2 a+b&c%20,d#e?f=g;\"h'$", 0o755)]
#[case::closed("closed", 0o700)]
#[case::too_long_for_a_socket(&"long".repeat(40), 0o755)]
fn a_server_starts_below_any_folder(#[case] name: &str, #[case] mode: u32) {
    let parent = open(tempfile::tempdir_in("/tmp").expect("a folder is made"));
    let folder = parent.path().join(name);
    std::fs::create_dir(&folder).expect("a folder is made");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("it may be changed");
    let output = output(command(program()).args(["rehearse", "-q", "--rows", "1"]).env("TMPDIR", &folder));
    assert!([0, 1].map(Some).contains(&output.status.code()), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&folder).expect("the folder is there").count(), 0);
}

/// What keeps a server from being made is said in its own words, also where there is no room for a log.
#[test]
fn what_the_server_says_is_said() {
    if super::kind() != Provider::Local {
        return;
    }
    // Blocks of 512 bytes in some shells, of 1,024 in others.
    let script = "trap '' XFSZ; ulimit -f 10; exec \"$0\" rehearse -q --provider local";
    let output = output(command("sh").args(["-c", script, program()]));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("File too large") && printed.trim_end().lines().count() == 1, "{printed}");
}

/// The password of a container's server stands in no command: a shell asks the container for it.
#[test]
fn a_container_gives_its_password_to_the_dashboard_itself() {
    let wanted = "PGPASSWORD=$(docker exec 0123456789ab printenv POSTGRES_PASSWORD) pad-migrate --env local serve \
                  --database-url 'postgres://postgres@127.0.0.1:5433/{}?sslmode=disable'";
    assert_eq!(server::lease::serve_from_container("0123456789ab", "127.0.0.1:5433"), wanted);
}
