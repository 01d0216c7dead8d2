//! The rows that one legacy row becomes. These types can't hold the legacy table's mess.
//!
//! Surrogate keys are absent: the database assigns them, and nothing that is computed or compared depends on them.
//! Which columns are written, and in which order, is declared in [`crate::migration::columns`].

use std::collections::BTreeMap;
use std::fmt;

use compact_str::CompactString;

use crate::migration::legacy::Text;
use crate::migration::value::{Amount, Price, Timestamp};

/// `source_table` of every lineage row, whatever the source is called (D19).
pub(crate) const SOURCE_TABLE: &str = "personal_account_dealing";
/// `details ->> 'source'` of every audit entry that the migration writes: the legacy mark.
pub(crate) const LEGACY_MARK: &str = "legacy_migration";

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// `holding_period`; the key is absent when the legacy flag was null.
    pub holding_period: Option<bool>,
    /// `legacy`: the residual, by legacy column name (D20); the key is absent when it is empty.
    pub legacy: Residual,
}

/// Texts of the legacy row by column name (D20). Names are short, and cost no allocation.
pub type Residual = BTreeMap<CompactString, Option<Text>>;

impl Assessment {
    /// Whether there is nothing to say, in which case the column is null.
    pub fn is_empty(&self) -> bool {
        self.holding_period.is_none() && self.legacy.is_empty()
    }
}

/// A row of `padealing.pad_request`.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadRequest {
    pub id: i64,
    pub employee_id: i64,
    pub security_id: Option<i64>,
    pub status: Status,
    pub direction: Option<Direction>,
    pub security_name: Option<Text>,
    pub isin: Option<Text>,
    pub sedol: Option<Text>,
    pub bloomberg_ticker: Option<Text>,
    pub ticker: Option<Text>,
    pub quantity: Option<Amount>,
    pub estimated_value: Option<Amount>,
    pub currency: Option<Text>,
    pub justification: Option<Text>,
    pub is_related_party: Option<bool>,
    pub existing_position: Option<bool>,
    pub insider_info_declaration: Option<bool>,
    pub is_restricted: Option<bool>,
    pub has_conflict: Option<bool>,
    pub relation: Option<Text>,
    pub compliance_assessment: Assessment,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub conflict_comments: Option<Text>,
    pub other_comments: Option<Text>,
    pub broker_reporting: Option<bool>,
    pub is_derivative: Option<bool>,
    pub is_leveraged: Option<bool>,
    pub related_party_name: Option<Text>,
    pub signed_declaration: Option<bool>,
    pub updated_by_id: Option<i64>,
    pub deleted_at: Option<Timestamp>,
    pub deleted_by_id: Option<i64>,
    pub executed_within_two_days: Option<bool>,
}

/// A row of `padealing.pad_approval`. `approver_google_uid` is null: historical data has none.
#[expect(missing_docs, reason = "each field is the column of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadApproval {
    pub stage: Stage,
    pub approver_id: i64,
    pub decision: Decision,
    pub comments: Option<Text>,
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
pub struct AuditEntry {
    pub action: Action,
    pub timestamp: Timestamp,
    pub actor_id: i64,
    pub decision: Option<Decision>,
    pub comments: Option<Text>,
}

impl AuditEntry {
    /// `action_status`: a declined approval blocked the request, everything else succeeded.
    pub fn status(&self) -> &'static str {
        if self.decision == Some(Decision::Declined) { "blocked" } else { "success" }
    }
}

/// Everything that one legacy row becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRows {
    /// `migration_mapping.source_id` of every lineage row.
    pub source_id: i64,
    /// The request.
    pub request: PadRequest,
    /// The manager's approval, then compliance's; each where there is one.
    pub approvals: Vec<PadApproval>,
    /// The execution, where there is one.
    pub execution: Option<PadExecution>,
    /// The audit trail, the submission first.
    pub audit: Vec<AuditEntry>,
}

impl TargetRows {
    /// The approval of a stage.
    pub(crate) fn approval(&self, stage: Stage) -> Option<&PadApproval> {
        self.approvals.iter().find(|it| it.stage == stage)
    }
}
