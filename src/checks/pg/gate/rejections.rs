//! Sees what a dry run rejects, and what of it is waived.

use jiff::civil::Date;

use crate::checks::gate::rows::{LISTED, OpenRejection, Rejections};
use crate::migration::rejection::Rejection;
use crate::migration::run::{Observer, Progress};
use crate::schema::drift::exceptions::Exceptions;

/// Counts rejections as they come, and keeps the first that are not waived.
pub(crate) struct Collector<'a> {
    exceptions: &'a Exceptions,
    today: Date,
    pub(crate) found: Rejections,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(exceptions: &'a Exceptions, today: Date) -> Self {
        Self { exceptions, today, found: Rejections::default() }
    }

    /// A row with its reasons: field and rule.
    pub(crate) fn add<'r>(&mut self, source_id: i64, reasons: impl Iterator<Item = (&'r str, &'r str)>) {
        let mut is_open = false;
        for (field, rule) in reasons {
            if self.exceptions.waives(rule, field, source_id, self.today) {
                continue;
            }
            is_open = true;
            if self.found.open.len() < LISTED {
                self.found.open.push(OpenRejection { source_id, field: field.to_owned(), rule: rule.to_owned() });
            }
        }
        match is_open {
            true => self.found.open_rows += 1,
            false => self.found.waived_rows += 1,
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
