//! The corpora of `fixtures/fuzz`, replayed: what `scripts/fuzz` has found and kept, a folder for each target. With a
//! database: `oracle` has PostgreSQL read what the corpora hold, `guarded` runs what the guard lets through.

mod guarded;
mod oracle;
pub(crate) mod targets;

use std::path::PathBuf;

use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::tidy::root;
use targets::TARGETS;

/// The files of a target's corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("fixtures/fuzz").join(target);
    let mut files: Vec<PathBuf> =
        folder.read_dir().expect("a target has a corpus").flatten().map(|it| it.path()).collect();
    files.sort();
    files.iter().map(|it| std::fs::read(it).expect("it can be read")).collect()
}

#[rstest]
#[case::csv_file("csv_file")]
#[case::csv_records("csv_records")]
#[case::document("document")]
#[case::env_file("env_file")]
#[case::escape("escape")]
#[case::exceptions("exceptions")]
#[case::guard("guard")]
#[case::snapshot("snapshot")]
#[case::spelling("spelling")]
#[case::transform("transform")]
#[case::url("url")]
fn corpora_are_replayed(#[case] target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("there is such a target");
    let files = corpus(target);
    assert!(!files.is_empty(), "fixtures/fuzz/{target} is empty");
    let bytes: usize = files.iter().map(Vec::len).sum();
    assert!(files.len() <= 100 && bytes <= 200_000, "{} files, {bytes} bytes: minimise the corpus", files.len());
    for file in &files {
        run(file);
    }
}

/// The crate `fuzz` compiles the targets, too, and has of the tests nothing but what generated rows refer to.
#[test]
fn targets_use_what_the_fuzz_crate_has() {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("it can be read");
    let (_, dependencies) = manifest.split_once("[dependencies]").expect("it has some");
    for file in root().join("tests/it/fuzz/targets").read_dir().expect("it is there").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("it can be read");
        assert_eq!(text.matches("crate::").count(), text.matches("crate::generate::pure::").count(), "{file:?}");
        for used in text.lines().filter_map(|line| line.strip_prefix("use ")) {
            let name = used.split("::").next().unwrap_or_default().replace('_', "-");
            let is_there =
                ["std", "super", "crate"].contains(&&*name) || dependencies.contains(&format!("\n{name} = "));
            assert!(is_there, "{file:?} uses {name}, which fuzz/Cargo.toml doesn't have");
        }
    }
}

#[test]
fn every_target_is_replayed() {
    let text = std::fs::read_to_string(root().join("tests/it/fuzz.rs")).expect("it can be read");
    for (target, _) in TARGETS {
        assert!(text.contains(&format!("#[case::{target}(\"{target}\")]")), "{target} has no case");
    }
    assert_eq!(text.matches("\n#[case::").count(), TARGETS.len());
}
