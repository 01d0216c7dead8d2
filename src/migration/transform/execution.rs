//! `pad_execution`: D17 and D18.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::target::PadExecution;
use crate::migration::transform::reader::RowReader;
use crate::migration::transform::request::SharedValues;
use crate::migration::value::{Price, Timestamp};

impl RowReader<'_, '_> {
    /// An execution, if the row says that there was one.
    pub(super) fn execution(&mut self, shared: &SharedValues) -> Option<PadExecution> {
        let contract_note_received = self.boolean(Col::ContractNotesReceived);
        if !self.row.has_text(Col::TwoBusinessDaysExecution) && !self.row.has_text(Col::ContractNotesReceived) {
            return None;
        }
        // D17
        let stage_date = match self.timestamp(Col::AuthComplianceDate) {
            None if self.row.is_null(Col::AuthComplianceDate) => self.timestamp(Col::AuthManagerDate),
            date => date,
        };
        // D18
        let price = shared.estimated_value.zip(shared.quantity).and_then(|(value, size)| Price::quotient(value, size));
        Some(PadExecution {
            executed_at: stage_date.or(shared.created_at).unwrap_or(Timestamp::INFINITY),
            execution_price: price,
            execution_quantity: shared.quantity,
            contract_note_received,
            recorded_by_id: self.person(Col::AuthCompliance),
        })
    }
}
