//! The plan that brings a database to a revision, and what it starts from. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use crate::config::environment::Environment;
use crate::ledger::history::{Record, RecordKind, applied};
use crate::ledger::pg::admission::{check_adoption, check_environment, lacks_mirror};
use crate::ledger::pg::history::read_history;
use crate::ledger::revisions::{self, RoleNames};
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;
use crate::schema::catalog::{Catalog, Kind, Property};
use crate::schema::drift::spelling::words_of;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::relations::ESTIMATE;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::transaction::read_while_locked;
use crate::schema::pg::{drift, introspect};
use crate::schema::plan::outcome::Found;
use crate::schema::plan::route::{Situation, Stage, stages};
use crate::schema::plan::step::{Answer, DataFacts, Dependent, Size};

/// Plans in a read-only transaction of its own.
pub async fn plan(request: &ChangeRequest<'_>) -> Result<Found, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "plan").await?;
    let work = async |connection: &mut Session| assess(connection, request).await;
    let found = read_while_locked(&mut connection, request, work).await;
    let _ = connection.close().await;
    found
}

/// Refuses a history that doesn't fit this program: other SQL of a revision, or a revision that it doesn't have.
pub(crate) fn check_history(history: &[Record]) -> Result<(), ApplyError> {
    let applied = applied(history);
    for record in history.iter().rev().filter(|it| it.kind != RecordKind::Reverted) {
        if !applied.contains_key(&record.revision) {
            continue;
        }
        let Some(revision) = revisions::ALL.iter().find(|it| it.number == record.revision) else {
            return Err(ApplyError::Newer { number: record.revision.clone() });
        };
        let newest = history.iter().rfind(|it| it.revision == record.revision);
        if newest == Some(record) && !revision.has_checksum(&record.checksum) {
            return Err(ApplyError::Changed { number: record.revision.clone(), name: revision.name.to_owned() });
        }
    }
    Ok(())
}

fn known(number: &str) -> bool {
    revisions::ALL.iter().any(|it| it.number == number)
}

