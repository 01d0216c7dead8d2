//! Columns, and attributes of composite types. Pure.

use crate::schema::catalog::{Kind, Object, Property};
use crate::schema::ddl::Ddl;

impl Ddl<'_> {
    /// What a column is declared as, after its name.
    pub(super) fn definition_of_column(&self) -> String {
        let mut text = self.property(Property::Type).unwrap_or_default();
        text.push_str(&self.foreign_options(None));
        if let Some(collation) = self.property(Property::Collation) {
            text.push_str(&format!(" collate {collation}"));
        }
        if let Some(default) = self.property(Property::Default) {
            text.push_str(&format!(" default {default}"));
        }
        if let Some(identity) = self.property(Property::Identity) {
            text.push_str(&format!(" generated {identity} as identity{}", self.identity_options()));
        }
        if let Some((when, expression)) =
            self.property(Property::Generated).as_deref().and_then(|it| it.split_once(' '))
        {
            text.push_str(&format!(" generated always as ({expression}) {when}"));
        }
        if self.has(Property::NotNull) {
            text.push_str(" not null");
        }
        text
    }

    /// The options of a column's own sequence, if Postgres would choose others.
    pub(super) fn identity_options(&self) -> String {
        let owner = format!("{}.{}", self.id.parent, self.id.name);
        let mut sequences = self.catalog.objects.iter().filter(|(id, object)| {
            id.kind == Kind::Sequence
                && id.schema == self.id.schema
                && object.get(&Property::OwnedBy).is_some_and(|it| it.to_string() == owner)
        });
        let Some((id, object)) = sequences.next() else { return String::new() };
        let sequence = Ddl { id, object: Some(object), ..*self };
        let mut options = sequence.sequence_options(&self.property(Property::Type).unwrap_or_default());
        if id.name != format!("{}_{}_seq", self.id.parent, self.id.name) {
            options.insert(0, format!("sequence name {}", sequence.name()));
        }
        if options.is_empty() { String::new() } else { format!(" ({})", options.join(" ")) }
    }

    /// What gives it a type within the statement that alters its table, with its collation and its default.
    pub(crate) fn retype(&self, to: &str, cast: bool) -> String {
        let column = self.bare();
        let collation = self.property(Property::Collation).map(|it| format!(" collate {it}")).unwrap_or_default();
        let using = if cast { format!(" using {column}::text::{to}") } else { String::new() };
        let text = format!("alter column {column} type {to}{collation}{using}");
        match self.property(Property::Default).filter(|_| cast) {
            Some(default) => {
                format!("alter column {column} drop default, {text}, alter column {column} set default {default}")
            }
            None => text,
        }
    }

    pub(super) fn alter_column(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        let wanted = self.property(property);
        let is_there = |property| live.is_some_and(|object| object.contains_key(&property));
        let altered = format!("alter {} alter column {}", self.owner(), self.bare());
        let column = |change: &str| Some(vec![format!("{altered} {change}")]);
        match property {
            Property::NotNull => column(if wanted.is_some() { "set not null" } else { "drop not null" }),
            Property::Default => match wanted {
                Some(default) => column(&format!("set default {default}")),
                None => column("drop default"),
            },
            Property::Identity => match wanted {
                // It goes on taking numbers from its sequence.
                Some(_) if is_there(Property::Default) => None,
                Some(wanted) if is_there(Property::Identity) => column(&format!("set generated {wanted}")),
                Some(wanted) => column(&format!("add generated {wanted} as identity{}", self.identity_options())),
                None => None,
            },
            Property::Storage => {
                let usual = usual_storage(&self.property(Property::Type)?);
                column(&format!("set storage {}", wanted.as_deref().unwrap_or(usual)))
            }
            Property::Compression => column(&format!("set compression {}", wanted.as_deref().unwrap_or("default"))),
            Property::Statistics => column(&format!("set statistics {}", wanted.as_deref().unwrap_or("-1"))),
            Property::Options => {
                let changes = self.changed_options(property, live, "").into_iter();
                Some(changes.map(|change| format!("{altered} {change}")).collect())
            }
            Property::ServerOptions => column(self.foreign_options(live).trim_start()),
            _ => None,
        }
    }
}

/// How PostgreSQL stores values of a type if nothing else is said.
fn usual_storage(of_type: &str) -> &'static str {
    match of_type {
        main if main.starts_with("numeric") || matches!(main, "inet" | "cidr") => "main",
        array if array.ends_with("[]") => "extended",
        "integer" | "bigint" | "smallint" | "boolean" | "uuid" | "date" | "real" | "money" | "oid" | "name" => "plain",
        fixed if ["time", "double", "interval", "macaddr"].iter().any(|it| fixed.starts_with(it)) => "plain",
        _ => "extended",
    }
}
