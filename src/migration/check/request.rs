//! `pad_request`: its columns, the security and `compliance_assessment`.

use std::collections::HashMap;

use compact_str::ToCompactString;

use crate::migration::check::checker::{Checker, flag, shown, word};
use crate::migration::legacy::{LegacyColumn as Col, Text};
use crate::migration::lookups::Security;
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::Status;

impl Checker<'_> {
    pub(super) fn request(&mut self, cells: &Cells, securities: &HashMap<String, Vec<Security>>) {
        let updated_at = self.date(Col::LastModifiedDate);
        let deleted = self.code(Col::IsDeleted).as_deref() == Some("y");
        let direction = self.code(Col::BuySell).map(|it| if it == "b" { "BUY" } else { "SELL" });
        let expected = [
            ("employee_id", shown(self.id(Col::Employee))),
            ("status", word(self.status().map(Status::as_str))),
            ("direction", word(direction)),
            ("security_name", self.text(Col::SecurityDescription)),
            ("isin", self.text(Col::Isin)),
            ("sedol", self.text(Col::Sedol)),
            ("bloomberg_ticker", self.text(Col::Bloomberg)),
            ("ticker", self.text(Col::Ticker)),
            ("quantity", shown(self.amount(Col::TradeSize))),
            ("estimated_value", shown(self.amount(Col::Value))),
            ("currency", self.text(Col::Currency)),
            ("justification", self.text(Col::Justification)),
            ("is_related_party", flag(self.yes_no(Col::Related))),
            ("existing_position", flag(self.yes_no(Col::ExistingPos))),
            // D2
            ("insider_info_declaration", flag(self.yes_no(Col::InsideInfo).map(|it| !it))),
            ("is_restricted", flag(self.yes_no(Col::Restricted))),
            ("has_conflict", flag(self.yes_no(Col::Conflicts))),
            ("relation", self.text(Col::Relation)),
            ("created_at", shown(self.created_at())),
            ("updated_at", shown(updated_at)),
            ("conflict_comments", self.text(Col::ConflictComments)),
            ("other_comments", self.text(Col::OtherComments)),
            ("broker_reporting", flag(self.yes_no(Col::BrokerReporting))),
            ("is_derivative", flag(self.yes_no(Col::DerivativeContract))),
            ("is_leveraged", flag(self.yes_no(Col::Leveraged))),
            ("related_party_name", None),
            ("signed_declaration", flag(self.yes_no(Col::Signed))),
            ("updated_by_id", shown(self.id(Col::LastModifiedBy))),
            // D10
            ("deleted_at", shown(updated_at.or_else(|| self.created_at()).filter(|_| deleted))),
            ("deleted_by_id", None),
            ("executed_within_two_days", flag(self.yes_no(Col::TwoBusinessDaysExecution))),
        ];
        self.compare("pad_request", cells, &expected);
        self.security(cells, securities);
    }

    /// D7. A symbol without a security is right to be null, which only `--on-missing-security null` lets through.
    pub(super) fn security(&mut self, cells: &Cells, securities: &HashMap<String, Vec<Security>>) {
        let actual = cells.get("security_id");
        let symbol = self.row.compared(Col::InstSymbol).unwrap_or_default();
        let candidates = securities.get(symbol).filter(|_| !symbol.is_empty());
        let same = |of_security: &Option<String>, column: Col| {
            of_security.as_deref().unwrap_or_default() != "" && of_security.as_deref() == self.row.compared(column)
        };
        let expected: Vec<i64> = match candidates.map(Vec::as_slice).unwrap_or_default() {
            [only] => vec![only.id],
            several => several
                .iter()
                .filter(|it| {
                    let Security { isin, sedol, bloomberg, ticker, .. } = it;
                    [(isin, Col::Isin), (sedol, Col::Sedol), (bloomberg, Col::Bloomberg), (ticker, Col::Ticker)]
                        .iter()
                        .any(|(of_security, column)| same(of_security, *column))
                })
                .map(|it| it.id)
                .collect(),
        };
        let several = candidates.map_or(0, Vec::len);
        let expected = match expected.as_slice() {
            [one] => Some(Text::from(one.to_compact_string())),
            [] if several == 0 => None,
            _ => Some(Text::from(format!("one of the {several} securities with this symbol"))),
        };
        if actual != expected.as_ref() {
            self.differ("pad_request", "security_id", expected.as_ref(), actual);
        }
    }

    /// D13, and D20's "a key is there exactly when": what the keys hold is proved by the reconstruction.
    pub(super) fn assessment(&mut self, stored: &Stored) {
        for key in &stored.unexpected_keys {
            self.note("pad_request", "compliance_assessment", "only holding_period and legacy", key);
        }
        let expected = self.yes_no(Col::HoldingPeriod);
        if stored.assessment.holding_period != expected {
            let (expected, actual) = (flag(expected), flag(stored.assessment.holding_period));
            self.differ("pad_request", "compliance_assessment.holding_period", expected.as_deref(), actual.as_deref());
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