/// Plans in the transaction that the session is in.
pub(crate) async fn assess(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<Found, ApplyError> {
    let ChangeRequest { database, environment, roles, .. } = *request;
    match request.adopts {
        Some(given_up) => check_adoption(connection, database, environment, given_up).await?,
        None => check_environment(connection, database, environment).await?,
    }
    let history = read_history(connection).await?;
    check_history(&history)?;
    if let Some(number) = request.to.filter(|it| !known(it)) {
        return Err(ApplyError::Unknown { number: number.to_owned() });
    }
    let local = environment == Environment::Local && database.is_loopback();
    let makes_mirror = local && lacks_mirror(connection).await?;
    if !makes_mirror {
        check_reference(connection, request).await?;
    }
    let (server_version, live) = live(connection, request).await?;
    let context = drift::role_context(connection, roles).await?;
    let names = role_names(connection, request).await?;
    let stages = stages();
    let mut facts = DataFacts::default();
    let route_with = |facts: &DataFacts, live: &Catalog| {
        let (history, context, names) = (&history[..], &context, &names);
        let situation =
            Situation { stages: &stages, environment, live, history, context, names, facts, to: request.to };
        situation.route().unwrap_or_default()
    };
    let mut route = route_with(&facts, &live);
    // What is empty needs no facts.
    if !route.plan.steps.is_empty() || !route.plan.questions.is_empty() {
        facts.sizes = sizes(connection).await?;
        facts.outside = outside(connection).await?;
        for question in std::mem::take(&mut route.plan.questions) {
            let answer = ask(connection, &question).await?;
            facts.answers.insert(question, answer);
        }
        route = route_with(&facts, &live);
    }
    let mirror = crate::schema::mirror::mirror(roles).sql;
    Ok(Found { server_version, route, history, makes_mirror, live, context, mirror, facts })
}

/// The tables that foreign keys point at.
async fn check_reference(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<(), ApplyError> {
    for table in ["oracle_employee", "oracle_bloomberg"] {
        let there: bool = sqlx::query_scalar("select to_regclass('bo_airflow.' || $1) is not null")
            .bind(table)
            .fetch_one(&mut *connection)
            .await
            .attempt("looking for the reference tables")?;
        if !there {
            return Err(ApplyError::NoReference { place: request.database.place(), table });
        }
    }
    Ok(())
}

/// The role names for revisions: without a name, the owner is the role that applies.
pub(crate) async fn role_names(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<RoleNames, QueryError> {
    let current: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(connection)
        .await
        .attempt("asking for the current role")?;
    let roles = request.roles.clone();
    Ok(RoleNames { owner: roles.owner.unwrap_or(current), app: roles.app, reader: roles.reader })
}

/// Both schemas, and managed tables in other schemas.
pub(crate) async fn live(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
) -> Result<(String, Catalog), QueryError> {
    let elsewhere = elsewhere(connection, request).await?;
    let mut schemas = vec![APPLICATION_SCHEMA.to_owned(), CONTRACT_SCHEMA.to_owned()];
    schemas.extend(elsewhere.keys().cloned());
    let mut found = introspect::read(connection, &schemas).await?;
    let is_managed = |schema: &str, table: &str| {
        elsewhere.get(schema).is_some_and(|tables| tables.iter().any(|other| other == table))
    };
    // Sequences that a default of these tables uses, whichever table owns them.
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for (id, object) in found.catalog.objects.iter().filter(|(id, _)| is_managed(&id.schema, &id.parent)) {
        let default = object.get(&Property::Default).map(ToString::to_string).unwrap_or_default();
        used.extend(words_of(&default).map(|it| (id.schema.clone(), it)));
    }
    found.catalog.objects.retain(|id, object| {
        let owner = object.get(&Property::OwnedBy).map(ToString::to_string);
        let owner = owner.as_deref().and_then(|owner| owner.rsplit_once('.')).map(|(table, _)| table);
        let is_kept = [Some(id.top()), owner].into_iter().flatten().any(|table| is_managed(&id.schema, table))
            || id.kind == Kind::Sequence && used.contains(&(id.schema.clone(), id.name.clone()));
        !elsewhere.contains_key(&id.schema) || is_kept
    });
    found.catalog.schemas.retain(|it| !elsewhere.contains_key(it));
    Ok((found.server_version, found.catalog))
}

/// Tables in `public`, and beside the legacy table, with the name and the identifying columns of a managed one.
async fn elsewhere(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
) -> Result<BTreeMap<String, Vec<String>>, QueryError> {
    let marks: BTreeMap<&str, &[String]> = (revisions::ALL.iter())
        .flat_map(|revision| &revision.properties.moves_tables)
        .map(|(table, columns)| (table.as_str(), columns.as_slice()))
        .collect();
    let names: Vec<&str> = marks.keys().copied().collect();
    let legacy = request.legacy.map_or("public", |it| it.schema.as_str());
    let places: Vec<&str> =
        ["public", legacy].into_iter().filter(|it| ![APPLICATION_SCHEMA, CONTRACT_SCHEMA].contains(it)).collect();
    let rows: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, \
                array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 \
                      and not attisdropped) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = any($1) and c.relname = any($2) and c.relkind in ('r', 'p') \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid \
                           and deptype = 'e') \
         order by 1, 2",
    )
    .bind(places)
    .bind(names)
    .fetch_all(connection)
    .await
    .attempt("looking for managed tables in other schemas")?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (schema, table, columns) in rows {
        let identifying = marks.get(table.as_str()).copied().unwrap_or_default();
        if identifying.iter().all(|column| columns.contains(column)) {
            found.entry(schema).or_default().push(table);
        }
    }
    Ok(found)
}

