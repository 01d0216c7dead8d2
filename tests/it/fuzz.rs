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

#[test]
fn every_target_is_replayed() {
    let text = std::fs::read_to_string(root().join("tests/it/fuzz.rs")).expect("it can be read");
    for (target, _) in TARGETS {
        assert!(text.contains(&format!("#[case::{target}(\"{target}\")]")), "{target} has no case");
    }
    assert_eq!(text.matches("\n#[case::").count(), TARGETS.len());
}
