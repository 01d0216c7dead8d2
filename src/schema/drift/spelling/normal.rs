//! The normal form of a statement's parse tree.

use squawk_syntax::quote::quote_ident;
use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind as S, SyntaxNode, SyntaxToken};

use crate::schema::drift::spelling::tree::Tree;
use crate::schema::drift::spelling::{aliases, calls, lists, values, words_of};

/// The tree of a statement in its normal form; none if it can't be parsed. `before_14`: one of the two texts is of a
/// server before 14.
pub(super) fn normal_form(sql: &str, before_14: bool) -> Option<Tree> {
    let parsed = SourceFile::parse(sql);
    parsed.errors().is_empty().then(|| aliases::resolved(node(&parsed.syntax_node(), before_14)))
}

/// A quoted name is never a keyword: `"user"` is a column, and `USER` who asks.
fn leaf(token: &SyntaxToken) -> Tree {
    let text = token.text();
    if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return Tree::Name(quoted.replace("\"\"", "\""));
    }
    // What a literal says is not folded, however it begins: E'…', B'…', U&'…', $$…$$.
    if text.contains(['\'', '"', '$']) && token.kind() != S::IDENT {
        return Tree::word(text);
    }
    let folded = text.to_lowercase();
    let is_alone = token.prev_sibling_or_token().is_none() && token.next_sibling_or_token().is_none();
    match token.kind() {
        S::IDENT => Tree::Name(folded),
        // Postgres quotes a name that is reserved. The last one is reserved since version 16 only.
        _ if is_alone && (!is_reserved(&folded) || text == "system_user") => Tree::Name(folded),
        _ => Tree::Word(folded),
    }
}

fn is_reserved(word: &str) -> bool {
    let is_name = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
    !is_name || quote_ident(word) != word
}

fn node(syntax: &SyntaxNode, before_14: bool) -> Tree {
    let mut parts: Vec<Tree> = syntax
        .children_with_tokens()
        .filter_map(|part| match part {
            SyntaxElement::Node(child) => Some(node(&child, before_14)),
            SyntaxElement::Token(token) if matches!(token.kind(), S::WHITESPACE | S::COMMENT) => None,
            SyntaxElement::Token(token) => Some(leaf(&token)),
        })
        .collect();
    match syntax.kind() {
        // `(column).field` is not `table.column`.
        S::PAREN_EXPR if parts.len() == 3 => match syntax.parent().map(|parent| parent.kind()) {
            Some(S::FIELD_EXPR) => Tree::Node(S::PAREN_EXPR, vec![parts.swap_remove(1)]),
            _ => parts.swap_remove(1),
        },
        S::NAME_REF => match &parts[..] {
            [Tree::Word(word)] => calls::value_function(word).unwrap_or(Tree::Node(S::NAME_REF, parts)),
            _ => Tree::Node(S::NAME_REF, parts),
        },
        S::PATH_REF => qualified(&parts).unwrap_or(Tree::Node(S::PATH_REF, parts)),
        S::CAST_EXPR => cast(parts),
        S::BIN_EXPR => binary(parts, before_14),
        S::POSTFIX_EXPR => calls::postfix(parts),
        S::CALL_EXPR => {
            if let Some(name) = parts.first_mut() {
                *name = function(std::mem::replace(name, Tree::word("")));
            }
            calls::call(parts, before_14)
        }
        S::TARGET => target(parts),
        S::ATTRIBUTE_VALUE => {
            let value = Tree::Node(S::ATTRIBUTE_VALUE, parts).leaves().concat();
            Tree::Node(S::ATTRIBUTE_VALUE, vec![Tree::Word(values::plain(value.trim_matches('\'')))])
        }
        // IN is how a parameter is without a word.
        S::PARAM => {
            parts.retain(|part| part.parts_of(S::PARAM_IN).is_none());
            Tree::Node(S::PARAM, parts)
        }
        kind => Tree::Node(kind, parts),
    }
}

/// `schema.name`.
fn qualified(parts: &[Tree]) -> Option<Tree> {
    let [Tree::Node(_, before), Tree::Word(dot), Tree::Node(_, after)] = parts else { return None };
    let one = |parts: &[Tree]| match parts {
        [Tree::Name(name)] => Some(name.clone()),
        [Tree::Node(_, inner)] => match &inner[..] {
            [Tree::Name(name)] => Some(name.clone()),
            _ => None,
        },
        _ => None,
    };
    (dot == ".").then_some(())?;
    Some(Tree::Object(one(before)?, one(after)?))
}

/// The function of a call: one of a schema, or a built-in one, which no rename is about.
fn function(tree: Tree) -> Tree {
    match &tree {
        Tree::Node(S::FIELD_EXPR, parts) => qualified(parts).unwrap_or(tree),
        Tree::Node(S::NAME_REF, parts) => match &parts[..] {
            [Tree::Name(name)] if !is_value(name) => Tree::Node(S::NAME_REF, vec![Tree::word(name)]),
            _ => tree,
        },
        _ => tree,
    }
}

/// Whether a word is a value by itself, or with a precision: `CURRENT_TIME(3)`.
fn is_value(word: &str) -> bool {
    word.starts_with("current_") || word.starts_with("local") || word.ends_with("_user")
}

/// A column of a query has the name of its expression as an alias, if it has no other.
fn target(mut parts: Vec<Tree>) -> Tree {
    if let Some(Tree::Node(S::AS_NAME, alias)) = parts.last_mut() {
        alias.retain(Tree::is_node);
    }
    if parts.len() == 1
        && let Some(name) = last_name(&parts[0])
    {
        let name = Tree::Node(S::COLUMN_NAME, vec![Tree::Name(name.to_owned())]);
        parts.push(Tree::Node(S::AS_NAME, vec![name]));
    }
    Tree::Node(S::TARGET, parts)
}

