//! The plan that brings a database to a revision, and what it starts from. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use crate::config::environment::Environment;
use crate::ledger::history::{Record, RecordKind, applied};
use crate::ledger::pg::admission::{check_adoption, check_encoding, check_environment, lacks_mirror};
use crate::ledger::pg::history::read_history;
use crate::ledger::revisions::{self, RoleNames};
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::server_facts;
use crate::postgres::transaction::savepoint;
use crate::schema::catalog::{Catalog, Kind, Property};
use crate::schema::drift::spelling::words_of;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::needs::{Wanted, route_permissions};
use crate::schema::pg::relations::{ESTIMATE, elsewhere};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::surroundings::{check_allowed, surroundings};
use crate::schema::pg::transaction::read_while_locked;
use crate::schema::pg::{drift, introspect};
use crate::schema::plan::history::questions;
use crate::schema::plan::outcome::Found;
use crate::schema::plan::route::{Situation, Stage, stages};
use crate::schema::plan::step::{Answer, DataFacts, Size};

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
pub async fn assess(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<Found, ApplyError> {
    let ChangeRequest { database, environment, roles, .. } = *request;
    check_encoding(database, &server_facts(connection).await?)?;
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
    check_allowed(connection, request).await?;
    let (server_version, live) = live(connection, request).await?;
    let context = drift::role_context(connection, roles).await?;
    let names = role_names(connection, request).await?;
    let stages = stages();
    let mut facts = DataFacts::default();
    let route_with = |facts: &DataFacts, live: &Catalog| {
        let (history, context, names) = (&history[..], &context, &names);
        let (to, is_adopted) = (request.to, request.adopts.is_some());
        let stages = &stages;
        let situation = Situation { stages, environment, live, history, context, names, facts, to, is_adopted };
        situation.route().unwrap_or_default()
    };
    let mut route = route_with(&facts, &live);
    // What is empty needs no facts.
    if !route.is_empty() || request.adopts.is_some() || !route.plan.questions.is_empty() {
        facts.sizes = sizes(connection).await?;
        facts.surroundings = surroundings(connection, request).await?;
        // Some questions are about what only the catalog's dependencies show.
        if facts.surroundings.dependents.values().flatten().any(|it| !it.expressions.is_empty()) {
            route = route_with(&facts, &live);
        }
        for question in std::mem::take(&mut route.plan.questions) {
            let answer = ask(connection, &question).await?;
            facts.answers.insert(question, answer);
        }
        route = route_with(&facts, &live);
        if let Some(table) = &facts.surroundings.history {
            let adopted = request.adopts.and(history.last());
            for (question, left) in questions(table, &route.records, adopted, environment) {
                if ask(connection, &question).await? == Answer::Found {
                    route.plan.left.push(left);
                }
            }
        }
    }
    let mirror = crate::schema::mirror::mirror(roles).sql;
    let Wanted { needs, permissions } = route_permissions(connection, &route, &live, makes_mirror, roles).await?;
    Ok(Found { server_version, route, history, makes_mirror, needs, permissions, live, context, mirror, facts })
}

/// The tables that foreign keys point at.
async fn check_reference(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<(), ApplyError> {
    for table in ["oracle_employee", "oracle_bloomberg"] {
        let there: bool = sqlx::query_scalar(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = 'bo_airflow' and c.relname = $1)",
        )
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
    let owner = roles.owner.unwrap_or(current);
    // An owner has all that the others are granted, and a down migration would revoke it.
    let [app, reader] = [roles.app, roles.reader].map(|role| role.filter(|it| *it != owner));
    Ok(RoleNames { owner, app, reader })
}

/// Both schemas, and managed tables in other schemas.
pub(crate) async fn live(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
) -> Result<(String, Catalog), QueryError> {
    let elsewhere = elsewhere(connection, request.legacy).await?;
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
