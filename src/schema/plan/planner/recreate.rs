//! What must be dropped and created again: because it can't be altered, or because it depends on what is. Pure.

use std::collections::BTreeSet;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property};
use crate::schema::ddl::{Ddl, qualified};
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::comparison::parameters::is_same_but_parameters;
use crate::schema::drift::finding::Change;
use crate::schema::plan::data::{Fit, fit};
use crate::schema::plan::order::Place;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::nodes::{Node, Part, rank, rank_of, target_of};
use crate::schema::plan::step::{Action, LockMode};
use crate::schema::plan::surroundings::{Bond, Dependent};

impl<'a> Planner<'a> {
    /// Whether a view's columns are those that there are, and perhaps more.
    pub(super) fn can_be_replaced(&self, id: &'a Id, live_id: &Id) -> bool {
        self.ddl(id).can_replace(&Ddl::new(&self.comparison.live, live_id))
    }

    /// What must be dropped and created again: because a property can't be altered, or because it depends on something
    /// that is dropped or retyped. By live names.
    pub(super) fn recreated(&mut self, differences: &[Difference]) -> BTreeSet<Id> {
        let mut recreated: BTreeSet<Id> = BTreeSet::new();
        // Columns whose types change, and everything that is dropped: what depends on them is recreated too.
        let mut disturbed: Vec<Id> = Vec::new();
        for difference in differences {
            if let Some(live_id) = difference.live_id.as_ref().filter(|it| is_same_but_parameters(&difference.id, it)) {
                match self.unmanaged_dependent(live_id) {
                    Some(dependent) => self.leave(difference, depends_on_it(&dependent), None),
                    None if self.ddl(self.origin(live_id)).create().is_some() => {
                        recreated.insert(live_id.clone());
                        disturbed.push(live_id.clone());
                    }
                    None => self.leave(difference, "its parameters have other names".to_owned(), None),
                }
                continue;
            }
            let Change::Differs(property) = difference.change else { continue };
            let (id, live_id) = (self.origin(&difference.id), &difference.id);
            let live = self.live(live_id);
            let of_other_type = |id: &Id| {
                let domain = Id { parent: String::new(), kind: Kind::Domain, name: id.parent.clone(), ..id.clone() };
                let of_type = |catalog: &Catalog| Self::property(catalog.objects.get(&domain), Property::Type);
                of_type(self.wanted) != of_type(&self.comparison.live)
            };
            let is_recreated = match (id.kind, property) {
                // It is about another type.
                (Kind::Constraint, _) if of_other_type(id) => {
                    self.leave(difference, "the domain has another type".to_owned(), None);
                    false
                }
                (Kind::View, Property::Definition) => !self.can_be_replaced(id, live_id),
                (Kind::View, _) => false,
                _ => must_be_recreated(id.kind, property, &self.ddl(id), live),
            };
            let can_be = self.ddl(id).create().is_some() && self.ddl(id).drop().is_some();
            let prevented = || match self.target_outside(live) {
                Some(target) => Some(format!(
                    "dropping it would block reads and writes of {target} until the transaction ends; \
                     agree on it with its owners"
                )),
                None => self.unmanaged_dependent(live_id).map(|dependent| depends_on_it(&dependent)),
            };
            if let Some(reason) = is_recreated.then(prevented).flatten() {
                self.leave(difference, reason, None);
                self.dropped.insert(live_id.clone());
            } else if is_recreated && can_be && !self.is_implied(live_id) && !self.created.contains(id) {
                // Rows that violate what is recreated.
                if let Some((reason, query)) = self.obstacle(id) {
                    self.leave(difference, reason, Some(query));
                    self.dropped.insert(live_id.clone());
                } else if recreated.insert(live_id.clone()) {
                    disturbed.push(live_id.clone());
                }
            } else if is_recreated && !can_be && !self.is_implied(live_id) {
                let reason = match self.stands_for_key(id, live_id) {
                    Some(reason) => reason,
                    None => format!("pad-migrate can't recreate a {}", id.kind.words()),
                };
                self.leave(difference, reason, None);
            } else if id.kind == Kind::Column
                && matches!(property, Property::Type | Property::Collation)
                && !self.is_of_view(id)
            {
                match self.type_obstacle(id, difference) {
                    Some(stuck) => {
                        self.stuck.insert(live_id.clone(), stuck);
                    }
                    None => disturbed.push(live_id.clone()),
                }
            }
        }
        self.add_dependents(&mut recreated, disturbed);
        recreated
    }

