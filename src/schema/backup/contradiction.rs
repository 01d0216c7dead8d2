//! What a manifest says that can't be so, by what it says elsewhere.

use std::collections::BTreeSet;

use crate::schema::backup::{CatalogObject, Manifest};
use crate::schema::catalog::{Id, Kind, Property, Value};
use crate::schema::names::APPLICATION_SCHEMA;

/// The name that a text begins with, before arguments or columns in parentheses or the brackets of an array, as it is
/// compared: whichever of its parts PostgreSQL quotes.
fn plain(text: &str) -> String {
    let mut is_quoted = false;
    let end = text.find(|c| {
        is_quoted ^= c == '"';
        !is_quoted && matches!(c, '(' | '[')
    });
    text[..end.unwrap_or(text.len())].replace('"', "")
}

impl Manifest {
    /// Where its parts contradict each other, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        let is_own = |schema: &str| schema == APPLICATION_SCHEMA;
        let is_table = |name: &str| self.tables.iter().any(|it| is_own(&it.schema) && it.table == name);
        let left_out = self.left_out.iter().find(|it| is_table(it) || self.describes(APPLICATION_SCHEMA, it));
        let left_out = left_out.map(|it| format!("its left_out names {it}, which is in it"));
        let whole = (!self.whole_schema && self.outside().is_empty())
            .then(|| format!("its whole_schema is false, and all of its tables are in {APPLICATION_SCHEMA}"));
        let key = self.unlisted_key().map(|id| {
            format!("its references lack the key {} of {}.{}, which its catalog has", id.name, id.schema, id.parent)
        });
        let object = self.unlisted_object();
        let object = object.map(|(name, of)| format!("its requisites lack {name}, which {of} of its catalog needs"));
        left_out.or(whole).or(key).or(object)
    }

    /// A foreign key of its catalog to a table that it doesn't describe, and that its references don't name.
    fn unlisted_key(&self) -> Option<&Id> {
        let relations = self.catalog.iter().filter(|it| it.id.kind.is_relation());
        let described: BTreeSet<String> =
            relations.map(|it| plain(&format!("{}.{}", it.id.schema, it.id.name))).collect();
        let listed = |id: &Id| {
            let of = (&id.schema, &id.parent, &id.name);
            self.references.iter().any(|it| (&it.schema, &it.table, &it.name) == of)
        };
        let refers_outside = |it: &&CatalogObject| {
            let definition = it.properties.get(&Property::Definition).map(Value::to_string).unwrap_or_default();
            let target = definition.strip_prefix("FOREIGN KEY ").and_then(|it| it.split_once(" REFERENCES "));
            let target = target.map(|(_, it)| plain(it));
            target.is_some_and(|target| !described.contains(&target))
        };
        let keys = self.catalog.iter().filter(|it| it.id.kind == Kind::Constraint && !listed(&it.id));
        keys.filter(refers_outside).map(|it| &it.id).next()
    }

    /// The type of a column or the function of a trigger that is in another schema, and not among the requisites; and
    /// what needs it. What isn't seen here fails the restore, which then changes nothing.
    fn unlisted_object(&self) -> Option<(String, String)> {
        let listed: BTreeSet<String> = self.requisites.iter().map(|it| plain(&it.name)).collect();
        let is_outside = |name: &String| {
            let schema = name.split_once('.').map(|(schema, _)| schema);
            schema.is_some_and(|it| it != APPLICATION_SCHEMA) && !listed.contains(name)
        };
        let needed = |it: &CatalogObject| {
            let text = |property| it.properties.get(&property).map(Value::to_string).unwrap_or_default();
            match it.id.kind {
                Kind::Column => Some(plain(&text(Property::Type))),
                Kind::Trigger => text(Property::Definition).rsplit_once("EXECUTE FUNCTION ").map(|(_, it)| plain(it)),
                _ => None,
            }
        };
        let of = |id: &Id| format!("the {} {} of {}.{}", id.kind.words(), id.name, id.schema, id.parent);
        let own = self.catalog.iter().filter(|it| self.whole_schema && it.id.schema == APPLICATION_SCHEMA);
        own.filter_map(|it| Some((needed(it).filter(is_outside)?, of(&it.id)))).next()
    }
}