async fn sizes(connection: &mut Session) -> Result<BTreeMap<(String, String), Size>, QueryError> {
    let sql = format!(
        "select n.nspname::text, c.relname::text, {ESTIMATE}::float8, pg_total_relation_size(c.oid) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema') \
           and n.nspname !~ '^pg_(toast|temp)'"
    );
    let rows: Vec<(String, String, f64, i64)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await.attempt("asking for the sizes of the tables")?;
    let size = |rows: f64, bytes| Size { rows: (rows >= 0.0).then_some(rows as i64), bytes };
    Ok(rows.into_iter().map(|(schema, name, rows, bytes)| ((schema, name), size(rows, bytes))).collect())
}

/// Objects of other schemas that depend on columns of tables with a managed name (documentation, pg_depend).
async fn outside(connection: &mut Session) -> Result<BTreeMap<(String, String, String), Dependent>, QueryError> {
    let rows: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(
        "select n.nspname::text, t.relname::text, a.attname::text, min(it.what), \
                (array_agg(it.child order by it.what))[1] \
         from ( \
             select d.refobjid, d.refobjsubid, format('%s %s', \
                 case c.relkind when 'm' then 'materialized view' else 'view' end, w.ev_class::regclass) as what, null::text as child \
             from pg_depend d join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid \
             join pg_class c on c.oid = w.ev_class and c.relkind in ('v', 'm') \
             where d.refclassid = 'pg_class'::regclass \
               and c.relnamespace <> coalesce(to_regnamespace('padealing')::oid, 0) \
             union all \
             select d.refobjid, d.refobjsubid, format('foreign key %s of %s', k.conname, k.conrelid::regclass), null \
             from pg_depend d join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid \
                 and k.contype = 'f' and k.confrelid = d.refobjid and k.conrelid <> k.confrelid \
             join pg_class c on c.oid = k.conrelid and not c.relname = any($1) \
             where d.refclassid = 'pg_class'::regclass \
             union all \
             select d.refobjid, d.refobjsubid, format('function %s', p.oid::regprocedure), null \
             from pg_depend d join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid \
             where d.refclassid = 'pg_class'::regclass and p.prokind in ('f', 'p') \
             union all \
             select d.refobjid, d.refobjsubid, pg_describe_object(d.classid, d.objid, 0), null \
             from pg_depend d where d.refclassid = 'pg_class'::regclass and d.classid = 'pg_publication_rel'::regclass \
             union all \
             select h.inhparent, a.attnum, format('table %s', h.inhrelid::regclass), h.inhrelid::regclass::text \
             from pg_inherits h join pg_class c on c.oid = h.inhrelid join pg_attribute a on a.attrelid = h.inhparent \
             where c.relnamespace <> coalesce(to_regnamespace('padealing')::oid, 0) \
         ) it \
         join pg_class t on t.oid = it.refobjid join pg_namespace n on n.oid = t.relnamespace \
         join pg_attribute a on a.attrelid = t.oid and a.attnum = it.refobjsubid and a.attnum > 0 \
         where t.relname = any($1) and t.relkind in ('r', 'p') group by 1, 2, 3",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("looking for objects that depend on managed tables")?;
    let dependent =
        |(schema, table, column, description, child)| ((schema, table, column), Dependent { description, child });
    Ok(rows.into_iter().map(dependent).collect())
}

/// Whether a query finds rows. One that fails, for lack of a privilege say, must not end the transaction.
async fn ask(connection: &mut Session, question: &str) -> Result<Answer, QueryError> {
    const WHAT: &str = "checking existing rows";
    let sql = format!("select exists ({question})");
    let found = savepoint(connection, async |connection| {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.attempt(WHAT)
    });
    Ok(match found.await? {
        Ok(true) => Answer::Found,
        Ok(false) => Answer::Clear,
        Err(error) => Answer::Unknown(error.source.to_string()),
    })
}

/// The stage of a revision; the newest without one.
pub(crate) fn stage(to: Option<&str>) -> Option<Stage> {
    stages().into_iter().rfind(|it| to.is_none_or(|to| it.revision.number == to))
}
