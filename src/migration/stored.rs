//! What is stored for a legacy row, as text, and which columns of it the verification compares.
//!
//! The lists are written here once more on purpose, and not taken from what the migration writes
//! (`crate::migration::columns`): a column that was forgotten there must show here.

pub(crate) mod line;

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::migration::legacy::Field;
use crate::migration::stored::line::Lines;
use crate::migration::target::{LEGACY_MARK, Role};
use crate::migration::text::{Large, Text, TextBuf};

/// Columns of a stored row, in the order in which they are read.
#[derive(Debug)]
pub(crate) struct Columns {
    names: &'static [&'static str],
    /// A bit for each of [`UNLIMITED`] among them.
    unlimited: u64,
}

impl Columns {
    const fn of(names: &'static [&'static str]) -> Self {
        assert!(names.len() <= 64, "each column has a bit");
        let (mut unlimited, mut at) = (0, 0);
        while at < names.len() {
            let mut other = 0;
            while other < UNLIMITED.len() {
                unlimited |= (is_same(names[at], UNLIMITED[other]) as u64) << at;
                other += 1;
            }
            at += 1;
        }
        Self { names, unlimited }
    }

    /// Their names.
    #[inline]
    pub(crate) const fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// Whether the column at a place is one of [`UNLIMITED`].
    #[inline]
    pub(crate) const fn is_unlimited(&self, at: usize) -> bool {
        self.unlimited & 1 << at != 0
    }
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The columns of a stored row.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    /// One of the lists below.
    columns: &'static Columns,
    /// The rows that it is one of. Behind the columns are what describes the texts that are too large, for each of
    /// [`UNLIMITED`] among them.
    lines: Arc<Lines>,
    row: usize,
    /// Where in the row the columns begin.
    first: usize,
    /// What was set since.
    changed: Vec<(usize, Option<TextBuf>)>,
}

impl Cells {
    /// The columns of a row, of which the first is at a place.
    pub(crate) fn new(columns: &'static Columns, lines: &Arc<Lines>, row: usize, first: usize) -> Self {
        Self { columns, lines: Arc::clone(lines), row, first, changed: Vec::new() }
    }

    /// The row's own id, which comes first.
    pub(crate) fn id(&self) -> Option<i64> {
        self.at(0)?.plain()?.parse().ok()
    }

    /// The columns' names.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        self.columns.names()
    }

    /// The columns that aren't null, each with its text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, Text<'_>)> {
        self.names().iter().enumerate().filter_map(|(at, name)| Some((*name, self.at(at)?)))
    }

    pub(crate) fn get(&self, column: &str) -> Option<Text<'_>> {
        self.get_next(&mut 0, column)
    }

    /// A column that is asked for after `at`, which moves on with it: as [`Cells::get`], and at once where columns are
    /// asked for in their order.
    #[inline]
    pub(crate) fn get_next(&self, at: &mut usize, column: &str) -> Option<Text<'_>> {
        let names = self.names();
        // Mostly it is the very name of the list, and the next of them.
        let is = |name: &str| std::ptr::eq(name, column) || name == column;
        let found = match names.get(*at) {
            Some(name) if is(name) => *at,
            _ => names.iter().position(|name| is(name))?,
        };
        *at = found + 1;
        self.at(found)
    }

    #[inline]
    fn at(&self, at: usize) -> Option<Text<'_>> {
        if !self.changed.is_empty()
            && let Some((_, text)) = self.changed.iter().rev().find(|(changed, _)| *changed == at)
        {
            return text.as_ref().map(TextBuf::as_text);
        }
        match self.lines.get(self.row, self.first + at) {
            Some(held) => Some(Text::Plain(held)),
            None if self.columns.is_unlimited(at) => self.large(at),
            None => None,
        }
    }

    /// A text that is too large to be read.
    fn large(&self, at: usize) -> Option<Text<'_>> {
        let before = (0..at).filter(|it| self.columns.is_unlimited(*it)).count();
        let description = self.lines.get(self.row, self.first + self.names().len() + before)?;
        Large::described(description).map(Text::Large)
    }

    pub(crate) fn set(&mut self, column: &str, text: Option<TextBuf>) {
        if let Some(at) = self.names().iter().position(|it| *it == column) {
            self.changed.push((at, text));
        }
    }
}

