//! How a property becomes what it should be. Pure.

use std::collections::BTreeSet;

use crate::ledger::revisions::MOVED_NOTE;
use crate::schema::catalog::{Id, Kind, Object, Property, Value};
use crate::schema::ddl::qualified;
use crate::schema::drift::comparison::Difference;
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::plan::order::Place;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::foreseen::other_name;
use crate::schema::plan::planner::nodes::{Alteration, Node, Part, rank, rank_of, target_of};
use crate::schema::plan::planner::recreate::must_be_recreated;
use crate::schema::plan::step::{Action, Hazard, HazardKind, LockMode};

impl<'a> Planner<'a> {
    pub(super) fn differs(&mut self, difference: &Difference, property: Property) {
        let id = self.origin(&difference.id);
        if self.dropped.contains(&difference.id) || self.comes_with_parent(id) {
            return;
        }
        let alteration = self.alteration(id, difference, property);
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
                    | Property::OwnedBy
            )
            && !(id.kind == Kind::Sequence && matches!(alteration, Alteration::Steps(..) | Alteration::Rows(..)));
        if implied {
            return;
        }
        match alteration {
            Alteration::Steps(rank, mut parts) => {
                if let (Some(note), Some(part)) = (overwritten(id, difference, property), parts.first_mut()) {
                    part.hazards.push(note);
                }
                self.push(rank, id, parts);
            }
            Alteration::Recreate | Alteration::Nothing => {}
            Alteration::Leave(reason) => self.leave(difference, reason, None),
            Alteration::Rows(reason, query) => self.leave(difference, reason, Some(query)),
        }
    }

    /// How a property becomes what it should be.
    fn alteration(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Alteration {
        use HazardKind::{IndexBuild, NotUndone, Rewrite, Scan};
        let live = self.live(&difference.id);
        let ddl = self.ddl(id);
        let exclusive = LockMode::AccessExclusive;
        let statements = || ddl.alter(property, live).unwrap_or_default().into_iter();
        match (id.kind, property) {
            (Kind::Table | Kind::ForeignTable, Property::Comment) if self.is_note(difference) => Alteration::Nothing,
            (Kind::Column, _) => self.column_alteration(id, difference, property),
            (Kind::Constraint, Property::Enforced) if difference.expected.is_none() && self.target(id).is_some() => {
                self.enforced(id)
            }
            (Kind::Constraint, Property::Validated | Property::Triggers) => {
                self.constraint_alteration(id, difference, property)
            }
            // Whoever switched it on wanted rows hidden, and perhaps relies on it.
            (Kind::Table, Property::RowSecurity | Property::RowSecurityForced) if difference.expected.is_none() => {
                let sql = statements().collect::<Vec<_>>().join("; ");
                Alteration::Leave(format!(
                    "row security hides rows, and opening the table is a decision: find out why it is on, then run: {sql}"
                ))
            }
            (Kind::Table, Property::Persistence) => {
                let parts = statements().map(|sql| self.part(id, exclusive, &[Rewrite], sql)).collect();
                // A logged table refers to logged tables only.
                let foreign_keys = self
                    .wanted
                    .children(&id.schema, &id.name)
                    .filter_map(|(_, object)| target_of(&Self::property(Some(object), Property::Definition)?));
                let needs = foreign_keys.map(|(_, table)| table).collect();
                let place = Place { rank: rank::ALTER_TABLE, provides: Self::provided(id), needs, is_drop: false };
                self.nodes.push(Node { place, id: id.clone(), parts });
                Alteration::Nothing
            }
            // A column of the index that it used can't lose its NOT NULL before.
            (Kind::Table, Property::ReplicaIdentity) if difference.expected.is_none() => {
                let parts = statements().map(|sql| self.part(id, exclusive, &[], sql));
                Alteration::Steps(rank::ALTER_TABLE, parts.collect())
            }
            // A typed table inherits nothing.
            (Kind::Table, Property::OfType) if difference.expected.is_none() => {
                Alteration::Steps(rank::TABLE, statements().map(|sql| self.part(id, exclusive, &[], sql)).collect())
            }
            (Kind::Table, Property::Inherits) if self.other_parent(&difference.id, live).is_some() => {
                Alteration::Leave(self.other_parent(&difference.id, live).unwrap_or_default())
            }
            (Kind::Table, Property::Inherits | Property::PartitionBound) => match ddl.alter(property, live) {
                Some(statements) => {
                    let parts = statements.into_iter().map(|sql| self.part(id, exclusive, &[Scan, NotUndone], sql));
                    Alteration::Steps(rank::ALTER_TABLE, parts.collect())
                }
                None => Alteration::Leave("decide by hand which rows belong in which table".to_owned()),
            },
            (Kind::View, Property::Definition) if self.can_be_replaced(id, &difference.id) => {
                let needs = self.needs_of(self.wanted, id);
                if let Some(sql) = ddl.create() {
                    let place = Place { rank: rank::VIEW, provides: Self::provided(id), needs, is_drop: false };
                    let parts = vec![Part::new(Action::Create(id.kind), sql)];
                    self.nodes.push(Node { place, id: id.clone(), parts });
                }
                Alteration::Nothing
            }
            (Kind::Index, Property::Valid) if difference.expected.is_none() => {
                let parts = statements().map(|sql| Part {
                    action: Action::Reindex,
                    concurrent: Some(ddl.reindex_concurrently()),
                    ..self.part(id, LockMode::Share, &[IndexBuild], sql)
                });
                Alteration::Steps(rank::INDEX, parts.collect())
            }
            (Kind::Sequence, Property::Identity) if self.is_of_another(difference) => Alteration::Leave(
                "a sequence that the column doesn't draw from has the name of its own; find out what uses it, and \
                 rename it"
                    .to_owned(),
            ),
            (Kind::Sequence, Property::Identity) => Alteration::Nothing,
            // PostgreSQL gives the sequence of an identity to no other column.
            (Kind::Sequence, Property::OwnedBy) if live.is_some_and(|it| it.contains_key(&Property::Identity)) => {
                let owner = Self::property(live, Property::OwnedBy).unwrap_or_default();
                let sequence = qualified(&difference.id.schema, &difference.id.name);
                Alteration::Leave(format!(
                    "it numbers {owner}, and another column needs its name; rename it: alter sequence {sequence} rename \
                     to {}",
                    other_name(&difference.id.name)
                ))
            }
            (
                Kind::Sequence,
                Property::Type | Property::Increment | Property::Minimum | Property::Maximum | Property::Start,
            ) => self.bounds(id, difference),
            _ => self.plain_alteration(id, difference, property),
        }
    }

    /// Why a table stays below one of another schema: no step changes that one.
    fn other_parent(&self, id: &Id, live: Option<&Object>) -> Option<String> {
        let parents = live.and_then(|it| it.get(&Property::Inherits)).map(Value::parts).unwrap_or_default();
        let wanted = self.wanted.objects.get(self.origin(id)).and_then(|it| it.get(&Property::Inherits));
        let wanted = wanted.map(Value::parts).unwrap_or_default();
        let is_other = |it: &&String| !it.starts_with(&format!("{APPLICATION_SCHEMA}.")) && !wanted.contains(it);
        let parent = parents.iter().find(is_other)?;
        let table = qualified(&id.schema, &id.name);
        let sql = match live.is_some_and(|it| it.contains_key(&Property::PartitionBound)) {
            true => format!("alter table {parent} detach partition {table}"),
            false => format!("alter table {table} no inherit {parent}"),
        };
        Some(format!(
            "it is below {parent}, which isn't managed by pad-migrate, and so its rows are also that table's; find out who \
             reads them there, then separate the two: {sql}"
        ))
    }

    /// Whether a sequence without a column has the name that an identity's own would have, and the column gets its
    /// numbers elsewhere, or isn't there.
    fn is_of_another(&self, difference: &Difference) -> bool {
        let owner = Self::property(self.wanted.objects.get(self.origin(&difference.id)), Property::OwnedBy);
        let Some((table, column)) = owner.as_deref().and_then(|it| it.split_once('.')) else { return false };
        let column =
            Id { parent: table.to_owned(), kind: Kind::Column, name: column.to_owned(), ..difference.id.clone() };
        let column = self.comparison.live_part(&column).and_then(|it| self.live(it));
        difference.actual.is_none() && column.is_none_or(|it| it.contains_key(&Property::Identity))
    }

    /// What the statement for the property does, if there is one.
    pub(super) fn plain_alteration(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Alteration {
        let live = self.live(&difference.id);
        let ddl = self.ddl(id);
        if must_be_recreated(id.kind, property, &ddl, live) {
            return Alteration::Recreate;
        }
        let Some(statements) = ddl.alter(property, live) else {
            return Alteration::Leave(format!(
                "no statement changes the {} of a {} without losing data",
                property.to_string().replace('_', " "),
                id.kind.words()
            ));
        };
        let lock = match (id.kind, property) {
            (_, Property::Comment) => None,
            (Kind::Table | Kind::Column | Kind::Constraint | Kind::Trigger | Kind::Rule | Kind::Policy, property) => {
                Some(match property {
                    Property::Statistics | Property::Options | Property::ToastOptions | Property::Clustered => {
                        LockMode::ShareUpdateExclusive
                    }
                    Property::Enabled => LockMode::ShareRowExclusive,
                    _ => LockMode::AccessExclusive,
                })
            }
            _ => None,
        };
        let part = |sql: String| match lock {
            Some(lock) => self.part(id, lock, &[], sql),
            None => Part::from(sql),
        };
        let rank = rank_of_property(id.kind, property).max(rank_of(id.kind));
        let parts = statements.into_iter().map(part).collect();
        if property == Property::Owner {
            self.grant_to_former_owner(id, live);
        }
        Alteration::Steps(rank, parts)
    }

    /// What the former owner is to keep is granted to it again.
    fn grant_to_former_owner(&mut self, id: &'a Id, live: Option<&Object>) {
        let Some(former) = Self::property(live, Property::Owner) else { return };
        for part in self.ddl(id).with_parts() {
            let grants = self.ddl(part).grants_of_former_owner(&former);
            // What an owner has revoked from itself, its successor doesn't get.
            let owner = Self::property(self.wanted.objects.get(part), Property::Owner);
            let lacks = live.and_then(|it| it.get(&Property::Revoked)).map(Value::parts).unwrap_or_default();
            let lacks = lacks.iter().filter_map(|it| it.strip_prefix("{self}=")).filter(|_| part == id);
            let again = owner.iter().flat_map(|owner| lacks.clone().map(move |it| (owner, it)));
            let again = again.filter_map(|(owner, privilege)| self.ddl(part).privileges(owner, true, privilege));
            let parts: Vec<Part> = grants.into_iter().chain(again).map(|sql| Part::new(Action::Grant, sql)).collect();
            self.push(rank::PRIVILEGE, part, parts);
        }
    }

    /// The table that a foreign key refers to.
    fn target(&self, id: &Id) -> Option<(String, String)> {
        target_of(&Self::property(self.wanted.objects.get(id), Property::Definition)?)
    }

    /// A foreign key that gets enforced is one that is added: the rows are checked, and its target is locked.
    fn enforced(&mut self, id: &'a Id) -> Alteration {
        if let Some((reason, query)) = self.obstacle(id) {
            return Alteration::Rows(reason, query);
        }
        let statements = self.ddl(id).alter(Property::Enforced, None).unwrap_or_default();
        let mut parts: Vec<Part> = statements
            .into_iter()
            .map(|sql| self.part(id, LockMode::AccessExclusive, &[HazardKind::Scan], sql))
            .collect();
        let target = self.on_target(id);
        parts.iter_mut().for_each(|it| it.hazards.extend(target.clone()));
        Alteration::Steps(rank::FOREIGN_KEY, parts)
    }

    fn constraint_alteration(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Alteration {
        let live = self.live(&difference.id);
        if property == Property::Triggers {
            // `RI_FKey_check_ins on padealing.pad_request is disabled`
            let switched = live.and_then(|object| object.get(&property)).map(Value::parts).unwrap_or_default();
            let tables = switched.iter().filter_map(|text| text.split_once(" on ")?.1.rsplit_once(" is "));
            let tables: BTreeSet<&str> = tables.map(|(table, _)| table).collect();
            if difference.expected.is_some() || !tables.iter().all(|table| table.starts_with("padealing.")) {
                let reason = "only a superuser can enable or disable a foreign key's triggers";
                return Alteration::Leave(reason.to_owned());
            }
            let parts = tables.into_iter().map(|table| {
                let note = "every other trigger of the table is enabled, too".to_owned();
                let (kind, lock) = (HazardKind::Overwrite, Some(LockMode::ShareRowExclusive));
                let hazards = vec![Hazard { kind, lock, table: table.to_owned(), note }];
                Part { hazards, ..Part::from(format!("alter table {table} enable trigger all")) }
            });
            return Alteration::Steps(rank::ATTACHED, parts.collect());
        }
        // What is stricter than expected refuses nothing that was accepted.
        if difference.expected.is_some() {
            return Alteration::Leave("it is validated, which is stricter than expected".to_owned());
        }
        if live.is_some_and(|object| object.contains_key(&Property::Enforced)) {
            return Alteration::Nothing;
        }
        if let Some((reason, query)) = self.obstacle(id) {
            return Alteration::Rows(reason, query);
        }
        let statements = self.ddl(id).alter(property, live).unwrap_or_default().into_iter();
        let scan = |sql| self.part(id, LockMode::ShareUpdateExclusive, &[HazardKind::Scan], sql);
        Alteration::Steps(rank::FOREIGN_KEY, statements.map(scan).collect())
    }

    /// The comment of a table that a revision has moved, or moves: the down migration reads it, and restores the old
    /// comment from it.
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
}

/// The old owner, comment or default, which the step replaces.
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
