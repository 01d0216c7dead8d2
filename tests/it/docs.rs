//! The documents are true: what they name is there, and their samples are what the program prints.
//!
//! A sample is a block of text below a line `<!-- sample: SNAPSHOT 1-12, 20-22 -->`: these lines of a snapshot, with
//! `…` between the parts. `PAD_RECORD=1 cargo test docs` writes the samples again; read the diff.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use sha2::{Digest, Sha256};

use crate::tidy::{files, read, root};

fn documents() -> Vec<PathBuf> {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    top.into_iter().chain(files("docs", ".md")).collect()
}

/// The lines of a snapshot's text that `ranges` names, such as `1-12, 20-22`.
fn sample(snapshot: &str, ranges: &str) -> String {
    let text = read(&root().join("snapshots").join(format!("{snapshot}.snap")));
    let body = text.splitn(3, "---\n").nth(2).expect("a snapshot has a head and a body");
    let lines: Vec<&str> = body.lines().collect();
    let part = |range: &str| {
        let (first, last) = range.trim().split_once('-').expect("a range has two ends");
        let [first, last] = [first, last].map(|end| end.parse::<usize>().expect("a line's number"));
        assert!(first <= last && last <= lines.len(), "{snapshot} has {} lines, not {range}", lines.len());
        lines[first - 1..last].iter().map(|line| format!("{}\n", line.trim_end())).collect::<String>()
    };
    let parts: Vec<String> = ranges.split(',').map(part).collect();
    parts.join("…\n")
}

/// A document with its samples as they should be, and how many there are.
fn with_samples(text: &str) -> (String, usize) {
    let (mut out, mut count) = (String::new(), 0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(wanted) = line.strip_prefix("<!-- sample: ").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        count += 1;
        let (snapshot, ranges) = wanted.split_once(' ').expect("a sample names a snapshot and lines");
        assert_eq!(lines.next(), Some("```"), "a block follows {line}");
        lines.by_ref().find(|line| *line == "```").expect("the block ends");
        out.push_str(&format!("```\n{}```\n", sample(snapshot, ranges)));
    }
    (out, count)
}

#[test]
fn samples_are_current() {
    let mut count = 0;
    for path in documents() {
        let text = read(&path);
        let (wanted, found) = with_samples(&text);
        count += found;
        if std::env::var_os("PAD_RECORD").is_some() && wanted != text {
            std::fs::write(&path, &wanted).expect("the document is written");
        }
        assert_eq!(read(&path), wanted, "{}; PAD_RECORD=1 cargo test docs writes it", path.display());
    }
    assert!(count > 0, "some document has a sample");
}

/// What stands between backticks and looks like a file of this project.
fn named_files(text: &str) -> impl Iterator<Item = &str> {
    let folders = ["src/", "tests/", "docs/", "migrations/", "fixtures/", "scripts/", "snapshots/", "schemas/", ".ci/"];
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(move |name| {
        let is_pattern = name.contains(['*', '…', '<', ' ', '\n']) || name.contains("NNNN") || name.contains("NAME");
        folders.iter().any(|folder| name.starts_with(folder)) && !is_pattern
    })
}

#[test]
fn files_and_links_are_there() {
    let mut wrong = Vec::new();
    for path in documents() {
        let text = read(&path);
        let folder = path.parent().expect("a document is in a folder");
        for name in named_files(&text).filter(|name| !root().join(name).exists()) {
            wrong.push(format!("{} names {name}, which isn't there", path.display()));
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !target.is_empty() && !folder.join(target).exists() {
                wrong.push(format!("{} links to {link}, which isn't there", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every function of `tests/it` by its full name, and every module.
fn tests() -> BTreeSet<String> {
    let folder = root().join("tests/it");
    let mut found = BTreeSet::new();
    for path in files("tests/it", ".rs") {
        let module = path.strip_prefix(&folder).expect("it is below").with_extension("");
        let module = module.display().to_string().replace('/', "::");
        for line in read(&path).lines() {
            let line = line.trim_start();
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
            found.extend(name.and_then(|rest| rest.split('(').next()).map(|name| format!("{module}::{name}")));
        }
        found.insert(module);
    }
    found
}

#[test]
fn named_tests_exist() {
    let tests = tests();
    for document in ["docs/guarantees.md", "CONTRIBUTING.md"] {
        let text = read(Path::new(&root().join(document)));
        let is_name = |name: &&str| {
            name.contains("::")
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c))
        };
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_name).collect();
        assert!(named.len() > 5, "{document} names tests");
        for name in named {
            assert!(tests.contains(name), "{document} names the test {name}, which isn't there");
        }
    }
}

#[test]
fn the_picture_is_drawn_from_its_text() {
    let hash = Sha256::digest(read(&root().join("docs/overview.dot")));
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let picture = read(&root().join("docs/overview.svg"));
    assert!(
        picture.contains(&hash),
        "docs/overview.dot has changed since docs/overview.svg was drawn: run scripts/draw"
    );
}

/// The tests themselves find what is wrong.
#[test]
fn what_is_stale_is_seen() {
    let stale = "<!-- sample: local__verify 1-1 -->\n```\nRows        7 in the source\n```\n";
    let (current, count) = with_samples(stale);
    assert_eq!((count, current == stale), (1, false));
    assert_eq!(with_samples(&current).0, current);
    let named: Vec<&str> = named_files("`src/lib.rs`, `cargo test`, `src/commands/NAME.rs`, `docs/none.md`").collect();
    assert_eq!(named, ["src/lib.rs", "docs/none.md"]);
    assert!(tests().contains("docs::what_is_stale_is_seen") && tests().contains("plan::killed"));
}
