//! What is left after a cutover: rejections on record, tables that were not analysed, and what a rollback would keep.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_literal;
use crate::base::text::sentence;
use crate::checks::gate::rows::{Rejections, WayBack};
use crate::checks::pg::gate::rejections::Collector;
use crate::checks::pg::gate::request::GateRequest;
use crate::checks::pg::request::LIMITS;
use crate::ledger::pg::admission::SessionError;
use crate::ledger::tables::APPLICATION_TABLES;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::begin_read_only;

/// What was found.
pub(crate) struct After {
    pub(crate) rejections: Rejections,
    /// Tables that the planner knows too little of.
    pub(crate) stale: Vec<String>,
    pub(crate) way_back: WayBack,
}

/// In one snapshot.
pub(crate) async fn facts(request: &GateRequest<'_>) -> Result<After, String> {
    let work = async {
        let mut session = request.target.connect(Access::Read, "gate").await?;
        begin_read_only(&mut session, LIMITS).await?;
        let rejections = rejections(&mut session, request).await?;
        let stale = stale(&mut session).await?;
        let way_back = way_back(&mut session).await?;
        run(&mut session, "commit", "ending the transaction").await?;
        let _ = session.close().await;
        Ok::<_, SessionError>(After { rejections, stale, way_back })
    };
    work.await.map_err(|error| sentence(&error))
}

/// Rows that the migration has rejected and that no run has migrated since.
async fn rejections(session: &mut Session, request: &GateRequest<'_>) -> Result<Rejections, QueryError> {
    let rows: Vec<(i64, Vec<String>, Vec<String>)> = sqlx::query_as(
        "select source_id, array_agg(field::text order by field, rule), array_agg(rule::text order by field, rule) \
         from padealing.migration_reject where source_table = $1 and resolved_run_id is null group by 1 order by 1",
    )
    .bind(SOURCE_TABLE)
    .fetch_all(session)
    .await
    .attempt("reading the rejections")?;
    let mut seen = Collector::new(request.waivers());
    for (source_id, fields, rules) in &rows {
        seen.add(*source_id, fields.iter().map(String::as_str).zip(rules.iter().map(String::as_str)));
    }
    Ok(seen.found)
}

/// Tables that hold rows and were not analysed since they got them.
async fn stale(session: &mut Session) -> Result<Vec<String>, QueryError> {
    sqlx::query_scalar(
        "select c.relname::text from pg_class c left join pg_stat_all_tables s on s.relid = c.oid \
         where c.relnamespace = 'padealing'::regnamespace and c.relkind = 'r' and c.relname = any($1) \
           and pg_relation_size(c.oid) > 0 \
           and (c.reltuples < 0 or c.relpages = 0 \
                or coalesce(s.n_mod_since_analyze, 0) > 1000 + greatest(c.reltuples, 0) / 5) order by 1",
    )
    .bind(APPLICATION_TABLES)
    .fetch_all(session)
    .await
    .attempt("asking which tables are analysed")
}

/// The tables that the migration and the application both write, with the name of their lineage (D19).
const WRITTEN: [&str; 4] = ["pad_request", "pad_approval", "pad_execution", "audit_log"];

async fn way_back(session: &mut Session) -> Result<WayBack, QueryError> {
    let source = quote_literal(SOURCE_TABLE);
    let mut found = WayBack::default();
    for table in WRITTEN {
        let sql = format!(
            "select (select count(*) from padealing.{table}), (select count(*) from padealing.migration_mapping \
             where source_table = {source} and split_part(target_table, ':', 1) = '{table}')"
        );
        let (rows, migrated): (i64, i64) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *session).await.attempt("counting rows")?;
        let others = (rows - migrated).max(0);
        if table == "pad_request" {
            (found.migrated, found.others) = (migrated, others);
        } else {
            found.rows.push((table.to_owned(), others));
        }
    }
    Ok(found)
}
