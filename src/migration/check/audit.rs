//! `audit_log`.

use crate::migration::check::checker::Checker;
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::printed::Printed;
use crate::migration::stored::{Cells, DETAILS, Stored};
use crate::migration::target::{Action, Decision, Role, Stage};
use crate::migration::text::Text;

impl Checker<'_> {
    pub(super) fn audit(&mut self, due: &[Role], stored: &Stored, request_id: Option<Text<'_>>) {
        let entries: Vec<Entry<'_>> = stored.audit.iter().map(Entry::of).collect();
        for action in Action::ALL {
            let role = Role::audit(*action);
            let claim = stored.lineage_id(role);
            // An entry that is neither claimed nor marked belongs to the application and isn't compared.
            let is_entry = |it: &&Entry<'_>| {
                it.action == Some(*action) && (it.is_marked || claim.is_some() && it.cells.id() == claim)
            };
            let due = due.contains(&role);
            let of_action = entries.iter().filter(is_entry);
            self.count(role, due, of_action.clone().count());
            let Some(cells) = self.claimed(role, of_action.map(|it| it.cells), stored).filter(|_| due) else {
                continue;
            };
            let stage = match action {
                Action::RequestSubmitted => None,
                Action::ApprovalManager => Some(Stage::Manager),
                Action::ApprovalCompliance => Some(Stage::Compliance),
            };
            let columns = stage.map(|it| self.stage(it));
            let fallback = self.modified_at.or(self.created_at);
            let (timestamp, actor, decision, comments) = match &columns {
                None => (self.created_at, self.id(Col::Employee), None, None),
                Some(stage) => (stage.date.or(fallback), stage.approver, stage.decision, stage.comments),
            };
            let status = if decision == Some(Decision::Declined) { "blocked" } else { "success" };
            let expected = [
                ("timestamp", timestamp.map(Printed::Time)),
                ("action_status", Some(Printed::Word(status))),
                ("actor_type", Some(Printed::Word("user"))),
                ("actor_id", actor.map(Printed::Id)),
                ("google_uid", None),
                ("entity_type", Some(Printed::Word("pad_request"))),
                ("entity_id", request_id.map(Printed::Text)),
                ("request_id", request_id.map(Printed::Text)),
                ("decision", decision.map(|it| Printed::Word(it.as_str()))),
                ("comments", comments.map(Printed::Text)),
                ("details", Some(Printed::Word(DETAILS))),
            ];
            self.compare(role.as_str(), cells, &expected);
        }
        for entry in entries.iter().filter(|it| it.is_marked && it.action.is_none()) {
            let action = entry.cells.get("action_type");
            self.differ("audit_log", "action_type", None, action);
        }
    }
}

/// An entry, and what tells it from others.
struct Entry<'a> {
    cells: &'a Cells,
    /// None if it is another than the migration writes.
    action: Option<Action>,
    is_marked: bool,
}

impl<'a> Entry<'a> {
    fn of(cells: &'a Cells) -> Self {
        let action = cells.get("action_type").and_then(Text::plain).and_then(Action::from_word);
        Self { cells, action, is_marked: cells.is_marked() }
    }
}
