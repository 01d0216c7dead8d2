//! The revisions of `migrations/`, embedded in the program.
//!
//! Pure: what a revision is, and its SQL for given roles. `schema::pg::apply` runs them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::base::quote::quote_identifier;
use crate::base::text::hex;
use crate::config::environment::Environment;
use crate::ledger::properties::{self, Properties};

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// One revision: a pair of files, `NNNN_verb_object.up.sql` and `.down.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The number, four digits.
    pub number: &'static str,
    /// The rest of the file's name.
    pub name: &'static str,
    /// The SQL that applies it.
    pub up: &'static str,
    /// The SQL that reverts it.
    pub down: &'static str,
    /// What is declared of it.
    pub properties: &'static Properties,
}

/// The number that stands before the first revision.
pub const NOTHING: &str = "0000";

/// The beginning of the comment of a table that revision 0002 has moved: its down migration moves the table back.
pub const MOVED_NOTE: &str = "Moved from public by revision 0002.";

/// What `migrations/revisions.toml` declares, by revision. The file is part of the program, and a test reads it.
static PROPERTIES: LazyLock<BTreeMap<String, Properties>> =
    LazyLock::new(|| properties::parse(declarations()).expect("migrations/revisions.toml declares revisions"));

/// What is declared of a revision without a declaration. A test says that there is none.
static UNDECLARED: LazyLock<Properties> = LazyLock::new(Properties::default);

/// Every revision, in order.
pub static ALL: LazyLock<Vec<Revision>> = LazyLock::new(|| {
    let ups = MIGRATIONS.iter().filter_map(|(file, up)| Some((file.strip_suffix(".up.sql")?, *up)));
    let revision = |(stem, up): (&'static str, &'static str)| {
        let (number, name) = stem.split_once('_').unwrap_or((stem, ""));
        let properties = PROPERTIES.get(number).unwrap_or(&UNDECLARED);
        Revision { number, name, up, down: embedded(&format!("{stem}.down.sql")), properties }
    };
    ups.map(revision).collect()
});

fn embedded(file: &str) -> &'static str {
    MIGRATIONS.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| *text)
}

/// The text of `migrations/revisions.toml`.
pub fn declarations() -> &'static str {
    embedded("revisions.toml")
}

/// The declared schema, `migrations/schema.sql`: what the revisions must add up to.
pub fn declared_schema() -> &'static str {
    embedded("schema.sql")
}

/// What the schema is after a revision, as a snapshot's text: recorded by a test, beside the revisions.
pub fn recorded(number: &str) -> Option<&'static str> {
    let is_newest = ALL.last().is_some_and(|newest| newest.number == number);
    let mut files = MIGRATIONS.iter().filter(|(file, _)| file.ends_with(".json"));
    let found = files.find(|(file, _)| if is_newest { *file == "expected.json" } else { file.starts_with(number) });
    found.map(|(_, text)| *text)
}

/// The revisions that there are, for a message.
pub(crate) fn numbers() -> String {
    ALL.iter().map(|revision| format!("{} {}", revision.number, revision.name)).collect::<Vec<_>>().join(", ")
}

impl Revision {
    /// Why an environment skips it, if it does.
    pub fn not_for(&self, environment: Environment) -> Option<&'static str> {
        self.properties.not_for.get(environment.as_str()).map(String::as_str)
    }

    /// SHA-256 of `up`, in hexadecimal: whether an applied revision is still the one in the program.
    pub fn checksum(&self) -> String {
        hex(&Sha256::digest(self.up))
    }

    /// Whether a recorded checksum is this revision's, or that of an earlier text of it.
    pub fn has_checksum(&self, recorded: &str) -> bool {
        self.checksum() == recorded || self.properties.earlier.iter().any(|earlier| earlier == recorded)
    }
}

/// The role names that stand for `{owner}`, `{app}` and `{reader}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// Owns everything; without a name, it is the role that applies the revision.
    pub owner: String,
    /// The application.
    pub app: Option<String>,
    /// Dashboards and drift checks.
    pub reader: Option<String>,
}

/// A revision's SQL for these roles: a section that opens with `-- with {app}` or `-- with {reader}` is left out if
/// that role has no name; `-- always` ends such a section.
pub fn render(sql: &str, roles: &RoleNames) -> String {
    let mut shown = true;
    let mut out = String::new();
    for line in sql.lines() {
        match line {
            "-- with {app}" => shown = roles.app.is_some(),
            "-- with {reader}" => shown = roles.reader.is_some(),
            "-- always" => shown = true,
            _ if shown && line.starts_with("--") => {
                out.push_str(line);
                out.push('\n');
            }
            _ if shown => {
                let name = |role: &Option<String>| role.as_deref().map(quote_identifier).unwrap_or_default();
                let line = line.replace("{owner}", &quote_identifier(&roles.owner));
                let line = line.replace("{app}", &name(&roles.app)).replace("{reader}", &name(&roles.reader));
                out.push_str(&line);
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}
