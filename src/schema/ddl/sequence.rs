//! Sequences. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::schema::catalog::{Object, Property, Value};
use crate::schema::ddl::{Ddl, qualified};

/// The last number of a sequence's type.
pub(crate) fn limit(of_type: &str) -> &'static str {
    match of_type {
        "smallint" => "32767",
        "integer" => "2147483647",
        _ => "9223372036854775807",
    }
}

impl Ddl<'_> {
    /// The statement that gives a sequence its type, its step and its limits. A limit that is the type's own follows
    /// the type (documentation, ALTER SEQUENCE).
    pub(crate) fn alter_bounds(&self, live: &Object) -> Option<String> {
        let before = |property| live.get(&property).map(Value::to_string);
        let is_own = |property, of_type: Option<String>, value: &str| {
            let last = limit(&of_type.unwrap_or_default());
            property == Property::Maximum && value == last
        };
        let words = [
            ("as", Property::Type),
            ("increment by", Property::Increment),
            ("minvalue", Property::Minimum),
            ("maxvalue", Property::Maximum),
            ("start with", Property::Start),
        ];
        let change = |(word, property)| {
            let (old, new) = (before(property)?, self.property(property)?);
            let follows =
                is_own(property, before(Property::Type), &old) && is_own(property, self.property(Property::Type), &new);
            (old != new && !follows).then(|| format!("{word} {new}"))
        };
        let changes: Vec<String> = words.into_iter().filter_map(change).collect();
        (!changes.is_empty()).then(|| format!("{} {}", self.altered(), changes.join(" ")))
    }

    /// What of a sequence isn't as Postgres has it for a type.
    pub(super) fn sequence_options(&self, of_type: &str) -> Vec<String> {
        let value = |property, default: &str| self.property(property).filter(|it| it != default);
        let downwards = self.property(Property::Increment).is_some_and(|it| it.starts_with('-'));
        let (minimum, maximum) = match downwards {
            true => (format!("-{}", limit(of_type)), "-1"),
            false => ("1".to_owned(), limit(of_type)),
        };
        let first = self.property(if downwards { Property::Maximum } else { Property::Minimum }).unwrap_or_default();
        let options = [
            ("increment by", value(Property::Increment, "1")),
            ("minvalue", value(Property::Minimum, &minimum)),
            ("maxvalue", value(Property::Maximum, maximum)),
            ("start with", value(Property::Start, &first)),
            ("cache", value(Property::Cache, "1")),
        ];
        let mut options: Vec<String> =
            options.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?))).collect();
        if self.has(Property::Cycle) {
            options.push("cycle".to_owned());
        }
        options
    }

    pub(super) fn create_sequence(&self) -> Option<String> {
        let of_type = self.property(Property::Type)?;
        let mut text = format!("create sequence {}", self.name());
        if of_type != "bigint" {
            text.push_str(&format!(" as {of_type}"));
        }
        for option in self.sequence_options(&of_type) {
            text.push_str(&format!(" {option}"));
        }
        Some(text)
    }

    pub(super) fn alter_sequence(&self, property: Property) -> Option<Vec<String>> {
        let wanted = self.property(property);
        self.alter_with(&match property {
            Property::Persistence => format!("set {}", wanted.as_deref().unwrap_or("logged")),
            Property::Increment => format!("increment by {}", wanted?),
            Property::Minimum => format!("minvalue {}", wanted?),
            Property::Maximum => format!("maxvalue {}", wanted?),
            Property::Start => format!("start with {}", wanted?),
            Property::Cache => format!("cache {}", wanted?),
            Property::Cycle => if wanted.is_some() { "cycle" } else { "no cycle" }.to_owned(),
            Property::Type => format!("as {}", wanted?),
            Property::OwnedBy => match wanted.as_deref().and_then(|owner| owner.rsplit_once('.')) {
                Some((table, column)) => {
                    format!("owned by {}.{}", qualified(&self.id.schema, table), identifier(column))
                }
                None => "owned by none".to_owned(),
            },
            _ => return None,
        })
    }
}
