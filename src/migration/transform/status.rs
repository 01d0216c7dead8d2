//! D8: the three status columns, and the status of the request that follows from them.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::rejection::Rule;
use crate::migration::target::{Decision, Stage, Status};
use crate::migration::transform::reader::RowReader;

/// The three status columns after D3, each in its set.
pub(super) struct Statuses {
    status: String,
    manager: Option<String>,
    compliance: Option<String>,
}

impl Statuses {
    fn stage(&self, stage: Stage) -> Option<&str> {
        match stage {
            Stage::Manager => self.manager.as_deref(),
            Stage::Compliance => self.compliance.as_deref(),
        }
    }

    pub(super) fn decision(&self, stage: Stage) -> Option<Decision> {
        self.stage(stage).and_then(Decision::from_word)
    }

    /// D8, the first rule that applies.
    pub(super) fn request_status(&self) -> Status {
        let declined = Some("declined");
        if self.status == "declined" || self.manager.as_deref() == declined || self.compliance.as_deref() == declined {
            Status::Declined
        } else if self.status == "request" {
            Status::PendingManager
        } else if self.compliance.as_deref() == Some("approved") {
            Status::Approved
        } else {
            Status::PendingCompliance
        }
    }
}

impl RowReader<'_> {
    /// D8: each status in its set, or one reason for each that isn't.
    pub(super) fn statuses(&mut self) -> Option<Statuses> {
        let status = self.code(Col::Status).filter(|it| ["request", "approved", "declined"].contains(&it.as_str()));
        if status.is_none() {
            let message = format!("status is {}; it must be request, approved or declined", self.shown(Col::Status));
            self.reject(Col::Status, Rule::UnknownStatus, message);
        }
        let mut stage = |column| {
            let code = self.code(column);
            if code.as_deref().is_none_or(|it| ["approved", "declined", "pending"].contains(&it)) {
                return Some(code);
            }
            let shown = self.shown(column);
            let message = format!("{column} is {shown}; it must be approved, declined, pending or empty");
            self.reject(column, Rule::UnknownStatus, message);
            None
        };
        let (manager, compliance) = (stage(Col::StatusManager), stage(Col::StatusCompliance));
        Some(Statuses { status: status?, manager: manager?, compliance: compliance? })
    }
}
