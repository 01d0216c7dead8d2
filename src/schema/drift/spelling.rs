//! Spellings of the same thing. Pure.
//!
//! Postgres prints a parse tree, and prints the same one differently after a dump and restore, and in another major
//! version. Two texts that differ are parsed, and their trees compared in a normal form.

mod calls;
pub(crate) mod equality;
mod normal;
mod tree;

/// Something that was renamed, or a schema that it was moved to.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    pub(crate) old: String,
    pub(crate) new: String,
}

/// What to ignore when two texts are compared, besides spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normalizer {
    /// Casts, since a column's type has changed.
    pub(crate) casts: bool,
    /// The old name of something stands for the new one.
    pub(crate) renames: Vec<Rename>,
    /// How servers before 14 print functions: they had no EXTRACT and the like in a tree.
    pub(crate) before_14: bool,
}

impl Normalizer {
    /// The words of a text, with the new names of what was renamed.
    pub(crate) fn in_words(&self, text: &str) -> String {
        words_of(text).map(|word| self.name(word)).collect::<Vec<_>>().join(" ")
    }

    fn name(&self, name: String) -> String {
        self.renames.iter().find(|rename| rename.old == name).map_or(name, |rename| rename.new.clone())
    }
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
