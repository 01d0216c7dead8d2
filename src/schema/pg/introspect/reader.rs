//! Turns the rows that `objects.sql` yields into objects with properties.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use sqlx::postgres::PgRow;
use sqlx::{Column, Row, TypeInfo, ValueRef};

use crate::config::mask::HIDDEN;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::schema::catalog::{Id, Kind, Object, Property, Value};

/// A column of a statement.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Class,
    Oid,
    Sub,
    Kind,
    Schema,
    Parent,
    Name,
    Builtin,
    Text(Property),
    List(Property),
}

/// An object's place in the catalogs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Address {
    /// The catalog that has the row.
    class: u32,
    /// The row.
    oid: u32,
    /// The column, if the object is one.
    sub: i32,
}

/// Turns the rows of `objects.sql` into objects.
#[derive(Default)]
pub(super) struct Reader {
    /// What the columns of the present statement are.
    layout: Vec<Slot>,
    /// Where in the list the object of an address is.
    addresses: HashMap<Address, usize>,
    objects: Vec<(Id, Object)>,
    /// Addresses of objects in the schemas that no statement has read.
    unknown: Vec<Address>,
}

impl Reader {
    /// The next statement's rows have other columns.
    pub(super) fn next_statement(&mut self) {
        self.layout.clear();
    }

    /// What was read.
    pub(super) fn into_objects(self) -> BTreeMap<Id, Object> {
        self.objects.into_iter().collect()
    }

    pub(super) fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        if self.layout.is_empty() {
            self.layout = row.columns().iter().map(slot).collect::<Result<_, _>>()?;
        }
        let mut address = Address::default();
        let (mut kind, mut schema, mut parent, mut name) = (None, String::new(), String::new(), String::new());
        let mut object = Object::new();
        let mut builtin: Vec<String> = Vec::new();
        for (index, slot) in self.layout.iter().enumerate() {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                continue;
            }
            if let Slot::List(property) = slot {
                let mut list: Vec<String> = row.try_get(index)?;
                list.iter_mut().for_each(hide_password);
                object.insert(*property, Value::List(list));
                continue;
            }
            if let Slot::Builtin = slot {
                builtin = row.try_get(index)?;
                continue;
            }
            let text = raw.as_str().map_err(sqlx::Error::Decode)?;
            let number = || text.parse().map_err(undecodable);
            match slot {
                Slot::Class => address.class = number()?,
                Slot::Oid => address.oid = number()?,
                Slot::Sub => address.sub = text.parse().map_err(undecodable)?,
                Slot::Kind => kind = Some(Kind::from_str(text).map_err(undecodable)?),
                Slot::Schema => schema.push_str(text),
                Slot::Parent => parent.push_str(text),
                Slot::Name => name.push_str(text),
                Slot::Text(property) => {
                    object.insert(*property, Value::Text(text.to_owned()));
                }
                Slot::List(_) | Slot::Builtin => {}
            }
        }
        if let Some(kind) = kind {
            if kind == Kind::Constraint {
                remove_suffixes(&mut object);
            }
            let id = Id { schema, parent, kind, name };
            if address.oid != 0 {
                self.addresses.insert(address, self.objects.len());
            }
            self.objects.push((id, object));
            return Ok(());
        }
        let Some(place) = self.addresses.get(&address) else {
            // Comments and privileges may belong to objects that are left out on purpose; a bare address is an object
            // that no statement knows.
            if object.is_empty() && builtin.is_empty() {
                self.unknown.push(address);
            }
            return Ok(());
        };
        set_privileges(&mut object, builtin);
        self.objects[*place].1.extend(object);
        Ok(())
    }

    /// Names the objects in the schemas that no statement has read.
    pub(super) async fn name_unknown(&mut self, connection: &mut Session) -> Result<(), QueryError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        let classes: Vec<i64> = self.unknown.iter().map(|address| i64::from(address.class)).collect();
        let oids: Vec<i64> = self.unknown.iter().map(|address| i64::from(address.oid)).collect();
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "select o.type, coalesce(o.schema, ''), coalesce(o.name, o.identity) \
             from unnest($1::int8[], $2::int8[]) u (class, id), \
                  lateral pg_identify_object(u.class::oid, u.id::oid, 0) o",
        )
        .bind(classes)
        .bind(oids)
        .fetch_all(connection)
        .await
        .attempt("naming objects of unknown kinds")?;
        for (kind, schema, name) in rows {
            let id = Id { schema, parent: String::new(), kind: Kind::Unmodelled, name: format!("{kind} {name}") };
            self.objects.push((id, Object::new()));
        }
        Ok(())
    }
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

fn slot(column: &sqlx::postgres::PgColumn) -> Result<Slot, sqlx::Error> {
    let name = column.name();
    Ok(match name {
        "class" => Slot::Class,
        "oid" => Slot::Oid,
        "sub" => Slot::Sub,
        "kind" => Slot::Kind,
        "schema" => Slot::Schema,
        "parent" => Slot::Parent,
        "name" => Slot::Name,
        "builtin" => Slot::Builtin,
        "granted" => Slot::List(Property::Privileges),
        _ => {
            let property = Property::from_str(name).map_err(|_| sqlx::Error::ColumnNotFound(name.to_owned()))?;
            match column.type_info().name().ends_with("[]") {
                true => Slot::List(property),
                false => Slot::Text(property),
            }
        }
    })
}

/// Removes from a constraint's definition what has properties of its own: DEFERRABLE, NOT ENFORCED, NOT VALID.
fn remove_suffixes(object: &mut Object) {
    let deferrable = object.get(&Property::Deferrable).map(|it| match it.to_string().as_str() {
        "initially deferred" => " DEFERRABLE INITIALLY DEFERRED",
        _ => " DEFERRABLE",
    });
    let enforced = object.contains_key(&Property::Enforced).then_some(" NOT ENFORCED");
    let validated = object.contains_key(&Property::Validated).then_some(" NOT VALID");
    if let Some(Value::Text(definition)) = object.get_mut(&Property::Definition) {
        for suffix in [validated, enforced, deferrable].into_iter().flatten() {
            if definition.ends_with(suffix) {
                definition.truncate(definition.len() - suffix.len());
            }
        }
    }
}

/// Privileges beyond the built-in defaults, and defaults that were revoked.
fn set_privileges(object: &mut Object, builtin: Vec<String>) {
    let granted = object.remove(&Property::Privileges);
    if granted.is_none() && builtin.is_empty() {
        return;
    }
    let granted = granted.map(|it| it.parts().to_vec()).unwrap_or_default();
    let beyond: Vec<String> = granted.iter().filter(|it| !builtin.contains(it)).cloned().collect();
    // A privilege with grant option is the privilege, too.
    let has = |it: &String| granted.iter().any(|held| held.trim_end_matches('*') == it.trim_end_matches('*'));
    let revoked: Vec<String> = builtin.into_iter().filter(|it| !has(it)).collect();
    for (property, mut list) in [(Property::Privileges, beyond), (Property::Revoked, revoked)] {
        if !list.is_empty() {
            list.sort();
            object.insert(property, Value::List(list));
        }
    }
}

/// An option of a foreign server may be a password, which must not get into a file.
fn hide_password(option: &mut String) {
    if let Some((key, _)) = option.split_once('=')
        && key.to_ascii_lowercase().contains("password")
    {
        *option = format!("{key}={HIDDEN}");
    }
}
