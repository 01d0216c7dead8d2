//! Triggers and rules. Pure.

use crate::schema::catalog::{Kind, Property};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    pub(super) fn create_trigger(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        // Only a constraint trigger says whether it can be deferred.
        let constraint = if definition.contains(" DEFERRABLE ") { "constraint " } else { "" };
        Some(format!("create {constraint}trigger {} {definition}", self.bare()))
    }

    pub(super) fn create_rule(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        Some(format!("create or replace rule {} as {}", self.bare(), definition.trim_end_matches(';').trim()))
    }

    pub(super) fn alter_trigger(&self, property: Property) -> Option<Vec<String>> {
        match property {
            Property::Enabled => {
                let verb = match self.property(property).as_deref() {
                    Some("disabled") => "disable",
                    Some("always") => "enable always",
                    Some("for replicas") => "enable replica",
                    _ => "enable",
                };
                Some(vec![format!("alter {} {verb} {} {}", self.owner(), self.keyword(), self.bare())])
            }
            Property::Definition if self.id.kind == Kind::Rule => Some(vec![self.create()?]),
            _ => None,
        }
    }
}
