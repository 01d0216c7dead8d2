//! What would go, or would be in the way, if an object were dropped or got another type. Pure.

use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::drift::remedy::Case;
use crate::schema::drift::spelling::words_of;

/// The texts of an object in which names of others stand. What a function's body says in a text is looked up when it
/// runs.
fn texts(object: &Object) -> impl Iterator<Item = &String> {
    let named = object.iter().filter(|(property, value)| match property {
        Property::Body => value.to_string().trim_start().starts_with("BEGIN ATOMIC"),
        Property::Comment | Property::Owner | Property::Privileges | Property::Revoked | Property::OwnedBy => false,
        _ => true,
    });
    named.flat_map(|(_, value)| value.parts())
}

/// Whether a text names something of a schema.
fn names(text: &str, schema: &str, name: &str) -> bool {
    if !text.contains(name) && !text.contains('"') {
        return false;
    }
    let words: Vec<String> = words_of(text).collect();
    words.windows(3).any(|part| part[0] == schema && part[1] == "." && part[2] == name)
}

fn has_word(text: &str, name: &str) -> bool {
    words_of(text).any(|word| word == name)
}

impl Case<'_> {
    /// The live objects that would be in the way if this one were dropped.
    pub(super) fn dependents(&self) -> Vec<String> {
        let id = self.live_id;
        let bare = id.name.split('(').next().unwrap_or_default();
        let is_key = matches!(self.live(Property::Type).as_deref(), Some("primary key" | "unique"));
        let found = self.comparison.live.objects.iter().filter(|(other, object)| match id.kind {
            Kind::Constraint | Kind::Index => {
                let definition = object.get(&Property::Definition).map(Value::to_string).unwrap_or_default();
                let target = definition.split_once(" REFERENCES ").map(|(_, target)| target.to_owned());
                let is_unique = is_key || id.kind == Kind::Index && self.live(Property::Unique).is_some();
                is_unique
                    && other.kind == Kind::Constraint
                    && target.is_some_and(|target| names(&target, &id.schema, &id.parent))
            }
            _ if !id.parent.is_empty() => false,
            _ => {
                let is_part = other.schema == id.schema && (other.parent == id.name || *other == id);
                !is_part && texts(object).any(|text| names(text, &id.schema, bare))
            }
        });
        found.map(|(id, _)| format!("{} {}", id.kind.words(), id.object())).collect()
    }

    /// The live objects that keep a column from getting another type.
    pub(super) fn users_of_column(&self) -> Vec<String> {
        let Id { schema, parent, name, .. } = self.live_id;
        let found = self.comparison.live.objects.iter().filter(|(other, object)| {
            let is_of_table = other.schema == *schema && other.parent == *parent;
            let has_column = || texts(object).any(|text| has_word(text, name));
            match other.kind {
                Kind::View | Kind::MaterializedView | Kind::Rule => {
                    texts(object).any(|text| names(text, schema, parent)) && has_column()
                }
                Kind::Function | Kind::Procedure => object.get(&Property::Body).is_some_and(|body| {
                    let body = body.to_string();
                    body.trim_start().starts_with("BEGIN ATOMIC")
                        && names(&body, schema, parent)
                        && has_word(&body, name)
                }),
                Kind::Trigger | Kind::Policy => is_of_table && has_column(),
                Kind::Column => {
                    let generated = object.get(&Property::Generated).map(Value::to_string).unwrap_or_default();
                    is_of_table && has_word(&generated, name)
                }
                Kind::Table if other.schema == *schema && other.name == *parent => {
                    let key = object.get(&Property::PartitionKey).map(Value::to_string).unwrap_or_default();
                    has_word(&key, name)
                }
                Kind::Publication => texts(object).any(|text| names(text, schema, parent) && has_word(text, name)),
                _ => false,
            }
        });
        found.map(|(id, _)| format!("{} {}", id.kind.words(), id.object())).collect()
    }
}
