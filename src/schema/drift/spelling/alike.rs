//! Whether two trees or two texts are the same, where one has names from before a rename.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;
use crate::schema::drift::spelling::{Place, Renames};

/// Whether the live tree is the expected one, but for what was renamed.
pub(super) fn trees(expected: &Tree, live: &Tree, renames: &Renames) -> bool {
    match (expected, live) {
        (Tree::Node(S::FIELD_EXPR, old), Tree::Node(S::FIELD_EXPR, new)) => fields(old, new, renames),
        // Columns are printed in their order in the table.
        (Tree::Node(S::STATISTICS_ON_CLAUSE, old), Tree::Node(S::STATISTICS_ON_CLAUSE, new)) => {
            let [old, new] = [old, new].map(|parts| parts.iter().filter(|part| part.is_node()).collect::<Vec<_>>());
            as_sets(&old, &new, |old, new| trees(old, new, renames))
        }
        (Tree::Node(kind, old), Tree::Node(other, new)) => {
            kind == other && old.len() == new.len() && old.iter().zip(new).all(|(old, new)| trees(old, new, renames))
        }
        (Tree::Name(old), Tree::Name(new)) => old == new || renames.has_column(old, new),
        (Tree::Object(schema, old), Tree::Object(other, new)) => {
            let place = |schema: &String, name: &String| Place { schema: schema.clone(), name: name.clone() };
            schema == other && old == new || renames.has_object(&place(schema, old), &place(other, new))
        }
        (old, new) => old == new,
    }
}

/// `table.column`: what is before the dot is no column.
fn fields(old: &[Tree], new: &[Tree], renames: &Renames) -> bool {
    let is_same = |(old, new): (&Tree, &Tree)| trees(old, new, renames);
    if old.len() != new.len() {
        return false;
    }
    match (old[0].as_name(), new[0].as_name()) {
        (Some(one), Some(other)) => {
            (one == other || renames.has_relation(one, other)) && old.iter().zip(new).skip(1).all(is_same)
        }
        _ => old.iter().zip(new).all(is_same),
    }
}

/// Whether two texts that are not parsed are the same to the letter, but for the names of what was renamed.
pub(crate) fn texts(expected: &str, live: &str, renames: &Renames) -> bool {
    if expected == live {
        return true;
    }
    if renames.is_empty() {
        return false;
    }
    let (old, new) = (tokens(expected), tokens(live));
    if old.len() != new.len() {
        return false;
    }
    let mut at = 0;
    while at < old.len() {
        let qualified = |tokens: &[Token]| match tokens.get(at..at + 3) {
            Some([Token::Name(schema), Token::Other(dot), Token::Name(name)]) if dot == "." => {
                Some(Place { schema: unquoted(schema), name: unquoted(name) })
            }
            _ => None,
        };
        if let (Some(one), Some(other)) = (qualified(&old), qualified(&new))
            && renames.has_object(&one, &other)
        {
            at += 3;
            continue;
        }
        let is_same = match (&old[at], &new[at]) {
            (Token::Name(one), Token::Name(other)) => {
                one == other || renames.has_column(&unquoted(one), &unquoted(other))
            }
            (one, other) => one == other,
        };
        if !is_same {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether each of the expected ones has a live one of its own, in any order, and none is left.
pub(crate) fn as_sets<T>(expected: &[T], live: &[T], is_same: impl Fn(&T, &T) -> bool) -> bool {
    let mut left: Vec<&T> = live.iter().collect();
    let all = expected.iter().all(|one| match left.iter().position(|other| is_same(one, other)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    });
    all && left.is_empty()
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A name as it stands, with its quotes: `"user"` is not `user`.
    Name(String),
    /// A literal as it stands, or a sign, space included.
    Other(String),
}

/// The items of a list between commas. A comma in a literal is none.
pub(crate) fn items(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    for token in tokens(list) {
        match token {
            Token::Other(sign) if sign == "," => items.push(String::new()),
            Token::Name(text) | Token::Other(text) => items.last_mut().expect("one was put there").push_str(&text),
        }
    }
    items.iter().map(|item| item.trim().to_owned()).collect()
}

fn unquoted(name: &str) -> String {
    name.trim_matches('"').to_owned()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_name = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '$';
        let quoted = |quote: char| {
            let closing = rest[1..].find(quote).map(|at| at + 2);
            closing.unwrap_or(rest.len())
        };
        let end = match first {
            '\'' | '"' => quoted(first),
            _ if is_name(first) => rest.find(|sign| !is_name(sign)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        all.push(match first {
            _ if first == '"' || is_name(first) => Token::Name(token.to_owned()),
            _ => Token::Other(token.to_owned()),
        });
        rest = after;
    }
    all
}
