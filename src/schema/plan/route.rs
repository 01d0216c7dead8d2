//! How a live schema gets to a revision: by the later revisions where it matches an earlier one, or else by altering
//! what differs. Pure.

use std::collections::BTreeSet;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::text::list;
use crate::config::environment::Environment;
use crate::ledger::history::{Record, RecordKind, applied};
use crate::ledger::revisions::{ALL, Revision, RoleNames, render};
use crate::ledger::tables::MANAGED_TABLES;
use crate::schema::catalog::{Catalog, Id, Kind};
use crate::schema::ddl::qualified;
use crate::schema::drift::expectation::{Expectation, RoleContext};
use crate::schema::drift::finding::{Change, Remedy, Severity, kind_of};
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::plan::planner::{Way, plan, plan_within};
use crate::schema::plan::step::{Action, Answer, DataFacts, Decision, Hazard, HazardKind, Left, Plan, Step, stop};
use crate::schema::plan::stops::{HISTORY_TABLE, foresee_code};
use crate::schema::plan::surroundings::Member;

/// A revision, and what the schema is after it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The revision.
    pub revision: Revision,
    /// The schema after it.
    pub after: Expectation,
}

/// The stages of `migrations/`.
pub fn stages() -> Vec<Stage> {
    let stage = |it: &Revision| Some(Stage { revision: *it, after: Expectation::recorded(it.number)? });
    ALL.iter().filter_map(stage).collect()
}

/// What is known of a database.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The revisions that there are.
    pub stages: &'a [Stage],
    /// The environment.
    pub environment: Environment,
    /// The application schema, and the tables in other schemas that may be managed.
    pub live: &'a Catalog,
    /// The history, oldest first.
    pub history: &'a [Record],
    /// Who the roles are.
    pub context: &'a RoleContext,
    /// Their names in revisions.
    pub names: &'a RoleNames,
    /// What is known of the rows.
    pub facts: &'a DataFacts,
    /// The revision to go to; the newest, if none is named.
    pub to: Option<&'a str>,
    /// Whether the history gets a line in any case: the database becomes another environment's.
    pub is_adopted: bool,
}

/// What is recorded once the steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The revision.
    pub revision: Revision,
    /// Applied, or a baseline.
    pub kind: RecordKind,
    /// What was sent for it.
    pub sql: String,
}

/// How a schema gets to a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// What to do.
    pub plan: Plan,
    /// What to record then.
    pub records: Vec<Recording>,
    /// Revisions that this environment skips.
    pub skipped: Vec<Skipped>,
    /// Tables of other schemas that triggers of others may lock, because the user says so.
    pub allowed: Vec<String>,
}

/// A revision that an environment skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Skipped {
    pub revision: Revision,
    pub reason: &'static str,
}

impl Skipped {
    pub(crate) fn of(revision: &Revision, environment: Environment) -> Option<Self> {
        Some(Self { revision: *revision, reason: revision.not_for(environment)? })
    }

    /// `0002 name is not for dev: reason`.
    pub(crate) fn sentence(&self, environment: Environment) -> String {
        format!("{} {} is not for {environment}: {}", self.revision.number, self.revision.name, self.reason)
    }
}

impl Route {
    /// Whether there is nothing to do and nothing to record.
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty() && self.records.is_empty()
    }
}

/// The schema that revision 0002 takes tables from.
const PUBLIC: &str = "public";

