//! Consequences of a constraint: its index, NOT NULL of a primary key, foreign keys that refer to it.

use std::collections::BTreeSet;

use crate::schema::catalog::{Id, Kind, Property, Value};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::effects::{Search, names};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::words_of;

impl Search<'_> {
    /// A constraint causes its index, and a primary key makes columns NOT NULL.
    pub(super) fn of_a_constraint(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        let (expected, live) = self.objects(difference);
        match (id.kind, difference.change) {
            (Kind::Index, Change::Missing | Change::Unexpected | Change::Renamed) => {
                let names: BTreeSet<String> = [expected, live]
                    .into_iter()
                    .flatten()
                    .filter_map(|it| it.get(&Property::Constraint))
                    .map(Value::to_string)
                    .collect();
                self.sibling(id, Kind::Constraint, |constraint| {
                    let by_live_name = constraint.live_id.as_ref().is_some_and(|live| names.contains(&live.name));
                    names.contains(&constraint.id.name) || by_live_name
                })
            }
            (Kind::Column, Change::Differs(Property::NotNull)) => self.sibling(id, Kind::Constraint, |constraint| {
                let (expected, live) = self.objects(constraint);
                let key = if constraint.change == Change::Missing { expected } else { live };
                let of_key = key.and_then(|object| object.get(&Property::Type)).map(Value::to_string);
                let is_key = of_key.as_deref() == Some("primary key");
                let changes_columns = matches!(
                    constraint.change,
                    Change::Unexpected | Change::Missing | Change::Differs(Property::Definition)
                );
                changes_columns && is_key && key.is_some_and(|object| names(object).contains(&id.name))
            }),
            _ => None,
        }
    }

    /// A foreign key is missing with the table or the key that it refers to.
    pub(super) fn of_a_referenced_table(&self, difference: &Difference) -> Option<usize> {
        if difference.id.kind != Kind::Constraint || difference.change != Change::Missing {
            return None;
        }
        let definition = self.objects(difference).0?.get(&Property::Definition)?.to_string();
        let target: Vec<String> = words_of(definition.split_once(" REFERENCES ")?.1).take(3).collect();
        let [schema, _, table] = &target[..] else { return None };
        self.top(schema, table, |it| matches!(it, Change::Missing | Change::Replaced | Change::Moved)).or_else(|| {
            let there =
                Id { schema: schema.clone(), parent: table.clone(), kind: Kind::Constraint, name: String::new() };
            self.sibling(&there, Kind::Constraint, |it| {
                let key = self.objects(it).0.and_then(|object| object.get(&Property::Type)).map(Value::to_string);
                it.change == Change::Missing && matches!(key.as_deref(), Some("primary key" | "unique"))
            })
        })
    }
}
