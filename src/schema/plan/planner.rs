//! From two catalogs to steps. Pure.

mod alter;
mod column;
mod create;
mod diagnostic_query;
mod foreseen;
mod hazards;
mod nodes;
mod objects;
mod recreate;
mod rename;
mod sequence;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::expectation::{Expectation, RoleContext};
use crate::schema::drift::finding::{Change, Severity, kind_of};
use crate::schema::drift::severity;
use crate::schema::guard;
use crate::schema::guard::scope::Scope;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::order::{Place, order};
use crate::schema::plan::planner::diagnostic_query::diagnostic_query;
use crate::schema::plan::planner::nodes::{EMPTY, Node, Part, Retyped};
use crate::schema::plan::step::{DataFacts, Decision, Left, Plan, Step};

/// The steps that make the live application schema the expected one.
pub fn plan(expectation: Expectation, live: Catalog, context: &RoleContext, facts: &DataFacts) -> Plan {
    plan_within(expectation, live, context, facts, Way::Differences)
}

/// How the steps of a plan are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way<'a> {
    /// They are sent.
    Differences,
    /// They are sent after a revision that moves what is in a schema.
    AfterMoving(&'a str),
    /// They say what a revision does, whose own text is sent.
    Revision,
}

/// The same, for steps that aren't all that is sent.
pub(super) fn plan_within(
    expectation: Expectation,
    live: Catalog,
    context: &RoleContext,
    facts: &DataFacts,
    way: Way<'_>,
) -> Plan {
    let (wanted, comparison) = expectation.against(live, context);
    let mut planner = Planner {
        wanted: &wanted,
        comparison: &comparison,
        facts,
        moved_from: if let Way::AfterMoving(schema) = way { Some(schema) } else { None },
        is_revision: way == Way::Revision,
        nodes: Vec::new(),
        left: Vec::new(),
        questions: Vec::new(),
        asked: BTreeMap::new(),
        created: BTreeSet::new(),
        planned: BTreeSet::new(),
        dropped: BTreeSet::new(),
        recreated: BTreeSet::new(),
        stuck: BTreeMap::new(),
        retyped: BTreeMap::new(),
        cast: BTreeSet::new(),
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
    facts: &'a DataFacts,
    /// The schema from which a revision moves tables.
    moved_from: Option<&'a str>,
    /// Whether a revision's own text is sent.
    is_revision: bool,
    nodes: Vec<Node>,
    left: Vec<Left>,
    questions: Vec<String>,
    /// The question that was asked for an object.
    asked: BTreeMap<Id, String>,
    /// What is created or recreated, by expected names.
    created: BTreeSet<Id>,
    /// What has its steps already.
    planned: BTreeSet<Id>,
    /// What is dropped before, by the names that there are.
    dropped: BTreeSet<Id>,
    /// What is dropped and created again, by the names that there are.
    recreated: BTreeSet<Id>,
    /// Columns that can't get their types, why, and the query that shows the rows.
    stuck: BTreeMap<Id, (String, Option<String>)>,
    /// The columns that get another type, by table.
    retyped: BTreeMap<Id, Vec<Retyped>>,
    /// The columns whose values another type takes with a cast only, by the names that there are.
    cast: BTreeSet<Id>,
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
        let (mut differences, others): (Vec<Difference>, Vec<Difference>) =
            self.comparison.differences().into_iter().partition(|it| self.is_managed(&it.id));
        others.iter().for_each(|it| self.leave_default_privileges(it));
        // What belongs to a table in another schema or under another name waits for a decision about the table.
        let left_there: Vec<&'a Id> = differences
            .iter()
            .filter(|it| {
                let id = it.live_id.as_ref().map(|id| self.origin(id));
                matches!(it.change, Change::Renamed | Change::Moved) && id.is_some_and(|id| self.needs_decision(id, it))
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
                self.created.insert(id.clone());
            }
        }
        let recreated = self.recreated(&differences);
        for id in &recreated {
            self.drop(id);
        }
        self.recreated.clone_from(&recreated);
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
                    let reason = "unexpected object".to_owned();
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
        for id in recreated {
            let id = self.origin(&id);
            self.create(id);
        }
        self.retype();
    }

    /// The expected name of something that differs. A reference into the catalogs, or the difference's own.
    fn origin(&self, id: &Id) -> &'a Id {
        let key = self.comparison.origin_key(id);
        self.wanted.objects.get_key_value(key).or_else(|| self.comparison.live.objects.get_key_value(id)).map_or(
            // A difference is about something that one catalog has.
            &EMPTY,
            |(id, _)| id,
        )
    }

    fn position(&self, id: &Id) -> Option<u32> {
        Self::property(self.wanted.objects.get(id), Property::Position)?.parse().ok()
    }

    fn leave(&mut self, difference: &Difference, reason: String, query: Option<String>) {
        let severity = severity::weigh(difference, self.comparison).unwrap_or(Severity::Info);
        // Otherwise a property that rows prevent would be recorded as reached.
        let for_rows = query.is_some();
        let query = query.or_else(|| diagnostic_query(&difference.id));
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
            remedy: None,
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

    fn missing(&mut self, difference: &Difference) {
        let id = self.origin(&difference.id);
        if self.comes_with_parent(id) && id.kind != Kind::Statistics || self.leaves_its_parent(id) {
            return;
        }
        let object = self.wanted.objects.get(id);
        let has = |property| object.is_some_and(|it| it.contains_key(&property));
        if let Some(drawn) = self.comparison.drawn_instead(&difference.id) {
            let reason = format!(
                "the column takes its numbers from {}.{}; make it an identity, or move that sequence here if nothing \
                 else uses it",
                drawn.schema, drawn.name
            );
            return self.leave(difference, reason, None);
        }
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
        self.create(id);
    }

    fn finish(mut self) -> Plan {
        self.foresee();
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
                    query: diagnostic_query(&node.id),
                    remedy: None,
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
                () if self.created.contains(it) => Decision::Create,
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
}
