//! Reverts revisions.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use crate::base::quote;
use crate::base::text::{list, plural};
use crate::ledger::history::{Record, RecordKind, applied};
use crate::ledger::pg::admission::{RefusedError, check_environment};
use crate::ledger::pg::history::read_history;
use crate::ledger::revisions::{self, MOVED_NOTE, NOTHING, Revision, RoleNames, render};
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::commit;
use crate::schema::catalog::{Catalog, Kind, Property};
use crate::schema::ddl::qualified;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA, REFERENCE_TABLES};
use crate::schema::pg::drift;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::locks::{Allowed, Outside};
use crate::schema::pg::needs::down_permissions;
use crate::schema::pg::plan::{check_history, live, role_names, stage};
use crate::schema::pg::request::ChangeRequest;
use crate::schema::pg::surroundings::{check_allowed, code};
use crate::schema::pg::transaction::{
    Line, check_held, locked_connection, read_while_locked, record, retry_while_locked, scope, send, stopped,
};
use crate::schema::plan::losses::{Loss, created_tables, losses};
use crate::schema::plan::outcome::Reversal;
use crate::schema::plan::planner::plan;
use crate::schema::plan::step::{Action, Step};

/// What `revert` would do, without doing it. Without `to`, the newest revision only; `0000` reverts all of them.
pub async fn plan_reversal(request: &ChangeRequest<'_>) -> Result<Reversal, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "revert").await?;
    let work = async |connection: &mut Session| assess(connection, request, false).await;
    let found = read_while_locked(&mut connection, request, work).await;
    let _ = connection.close().await;
    found.map(|assessed| assessed.reversal)
}

/// What is known before anything is reverted.
struct Assessed {
    reversal: Reversal,
    live: Catalog,
}

/// The applied revisions above the one to go to, newest first.
fn above(request: &ChangeRequest<'_>, history: &[Record]) -> Result<(Vec<Revision>, String), ApplyError> {
    let applied = applied(history);
    let newest = revisions::ALL.iter().rfind(|revision| applied.contains_key(revision.number));
    let before = newest.and_then(|newest| revisions::ALL.iter().rfind(|other| other.number < newest.number));
    let to = match request.to {
        Some(to) if to != NOTHING && !revisions::ALL.iter().any(|revision| revision.number == to) => {
            return Err(ApplyError::Unknown { number: to.to_owned() });
        }
        Some(to) => to,
        None => before.map_or(NOTHING, |revision| revision.number),
    };
    let is_above = |revision: &&Revision| applied.contains_key(revision.number) && revision.number > to;
    let revisions: Vec<Revision> = revisions::ALL.iter().rev().filter(is_above).copied().collect();
    if revisions.is_empty() {
        return Err(ApplyError::NothingToRevert { place: request.database.place(), to: to.to_owned() });
    }
    Ok((revisions, to.to_owned()))
}

async fn assess(connection: &mut Session, request: &ChangeRequest<'_>, lock: bool) -> Result<Assessed, ApplyError> {
    check_environment(connection, request.database, request.environment).await?;
    let history = read_history(connection).await?;
    check_history(&history)?;
    check_allowed(connection, request).await?;
    let (revisions, to) = above(request, &history)?;
    let (server_version, live) = live(connection, request).await?;
    let names = role_names(connection, request).await?;
    let dropped = losses(&live, &to, revisions.first().map_or("", |newest| newest.number));
    let steps: Vec<Step> = revisions.iter().map(|revision| down_migration(revision, &names)).collect();
    let sql: Vec<String> = steps.iter().map(|it| it.sql.clone()).collect();
    let permissions = down_permissions(connection, &sql, &dropped, &live, request.roles).await?;
    if !permissions.are_complete() {
        let place = request.database.place();
        return Err(RefusedError::NotPermitted { place, what: "revert", permissions }.into());
    }
    check_dependents(connection, &revisions, &dropped).await?;
    let mut lost = Vec::new();
    for loss in &dropped {
        lost.extend(count(connection, loss, lock).await?);
    }
    let applied = applied(&history);
    let is_adopted = |it: &&Revision| applied.get(it.number) == Some(&RecordKind::Baseline);
    let adopted: Vec<Revision> = revisions.iter().filter(is_adopted).copied().collect();
    // A table that an adoption found is not pad-migrate's to drop unasked, empty as it may be.
    if !adopted.is_empty() {
        let created = created_by_adoptions(connection).await?;
        let tables = dropped.iter().filter(|loss| loss.column.is_none()).map(|loss| &loss.table);
        let found = tables.filter(|table| !created.contains(*table));
        lost.extend(found.map(|table| format!("table {table}, which was there before pad-migrate")));
    }
    let blocks = blocked(&live, &dropped);
    let reversal = Reversal { revisions, losses: lost, adopted, steps, blocks, server_version };
    Ok(Assessed { reversal, live })
}

