//! The rows that one legacy row becomes. These types can't hold the legacy table's mess.
//!
//! Surrogate keys are absent: the database assigns them, and nothing that is computed or compared depends on them.
//! Which columns are written, and in which order, is declared in [`crate::migration::columns`].

use std::fmt;

use arrayvec::ArrayVec;

use crate::migration::legacy::{LegacyColumn, LegacyRow};
use crate::migration::text::Text;
use crate::migration::value::{Amount, Decimal, Digits, Price, Timestamp};

/// `source_table` of every lineage row, whatever the source is called (D19).
pub(crate) const SOURCE_TABLE: &str = "personal_account_dealing";
/// `details ->> 'source'` of every audit entry that the migration writes: the legacy mark.
pub(crate) const LEGACY_MARK: &str = "legacy_migration";

/// `details` of every audit entry that the migration writes: the mark, and where the row was.
pub(crate) const LEGACY_DETAILS: &str =
    r#"{"source": "legacy_migration", "original_table": "personal_account_dealing"}"#;

/// A value whose text is ASCII, and has nothing that COPY escapes.
pub(crate) trait Plain {
    /// Hands the text's bytes on.
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T;
}

impl Plain for &'static str {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(self.as_bytes())
    }
}

impl Plain for i64 {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(Digits::of(*self).as_bytes())
    }
}

impl Plain for Timestamp {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(self.digits().as_bytes())
    }
}

impl<const SCALE: u32> Plain for Decimal<SCALE> {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(self.digits().as_bytes())
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[expect(missing_docs, reason = "each variant is the stored word of the same name")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($variant),* }

        impl $name {
            /// Every word of the set.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word as it is stored.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The variant that is stored as this word.
            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl Plain for $name {
            fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
                take(self.as_str().as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// `pad_request.status`.
    Status {
        PendingManager "pending_manager", PendingCompliance "pending_compliance", Approved "approved",
        Declined "declined", Executed "executed", Rejected "rejected", Withdrawn "withdrawn",
    }
}
words! {
    /// `pad_request.direction`.
    Direction { Buy "BUY", Sell "SELL" }
}
words! {
    /// `pad_approval.decision`.
    Decision { Approved "approved", Declined "declined" }
}
words! {
    /// `pad_approval.approval_type`: who decides.
    Stage { Manager "manager", Compliance "compliance" }
}
words! {
    /// `audit_log.action_type` of the entries that the migration writes.
    Action {
        RequestSubmitted "request_submitted", ApprovalManager "approval_manager",
        ApprovalCompliance "approval_compliance",
    }
}
words! {
    /// `migration_mapping.target_table`: which row of which table a lineage row belongs to (D19).
    Role {
        Request "pad_request", Manager "pad_approval:manager", Compliance "pad_approval:compliance",
        Execution "pad_execution", AuditSubmitted "audit_log:request_submitted",
        AuditManager "audit_log:approval_manager", AuditCompliance "audit_log:approval_compliance",
    }
}

impl Role {
    /// The role of a stage's approval.
    pub(crate) fn approval(stage: Stage) -> Self {
        match stage {
            Stage::Manager => Self::Manager,
            Stage::Compliance => Self::Compliance,
        }
    }

    /// The table of its rows.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Request => "pad_request",
            Self::Manager | Self::Compliance => "pad_approval",
            Self::Execution => "pad_execution",
            Self::AuditSubmitted | Self::AuditManager | Self::AuditCompliance => "audit_log",
        }
    }

    /// The role of an audit entry.
    pub fn audit(action: Action) -> Self {
        match action {
            Action::RequestSubmitted => Self::AuditSubmitted,
            Action::ApprovalManager => Self::AuditManager,
            Action::ApprovalCompliance => Self::AuditCompliance,
        }
    }
}

/// `pad_request.compliance_assessment` as the migration writes it (D13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// `holding_period`; the key is absent when the legacy flag was null.
    pub holding_period: Option<bool>,
    /// `legacy`: the residual (D20); the key is absent when it is empty.
    pub legacy: Residual<'a>,
}

impl Assessment<'_> {
    /// Whether there is nothing to say, in which case the column is null.
    pub fn is_empty(&self) -> bool {
        self.holding_period.is_none() && self.legacy.is_empty()
    }
}

/// What is kept of a legacy row as it is (D20): some of the columns that the data model names, and each of the others that
/// isn't null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Residual<'a> {
    /// None of which nothing is kept.
    row: Option<&'a LegacyRow>,
    /// A bit for each of [`LegacyColumn::ALL`].
    known: u64,
}

const _: () = assert!(LegacyColumn::ALL.len() <= 64, "each column has a bit");

impl<'a> Residual<'a> {
    /// Nothing of the columns that the data model names.
    pub(crate) fn of(row: &'a LegacyRow) -> Self {
        Self { row: Some(row), known: 0 }
    }

