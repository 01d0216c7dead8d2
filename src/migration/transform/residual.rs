//! D20: the residual, which holds what the typed columns don't give back.

use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow};
use crate::migration::rejection::{Reason, Rule};
use crate::migration::target::{Direction, PadApproval, PadRequest, Residual, Stage, Status};
use crate::migration::text::Text;
use crate::migration::transform::approval::StageColumns;
use crate::migration::transform::reader::RowReader;
use crate::migration::value::{Amount, Digits, Timestamp};

/// Bytes that all the strings of one jsonb object may have together (Postgres, `JENTRY_OFFLENMASK`).
pub(crate) const JSONB_LIMIT: u64 = 0x0FFF_FFFF;

/// The columns of flags.
const FLAGS: [Col; 12] = {
    let (mut flags, mut found, mut at) = ([Col::Id; 12], 0, 0);
    while at < Col::ALL.len() {
        if matches!(Col::ALL[at].kind(), Kind::YesNo) {
            flags[found] = Col::ALL[at];
            found += 1;
        }
        at += 1;
    }
    assert!(found == flags.len(), "as many as there are");
    flags
};

/// What the typed columns don't give back: a key exactly where the default inverse differs from the row (D20).
pub(super) fn residual<'a>(
    source_id: i64,
    row: &'a LegacyRow,
    request: &PadRequest<'_>,
    approvals: &[PadApproval<'_>],
    executed: bool,
) -> Residual<'a> {
    let mut legacy = Residual::of(row);
    let mut unless = |comes_back: bool, column: Col| {
        if !comes_back {
            legacy.keep(column);
        }
    };
    let id = |column: Col, id: i64| row.plain(column).is_some_and(|it| it.as_bytes() == Digits::of(id).as_bytes());
    let time =
        |column: Col, time: Timestamp| row.plain(column).is_some_and(|it| it.as_bytes() == time.digits().as_bytes());
    let amount = |column: Col, amount: Amount| row.plain(column).is_some_and(|it| amount.prints(it));
    fn or_null<T>(row: &LegacyRow, column: Col, value: Option<T>, prints: impl Fn(Col, T) -> bool) -> bool {
        value.map_or_else(|| row.is_null(column), |value| prints(column, value))
    }

    unless(id(Col::Id, source_id), Col::Id);
    unless(id(Col::Employee, request.employee_id), Col::Employee);
    unless(time(Col::RequestedDate, request.created_at), Col::RequestedDate);
    unless(row.is_null(Col::Name), Col::Name);
    unless(row.is_null(Col::InstSymbol), Col::InstSymbol);
    for column in FLAGS {
        // '1', '2' and null come back; D1 lets nothing else through but the empty string.
        unless(!row.is_empty(column), column);
    }
    unless(or_null(row, Col::TradeSize, request.quantity, amount), Col::TradeSize);
    unless(or_null(row, Col::Value, request.estimated_value, amount), Col::Value);
    unless(or_null(row, Col::LastModifiedBy, request.updated_by_id, id), Col::LastModifiedBy);
    unless(or_null(row, Col::LastModifiedDate, request.updated_at, time), Col::LastModifiedDate);
    let buysell = request.direction.map(|it| if it == Direction::Buy { "B" } else { "S" });
    unless(row.plain(Col::BuySell) == buysell && row.is_null(Col::BuySell) == buysell.is_none(), Col::BuySell);
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
                unless(id(columns.approver, approval.approver_id), columns.approver);
                unless(time(columns.date, approval.decided_at), columns.date);
                unless(row.plain(columns.status) == Some(approval.decision.as_str()), columns.status);
            }
            None => {
                for column in [columns.approver, columns.date, columns.status, columns.comments] {
                    unless(row.is_null(column), column);
                }
            }
        }
    }
    // Without an execution the flag is null or empty, and the loop over the flags has kept the empty one.
    debug_assert!(executed || !row.has_text(Col::ContractNotesReceived), "a contract note flag without an execution");
    legacy
}

/// What is kept in the residual whatever the row becomes: columns that have no other place.
pub(crate) fn certain_residual(row: &LegacyRow) -> Residual<'_> {
    let mut legacy = Residual::of(row);
    [Col::Name, Col::InstSymbol].into_iter().for_each(|column| legacy.keep(column));
    legacy
}

impl RowReader<'_, '_> {
    /// What no jsonb can hold is a rejection (D20), named by its longest value.
    pub(super) fn check_residual(&mut self, legacy: Residual<'_>) {
        if legacy.octets_at_most().is_some_and(|octets| octets <= JSONB_LIMIT) {
            return;
        }
        let octets = |text: Option<Text<'_>>| text.map_or(0, Text::octets);
        let total: u64 = legacy.iter().map(|(name, text)| name.len() as u64 + octets(text)).sum();
        if total <= JSONB_LIMIT {
            return;
        }
        if let Some((field, text)) = legacy.iter().max_by_key(|(_, text)| octets(*text)) {
            self.reasons.push(Reason {
                field: field.to_string(),
                rule: Rule::TooLong,
                value: text.map(Text::record),
                message: format!(
                    "{field} is kept in compliance_assessment, which would have {total} bytes; a jsonb holds \
                     {JSONB_LIMIT}; shorten it in the source"
                ),
            });
        }
    }
}
