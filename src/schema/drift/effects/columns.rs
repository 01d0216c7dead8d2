//! Consequences of a column: its sequence, and what is defined by it.

use std::collections::BTreeSet;

use crate::schema::catalog::{Id, Kind, Property, Value};
use crate::schema::drift::comparison::{Difference, SERIAL};
use crate::schema::drift::effects::{Search, names};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::words_of;

impl Search<'_> {
    /// A sequence changes with the column that owns it.
    pub(super) fn of_an_owning_column(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        if id.kind != Kind::Sequence {
            return None;
        }
        let (expected, live) = self.objects(difference);
        let owned = [expected, live].into_iter().flatten().filter_map(|it| it.get(&Property::OwnedBy));
        owned.map(Value::to_string).find_map(|owner| {
            let (table, column) = owner.split_once('.')?;
            let column = Id { parent: table.to_owned(), kind: Kind::Column, name: column.to_owned(), ..id.clone() };
            let with_table = |change: Change| self.top(&id.schema, table, |it| it == change);
            let with_column = |is: &dyn Fn(Change) -> bool| self.of(&column, is);
            // With a default from a sequence the application gets its numbers only if the sequence is right.
            let identity = with_column(&|it| it == Change::Differs(Property::Identity));
            let is_serial = identity.is_some_and(|it| self.all[it].actual.as_deref() == Some(SERIAL));
            match difference.change {
                Change::Differs(property @ (Property::Owner | Property::Persistence)) => {
                    with_table(Change::Differs(property))
                }
                Change::Differs(Property::Type | Property::Minimum | Property::Maximum | Property::Start) => {
                    with_column(&|it| it == Change::Differs(Property::Type)).or(identity.filter(|_| !is_serial))
                }
                Change::Differs(Property::OwnedBy) => with_column(&|it| {
                    matches!(it, Change::Differs(Property::Identity | Property::Default) | Change::Renamed)
                })
                .filter(|_| !is_serial),
                Change::Differs(Property::Identity) => with_column(&|it| {
                    matches!(it, Change::Differs(Property::Identity | Property::Default) | Change::Renamed)
                }),
                Change::Missing | Change::Unexpected => with_column(&|it| {
                    matches!(
                        it,
                        Change::Missing | Change::Unexpected | Change::Differs(Property::Identity | Property::Default)
                    )
                })
                .filter(|_| difference.change == Change::Unexpected || !is_serial)
                .or_else(|| {
                    self.top(&id.schema, table, |it| {
                        matches!(it, Change::Missing | Change::Unexpected | Change::Unmanaged)
                    })
                }),
                Change::Lost | Change::Gained | Change::Moved | Change::Renamed => {
                    self.top(&id.schema, table, |it| matches!(it, Change::Moved))
                }
                _ => None,
            }
        })
    }

    /// What uses a column is missing, new, renamed or retyped with it.
    pub(super) fn of_a_column(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        let (expected, live) = self.objects(difference);
        match difference.change {
            // A view's definition determines its columns.
            Change::Missing | Change::Unexpected | Change::Renamed | Change::Order | Change::Differs(_)
                if id.kind == Kind::Column
                    && self.top(&id.schema, &id.parent, |it| it == Change::Differs(Property::Definition)).is_some() =>
            {
                self.top(&id.schema, &id.parent, |it| it == Change::Differs(Property::Definition))
            }
            Change::Missing | Change::Unexpected if !id.parent.is_empty() => {
                let object = if difference.change == Change::Missing { expected? } else { live? };
                let named = match id.kind {
                    // Only a generated column uses others.
                    Kind::Column => words_of(&object.get(&Property::Generated)?.to_string()).collect(),
                    _ => names(object),
                };
                self.sibling(id, Kind::Column, |it| it.change == difference.change && named.contains(&it.id.name))
            }
            Change::Differs(
                property @ (Property::Definition
                | Property::Default
                | Property::Generated
                | Property::Using
                | Property::WithCheck),
            ) => {
                let named = names(expected?);
                let near = self.retyped.iter().copied().filter(|it| {
                    let column = &self.all[*it].id;
                    if column.kind == Kind::Domain {
                        return column.schema == id.schema && column.name == id.parent;
                    }
                    let is_near =
                        column.schema == id.schema && column.parent == id.parent || named.contains(&column.parent);
                    is_near && named.contains(&column.name)
                });
                let near: Vec<usize> = near.collect();
                let cause = near.first().copied()?;
                self.same_but_for_casts(difference, property, &near).then_some(cause)
            }
            // A view's column has the type of a table's column.
            Change::Differs(Property::Type) if id.kind == Kind::Column => {
                let definition = self.comparison.live.relation(&id.schema, &id.parent)?.1.get(&Property::Definition)?;
                let named: BTreeSet<String> = words_of(&definition.to_string()).collect();
                self.retyped.iter().copied().find(|it| {
                    let base = &self.all[*it];
                    let same = base.expected == difference.expected && base.actual == difference.actual;
                    same && base.id != *id && named.contains(&base.id.parent) && named.contains(&base.id.name)
                })
            }
            _ => None,
        }
    }
}
