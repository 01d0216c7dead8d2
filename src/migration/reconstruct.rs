//! Target rows → the legacy row they came from (D20).
//!
//! Pure. Shares nothing with [`crate::migration::transform`] but the row types: the default inverse below is written
//! from the decision's text, column by column, so that a mistake on one side shows as a difference.

use std::fmt::Display;
use std::sync::Arc;

use compact_str::ToCompactString;

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow, Text};
use crate::migration::target::{Direction, PadApproval, Residual, Stage, Status, TargetRows};

/// The legacy row that became these rows. `unknown` names the source's columns that the data model doesn't name.
pub fn reconstruct(rows: &TargetRows, unknown: &[Arc<str>]) -> LegacyRow {
    let mut row = default_inverse(rows, unknown);
    restore_residual(&mut row, &rows.request.compliance_assessment.legacy);
    row
}

/// Puts back what the residual keeps over what the default inverse made of the typed columns.
pub(crate) fn restore_residual(row: &mut LegacyRow, residual: &Residual) {
    for (name, text) in residual {
        match (Col::from_name(name), row.unknown.get_mut(name.as_str())) {
            (Some(column), _) => row[column] = text.clone(),
            (None, Some(unknown)) => *unknown = text.clone(),
            (None, None) => {
                row.unknown.insert(name.as_str().into(), text.clone());
            }
        }
    }
}

/// What the typed columns alone give back.
pub fn default_inverse(rows: &TargetRows, unknown: &[Arc<str>]) -> LegacyRow {
    let request = &rows.request;
    let (manager, compliance) = (rows.approval(Stage::Manager), rows.approval(Stage::Compliance));
    let mut row = LegacyRow::default();
    for column in Col::ALL {
        row[*column] = match column {
            Col::Id => shown(Some(rows.source_id)),
            Col::Employee => shown(Some(request.employee_id)),
            Col::RequestedDate => shown(Some(request.created_at)),
            Col::Name | Col::InstSymbol => None,
            Col::Related => yes_no(request.is_related_party),
            Col::Relation => request.relation.clone(),
            Col::BrokerReporting => yes_no(request.broker_reporting),
            Col::SecurityDescription => request.security_name.clone(),
            Col::Isin => request.isin.clone(),
            Col::Sedol => request.sedol.clone(),
            Col::Bloomberg => request.bloomberg_ticker.clone(),
            Col::Ticker => request.ticker.clone(),
            Col::TradeSize => shown(request.quantity),
            Col::Value => shown(request.estimated_value),
            Col::Currency => request.currency.clone(),
            Col::DerivativeContract => yes_no(request.is_derivative),
            Col::Justification => request.justification.clone(),
            Col::Leveraged => yes_no(request.is_leveraged),
            Col::BuySell => match request.direction {
                Some(Direction::Buy) => Some("B".into()),
                Some(Direction::Sell) => Some("S".into()),
                None => None,
            },
            // D2: the declaration is "I have no inside information".
            Col::InsideInfo => yes_no(request.insider_info_declaration.map(|declared| !declared)),
            Col::ExistingPos => yes_no(request.existing_position),
            Col::Signed => yes_no(request.signed_declaration),
            Col::Status => Some(match request.status {
                Status::Declined => "declined".into(),
                Status::PendingManager => "request".into(),
                _ => "approved".into(),
            }),
            Col::Restricted => yes_no(request.is_restricted),
            Col::HoldingPeriod => yes_no(request.compliance_assessment.holding_period),
            Col::Conflicts => yes_no(request.has_conflict),
            Col::ConflictComments => request.conflict_comments.clone(),
            Col::OtherComments => request.other_comments.clone(),
            Col::TwoBusinessDaysExecution => yes_no(request.executed_within_two_days),
            Col::ContractNotesReceived => yes_no(rows.execution.as_ref().and_then(|it| it.contract_note_received)),
            Col::LastModifiedBy => shown(request.updated_by_id),
            Col::LastModifiedDate => shown(request.updated_at),
            Col::IsDeleted => Some(if request.deleted_at.is_some() { "Y".into() } else { "N".into() }),
            Col::AuthManager => approver(manager),
            Col::AuthManagerDate => decided_at(manager),
            Col::StatusManager => decision(manager),
            Col::CommentsManager => comments(manager),
            Col::AuthCompliance => approver(compliance),
            Col::AuthComplianceDate => decided_at(compliance),
            Col::StatusCompliance => decision(compliance),
            Col::CommentsCompliance => comments(compliance),
        };
    }
    row.unknown = unknown.iter().map(|name| (Arc::clone(name), None)).collect();
    row
}

fn shown(value: Option<impl Display>) -> Option<Text> {
    value.map(|it| it.to_compact_string().into())
}

fn yes_no(value: Option<bool>) -> Option<Text> {
    value.map(|it| if it { "1".into() } else { "2".into() })
}

fn approver(approval: Option<&PadApproval>) -> Option<Text> {
    shown(approval.map(|it| it.approver_id))
}

fn decided_at(approval: Option<&PadApproval>) -> Option<Text> {
    shown(approval.map(|it| it.decided_at))
}

fn decision(approval: Option<&PadApproval>) -> Option<Text> {
    shown(approval.map(|it| it.decision))
}

fn comments(approval: Option<&PadApproval>) -> Option<Text> {
    approval.and_then(|it| it.comments.clone())
}
