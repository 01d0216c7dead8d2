//! The casts that another type of a column explains.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;

/// A column with another type.
#[derive(Clone, Debug)]
pub(crate) struct Retyped {
    /// Its name; `value` of a domain.
    pub(crate) column: String,
    /// The expected type and the live one, as `format_type` prints them.
    pub(crate) types: [String; 2],
}

impl Retyped {
    /// Whether Postgres adds a cast to this type by itself where the column has the one type or the other: to the type
    /// itself, or to that in which texts are compared. With a length it is the type's own or somebody's wish.
    fn explains(&self, to: &Tree) -> bool {
        const TEXTS: [&str; 5] = ["text", "charactervarying", "character", "bpchar", "citext"];
        let to = to.compact();
        let of = |text: &str| text.trim_end_matches("[]").to_owned();
        let bare = |text: &str| text.split('(').next().unwrap_or_default().to_owned();
        let types = self.types.each_ref().map(|one| one.replace([' ', '"'], ""));
        let is_own = types.iter().any(|one| {
            let after = one.rsplit_once(')').map_or("", |(_, after)| after.trim_end_matches("[]"));
            [of(one), format!("{}{after}", bare(&of(one)))].contains(&of(&to))
        });
        let is_text = |one: &String| TEXTS.contains(&&*bare(&of(one)));
        is_own || types.iter().any(is_text) && matches!(&*of(&to), "text" | "charactervarying" | "bpchar")
    }
}

/// Without the casts that another type of these columns explains: those beside such a column. What stands beside
/// another column was written by somebody. `own`: the text is the default of such a column, or what generates it.
pub(super) fn forgiven(tree: Tree, retyped: &[Retyped], own: bool) -> Tree {
    match tree {
        Tree::Node(S::BIN_EXPR, parts) if matches!(parts.first(), Some(Tree::Word(_))) => {
            each(S::BIN_EXPR, parts, retyped, own)
        }
        Tree::Node(S::TARGET, mut parts) if own => {
            if let Some(value) = parts.first_mut() {
                *value = without_outer(std::mem::replace(value, Tree::word("")), retyped);
            }
            each(S::TARGET, parts, retyped, own)
        }
        Tree::Node(
            kind @ (S::BIN_EXPR | S::CALL_EXPR | S::CAST_EXPR | S::CASE_EXPR | S::ARRAY_EXPR | S::POSTFIX_EXPR),
            parts,
        ) => {
            let tree = Tree::Node(kind, parts);
            let leaves = tree.leaves();
            let beside: Vec<&Retyped> = retyped.iter().filter(|one| leaves.contains(&&*one.column)).collect();
            match beside.is_empty() {
                true => match tree {
                    Tree::Node(kind, parts) => each(kind, parts, retyped, own),
                    leaf => leaf,
                },
                false => stripped(tree, &beside),
            }
        }
        Tree::Node(kind, parts) => each(kind, parts, retyped, own),
        leaf => leaf,
    }
}

fn each(kind: S, parts: Vec<Tree>, retyped: &[Retyped], own: bool) -> Tree {
    Tree::Node(kind, parts.into_iter().map(|part| forgiven(part, retyped, own)).collect())
}

/// Without explained casts, however deep.
fn stripped(tree: Tree, retyped: &[&Retyped]) -> Tree {
    match tree {
        Tree::Node(S::CAST_EXPR, mut parts) => match &parts[..] {
            [_, to] if retyped.iter().any(|one| one.explains(to)) => stripped(parts.swap_remove(0), retyped),
            _ => Tree::Node(S::CAST_EXPR, parts.into_iter().map(|part| stripped(part, retyped)).collect()),
        },
        Tree::Node(kind, parts) => Tree::Node(kind, parts.into_iter().map(|part| stripped(part, retyped)).collect()),
        leaf => leaf,
    }
}

/// A value without the casts around it.
fn without_outer(tree: Tree, retyped: &[Retyped]) -> Tree {
    match tree {
        Tree::Node(S::CAST_EXPR, mut parts) => match &parts[..] {
            [_, to] if retyped.iter().any(|one| one.explains(to)) => without_outer(parts.swap_remove(0), retyped),
            _ => Tree::Node(S::CAST_EXPR, parts),
        },
        other => other,
    }
}
