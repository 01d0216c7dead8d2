//! Commands of this program within texts, as they are to be pasted: without `--env`, they would work on another
//! environment's database, and without `--source-csv` on other rows.

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

/// Those that read legacy rows, which may come from a file.
const OF_ROWS: [&str; 5] = ["gate", "migrate", "rehearse", "rollback", "verify"];

const PROGRAM: &str = "pad-migrate ";

/// The flags without which a command would work on something else than the one that names it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pasted {
    /// The environment, if one is named.
    pub(crate) environment: Option<&'static str>,
    /// The flags about a CSV file as a shell takes them; empty if the legacy rows are in a database.
    pub(crate) csv: String,
}

impl Pasted {
    /// A text with the flags in each of the program's commands that it names.
    pub(crate) fn complete<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, after) = rest.split_at(at + PROGRAM.len());
            out.push_str(before);
            let word = &after[..after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len())];
            if let Some(environment) = self.environment.filter(|_| COMMANDS.contains(&word)) {
                out.push_str(&format!("--env {environment} "));
            }
            if !self.csv.is_empty() && OF_ROWS.contains(&word) {
                out.push_str(&format!("{} ", self.csv));
            }
            rest = after;
        }
        if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-./:=,+@%".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', "'\\''"))),
    }
}
