//! D20: the residual, which holds what the typed columns don't give back.

use std::fmt;

use compact_str::{CompactString, format_compact};

use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow, Text};
use crate::migration::rejection::{Reason, Rule};
use crate::migration::target::{Direction, PadApproval, PadRequest, Residual, Stage, Status};
use crate::migration::transform::approval::StageColumns;
use crate::migration::transform::reader::{RowReader, has_text};

/// Bytes that all the strings of one jsonb object may have together (Postgres, `JENTRY_OFFLENMASK`).
pub(crate) const JSONB_LIMIT: u64 = 0x0FFF_FFFF;

/// What the typed columns don't give back: a key exactly where the default inverse differs from the row (D20).
pub(super) fn residual(
    source_id: i64,
    row: &LegacyRow,
    request: &PadRequest,
    approvals: &[PadApproval],
    executed: bool,
) -> Residual {
    let mut legacy = Residual::new();
    let mut unless = |comes_back: bool, column: Col| {
        if !comes_back {
            legacy.insert(CompactString::const_new(column.name()), row[column].clone());
        }
    };
    let prints =
        |column: Col, value: &dyn fmt::Display| row.plain(column).is_some_and(|it| *it == *format_compact!("{value}"));
    let prints_or_null = |column: Col, value: Option<&dyn fmt::Display>| match value {
        Some(value) => prints(column, value),
        None => row[column].is_none(),
    };

    unless(prints(Col::Id, &source_id), Col::Id);
    unless(prints(Col::Employee, &request.employee_id), Col::Employee);
    unless(prints(Col::RequestedDate, &request.created_at), Col::RequestedDate);
    unless(row[Col::Name].is_none(), Col::Name);
    unless(row[Col::InstSymbol].is_none(), Col::InstSymbol);
    for column in Col::ALL.iter().filter(|it| it.kind() == Kind::YesNo) {
        // '1', '2' and null come back; D1 lets nothing else through but the empty string.
        let comes_back = row.plain(*column) != Some("");
        unless(comes_back, *column);
    }
    unless(prints_or_null(Col::TradeSize, request.quantity.as_ref().map(|it| it as _)), Col::TradeSize);
    unless(prints_or_null(Col::Value, request.estimated_value.as_ref().map(|it| it as _)), Col::Value);
    unless(prints_or_null(Col::LastModifiedBy, request.updated_by_id.as_ref().map(|it| it as _)), Col::LastModifiedBy);
    unless(prints_or_null(Col::LastModifiedDate, request.updated_at.as_ref().map(|it| it as _)), Col::LastModifiedDate);
    let buysell = request.direction.map(|it| if it == Direction::Buy { "B" } else { "S" });
    unless(row.plain(Col::BuySell) == buysell && row[Col::BuySell].is_some() == buysell.is_some(), Col::BuySell);
    let status = match request.status {
        Status::Declined => "declined",
        Status::PendingManager => "request",
        _ => "approved",
    };
    unless(row.plain(Col::Status) == Some(status), Col::Status);
    let deleted = if request.deleted_at.is_some() { "Y" } else { "N" };
    unless(row.plain(Col::IsDeleted) == Some(deleted), Col::IsDeleted);
    for stage in Stage::ALL {
        let columns = StageColumns::of(*stage);
        match approvals.iter().find(|it| it.stage == *stage) {
            Some(approval) => {
                unless(prints(columns.approver, &approval.approver_id), columns.approver);
                unless(prints(columns.date, &approval.decided_at), columns.date);
                unless(prints(columns.status, &approval.decision), columns.status);
            }
            None => {
                for column in [columns.approver, columns.date, columns.status, columns.comments] {
                    unless(row[column].is_none(), column);
                }
            }
        }
    }
    // Without an execution the flag is null or empty, and the loop over the flags has kept the empty one.
    debug_assert!(executed || !has_text(row, Col::ContractNotesReceived), "a contract note flag without an execution");
    let unknown = row.unknown.iter().filter(|(_, text)| text.is_some());
    legacy.extend(unknown.map(|(name, text)| (CompactString::new(name), text.cloned())));
    legacy
}

/// What is kept in the residual whatever the row becomes: columns that have no other place.
pub(crate) fn certain_residual(row: &LegacyRow) -> Residual {
    let known = [Col::Name, Col::InstSymbol].map(|it| (CompactString::const_new(it.name()), row[it].clone()));
    known.into_iter().chain(row.unknown.iter().map(|(name, text)| (CompactString::new(name), text.cloned()))).collect()
}

impl RowReader<'_> {
    /// What no jsonb can hold is a rejection (D20), named by its longest value.
    pub(super) fn check_residual(&mut self, legacy: &Residual) {
        let octets = |text: &Option<Text>| text.as_ref().map_or(0, Text::octets);
        let total: u64 = legacy.iter().map(|(name, text)| name.len() as u64 + octets(text)).sum();
        if total <= JSONB_LIMIT {
            return;
        }
        if let Some((field, text)) = legacy.iter().max_by_key(|(_, text)| octets(text)) {
            self.reasons.push(Reason {
                field: field.to_string(),
                rule: Rule::TooLong,
                value: text.as_ref().map(Text::record),
                message: format!(
                    "{field} is kept in compliance_assessment, which would have {total} bytes; a jsonb holds \
                     {JSONB_LIMIT}; shorten it in the source"
                ),
            });
        }
    }
}
