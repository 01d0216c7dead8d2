//! Conventions that a reviewer would otherwise have to remember.

use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has files that end in {ending}");
    found
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}

/// The shell that starts the tests may hold a real database's address: no child of a test inherits it.
#[test]
fn programs_are_started_in_an_empty_environment() {
    let start = ["Command", "::new("].concat();
    for file in files("tests/it", ".rs").iter().filter(|it| !it.ends_with("harness/program.rs")) {
        assert!(!read(file).contains(&start), "{}: use crate::harness::program::command", file.display());
    }
}

#[test]
fn fixtures_name_no_real_host_and_no_real_mailbox() {
    let mut mailboxes = 0;
    for folder in ["fixtures", "tests", "src"] {
        for ending in [".sql", ".toml", ".rs"] {
            let ours = match (folder, ending) {
                ("fixtures", ".rs") | ("tests" | "src", ".toml") | ("src", ".sql") => continue,
                _ => files(folder, ending),
            };
            for file in ours {
                for word in read(&file).split(|it: char| it.is_whitespace() || "'\"`<>(),;".contains(it)) {
                    let Some((before, host)) = word.split_once('@') else {
                        continue;
                    };
                    let is_mailbox =
                        !before.is_empty() && host.contains('.') && host.starts_with(|c: char| c.is_alphabetic());
                    let of_host = |it: char| it.is_alphanumeric() || ".-".contains(it);
                    let host = host.split(|it| !of_host(it)).next().unwrap_or_default().trim_end_matches('.');
                    let is_ours = host == "example.com" || host.ends_with(".example.com");
                    assert!(!is_mailbox || is_ours, "{}: {word}", file.display());
                    mailboxes += usize::from(is_mailbox);
                }
            }
        }
    }
    assert!(mailboxes > 10, "{mailboxes} were looked at");
}

/// Every file of SQL among the fixtures is loaded by somebody: one that nobody loads proves nothing. (The cases are
/// found at run time, and one that is incomplete fails.)
#[test]
fn every_fixture_is_used() {
    let code: String = [files("src", ".rs"), files("tests", ".rs")].concat().iter().map(|it| read(it)).collect();
    for file in files("fixtures", ".sql") {
        let path = file.strip_prefix(root()).expect("it is below the root").display().to_string();
        assert!(code.contains(&format!("{path}\"")), "{path} is used by nobody");
    }
}

/// Every comparison names its snapshot, so that the compiler sees which are compared.
#[test]
fn snapshots_are_named() {
    for file in files("tests/it", ".rs") {
        let name = file.strip_prefix(root().join("tests/it")).expect("it is below tests/it").display().to_string();
        if !["snapshots.rs", "harness.rs", "harness/program.rs", "tidy.rs"].contains(&name.as_str()) {
            for by_text in ["check_snapshot", "program::check_refused", "insta::"] {
                assert!(!read(&file).contains(by_text), "{name}: {by_text}; use Snapshot::….check");
            }
        }
    }
}

/// Each lint exception says why, and there is no silenced test.
#[test]
fn exceptions_have_reasons() {
    for folder in ["src", "tests"] {
        for file in files(folder, ".rs").into_iter().filter(|it| !it.ends_with("tidy.rs")) {
            let text = read(&file);
            for allowed in ["#[allow(", "#![allow(", ", allow("] {
                assert!(!text.contains(allowed), "{}: use #[expect] with a reason", file.display());
            }
            assert!(!text.contains("#[ignore"), "{}: a test runs or isn't there", file.display());
            for exception in text.split("#[expect(").skip(1) {
                let exception = exception.split(")]").next().expect("an attribute ends");
                assert!(exception.contains("reason ="), "{}: {exception}", file.display());
            }
        }
    }
}

/// `Cargo.toml` has no tests built in src, where one would never run.
#[test]
fn tests_are_where_they_run() {
    for file in files("src", ".rs") {
        let text = read(&file);
        for test in ["#[test]", "::test]", "cfg(test)", "/// ```", "//! ```"] {
            assert!(!text.contains(test), "{}: {test} belongs to tests/it", file.display());
        }
    }
}