    /// Keeps a column, null or not.
    pub(crate) fn keep(&mut self, column: LegacyColumn) {
        self.known |= 1 << column as u32;
    }

    /// What is kept, by the names of the legacy columns.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<Text<'a>>)> {
        let known = move |row: &'a LegacyRow| {
            let mut left = self.known;
            std::iter::from_fn(move || {
                let column = LegacyColumn::ALL.get(left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some((column.name(), row.get(*column)))
            })
        };
        let others = |row: &'a LegacyRow| row.unknown().filter(|(_, text)| text.is_some());
        let others = self.row.into_iter().flat_map(others).map(|(name, text)| (&**name, text));
        self.row.into_iter().flat_map(known).chain(others)
    }

    /// As [`LegacyRow::octets_at_most`].
    pub(crate) fn octets_at_most(self) -> Option<u64> {
        self.row.map_or(Some(0), LegacyRow::octets_at_most)
    }

    /// Whether nothing is kept.
    pub fn is_empty(self) -> bool {
        self.known == 0 && self.row.is_none_or(|row| row.unknown().all(|(_, text)| text.is_none()))
    }
}

impl PartialEq for Residual<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Residual<'_> {}

/// A row of `padealing.pad_request`.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadRequest<'a> {
    pub id: i64,
    pub employee_id: i64,
    pub security_id: Option<i64>,
    pub status: Status,
    pub direction: Option<Direction>,
    pub security_name: Option<Text<'a>>,
    pub isin: Option<Text<'a>>,
    pub sedol: Option<Text<'a>>,
    pub bloomberg_ticker: Option<Text<'a>>,
    pub ticker: Option<Text<'a>>,
    pub quantity: Option<Amount>,
    pub estimated_value: Option<Amount>,
    pub currency: Option<Text<'a>>,
    pub justification: Option<Text<'a>>,
    pub is_related_party: Option<bool>,
    pub existing_position: Option<bool>,
    pub insider_info_declaration: Option<bool>,
    pub is_restricted: Option<bool>,
    pub has_conflict: Option<bool>,
    pub relation: Option<Text<'a>>,
    pub compliance_assessment: Assessment<'a>,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub conflict_comments: Option<Text<'a>>,
    pub other_comments: Option<Text<'a>>,
    pub broker_reporting: Option<bool>,
    pub is_derivative: Option<bool>,
    pub is_leveraged: Option<bool>,
    pub related_party_name: Option<Text<'a>>,
    pub signed_declaration: Option<bool>,
    pub updated_by_id: Option<i64>,
    pub deleted_at: Option<Timestamp>,
    pub deleted_by_id: Option<i64>,
    pub executed_within_two_days: Option<bool>,
}

/// A row of `padealing.pad_approval`. `approver_google_uid` is null: historical data has none.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadApproval<'a> {
    pub stage: Stage,
    pub approver_id: i64,
    pub decision: Decision,
    pub comments: Option<Text<'a>>,
    pub decided_at: Timestamp,
    pub restricted_check: Option<bool>,
    pub holding_period_check: Option<bool>,
    pub conflict_check: Option<bool>,
}

/// A row of `padealing.pad_execution`. `contract_note_verified` is false, the columns not named here are null.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadExecution {
    pub executed_at: Timestamp,
    pub execution_price: Option<Price>,
    pub execution_quantity: Option<Amount>,
    pub contract_note_received: Option<bool>,
    pub recorded_by_id: Option<i64>,
}

/// A row of `padealing.audit_log`. The actor is a user, the entity is the request, `details` carries the legacy mark.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry<'a> {
    pub action: Action,
    pub timestamp: Timestamp,
    pub actor_id: i64,
    pub decision: Option<Decision>,
    pub comments: Option<Text<'a>>,
}

impl AuditEntry<'_> {
    /// `action_status`: a declined approval blocked the request, everything else succeeded.
    pub fn status(&self) -> &'static str {
        if self.decision == Some(Decision::Declined) { "blocked" } else { "success" }
    }
}

/// Everything that one legacy row becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRows<'a> {
    /// `migration_mapping.source_id` of every lineage row.
    pub source_id: i64,
    /// The request.
    pub request: PadRequest<'a>,
    /// The manager's approval, then compliance's; each where there is one.
    pub approvals: ArrayVec<PadApproval<'a>, 2>,
    /// The execution, where there is one.
    pub execution: Option<PadExecution>,
    /// The audit trail, the submission first.
    pub audit: ArrayVec<AuditEntry<'a>, 3>,
}

impl<'a> TargetRows<'a> {
    /// The approval of a stage.
    pub(crate) fn approval(&self, stage: Stage) -> Option<&PadApproval<'a>> {
        self.approvals.iter().find(|it| it.stage == stage)
    }
}
