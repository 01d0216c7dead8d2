//! What a verification reports of a row.

use serde::Serialize;

use crate::base::escape;

/// One thing that is stored otherwise than the legacy row says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The legacy row.
    pub source_id: i64,
    /// The role of the target row, or the legacy table for a field that can't be reconstructed.
    pub target: String,
    /// The column.
    pub field: String,
    /// What must be there.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
}

/// What is said where both values are printed alike ([`is_alike`]).
pub(crate) const ALIKE: &str = "another value: it differs where neither is shown, or in what is spelt out alike";

/// Whether what must be there and what is are printed alike, though they differ: beyond what is kept of them, or in characters
/// that are spelt out as others are.
pub(crate) fn is_alike(expected: &Option<String>, actual: &Option<String>) -> bool {
    let printed = |value: &Option<String>| value.as_deref().map(|it| escape::text(it).into_owned());
    expected.is_some() && printed(expected) == printed(actual)
}
