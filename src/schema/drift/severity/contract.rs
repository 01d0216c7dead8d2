//! The policy for the reference schema, which pad-migrate doesn't manage: only what the application relies on matters.

use crate::schema::catalog::{Kind, Property};
use crate::schema::drift::comparison::is_cosmetic;
use crate::schema::drift::finding::Change;
use crate::schema::drift::finding::Severity::{self, Breaking, Info, Warning};
use crate::schema::drift::severity::types::is_at_least;
use crate::schema::drift::severity::{Case, is_writing, text};

impl Case<'_> {
    /// Nothing, where the difference breaks nothing that the application relies on.
    pub(super) fn contract(&self) -> Option<Severity> {
        let difference = self.difference;
        let kind = difference.id.kind;
        match difference.change {
            Change::Missing => match kind {
                Kind::Schema
                | Kind::Table
                | Kind::ForeignTable
                | Kind::View
                | Kind::MaterializedView
                | Kind::Column => Some(Breaking),
                Kind::Constraint => match &*text(self.expected, Property::Type) {
                    "primary key" => Some(Breaking),
                    "unique" | "exclusion" => Some(Warning),
                    _ => Some(Info),
                },
                Kind::Index if self.is_key(self.expected) => Some(Warning),
                Kind::Function | Kind::Procedure | Kind::Aggregate => Some(Warning),
                Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType | Kind::Attribute => {
                    Some(Warning)
                }
                _ => Some(Info),
            },
            Change::Unexpected => match kind {
                Kind::Column | Kind::Attribute => None,
                kind if kind.is_relation() => None,
                _ => self.unless_embedded(Info),
            },
            Change::Unmanaged => None,
            Change::Renamed if is_cosmetic(kind) => Some(Info),
            Change::Renamed | Change::Moved | Change::Empty => match kind {
                Kind::Sequence | Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range => Some(Info),
                Kind::Function | Kind::Procedure | Kind::Aggregate => Some(Warning),
                _ => Some(Breaking),
            },
            Change::Replaced => Some(Warning),
            Change::Order => self.unless_embedded(Info),
            Change::Unmodelled => Some(Warning),
            Change::Expired | Change::Unused => Some(Warning),
            Change::Unnamed => Some(Info),
            Change::Lost => match difference.expected.as_deref() {
                _ if kind == Kind::DefaultPrivileges => Some(Info),
                Some(lost) if lost.split(", ").any(|it| matches!(it, "SELECT" | "USAGE" | "REFERENCES")) => {
                    Some(Breaking)
                }
                _ => Some(Info),
            },
            Change::Gained => {
                let actual = difference.actual.as_deref().unwrap_or_default();
                match () {
                    () if kind == Kind::DefaultPrivileges => self.unless_embedded(Info),
                    // A role may write to what the application only reads.
                    () if is_writing(actual) => Some(Warning),
                    () if difference.role.as_deref() == Some("PUBLIC") => Some(Warning),
                    () => self.unless_embedded(Info),
                }
            }
            Change::Differs(property) => self.contract_property(property),
        }
    }

    /// The embedded catalog has only what the application relies on: what else there is breaks nothing.
    fn unless_embedded(&self, severity: Severity) -> Option<Severity> {
        if self.comparison.embedded { None } else { Some(severity) }
    }

    fn contract_property(&self, property: Property) -> Option<Severity> {
        let difference = self.difference;
        let kind = difference.id.kind;
        match property {
            Property::Type if kind == Kind::Column => {
                let fits = is_at_least(&text(self.expected, Property::Type), &text(self.live, Property::Type));
                if fits { self.unless_embedded(Info) } else { Some(Breaking) }
            }
            Property::NotNull if kind == Kind::Column => match difference.expected {
                Some(_) => Some(Breaking),
                None => self.unless_embedded(Info),
            },
            Property::RowSecurity => Some(if difference.actual.is_some() { Breaking } else { Warning }),
            Property::RowSecurityForced => Some(Warning),
            Property::Populated => Some(if difference.actual.is_some() { Breaking } else { Info }),
            Property::Definition if matches!(kind, Kind::View | Kind::MaterializedView) => Some(Warning),
            Property::Definition | Property::Validated | Property::Enforced if kind == Kind::Constraint => {
                match &*text(self.expected, Property::Type) {
                    "primary key" => Some(Breaking),
                    "unique" => Some(Warning),
                    _ => Some(Info),
                }
            }
            Property::Unique => Some(Warning),
            Property::Valid if self.is_key(self.expected) => Some(Warning),
            Property::Body | Property::Returns | Property::Arguments | Property::Language | Property::Security => {
                Some(Warning)
            }
            Property::Labels | Property::PartitionBound | Property::PartitionKey | Property::Inherits => Some(Warning),
            Property::Comment => difference.expected.as_ref().map(|_| Info),
            _ => self.unless_embedded(Info),
        }
    }
}
