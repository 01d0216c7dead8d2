//! What stops a step though the objects that are compared don't show it: names that are taken, keys that foreign keys
//! need, row types in use, tables below a managed one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::schema::catalog::{Id, Kind, Object, Property};
use crate::schema::ddl::qualified;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::plan::data::columns;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::nodes::{Node, rank, target_of};
use crate::schema::plan::step::{Action, HazardKind, Left, LockMode, stop};
use crate::schema::plan::surroundings::{Child, Holder, KeyTable, Namespace, PassedOn};

/// PostgreSQL's limit on the columns of a table, dropped ones included.
const COLUMNS: i32 = 1600;

/// PostgreSQL's limit on the bytes of a name.
const NAME: usize = 63;

impl<'a> Planner<'a> {
    /// Adds what stops the steps.
    pub(super) fn foresee(&mut self) {
        let stops = [
            self.taken_names(),
            self.names_on_the_move(),
            self.second_keys(),
            self.interim_constraints(),
            self.other_constraints(),
            self.missing_keys(),
            self.row_types_in_use(),
            self.children_in_the_way(),
            self.held_keys(),
            self.full_tables(),
        ];
        self.left.extend(stops.into_iter().flatten());
    }

    /// Names that something is to get, and that something else has.
    fn taken_names(&self) -> Vec<Left> {
        let mut stops = Vec::new();
        for (id, object) in self.wanted.objects.iter().filter(|(id, _)| id.schema == APPLICATION_SCHEMA) {
            let spaces: &[Namespace] = match id.kind {
                kind if kind.is_relation() => &[Namespace::Relation, Namespace::Type],
                Kind::Composite => &[Namespace::Relation, Namespace::Type],
                Kind::Index | Kind::Sequence => &[Namespace::Relation],
                Kind::Enum | Kind::Domain | Kind::Range | Kind::BaseType => &[Namespace::Type],
                _ => continue,
            };
            let live = self.comparison.live_part(id);
            // In padealing under its own name, or supplied by another sequence.
            if live.is_some_and(|live| live.schema == id.schema && live.name == id.name)
                || live.is_none() && id.kind == Kind::Sequence && !self.needs_sequence(object)
            {
                continue;
            }
            let moving = live.filter(|it| it.schema != id.schema).map(|live| live.name.clone());
            // The array type of a table that moves goes with it; that of a new one gives way.
            let array = moving.as_ref().filter(|_| spaces.contains(&Namespace::Type)).map(|it| format!("_{it}"));
            let names = [Some(id.name.clone()), moving];
            let names = spaces.iter().flat_map(|space| names.iter().flatten().map(move |name| (*space, name.clone())));
            for key in names.chain(array.map(|it| (Namespace::Type, it))) {
                let holder = self.holder(&key);
                if let Some(holder) = holder.filter(|it| self.is_in_the_way(it, id)) {
                    stops.push(taken(id, &key.1, &holder));
                    break;
                }
            }
        }
        stops
    }

    /// Names that indexes and sequences bring along with a table from another schema, and that nothing there is to have.
    fn names_on_the_move(&self) -> Vec<Left> {
        let live = &self.comparison.live.objects;
        let is_moving = |schema: &str, table: &str| {
            let id = Id { schema: schema.to_owned(), parent: String::new(), kind: Kind::Table, name: table.to_owned() };
            live.contains_key(&id) && self.comparison.origin_key(&id).schema == APPLICATION_SCHEMA
        };
        let elsewhere = live.iter().filter(|(id, _)| ![APPLICATION_SCHEMA, CONTRACT_SCHEMA].contains(&&*id.schema));
        let moving = elsewhere.filter(|(id, object)| match id.kind {
            Kind::Index => is_moving(&id.schema, &id.parent),
            // One that nothing owns goes with the default that uses it.
            Kind::Sequence => Self::property(Some(object), Property::OwnedBy)
                .is_none_or(|owner| owner.rsplit_once('.').is_some_and(|(table, _)| is_moving(&id.schema, table))),
            _ => false,
        });
        let unexpected = moving.filter(|(id, _)| self.comparison.origin_key(id).schema != APPLICATION_SCHEMA);
        let taken = unexpected.filter_map(|(id, _)| {
            let holder = self.holder(&(Namespace::Relation, id.name.clone()))?;
            (holder.extension.is_some() || !self.gives_way(&holder)).then(|| taken(id, &id.name, &holder))
        });
        taken.collect()
    }

