//! Constraints. Pure.

use crate::schema::catalog::{Kind, Property};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    /// A constraint's definition, with what has properties of its own.
    pub(crate) fn constraint(&self, is_valid: bool) -> Option<String> {
        let mut definition = self.property(Property::Definition)?;
        if let Some(deferrable) = self.property(Property::Deferrable)
            && !definition.contains(" DEFERRABLE")
        {
            definition.push_str(&format!(" deferrable {deferrable}"));
        }
        let (open, not_valid) = (" NOT ENFORCED", " NOT VALID");
        if self.has(Property::Enforced) {
            if !definition.ends_with(open) {
                definition.push_str(" not enforced");
            }
        } else if (self.has(Property::Validated) || !is_valid) && !definition.ends_with(not_valid) {
            definition.push_str(" not valid");
        }
        Some(definition)
    }

    /// Whether a constraint stands in the statement that creates its table.
    pub(crate) fn is_inline(&self) -> bool {
        let kind = self.property(Property::Type).unwrap_or_default();
        let later = [Property::Validated, Property::Enforced, Property::Inherited];
        self.id.kind == Kind::Constraint && kind != "foreign key" && !later.iter().any(|it| self.has(*it))
    }

    /// On a table with rows, it is added not valid.
    pub(super) fn create_constraint(&self) -> Option<String> {
        let of_table = !self.of_kind(Kind::Domain);
        let scans = matches!(self.property(Property::Type).as_deref(), Some("check" | "foreign key"));
        let relation = self.catalog.relation(&self.id.schema, &self.id.parent);
        let partitioned = relation.is_some_and(|(_, object)| object.contains_key(&Property::PartitionKey));
        // A partitioned table takes no foreign key that isn't valid.
        let is_valid = !(of_table && scans) || partitioned;
        Some(format!("alter {} add constraint {} {}", self.owner(), self.bare(), self.constraint(is_valid)?))
    }

    pub(super) fn alter_constraint(&self, property: Property) -> Option<Vec<String>> {
        let wanted = self.property(property);
        let (owner, bare) = (self.owner(), self.bare());
        let is_foreign_key = || self.property(Property::Type).as_deref() == Some("foreign key");
        match property {
            Property::Validated if wanted.is_none() => Some(vec![format!("alter {owner} validate constraint {bare}")]),
            Property::Deferrable if is_foreign_key() => {
                let how = wanted.map_or_else(|| "not deferrable".to_owned(), |when| format!("deferrable {when}"));
                Some(vec![format!("alter {owner} alter constraint {bare} {how}")])
            }
            Property::Enforced if is_foreign_key() => {
                let how = if wanted.is_some() { "not enforced" } else { "enforced" };
                Some(vec![format!("alter {owner} alter constraint {bare} {how}")])
            }
            _ => None,
        }
    }
}
