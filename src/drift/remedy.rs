//! What to do about a difference; SQL where SQL helps. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use super::{Change, Comparison, Difference};
use crate::catalog::{CONTRACT_SCHEMA, Id, Kind, Object, PHANTOM_COLUMNS, Property, Value};
use crate::revisions::quote_literal as literal;

/// The words for a reader of the report.
pub(super) fn remedy(difference: &Difference, comparison: &Comparison<'_>) -> String {
    let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
    let expected = comparison.expected.objects.get(live_id).or_else(|| comparison.expected.objects.get(&difference.id));
    let domain = Id { parent: String::new(), kind: Kind::Domain, name: live_id.parent.clone(), ..live_id.clone() };
    let of_domain = comparison.live.objects.contains_key(&domain) || comparison.expected.objects.contains_key(&domain);
    let live = comparison.live.objects.get(live_id);
    let case =
        Case { of_domain, live, difference, id: &difference.id, live_id, expected, embedded: comparison.embedded };
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
    expected: Option<&'a Object>,
    /// Whether it belongs to a domain, not to a table.
    of_domain: bool,
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

    fn property(&self, property: Property) -> Option<String> {
        self.expected.and_then(|it| it.get(&property)).map(Value::to_string)
    }

    /// The name in SQL: with the schema, and without the parent.
    fn name(&self, id: &Id) -> String {
        let bare = match id.kind {
            Kind::Function | Kind::Procedure | Kind::Aggregate => match id.name.split_once('(') {
                Some((name, arguments)) => format!("{}({arguments}", identifier(name)),
                None => identifier(&id.name),
            },
            _ => identifier(&id.name),
        };
        if id.schema.is_empty() { bare } else { format!("{}.{bare}", identifier(&id.schema)) }
    }

    /// What SQL calls its kind.
    fn keyword(&self) -> String {
        match self.id.kind {
            Kind::Enum | Kind::Composite | Kind::Range | Kind::BaseType => "type".to_owned(),
            Kind::Statistics => "statistics".to_owned(),
            Kind::ForeignServer => "server".to_owned(),
            kind => kind.words(),
        }
    }

    /// What a constraint belongs to: `table padealing.pad_request`.
    fn constrained(&self) -> String {
        let word = if self.of_domain { "domain" } else { "table" };
        format!("{word} {}", self.table())
    }

    /// The table that a column, a constraint and the like belong to.
    fn table(&self) -> String {
        format!("{}.{}", identifier(&self.live_id.schema), identifier(&self.live_id.parent))
    }

    fn sql(&self) -> Option<String> {
        let (id, live_id) = (self.id, self.live_id);
        let bare = identifier(&id.name);
        let keyword = self.keyword();
        // Their names are no identifiers.
        if matches!(id.kind, Kind::Operator | Kind::OperatorClass | Kind::OperatorFamily | Kind::Cast) {
            return None;
        }
        match self.difference.change {
            Change::Missing => self.create(),
            Change::Renamed => Some(match id.kind {
                Kind::Column | Kind::Attribute => {
                    let word = if id.kind == Kind::Column { "table" } else { "type" };
                    let part = if id.kind == Kind::Column { "column" } else { "attribute" };
                    format!("alter {word} {} rename {part} {} to {bare};", self.table(), identifier(&live_id.name))
                }
                Kind::Constraint => {
                    format!("alter {} rename constraint {} to {bare};", self.constrained(), identifier(&live_id.name))
                }
                Kind::Trigger | Kind::Policy | Kind::Rule => {
                    format!("alter {keyword} {} on {} rename to {bare};", identifier(&live_id.name), self.table())
                }
                Kind::Statistics => format!("alter statistics {} rename to {bare};", self.name(live_id)),
                Kind::Enum | Kind::Composite | Kind::Range | Kind::BaseType => {
                    format!("alter type {} rename to {bare};", self.name(live_id))
                }
                _ => {
                    let bare = identifier(id.name.split('(').next().unwrap_or_default());
                    format!("alter {keyword} {} rename to {bare};", self.name(live_id))
                }
            }),
            Change::Moved => {
                Some(format!("alter {keyword} {} set schema {};", self.name(live_id), identifier(&id.schema)))
            }
            Change::Lost | Change::Gained => self.privileges(),
            Change::Differs(property) => self.alter(property),
            _ => None,
        }
    }

    fn create(&self) -> Option<String> {
        let id = self.id;
        let bare = identifier(&id.name);
        let definition = || self.property(Property::Definition);
        Some(match id.kind {
            Kind::Column => {
                let mut text =
                    format!("alter table {} add column {bare} {}", self.table(), self.property(Property::Type)?);
                if let Some(default) = self.property(Property::Default) {
                    text.push_str(&format!(" default {default}"));
                }
                if let Some(identity) = self.property(Property::Identity) {
                    text.push_str(&format!(" generated {identity} as identity"));
                }
                if let Some(stored) = self.property(Property::Generated).as_deref().and_then(|it| it.split_once(' ')) {
                    text.push_str(&format!(" generated always as ({}) {}", stored.1, stored.0));
                }
                if self.property(Property::NotNull).is_some() {
                    text.push_str(" not null");
                }
                text + ";"
            }
            Kind::Constraint => {
                format!("alter {} add constraint {bare} {};", self.constrained(), self.constraint(definition()?))
            }
            Kind::Index => {
                let unique = if self.property(Property::Unique).is_some() { "unique " } else { "" };
                format!("create {unique}index {bare} on {} using {};", self.table(), definition()?)
            }
            Kind::Trigger => create_trigger(&bare, &definition()?),
            Kind::Rule => format!("create rule {bare} as {};", definition()?.trim_end_matches(';')),
            Kind::View => format!("create view {}{} as {}", self.name(id), self.options(), definition()?.trim()),
            Kind::MaterializedView => {
                format!("create materialized view {}{} as {}", self.name(id), self.options(), definition()?.trim())
            }
            Kind::Statistics => format!("create statistics {} {};", self.name(id), definition()?),
            Kind::Policy => {
                let clause = |word: &str, property| {
                    self.property(property).map(|it| format!(" {word} ({it})")).unwrap_or_default()
                };
                format!(
                    "create policy {bare} on {} as {} for {} to {}{}{};",
                    self.table(),
                    self.property(Property::Type)?,
                    self.property(Property::Command)?,
                    self.property(Property::Roles)?,
                    clause("using", Property::Using),
                    clause("with check", Property::WithCheck),
                )
            }
            Kind::Enum => {
                let labels =
                    self.expected?.get(&Property::Labels)?.parts().iter().map(|it| literal(it)).collect::<Vec<_>>();
                format!("create type {} as enum ({});", self.name(id), labels.join(", "))
            }
            Kind::Extension => format!("create extension {bare};"),
            Kind::Setting => return Some(self.setting(self.property(Property::Value))),
            _ => return None,
        })
    }

    /// A constraint's definition, with what has properties of its own.
    fn constraint(&self, mut definition: String) -> String {
        if let Some(deferrable) = self.property(Property::Deferrable) {
            definition.push_str(&format!(" deferrable {deferrable}"));
        }
        for (property, clause) in [(Property::Enforced, " not enforced"), (Property::Validated, " not valid")] {
            if self.property(property).is_some() {
                definition.push_str(clause);
                break;
            }
        }
        definition
    }

    /// Of a view: `security_barrier` and the like decide who sees what.
    fn options(&self) -> String {
        match self.property(Property::Options) {
            Some(options) => format!(" with ({options})"),
            None => String::new(),
        }
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
            true => format!("do $$ begin execute format({}, current_database()); end $$;", literal(&statement)),
            false => statement + ";",
        }
    }

    fn privileges(&self) -> Option<String> {
        let difference = self.difference;
        let role = match difference.role.as_deref()? {
            "PUBLIC" => "public".to_owned(),
            role => identifier(role),
        };
        let lost = difference.change == Change::Lost;
        let privileges = if lost { difference.expected.as_deref()? } else { difference.actual.as_deref()? };
        let (option, privileges) = match privileges.strip_prefix("grant option for ") {
            Some(plain) => (true, plain.to_owned()),
            None => (false, privileges.replace(" with grant option", "")),
        };
        let (on, prefix) = match self.id.kind {
            Kind::DefaultPrivileges => {
                let (what, owner) = self.id.name.split_once(" of ")?;
                let schema = if self.id.schema.is_empty() {
                    String::new()
                } else {
                    format!(" in schema {}", identifier(&self.id.schema))
                };
                (what.to_owned(), format!("alter default privileges for role {}{schema} ", identifier(owner)))
            }
            Kind::Column => {
                let columns = privileges.split(", ").map(|it| format!("{it} ({})", identifier(&self.id.name)));
                let list = columns.collect::<Vec<_>>().join(", ");
                let verb = if lost { "grant" } else { "revoke" };
                let to = if lost { "to" } else { "from" };
                return Some(format!("{verb} {list} on {} {to} {role};", self.table()));
            }
            Kind::Schema => (format!("schema {}", identifier(&self.id.schema)), String::new()),
            Kind::Database => return None,
            Kind::ForeignServer => (format!("foreign server {}", identifier(&self.id.name)), String::new()),
            kind if kind.is_relation() => (self.name(self.live_id), String::new()),
            Kind::Enum | Kind::Composite | Kind::Range | Kind::BaseType => {
                (format!("type {}", self.name(self.live_id)), String::new())
            }
            kind => (format!("{} {}", kind.words(), self.name(self.live_id)), String::new()),
        };
        Some(match (lost, option) {
            (true, false) if difference.expected.as_ref().is_some_and(|it| it.contains(" with grant option")) => {
                format!("{prefix}grant {privileges} on {on} to {role} with grant option;")
            }
            (true, false) => format!("{prefix}grant {privileges} on {on} to {role};"),
            (true, true) => format!("{prefix}grant {privileges} on {on} to {role} with grant option;"),
            (false, false) => format!("{prefix}revoke {privileges} on {on} from {role};"),
            (false, true) => format!("{prefix}revoke grant option for {privileges} on {on} from {role};"),
        })
    }

    fn alter(&self, property: Property) -> Option<String> {
        let (id, live_id) = (self.id, self.live_id);
        let bare = identifier(&live_id.name);
        let wanted = self.difference.expected.clone();
        let keyword = self.keyword();
        let name = match id.kind {
            Kind::Schema => identifier(&id.schema),
            _ => self.name(live_id),
        };
        let column = |what: String| Some(format!("alter table {} alter column {bare} {what};", self.table()));
        match (id.kind, property) {
            (_, Property::Comment) => {
                let on = match id.kind {
                    Kind::Column | Kind::Attribute => format!("column {}.{bare}", self.table()),
                    Kind::Constraint if self.of_domain => format!("constraint {bare} on domain {}", self.table()),
                    Kind::Constraint | Kind::Trigger | Kind::Policy | Kind::Rule => {
                        format!("{keyword} {bare} on {}", self.table())
                    }
                    Kind::Database => return None,
                    _ => format!("{keyword} {name}"),
                };
                Some(format!("comment on {on} is {};", wanted.as_deref().map_or_else(|| "null".to_owned(), literal)))
            }
            (Kind::Database, _) => None,
            (_, Property::Owner) => Some(format!("alter {keyword} {name} owner to {};", identifier(&wanted?))),
            (Kind::Column, Property::Type) => {
                let to = wanted?;
                column(format!("type {to} using {bare}::{to}"))
                    .map(|it| format!("{it} -- look at the values first: this rewrites the table"))
            }
            (Kind::Column, Property::NotNull) => {
                column(if wanted.is_some() { "set not null" } else { "drop not null" }.to_owned())
            }
            (Kind::Column, Property::Default) => {
                column(wanted.map_or_else(|| "drop default".to_owned(), |it| format!("set default {it}")))
            }
            (Kind::Column, Property::Identity) => match (wanted, &self.difference.actual) {
                (Some(wanted), _) if self.live.is_some_and(|it| it.contains_key(&Property::Default)) => {
                    let what = format!("drop default, alter column {bare} add generated {wanted} as identity");
                    column(what)
                }
                (Some(wanted), None) => column(format!("add generated {wanted} as identity")),
                (Some(wanted), Some(_)) => column(format!("set generated {wanted}")),
                (None, _) => column("drop identity".to_owned()),
            },
            (Kind::Column, Property::Storage) => column(format!("set storage {}", wanted?)),
            (Kind::Column, Property::Compression) => {
                column(format!("set compression {}", wanted.as_deref().unwrap_or("default")))
            }
            (Kind::Column, Property::Statistics) => {
                column(format!("set statistics {}", wanted.as_deref().unwrap_or("-1")))
            }
            (Kind::Table, Property::RowSecurity) => Some(format!(
                "alter table {name} {} row level security;",
                if wanted.is_some() { "enable" } else { "disable" }
            )),
            (Kind::Table, Property::RowSecurityForced) => Some(format!(
                "alter table {name} {}force row level security;",
                if wanted.is_some() { "" } else { "no " }
            )),
            (Kind::Table, Property::Persistence) => Some(format!(
                "alter table {name} set {}; -- this rewrites the table",
                wanted.as_deref().unwrap_or("logged")
            )),
            (Kind::Table, Property::ReplicaIdentity) => {
                Some(format!("alter table {name} replica identity {};", wanted.as_deref().unwrap_or("default")))
            }
            (Kind::Constraint, Property::Validated) if wanted.is_none() => {
                Some(format!("alter {} validate constraint {bare};", self.constrained()))
            }
            (Kind::Constraint, Property::Definition) => {
                let table = self.constrained();
                if self.of_domain {
                    let definition = self.constraint(wanted?);
                    return Some(format!(
                        "alter {table} drop constraint {bare}; alter {table} add constraint {bare} {definition};"
                    ));
                }
                Some(format!(
                    "alter {table} drop constraint {bare}, add constraint {bare} {};",
                    self.constraint(wanted?)
                ))
            }
            (Kind::Constraint, Property::Triggers) => {
                // `RI_FKey_check_ins on padealing.pad_request is disabled`
                let switched = self.live?.get(&property)?.parts();
                let tables = switched.iter().filter_map(|it| it.split_once(" on ")?.1.rsplit_once(" is "));
                let tables: std::collections::BTreeSet<&str> = tables.map(|it| it.0).collect();
                let each = tables.into_iter().map(|it| format!("alter table {it} enable trigger all;"));
                Some(each.collect::<Vec<_>>().join(" "))
            }
            (Kind::Index, Property::Valid) if wanted.is_none() => {
                Some(format!("reindex index concurrently {}.{bare};", identifier(&live_id.schema)))
            }
            (Kind::Index, Property::Definition) => {
                let unique = if self.property(Property::Unique).is_some() { "unique " } else { "" };
                let index = format!("{}.{bare}", identifier(&live_id.schema));
                Some(format!("drop index {index}; create {unique}index {bare} on {} using {};", self.table(), wanted?))
            }
            (Kind::Trigger | Kind::Rule, Property::Enabled) => Some(format!(
                "alter table {} {} {} {bare};",
                self.table(),
                match wanted.as_deref() {
                    Some("disabled") => "disable",
                    Some("always") => "enable always",
                    Some("for replicas") => "enable replica",
                    _ => "enable",
                },
                id.kind.words(),
            )),
            (Kind::EventTrigger, Property::Enabled) => Some(format!(
                "alter event trigger {bare} {};",
                if wanted.as_deref() == Some("disabled") { "disable" } else { "enable" }
            )),
            (Kind::Trigger, Property::Definition) => {
                Some(format!("drop trigger {bare} on {}; {}", self.table(), create_trigger(&bare, &wanted?)))
            }
            (Kind::View, Property::Definition) => Some(format!("create or replace view {name} as {}", wanted?.trim())),
            (Kind::MaterializedView, Property::Populated) if wanted.is_none() => {
                Some(format!("refresh materialized view {name};"))
            }
            (Kind::Sequence, Property::Increment) => Some(format!("alter sequence {name} increment by {};", wanted?)),
            (Kind::Sequence, Property::Minimum) => Some(format!("alter sequence {name} minvalue {};", wanted?)),
            (Kind::Sequence, Property::Maximum) => Some(format!("alter sequence {name} maxvalue {};", wanted?)),
            (Kind::Sequence, Property::Start) => Some(format!("alter sequence {name} start with {};", wanted?)),
            (Kind::Sequence, Property::Cache) => Some(format!("alter sequence {name} cache {};", wanted?)),
            (Kind::Sequence, Property::Cycle) => {
                Some(format!("alter sequence {name} {}cycle;", if wanted.is_some() { "" } else { "no " }))
            }
            (Kind::Sequence, Property::Type) => Some(format!("alter sequence {name} as {};", wanted?)),
            (Kind::Extension, Property::Version) => {
                Some(format!("alter extension {bare} update to {};", literal(&wanted?)))
            }
            (Kind::Extension, Property::InSchema) => {
                Some(format!("alter extension {bare} set schema {};", identifier(&wanted?)))
            }
            (Kind::Setting, Property::Value) => Some(self.setting(wanted)),
            _ => None,
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
                Kind::Setting => self.setting(None),
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

/// Only a constraint trigger says whether it can be deferred.
fn create_trigger(name: &str, definition: &str) -> String {
    let constraint = if definition.contains(" DEFERRABLE ") { "constraint " } else { "" };
    format!("create {constraint}trigger {name} {definition};")
}
