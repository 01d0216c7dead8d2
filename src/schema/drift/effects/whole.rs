//! Consequences of a missing or new table or schema: what belongs to it.

use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::Search;
use crate::schema::drift::finding::Change;

impl Search<'_> {
    /// A table or a schema is missing or new, and what belongs to it.
    pub(super) fn of_the_whole(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        if !id.parent.is_empty() && id.kind != Kind::Setting {
            let gone = |it| matches!(it, Change::Missing | Change::Unexpected | Change::Unmanaged | Change::Replaced);
            if let Some(place) = self.top(&id.schema, &id.parent, gone) {
                return Some(place);
            }
        }
        let is_privilege = id.kind == Kind::DefaultPrivileges && difference.change == Change::Lost;
        if id.kind == Kind::Schema || id.schema.is_empty() || difference.change != Change::Missing && !is_privilege {
            return None;
        }
        let schema = Id { schema: id.schema.clone(), parent: String::new(), kind: Kind::Schema, name: String::new() };
        self.of(&schema, |it| matches!(it, Change::Missing | Change::Empty))
    }
}
