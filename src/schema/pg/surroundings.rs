//! What a database holds beside the objects that are compared, and that can stop a step. Reads the catalog only.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::schema::catalog::{Id, Kind};
use crate::schema::names::{APPLICATION_SCHEMA, CRITICAL_REFERENCE_TABLES, is_allowable};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::code::{Code, Meanings, Occasion, tokens};
use crate::schema::plan::history_table::HistoryTable;
use crate::schema::plan::surroundings::{
    Bond, Child, Dependent, Holder, KeyTable, Member, Namespace, PassedOn, Surroundings,
};

pub(super) async fn surroundings(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
) -> Result<Surroundings, QueryError> {
    let code = code(connection).await?;
    Ok(Surroundings {
        dependents: dependents(connection).await?,
        row_types: row_types(connection).await?,
        children: children(connection).await?,
        names: names(connection).await?,
        references: references(connection).await?,
        widths: widths(connection).await?,
        passed_on: passed_on(connection).await?,
        members: members(connection).await?,
        meanings: meanings(connection, &code).await?,
        constraints: constraints(connection).await?,
        history: history(connection).await?,
        code,
        allowed: request.allow_objects.iter().cloned().collect(),
    })
}

async fn dependents(connection: &mut Session) -> Result<BTreeMap<Id, Vec<Dependent>>, QueryError> {
    const WHAT: &str = "looking for objects that depend on managed tables";
    let sql = include_str!("surroundings/dependents.sql");
    let rows = sqlx::query(sql).bind(MANAGED_TABLES).fetch_all(connection).await.attempt(WHAT)?;
    let id = |row: &PgRow, at: usize| -> Result<Option<Id>, sqlx::Error> {
        let kind = row.try_get::<Option<String>, _>(at)?.and_then(|it| Kind::from_str(&it).ok());
        let part = |at: usize| row.try_get::<Option<String>, _>(at);
        let (schema, parent, name) = (part(at + 1)?, part(at + 2)?, part(at + 3)?);
        let id = kind.zip(schema).zip(parent.zip(name));
        Ok(id.map(|((kind, schema), (parent, name))| Id { schema, parent, kind, name }))
    };
    let pair = |row: &PgRow| -> Result<(Option<Id>, Dependent), sqlx::Error> {
        let is_expression = row.try_get::<String, _>(4)? == "expression";
        let bond = if is_expression { Bond::Expression } else { Bond::Fixed };
        let (description, expressions) = (row.try_get(5)?, row.try_get(10)?);
        Ok((id(row, 0)?, Dependent { description, id: id(row, 6)?, bond, expressions }))
    };
    let mut found: BTreeMap<Id, Vec<Dependent>> = BTreeMap::new();
    for (upon, dependent) in rows.iter().map(pair).collect::<Result<Vec<_>, _>>().attempt(WHAT)? {
        let Some(upon) = upon else { continue };
        let all = found.entry(upon).or_default();
        if !all.contains(&dependent) {
            all.push(dependent);
        }
    }
    Ok(found)
}

async fn row_types(connection: &mut Session) -> Result<BTreeMap<(String, String), Vec<String>>, QueryError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(include_str!("surroundings/row_types.sql"))
        .bind(MANAGED_TABLES)
        .fetch_all(connection)
        .await
        .attempt("looking for columns that use the row type of a managed table")?;
    let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (schema, table, column) in rows {
        found.entry((schema, table)).or_default().push(column);
    }
    Ok(found)
}

async fn children(connection: &mut Session) -> Result<BTreeMap<(String, String), Vec<Child>>, QueryError> {
    type Row = (String, String, String, String, bool, Vec<String>, Vec<String>);
    let rows: Vec<Row> = sqlx::query_as(include_str!("surroundings/children.sql"))
        .bind(MANAGED_TABLES)
        .fetch_all(connection)
        .await
        .attempt("looking for tables that inherit from managed tables")?;
    let mut found: BTreeMap<(String, String), Vec<Child>> = BTreeMap::new();
    for (schema, name, table, detach, is_outside, columns, types) in rows {
        let columns = columns.into_iter().zip(types).collect();
        found.entry((schema, name)).or_default().push(Child { table, detach, is_outside, columns });
    }
    Ok(found)
}

