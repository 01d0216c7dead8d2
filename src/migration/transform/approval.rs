//! `pad_approval`: D14, D15 and D16.

use arrayvec::ArrayVec;

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::target::{PadApproval, Stage};
use crate::migration::transform::reader::RowReader;
use crate::migration::transform::request::SharedValues;
use crate::migration::transform::status::Statuses;
use crate::migration::value::Timestamp;

/// The legacy columns of a stage.
pub(super) struct StageColumns {
    pub(super) approver: Col,
    pub(super) date: Col,
    pub(super) status: Col,
    pub(super) comments: Col,
}

impl StageColumns {
    pub(super) fn of(stage: Stage) -> Self {
        match stage {
            Stage::Manager => Self {
                approver: Col::AuthManager,
                date: Col::AuthManagerDate,
                status: Col::StatusManager,
                comments: Col::CommentsManager,
            },
            Stage::Compliance => Self {
                approver: Col::AuthCompliance,
                date: Col::AuthComplianceDate,
                status: Col::StatusCompliance,
                comments: Col::CommentsCompliance,
            },
        }
    }
}

impl<'a> RowReader<'a, '_> {
    /// An approval for each stage that has an approver and a decision (D16).
    pub(super) fn approvals(&mut self, statuses: &Statuses, shared: &SharedValues) -> ArrayVec<PadApproval<'a>, 2> {
        Stage::ALL.iter().filter_map(|stage| self.approval(*stage, statuses, shared)).collect()
    }

    fn approval(&mut self, stage: Stage, statuses: &Statuses, shared: &SharedValues) -> Option<PadApproval<'a>> {
        let decision = statuses.decision(stage)?;
        let columns = StageColumns::of(stage);
        // Without an approver, the stage's date isn't used, and so need not be readable.
        self.row.get(columns.approver)?;
        let approver_id = self.person(columns.approver);
        // D14. Where the row's own dates are missing or unreadable a reason says so; any date lets the checks go on.
        let fallback = shared.updated_at.or(shared.created_at).unwrap_or(Timestamp::INFINITY);
        let decided_at = self.timestamp(columns.date).unwrap_or(fallback);
        // D15
        let has_checks = stage == Stage::Compliance;
        Some(PadApproval {
            stage,
            approver_id: approver_id?,
            decision,
            comments: self.row.get(columns.comments),
            decided_at,
            restricted_check: shared.is_restricted.filter(|_| has_checks),
            holding_period_check: shared.holding_period.filter(|_| has_checks),
            conflict_check: shared.has_conflict.filter(|_| has_checks),
        })
    }
}
