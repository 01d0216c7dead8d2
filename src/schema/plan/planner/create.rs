//! What is created, or recreated, with its attributes that need statements of their own. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::schema::catalog::{Id, Kind, Object, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::comparison::Difference;
use crate::schema::drift::finding::{Change, Remedy, kind_of};
use crate::schema::drift::severity;
use crate::schema::plan::data::{refused_by, refused_by_index};
use crate::schema::plan::order::Place;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::alter::rank_of_property;
use crate::schema::plan::planner::nodes::{Node, Part, rank, rank_of, target_of};
use crate::schema::plan::step::{Action, Answer, ConcurrentBuild, Hazard, HazardKind, Left, LockMode};

impl<'a> Planner<'a> {
    /// Rows that would not be accepted.
    pub(super) fn obstacle(&mut self, id: &Id) -> Option<(String, String)> {
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
                let target = target_of(&definition).map(|(schema, table)| self.comparison.live_name(&schema, &table));
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
        let columns = self.wanted.children(&id.schema, &id.parent).filter(|(child, _)| child.kind == Kind::Column);
        let mut named = columns.filter(|(column, _)| id.kind != Kind::Column && words.contains(&column.name));
        if named.any(|(column, _)| self.comparison.live_part(column).is_none_or(|live| live.name != column.name)) {
            return None;
        }
        let reason = match id.kind {
            Kind::Column => "existing rows would have no value; add the column with a default, or fill it first",
            _ => "some rows violate it; correct them first",
        };
        self.asked.insert(id.clone(), query.clone());
        self.is_found(query).map(|it| (reason.to_owned(), it))
    }

    /// The query, if rows are known to be there. A question is asked with the names that there are now.
    pub(super) fn is_found(&mut self, query: String) -> Option<String> {
        let answer = self.facts.answers.get(&query).cloned();
        if !self.questions.contains(&query) {
            self.questions.push(query.clone());
        }
        (answer == Some(Answer::Found)).then_some(query)
    }

    /// Whether the server knows no operator or function for what a question says.
    pub(super) fn is_unreadable(&mut self, question: String) -> bool {
        let answer = self.facts.answers.get(&question);
        let codes = ["42883", "42725", "42804"];
        let is_unreadable = match answer {
            Some(Answer::Unknown(why)) => codes.iter().any(|code| why.contains(&format!("SQLSTATE {code}"))),
            _ => false,
        };
        if !self.questions.contains(&question) {
            self.questions.push(question);
        }
        is_unreadable
    }

