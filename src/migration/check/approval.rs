//! `pad_approval` (D16, D16b).

use crate::migration::check::checker::Checker;
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::printed::Printed;
use crate::migration::stored::Stored;
use crate::migration::target::{Role, Stage};
use crate::migration::text::Text;

impl Checker<'_> {
    pub(super) fn approval(&mut self, stage: Stage, stored: &Stored, request_id: Option<Text<'_>>) -> Option<Role> {
        let role = Role::approval(stage);
        let columns = self.stage(stage);
        let due = columns.decision.zip(columns.approver);
        let found = stored.approvals.iter().filter(|it| it.holds("approval_type", stage.as_str()));
        self.count(role, due.is_some(), found.clone().count());
        let (Some((decision, approver)), Some(cells)) = (due, self.claimed(role, found, stored)) else {
            return due.map(|_| role);
        };
        let checks = |column: Col| self.flag(column).filter(|_| stage == Stage::Compliance);
        let decided_at = columns.date.or(self.modified_at).or(self.created_at);
        let expected = [
            ("request_id", request_id.map(Printed::Text)),
            ("approver_id", Some(Printed::Id(approver))),
            ("approver_google_uid", None),
            ("decision", Some(Printed::Word(decision.as_str()))),
            ("comments", columns.comments.map(Printed::Text)),
            ("decided_at", decided_at.map(Printed::Time)),
            ("restricted_check", checks(Col::Restricted)),
            ("holding_period_check", checks(Col::HoldingPeriod)),
            ("conflict_check", checks(Col::Conflicts)),
        ];
        self.compare(role.as_str(), cells, &expected);
        Some(role)
    }
}