/// Refuses what PostgreSQL would refuse: to drop what something depends on that stays.
async fn check_dependents(
    connection: &mut Session,
    revisions: &[Revision],
    dropped: &[Loss],
) -> Result<(), ApplyError> {
    let first = revisions::ALL.first().map_or("", |revision| revision.number);
    // The history goes with the first revision.
    let history = revisions.iter().any(|it| it.number == first).then_some(("schema_revision", ""));
    let losses = dropped.iter().map(|it| (it.table.as_str(), it.column.as_deref().unwrap_or_default()));
    let (tables, columns): (Vec<&str>, Vec<&str>) = losses.chain(history).unzip();
    let found: Vec<String> = sqlx::query_scalar(include_str!("surroundings/dropped.sql"))
        .bind(&tables)
        .bind(&columns)
        .fetch_all(connection)
        .await
        .attempt("looking for what depends on what would be dropped")?;
    if found.is_empty() {
        return Ok(());
    }
    let place = |(table, column): (&&str, &&str)| match *column {
        "" => format!("table {table}"),
        column => format!("column {table}.{column}"),
    };
    Err(ApplyError::Depended {
        revisions: list(revisions.iter().map(|revision| revision.number)),
        dropped: list(tables.iter().zip(&columns).map(place)),
        dependents: list(found),
    })
}

/// Rows or values that would be lost, in words, if there are any.
async fn count(connection: &mut Session, loss: &Loss, lock: bool) -> Result<Option<String>, QueryError> {
    let place = qualified(APPLICATION_SCHEMA, &loss.table);
    if lock {
        // Rows that come in after the counting would be lost unseen.
        let sql = format!("lock table {place} in access exclusive mode");
        run(connection, &sql, "locking what would be lost").await?;
    }
    let counted = match &loss.column {
        Some(column) => format!("count({})", quote::quote_identifier(column)),
        None => "count(*)".to_owned(),
    };
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select {counted} from {place}")))
        .fetch_one(connection)
        .await
        .attempt("counting what would be lost")?;
    let text = match &loss.column {
        Some(column) => format!("{} of {}.{column}", plural(count as u64, "value", "values"), loss.table),
        None => format!("{} of {}", plural(count as u64, "row", "rows"), loss.table),
    };
    Ok((count > 0).then_some(text))
}

/// The tables that adoptions of this database have created, by the statements that they recorded.
async fn created_by_adoptions(connection: &mut Session) -> Result<BTreeSet<String>, QueryError> {
    let recorded: Vec<String> =
        sqlx::query_scalar("select sql from padealing.schema_revision where kind = 'baseline' order by id")
            .fetch_all(connection)
            .await
            .attempt("reading what adoptions have created")?;
    Ok(recorded.iter().flat_map(|sql| created_tables(sql)).collect())
}

/// Looks at what only a session that writes finds out, before a backup that may take an hour: a standby, an `apply` at
/// work. Changes nothing.
pub async fn look_first(request: &ChangeRequest<'_>) -> Result<(), ApplyError> {
    let connection = locked_connection(request, "revert").await?;
    let _ = connection.close().await;
    Ok(())
}

/// Refuses to lose data that nobody has allowed to be lost.
pub fn check_losses(request: &ChangeRequest<'_>, reversal: &Reversal, allow_data_loss: bool) -> Result<(), ApplyError> {
    if reversal.losses.is_empty() || allow_data_loss {
        return Ok(());
    }
    let numbers: Vec<&str> = reversal.revisions.iter().map(|revision| revision.number).collect();
    let lowest = numbers.last().copied().unwrap_or(NOTHING);
    let below = revisions::ALL.iter().rfind(|revision| revision.number < lowest);
    Err(ApplyError::Loss {
        environment: request.environment,
        to: below.map_or(NOTHING, |revision| revision.number).to_owned(),
        revisions: numbers.join(", "),
        losses: reversal.losses.join(", "),
    })
}

/// Reverts what `agreed` says, if that is still what there is to revert.
pub async fn revert(
    request: &ChangeRequest<'_>,
    allow_data_loss: bool,
    agreed: Option<&Reversal>,
) -> Result<Reversal, ApplyError> {
    let mut connection = locked_connection(request, "revert").await?;
    let work = async |connection: &mut Session| revert_once(connection, request, allow_data_loss, agreed).await;
    let result = retry_while_locked(&mut connection, request, work).await;
    let _ = connection.close().await;
    result
}

