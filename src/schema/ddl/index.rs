//! Indexes. Pure.

use crate::schema::catalog::{Object, Property, Value};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::plan::step::ConcurrentBuild;

impl Ddl<'_> {
    /// The statement that creates an index; concurrently, it lets others write meanwhile.
    pub(crate) fn create_index(&self, concurrently: bool) -> Option<String> {
        let unique = if self.has(Property::Unique) { "unique " } else { "" };
        let concurrently = if concurrently { "concurrently " } else { "" };
        let definition = self.property(Property::Definition)?;
        Some(format!("create {unique}index {concurrently}{} on {} using {definition}", self.bare(), self.table()))
    }

    pub(super) fn reindex(&self, concurrently: bool) -> String {
        format!("reindex index {}{}", if concurrently { "concurrently " } else { "" }, self.name())
    }

    /// The rebuild of an invalid index that lets others write meanwhile. PostgreSQL builds the new one under a name of
    /// its own.
    pub(crate) fn reindex_concurrently(&self) -> ConcurrentBuild {
        let leftover = qualified(&self.id.schema, &format!("{}_ccnew", self.id.name));
        ConcurrentBuild { sql: self.reindex(true), leftover }
    }

    pub(super) fn alter_index(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        let wanted = self.property(property);
        match property {
            // Its table says which index it is.
            Property::ReplicaIdentity => Some(Vec::new()),
            Property::Options => Some(self.alter_options(property, live, "")),
            Property::Valid if wanted.is_none() => Some(vec![self.reindex(false)]),
            Property::Clustered => Some(vec![match wanted {
                Some(_) => format!("alter {} cluster on {}", self.owner(), self.bare()),
                None => format!("alter {} set without cluster", self.owner()),
            }]),
            Property::Statistics => Some(self.alter_statistics(live)),
            _ => None,
        }
    }

    /// Statistics targets of its expressions: `2: 500`.
    fn alter_statistics(&self, live: Option<&Object>) -> Vec<String> {
        let there = live.and_then(|object| object.get(&Property::Statistics)).map(Value::parts).unwrap_or_default();
        let split = |text: &String| text.split_once(": ").map(|(at, target)| (at.to_owned(), target.to_owned()));
        let wanted: Vec<(String, String)> = self.parts(Property::Statistics).iter().filter_map(split).collect();
        let is_wanted = |column: &String| wanted.iter().any(|(other, _)| other == column);
        let gone = there.iter().filter_map(split).filter(|(column, _)| !is_wanted(column));
        let all = wanted.iter().cloned().chain(gone.map(|(column, _)| (column, "-1".to_owned())));
        let alter = |(column, target)| format!("{} alter column {column} set statistics {target}", self.altered());
        all.map(alter).collect()
    }
}
