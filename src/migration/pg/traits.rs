//! Finds out how the legacy table is best read, and where its rows come from.

use sqlx::{AssertSqlSafe, Row};

use crate::base::quote::quote_identifier;
use crate::config::settings::TableName;
use crate::migration::pg::source::Source;
use crate::migration::traits::LegacyTraits;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_reading, savepoint};

const WHAT: &str = "looking at how the legacy table can be read";

/// The same of a table that is described.
pub(crate) async fn traits_of_source(session: &mut Session, source: &Source) -> Result<LegacyTraits, QueryError> {
    begin_reading(session, Limits::default()).await?;
    let found = legacy_traits(session, &source.table, &source.part(0..0).page(Some(0), 500)).await?;
    run(session, "rollback", WHAT).await?;
    Ok(found)
}

/// The select of ids as the pages select them, for a table whose ids are numbers.
pub(crate) fn page_of_ids(table: &TableName) -> String {
    let table = format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    format!("select l.\"id\" from {table} l where l.\"id\" > 0 order by l.\"id\" limit 500")
}

/// What the catalog and the planner say of the table, in an open transaction. A table that can't be read has no plan,
/// which reading it will show.
pub(crate) async fn legacy_traits(
    session: &mut Session,
    table: &TableName,
    page: &str,
) -> Result<LegacyTraits, QueryError> {
    let needs_cursor = savepoint(session, async |session| sorts(session, page).await).await?.unwrap_or(false);
    let sql = "with recursive r (oid) as (\
                   select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                   where n.nspname = $1 and c.relname = $2 \
                   union \
                   select next.oid from r, lateral (\
                       select i.inhrelid as oid from pg_inherits i where i.inhparent = r.oid \
                       union all \
                       select d.refobjid from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass \
                           and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class \
                       where w.ev_class = r.oid) next) \
               select c.relkind = 'f', c.oid::regclass::text from r join pg_class c using (oid) \
               join pg_namespace n on n.oid = c.relnamespace \
               where c.relkind = 'f' or c.relrowsecurity and not (n.nspname = $1 and c.relname = $2) order by 2";
    let found: Vec<(bool, String)> =
        sqlx::query_as(sql).bind(&table.schema).bind(&table.name).fetch_all(session).await.attempt(WHAT)?;
    let named = |is_foreign| found.iter().filter(move |it| it.0 == is_foreign).map(|it| it.1.clone()).collect();
    Ok(LegacyTraits { needs_cursor, foreign: named(true), policed: named(false) })
}

/// Whether the select of a page has to sort the table. The planner is asked, since it knows about views, partitions and
/// collations: with scans and sorts priced out, a plan that sorts all the same has no index to go by.
async fn sorts(session: &mut Session, page: &str) -> Result<bool, QueryError> {
    let set = |value: &str| {
        ["enable_seqscan", "enable_bitmapscan", "enable_sort"]
            .map(|setting| format!("set local {setting} = {value}; "))
            .concat()
    };
    run(session, &set("off"), WHAT).await?;
    let plan = sqlx::raw_sql(AssertSqlSafe(format!("explain (costs off) {page}")));
    let plan = plan.fetch_all(&mut *session).await.attempt(WHAT)?;
    run(session, &set("on"), WHAT).await?;
    let lines: Vec<String> = plan.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().attempt(WHAT)?;
    Ok(lines.iter().any(|line| line.trim_start_matches([' ', '-', '>']).trim_end() == "Sort"))
}