/// Stored columns that have no limit.
pub(crate) const UNLIMITED: [&str; 4] = ["justification", "conflict_comments", "other_comments", "comments"];

/// Columns of `pad_request` that are compared, in table order.
pub(crate) const REQUEST: &Columns = &Columns::of(&[
    "id",
    "employee_id",
    "security_id",
    "status",
    "direction",
    "security_name",
    "isin",
    "sedol",
    "bloomberg_ticker",
    "ticker",
    "quantity",
    "estimated_value",
    "currency",
    "justification",
    "is_related_party",
    "existing_position",
    "insider_info_declaration",
    "is_restricted",
    "has_conflict",
    "relation",
    "created_at",
    "updated_at",
    "conflict_comments",
    "other_comments",
    "broker_reporting",
    "is_derivative",
    "is_leveraged",
    "related_party_name",
    "signed_declaration",
    "updated_by_id",
    "deleted_at",
    "deleted_by_id",
    "executed_within_two_days",
]);
/// Columns of `pad_approval` that are compared.
pub(crate) const APPROVAL: &Columns = &Columns::of(&[
    "id",
    "request_id",
    "approval_type",
    "approver_id",
    "approver_google_uid",
    "decision",
    "comments",
    "decided_at",
    "restricted_check",
    "holding_period_check",
    "conflict_check",
]);
/// Columns of `pad_execution` that are compared.
pub(crate) const EXECUTION: &Columns = &Columns::of(&[
    "id",
    "request_id",
    "executed_at",
    "execution_price",
    "execution_quantity",
    "broker_reference",
    "contract_note_path",
    "contract_note_received",
    "contract_note_verified",
    "verification_metadata",
    "recorded_by_id",
]);
/// Columns of `audit_log` that are compared.
pub(crate) const AUDIT: &Columns = &Columns::of(&[
    "id",
    "timestamp",
    "action_type",
    "action_status",
    "actor_type",
    "actor_id",
    "google_uid",
    "entity_type",
    "entity_id",
    "request_id",
    "decision",
    "comments",
    "details",
]);

/// What jsonb prints for the details of every audit entry.
pub(crate) const DETAILS: &str = r#"{"source": "legacy_migration", "original_table": "personal_account_dealing"}"#;

/// `compliance_assessment` as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredAssessment {
    pub(crate) holding_period: Option<bool>,
    /// `legacy`.
    pub(crate) legacy: StoredResidual,
    /// Whether there is such a key, whatever it holds.
    pub(crate) has_legacy: bool,
}

/// Texts of the legacy row by column name (D20), in the order of the names.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredResidual {
    text: String,
    kept: Vec<Kept>,
}

/// Where a text is that is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    name: Field,
    text: Field,
    /// Whether it is the description of a text that is too large to be read.
    is_large: bool,
}

impl StoredResidual {
    /// One that has room for so many texts, with so many bytes.
    pub(crate) fn with_room(texts: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), kept: Vec::with_capacity(texts) }
    }

    /// Adds what is kept for a column, which isn't there yet.
    pub(crate) fn add(&mut self, name: &str, text: Option<&str>, is_large: bool) {
        let mut field = |part: &str| {
            self.text.push_str(part);
            Field::new(self.text.len() - part.len(), self.text.len())
        };
        let kept = Kept { name: field(name), text: text.map_or(Field::NULL, field), is_large };
        let place = self.kept.partition_point(|it| self.part(it.name).is_some_and(|it| it < name));
        self.kept.insert(place, kept);
    }

    fn part(&self, field: Field) -> Option<&str> {
        field.range().map(|range| &self.text[range])
    }

    fn text(&self, kept: &Kept) -> Option<Text<'_>> {
        let text = self.part(kept.text)?;
        let large = kept.is_large.then(|| Large::described(text)).flatten();
        Some(large.map_or(Text::Plain(text), Text::Large))
    }

    /// What is kept, by the names of the legacy columns.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<Text<'_>>)> {
        self.kept.iter().map(|kept| (self.part(kept.name).unwrap_or_default(), self.text(kept)))
    }
}

