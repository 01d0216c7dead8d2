//! Applies a plan in one transaction, on a connection of its own.
//!
//! The connection is closed on every path, and the advisory lock goes with its session. Nothing is sent that
//! [`crate::schema::guard`] hasn't read, and nothing is committed before the server was asked what is locked (`locks`)
//! and the catalog was read again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::text::{list, plural, sentence};
use crate::config::environment::Environment;
use crate::ledger::history::RecordKind;
use crate::ledger::pg::admission::check_local;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
use crate::postgres::transaction::commit;
use crate::schema::guard;
use crate::schema::guard::scope::Scope;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::locks::{Allowed, Outside};
use crate::schema::pg::plan::{assess, live, stage};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::transaction::{
    ATTEMPTS, Line, check_held, locked_connection, record, reference, retry_while_locked, scope, send, stopped,
};
use crate::schema::plan::outcome::{Applied, Found, Unbuilt};
use crate::schema::plan::planner::plan;
use crate::schema::plan::route::Route;
use crate::schema::plan::step::{ConcurrentBuild, Decision, HazardKind, Plan, Step};

/// Brings the schema to the revision that is asked for, if the plan is still the one that was agreed to.
/// In a local database without a reference schema, creates the mirror first.
pub async fn apply(request: &ChangeRequest<'_>, agreed: Option<&Route>) -> Result<Applied, ApplyError> {
    let mut connection = locked_connection(request, "apply").await?;
    let result = apply_locked(&mut connection, request, agreed).await;
    // Whatever happened, an open transaction ends with the session, and so does the lock.
    let _ = connection.close().await;
    result
}

/// Looks at what only a session that writes finds out, before a backup that may take an hour: a standby, another `apply`
/// at work, a schema that isn't adopted here. Changes nothing.
pub async fn look_first(request: &ChangeRequest<'_>, found: &Found) -> Result<(), ApplyError> {
    let mut connection = locked_connection(request, "apply").await?;
    let looked = check_adopted_here(&mut connection, request, found).await;
    let _ = connection.close().await;
    looked
}

/// A schema of another program, beside a reference schema that isn't the mirror, may be QA through a tunnel.
async fn check_adopted_here(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    found: &Found,
) -> Result<(), ApplyError> {
    let ChangeRequest { database, environment, .. } = *request;
    let is_adoption = found.history.is_empty() && found.route.records.iter().any(|it| it.kind == RecordKind::Baseline);
    if environment == Environment::Local && is_adoption {
        check_local(connection, database, environment, "adopting a schema that another program created").await?;
    }
    Ok(())
}

async fn apply_locked(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    agreed: Option<&Route>,
) -> Result<Applied, ApplyError> {
    let attempt = async |session: &mut Session| {
        let done = carry_out(session, request, agreed).await?;
        if done.is_changed() || request.adopts.is_some() {
            commit(session, request.database, "committing").await?;
        } else {
            run(session, "rollback", "ending the transaction").await?;
        }
        Ok(done)
    };
    let mut done = retry_while_locked(connection, request, attempt).await?;
    if request.concurrently {
        for step in &done.route.plan.steps {
            let Some(build) = &step.concurrent else { continue };
            request.database.phase(&format!("building the index {}", step.object));
            match build_concurrently(connection, request, build).await {
                Ok(()) => done.built += 1,
                // The schema is committed: the run reports the index, it hasn't failed.
                Err(error) => done.unbuilt.push(Unbuilt { index: step.object.clone(), reason: sentence(&error) }),
            }
        }
    }
    Ok(done)
}

/// The error for differences that must be resolved by hand.
fn blocked(plan: &Plan) -> Option<ApplyError> {
    /// Others that are named.
    const NAMED: usize = 5;
    let mut blocking = plan.blocking();
    let first = blocking.next()?;
    let first = format!("{} {}: {}", first.kind, first.object, first.reason);
    let names: Vec<String> = blocking.map(|it| format!("{} {}", it.kind, it.object)).collect();
    let count = plural(1 + names.len() as u64, "difference requires", "differences require");
    let more = names.len().saturating_sub(NAMED);
    let rest = (more > 0).then(|| plural(more as u64, "other", "others"));
    let others = match names.is_empty() {
        true => String::new(),
        false => format!("; the others: {}", list(names.into_iter().take(NAMED).chain(rest))),
    };
    Some(ApplyError::Blocked { count, first, others })
}

