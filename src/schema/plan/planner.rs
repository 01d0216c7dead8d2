//! From two catalogs to steps. Pure.

mod anew;
mod hazards;
mod look;
mod make;
mod nodes;
mod way;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::expectation::{Expectation, RoleContext};
use crate::schema::drift::finding::{Change, Severity, kind_of};
use crate::schema::drift::severity;
use crate::schema::drift::spelling::words_of;
use crate::schema::guard;
use crate::schema::guard::scope::Scope;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA, MANAGED_TABLES};
use crate::schema::plan::order::{Place, order};
use crate::schema::plan::planner::look::look;
use crate::schema::plan::planner::nodes::{EMPTY, Node, Part, rank};
use crate::schema::plan::step::{Action, Decision, Facts, HazardKind, Left, LockMode, Plan, Step};

/// The steps that make the live application schema the expected one.
pub fn plan(expectation: Expectation, live: Catalog, parties: &RoleContext, facts: &Facts) -> Plan {
    plan_but_moves(expectation, live, parties, facts, None)
}

/// The same, for when a revision has moved what is in a schema by then.
pub(super) fn plan_but_moves(
    expectation: Expectation,
    live: Catalog,
    parties: &RoleContext,
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
                    let reason = "columns are read by name; their order can't be changed".to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Unmanaged | Change::Empty | Change::Expired | Change::Unused | Change::Unnamed => {}
                Change::Unexpected if self.is_implied(&difference.id) || self.is_of_unknown(&difference.id) => {}
                Change::Unexpected => {
                    let reason = "unexpected object; left unchanged".to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Replaced => {
                    let reason =
                        "another kind of object has this name; find out who created it, then rename or drop it"
                            .to_owned();
                    self.leave(difference, reason, None);
                }
                Change::Unmodelled => {
                    let reason = "pad-migrate doesn't manage objects of this kind".to_owned();
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
            let reason = format!("pad-migrate can't rename a {}", id.kind.words());
            return self.leave(difference, reason, None);
        };
        if difference.change == Change::Moved && self.is_for_a_person(id, difference) {
            let reason = format!("it is in schema {}; find out why, then move it back: {sql}", live_id.schema);
            return self.leave(difference, reason, None);
        }
        if difference.change == Change::Renamed && self.is_for_a_person(id, difference) {
            let reason = format!("{} has the same columns; if it is the same table, rename it: {sql}", live_id.name);
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
            let new = match id.parent.as_str() {
                "" => qualified(&id.schema, &id.name),
                _ => id.object(),
            };
            hazard.note = format!("{old} becomes {new}; queries that use the old name will fail");
        }
        let action = if difference.change == Change::Moved { Action::Move } else { Action::Rename };
        self.push(rank, id, vec![part.with(action)]);
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
            let reason = format!("pad-migrate can't create a {} like this", id.kind.words());
            return self.leave(difference, reason, None);
        }
        if let Some((reason, query)) = self.obstacle(id) {
            return self.leave(difference, reason, Some(query));
        }
        self.make(id);
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
                    action: part.action,
                    sql,
                    object: node.id.object(),
                    table: self.table_of(&node.id),
                    belongs_to: self.table_touched(&node.id),
                    hazards: part.hazards,
                    concurrent: part.concurrent,
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