async fn names(connection: &mut Session) -> Result<BTreeMap<(Namespace, String), Holder>, QueryError> {
    type Row = (String, String, String, String, String, String, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(include_str!("surroundings/names.sql"))
        .fetch_all(connection)
        .await
        .attempt("listing the names in padealing")?;
    let holder = |(space, name, description, keyword, kind, parent, extension): Row| {
        let space = if space == "type" { Namespace::Type } else { Namespace::Relation };
        let kind = Kind::from_str(&kind).ok();
        let id = kind.map(|kind| Id { schema: APPLICATION_SCHEMA.to_owned(), parent, kind, name: name.clone() });
        ((space, name), Holder { description, keyword, id, extension })
    };
    Ok(rows.into_iter().map(holder).collect())
}

async fn references(connection: &mut Session) -> Result<BTreeMap<(String, String), KeyTable>, QueryError> {
    type Texts = Vec<String>;
    type Row = (String, String, Option<String>, Texts, Texts, Texts, Texts, Texts, bool);
    let rows: Vec<Row> = sqlx::query_as(include_str!("surroundings/references.sql"))
        .bind(CRITICAL_REFERENCE_TABLES)
        .fetch_all(connection)
        .await
        .attempt("looking at the keys of the reference tables")?;
    let table = |(schema, name, other_kind, primary, keys, columns, types, categories, is_unlogged): Row| {
        let keys = keys.iter().map(|key| key.split('\u{1}').map(str::to_owned).collect()).collect();
        let columns = columns.into_iter().zip(types.into_iter().zip(categories)).collect();
        ((schema, name), KeyTable { other_kind, is_unlogged, primary, keys, columns })
    };
    Ok(rows.into_iter().map(table).collect())
}

async fn widths(connection: &mut Session) -> Result<BTreeMap<(String, String), i32>, QueryError> {
    let rows: Vec<(String, String, i32)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, c.relnatts::int4 from pg_class c \
         join pg_namespace n on n.oid = c.relnamespace where c.relname = any($1) and c.relkind in ('r', 'p')",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("counting the columns of managed tables")?;
    Ok(rows.into_iter().map(|(schema, table, width)| ((schema, table), width)).collect())
}

async fn passed_on(connection: &mut Session) -> Result<BTreeMap<(String, String), Vec<PassedOn>>, QueryError> {
    type Row = (String, String, String, String, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "select n.nspname::text, it.name, it.part, pg_get_userbyid(it.grantor)::text, \
                case it.grantee when 0 then 'PUBLIC' else pg_get_userbyid(it.grantee)::text end, it.privilege_type \
         from ( \
             select relnamespace as space, relname::text as name, '' as part, relowner as owner, acl.* \
             from pg_class, aclexplode(relacl) acl \
             union all \
             select c.relnamespace, c.relname, a.attname, c.relowner, acl.* \
             from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) acl \
             where not a.attisdropped \
             union all \
             select s.oid, '', '', s.nspowner, acl.* from pg_namespace s, aclexplode(s.nspacl) acl) it \
         join pg_namespace n on n.oid = it.space \
         where it.grantor <> it.owner order by 1, 2, 3, 4, 5, 6",
    )
    .fetch_all(connection)
    .await
    .attempt("looking for privileges that were passed on")?;
    let mut found: BTreeMap<(String, String), Vec<PassedOn>> = BTreeMap::new();
    for (schema, name, column, by, to, privilege) in rows {
        found.entry((schema, name)).or_default().push(PassedOn { column, by, to, privilege });
    }
    Ok(found)
}

async fn constraints(connection: &mut Session) -> Result<BTreeSet<(String, String, String)>, QueryError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, k.conname::text from pg_constraint k \
         join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace \
         where c.relname = any($1) and (k.contype in ('n', 't') or k.conparentid <> 0)",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("listing constraints of managed tables that aren't compared")?;
    Ok(rows.into_iter().collect())
}

