//! The text of a `.env` file: its pairs, and what is wrong with it.
//!
//! dotenvy parses it: the format has no specification, and dotenvy's is what users of such files know. It has two
//! properties that we work around, and no other maintained crate is without them. It substitutes `$NAME`, which would
//! change a value unnoticed, or show a secret: such a file is refused ([`reference`]), and so is a secret that isn't plain
//! text ([`is_ambiguous`]). And its error holds the
//! line's content instead of its number: the number is found from the content, which may be a password and isn't shown.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::error::ConfigError;
use crate::config::keys::{SECRET, find};

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
            problems.push(ConfigError::Twice { path: path.to_owned(), key: shown_key(text, &key) });
        }
        pairs.insert(key, value);
    }
    pairs
}

/// Where a line is wrong; `content` is that of the line, or of its value.
fn not_a_pair(text: &str, content: &str, column: usize) -> String {
    let content = content.trim_end();
    // A comment may say the same.
    let is_comment = |at: usize| text[..at].rsplit('\n').next().is_some_and(|it| it.trim_start().starts_with('#'));
    let at = text.match_indices(content).map(|(at, _)| at).find(|at| !is_comment(*at)).unwrap_or_default();
    let before = &text[..at];
    let number = before.matches('\n').count() + 1;
    let start = before.rsplit('\n').next().unwrap_or_default();
    let place = start.chars().count() + column + 1;
    if content.contains('=') || start.contains('=') {
        return format!(
            "the value in line {number} ends at column {place}; one with a blank or a quotation mark needs single quotes, one that \
             ends in a \\ double quotes and \\\\ in its place"
        );
    }
    format!("line {number} is not KEY=value (column {place})")
}

/// The secrets in the file that dotenvy would change, each with whether its value begins with a single quotation mark.
pub(crate) fn ambiguous_secrets(text: &str, pairs: &BTreeMap<String, String>) -> Vec<(&'static str, bool)> {
    let set = SECRET.into_iter().filter(|key| pairs.contains_key(*key));
    let ambiguous = |key: &'static str| text.lines().find(|line| is_ambiguous(line, key)).map(|line| (key, line));
    set.filter_map(ambiguous)
        .map(|(key, line)| (key, value_of(line, key).is_some_and(|it| it.starts_with('\''))))
        .collect()
}

/// The first line, from 1, with a `$` that isn't one. dotenvy puts another value there, of the file or of the process, which
/// may be a secret and would be shown as a part of this one, or nothing at all; its names end early
/// (`$DATABASE_URL` is `$DATABASE`). Lines of secrets are looked at on their own ([`ambiguous_secrets`]).
pub(crate) fn reference(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut lines = text.lines().enumerate();
    let found = lines.find(|(_, line)| {
        let is_comment = quote.is_none() && line.trim_start().starts_with('#');
        let is_secret = SECRET.iter().any(|key| value_of(line, key).is_some());
        !is_comment && read_line(line, &mut quote).has_reference && !is_secret
    });
    found.map(|(at, _)| at + 1)
}

/// What is in a line, or in a value.
struct Line<'a> {
    /// What is before a comment.
    text: &'a str,
    /// Whether something else is put in the place of a `$`.
    has_reference: bool,
}

/// Reads a line as dotenvy does, with the quotation mark that is open before and after it.
fn read_line<'a>(line: &'a str, quote: &mut Option<char>) -> Line<'a> {
    let (mut has_reference, mut before) = (false, ' ');
    let mut characters = line.char_indices();
    while let Some((at, it)) = characters.next() {
        match (it, *quote) {
            // dotenvy is of two minds about whether such a mark closes.
            ('\\', Some('\'')) => has_reference |= line[at..].starts_with("\\'") && line.contains('$'),
            ('\\', _) => {
                characters.next();
            }
            ('\'' | '"', None) => *quote = Some(it),
            (_, Some(open)) if it == open => *quote = None,
            ('$', None | Some('"')) => has_reference = true,
            ('#', None) if before.is_whitespace() || before == '=' => return Line { text: &line[..at], has_reference },
            _ => {}
        }
        before = it;
    }
    Line { text: line, has_reference }
}

/// What a line sets a key to, if it does.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    Some(line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_matches([' ', '\t']))
}

/// Whether a line sets a key to something that dotenvy takes for more than text.
fn is_ambiguous(line: &str, key: &str) -> bool {
    let Some(value) = value_of(line, key) else { return false };
    if value.starts_with('#') {
        return true;
    }
    let mut quote = None;
    let Line { text, has_reference } = read_line(value, &mut quote);
    let text = text.trim_end();
    match text.chars().next() {
        // Between single quotes nothing is special.
        Some('\'') => text.len() < 2 || text[1..].find('\'') != Some(text.len() - 2),
        Some('"') => has_reference || quote.is_some(),
        // dotenvy drops any blank at an end, and a # behind any begins a comment.
        _ => {
            value.contains(|it: char| it != ' ' && it != '\t' && (it.is_whitespace() || it.is_control()))
                || text.contains(['$', '\\', '"', '\''])
        }
    }
}

/// The name of a key as it is shown. A password that stands in a line of its own and has an equals sign is taken for a key
/// and a value: what doesn't look like a key is named by its line.
pub(crate) fn shown_key(text: &str, key: &str) -> String {
    let is_upper = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    if find(key).map_or_else(|like| like.is_some(), |_| true) || key.contains('_') && key.chars().all(is_upper) {
        return key.to_owned();
    }
    let line = text.lines().position(|line| value_of(line, key).is_some());
    line.map_or_else(|| "a key".to_owned(), |at| format!("the key in line {}", at + 1))
}
