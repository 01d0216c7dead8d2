//! What to do about differences: SQL where SQL helps, words where it would do harm. Pure.
//!
//! SQL has the names that there are now, so that each remedy can be run alone; renames come last. A remedy that drops
//! something creates it again with all that it had. What can fail says so, and why: rows, dependents, the role.
//! `tests/it/drift/remedies.rs` runs them.

mod alter;
mod column;
mod database;
mod dependents;
mod draft;
mod turn;
mod whole;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::hint::DRIFT;
use crate::base::text::list;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;
use crate::schema::drift::comparison::parameters::is_same_but_parameters;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::{Change, Remedy};
use crate::schema::drift::remedy::draft::{Draft, Drafted};
use crate::schema::drift::remedy::turn::{in_turn, without_what_is_gone};
use crate::schema::names::CONTRACT_SCHEMA;

/// What a report says of each, and the place of its SQL among that of all.
pub(super) fn remedies(differences: &[&Difference], comparison: &Comparison<'_>) -> Vec<(Remedy, Option<usize>)> {
    let drafts: Vec<Drafted> = differences.iter().map(|difference| with_what_it_took(difference, comparison)).collect();
    let gone = drafts.iter().zip(differences).filter(|(draft, it)| draft.is_err() && it.change == Change::Missing);
    let gone: Vec<&Id> = gone.map(|(_, difference)| &difference.id).collect();
    let (drafts, order) = in_turn(without_what_is_gone(drafts, &gone));
    let each = drafts.into_iter().zip(differences).map(|(draft, difference)| match draft {
        Ok(draft) => draft.remedy(asked(difference, comparison)),
        Err(words) => Remedy::advice(words),
    });
    each.zip(order).collect()
}

/// What precedes SQL for the reference schema. A column that models expect may never have been there, and then its owners
/// needn't add it.
fn asked(difference: &Difference, comparison: &Comparison<'_>) -> Option<String> {
    let is_read = matches!(difference.change, Change::Missing | Change::Renamed | Change::Differs(Property::Type));
    let may_be_of_models = !comparison.embedded && difference.id.kind == Kind::Column && is_read;
    let or_else = if may_be_of_models { "if only models expect this, change the models, or else " } else { "" };
    let asked = format!("pad-migrate doesn't manage {CONTRACT_SCHEMA}; {or_else}ask its owners to run");
    comparison.is_contract(&difference.id).then_some(asked)
}

/// The remedy of a difference, with what went with it if it is missing.
fn with_what_it_took(difference: &Difference, comparison: &Comparison<'_>) -> Drafted {
    let case = Case::new(difference, comparison);
    if let Some(text) = case.phantom() {
        return Err(text);
    }
    let draft = case.draft()?;
    // What is missing here and is used all the same has another place or name.
    let is_used = |it: &Difference| matches!(it.change, Change::Differs(_)) && it.actual.is_some();
    if difference.id.parent.is_empty() && difference.lost_with_it.iter().any(is_used) {
        return Err(format!(
            "what uses the {} still does: find out where it is now and what it is called, then move or rename it",
            difference.id.kind.words()
        ));
    }
    let comes_back = |it: &&Difference| match it.change {
        Change::Missing | Change::Lost => true,
        Change::Differs(_) => it.actual.is_none(),
        _ => false,
    };
    // What a child or a partition has from its parent comes back with the parent's.
    let is_inherited = |it: &&Difference| {
        let object = comparison.expected.objects.get(&it.id);
        object.is_some_and(|object| object.contains_key(&Property::Inherited))
    };
    let lost = difference.lost_with_it.iter().filter(|it| !is_inherited(it));
    let (back, rest): (Vec<&Difference>, Vec<&Difference>) = lost.partition(comes_back);
    let parts: Vec<(&Difference, Drafted)> =
        back.into_iter().map(|it| (it, Case::new(it, comparison).draft())).collect();
    // What belongs to a table that no SQL brings back doesn't come back either.
    let gone: Vec<&Id> = parts
        .iter()
        .filter(|(it, draft)| draft.is_err() && it.change == Change::Missing && it.id.kind.is_relation())
        .map(|(it, _)| &it.id)
        .collect();
    let belongs = |id: &Id| gone.iter().any(|table| table.schema == id.schema && table.name == id.parent);
    let parts: Vec<Drafted> =
        parts.into_iter().map(|(it, draft)| if belongs(&it.id) { Err(it.id.object()) } else { draft }).collect();
    let mut is_all = rest.is_empty() && parts.iter().all(Result::is_ok);
    let mut all = vec![Ok(draft)];
    all.extend(parts.into_iter().filter(Result::is_ok));
    let (all, order) = in_turn(all);
    is_all &= all.iter().all(Result::is_ok);
    let mut sorted: Vec<(Option<usize>, Draft)> =
        order.into_iter().zip(all).filter_map(|(at, draft)| Some((at, draft.ok()?))).collect();
    sorted.sort_by_key(|(at, _)| *at);
    let whole = Draft::joined(sorted.into_iter().map(|(_, draft)| draft));
    Ok(if is_all {
        whole
    } else {
        whole.but(format!("then run `{DRIFT}` again: not all of its consequences end with it"))
    })
}

