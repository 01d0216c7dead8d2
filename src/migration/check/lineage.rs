//! `migration_mapping` (D19).

use crate::migration::check::checker::Checker;
use crate::migration::stored::Stored;
use crate::migration::target::Role;

impl Checker<'_> {
    /// Every target row has exactly one lineage row, and there are no others.
    pub(super) fn lineage(&mut self, due: &[Role], stored: &Stored) {
        for role in due {
            let Some(id) = stored.lineage_id(*role) else {
                self.note(role.as_str(), "lineage", "one lineage row", "none");
                continue;
            };
            let rows = match role {
                Role::Request => continue,
                Role::Manager | Role::Compliance => &stored.approvals,
                Role::Execution => &stored.executions,
                Role::AuditSubmitted | Role::AuditManager | Role::AuditCompliance => &stored.audit,
            };
            // `pad_approval:manager`: the part after the colon is a stage or an action.
            let part = role.as_str().split_once(':').map(|(_, part)| part);
            let is_right = rows.iter().find(|cells| cells.id() == Some(id)).is_some_and(|cells| {
                part.is_none_or(|part| cells.holds("approval_type", part) || cells.holds("action_type", part))
            });
            if !is_right {
                self.note(role.as_str(), "lineage", "the id of this row", &format!("{id}, no such row"));
            }
        }
        for row in &*stored.lineage {
            if !row.role.as_ref().is_ok_and(|role| due.contains(role)) {
                self.note(row.target_table(), "lineage", "no lineage row", &row.target_id.to_string());
            }
        }
    }
}
