//! Spellings of the same thing. Pure.
//!
//! Postgres prints a parse tree, and prints the same one differently after a dump and restore, and in another major
//! version. Two texts that differ are parsed, and their trees compared in a normal form. What the normal form leaves out
//! is only what its reason explains: a column's rename is about columns, and another type about the casts beside it.

mod aliases;
pub(crate) mod alike;
pub(crate) mod bodies;
mod calls;
pub(crate) mod equality;
mod lists;
mod normal;
mod retyped;
mod tree;
pub(crate) mod values;

pub(crate) use retyped::Retyped;

/// Where an object is, by its names in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// Something that was renamed, or moved to another schema.
#[derive(Clone, Debug)]
pub(crate) enum Rename {
    /// A relation, a function, a type and the like: texts name it with its schema.
    Object { old: Place, new: Place },
    /// A column, of a relation that the text is about.
    Column { old: String, new: String },
}

/// What was renamed. Constraints, indexes, triggers and policies are named by no text that is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Renames(pub(crate) Vec<Rename>);

impl Renames {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has_object(&self, one: &Place, other: &Place) -> bool {
        self.0.iter().any(|rename| matches!(rename, Rename::Object { old, new } if old == one && new == other))
    }

    /// As the qualifier of a column, without its schema.
    fn has_relation(&self, one: &str, other: &str) -> bool {
        self.0.iter().any(|it| matches!(it, Rename::Object { old, new } if old.name == one && new.name == other))
    }

    fn has_column(&self, one: &str, other: &str) -> bool {
        self.0.iter().any(|rename| matches!(rename, Rename::Column { old, new } if old == one && new == other))
    }
}

/// What to ignore when two texts are compared, besides spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normalizer {
    /// The columns that have another type, with which casts change.
    pub(crate) retyped: Vec<Retyped>,
    /// The expected text has the old name of something, and the live one the new.
    pub(crate) renames: Renames,
    /// How servers before 14 print functions: they had no EXTRACT and the like in a tree.
    pub(crate) before_14: bool,
}

/// The names in a text, unquoted, and the signs between them; also within string literals.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        if let Some(quoted) = rest.strip_prefix('"') {
            let (mut name, mut end) = (String::new(), rest.len());
            let mut characters = quoted.char_indices().peekable();
            while let Some((at, character)) = characters.next() {
                // A quote within is doubled.
                if character == '"' && characters.next_if(|(_, next)| *next == '"').is_none() {
                    end = at + 2;
                    break;
                }
                name.push(character);
            }
            rest = &rest[end..];
            return Some(name);
        }
        let end = if is_name(first) { rest.find(|c| !is_name(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.to_owned())
    })
}
