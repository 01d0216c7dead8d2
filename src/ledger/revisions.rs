//! The revisions of `migrations/`, embedded in the program.
//!
//! Pure: what a revision is, and what it says for given roles. [`crate::schema::pg::apply`] runs them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::base::quote::quote_identifier;
use crate::base::text::hex;
use crate::config::environment::Environment;

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// One revision: a pair of files, `NNNN_verb_object.up.sql` and `.down.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The number, four digits.
    pub number: &'static str,
    /// The rest of the file's name.
    pub name: &'static str,
    /// The way up.
    pub up: &'static str,
    /// The way down.
    pub down: &'static str,
}

/// The beginning of the comment of a table that revision 0002 has moved: the way down moves it back.
pub const MOVED_NOTE: &str = "Moved from public by revision 0002.";

/// Every revision, in order.
pub static ALL: LazyLock<Vec<Revision>> = LazyLock::new(|| {
    let text = |file: String| MIGRATIONS.iter().find(|it| it.0 == file).map(|it| it.1);
    let ups = MIGRATIONS.iter().filter_map(|(file, up)| Some((file.strip_suffix(".up.sql")?, *up)));
    ups.map(|(stem, up)| {
        let (number, name) = stem.split_once('_').unwrap_or((stem, ""));
        Revision { number, name, up, down: text(format!("{stem}.down.sql")).unwrap_or_default() }
    })
    .collect()
});

/// The declared schema, `migrations/schema.sql`: what the revisions must add up to.
pub fn declared_schema() -> &'static str {
    MIGRATIONS.iter().find(|it| it.0 == "schema.sql").map_or("", |it| it.1)
}

/// What the schema is after a revision, as a snapshot's text: recorded by a test, beside the revisions.
pub fn recorded(number: &str) -> Option<&'static str> {
    let newest = ALL.last().is_some_and(|it| it.number == number);
    let mut files = MIGRATIONS.iter().filter(|it| it.0.ends_with(".json"));
    let found = files.find(|it| if newest { it.0 == "expected.json" } else { it.0.starts_with(number) });
    found.map(|it| it.1)
}

impl Revision {
    /// Why it is not for an environment, if it isn't: a line `-- not for dev: the reason` at the top of the way up.
    pub fn not_for(&self, environment: Environment) -> Option<&'static str> {
        let mut notes = self.up.lines().take_while(|it| it.starts_with("--"));
        notes.find_map(|it| it.strip_prefix(&format!("-- not for {environment}: ")))
    }

    /// Whether rows are changed by it, which no comparison of schemas can do instead: a line `-- moves data`.
    pub fn moves_data(&self) -> bool {
        self.up.lines().any(|it| it == "-- moves data")
    }

    /// The tables that it takes from another schema, each with the columns by which it knows it: a line `-- moves
    /// tables`, and a list of names and columns, `('audit_log', '{action_type,…}'`.
    pub fn moves_tables(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        if !self.up.lines().any(|it| it == "-- moves tables") {
            return Vec::new();
        }
        let lines = self.up.lines().filter_map(|it| it.trim_start().strip_prefix("('"));
        let table = |line: &'static str| {
            let (name, rest) = line.split_once("', '{")?;
            Some((name, rest.split_once('}')?.0.split(',').collect()))
        };
        lines.filter_map(table).collect()
    }

    /// SHA-256 of the way up, in hexadecimal: whether an applied revision is still the one in the program.
    pub fn checksum(&self) -> String {
        hex(&Sha256::digest(self.up))
    }
}

/// The role names that stand for `{owner}`, `{app}` and `{reader}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// Owns everything; always known, since without a name it is the role that applies.
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
