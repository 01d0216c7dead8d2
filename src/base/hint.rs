//! Commands of this program within texts, as they are to be pasted: without `--env`, they would work on another
//! environment's database, and without `--source-csv` on other rows.

use std::borrow::Cow;

use serde_json::Value;

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

/// Fields of JSON that hold SQL or values, which are what they are.
const VERBATIM: [&str; 5] = ["actual", "expected", "query", "sql", "value"];

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

    /// The same in all texts of a value, but for SQL and values of the database.
    pub(crate) fn complete_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.complete(text).into_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.complete_json(item)),
            Value::Object(fields) => {
                let texts = fields.iter_mut().filter(|(name, _)| !VERBATIM.contains(&name.as_str()));
                texts.for_each(|(_, field)| self.complete_json(field));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
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
