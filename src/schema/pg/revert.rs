//! Takes revisions back.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::base::quote;
use crate::base::text::plural;
use crate::config::settings::Roles;
use crate::ledger::history::{RecordKind, applied};
use crate::ledger::pg::admission::check_environment;
use crate::ledger::pg::history::read_history;
use crate::ledger::revisions::{self, MOVED_NOTE, Revision, RoleNames, render};
use crate::postgres::connect::Access;
use crate::postgres::session::{Attempt, run};
use crate::schema::catalog::{Catalog, Id, Kind, Property};
use crate::schema::ddl::qualified;
use crate::schema::drift::expectation::Expectation;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA, REFERENCE_TABLES};
use crate::schema::pg::drift;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::locks::{Allowed, Outside};
use crate::schema::pg::plan::{check_history, live, role_names, stage};
use crate::schema::pg::request::Request;
use crate::schema::pg::transaction::{check_held, locked_connection, patiently, record_one, scope, send};
use crate::schema::plan::outcome::Descent;
use crate::schema::plan::planner::plan;
use crate::schema::plan::step::Step;

/// What `revert` would take back, without doing it. Without `to`, the newest revision only; `0000` takes all of them.
pub async fn descent(request: &Request<'_>) -> Result<Descent, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "revert").await?;
    let found = descend(&mut connection, request, false).await;
    let _ = connection.close().await;
    found.map(|it| it.0)
}

/// The number that stands before the first revision.
pub const NOTHING: &str = "0000";

