//! The columns that the migration writes, each table declared once: its COPY column list, the encoder and a dry run's
//! samples all follow from the declarations below, in this order.
//!
//! The verification has lists of its own on purpose ([`crate::migration::stored`]): it must notice a mistake here.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::target::{
    Action, Assessment, AuditEntry, LEGACY_DETAILS, PadApproval, PadExecution, PadRequest, Plain, Role, SOURCE_TABLE,
    Stage,
};
use crate::migration::text::Text;

/// Receives the cells of a row in column order.
pub(crate) trait CellWriter {
    /// A cell whose text follows from the row's id and role: a surrogate key, or a constant.
    fn implied(&mut self, column: &'static str, value: impl Plain);
    /// A value whose text needs no escape.
    fn value(&mut self, column: &'static str, value: Option<impl Plain>);
    /// A boolean.
    fn flag(&mut self, column: &'static str, value: Option<bool>);
    /// A text that came from this column of the legacy row.
    fn text(&mut self, column: &'static str, value: Option<Text<'_>>, from: Col);
    /// `compliance_assessment`.
    fn assessment(&mut self, column: &'static str, value: &Assessment<'_>);
}

/// A row of a table of `padealing`, as the migration writes it.
pub(crate) trait TargetRow {
    /// The table's name.
    const TABLE: &'static str;
    /// The columns that are written, in the order of [`Self::write_cells`].
    const COLUMNS: &'static [&'static str];
    /// Hands every cell to the writer.
    fn write_cells(&self, out: &mut impl CellWriter);
}

/// Declares the columns of a row type: the name, how it is written, and the value.
macro_rules! columns {
    ($row:ty as $this:ident in $table:literal { $($column:ident: $kind:ident($($argument:expr),+)),+ $(,)? }) => {
        impl TargetRow for $row {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn write_cells(&self, out: &mut impl CellWriter) {
                let $this = self;
                $(out.$kind(stringify!($column), $($argument),+);)+
            }
        }
    };
}

/// A row of `pad_request`.
pub(crate) struct RequestRow<'a>(pub(crate) &'a PadRequest<'a>);

/// A row of `pad_approval`, with the keys that its request and the sequence give it.
pub(crate) struct ApprovalRow<'a> {
    pub(crate) id: i64,
    pub(crate) request_id: i64,
    pub(crate) approval: &'a PadApproval<'a>,
}

/// A row of `pad_execution`, likewise.
pub(crate) struct ExecutionRow<'a> {
    pub(crate) id: i64,
    pub(crate) request_id: i64,
    pub(crate) execution: &'a PadExecution,
}

/// A row of `audit_log`, likewise.
pub(crate) struct AuditRow<'a> {
    pub(crate) id: i64,
    pub(crate) request_id: i64,
    pub(crate) entry: &'a AuditEntry<'a>,
}

/// A row of `migration_mapping`: which target row came from which legacy row (D19).
pub(crate) struct LineageRow {
    pub(crate) source_id: i64,
    pub(crate) role: Role,
    pub(crate) target_id: i64,
}

columns! { RequestRow<'_> as row in "pad_request" {
    id: value(Some(row.0.id)),
    employee_id: value(Some(row.0.employee_id)),
    security_id: value(row.0.security_id),
    status: value(Some(row.0.status)),
    direction: value(row.0.direction),
    security_name: text(row.0.security_name, Col::SecurityDescription),
    isin: text(row.0.isin, Col::Isin),
    sedol: text(row.0.sedol, Col::Sedol),
    bloomberg_ticker: text(row.0.bloomberg_ticker, Col::Bloomberg),
    ticker: text(row.0.ticker, Col::Ticker),
    quantity: value(row.0.quantity),
    estimated_value: value(row.0.estimated_value),
    currency: text(row.0.currency, Col::Currency),
    justification: text(row.0.justification, Col::Justification),
    is_related_party: flag(row.0.is_related_party),
    existing_position: flag(row.0.existing_position),
    insider_info_declaration: flag(row.0.insider_info_declaration),
    is_restricted: flag(row.0.is_restricted),
    has_conflict: flag(row.0.has_conflict),
    relation: text(row.0.relation, Col::Relation),
    compliance_assessment: assessment(&row.0.compliance_assessment),
    created_at: value(Some(row.0.created_at)),
    updated_at: value(row.0.updated_at),
    conflict_comments: text(row.0.conflict_comments, Col::ConflictComments),
    other_comments: text(row.0.other_comments, Col::OtherComments),
    broker_reporting: flag(row.0.broker_reporting),
    is_derivative: flag(row.0.is_derivative),
    is_leveraged: flag(row.0.is_leveraged),
    related_party_name: text(row.0.related_party_name, Col::Name),
    signed_declaration: flag(row.0.signed_declaration),
    updated_by_id: value(row.0.updated_by_id),
    deleted_at: value(row.0.deleted_at),
    deleted_by_id: value(row.0.deleted_by_id),
    executed_within_two_days: flag(row.0.executed_within_two_days),
} }

columns! { ApprovalRow<'_> as row in "pad_approval" {
    id: implied(row.id),
    request_id: implied(row.request_id),
    approval_type: implied(row.approval.stage),
    approver_id: value(Some(row.approval.approver_id)),
    decision: value(Some(row.approval.decision)),
    comments: text(row.approval.comments, comments_of(row.approval.stage)),
    decided_at: value(Some(row.approval.decided_at)),
    restricted_check: flag(row.approval.restricted_check),
    holding_period_check: flag(row.approval.holding_period_check),
    conflict_check: flag(row.approval.conflict_check),
} }

columns! { ExecutionRow<'_> as row in "pad_execution" {
    id: implied(row.id),
    request_id: implied(row.request_id),
    executed_at: value(Some(row.execution.executed_at)),
    execution_price: value(row.execution.execution_price),
    execution_quantity: value(row.execution.execution_quantity),
    contract_note_received: flag(row.execution.contract_note_received),
    contract_note_verified: implied("f"),
    recorded_by_id: value(row.execution.recorded_by_id),
} }

columns! { AuditRow<'_> as row in "audit_log" {
    id: implied(row.id),
    timestamp: value(Some(row.entry.timestamp)),
    action_type: implied(row.entry.action),
    action_status: value(Some(row.entry.status())),
    actor_type: implied("user"),
    actor_id: value(Some(row.entry.actor_id)),
    entity_type: implied("pad_request"),
    entity_id: implied(row.request_id),
    request_id: implied(row.request_id),
    decision: value(row.entry.decision),
    comments: text(row.entry.comments, match row.entry.action {
        Action::ApprovalCompliance => comments_of(Stage::Compliance),
        // A submission has no comments.
        Action::ApprovalManager | Action::RequestSubmitted => comments_of(Stage::Manager),
    }),
    details: implied(LEGACY_DETAILS),
} }

columns! { LineageRow as row in "migration_mapping" {
    source_table: implied(SOURCE_TABLE),
    source_id: implied(row.source_id),
    target_table: implied(row.role),
    target_id: implied(row.target_id),
} }

/// The legacy column that a stage's comments came from.
fn comments_of(stage: Stage) -> Col {
    match stage {
        Stage::Manager => Col::CommentsManager,
        Stage::Compliance => Col::CommentsCompliance,
    }
}