    /// What has a name in padealing, by what was found beside the objects that are compared, or else by these.
    fn holder(&self, (space, name): &(Namespace, String)) -> Option<Holder> {
        let is_of_space = |kind: Kind| match space {
            Namespace::Relation => kind.is_relation() || matches!(kind, Kind::Composite | Kind::Index | Kind::Sequence),
            Namespace::Type => matches!(kind, Kind::Enum | Kind::Domain | Kind::Range | Kind::BaseType),
        };
        let held = |id: &&Id| id.schema == APPLICATION_SCHEMA && id.name == *name && is_of_space(id.kind);
        let compared = || {
            let id = self.comparison.live.objects.keys().find(held)?;
            let keyword = match id.kind {
                Kind::Composite | Kind::Enum | Kind::Range | Kind::BaseType => "type".to_owned(),
                kind => kind.words(),
            };
            let description = format!("{keyword} {}", qualified(&id.schema, &id.name));
            Some(Holder { description, keyword, id: Some(id.clone()), extension: None })
        };
        self.facts.surroundings.names.get(&(*space, name.clone())).cloned().or_else(compared)
    }

    /// Whether a column that takes numbers will take them from a sequence of its own.
    fn needs_sequence(&self, sequence: &Object) -> bool {
        let owner = Self::property(Some(sequence), Property::OwnedBy).unwrap_or_default();
        let Some((table, column)) = owner.rsplit_once('.') else { return true };
        let mut columns = self.wanted.children(APPLICATION_SCHEMA, table);
        let column = columns.find(|(id, _)| id.kind == Kind::Column && id.name == column);
        let live = column.and_then(|(id, _)| self.comparison.live_part(id)).and_then(|id| self.live(id));
        !live.is_some_and(|it| it.contains_key(&Property::Default) || it.contains_key(&Property::Identity))
    }

    /// Whether what has a name keeps something else from getting it. What belongs to an extension isn't compared.
    fn is_in_the_way(&self, holder: &Holder, id: &Id) -> bool {
        holder.extension.is_some() || holder.id.as_ref() != Some(id) && !self.gives_way(holder)
    }

    /// Whether a step drops what has a name, or gives it another.
    fn gives_way(&self, holder: &Holder) -> bool {
        let Some(id) = &holder.id else { return false };
        let origin = self.comparison.origin_key(id);
        self.dropped.contains(id) || origin.name != id.name || self.is_dropped_with(id)
    }

    /// An index goes with its constraint.
    fn is_dropped_with(&self, id: &Id) -> bool {
        let constraint = Self::property(self.live(id), Property::Constraint);
        constraint.is_some_and(|name| self.dropped.contains(&Id { kind: Kind::Constraint, name, ..id.clone() }))
    }

    /// A table has one primary key.
    fn second_keys(&self) -> Vec<Left> {
        let is_primary =
            |object: &Object| Self::property(Some(object), Property::Type).as_deref() == Some("primary key");
        let wanted =
            self.wanted.objects.iter().filter(|(id, object)| id.kind == Kind::Constraint && is_primary(object));
        let missing = wanted.filter(|(id, _)| self.comparison.live_part(id).is_none());
        let second = missing.filter_map(|(id, _)| {
            let table = self.comparison.live_name(&id.schema, &id.parent)?;
            let mut others = self.comparison.live.children(&table.schema, &table.name);
            let (other, _) = others.find(|(other, object)| {
                other.kind == Kind::Constraint && is_primary(object) && !self.dropped.contains(other)
            })?;
            let reason = format!(
                "{} has the primary key {}, and a table can have one only; drop that one first, if nothing needs it",
                qualified(&table.schema, &table.name),
                other.name
            );
            let sql = format!(
                "alter table {} drop constraint {}",
                qualified(&table.schema, &table.name),
                identifier(&other.name)
            );
            Some(stop("key_taken", id.object(), reason, Some(sql)))
        });
        second.collect()
    }

