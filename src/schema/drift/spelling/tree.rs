//! Parse trees.

use squawk_syntax::SyntaxKind as S;

/// A parse tree without what is only spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// A name that something in the catalog may have: unquoted, and folded if it was not quoted.
    Name(String),
    /// A relation, a function or a type of a schema.
    Object(String, String),
    /// What no name in the catalog is: a keyword, a sign, a literal, a built-in function or type.
    Word(String),
    Node(S, Vec<Tree>),
}

impl Tree {
    /// A keyword, a sign or the name of something built-in.
    pub(super) fn word(text: &str) -> Self {
        Self::Word(text.to_owned())
    }

    /// A call of a built-in function.
    pub(super) fn call(name: &str, arguments: Vec<Self>) -> Self {
        Self::Node(S::CALL_EXPR, [vec![Self::word(name)], arguments].concat())
    }

    /// All leaves, one after the other.
    pub(super) fn leaves(&self) -> Vec<&str> {
        match self {
            Self::Name(text) | Self::Word(text) => vec![text],
            Self::Object(schema, name) => vec![schema, ".", name],
            Self::Node(_, parts) => parts.iter().flat_map(Self::leaves).collect(),
        }
    }

    /// Without spaces: of a type, as it is compared with what `format_type` prints.
    pub(super) fn compact(&self) -> String {
        self.leaves().concat().replace(' ', "")
    }

    /// The names of columns, tables and the like.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Name(name) => vec![name],
            Self::Object(..) | Self::Word(_) => Vec::new(),
            Self::Node(_, parts) => parts.iter().flat_map(Self::names).collect(),
        }
    }

    pub(super) fn is_node(&self) -> bool {
        matches!(self, Self::Node(..))
    }

    /// The parts of a node of this kind.
    pub(super) fn parts_of(&self, kind: S) -> Option<&[Self]> {
        match self {
            Self::Node(own, parts) if *own == kind => Some(parts),
            _ => None,
        }
    }

    /// A reference to a column, a table or a parameter by a single name.
    pub(super) fn as_name(&self) -> Option<&str> {
        match self.parts_of(S::NAME_REF)? {
            [Self::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// A constant: a literal, perhaps with casts.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::Node(S::LITERAL, _) => true,
            Self::Node(S::CAST_EXPR, parts) => parts.first().is_some_and(Self::is_constant),
            _ => false,
        }
    }
}
