//! What is stored for a legacy row, as text, and which columns of it the verification compares.
//!
//! The lists are written here once more on purpose, and not taken from what the migration writes
//! (`crate::migration::columns`): a column that was forgotten there must show here.

use crate::migration::legacy::Text;
use crate::migration::target::{Assessment, LEGACY_MARK, Role};

/// The columns of a stored row, as text.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    /// The columns' names, one of the lists below.
    pub(crate) columns: &'static [&'static str],
    /// Their values, in the same order.
    pub(crate) values: Vec<Option<Text>>,
}

impl Cells {
    pub(crate) fn get(&self, column: &str) -> Option<&Text> {
        let at = self.columns.iter().position(|it| *it == column)?;
        self.values[at].as_ref()
    }

    /// A column that is asked for after `at`, which moves on with it: as [`Cells::get`], and at once where columns are
    /// asked for in their order.
    pub(crate) fn get_next(&self, at: &mut usize, column: &str) -> Option<&Text> {
        let found = (*at..self.columns.len()).chain(0..*at).find(|it| self.columns[*it] == column)?;
        *at = found + 1;
        self.values[found].as_ref()
    }

    pub(crate) fn set(&mut self, column: &str, text: Option<Text>) {
        if let Some(at) = self.columns.iter().position(|it| *it == column) {
            self.values[at] = text;
        }
    }
}

/// Columns of `pad_request` that are compared, in table order.
pub(crate) const REQUEST: &[&str] = &[
    "id",
    "employee_id",
    "security_id",
    "status",
    "direction",
    "security_name",
    "isin",
    "sedol",
    "bloomberg_ticker",
    "ticker",
    "quantity",
    "estimated_value",
    "currency",
    "justification",
    "is_related_party",
    "existing_position",
    "insider_info_declaration",
    "is_restricted",
    "has_conflict",
    "relation",
    "created_at",
    "updated_at",
    "conflict_comments",
    "other_comments",
    "broker_reporting",
    "is_derivative",
    "is_leveraged",
    "related_party_name",
    "signed_declaration",
    "updated_by_id",
    "deleted_at",
    "deleted_by_id",
    "executed_within_two_days",
];
/// Columns of `pad_approval` that are compared.
pub(crate) const APPROVAL: &[&str] = &[
    "id",
    "request_id",
    "approval_type",
    "approver_id",
    "approver_google_uid",
    "decision",
    "comments",
    "decided_at",
    "restricted_check",
    "holding_period_check",
    "conflict_check",
];
/// Columns of `pad_execution` that are compared.
pub(crate) const EXECUTION: &[&str] = &[
    "id",
    "request_id",
    "executed_at",
    "execution_price",
    "execution_quantity",
    "broker_reference",
    "contract_note_path",
    "contract_note_received",
    "contract_note_verified",
    "verification_metadata",
    "recorded_by_id",
];
/// Columns of `audit_log` that are compared.
pub(crate) const AUDIT: &[&str] = &[
    "id",
    "timestamp",
    "action_type",
    "action_status",
    "actor_type",
    "actor_id",
    "google_uid",
    "entity_type",
    "entity_id",
    "request_id",
    "decision",
    "comments",
    "details",
];

/// What jsonb prints for the details of every audit entry.
pub(crate) const DETAILS: &str = r#"{"source": "legacy_migration", "original_table": "personal_account_dealing"}"#;

/// Everything stored that has to do with one legacy row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// The request that lineage names, if it is there.
    pub(crate) request: Option<Cells>,
    /// `compliance_assessment`, parsed; its other keys are in `unexpected_keys`.
    pub(crate) assessment: Assessment,
    /// Top-level keys of `compliance_assessment` that the migration doesn't write, and keys of the wrong type.
    pub(crate) unexpected_keys: Vec<String>,
    /// Every approval of that request.
    pub(crate) approvals: Vec<Cells>,
    /// Every execution of that request.
    pub(crate) executions: Vec<Cells>,
    /// Every audit entry of that request.
    pub(crate) audit: Vec<Cells>,
    /// Every lineage row.
    pub(crate) lineage: Vec<StoredLineage>,
}

/// A row of `migration_mapping`.
#[derive(Clone, Debug)]
pub(crate) struct StoredLineage {
    /// The role that `target_table` names, or else its text.
    pub(crate) role: Result<Role, String>,
    /// `target_id`.
    pub(crate) target_id: i64,
}

impl StoredLineage {
    /// `target_table`.
    pub(crate) fn target_table(&self) -> &str {
        match &self.role {
            Ok(role) => role.as_str(),
            Err(text) => text,
        }
    }
}

impl Stored {
    /// The id that lineage has for a role.
    pub(crate) fn lineage_id(&self, role: Role) -> Option<i64> {
        self.lineage.iter().find(|row| row.role == Ok(role)).map(|row| row.target_id)
    }
}

impl Cells {
    /// Whether a column holds exactly this text.
    pub(crate) fn holds(&self, column: &str, text: &str) -> bool {
        self.get(column).and_then(Text::plain) == Some(text)
    }

    /// Whether an audit entry carries the legacy mark.
    pub(crate) fn is_marked(&self) -> bool {
        let details = self.get("details").and_then(Text::plain).unwrap_or_default();
        details == DETAILS
            || serde_json::from_str::<serde_json::Value>(details)
                .is_ok_and(|json| json.get("source").and_then(serde_json::Value::as_str) == Some(LEGACY_MARK))
    }
}
