//! Where each legacy column went, in one declaration for people: a test migrates rows that differ in one column, and
//! compares. Pure.

use crate::migration::legacy::LegacyColumn as Col;

/// A place of the target that depends on a legacy column. It is printed as people read it, such as
/// `pad_approval.decided_at of the manager`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Place {
    /// A column of `pad_request`.
    #[strum(to_string = "pad_request.{0}")]
    Request(&'static str),
    /// A column of the manager's `pad_approval`.
    #[strum(to_string = "pad_approval.{0} of the manager")]
    Manager(&'static str),
    /// A column of compliance's `pad_approval`.
    #[strum(to_string = "pad_approval.{0} of compliance")]
    Compliance(&'static str),
    /// A column of `pad_execution`.
    #[strum(to_string = "pad_execution.{0}")]
    Execution(&'static str),
    /// The residual only, which keeps what typed columns can't give back (D11).
    #[strum(to_string = "residual")]
    Residual,
}

/// The columns that depend on a legacy column, the one that has its value first, and by which decisions
/// (docs/field-mapping.md). Where a value is null others stand in for it, such as a date (D9, D14, D17): these are not named.
pub fn destination(column: Col) -> (&'static [Place], &'static str) {
    use Place::{Compliance, Execution, Manager, Request, Residual};
    match column {
        Col::Id => (&[Request("id")], "D6"),
        Col::Employee => (&[Request("employee_id")], ""),
        Col::RequestedDate => (&[Request("created_at")], "D9"),
        Col::Name => (&[Residual], "D11"),
        Col::Related => (&[Request("is_related_party")], "D1"),
        Col::Relation => (&[Request("relation")], "D4"),
        Col::BrokerReporting => (&[Request("broker_reporting")], "D12"),
        Col::SecurityDescription => (&[Request("security_name")], "D11"),
        Col::Isin => (&[Request("isin")], "D4"),
        Col::Sedol => (&[Request("sedol")], "D4"),
        Col::Bloomberg => (&[Request("bloomberg_ticker")], "D4"),
        Col::Ticker => (&[Request("ticker")], "D4"),
        Col::TradeSize => {
            (&[Request("quantity"), Execution("execution_quantity"), Execution("execution_price")], "D5, D18")
        }
        Col::Value => (&[Request("estimated_value"), Execution("execution_price")], "D5, D18"),
        Col::Currency => (&[Request("currency")], "D4"),
        Col::DerivativeContract => (&[Request("is_derivative")], "D1"),
        Col::Justification => (&[Request("justification")], "D4"),
        Col::Leveraged => (&[Request("is_leveraged")], "D1"),
        Col::BuySell => (&[Request("direction")], "D3"),
        Col::InsideInfo => (&[Request("insider_info_declaration")], "D2"),
        Col::ExistingPos => (&[Request("existing_position")], "D1"),
        Col::Signed => (&[Request("signed_declaration")], "D1"),
        Col::Status => (&[Request("status")], "D8"),
        Col::Restricted => (&[Request("is_restricted"), Compliance("restricted_check")], "D15"),
        Col::HoldingPeriod => (&[Request("compliance_assessment"), Compliance("holding_period_check")], "D13, D15"),
        Col::Conflicts => (&[Request("has_conflict"), Compliance("conflict_check")], "D15"),
        Col::ConflictComments => (&[Request("conflict_comments")], "D4"),
        Col::OtherComments => (&[Request("other_comments")], "D4"),
        Col::InstSymbol => (&[Request("security_id")], "D7"),
        Col::TwoBusinessDaysExecution => (&[Request("executed_within_two_days")], "D1"),
        Col::ContractNotesReceived => (&[Execution("contract_note_received")], "D1"),
        Col::LastModifiedBy => (&[Request("updated_by_id")], ""),
        Col::LastModifiedDate => (&[Request("updated_at")], ""),
        Col::IsDeleted => (&[Request("deleted_at")], "D10"),
        Col::AuthManager => (&[Manager("approver_id")], "D16"),
        Col::AuthManagerDate => (&[Manager("decided_at")], "D14"),
        Col::StatusManager => (&[Manager("decision"), Request("status")], "D8"),
        Col::CommentsManager => (&[Manager("comments")], "D4"),
        Col::AuthCompliance => (&[Compliance("approver_id"), Execution("recorded_by_id")], "D16"),
        Col::AuthComplianceDate => (&[Compliance("decided_at"), Execution("executed_at")], "D14, D17"),
        Col::StatusCompliance => (&[Compliance("decision"), Request("status")], "D8"),
        Col::CommentsCompliance => (&[Compliance("comments")], "D4"),
    }
}
