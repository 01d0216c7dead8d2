//! Commands of this program within sentences, as they are to be pasted: without `--env`, they would work on another
//! environment's database, and without `--source-csv` on other rows. A sentence names a command by its constant, as in
//! `format!("run `{MIGRATE}` again")`: so what a database or a file calls by such a name stays what it is.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

/// A command that works in an environment; shown with the program's name and what was named on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint {
    name: &'static str,
    reads_rows: bool,
}

pub(crate) const APPLY: Hint = schema("apply");
pub(crate) const BACKUP: Hint = schema("backup");
pub(crate) const CLEAN: Hint = schema("clean");
pub(crate) const DOCTOR: Hint = schema("doctor");
pub(crate) const DRIFT: Hint = schema("drift");
pub(crate) const INTEGRITY: Hint = schema("integrity");
pub(crate) const MIGRATE: Hint = rows("migrate");
pub(crate) const PLAN: Hint = schema("plan");
pub(crate) const REHEARSE: Hint = rows("rehearse");
pub(crate) const RESTORE: Hint = schema("restore");
pub(crate) const REVERT: Hint = schema("revert");
pub(crate) const ROLLBACK: Hint = rows("rollback");
pub(crate) const SEED: Hint = schema("seed");
#[cfg(feature = "serve")]
pub(crate) const SERVE: Hint = rows("serve");
pub(crate) const SNAPSHOT: Hint = schema("snapshot");
pub(crate) const STATUS: Hint = schema("status");
pub(crate) const VERIFY: Hint = rows("verify");

/// Those that texts which come with the program name.
const OF_EMBEDDED_TEXTS: [Hint; 3] = [DRIFT, MIGRATE, VERIFY];

/// A command that reads legacy rows, which may come from a file.
const fn rows(name: &'static str) -> Hint {
    Hint { name, reads_rows: true }
}

const fn schema(name: &'static str) -> Hint {
    Hint { name, reads_rows: false }
}

/// The flags without which a command would work on something else than the one that names it.
#[derive(Debug)]
struct Named {
    environment: Option<&'static str>,
    csv: String,
}

/// What the command line or APP_ENV names; nothing where the crate is used without them.
static NAMED: OnceLock<Named> = OnceLock::new();

/// Says once, before any sentence is made, what was named: an environment, and the flags about a CSV file as a shell
/// takes them, empty if the legacy rows are in a database.
pub(crate) fn name_flags(environment: Option<&'static str>, csv: String) {
    let _ = NAMED.set(Named { environment, csv });
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pad-migrate ")?;
        if let Some(named) = NAMED.get() {
            if let Some(environment) = named.environment {
                write!(f, "--env {environment} ")?;
            }
            if self.reads_rows && !named.csv.is_empty() {
                write!(f, "{} ", named.csv)?;
            }
        }
        f.write_str(self.name)
    }
}

/// A text that comes with the program and can't name a constant, such as the head of an embedded query.
pub(crate) fn completed(text: &str) -> String {
    let one = |text: String, hint: Hint| text.replace(&format!("`pad-migrate {}", hint.name), &format!("`{hint}"));
    OF_EMBEDDED_TEXTS.into_iter().fold(text.to_owned(), one)
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-./:=,+@%".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', "'\\''"))),
    }
}
