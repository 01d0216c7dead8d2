//! `pad_approval` (D16, D16b).

use std::borrow::Cow;

use crate::migration::check::checker::{Checker, flag, shown, word};
use crate::migration::legacy::{LegacyColumn as Col, Text};
use crate::migration::stored::Stored;
use crate::migration::target::{Role, Stage};

impl Checker<'_> {
    pub(super) fn approval(&mut self, stage: Stage, stored: &Stored, request_id: Option<&Text>) -> Option<Role> {
        let role = Role::approval(stage);
        let columns = self.stage(stage);
        let due = columns.decision.zip(columns.approver);
        let found = stored.approvals.iter().filter(|it| it.holds("approval_type", stage.as_str()));
        self.count(role, due.is_some(), found.clone().count());
        let (Some((decision, approver)), Some(cells)) = (due, self.claimed(role, found, stored)) else {
            return due.map(|_| role);
        };
        let checks = |column: Col| flag(self.yes_no(column).filter(|_| stage == Stage::Compliance));
        let decided_at = columns.date.or_else(|| self.date(Col::LastModifiedDate)).or_else(|| self.created_at());
        let expected = [
            ("request_id", request_id.map(Cow::Borrowed)),
            ("approver_id", shown(Some(approver))),
            ("approver_google_uid", None),
            ("decision", word(Some(decision.as_str()))),
            ("comments", columns.comments.map(Cow::Borrowed)),
            ("decided_at", shown(decided_at)),
            ("restricted_check", checks(Col::Restricted)),
            ("holding_period_check", checks(Col::HoldingPeriod)),
            ("conflict_check", checks(Col::Conflicts)),
        ];
        self.compare(role.as_str(), cells, &expected);
        Some(role)
    }
}