    /// Constraints of the names that steps use for their own, for a moment.
    fn interim_constraints(&self) -> Vec<Left> {
        let mut stops: BTreeMap<Id, Left> = BTreeMap::new();
        for node in &self.nodes {
            for suffix in ["not_null", "fits"] {
                let name = format!("pad_migrate_{}_{suffix}", node.id.name);
                let start = format!("add constraint {} check", identifier(&name));
                let Some(table) = self.comparison.live_name(&node.id.schema, &node.id.parent) else { continue };
                let id = Id { parent: table.name.clone(), kind: Kind::Constraint, name, schema: table.schema.clone() };
                let adds = node.id.kind == Kind::Column && node.parts.iter().any(|it| it.sql.contains(&start));
                let key = (id.schema.clone(), id.parent.clone(), id.name.clone());
                let is_other = self.facts.surroundings.constraints.contains(&key);
                if adds && (is_other || self.live(&id).is_some()) {
                    let table = qualified(&table.schema, &table.name);
                    let bare = identifier(&id.name);
                    let (how, sql) = match is_other {
                        true => ("rename", format!("rename constraint {bare} to {}", other_name(&id.name))),
                        false => ("drop", format!("drop constraint {bare}")),
                    };
                    let sql = format!("alter table {table} {sql}");
                    let reason =
                        format!("{table} has a constraint {}, whose name a step needs; {how} it first", id.name);
                    stops.insert(id.clone(), stop("name_taken", id.object(), reason, Some(sql)));
                }
            }
        }
        stops.into_values().collect()
    }

    /// Constraints whose names others have that aren't compared.
    fn other_constraints(&self) -> Vec<Left> {
        let created = self.created.iter().filter(|id| id.kind == Kind::Constraint);
        let taken = created.filter_map(|id| {
            let table = self.comparison.live_name(&id.schema, &id.parent)?;
            let key = (table.schema.clone(), table.name.clone(), id.name.clone());
            let table = qualified(&table.schema, &table.name);
            let reason = format!(
                "another constraint of {table}, such as one of NOT NULL, has the name {}, which a step needs; rename it",
                id.name
            );
            let sql =
                format!("alter table {table} rename constraint {} to {}", identifier(&id.name), other_name(&id.name));
            let stop = || stop("name_taken", id.object(), reason, Some(sql));
            self.facts.surroundings.constraints.contains(&key).then(stop)
        });
        taken.collect()
    }

    /// Foreign keys whose target has no key for them.
    fn missing_keys(&self) -> Vec<Left> {
        let mut stops = Vec::new();
        for (id, object) in self.wanted.objects.iter().filter(|(id, _)| id.kind == Kind::Constraint) {
            let definition = Self::property(Some(object), Property::Definition).unwrap_or_default();
            let live = self.comparison.live_part(id);
            if live.is_some_and(|live| !self.recreated.contains(live)) {
                continue;
            }
            let Some((schema, table)) = target_of(&definition) else { continue };
            let Some(target) = self.facts.surroundings.references.get(&(schema.clone(), table.clone())) else {
                continue;
            };
            let own_types = self.types_of(id, &definition);
            let name = qualified(&schema, &table);
            if let Some(reason) = key_obstacle(&name, target, &definition, &own_types, self.is_revision) {
                stops.push(stop("reference_key", id.object(), reason, None));
            }
        }
        stops
    }

    /// The types of a foreign key's own columns.
    fn types_of(&self, id: &Id, definition: &str) -> Vec<String> {
        let own = columns(definition).unwrap_or_default();
        let of_column = |column: &str| {
            let name = column.trim_matches('"').to_owned();
            let id = Id { kind: Kind::Column, name, ..id.clone() };
            Self::property(self.wanted.objects.get(&id), Property::Type).unwrap_or_default()
        };
        own.into_iter().map(of_column).collect()
    }

