//! The reconstruction of the legacy row from what is stored (D20).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::migration::check::checker::{Checker, Correction};
use crate::migration::legacy::{LegacyColumn as Col, Text};
use crate::migration::reconstruct::{default_inverse, restore_residual};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{
    AuditEntry, Decision, Direction, PadApproval, PadExecution, PadRequest, Role, SOURCE_TABLE, Stage, Status,
    TargetRows,
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
        let left_out = self.left_out();
        let Some(rows) = rows else {
            if self.differences.is_empty() {
                self.note("pad_request", "status", "values that the migration writes", "another value");
            }
            return;
        };
        let unknown: Vec<Arc<str>> = self.row.unknown.keys().cloned().collect();
        let mut back = default_inverse(&rows, &unknown);
        for (name, text) in &rows.request.compliance_assessment.legacy {
            if Col::from_name(name).is_some_and(|it| left_out.contains(&it)) {
                continue;
            }
            let returns = match Col::from_name(name) {
                Some(column) => back[column] == *text,
                None => text.is_none(),
            };
            if returns {
                let field = format!("compliance_assessment.legacy.{name}");
                self.differ("pad_request", &field, None, Some(text.as_ref().unwrap_or(&"null".into())));
            }
        }
        restore_residual(&mut back, &rows);
        if back == *self.row {
            return;
        }
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

/// The stored rows as row types; none if a stored value is one that the migration never writes.
fn decode(source_id: i64, stored: &Stored) -> Option<TargetRows> {
    let request = stored.request.as_ref()?;
    let text = |cells: &Cells, column: &str| cells.get(column).cloned();
    fn plain<'a>(cells: &'a Cells, column: &str) -> Option<&'a str> {
        cells.get(column).and_then(Text::plain)
    }
    // A null is fine, a text that can't be read is not.
    fn optional<T>(text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        text.map_or(Some(None), |it| read(it).map(Some))
    }
    let flag = |column: &str| optional(plain(request, column), stored_flag);
    let id = |text: &str| text.parse::<i64>().ok();
    let time = |text: &str| Timestamp::parse(text).ok();
    let amount = |text: &str| Amount::parse(text, AMOUNT_DIGITS).ok();
    let pad_request = PadRequest {
        id: id(plain(request, "id")?)?,
        employee_id: id(plain(request, "employee_id")?)?,
        security_id: optional(plain(request, "security_id"), id)?,
        status: Status::from_word(plain(request, "status")?)?,
        direction: optional(plain(request, "direction"), Direction::from_word)?,
        security_name: text(request, "security_name"),
        isin: text(request, "isin"),
        sedol: text(request, "sedol"),
        bloomberg_ticker: text(request, "bloomberg_ticker"),
        ticker: text(request, "ticker"),
        quantity: optional(plain(request, "quantity"), amount)?,
        estimated_value: optional(plain(request, "estimated_value"), amount)?,
        currency: text(request, "currency"),
        justification: text(request, "justification"),
        is_related_party: flag("is_related_party")?,
        existing_position: flag("existing_position")?,
        insider_info_declaration: flag("insider_info_declaration")?,
        is_restricted: flag("is_restricted")?,
        has_conflict: flag("has_conflict")?,
        relation: text(request, "relation"),
        compliance_assessment: stored.assessment.clone(),
        created_at: time(plain(request, "created_at")?)?,
        updated_at: optional(plain(request, "updated_at"), time)?,
        conflict_comments: text(request, "conflict_comments"),
        other_comments: text(request, "other_comments"),
        broker_reporting: flag("broker_reporting")?,
        is_derivative: flag("is_derivative")?,
        is_leveraged: flag("is_leveraged")?,
        related_party_name: text(request, "related_party_name"),
        signed_declaration: flag("signed_declaration")?,
        updated_by_id: optional(plain(request, "updated_by_id"), id)?,
        deleted_at: optional(plain(request, "deleted_at"), time)?,
        deleted_by_id: optional(plain(request, "deleted_by_id"), id)?,
        executed_within_two_days: flag("executed_within_two_days")?,
    };
    let approvals = stored.approvals.iter().map(|cells| {
        let flag = |column: &str| optional(plain(cells, column), stored_flag);
        Some(PadApproval {
            stage: Stage::from_word(plain(cells, "approval_type")?)?,
            approver_id: id(plain(cells, "approver_id")?)?,
            decision: Decision::from_word(plain(cells, "decision")?)?,
            comments: text(cells, "comments"),
            decided_at: time(plain(cells, "decided_at")?)?,
            restricted_check: flag("restricted_check")?,
            holding_period_check: flag("holding_period_check")?,
            conflict_check: flag("conflict_check")?,
        })
    });
    let execution = match stored.executions.first() {
        None => None,
        Some(cells) => Some(PadExecution {
            executed_at: time(plain(cells, "executed_at")?)?,
            execution_price: optional(plain(cells, "execution_price"), |it| Price::parse(it, PRICE_DIGITS).ok())?,
            execution_quantity: optional(plain(cells, "execution_quantity"), amount)?,
            contract_note_received: optional(plain(cells, "contract_note_received"), stored_flag)?,
            recorded_by_id: optional(plain(cells, "recorded_by_id"), id)?,
        }),
    };
    // The audit trail repeats what is above and gives nothing back (D20); it has been compared column by column.
    let audit: Vec<AuditEntry> = Vec::new();
    Some(TargetRows { source_id, request: pad_request, approvals: approvals.collect::<Option<_>>()?, execution, audit })
}
