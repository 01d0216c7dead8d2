//! Two catalogs side by side, and everything that differs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::quote_ident;

use crate::base::text::plural;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::drift::finding::Change;
use crate::schema::drift::spelling::{self, Lens, words_of};
use crate::schema::names::{CONTRACT_SCHEMA, UNMANAGED_TABLES};

/// What a column without identity is that takes its numbers from a sequence.
pub(crate) const SERIAL: &str = "serial";

/// Something that differs, before it is weighed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) change: Change,
    pub(crate) id: Id,
    pub(crate) role: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
    pub(crate) effects: Vec<String>,
    /// Its name in the live catalog, if that is another.
    pub(crate) live_id: Option<Id>,
}

impl Difference {
    pub(crate) fn new(change: Change, id: &Id) -> Self {
        Self { change, id: id.clone(), role: None, expected: None, actual: None, effects: Vec::new(), live_id: None }
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

    /// For sentences about what else differs: `constraint pad_request.x is missing`.
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

/// What two catalogs don't have in common.
#[derive(Default)]
pub(crate) struct Joined<'a> {
    missing: Vec<(&'a Id, &'a Object)>,
    unexpected: Vec<(&'a Id, &'a Object)>,
    /// In both: as expected, and as it is.
    changed: Vec<(&'a Id, &'a Object, &'a Object)>,
}

/// Two catalogs, the expected one with the names that its objects have in the live one.
pub(crate) struct Comparison<'p> {
    pub(crate) expected: Catalog,
    pub(crate) live: Catalog,
    pub(crate) embedded: bool,
    /// Whether what differs is to be mended: then what nobody expects counts for nothing.
    pub(crate) planning: bool,
    lens: Lens,
    /// Columns under another name: the relation's live name, and both.
    columns: Vec<(String, String, String)>,
    renamed: Vec<Difference>,
    /// The names that expected objects had before they were given their live ones.
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
        let lens = Lens { before_14, ..Lens::default() };
        let mut comparison = Self {
            expected,
            live,
            embedded,
            planning: false,
            lens,
            columns: Vec::new(),
            renamed: Vec::new(),
            origins: BTreeMap::new(),
            inherits,
        };
        comparison.forget_maintain();
        comparison.follow_moves();
        comparison.follow_renames();
        comparison
    }

    /// Whether the object is theirs, of which we rely on a contract.
    pub(crate) fn is_contract(&self, id: &Id) -> bool {
        id.schema == CONTRACT_SCHEMA
    }

    /// The properties that are expected of an object, and those it has.
    pub(crate) fn both(&self, id: &Id) -> (Option<&Object>, Option<&Object>) {
        (self.expected.objects.get(id), self.live.objects.get(id))
    }

    /// MAINTAIN came with 17: between it and older servers it is no difference.
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

