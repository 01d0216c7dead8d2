//! Reads a catalog: two questions, in one read-only transaction that sees one moment.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column, Connection, Either, Executor, Row, TypeInfo, ValueRef};

use crate::config::environment::Environment;
use crate::config::mask::HIDDEN;
use crate::ledger::pg::admission::{RefusedError, check_environment};
use crate::postgres::connect::{Access, Database};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::session::{Attempt, QueryError, run};
use crate::postgres::sqlstate;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};

/// The statements that ask for the objects.
const OBJECTS: &str = include_str!("introspect/objects.sql");

/// The whole examination takes at most so many times DB_CONNECT_TIMEOUT, whatever the server or the network does.
const PATIENCE: u32 = 6;

/// Seconds that are waited for whoever changes a table while we look.
const LOCK_TIMEOUT: u32 = 5;

/// A catalog, and what read it.
#[derive(Clone, Debug)]
pub struct Introspection {
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// What is there.
    pub catalog: Catalog,
}

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It is another environment's database.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// A question failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Somebody is changing a table.
    #[error(
        "reading the catalog at {place} waited {LOCK_TIMEOUT} s for a table that somebody else has locked and was given up; \
         see who in pg_locks, and try again when that is done"
    )]
    Locked {
        /// Host, port, database and role.
        place: String,
    },
    /// The server doesn't answer any more.
    #[error(
        "reading the catalog at {place} took longer than {seconds} s and was given up; look for what blocks the server \
         (pg_stat_activity, pg_locks), or allow more with DB_CONNECT_TIMEOUT, of which this is {PATIENCE} times"
    )]
    Stalled {
        /// Host, port, database and role.
        place: String,
        /// The time that was spent.
        seconds: u64,
    },
}

/// Reads the catalog of some schemas of a database. Those that aren't there are missing from the catalog's list.
/// With an environment, a database that is another's is refused.
pub async fn introspect(
    database: &Database,
    environment: Option<Environment>,
    schemas: &[String],
    activity: &str,
) -> Result<Introspection, IntrospectError> {
    introspect_with(database, environment, schemas, activity, async |_, found| Ok(found)).await
}

/// The same, with more questions in the same transaction.
pub(crate) async fn introspect_with<T>(
    database: &Database,
    environment: Option<Environment>,
    schemas: &[String],
    activity: &str,
    more: impl AsyncFnOnce(&mut PgConnection, Introspection) -> Result<T, QueryError>,
) -> Result<T, IntrospectError> {
    let patience = database.timeout * PATIENCE;
    let work = async {
        let mut connection = database.connect(Access::Read, activity).await?;
        let result = in_transaction(&mut connection, database, environment, schemas, more).await;
        let _ = connection.close().await;
        result
    };
    let stalled = || IntrospectError::Stalled { place: database.place(), seconds: patience.as_secs() };
    match tokio::time::timeout(patience, work).await {
        Ok(Err(IntrospectError::Query(error))) => Err(match error.sqlstate().as_deref() {
            Some(sqlstate::LOCK_NOT_AVAILABLE) => IntrospectError::Locked { place: database.place() },
            Some(sqlstate::QUERY_CANCELED) => stalled(),
            _ => error.into(),
        }),
        Ok(result) => result,
        Err(_) => Err(stalled()),
    }
}

async fn in_transaction<T>(
    connection: &mut PgConnection,
    database: &Database,
    environment: Option<Environment>,
    schemas: &[String],
    more: impl AsyncFnOnce(&mut PgConnection, Introspection) -> Result<T, QueryError>,
) -> Result<T, IntrospectError> {
    let begin = format!(
        "begin isolation level repeatable read read only; set local lock_timeout = '{LOCK_TIMEOUT}s'; \
         set local statement_timeout = '{}s'",
        database.timeout.max(Duration::from_secs(1)).as_secs() * u64::from(PATIENCE)
    );
    run(connection, &begin, "starting the transaction").await?;
    if let Some(environment) = environment {
        check_environment(connection, database, environment).await?;
    }
    let found = read(connection, schemas).await?;
    let found = more(connection, found).await?;
    run(connection, "commit", "ending the transaction").await?;
    Ok(found)
}

/// Reads the catalog of some schemas in the transaction that the session is in.
pub async fn read(connection: &mut PgConnection, schemas: &[String]) -> Result<Introspection, QueryError> {
    const WHAT: &str = "reading the catalog";
    let question = "select split_part(current_setting('server_version'), ' ', 1), \
             coalesce(array_agg(n.nspname::text order by n.nspname), '{}'), coalesce(array_agg(n.oid)::text, '{}'), \
             coalesce((select array_agg(d.objid) from pg_depend d join pg_class c on c.oid = d.objid \
                 where d.classid = 'pg_class'::regclass and d.deptype = 'e' and c.relnamespace = any(array_agg(n.oid)))::text, '{}'), \
             array(select distinct d.classid::regclass::text from pg_depend d \
                 where d.refclassid = 'pg_namespace'::regclass and d.refobjid = any(array_agg(n.oid))) \
         from pg_namespace n where n.nspname = any($1)";
    let (server_version, there, oids, members, catalogs): (String, Vec<String>, String, String, Vec<String>) =
        sqlx::query_as(question).bind(schemas).fetch_one(&mut *connection).await.attempt(WHAT)?;
    let major = crate::base::version::major(&server_version);
    let sql = statements(major, &catalogs)
        .replace("{schemas}", &format!("'{oids}'::oid[]"))
        .replace("{members}", &format!("'{members}'::oid[]"));

    let mut reader = Reader::default();
    let mut rows = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
    while let Some(step) = rows.try_next().await.attempt(WHAT)? {
        match step {
            Either::Left(_) => reader.layout.clear(),
            Either::Right(row) => reader.take(&row).attempt(WHAT)?,
        }
    }
    drop(rows);
    reader.name_unknown(connection).await?;
    let catalog = Catalog { major, schemas: there, objects: reader.objects.into_iter().collect() };
    Ok(Introspection { server_version, catalog })
}