    /// Tables whose rows get other values or more of them, while a column elsewhere is made of such rows.
    fn row_types_in_use(&self) -> Vec<Left> {
        let mut stops: BTreeMap<(String, String), Left> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| self.writes_rows(node)) {
            let Some(table) = self.comparison.live_name(&node.id.schema, node.id.top()) else { continue };
            let place = (table.schema.clone(), table.name.clone());
            let Some(users) = self.facts.surroundings.row_types.get(&place) else { continue };
            let reason = format!(
                "{} uses its row type; drop the column first, or move its values into columns of their own",
                list(users)
            );
            let left = stop("row_type_used", table.object(), reason, None);
            stops.entry(place).or_insert(left);
        }
        stops.into_values().collect()
    }

    /// Whether PostgreSQL writes new values into every row, which it also does for a default.
    fn writes_rows(&self, node: &Node) -> bool {
        let valued = [Property::Default, Property::Identity, Property::Generated];
        let object = self.wanted.objects.get(&node.id);
        let adds = node.id.kind == Kind::Column
            && node.parts.iter().any(|part| part.action == Action::Create(Kind::Column))
            && valued.iter().any(|it| object.is_some_and(|object| object.contains_key(it)));
        let rewrites = node.parts.iter().flat_map(|it| &it.hazards).any(|it| it.kind == HazardKind::Rewrite);
        adds || rewrites || node.place.rank == rank::ALTER_COLUMN
    }

    /// Tables of other schemas that a step would change with their parent, and others whose columns differ.
    fn children_in_the_way(&self) -> Vec<Left> {
        let mut stops: BTreeMap<String, Left> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| changes_children(node)) {
            let Some(parent) = self.comparison.live_name(&node.id.schema, node.id.top()) else { continue };
            let place = (parent.schema.clone(), parent.name.clone());
            for child in self.facts.surroundings.children.get(&place).into_iter().flatten() {
                if !child.is_outside {
                    if let Some(reason) = self.other_column(node, child) {
                        let left = stop("child_table", parent.object(), reason, None);
                        stops.entry(child.table.clone()).or_insert(left);
                    }
                    continue;
                }
                let reason = format!(
                    "table {} inherits from {}, and would be changed with it; separate it first, and attach it again \
                     afterwards",
                    child.table,
                    qualified(&place.0, &place.1)
                );
                let left = stop("child_table", parent.object(), reason, Some(child.detach.clone()));
                stops.entry(child.table.clone()).or_insert(left);
            }
        }
        stops.into_values().collect()
    }

    /// Why a column that is added can't be added to a table that inherits.
    fn other_column(&self, node: &Node, child: &Child) -> Option<String> {
        let of_type = Self::property(self.wanted.objects.get(&node.id), Property::Type)?;
        let is_new = node.parts.iter().any(|part| part.action == Action::Create(Kind::Column));
        let other = child.columns.get(&node.id.name).filter(|it| is_new && **it != of_type)?;
        let (table, column) = (&child.table, &node.id.name);
        Some(format!(
            "table {table} inherits from it, and has a column {column} of type {other}, where {of_type} is added; rename \
             that column, or separate the tables: {}",
            child.detach
        ))
    }

    /// Constraints and indexes that must be dropped, and that something else depends on.
    fn held_keys(&self) -> Vec<Left> {
        let mut stops = Vec::new();
        for id in self.recreated.iter().filter(|id| matches!(id.kind, Kind::Constraint | Kind::Index)) {
            let held = self.bound_to(id).find(|it| !it.id.as_ref().is_some_and(|id| self.dropped.contains(id)));
            if let Some(dependent) = held {
                let reason = format!(
                    "{} depends on it and isn't managed by pad-migrate; drop it first, recreate it afterwards",
                    dependent.description
                );
                stops.push(stop("key_used", id.object(), reason, None));
            }
        }
        stops
    }

    /// A privilege that a role has passed on can't be revoked from it alone.
    pub(super) fn passed_on(&self, id: &Id, role: &str, revoked: &str) -> Option<Left> {
        let live = self.comparison.live_part(id).unwrap_or(id);
        let (name, column) = match id.kind {
            Kind::Schema => ("", ""),
            Kind::Column => (live.parent.as_str(), live.name.as_str()),
            _ => (live.name.as_str(), ""),
        };
        let place = (live.schema.clone(), name.to_owned());
        let grants = self.facts.surroundings.passed_on.get(&place).into_iter().flatten();
        // What is revoked from a table is revoked from its columns.
        let is_part = |it: &&PassedOn| column.is_empty() || it.column == column;
        let grants = grants.filter(is_part).filter(|it| it.by == role && revoked.contains(&it.privilege));
        let grants: Vec<&PassedOn> = grants.collect();
        let to: BTreeSet<&str> = grants.iter().map(|it| it.to.as_str()).collect();
        let privileges: BTreeSet<&str> = grants.iter().map(|it| it.privilege.as_str()).collect();
        let privileges = list(privileges);
        let sql = self.ddl(self.wanted.objects.get_key_value(id)?.0);
        let sql = sql.privileges(role, false, &format!("grant option for {privileges}"))?;
        let reason = format!(
            "{role} has passed {privileges} on to {}, so it can't be revoked from {role} alone; revoke what it passed \
             on first",
            list(&to)
        );
        let left = stop("privilege_passed_on", format!("{} for {role}", id.object()), reason, Some(sql + " cascade"));
        (!to.is_empty()).then_some(left)
    }

    /// Tables that have no place for their new columns.
    fn full_tables(&self) -> Vec<Left> {
        let mut added: BTreeMap<Id, i32> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.id.kind == Kind::Column) {
            let is_new = node.parts.iter().any(|part| part.action == Action::Create(Kind::Column));
            if let Some(table) = self.comparison.live_name(&node.id.schema, &node.id.parent).filter(|_| is_new) {
                *added.entry(table).or_default() += 1;
            }
        }
        let full = added.into_iter().filter_map(|(table, more)| {
            let width = self.facts.surroundings.widths.get(&(table.schema.clone(), table.name.clone()))?;
            let reason = format!(
                "it has had {width} columns and needs {more} more; PostgreSQL takes {COLUMNS} in all, dropped ones \
                 included; move its rows into a new table first"
            );
            (width + more > COLUMNS).then(|| stop("table_full", table.object(), reason, None))
        });
        full.collect()
    }
}

