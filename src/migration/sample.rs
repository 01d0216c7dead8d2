//! Target rows as text, column by column: for a dry run's samples and for fixtures.

use serde_json::{Map, Value, json};

use crate::migration::legacy::{LegacyRow, Text};
use crate::migration::target::{Role, TargetRows};

/// The columns of one target row, by name, as Postgres prints them. Null is `None`.
pub type RoleCells = (Role, Vec<(&'static str, Option<String>)>);

/// The target rows as text, for people and for fixtures: surrogate keys and constants that every row has are left out.
pub fn target_cells(rows: &TargetRows) -> Vec<RoleCells> {
    fn plain(value: Option<impl ToString>) -> Option<String> {
        value.map(|it| it.to_string())
    }
    fn text(value: &Option<Text>) -> Option<String> {
        value.as_ref().map(|it| it.plain().map_or_else(|| it.excerpt(), str::to_owned))
    }
    let request = &rows.request;
    let assessment = (!request.compliance_assessment.is_empty()).then(|| {
        let mut object = Map::new();
        if let Some(holding_period) = request.compliance_assessment.holding_period {
            object.insert("holding_period".to_owned(), json!(holding_period));
        }
        if !request.compliance_assessment.legacy.is_empty() {
            let legacy = &request.compliance_assessment.legacy;
            object
                .insert("legacy".to_owned(), legacy.iter().map(|(name, it)| (name.clone(), json!(text(it)))).collect());
        }
        Value::Object(object).to_string()
    });
    let mut all = vec![(
        Role::Request,
        vec![
            ("id", plain(Some(request.id))),
            ("employee_id", plain(Some(request.employee_id))),
            ("security_id", plain(request.security_id)),
            ("status", plain(Some(request.status))),
            ("direction", plain(request.direction)),
            ("security_name", text(&request.security_name)),
            ("isin", text(&request.isin)),
            ("sedol", text(&request.sedol)),
            ("bloomberg_ticker", text(&request.bloomberg_ticker)),
            ("ticker", text(&request.ticker)),
            ("quantity", plain(request.quantity)),
            ("estimated_value", plain(request.estimated_value)),
            ("currency", text(&request.currency)),
            ("justification", text(&request.justification)),
            ("is_related_party", plain(request.is_related_party)),
            ("existing_position", plain(request.existing_position)),
            ("insider_info_declaration", plain(request.insider_info_declaration)),
            ("is_restricted", plain(request.is_restricted)),
            ("has_conflict", plain(request.has_conflict)),
            ("relation", text(&request.relation)),
            ("compliance_assessment", assessment),
            ("created_at", plain(Some(request.created_at))),
            ("updated_at", plain(request.updated_at)),
            ("conflict_comments", text(&request.conflict_comments)),
            ("other_comments", text(&request.other_comments)),
            ("broker_reporting", plain(request.broker_reporting)),
            ("is_derivative", plain(request.is_derivative)),
            ("is_leveraged", plain(request.is_leveraged)),
            ("related_party_name", text(&request.related_party_name)),
            ("signed_declaration", plain(request.signed_declaration)),
            ("updated_by_id", plain(request.updated_by_id)),
            ("deleted_at", plain(request.deleted_at)),
            ("deleted_by_id", plain(request.deleted_by_id)),
            ("executed_within_two_days", plain(request.executed_within_two_days)),
        ],
    )];
    all.extend(rows.approvals.iter().map(|it| {
        let cells = vec![
            ("approver_id", plain(Some(it.approver_id))),
            ("decision", plain(Some(it.decision))),
            ("comments", text(&it.comments)),
            ("decided_at", plain(Some(it.decided_at))),
            ("restricted_check", plain(it.restricted_check)),
            ("holding_period_check", plain(it.holding_period_check)),
            ("conflict_check", plain(it.conflict_check)),
        ];
        (Role::approval(it.stage), cells)
    }));
    all.extend(rows.execution.iter().map(|it| {
        let cells = vec![
            ("executed_at", plain(Some(it.executed_at))),
            ("execution_price", plain(it.execution_price)),
            ("execution_quantity", plain(it.execution_quantity)),
            ("contract_note_received", plain(it.contract_note_received)),
            ("recorded_by_id", plain(it.recorded_by_id)),
        ];
        (Role::Execution, cells)
    }));
    all.extend(rows.audit.iter().map(|it| {
        let cells = vec![
            ("timestamp", plain(Some(it.timestamp))),
            ("action_status", Some(it.status().to_owned())),
            ("actor_id", plain(Some(it.actor_id))),
            ("decision", plain(it.decision)),
            ("comments", text(&it.comments)),
        ];
        (Role::audit(it.action), cells)
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
    pub fn of(row: &LegacyRow, rows: &TargetRows) -> Self {
        let old = row.columns().filter_map(|(name, text)| Some((name.to_owned(), text?.excerpt()))).collect();
        let mut new = Vec::new();
        for (role, cells) in target_cells(rows) {
            for (column, text) in cells {
                new.extend(text.map(|it| (format!("{role}.{column}"), Text::from(it).excerpt())));
            }
        }
        Self { source_id: rows.source_id, old, new }
    }
}
