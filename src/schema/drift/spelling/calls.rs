//! Function calls as different major versions print them.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;

/// A function call as servers before 14 print it: newer ones print some in the words of the SQL standard.
pub(super) fn as_before_14(parts: Vec<Tree>) -> Tree {
    match &parts[..] {
        [Tree::Node(S::NAME_REF, name), Tree::Node(S::ARG_LIST, arguments)] if matches!(&name[..], [Tree::Leaf(_)]) => {
            let [Tree::Leaf(name)] = &name[..] else { return Tree::Node(S::CALL_EXPR, parts) };
            Tree::call(name, expressions(arguments))
        }
        [Tree::Node(S::EXTRACT_FN, inner)] => date_part(inner),
        [Tree::Node(S::TRIM_FN, inner)] => trim(inner),
        [Tree::Node(S::SUBSTRING_FN, inner)] => Tree::call("substring", expressions(inner)),
        // The standard has its arguments the other way round.
        [Tree::Node(S::POSITION_FN, inner)] => Tree::call("position", expressions(inner).into_iter().rev().collect()),
        [Tree::Node(S::OVERLAY_FN, inner)] => Tree::call("overlay", expressions(inner)),
        _ => Tree::Node(S::CALL_EXPR, parts),
    }
}

/// `EXTRACT(field FROM source)`.
fn date_part(parts: &[Tree]) -> Tree {
    let arguments = parts.iter().filter_map(|part| match part {
        Tree::Node(S::EXTRACT_FIELD_NAME, _) => {
            let field = part.leaves().concat();
            let literal = Tree::Node(S::LITERAL, vec![Tree::Leaf(format!("'{}'", field.trim_matches('\'')))]);
            Some(Tree::Node(S::CAST_EXPR, vec![literal, text_type()]))
        }
        Tree::Leaf(_) => None,
        expression => Some(expression.clone()),
    });
    Tree::call("date_part", arguments.collect())
}

/// `TRIM(BOTH characters FROM text)`.
fn trim(parts: &[Tree]) -> Tree {
    let has = |wanted| parts.iter().any(|part| matches!(part, Tree::Node(kind, _) if *kind == wanted));
    let name = match () {
        () if has(S::TRIM_LEADING) => "ltrim",
        () if has(S::TRIM_TRAILING) => "rtrim",
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
            Tree::Leaf(_) => {}
            Tree::Node(
                S::SUBSTRING_FROM_FOR
                | S::OVERLAY_PLACING
                | S::TRIM_FROM
                | S::TRIM_EXPR_FROM
                | S::TRIM_BOTH
                | S::TRIM_LEADING
                | S::TRIM_TRAILING
                | S::ARG_LIST
                | S::ARG,
                inner,
            ) => found.extend(expressions(inner)),
            expression => found.push(expression.clone()),
        }
    }
    found
}

fn text_type() -> Tree {
    let nested = [S::PATH_SEGMENT_REF, S::PATH_REF, S::PATH_TYPE];
    nested.into_iter().fold(Tree::Leaf("text".to_owned()), |inner, kind| Tree::Node(kind, vec![inner]))
}