/// A difference, with what both catalogs say of it.
struct Case<'a> {
    difference: &'a Difference,
    comparison: &'a Comparison<'a>,
    id: &'a Id,
    live_id: &'a Id,
    /// The expected catalog, with live names.
    catalog: &'a Catalog,
    ddl: Ddl<'a>,
    /// The live object.
    live: Option<&'a Object>,
}

impl<'a> Case<'a> {
    fn new(difference: &'a Difference, comparison: &'a Comparison<'a>) -> Self {
        let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
        let catalog = &comparison.expected;
        let live = comparison.live.objects.get(live_id);
        Self { difference, comparison, id: &difference.id, live_id, catalog, ddl: Ddl::new(catalog, live_id), live }
    }

    fn wanted(&self, property: Property) -> Option<String> {
        self.ddl.property(property)
    }

    fn has(&self, property: Property) -> bool {
        self.wanted(property).is_some()
    }

    fn live(&self, property: Property) -> Option<String> {
        self.live.and_then(|object| object.get(&property)).map(Value::to_string)
    }

    /// Statements, or why there are none.
    fn draft(&self) -> Drafted {
        let difference = self.difference;
        let draft = match difference.change {
            // Their names are not identifiers.
            _ if matches!(self.id.kind, Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast) => None,
            Change::Missing => return self.missing().map(|it| self.finished(it).brings(self.id)),
            Change::Renamed if is_same_but_parameters(self.id, self.live_id) => Some(self.again()?),
            Change::Renamed => self.rename().map(|it| Draft::of([it]).brings(self.id).takes(self.live_id)),
            Change::Moved => Some(self.moved()),
            Change::Lost => self.privileges(true, difference.expected.as_deref()),
            Change::Gained => self.privileges(false, difference.actual.as_deref()),
            Change::Differs(property) => Some(self.alter(property)?),
            _ => None,
        };
        match draft {
            Some(draft) if !draft.is_empty() => Ok(self.finished(draft)),
            _ => Err(self.words()),
        }
    }

    fn rename(&self) -> Option<String> {
        let new = Ddl::new(self.catalog, self.id);
        // PostgreSQL takes a key of a typed table for a column: its index has the same name.
        let table = self.comparison.live.relation(&self.live_id.schema, &self.live_id.parent);
        let is_of_type = table.is_some_and(|(_, table)| table.contains_key(&Property::OfType));
        let index = Id { kind: Kind::Index, ..self.live_id.clone() };
        let is_key = self.id.kind == Kind::Constraint && self.comparison.live.objects.contains_key(&index);
        if is_of_type && is_key {
            return Ddl::new(self.catalog, &Id { kind: Kind::Index, ..self.id.clone() }).rename(&index);
        }
        new.rename(self.live_id)
    }

    /// Moves it, and the statistics of a table, which don't go with it.
    fn moved(&self) -> Draft {
        let children = self.catalog.children(&self.live_id.schema, &self.live_id.name);
        let statistics =
            children.filter(|(id, _)| id.kind == Kind::Statistics && self.comparison.live.objects.contains_key(id));
        let (kept, renamed): (Vec<&Id>, Vec<&Id>) =
            statistics.map(|(id, _)| id).partition(|id| self.comparison.origin_key(id).name == id.name);
        let place = |id: &Id| Id { schema: self.id.schema.clone(), ..id.clone() };
        let sql = std::iter::once(self.live_id).chain(kept);
        let sql = sql.map(|id| Ddl::new(self.catalog, &Id { name: id.name.clone(), ..place(id) }).set_schema(id));
        let draft = Draft::of(sql.collect::<Vec<_>>()).brings(self.id).takes(self.live_id);
        match renamed.is_empty() {
            true => draft,
            false => draft.but(format!("then run `{DRIFT}` again: its extended statistics don't move with it")),
        }
    }

