//! `pad_request`: D2, D9, D10, D11, D12 and D13. Status, id, security and residual have files of their own.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;
use crate::migration::target::{Assessment, Direction, PadRequest};
use crate::migration::transform::reader::RowReader;
use crate::migration::transform::status::Statuses;
use crate::migration::value::{Amount, Timestamp};

/// Values that more than one of the target rows is made of. None where the row has none, or where a reason says why it
/// can't be read.
pub(super) struct SharedValues {
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) quantity: Option<Amount>,
    pub(super) estimated_value: Option<Amount>,
    pub(super) is_restricted: Option<bool>,
    pub(super) holding_period: Option<bool>,
    pub(super) has_conflict: Option<bool>,
}

impl<'a> RowReader<'a, '_> {
    pub(super) fn shared_values(&mut self) -> SharedValues {
        let requested = self.timestamp(Col::RequestedDate);
        let updated_at = self.timestamp(Col::LastModifiedDate);
        SharedValues {
            created_at: self.created_at(requested, updated_at),
            updated_at,
            quantity: self.amount(Col::TradeSize),
            estimated_value: self.amount(Col::Value),
            is_restricted: self.boolean(Col::Restricted),
            holding_period: self.boolean(Col::HoldingPeriod),
            has_conflict: self.boolean(Col::Conflicts),
        }
    }

    /// The request, without the residual; `None` only where a reason says why.
    pub(super) fn request(
        &mut self,
        source_id: i64,
        statuses: &Statuses,
        shared: &SharedValues,
    ) -> Option<PadRequest<'a>> {
        let id = self.request_id(source_id);
        let employee_id = self.employee();
        let deleted = self.deleted();
        Some(PadRequest {
            security_id: self.security(),
            direction: self.direction(),
            security_name: self.text(Col::SecurityDescription, 500),
            isin: self.text(Col::Isin, 12),
            sedol: self.text(Col::Sedol, 7),
            bloomberg_ticker: self.text(Col::Bloomberg, 50),
            ticker: self.text(Col::Ticker, 50),
            quantity: shared.quantity,
            estimated_value: shared.estimated_value,
            currency: self.text(Col::Currency, 3),
            justification: self.row.get(Col::Justification),
            is_related_party: self.boolean(Col::Related),
            existing_position: self.boolean(Col::ExistingPos),
            // D2: the flag says that there is inside information, the declaration that there is none.
            insider_info_declaration: self.boolean(Col::InsideInfo).map(|has_information| !has_information),
            is_restricted: shared.is_restricted,
            has_conflict: shared.has_conflict,
            relation: self.text(Col::Relation, 100),
            compliance_assessment: Assessment { holding_period: shared.holding_period, ..Assessment::default() },
            updated_at: shared.updated_at,
            conflict_comments: self.row.get(Col::ConflictComments),
            other_comments: self.row.get(Col::OtherComments),
            broker_reporting: self.boolean(Col::BrokerReporting),
            is_derivative: self.boolean(Col::DerivativeContract),
            is_leveraged: self.boolean(Col::Leveraged),
            // D11: the legacy name is the employee's own.
            related_party_name: None,
            signed_declaration: self.boolean(Col::Signed),
            updated_by_id: self.person(Col::LastModifiedBy),
            deleted_by_id: None,
            executed_within_two_days: self.boolean(Col::TwoBusinessDaysExecution),
            // What can end this comes last, so that no reason of the others is lost.
            id: id?,
            employee_id: employee_id?,
            status: statuses.request_status()?,
            created_at: shared.created_at?,
            // D10
            deleted_at: match deleted? {
                true => shared.updated_at.or(shared.created_at),
                false => None,
            },
        })
    }

    /// D9. Where there is a date that can't be read, that is the reason, not the missing date.
    fn created_at(&mut self, requested: Option<Timestamp>, modified: Option<Timestamp>) -> Option<Timestamp> {
        if !self.row.is_null(Col::RequestedDate) {
            return requested;
        }
        if self.row.is_null(Col::LastModifiedDate) {
            let message = "requested_date and last_modified_date are both null; a request needs one of them";
            self.reject(Col::RequestedDate, Rule::MissingDate, message);
        }
        modified
    }

    /// D3.
    fn direction(&mut self) -> Option<Direction> {
        match self.code(Col::BuySell)?.one_of(&["b", "s"]) {
            Some("b") => Some(Direction::Buy),
            Some(_) => Some(Direction::Sell),
            None => {
                let message = format!("buysell is {}; it must be B, S or empty", self.shown(Col::BuySell));
                self.reject(Col::BuySell, Rule::InvalidDirection, message);
                None
            }
        }
    }

    /// D3, D10.
    fn deleted(&mut self) -> Option<bool> {
        let Some(code) = self.code(Col::IsDeleted) else { return Some(false) };
        match code.one_of(&["y", "n"]) {
            Some(word) => Some(word == "y"),
            None => {
                let message = format!("is_deleted_yn is {}; it must be Y, N or empty", self.shown(Col::IsDeleted));
                self.reject(Col::IsDeleted, Rule::InvalidDeletedFlag, message);
                None
            }
        }
    }
}
