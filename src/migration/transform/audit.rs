//! `audit_log`: the submission, and an entry for each approval.

use arrayvec::ArrayVec;

use crate::migration::target::{Action, AuditEntry, PadApproval, PadRequest, Stage};

pub(super) fn audit_trail<'a>(request: &PadRequest<'a>, approvals: &[PadApproval<'a>]) -> ArrayVec<AuditEntry<'a>, 3> {
    let submitted = AuditEntry {
        action: Action::RequestSubmitted,
        timestamp: request.created_at,
        actor_id: request.employee_id,
        decision: None,
        comments: None,
    };
    let decided = approvals.iter().map(|approval| AuditEntry {
        action: match approval.stage {
            Stage::Manager => Action::ApprovalManager,
            Stage::Compliance => Action::ApprovalCompliance,
        },
        timestamp: approval.decided_at,
        actor_id: approval.approver_id,
        decision: Some(approval.decision),
        comments: approval.comments,
    });
    std::iter::once(submitted).chain(decided).collect()
}