/// The statements for servers of a major version, where the schemas have something in these catalogs.
fn statements(major: u32, catalogs: &[String]) -> String {
    let is_wanted = |statement: &&str| {
        let condition = statement.lines().find_map(|it| it.strip_prefix("-- if "));
        condition.is_none_or(|it| it.split(' ').any(|it| catalogs.iter().any(|catalog| catalog == it)))
    };
    let fits = |line: &&str| match line.rsplit_once("-- from ") {
        Some((_, from)) => from.trim().parse::<u32>().is_ok_and(|from| major >= from),
        None => !line.trim_start().starts_with("--"),
    };
    let lines = OBJECTS.split("\n\n").filter(is_wanted).flat_map(str::lines).filter(fits);
    lines.fold(String::new(), |all, line| all + line + "\n")
}

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

/// An object's place in the catalogs: the catalog, the row, and the column if it is one.
type Address = (u32, u32, i32);

/// Makes objects of rows.
#[derive(Default)]
struct Reader {
    /// What the columns of the present statement are.
    layout: Vec<Slot>,
    /// Where in the list the object of an address is.
    addresses: HashMap<Address, usize>,
    objects: Vec<(Id, Object)>,
    unknown: Vec<Address>,
}

impl Reader {
    fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        if self.layout.is_empty() {
            self.layout = row.columns().iter().map(slot).collect::<Result<_, _>>()?;
        }
        let mut address = (0, 0, 0);
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
            let number = || text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)));
            match slot {
                Slot::Class => address.0 = number()?,
                Slot::Oid => address.1 = number()?,
                Slot::Sub => address.2 = text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                Slot::Kind => kind = Some(Kind::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))?),
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
                cut_off(&mut object);
            }
            let id = Id { schema, parent, kind, name };
            if address.1 != 0 {
                self.addresses.insert(address, self.objects.len());
            }
            self.objects.push((id, object));
            return Ok(());
        }
        let Some(place) = self.addresses.get(&address) else {
            // A comment or a privilege may be on what is left out on purpose; a mere address is what must be known.
            if object.is_empty() && builtin.is_empty() {
                self.unknown.push(address);
            }
            return Ok(());
        };
        privileges(&mut object, builtin);
        self.objects[*place].1.extend(object);
        Ok(())
    }

    /// Names what is in the schemas and was not read.
    async fn name_unknown(&mut self, connection: &mut PgConnection) -> Result<(), QueryError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        let numbers = |of: fn(&Address) -> u32| self.unknown.iter().map(|it| i64::from(of(it))).collect::<Vec<_>>();
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "select o.type, coalesce(o.schema, ''), coalesce(o.name, o.identity) \
             from unnest($1::int8[], $2::int8[]) u (class, id), \
                  lateral pg_identify_object(u.class::oid, u.id::oid, 0) o",
        )
        .bind(numbers(|it| it.0))
        .bind(numbers(|it| it.1))
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

/// What follows a constraint's condition has properties of its own.
fn cut_off(object: &mut Object) {
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

/// What is granted beyond what Postgres gives by itself, and what of that was revoked.
fn privileges(object: &mut Object, builtin: Vec<String>) {
    let granted = object.remove(&Property::Privileges);
    if granted.is_none() && builtin.is_empty() {
        return;
    }
    let granted = granted.map(|it| it.parts().to_vec()).unwrap_or_default();
    let beyond: Vec<String> = granted.iter().filter(|it| !builtin.contains(it)).cloned().collect();
    // Who may grant a privilege on has it.
    let has = |it: &String| granted.iter().any(|held| held.trim_end_matches('*') == it.trim_end_matches('*'));
    let revoked: Vec<String> = builtin.into_iter().filter(|it| !has(it)).collect();
    for (property, mut list) in [(Property::Privileges, beyond), (Property::Revoked, revoked)] {
        if !list.is_empty() {
            list.sort();
            object.insert(property, Value::List(list));
        }
    }
}

/// An option of a foreign server may be a password, which goes into no file.
fn hide_password(option: &mut String) {
    if let Some((key, _)) = option.split_once('=')
        && key.to_ascii_lowercase().contains("password")
    {
        *option = format!("{key}={HIDDEN}");
    }
}
