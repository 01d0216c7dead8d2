//! A column that takes its numbers from a sequence by default, where an identity is expected: the numbers are the same,
//! and the sequence has to be what the identity's would be.

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::spelling::words_of;
use crate::schema::names::APPLICATION_SCHEMA;

/// The sequence that a column takes its numbers from by default.
pub(crate) fn drawn_from(column: &Object) -> Option<Id> {
    let default = column.get(&Property::Default)?.to_string();
    let literal = default.strip_prefix("nextval('")?.strip_suffix("'::regclass)")?.replace("''", "'");
    let [schema, dot, name] = <[String; 3]>::try_from(words_of(&literal).collect::<Vec<_>>()).ok()?;
    (dot == ".").then(|| Id { schema, parent: String::new(), kind: Kind::Sequence, name })
}

/// Gives the sequence of an expected identity the name of the one that the column draws from instead, so that its
/// privileges, limits, owner and column are compared and altered with it. One in another schema than its table is no
/// substitute.
pub(crate) fn follow_serials(expected: &mut Catalog, live: &Catalog) {
    let columns = live.objects.iter().filter(|(id, _)| id.kind == Kind::Column);
    let serials: Vec<(Id, Id)> = columns
        .filter_map(|(id, column)| {
            let drawn = drawn_from(column).filter(|it| it.schema == id.schema && live.objects.contains_key(it))?;
            let managed = Id { schema: APPLICATION_SCHEMA.to_owned(), ..id.clone() };
            // Also where a managed table is still in public.
            let column = if live.objects.contains_key(&managed) { id } else { &managed };
            let own = identity_sequence(expected, column)?;
            let new = Id { schema: own.schema.clone(), ..drawn };
            (!expected.objects.contains_key(&new)).then_some((own, new))
        })
        .collect();
    for (own, new) in serials {
        if let Some(object) = expected.objects.remove(&own) {
            expected.objects.insert(new, object);
        }
    }
}

/// The sequence that is expected with a column, as its identity.
fn identity_sequence(expected: &Catalog, column: &Id) -> Option<Id> {
    expected.objects.get(column)?.get(&Property::Identity)?;
    let mut sequences = expected.objects.iter().filter(|(id, _)| id.kind == Kind::Sequence);
    let own = sequences.find(|(id, object)| {
        let owner = object.get(&Property::OwnedBy).map(Value::to_string);
        id.schema == column.schema && owner.as_deref() == Some(&column.object())
    });
    own.map(|(id, _)| id.clone())
}

impl Comparison<'_> {
    /// What a column draws its numbers from, given the sequence that is expected for it and isn't there.
    pub(crate) fn drawn_instead(&self, sequence: &Id) -> Option<Id> {
        let owner = self.expected.objects.get(sequence)?.get(&Property::OwnedBy)?.to_string();
        let (table, name) = owner.split_once('.')?;
        let column = Id { parent: table.to_owned(), kind: Kind::Column, name: name.to_owned(), ..sequence.clone() };
        self.expected.objects.get(&column)?.get(&Property::Identity)?;
        drawn_from(self.live.objects.get(&column)?)
    }
}
