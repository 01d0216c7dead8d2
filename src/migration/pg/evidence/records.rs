//! What the database has on record of revisions, runs and rejections, as text.

use crate::migration::evidence::entry::Rejected;
use crate::migration::evidence::manifest::{RevisionOf, Run};
use crate::migration::pg::stored_page::{Rows, for_each_row, number};
use crate::postgres::query_error::QueryError;
use crate::postgres::session::Session;

/// The history of the schema, oldest first.
pub(crate) async fn read_revisions(target: &mut Session) -> Result<Vec<RevisionOf>, QueryError> {
    let sql = "select revision, name, checksum, kind, applied_at, database_role, program_version, environment \
               from padealing.schema_revision order by id";
    let mut revisions = Vec::new();
    for_each_row(target, sql.to_owned(), "reading the history of the schema", |values| {
        let text = |at| values.get(at).map(str::to_owned);
        let due = |at| text(at).unwrap_or_default();
        revisions.push(RevisionOf {
            revision: due(0),
            name: due(1),
            checksum: due(2),
            kind: due(3),
            applied_at: text(4),
            database_role: text(5),
            program_version: text(6),
            environment: text(7),
        });
        Ok(())
    })
    .await?;
    Ok(revisions)
}

/// Runs, in the order of their starts.
pub(crate) async fn read_runs(target: &mut Session) -> Result<Vec<Run>, QueryError> {
    let sql = "select id, command, environment, started_at, finished_at, database_role, program_version, options, \
               counts, outcome from padealing.migration_run order by started_at, id";
    let mut runs = Vec::new();
    for_each_row(target, sql.to_owned(), "reading the runs", |values| {
        let text = |at| values.get(at).map(str::to_owned);
        let due = |at| text(at).unwrap_or_default();
        runs.push(Run {
            id: due(0),
            command: due(1),
            environment: due(2),
            started_at: due(3),
            finished_at: text(4),
            database_role: due(5),
            program_version: due(6),
            options: text(7),
            counts: text(8),
            outcome: text(9),
        });
        Ok(())
    })
    .await?;
    Ok(runs)
}

/// The open rejections on record, in the order of row, field and rule.
pub(crate) async fn for_each_rejection(
    target: &mut Session,
    rows: &Rows,
    mut each: impl FnMut(Rejected) -> Result<(), sqlx::Error>,
) -> Result<(), QueryError> {
    let sql = format!(
        "select r.source_id, r.id, r.field, r.rule, r.value, r.message, r.first_run_id, r.last_run_id \
         from padealing.migration_reject r where {} and r.resolved_run_id is null \
         order by r.source_id, r.field collate \"C\", r.rule collate \"C\"",
        rows.condition("r")
    );
    for_each_row(target, sql, "reading the rejections", |values| {
        let text = |at| values.get(at).map(str::to_owned);
        each(Rejected {
            source_id: number(values.get(0))?,
            id: text(1).unwrap_or_default(),
            field: text(2).unwrap_or_default(),
            rule: text(3).unwrap_or_default(),
            value: text(4),
            message: text(5),
            first_run_id: text(6),
            last_run_id: text(7),
        })
    })
    .await
}

/// The counts of the run of `migrate` that knows most of what no record of single rows does: the last one without a limit that
/// came to its end; if there is none, the one that tried most of them.
pub(crate) fn last_run() -> String {
    let (without_id, repeated_id) = (counted("without_id"), counted("repeated_id"));
    format!(
        "select counts from (select *, case jsonb_typeof(options) when 'object' then options ->> 'limit' is not null \
                                       else true end as is_limited \
             from padealing.migration_run where command = 'migrate' and counts is not null) done \
         order by is_limited, case when not is_limited then started_at end desc nulls last, \
                  coalesce({without_id}, 0) + coalesce({repeated_id}, 0) desc, started_at desc limit 1"
    )
}

/// A count of a run's `counts`, unless something else stands there: one odd run is no reason to hide the others.
pub(crate) fn counted(name: &str) -> String {
    format!(
        "case jsonb_typeof(counts) when 'object' \
             then case when counts ->> '{name}' ~ '^[0-9]{{1,18}}$' then (counts ->> '{name}')::int8 end end"
    )
}