/// Whether PostgreSQL does the same to the tables that inherit (documentation, ALTER TABLE).
fn changes_children(node: &Node) -> bool {
    let locks = |lock| node.parts.iter().flat_map(|it| &it.hazards).any(|it| it.lock == Some(lock));
    match node.id.kind {
        Kind::Column => locks(LockMode::AccessExclusive),
        Kind::Table => node.place.rank == rank::ALTER_COLUMN,
        Kind::Constraint => node.parts.iter().any(|part| part.sql.to_ascii_lowercase().contains(" check ")),
        _ => false,
    }
}

/// A name for something whose name is needed, as SQL takes it.
pub(super) fn other_name(name: &str) -> String {
    let mut other = name.to_owned();
    while other.len() + "_other".len() > NAME {
        other.pop();
    }
    identifier(&format!("{other}_other"))
}

fn taken(id: &Id, name: &str, holder: &Holder) -> Left {
    let what = format!("{} has the name {name}, which a step needs", holder.description);
    let object = id.object();
    if let Some(extension) = &holder.extension {
        let reason = format!(
            "{what}; it belongs to the extension {extension}: take it out, or move the extension to another schema"
        );
        return stop("name_taken", object, reason, None);
    }
    let place = qualified(APPLICATION_SCHEMA, name);
    let sql = format!("alter {} {place} rename to {}", holder.keyword, other_name(name));
    stop("name_taken", object, format!("{what}; find out who needs it, then rename or drop it"), Some(sql))
}

/// Why a foreign key to a table can't be created.
fn key_obstacle(
    name: &str,
    target: &KeyTable,
    definition: &str,
    own_types: &[String],
    is_revision: bool,
) -> Option<String> {
    if let Some(kind) = &target.other_kind {
        return Some(format!(
            "{name} is a {kind}, and a foreign key can refer to a table only; ask its owners for a table of that name"
        ));
    }
    if target.is_unlogged {
        return Some(format!(
            "{name} is unlogged, and a foreign key of a logged table can refer to a logged table only; ask its owners to \
             run: alter table {name} set logged"
        ));
    }
    let referenced = columns(definition.split_once(" REFERENCES ")?.1)?;
    let referenced: Vec<&str> = referenced.into_iter().map(|it| it.trim_matches('"')).collect();
    let key = list(&referenced);
    if let Some(gone) = referenced.iter().find(|it| !target.columns.contains_key(**it)) {
        return Some(format!("{name} has no column {gone}; ask its owners why"));
    }
    let set: BTreeSet<String> = referenced.iter().map(|it| (*it).to_owned()).collect();
    // A revision's text names no columns: then it is the primary key.
    if is_revision && !(target.primary.len() == referenced.len() && target.primary.iter().all(|it| set.contains(it))) {
        return Some(format!(
            "{name} has no primary key on {key} that a foreign key can refer to; ask its owners for one, valid and \
             not deferrable"
        ));
    }
    if !target.keys.contains(&set) {
        return Some(format!(
            "{name} has no primary key or unique constraint on {key} that a foreign key can refer to; ask its owners \
             for one, valid, not deferrable, and without a condition"
        ));
    }
    referenced.iter().zip(own_types).find_map(|(column, own)| {
        let (of_type, category) = target.columns.get(*column)?;
        (!is_comparable(own, of_type, category))
            .then(|| format!("{name}.{column} is {of_type}, which can't be compared with {own}; ask its owners why"))
    })
}

/// Whether values of one type can be looked up among those of another.
fn is_comparable(own: &str, of_type: &str, category: &str) -> bool {
    let own_category = match own.split('(').next().unwrap_or_default() {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => "N",
        "text" | "character varying" | "character" => "S",
        it if it.starts_with("timestamp") || it == "date" => "D",
        _ => return own == of_type,
    };
    own_category == category
}
