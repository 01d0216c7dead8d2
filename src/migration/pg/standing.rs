//! Reads where the data stands, whatever the role may read of it.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::base::text::sentence;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::SessionError;
use crate::migration::pg::evidence::records::{counted, last_run};
use crate::migration::standing::{Known, LISTED, RolledBackCounts, Run, RunCounts, RunEnd, Runs, Standing};
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::{Access, Database};
use crate::postgres::lock::Lock;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::{Limits, begin_reading, savepoint};

/// What takes longer isn't known: a status is asked for often, and must not hang behind a lock.
const LIMITS: Limits = Limits { lock: Some(Duration::from_secs(2)), statement: Some(Duration::from_secs(60)) };

/// Where the data stands. The source is another database, or none if it is the target; what keeps it from being
/// reached is a reason why its rows aren't known.
pub async fn standing(
    target: &Database,
    source: Option<Known<Database>>,
    table: &TableName,
) -> Result<Standing, SessionError> {
    let mut session = target.connect(Access::Read, "status").await?;
    begin_reading(&mut session, LIMITS).await?;
    let runs = known(&mut session, &in_target("migration_run"), async |it| runs(it, LISTED).await).await?;
    let rows = |table: &str, condition: &str| {
        let source = quote_literal(SOURCE_TABLE);
        format!("select count(distinct source_id) from padealing.{table} where source_table = {source} and {condition}")
    };
    let lineage = rows("migration_mapping", "target_table = 'pad_request'");
    let migrated = known(&mut session, &in_target("migration_mapping"), async |it| count(it, &lineage).await).await?;
    // Rows without an id, and all but one of those that share one, aren't in migration_reject: a run that tried them has
    // counted them.
    let rejections = format!(
        "select coalesce((select {} from (select * from padealing.migration_run \
             where command = 'migrate' order by started_at desc, id limit 1) newest \
             where newest.options ->> 'limit' is null), \
           ({}) + coalesce((select coalesce({}, 0) + coalesce({}, 0) from ({}) last), 0))",
        counted("rejected"),
        rows("migration_reject", "resolved_run_id is null"),
        counted("without_id"),
        counted("repeated_id"),
        last_run(),
    );
    let rejected = known(&mut session, &in_target("migration_reject"), async |it| count(it, &rejections).await).await?;
    let source = match source {
        None => legacy_rows(&mut session, table).await?,
        Some(Ok(source)) => elsewhere(&source, table).await.unwrap_or_else(|error| Err(sentence(&error))),
        Some(Err(reason)) => Err(reason),
    };
    run(&mut session, "commit", "ending the transaction").await?;
    let _ = session.close().await;
    Ok(Standing { runs, source, migrated, rejected })
}

/// A table of padealing.
pub(crate) fn in_target(name: &str) -> TableName {
    TableName { schema: "padealing".to_owned(), name: name.to_owned() }
}

/// The rows of a legacy table that is in a database of its own.
async fn elsewhere(source: &Database, table: &TableName) -> Result<Known<u64>, SessionError> {
    let mut session = source.connect(Access::Read, "status").await?;
    begin_reading(&mut session, LIMITS).await?;
    let found = legacy_rows(&mut session, table).await?;
    run(&mut session, "commit", "ending the transaction").await?;
    let _ = session.close().await;
    Ok(found)
}

async fn legacy_rows(session: &mut Session, table: &TableName) -> Result<Known<u64>, QueryError> {
    let sql = format!("select count(*) from {}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    known(session, table, async |it| count(it, &sql).await).await
}

async fn count(session: &mut Session, sql: &str) -> Result<u64, QueryError> {
    let count: i64 = fetch_value(session, sql, "counting rows").await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// What a query finds in a table, or why that can't be known. The transaction goes on either way.
pub(crate) async fn known<T>(
    session: &mut Session,
    table: &TableName,
    query: impl AsyncFnOnce(&mut Session) -> Result<T, QueryError>,
) -> Result<Known<T>, QueryError> {
    let readable: Option<bool> = sqlx::query_scalar(
        "select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(&mut *session)
    .await
    .attempt("looking for a table")?;
    match readable {
        None => Ok(Err(format!("there is no table {table}"))),
        Some(false) => Ok(Err(format!("{table} is not readable by this role"))),
        Some(true) => Ok(savepoint(session, query).await?.map_err(|error| sentence(&error))),
    }
}

/// A moment in a format of `to_char`, which knows none for `infinity`.
pub(super) fn moment(column: &str, format: &str) -> String {
    format!("case when isfinite({column}) then to_char({column}, '{format}') else {column}::text end")
}

const SECOND: &str = "YYYY-MM-DD HH24:MI:SS";

/// The newest runs, so many of them.
pub(crate) async fn runs(session: &mut Session, listed: usize) -> Result<Runs, QueryError> {
    let is_at_work = Lock::Migrate.is_held(session).await?;
    let sql = format!(
        "select {}, {}, outcome::text, database_role::text, program_version::text, {}, {}, {}, \
                case jsonb_typeof(options) when 'object' then options ->> 'reason' end, count(*) over (), id::text, \
                command::text, {}, {}, case jsonb_typeof(options) when 'object' then (options - 'reason')::text end, \
                case when isfinite(started_at) and isfinite(finished_at) \
                     then extract(epoch from finished_at - started_at)::float8 end \
         from padealing.migration_run where command in ('migrate', 'rollback') \
         order by started_at desc, id limit {listed}",
        moment("started_at", SECOND),
        moment("finished_at", SECOND),
        counted("read"),
        counted("migrated"),
        counted("rejected"),
        counted("rolled_back"),
        counted("kept"),
    );
    let rows: Vec<RunRow> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(session).await.attempt("reading the runs")?;
    let total = rows.first().map_or(0, |row| row.9);
    // One run is at work at a time, the newest: an older one without an end has lost its own.
    let newest = rows.into_iter().enumerate().map(|(at, row)| {
        let (
            started_at,
            finished_at,
            outcome,
            role,
            version,
            read,
            migrated,
            rejected,
            reason,
            _,
            id,
            command,
            taken,
            kept,
            options,
            seconds,
        ) = row;
        let counts = read.zip(migrated).zip(rejected);
        Run {
            id,
            command,
            started_at,
            finished_at,
            end: RunEnd::of(outcome.as_deref(), is_at_work && at == 0),
            role,
            version,
            options,
            seconds,
            reason,
            counts: counts.map(|((read, migrated), rejected)| RunCounts { read, migrated, rejected }),
            rolled_back: taken.zip(kept).map(|(rolled_back, kept)| RolledBackCounts { rolled_back, kept }),
        }
    });
    Ok(Runs { newest: newest.collect(), total: u64::try_from(total).unwrap_or_default() })
}

type RunRow = (
    String,
    Option<String>,
    Option<String>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    i64,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<f64>,
);
