//! The check of one row: what the legacy row says, and the list of differences from it.

use std::borrow::Cow;
use std::fmt::Display;

use compact_str::{CompactString, ToCompactString};

use crate::migration::difference::Difference;
use crate::migration::legacy::{LegacyColumn as Col, LegacyRow, Text};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{Decision, Role, Stage};
use crate::migration::value::{AMOUNT_DIGITS, Amount, Timestamp, parse_identifier};

/// A row that is being checked, and what was found so far. The methods that compare are in the files beside this one, a
/// target table each.
pub(super) struct Checker<'a> {
    pub(super) source_id: i64,
    pub(super) row: &'a LegacyRow,
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
    pub(super) text: Option<Text>,
}

/// A text that must be stored, as it is in the legacy row or not.
pub(super) type Expected<'a> = Option<Cow<'a, Text>>;

/// A text that must be stored, from whatever prints it.
pub(super) fn shown(value: Option<impl Display>) -> Expected<'static> {
    value.map(|value| Cow::Owned(value.to_compact_string().into()))
}

pub(super) fn flag(value: Option<bool>) -> Expected<'static> {
    word(value.map(|value| if value { "t" } else { "f" }))
}

/// One of the words that the decisions name.
pub(super) fn word(word: Option<&'static str>) -> Expected<'static> {
    word.map(|word| Cow::Owned(Text::Plain(CompactString::const_new(word))))
}

/// The columns of a stage, parsed.
pub(super) struct StageOfRow<'a> {
    pub(super) decision: Option<Decision>,
    pub(super) approver: Option<i64>,
    pub(super) date: Option<Timestamp>,
    pub(super) comments: Option<&'a Text>,
}

impl<'a> Checker<'a> {
    pub(super) fn differ(&mut self, target: &str, field: &str, expected: Option<&Text>, actual: Option<&Text>) {
        self.corrections.push(Correction {
            target: target.to_owned(),
            field: field.to_owned(),
            text: expected.cloned(),
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
        self.differ(target, field, Some(&expected.into()), Some(&actual.into()));
    }

    /// D3.
    pub(super) fn code(&self, column: Col) -> Option<CompactString> {
        let text = self.row.plain(column)?;
        let mut code = CompactString::new(text.trim_matches([' ', '\t']));
        code.make_ascii_lowercase();
        if code.is_empty() { None } else { Some(code) }
    }

    /// D1.
    pub(super) fn yes_no(&self, column: Col) -> Option<bool> {
        self.row.plain(column).filter(|text| !text.is_empty()).map(|text| text == "1")
    }

    pub(super) fn date(&self, column: Col) -> Option<Timestamp> {
        self.row.clock(column).and_then(|it| Timestamp::parse(it).ok())
    }

    pub(super) fn id(&self, column: Col) -> Option<i64> {
        self.row.plain(column).and_then(|it| parse_identifier(it).ok())
    }

    pub(super) fn amount(&self, column: Col) -> Option<Amount> {
        self.row.plain(column).and_then(|it| Amount::parse(it, AMOUNT_DIGITS).ok())
    }

    pub(super) fn text(&self, column: Col) -> Expected<'a> {
        self.row[column].as_ref().map(Cow::Borrowed)
    }

    /// D9.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.date(Col::RequestedDate).or_else(|| self.date(Col::LastModifiedDate))
    }

    pub(super) fn stage(&self, stage: Stage) -> StageOfRow<'a> {
        let (status, approver, date, comments) = match stage {
            Stage::Manager => (Col::StatusManager, Col::AuthManager, Col::AuthManagerDate, Col::CommentsManager),
            Stage::Compliance => {
                (Col::StatusCompliance, Col::AuthCompliance, Col::AuthComplianceDate, Col::CommentsCompliance)
            }
        };
        StageOfRow {
            decision: self.code(status).and_then(|it| Decision::from_word(&it)),
            approver: self.id(approver),
            date: self.date(date),
            comments: self.row[comments].as_ref(),
        }
    }

    pub(super) fn compare(&mut self, target: &str, cells: &Cells, expected: &[(&'static str, Expected<'_>)]) {
        let mut at = 0;
        for (column, expected) in expected {
            let (expected, actual) = (expected.as_deref(), cells.get_next(&mut at, column));
            if actual != expected {
                self.differ(target, column, expected, actual);
            }
        }
    }

    /// Reports a row too many or too few.
    pub(super) fn count(&mut self, role: Role, due: bool, found: usize) {
        if found != usize::from(due) {
            self.note(role.as_str(), "id", if due { "one row" } else { "no row" }, &format!("{found} rows"));
        }
    }

    pub(super) fn is_claimed(&self, role: Role, cells: &Cells, stored: &Stored) -> bool {
        stored.lineage_id(role).is_some_and(|id| cells.holds("id", &id.to_compact_string()))
    }

    /// The row that lineage claims, or else the first there is.
    pub(super) fn claimed<'b>(
        &self,
        role: Role,
        mut found: impl Iterator<Item = &'b Cells> + Clone,
        stored: &Stored,
    ) -> Option<&'b Cells> {
        found.clone().find(|it| self.is_claimed(role, it, stored)).or_else(|| found.next())
    }
}
