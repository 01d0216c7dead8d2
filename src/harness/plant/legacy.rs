//! Where a legacy column shows in what is stored: what a verification may name when it has changed.

use crate::harness::plant::fault::{Name, owned};
use crate::migration::target::SOURCE_TABLE;

const MANAGER: &str = "pad_approval:manager";
const COMPLIANCE: &str = "pad_approval:compliance";
const SUBMITTED: &str = "audit_log:request_submitted";
const BY_MANAGER: &str = "audit_log:approval_manager";
const BY_COMPLIANCE: &str = "audit_log:approval_compliance";
const REQUEST: &str = "pad_request";
const EXECUTION: &str = "pad_execution";

/// The columns that each legacy column gives (docs/field-mapping.md), written here once more: those of the decisions
/// that a row may take. What none of them shows is in the residual.
fn targets(column: &str) -> &'static [(&'static str, &'static str)] {
    match column {
        "employee" => &[(REQUEST, "employee_id"), (SUBMITTED, "actor_id")],
        "requested_date" => &[(REQUEST, "created_at"), (SUBMITTED, "timestamp")],
        "related_yn" => &[(REQUEST, "is_related_party")],
        "relation" => &[(REQUEST, "relation")],
        "broker_reporting_yn" => &[(REQUEST, "broker_reporting")],
        "security_description" => &[(REQUEST, "security_name")],
        "isin" => &[(REQUEST, "isin")],
        "sedol" => &[(REQUEST, "sedol")],
        "bloomberg" => &[(REQUEST, "bloomberg_ticker")],
        "ticker" => &[(REQUEST, "ticker")],
        "trade_size" => &[(REQUEST, "quantity"), (EXECUTION, "execution_quantity")],
        "value" => &[(REQUEST, "estimated_value"), (EXECUTION, "execution_price")],
        "currency" => &[(REQUEST, "currency")],
        "derivative_contract_yn" => &[(REQUEST, "is_derivative")],
        "justification" => &[(REQUEST, "justification")],
        "leveraged_yn" => &[(REQUEST, "is_leveraged")],
        "buysell" => &[(REQUEST, "direction")],
        "inside_info_yn" => &[(REQUEST, "insider_info_declaration")],
        "existing_pos_yn" => &[(REQUEST, "existing_position")],
        "signed_yn" => &[(REQUEST, "signed_declaration")],
        "status" => &[(REQUEST, "status")],
        "restricted_yn" => &[(REQUEST, "is_restricted")],
        "holding_period_yn" => &[(REQUEST, "compliance_assessment"), (COMPLIANCE, "holding_period_check")],
        "conflicts_yn" => &[(REQUEST, "has_conflict")],
        "conflict_comments" => &[(REQUEST, "conflict_comments")],
        "other_comments" => &[(REQUEST, "other_comments")],
        "inst_symbol" => &[(REQUEST, "security_id")],
        "two_business_days_execution_yn" => &[(REQUEST, "executed_within_two_days"), (EXECUTION, "id")],
        "contract_notes_received_yn" => &[(EXECUTION, "contract_note_received"), (EXECUTION, "id")],
        "last_modified_by" => &[(REQUEST, "updated_by_id")],
        "last_modified_date" => &[(REQUEST, "updated_at")],
        "is_deleted_yn" => &[(REQUEST, "deleted_at")],
        "auth_manager" => &[(MANAGER, "approver_id"), (MANAGER, "id")],
        "auth_manager_date" => &[(MANAGER, "decided_at"), (BY_MANAGER, "timestamp")],
        "status_manager" => &[(MANAGER, "decision"), (MANAGER, "id"), (REQUEST, "status")],
        "comments_manager" => &[(MANAGER, "comments"), (BY_MANAGER, "comments")],
        "auth_compliance" => &[(COMPLIANCE, "approver_id"), (COMPLIANCE, "id"), (EXECUTION, "recorded_by_id")],
        "auth_compliance_date" => &[(COMPLIANCE, "decided_at"), (BY_COMPLIANCE, "timestamp")],
        "status_compliance" => &[(COMPLIANCE, "decision"), (COMPLIANCE, "id"), (REQUEST, "status")],
        "comments_compliance" => &[(COMPLIANCE, "comments"), (BY_COMPLIANCE, "comments")],
        _ => &[],
    }
}

/// What may be named when a legacy column has changed: it, what is kept of it, or what it gives.
pub fn derived(column: &str) -> Vec<Name> {
    let kept = format!("compliance_assessment.legacy.{column}");
    let mut names = owned(&[(SOURCE_TABLE, column), (REQUEST, &kept)]);
    names.extend(owned(targets(column)));
    names
}