impl Situation<'_> {
    fn target(&self) -> Option<usize> {
        match self.to {
            Some(to) => self.stages.iter().position(|it| it.revision.number == to),
            None => self.stages.len().checked_sub(1),
        }
    }

    fn difference(&self, to: usize) -> Plan {
        plan(self.stages[to].after.clone(), self.live.clone(), self.context, self.facts)
    }

    /// Whether managed tables are in another schema than padealing.
    fn is_scattered(&self) -> bool {
        let mut tables = self.live.objects.keys().filter(|it| it.kind.is_relation() && it.parent.is_empty());
        let schemas = [APPLICATION_SCHEMA, CONTRACT_SCHEMA];
        tables.any(|it| !schemas.contains(&&*it.schema) && MANAGED_TABLES.contains(&&*it.name))
    }

    /// The names of the managed tables in another schema.
    fn elsewhere(&self, schema: &str) -> Vec<&str> {
        let tables = self.live.objects.keys().filter(|it| it.kind.is_relation() && it.schema == schema);
        tables.map(|id| id.name.as_str()).filter(|name| MANAGED_TABLES.contains(name)).collect()
    }

    fn is_here(&self, table: &str) -> bool {
        self.live.relation(APPLICATION_SCHEMA, table).is_some()
    }

    /// Whether no managed table is in padealing.
    fn is_untouched(&self) -> bool {
        !MANAGED_TABLES.iter().any(|it| self.is_here(it))
    }

    /// Whether something is there that only a later revision makes: then the schema isn't that of this one.
    fn has_later(&self, at: usize) -> bool {
        let catalog = |stage: &Stage| stage.after.clone().named(&self.context.roles);
        let here = catalog(&self.stages[at]);
        let later = self.stages[at + 1..].iter().map(catalog).flat_map(|it| it.objects.into_keys());
        let is_later = |id: &Id| id.schema == APPLICATION_SCHEMA && !here.objects.contains_key(id);
        later.into_iter().any(|id| is_later(&id) && self.live.objects.contains_key(&id))
    }

    /// A revision as a step, with what the difference that it makes hurts, and what stops it.
    fn step(&self, at: usize) -> (Step, Recording, Vec<Left>) {
        let revision = self.stages[at].revision;
        let sql = render(revision.up, self.names);
        let before = at.checked_sub(1).map(|before| self.stages[before].after.clone().named(&self.context.roles));
        let is_first = before.is_none();
        let before = before.unwrap_or_else(|| Catalog { major: self.live.major, ..Catalog::default() });
        let after = self.stages[at].after.clone();
        let change = plan_within(after, before, self.context, self.facts, Way::Revision);
        let stops = change.left.into_iter().filter(|it| it.is_blocking).collect();
        // Nothing is there yet that the first could hurt.
        let steps = change.steps.into_iter().filter(|_| !is_first);
        let hazards = steps.flat_map(|it| it.hazards).collect();
        let object = format!("revision {} {}", revision.number, revision.name);
        let step = Step::verbatim(Action::Revision, object, sql.clone(), hazards);
        (step, Recording { revision, kind: RecordKind::Applied, sql }, stops)
    }

    /// Whether a revision is neither applied nor skipped.
    fn is_pending(&self, at: usize) -> bool {
        let revision = self.stages[at].revision;
        !applied(self.history).contains_key(revision.number) && revision.not_for(self.environment).is_none()
    }

    /// Whether the environment skips a revision that moves tables: then tables in public are not managed.
    fn skips_moves(&self) -> bool {
        let applied = applied(self.history);
        let mut skipped = (self.stages.iter().map(|stage| stage.revision))
            .filter(|it| !applied.contains_key(it.number) && it.not_for(self.environment).is_some());
        skipped.any(|revision| !revision.properties.moves_tables.is_empty())
    }

    /// The later revisions, verbatim.
    fn run(&self, route: &mut Route, stages: impl Iterator<Item = usize>) {
        for at in stages.filter(|at| self.is_pending(*at)) {
            let (step, record, stops) = self.step(at);
            route.plan.steps.push(step);
            route.records.push(record);
            route.plan.left.extend(stops);
        }
    }

    fn baseline(&self, at: usize, steps: &[Step]) -> Recording {
        let sql = steps.iter().map(|it| format!("{}\n", it.sql)).collect();
        Recording { revision: self.stages[at].revision, kind: RecordKind::Baseline, sql }
    }

    /// How to get to the revision that is asked for. None, if there is no such revision.
    pub fn route(&self) -> Option<Route> {
        let mut route = self.without_code()?;
        // As long as the revision that moves tables is pending, they are in its way.
        let is_known = |table: &str| route.plan.left.iter().any(|left| left.is_blocking && left.object == table);
        let twins = self.twins().into_iter().filter(|table| !is_known(table));
        let twins: Vec<Left> = twins.map(|table| left_twin(table, false)).collect();
        route.plan.left.extend(twins);
        let members = self.moved_members(&route);
        route.plan.left.extend(members);
        let surroundings = &self.facts.surroundings;
        let is_recorded = self.is_adopted || !route.records.is_empty();
        foresee_code(&mut route.plan, is_recorded, self.live, surroundings);
        route.allowed = surroundings.allowed.iter().cloned().collect();
        Some(route)
    }

    /// The managed tables that are both in padealing and in public, unless the environment leaves those in public alone.
    fn twins(&self) -> Vec<&str> {
        let tables = if self.skips_moves() { Vec::new() } else { self.elsewhere(PUBLIC) };
        tables.into_iter().filter(|it| self.is_here(it)).collect()
    }

    /// Tables of extensions that a revision would move as it moves managed ones.
    fn moved_members(&self, route: &Route) -> Vec<Left> {
        let run = route.records.iter().filter(|it| it.kind == RecordKind::Applied);
        let moves = run.flat_map(|it| &it.revision.properties.moves_tables);
        let members = moves.flat_map(|(table, marks)| {
            let members = self.facts.surroundings.members.iter();
            members.filter(move |it| {
                it.schema == PUBLIC && it.table == *table && marks.iter().all(|mark| it.columns.contains(mark))
            })
        });
        members.map(left_member).collect()
    }

    /// The same, without what functions of others do when the steps are sent.
    fn without_code(&self) -> Option<Route> {
        let target = self.target()?;
        let applied = applied(self.history);
        if self.skips_moves() && !self.elsewhere(PUBLIC).is_empty() {
            let mut live = self.live.clone();
            live.objects.retain(|id, _| id.schema != PUBLIC);
            return Situation { live: &live, ..self.clone() }.without_code();
        }
        let mut route = Route::default();
        let skipped = self.stages.iter().filter(|it| !applied.contains_key(it.revision.number));
        let skipped = skipped.filter_map(|stage| Skipped::of(&stage.revision, self.environment));
        route.skipped = skipped.collect();
        let consolidation = (0..=target)
            .find(|at| self.is_pending(*at) && !self.stages[*at].revision.properties.moves_tables.is_empty());
        let elsewhere = self.elsewhere(PUBLIC);
        if let Some(at) = consolidation.filter(|_| !elsewhere.is_empty()) {
            self.consolidate(&mut route, at, target);
            return Some(route);
        }
        // The schema of an earlier revision: that which the history names, or else the newest that it equals.
        let current = self.stages.iter().rposition(|it| applied.contains_key(it.revision.number));
        let difference = self.difference(target);
        route.plan.tables = difference.tables.clone();
        if self.is_untouched() && !self.is_scattered() && applied.is_empty() {
            self.run(&mut route, 0..=target);
            take_what_defaults_give(&mut route.plan, &difference);
            route.plan.left.extend(difference.left.into_iter().filter(|it| !it.is_blocking));
            return Some(route);
        }
        let candidates = current.into_iter().chain((0..=target).rev().filter(|it| Some(*it) > current));
        for at in candidates.filter(|it| *it <= target) {
            let from_here = if at == target { difference.clone() } else { self.difference(at) };
            if !from_here.steps.is_empty() || from_here.blocking().next().is_some() || self.has_later(at) {
                continue;
            }
            route.plan.left = from_here.left;
            if current != Some(at) {
                route.records.push(self.baseline(at, &[]));
            }
            let open = |it: &usize| *it > at || !applied.contains_key(self.stages[*it].revision.number);
            let first = if current == Some(at) { 0 } else { at + 1 };
            self.run(&mut route, (first..=target).filter(open));
            take_what_defaults_give(&mut route.plan, &difference);
            return Some(route);
        }
        self.adopt(&mut route, difference, target);
        Some(route)
    }

    /// A schema that matches no revision is altered to match the target, or the revision before the first pending one
    /// that changes rows.
    fn adopt(&self, route: &mut Route, difference: Plan, target: usize) {
        let moves_data =
            (1..=target).find(|at| self.is_pending(*at) && self.stages[*at].revision.properties.moves_data);
        let (to, plan) = match moves_data {
            Some(at) => (at - 1, self.difference(at - 1)),
            None => (target, difference.clone()),
        };
        let tables = std::mem::take(&mut route.plan.tables);
        route.records.push(self.baseline(to, &plan.steps));
        route.plan = Plan { tables, ..plan };
        self.warn_of_what_is_lost(&mut route.plan);
        // Anything blocking is resolved by hand first.
        if let Some(at) = moves_data {
            self.run(route, at..=target);
            take_what_defaults_give(&mut route.plan, &difference);
        }
    }

    /// A table or a column that the history knows was there once, with rows or values perhaps. A column whose values may stand in
    /// one that the history doesn't know isn't put beside it.
    fn warn_of_what_is_lost(&self, plan: &mut Plan) {
        let applied = applied(self.history);
        let current = self.stages.iter().rfind(|it| applied.contains_key(it.revision.number));
        let Some(known) = current.map(|it| it.after.clone().named(&self.context.roles)) else { return };
        for step in plan.steps.iter_mut().filter(|it| it.action == Action::Create(Kind::Table)) {
            if known.relation(APPLICATION_SCHEMA, &step.object).is_some() {
                let note = format!(
                    "{} existed before, and is recreated without its rows; find out where they are",
                    step.object
                );
                let table = step.object.clone();
                step.hazards.push(Hazard { kind: HazardKind::Overwrite, lock: None, table, note });
            }
        }
        let mut stops = Vec::new();
        for step in plan.steps.iter_mut().filter(|it| it.action == Action::Create(Kind::Column)) {
            let Some((table, name)) = step.object.split_once('.') else { continue };
            let id = Id {
                schema: APPLICATION_SCHEMA.to_owned(),
                parent: table.to_owned(),
                kind: Kind::Column,
                name: name.to_owned(),
            };
            if known.objects.contains_key(&id) && self.is_here(table) {
                // A column that was recognised under another name isn't among them: a step gives it its own name again.
                let unknown = plan.left.iter().filter(|it| it.kind == kind_of(Kind::Column, Change::Unexpected));
                let others = unknown.filter_map(|it| it.object.split_once('.')).filter(|(of, _)| *of == table);
                let mut holding = Vec::new();
                for (_, other) in others {
                    let question = format!(
                        "select * from {} where {} is not null",
                        qualified(APPLICATION_SCHEMA, table),
                        identifier(other)
                    );
                    match self.facts.answers.get(&question) {
                        Some(Answer::Found) => holding.push(other),
                        // A role that may not read the rows has the warning alone.
                        Some(_) => {}
                        None if plan.questions.contains(&question) => {}
                        None => plan.questions.push(question),
                    }
                }
                if !holding.is_empty() {
                    let reason = format!(
                        "{} existed before, and {table} has columns with values that the history doesn't know ({}): rename the one \
                         that it is, if one is, or add it by hand",
                        step.object,
                        list(&holding)
                    );
                    stops.push(stop(&kind_of(Kind::Column, Change::Missing), step.object.clone(), reason, None));
                }
                let note = format!(
                    "{} existed before, and is recreated without its values; find out where they are",
                    step.object
                );
                let table = step.object.clone();
                step.hazards.push(Hazard { kind: HazardKind::Overwrite, lock: None, table, note });
            }
        }
        plan.left.extend(stops);
    }

    /// Managed tables in public: the revision that moves them runs, and altering what differs does the rest.
    fn consolidate(&self, route: &mut Route, at: usize, target: usize) {
        let mut live = self.live.clone();
        if self.is_untouched() {
            self.run(route, 0..=at);
        } else {
            let before = plan(self.stages[at - 1].after.clone(), live.clone(), self.context, self.facts);
            // The history alone: everything else is created for the target, once the tables are here.
            let is_history = |step: &Step| step.belongs_to == HISTORY_TABLE;
            let steps: Vec<Step> = before.steps.into_iter().filter(is_history).collect();
            route.records.push(self.baseline(at - 1, &steps));
            route.plan.steps.extend(steps);
            self.run(route, at..=at);
        }
        // What default privileges of others give on the history, which is new.
        let mut revokes = Vec::new();
        if self.is_untouched() {
            let is_revoke = |it: &Step| it.action == Action::Revoke && it.belongs_to == HISTORY_TABLE;
            revokes.extend(self.difference(target).steps.into_iter().filter(is_revoke));
        }
        // What is there once these have run.
        let reached = self.stages[at].after.clone().named(&self.context.roles);
        for (id, object) in reached.objects {
            live.objects.entry(id).or_insert(object);
        }
        if !live.schemas.iter().any(|it| it == APPLICATION_SCHEMA) {
            live.schemas.push(APPLICATION_SCHEMA.to_owned());
        }
        let after = self.stages[target].after.clone();
        let rest = plan_within(after, live, self.context, self.facts, Way::AfterMoving(PUBLIC));
        if !rest.steps.is_empty() || target > at {
            route.records.push(self.baseline(target, &rest.steps));
        }
        route.plan.tables = rest.tables;
        if let Some((_, decision)) = route.plan.tables.iter_mut().find(|(table, _)| *table == HISTORY_TABLE) {
            *decision = if self.is_here(HISTORY_TABLE) { Decision::Use } else { Decision::Create };
        }
        route.plan.steps.extend(rest.steps);
        route.plan.steps.extend(revokes);
        route.plan.questions = rest.questions;
        route.plan.left.extend(rest.left);
        route.plan.left.extend(self.twins().into_iter().map(|table| left_twin(table, true)));
        route.plan.left.extend(self.incomplete());
    }

    /// Tables in public that the revision which moves them refuses: they lack columns that they had from the beginning.
    fn incomplete(&self) -> Vec<Left> {
        let catalogs: Vec<Catalog> =
            self.stages.iter().map(|stage| stage.after.clone().named(&self.context.roles)).collect();
        let columns = |catalog: &Catalog, schema: &str, table: &str| -> BTreeSet<String> {
            let columns = catalog.children(schema, table).filter(|(id, _)| id.kind == Kind::Column);
            columns.map(|(id, _)| id.name.clone()).collect()
        };
        let lacking = self.elsewhere(PUBLIC).into_iter().filter_map(|table| {
            let first = catalogs.iter().find(|it| it.relation(APPLICATION_SCHEMA, table).is_some())?;
            let there = columns(self.live, PUBLIC, table);
            let missing: Vec<String> =
                columns(first, APPLICATION_SCHEMA, table).into_iter().filter(|it| !there.contains(it)).collect();
            (!missing.is_empty()).then(|| left_incomplete(table, &list(missing)))
        });
        lacking.collect()
    }
}

