//! Where a database stands. Reads only.

use crate::ledger::history::{applied, pending};
use crate::ledger::pg::admission::check_environment;
use crate::ledger::pg::history::read_history;
use crate::ledger::revisions;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::database::Access;
use crate::postgres::query_error::Attempt;
use crate::postgres::session::Session;
use crate::postgres::statement::{run, server_facts};
use crate::postgres::transaction::{Limits, begin_read_only};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::plan::check_history;
use crate::schema::pg::relations::migration_histories;
use crate::schema::pg::request::ChangeRequest;
use crate::schema::plan::outcome::{Manager, Status};
use crate::schema::plan::route::Skipped;

/// Where a database stands, from its history.
pub async fn status(request: &ChangeRequest<'_>) -> Result<Status, ApplyError> {
    let mut connection = request.database.connect(Access::Read, "status").await?;
    let result = status_of(&mut connection, request).await;
    let _ = connection.close().await;
    result
}

async fn status_of(connection: &mut Session, request: &ChangeRequest<'_>) -> Result<Status, ApplyError> {
    let ChangeRequest { database, environment, .. } = *request;
    begin_read_only(connection, Limits::default()).await?;
    check_environment(connection, database, environment).await?;
    let history = read_history(connection).await?;
    check_history(&history)?;
    let applied = applied(&history);
    let current = revisions::ALL.iter().rfind(|it| applied.contains_key(it.number));
    let open = revisions::ALL.iter().filter(|it| !applied.contains_key(it.number));
    let tables: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = to_regnamespace('padealing') \
         and relkind in ('r', 'p') and relname = any($1) order by 1",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt("looking for managed tables")?;
    let status = Status {
        environment,
        place: database.place(),
        server_version: server_facts(connection).await?.version,
        current: current.copied(),
        pending: pending(&history, environment),
        skipped: open.filter_map(|revision| Skipped::of(revision, environment)).collect(),
        managers: (migration_histories(connection).await?.into_iter())
            .map(|(table, program, version)| Manager { table, program, version })
            .collect(),
        history,
        tables,
    };
    run(connection, "commit", "ending the transaction").await?;
    Ok(status)
}
