//! Rows as their columns, each as the text that the database prints, cut after so many characters.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::dashboard::rows::{JSON, Record, Value};

/// The columns that are read of a table, the id first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    pub(crate) names: &'static [&'static str],
    /// A longer text is cut.
    pub(crate) longest: u32,
}

/// Of a list.
pub(crate) const IN_A_LIST: u32 = 300;

/// Of a page of its own.
pub(crate) const IN_FULL: u32 = 20_000;

impl Columns {
    /// What stands after `select`; the row is called `t`.
    pub(crate) fn sql(self) -> String {
        let longest = self.longest;
        let column = |name: &&str| {
            let text = self.text(name);
            format!(", left({text}, {longest}), nullif(greatest(char_length({text}), {longest}), {longest})::bigint")
        };
        format!("t.id::bigint{}", self.names.iter().map(column).collect::<String>())
    }

    fn text(self, name: &str) -> String {
        match name {
            _ if JSON.contains(&name) => format!("jsonb_pretty(t.{name})"),
            _ => format!("t.\"{name}\"::text"),
        }
    }

    /// Reads what that selects.
    pub(crate) fn read(self, row: &PgRow) -> Result<Record, sqlx::Error> {
        let column = |(at, name): (usize, &&'static str)| {
            let cut_of: Option<i64> = row.try_get(2 + 2 * at)?;
            Ok((*name, Value { text: row.try_get(1 + 2 * at)?, cut_of: cut_of.map(i64::unsigned_abs) }))
        };
        let columns = self.names.iter().enumerate().map(column).collect::<Result<_, sqlx::Error>>()?;
        Ok(Record { id: row.try_get(0)?, columns })
    }
}

/// padealing.pad_request.
pub(crate) const REQUEST: &[&str] = &[
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
    "related_party_name",
    "relation",
    "existing_position",
    "insider_info_declaration",
    "is_restricted",
    "has_conflict",
    "conflict_comments",
    "other_comments",
    "broker_reporting",
    "is_derivative",
    "is_leveraged",
    "signed_declaration",
    "executed_within_two_days",
    "created_at",
    "updated_at",
    "updated_by_id",
    "deleted_at",
    "deleted_by_id",
    "compliance_assessment",
];

/// padealing.pad_approval.
pub(crate) const APPROVAL: &[&str] = &[
    "approval_type",
    "decision",
    "approver_id",
    "approver_google_uid",
    "decided_at",
    "comments",
    "restricted_check",
    "holding_period_check",
    "conflict_check",
];

/// padealing.pad_execution.
pub(crate) const EXECUTION: &[&str] = &[
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

/// padealing.pad_breach.
pub(crate) const BREACH: &[&str] = &[
    "detected_at",
    "severity",
    "breach_type",
    "employee_id",
    "request_id",
    "description",
    "resolved_at",
    "resolved_by_id",
    "details",
];

/// padealing.audit_log.
pub(crate) const AUDIT: &[&str] = &[
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

/// padealing.migration_reject.
pub(crate) const REJECTION: &[&str] = &["source_id", "field", "rule", "value", "message", "resolved_run_id"];
