//! Why a row is not migrated.

use std::fmt;

use serde::Serialize;

use crate::migration::legacy::Origin;

/// Why a row was rejected (D21).
#[expect(missing_docs, reason = "each variant is the rule of the same name in D21")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    InvalidBoolean,
    InvalidDirection,
    InvalidDeletedFlag,
    UnknownStatus,
    UnknownEmployee,
    UnknownSecurity,
    AmbiguousSecurity,
    MissingDate,
    TooLong,
    OutOfRange,
    IdCollision,
    Unreadable,
    RefusedByTarget,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 13] = [
        Self::InvalidBoolean,
        Self::InvalidDirection,
        Self::InvalidDeletedFlag,
        Self::UnknownStatus,
        Self::UnknownEmployee,
        Self::UnknownSecurity,
        Self::AmbiguousSecurity,
        Self::MissingDate,
        Self::TooLong,
        Self::OutOfRange,
        Self::IdCollision,
        Self::Unreadable,
        Self::RefusedByTarget,
    ];

    /// The rule's name as it is stored and reported.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidBoolean => "invalid_boolean",
            Self::InvalidDirection => "invalid_direction",
            Self::InvalidDeletedFlag => "invalid_deleted_flag",
            Self::UnknownStatus => "unknown_status",
            Self::UnknownEmployee => "unknown_employee",
            Self::UnknownSecurity => "unknown_security",
            Self::AmbiguousSecurity => "ambiguous_security",
            Self::MissingDate => "missing_date",
            Self::TooLong => "too_long",
            Self::OutOfRange => "out_of_range",
            Self::IdCollision => "id_collision",
            Self::Unreadable => "unreadable",
            Self::RefusedByTarget => "refused_by_target",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One reason for a rejection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Reason {
    /// The legacy column.
    pub field: String,
    /// The rule that the value broke.
    pub rule: Rule,
    /// The value, cut short if it is long; null if the column was.
    pub value: Option<String>,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

/// A legacy row that is not migrated, with every reason, ordered by field and rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The legacy row's id.
    pub source_id: i64,
    /// Why; never empty.
    pub reasons: Vec<Reason>,
    /// Where in a file the row is; none of a table's.
    pub origin: Option<Origin>,
}

impl Rejection {
    /// The rejection of a row of a file, whose messages name its place.
    pub(crate) fn at(mut self, origin: Origin) -> Self {
        let Origin { line, byte } = origin;
        for reason in &mut self.reasons {
            reason.message.push_str(&format!(" (line {line}, byte {byte} of the file)"));
        }
        Self { origin: Some(origin), ..self }
    }
}
