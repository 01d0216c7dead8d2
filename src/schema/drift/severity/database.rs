//! The policy for what belongs to the database as a whole.

use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::finding::Change;
use crate::schema::drift::finding::Severity::{self, Breaking, Info, Warning};
use crate::schema::drift::severity::Case;

impl Case<'_> {
    pub(super) fn database(&self) -> Severity {
        let difference = self.difference;
        match (difference.id.kind, difference.change) {
            // What is defined by its types and functions names the schema.
            (Kind::Extension, Change::Missing | Change::Differs(Property::InSchema)) => Breaking,
            (Kind::Publication, Change::Missing) => Breaking,
            // Other applications may need it.
            (Kind::Extension, Change::Unexpected) if self.comparison.embedded => Info,
            (Kind::Extension, change) if change != Change::Differs(Property::Comment) => Warning,
            (Kind::Subscription, Change::Unexpected) => Breaking,
            (Kind::Cast, Change::Missing) => Breaking,
            (Kind::EventTrigger | Kind::Publication | Kind::Subscription | Kind::Setting, Change::Renamed) => Warning,
            (
                kind @ (Kind::EventTrigger
                | Kind::Publication
                | Kind::Subscription
                | Kind::Setting
                | Kind::ForeignServer),
                change,
            ) => match change {
                Change::Differs(Property::Comment) => Info,
                Change::Lost | Change::Gained => self.strict(),
                Change::Differs(property) if kind == Kind::Publication => self.publication(property),
                _ => Warning,
            },
            _ => self.strict(),
        }
    }
}