    /// Why an index that isn't a key's stays, though it has the name of one.
    fn stands_for_key(&self, id: &Id, live_id: &Id) -> Option<String> {
        let of_key = |object: Option<&Object>| Self::property(object, Property::Constraint).is_some();
        let is_plain = id.kind == Kind::Index && of_key(self.wanted.objects.get(id)) && !of_key(self.live(live_id));
        let name = qualified(&live_id.schema, &live_id.name);
        is_plain.then(|| {
            format!(
                "it is a plain index in place of a key's; drop it, with the foreign keys that need it, and the next plan \
                 adds the key: drop index {name}"
            )
        })
    }

    /// Adds what depends on something that is dropped or retyped, however indirectly.
    fn add_dependents(&self, recreated: &mut BTreeSet<Id>, mut disturbed: Vec<Id>) {
        let live = &self.comparison.live;
        while let Some(cause) = disturbed.pop() {
            for (id, object) in live.objects.iter().filter(|(id, _)| self.is_managed(id)) {
                if recreated.contains(id) || self.is_implied(id) || !self.depends_on(id, object, &cause) {
                    continue;
                }
                let known = self.wanted.objects.contains_key(self.comparison.origin_key(id));
                let ddl = Ddl::new(live, id);
                if known && ddl.create().is_some() && ddl.drop().is_some() {
                    recreated.insert(id.clone());
                    disturbed.push(id.clone());
                }
            }
        }
    }

    /// An object that depends on something, however indirectly, and can't be dropped and created again.
    pub(super) fn unmanaged_dependent(&self, cause: &Id) -> Option<String> {
        let mut seen = BTreeSet::from([cause.clone()]);
        let mut causes = vec![cause.clone()];
        while let Some(cause) = causes.pop() {
            for (id, object) in self.comparison.live.objects.iter().filter(|(id, _)| self.is_managed(id)) {
                if self.is_implied(id) || !self.depends_on(id, object, &cause) || !seen.insert(id.clone()) {
                    continue;
                }
                let ddl = Ddl::new(&self.comparison.live, id);
                if self.is_unknown(id) || ddl.create().is_none() || ddl.drop().is_none() {
                    return Some(format!("{} {}", id.kind.words(), id.object()));
                }
                causes.push(id.clone());
            }
            let unknown = self.bound_to(&cause).find(|it| !self.can_recreate(it.id.as_ref()));
            if let Some(dependent) = unknown {
                return Some(dependent.description.clone());
            }
        }
        None
    }

