//! D8: the three status columns, and the status of the request that follows from them.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;
use crate::migration::target::{Decision, Stage, Status};
use crate::migration::transform::reader::RowReader;

/// The three status columns after D3: those that are in their sets.
pub(super) struct Statuses {
    status: Option<&'static str>,
    manager: Option<&'static str>,
    compliance: Option<&'static str>,
    /// Whether each is in its set.
    are_known: bool,
}

impl Statuses {
    fn stage(&self, stage: Stage) -> Option<&'static str> {
        match stage {
            Stage::Manager => self.manager,
            Stage::Compliance => self.compliance,
        }
    }

    pub(super) fn decision(&self, stage: Stage) -> Option<Decision> {
        self.stage(stage).and_then(Decision::from_word)
    }

    /// D8, the first rule that applies; none where a reason says why.
    pub(super) fn request_status(&self) -> Option<Status> {
        let declined = Some("declined");
        let status = if self.status == declined || self.manager == declined || self.compliance == declined {
            Status::Declined
        } else if self.status == Some("request") {
            Status::PendingManager
        } else if self.compliance == Some("approved") {
            Status::Approved
        } else {
            Status::PendingCompliance
        };
        self.are_known.then_some(status)
    }
}

impl RowReader<'_, '_> {
    /// D8: each status in its set, or one reason for each that isn't. One that isn't hides no fault of the others.
    pub(super) fn statuses(&mut self) -> Statuses {
        let before = self.reasons.len();
        let status = self.code(Col::Status).and_then(|it| it.one_of(&["request", "approved", "declined"]));
        if status.is_none() {
            let message = format!("status is {}; it must be request, approved or declined", self.shown(Col::Status));
            self.reject(Col::Status, Rule::UnknownStatus, message);
        }
        let mut stage = |column| {
            let code = self.code(column)?;
            if let Some(word) = code.one_of(&["approved", "declined", "pending"]) {
                return Some(word);
            }
            let shown = self.shown(column);
            let message = format!("{column} is {shown}; it must be approved, declined, pending or empty");
            self.reject(column, Rule::UnknownStatus, message);
            None
        };
        let (manager, compliance) = (stage(Col::StatusManager), stage(Col::StatusCompliance));
        Statuses { status, manager, compliance, are_known: self.reasons.len() == before }
    }
}
