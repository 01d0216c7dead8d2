//! The reconstruction of the legacy row from what is stored (D20).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::migration::check::checker::{Checker, Correction};
use crate::migration::legacy::{LegacyColumn as Col, Text};
use crate::migration::reconstruct::{default_inverse, restore_residual};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{
    Assessment, AuditEntry, Decision, Direction, PadApproval, PadExecution, PadRequest, Role, SOURCE_TABLE, Stage,
    Status, TargetRows,
};
use crate::migration::value::{AMOUNT_DIGITS, Amount, PRICE_DIGITS, Price, Timestamp};

impl Checker<'_> {
    /// D20, on what is stored. What the stored columns have shown already isn't reported twice, and hides nothing else:
    /// where they differ, the legacy row is given back from what they must hold. Where whole rows are missing or too
    /// many, the columns that only they give back are left out.
    pub(super) fn reconstruction(&mut self, stored: &Stored) {
        let rows = match &self.corrections[..] {
            [] => decode(self.source_id, stored),
            _ => decode(self.source_id, &self.corrected(stored)),
        };
        let residual = &stored.assessment.legacy;
        let left_out = self.left_out();
        let Some(rows) = rows else {
            if self.differences.is_empty() {
                self.note("pad_request", "status", "values that the migration writes", "another value");
            }
            return;
        };
        let mut back = default_inverse(&rows, &[]);
        for (name, text) in residual {
            let column = Col::from_name(name);
            let returns = match column {
                Some(column) => back[column] == *text && !left_out.contains(&column),
                None => text.is_none(),
            };
            if returns {
                let field = format!("compliance_assessment.legacy.{name}");
                self.differ("pad_request", &field, None, Some(text.as_ref().unwrap_or(&"null".into())));
            }
            if let Some(column) = column {
                back[column].clone_from(text);
            }
        }
        // Both in the order of their names; a column that isn't kept comes back as null.
        let kept = residual.iter().filter(|(name, text)| text.is_some() && Col::from_name(name).is_none());
        let unknown = self.row.unknown.iter().filter(|(_, text)| text.is_some());
        if back.agrees_on_known(self.row)
            && kept.map(|(name, text)| (&**name, text)).eq(unknown.map(|(name, text)| (&**name, text)))
        {
            return;
        }
        back.unknown = self.row.unknown.keys().map(|name| (Arc::clone(name), None)).collect();
        restore_residual(&mut back, residual);
        for (name, shown) in self.row.unreadable.iter().chain(&self.row.failed) {
            self.differ(SOURCE_TABLE, name, Some(&shown.as_str().into()), None);
        }
        let mut rebuilt: BTreeMap<&str, Option<&Text>> = back.columns().collect();
        for (name, expected) in self.row.columns() {
            let actual = rebuilt.remove(name).flatten();
            let is_left_out = Col::from_name(name).is_some_and(|it| left_out.contains(&it));
            if actual != expected && !is_left_out {
                self.differ(SOURCE_TABLE, name, expected, actual);
            }
        }
        for (name, actual) in rebuilt {
            self.differ(SOURCE_TABLE, name, None, actual);
        }
    }
}

impl Checker<'_> {
    /// What only rows give back that are missing or too many.
    fn left_out(&self) -> Vec<Col> {
        let rows = self.corrections.iter().filter(|it| it.field == "id").map(|it| it.target.as_str());
        let columns = |target: &str| -> &[Col] {
            match Role::from_word(target) {
                Some(Role::Manager) => {
                    &[Col::StatusManager, Col::AuthManager, Col::AuthManagerDate, Col::CommentsManager]
                }
                Some(Role::Compliance) => {
                    &[Col::StatusCompliance, Col::AuthCompliance, Col::AuthComplianceDate, Col::CommentsCompliance]
                }
                Some(Role::Execution) => &[Col::ContractNotesReceived],
                _ => &[],
            }
        };
        rows.flat_map(columns).copied().collect()
    }

    /// What is stored, the columns that differ holding what they must.
    fn corrected(&self, stored: &Stored) -> Stored {
        let mut stored = stored.clone();
        for Correction { target, field, text } in &self.corrections {
            let of_stage = |cells: &&mut Cells| {
                let stage = cells.get("approval_type").and_then(Text::plain).and_then(Stage::from_word);
                stage.is_some_and(|stage| Role::approval(stage).as_str() == target)
            };
            let cells = match (&**target, &**field) {
                (_, "lineage" | "security_id") => continue,
                // Whole rows: what they give back is left out.
                ("pad_execution", "id") => continue,
                (approval, "id") if approval.starts_with("pad_approval") => continue,
                ("pad_request", "compliance_assessment.holding_period") => {
                    stored.assessment.holding_period = text.as_ref().and_then(Text::plain).and_then(stored_flag);
                    continue;
                }
                ("pad_request", _) => stored.request.as_mut(),
                ("pad_execution", _) => stored.executions.first_mut(),
                (approval, _) if approval.starts_with("pad_approval") => stored.approvals.iter_mut().find(of_stage),
                _ => continue,
            };
            if let Some(cells) = cells {
                cells.set(field, text.clone());
            }
        }
        stored
    }
}

