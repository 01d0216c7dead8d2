//! What a verification reports of a row.

use serde::Serialize;

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
