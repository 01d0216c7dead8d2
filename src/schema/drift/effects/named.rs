//! Consequences of a missing object: what names it.

use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::{Search, names};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::words_of;

impl Search<'_> {
    /// What names a missing object is missing with it.
    pub(super) fn of_a_named_object(&self, difference: &Difference) -> Option<usize> {
        use Property::{Arguments, Default, Returns, Tables, Type};
        let goes = matches!(
            difference.change,
            Change::Missing | Change::Differs(Arguments | Default | Returns | Tables | Type)
        );
        if !goes || self.missing.is_empty() && self.retyped.is_empty() && difference.id.parent.is_empty() {
            return None;
        }
        let object = self.objects(difference).0?;
        let mut named = match (difference.id.kind, difference.change) {
            // A column is missing with its type. Its sequence is a consequence of the column.
            (Kind::Column, Change::Missing) => words_of(&object.get(&Type)?.to_string()).collect(),
            _ => names(object),
        };
        if difference.id.kind == Kind::Cast {
            named.extend(words_of(&difference.id.name));
        }
        let by_name = self.missing.iter().find(|missing| {
            let other = &self.all[missing.place].id;
            let is_named = named.contains(&missing.name) && *other != difference.id;
            // Objects of the same kind don't depend on each other, except views.
            is_named && (other.kind != difference.id.kind || difference.id.kind == Kind::View)
        });
        by_name.map(|missing| missing.place).or_else(|| {
            let is_view = matches!(difference.id.kind, Kind::View | Kind::MaterializedView);
            let is_named_column = |other: &Difference| {
                let Id { parent, kind, name, .. } = &other.id;
                let is_missing = other.change == Change::Missing && *kind == Kind::Column;
                is_missing && named.contains(parent) && named.contains(name)
            };
            is_view.then(|| self.all.iter().position(is_named_column)).flatten()
        })
    }
}
