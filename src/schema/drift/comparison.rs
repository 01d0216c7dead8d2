//! Two catalogs side by side.

mod describe;
mod differences;
mod order;
pub(crate) mod parameters;
mod privileges;
mod renames;
mod same;
pub(crate) mod serial;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::{Normalizer, words_of};
use crate::schema::names::CONTRACT_SCHEMA;

/// Instead of an identity, for a column that takes its numbers from a sequence by default.
pub(crate) const SERIAL: &str = "serial";

/// Something that differs, before its severity is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) change: Change,
    pub(crate) id: Id,
    pub(crate) role: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
    pub(crate) effects: Vec<String>,
    /// What went with something that is missing, and comes back by statements of its own.
    pub(crate) lost_with_it: Vec<Difference>,
    /// Its name in the live catalog, if that is another.
    pub(crate) live_id: Option<Id>,
}

impl Difference {
    pub(crate) fn new(change: Change, id: &Id) -> Self {
        Self {
            change,
            id: id.clone(),
            role: None,
            expected: None,
            actual: None,
            effects: Vec::new(),
            lost_with_it: Vec::new(),
            live_id: None,
        }
    }

    fn between(mut self, expected: impl Into<Option<String>>, actual: impl Into<Option<String>>) -> Self {
        self.expected = expected.into();
        self.actual = actual.into();
        self
    }

    fn renamed_to(mut self, id: &Id) -> Self {
        self.live_id = Some(id.clone());
        self
    }

    /// For sentences about consequences: `constraint pad_request.x is missing`.
    pub(crate) fn words(&self) -> String {
        let what = match self.change {
            Change::Missing => "is missing".to_owned(),
            Change::Unexpected => "is new".to_owned(),
            Change::Renamed => "is renamed".to_owned(),
            Change::Differs(property) => format!("has another {}", property.to_string().replace('_', " ")),
            other => format!("{other:?}").to_lowercase(),
        };
        format!("{} {} {what}", self.id.kind.words(), self.id.object())
    }
}

/// An object of one of the catalogs.
struct Found<'a> {
    id: &'a Id,
    object: &'a Object,
}

/// An object that both catalogs have, with other properties.
struct Both<'a> {
    id: &'a Id,
    expected: &'a Object,
    live: &'a Object,
}

/// Where two catalogs differ.
#[derive(Default)]
struct Joined<'a> {
    missing: Vec<Found<'a>>,
    unexpected: Vec<Found<'a>>,
    changed: Vec<Both<'a>>,
}

/// A column with another name in the live catalog.
struct RenamedColumn {
    /// The relation's live name: a column's name means something with its relation only.
    schema: String,
    relation: String,
    old: String,
    new: String,
}

/// Two catalogs, the expected one with the names that its objects have in the live one.
pub(crate) struct Comparison<'p> {
    pub(crate) expected: Catalog,
    pub(crate) live: Catalog,
    pub(crate) embedded: bool,
    /// Whether this is for a plan, which revokes privileges that are not expected.
    pub(crate) planning: bool,
    normalizer: Normalizer,
    columns: Vec<RenamedColumn>,
    renamed: Vec<Difference>,
    /// By live name, the names that expected objects have in the expected catalog.
    origins: BTreeMap<Id, Id>,
    inherits: &'p BTreeMap<String, BTreeSet<String>>,
}

impl<'p> Comparison<'p> {
    pub(crate) fn new(
        expected: Catalog,
        live: Catalog,
        embedded: bool,
        inherits: &'p BTreeMap<String, BTreeSet<String>>,
    ) -> Self {
        let before_14 = (expected.major < 14) != (live.major < 14);
        let mut comparison = Self {
            expected,
            live,
            embedded,
            planning: false,
            normalizer: Normalizer { before_14, ..Normalizer::default() },
            columns: Vec::new(),
            renamed: Vec::new(),
            origins: BTreeMap::new(),
            inherits,
        };
        comparison.forget_maintain();
        if before_14 {
            comparison.forget_in();
        }
        comparison.follow_moves();
        comparison.follow_parameters();
        comparison.follow_renames();
        comparison
    }

    /// Whether an object belongs to the reference schema, of which only a contract is checked.
    pub(crate) fn is_contract(&self, id: &Id) -> bool {
        id.schema == CONTRACT_SCHEMA
    }

