//! Objects that were renamed or moved: the expected catalog gets the names of the live one, so that the rest can be
//! compared by name.

use std::collections::BTreeMap;

use squawk_syntax::quote::quote_ident;

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference, Found, RenamedColumn, is_cosmetic};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::{Place, Rename};
use crate::schema::names::read_instead;

impl Comparison<'_> {
    /// Adds an expected object under a new name.
    fn add_renamed(&mut self, id: Id, new: Id, object: Object) {
        let origin = self.origins.remove(&id).unwrap_or(id);
        self.origins.insert(new.clone(), origin);
        self.expected.objects.insert(new, object);
    }

    /// Gives an expected object, with what belongs to it, the name that it has in the live catalog.
    pub(super) fn follow(&mut self, change: Change, from: &Id, to: &Id) {
        self.renamed.push(Difference::new(change, from).between(place(change, from), place(change, to)).renamed_to(to));
        let belongs = |id: &Id| {
            !from.name.is_empty() && from.parent.is_empty() && id.schema == from.schema && id.parent == from.name
        };
        let moved: Vec<Id> = self.expected.objects.keys().filter(|id| *id == from || belongs(id)).cloned().collect();
        for id in moved {
            let object = self.expected.objects.remove(&id).expect("the key was just read");
            let new = match id == *from {
                true => to.clone(),
                false => Id { schema: to.schema.clone(), parent: to.name.clone(), ..id.clone() },
            };
            // Statistics stay in their schema when their table goes to another.
            let stayed = Id { schema: id.schema.clone(), ..new.clone() };
            let is_there = |it: &Id| self.live.objects.contains_key(it);
            let has_stayed = id.kind == Kind::Statistics && !is_there(&new) && is_there(&stayed);
            let new = if has_stayed { stayed } else { new };
            self.add_renamed(id, new, object);
        }
        let bare = |id: &Id| id.name.split('(').next().unwrap_or_default().to_owned();
        match from.kind {
            // A column's name means something with its table only.
            Kind::Column | Kind::Attribute => {
                let (schema, relation) = (to.schema.clone(), to.parent.clone());
                self.columns.push(RenamedColumn { schema, relation, old: bare(from), new: bare(to) });
            }
            // No text that is compared has their names.
            kind if is_cosmetic(kind) => {}
            _ => {
                let place = |id: &Id| Place { schema: id.schema.clone(), name: bare(id) };
                self.normalizer.renames.0.push(Rename::Object { old: place(from), new: place(to) });
            }
        }
        // The name of a cast, a function or an operator contains the names of types.
        let quoted = |id: &Id| format!("{}.{}", quote_ident(&id.schema), quote_ident(&id.name));
        let (old, new) = (quoted(from), quoted(to));
        let renamed: Vec<(Id, String)> = (self.expected.objects.keys())
            .filter(|it| from.parent.is_empty() && !from.schema.is_empty() && it.name.contains(&old))
            .map(|it| (it.clone(), words_renamed(&it.name, &old, &new)))
            .collect();
        for (id, name) in renamed {
            let object = self.expected.objects.remove(&id).expect("the key was just read");
            self.add_renamed(id.clone(), Id { name, ..id }, object);
        }
        // A sequence names the column that owns it.
        let (old, new) = (from.object(), to.object());
        for object in self.expected.objects.values_mut() {
            if let Some(Value::Text(owner)) = object.get_mut(&Property::OwnedBy) {
                if *owner == old {
                    *owner = new.clone();
                } else if let Some(column) = owner.strip_prefix(&format!("{old}.")).filter(|_| from.parent.is_empty()) {
                    *owner = format!("{new}.{column}");
                }
            }
        }
    }

    /// Finds objects that are in the other one of the compared schemas.
    pub(super) fn follow_moves(&mut self) {
        let joined = self.joined();
        let is_top = |id: &Id| id.parent.is_empty() && !id.schema.is_empty() && !id.name.is_empty();
        let unexpected = joined.unexpected.iter().map(|found| found.id).filter(|id| is_top(id));
        let places: BTreeMap<(Kind, &str), &Id> = unexpected.map(|id| ((id.kind, id.name.as_str()), id)).collect();
        let missing = joined.missing.iter().map(|found| found.id).filter(|id| is_top(id));
        let moves: Vec<(Id, Id)> = missing
            .filter_map(|from| Some((from.clone(), (*places.get(&(from.kind, from.name.as_str()))?).clone())))
            .filter(|(from, to)| from.schema != to.schema)
            .collect();
        for (from, to) in moves {
            self.follow(Change::Moved, &from, &to);
        }
    }

    pub(super) fn follow_renames(&mut self) {
        // Relations first, since what belongs to them is looked for under their new names; then columns, which indexes,
        // constraints and sequences name, and what triggers and policies call before these.
        let stage_of = |id: &Id| match id.kind {
            kind if kind.is_relation() || matches!(kind, Kind::Composite | Kind::Domain) => 0,
            Kind::Column | Kind::Attribute => 1,
            _ if id.parent.is_empty() => 2,
            _ => 3,
        };
        for stage in 0..=3 {
            let joined = self.joined();
            // By what characterises them, or by the table that they belong to.
            let mut unexpected: BTreeMap<(Kind, &str, String), Vec<Id>> = BTreeMap::new();
            for Found { id, object } in joined.unexpected {
                let signature = (id.kind, id.schema.as_str(), self.signature(&self.live, id, object));
                unexpected.entry(signature).or_default().push(id.clone());
            }
            let mut renames: Vec<(Id, Id)> = Vec::new();
            for Found { id: from, object } in joined.missing {
                if stage_of(from) != stage || !self.can_be_renamed(from) {
                    continue;
                }
                // A relation of another kind has its name: it was replaced.
                if from.kind.is_relation() && self.live.relation(&from.schema, &from.name).is_some() {
                    continue;
                }
                let signature = (from.kind, from.schema.as_str(), self.signature(&self.expected, from, object));
                let Some(candidates) = unexpected.get_mut(&signature) else { continue };
                let fits =
                    |to: &Id| from.parent.is_empty() || self.is_probably(from, object, to, &self.live.objects[to]);
                let found: Vec<usize> = (0..candidates.len()).filter(|at| fits(&candidates[*at])).collect();
                // Of several candidates none is probable, unless the name is cosmetic.
                if found.len() == 1 || !found.is_empty() && is_cosmetic(from.kind) {
                    renames.push((from.clone(), candidates.remove(found[0])));
                }
            }
            for (from, to) in renames {
                self.follow(Change::Renamed, &from, &to);
            }
        }
    }

    /// What stays the same when an object is renamed. Of what belongs to a table, only the table: the rest is compared
    /// later.
    fn signature(&self, catalog: &Catalog, id: &Id, object: &Object) -> String {
        if !id.parent.is_empty() {
            return id.parent.clone();
        }
        if id.kind.is_relation() || id.kind == Kind::Composite {
            let columns = catalog.children(&id.schema, &id.name);
            let columns = columns.filter(|(id, _)| matches!(id.kind, Kind::Column | Kind::Attribute));
            let described: Vec<String> =
                columns.map(|(id, object)| format!("{} {:?}", id.name, object.get(&Property::Type))).collect();
            // Without columns there is nothing to recognise it by.
            return if described.is_empty() { id.name.clone() } else { described.join(", ") };
        }
        let own: Vec<_> = object.iter().filter(|(property, _)| !INCIDENTAL.contains(property)).collect();
        let arguments = id.name.split_once('(').map(|(_, arguments)| arguments);
        format!("{arguments:?} {own:?}")
    }

    fn can_be_renamed(&self, id: &Id) -> bool {
        let is_named = !matches!(
            id.kind,
            Kind::Schema
                | Kind::Database
                | Kind::Setting
                | Kind::Extension
                | Kind::DefaultPrivileges
                | Kind::Cast
                | Kind::Unmodelled
        );
        // Another column in the place of one that never was is not that one.
        let is_phantom = id.kind == Kind::Column && read_instead(&id.schema, &id.parent, &id.name).is_some();
        is_named && !is_phantom && (id.parent.is_empty() || self.live_parent(id))
    }

    fn live_parent(&self, id: &Id) -> bool {
        self.live.children(&id.schema, &id.parent).next().is_some()
    }

    /// Whether a live object is probably the expected one under another name.
    fn is_probably(&self, from: &Id, expected: &Object, to: &Id, live: &Object) -> bool {
        match from.kind {
            Kind::Column | Kind::Attribute => self.is_probably_column(from, expected, to, live),
            _ => self.is_like(from, expected, live),
        }
    }

    /// The same place, by number, or else by neighbours. Within one database's life nothing else gets a column's number,
    /// whatever becomes of its type and of its NOT NULL, which a primary key forces; otherwise both have to be the same.
    fn is_probably_column(&self, from: &Id, expected: &Object, to: &Id, live: &Object) -> bool {
        let same = |property| expected.get(&property) == live.get(&property);
        let same_neighbours = || {
            before(&self.expected, from, &self.live) == before(&self.live, to, &self.expected)
                && number_after(&self.expected, from) == number_after(&self.live, to)
        };
        let is_alike = same(Property::Type) && same(Property::NotNull);
        match (same(Property::Position), self.keeps_positions(from)) {
            (true, true) => is_alike_in_all(expected, live) || self.open_pairs(from).fits(from, to).is_none(),
            (true, false) => is_alike,
            (false, true) => self.open_pairs(from).fits(from, to) == Some(true),
            (false, false) => is_alike && same_neighbours(),
        }
    }

    /// The columns of a relation that only one of the catalogs has, but for those in the same place that are alike.
    fn open_pairs(&self, column: &Id) -> OpenPairs<'_> {
        let only = |one: &'_ Catalog, other: &'_ Catalog| -> Vec<Id> {
            let children = one.children(&column.schema, &column.parent).filter(|(id, _)| id.kind == column.kind);
            children.filter(|(id, _)| !other.objects.contains_key(*id)).map(|(id, _)| id.clone()).collect()
        };
        let (missing, unexpected) = (only(&self.expected, &self.live), only(&self.live, &self.expected));
        let mut pairs = OpenPairs { expected: &self.expected, live: &self.live, missing, unexpected };
        pairs.leave_out_settled();
        pairs
    }

    /// Whether all other columns of the relation have the same number in both catalogs, as within one database's life:
    /// then a renamed one has kept its number, too.
    fn keeps_positions(&self, column: &Id) -> bool {
        let columns = self.expected.children(&column.schema, &column.parent).filter(|(id, _)| id.kind == column.kind);
        let mut both = columns.filter_map(|(id, expected)| Some((expected, self.live.objects.get(id)?)));
        both.all(|(expected, live)| position(expected) == position(live))
    }

    /// Whether everything that characterises two objects is the same.
    fn is_like(&self, id: &Id, expected: &Object, live: &Object) -> bool {
        let own: Vec<&Property> = expected.keys().chain(live.keys()).filter(|it| !INCIDENTAL.contains(it)).collect();
        let normalizer = self.normalizer(id, live);
        !own.is_empty() && own.into_iter().all(|it| self.same(id, *it, expected.get(it), live.get(it), &normalizer))
    }
}

