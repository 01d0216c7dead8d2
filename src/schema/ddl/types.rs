//! Enums, domains, composite types, ranges and collations. Pure.

use crate::base::quote::quote_literal as literal;
use crate::base::text::list;
use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    pub(super) fn create_enum(&self) -> String {
        let labels = list(self.parts(Property::Labels).iter().map(|label| literal(label)));
        format!("create type {} as enum ({labels})", self.name())
    }

    pub(super) fn create_domain(&self) -> String {
        let constraint = |constraint: Ddl<'_>| {
            let definition = constraint.property(Property::Definition)?;
            Some(format!(" constraint {} {definition}", constraint.bare()))
        };
        let constraints: String = self.children(Kind::Constraint).filter_map(constraint).collect();
        format!("create domain {} as {}{constraints}", self.name(), self.definition_of_column())
    }

    pub(super) fn create_composite(&self) -> String {
        let attributes = self.columns(Kind::Attribute);
        let attributes = attributes.iter().map(|it| format!("{} {}", it.bare(), it.definition_of_column()));
        format!("create type {} as ({})", self.name(), list(attributes))
    }

    /// None, if it has anything but a subtype.
    pub(super) fn create_range(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let own = ["opclass", "collation", "multirange", "canonical", "subtype_diff"];
        if definition.split(' ').any(|word| own.contains(&word)) {
            return None;
        }
        Some(format!("create type {} as range (subtype = {definition})", self.name()))
    }

    /// `c en_GB.UTF-8 en_GB.UTF-8 deterministic true`: of libc only.
    pub(super) fn create_collation(&self) -> Option<String> {
        let definition = self.property(Property::Definition)?;
        let words: Vec<&str> = definition.split(' ').collect();
        let ["c", collate, ctype, "deterministic", "true"] = words[..] else { return None };
        let (name, collate, ctype) = (self.name(), literal(collate), literal(ctype));
        Some(format!("create collation {name} (provider = libc, lc_collate = {collate}, lc_ctype = {ctype})"))
    }

    /// Adds labels. None, if a label would have to go or to change its place.
    pub(super) fn alter_enum(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        if property != Property::Labels {
            return None;
        }
        let there = live.and_then(|object| object.get(&property)).map(Value::parts).unwrap_or_default();
        let wanted = self.parts(property);
        let mut kept = wanted.iter().filter(|label| there.contains(label));
        if !there.iter().all(|label| kept.next() == Some(label)) {
            return None;
        }
        let mut last: Option<&String> = None;
        let mut statements = Vec::new();
        for (at, label) in wanted.iter().enumerate() {
            if !there.contains(label) {
                let place = match (last, wanted[at..].iter().find(|next| there.contains(next))) {
                    (Some(last), _) => format!(" after {}", literal(last)),
                    (None, Some(next)) => format!(" before {}", literal(next)),
                    (None, None) => String::new(),
                };
                statements.push(format!("{} add value {}{place}", self.altered(), literal(label)));
            }
            last = Some(label);
        }
        Some(statements)
    }

    pub(super) fn alter_domain(&self, property: Property) -> Option<Vec<String>> {
        let wanted = self.property(property);
        match (property, wanted) {
            (Property::Default, Some(default)) => self.alter_with(&format!("set default {default}")),
            (Property::Default, None) => self.alter_with("drop default"),
            (Property::NotNull, Some(_)) => self.alter_with("set not null"),
            (Property::NotNull, None) => self.alter_with("drop not null"),
            _ => None,
        }
    }
}
