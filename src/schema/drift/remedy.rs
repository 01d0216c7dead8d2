//! What to do about a difference; SQL where SQL helps. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::{quote_identifier, quote_literal as literal};
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property};
use crate::schema::ddl::Ddl;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::{Change, Remedy};
use crate::schema::names::{CONTRACT_SCHEMA, PHANTOM_COLUMNS};

/// What a report says.
pub(super) fn remedy(difference: &Difference, comparison: &Comparison<'_>) -> Remedy {
    let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
    let catalog = &comparison.expected;
    let live = comparison.live.objects.get(live_id);
    let ddl = Ddl::new(catalog, live_id);
    let case = Case { ddl, catalog, live, difference, id: &difference.id, live_id, embedded: comparison.embedded };
    if let Some(text) = case.phantom() {
        return Remedy::advice(text);
    }
    let sql = case.sql();
    if comparison.is_contract(&difference.id) {
        return match sql {
            Some(sql) => {
                let advice = format!("pad-migrate doesn't manage {CONTRACT_SCHEMA}; ask its owners to run:");
                Remedy { advice, sql }
            }
            None => Remedy::advice(format!(
                "pad-migrate doesn't manage {CONTRACT_SCHEMA}; ask its owners whether this is intended"
            )),
        };
    }
    sql.map_or_else(|| Remedy::advice(case.words()), Remedy::sql)
}

struct Case<'a> {
    difference: &'a Difference,
    id: &'a Id,
    live_id: &'a Id,
    /// The expected catalog, with live names.
    catalog: &'a Catalog,
    ddl: Ddl<'a>,
    /// The live object.
    live: Option<&'a Object>,
    embedded: bool,
}

impl Case<'_> {
    fn phantom(&self) -> Option<String> {
        let Id { schema, parent, kind, name } = self.id;
        let is_column = *kind == Kind::Column && schema == CONTRACT_SCHEMA && self.difference.change == Change::Missing;
        let (_, _, instead) =
            PHANTOM_COLUMNS.iter().find(|(table, column, _)| is_column && table == parent && column == name)?;
        Some(format!("{CONTRACT_SCHEMA} never had this column: {instead}"))
    }

    fn sql(&self) -> Option<String> {
        let (difference, id) = (self.difference, self.id);
        let statements = match difference.change {
            // Their names are not identifiers.
            _ if matches!(id.kind, Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast) => return None,
            Change::Missing if id.kind == Kind::Extension => vec![format!("create extension {}", identifier(&id.name))],
            Change::Missing if id.kind == Kind::Setting => vec![self.setting(self.wanted(Property::Value))],
            Change::Unexpected if id.kind == Kind::Setting => vec![self.setting(None)],
            // A revision creates tables and schemas, with more than one statement.
            Change::Missing if id.kind == Kind::Table || id.kind == Kind::Schema => return None,
            Change::Missing if id.kind == Kind::Constraint => vec![self.constraint()?],
            Change::Missing => vec![self.ddl.create()?],
            Change::Renamed => vec![Ddl::new(self.catalog, id).rename(self.live_id)?],
            Change::Moved => vec![Ddl::new(self.catalog, id).set_schema(self.live_id)],
            Change::Lost => {
                vec![self.ddl.privileges(difference.role.as_deref()?, true, difference.expected.as_deref()?)?]
            }
            Change::Gained => {
                let (role, gained) = (difference.role.as_deref()?, difference.actual.as_deref()?);
                let revoke = self.ddl.privileges(role, false, gained)?;
                [vec![revoke], self.ddl.columns_again(role, gained)].concat()
            }
            Change::Differs(property) => self.alter(property)?,
            _ => return None,
        };
        let each = statements.into_iter().map(|it| it + ";");
        let mut text = each.collect::<Vec<_>>().join(" ");
        if id.kind == Kind::Column && difference.change == Change::Differs(Property::Type) {
            text.push_str(" -- this rewrites the table; check first that all values fit");
        }
        Some(text).filter(|it| !it.is_empty())
    }

    /// In one statement; a plan adds and validates separately.
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
        // The database's name differs between environments: the statement takes the current one.
        let target = match self.id.parent.as_str() {
            "" => "alter database %I".to_owned(),
            role => match role.strip_suffix(" everywhere") {
                Some("") => "alter role all".to_owned(),
                Some(role) => format!("alter role {}", identifier(role)),
                None => format!("alter role {} in database %I", identifier(role)),
            },
        };
        // A name without odd characters is as it is: quoted, some would be taken for others.
        let is_plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let part = |part: &str| if is_plain(part) { part.to_owned() } else { quote_identifier(part) };
        let name = self.id.name.split('.').map(part).collect::<Vec<_>>().join(".");
        let statement = match value {
            Some(value) => format!("{target} set {name} = {}", literal(&value)),
            None => format!("{target} reset {name}"),
        };
        match target.contains("%I") {
            true => format!("do $$ begin execute format({}, current_database()); end $$", literal(&statement)),
            false => statement,
        }
    }

    /// Where no single statement helps.
    fn words(&self) -> String {
        let kind = self.id.kind.words();
        let origin = if self.embedded { "migrations/" } else { "the expected database" };
        match self.difference.change {
            Change::Missing if self.id.kind == Kind::Table && self.embedded => {
                "`pad-migrate apply` creates it if its revision is pending; otherwise find out who dropped it"
                    .to_owned()
            }
            Change::Empty => {
                "check that this is the right database; `pad-migrate apply` then creates the missing objects".to_owned()
            }
            Change::Missing => format!("create it as in {origin}"),
            Change::Unexpected => {
                format!(
                    "unexpected {kind}, left unchanged: find out what it is for, then add it to {origin} or drop it"
                )
            }
            Change::Replaced => format!("find out who replaced the {kind}"),
            Change::Order => "no action needed: columns are read by name".to_owned(),
            Change::Unmanaged => "no action needed: a known table that pad-migrate doesn't manage".to_owned(),
            Change::Unmodelled => {
                "check it by hand: pad-migrate doesn't know this kind of object, and has not compared it".to_owned()
            }
            _ => format!("change it by hand to match {origin}"),
        }
    }
}
