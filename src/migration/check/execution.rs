//! `pad_execution` (D17, D18).

use crate::migration::check::checker::{Checker, stored_flag};
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::printed::Printed;
use crate::migration::stored::Stored;
use crate::migration::target::Role;
use crate::migration::text::Text;
use crate::migration::value::{Decimal, PRICE_DIGITS, Price};

impl Checker<'_> {
    pub(super) fn execution(&mut self, stored: &Stored, request_id: Option<Text<'_>>) -> Option<Role> {
        let role = Role::Execution;
        let due = self.row.has_text(Col::TwoBusinessDaysExecution) || self.row.has_text(Col::ContractNotesReceived);
        self.count(role, due, stored.executions.len());
        let cells = self.claimed(role, stored.executions.iter(), stored).filter(|_| due);
        if let Some(cells) = cells {
            // D17, D18
            let dates = [Col::AuthComplianceDate, Col::AuthManagerDate];
            let executed_at = dates.iter().find_map(|it| self.date(*it)).or(self.created_at);
            let price = match (self.amount(Col::Value), self.amount(Col::TradeSize)) {
                (Some(value), Some(size)) => rounded_quotient(value.0, size.0),
                _ => None,
            };
            let expected = [
                ("request_id", request_id.map(Printed::Text)),
                ("executed_at", executed_at.map(Printed::Time)),
                ("execution_price", price.map(Printed::Price)),
                ("execution_quantity", self.amount(Col::TradeSize).map(Printed::Amount)),
                ("broker_reference", None),
                ("contract_note_path", None),
                ("contract_note_received", self.flag(Col::ContractNotesReceived)),
                ("contract_note_verified", stored_flag(Some(false))),
                ("verification_metadata", None),
                ("recorded_by_id", self.id(Col::AuthCompliance).map(Printed::Id)),
            ];
            self.compare(role.as_str(), cells, &expected);
        }
        due.then_some(role)
    }
}

/// Long division in decimal, one digit at a time: slower than the writer's, and not the writer's.
fn rounded_quotient(value: i128, size: i128) -> Option<Price> {
    if size == 0 {
        return None;
    }
    let (mut rest, divisor) = (value.unsigned_abs(), size.unsigned_abs());
    let mut digits = rest / divisor;
    rest %= divisor;
    for _ in 0..9 {
        rest *= 10;
        digits = digits * 10 + rest / divisor;
        rest %= divisor;
    }
    let rounded = i128::try_from((digits + 5) / 10).ok()?;
    let fits = rounded < 10i128.pow(PRICE_DIGITS);
    fits.then_some(Decimal(if value.is_negative() != size.is_negative() { -rounded } else { rounded }))
}
