//! The floor of a rollback: the migrated rows are deleted by sets on two connections, half of them each in one
//! transaction, with every foreign key checked, and nothing is read or compared.

use futures_util::future::try_join_all;
use sqlx::{Connection, Executor, PgConnection};

use super::Result;
use super::shares::Share;

/// Deletes what lineage names, those rows first that refer to others, where `{half}` holds of the legacy row.
const DELETES: &str = "begin;
    create temporary table gone on commit drop as
        select source_id, target_id as id from padealing.migration_mapping
        where target_table = 'pad_request' and {half};
    analyze gone;
    delete from padealing.audit_log where request_id in (select id from gone);
    delete from padealing.pad_execution where request_id in (select id from gone);
    delete from padealing.pad_approval where request_id in (select id from gone);
    delete from padealing.pad_request where id in (select id from gone);
    delete from padealing.migration_mapping where source_id in (select source_id from gone);
    commit";

/// What is loaded by COPY has no statistics yet.
pub(super) async fn analyze(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("analyze padealing.migration_mapping, padealing.audit_log, padealing.pad_request").await?;
    connection.execute("analyze padealing.pad_approval, padealing.pad_execution").await?;
    Ok(connection.close().await?)
}

pub(super) async fn delete(url: &str, halves: &[Share]) -> Result<()> {
    try_join_all(halves.iter().map(|share| half(url, share.condition("source_id")))).await?;
    Ok(())
}

/// Nothing is left.
pub(super) async fn check(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let left: i64 =
        sqlx::query_scalar("select count(*) from padealing.migration_mapping").fetch_one(&mut connection).await?;
    connection.close().await?;
    if left == 0 { Ok(()) } else { Err(format!("{left} lineage rows were not deleted").into()) }
}

async fn half(url: &str, half: String) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    // As the migration has it: the queries behind foreign keys are planned once.
    connection.execute("set plan_cache_mode = force_generic_plan").await?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(DELETES.replace("{half}", &half)))).await?;
    connection.close().await?;
    Ok(())
}