/// The name that a column of a query has without an alias.
fn last_name(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Name(name) => Some(name),
        Tree::Node(S::NAME_REF | S::FIELD_EXPR, parts) => last_name(parts.last()?),
        _ => None,
    }
}

/// `expression :: type`, or `CAST(expression AS type)`.
fn cast(parts: Vec<Tree>) -> Tree {
    let is_operand = |part: &Tree| part.is_node() && part.parts_of(S::COLON_COLON).is_none();
    let mut nodes: Vec<Tree> = parts.into_iter().filter(is_operand).collect();
    let (Some(to), Some(value), true) = (nodes.pop(), nodes.pop(), nodes.is_empty()) else {
        return Tree::Node(S::CAST_EXPR, nodes);
    };
    let to = built_in(to);
    match value {
        Tree::Node(S::LITERAL, literal) if to.compact().starts_with("reg") => {
            Tree::Node(S::CAST_EXPR, vec![referring(literal), to])
        }
        // A cast of an array is one of its elements. Arrays within it keep their dimension.
        Tree::Node(S::ARRAY_EXPR, elements) if element_type(&to).is_some() && elements.iter().any(Tree::is_node) => {
            let element = element_type(&to).cloned().unwrap_or(to.clone());
            let each = |part: Tree| match &part {
                Tree::Node(S::ARRAY_EXPR, _) => cast(vec![part, to.clone()]),
                Tree::Node(..) => cast(vec![part, element.clone()]),
                _ => part,
            };
            Tree::Node(S::ARRAY_EXPR, elements.into_iter().map(each).collect())
        }
        // A literal that is first varchar and then text, neither of a certain length.
        Tree::Node(S::CAST_EXPR, inner)
            if is_text(&to) && matches!(&inner[..], [Tree::Node(S::LITERAL, _), from] if is_text(from)) =>
        {
            Tree::Node(S::CAST_EXPR, inner.into_iter().take(1).chain([to]).collect())
        }
        value => Tree::Node(S::CAST_EXPR, vec![value, to]),
    }
}

/// The name that a literal of type regclass or the like says: `nextval('…'::regclass)`.
fn referring(literal: Vec<Tree>) -> Tree {
    let text = match &literal[..] {
        [Tree::Word(text)] => text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')),
        _ => None,
    };
    let names: Vec<String> = text.map(|text| words_of(&text.replace("''", "'")).collect()).unwrap_or_default();
    match <[String; 3]>::try_from(names) {
        Ok([schema, dot, name]) if dot == "." => Tree::Node(S::LITERAL, vec![Tree::Object(schema, name)]),
        _ => Tree::Node(S::LITERAL, literal),
    }
}

/// The names of built-in types are words: no rename is about them.
fn built_in(tree: Tree) -> Tree {
    match tree {
        Tree::Name(name) => Tree::Word(name),
        Tree::Node(kind, parts) => Tree::Node(kind, parts.into_iter().map(built_in).collect()),
        other => other,
    }
}

fn element_type(array: &Tree) -> Option<&Tree> {
    array.parts_of(S::ARRAY_TYPE)?.first()
}

/// Whether a type is text, or varchar of any length.
fn is_text(tree: &Tree) -> bool {
    matches!(&*tree.compact(), "text" | "charactervarying")
}

/// AND and OR of more than two are one list; AT TIME ZONE and OVERLAPS are functions.
fn binary(parts: Vec<Tree>, before_14: bool) -> Tree {
    let [left, operator, right] = &parts[..] else { return Tree::Node(S::BIN_EXPR, parts) };
    match operator {
        Tree::Word(word) if matches!(&**word, "and" | "or") => {
            let mut all = vec![operator.clone()];
            for part in [left, right] {
                match part {
                    Tree::Node(S::BIN_EXPR, inner) if inner.first() == Some(operator) => {
                        all.extend(inner[1..].iter().cloned())
                    }
                    part => all.push(part.clone()),
                }
            }
            return Tree::Node(S::BIN_EXPR, all);
        }
        Tree::Word(word) if word == "overlaps" => {
            if let Some(call) = calls::overlaps(left, right) {
                return call;
            }
        }
        Tree::Node(S::AT_TIME_ZONE, _) => return Tree::call("timezone", vec![right.clone(), left.clone()]),
        _ => {}
    }
    let is_part_of_date = |side: &Tree| side.leaves().contains(&"date_part");
    let mut parts = lists::sorted(parts);
    if before_14 && parts.iter().any(is_part_of_date) {
        parts.iter_mut().for_each(plain_number);
    }
    Tree::Node(S::BIN_EXPR, parts)
}

/// EXTRACT gives numeric, and date_part, as which it was stored before, double precision: a number that is compared
/// with it has the one cast or the other.
fn plain_number(tree: &mut Tree) {
    let is_list = |call: &[Tree]| matches!(call.first(), Some(Tree::Node(S::ANY_FN | S::ALL_FN, _)));
    match tree {
        Tree::Node(S::CALL_EXPR, parts) if is_list(parts) => return parts.iter_mut().for_each(plain_number),
        Tree::Node(S::ANY_FN | S::ALL_FN | S::ARRAY_EXPR, parts) => return parts.iter_mut().for_each(plain_number),
        _ => {}
    }
    if let Tree::Node(S::CAST_EXPR, parts) = tree
        && let [value @ Tree::Node(S::LITERAL, _), to] = &parts[..]
        && matches!(&*to.compact(), "numeric" | "doubleprecision")
    {
        *tree = value.clone();
    }
}