/// Everything stored that has to do with one legacy row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// The request that lineage names, if it is there.
    pub(crate) request: Option<Cells>,
    /// `compliance_assessment`, parsed; its other keys are in `unexpected_keys`.
    pub(crate) assessment: StoredAssessment,
    /// Top-level keys of `compliance_assessment` that the migration doesn't write, and keys of the wrong type.
    pub(crate) unexpected_keys: Vec<String>,
    /// Every approval of that request.
    pub(crate) approvals: Vec<Cells>,
    /// Every execution of that request.
    pub(crate) executions: Vec<Cells>,
    /// Every audit entry of that request.
    pub(crate) audit: Vec<Cells>,
    /// Every lineage row.
    pub(crate) lineage: LineageOfRow,
}

/// The lineage rows of one legacy row, among those of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineageOfRow {
    of_page: Arc<[StoredLineage]>,
    range: Range<usize>,
}

impl LineageOfRow {
    /// Those at some places.
    pub(crate) fn new(of_page: &Arc<[StoredLineage]>, range: Range<usize>) -> Self {
        Self { of_page: Arc::clone(of_page), range }
    }
}

impl Deref for LineageOfRow {
    type Target = [StoredLineage];

    fn deref(&self) -> &Self::Target {
        &self.of_page[self.range.clone()]
    }
}

/// A row of `migration_mapping`.
#[derive(Clone, Debug)]
pub(crate) struct StoredLineage {
    /// The role that `target_table` names, or else its text.
    pub(crate) role: Result<Role, String>,
    /// `target_id`.
    pub(crate) target_id: i64,
    /// `id`, `target_id` and `migrated_at`, a blank between them, where they were asked for.
    pub(crate) record: Option<String>,
}

impl StoredLineage {
    /// `target_table`.
    pub(crate) fn target_table(&self) -> &str {
        match &self.role {
            Ok(role) => role.as_str(),
            Err(text) => text,
        }
    }
}

impl Stored {
    /// The id that lineage has for a role.
    pub(crate) fn lineage_id(&self, role: Role) -> Option<i64> {
        self.lineage.iter().find(|row| row.role == Ok(role)).map(|row| row.target_id)
    }

    /// The row that lineage names for a role, if it is there.
    pub(crate) fn row(&self, role: Role) -> Option<&Cells> {
        let id = self.lineage_id(role)?;
        let rows: &[Cells] = match role {
            Role::Request => self.request.as_slice(),
            Role::Manager | Role::Compliance => &self.approvals,
            Role::Execution => &self.executions,
            Role::AuditSubmitted | Role::AuditManager | Role::AuditCompliance => &self.audit,
        };
        rows.iter().find(|cells| cells.id() == Some(id))
    }
}

impl Cells {
    /// Whether a column holds exactly this text.
    pub(crate) fn holds(&self, column: &str, text: &str) -> bool {
        self.get(column).and_then(Text::plain) == Some(text)
    }

    /// Whether an audit entry carries the legacy mark.
    pub(crate) fn is_marked(&self) -> bool {
        let details = self.get("details").and_then(Text::plain).unwrap_or_default();
        details == DETAILS
            || serde_json::from_str::<serde_json::Value>(details)
                .is_ok_and(|json| json.get("source").and_then(serde_json::Value::as_str) == Some(LEGACY_MARK))
    }
}
