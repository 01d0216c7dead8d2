//! Where each legacy column went, in one declaration for people: a test migrates rows that differ in one column, and
//! compares. Pure.

use crate::migration::legacy::LegacyColumn as Col;

/// The columns that depend on a legacy column, the one that has its value first, and by which decisions
/// (docs/field-mapping.md). Where a value is null others stand in for it, such as a date (D9, D14, D17): these are not named.
pub fn destination(column: Col) -> (&'static str, &'static str) {
    match column {
        Col::Id => ("pad_request.id", "D6"),
        Col::Employee => ("pad_request.employee_id", ""),
        Col::RequestedDate => ("pad_request.created_at", "D9"),
        Col::Name => ("residual", "D11"),
        Col::Related => ("pad_request.is_related_party", "D1"),
        Col::Relation => ("pad_request.relation", "D4"),
        Col::BrokerReporting => ("pad_request.broker_reporting", "D12"),
        Col::SecurityDescription => ("pad_request.security_name", "D11"),
        Col::Isin => ("pad_request.isin", "D4"),
        Col::Sedol => ("pad_request.sedol", "D4"),
        Col::Bloomberg => ("pad_request.bloomberg_ticker", "D4"),
        Col::Ticker => ("pad_request.ticker", "D4"),
        Col::TradeSize => {
            ("pad_request.quantity, pad_execution.execution_quantity, pad_execution.execution_price", "D5, D18")
        }
        Col::Value => ("pad_request.estimated_value, pad_execution.execution_price", "D5, D18"),
        Col::Currency => ("pad_request.currency", "D4"),
        Col::DerivativeContract => ("pad_request.is_derivative", "D1"),
        Col::Justification => ("pad_request.justification", "D4"),
        Col::Leveraged => ("pad_request.is_leveraged", "D1"),
        Col::BuySell => ("pad_request.direction", "D3"),
        Col::InsideInfo => ("pad_request.insider_info_declaration", "D2"),
        Col::ExistingPos => ("pad_request.existing_position", "D1"),
        Col::Signed => ("pad_request.signed_declaration", "D1"),
        Col::Status => ("pad_request.status", "D8"),
        Col::Restricted => ("pad_request.is_restricted, pad_approval.restricted_check of compliance", "D15"),
        Col::HoldingPeriod => {
            ("pad_request.compliance_assessment, pad_approval.holding_period_check of compliance", "D13, D15")
        }
        Col::Conflicts => ("pad_request.has_conflict, pad_approval.conflict_check of compliance", "D15"),
        Col::ConflictComments => ("pad_request.conflict_comments", "D4"),
        Col::OtherComments => ("pad_request.other_comments", "D4"),
        Col::InstSymbol => ("pad_request.security_id", "D7"),
        Col::TwoBusinessDaysExecution => ("pad_request.executed_within_two_days", "D1"),
        Col::ContractNotesReceived => ("pad_execution.contract_note_received", "D1"),
        Col::LastModifiedBy => ("pad_request.updated_by_id", ""),
        Col::LastModifiedDate => ("pad_request.updated_at", ""),
        Col::IsDeleted => ("pad_request.deleted_at", "D10"),
        Col::AuthManager => ("pad_approval.approver_id of the manager", "D16"),
        Col::AuthManagerDate => ("pad_approval.decided_at of the manager", "D14"),
        Col::StatusManager => ("pad_approval.decision of the manager, pad_request.status", "D8"),
        Col::CommentsManager => ("pad_approval.comments of the manager", "D4"),
        Col::AuthCompliance => ("pad_approval.approver_id of compliance, pad_execution.recorded_by_id", "D16"),
        Col::AuthComplianceDate => ("pad_approval.decided_at of compliance, pad_execution.executed_at", "D14, D17"),
        Col::StatusCompliance => ("pad_approval.decision of compliance, pad_request.status", "D8"),
        Col::CommentsCompliance => ("pad_approval.comments of compliance", "D4"),
    }
}
