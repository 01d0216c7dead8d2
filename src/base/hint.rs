//! Commands of this program within texts, as they are to be pasted: without `--env`, they would work on another
//! environment's database.

use std::borrow::Cow;

/// The commands that work in an environment; a test compares them with the program's.
const COMMANDS: [&str; 17] = [
    "apply",
    "backup",
    "clean",
    "doctor",
    "drift",
    "gate",
    "integrity",
    "migrate",
    "plan",
    "rehearse",
    "restore",
    "revert",
    "rollback",
    "seed",
    "snapshot",
    "status",
    "verify",
];

const PROGRAM: &str = "pad-migrate ";

/// A text with `--env` in each of the program's commands that it names.
pub(crate) fn for_environment<'t>(text: &'t str, environment: &str) -> Cow<'t, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, after) = rest.split_at(at + PROGRAM.len());
        out.push_str(before);
        let word = &after[..after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len())];
        if COMMANDS.contains(&word) {
            out.push_str(&format!("--env {environment} "));
        }
        rest = after;
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
}
