//! Sees what a dry run rejects, and what of it is waived.

use crate::checks::gate::rows::{OpenRejection, Rejections};
use crate::checks::gate::schema::LISTED;
use crate::checks::gate::waivers::Waivers;
use crate::migration::rejection::Rejection;
use crate::migration::run::{Observer, Progress};

/// Counts rejections as they come, and keeps the first that are not waived.
pub(crate) struct Collector<'a> {
    waivers: Waivers<'a>,
    pub(crate) found: Rejections,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(waivers: Waivers<'a>) -> Self {
        Self { waivers, found: Rejections::default() }
    }

    /// A row with its reasons: field and rule.
    pub(crate) fn add<'r>(&mut self, source_id: i64, reasons: impl Iterator<Item = (&'r str, &'r str)>) {
        if self.waivers.accepts_row("rejections", source_id) {
            self.found.waived.insert(source_id);
            return;
        }
        self.found.open_rows += 1;
        for (field, rule) in reasons {
            if self.found.open.len() < LISTED {
                self.found.open.push(OpenRejection { source_id, field: field.to_owned(), rule: rule.to_owned() });
            }
        }
    }
}

impl Observer for Collector<'_> {
    fn progress(&mut self, _: Progress) {}

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        let reasons = rejection.reasons.iter().map(|it| (it.field.as_str(), it.rule.as_str()));
        self.add(rejection.source_id, reasons);
        Ok(())
    }
}
