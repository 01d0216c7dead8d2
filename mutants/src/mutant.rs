//! Which mutant is in force, by the file `active` beside the copy; `record` there writes down which are reached, and by
//! what: the test, and the programs that it starts, are one group of processes.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

const WORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const RECORD: usize = usize::MAX;
static SEEN: [AtomicBool; NUMBER] = [const { AtomicBool::new(false) }; NUMBER];
static ACTIVE: LazyLock<usize> = LazyLock::new(|| {
    let text = std::fs::read_to_string(Path::new(WORK).join("active")).unwrap_or_default();
    if text.trim() == "record" { RECORD } else { text.trim().parse().unwrap_or(RECORD - 1) }
});

/// Whether a mutant is in force.
pub fn is(number: usize) -> bool {
    if *ACTIVE == RECORD && !SEEN[number].swap(true, Ordering::Relaxed) {
        let group = rustix::process::getpgrp().as_raw_nonzero();
        let file = Path::new(WORK).join(format!("reached/{group}"));
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(file) {
            let arguments: Vec<String> = std::env::args().collect();
            let test = arguments.iter().position(|it| it == "--exact").and_then(|at| arguments.get(at + 1));
            let _ = file.write_all(format!("{number} {}\n", test.map_or("-", |it| it)).as_bytes());
        }
    }
    *ACTIVE == number
}