/// Sends the steps in the transaction that the session is in, and checks what they led to; all but the COMMIT.
pub async fn carry_out(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    agreed: Option<&Route>,
) -> Result<Applied, ApplyError> {
    let found = assess(connection, request).await?;
    let Found { route, makes_mirror, .. } = &found;
    if let Some(error) = blocked(&route.plan) {
        return Err(error);
    }
    check_adopted_here(connection, request, &found).await?;
    let same = |it: &Route| {
        let sql = |it: &Route| it.plan.steps.iter().map(|it| it.sql.clone()).collect::<Vec<_>>();
        sql(it) == sql(route) && it.records == route.records
    };
    if !agreed.is_none_or(same) {
        return Err(ApplyError::Moved);
    }
    let mut done = Applied { mirror_created: *makes_mirror, route: route.clone(), built: 0, unbuilt: Vec::new() };
    if !done.is_changed() && request.adopts.is_none() {
        return Ok(done);
    }
    let outside = Outside::read(connection).await?;
    if *makes_mirror {
        let mirror = crate::schema::mirror::mirror(request.roles);
        send(connection, &mirror, &Scope { mirror: true, ..Scope::default() }).await?;
    }
    let scope = scope(request, false);
    let later = |it: &&Step| {
        let planned = || route.plan.steps.iter().any(|step| step.sql == it.sql);
        request.concurrently && it.concurrent.is_some() && planned()
    };
    let code = &found.facts.surroundings.code;
    let count = route.plan.steps.len();
    for (at, step) in route.plan.steps.iter().enumerate().filter(|(_, it)| !later(it)) {
        request.database.phase(&format!("applying step {} of {count}: {}", at + 1, step.object));
        send(connection, step, &scope).await.map_err(|error| stopped(error, code))?;
    }
    request.database.phase("reading the schema back");
    // What is there now is asked of the server, not concluded.
    let (_, reached) = live(connection, request).await?;
    let expected = stage(request.to).map(|it| it.after);
    let rest = expected.map(|it| plan(it, reached.clone(), &found.context, &found.facts)).unwrap_or_default();
    let mut rest: Vec<&Step> = rest.steps.iter().collect();
    rest.retain(|it| !later(it));
    if let Some(first) = rest.first() {
        return Err(ApplyError::Unreached { count: rest.len(), first: first.sql.trim_end_matches(';').to_owned() });
    }
    let adoption = request.adopts.zip(found.history.last());
    let adoption = adoption.map(|(given_up, newest)| Line::adoption(newest, request.environment, given_up));
    let records = route.records.iter().map(|it| Line::of(&it.revision, it.kind, &it.sql));
    record(connection, request, adoption.into_iter().chain(records).collect(), code).await?;
    let moves = route
        .plan
        .tables
        .iter()
        .filter(|(_, decision)| **decision == Decision::Move)
        .map(|(table, _)| table.clone())
        .collect();
    let allowed = Allowed {
        references: references(route),
        down: false,
        moved: moves,
        mirror: *makes_mirror,
        objects: route.allowed.iter().cloned().collect(),
    };
    check_held(connection, &outside, &allowed).await?;
    if !makes_mirror && reference(&found.live) != reference(&reached) {
        return Err(ApplyError::Held(
            "the reference schema changed meanwhile; find out who changed it, and run apply again".to_owned(),
        ));
    }
    done.route = found.route;
    Ok(done)
}

/// Reference tables that foreign keys are added to.
fn references(route: &Route) -> BTreeSet<String> {
    let hazards = route.plan.steps.iter().flat_map(|it| &it.hazards);
    hazards
        .filter(|hazard| hazard.kind == HazardKind::ReferenceLock)
        .map(|hazard| hazard.table.replace('"', ""))
        .collect()
}

/// Builds or rebuilds an index without blocking writes. An invalid index that a failure leaves is dropped.
async fn build_concurrently(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    build: &ConcurrentBuild,
) -> Result<(), ApplyError> {
    let ConcurrentBuild { sql, leftover } = build;
    guard::check(sql, &scope(request, false))?;
    let drop = format!("drop index concurrently if exists {leftover}");
    guard::check(&drop, &scope(request, false))?;
    let mut tried = 1;
    loop {
        let timeout = format!("set lock_timeout = {}", request.lock_timeout.as_millis());
        run(connection, &timeout, "setting the lock timeout").await?;
        let Err(error) = run(connection, sql, "building the index").await else { return Ok(()) };
        // Another session's index of the same name is valid, or is being built.
        let left_by_us =
            !matches!(error.sqlstate().as_deref(), Some(sqlstate::DUPLICATE_TABLE | sqlstate::DUPLICATE_OBJECT));
        if left_by_us && is_invalid(connection, leftover).await? {
            // The session that blocked the build blocks the drop too.
            run(connection, "set lock_timeout = '60s'", "setting the lock timeout").await?;
            run(connection, &drop, "dropping the half-built index").await?;
        }
        if tried == ATTEMPTS || !error.is_lock_conflict() {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(250 << tried)).await;
        tried += 1;
    }
}

async fn is_invalid(connection: &mut Session, name: &str) -> Result<bool, QueryError> {
    sqlx::query_scalar("select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)")
        .bind(name)
        .fetch_one(connection)
        .await
        .attempt("looking for a half-built index")
}
