//! Target rows as text, column by column: for a dry run's samples and for fixtures.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::migration::columns::{ApprovalRow, AuditRow, CellWriter, ExecutionRow, RequestRow, TargetRow};
use crate::migration::legacy::{LegacyColumn, LegacyRow};
use crate::migration::target::{Assessment, Plain, Role, TargetRows};
use crate::migration::text::Text;

/// The columns of one target row, by name, as Postgres prints them. Null is `None`.
pub type RoleCells = (Role, Vec<(&'static str, Option<String>)>);

/// Collects the cells of a row as text. What the role implies is left out.
#[derive(Default)]
struct CellList(Vec<(&'static str, Option<String>)>);

impl CellWriter for CellList {
    fn implied(&mut self, _: &'static str, _: impl Plain) {}

    fn value(&mut self, column: &'static str, value: Option<impl Plain>) {
        self.0.push((column, value.map(|it| it.with_bytes(|bytes| String::from_utf8_lossy(bytes).into_owned()))));
    }

    fn flag(&mut self, column: &'static str, value: Option<bool>) {
        self.value(column, value.map(|it| if it { "true" } else { "false" }));
    }

    fn text(&mut self, column: &'static str, value: Option<Text<'_>>, _: LegacyColumn) {
        self.0.push((column, value.map(in_memory)));
    }

    fn assessment(&mut self, column: &'static str, value: &Assessment<'_>) {
        self.0.push((column, (!value.is_empty()).then(|| assessment_json(value))));
    }
}

fn in_memory(text: Text<'_>) -> String {
    text.plain().map_or_else(|| text.excerpt(), str::to_owned)
}

fn assessment_json(assessment: &Assessment<'_>) -> String {
    let mut object = Map::new();
    if let Some(holding_period) = assessment.holding_period {
        object.insert("holding_period".to_owned(), json!(holding_period));
    }
    if !assessment.legacy.is_empty() {
        let texts = assessment.legacy.iter().map(|(name, text)| (name.to_owned(), json!(text.map(in_memory))));
        let sorted: BTreeMap<String, Value> = texts.collect();
        object.insert("legacy".to_owned(), sorted.into_iter().collect());
    }
    Value::Object(object).to_string()
}

/// The target rows as text, for people and for fixtures: surrogate keys and constants that every row has are left out.
pub fn target_cells(rows: &TargetRows<'_>) -> Vec<RoleCells> {
    fn cells(row: &impl TargetRow) -> Vec<(&'static str, Option<String>)> {
        let mut list = CellList::default();
        row.write_cells(&mut list);
        list.0
    }
    // The keys don't show.
    let (id, request_id) = (0, rows.request.id);
    let mut all = vec![(Role::Request, cells(&RequestRow(&rows.request)))];
    all.extend(rows.approvals.iter().map(|approval| {
        let row = ApprovalRow { id, request_id, approval };
        (Role::approval(approval.stage), cells(&row))
    }));
    all.extend(rows.execution.iter().map(|execution| {
        let row = ExecutionRow { id, request_id, execution };
        (Role::Execution, cells(&row))
    }));
    all.extend(rows.audit.iter().map(|entry| {
        let row = AuditRow { id, request_id, entry };
        (Role::audit(entry.action), cells(&row))
    }));
    all
}

/// One row old and new, for a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The legacy row's id.
    pub source_id: i64,
    /// Its columns that aren't null.
    pub old: Vec<(String, String)>,
    /// What it becomes: `role.column`, and the text.
    pub new: Vec<(String, String)>,
}

impl Sample {
    /// The sample of a row and what it becomes.
    pub fn of(row: &LegacyRow, rows: &TargetRows<'_>) -> Self {
        let old = row.columns().filter_map(|(name, text)| Some((name.to_owned(), text?.excerpt()))).collect();
        let mut new = Vec::new();
        for (role, cells) in target_cells(rows) {
            for (column, text) in cells {
                new.extend(text.map(|text| (format!("{role}.{column}"), Text::Plain(&text).excerpt())));
            }
        }
        Self { source_id: rows.source_id, old, new }
    }
}
