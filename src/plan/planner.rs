//! From two catalogs to steps. Pure.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::quote_ident as identifier;

use super::data::{Fit, fit, refused_by, refused_by_index};
use super::order::{Place, order};
use super::{Answer, Decision, Facts, Hazard, HazardKind, Left, LockMode, Plan, Size, Step};
use crate::catalog::{APPLICATION_SCHEMA, CONTRACT_SCHEMA, Catalog, Id, Kind, MANAGED_TABLES, Object, Property, Value};
use crate::ddl::{Ddl, qualified};
use crate::drift::{Change, Comparison, Difference, Expectation, Parties, Severity, kind_of, severity, words_of};
use crate::guard::{self, Scope};
use crate::revisions::quote_literal as literal;

/// The steps that make the live application schema the expected one.
pub fn plan(expectation: Expectation, live: Catalog, parties: &Parties, facts: &Facts) -> Plan {
    plan_but_moves(expectation, live, parties, facts, None)
}

/// The same, for when a revision has moved what is in a schema by then.
pub(super) fn plan_but_moves(
    expectation: Expectation,
    live: Catalog,
    parties: &Parties,
    facts: &Facts,
    moved_from: Option<&str>,
) -> Plan {
    let (wanted, comparison) = expectation.against(live, parties);
    let mut planner = Planner {
        wanted: &wanted,
        comparison: &comparison,
        facts,
        moved_from,
        nodes: Vec::new(),
        left: Vec::new(),
        questions: Vec::new(),
        asked: BTreeMap::new(),
        made: BTreeSet::new(),
        built: BTreeSet::new(),
        unmade: BTreeSet::new(),
        stuck: BTreeMap::new(),
        retyped: BTreeMap::new(),
        moved: BTreeSet::new(),
        moved_schemas: BTreeSet::new(),
    };
    planner.walk();
    planner.finish()
}

/// When a thing is done, if nothing that it needs comes later.
mod rank {
    pub(super) const SCHEMA: u8 = 0;
    pub(super) const MOVE: u8 = 1;
    pub(super) const RENAME: u8 = 2;
    pub(super) const RENAME_PART: u8 = 3;
    /// Minus what it would be if it were made.
    pub(super) const DROP: u8 = 60;
    /// Whoever is to own something in the schema must be let in first.
    pub(super) const SCHEMA_OWNER: u8 = 61;
    pub(super) const TYPE: u8 = 62;
    pub(super) const SEQUENCE: u8 = 63;
    pub(super) const FUNCTION: u8 = 64;
    pub(super) const TABLE: u8 = 65;
    pub(super) const ALTER_TABLE: u8 = 66;
    pub(super) const ALTER_COLUMN: u8 = 67;
    pub(super) const COLUMN: u8 = 68;
    pub(super) const GENERATED: u8 = 69;
    pub(super) const DEFAULT: u8 = 70;
    pub(super) const CONSTRAINT: u8 = 71;
    pub(super) const INDEX: u8 = 72;
    pub(super) const FOREIGN_KEY: u8 = 73;
    pub(super) const VIEW: u8 = 74;
    pub(super) const VIEW_INDEX: u8 = 75;
    pub(super) const OWNED: u8 = 76;
    pub(super) const ATTACHED: u8 = 77;
    pub(super) const SWITCH: u8 = 78;
    pub(super) const OWNER: u8 = 79;
    pub(super) const PRIVILEGE: u8 = 80;
    pub(super) const DEFAULT_PRIVILEGE: u8 = 81;
    pub(super) const COMMENT: u8 = 82;
}

fn rank_of(kind: Kind) -> u8 {
    match kind {
        Kind::Schema => rank::SCHEMA,
        Kind::Sequence => rank::SEQUENCE,
        Kind::Function | Kind::Procedure | Kind::Aggregate | Kind::Operator => rank::FUNCTION,
        Kind::Table | Kind::ForeignTable => rank::TABLE,
        Kind::Column | Kind::Attribute => rank::COLUMN,
        Kind::Constraint => rank::CONSTRAINT,
        Kind::Index => rank::INDEX,
        Kind::View | Kind::MaterializedView => rank::VIEW,
        Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Statistics => rank::ATTACHED,
        _ => rank::TYPE,
    }
}

/// A statement, and what it may hurt.
struct Part {
    sql: String,
    hazards: Vec<Hazard>,
    can_be_concurrent: bool,
}

impl From<String> for Part {
    fn from(sql: String) -> Self {
        Self { sql, hazards: Vec::new(), can_be_concurrent: false }
    }
}

struct Node {
    place: Place,
    id: Id,
    parts: Vec<Part>,
}

/// What one way or another makes a property what it should be.
enum Way {
    Parts(u8, Vec<Part>),
    /// It is unmade, and made anew.
    Anew,
    /// It stays, and why.
    Leave(String),
    /// It stays because of rows, which the query finds.
    Rows(String, String),
    /// Another difference's way does it.
    Nothing,
}

struct Planner<'a> {
    /// What is expected, by the names that are expected.
    wanted: &'a Catalog,
    /// What is expected and what there is, by the names that there are.
    comparison: &'a Comparison<'a>,
    facts: &'a Facts,
    /// The schema from which a revision moves tables.
    moved_from: Option<&'a str>,
    nodes: Vec<Node>,
    left: Vec<Left>,
    questions: Vec<String>,
    /// The question that was asked for an object.
    asked: BTreeMap<Id, String>,
    /// What is made, new or anew, by the names that are expected.
    made: BTreeSet<Id>,
    /// What has its steps already.
    built: BTreeSet<Id>,
    /// What is unmade before, by the names that there are.
    unmade: BTreeSet<Id>,
    /// Columns that can't get their types, why, and the query that shows the rows.
    stuck: BTreeMap<Id, (String, Option<String>)>,
    /// For each table whose columns get other types: the parts of one statement, and whether they write rows anew.
    retyped: BTreeMap<Id, Vec<(String, bool)>>,
    /// Tables that are in another schema.
    moved: BTreeSet<String>,
    /// The schemas that something is moved from.
    moved_schemas: BTreeSet<String>,
}

impl<'a> Planner<'a> {
    fn ddl(&self, id: &'a Id) -> Ddl<'a> {
        Ddl::new(self.wanted, id)
    }

    fn live(&self, id: &Id) -> Option<&'a Object> {
        self.comparison.live.objects.get(id)
    }

    fn property(object: Option<&Object>, property: Property) -> Option<String> {
        object.and_then(|it| it.get(&property)).map(Value::to_string)
    }

