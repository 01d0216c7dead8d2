//! The check of one row: what the legacy row says, and the list of differences from it.

use compact_str::CompactString;

use crate::base::text::plural;
use crate::migration::difference::Difference;
use crate::migration::legacy::{LegacyColumn as Col, LegacyRow};
use crate::migration::printed::{Printed, flag};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{Decision, Role, Stage};
use crate::migration::text::{Text, TextBuf};
use crate::migration::value::{AMOUNT_DIGITS, Amount, Timestamp, parse_identifier};

/// A row that is being checked, and what was found so far. The methods that compare are in the files beside this one, a
/// target table each.
pub(super) struct Checker<'a> {
    pub(super) source_id: i64,
    pub(super) row: &'a LegacyRow,
    /// D9.
    pub(super) created_at: Option<Timestamp>,
    pub(super) modified_at: Option<Timestamp>,
    /// In the order of [`Stage::ALL`].
    stages: [StageOfRow<'a>; 2],
    pub(super) differences: Vec<Difference>,
    /// What the columns must hold that differ, in full.
    pub(super) corrections: Vec<Correction>,
}

/// What a stored column must hold.
pub(super) struct Correction {
    /// The role of the row.
    pub(super) target: String,
    /// The column.
    pub(super) field: String,
    /// Its text.
    pub(super) text: Option<TextBuf>,
}

pub(super) fn stored_flag(value: Option<bool>) -> Option<Printed<'static>> {
    flag(value, ["f", "t"])
}

/// The columns of a stage, parsed.
#[derive(Clone, Copy)]
pub(super) struct StageOfRow<'a> {
    pub(super) decision: Option<Decision>,
    pub(super) approver: Option<i64>,
    pub(super) date: Option<Timestamp>,
    pub(super) comments: Option<Text<'a>>,
}

/// D3.
fn code(row: &LegacyRow, column: Col) -> Option<CompactString> {
    let text = row.plain(column)?;
    let mut code = CompactString::new(text.trim_matches([' ', '\t']));
    code.make_ascii_lowercase();
    if code.is_empty() { None } else { Some(code) }
}

fn date(row: &LegacyRow, column: Col) -> Option<Timestamp> {
    row.clock(column).and_then(|it| Timestamp::parse(it).ok())
}

fn id(row: &LegacyRow, column: Col) -> Option<i64> {
    row.plain(column).and_then(|it| parse_identifier(it).ok())
}

fn stage(row: &LegacyRow, stage: Stage) -> StageOfRow<'_> {
    let (status, approver, at, comments) = match stage {
        Stage::Manager => (Col::StatusManager, Col::AuthManager, Col::AuthManagerDate, Col::CommentsManager),
        Stage::Compliance => {
            (Col::StatusCompliance, Col::AuthCompliance, Col::AuthComplianceDate, Col::CommentsCompliance)
        }
    };
    StageOfRow {
        decision: code(row, status).and_then(|it| Decision::from_word(&it)),
        approver: id(row, approver),
        date: date(row, at),
        comments: row.get(comments),
    }
}

impl<'a> Checker<'a> {
    /// What several columns are compared with is parsed once.
    pub(super) fn of(source_id: i64, row: &'a LegacyRow) -> Self {
        let modified_at = date(row, Col::LastModifiedDate);
        let created_at = date(row, Col::RequestedDate).or(modified_at);
        let stages = [stage(row, Stage::Manager), stage(row, Stage::Compliance)];
        let (differences, corrections) = (Vec::new(), Vec::new());
        Self { source_id, row, created_at, modified_at, stages, differences, corrections }
    }

    pub(super) fn differ(&mut self, target: &str, field: &str, expected: Option<Text<'_>>, actual: Option<Text<'_>>) {
        self.corrections.push(Correction {
            target: target.to_owned(),
            field: field.to_owned(),
            text: expected.map(TextBuf::from),
        });
        self.differences.push(Difference {
            source_id: self.source_id,
            target: target.to_owned(),
            field: field.to_owned(),
            expected: expected.map(Text::excerpt),
            actual: actual.map(Text::excerpt),
        });
    }

    /// Reports a difference that is not one of two texts of a column.
    pub(super) fn note(&mut self, target: &str, field: &str, expected: &str, actual: &str) {
        self.differ(target, field, Some(expected.into()), Some(actual.into()));
    }

    pub(super) fn code(&self, column: Col) -> Option<CompactString> {
        code(self.row, column)
    }

    /// D1.
    pub(super) fn yes_no(&self, column: Col) -> Option<bool> {
        self.row.plain(column).filter(|text| !text.is_empty()).map(|text| text == "1")
    }

    pub(super) fn date(&self, column: Col) -> Option<Timestamp> {
        date(self.row, column)
    }

    pub(super) fn id(&self, column: Col) -> Option<i64> {
        id(self.row, column)
    }

    pub(super) fn amount(&self, column: Col) -> Option<Amount> {
        self.row.plain(column).and_then(|it| Amount::parse(it, AMOUNT_DIGITS).ok())
    }

    pub(super) fn text(&self, column: Col) -> Option<Printed<'a>> {
        Printed::text(self.row.get(column))
    }

    /// D1, as it is stored.
    pub(super) fn flag(&self, column: Col) -> Option<Printed<'static>> {
        stored_flag(self.yes_no(column))
    }

    pub(super) fn stage(&self, stage: Stage) -> StageOfRow<'a> {
        self.stages[stage as usize]
    }

    pub(super) fn compare(&mut self, target: &str, cells: &Cells, expected: &[(&'static str, Option<Printed<'_>>)]) {
        let mut at = 0;
        for (column, expected) in expected {
            let actual = cells.get_next(&mut at, column);
            let is_right = match (&actual, expected) {
                (Some(actual), Some(expected)) => expected.is_text(*actual),
                (actual, expected) => actual.is_none() && expected.is_none(),
            };
            if !is_right {
                let expected = expected.map(Printed::into_text);
                self.differ(target, column, expected.as_ref().map(TextBuf::as_text), actual);
            }
        }
    }

    /// Reports a row too many or too few.
    pub(super) fn count(&mut self, role: Role, due: bool, found: usize) {
        if found != usize::from(due) {
            let (due, found) = (if due { "one row" } else { "no row" }, plural(found as u64, "row", "rows"));
            self.note(role.as_str(), "id", due, &found);
        }
    }

    /// The row that lineage claims, or else the first there is.
    pub(super) fn claimed<'b>(
        &self,
        role: Role,
        mut found: impl Iterator<Item = &'b Cells> + Clone,
        stored: &Stored,
    ) -> Option<&'b Cells> {
        let id = stored.lineage_id(role);
        found.clone().find(|cells| id.is_some() && cells.id() == id).or_else(|| found.next())
    }
}