    /// Makes an object, with what belongs to it.
    pub(super) fn create(&mut self, id: &'a Id) {
        if !self.planned.insert(id.clone()) {
            return;
        }
        self.created.insert(id.clone());
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
        let parts = self.create_parts(id, sql, is_foreign_key);
        let needs = self.needs_of(self.wanted, id);
        let place = Place { rank, provides: Self::provided(id), needs, is_drop: false };
        self.nodes.push(Node { place, id: id.clone(), parts });
        self.set_attributes(id);
        self.set_sequence_attributes(id);
        if id.kind == Kind::Sequence {
            self.go_on_after_rows(id);
        }
        if id.kind.is_relation() || matches!(id.kind, Kind::Domain | Kind::Composite) {
            let children: Vec<&'a Id> = self.wanted.children(&id.schema, &id.name).map(|(child, _)| child).collect();
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
                    self.set_attributes(child);
                    self.set_sequence_attributes(child);
                } else {
                    self.create(child);
                }
            }
        }
    }

    /// The statements that make it, with what they hurt where the table has rows.
    pub(super) fn create_parts(&mut self, id: &'a Id, sql: String, is_foreign_key: bool) -> Vec<Part> {
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
                part.concurrent = ddl
                    .create_index(true)
                    .filter(|_| !part.hazards.is_empty())
                    .map(|sql| ConcurrentBuild { sql, leftover: ddl.name() });
                parts.push(part);
            }
            Kind::Trigger => parts.push(self.part(id, LockMode::ShareRowExclusive, &[], sql)),
            Kind::Rule | Kind::Policy => parts.push(self.part(id, LockMode::AccessExclusive, &[], sql)),
            Kind::Statistics => parts.push(self.part(id, LockMode::ShareUpdateExclusive, &[], sql)),
            _ => parts.push(Part::from(sql)),
        }
        if let Some(first) = parts.first_mut() {
            first.action = Action::Create(id.kind);
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

    /// Sets what needs statements of its own once an object exists: owner, privileges, comment and so on.
    pub(super) fn set_attributes(&mut self, id: &'a Id) {
        for (property, sql) in self.ddl(id).attributes() {
            self.push(rank_of_property(id.kind, property), id, vec![Part::from(sql)]);
        }
        self.grants(id);
    }

    /// An identity column has a sequence, which comes with it.
    pub(super) fn set_sequence_attributes(&mut self, id: &Id) {
        let own: Vec<&'a Id> = self.own_sequences(id).map(|(sequence, _)| sequence).collect();
        own.into_iter().for_each(|it| self.set_attributes(it));
    }

    /// Whether a column takes no numbers, and a sequence is there whose name its own would have.
    pub(super) fn has_sequence_for(&self, id: &Id, live: Option<&Object>) -> bool {
        let takes = [Property::Default, Property::Identity];
        let takes_none = !takes.iter().any(|it| live.is_some_and(|live| live.contains_key(it)));
        takes_none && self.own_sequences(id).any(|(sequence, _)| self.live(sequence).is_some())
    }

    /// The sequences that come with a column.
    pub(super) fn own_sequences(&self, id: &Id) -> impl Iterator<Item = (&'a Id, &'a Object)> {
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

    /// The privileges of something new.
    pub(super) fn grants(&mut self, id: &'a Id) {
        let (taken, given) = self.ddl(id).grants(&self.comparison.live);
        let of_kind = |action| if id.kind == Kind::DefaultPrivileges { Action::Alter } else { action };
        let mut parts: Vec<Part> = taken.into_iter().map(|sql| Part::new(of_kind(Action::Revoke), sql)).collect();
        parts.extend(given.into_iter().map(|sql| Part::new(of_kind(Action::Grant), sql)));
        self.push(rank::PRIVILEGE, id, parts);
    }

    /// Default privileges that aren't those of a schema reach beyond padealing: they are left, and what they give in
    /// padealing is taken where it is created.
    pub(super) fn leave_default_privileges(&mut self, difference: &Difference) {
        let id = self.origin(&difference.id);
        let is_of_all = id.kind == Kind::DefaultPrivileges && id.schema.is_empty();
        let (Change::Gained, true, Some(role), Some(text)) =
            (difference.change, is_of_all, &difference.role, &difference.actual)
        else {
            return;
        };
        let Some(severity) = severity::weigh(difference, self.comparison) else { return };
        let statements = self.ddl(id).change_privileges(role, false, text);
        self.left.push(Left {
            kind: kind_of(id.kind, difference.change),
            object: format!("{} for {role}", id.object()),
            severity,
            reason: format!(
                "default privileges for every schema give {role} {text} on what is created later; they reach beyond \
                 padealing, so pad-migrate leaves them; revoke them if nothing needs them"
            ),
            query: None,
            remedy: statements.map(|it| Remedy::sql(it.join(";\n"))),
            is_blocking: false,
        });
    }

    pub(super) fn privileges(&mut self, difference: &Difference) {
        let id = self.origin(&difference.id);
        let is_grant = difference.change == Change::Lost;
        let text = if is_grant { &difference.expected } else { &difference.actual };
        let (Some(role), Some(text)) = (&difference.role, text) else { return };
        if self.created.contains(id) || self.comes_with_parent(id) {
            return;
        }
        if !is_grant && let Some(stop) = self.passed_on(id, role, text) {
            self.left.push(stop);
        }
        let ddl = self.ddl(id);
        let Some(statements) = ddl.change_privileges(role, is_grant, text) else {
            let reason = format!("pad-migrate can't change privileges on a {}", id.kind.words());
            return self.leave(difference, reason, None);
        };
        let rank = if id.kind == Kind::DefaultPrivileges { rank::DEFAULT_PRIVILEGE } else { rank::PRIVILEGE };
        let action = match (id.kind, is_grant) {
            (Kind::DefaultPrivileges, true) => Action::Alter,
            (_, true) => Action::Grant,
            (_, false) => Action::Revoke,
        };
        let mut parts: Vec<Part> = statements.into_iter().map(|sql| Part::new(action, sql)).collect();
        let again = if is_grant { Vec::new() } else { ddl.columns_again(role, text) };
        if !is_grant {
            let note = format!("{role} will no longer have {text} on {}; jobs that rely on it will fail", id.object());
            let hazard = Hazard { kind: HazardKind::Revoke, lock: None, table: id.object(), note };
            parts.iter_mut().for_each(|it| it.hazards.push(hazard.clone()));
        }
        parts.extend(again.into_iter().map(|sql| Part::new(Action::Grant, sql)));
        self.push(rank, id, parts);
    }
}
