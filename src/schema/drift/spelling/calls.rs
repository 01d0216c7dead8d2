//! Function calls: newer servers print some in the words of the SQL standard, and some functions have two names.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;

/// A function call by the function's name, whatever the words that it is printed in.
pub(super) fn call(parts: Vec<Tree>, before_14: bool) -> Tree {
    match &parts[..] {
        [Tree::Node(S::NAME_REF, name), Tree::Node(S::ARG_LIST, list)] => match (&name[..], plain_arguments(list)) {
            ([Tree::Word(name)], Some(arguments)) => named(name, arguments),
            _ => Tree::Node(S::CALL_EXPR, parts),
        },
        // Servers before 14 had no EXTRACT in a tree.
        [Tree::Node(S::EXTRACT_FN, inner)] if before_14 => date_part(inner),
        [Tree::Node(S::TRIM_FN, inner)] => trim(inner),
        [Tree::Node(S::SUBSTRING_FN, inner)] => Tree::call("substring", expressions(inner)),
        // The standard has its arguments the other way round.
        [Tree::Node(S::POSITION_FN, inner)] => Tree::call("position", expressions(inner).into_iter().rev().collect()),
        [Tree::Node(S::OVERLAY_FN, inner)] => Tree::call("overlay", expressions(inner)),
        [Tree::Node(S::COLLATION_FOR_FN, inner)] => Tree::call("pg_collation_for", expressions(inner)),
        [Tree::Node(S::XML_EXISTS_FN, inner)] => Tree::call("xmlexists", expressions(inner)),
        // What it does by itself, since version 16 also in words.
        [Tree::Node(S::XML_SERIALIZE_FN, inner)] => {
            let kept = inner.iter().filter(|part| part.parts_of(S::NO_INDENT).is_none());
            Tree::Node(S::XML_SERIALIZE_FN, kept.cloned().collect())
        }
        _ => Tree::Node(S::CALL_EXPR, parts),
    }
}

fn named(name: &str, arguments: Vec<Tree>) -> Tree {
    match (name, &arguments[..]) {
        ("transaction_timestamp", []) => Tree::call("now", arguments),
        ("normalize" | "is_normalized", [_, form]) if form.is_node() => {
            let form = normal_form(form);
            Tree::call(name, arguments.into_iter().take(1).chain([form]).collect())
        }
        _ => Tree::call(name, arguments),
    }
}

/// The form of a normalisation, which is a word in newer versions and a text in older ones.
fn normal_form(tree: &Tree) -> Tree {
    let word = tree.leaves().first().map(|first| first.trim_matches('\'').to_lowercase());
    match word {
        Some(word) if matches!(&*word, "nfc" | "nfd" | "nfkc" | "nfkd") => Tree::Word(word),
        _ => tree.clone(),
    }
}

/// A keyword that is a value: `CURRENT_TIMESTAMP` is `now()`, and `USER` is `CURRENT_USER`.
pub(super) fn value_function(word: &str) -> Option<Tree> {
    match word {
        "current_timestamp" => Some(Tree::call("now", Vec::new())),
        "user" | "current_role" => Some(Tree::Node(S::NAME_REF, vec![Tree::word("current_user")])),
        _ => None,
    }
}

/// `text IS [form] NORMALIZED`.
pub(super) fn postfix(parts: Vec<Tree>) -> Tree {
    let [value, Tree::Node(S::IS_NORMALIZED, is)] = &parts[..] else { return Tree::Node(S::POSTFIX_EXPR, parts) };
    let form = is.iter().find(|part| part.parts_of(S::UNICODE_NORMAL_FORM).is_some()).map(normal_form);
    Tree::call("is_normalized", [value.clone()].into_iter().chain(form).collect())
}

/// `(a, b) OVERLAPS (c, d)`.
pub(super) fn overlaps(left: &Tree, right: &Tree) -> Option<Tree> {
    let sides = [left.parts_of(S::TUPLE_EXPR)?, right.parts_of(S::TUPLE_EXPR)?];
    Some(Tree::call("overlaps", sides.into_iter().flatten().filter(|part| part.is_node()).cloned().collect()))
}

/// The arguments of a call that has nothing else between its parentheses: no DISTINCT, VARIADIC, name or order.
fn plain_arguments(list: &[Tree]) -> Option<Vec<Tree>> {
    let mut arguments = Vec::new();
    for part in list {
        match part {
            Tree::Word(sign) if matches!(&**sign, "(" | "," | ")") => {}
            Tree::Node(S::ARG, inner) => match &inner[..] {
                [argument] if argument.is_node() => arguments.push(argument.clone()),
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(arguments)
}

/// `EXTRACT(field FROM source)`.
fn date_part(parts: &[Tree]) -> Tree {
    let arguments = parts.iter().filter(|part| part.is_node()).map(|part| match part {
        Tree::Node(S::EXTRACT_FIELD_NAME, _) => {
            let field = part.leaves().concat();
            let literal = Tree::Node(S::LITERAL, vec![Tree::Word(format!("'{}'", field.trim_matches('\'')))]);
            Tree::Node(S::CAST_EXPR, vec![literal, text_type()])
        }
        expression => expression.clone(),
    });
    Tree::call("date_part", arguments.collect())
}

/// `TRIM(BOTH characters FROM text)`.
fn trim(parts: &[Tree]) -> Tree {
    let is = |wanted| parts.iter().any(|part| part.parts_of(wanted).is_some());
    let name = match () {
        () if is(S::TRIM_LEADING) => "ltrim",
        () if is(S::TRIM_TRAILING) => "rtrim",
        () => "btrim",
    };
    // The characters come before FROM, the text after it.
    Tree::call(name, expressions(parts).into_iter().rev().collect())
}

/// Expressions among the parts, however deep in the standard's clauses.
fn expressions(parts: &[Tree]) -> Vec<Tree> {
    let mut found = Vec::new();
    for part in parts {
        match part {
            Tree::Node(
                S::SUBSTRING_FROM_FOR
                | S::SUBSTRING_SIMILAR_ESCAPE
                | S::OVERLAY_PLACING
                | S::TRIM_FROM
                | S::TRIM_EXPR_FROM
                | S::TRIM_BOTH
                | S::TRIM_LEADING
                | S::TRIM_TRAILING
                | S::XML_ROW_PASSING_CLAUSE
                | S::XML_PASSING_DOC
                | S::ARG_LIST
                | S::ARG,
                inner,
            ) => found.extend(expressions(inner)),
            Tree::Node(..) => found.push(part.clone()),
            Tree::Name(_) | Tree::Object(..) | Tree::Word(_) => {}
        }
    }
    found
}

fn text_type() -> Tree {
    let nested = [S::PATH_SEGMENT_REF, S::PATH_REF, S::PATH_TYPE];
    nested.into_iter().fold(Tree::word("text"), |inner, kind| Tree::Node(kind, vec![inner]))
}