    /// What is in one catalog only, and what is in both and not the same. Both are sorted, so that one walk does.
    fn joined(&self) -> Joined<'_> {
        let mut joined = Joined::default();
        let mut live = self.live.objects.iter().peekable();
        for (id, object) in &self.expected.objects {
            while let Some(other) = live.next_if(|it| it.0 < id) {
                joined.unexpected.push(other);
            }
            match live.next_if(|it| it.0 == id) {
                Some((_, other)) if object == other && id.kind != Kind::Unmodelled => {}
                Some((_, other)) => joined.changed.push((id, object, other)),
                None => joined.missing.push((id, object)),
            }
        }
        joined.unexpected.extend(live);
        joined
    }

    fn call(&mut self, id: Id, new: Id, object: Object) {
        let origin = self.origins.remove(&id).unwrap_or(id);
        self.origins.insert(new.clone(), origin);
        self.expected.objects.insert(new, object);
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
        renamed.map(|it| it.0.clone()).or_else(|| Some(self.live.relation(schema, name)?.0.clone()))
    }

    /// What is expected under this name, in the live catalog: a column, say.
    pub(crate) fn live_part(&self, id: &Id) -> Option<&Id> {
        let renamed = self.origins.iter().find(|it| it.1 == id).map(|it| it.0);
        self.live.objects.get_key_value(renamed.unwrap_or(id)).map(|it| it.0)
    }

    /// Gives an expected object, with what belongs to it, the place it has in the live catalog.
    fn follow(&mut self, change: Change, from: &Id, to: &Id) {
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
            self.call(id, new, object);
        }
        let bare = |id: &Id| id.name.split('(').next().unwrap_or_default().to_owned();
        match change {
            Change::Moved => self.lens.renames.push((from.schema.clone(), to.schema.clone())),
            // A column's name means something with its table only.
            _ if matches!(from.kind, Kind::Column | Kind::Attribute) => {
                self.columns.push((to.parent.clone(), bare(from), bare(to)));
            }
            _ => self.lens.renames.push((bare(from), bare(to))),
        }
        // A cast, a function or an operator is called after its types.
        let quoted = |id: &Id| format!("{}.{}", quote_ident(&id.schema), quote_ident(&id.name));
        let (old, new) = (quoted(from), quoted(to));
        let renamed: Vec<(Id, String)> = (self.expected.objects.keys())
            .filter(|it| from.parent.is_empty() && !from.schema.is_empty() && it.name.contains(&old))
            .map(|it| (it.clone(), words_renamed(&it.name, &old, &new)))
            .collect();
        for (id, name) in renamed {
            let object = self.expected.objects.remove(&id).expect("the key was just read");
            self.call(id.clone(), Id { name, ..id }, object);
        }
        // An owned sequence says in words whose it is.
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

    /// A relation of the same name in the other schema that is compared.
    fn follow_moves(&mut self) {
        let joined = self.joined();
        let is_top = |id: &Id| id.parent.is_empty() && !id.schema.is_empty() && !id.name.is_empty();
        let unexpected = joined.unexpected.iter().map(|it| it.0).filter(|id| is_top(id));
        let places: BTreeMap<(Kind, &str), &Id> = unexpected.map(|id| ((id.kind, id.name.as_str()), id)).collect();
        let missing = joined.missing.iter().map(|it| it.0).filter(|id| is_top(id));
        let moves: Vec<(Id, Id)> = missing
            .filter_map(|from| Some((from.clone(), (*places.get(&(from.kind, from.name.as_str()))?).clone())))
            .filter(|(from, to)| from.schema != to.schema)
            .collect();
        for (from, to) in moves {
            self.follow(Change::Moved, &from, &to);
        }
    }

    fn follow_renames(&mut self) {
        // Relations first, since what belongs to them is looked for under their new names.
        for of_relations in [true, false] {
            let joined = self.joined();
            // By what they look like, or else by where they are.
            let mut unexpected: BTreeMap<(Kind, &str, String), Vec<Id>> = BTreeMap::new();
            for (id, object) in joined.unexpected {
                let like = (id.kind, id.schema.as_str(), self.looks(&self.live, id, object));
                unexpected.entry(like).or_default().push(id.clone());
            }
            let mut renames: Vec<(Id, Id)> = Vec::new();
            for (from, object) in joined.missing {
                let is_top = from.kind.is_relation() || from.kind == Kind::Composite || from.kind == Kind::Domain;
                if is_top != of_relations || !self.can_be_renamed(from) {
                    continue;
                }
                // What has its name now is what it has become.
                if from.kind.is_relation() && self.live.relation(&from.schema, &from.name).is_some() {
                    continue;
                }
                let like = (from.kind, from.schema.as_str(), self.looks(&self.expected, from, object));
                let Some(candidates) = unexpected.get_mut(&like) else { continue };
                let fits =
                    |to: &Id| from.parent.is_empty() || self.is_probably(from, object, to, &self.live.objects[to]);
                let found: Vec<usize> = (0..candidates.len()).filter(|at| fits(&candidates[*at])).collect();
                // Of several that would do, none is probable; where nobody uses names, any will do.
                if found.len() == 1 || !found.is_empty() && is_cosmetic(from.kind) {
                    renames.push((from.clone(), candidates.remove(found[0])));
                }
            }
            for (from, to) in renames {
                self.follow(Change::Renamed, &from, &to);
            }
        }
    }

    /// What an object has in common with itself under another name: for what belongs to a table, only the table.
    fn looks(&self, catalog: &Catalog, id: &Id, object: &Object) -> String {
        if !id.parent.is_empty() {
            return id.parent.clone();
        }
        if id.kind.is_relation() || id.kind == Kind::Composite {
            let columns = catalog.children(&id.schema, &id.name);
            let columns = columns.filter(|it| matches!(it.0.kind, Kind::Column | Kind::Attribute));
            let described: Vec<String> =
                columns.map(|(id, object)| format!("{} {:?}", id.name, object.get(&Property::Type))).collect();
            // What has no columns looks like nothing else.
            return if described.is_empty() { id.name.clone() } else { described.join(", ") };
        }
        let own: Vec<_> = object.iter().filter(|it| !BESIDES.contains(it.0)).collect();
        let arguments = id.name.split_once('(').map(|it| it.1);
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
        is_named && (id.parent.is_empty() || self.live_parent(id))
    }

    fn live_parent(&self, id: &Id) -> bool {
        self.live.children(&id.schema, &id.parent).next().is_some()
    }

    /// Whether a live object is the expected one under another name.
    fn is_probably(&self, from: &Id, expected: &Object, to: &Id, live: &Object) -> bool {
        match from.kind {
            // The rows' place: same type, and same number or same neighbour before it.
            Kind::Column | Kind::Attribute => {
                let same = |property| expected.get(&property) == live.get(&property);
                let before = |catalog: &Catalog, id: &Id, other: &Catalog| {
                    let place = |object: &Object| {
                        object.get(&Property::Position).and_then(|it| it.to_string().parse::<u32>().ok())
                    };
                    let here = catalog.objects.get(id).and_then(place);
                    let known = |it: &Id| other.objects.contains_key(it);
                    let columns = catalog.children(&id.schema, &id.parent).filter(|it| it.0.kind == id.kind);
                    columns
                        .filter(|it| place(it.1) < here && known(it.0))
                        .max_by_key(|it| place(it.1))
                        .map(|it| it.0.name.clone())
                };
                let after = |catalog: &Catalog, id: &Id| {
                    let place = |object: &Object| {
                        object.get(&Property::Position).and_then(|it| it.to_string().parse::<u32>().ok())
                    };
                    let here = catalog.objects.get(id).and_then(place);
                    catalog
                        .children(&id.schema, &id.parent)
                        .filter(|it| it.0.kind == id.kind && place(it.1) > here)
                        .count()
                };
                // Within one database's life a column keeps its number.
                let one_life = || {
                    let columns =
                        self.expected.children(&from.schema, &from.parent).filter(|it| it.0.kind == from.kind);
                    let mut others = columns.filter_map(|(id, object)| Some((object, self.live.objects.get(id)?)));
                    others.all(|(one, other)| one.get(&Property::Position) == other.get(&Property::Position))
                };
                same(Property::Type)
                    && same(Property::NotNull)
                    && (same(Property::Position)
                        || !one_life()
                            && before(&self.expected, from, &self.live) == before(&self.live, to, &self.expected)
                            && after(&self.expected, from) == after(&self.live, to))
            }
            _ => self.is_like(from, expected, live),
        }
    }

    /// What makes no difference for an object: renamed columns, if it belongs to their relation or names it.
    pub(crate) fn lens(&self, id: &Id, object: &Object) -> Cow<'_, Lens> {
        if self.columns.is_empty() {
            return Cow::Borrowed(&self.lens);
        }
        let mut words = BTreeSet::from([id.parent.clone(), id.name.clone()]);
        words.extend(object.values().flat_map(Value::parts).flat_map(|it| words_of(it)));
        let mut lens = self.lens.clone();
        let known = self.columns.iter().filter(|it| words.contains(&it.0));
        lens.renames.extend(known.map(|(_, old, new)| (old.clone(), new.clone())));
        Cow::Owned(lens)
    }

    /// Whether all that is characteristic of two objects is the same.
    fn is_like(&self, id: &Id, expected: &Object, live: &Object) -> bool {
        let own: Vec<&Property> = expected.keys().chain(live.keys()).filter(|it| !BESIDES.contains(it)).collect();
        let lens = self.lens(id, live);
        !own.is_empty() && own.into_iter().all(|it| self.same(id.kind, *it, expected.get(it), live.get(it), &lens))
    }

    fn same(
        &self,
        kind: Kind,
        property: Property,
        expected: Option<&Value>,
        live: Option<&Value>,
        lens: &Lens,
    ) -> bool {
        match (expected, live) {
            (Some(Value::List(one)), Some(Value::List(other))) if property == Property::Inherits => {
                one.len() == other.len() && one.iter().zip(other).all(|it| lens.in_words(it.0) == lens.in_words(it.1))
            }
            // The values of a list partition in another order.
            (Some(Value::Text(one)), Some(Value::Text(other))) if property == Property::PartitionBound => {
                let values = |text: &str| {
                    let list = text.strip_prefix("FOR VALUES IN (").and_then(|it| it.strip_suffix(')'))?;
                    Some(list.split(", ").map(str::to_owned).collect::<BTreeSet<String>>())
                };
                one == other || values(one).is_some() && values(one) == values(other)
            }
            (Some(Value::Text(one)), Some(Value::Text(other))) => spelling::same(kind, property, one, other, lens),
            (Some(Value::List(one)), Some(Value::List(other))) if property != Property::Labels => {
                let set = |list: &[String]| list.iter().map(|it| lens.in_words(it)).collect::<BTreeSet<_>>();
                one == other || set(one) == set(other)
            }
            (one, other) => one == other,
        }
    }

    /// Everything that differs, effects and causes alike.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut all = self.renamed.clone();
        let joined = self.joined();
        for (id, object) in joined.missing {
            let replaced = id.kind.is_relation().then(|| self.live.relation(&id.schema, &id.name)).flatten();
            if let Some((other, _)) = replaced {
                let a = |id: &Id| format!("a {}", id.kind.words());
                all.push(Difference::new(Change::Replaced, id).between(a(id), a(other)).renamed_to(other));
            } else if id.kind == Kind::DefaultPrivileges {
                all.extend(self.privileges(id, object, &Object::new()));
            } else {
                all.push(Difference::new(Change::Missing, id).between(self.describe(id, &self.expected), None));
            }
        }
        for (id, object) in joined.unexpected {
            // Of theirs we ask for no more than we rely on.
            if self.embedded && self.is_contract(id) && id.kind != Kind::Unmodelled {
                continue;
            }
            if id.kind.is_relation() && self.expected.relation(&id.schema, &id.name).is_some() {
                continue;
            }
            let change = match id.kind {
                Kind::Unmodelled => Change::Unmodelled,
                Kind::Table | Kind::ForeignTable | Kind::View if UNMANAGED_TABLES.contains(&&*id.name) => {
                    Change::Unmanaged
                }
                Kind::Schema => continue,
                Kind::DefaultPrivileges => {
                    all.extend(self.privileges(id, &Object::new(), object));
                    continue;
                }
                _ => Change::Unexpected,
            };
            all.push(Difference::new(change, id).between(None, self.describe(id, &self.live)));
        }
        let mut reordered: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (id, expected, live) in joined.changed {
            if id.kind == Kind::Unmodelled {
                all.push(Difference::new(Change::Unmodelled, id).between(None, self.describe(id, &self.live)));
            }
            if expected.get(&Property::Position) != live.get(&Property::Position) {
                reordered.insert((&id.schema, &id.parent));
            }
            let properties: BTreeSet<Property> = expected.keys().chain(live.keys()).copied().collect();
            let lens = self.lens(id, live);
            for property in properties {
                let (one, other) = (expected.get(&property), live.get(&property));
                match property {
                    Property::Position | Property::Inherited | Property::Constraint => {}
                    Property::Privileges | Property::Revoked => {}
                    // An owner without a name is not compared.
                    Property::Owner if one.is_none() && self.embedded => {}
                    _ if one.is_none() && self.embedded && self.is_contract(id) && !is_closing(property) => {}
                    _ if self.same(id.kind, property, one, other, &lens) => {}
                    _ => {
                        let (one, mut other) = (one.map(Value::to_string), other.map(Value::to_string));
                        let default = live.get(&Property::Default).map(Value::to_string).unwrap_or_default();
                        if property == Property::Identity && default.starts_with("nextval(") {
                            other = Some(SERIAL.to_owned());
                        }
                        all.push(Difference::new(Change::Differs(property), id).between(one, other));
                    }
                }
            }
            all.extend(self.privileges(id, expected, live));
        }
        for (schema, parent) in reordered {
            all.extend(self.order(schema, parent));
        }
        let relations = |catalog: &'_ Catalog, schema: &str| -> BTreeSet<Id> {
            catalog.objects.keys().filter(|id| id.kind.is_relation() && id.schema == schema).cloned().collect()
        };
        for schema in &self.live.schemas {
            let (expected, live) = (relations(&self.expected, schema), relations(&self.live, schema));
            let id = Id { schema: schema.clone(), parent: String::new(), kind: Kind::Schema, name: String::new() };
            if !expected.is_empty() && expected.is_disjoint(&live) && self.expected.objects.contains_key(&id) {
                let text = self.describe(&id, &self.live);
                all.push(Difference::new(Change::Empty, &id).between(self.describe(&id, &self.expected), text));
            }
        }
        all
    }

    /// Who can do less, and who more.
    fn privileges(&self, id: &Id, expected: &Object, live: &Object) -> Vec<Difference> {
        type Privileges<'a> = BTreeSet<(&'a str, &'a str)>;
        fn parts<'a>(object: &'a Object, property: Property) -> Privileges<'a> {
            let parts = object.get(&property).map(Value::parts).unwrap_or_default();
            parts.iter().filter_map(|it| it.rsplit_once('=')).collect()
        }
        let difference = |one: &Privileges<'_>, other: &Privileges<'_>| -> Vec<(String, String)> {
            let held = |(role, privilege): &(&str, &str)| {
                other.contains(&(role, privilege)) || other.contains(&(role, &format!("{privilege}*")))
            };
            one.iter()
                .filter(|it| !held(it))
                .map(|(role, privilege)| {
                    let plain = privilege.trim_end_matches('*');
                    let text = match plain != *privilege && other.contains(&(role, plain)) {
                        true => format!("grant option for {plain}"),
                        false => privilege.replace('*', " with grant option"),
                    };
                    ((*role).to_owned(), text)
                })
                .collect()
        };
        let (wanted, held) = (parts(expected, Property::Privileges), parts(live, Property::Privileges));
        let (let_go, revoked) = (parts(expected, Property::Revoked), parts(live, Property::Revoked));
        let mut lost: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut gained = lost.clone();
        let owner = live.get(&Property::Owner).or_else(|| expected.get(&Property::Owner)).map(Value::to_string);
        // Who has a privilege through another role, through PUBLIC or as the owner lacks nothing.
        let has_otherwise = |role: &str, privilege: &str| {
            self.inherits.get(role).is_some_and(|others| {
                let is_owner = owner.as_ref().is_some_and(|it| it == role || others.contains(it));
                // What nobody agreed to doesn't last.
                let lasts = |it: &str| !self.planning || wanted.contains(&(it, privilege));
                let held_by = |it: &str| {
                    lasts(it) && (held.contains(&(it, privilege)) || held.contains(&(it, &format!("{privilege}*"))))
                };
                is_owner || held_by("PUBLIC") || others.iter().any(|it| held_by(it))
            })
        };
        let missing = difference(&wanted, &held).into_iter().filter(|it| !has_otherwise(&it.0, &it.1));
        for (role, privilege) in missing.chain(difference(&revoked, &let_go)) {
            lost.entry(role).or_default().push(privilege);
        }
        for (role, privilege) in difference(&held, &wanted).into_iter().chain(difference(&let_go, &revoked)) {
            gained.entry(role).or_default().push(privilege);
        }
        let found = |change, roles: BTreeMap<String, Vec<String>>| {
            let owner = owner.clone();
            roles.into_iter().map(move |(role, privileges)| {
                let privileges = privileges.join(", ");
                let (expected, actual) = match change {
                    Change::Lost => (Some(privileges), None),
                    _ => (None, Some(privileges)),
                };
                let role =
                    if role == "{self}" { owner.clone().unwrap_or_else(|| "its owner".to_owned()) } else { role };
                Difference { role: Some(role), ..Difference::new(change, id).between(expected, actual) }
            })
        };
        found(Change::Lost, lost).chain(found(Change::Gained, gained)).collect()
    }

    /// The columns that are out of order: as few as explain it.
    fn order(&self, schema: &str, relation: &str) -> Vec<Difference> {
        let columns = |catalog: &Catalog| -> Vec<Id> {
            let mut columns: Vec<(u32, Id)> = catalog
                .children(schema, relation)
                .filter(|it| matches!(it.0.kind, Kind::Column | Kind::Attribute))
                .filter(|it| self.expected.objects.contains_key(it.0) && self.live.objects.contains_key(it.0))
                .map(|(id, object)| {
                    let place = object.get(&Property::Position).and_then(|it| it.to_string().parse().ok());
                    (place.unwrap_or_default(), id.clone())
                })
                .collect();
            columns.sort();
            columns.into_iter().map(|it| it.1).collect()
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
            .filter(|it| !kept.contains(&it.1))
            .map(|(id, _)| Difference::new(Change::Order, id).between(after(&expected, id), after(&live, id)))
            .collect()
    }

    /// What an object is, for the side that has it.
    fn describe(&self, id: &Id, catalog: &Catalog) -> String {
        let object = catalog.objects.get(id);
        let property = |property| object.and_then(|it| it.get(&property)).map(Value::to_string);
        match id.kind {
            Kind::Schema => {
                let relations =
                    catalog.objects.keys().filter(|it| it.schema == id.schema && it.kind.is_relation()).count();
                format!("schema with {}", plural(relations as u64, "relation", "relations"))
            }
            kind if kind.is_relation() => {
                let count = |kind| catalog.children(&id.schema, &id.name).filter(|it| it.0.kind == kind).count() as u64;
                let mut parts = vec![plural(count(Kind::Column), "column", "columns")];
                let others = [
                    (Kind::Constraint, "constraint", "constraints"),
                    (Kind::Index, "index", "indexes"),
                    (Kind::Trigger, "trigger", "triggers"),
                    (Kind::Policy, "policy", "policies"),
                ];
                for (kind, one, many) in others {
                    if count(kind) > 0 {
                        parts.push(plural(count(kind), one, many));
                    }
                }
                format!("{} with {}", kind.words(), parts.join(", "))
            }
            Kind::Column | Kind::Attribute => {
                let not_null = property(Property::NotNull).map(|_| "not null".to_owned());
                let default = property(Property::Default).map(|it| format!("default {it}"));
                let identity = property(Property::Identity).map(|it| format!("generated {it} as identity"));
                let generated = property(Property::Generated).map(|it| format!("generated {it}"));
                [property(Property::Type), not_null, default, identity, generated]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            Kind::Enum => format!("enum of {}", property(Property::Labels).unwrap_or_default()),
            Kind::Index => {
                let unique = if property(Property::Unique).is_some() { "unique " } else { "" };
                match (property(Property::Definition), property(Property::Constraint)) {
                    (None, Some(constraint)) => format!("the index of {constraint}"),
                    (definition, _) => format!("{unique}{}", definition.unwrap_or_default()),
                }
            }
            Kind::Function | Kind::Procedure | Kind::Aggregate => match property(Property::Returns) {
                Some(returns) => format!("{} returning {returns}", id.kind.words()),
                None => id.kind.words(),
            },
            Kind::Extension => format!("version {}", property(Property::Version).unwrap_or_default()),
            Kind::Policy => {
                let parts = [
                    property(Property::Type),
                    property(Property::Command).map(|it| format!("for {it}")),
                    property(Property::Roles).map(|it| format!("to {it}")),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            Kind::Publication => {
                let tables = property(Property::Tables)
                    .or_else(|| property(Property::AllTables).map(|_| "all tables".to_owned()));
                format!("publication of {}", tables.or_else(|| property(Property::Schemas)).unwrap_or_default())
            }
            Kind::Setting => property(Property::Value).unwrap_or_default(),
            _ => property(Property::Definition).or_else(|| property(Property::Type)).unwrap_or_else(|| id.kind.words()),
        }
    }
}

/// What two objects may differ in and still be one that was renamed.
pub(crate) const BESIDES: [Property; 5] =
    [Property::Comment, Property::Privileges, Property::Revoked, Property::Owner, Property::Constraint];

/// A text with another name where the old one stands as a whole.
pub(crate) fn words_renamed(text: &str, old: &str, new: &str) -> String {
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

/// Where or under which name something is.
pub(crate) fn place(change: Change, id: &Id) -> String {
    if change == Change::Moved { format!("in {}", id.schema) } else { id.name.clone() }
}

/// Kinds whose names nobody uses.
pub(crate) fn is_cosmetic(kind: Kind) -> bool {
    matches!(kind, Kind::Constraint | Kind::Index | Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics)
}

/// What takes rows out of sight, and is never more of what we rely on.
pub(crate) fn is_closing(property: Property) -> bool {
    matches!(property, Property::RowSecurity | Property::RowSecurityForced | Property::Populated)
}

/// A longest run of ascending numbers among distinct ones, not necessarily side by side.
pub(crate) fn longest_increasing(numbers: &[usize]) -> BTreeSet<usize> {
    let mut best: Vec<Vec<usize>> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let longest = (0..place).filter(|it| numbers[*it] < *number).map(|it| &best[it]).max_by_key(|it| it.len());
        let mut run = longest.cloned().unwrap_or_default();
        run.push(*number);
        best.push(run);
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default().into_iter().collect()
}
