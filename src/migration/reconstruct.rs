//! Target rows → the legacy row they came from (D20).
//!
//! Pure. Shares nothing with [`crate::migration::transform`] but the row types: the default inverse below is written
//! from the decision's text, column by column, so that a mistake on one side shows as a difference.

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow, Names};
use crate::migration::printed::{Printed, flag};
use crate::migration::target::{Direction, PadApproval, Stage, Status, TargetRows};
use crate::migration::text::{Text, TextBuf};

/// The legacy row that became these rows. `unknown` names the source's columns that the data model doesn't name.
pub fn reconstruct(rows: &TargetRows<'_>, unknown: &Names) -> LegacyRow {
    let mut row = default_inverse(rows, unknown);
    restore_residual(&mut row, rows.request.compliance_assessment.legacy.iter());
    row
}

/// Puts back what the residual keeps over what the default inverse made of the typed columns.
pub(crate) fn restore_residual<'a>(row: &mut LegacyRow, residual: impl Iterator<Item = (&'a str, Option<Text<'a>>)>) {
    for (name, text) in residual {
        match Col::from_name(name) {
            Some(column) => row.set(column, text),
            None => row.set_unknown(name, text),
        }
    }
}

/// What the typed columns alone give back.
pub fn default_inverse(rows: &TargetRows<'_>, unknown: &Names) -> LegacyRow {
    let mut row = LegacyRow::null(unknown);
    for column in Col::ALL {
        let text = given_back(rows, *column).map(Printed::into_text);
        row.set(*column, text.as_ref().map(TextBuf::as_text));
    }
    row
}

/// What the typed columns alone give back for one column.
pub(crate) fn given_back<'a>(rows: &TargetRows<'a>, column: Col) -> Option<Printed<'a>> {
    let request = &rows.request;
    let (manager, compliance) = (|| rows.approval(Stage::Manager), || rows.approval(Stage::Compliance));
    match column {
        Col::Id => Some(Printed::Id(rows.source_id)),
        Col::Employee => Some(Printed::Id(request.employee_id)),
        Col::RequestedDate => Some(Printed::Time(request.created_at)),
        Col::Name | Col::InstSymbol => None,
        Col::Related => yes_no(request.is_related_party),
        Col::Relation => Printed::text(request.relation),
        Col::BrokerReporting => yes_no(request.broker_reporting),
        Col::SecurityDescription => Printed::text(request.security_name),
        Col::Isin => Printed::text(request.isin),
        Col::Sedol => Printed::text(request.sedol),
        Col::Bloomberg => Printed::text(request.bloomberg_ticker),
        Col::Ticker => Printed::text(request.ticker),
        Col::TradeSize => request.quantity.map(Printed::Amount),
        Col::Value => request.estimated_value.map(Printed::Amount),
        Col::Currency => Printed::text(request.currency),
        Col::DerivativeContract => yes_no(request.is_derivative),
        Col::Justification => Printed::text(request.justification),
        Col::Leveraged => yes_no(request.is_leveraged),
        Col::BuySell => request.direction.and_then(|direction| match direction {
            Direction::Buy => word("B"),
            Direction::Sell => word("S"),
        }),
        // D2: the declaration is "I have no inside information".
        Col::InsideInfo => yes_no(request.insider_info_declaration.map(|declared| !declared)),
        Col::ExistingPos => yes_no(request.existing_position),
        Col::Signed => yes_no(request.signed_declaration),
        Col::Status => match request.status {
            Status::Declined => word("declined"),
            Status::PendingManager => word("request"),
            _ => word("approved"),
        },
        Col::Restricted => yes_no(request.is_restricted),
        Col::HoldingPeriod => yes_no(request.compliance_assessment.holding_period),
        Col::Conflicts => yes_no(request.has_conflict),
        Col::ConflictComments => Printed::text(request.conflict_comments),
        Col::OtherComments => Printed::text(request.other_comments),
        Col::TwoBusinessDaysExecution => yes_no(request.executed_within_two_days),
        Col::ContractNotesReceived => yes_no(rows.execution.as_ref().and_then(|it| it.contract_note_received)),
        Col::LastModifiedBy => request.updated_by_id.map(Printed::Id),
        Col::LastModifiedDate => request.updated_at.map(Printed::Time),
        Col::IsDeleted => word(if request.deleted_at.is_some() { "Y" } else { "N" }),
        Col::AuthManager => approver(manager()),
        Col::AuthManagerDate => decided_at(manager()),
        Col::StatusManager => decision(manager()),
        Col::CommentsManager => comments(manager()),
        Col::AuthCompliance => approver(compliance()),
        Col::AuthComplianceDate => decided_at(compliance()),
        Col::StatusCompliance => decision(compliance()),
        Col::CommentsCompliance => comments(compliance()),
    }
}

fn word(word: &'static str) -> Option<Printed<'static>> {
    Some(Printed::Word(word))
}

fn yes_no(value: Option<bool>) -> Option<Printed<'static>> {
    flag(value, ["2", "1"])
}

fn approver(approval: Option<&PadApproval<'_>>) -> Option<Printed<'static>> {
    approval.map(|it| Printed::Id(it.approver_id))
}

fn decided_at(approval: Option<&PadApproval<'_>>) -> Option<Printed<'static>> {
    approval.map(|it| Printed::Time(it.decided_at))
}

fn decision(approval: Option<&PadApproval<'_>>) -> Option<Printed<'static>> {
    approval.map(|it| Printed::Word(it.decision.as_str()))
}

fn comments<'a>(approval: Option<&PadApproval<'a>>) -> Option<Printed<'a>> {
    approval.and_then(|it| Printed::text(it.comments))
}