    /// MAINTAIN came with version 17: against an older server its absence is not reported.
    fn forget_maintain(&mut self) {
        if (self.expected.major < 17) == (self.live.major < 17) {
            return;
        }
        for object in self.expected.objects.values_mut().chain(self.live.objects.values_mut()) {
            for property in [Property::Privileges, Property::Revoked] {
                if let Some(Value::List(list)) = object.get_mut(&property) {
                    list.retain(|it| !it.trim_end_matches('*').ends_with("=MAINTAIN"));
                    if list.is_empty() {
                        object.remove(&property);
                    }
                }
            }
        }
    }

    /// Servers before 14 name a procedure without the word IN, which is how a parameter is without a word.
    fn forget_in(&mut self) {
        for catalog in [&mut self.expected, &mut self.live] {
            let procedures = catalog.objects.keys().filter(|id| id.kind == Kind::Procedure).cloned();
            for id in procedures.collect::<Vec<_>>() {
                let object = catalog.objects.remove(&id).expect("the key was just read");
                let name = id.name.replace("(IN ", "(").replace(", IN ", ", ");
                catalog.objects.insert(Id { name, ..id }, object);
            }
        }
    }

    /// Where the catalogs differ. Both are sorted, so that one walk suffices.
    fn joined(&self) -> Joined<'_> {
        let mut joined = Joined::default();
        let mut live = self.live.objects.iter().peekable();
        let found = |(id, object)| Found { id, object };
        for (id, expected) in &self.expected.objects {
            while let Some(other) = live.next_if(|(other, _)| *other < id) {
                joined.unexpected.push(found(other));
            }
            match live.next_if(|(other, _)| *other == id) {
                Some((_, live)) if expected == live && id.kind != Kind::Unmodelled => {}
                Some((_, live)) => joined.changed.push(Both { id, expected, live }),
                None => joined.missing.push(found((id, expected))),
            }
        }
        joined.unexpected.extend(live.map(found));
        joined
    }

    /// What an expected object is called in the expected catalog, given the name that it has in the live one.
    pub(crate) fn origin_key<'a>(&'a self, id: &'a Id) -> &'a Id {
        self.origins.get(id).unwrap_or(id)
    }

    /// The relation in the live catalog that is expected under this name.
    pub(crate) fn live_name(&self, schema: &str, name: &str) -> Option<Id> {
        let renamed = self.origins.iter().find(|(_, origin)| {
            origin.kind.is_relation() && origin.parent.is_empty() && origin.schema == schema && origin.name == name
        });
        let by_name = || self.live.relation(schema, name).map(|(id, _)| id);
        renamed.map(|(live, _)| live).or_else(by_name).cloned()
    }

    /// What is expected under this name, in the live catalog: a column, say.
    pub(crate) fn live_part(&self, id: &Id) -> Option<&Id> {
        let renamed = self.origins.iter().find(|(_, origin)| *origin == id).map(|(live, _)| live);
        self.live.objects.get_key_value(renamed.unwrap_or(id)).map(|(live, _)| live)
    }

    /// The primary key that a column of the live catalog belongs to, which keeps it NOT NULL.
    pub(crate) fn primary_key_of<'b>(&'b self, live_column: &'b Id) -> Option<&'b Id> {
        let text = |object: &Object, property| object.get(&property).map(Value::to_string).unwrap_or_default();
        let mut all = self.live.children(&live_column.schema, &live_column.parent);
        let key = all.find(|(id, object)| {
            id.kind == Kind::Constraint
                && text(object, Property::Type) == "primary key"
                && key_columns(&text(object, Property::Definition)).any(|name| name == live_column.name)
        });
        key.map(|(id, _)| id)
    }
}

/// The columns in the definition of a key, but for those that it only includes.
fn key_columns(definition: &str) -> impl Iterator<Item = String> {
    let columns = definition.split_once('(').map_or("", |(_, columns)| columns);
    words_of(columns.split(" INCLUDE (").next().unwrap_or_default())
}

/// Kinds whose names no statement of the application needs.
pub(crate) fn is_cosmetic(kind: Kind) -> bool {
    matches!(kind, Kind::Constraint | Kind::Index | Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics)
}
