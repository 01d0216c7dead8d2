//! Remedies of what belongs to the database: settings, extensions, publications, event triggers, servers. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::{quote_identifier, quote_literal as literal};
use crate::base::text::list;
use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::ddl::function::setting_value;
use crate::schema::drift::remedy::Case;
use crate::schema::drift::remedy::draft::Draft;

impl Case<'_> {
    /// What changes a property of it; none, if no statement does.
    pub(super) fn alter_of_database(&self, property: Property) -> Option<Draft> {
        let bare = identifier(&self.live_id.name);
        let wanted = self.difference.expected.clone();
        Some(match (self.id.kind, property) {
            (Kind::Setting, Property::Value) => Draft::of([self.setting(wanted)]),
            (Kind::Extension, Property::Version) => {
                let to = literal(&wanted?);
                Draft::of([format!("alter extension {bare} update to {to}")])
                    .but("it fails where the server has no script that leads to this version")
            }
            (Kind::Extension, Property::InSchema) => {
                Draft::of([format!("alter extension {bare} set schema {}", identifier(&wanted?))])
                    .but("it fails if the extension can't be moved")
            }
            (Kind::EventTrigger, Property::Enabled) => {
                let verb = match wanted.as_deref() {
                    Some("disabled") => "disable",
                    Some("always") => "enable always",
                    Some("for replicas") => "enable replica",
                    _ => "enable",
                };
                Draft::of([format!("alter event trigger {bare} {verb}")])
            }
            (Kind::Subscription, Property::Enabled) => {
                let verb = if wanted.as_deref() == Some("no") { "disable" } else { "enable" };
                Draft::of([format!("alter subscription {bare} {verb}")])
            }
            (Kind::ForeignServer, Property::ServerOptions) => {
                Draft::of([format!("alter server {bare}{}", self.ddl.foreign_options(self.live))])
            }
            (Kind::Publication, Property::Operations) => {
                let operations = literal(&wanted.unwrap_or_default());
                Draft::of([format!("alter publication {bare} set (publish = {operations})")])
            }
            (Kind::Publication, Property::ViaRoot) => {
                let is = wanted.is_some();
                Draft::of([format!("alter publication {bare} set (publish_via_partition_root = {is})")])
            }
            (Kind::Publication, Property::Tables | Property::Schemas) => Draft::of(self.published(property)?),
            _ => return None,
        })
    }

    /// Takes from a publication what it must not have, and adds what it must: tables of schemas that aren't compared stay.
    fn published(&self, property: Property) -> Option<Vec<String>> {
        let parts = |object: Option<&Object>| -> Vec<String> {
            object.and_then(|it| it.get(&property)).map(Value::parts).unwrap_or_default().to_vec()
        };
        let (wanted, there) = (parts(self.catalog.objects.get(self.live_id)), parts(self.live));
        if wanted.iter().chain(&there).any(|it| it.ends_with(" left out")) {
            return None;
        }
        let bare = identifier(&self.live_id.name);
        let (word, is_table) = if property == Property::Tables { ("table", true) } else { ("tables in schema", false) };
        let name = |it: &String| match is_table {
            // `padealing.pad_request (id, status) where (id > 1)`
            true => it.split(" where ").next().unwrap_or_default().split(" (").next().unwrap_or_default().to_owned(),
            false => identifier(it),
        };
        let spelt = |it: &String| if is_table { it.clone() } else { identifier(it) };
        let gone = there.iter().filter(|it| !wanted.contains(it));
        let added = wanted.iter().filter(|it| !there.contains(it));
        let mut statements: Vec<String> =
            gone.map(|it| format!("alter publication {bare} drop {word} {}", name(it))).collect();
        let added: Vec<String> = added.map(spelt).collect();
        if !added.is_empty() {
            statements.push(format!("alter publication {bare} add {word} {}", list(added)));
        }
        Some(statements)
    }

    pub(super) fn setting(&self, value: Option<String>) -> String {
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
            Some(value) => format!("{target} set {name} = {}", setting_value(&name, &value)),
            None => format!("{target} reset {name}"),
        };
        match target.contains("%I") {
            true => format!("do $$ begin execute format({}, current_database()); end $$", literal(&statement)),
            false => statement,
        }
    }
}
