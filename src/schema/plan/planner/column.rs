//! How a column becomes what it should be: its type, its numbers, NOT NULL. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Id, Kind, Object, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::comparison::Difference;
use crate::schema::plan::data::{Fit, fit};
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::nodes::{Alteration, Part, Retyped, rank};
use crate::schema::plan::step::{HazardKind, LockMode};

impl<'a> Planner<'a> {
    /// How a property of a column becomes what it should be.
    pub(super) fn column_alteration(&mut self, id: &'a Id, difference: &Difference, property: Property) -> Alteration {
        let live = self.live(&difference.id);
        let wanted = self.wanted.objects.get(id);
        let is_expected = difference.expected.is_some();
        let leave = |reason: &str| Alteration::Leave(reason.to_owned());
        match property {
            Property::Type | Property::Collation if self.is_of_view(id) => Alteration::Nothing,
            Property::Default if live.is_some_and(|object| object.contains_key(&Property::Identity)) => {
                let (table, column) = (self.live_table(id), identifier(&difference.id.name));
                Alteration::Leave(format!(
                    "its identity supplies the numbers, where a sequence is expected; drop it, and the next plan creates \
                     the sequence, which goes on after the greatest number: alter table {table} alter column {column} \
                     drop identity"
                ))
            }
            Property::Default if self.stuck.contains_key(&difference.id) => leave("the column has another type"),
            // A sequence gives it the numbers that an identity would.
            Property::Default if wanted.is_some_and(|object| object.contains_key(&Property::Identity)) => {
                Alteration::Nothing
            }
            Property::Type => self.column_type(id, difference),
            // Together with the type, if that differs too.
            Property::Collation => {
                let retyped = Self::property(wanted, Property::Type) != Self::property(live, Property::Type);
                if let Some((reason, _)) = self.stuck.get(&difference.id).filter(|_| !retyped) {
                    return Alteration::Leave(reason.clone());
                }
                if !retyped {
                    self.retype_column(id, &Self::property(wanted, Property::Type).unwrap_or_default(), false, true);
                }
                Alteration::Nothing
            }
            Property::Generated if is_expected => {
                leave("its values would be overwritten; drop the column and add it again")
            }
            Property::Generated => {
                let owner = self.ddl(id).owner();
                let sql = format!("alter {owner} alter column {} drop expression", identifier(&id.name));
                Alteration::Steps(rank::DEFAULT, vec![self.part(id, LockMode::AccessExclusive, &[], sql)])
            }
            Property::NotNull if is_expected => self.not_null(id),
            // An identity can't be without.
            Property::NotNull if live.is_some_and(|object| object.contains_key(&Property::Identity)) => {
                let (table, column) = (self.live_table(id), identifier(&difference.id.name));
                Alteration::Leave(format!(
                    "its identity needs NOT NULL; find out who uses the numbers, then run: alter table {table} alter column \
                     {column} drop identity"
                ))
            }
            Property::NotNull if let Some(key) = self.key_that_stays(id) => {
                let (table, key) = (self.live_table(id), identifier(key));
                Alteration::Leave(format!(
                    "its primary key needs NOT NULL; find out who relies on the key, then run: alter table {table} drop \
                     constraint {key}"
                ))
            }
            Property::Validated => leave("NOT NULL holds for new rows only; validate it once no row lacks a value"),
            Property::Identity if is_expected => self.numbers(id, live),
            Property::Identity => leave("dropping the identity would drop its sequence; replace it by hand"),
            _ => self.plain_alteration(id, difference, property),
        }
    }

    /// The name of the primary key that a column belongs to, and that no step drops.
    fn key_that_stays(&self, id: &Id) -> Option<&str> {
        let key = self.comparison.live_part(id).and_then(|column| self.comparison.primary_key_of(column))?;
        (!self.dropped.contains(key)).then_some(&*key.name)
    }

    /// NOT NULL by a check that is validated first, so that setting it reads nothing.
    fn not_null(&mut self, id: &'a Id) -> Alteration {
        let (table, column) = (self.ddl(id).table(), identifier(&id.name));
        let live_column = self.comparison.live_part(id).map_or(column.clone(), |live| identifier(&live.name));
        let query = format!("select * from {} where {live_column} is null", self.live_table(id));
        if let Some(query) = self.is_found(query.clone()) {
            return Alteration::Rows("some rows have no value; fill them first".to_owned(), query);
        }
        let name = identifier(&format!("pad_migrate_{}_not_null", id.name));
        let validate = format!("alter table {table} validate constraint {name}");
        let mut scan = self.part(id, LockMode::ShareUpdateExclusive, &[HazardKind::Scan], validate);
        scan.hazards.extend(self.unverified(&query, &table));
        let quick = |sql: String| self.part(id, LockMode::AccessExclusive, &[], sql);
        let parts = vec![
            quick(format!("alter table {table} add constraint {name} check ({column} is not null) not valid")),
            scan,
            quick(format!("alter table {table} alter column {column} set not null")),
            quick(format!("alter table {table} drop constraint {name}")),
        ];
        Alteration::Steps(rank::DEFAULT, parts)
    }

