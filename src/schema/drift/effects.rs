//! One finding for one cause: what differs only because something else does is told with that. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::equality;
use crate::schema::drift::spelling::{Normalizer, words_of};

/// Leaves the causes, with their effects in words.
pub(super) fn one_for_each_cause(all: Vec<Difference>, comparison: &Comparison<'_>) -> Vec<Difference> {
    let causes: Vec<Option<usize>> = {
        let search = Search::new(&all, comparison);
        (0..all.len()).map(|place| search.cause(place)).collect()
    };
    let root = |place: usize| {
        let mut at = place;
        let mut passed = BTreeSet::new();
        while let Some(cause) = causes[at] {
            if !passed.insert(at) {
                // Two that lead to each other: the first of them stands for both.
                let circle = std::iter::successors(Some(at), |it| causes[*it].filter(|next| *next != at));
                return circle.min().unwrap_or(place);
            }
            at = cause;
        }
        at
    };
    let roots: Vec<usize> = (0..all.len()).map(root).collect();
    let mut effects: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (place, difference) in all.iter().enumerate() {
        let root = roots[place];
        // That a thing's parts go, come and are called with it goes without saying.
        if root != place && !is_part(&difference.id, &all[root]) {
            effects.entry(root).or_default().push(difference.words());
        }
    }
    let kept = all.into_iter().enumerate().filter(|(place, _)| roots[*place] == *place);
    kept.map(|(place, difference)| Difference { effects: effects.remove(&place).unwrap_or_default(), ..difference })
        .collect()
}

fn is_part(id: &Id, of: &Difference) -> bool {
    use Change::{Empty, Missing, Replaced, Unexpected, Unmanaged};
    let whole = matches!(of.change, Missing | Unexpected | Unmanaged | Replaced | Empty) && id.schema == of.id.schema;
    let of_schema = of.id.kind == Kind::Schema;
    let of_relation = !id.parent.is_empty() && of.id.parent.is_empty() && id.parent == of.id.name;
    // A sequence is its column's.
    let of_column = id.kind == Kind::Sequence && (of.id.kind == Kind::Column || of.id.kind.is_relation());
    of_column || is_own_index(id, of) || whole && (of_schema || of_relation)
}

/// The index of a constraint, which has its name.
fn is_own_index(id: &Id, of: &Difference) -> bool {
    id.kind == Kind::Index && of.id.kind == Kind::Constraint && id.parent == of.id.parent && id.name == of.id.name
}

