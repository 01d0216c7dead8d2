//! Consequences of a change of a parent table: its partitions, and the tables that inherit from it.

use crate::schema::catalog::{Catalog, Id, Kind, Property};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::Search;
use crate::schema::drift::finding::Change;

impl Search<'_> {
    /// A partition, or a table that inherits, is changed through its parent.
    pub(super) fn of_a_parent_table(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        let table = if id.parent.is_empty() { &id.name } else { &id.parent };
        let parents = |catalog: &Catalog| -> Vec<String> {
            let relation = catalog.relation(&id.schema, table);
            let inherits = relation.and_then(|(_, object)| object.get(&Property::Inherits));
            inherits.map(|it| it.parts().to_vec()).unwrap_or_default()
        };
        let mut all = parents(&self.comparison.expected);
        all.extend(parents(&self.comparison.live));
        // A detached partition keeps or loses what it had from its parent.
        if let Some(left) = self.top(&id.schema, table, |it| it == Change::Differs(Property::Inherits))
            && !id.parent.is_empty()
        {
            let (expected, live) = self.objects(difference);
            let object = if difference.change == Change::Missing { expected } else { live };
            let definition = object.and_then(|it| it.get(&Property::Definition));
            let is_parents = |catalog: &Catalog| {
                all.iter().filter_map(|it| it.rsplit_once('.')).any(|(schema, name)| {
                    let mut children = catalog.children(schema, name).filter(|(child, _)| child.kind == id.kind);
                    children.any(|(_, object)| object.get(&Property::Definition) == definition)
                })
            };
            let inherited = object.is_some_and(|it| it.contains_key(&Property::Inherited));
            let comes = matches!(difference.change, Change::Missing | Change::Unexpected);
            if comes && (inherited || definition.is_some() && is_parents(&self.comparison.expected)) {
                return Some(left);
            }
        }
        all.iter().find_map(|parent| {
            let (schema, name) = parent.rsplit_once('.')?;
            let (schema, name) = (schema.trim_matches('"'), name.trim_matches('"'));
            if id.parent.is_empty() {
                return self.top(schema, name, |it| it == difference.change && it == Change::Missing);
            }
            let beside = Id { schema: schema.to_owned(), parent: name.to_owned(), ..id.clone() };
            let alike = |place: &usize| self.all[*place].actual == difference.actual;
            self.of(&beside, |it| it == difference.change).filter(alike).or_else(|| {
                // A partition's index has another name than the parent's.
                let (expected, live) = self.objects(difference);
                let inherited = [expected, live].into_iter().flatten().any(|it| it.contains_key(&Property::Inherited));
                let is_made = matches!(
                    difference.change,
                    Change::Missing | Change::Unexpected | Change::Differs(Property::Definition)
                );
                let has_other_name = matches!(id.kind, Kind::Index | Kind::Constraint) && inherited && is_made;
                let is_cause = |it: &Difference| match it.change {
                    Change::Missing | Change::Unexpected => true,
                    Change::Differs(property) => property != Property::Comment,
                    _ => false,
                };
                has_other_name.then(|| self.sibling(&beside, id.kind, is_cause)).flatten()
            })
        })
    }
}
