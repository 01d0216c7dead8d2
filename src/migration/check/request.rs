//! `pad_request`: its columns, the security and `compliance_assessment`.

use crate::migration::check::checker::{Checker, stored_flag};
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::lookups::{SecuritiesBySymbol, Security};
use crate::migration::printed::Printed;
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::Status;
use crate::migration::text::{Text, TextBuf};

impl Checker<'_> {
    pub(super) fn request(&mut self, cells: &Cells, securities: &SecuritiesBySymbol) {
        let deleted = self.code(Col::IsDeleted).as_deref() == Some("y");
        let direction = self.code(Col::BuySell).map(|it| if it == "b" { "BUY" } else { "SELL" });
        let expected = [
            ("employee_id", self.id(Col::Employee).map(Printed::Id)),
            ("status", self.status().map(|it| Printed::Word(it.as_str()))),
            ("direction", direction.map(Printed::Word)),
            ("security_name", self.text(Col::SecurityDescription)),
            ("isin", self.text(Col::Isin)),
            ("sedol", self.text(Col::Sedol)),
            ("bloomberg_ticker", self.text(Col::Bloomberg)),
            ("ticker", self.text(Col::Ticker)),
            ("quantity", self.amount(Col::TradeSize).map(Printed::Amount)),
            ("estimated_value", self.amount(Col::Value).map(Printed::Amount)),
            ("currency", self.text(Col::Currency)),
            ("justification", self.text(Col::Justification)),
            ("is_related_party", self.flag(Col::Related)),
            ("existing_position", self.flag(Col::ExistingPos)),
            // D2
            ("insider_info_declaration", stored_flag(self.yes_no(Col::InsideInfo).map(|it| !it))),
            ("is_restricted", self.flag(Col::Restricted)),
            ("has_conflict", self.flag(Col::Conflicts)),
            ("relation", self.text(Col::Relation)),
            ("created_at", self.created_at.map(Printed::Time)),
            ("updated_at", self.modified_at.map(Printed::Time)),
            ("conflict_comments", self.text(Col::ConflictComments)),
            ("other_comments", self.text(Col::OtherComments)),
            ("broker_reporting", self.flag(Col::BrokerReporting)),
            ("is_derivative", self.flag(Col::DerivativeContract)),
            ("is_leveraged", self.flag(Col::Leveraged)),
            ("related_party_name", None),
            ("signed_declaration", self.flag(Col::Signed)),
            ("updated_by_id", self.id(Col::LastModifiedBy).map(Printed::Id)),
            // D10
            ("deleted_at", self.modified_at.or(self.created_at).filter(|_| deleted).map(Printed::Time)),
            ("deleted_by_id", None),
            ("executed_within_two_days", self.flag(Col::TwoBusinessDaysExecution)),
        ];
        self.compare("pad_request", cells, &expected);
        self.security(cells, securities);
    }

    /// D7. A symbol without a security is right to be null, which only `--on-missing-security null` lets through.
    pub(super) fn security(&mut self, cells: &Cells, securities: &SecuritiesBySymbol) {
        let symbol = self.row.compared(Col::InstSymbol).unwrap_or_default();
        let candidates = securities.get(symbol).filter(|_| !symbol.is_empty());
        let same = |of_security: &Option<String>, column: Col| {
            of_security.as_deref().unwrap_or_default() != "" && of_security.as_deref() == self.row.compared(column)
        };
        let agrees = |it: &&Security| {
            let Security { isin, sedol, bloomberg, ticker, .. } = *it;
            [(isin, Col::Isin), (sedol, Col::Sedol), (bloomberg, Col::Bloomberg), (ticker, Col::Ticker)]
                .iter()
                .any(|(of_security, column)| same(of_security, *column))
        };
        let candidates = candidates.map(|it| &**it).unwrap_or_default();
        let mut agreeing = candidates.iter().filter(agrees).map(|it| it.id);
        let ambiguous;
        let expected = match (candidates, agreeing.next(), agreeing.next()) {
            ([], ..) => None,
            ([only], ..) => Some(Printed::Id(only.id)),
            (_, Some(one), None) => Some(Printed::Id(one)),
            (several, ..) => {
                ambiguous = format!("one of the {} securities with this symbol", several.len());
                Some(Printed::Text(Text::Plain(&ambiguous)))
            }
        };
        self.compare("pad_request", cells, &[("security_id", expected)]);
    }

    /// D13, and D20's "a key is there exactly when": what the keys hold is proved by the reconstruction.
    pub(super) fn assessment(&mut self, stored: &Stored) {
        for key in &stored.unexpected_keys {
            self.note("pad_request", "compliance_assessment", "only holding_period and legacy", key);
        }
        let expected = self.yes_no(Col::HoldingPeriod);
        if stored.assessment.holding_period != expected {
            let shown = |flag: Option<bool>| stored_flag(flag).map(Printed::into_text);
            let (expected, actual) = (shown(expected), shown(stored.assessment.holding_period));
            let texts = [&expected, &actual].map(|it| it.as_ref().map(TextBuf::as_text));
            self.differ("pad_request", "compliance_assessment.holding_period", texts[0], texts[1]);
        }
    }

    /// D8, written as the table of its outcomes.
    pub(super) fn status(&self) -> Option<Status> {
        let codes =
            [Col::Status, Col::StatusManager, Col::StatusCompliance].map(|it| self.code(it).unwrap_or_default());
        if codes.iter().any(|it| it == "declined") {
            return Some(Status::Declined);
        }
        match (codes[0].as_str(), codes[2].as_str()) {
            ("request", _) => Some(Status::PendingManager),
            ("approved", "approved") => Some(Status::Approved),
            ("approved", _) => Some(Status::PendingCompliance),
            _ => None,
        }
    }
}