struct Search<'a> {
    all: &'a [Difference],
    comparison: &'a Comparison<'a>,
    places: BTreeMap<&'a Id, Vec<usize>>,
    /// The differences of what belongs to nothing, by name.
    tops: BTreeMap<(&'a str, &'a str), Vec<usize>>,
    /// What is missing and could be named by others: name, and place.
    missing: Vec<(String, usize)>,
    /// Columns and domains of another type.
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
                    search.missing.push((name.to_owned(), place));
                }
            }
            if difference.change == Change::Differs(Property::Type) && matches!(id.kind, Kind::Column | Kind::Domain) {
                search.retyped.push(place);
            }
        }
        search
    }

    fn of(&self, id: &Id, is: impl Fn(Change) -> bool) -> Option<usize> {
        self.places.get(id)?.iter().copied().find(|it| is(self.all[*it].change))
    }

    fn top(&self, schema: &str, name: &str, is: impl Fn(Change) -> bool) -> Option<usize> {
        self.tops.get(&(schema, name))?.iter().copied().find(|it| is(self.all[*it].change))
    }

    /// What of a table's own changed so.
    fn sibling(&self, id: &Id, kind: Kind, is: impl Fn(&Difference) -> bool) -> Option<usize> {
        let first = Id { kind: Kind::Database, name: String::new(), ..id.clone() };
        let siblings =
            self.places.range::<Id, _>(&first..).take_while(|it| it.0.schema == id.schema && it.0.parent == id.parent);
        siblings.filter(|it| it.0.kind == kind).flat_map(|it| it.1).copied().find(|it| is(&self.all[*it]))
    }

    /// What an object is in the expected catalog, and in the live one.
    fn objects(&self, difference: &Difference) -> (Option<&'a Object>, Option<&'a Object>) {
        let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
        let (expected, live) = (&self.comparison.expected.objects, &self.comparison.live.objects);
        (expected.get(live_id).or_else(|| expected.get(&difference.id)), live.get(live_id))
    }

    /// The place of what this difference is an effect of.
    fn cause(&self, place: usize) -> Option<usize> {
        let difference = &self.all[place];
        let found = self
            .of_the_whole(difference)
            .or_else(|| self.of_itself(difference))
            .or_else(|| self.of_a_constraint(difference))
            .or_else(|| self.of_an_owning_column(difference))
            .or_else(|| self.of_a_column(difference))
            .or_else(|| self.of_a_parent_table(difference))
            .or_else(|| self.of_what_it_points_at(difference))
            .or_else(|| self.of_what_it_names(difference));
        found.filter(|it| *it != place)
    }

    /// The table is gone or new, and what belongs to it with it; or the schema.
    fn of_the_whole(&self, difference: &Difference) -> Option<usize> {
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

    /// Of two properties that go together, one is the cause.
    fn of_itself(&self, difference: &Difference) -> Option<usize> {
        let Change::Differs(property) = difference.change else { return None };
        let by = |cause| self.of(&difference.id, |it| it == Change::Differs(cause));
        match (difference.id.kind, property) {
            (Kind::Column, Property::Default) => {
                by(Property::Identity).or_else(|| by(Property::Generated)).or_else(|| {
                    // The same value, cast to the new type.
                    by(Property::Type).filter(|_| self.same_but_for_casts(difference, Property::Default))
                })
            }
            (Kind::Column, Property::Collation) => by(Property::Type),
            (Kind::Column, Property::Storage | Property::Compression) => {
                by(Property::Type).or_else(|| by(Property::Collation))
            }
            (Kind::Table, Property::PartitionBound) => by(Property::Inherits),
            (Kind::Sequence, Property::Minimum | Property::Maximum) => by(Property::Type),
            // What an extension has brought is where the extension is.
            (_, Property::Type) => self.all.iter().position(|it| {
                let schemas = it.expected.as_ref().zip(it.actual.as_ref());
                let types = difference.expected.as_ref().zip(difference.actual.as_ref());
                it.change == Change::Differs(Property::InSchema)
                    && schemas.zip(types).is_some_and(|((from, to), (one, other))| {
                        one.replace(&format!("{from}."), &format!("{to}.")) == *other
                    })
            }),
            (Kind::Index, Property::Definition) => {
                by(Property::Options).filter(|_| self.same_but_for_options(difference))
            }
            (Kind::Constraint, Property::Validated) => by(Property::Enforced),
            (Kind::Function | Kind::Procedure, Property::Cost | Property::Rows | Property::Body) => {
                by(Property::Language)
            }
            _ => None,
        }
    }

    fn same_but_for_casts(&self, difference: &Difference, property: Property) -> bool {
        let normalizer = match self.comparison.live.objects.get(&difference.id) {
            Some(object) => self.comparison.normalizer(&difference.id, object).into_owned(),
            None => Normalizer::default(),
        };
        let normalizer = Normalizer { casts: true, ..normalizer };
        match (&difference.expected, &difference.actual) {
            (Some(one), Some(other)) => equality::same(difference.id.kind, property, one, other, &normalizer),
            _ => false,
        }
    }

    /// `WITH (…)` is in an index's definition, and its options are a property of their own.
    fn same_but_for_options(&self, difference: &Difference) -> bool {
        let without = |text: &Option<String>| {
            let text = text.clone().unwrap_or_default();
            match text.split_once(" WITH (") {
                Some((before, after)) => format!("{before}{}", after.split_once(')').map_or("", |it| it.1)),
                None => text,
            }
        };
        without(&difference.expected) == without(&difference.actual)
    }

    /// An index that a constraint has, and columns that a primary key makes NOT NULL.
    fn of_a_constraint(&self, difference: &Difference) -> Option<usize> {
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
                self.sibling(id, Kind::Constraint, |it| {
                    let new = it.live_id.as_ref().is_some_and(|it| names.contains(&it.name));
                    names.contains(&it.id.name) || new
                })
            }
            (Kind::Column, Change::Differs(Property::NotNull)) => self.sibling(id, Kind::Constraint, |it| {
                let (expected, live) = self.objects(it);
                let key = if it.change == Change::Missing { expected } else { live };
                let is_key =
                    key.is_some_and(|it| it.get(&Property::Type).is_some_and(|it| it.to_string() == "primary key"));
                let there =
                    matches!(it.change, Change::Unexpected | Change::Missing | Change::Differs(Property::Definition));
                there && is_key && key.is_some_and(|it| names(it).contains(&id.name))
            }),
            _ => None,
        }
    }

    /// A sequence goes with the column that owns it.
    fn of_an_owning_column(&self, difference: &Difference) -> Option<usize> {
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
            match difference.change {
                Change::Differs(property @ (Property::Owner | Property::Persistence)) => {
                    with_table(Change::Differs(property))
                }
                Change::Differs(Property::Type | Property::Minimum | Property::Maximum | Property::Start) => {
                    with_column(&|it| it == Change::Differs(Property::Type))
                        .or_else(|| with_column(&|it| it == Change::Differs(Property::Identity)))
                }
                Change::Differs(Property::Identity | Property::OwnedBy) => with_column(&|it| {
                    matches!(it, Change::Differs(Property::Identity | Property::Default) | Change::Renamed)
                }),
                Change::Missing | Change::Unexpected => with_column(&|it| {
                    matches!(
                        it,
                        Change::Missing | Change::Unexpected | Change::Differs(Property::Identity | Property::Default)
                    )
                })
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

    /// What is made of a column goes, comes and is retyped with it.
    fn of_a_column(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        let (expected, live) = self.objects(difference);
        match difference.change {
            // A view's columns are what its definition says.
            Change::Missing | Change::Unexpected | Change::Renamed | Change::Order | Change::Differs(_)
                if id.kind == Kind::Column
                    && self.top(&id.schema, &id.parent, |it| it == Change::Differs(Property::Definition)).is_some() =>
            {
                self.top(&id.schema, &id.parent, |it| it == Change::Differs(Property::Definition))
            }
            Change::Missing | Change::Unexpected if !id.parent.is_empty() => {
                let object = if difference.change == Change::Missing { expected? } else { live? };
                let named = match id.kind {
                    // A column is made of others only where it is generated.
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
                let retyped = self.retyped.iter().copied().find(|it| {
                    let column = &self.all[*it].id;
                    if column.kind == Kind::Domain {
                        return column.schema == id.schema && column.name == id.parent;
                    }
                    let is_near =
                        column.schema == id.schema && column.parent == id.parent || named.contains(&column.parent);
                    is_near && named.contains(&column.name)
                })?;
                self.same_but_for_casts(difference, property).then_some(retyped)
            }
            // A view's column, whose type is that of a table's.
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

    /// A partition, or a table that inherits, is changed through its parent.
    fn of_a_parent_table(&self, difference: &Difference) -> Option<usize> {
        let id = &difference.id;
        let table = if id.parent.is_empty() { &id.name } else { &id.parent };
        let parents = |it: &Catalog| -> Vec<String> {
            let inherits = it.relation(&id.schema, table).and_then(|it| it.1.get(&Property::Inherits));
            inherits.map(|it| it.parts().to_vec()).unwrap_or_default()
        };
        let mut all = parents(&self.comparison.expected);
        all.extend(parents(&self.comparison.live));
        // What a partition had from its parent becomes its own, or goes, with the parent.
        if let Some(left) = self.top(&id.schema, table, |it| it == Change::Differs(Property::Inherits))
            && !id.parent.is_empty()
        {
            let (expected, live) = self.objects(difference);
            let object = if difference.change == Change::Missing { expected } else { live };
            let definition = object.and_then(|it| it.get(&Property::Definition));
            let is_parents = |catalog: &Catalog| {
                all.iter().filter_map(|it| it.rsplit_once('.')).any(|(schema, name)| {
                    let mut children = catalog.children(schema, name).filter(|it| it.0.kind == id.kind);
                    children.any(|it| it.1.get(&Property::Definition) == definition)
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
                // An index of a partition has a name of its own.
                let (expected, live) = self.objects(difference);
                let inherited = [expected, live].into_iter().flatten().any(|it| it.contains_key(&Property::Inherited));
                let is_made = matches!(
                    difference.change,
                    Change::Missing | Change::Unexpected | Change::Differs(Property::Definition)
                );
                let has_other_name = matches!(id.kind, Kind::Index | Kind::Constraint) && inherited && is_made;
                has_other_name.then(|| self.sibling(&beside, id.kind, |_| true)).flatten()
            })
        })
    }

    /// A foreign key goes with the table or the key that it points at.
    fn of_what_it_points_at(&self, difference: &Difference) -> Option<usize> {
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
                let key = self.objects(it).0.and_then(|it| it.get(&Property::Type)).map(Value::to_string);
                it.change == Change::Missing && matches!(key.as_deref(), Some("primary key" | "unique"))
            })
        })
    }

    /// What names something that is gone is gone with it.
    fn of_what_it_names(&self, difference: &Difference) -> Option<usize> {
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
            // A column goes with its type. Its sequence goes with the column.
            (Kind::Column, Change::Missing) => words_of(&object.get(&Type)?.to_string()).collect(),
            _ => names(object),
        };
        if difference.id.kind == Kind::Cast {
            named.extend(words_of(&difference.id.name));
        }
        let by_name = self.missing.iter().find(|(name, place)| {
            let is_named = named.contains(name) && self.all[*place].id != difference.id;
            // Two of a kind that are gone don't take each other along, unless one is a view.
            is_named && (self.all[*place].id.kind != difference.id.kind || difference.id.kind == Kind::View)
        });
        by_name.map(|it| it.1).or_else(|| {
            let is_view = matches!(difference.id.kind, Kind::View | Kind::MaterializedView);
            let columns =
                self.all.iter().enumerate().filter(|it| it.1.change == Change::Missing && it.1.id.kind == Kind::Column);
            columns
                .filter(|_| is_view)
                .find(|it| named.contains(&it.1.id.parent) && named.contains(&it.1.id.name))
                .map(|it| it.0)
        })
    }
}

/// Every name that an object's properties have in them.
fn names(object: &Object) -> BTreeSet<String> {
    let texts = object.iter().filter(|it| !matches!(it.0, Property::Comment | Property::Owner));
    texts.flat_map(|it| it.1.parts()).flat_map(|it| words_of(it)).collect()
}
