//! What a syntax tree says: names, literals, children.

use squawk_syntax::{SyntaxElement, SyntaxKind as S, SyntaxNode, SyntaxToken};

use crate::schema::guard::refusal::HOLE;
use crate::schema::names::APPLICATION_SCHEMA;

/// What a string literal says, unless it is spelt with escapes or in pieces, or is a hole.
pub(super) fn literal(node: &SyntaxNode) -> Option<String> {
    let mut words = tokens(node);
    let (Some(word), None, S::LITERAL) = (words.next(), words.next(), node.kind()) else { return None };
    let text = word.text();
    match word.kind() {
        S::STRING => Some(text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'")),
        S::DOLLAR_QUOTED_STRING => {
            let tag = &text[..text[1..].find('$')? + 2];
            Some(text.strip_prefix(tag)?.strip_suffix(tag)?.to_owned())
        }
        _ => None,
    }
    .filter(|it| !it.contains(HOLE))
}

pub(super) fn first_argument(call: &SyntaxNode) -> Option<SyntaxNode> {
    let argument = child(&child(call, S::ARG_LIST)?, S::ARG)?;
    let value = only_child(&argument)?;
    (value.text() == argument.text()).then_some(value)
}

/// Whether a text names something in padealing: `padealing.x`.
pub(super) fn is_our_name(text: &str) -> bool {
    text.split_once('.').is_some_and(|(schema, name)| fold(schema) == APPLICATION_SCHEMA && !name.contains(['.', HOLE]))
}

/// A name as Postgres takes it.
pub(super) fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

/// The parts of a name with qualifiers.
pub(crate) fn names(path: &SyntaxNode) -> Vec<String> {
    let is_part = |it: &SyntaxNode| matches!(it.kind(), S::PATH_SEGMENT | S::PATH_SEGMENT_REF | S::NAME_REF);
    path.descendants().filter(is_part).map(|it| text_of(&it)).collect()
}

/// The name that a node is.
pub(crate) fn text_of(name: &SyntaxNode) -> String {
    fold(&name.text().to_string())
}

pub(super) fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|it| it == word)
}

pub(crate) fn child(node: &SyntaxNode, kind: S) -> Option<SyntaxNode> {
    node.children().find(|it| it.kind() == kind)
}

pub(super) fn only_child(node: &SyntaxNode) -> Option<SyntaxNode> {
    node.first_child().filter(|it| it.next_sibling().is_none())
}

pub(super) fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let all = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    all.filter(|it| !matches!(it.kind(), S::WHITESPACE | S::COMMENT))
}
