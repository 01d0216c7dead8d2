//! What is stored as row types.

use arrayvec::ArrayVec;

use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{
    Assessment, Decision, Direction, PadApproval, PadExecution, PadRequest, Stage, Status, TargetRows,
};
use crate::migration::text::Text;
use crate::migration::value::{AMOUNT_DIGITS, Amount, PRICE_DIGITS, Price, Timestamp};

/// How PostgreSQL's text of a flag reads.
pub(super) fn read_flag(text: &str) -> Option<bool> {
    match text {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}

fn id(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok()
}

fn amount(text: &str) -> Option<Amount> {
    Amount::parse(text, AMOUNT_DIGITS).ok()
}

/// The values of a row, asked for in the order of its columns.
struct Decoder<'a> {
    cells: &'a Cells,
    at: usize,
}

impl<'a> Decoder<'a> {
    fn of(cells: &'a Cells) -> Self {
        Self { cells, at: 0 }
    }

    fn get(&mut self, column: &str) -> Option<Text<'a>> {
        self.cells.get_next(&mut self.at, column)
    }

    fn text(&mut self, column: &str) -> Option<Text<'a>> {
        self.get(column)
    }

    /// A value that has to be there.
    fn due<T>(&mut self, column: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.get(column).and_then(Text::plain).and_then(read)
    }

    /// A null is fine, a text that can't be read is not.
    fn optional<T>(&mut self, column: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        self.get(column).and_then(Text::plain).map_or(Some(None), |text| read(text).map(Some))
    }

    fn flag(&mut self, column: &str) -> Option<Option<bool>> {
        self.optional(column, read_flag)
    }
}

/// The stored rows, without the residual; none if a stored value is one that the migration never writes.
pub(super) fn decode(source_id: i64, stored: &Stored) -> Option<TargetRows<'_>> {
    let execution = match stored.executions.first() {
        None => None,
        Some(cells) => Some(execution(Decoder::of(cells))?),
    };
    Some(TargetRows {
        source_id,
        request: request(Decoder::of(stored.request.as_ref()?), stored.assessment.holding_period)?,
        approvals: approvals(stored)?,
        execution,
        // The audit trail repeats what is above and gives nothing back (D20); it has been compared column by column.
        audit: ArrayVec::new(),
    })
}

/// The approvals; none if there are more than the migration ever writes.
fn approvals(stored: &Stored) -> Option<ArrayVec<PadApproval<'_>, 2>> {
    let mut approvals = ArrayVec::new();
    for cells in &stored.approvals {
        approvals.try_push(approval(Decoder::of(cells))?).ok()?;
    }
    Some(approvals)
}

fn request(mut cells: Decoder<'_>, holding_period: Option<bool>) -> Option<PadRequest<'_>> {
    Some(PadRequest {
        id: cells.due("id", id)?,
        employee_id: cells.due("employee_id", id)?,
        security_id: cells.optional("security_id", id)?,
        status: cells.due("status", Status::from_word)?,
        direction: cells.optional("direction", Direction::from_word)?,
        security_name: cells.text("security_name"),
        isin: cells.text("isin"),
        sedol: cells.text("sedol"),
        bloomberg_ticker: cells.text("bloomberg_ticker"),
        ticker: cells.text("ticker"),
        quantity: cells.optional("quantity", amount)?,
        estimated_value: cells.optional("estimated_value", amount)?,
        currency: cells.text("currency"),
        justification: cells.text("justification"),
        is_related_party: cells.flag("is_related_party")?,
        existing_position: cells.flag("existing_position")?,
        insider_info_declaration: cells.flag("insider_info_declaration")?,
        is_restricted: cells.flag("is_restricted")?,
        has_conflict: cells.flag("has_conflict")?,
        relation: cells.text("relation"),
        // What the residual keeps is no column of a row.
        compliance_assessment: Assessment { holding_period, ..Assessment::default() },
        created_at: cells.due("created_at", time)?,
        updated_at: cells.optional("updated_at", time)?,
        conflict_comments: cells.text("conflict_comments"),
        other_comments: cells.text("other_comments"),
        broker_reporting: cells.flag("broker_reporting")?,
        is_derivative: cells.flag("is_derivative")?,
        is_leveraged: cells.flag("is_leveraged")?,
        related_party_name: cells.text("related_party_name"),
        signed_declaration: cells.flag("signed_declaration")?,
        updated_by_id: cells.optional("updated_by_id", id)?,
        deleted_at: cells.optional("deleted_at", time)?,
        deleted_by_id: cells.optional("deleted_by_id", id)?,
        executed_within_two_days: cells.flag("executed_within_two_days")?,
    })
}

fn approval(mut cells: Decoder<'_>) -> Option<PadApproval<'_>> {
    Some(PadApproval {
        stage: cells.due("approval_type", Stage::from_word)?,
        approver_id: cells.due("approver_id", id)?,
        decision: cells.due("decision", Decision::from_word)?,
        comments: cells.text("comments"),
        decided_at: cells.due("decided_at", time)?,
        restricted_check: cells.flag("restricted_check")?,
        holding_period_check: cells.flag("holding_period_check")?,
        conflict_check: cells.flag("conflict_check")?,
    })
}

fn execution(mut cells: Decoder<'_>) -> Option<PadExecution> {
    Some(PadExecution {
        executed_at: cells.due("executed_at", time)?,
        execution_price: cells.optional("execution_price", |text| Price::parse(text, PRICE_DIGITS).ok())?,
        execution_quantity: cells.optional("execution_quantity", amount)?,
        contract_note_received: cells.flag("contract_note_received")?,
        recorded_by_id: cells.optional("recorded_by_id", id)?,
    })
}