async fn history(connection: &mut Session) -> Result<Option<HistoryTable>, QueryError> {
    const WHAT: &str = "looking at the table of the history";
    let sql = include_str!("surroundings/history.sql");
    let text: Option<String> = sqlx::query_scalar(sql).fetch_optional(connection).await.attempt(WHAT)?;
    let table = text.map(|it| serde_json::from_str(&it).map_err(|error| sqlx::Error::Decode(error.into())));
    table.transpose().attempt(WHAT)
}

async fn members(connection: &mut Session) -> Result<Vec<Member>, QueryError> {
    let rows: Vec<(String, String, String, Vec<String>)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, e.extname::text, \
                array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' \
         join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass \
         where c.relname = any($1) and c.relkind in ('r', 'p') order by 1, 2",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("looking for tables that belong to extensions")?;
    let member = |(schema, table, extension, columns)| Member { schema, table, extension, columns };
    Ok(rows.into_iter().map(member).collect())
}

pub(super) async fn code(connection: &mut Session) -> Result<Vec<Code>, QueryError> {
    const WHAT: &str = "looking for triggers and functions that steps would run";
    let rows = sqlx::query(include_str!("surroundings/code.sql")).bind(MANAGED_TABLES).fetch_all(connection).await;
    let code = |row: &PgRow| -> Result<Code, sqlx::Error> {
        let occasion: String = row.try_get(0)?;
        let occasion = match occasion.as_str() {
            "event" => Occasion::Event { event: row.try_get(1)?, tags: row.try_get(2)? },
            "record" => Occasion::Record { returns_row: row.try_get::<String, _>(1)? == "before" },
            _ => Occasion::Rewrite(row.try_get(3)?, row.try_get(4)?),
        };
        Ok(Code {
            occasion,
            caller: row.try_get(5)?,
            name: row.try_get(6)?,
            function: row.try_get(7)?,
            source: row.try_get(8)?,
            has_search_path: row.try_get(9)?,
            owner: row.try_get(10)?,
            is_conditional: row.try_get(11)?,
        })
    };
    rows.attempt(WHAT)?.iter().map(code).collect::<Result<_, _>>().attempt(WHAT)
}

/// Where the names in the texts of functions are, outside `pg_catalog`.
async fn meanings(connection: &mut Session, code: &[Code]) -> Result<Meanings, QueryError> {
    let words: BTreeSet<String> = code.iter().flat_map(|it| tokens(&it.source)).collect();
    let mut meanings = Meanings::default();
    if words.is_empty() {
        return Ok(meanings);
    }
    let rows: Vec<(bool, String, String)> = sqlx::query_as(
        "select it.is_relation, it.name::text, n.nspname::text from ( \
             select true as is_relation, relname as name, relnamespace as space from pg_class where relkind in \
                 ('r', 'p', 'v', 'm', 'f', 'S') \
             union select false, proname, pronamespace from pg_proc) it \
         join pg_namespace n on n.oid = it.space \
         where it.name::text = any($1) and n.nspname not in ('pg_catalog', 'information_schema') \
           and n.nspname !~ '^pg_(toast|temp)' \
           and not exists (select from pg_proc where proname = it.name and pronamespace = 'pg_catalog'::regnamespace) \
           and not exists (select from pg_class where relname = it.name and relnamespace = 'pg_catalog'::regnamespace) \
         order by n.nspname <> 'public', 3",
    )
    .bind(words.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .attempt("looking for what functions name")?;
    for (is_relation, name, schema) in rows {
        let names = if is_relation { &mut meanings.relations } else { &mut meanings.functions };
        names.entry(name).or_default().push(schema);
    }
    Ok(meanings)
}

/// Checks that what may be locked outside padealing is there, and may be at all.
pub(super) async fn check_allowed(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<(), ApplyError> {
    for name in request.allow_objects {
        let schema = name.split('.').next().unwrap_or_default();
        if !is_allowable(schema) {
            return Err(ApplyError::NotAllowable { name: name.clone(), schema: schema.to_owned() });
        }
        let there: bool = sqlx::query_scalar(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where format('%s.%s', n.nspname, c.relname) = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S'))",
        )
        .bind(name)
        .fetch_one(&mut *connection)
        .await
        .attempt("looking for the objects of --allow-object")?;
        if !there {
            return Err(ApplyError::NoObject { name: name.clone(), place: request.database.place() });
        }
    }
    Ok(())
}
