//! What to do about a difference; SQL where SQL helps. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property};
use crate::schema::ddl::Ddl;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::Change;
use crate::schema::names::{CONTRACT_SCHEMA, PHANTOM_COLUMNS};

/// The words for a reader of the report.
pub(super) fn remedy(difference: &Difference, comparison: &Comparison<'_>) -> String {
    let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
    let catalog = &comparison.expected;
    let live = comparison.live.objects.get(live_id);
    let ddl = Ddl::new(catalog, live_id);
    let case = Case { ddl, catalog, live, difference, id: &difference.id, live_id, embedded: comparison.embedded };
    if let Some(text) = case.phantom() {
        return text;
    }
    let sql = case.sql();
    if comparison.is_contract(&difference.id) {
        return match sql {
            Some(sql) => format!("ask the owners of {CONTRACT_SCHEMA}, which isn't ours to change: {sql}"),
            None => format!("ask the owners of {CONTRACT_SCHEMA}, which isn't ours to change, whether it was meant"),
        };
    }
    sql.unwrap_or_else(|| case.words())
}

struct Case<'a> {
    difference: &'a Difference,
    id: &'a Id,
    live_id: &'a Id,
    /// What is expected, by the names that there are.
    catalog: &'a Catalog,
    ddl: Ddl<'a>,
    /// What it is.
    live: Option<&'a Object>,
    embedded: bool,
}

impl Case<'_> {
    fn phantom(&self) -> Option<String> {
        let Id { schema, parent, kind, name } = self.id;
        let is_column = *kind == Kind::Column && schema == CONTRACT_SCHEMA && self.difference.change == Change::Missing;
        let found = PHANTOM_COLUMNS.iter().find(|it| is_column && it.0 == parent && it.1 == name)?;
        Some(format!("a phantom column, which the mirror never had: {}", found.2))
    }

    fn sql(&self) -> Option<String> {
        let (difference, id) = (self.difference, self.id);
        let statements = match difference.change {
            // Their names are no identifiers.
            _ if matches!(id.kind, Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast) => return None,
            Change::Missing if id.kind == Kind::Extension => vec![format!("create extension {}", identifier(&id.name))],
            Change::Missing if id.kind == Kind::Setting => vec![self.setting(self.wanted(Property::Value))],
            // A table is a revision's to create, and takes more than a statement.
            Change::Missing if id.kind == Kind::Table || id.kind == Kind::Schema => return None,
            Change::Missing if id.kind == Kind::Constraint => vec![self.constraint()?],
            Change::Missing => vec![self.ddl.create()?],
            Change::Renamed => vec![Ddl::new(self.catalog, id).rename(self.live_id)?],
            Change::Moved => vec![Ddl::new(self.catalog, id).set_schema(self.live_id)],
            Change::Lost => {
                vec![self.ddl.privileges(difference.role.as_deref()?, true, difference.expected.as_deref()?)?]
            }
            Change::Gained => {
                vec![self.ddl.privileges(difference.role.as_deref()?, false, difference.actual.as_deref()?)?]
            }
            Change::Differs(property) => self.alter(property)?,
            _ => return None,
        };
        let each = statements.into_iter().map(|it| it + ";");
        let mut text = each.collect::<Vec<_>>().join(" ");
        if id.kind == Kind::Column && difference.change == Change::Differs(Property::Type) {
            text.push_str(" -- look at the values first: this rewrites the table");
        }
        Some(text).filter(|it| !it.is_empty())
    }

    /// At once, not in the two steps of a plan.
    fn constraint(&self) -> Option<String> {
        let (owner, bare) = (self.ddl.owner(), self.ddl.bare());
        Some(format!("alter {owner} add constraint {bare} {}", self.ddl.constraint(true)?))
    }

    fn wanted(&self, property: Property) -> Option<String> {
        self.ddl.property(property)
    }

    fn alter(&self, property: Property) -> Option<Vec<String>> {
        let bare = identifier(&self.live_id.name);
        let wanted = self.difference.expected.clone();
        Some(match (self.id.kind, property) {
            (Kind::Column, Property::Type) => {
                let to = wanted?;
                let table = self.ddl.table();
                let text = format!("alter table {table} alter column {bare} type {to} using {bare}::{to}");
                vec![text]
            }
            (Kind::Setting, Property::Value) => vec![self.setting(wanted)],
            (Kind::Extension, Property::Version) => {
                vec![format!("alter extension {bare} update to {}", literal(&wanted?))]
            }
            (Kind::Extension, Property::InSchema) => {
                vec![format!("alter extension {bare} set schema {}", identifier(&wanted?))]
            }
            (Kind::EventTrigger, Property::Enabled) => {
                let verb = if wanted.as_deref() == Some("disabled") { "disable" } else { "enable" };
                vec![format!("alter event trigger {bare} {verb}")]
            }
            _ => match self.ddl.alter(property, self.live) {
                Some(statements) => statements,
                None if self.id.kind == Kind::Constraint && property == Property::Definition => {
                    vec![self.ddl.drop()?, self.constraint()?]
                }
                None if matches!(property, Property::Definition | Property::Unique) => {
                    vec![self.ddl.drop()?, self.ddl.create()?]
                }
                None => return None,
            },
        })
    }

    fn setting(&self, value: Option<String>) -> String {
        // Whoever runs it is in the database; its name differs from environment to environment.
        let whose = match self.id.parent.as_str() {
            "" => "alter database %I".to_owned(),
            role => match role.strip_suffix(" everywhere") {
                Some("") => "alter role all".to_owned(),
                Some(role) => format!("alter role {}", identifier(role)),
                None => format!("alter role {} in database %I", identifier(role)),
            },
        };
        let statement = match value {
            Some(value) => format!("{whose} set {} = {}", self.id.name, literal(&value)),
            None => format!("{whose} reset {}", self.id.name),
        };
        match whose.contains("%I") {
            true => format!("do $$ begin execute format({}, current_database()); end $$", literal(&statement)),
            false => statement,
        }
    }

    /// Where no statement would do.
    fn words(&self) -> String {
        let kind = self.id.kind.words();
        let origin = if self.embedded { "migrations/" } else { "the expected database" };
        match self.difference.change {
            Change::Missing if self.id.kind == Kind::Table && self.embedded => {
                "`pad-migrate apply` creates it, if its revision has not been applied; else find out who dropped it"
                    .to_owned()
            }
            Change::Empty => {
                "`pad-migrate apply` fills an empty schema; check first that this is the right database".to_owned()
            }
            Change::Missing => format!("it must be created as it is in {origin}"),
            Change::Unexpected => match self.id.kind {
                Kind::Setting => self.setting(None) + ";",
                _ => format!(
                    "find out what the {kind} is for, and put it into {origin} or have it dropped; pad-migrate drops nothing"
                ),
            },
            Change::Replaced => format!("find out who made something else of the {kind}"),
            Change::Order => "nothing: columns are read by name".to_owned(),
            Change::Unmanaged => "nothing, as far as pad-migrate is concerned: it is known, and left alone".to_owned(),
            Change::Unmodelled => {
                "look at it by hand: pad-migrate doesn't know such objects, and has not compared it".to_owned()
            }
            _ => format!("it must be made what it is in {origin}"),
        }
    }
}