/// Columns that may be each other's under another name.
struct OpenPairs<'a> {
    expected: &'a Catalog,
    live: &'a Catalog,
    missing: Vec<Id>,
    unexpected: Vec<Id>,
}

impl OpenPairs<'_> {
    /// Leaves out those in the same place that are alike: nothing speaks against them.
    fn leave_out_settled(&mut self) {
        let (expected, live) = (self.expected, self.live);
        let settles = |from: &Id, to: &Id| {
            let (from, to) = (&expected.objects[from], &live.objects[to]);
            position(from) == position(to) && is_alike_in_all(from, to)
        };
        let settled: Vec<(Id, Id)> = (self.missing.iter())
            .filter_map(|from| Some((from.clone(), self.unexpected.iter().find(|to| settles(from, to))?.clone())))
            .collect();
        self.missing.retain(|it| !settled.iter().any(|(from, _)| from == it));
        self.unexpected.retain(|it| !settled.iter().any(|(_, to)| to == it));
    }

    /// Whether all but the place says that the second is the first: nothing, if that isn't known, since no other columns say
    /// that they belong to either, and a type may have been changed with the name.
    fn fits(&self, from: &Id, to: &Id) -> Option<bool> {
        let is_alike = |from: &Id, to: &Id| is_alike_in_all(&self.expected.objects[from], &self.live.objects[to]);
        let of_from: Vec<&Id> = self.unexpected.iter().filter(|it| is_alike(from, it)).collect();
        let of_to: Vec<&Id> = self.missing.iter().filter(|it| is_alike(it, to)).collect();
        let is_held = self.unexpected.iter().any(|it| {
            position(&self.live.objects[it]) == position(&self.expected.objects[from]) && !is_alike(from, it)
        });
        match (&of_from[..], &of_to[..]) {
            ([], []) => None,
            // Another column stands in its place: the table was made in another order.
            ([one], [other]) => Some(is_held && *one == to && *other == from),
            _ => Some(false),
        }
    }
}