/// How PostgreSQL's text of a flag reads.
fn stored_flag(text: &str) -> Option<bool> {
    match text {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}

/// The stored rows as row types, without the residual; none if a stored value is one that the migration never writes.
fn decode(source_id: i64, stored: &Stored) -> Option<TargetRows> {
    let request = stored.request.as_ref()?;
    fn plain(text: Option<&Text>) -> Option<&str> {
        text.and_then(Text::plain)
    }
    // A null is fine, a text that can't be read is not.
    fn optional<T>(text: Option<&Text>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        plain(text).map_or(Some(None), |it| read(it).map(Some))
    }
    let id = |text: &str| text.parse::<i64>().ok();
    let time = |text: &str| Timestamp::parse(text).ok();
    let amount = |text: &str| Amount::parse(text, AMOUNT_DIGITS).ok();
    let mut at = 0;
    let mut get = |column: &str| request.get_next(&mut at, column);
    let pad_request = PadRequest {
        id: id(plain(get("id"))?)?,
        employee_id: id(plain(get("employee_id"))?)?,
        security_id: optional(get("security_id"), id)?,
        status: Status::from_word(plain(get("status"))?)?,
        direction: optional(get("direction"), Direction::from_word)?,
        security_name: get("security_name").cloned(),
        isin: get("isin").cloned(),
        sedol: get("sedol").cloned(),
        bloomberg_ticker: get("bloomberg_ticker").cloned(),
        ticker: get("ticker").cloned(),
        quantity: optional(get("quantity"), amount)?,
        estimated_value: optional(get("estimated_value"), amount)?,
        currency: get("currency").cloned(),
        justification: get("justification").cloned(),
        is_related_party: optional(get("is_related_party"), stored_flag)?,
        existing_position: optional(get("existing_position"), stored_flag)?,
        insider_info_declaration: optional(get("insider_info_declaration"), stored_flag)?,
        is_restricted: optional(get("is_restricted"), stored_flag)?,
        has_conflict: optional(get("has_conflict"), stored_flag)?,
        relation: get("relation").cloned(),
        // What the residual keeps is no column of a row.
        compliance_assessment: Assessment { holding_period: stored.assessment.holding_period, ..Assessment::default() },
        created_at: time(plain(get("created_at"))?)?,
        updated_at: optional(get("updated_at"), time)?,
        conflict_comments: get("conflict_comments").cloned(),
        other_comments: get("other_comments").cloned(),
        broker_reporting: optional(get("broker_reporting"), stored_flag)?,
        is_derivative: optional(get("is_derivative"), stored_flag)?,
        is_leveraged: optional(get("is_leveraged"), stored_flag)?,
        related_party_name: get("related_party_name").cloned(),
        signed_declaration: optional(get("signed_declaration"), stored_flag)?,
        updated_by_id: optional(get("updated_by_id"), id)?,
        deleted_at: optional(get("deleted_at"), time)?,
        deleted_by_id: optional(get("deleted_by_id"), id)?,
        executed_within_two_days: optional(get("executed_within_two_days"), stored_flag)?,
    };
    let approvals = stored.approvals.iter().map(|cells| {
        let flag = |column: &str| optional(cells.get(column), stored_flag);
        Some(PadApproval {
            stage: Stage::from_word(plain(cells.get("approval_type"))?)?,
            approver_id: id(plain(cells.get("approver_id"))?)?,
            decision: Decision::from_word(plain(cells.get("decision"))?)?,
            comments: cells.get("comments").cloned(),
            decided_at: time(plain(cells.get("decided_at"))?)?,
            restricted_check: flag("restricted_check")?,
            holding_period_check: flag("holding_period_check")?,
            conflict_check: flag("conflict_check")?,
        })
    });
    let execution = match stored.executions.first() {
        None => None,
        Some(cells) => Some(PadExecution {
            executed_at: time(plain(cells.get("executed_at"))?)?,
            execution_price: optional(cells.get("execution_price"), |it| Price::parse(it, PRICE_DIGITS).ok())?,
            execution_quantity: optional(cells.get("execution_quantity"), amount)?,
            contract_note_received: optional(cells.get("contract_note_received"), stored_flag)?,
            recorded_by_id: optional(cells.get("recorded_by_id"), id)?,
        }),
    };
    // The audit trail repeats what is above and gives nothing back (D20); it has been compared column by column.
    let audit: Vec<AuditEntry> = Vec::new();
    Some(TargetRows { source_id, request: pad_request, approvals: approvals.collect::<Option<_>>()?, execution, audit })
}
