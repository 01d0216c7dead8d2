//! The built program, run as its user runs it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use pretty_assertions::assert_eq;

use crate::{schemas, waiting};

use super::{Db, Place, check_snapshot, program};

/// Variables that a program needs to run at all, and to get a server of the kind that this run has. The shell that starts
/// the tests may hold a real database's address in any other.
const PASSED: [&str; 24] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
    "LLVM_PROFILE_FILE",
    "PAD_PROVIDER",
    "PAD_POSTGRES_VERSION",
    "PAD_TEST_DATABASE_URL",
    "PAD_CACHE_DIR",
    "PAD_PROGRAM",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Any program that a test starts: from an empty environment but for [`PASSED`], and where there is no file `.env`.
/// `tidy` sees to it that there is no other way.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let passed = PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(passed).current_dir("/");
    command
}

/// Runs the program in an empty directory, with nothing of our own environment that it would read but what gets it a
/// server of the kind that this run has.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().expect("a directory is made");
    run_in(dir.path(), arguments, variables)
}

pub(crate) fn run_in(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    // Text is wrapped to the terminal's width, and there is none.
    let mut command = command(program());
    command.current_dir(dir).args(arguments).env("COLUMNS", "100").envs(variables.iter().copied());
    let output = waiting::output(&mut command);
    schemas::check(&output);
    output
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

/// Without the lines that say what is waited for: on a busy machine there may be some.
pub(crate) fn stderr(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("the output is UTF-8");
    text.split_inclusive('\n').filter(|line| !line.starts_with("pad-migrate: still ")).collect()
}

/// Exit 2, nothing on stdout, and one sentence on stderr that the snapshot shows.
#[track_caller]
pub(crate) fn check_refused(name: &str, output: &Output) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert_eq!(stdout(output), "", "nothing is printed");
    let printed = stderr(output);
    assert_eq!(printed.trim_end().lines().count(), 1, "one sentence: {printed}");
    check_snapshot(&format!("error__{name}"), &printed);
}

/// An output in which the test's own server and database have fixed names.
pub(crate) fn named(mut output: Output, db: &Db) -> Output {
    let Place { host, port, name, user, .. } = db.place();
    output.stderr = stderr(&output)
        .replace(&format!("belong to {user}"), "belong to OWNER")
        .replace(&format!("{host}:{port}"), "SERVER")
        .replace(&host, "SERVER")
        .replace(&name, "DATABASE")
        .into_bytes();
    output
}