async fn revert_once(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    allow_data_loss: bool,
    agreed: Option<&Reversal>,
) -> Result<Reversal, ApplyError> {
    let outside = Outside::read(connection).await?;
    let Assessed { reversal, live: live_before } = assess(connection, request, true).await?;
    if agreed.is_some_and(|it| it.revisions != reversal.revisions || !allow_data_loss && it.losses != reversal.losses) {
        return Err(ApplyError::Moved);
    }
    check_losses(request, &reversal, allow_data_loss)?;
    let context = drift::role_context(connection, request.roles).await?;
    let rest_to = |number: &str, catalog: &Catalog| {
        let stage = stage(Some(number))?;
        Some(plan(stage.after, catalog.clone(), &context, &Default::default()).steps)
    };
    let from = reversal.revisions.first().map_or("", |revision| revision.number);
    let was_clean = rest_to(from, &live_before).is_some_and(|rest| rest.is_empty());
    run_down_migrations(connection, request, &reversal).await?;
    let (_, reached) = live(connection, request).await?;
    let lowest = reversal.revisions.last().map_or("", |revision| revision.number);
    let to = revisions::ALL.iter().rfind(|revision| revision.number < lowest);
    let moved = moved_tables(&live_before);
    // Tables that have moved back belong to no revision.
    if let Some(to) = to.filter(|_| was_clean && moved.is_empty())
        && let Some(rest) = rest_to(to.number, &reached)
        && let Some(first) = rest.first()
    {
        return Err(ApplyError::Unreached { count: rest.len(), first: first.sql.trim_end_matches(';').to_owned() });
    }
    let references = REFERENCE_TABLES.iter().map(|table| format!("{CONTRACT_SCHEMA}.{table}")).collect();
    let objects = request.allow_objects.iter().cloned().collect();
    let allowed = Allowed { references, down: true, moved, objects, ..Allowed::default() };
    check_held(connection, &outside, &allowed).await?;
    commit(connection, request.database, "committing the down migrations").await?;
    Ok(reversal)
}

fn down_migration(revision: &Revision, names: &RoleNames) -> Step {
    let object = format!("down migration of revision {} {}", revision.number, revision.name);
    Step::verbatim(Action::Revision, object, render(revision.down, names), Vec::new())
}

/// The tables that are locked against everybody: what is dropped, or loses a column, what moves back, and the reference
/// tables of foreign keys that go with it.
fn blocked(live: &Catalog, dropped: &[Loss]) -> Vec<String> {
    let qualified = |schema: &str, table: &str| format!("{schema}.{table}");
    let mut blocked: BTreeSet<String> = dropped.iter().map(|loss| qualified(APPLICATION_SCHEMA, &loss.table)).collect();
    let gone = |table: &str| dropped.iter().any(|loss| loss.table == table && loss.column.is_none());
    for (id, object) in live.objects.iter().filter(|(id, _)| id.kind == Kind::Constraint && gone(&id.parent)) {
        let definition = object.get(&Property::Definition).map(ToString::to_string).unwrap_or_default();
        let reference = |table: &&str| definition.contains(&format!("REFERENCES {CONTRACT_SCHEMA}.{table}("));
        let references =
            REFERENCE_TABLES.iter().copied().filter(|table| id.schema == APPLICATION_SCHEMA && reference(table));
        blocked.extend(references.map(|table| qualified(CONTRACT_SCHEMA, table)));
    }
    blocked.into_iter().collect()
}

async fn run_down_migrations(
    connection: &mut Session,
    request: &ChangeRequest<'_>,
    reversal: &Reversal,
) -> Result<(), ApplyError> {
    let first = revisions::ALL.first().map_or("", |revision| revision.number);
    let code = code(connection).await?;
    for step in &reversal.steps {
        request.database.phase(&format!("running the {}", step.object));
        send(connection, step, &scope(request, true)).await.map_err(|error| stopped(error, &code))?;
    }
    // The first revision's drops the history itself.
    if reversal.revisions.iter().any(|it| it.number == first) {
        return Ok(());
    }
    let lines = reversal.revisions.iter().zip(&reversal.steps);
    let lines = lines.map(|(revision, step)| Line::of(revision, RecordKind::Reverted, &step.sql));
    record(connection, request, lines.collect(), &code).await
}

/// The tables that revision 0002 has moved, by their comments.
fn moved_tables(live: &Catalog) -> BTreeSet<String> {
    let tables = live.objects.iter().filter(|(id, _)| id.kind == Kind::Table);
    let is_moved = |comment: Option<String>| comment.is_some_and(|comment| comment.starts_with(MOVED_NOTE));
    let moved = tables.filter(|(_, object)| is_moved(object.get(&Property::Comment).map(ToString::to_string)));
    moved.map(|(id, _)| id.name.clone()).collect()
}