    fn privileges(&self, is_grant: bool, text: Option<&str>) -> Option<Draft> {
        let (role, text) = (self.difference.role.as_deref()?, text?);
        let mut statements = self.ddl.change_privileges(role, is_grant, text)?;
        if is_grant {
            return Some(Draft::of(statements));
        }
        let may_be_passed_on = text.contains("grant option");
        if may_be_passed_on {
            statements.iter_mut().for_each(|it| it.push_str(" cascade"));
        }
        statements.extend(self.ddl.columns_again(role, text));
        let draft = match may_be_passed_on {
            true => {
                statements.extend(self.held_by_others(role));
                Draft::of(statements).but(format!("it also revokes what {role} passed on, unless that is expected"))
            }
            false => Draft::of(statements),
        };
        let others: Vec<String> = self.passes_on(text).into_iter().filter(|it| it != role).collect();
        Some(match &others[..] {
            [] => draft,
            some => draft.but(format!(
                "it takes effect after what {} may pass on was revoked, if that is listed: it may come from there",
                list(some)
            )),
        })
    }

    /// Grants what other roles are expected to have here, and have: it may have come from a role that passed it on.
    fn held_by_others(&self, role: &str) -> Vec<String> {
        let held = |id: &Id, other: &str, text: &str| {
            let live = self.comparison.live.objects.get(id).and_then(|it| it.get(&Property::Privileges));
            let items = live.map(Value::parts).unwrap_or_default();
            items.iter().any(|it| it.trim_end_matches('*') == format!("{other}={}", text.trim_end_matches('*')))
        };
        let parts = self.ddl.with_parts().into_iter().filter(|id| *id == self.live_id || id.kind == Kind::Column);
        let grants = parts.flat_map(|id| {
            let ddl = Ddl::new(self.catalog, id);
            let items = self.catalog.objects.get(id).and_then(|it| it.get(&Property::Privileges)).map(Value::parts);
            let items = items.unwrap_or_default().iter().filter_map(|it| it.rsplit_once('='));
            let items = items.filter(|(other, text)| *other != role && *other != "{self}" && held(id, other, text));
            let mut by_role: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (other, text) in items {
                by_role.entry(other).or_default().push(text.replace('*', " with grant option"));
            }
            let statements =
                by_role.into_iter().filter_map(|(other, all)| ddl.change_privileges(other, true, &all.join(", ")));
            statements.flatten().collect::<Vec<String>>()
        });
        grants.collect()
    }

    /// The roles that may have passed privileges on.
    fn passes_on(&self, text: &str) -> Vec<String> {
        let table = self.comparison.live.relation(&self.live_id.schema, &self.live_id.parent).map(|(_, it)| it);
        let objects = self.live.into_iter().chain(table.filter(|_| self.id.kind == Kind::Column));
        let items = objects.filter_map(|it| it.get(&Property::Privileges)).flat_map(Value::parts);
        let items = items.filter_map(|it| it.strip_suffix('*')?.rsplit_once('='));
        let is_it = |privilege: &str| text.split(", ").any(|it| it.split(' ').next() == Some(privilege));
        let roles: BTreeSet<String> =
            items.filter(|(role, it)| *role != "{self}" && is_it(it)).map(|(role, _)| role.to_owned()).collect();
        roles.into_iter().collect()
    }

    /// With its rank, and with the role that it is for.
    fn finished(&self, draft: Draft) -> Draft {
        let draft = draft.at(turn::rank(self.id, self.difference.change, self.ddl));
        match self.role() {
            Some(role) => draft.by(role),
            None => draft,
        }
    }

    /// Who must run it, if that isn't the owner of the schema.
    fn role(&self) -> Option<String> {
        if self.id.schema == CONTRACT_SCHEMA {
            return None;
        }
        let owner = |id: &Id, catalog: &Catalog| {
            let schema = Id { parent: String::new(), kind: Kind::Schema, name: String::new(), ..id.clone() };
            let object = match id.parent.is_empty() {
                true => catalog.objects.get(id),
                false => catalog.relation(&id.schema, &id.parent).map(|(_, object)| object),
            };
            let of = |object: Option<&Object>| object.and_then(|it| it.get(&Property::Owner)).map(Value::to_string);
            (of(object), of(catalog.objects.get(&schema)))
        };
        let (own, of_schema) = owner(self.live_id, &self.comparison.live);
        match (self.id.kind, self.difference.change) {
            (Kind::Extension | Kind::EventTrigger | Kind::Subscription, _) => Some("as a superuser".to_owned()),
            (_, Change::Differs(Property::Owner)) => {
                let (old, new) = (self.live(Property::Owner)?, self.wanted(Property::Owner)?);
                Some(format!("as a superuser, or as a role that has the rights of {old} and {new}"))
            }
            (_, Change::Missing) if self.id.parent.is_empty() => {
                let wanted = self.wanted(Property::Owner)?;
                let is_other = of_schema.is_some_and(|schema| schema != wanted);
                is_other.then(|| format!("as a superuser, or as a role that has the rights of {wanted}"))
            }
            _ => {
                let own = own?;
                let is_other = of_schema.as_ref() != Some(&own);
                is_other.then(|| format!("as {own}, which owns it, or as a superuser"))
            }
        }
    }
}
