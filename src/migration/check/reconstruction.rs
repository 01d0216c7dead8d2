//! The reconstruction of the legacy row from what is stored (D20).

use std::collections::BTreeMap;

use crate::migration::check::checker::{Checker, Correction};
use crate::migration::check::decode::{decode, read_flag};
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::reconstruct::{default_inverse, given_back, restore_residual};
use crate::migration::stored::{Cells, Stored, StoredAssessment};
use crate::migration::target::{Role, SOURCE_TABLE, Stage, TargetRows};
use crate::migration::text::Text;

impl Checker<'_> {
    /// D20, on what is stored. What the stored columns have shown already isn't reported twice, and hides nothing else:
    /// where they differ, the legacy row is given back from what they must hold. Where whole rows are missing or too
    /// many, the columns that only they give back are left out.
    pub(super) fn reconstruction(&mut self, stored: &Stored) {
        let corrected = (!self.corrections.is_empty()).then(|| self.corrected(stored));
        let rows = decode(self.source_id, corrected.as_ref().unwrap_or(stored));
        let assessment = &stored.assessment;
        let left_out = self.left_out();
        let Some(rows) = rows else {
            if self.differences.is_empty() {
                self.note("pad_request", "status", "values that the migration writes", "another value");
            }
            return;
        };
        // What is kept of the columns that the data model names.
        let mut kept: [Option<Option<Text<'_>>>; Col::ALL.len()] = [None; Col::ALL.len()];
        for (name, text) in assessment.legacy.iter() {
            let column = Col::from_name(name);
            let returns = match column {
                Some(column) => gives(&rows, column, text) && !left_out.contains(&column),
                None => text.is_none(),
            };
            if returns {
                let field = format!("compliance_assessment.legacy.{name}");
                self.differ("pad_request", &field, None, Some(text.unwrap_or("null".into())));
            }
            if let Some(column) = column {
                kept[column as usize] = Some(text);
            }
        }
        if self.comes_back(&rows, &kept, assessment) {
            return;
        }
        let mut back = default_inverse(&rows, self.row.names());
        restore_residual(&mut back, assessment.legacy.iter());
        let odd = self.row.odd();
        for (name, shown) in odd.unreadable.iter().chain(&odd.failed) {
            self.differ(SOURCE_TABLE, name, Some(shown.as_str().into()), None);
        }
        let mut rebuilt: BTreeMap<&str, Option<Text<'_>>> = back.columns().collect();
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

/// Whether the typed columns alone give a text back.
fn gives(rows: &TargetRows<'_>, column: Col, text: Option<Text<'_>>) -> bool {
    match (given_back(rows, column), text) {
        (Some(given), Some(text)) => given.is_text(text),
        (given, text) => given.is_none() && text.is_none(),
    }
}

impl Checker<'_> {
    /// Whether the columns give back the whole legacy row.
    fn comes_back(
        &self,
        rows: &TargetRows<'_>,
        kept: &[Option<Option<Text<'_>>>],
        assessment: &StoredAssessment,
    ) -> bool {
        let comes_back = |column: &Col| match kept[*column as usize] {
            Some(text) => text == self.row.get(*column),
            None => gives(rows, *column, self.row.get(*column)),
        };
        // Both in the order of their names; a column that isn't kept comes back as null.
        let others = assessment.legacy.iter().filter(|(name, text)| text.is_some() && Col::from_name(name).is_none());
        let unknown = self.row.unknown().filter(|(_, text)| text.is_some()).map(|(name, text)| (&**name, text));
        self.row.odd().is_whole() && Col::ALL.iter().all(comes_back) && others.eq(unknown)
    }

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
                    stored.assessment.holding_period =
                        text.as_ref().and_then(|it| it.as_text().plain()).and_then(read_flag);
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
