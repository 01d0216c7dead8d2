//! `migration_mapping` (D19).

use crate::migration::check::checker::Checker;
use crate::migration::stored::Stored;
use crate::migration::target::Role;

impl Checker<'_> {
    /// Every target row has exactly one lineage row, and there are no others.
    pub(super) fn lineage(&mut self, due: &[Role], stored: &Stored) {
        for role in due {
            match stored.lineage.iter().find(|it| it.0.as_ref() == Ok(role)) {
                None => self.note(role.as_str(), "lineage", "one lineage row", "none"),
                Some((_, id)) => {
                    let rows = match role {
                        Role::Request => continue,
                        Role::Manager | Role::Compliance => &stored.approvals,
                        Role::Execution => &stored.executions,
                        _ => &stored.audit,
                    };
                    let part = role.as_str().split_once(':').map(|it| it.1);
                    let right = rows.iter().find(|it| it.holds("id", &id.to_string())).is_some_and(|cells| {
                        part.is_none_or(|it| cells.holds("approval_type", it) || cells.holds("action_type", it))
                    });
                    if !right {
                        self.note(role.as_str(), "lineage", "the id of this row", &format!("{id}, which is none"));
                    }
                }
            }
        }
        for (target, id) in &stored.lineage {
            let name = match target {
                Ok(role) if due.contains(role) => continue,
                Ok(role) => role.as_str(),
                Err(name) => name,
            };
            self.note(name, "lineage", "no lineage row", &id.to_string());
        }
    }
}
