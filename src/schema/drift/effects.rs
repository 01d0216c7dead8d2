//! One finding for one cause: consequences are grouped under the difference that causes them. Pure.

mod columns;
mod constraints;
mod named;
mod partitions;
mod properties;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Id, Kind, Object, Property};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::{Change, Severity};
use crate::schema::drift::severity::weigh;
use crate::schema::drift::spelling::words_of;

/// Leaves the causes, with their consequences in words.
pub(super) fn one_for_each_cause(all: Vec<Difference>, comparison: &Comparison<'_>) -> Vec<Difference> {
    let causes: Vec<Option<usize>> = {
        let search = Search::new(&all, comparison);
        (0..all.len())
            .map(|place| search.cause(place).filter(|cause| !search.is_missed_anyway(place, *cause)))
            .collect()
    };
    let root = |place: usize| {
        let mut at = place;
        let mut passed = BTreeSet::new();
        while let Some(cause) = causes[at] {
            if !passed.insert(at) {
                // Differences that cause each other: the first of them stands for all.
                let circle = std::iter::successors(Some(at), |last| causes[*last].filter(|next| *next != at));
                return circle.min().unwrap_or(place);
            }
            at = cause;
        }
        at
    };
    let roots: Vec<usize> = (0..all.len()).map(root).collect();
    let mut effects: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut lost: BTreeMap<usize, Vec<Difference>> = BTreeMap::new();
    for (place, difference) in all.iter().enumerate() {
        let root = roots[place];
        // The parts of an object are not mentioned: they are always missing, new and renamed with it.
        if root != place && !is_part(&difference.id, &all[root]) {
            effects.entry(root).or_default().push(difference.words());
            if all[root].change == Change::Missing {
                lost.entry(root).or_default().push(difference.clone());
            }
        }
    }
    let kept = all.into_iter().enumerate().filter(|(place, _)| roots[*place] == *place);
    kept.map(|(place, difference)| Difference {
        effects: effects.remove(&place).unwrap_or_default(),
        lost_with_it: lost.remove(&place).unwrap_or_default(),
        ..difference
    })
    .collect()
}

fn is_part(id: &Id, of: &Difference) -> bool {
    use Change::{Empty, Missing, Replaced, Unexpected, Unmanaged};
    let whole = matches!(of.change, Missing | Unexpected | Unmanaged | Replaced | Empty) && id.schema == of.id.schema;
    let of_schema = of.id.kind == Kind::Schema;
    let of_relation = !id.parent.is_empty() && of.id.parent.is_empty() && id.parent == of.id.name;
    // A sequence belongs to its column.
    let of_column = id.kind == Kind::Sequence && (of.id.kind == Kind::Column || of.id.kind.is_relation());
    of_column || is_own_index(id, of) || whole && (of_schema || of_relation)
}

/// The index of a constraint, which has its name.
fn is_own_index(id: &Id, of: &Difference) -> bool {
    id.kind == Kind::Index && of.id.kind == Kind::Constraint && id.parent == of.id.parent && id.name == of.id.name
}

/// A missing object that others may name.
struct MissingName {
    name: String,
    /// Of its difference.
    place: usize,
}

/// Finds the cause of a difference. Differences are known by their places in the list.
struct Search<'a> {
    all: &'a [Difference],
    comparison: &'a Comparison<'a>,
    places: BTreeMap<&'a Id, Vec<usize>>,
    /// The differences of objects without a parent, by schema and name.
    tops: BTreeMap<(&'a str, &'a str), Vec<usize>>,
    /// Missing objects that others may name.
    missing: Vec<MissingName>,
    /// Columns and domains with another type.
    retyped: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(all: &'a [Difference], comparison: &'a Comparison<'a>) -> Self {
        let mut search = Self {
            all,
            comparison,
            places: BTreeMap::new(),
            tops: BTreeMap::new(),
            missing: Vec::new(),
            retyped: Vec::new(),
        };
        for (place, difference) in all.iter().enumerate() {
            let id = &difference.id;
            search.places.entry(id).or_default().push(place);
            if id.parent.is_empty() && !id.name.is_empty() {
                search.tops.entry((&id.schema, &id.name)).or_default().push(place);
                if difference.change == Change::Missing && id.kind != Kind::Setting {
                    let name = id.name.split('(').next().unwrap_or_default();
                    search.missing.push(MissingName { name: name.to_owned(), place });
                }
            }
            if difference.change == Change::Differs(Property::Type) && matches!(id.kind, Kind::Column | Kind::Domain) {
                search.retyped.push(place);
            }
        }
        search
    }

    fn of(&self, id: &Id, is: impl Fn(Change) -> bool) -> Option<usize> {
        self.places.get(id)?.iter().copied().find(|place| is(self.all[*place].change))
    }

    fn top(&self, schema: &str, name: &str, is: impl Fn(Change) -> bool) -> Option<usize> {
        self.tops.get(&(schema, name))?.iter().copied().find(|place| is(self.all[*place].change))
    }

    /// A difference of another object of the same table.
    fn sibling(&self, id: &Id, kind: Kind, is: impl Fn(&Difference) -> bool) -> Option<usize> {
        let first = Id { kind: Kind::Database, name: String::new(), ..id.clone() };
        let siblings = self.places.range::<Id, _>(&first..);
        let siblings = siblings.take_while(|(other, _)| other.schema == id.schema && other.parent == id.parent);
        let places = siblings.filter(|(other, _)| other.kind == kind).flat_map(|(_, places)| places).copied();
        places.into_iter().find(|place| is(&self.all[*place]))
    }

    /// The object in the expected catalog, and in the live one.
    fn objects(&self, difference: &Difference) -> (Option<&'a Object>, Option<&'a Object>) {
        let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
        let (expected, live) = (&self.comparison.expected.objects, &self.comparison.live.objects);
        (expected.get(live_id).or_else(|| expected.get(&difference.id)), live.get(live_id))
    }

    /// The cause of a difference, if it is a consequence.
    fn cause(&self, place: usize) -> Option<usize> {
        let difference = &self.all[place];
        let found = self
            .of_the_whole(difference)
            .or_else(|| self.of_itself(difference))
            .or_else(|| self.of_a_constraint(difference))
            .or_else(|| self.of_an_owning_column(difference))
            .or_else(|| self.of_a_column(difference))
            .or_else(|| self.of_a_parent_table(difference))
            .or_else(|| self.of_a_referenced_table(difference))
            .or_else(|| self.of_a_named_object(difference));
        found.filter(|cause| *cause != place)
    }

    /// Whether the application misses a reference column, and its cause alone would break nothing: a view in place of the
    /// table, another definition of a view, the type of a column that was never there.
    fn is_missed_anyway(&self, place: usize, cause: usize) -> bool {
        let Difference { change, id, .. } = &self.all[place];
        let is_read = matches!(change, Change::Missing | Change::Renamed | Change::Differs(Property::Type));
        let is_breaking = |place: usize| weigh(&self.all[place], self.comparison) == Some(Severity::Breaking);
        let is_column = id.kind == Kind::Column && self.comparison.is_contract(id);
        is_column && is_read && is_breaking(place) && !is_breaking(cause)
    }
}

/// Every name that occurs in an object's properties.
fn names(object: &Object) -> BTreeSet<String> {
    let values = object.iter().filter(|(property, _)| !matches!(property, Property::Comment | Property::Owner));
    values.flat_map(|(_, value)| value.parts()).flat_map(|text| words_of(text)).collect()
}
