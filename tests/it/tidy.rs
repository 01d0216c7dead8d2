//! Conventions that a reviewer would otherwise have to remember.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
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

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}

/// One module speaks to Postgres; the pure ones know neither a database nor a clock nor the environment.
#[test]
fn pure_modules_are_pure() {
    for file in files("src", ".rs") {
        let name = file.strip_prefix(root().join("src")).expect("it is below src").to_string_lossy().into_owned();
        let text: String = read(&file).lines().filter(|it| !it.trim_start().starts_with("//")).collect();
        if !name.starts_with("pg") {
            assert!(!text.contains("sqlx"), "{name}: a query belongs to src/pg");
        }
        let impure = ["main.rs", "rehearse.rs", "cli.rs"].contains(&name.as_str()) || name.starts_with("report");
        if !impure && !name.starts_with("pg") && !name.starts_with("server") {
            for forbidden in ["std::env::var", "Instant::now", "SystemTime", "tokio", "std::fs", "crate::pg"] {
                // What the user has written down is in files, and that is all that it knows.
                if (name.as_str(), forbidden) == ("config.rs", "std::fs") {
                    continue;
                }
                assert!(!text.contains(forbidden), "{name} is pure and names {forbidden}");
            }
        }
    }
}

/// The verification is a second opinion: it must not share code with the transform or the writer.
#[test]
fn the_verification_shares_nothing_with_the_writer() {
    for (file, forbidden) in [
        (
            "verify.rs",
            &["transform::transform", "transform::normalize", "Price::quotient", "pg::copy", "pg::migrate"]
                as &[&str],
        ),
        ("reconstruct.rs", &["transform"]),
        ("pg/verify.rs", &["super::copy", "copy_out_raw", "transform::transform"]),
    ] {
        let text = read(&root().join("src").join(file));
        let code: Vec<&str> = text.lines().filter(|it| !it.trim_start().starts_with("//")).collect();
        for it in forbidden {
            assert!(!code.join("\n").contains(it), "{file} uses {it}");
        }
    }
}

#[test]
fn fixtures_name_no_real_host_and_no_real_mailbox() {
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
                        !before.is_empty() && host.contains('.') && !host.starts_with(|c: char| c.is_ascii_digit());
                    assert!(!is_mailbox || host.contains("example.com"), "{}: {word}", file.display());
                }
            }
        }
    }
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

/// Every snapshot belongs to a test: one that nothing compares proves nothing.
#[test]
fn every_snapshot_is_used() {
    let tests: String = files("tests/it", ".rs").iter().map(|it| read(it)).collect();
    for file in files("snapshots", ".snap") {
        let stem = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let last = stem.rsplit("__").next().expect("a name has a last part");
        assert!(
            tests.contains(&format!("\"{last}\"")) || tests.contains(&format!("\"{stem}\"")),
            "{stem}.snap is used by no test"
        );
    }
}

/// Each lint exception says why, and there is no silenced test.
#[test]
fn exceptions_have_reasons() {
    for folder in ["src", "tests"] {
        for file in files(folder, ".rs").into_iter().filter(|it| !it.ends_with("tidy.rs")) {
            let text = read(&file);
            assert!(!text.contains("#[allow("), "{}: use #[expect] with a reason", file.display());
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