/// What default privileges of others give on what revisions create: no revision takes it, and the difference to where
/// they lead does.
fn take_what_defaults_give(plan: &mut Plan, difference: &Plan) {
    for step in difference.steps.iter().filter(|step| step.action == Action::Revoke) {
        if !plan.steps.iter().any(|it| it.sql == step.sql) {
            plan.steps.push(step.clone());
        }
    }
}

fn left_incomplete(table: &str, missing: &str) -> Left {
    Left {
        kind: "table_incomplete".to_owned(),
        object: table.to_owned(),
        severity: Severity::Breaking,
        reason: format!(
            "public.{table} looks like the application's table and would be moved to padealing, but lacks {missing}; add \
             what is missing, or rename the table if it is another one"
        ),
        query: Some(format!("select * from public.{table}")),
        remedy: None,
        is_blocking: true,
    }
}

/// A managed table that is in padealing and in public.
fn left_twin(table: &str, is_blocking: bool) -> Left {
    Left {
        kind: "table_moved".to_owned(),
        object: table.to_owned(),
        severity: Severity::Breaking,
        reason: twin_reason(table),
        query: Some(format!("select * from public.{table}")),
        remedy: None,
        is_blocking,
    }
}

/// A table of an extension that has the name and the columns of a managed one.
fn left_member(member: &Member) -> Left {
    let Member { schema, table, extension, .. } = member;
    let place = qualified(schema, table);
    Left {
        kind: "extension_member".to_owned(),
        object: table.clone(),
        severity: Severity::Breaking,
        reason: format!(
            "{place} belongs to the extension {extension}, and would be moved to padealing; take it out of the \
             extension, or rename it if it is another table"
        ),
        query: None,
        remedy: Some(Remedy::sql(format!("alter extension {} drop table {place}", identifier(extension)))),
        is_blocking: true,
    }
}

/// What is wrong with a table in public that has the name and the columns of a managed one.
pub(crate) fn twin_reason(table: &str) -> String {
    format!(
        "public.{table} and padealing.{table} both exist, and search_path decides which one a statement without a \
         schema uses; merge them, or rename the one that pad-migrate doesn't manage"
    )
}
