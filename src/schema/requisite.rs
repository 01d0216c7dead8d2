//! What a backup depends on and doesn't hold, and how one that is there differs from it. Pure.

use serde::{Deserialize, Serialize};

use crate::base::text::list;
use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::spelling::Normalizer;
use crate::schema::drift::spelling::equality::same;

/// An object that a backup depends on and doesn't hold, such as a trigger's function in another schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Requisite {
    /// Its kind, such as `function`.
    pub kind: String,
    /// The schema that it is in; empty if it is in none.
    pub schema: String,
    /// Its name as PostgreSQL identifies it.
    pub name: String,
    /// An object that depends on it: of the backup, or another one of these.
    pub by: String,
    /// Its kind as `pg_get_object_address` takes it.
    pub address: String,
    /// Its name as that takes it.
    pub names: Vec<String>,
    /// Its arguments as that takes them.
    pub arguments: Vec<String>,
    /// The extension that has it; null if none does.
    pub extension: Option<String>,
    /// The statement that makes it where a restore is rehearsed; null if there is none.
    pub definition: Option<String>,
    /// What of it the restore depends on, such as the labels of an enum; empty if that is its name only.
    #[serde(default)]
    pub shape: Vec<String>,
}

impl std::fmt::Display for Requisite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, name, by, extension, .. } = self;
        match extension {
            Some(extension) => write!(f, "{kind} {name} of the extension {extension} (for {by})"),
            None => write!(f, "{kind} {name} (for {by})"),
        }
    }
}

/// One that a database lacks, or has otherwise.
pub(crate) struct Lacking<'a> {
    pub(crate) requisite: &'a Requisite,
    /// What is there instead; none if nothing is.
    pub(crate) found: Option<Vec<String>>,
}

impl std::fmt::Display for Lacking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { requisite, found } = self;
        write!(f, "{requisite}")?;
        let Some(found) = found else { return Ok(()) };
        let wanted = &requisite.shape;
        let has = |it: &&String| found.iter().any(|other| other == *it);
        let missing: Vec<&String> = wanted.iter().filter(|it| !has(it)).collect();
        let missing = if missing.is_empty() { list(wanted) } else { list(missing) };
        let found = if found.is_empty() { "nothing of this".to_owned() } else { list(found) };
        write!(f, " with {missing}, where it has {found}")
    }
}

/// What an object may have more of, and nothing that depends on it fails.
const EXTENSIBLE: [&str; 2] = ["label ", "column "];

/// Whether what is there will do.
pub(crate) fn fits(wanted: &[String], found: &[String], normalizer: &Normalizer) -> bool {
    let is_same = |one: &String, other: &String| match one.starts_with("CHECK ") && other.starts_with("CHECK ") {
        true => same(Kind::Constraint, Property::Definition, one, other, normalizer),
        false => one == other,
    };
    let places: Option<Vec<usize>> =
        wanted.iter().map(|it| found.iter().position(|other| is_same(it, other))).collect();
    let is_known = |it: &String| wanted.iter().any(|other| is_same(other, it));
    let may_be_more = |it: &String| EXTENSIBLE.iter().any(|word| it.starts_with(word));
    // Labels are compared by their order.
    let is_in_order = |places: &[usize]| !wanted.iter().any(|it| it.starts_with("label ")) || places.is_sorted();
    places.is_some_and(|it| is_in_order(&it)) && found.iter().all(|it| may_be_more(it) || is_known(it))
}
