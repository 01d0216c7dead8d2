//! An object in a few words, for the side of a finding that has it.

use crate::base::text::plural;
use crate::schema::catalog::{Catalog, Id, Kind, Property, Value};
use crate::schema::drift::comparison::Comparison;

impl Comparison<'_> {
    /// An object of one of the catalogs.
    pub(super) fn describe(&self, id: &Id, catalog: &Catalog) -> String {
        let object = catalog.objects.get(id);
        let property = |property| object.and_then(|it| it.get(&property)).map(Value::to_string);
        match id.kind {
            Kind::Schema => {
                let relations =
                    catalog.objects.keys().filter(|it| it.schema == id.schema && it.kind.is_relation()).count();
                format!("schema with {}", plural(relations as u64, "relation", "relations"))
            }
            kind if kind.is_relation() => {
                let children = || catalog.children(&id.schema, &id.name);
                let count = |kind| children().filter(|(child, _)| child.kind == kind).count() as u64;
                let mut parts = vec![plural(count(Kind::Column), "column", "columns")];
                let others = [
                    (Kind::Constraint, "constraint", "constraints"),
                    (Kind::Index, "index", "indexes"),
                    (Kind::Trigger, "trigger", "triggers"),
                    (Kind::Policy, "policy", "policies"),
                ];
                for (kind, one, many) in others {
                    if count(kind) > 0 {
                        parts.push(plural(count(kind), one, many));
                    }
                }
                format!("{} with {}", kind.words(), parts.join(", "))
            }
            Kind::Column | Kind::Attribute => {
                let not_null = property(Property::NotNull).map(|_| "not null".to_owned());
                let default = property(Property::Default).map(|it| format!("default {it}"));
                let identity = property(Property::Identity).map(|it| format!("generated {it} as identity"));
                let generated = property(Property::Generated).map(|it| format!("generated {it}"));
                [property(Property::Type), not_null, default, identity, generated]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            Kind::Enum => format!("enum of {}", property(Property::Labels).unwrap_or_default()),
            Kind::Index => {
                let unique = if property(Property::Unique).is_some() { "unique " } else { "" };
                match (property(Property::Definition), property(Property::Constraint)) {
                    (None, Some(constraint)) => format!("the index of {constraint}"),
                    (definition, _) => format!("{unique}{}", definition.unwrap_or_default()),
                }
            }
            Kind::Function | Kind::Procedure | Kind::Aggregate => match property(Property::Returns) {
                Some(returns) => format!("{} returning {returns}", id.kind.words()),
                None => id.kind.words(),
            },
            Kind::Extension => format!("version {}", property(Property::Version).unwrap_or_default()),
            Kind::Policy => {
                let parts = [
                    property(Property::Type),
                    property(Property::Command).map(|it| format!("for {it}")),
                    property(Property::Roles).map(|it| format!("to {it}")),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            Kind::Publication => {
                let tables = property(Property::Tables)
                    .or_else(|| property(Property::AllTables).map(|_| "all tables".to_owned()));
                format!("publication of {}", tables.or_else(|| property(Property::Schemas)).unwrap_or_default())
            }
            Kind::Setting => property(Property::Value).unwrap_or_default(),
            _ => property(Property::Definition).or_else(|| property(Property::Type)).unwrap_or_else(|| id.kind.words()),
        }
    }
}