/// Whether two columns have the same type, and both or neither of NOT NULL and a default.
fn is_alike_in_all(expected: &Object, live: &Object) -> bool {
    let same = |property| expected.get(&property) == live.get(&property);
    let has_both = |property| expected.contains_key(&property) == live.contains_key(&property);
    same(Property::Type) && same(Property::NotNull) && has_both(Property::Default)
}

fn position(object: &Object) -> Option<u32> {
    object.get(&Property::Position).and_then(|position| position.to_string().parse().ok())
}

/// The columns beside one, with their positions.
fn columns<'a>(catalog: &'a Catalog, column: &'a Id) -> impl Iterator<Item = (&'a Id, Option<u32>)> {
    let children = catalog.children(&column.schema, &column.parent).filter(|(id, _)| id.kind == column.kind);
    children.map(|(id, object)| (id, position(object)))
}

/// The nearest column before one that the other catalog has, too.
fn before<'a>(catalog: &'a Catalog, column: &'a Id, other: &Catalog) -> Option<&'a str> {
    let here = catalog.objects.get(column).and_then(position);
    let known = columns(catalog, column).filter(|(id, at)| *at < here && other.objects.contains_key(id));
    known.max_by_key(|(_, at)| *at).map(|(id, _)| id.name.as_str())
}

fn number_after(catalog: &Catalog, column: &Id) -> usize {
    let here = catalog.objects.get(column).and_then(position);
    columns(catalog, column).filter(|(_, at)| *at > here).count()
}

/// Properties in which a renamed object may differ from what it was.
const INCIDENTAL: [Property; 5] =
    [Property::Comment, Property::Privileges, Property::Revoked, Property::Owner, Property::Constraint];

/// Replaces a name in a text, where it is not a part of a longer name.
fn words_renamed(text: &str, old: &str, new: &str) -> String {
    let is_name = |it: char| it.is_alphanumeric() || it == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        out.push_str(before);
        out.push_str(if before.ends_with(is_name) || after.starts_with(is_name) { old } else { new });
        rest = after;
    }
    out + rest
}

/// The side of a finding: where an object is, or its name.
fn place(change: Change, id: &Id) -> String {
    if change == Change::Moved { format!("in {}", id.schema) } else { id.name.clone() }
}
