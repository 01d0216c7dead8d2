//! `audit_log`.

use std::borrow::Cow;

use crate::migration::check::checker::{Checker, shown, word};
use crate::migration::legacy::{LegacyColumn as Col, Text};
use crate::migration::stored::{Cells, DETAILS, Stored};
use crate::migration::target::{Action, Decision, Role, Stage};

impl Checker<'_> {
    pub(super) fn audit(&mut self, due: &[Role], stored: &Stored, request_id: Option<&Text>) {
        for action in Action::ALL {
            let role = Role::audit(*action);
            // An entry that is neither claimed nor marked belongs to the application and isn't compared.
            let is_entry = |it: &&Cells| {
                it.holds("action_type", action.as_str()) && (it.is_marked() || self.is_claimed(role, it, stored))
            };
            let due = due.contains(&role);
            let count = stored.audit.iter().filter(is_entry).count();
            let claimed = self.claimed(role, stored.audit.iter().filter(is_entry), stored);
            self.count(role, due, count);
            let Some(cells) = claimed.filter(|_| due) else {
                continue;
            };
            let stage = match action {
                Action::RequestSubmitted => None,
                Action::ApprovalManager => Some(Stage::Manager),
                Action::ApprovalCompliance => Some(Stage::Compliance),
            };
            let columns = stage.map(|it| self.stage(it));
            let fallback = || self.date(Col::LastModifiedDate).or_else(|| self.created_at());
            let (timestamp, actor, decision, comments) = match &columns {
                None => (self.created_at(), self.id(Col::Employee), None, None),
                Some(stage) => (stage.date.or_else(fallback), stage.approver, stage.decision, stage.comments),
            };
            let status = if decision == Some(Decision::Declined) { "blocked" } else { "success" };
            let expected = [
                ("timestamp", shown(timestamp)),
                ("action_status", word(Some(status))),
                ("actor_type", word(Some("user"))),
                ("actor_id", shown(actor)),
                ("google_uid", None),
                ("entity_type", word(Some("pad_request"))),
                ("entity_id", request_id.map(Cow::Borrowed)),
                ("request_id", request_id.map(Cow::Borrowed)),
                ("decision", word(decision.map(Decision::as_str))),
                ("comments", comments.map(Cow::Borrowed)),
                ("details", word(Some(DETAILS))),
            ];
            self.compare(role.as_str(), cells, &expected);
        }
        for cells in stored.audit.iter().filter(|it| it.is_marked()) {
            let action = cells.get("action_type");
            if action.and_then(Text::plain).is_none_or(|it| Action::from_word(it).is_none()) {
                self.differ("audit_log", "action_type", None, action);
            }
        }
    }
}
