//! The text of a `.env` file: its pairs, and what is wrong with it.
//!
//! dotenvy parses it: the format has no specification, and dotenvy's is what users of such files know. It has two
//! properties that we work around, and no other maintained crate is without them. It substitutes `$NAME`, which would
//! change a password unnoticed: a secret that isn't plain text is refused ([`is_ambiguous`]). And its error holds the
//! line's content instead of its number: the number is found from the content, which may be a password and isn't shown.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::error::ConfigError;
use crate::config::keys::SECRET;
use crate::config::mask::is_secret;

/// The pairs of a file, the last one of a name; problems are added to those that there are.
pub(crate) fn pairs(path: &Path, text: &str, problems: &mut Vec<ConfigError>) -> BTreeMap<String, String> {
    let failed = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let mut pairs: BTreeMap<String, String> = BTreeMap::new();
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        let (key, value) = match line {
            Ok(pair) => pair,
            Err(dotenvy::Error::LineParse(line, column)) => {
                problems.push(failed(not_a_pair(text, &line, column)));
                continue;
            }
            Err(error) => {
                problems.push(failed(error.to_string()));
                break;
            }
        };
        if pairs.get(&key).is_some_and(|earlier| *earlier != value) {
            problems.push(ConfigError::Twice { path: path.to_owned(), key: key.clone() });
        }
        pairs.insert(key, value);
    }
    pairs
}

/// Where a line is wrong; `content` is that of the line, or of its value.
fn not_a_pair(text: &str, content: &str, column: usize) -> String {
    let before = &text[..text.find(content.trim_end()).unwrap_or_default()];
    let number = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + column + 1;
    format!("line {number} is not KEY=value (column {column})")
}

/// The secrets in the file that dotenvy would change.
pub(crate) fn ambiguous_secrets(text: &str, pairs: &BTreeMap<String, String>) -> Vec<&'static str> {
    let set = SECRET.into_iter().filter(|key| pairs.contains_key(*key));
    set.filter(|key| text.lines().any(|line| is_ambiguous(line, key))).collect()
}

/// The first line, from 1, that would give a value that is shown the text of a secret, and how: it refers to it by its
/// name, or begins a reference that ends in another line, which is left out with the line's end, so that nothing shows that
/// the value holds what follows. Lines of secrets are looked at on their own.
pub(crate) fn reference_to_secret(text: &str) -> Option<(usize, &'static str)> {
    let how = |line: &str| {
        let is_shown = !line.trim_start().starts_with('#') && SECRET.iter().all(|key| value_of(line, key).is_none());
        let mut names = line.split('$').skip(1).filter(|_| is_shown);
        names.find_map(|reference| {
            let name = reference.strip_prefix('{').unwrap_or(reference);
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let is_open = reference.starts_with('{') && !reference.contains('}');
            match is_secret(name) {
                true => Some("repeats a secret by its name ($…), and would show it; write the value itself"),
                false => is_open.then_some("has a ${ without its }; put a value with a $ in single quotes"),
            }
        })
    };
    let mut end = 0;
    let mut lines = text.split_inclusive('\n').enumerate();
    lines.find_map(|(at, line)| {
        let before = &text[..end];
        end += line.len();
        how(line).filter(|_| !is_literal_line(before, line)).map(|how| (at + 1, how))
    })
}

/// Whether nothing is special in a line's value, since it is between single quotes, and no quote is open before the line.
fn is_literal_line(before: &str, line: &str) -> bool {
    let is_literal = line.split_once('=').is_some_and(|(_, value)| is_literal(value.trim()));
    is_literal && dotenvy::from_read_iter(before.as_bytes()).all(|pair| pair.is_ok())
}

/// Whether a value is one text between single quotes, and a comment at most behind it.
fn is_literal(value: &str) -> bool {
    let Some((_, rest)) = value.strip_prefix('\'').and_then(|inner| inner.split_once('\'')) else { return false };
    rest.trim_start().is_empty() || rest.trim_start().starts_with('#')
}

/// What a line sets a key to, if it does.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    Some(line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim())
}

/// Whether a line sets a key to something that dotenvy takes for more than text.
fn is_ambiguous(line: &str, key: &str) -> bool {
    let Some(value) = value_of(line, key) else { return false };
    match value.chars().next() {
        // Between single quotes nothing is special.
        Some('\'') => !is_literal(value),
        Some('"') => {
            let pairs = value.chars().zip(value.chars().skip(1));
            pairs.into_iter().any(|(before, it)| it == '$' && before != '\\')
        }
        Some('#') => true,
        _ => value.contains(['$', '\\', '"', '\'']),
    }
}
