//! Whether a property means the same in both catalogs, whatever its spelling.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::spelling::equality;
use crate::schema::drift::spelling::{Normalizer, words_of};

impl Comparison<'_> {
    /// What to ignore in an object's texts: renamed columns count only where it belongs to their relation or names it.
    pub(crate) fn normalizer(&self, id: &Id, object: &Object) -> Cow<'_, Normalizer> {
        if self.columns.is_empty() {
            return Cow::Borrowed(&self.normalizer);
        }
        let mut words = BTreeSet::from([id.parent.clone(), id.name.clone()]);
        words.extend(object.values().flat_map(Value::parts).flat_map(|it| words_of(it)));
        let mut normalizer = self.normalizer.clone();
        let known = self.columns.iter().filter(|column| words.contains(&column.relation));
        normalizer.renames.extend(known.map(|column| column.rename.clone()));
        Cow::Owned(normalizer)
    }

    /// Whether a property means the same on both sides.
    pub(super) fn same(
        &self,
        kind: Kind,
        property: Property,
        expected: Option<&Value>,
        live: Option<&Value>,
        normalizer: &Normalizer,
    ) -> bool {
        match (expected, live) {
            (Some(Value::List(one)), Some(Value::List(other))) if property == Property::Inherits => {
                let alike = |(one, other): (&String, &String)| normalizer.in_words(one) == normalizer.in_words(other);
                one.len() == other.len() && one.iter().zip(other).all(alike)
            }
            // The values of a list partition in another order.
            (Some(Value::Text(one)), Some(Value::Text(other))) if property == Property::PartitionBound => {
                let values = |text: &str| {
                    let list = text.strip_prefix("FOR VALUES IN (").and_then(|it| it.strip_suffix(')'))?;
                    Some(list.split(", ").map(str::to_owned).collect::<BTreeSet<String>>())
                };
                one == other || values(one).is_some() && values(one) == values(other)
            }
            (Some(Value::Text(one)), Some(Value::Text(other))) => {
                equality::same(kind, property, one, other, normalizer)
            }
            (Some(Value::List(one)), Some(Value::List(other))) if property != Property::Labels => {
                let set = |list: &[String]| list.iter().map(|it| normalizer.in_words(it)).collect::<BTreeSet<_>>();
                one == other || set(one) == set(other)
            }
            (one, other) => one == other,
        }
    }
}
