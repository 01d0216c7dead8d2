//! Parse trees.

use squawk_syntax::SyntaxKind as S;

/// A parse tree without what is only spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// A name, a keyword, a sign, a literal. Names are unquoted, and folded if they were not quoted.
    Leaf(String),
    Node(S, Vec<Tree>),
}

impl Tree {
    /// A function call.
    pub(super) fn call(name: &str, arguments: Vec<Self>) -> Self {
        Self::Node(S::CALL_EXPR, [vec![Self::Leaf(name.to_owned())], arguments].concat())
    }

    /// All leaves, one after the other.
    pub(super) fn leaves(&self) -> Vec<&str> {
        match self {
            Self::Leaf(text) => vec![text],
            Self::Node(_, parts) => parts.iter().flat_map(Self::leaves).collect(),
        }
    }
}
