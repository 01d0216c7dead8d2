//! Reads what runs have left on record. Reads only.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_literal;
use crate::ledger::pg::admission::SessionError;
use crate::migration::pg::standing::{in_target, known, moment, runs};
use crate::migration::recorded::{ROWS, RUNS, Recorded, RecordedGroup, RecordedRejections, RecordedRow};
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_reading};

/// Millions of rejections are sorted within this.
const LIMITS: Limits = Limits { lock: Some(Duration::from_secs(5)), statement: Some(Duration::from_secs(300)) };

const WHAT: &str = "reading the rejections";

/// What is on record. `accepted` are the ids of rows that may stay rejected.
pub async fn recorded(target: &Database, accepted: &[i64]) -> Result<Recorded, SessionError> {
    let mut session = target.connect(Access::Read, "report").await?;
    begin_reading(&mut session, LIMITS).await?;
    let runs = known(&mut session, &in_target("migration_run"), async |it| runs(it, RUNS).await).await?;
    let rejections =
        known(&mut session, &in_target("migration_reject"), async |it| rejections(it, accepted).await).await?;
    run(&mut session, "commit", "ending the transaction").await?;
    let _ = session.close().await;
    Ok(Recorded { runs, rejections })
}

async fn rejections(session: &mut Session, accepted: &[i64]) -> Result<RecordedRejections, QueryError> {
    let source = quote_literal(SOURCE_TABLE);
    let rows = format!(
        "select count(*) filter (where is_open), count(*) filter (where not is_open), \
                count(*) filter (where is_open and source_id = any($1)) from ( \
             select source_id, bool_or(resolved_run_id is null) as is_open from padealing.migration_reject \
             where source_table = {source} group by source_id) r"
    );
    let (open, closed, accepted): (i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(rows)).bind(accepted).fetch_one(&mut *session).await.attempt(WHAT)?;
    let counted = format!(
        "select rule::text, field::text, resolved_run_id is null as is_open, count(*) \
         from padealing.migration_reject where source_table = {source} group by 1, 2, 3 order by 4 desc, 1, 2, 3"
    );
    let counted: Vec<(String, String, bool, i64)> =
        sqlx::query_as(AssertSqlSafe(counted)).fetch_all(&mut *session).await.attempt(WHAT)?;
    let group = |(rule, field, is_open, rows): (String, String, bool, i64)| RecordedGroup {
        rule,
        field,
        is_open,
        rows: rows.unsigned_abs(),
        first: Vec::new(),
    };
    let mut groups: Vec<RecordedGroup> = counted.into_iter().map(group).collect();
    let each = (ROWS / groups.len().max(1) as u64).max(3);
    let listed = format!(
        "select r.rule, r.field, r.is_open, r.source_id, left(r.value, 500), left(r.message, 1000), \
                {}, {}, {} \
         from (select rule::text, field::text, resolved_run_id is null as is_open, source_id, value, message, \
                   first_run_id, last_run_id, resolved_run_id, \
                   row_number() over (partition by rule, field, resolved_run_id is null order by source_id) as nth \
               from padealing.migration_reject where source_table = {source}) r \
         join padealing.migration_run f on f.id = r.first_run_id \
         join padealing.migration_run l on l.id = r.last_run_id \
         left join padealing.migration_run c on c.id = r.resolved_run_id \
         where nth <= {each} order by source_id",
        moment("f.started_at", TIME),
        moment("l.started_at", TIME),
        moment("c.started_at", TIME),
    );
    let listed: Vec<Listed> = sqlx::query_as(AssertSqlSafe(listed)).fetch_all(&mut *session).await.attempt(WHAT)?;
    for (rule, field, is_open, source_id, value, message, first, last, closed) in listed {
        let is_of = |it: &&mut RecordedGroup| it.rule == rule && it.field == field && it.is_open == is_open;
        if let Some(group) = groups.iter_mut().find(is_of) {
            group.first.push(RecordedRow { source_id, value, message, first, last, closed });
        }
    }
    let [open, accepted, closed] = [open, accepted, closed].map(i64::unsigned_abs);
    Ok(RecordedRejections { open, accepted, closed, groups })
}

/// How a moment is written. The session's time zone is UTC.
const TIME: &str = "YYYY-MM-DD HH24:MI:SS \"UTC\"";

type Listed = (String, String, bool, i64, Option<String>, String, String, String, Option<String>);