pub(crate) async fn descend(
    connection: &mut PgConnection,
    request: &Request<'_>,
    lock: bool,
) -> Result<(Descent, Catalog, RoleNames), ApplyError> {
    let Request { database, environment, .. } = *request;
    check_environment(connection, database, environment).await?;
    let history = read_history(connection).await?;
    check_history(&history)?;
    let applied = applied(&history);
    let newest = revisions::ALL.iter().rfind(|it| applied.contains_key(it.number));
    let before = newest.and_then(|it| revisions::ALL.iter().rfind(|other| other.number < it.number));
    let to = match request.to {
        Some(to) if to != NOTHING && !revisions::ALL.iter().any(|it| it.number == to) => {
            return Err(ApplyError::Unknown { number: to.to_owned() });
        }
        Some(to) => to,
        None => before.map_or(NOTHING, |it| it.number),
    };
    let taken = revisions::ALL.iter().rev().filter(|it| applied.contains_key(it.number) && it.number > to);
    let revisions: Vec<Revision> = taken.copied().collect();
    if revisions.is_empty() {
        return Err(ApplyError::NothingToRevert { place: database.place(), to: to.to_owned() });
    }
    let (_, live) = live(connection, request).await?;
    let names = role_names(connection, request).await?;
    let mut losses = Vec::new();
    for (table, column) in lost(&live, to, revisions.first().map_or("", |it| it.number)) {
        let place = qualified(APPLICATION_SCHEMA, &table);
        if lock {
            // Rows that come in after the counting would be lost unseen.
            let sql = format!("lock table {place} in access exclusive mode");
            run(connection, &sql, "locking what would be lost").await?;
        }
        let counted = match &column {
            Some(column) => format!("count({})", quote::quote_identifier(column)),
            None => "count(*)".to_owned(),
        };
        let sql = format!("select {counted} from {place}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await
            .attempt("counting what would be lost")?;
        if count > 0 {
            losses.push(match column {
                Some(column) => {
                    format!("{} of {table}.{column}", plural(count as u64, "value", "values"))
                }
                None => format!("{} of {table}", plural(count as u64, "row", "rows")),
            });
        }
    }
    let adopted: Vec<Revision> =
        revisions.iter().filter(|it| applied.get(it.number) == Some(&RecordKind::Baseline)).copied().collect();
    // Empty as it is, it isn't ours to drop unasked.
    if let (Some(newest), false) = (revisions.first(), adopted.is_empty()) {
        let made: Option<String> =
            sqlx::query_scalar("select string_agg(sql, e'\\n') from padealing.schema_revision where kind = 'baseline'")
                .fetch_one(&mut *connection)
                .await
                .attempt("reading what was made")?;
        let made = made.unwrap_or_default();
        let tables = lost(&live, to, newest.number).into_iter().filter(|it| it.1.is_none()).map(|it| it.0);
        let found = tables.filter(|it| !made.contains(&format!("create table {} ", qualified(APPLICATION_SCHEMA, it))));
        losses.extend(found.map(|it| format!("table {it}, which was there before pad-migrate")));
    }
    Ok((Descent { revisions, losses, adopted }, live, names))
}

/// Tables and columns that are there at a revision and not at an earlier one. What moves back keeps its rows; our own
/// history goes with its table.
pub(crate) fn lost(live: &Catalog, to: &str, from: &str) -> Vec<(String, Option<String>)> {
    let after = |number: &str| -> Catalog {
        let recorded = Expectation::recorded(number);
        recorded.map(|it| it.named(&Roles::default())).unwrap_or_default()
    };
    let (high, low) = (after(from), after(to));
    let is_moved = |table: &str| {
        let comment = live.relation(APPLICATION_SCHEMA, table).and_then(|it| it.1.get(&Property::Comment));
        comment.is_some_and(|it| it.to_string().starts_with(MOVED_NOTE))
    };
    let gone = high.objects.keys().filter(|it| it.schema == APPLICATION_SCHEMA && !low.objects.contains_key(it));
    let is_there = |id: &&Id| live.objects.contains_key(*id);
    let of_table = |id: &Id| low.relation(APPLICATION_SCHEMA, id.top()).is_some() || is_moved(id.top());
    gone.filter(is_there)
        .filter_map(|id| match id.kind {
            Kind::Table if id.name != "schema_revision" && !is_moved(&id.name) => Some((id.name.clone(), None)),
            // The columns of a table that goes are not told one by one; those of one that moves back stay with it,
            // unless a revision has added them.
            Kind::Column if of_table(id) && (added_later(id) || !is_moved(&id.parent)) => {
                Some((id.parent.clone(), Some(id.name.clone())))
            }
            _ => None,
        })
        .collect()
}

/// Whether a column came with a later revision than its table.
pub(crate) fn added_later(id: &Id) -> bool {
    let recorded = |number: &str| Expectation::recorded(number).map(|it| it.named(&Roles::default()));
    let mut stages = revisions::ALL.iter().filter_map(|it| recorded(it.number));
    let first = stages.find(|it| it.relation(&id.schema, &id.parent).is_some());
    first.is_some_and(|it| !it.objects.contains_key(id))
}

/// Takes back what `agreed` says, if that is still what there is to take back.
pub async fn revert(
    request: &Request<'_>,
    allow_data_loss: bool,
    agreed: Option<&Descent>,
) -> Result<Descent, ApplyError> {
    let mut connection = locked_connection(request, "revert").await?;
    let work = async |it: &mut PgConnection| revert_once(it, request, allow_data_loss, agreed).await;
    let result = patiently(&mut connection, request, work).await;
    let _ = connection.close().await;
    result
}

pub(crate) async fn revert_once(
    connection: &mut PgConnection,
    request: &Request<'_>,
    allow_data_loss: bool,
    agreed: Option<&Descent>,
) -> Result<Descent, ApplyError> {
    let outside = Outside::read(connection).await?;
    let (descent, live_before, names) = descend(connection, request, true).await?;
    if agreed.is_some_and(|it| it.revisions != descent.revisions || !allow_data_loss && it.losses != descent.losses) {
        return Err(ApplyError::Moved);
    }
    let numbers = || descent.revisions.iter().map(|it| it.number).collect::<Vec<_>>().join(", ");
    if !descent.losses.is_empty() && !allow_data_loss {
        return Err(ApplyError::Loss { revisions: numbers(), losses: descent.losses.join(", ") });
    }
    let parties = drift::role_context(connection, request.roles).await?;
    let is_at = |number: &str, catalog: &Catalog| {
        let stage = stage(Some(number))?;
        Some(plan(stage.after, catalog.clone(), &parties, &Default::default()).steps)
    };
    let from = descent.revisions.first().map_or("", |it| it.number);
    let was_clean = is_at(from, &live_before).is_some_and(|it| it.is_empty());
    let first = revisions::ALL.first().map_or("", |it| it.number);
    for revision in &descent.revisions {
        let sql = render(revision.down, &names);
        let object = format!("revision {} {}, the way down", revision.number, revision.name);
        let step = Step { sql: sql.clone(), object, table: None, hazards: Vec::new(), can_be_concurrent: false };
        send(connection, &step, &scope(request, true)).await?;
        // The first revision takes the history itself away.
        if revision.number != first {
            record_one(connection, revision, RecordKind::Reverted, &sql, request.environment).await?;
        }
    }
    let (_, reached) = live(connection, request).await?;
    let lowest = descent.revisions.last().map_or("", |it| it.number);
    let to = revisions::ALL.iter().rfind(|it| it.number < lowest);
    let moved: BTreeSet<String> = (live_before.objects.iter())
        .filter(|it| {
            it.0.kind == Kind::Table
                && it.1.get(&Property::Comment).is_some_and(|it| it.to_string().starts_with(MOVED_NOTE))
        })
        .map(|it| it.0.name.clone())
        .collect();
    // Tables that have moved back are no revision's.
    if let Some(to) = to.filter(|_| was_clean && moved.is_empty())
        && let Some(rest) = is_at(to.number, &reached)
        && let Some(first) = rest.first()
    {
        return Err(ApplyError::Unreached { count: rest.len(), first: first.sql.trim_end_matches(';').to_owned() });
    }
    let references = REFERENCE_TABLES.iter().map(|it| format!("{CONTRACT_SCHEMA}.{it}")).collect();
    let allowed = Allowed { references, down: true, moved, mirror: false };
    check_held(connection, &outside, &allowed).await?;
    run(connection, "commit", "committing the way down").await.map_err(ApplyError::Commit)?;
    Ok(descent)
}
