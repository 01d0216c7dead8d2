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

/// The side that a text is on: the expected type of the columns holds for it, or the live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Expected,
    Live,
}

/// Without the casts that another type of these columns explains: those that Postgres adds by itself beside such a
/// column. What stands beside another column was written by somebody. `own`: the text is the default of such a column,
/// or what generates it.
pub(super) fn forgiven(tree: Tree, retyped: &[Retyped], side: Side, own: bool) -> Tree {
    Forgiving { retyped: retyped.iter().collect(), side, own }.each(tree)
}

struct Forgiving<'a> {
    retyped: Vec<&'a Retyped>,
    side: Side,
    own: bool,
}

impl Forgiving<'_> {
    fn each(&self, tree: Tree) -> Tree {
        match tree {
            Tree::Node(S::TARGET, mut parts) if self.own => {
                if let Some(value) = parts.first_mut() {
                    *value = self.without_outer(std::mem::replace(value, Tree::word("")));
                }
                self.parts(S::TARGET, parts)
            }
            // AND and OR, whose conditions are looked at one by one.
            Tree::Node(S::BIN_EXPR, parts) if matches!(parts.first(), Some(Tree::Word(_))) => {
                self.parts(S::BIN_EXPR, parts)
            }
            Tree::Node(
                kind @ (S::BIN_EXPR | S::CALL_EXPR | S::CAST_EXPR | S::CASE_EXPR | S::ARRAY_EXPR | S::POSTFIX_EXPR),
                parts,
            ) => {
                let tree = Tree::Node(kind, parts);
                let names = tree.names();
                let beside: Vec<&Retyped> =
                    self.retyped.iter().copied().filter(|one| names.contains(&&*one.column)).collect();
                match (beside.is_empty(), tree) {
                    (true, Tree::Node(kind, parts)) => self.parts(kind, parts),
                    (_, tree) => Self { retyped: beside, ..*self }.stripped(tree),
                }
            }
            Tree::Node(kind, parts) => self.parts(kind, parts),
            leaf => leaf,
        }
    }

    fn parts(&self, kind: S, parts: Vec<Tree>) -> Tree {
        Tree::Node(kind, parts.into_iter().map(|part| self.each(part)).collect())
    }

    /// Without explained casts, however deep.
    fn stripped(&self, tree: Tree) -> Tree {
        match tree {
            Tree::Node(S::CAST_EXPR, mut parts) => match &parts[..] {
                [value, to] if self.explains(value, to) => self.stripped(parts.swap_remove(0)),
                _ => Tree::Node(S::CAST_EXPR, parts.into_iter().map(|part| self.stripped(part)).collect()),
            },
            Tree::Node(kind, parts) => Tree::Node(kind, parts.into_iter().map(|part| self.stripped(part)).collect()),
            leaf => leaf,
        }
    }

    /// A value without the casts around it.
    fn without_outer(&self, tree: Tree) -> Tree {
        match tree {
            Tree::Node(S::CAST_EXPR, mut parts) => match &parts[..] {
                [value, to] if self.is_type(to) && (value.is_constant() || !self.is_old(to)) => {
                    self.without_outer(parts.swap_remove(0))
                }
                _ => Tree::Node(S::CAST_EXPR, parts),
            },
            other => other,
        }
    }

    /// Whether Postgres adds this cast by itself: to a constant, to the column, or of something else to the wider type
    /// in which both are compared.
    fn explains(&self, value: &Tree, to: &Tree) -> bool {
        const WIDE: [&str; 4] = ["text", "numeric", "doubleprecision", "timestampwithtimezone"];
        let is_column = self.retyped.iter().any(|one| is_column(value, &one.column));
        match () {
            () if !self.is_type(to) => false,
            () if value.is_constant() => true,
            // Back to what the column was is somebody's wish.
            () if is_column => !self.is_old(to),
            () => WIDE.contains(&&*to.compact()),
        }
    }

    /// Whether a type is one that a column has on either side, or the one in which texts are compared. With a length it
    /// is the column's own.
    fn is_type(&self, to: &Tree) -> bool {
        const TEXTS: [&str; 5] = ["text", "charactervarying", "character", "bpchar", "citext"];
        let to = element(&to.compact()).to_owned();
        let types: Vec<String> = self.retyped.iter().flat_map(|one| &one.types).map(|one| plain(one)).collect();
        let is_own = types.iter().any(|one| to == *one || to == without_length(one));
        let is_text = types.iter().any(|one| TEXTS.contains(&&*without_length(one)));
        is_own || is_text && matches!(&*to, "text" | "charactervarying" | "bpchar")
    }

    /// Whether a type is the expected one of a column, on the live side, and not the live one too.
    fn is_old(&self, to: &Tree) -> bool {
        let to = element(&to.compact()).to_owned();
        let is = |one: &str| to == plain(one) || to == without_length(&plain(one));
        let mut types = self.retyped.iter().map(|one| &one.types);
        self.side == Side::Live
            && !matches!(&*to, "text" | "charactervarying")
            && types.any(|[old, new]| is(old) && !is(new))
    }
}

/// A column by its name, perhaps with its table.
fn is_column(tree: &Tree, column: &str) -> bool {
    match tree {
        Tree::Node(S::FIELD_EXPR, parts) => parts.last().and_then(Tree::as_name) == Some(column),
        Tree::Node(S::CAST_EXPR, parts) => parts.first().is_some_and(|value| is_column(value, column)),
        other => other.as_name() == Some(column),
    }
}

/// A type as trees have it.
fn plain(of: &str) -> String {
    element(&of.replace([' ', '"'], "")).to_owned()
}

fn element(of: &str) -> &str {
    of.trim_end_matches("[]")
}

fn without_length(of: &str) -> String {
    match (of.split_once('('), of.split_once(')')) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => of.to_owned(),
    }
}
