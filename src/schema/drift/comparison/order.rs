//! The order of columns.

use std::collections::BTreeSet;

use crate::schema::catalog::{Catalog, Id, Kind, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::words_of;

impl Comparison<'_> {
    /// The columns that are out of order: the smallest number that explains it.
    pub(super) fn order(&self, schema: &str, relation: &str) -> Vec<Difference> {
        let inherited = self.inherited(schema, relation);
        let columns = |catalog: &Catalog| -> Vec<Id> {
            let mut columns: Vec<(u32, Id)> = catalog
                .children(schema, relation)
                .filter(|(id, _)| matches!(id.kind, Kind::Column | Kind::Attribute))
                .filter(|(id, _)| !inherited.contains(&id.name))
                .filter(|(id, _)| self.expected.objects.contains_key(id) && self.live.objects.contains_key(id))
                .map(|(id, object)| {
                    let place = object.get(&Property::Position).and_then(|it| it.to_string().parse().ok());
                    (place.unwrap_or_default(), id.clone())
                })
                .collect();
            columns.sort();
            columns.into_iter().map(|(_, id)| id).collect()
        };
        let (expected, live) = (columns(&self.expected), columns(&self.live));
        if expected == live {
            return Vec::new();
        }
        let ranks: Vec<usize> = live.iter().filter_map(|id| expected.iter().position(|it| it == id)).collect();
        let kept = longest_increasing(&ranks);
        let after = |list: &[Id], id: &Id| match list.iter().position(|it| it == id) {
            Some(0) | None => "first".to_owned(),
            Some(place) => format!("after {}", list[place - 1].name),
        };
        live.iter()
            .zip(ranks)
            .filter(|(_, rank)| !kept.contains(rank))
            .map(|(id, _)| Difference::new(Change::Order, id).between(after(&expected, id), after(&live, id)))
            .collect()
    }

    /// The columns that a child table has from its parents: a dump and restore puts them first. A partition's keep their
    /// places.
    fn inherited(&self, schema: &str, relation: &str) -> BTreeSet<String> {
        let Some((_, child)) = self.live.relation(schema, relation) else { return BTreeSet::new() };
        let parents = child.get(&Property::Inherits).filter(|_| !child.contains_key(&Property::PartitionBound));
        let parents = parents.map(Value::parts).unwrap_or_default().iter();
        let columns = parents.flat_map(|parent| {
            let words: Vec<String> = words_of(parent).collect();
            let [schema, _, name] = words.try_into().unwrap_or_default();
            let known = self.live.objects.keys();
            known.filter(move |id| id.kind == Kind::Column && id.schema == schema && id.parent == name)
        });
        columns.map(|id| id.name.clone()).collect()
    }
}

/// A longest increasing subsequence of distinct numbers.
fn longest_increasing(numbers: &[usize]) -> BTreeSet<usize> {
    let mut best: Vec<Vec<usize>> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let before = (0..place).filter(|earlier| numbers[*earlier] < *number);
        let longest = before.map(|earlier| &best[earlier]).max_by_key(|run| run.len());
        let mut run = longest.cloned().unwrap_or_default();
        run.push(*number);
        best.push(run);
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default().into_iter().collect()
}