    /// What the catalog says depends on something that is dropped or retyped, and must go before.
    pub(super) fn bound_to(&self, cause: &Id) -> impl Iterator<Item = &'a Dependent> {
        let with_expressions = self.cast.contains(cause);
        let all = self.facts.surroundings.dependents_of(cause).iter();
        all.filter(move |it| it.bond == Bond::Fixed || with_expressions)
    }

    /// An object whose expressions PostgreSQL can't read with the new types of the table's columns: an operator or a
    /// function isn't there for them. The server is asked.
    fn unreadable_with(&mut self, id: &Id, live_id: &Id) -> Option<String> {
        let table = self.comparison.live_name(&id.schema, &id.parent)?;
        let columns = self.comparison.live.children(&table.schema, &table.name).filter(|it| it.0.kind == Kind::Column);
        let columns: Vec<String> = columns
            .filter_map(|(column, object)| {
                let wanted = self.wanted.objects.get(self.comparison.origin_key(column)).unwrap_or(object);
                let of_type = Self::property(Some(wanted), Property::Type)?;
                Some(format!("null::{of_type} as {}", identifier(&column.name)))
            })
            .collect();
        let from = format!("(select {} limit 0) as {}", columns.join(", "), identifier(&table.name));
        for dependent in self.facts.surroundings.dependents_of(live_id) {
            let is_recreated = self.bound_to(live_id).any(|it| it.id == dependent.id);
            for expression in dependent.expressions.iter().filter(|_| !is_recreated) {
                let question = format!("select from {from} where row({expression}) is null");
                if self.is_unreadable(question) {
                    return Some(dependent.description.clone());
                }
            }
        }
        None
    }

    /// Whether an object is an expected one that can be dropped and created again.
    fn can_recreate(&self, id: Option<&Id>) -> bool {
        let Some(id) = id.filter(|id| self.live(id).is_some()) else { return false };
        let ddl = Ddl::new(&self.comparison.live, id);
        !self.is_unknown(id) && ddl.create().is_some() && ddl.drop().is_some()
    }

    /// Why a column can't get its type, and the query that shows the rows if it is for them.
    pub(super) fn type_obstacle(&mut self, id: &'a Id, difference: &Difference) -> Option<(String, Option<String>)> {
        let live = self.live(&difference.id);
        let from = Self::property(live, Property::Type)?;
        let to = Self::property(self.wanted.objects.get(id), Property::Type)?;
        let fits = fit(&identifier(&difference.id.name), &from, &to, &self.comparison.live, self.wanted);
        // Expressions that compare it with values of its type aren't read as before.
        if matches!(fits, Fit::All { cast: true, .. } | Fit::Some { cast: true, .. }) {
            self.cast.insert(difference.id.clone());
        }
        // Its foreign key would be recreated.
        if let Some(target) = self.referenced_outside(&difference.id) {
            let reason = format!(
                "changing {from} to {to} would block reads and writes of {target} until the transaction ends; \
                 agree on it with its owners"
            );
            return Some((reason, None));
        }
        let upon = format!(
            "select pg_describe_object(classid, objid, objsubid) from pg_depend where refobjid = {}::regclass and \
             refobjsubid > 0",
            literal(&self.live_table(id))
        );
        if let Some(dependent) = self.unmanaged_dependent(&difference.id) {
            return Some((depends_on_it(&dependent), Some(upon)));
        }
        if let Some(dependent) = self.unreadable_with(id, &difference.id) {
            return Some((depends_on_it(&dependent), Some(upon)));
        }
        match fits {
            Fit::None(reason) => Some((format!("can't change {from} to {to}: {reason}"), None)),
            Fit::All { .. } => None,
            Fit::Some { condition, .. } => {
                let query = self.misfits(id, &condition);
                let found = self.is_found(query)?;
                Some((format!("some values don't fit {to}; correct them first"), Some(found)))
            }
        }
    }

    /// The query that shows the rows for which a condition doesn't hold.
    pub(super) fn misfits(&self, id: &Id, condition: &str) -> String {
        format!("select * from {} where not ({condition})", self.live_table(id))
    }

    /// Whether an object must go before a column can get another type, or before another object can go.
    pub(super) fn depends_on(&self, id: &Id, object: &Object, cause: &Id) -> bool {
        let needs = Self::needs(Some(object));
        if self.bound_to(cause).any(|it| it.id.as_ref() == Some(id)) {
            return true;
        }
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
                is_key && foreign && target_of(&definition).is_some_and(|(_, table)| table == cause.parent)
            }
            _ => false,
        }
    }

    pub(super) fn drop(&mut self, live_id: &Id) {
        let id = self.origin(live_id);
        let Some(sql) = self.ddl(id).drop() else { return };
        self.dropped.insert(live_id.clone());
        // A relation's own parts go with it.
        self.created.insert(id.clone());
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
        self.nodes.push(Node { place, id: id.clone(), parts: vec![part.with(Action::Drop)] });
    }
}

fn depends_on_it(dependent: &str) -> String {
    format!("{dependent} depends on it and isn't managed by pad-migrate; drop it first, recreate it afterwards")
}

/// Whether an object must be recreated to have another property.
pub(super) fn must_be_recreated(kind: Kind, property: Property, ddl: &Ddl<'_>, live: Option<&Object>) -> bool {
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