    /// Numbers for a column whose identity differs: from its own sequence, or from one that is there by that name. They
    /// go on after the greatest that is there.
    pub(super) fn numbers(&mut self, id: &'a Id, live: Option<&Object>) -> Alteration {
        let (table, column) = (self.ddl(id).table(), identifier(&id.name));
        let Some((sequence, _)) = self.own_sequences(id).next() else { return Alteration::Nothing };
        let go_on = Self::go_on(sequence, id);
        let sequence = qualified(&sequence.schema, &sequence.name);
        let name = literal(&sequence);
        if let Some((reason, query)) = self.last_number(id) {
            return Alteration::Rows(reason, query);
        }
        let quick = |sql: String| self.part(id, LockMode::AccessExclusive, &[], sql);
        if self.has_sequence_for(id, live) {
            let default = format!("alter table {table} alter column {column} set default nextval({name}::regclass)");
            let owned = format!("alter sequence {sequence} owned by {table}.{column}");
            return Alteration::Steps(rank::DEFAULT, vec![quick(default), owned.into(), go_on]);
        }
        let Some(statements) = self.ddl(id).alter(Property::Identity, live) else {
            return Alteration::Leave(match Self::property(live, Property::Default) {
                Some(default) if !default.contains("nextval(") => format!(
                    "its default {default} draws from no sequence, so lines don't get numbers of their own; drop it, and \
                     the next plan adds the identity, which goes on after the greatest number: alter table {table} alter \
                     column {column} drop default"
                ),
                _ => "a sequence supplies the same numbers and is kept".to_owned(),
            });
        };
        let mut parts: Vec<Part> = statements.into_iter().map(quick).collect();
        if !live.is_some_and(|it| it.contains_key(&Property::Identity)) {
            parts.push(go_on);
        }
        self.set_sequence_attributes(id);
        Alteration::Steps(rank::DEFAULT, parts)
    }

    pub(super) fn column_type(&mut self, id: &'a Id, difference: &Difference) -> Alteration {
        let live = self.live(&difference.id);
        let (Some(from), Some(to)) =
            (Self::property(live, Property::Type), Self::property(self.wanted.objects.get(id), Property::Type))
        else {
            return Alteration::Nothing;
        };
        if live.is_some_and(|it| it.contains_key(&Property::Inherited)) {
            return Alteration::Nothing;
        }
        match self.stuck.get(&difference.id).cloned() {
            Some((reason, Some(query))) => return Alteration::Rows(reason, query),
            Some((reason, None)) => return Alteration::Leave(reason),
            None => {}
        }
        let (column, live_column) = (identifier(&id.name), identifier(&difference.id.name));
        match fit(&column, &from, &to, &self.comparison.live, self.wanted) {
            Fit::None(reason) => Alteration::Leave(reason.to_owned()),
            Fit::All { rewrite, cast } => {
                self.retype_column(id, &to, cast, rewrite);
                Alteration::Nothing
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
                Alteration::Nothing
            }
        }
    }

    /// Adds to the one statement that gives a table's columns their types.
    pub(super) fn retype_column(&mut self, id: &'a Id, to: &str, cast: bool, rewrite: bool) {
        let text = self.ddl(id).retype(to, cast);
        let table = Id { parent: String::new(), kind: Kind::Table, name: id.parent.clone(), ..id.clone() };
        let columns = self.retyped.entry(table).or_default();
        if !columns.iter().any(|column| column.change == text) {
            columns.push(Retyped { change: text, rewrites: rewrite });
        }
    }

    pub(super) fn retype(&mut self) {
        for (table, columns) in std::mem::take(&mut self.retyped) {
            let rewrite = columns.iter().any(|column| column.rewrites);
            let kinds: &[HazardKind] = match rewrite {
                true => &[HazardKind::Rewrite, HazardKind::NotUndone],
                false => &[],
            };
            let texts: Vec<String> = columns.into_iter().map(|column| column.change).collect();
            let sql = format!("alter table {} {}", qualified(&table.schema, &table.name), texts.join(",\n    "));
            let part = self.part(&table, LockMode::AccessExclusive, kinds, sql);
            self.push(rank::ALTER_COLUMN, &table, vec![part]);
        }
    }
}
