//! Tables and foreign tables. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::ddl::Ddl;
use crate::schema::ddl::option::option;

impl Ddl<'_> {
    pub(super) fn create_table(&self) -> Option<String> {
        let is_foreign = self.id.kind == Kind::ForeignTable;
        let word = if is_foreign { "foreign table" } else { "table" };
        let unlogged =
            if self.property(Property::Persistence).as_deref() == Some("unlogged") { "unlogged " } else { "" };
        let mut text = format!("create {unlogged}{word} {}", self.name());
        let bound = self.property(Property::PartitionBound);
        let parents = self.property(Property::Inherits);
        if let (Some(bound), Some(parent)) = (&bound, &parents) {
            text.push_str(&format!(" partition of {parent} {bound}"));
        } else {
            let columns = self.columns(Kind::Column).into_iter().filter(|column| !column.has(Property::Inherited));
            let columns = columns.map(|it| format!("    {} {}", it.bare(), it.definition_of_column()));
            let constraints = self.children(Kind::Constraint).filter(Ddl::is_inline);
            let constraints =
                constraints.filter_map(|it| Some(format!("    constraint {} {}", it.bare(), it.constraint(true)?)));
            let lines: Vec<String> = columns.chain(constraints).collect();
            text.push_str(&if lines.is_empty() { " ()".to_owned() } else { format!(" (\n{}\n)", lines.join(",\n")) });
            if let Some(parents) = &parents {
                text.push_str(&format!(" inherits ({parents})"));
            }
        }
        if let Some(key) = self.property(Property::PartitionKey) {
            text.push_str(&format!(" partition by {key}"));
        }
        if let Some(method) = self.property(Property::AccessMethod) {
            text.push_str(&format!(" using {}", identifier(&method)));
        }
        let toast = self.parts(Property::ToastOptions).iter().map(|it| format!("toast.{}", option(it)));
        let options: Vec<String> = self.parts(Property::Options).iter().map(|it| option(it)).chain(toast).collect();
        if !options.is_empty() {
            text.push_str(&format!(" with ({})", options.join(", ")));
        }
        if is_foreign {
            text.push_str(&format!(" server {}", identifier(&self.property(Property::Server)?)));
            text.push_str(&self.foreign_options(None));
        }
        Some(text)
    }

    /// `options (…)` of a foreign table or column: all of them, or what makes them these.
    pub(crate) fn foreign_options(&self, live: Option<&Object>) -> String {
        let split = |it: &String| it.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wanted: Vec<(String, String)> = self.parts(Property::ServerOptions).iter().filter_map(split).collect();
        let there = live.and_then(|it| it.get(&Property::ServerOptions)).map(Value::parts).unwrap_or_default();
        let there: Vec<(String, String)> = there.iter().filter_map(split).collect();
        let is_there = |name: &String| there.iter().any(|(other, _)| other == name);
        let set = wanted.iter().filter(|it| !there.contains(it)).map(|(name, value)| {
            let verb = match live {
                None => "",
                Some(_) if is_there(name) => "set ",
                Some(_) => "add ",
            };
            format!("{verb}{} {}", identifier(name), literal(value))
        });
        let gone = there.iter().filter(|(name, _)| !wanted.iter().any(|(other, _)| other == name));
        let all: Vec<String> = set.chain(gone.map(|(name, _)| format!("drop {}", identifier(name)))).collect();
        if all.is_empty() { String::new() } else { format!(" options ({})", all.join(", ")) }
    }

    pub(super) fn alter_table(&self, property: Property, live: Option<&Object>) -> Option<Vec<String>> {
        let wanted = self.property(property);
        match property {
            Property::ServerOptions if self.id.kind == Kind::ForeignTable => {
                self.alter_with(self.foreign_options(live).trim_start())
            }
            _ if self.id.kind == Kind::ForeignTable => None,
            Property::RowSecurity => {
                self.alter_with(&format!("{} row level security", if wanted.is_some() { "enable" } else { "disable" }))
            }
            Property::RowSecurityForced => {
                self.alter_with(&format!("{}force row level security", if wanted.is_some() { "" } else { "no " }))
            }
            Property::Persistence => self.alter_with(&format!("set {}", wanted.as_deref().unwrap_or("logged"))),
            Property::ReplicaIdentity => match wanted.as_deref() {
                Some("index") => {
                    let index = self.children(Kind::Index).find(|index| index.has(Property::ReplicaIdentity))?;
                    self.alter_with(&format!("replica identity using index {}", index.bare()))
                }
                wanted => self.alter_with(&format!("replica identity {}", wanted.unwrap_or("default"))),
            },
            Property::OfType => self.alter_with(&match wanted {
                Some(of_type) => format!("of {of_type}"),
                None => "not of".to_owned(),
            }),
            Property::Options => Some(self.alter_options(property, live, "")),
            Property::ToastOptions => Some(self.alter_options(property, live, "toast.")),
            Property::Inherits => Some(self.alter_parents(live)),
            Property::PartitionBound => Some(self.alter_bound(&wanted?, live).unwrap_or_default()),
            _ => None,
        }
    }

    /// Leaves the parents that it shall not have, and joins those that it shall.
    fn alter_parents(&self, live: Option<&Object>) -> Vec<String> {
        let there = live.and_then(|object| object.get(&Property::Inherits)).map(Value::parts).unwrap_or_default();
        let was_partition = live.is_some_and(|object| object.contains_key(&Property::PartitionBound));
        let bound = self.property(Property::PartitionBound);
        let wanted = self.parts(Property::Inherits);
        let (name, altered) = (self.name(), self.altered());
        let leave = there.iter().filter(|parent| !wanted.contains(parent)).map(|parent| match was_partition {
            true => format!("alter table {parent} detach partition {name}"),
            false => format!("{altered} no inherit {parent}"),
        });
        let join = wanted.iter().filter(|parent| !there.contains(parent)).map(|parent| match &bound {
            Some(bound) => format!("alter table {parent} attach partition {name} {bound}"),
            None => format!("{altered} inherit {parent}"),
        });
        leave.chain(join).collect()
    }

    /// Gives a partition other bounds. None, if it leaves or joins its parent, which does that as well.
    fn alter_bound(&self, wanted: &str, live: Option<&Object>) -> Option<Vec<String>> {
        let [parent] = self.parts(Property::Inherits) else { return None };
        live?.get(&Property::PartitionBound)?;
        let name = self.name();
        Some(vec![
            format!("alter table {parent} detach partition {name}"),
            format!("alter table {parent} attach partition {name} {wanted}"),
        ])
    }
}
