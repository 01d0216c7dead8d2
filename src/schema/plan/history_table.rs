//! What the table of the history asks of a line. Pure.

use serde::Deserialize;

/// What the history's table asks of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistoryTable {
    pub columns: Vec<HistoryColumn>,
    pub checks: Vec<HistoryCheck>,
    pub foreign_keys: Vec<HistoryForeignKey>,
    pub uniques: Vec<HistoryUnique>,
    /// The sequence that numbers the lines.
    pub sequence: Option<HistorySequence>,
}

/// A column of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistoryColumn {
    pub name: String,
    pub of_type: String,
    pub is_not_null: bool,
    pub is_identity: bool,
    pub default: Option<String>,
    pub generated: Option<String>,
}

/// A check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistoryCheck {
    pub name: String,
    pub expression: String,
}

/// A foreign key, its columns and those that they refer to as SQL has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistoryForeignKey {
    pub name: String,
    pub target: String,
    pub columns: Vec<String>,
    pub keys: Vec<String>,
}

/// A unique index, or that of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistoryUnique {
    pub name: String,
    pub keys: Vec<String>,
    pub condition: Option<String>,
    pub is_constraint: bool,
    /// Whether lines without a value differ from each other.
    pub takes_nulls: bool,
}

/// The sequence of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct HistorySequence {
    /// With its schema, as SQL has it.
    pub name: String,
    pub increment: i64,
}

impl HistoryColumn {
    /// Whether a sequence fills it, which a question can't ask for its next number.
    pub(crate) fn is_numbered(&self) -> bool {
        self.is_identity || self.default.as_ref().is_some_and(|it| it.contains("nextval("))
    }
}
