//! The normal form of a statement's parse tree.

use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind as S, SyntaxNode};

use crate::schema::drift::spelling::Normalizer;
use crate::schema::drift::spelling::calls::as_before_14;
use crate::schema::drift::spelling::tree::Tree;

/// The tree of a statement in its normal form; none if it can't be parsed.
pub(super) fn normal_form(sql: &str, normalizer: &Normalizer) -> Option<Tree> {
    let parsed = SourceFile::parse(sql);
    parsed.errors().is_empty().then(|| node(&parsed.syntax_node(), normalizer))
}

fn leaf(text: &str, normalizer: &Normalizer) -> Tree {
    let name = match text.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        // A name may be in a text: nextval('…'::regclass).
        None if text.starts_with('\'') && !normalizer.renames.is_empty() => normalizer.in_words(text),
        // What a literal says is not folded, however it begins: E'…', B'…', U&'…', $$…$$.
        None if text.contains(['\'', '"', '$']) => text.to_owned(),
        None => text.to_lowercase(),
    };
    Tree::Leaf(normalizer.name(name))
}

fn node(syntax: &SyntaxNode, normalizer: &Normalizer) -> Tree {
    let mut parts: Vec<Tree> = syntax
        .children_with_tokens()
        .filter_map(|it| match it {
            SyntaxElement::Node(child) => Some(node(&child, normalizer)),
            SyntaxElement::Token(token) if matches!(token.kind(), S::WHITESPACE | S::COMMENT) => None,
            SyntaxElement::Token(token) => Some(leaf(token.text(), normalizer)),
        })
        .collect();
    match syntax.kind() {
        S::PAREN_EXPR if parts.len() == 3 => parts.swap_remove(1),
        S::CAST_EXPR => cast(parts, normalizer),
        S::BIN_EXPR => binary(parts, normalizer),
        S::CALL_EXPR if normalizer.before_14 => as_before_14(parts),
        // A column's own name as its alias.
        S::TARGET
            if parts.len() == 2 && last_name(&parts[0]).is_some() && last_name(&parts[0]) == last_name(&parts[1]) =>
        {
            parts.truncate(1);
            Tree::Node(S::TARGET, parts)
        }
        S::SELECT => unqualified(parts),
        kind => Tree::Node(kind, parts),
    }
}

/// The name that a column of a query has without an alias.
fn last_name(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Node(S::NAME_REF | S::COLUMN_NAME | S::FIELD_EXPR | S::AS_NAME, parts) => match parts.last()? {
            Tree::Leaf(name) => Some(name),
            part => last_name(part),
        },
        _ => None,
    }
}

/// `expression :: type`, or `CAST(expression AS type)`.
fn cast(parts: Vec<Tree>, normalizer: &Normalizer) -> Tree {
    let nodes = parts.into_iter().filter(|it| matches!(it, Tree::Node(kind, _) if *kind != S::COLON_COLON));
    let mut nodes: Vec<Tree> = nodes.collect();
    let (Some(to), Some(value), true) = (nodes.pop(), nodes.pop(), nodes.is_empty()) else {
        return Tree::Node(S::CAST_EXPR, nodes);
    };
    match value {
        value if normalizer.casts => value,
        // EXTRACT gives numeric, and date_part, as which it was stored before, double precision.
        Tree::Node(S::LITERAL, _) if normalizer.before_14 && is_number(&to) => value,
        // A cast of an array is one of its elements.
        Tree::Node(S::ARRAY_EXPR, elements) if element_type(&to).is_some() => {
            let to = element_type(&to).cloned().unwrap_or(to);
            let is_element = |it: &Tree| matches!(it, Tree::Node(..));
            let each = |it| if is_element(&it) { cast(vec![it, to.clone()], normalizer) } else { it };
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

fn is_number(tree: &Tree) -> bool {
    matches!(&*tree.leaves().join(" "), "numeric" | "double precision")
}

fn element_type(array: &Tree) -> Option<&Tree> {
    match array {
        Tree::Node(S::ARRAY_TYPE, parts) => parts.first(),
        _ => None,
    }
}

/// Whether a type is text, or varchar of any length.
fn is_text(tree: &Tree) -> bool {
    matches!(&*tree.leaves().join(" "), "text" | "character varying")
}

/// AND and OR of more than two are one list; AT TIME ZONE is a function.
fn binary(parts: Vec<Tree>, normalizer: &Normalizer) -> Tree {
    let [left, operator, right] = &parts[..] else { return Tree::Node(S::BIN_EXPR, parts) };
    if let Tree::Leaf(word) = operator
        && matches!(&**word, "and" | "or")
    {
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
    if normalizer.before_14 && matches!(operator, Tree::Node(S::AT_TIME_ZONE, _)) {
        return Tree::call("timezone", vec![right.clone(), left.clone()]);
    }
    Tree::Node(S::BIN_EXPR, parts)
}

/// From 16 on, a view of one table names its columns without the table.
fn unqualified(mut parts: Vec<Tree>) -> Tree {
    let from = parts.iter().find_map(|it| match it {
        Tree::Node(S::FROM_CLAUSE, from) => Some(from),
        _ => None,
    });
    let items: Vec<&Tree> = from.into_iter().flatten().filter(|it| matches!(it, Tree::Node(..))).collect();
    let table = match items[..] {
        [Tree::Node(S::RELATION_FROM_ITEM, item)] => item.iter().flat_map(Tree::leaves).last().map(str::to_owned),
        _ => None,
    };
    if let Some(table) = table {
        parts.iter_mut().for_each(|it| drop_qualifier(it, &table));
    }
    Tree::Node(S::SELECT, parts)
}

fn drop_qualifier(tree: &mut Tree, table: &str) {
    let Tree::Node(kind, parts) = tree else { return };
    // A query within has tables of its own.
    if *kind == S::SELECT || *kind == S::FROM_CLAUSE {
        return;
    }
    if *kind == S::FIELD_EXPR
        && let [Tree::Node(S::NAME_REF, qualifier), _, column] = &parts[..]
        && matches!(&qualifier[..], [Tree::Leaf(name)] if name == table)
    {
        *tree = column.clone();
        return;
    }
    parts.iter_mut().for_each(|it| drop_qualifier(it, table));
}
