//! How a property becomes what it should be. Pure.

use std::collections::BTreeSet;

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::ledger::revisions::MOVED_NOTE;
use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::ddl::qualified;
use crate::schema::drift::comparison::Difference;
use crate::schema::plan::data::{Fit, fit};
use crate::schema::plan::order::Place;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::anew::is_made_anew;
use crate::schema::plan::planner::nodes::{Node, Part, Way, rank, rank_of};
use crate::schema::plan::step::{Action, Hazard, HazardKind, LockMode};

impl<'a> Planner<'a> {
    pub(super) fn differs(&mut self, difference: &Difference, property: Property) {
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
    pub(super) fn way(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Way {
        use HazardKind::{NotUndone, Rewrite, Scan};
        let live = self.live(&difference.id);
        let ddl = self.ddl(id);
        let exclusive = LockMode::AccessExclusive;
        match (id.kind, property) {
            (Kind::Table | Kind::ForeignTable, Property::Comment) if self.is_note(difference) => Way::Nothing,
            (Kind::Column, Property::Type | Property::Collation) if self.is_of_view(id) => Way::Nothing,
            (Kind::Column, Property::Default) if live.is_some_and(|it| it.contains_key(&Property::Identity)) => {
                Way::Leave("its identity supplies the numbers and is kept".to_owned())
            }
            (Kind::Column, Property::Default) if self.stuck.contains_key(&difference.id) => {
                Way::Leave("the column has another type".to_owned())
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
                (Some(_), None) | (Some(_), Some(_)) => {
                    Way::Leave("its values would be overwritten; drop the column and add it again".to_owned())
                }
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
                    return Way::Rows("some rows have no value; fill them first".to_owned(), query);
                }
                let name = identifier(&format!("pad_migrate_{}_not_null", id.name));
                let mut scan = self.part(
                    id,
                    LockMode::ShareUpdateExclusive,
                    &[Scan],
                    format!("alter table {table} validate constraint {name}"),
                );
                scan.hazards.extend(self.unverified(&query, &table));
                let quick = |sql: String| self.part(id, exclusive, &[], sql);
                let parts = vec![
                    quick(format!("alter table {table} add constraint {name} check ({column} is not null) not valid")),
                    scan,
                    quick(format!("alter table {table} alter column {column} set not null")),
                    quick(format!("alter table {table} drop constraint {name}")),
                ];
                Way::Parts(rank::DEFAULT, parts)
            }
            (Kind::Column, Property::Validated) => {
                Way::Leave("NOT NULL holds for new rows only; validate it once no row lacks a value".to_owned())
            }
            (Kind::Column, Property::Identity) if difference.expected.is_some() => self.numbers(id, live),
            (Kind::Column, Property::Identity) => {
                Way::Leave("dropping the identity would drop its sequence; replace it by hand".to_owned())
            }
            // What is stricter than expected refuses nothing that was accepted.
            (Kind::Constraint, Property::Validated) if difference.expected.is_some() => {
                Way::Leave("it is validated, which is stricter than expected".to_owned())
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
                    return Way::Leave("only a superuser can enable or disable a foreign key's triggers".to_owned());
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
                None => Way::Leave("decide by hand which rows belong in which table".to_owned()),
            },
            (Kind::View, Property::Definition) if self.can_be_replaced(id, &difference.id) => {
                let needs = self.needs_of(self.wanted, id);
                if let Some(sql) = ddl.create() {
                    let place = Place { rank: rank::VIEW, provides: Self::provided(id), needs, is_drop: false };
                    self.nodes.push(Node {
                        place,
                        id: id.clone(),
                        parts: vec![Part::new(Action::Create(id.kind), sql)],
                    });
                }
                Way::Nothing
            }
            (Kind::Index, Property::Valid) if difference.expected.is_none() => {
                let statements = ddl.alter(property, live).unwrap_or_default().into_iter();
                let parts = statements.map(|sql| Part {
                    action: Action::Reindex,
                    concurrent: Some(ddl.reindex_concurrently()),
                    ..self.part(id, LockMode::Share, &[HazardKind::IndexBuild], sql)
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
                    "no statement changes the {} of a {} without losing data",
                    property.to_string().replace('_', " "),
                    id.kind.words()
                )),
            },
        }
    }

    /// Numbers for a column whose identity differs: from its own sequence, or from one that is there by that name. They
    /// go on after the greatest that is there.
    fn numbers(&mut self, id: &'a Id, live: Option<&Object>) -> Way {
        let (table, column) = (self.ddl(id).table(), identifier(&id.name));
        let Some((sequence, _)) = self.own_sequences(id).next() else { return Way::Nothing };
        let sequence = qualified(&sequence.schema, &sequence.name);
        let name = literal(&sequence);
        let go_on = format!("select setval({name}, coalesce(greatest(max({column}), 0), 0) + 1, false) from {table}");
        let quick = |sql: String| self.part(id, LockMode::AccessExclusive, &[], sql);
        if self.has_sequence_for(id, live) {
            let default = format!("alter table {table} alter column {column} set default nextval({name}::regclass)");
            let owned = format!("alter sequence {sequence} owned by {table}.{column}");
            return Way::Parts(rank::DEFAULT, vec![quick(default), owned.into(), go_on.into()]);
        }
        let Some(statements) = self.ddl(id).alter(Property::Identity, live) else {
            return Way::Leave("a sequence supplies the same numbers and is kept".to_owned());
        };
        let mut parts: Vec<Part> = statements.into_iter().map(quick).collect();
        if !live.is_some_and(|it| it.contains_key(&Property::Identity)) {
            parts.push(go_on.into());
        }
        self.furnish_sequence(id);
        Way::Parts(rank::DEFAULT, parts)
    }

    /// The comment of a table that a revision has moved, or moves: it says so, for the way down, and what it said before.
    pub(super) fn is_note(&self, difference: &Difference) -> bool {
        let is_moving = self.moved_from == Some(&difference.id.schema);
        is_moving || difference.actual.as_ref().is_some_and(|it| it.starts_with(MOVED_NOTE))
    }

    /// The table as it is called before any step.
    pub(super) fn live_table(&self, id: &Id) -> String {
        match self.comparison.live_name(&id.schema, id.top()) {
            Some(live) => qualified(&live.schema, &live.name),
            None => qualified(&id.schema, id.top()),
        }
    }

    pub(super) fn column_type(&mut self, id: &'a Id, difference: &Difference) -> Way {
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
    pub(super) fn retype_column(&mut self, id: &'a Id, to: &str, cast: bool, rewrite: bool) {
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

    pub(super) fn retype(&mut self) {
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
}

/// What somebody has said or owned, and doesn't any more.
pub(super) fn overwritten(id: &Id, difference: &Difference, property: Property) -> Option<Hazard> {
    let old = difference.actual.as_deref()?;
    let what = property.to_string().replace('_', " ");
    let (kind, note) = match property {
        Property::Owner => {
            (HazardKind::Revoke, format!("{old} will no longer own {}; jobs that rely on it will fail", id.object()))
        }
        Property::Comment | Property::Default => {
            (HazardKind::Overwrite, format!("the {what} of {} was: {}", id.object(), old.replace('\n', " ")))
        }
        _ => return None,
    };
    Some(Hazard { kind, lock: None, table: id.object(), note })
}

/// When a property of something that is there is changed.
pub(super) fn rank_of_property(kind: Kind, property: Property) -> u8 {
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
