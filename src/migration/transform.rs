//! A legacy row and what it refers to → the target rows, or all reasons why not.
//!
//! Pure and total. Decision numbers (D1–D23) are explained in `docs/field-mapping.md`; each is decided in one place:
//!
//! - D1 flags, D3 codes, D4 texts, D5 numbers, D5b timestamps: [`reader`]
//! - D6 the request's id, D7 the security, D16b people: [`references`]
//! - D8 the status: [`status`]
//! - D2 and D9–D13, the other columns of `pad_request`: [`request`]
//! - D14–D16 approvals: [`approval`]; D17, D18 the execution: [`execution`]; the audit trail: [`audit`]
//! - D20 the residual: [`residual`]
//! - D19 lineage: [`crate::migration::target::Role`] and `migration/pg/write.rs`; D21 the rules:
//!   [`crate::migration::rejection`], and what the target refuses: [`crate::migration::refusal`]; D22:
//!   `migration/pg/migrate.rs`; D23: [`crate::migration::check`]
//!
//! Invariant: a row is transformed whole or rejected, and what the typed columns can't give back is in the residual,
//! so that [`crate::migration::reconstruct`] returns the legacy row to the byte (D20). The two modules share only the
//! row types: each is the other's proof.

mod approval;
mod audit;
mod execution;
mod reader;
pub(crate) mod references;
mod request;
pub(crate) mod residual;
mod status;

use crate::migration::legacy::{LegacyRow, Misread, Odd};
use crate::migration::lookups::Lookups;
use crate::migration::rejection::{Reason, Rejection, Rule};
use crate::migration::target::TargetRows;
use crate::migration::text::Text;
use crate::migration::transform::audit::audit_trail;
use crate::migration::transform::reader::RowReader;
use crate::migration::transform::residual::{certain_residual, residual};

/// Transforms one legacy row, or says every reason why it can't be.
///
/// `source_id` is the row's id, which the reader has already read as a `bigint`.
pub fn transform<'a>(source_id: i64, row: &'a LegacyRow, lookups: &Lookups) -> Result<TargetRows<'a>, Rejection> {
    let mut reader = RowReader { row, lookups, reasons: Vec::new() };
    let rows = target_rows(&mut reader, source_id);
    let RowReader { mut reasons, .. } = reader;
    let odd = row.odd();
    if !odd.is_whole() {
        add_unread(odd, &mut reasons);
    }
    match rows {
        Some(rows) if reasons.is_empty() => Ok(rows),
        _ => {
            reasons.sort();
            reasons.dedup_by(|a, b| a.field == b.field && a.rule == b.rule);
            Err(Rejection { source_id, reasons, origin: None })
        }
    }
}

/// Adds what couldn't be read. A null that stands for it says nothing more about its field.
fn add_unread(odd: &Odd, reasons: &mut Vec<Reason>) {
    reasons.retain(|reason| {
        let field = &*reason.field;
        let is_misread = odd.misread.keys().any(|column| column.name() == field);
        !odd.unreadable.contains_key(field) && !odd.failed.contains_key(field) && !is_misread
    });
    reasons.extend(odd.unreadable.iter().map(|(field, shown)| Reason {
        field: field.to_string(),
        rule: Rule::Unreadable,
        value: Some(Text::from(shown.as_str()).record()),
        message: format!(
            "{field} holds bytes that aren't text in the source's encoding, or not UTF-8; correct them in the source"
        ),
    }));
    reasons.extend(odd.failed.iter().map(|(field, words)| Reason {
        field: field.to_string(),
        rule: Rule::Unreadable,
        value: None,
        message: format!("the source can't compute {field} of this row: {words}; correct what it is computed from"),
    }));
    reasons.extend(odd.misread.iter().map(|(column, Misread { text, why })| {
        let text = Text::from(text.as_str());
        Reason {
            field: column.name().to_owned(),
            rule: Rule::Unreadable,
            value: Some(text.record()),
            message: format!("{column} is '{}', {why}; correct it in the source", text.excerpt()),
        }
    }));
}

/// The target rows; `None` only where a reason says why.
fn target_rows<'a>(reader: &mut RowReader<'a, '_>, source_id: i64) -> Option<TargetRows<'a>> {
    let statuses = reader.statuses();
    let shared = reader.shared_values();
    let request = reader.request(source_id, &statuses, &shared);
    let approvals = reader.approvals(&statuses, &shared);
    let execution = reader.execution(&shared);
    let Some(mut request) = request.filter(|_| reader.reasons.is_empty()) else {
        reader.check_residual(certain_residual(reader.row));
        return None;
    };
    // The residual depends on the values, and so comes last.
    let legacy = residual(source_id, reader.row, &request, &approvals, execution.is_some());
    reader.check_residual(legacy);
    request.compliance_assessment.legacy = legacy;
    let audit = audit_trail(&request, &approvals);
    Some(TargetRows { source_id, request, approvals, execution, audit })
}
