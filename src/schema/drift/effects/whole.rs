//! Consequences of a missing or new table or schema: what belongs to it.

use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::Search;
use crate::schema::drift::finding::Change;

impl Search<'_> {
    /// A table or a schema is missing or new, and what belongs to it.
    pub(super) fn of_the_whole(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        if !id.parent.is_empty() && id.kind != Kind::Setting {
            let gone = |it| matches!(it, Change::Missing | Change::Unexpected | Change::Unmanaged | Change::Replaced);
            let whole = self.top(&id.schema, &id.parent, gone);
            if let Some(place) = whole.filter(|it| !self.is_read_all_the_same(difference, *it)) {
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

    /// Whether a column is missed though a relation of another kind has the table's name: the reference schema may have a
    /// view in place of a table, and what the application reads has to be in it.
    fn is_read_all_the_same(&self, difference: &Difference, whole: usize) -> bool {
        let is_replaced = self.all[whole].change == Change::Replaced && self.comparison.is_contract(&difference.id);
        let is_read = matches!(difference.change, Change::Missing | Change::Renamed | Change::Differs(Property::Type));
        is_replaced && is_read && difference.id.kind == Kind::Column
    }
}