    fn walk(&mut self) {
        let mut differences: Vec<Difference> =
            self.comparison.differences().into_iter().filter(|it| self.is_ours(&it.id)).collect();
        // What belongs to a table that is elsewhere or has another name waits for a person to say so.
        let left_there: Vec<&'a Id> = differences
            .iter()
            .filter(|it| {
                let id = it.live_id.as_ref().map(|it| self.origin(it));
                matches!(it.change, Change::Renamed | Change::Moved)
                    && id.is_some_and(|id| self.is_for_a_person(id, it))
            })
            .filter_map(|it| Some(self.origin(it.live_id.as_ref()?)))
            .collect();
        differences.retain(|it| {
            let id = self.origin(&it.id);
            !left_there
                .iter()
                .any(|table| table.schema == id.schema && !id.parent.is_empty() && table.name == id.parent)
        });
        // Columns are added in their order.
        differences.sort_by_key(|it| {
            let id = self.origin(&it.id);
            let is_new = it.change == Change::Missing && matches!(id.kind, Kind::Column | Kind::Attribute);
            is_new.then(|| (id.parent.clone(), self.position(id)))
        });
        // What is new comes first: the rest asks whether what it belongs to is.
        for difference in &differences {
            let id = self.origin(&difference.id);
            let is_whole = id.kind.is_relation() || matches!(id.kind, Kind::Domain | Kind::Composite | Kind::Schema);
            if difference.change == Change::Missing && is_whole && self.ddl(id).create().is_some() {
                self.made.insert(id.clone());
            }
        }
        let anew = self.made_anew(&differences);
        for id in &anew {
            self.unmake(id);
        }
        for difference in &differences {
            match difference.change {
                Change::Renamed | Change::Moved => self.rename(difference),
                Change::Missing => self.missing(difference),
                Change::Lost | Change::Gained => self.privileges(difference),
                Change::Differs(property) => self.differs(difference, property),
                Change::Order => {
                    let reason = "columns are read by name, and can't change places".to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Unmanaged | Change::Empty | Change::Expired | Change::Unused | Change::Unnamed => {}
                Change::Unexpected if self.is_implied(&difference.id) || self.is_of_unknown(&difference.id) => {}
                Change::Unexpected => {
                    let reason = "nobody expects it, and what nobody expects is left as it is".to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Replaced => {
                    let reason = "something else has its name; find out who made it, and rename or drop it".to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Unmodelled => {
                    let reason = "pad-migrate doesn't know such objects".to_owned();
                    self.leave(difference, reason, None);
                }
            }
        }
        for id in anew {
            let id = self.origin(&id);
            self.make(id);
        }
        self.retype();
    }

    /// The expected name of something that differs. A reference into the catalogs, or the difference's own.
    fn origin(&self, id: &Id) -> &'a Id {
        let key = self.comparison.origin_key(id);
        self.wanted.objects.get_key_value(key).or_else(|| self.comparison.live.objects.get_key_value(id)).map_or(
            // A difference is about something that one catalog has.
            &EMPTY,
            |it| it.0,
        )
    }

    fn position(&self, id: &Id) -> Option<u32> {
        Self::property(self.wanted.objects.get(id), Property::Position)?.parse().ok()
    }

    /// Whether it is in the application schema, or is to be.
    fn is_ours(&self, id: &Id) -> bool {
        let in_schema = |id: &Id| self.comparison.origin_key(id).schema == APPLICATION_SCHEMA;
        let table = Id { parent: String::new(), kind: Kind::Table, name: id.parent.clone(), ..id.clone() };
        in_schema(id) || !id.parent.is_empty() && in_schema(&table)
    }

    /// What comes and goes with something else that does: a key's index, an identity's sequence, a view's columns.
    fn is_implied(&self, id: &Id) -> bool {
        let object = self.live(id).or_else(|| self.wanted.objects.get(id));
        let has = |property| object.is_some_and(|it| it.contains_key(&property));
        match id.kind {
            Kind::Index => has(Property::Constraint) || has(Property::Inherited),
            Kind::Constraint | Kind::Trigger => has(Property::Inherited),
            Kind::Column => has(Property::Inherited) || self.is_of_view(id),
            Kind::Sequence => {
                let owner = Self::property(object, Property::OwnedBy).unwrap_or_default();
                let column = owner.rsplit_once('.').map(|(table, column)| Id {
                    parent: table.to_owned(),
                    kind: Kind::Column,
                    name: column.to_owned(),
                    ..id.clone()
                });
                has(Property::Identity) || column.is_some_and(|it| self.is_unknown(&it))
            }
            _ => false,
        }
    }

    /// Whether it is there, and nobody expects it.
    fn is_unknown(&self, id: &Id) -> bool {
        self.live(id).is_some() && !self.wanted.objects.contains_key(self.comparison.origin_key(id))
    }

    /// Whether it is a part of something that nobody expects.
    fn is_of_unknown(&self, id: &Id) -> bool {
        let kinds =
            [Kind::Table, Kind::View, Kind::MaterializedView, Kind::ForeignTable, Kind::Domain, Kind::Composite];
        let parent = |kind| Id { parent: String::new(), kind, name: id.parent.clone(), ..id.clone() };
        !id.parent.is_empty() && kinds.into_iter().any(|kind| self.is_unknown(&parent(kind)))
    }

    fn is_of_view(&self, id: &Id) -> bool {
        [&self.comparison.live, self.wanted].into_iter().any(|catalog| {
            let relation = catalog.relation(&id.schema, &id.parent);
            relation.is_some_and(|it| matches!(it.0.kind, Kind::View | Kind::MaterializedView))
        })
    }

    fn leave(&mut self, difference: &Difference, reason: String, query: Option<String>) {
        let severity = severity::weigh(difference, self.comparison).unwrap_or(Severity::Info);
        // What rows stand in the way of would be recorded as reached, and isn't.
        let for_rows = query.is_some();
        let query = query.or_else(|| look(&difference.id));
        let is_unknown = matches!(difference.change, Change::Unexpected | Change::Unmodelled);
        let id = &difference.id;
        let left = Left {
            kind: kind_of(id.kind, difference.change),
            object: match &difference.role {
                Some(role) => format!("{} for {role}", id.object()),
                None => id.object(),
            },
            severity,
            reason,
            is_blocking: !is_unknown && (severity == Severity::Breaking || for_rows && severity > Severity::Info),
            query,
        };
        if !self.left.contains(&left) {
            self.left.push(left);
        }
    }

    /// The live table that something belongs to or is, as it is called when the steps run; none, if it is new.
    fn table_of(&self, id: &Id) -> Option<String> {
        let top = id.top();
        let is_made = self.made.iter().any(|it| it.kind.is_relation() && it.schema == id.schema && it.name == top);
        let relation =
            self.wanted.relation(&id.schema, top).or_else(|| self.comparison.live.relation(&id.schema, top))?;
        (!is_made && relation.0.kind == Kind::Table).then(|| qualified(&id.schema, top))
    }

    fn size(&self, id: &Id) -> Option<Size> {
        let top = id.top();
        let live = self.comparison.live_name(&id.schema, top);
        let (schema, name) =
            live.as_ref().map_or((id.schema.as_str(), top), |it| (it.schema.as_str(), it.name.as_str()));
        self.facts.sizes.get(&(schema.to_owned(), name.to_owned())).copied()
    }

    /// What a statement on an existing table may hurt.
    fn on_table(&self, id: &Id, lock: LockMode, kinds: &[HazardKind]) -> Vec<Hazard> {
        let Some(table) = self.table_of(id) else { return Vec::new() };
        let size = self.size(id).map(|it| format!(" ({it})")).unwrap_or_default();
        let kinds = if kinds.is_empty() { &[HazardKind::Lock] } else { kinds };
        kinds
            .iter()
            .map(|kind| {
                let note = match kind {
                    HazardKind::Rewrite => format!("writes {table} and its indexes anew{size}"),
                    HazardKind::Scan => format!("reads {table} from end to end{size}"),
                    HazardKind::IndexBuild => format!("builds an index of {table}{size}"),
                    HazardKind::NotUndone => "revert doesn't bring back what was before".to_owned(),
                    HazardKind::Rename => format!("whoever uses {table} by the other name fails from then on"),
                    HazardKind::Move => format!("whoever uses {table} in its old place fails from then on"),
                    _ => format!("locks {table}, for a moment if nothing else here takes long"),
                };
                let lock = (*kind != HazardKind::NotUndone).then_some(lock);
                Hazard { kind: *kind, lock, table: table.clone(), note }
            })
            .collect()
    }

    fn part(&self, id: &Id, lock: LockMode, kinds: &[HazardKind], sql: String) -> Part {
        Part { hazards: self.on_table(id, lock, kinds), sql, can_be_concurrent: false }
    }

    fn push(&mut self, rank: u8, id: &Id, parts: Vec<Part>) {
        let place = Place { rank, provides: Vec::new(), needs: BTreeSet::new(), is_drop: false };
        if !parts.is_empty() {
            self.nodes.push(Node { place, id: id.clone(), parts });
        }
    }

    /// The name by which others call it, if it can be needed.
    fn provided(id: &Id) -> Vec<String> {
        let stands_alone = id.parent.is_empty() && !matches!(id.kind, Kind::Schema | Kind::Statistics);
        let name = id.name.split('(').next().unwrap_or_default();
        if stands_alone { vec![name.to_owned()] } else { Vec::new() }
    }

    /// The names that stand in an object. What a function's body says in a text is looked up when it runs.
    fn needs(object: Option<&Object>) -> BTreeSet<String> {
        let texts = object.into_iter().flatten().filter(|(property, value)| match property {
            Property::Body => value.to_string().trim_start().starts_with("BEGIN ATOMIC"),
            Property::Comment | Property::Owner | Property::Privileges | Property::Revoked | Property::OwnedBy => false,
            _ => true,
        });
        texts.flat_map(|it| it.1.parts()).flat_map(|it| words_of(it)).collect()
    }

    fn needs_of(&self, catalog: &Catalog, id: &Id) -> BTreeSet<String> {
        let mut needs = Self::needs(catalog.objects.get(id));
        if id.kind.is_relation() || matches!(id.kind, Kind::Composite | Kind::Domain) {
            for (id, object) in catalog.children(&id.schema, &id.name) {
                let inline = id.kind == Kind::Column && !self.is_of_view(id)
                    || id.kind == Kind::Attribute
                    || Ddl::new(catalog, id).is_inline();
                if inline {
                    needs.extend(Self::needs(Some(object)));
                }
            }
        }
        if id.kind == Kind::Operator || id.kind == Kind::Aggregate {
            needs.extend(words_of(&id.name));
        }
        needs
    }

    /// What looks like a table may be another, and who has moved one elsewhere had a reason.
    fn is_for_a_person(&self, id: &Id, difference: &Difference) -> bool {
        let Some(live_id) = &difference.live_id else { return false };
        let is_managed = id.kind == Kind::Table && MANAGED_TABLES.contains(&&*id.name) || id.kind == Kind::Sequence;
        match difference.change {
            Change::Moved => !is_managed || live_id.schema == CONTRACT_SCHEMA,
            _ => matches!(id.kind, Kind::Table | Kind::ForeignTable),
        }
    }

    fn rename(&mut self, difference: &Difference) {
        let Some(live_id) = &difference.live_id else { return };
        let id = self.origin(live_id);
        if self.is_implied(live_id) && !self.is_of_view(live_id) {
            return;
        }
        let sql = if difference.change == Change::Moved {
            Some(self.ddl(id).set_schema(live_id))
        } else {
            // Whatever it belongs to has its expected name by then.
            self.ddl(id).rename(&Id { name: live_id.name.clone(), ..id.clone() })
        };
        // A sequence goes with the table that owns it.
        let owned = Self::property(self.live(live_id), Property::OwnedBy).is_some();
        if difference.change == Change::Moved && id.kind == Kind::Sequence && owned {
            return;
        }
        let Some(sql) = sql else {
            let reason = format!("pad-migrate renames no {}", id.kind.words());
            return self.leave(difference, reason, None);
        };
        if difference.change == Change::Moved && self.is_for_a_person(id, difference) {
            let reason = format!("find out why it is in {}, and have it moved back: {sql}", live_id.schema);
            return self.leave(difference, reason, None);
        }
        if difference.change == Change::Renamed && self.is_for_a_person(id, difference) {
            let reason =
                format!("{} has the same columns; if it is the same table, have it renamed: {sql}", live_id.name);
            let query = format!("select * from {}", qualified(&live_id.schema, &live_id.name));
            return self.leave(difference, reason, Some(query));
        }
        if difference.change == Change::Moved {
            self.moved_schemas.insert(live_id.schema.clone());
        }
        if difference.change == Change::Moved && id.kind == Kind::Table {
            self.moved.insert(id.name.clone());
        }
        if difference.change == Change::Moved && self.moved_from == Some(&live_id.schema) {
            return;
        }
        let (lock, kind) = match (difference.change, id.kind) {
            (Change::Moved, _) => (LockMode::AccessExclusive, HazardKind::Move),
            (_, Kind::Index) => (LockMode::ShareUpdateExclusive, HazardKind::Lock),
            (_, Kind::Table | Kind::Column) => (LockMode::AccessExclusive, HazardKind::Rename),
            _ => (LockMode::AccessExclusive, HazardKind::Lock),
        };
        let rank = match (difference.change, id.parent.is_empty()) {
            (Change::Moved, _) => rank::MOVE,
            (_, true) => rank::RENAME,
            (_, false) => rank::RENAME_PART,
        };
        let mut part = self.part(id, lock, &[kind], sql);
        for hazard in part.hazards.iter_mut().filter(|it| matches!(it.kind, HazardKind::Move | HazardKind::Rename)) {
            let old = match id.parent.as_str() {
                "" => qualified(&live_id.schema, &live_id.name),
                _ => live_id.object(),
            };
            hazard.note = format!(
                "whoever uses {old} fails from then on: it is {}",
                match id.parent.as_str() {
                    "" => qualified(&id.schema, &id.name),
                    _ => id.object(),
                }
            );
        }
        self.push(rank, id, vec![part]);
    }

    /// The expected parent is new, and has this with it.
    fn comes_with_parent(&self, id: &Id) -> bool {
        let parent = |kind| Id { parent: String::new(), kind, name: id.parent.clone(), ..id.clone() };
        let kinds =
            [Kind::Table, Kind::View, Kind::MaterializedView, Kind::ForeignTable, Kind::Domain, Kind::Composite];
        !id.parent.is_empty() && kinds.into_iter().any(|kind| self.made.contains(&parent(kind)))
    }

    /// A partition takes with it what it had from its parent.
    fn leaves_its_parent(&self, id: &Id) -> bool {
        let bound = |catalog: &Catalog| {
            let table = catalog.relation(&id.schema, &id.parent)?;
            table.1.get(&Property::PartitionBound).map(Value::to_string)
        };
        matches!(id.kind, Kind::Constraint | Kind::Index)
            && bound(&self.comparison.live).is_some()
            && bound(self.wanted).is_none()
    }

    fn missing(&mut self, difference: &Difference) {
        let id = self.origin(&difference.id);
        if self.comes_with_parent(id) && id.kind != Kind::Statistics || self.leaves_its_parent(id) {
            return;
        }
        let object = self.wanted.objects.get(id);
        let has = |property| object.is_some_and(|it| it.contains_key(&property));
        let implied = match id.kind {
            Kind::Index => has(Property::Constraint) || has(Property::Inherited),
            Kind::Sequence => has(Property::Identity),
            Kind::Column => has(Property::Inherited) || self.is_of_view(id),
            _ => has(Property::Inherited),
        };
        if implied {
            return;
        }
        if self.ddl(id).create().is_none() {
            let reason = format!("pad-migrate makes no {} like this", id.kind.words());
            return self.leave(difference, reason, None);
        }
        if let Some((reason, query)) = self.obstacle(id) {
            return self.leave(difference, reason, Some(query));
        }
        self.make(id);
    }

    /// Rows that would not be accepted.
    fn obstacle(&mut self, id: &Id) -> Option<(String, String)> {
        self.table_of(id)?;
        let table = self.live_table(id);
        let object = self.wanted.objects.get(id);
        let query = match id.kind {
            Kind::Column => {
                let has = |property| object.is_some_and(|it| it.contains_key(&property));
                let filled = [Property::Default, Property::Identity, Property::Generated].into_iter().any(has);
                if !has(Property::NotNull) || filled {
                    return None;
                }
                format!("select * from {table}")
            }
            Kind::Constraint if Self::property(object, Property::Validated).is_some() => return None,
            Kind::Constraint => {
                let definition = Self::property(object, Property::Definition)?;
                let target = target_of(&definition).map(|it| self.comparison.live_name(&it.0, &it.1));
                let target = target.flatten().map(|it| qualified(&it.schema, &it.name));
                refused_by(&table, &Self::property(object, Property::Type)?, &definition, target.as_deref())?
            }
            Kind::Index if object.is_some_and(|it| it.contains_key(&Property::Unique)) => {
                refused_by_index(&table, &Self::property(object, Property::Definition)?)?
            }
            _ => return None,
        };
        // Without its columns, or under their other names, there is nothing to ask.
        let words = Self::needs(object);
        let columns = self.wanted.children(&id.schema, &id.parent).filter(|it| it.0.kind == Kind::Column);
        let mut named = columns.filter(|it| id.kind != Kind::Column && words.contains(&it.0.name));
        if named.any(|it| self.comparison.live_part(it.0).is_none_or(|live| live.name != it.0.name)) {
            return None;
        }
        let reason = match id.kind {
            Kind::Column => "there are rows, and no value for them: add the column with a default or fill it first",
            _ => "there are rows that it refuses: correct them first",
        };
        self.asked.insert(id.clone(), query.clone());
        self.is_found(query).map(|it| (reason.to_owned(), it))
    }

    /// The query, if rows are known to be there. A question is asked with the names that there are now.
    fn is_found(&mut self, query: String) -> Option<String> {
        let answer = self.facts.answers.get(&query).cloned();
        if !self.questions.contains(&query) {
            self.questions.push(query.clone());
        }
        (answer == Some(Answer::Found)).then_some(query)
    }

    /// Why it is not known whether rows stand in the way.
    fn unverified(&self, query: &str, table: &str) -> Option<Hazard> {
        let note = match self.facts.answers.get(query) {
            Some(Answer::Unknown(why)) => format!("whether rows of {table} stand in the way is not known: {why}"),
            _ => return None,
        };
        Some(Hazard { kind: HazardKind::Unverified, lock: None, table: table.to_owned(), note })
    }

    /// Makes an object, with what belongs to it.
    fn make(&mut self, id: &'a Id) {
        if !self.built.insert(id.clone()) {
            return;
        }
        self.made.insert(id.clone());
        let ddl = self.ddl(id);
        let Some(sql) = ddl.create() else { return };
        let object = self.wanted.objects.get(id);
        let is_foreign_key = Self::property(object, Property::Type).as_deref() == Some("foreign key");
        let rank = match id.kind {
            Kind::Constraint if is_foreign_key => rank::FOREIGN_KEY,
            Kind::Column if object.is_some_and(|it| it.contains_key(&Property::Generated)) => rank::GENERATED,
            Kind::Index if self.is_of_view(id) => rank::VIEW_INDEX,
            kind => rank_of(kind),
        };
        let parts = self.make_parts(id, sql, is_foreign_key);
        let needs = self.needs_of(self.wanted, id);
        let place = Place { rank, provides: Self::provided(id), needs, is_drop: false };
        self.nodes.push(Node { place, id: id.clone(), parts });
        self.furnish(id);
        self.furnish_sequence(id);
        if id.kind.is_relation() || matches!(id.kind, Kind::Domain | Kind::Composite) {
            let children: Vec<&'a Id> = self.wanted.children(&id.schema, &id.name).map(|it| it.0).collect();
            for child in children {
                let of_child = self.ddl(child);
                let comes_along = match child.kind {
                    Kind::Column | Kind::Attribute => true,
                    Kind::Constraint => of_child.is_inline() || matches!(id.kind, Kind::Domain),
                    Kind::Index => of_child.property(Property::Constraint).is_some(),
                    Kind::Statistics => continue,
                    _ => false,
                };
                let inherited = of_child.property(Property::Inherited).is_some();
                if comes_along || inherited {
                    self.furnish(child);
                    self.furnish_sequence(child);
                } else {
                    self.make(child);
                }
            }
        }
    }

    /// The statements that make it, with what they hurt where the table has rows.
    fn make_parts(&mut self, id: &'a Id, sql: String, is_foreign_key: bool) -> Vec<Part> {
        use HazardKind::{IndexBuild, Rewrite, Scan};
        let ddl = self.ddl(id);
        let mut parts = Vec::new();
        match id.kind {
            Kind::Column => {
                let default = ddl.property(Property::Default).unwrap_or_default();
                let each_its_own = ["nextval(", "gen_random_uuid(", "clock_timestamp(", "random("];
                let rewrites = ddl.property(Property::Identity).is_some()
                    || ddl.property(Property::Generated).is_some_and(|it| it.starts_with("stored"))
                    || each_its_own.iter().any(|it| default.contains(it));
                let kinds: &[HazardKind] = if rewrites { &[Rewrite] } else { &[] };
                parts.push(self.part(id, LockMode::AccessExclusive, kinds, sql));
            }
            Kind::Constraint => {
                let kind = ddl.property(Property::Type).unwrap_or_default();
                let lock = if is_foreign_key { LockMode::ShareRowExclusive } else { LockMode::AccessExclusive };
                let two_steps = sql.ends_with(" not valid") && ddl.property(Property::Validated).is_none();
                let kinds: &[HazardKind] = match kind.as_str() {
                    _ if two_steps => &[],
                    "check" | "foreign key" => &[Scan],
                    _ => &[IndexBuild],
                };
                // On a table that is new there is nothing to be careful about.
                let is_new = self.table_of(id).is_none();
                let sql = if is_new && two_steps { sql.trim_end_matches(" not valid").to_owned() } else { sql };
                let mut part = self.part(id, lock, kinds, sql);
                if is_foreign_key {
                    part.hazards.extend(self.on_target(id));
                }
                parts.push(part);
                if two_steps && !is_new {
                    let sql = format!("alter {} validate constraint {}", ddl.owner(), identifier(&id.name));
                    parts.push(self.part(id, LockMode::ShareUpdateExclusive, &[Scan], sql));
                }
            }
            Kind::Index => {
                let mut part = self.part(id, LockMode::Share, &[IndexBuild], sql);
                part.can_be_concurrent = !part.hazards.is_empty();
                parts.push(part);
            }
            Kind::Trigger => parts.push(self.part(id, LockMode::ShareRowExclusive, &[], sql)),
            Kind::Rule | Kind::Policy => parts.push(self.part(id, LockMode::AccessExclusive, &[], sql)),
            Kind::Statistics => parts.push(self.part(id, LockMode::ShareUpdateExclusive, &[], sql)),
            _ => parts.push(Part::from(sql)),
        }
        // Rows that a new constraint refuses.
        if matches!(id.kind, Kind::Constraint | Kind::Index) {
            let questions: Vec<String> = self.asked.get(id).cloned().into_iter().collect();
            if let (Some(table), Some(part)) = (self.table_of(id), parts.last_mut()) {
                part.hazards.extend(questions.iter().filter_map(|it| self.unverified(it, &table)));
            }
        }
        parts
    }

    /// The table of another schema that a foreign key points at.
    fn target_outside(&self, object: Option<&Object>) -> Option<String> {
        let definition = Self::property(object, Property::Definition)?;
        let (schema, name) = target_of(&definition)?;
        let table = Id { schema, parent: String::new(), kind: Kind::Table, name };
        (!self.is_ours(&table)).then(|| qualified(&table.schema, &table.name))
    }

    /// The table of another schema that a column's foreign key points at.
    fn tied_outside(&self, id: &Id) -> Option<String> {
        let constraints =
            self.comparison.live.children(&id.schema, &id.parent).filter(|it| it.0.kind == Kind::Constraint);
        constraints
            .filter(|it| {
                let definition = Self::property(Some(it.1), Property::Definition).unwrap_or_default();
                let own = definition.split(" REFERENCES ").next().unwrap_or_default();
                words_of(own).any(|it| it == id.name)
            })
            .find_map(|it| self.target_outside(Some(it.1)))
    }

    /// The table that a foreign key points at is locked too.
    fn on_target(&self, id: &Id) -> Option<Hazard> {
        let definition = Self::property(self.wanted.objects.get(id), Property::Definition)?;
        let (schema, name) = target_of(&definition)?;
        let lock = Some(LockMode::ShareRowExclusive);
        let table = qualified(&schema, &name);
        if schema != APPLICATION_SCHEMA {
            let note = format!("locks {table} against writing until the transaction ends; reading goes on");
            return Some(Hazard { kind: HazardKind::ReferenceLock, lock, table, note });
        }
        let target = Id { schema, parent: String::new(), kind: Kind::Table, name };
        if self.made.contains(&target) || target.name == id.parent {
            return None;
        }
        let note = format!("locks {table}, for a moment if nothing else here takes long");
        Some(Hazard { kind: HazardKind::Lock, lock, table, note })
    }

    /// What is said of an object in statements of its own, once it is made: owner, privileges, comment and so on.
    fn furnish(&mut self, id: &'a Id) {
        let ddl = self.ddl(id);
        let Some(object) = self.wanted.objects.get(id) else { return };
        let nothing = Object::new();
        for (property, value) in object {
            let applies = match property {
                Property::Comment | Property::Owner | Property::OwnedBy => true,
                Property::Statistics | Property::Storage | Property::Compression => {
                    id.kind == Kind::Column || id.kind == Kind::Index
                }
                Property::Options => id.kind == Kind::Column,
                Property::Enabled => matches!(id.kind, Kind::Trigger | Kind::Rule) && value.to_string() != "yes",
                Property::RowSecurity
                | Property::RowSecurityForced
                | Property::ReplicaIdentity
                | Property::Clustered
                | Property::Target
                | Property::OfType => true,
                _ => false,
            };
            let implied = id.kind == Kind::Sequence && object.contains_key(&Property::Identity);
            if !applies || implied && matches!(property, Property::OwnedBy | Property::Owner) {
                continue;
            }
            for sql in ddl.alter(*property, Some(&nothing)).unwrap_or_default() {
                self.push(rank_of_property(id.kind, *property), id, vec![Part::from(sql)]);
            }
        }
        self.grants(id, object);
    }

    /// An identity column has a sequence, which comes with it.
    fn furnish_sequence(&mut self, id: &Id) {
        let own: Vec<&'a Id> = self.own_sequences(id).map(|it| it.0).collect();
        own.into_iter().for_each(|it| self.furnish(it));
    }

    /// Whether a column takes no numbers, and a sequence is there whose name its own would have.
    fn has_sequence_for(&self, id: &Id, live: Option<&Object>) -> bool {
        let takes = [Property::Default, Property::Identity];
        let takes_none = !takes.iter().any(|it| live.is_some_and(|live| live.contains_key(it)));
        takes_none && self.own_sequences(id).any(|it| self.live(it.0).is_some())
    }

    /// The sequences that come with a column.
    fn own_sequences(&self, id: &Id) -> impl Iterator<Item = (&'a Id, &'a Object)> {
        let owner = (id.kind == Kind::Column).then(|| format!("{}.{}", id.parent, id.name));
        let schema = id.schema.clone();
        self.wanted.objects.iter().filter(move |(sequence, object)| {
            let owned_by = Self::property(Some(object), Property::OwnedBy);
            sequence.kind == Kind::Sequence
                && sequence.schema == schema
                && object.contains_key(&Property::Identity)
                && owned_by.is_some()
                && owned_by == owner
        })
    }

    /// The privileges of something new. Default privileges may give more than is expected.
    fn grants(&mut self, id: &'a Id, object: &Object) {
        let ddl = self.ddl(id);
        let list = |property| object.get(&property).map(Value::parts).unwrap_or_default();
        let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let owner = Self::property(Some(object), Property::Owner);
        for item in list(Property::Privileges) {
            let Some((role, privilege)) = item.rsplit_once('=') else { continue };
            if role != "{self}" {
                given.entry(role).or_default().push(privilege.replace('*', " with grant option"));
            }
        }
        let word = match id.kind {
            Kind::Sequence => "sequences",
            Kind::Function | Kind::Procedure | Kind::Aggregate => "functions",
            kind if kind.is_relation() => "tables",
            Kind::Schema => "schemas",
            Kind::Enum | Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType => "types",
            _ => "",
        };
        let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let defaults = self.comparison.live.objects.iter().filter(|it| it.0.kind == Kind::DefaultPrivileges);
        for (_, object) in defaults.filter(|it| it.0.name.split(' ').next() == Some(word)) {
            let items = object.get(&Property::Privileges).map(Value::parts).unwrap_or_default();
            for (role, privilege) in items.iter().filter_map(|it| it.rsplit_once('=')) {
                let plain = privilege.trim_end_matches('*');
                let is_given = given.get(role).is_some_and(|it| it.iter().any(|it| it.starts_with(plain)));
                if !is_given && role != "{self}" && Some(role) != owner.as_deref() {
                    taken.entry(role.to_owned()).or_default().insert(plain.to_owned());
                }
            }
        }
        for item in list(Property::Revoked) {
            let Some((role, privilege)) = item.rsplit_once('=') else { continue };
            let role = if role == "{self}" { owner.clone().unwrap_or_default() } else { role.to_owned() };
            if !role.is_empty() {
                taken.entry(role).or_default().insert(privilege.trim_end_matches('*').to_owned());
            }
        }
        let taken = taken.into_iter().filter_map(|(role, privileges)| {
            ddl.privileges(&role, false, &privileges.into_iter().collect::<Vec<_>>().join(", "))
        });
        let mut parts: Vec<Part> = taken.map(Part::from).collect();
        for (role, privileges) in given {
            let (more, plain): (Vec<String>, Vec<String>) =
                privileges.into_iter().partition(|it| it.ends_with(" with grant option"));
            for list in [plain, more].into_iter().filter(|it| !it.is_empty()) {
                parts.extend(ddl.privileges(role, true, &list.join(", ")).map(Part::from));
            }
        }
        self.push(rank::PRIVILEGE, id, parts);
    }

    fn privileges(&mut self, difference: &Difference) {
        let id = self.origin(&difference.id);
        let is_grant = difference.change == Change::Lost;
        let text = if is_grant { &difference.expected } else { &difference.actual };
        let (Some(role), Some(text)) = (&difference.role, text) else { return };
        if self.made.contains(id) || self.comes_with_parent(id) {
            return;
        }
        // What differs in the right to grant it on only is said privilege by privilege.
        let mut groups: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
        for item in text.split(", ") {
            let group = match () {
                () if item.starts_with("grant option for ") => 1,
                () if item.ends_with(" with grant option") => 2,
                () => 0,
            };
            groups.entry(group).or_default().push(item.trim_start_matches("grant option for "));
        }
        let ddl = self.ddl(id);
        let statements = groups.into_iter().map(|(group, items)| {
            let prefix = if group == 1 { "grant option for " } else { "" };
            ddl.privileges(role, is_grant, &format!("{prefix}{}", items.join(", ")))
        });
        let Some(statements) = statements.collect::<Option<Vec<String>>>() else {
            let reason = format!("pad-migrate changes no privileges on a {}", id.kind.words());
            return self.leave(difference, reason, None);
        };
        let rank = if id.kind == Kind::DefaultPrivileges { rank::DEFAULT_PRIVILEGE } else { rank::PRIVILEGE };
        let mut parts: Vec<Part> = statements.into_iter().map(Part::from).collect();
        if !is_grant {
            let note = format!("{role} can't {text} on {} any more: whoever relies on it fails", id.object());
            let hazard = Hazard { kind: HazardKind::Revoke, lock: None, table: id.object(), note };
            parts.iter_mut().for_each(|it| it.hazards.push(hazard.clone()));
        }
        self.push(rank, id, parts);
    }

    fn differs(&mut self, difference: &Difference, property: Property) {
        let id = self.origin(&difference.id);
        if self.unmade.contains(&difference.id) || self.comes_with_parent(id) {
            return;
        }
        let way = self.way(id, difference, property);
        let implied = self.is_implied(&difference.id)
            && !matches!(
                property,
                Property::Comment
                    | Property::Default
                    | Property::Enabled
                    | Property::Options
                    | Property::Statistics
                    | Property::Storage
                    | Property::Compression
                    | Property::Clustered
                    | Property::Valid
                    | Property::Owner
            )
            && !(id.kind == Kind::Sequence && matches!(way, Way::Parts(..)));
        if implied {
            return;
        }
        match way {
            Way::Parts(rank, mut parts) => {
                if let (Some(note), Some(part)) = (overwritten(id, difference, property), parts.first_mut()) {
                    part.hazards.push(note);
                }
                self.push(rank, id, parts);
            }
            Way::Anew | Way::Nothing => {}
            Way::Leave(reason) => self.leave(difference, reason, None),
            Way::Rows(reason, query) => self.leave(difference, reason, Some(query)),
        }
    }

    /// How a property becomes what it should be.
    fn way(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Way {
        use HazardKind::{NotUndone, Rewrite, Scan};
        let live = self.live(&difference.id);
        let ddl = self.ddl(id);
        let exclusive = LockMode::AccessExclusive;
        match (id.kind, property) {
            (Kind::Table | Kind::ForeignTable, Property::Comment) if self.is_note(difference) => Way::Nothing,
            (Kind::Column, Property::Type | Property::Collation) if self.is_of_view(id) => Way::Nothing,
            (Kind::Column, Property::Default) if live.is_some_and(|it| it.contains_key(&Property::Identity)) => {
                Way::Leave("its identity gives it numbers, and goes on doing that".to_owned())
            }
            (Kind::Column, Property::Default) if self.stuck.contains_key(&difference.id) => {
                Way::Leave("the column is of another type".to_owned())
            }
            // A sequence gives it the numbers that an identity would.
            (Kind::Column, Property::Default)
                if self.wanted.objects.get(id).is_some_and(|it| it.contains_key(&Property::Identity)) =>
            {
                Way::Nothing
            }
            (Kind::Column, Property::Type) => self.column_type(id, difference),
            // Together with the type, if that differs too.
            (Kind::Column, Property::Collation) => {
                let wanted = self.wanted.objects.get(id);
                let retyped = Self::property(wanted, Property::Type) != Self::property(live, Property::Type);
                if let Some((reason, _)) = self.stuck.get(&difference.id).filter(|_| !retyped) {
                    return Way::Leave(reason.clone());
                }
                if !retyped {
                    self.retype_column(id, &Self::property(wanted, Property::Type).unwrap_or_default(), false, true);
                }
                Way::Nothing
            }
            (Kind::Column, Property::Generated) => match (&difference.expected, &difference.actual) {
                (Some(_), None) | (Some(_), Some(_)) => Way::Leave(
                    "what rows have in it would be written over; drop the column and add it again".to_owned(),
                ),
                _ => Way::Parts(
                    rank::DEFAULT,
                    vec![self.part(
                        id,
                        exclusive,
                        &[],
                        format!("alter {} alter column {} drop expression", ddl.owner(), identifier(&id.name)),
                    )],
                ),
            },
            (Kind::Column, Property::NotNull) if difference.expected.is_some() => {
                // A primary key that is made makes it so.
                let column = identifier(&id.name);
                let table = ddl.table();
                let live_column = self.comparison.live_part(id).map_or(column.clone(), |it| identifier(&it.name));
                let query = format!("select * from {} where {live_column} is null", self.live_table(id));
                if let Some(query) = self.is_found(query.clone()) {
                    return Way::Rows("there are rows without a value: fill them first".to_owned(), query);
                }
                let name = identifier(&format!("pad_migrate_{}_not_null", id.name));
                let mut scan = self.part(
                    id,
                    LockMode::ShareUpdateExclusive,
                    &[Scan],
                    format!("alter table {table} validate constraint {name}"),
                );
                scan.hazards.extend(self.unverified(&query, &table));
                Way::Parts(
                    rank::DEFAULT,
                    vec![
                        self.part(
                            id,
                            exclusive,
                            &[],
                            format!("alter table {table} add constraint {name} check ({column} is not null) not valid"),
                        ),
                        scan,
                        self.part(
                            id,
                            exclusive,
                            &[],
                            format!("alter table {table} alter column {column} set not null"),
                        ),
                        self.part(id, exclusive, &[], format!("alter table {table} drop constraint {name}")),
                    ],
                )
            }
            (Kind::Column, Property::Validated) => {
                Way::Leave("NOT NULL holds for new rows only; validate it once no row lacks a value".to_owned())
            }
            // A sequence of that name goes on giving the numbers.
            (Kind::Column, Property::Identity) if difference.expected.is_some() && self.has_sequence_for(id, live) => {
                let (table, column) = (ddl.table(), identifier(&id.name));
                let sequence = self.own_sequences(id).next();
                let sequence = sequence.map(|it| qualified(&it.0.schema, &it.0.name)).unwrap_or_default();
                let name = literal(&sequence);
                Way::Parts(
                    rank::DEFAULT,
                    vec![
                        self.part(
                            id,
                            exclusive,
                            &[],
                            format!("alter table {table} alter column {column} set default nextval({name}::regclass)"),
                        ),
                        Part::from(format!("alter sequence {sequence} owned by {table}.{column}")),
                        Part::from(format!(
                            "select setval({name}, coalesce(greatest(max({column}), 0), 0) + 1, false) from {table}"
                        )),
                    ],
                )
            }
            (Kind::Column, Property::Identity) if difference.expected.is_some() => {
                let not_null = live.is_some_and(|it| it.contains_key(&Property::NotNull));
                match ddl.alter(property, live) {
                    Some(statements) if not_null || !live.is_some_and(|it| it.contains_key(&Property::Identity)) => {
                        let mut parts: Vec<Part> =
                            statements.into_iter().map(|it| self.part(id, exclusive, &[], it)).collect();
                        // Numbers go on after the greatest that is there.
                        if !live.is_some_and(|it| it.contains_key(&Property::Identity)) {
                            let (table, column) = (ddl.table(), identifier(&id.name));
                            let sequence = self.own_sequences(id).next();
                            let sequence = sequence.map(|it| qualified(&it.0.schema, &it.0.name)).unwrap_or_default();
                            let sequence = literal(&sequence);
                            parts.push(Part::from(format!(
                                "select setval({sequence}, coalesce(greatest(max({column}), 0), 0) + 1, false) from {table}"
                            )));
                        }
                        self.furnish_sequence(id);
                        Way::Parts(rank::DEFAULT, parts)
                    }
                    _ => Way::Leave("a sequence gives it the same numbers, and goes on doing that".to_owned()),
                }
            }
            (Kind::Column, Property::Identity) => {
                Way::Leave("its sequence would go with the identity; replace it by hand".to_owned())
            }
            // What is stricter than expected refuses nothing that was accepted.
            (Kind::Constraint, Property::Validated) if difference.expected.is_some() => {
                Way::Leave("it has been validated, which is more than is expected".to_owned())
            }
            (Kind::Constraint, Property::Validated) => {
                if live.is_some_and(|it| it.contains_key(&Property::Enforced)) {
                    return Way::Nothing;
                }
                if let Some((reason, query)) = self.obstacle(id) {
                    return Way::Rows(reason, query);
                }
                let statements = ddl.alter(property, live).unwrap_or_default().into_iter();
                let parts = statements.map(|it| self.part(id, LockMode::ShareUpdateExclusive, &[Scan], it)).collect();
                Way::Parts(rank::FOREIGN_KEY, parts)
            }
            (Kind::Constraint, Property::Triggers) => {
                // `RI_FKey_check_ins on padealing.pad_request is disabled`
                let switched = live.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default();
                let tables = switched.iter().filter_map(|it| it.split_once(" on ")?.1.rsplit_once(" is "));
                let tables: BTreeSet<&str> = tables.map(|it| it.0).collect();
                if difference.expected.is_some() || !tables.iter().all(|it| it.starts_with("padealing.")) {
                    return Way::Leave("only a superuser may switch a foreign key's triggers".to_owned());
                }
                let parts = tables.into_iter().map(|it| Part::from(format!("alter table {it} enable trigger all")));
                Way::Parts(rank::ATTACHED, parts.collect())
            }
            (Kind::Table, Property::Persistence) => {
                let statements = ddl.alter(property, live).unwrap_or_default().into_iter();
                Way::Parts(rank::ALTER_TABLE, statements.map(|it| self.part(id, exclusive, &[Rewrite], it)).collect())
            }
            // A typed table inherits nothing.
            (Kind::Table, Property::OfType) if difference.expected.is_none() => {
                let statements = ddl.alter(property, live).unwrap_or_default().into_iter();
                Way::Parts(rank::TABLE, statements.map(|it| self.part(id, exclusive, &[], it)).collect())
            }
            (Kind::Table, Property::Inherits | Property::PartitionBound) => match ddl.alter(property, live) {
                Some(statements) => Way::Parts(
                    rank::ALTER_TABLE,
                    statements.into_iter().map(|it| self.part(id, exclusive, &[Scan, NotUndone], it)).collect(),
                ),
                None => Way::Leave("which rows belong where is for a person to say".to_owned()),
            },
            (Kind::View, Property::Definition) if self.can_be_replaced(id, &difference.id) => {
                let needs = self.needs_of(self.wanted, id);
                if let Some(sql) = ddl.create() {
                    let place = Place { rank: rank::VIEW, provides: Self::provided(id), needs, is_drop: false };
                    self.nodes.push(Node { place, id: id.clone(), parts: vec![Part::from(sql)] });
                }
                Way::Nothing
            }
            (Kind::Index, Property::Valid) if difference.expected.is_none() => {
                let statements = ddl.alter(property, live).unwrap_or_default().into_iter();
                let parts = statements.map(|it| Part {
                    can_be_concurrent: true,
                    ..self.part(id, LockMode::Share, &[HazardKind::IndexBuild], it)
                });
                Way::Parts(rank::INDEX, parts.collect())
            }
            (Kind::Sequence, Property::Identity) => Way::Nothing,
            // With another type it has that type's limits.
            (Kind::Sequence, Property::Minimum | Property::Maximum)
                if ddl.has_usual_limit(property)
                    && Self::property(live, Property::Type) != ddl.property(Property::Type) =>
            {
                Way::Nothing
            }
            _ if is_made_anew(id.kind, property, &ddl, live) => Way::Anew,
            _ => match ddl.alter(property, live) {
                Some(statements) => {
                    let part = |sql: String| match id.kind {
                        Kind::Table | Kind::Column | Kind::Constraint | Kind::Trigger | Kind::Rule | Kind::Policy
                            if !matches!(property, Property::Comment) =>
                        {
                            let lock = match property {
                                Property::Statistics
                                | Property::Options
                                | Property::ToastOptions
                                | Property::Clustered => LockMode::ShareUpdateExclusive,
                                Property::Enabled => LockMode::ShareRowExclusive,
                                _ => exclusive,
                            };
                            self.part(id, lock, &[], sql)
                        }
                        _ => Part::from(sql),
                    };
                    Way::Parts(
                        rank_of_property(id.kind, property).max(rank_of(id.kind)),
                        statements.into_iter().map(part).collect(),
                    )
                }
                None => Way::Leave(format!(
                    "no statement changes the {} of a {} and keeps what it has",
                    property.to_string().replace('_', " "),
                    id.kind.words()
                )),
            },
        }
    }

    /// The comment of a table that a revision has moved, or moves: it says so, for the way down, and what it said before.
    fn is_note(&self, difference: &Difference) -> bool {
        let is_moving = self.moved_from == Some(&difference.id.schema);
        is_moving || difference.actual.as_ref().is_some_and(|it| it.starts_with(crate::revisions::MOVED_NOTE))
    }

    /// The table as it is called before any step.
    fn live_table(&self, id: &Id) -> String {
        match self.comparison.live_name(&id.schema, id.top()) {
            Some(live) => qualified(&live.schema, &live.name),
            None => qualified(&id.schema, id.top()),
        }
    }

    fn column_type(&mut self, id: &'a Id, difference: &Difference) -> Way {
        let live = self.live(&difference.id);
        let (Some(from), Some(to)) =
            (Self::property(live, Property::Type), Self::property(self.wanted.objects.get(id), Property::Type))
        else {
            return Way::Nothing;
        };
        if live.is_some_and(|it| it.contains_key(&Property::Inherited)) {
            return Way::Nothing;
        }
        match self.stuck.get(&difference.id).cloned() {
            Some((reason, Some(query))) => return Way::Rows(reason, query),
            Some((reason, None)) => return Way::Leave(reason),
            None => {}
        }
        let (column, live_column) = (identifier(&id.name), identifier(&difference.id.name));
        match fit(&column, &from, &to, &self.comparison.live, self.wanted) {
            Fit::None(reason) => Way::Leave(reason.to_owned()),
            Fit::All { rewrite, cast } => {
                self.retype_column(id, &to, cast, rewrite);
                Way::Nothing
            }
            Fit::Some { condition, cast } => {
                let asked = match fit(&live_column, &from, &to, &self.comparison.live, self.wanted) {
                    Fit::Some { condition, .. } => condition,
                    _ => condition.clone(),
                };
                let query = self.misfits(id, &asked);
                // The constraint is the proof: it locks the table, and refuses what a cast would cut.
                let name = identifier(&format!("pad_migrate_{}_fits", id.name));
                let table = self.ddl(id).table();
                let add = format!("alter table {table} add constraint {name} check ({condition})");
                let mut proof = self.part(id, LockMode::AccessExclusive, &[HazardKind::Scan], add);
                proof.hazards.extend(self.unverified(&query, &table));
                let drop = format!("alter table {table} drop constraint {name}");
                let drop = self.part(id, LockMode::AccessExclusive, &[], drop);
                self.push(rank::ALTER_TABLE, id, vec![proof, drop]);
                self.retype_column(id, &to, cast, true);
                Way::Nothing
            }
        }
    }

    /// Adds to the one statement that gives a table's columns their types.
    fn retype_column(&mut self, id: &'a Id, to: &str, cast: bool, rewrite: bool) {
        let column = identifier(&id.name);
        let collation = Self::property(self.wanted.objects.get(id), Property::Collation);
        let collation = collation.map(|it| format!(" collate {it}")).unwrap_or_default();
        let using = if cast { format!(" using {column}::text::{to}") } else { String::new() };
        let mut text = format!("alter column {column} type {to}{collation}{using}");
        let default = Self::property(self.wanted.objects.get(id), Property::Default);
        if let (Some(default), true) = (default, cast) {
            text = format!("alter column {column} drop default, {text}, alter column {column} set default {default}");
        }
        let table = Id { parent: String::new(), kind: Kind::Table, name: id.parent.clone(), ..id.clone() };
        let columns = self.retyped.entry(table).or_default();
        if !columns.iter().any(|it| it.0 == text) {
            columns.push((text, rewrite));
        }
    }

    fn retype(&mut self) {
        for (table, columns) in std::mem::take(&mut self.retyped) {
            let rewrite = columns.iter().any(|it| it.1);
            let kinds: &[HazardKind] = match rewrite {
                true => &[HazardKind::Rewrite, HazardKind::NotUndone],
                false => &[],
            };
            let texts: Vec<String> = columns.into_iter().map(|it| it.0).collect();
            let sql = format!("alter table {} {}", qualified(&table.schema, &table.name), texts.join(",\n    "));
            let part = self.part(&table, LockMode::AccessExclusive, kinds, sql);
            self.push(rank::ALTER_COLUMN, &table, vec![part]);
        }
    }

    /// Whether a view's columns are those that there are, and perhaps more.
    fn can_be_replaced(&self, id: &Id, live_id: &Id) -> bool {
        let columns = |catalog: &'a Catalog, id: &Id| -> Vec<(String, Option<String>)> {
            let whole = catalog.objects.get_key_value(id).map(|it| Ddl::new(catalog, it.0).columns(Kind::Column));
            let names = whole.into_iter().flatten();
            names.map(|it| (it.bare(), it.property(Property::Type))).collect()
        };
        let (wanted, live) = (columns(self.wanted, id), columns(&self.comparison.live, live_id));
        live.len() <= wanted.len() && wanted.iter().zip(&live).all(|(wanted, live)| wanted == live)
    }

    /// What must be unmade and made anew: because a property can't be changed, or because it is in the way of something
    /// that is. By the names that there are.
    fn made_anew(&mut self, differences: &[Difference]) -> BTreeSet<Id> {
        let mut anew: BTreeSet<Id> = BTreeSet::new();
        // Columns whose types change, and everything that is unmade: what stands on them goes too.
        let mut disturbed: Vec<Id> = Vec::new();
        for difference in differences {
            let Change::Differs(property) = difference.change else { continue };
            let (id, live_id) = (self.origin(&difference.id), &difference.id);
            let live = self.live(live_id);
            let of_other_type = |id: &Id| {
                let domain = Id { parent: String::new(), kind: Kind::Domain, name: id.parent.clone(), ..id.clone() };
                let of_type = |catalog: &Catalog| Self::property(catalog.objects.get(&domain), Property::Type);
                of_type(self.wanted) != of_type(&self.comparison.live)
            };
            let is_anew = match (id.kind, property) {
                // It is about another type.
                (Kind::Constraint, _) if of_other_type(id) => {
                    self.leave(difference, "the domain is of another type".to_owned(), None);
                    false
                }
                (Kind::View, Property::Definition) => !self.can_be_replaced(id, live_id),
                (Kind::View, _) => false,
                _ => is_made_anew(id.kind, property, &self.ddl(id), live),
            };
            let can_be = self.ddl(id).create().is_some() && self.ddl(id).drop().is_some();
            let in_the_way = || match self.target_outside(live) {
                Some(target) => Some(format!(
                    "taking it away would lock {target} against everybody until the end: that is for its owners"
                )),
                None => self.unknown_upon(live_id).map(|it| format!("{it}, which nobody expects, is made of it")),
            };
            if let Some(reason) = is_anew.then(in_the_way).flatten() {
                self.leave(difference, reason, None);
                self.unmade.insert(live_id.clone());
            } else if is_anew && can_be && !self.is_implied(live_id) && !self.made.contains(id) {
                // Rows that what is made anew would refuse.
                if let Some((reason, query)) = self.obstacle(id) {
                    self.leave(difference, reason, Some(query));
                    self.unmade.insert(live_id.clone());
                } else if anew.insert(live_id.clone()) {
                    disturbed.push(live_id.clone());
                }
            } else if is_anew && !can_be && !self.is_implied(live_id) {
                let reason = format!("pad-migrate makes no {} anew", id.kind.words());
                self.leave(difference, reason, None);
            } else if id.kind == Kind::Column
                && matches!(property, Property::Type | Property::Collation)
                && !self.is_of_view(id)
            {
                match self.stuck_type(id, difference) {
                    Some(stuck) => {
                        self.stuck.insert(live_id.clone(), stuck);
                    }
                    None => disturbed.push(live_id.clone()),
                }
            }
        }
        let live = &self.comparison.live;
        while let Some(cause) = disturbed.pop() {
            for (id, object) in live.objects.iter().filter(|it| self.is_ours(it.0)) {
                if anew.contains(id) || self.is_implied(id) || !self.stands_on(id, object, &cause) {
                    continue;
                }
                let known = self.wanted.objects.contains_key(self.comparison.origin_key(id));
                let ddl = Ddl::new(live, id);
                if known && ddl.create().is_some() && ddl.drop().is_some() {
                    anew.insert(id.clone());
                    disturbed.push(id.clone());
                }
            }
        }
        anew
    }

    /// What stands on something, however indirectly, and can't be unmade and made again.
    fn unknown_upon(&self, cause: &Id) -> Option<String> {
        let mut seen = BTreeSet::from([cause.clone()]);
        let mut causes = vec![cause.clone()];
        while let Some(cause) = causes.pop() {
            for (id, object) in self.comparison.live.objects.iter().filter(|it| self.is_ours(it.0)) {
                if self.is_implied(id) || !self.stands_on(id, object, &cause) || !seen.insert(id.clone()) {
                    continue;
                }
                let ddl = Ddl::new(&self.comparison.live, id);
                if self.is_unknown(id) || ddl.create().is_none() || ddl.drop().is_none() {
                    return Some(format!("{} {}", id.kind.words(), id.object()));
                }
                causes.push(id.clone());
            }
        }
        None
    }

    /// Why a column can't get its type, and the query that shows the rows if it is for them.
    fn stuck_type(&mut self, id: &'a Id, difference: &Difference) -> Option<(String, Option<String>)> {
        let live = self.live(&difference.id);
        let from = Self::property(live, Property::Type)?;
        let to = Self::property(self.wanted.objects.get(id), Property::Type)?;
        // Its foreign key would be made anew.
        if let Some(target) = self.tied_outside(&difference.id) {
            let why = "against everybody until the end: that is for its owners";
            return Some((format!("from {from} to {to} would lock {target} {why}"), None));
        }
        let place = (difference.id.schema.clone(), difference.id.parent.clone(), difference.id.name.clone());
        let upon = format!(
            "select pg_describe_object(classid, objid, objsubid) from pg_depend where refobjid = {}::regclass and refobjsubid > 0",
            literal(&self.live_table(id))
        );
        if let Some(other) = self.facts.outside.get(&place) {
            let reason =
                format!("{other}, which isn't ours, is made of it: have it dropped first, and made again after");
            return Some((reason, Some(upon)));
        }
        if let Some(other) = self.unknown_upon(&difference.id) {
            let reason =
                format!("{other}, which nobody expects, is made of it: have it dropped first, and made again after");
            return Some((reason, Some(upon)));
        }
        match fit(&identifier(&difference.id.name), &from, &to, &self.comparison.live, self.wanted) {
            Fit::None(reason) => Some((format!("from {from} to {to}: {reason}"), None)),
            Fit::All { .. } => None,
            Fit::Some { condition, .. } => {
                let query = self.misfits(id, &condition);
                let found = self.is_found(query)?;
                Some((format!("there are values that don't fit {to}: correct them first"), Some(found)))
            }
        }
    }

    /// The query that shows the rows for which a condition doesn't hold.
    fn misfits(&self, id: &Id, condition: &str) -> String {
        format!("select * from {} where not ({condition})", self.live_table(id))
    }

    /// Whether an object must go before a column can get another type, or before another object can go.
    fn stands_on(&self, id: &Id, object: &Object, cause: &Id) -> bool {
        let needs = Self::needs(Some(object));
        let name = cause.name.split('(').next().unwrap_or_default();
        let of_same = id.schema == cause.schema && id.parent == cause.parent;
        match (cause.kind, id.kind) {
            (Kind::Column, Kind::View | Kind::MaterializedView) => {
                needs.contains(&cause.parent) && needs.contains(name)
            }
            (Kind::Column, Kind::Trigger | Kind::Policy | Kind::Rule) => of_same && needs.contains(name),
            (Kind::View | Kind::MaterializedView, Kind::View | Kind::MaterializedView) => {
                id != cause && needs.contains(name)
            }
            (
                Kind::Function | Kind::Procedure | Kind::Aggregate | Kind::Operator,
                Kind::Trigger | Kind::View | Kind::MaterializedView | Kind::Policy | Kind::Constraint | Kind::Aggregate,
            ) => needs.contains(name) && id != cause,
            (Kind::Constraint, Kind::Constraint) => {
                let is_key = matches!(
                    Self::property(self.live(cause), Property::Type).as_deref(),
                    Some("primary key" | "unique")
                );
                let foreign = Self::property(Some(object), Property::Type).as_deref() == Some("foreign key");
                let definition = Self::property(Some(object), Property::Definition).unwrap_or_default();
                is_key && foreign && target_of(&definition).is_some_and(|it| it.1 == cause.parent)
            }
            _ => false,
        }
    }

    fn unmake(&mut self, live_id: &Id) {
        let id = self.origin(live_id);
        let Some(sql) = self.ddl(id).drop() else { return };
        self.unmade.insert(live_id.clone());
        // A relation's own parts go with it.
        self.made.insert(id.clone());
        let part = match id.kind {
            Kind::Constraint | Kind::Trigger | Kind::Rule | Kind::Policy | Kind::Index => {
                let mut part = self.part(id, LockMode::AccessExclusive, &[], sql);
                if id.kind == Kind::Constraint {
                    part.hazards.extend(self.on_target(id));
                }
                part
            }
            _ => Part::from(sql),
        };
        let foreign_key = Self::property(self.live(live_id), Property::Type).as_deref() == Some("foreign key");
        let later = if foreign_key { rank::FOREIGN_KEY } else { rank_of(id.kind) };
        let place = Place {
            rank: rank::DROP - (later - rank::TYPE) - 1,
            provides: Self::provided(live_id),
            needs: self.needs_of(&self.comparison.live, live_id),
            is_drop: true,
        };
        self.nodes.push(Node { place, id: id.clone(), parts: vec![part] });
    }

    fn finish(mut self) -> Plan {
        let places: Vec<Place> = self.nodes.iter().map(|it| it.place.clone()).collect();
        let order = order(&places);
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut touched: BTreeSet<String> = BTreeSet::new();
        for at in order {
            let Some(node) = nodes[at].take() else { continue };
            touched.insert(self.table_touched(&node.id));
            // What the guard would not send is no step.
            let scope = Scope { moves_from: self.moved_schemas.iter().cloned().collect(), ..Scope::default() };
            if let Some(refusal) = node.parts.iter().find_map(|it| guard::check(&it.sql, &scope).err()) {
                self.left.push(Left {
                    kind: format!("{}_refused", node.id.kind),
                    object: node.id.object(),
                    severity: Severity::Breaking,
                    reason: refusal.to_string(),
                    query: look(&node.id),
                    is_blocking: true,
                });
                continue;
            }
            for part in node.parts {
                let sql = format!("{};", part.sql);
                // Two ways to the same end, such as a function's body and its language.
                if steps.iter().any(|it| it.sql == sql) {
                    continue;
                }
                steps.push(Step {
                    sql,
                    object: node.id.object(),
                    table: self.table_of(&node.id),
                    hazards: part.hazards,
                    can_be_concurrent: part.can_be_concurrent,
                });
            }
        }
        let tables = self.wanted.objects.keys().filter(|it| it.kind == Kind::Table && it.schema == APPLICATION_SCHEMA);
        let tables = tables.map(|it| {
            let decision = match () {
                () if self.made.contains(it) => Decision::Create,
                () if self.moved.contains(&it.name) => Decision::Move,
                () if touched.contains(&it.name) => Decision::Upgrade,
                () => Decision::Use,
            };
            (it.name.clone(), decision)
        });
        let tables = tables.collect();
        self.left.sort_by_key(|it| (std::cmp::Reverse(it.severity), it.object.clone(), it.kind.clone()));
        Plan { tables, steps, left: self.left, questions: self.questions }
    }

    /// The table that a sequence numbers, or that something belongs to.
    fn table_touched(&self, id: &Id) -> String {
        let owned = Self::property(self.wanted.objects.get(id), Property::OwnedBy);
        match owned.as_deref().and_then(|it| it.rsplit_once('.')) {
            Some((table, _)) if id.kind == Kind::Sequence => table.to_owned(),
            _ => id.top().to_owned(),
        }
    }
}

/// What somebody has said or owned, and doesn't any more.
fn overwritten(id: &Id, difference: &Difference, property: Property) -> Option<Hazard> {
    let old = difference.actual.as_deref()?;
    let what = property.to_string().replace('_', " ");
    let (kind, note) = match property {
        Property::Owner => {
            (HazardKind::Revoke, format!("{old} doesn't own {} any more: whoever relies on it fails", id.object()))
        }
        Property::Comment | Property::Default => {
            (HazardKind::Overwrite, format!("the {what} of {} was: {}", id.object(), old.replace('\n', " ")))
        }
        _ => return None,
    };
    Some(Hazard { kind, lock: None, table: id.object(), note })
}

/// The query that shows what an object is, or holds.
fn look(id: &Id) -> Option<String> {
    let name = qualified(&id.schema, id.name.split('(').next().unwrap_or_default());
    let table = qualified(&id.schema, &id.parent);
    let (of_table, bare) = (format!("{}::regclass", literal(&table)), literal(&id.name));
    Some(match id.kind {
        Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView | Kind::Sequence => {
            format!("select * from {name}")
        }
        Kind::Column => {
            let column = identifier(&id.name);
            format!("select {column}, count(*) from {table} group by 1 order by 2 desc")
        }
        Kind::Constraint => {
            format!(
                "select pg_get_constraintdef(oid) from pg_constraint where conrelid = {of_table} and conname = {bare}"
            )
        }
        Kind::Index => format!("select pg_get_indexdef({}::regclass)", literal(&name)),
        Kind::Trigger => {
            format!("select pg_get_triggerdef(oid) from pg_trigger where tgrelid = {of_table} and tgname = {bare}")
        }
        Kind::Rule => {
            format!("select pg_get_ruledef(oid) from pg_rewrite where ev_class = {of_table} and rulename = {bare}")
        }
        Kind::Policy => format!("select * from pg_policy where polrelid = {of_table} and polname = {bare}"),
        Kind::Function | Kind::Procedure => {
            let bare = literal(id.name.split('(').next().unwrap_or_default());
            let schema = literal(&id.schema);
            format!(
                "select pg_get_functiondef(oid) from pg_proc where pronamespace = {schema}::regnamespace and proname = {bare}"
            )
        }
        Kind::Enum => format!("select enumlabel from pg_enum where enumtypid = {}::regtype", literal(&name)),
        Kind::Domain | Kind::Composite | Kind::Range | Kind::BaseType => {
            format!("select * from pg_type where oid = {}::regtype", literal(&name))
        }
        _ => return None,
    })
}

/// Schema and name of the table that a foreign key points at.
fn target_of(definition: &str) -> Option<(String, String)> {
    let mut words = words_of(definition.split_once(" REFERENCES ")?.1);
    let (schema, _, name) = (words.next()?, words.next()?, words.next()?);
    Some((schema, name))
}

static EMPTY: Id = Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: String::new() };

/// When a property of something that is there is changed.
fn rank_of_property(kind: Kind, property: Property) -> u8 {
    match property {
        Property::Owner if kind == Kind::Schema => rank::SCHEMA_OWNER,
        Property::Owner => rank::OWNER,
        Property::Comment => rank::COMMENT,
        Property::OwnedBy => rank::OWNED,
        Property::Default | Property::NotNull | Property::Identity => rank::DEFAULT,
        Property::Storage | Property::Compression | Property::Statistics | Property::Options => rank::SWITCH,
        Property::RowSecurity | Property::RowSecurityForced | Property::Enabled => rank::SWITCH,
        Property::ReplicaIdentity | Property::Clustered | Property::Target => rank::SWITCH,
        _ => rank::ALTER_TABLE,
    }
}

/// Whether an object must be made anew to have another property.
fn is_made_anew(kind: Kind, property: Property, ddl: &Ddl<'_>, live: Option<&Object>) -> bool {
    match kind {
        Kind::Constraint => match property {
            Property::Definition => true,
            Property::Deferrable | Property::Enforced => ddl.alter(property, live).is_none(),
            _ => false,
        },
        Kind::Index => matches!(property, Property::Definition | Property::Unique),
        Kind::Trigger | Kind::Statistics | Kind::MaterializedView | Kind::Operator | Kind::Collation | Kind::Range => {
            property == Property::Definition
        }
        Kind::TextSearchDictionary | Kind::TextSearchConfiguration => property == Property::Definition,
        Kind::Policy => match property {
            Property::Command | Property::Type | Property::Roles => true,
            Property::Using | Property::WithCheck => ddl.alter(property, live).is_none(),
            _ => false,
        },
        Kind::Function | Kind::Procedure => {
            matches!(property, Property::Returns | Property::Arguments | Property::Window)
        }
        Kind::Aggregate => property == Property::Body,
        _ => false,
    }
}
