//! What the yardstick stored against what `migrate` stored.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Result;

/// Every row that each way stored, side by side, surrogate keys and times of migration aside.
pub(super) async fn compare(yardstick: &str, migrated: &str) -> Result<()> {
    for (table, order) in [
        ("pad_request", "id"),
        ("pad_approval", "request_id, approval_type"),
        ("pad_execution", "request_id"),
        ("audit_log", "request_id, action_type"),
        ("migration_mapping", "source_id, target_table"),
    ] {
        // A lineage row's target id is a surrogate key too, unless it is the request's.
        let row = match table {
            "pad_request" => "to_jsonb(t)",
            "migration_mapping" => "jsonb_build_array(t.source_table, t.source_id, t.target_table)",
            _ => "to_jsonb(t) - 'id'",
        };
        let sql = format!("select ({row})::text from padealing.{table} t order by {order}");
        let (mut left, mut right) = (PgConnection::connect(yardstick).await?, PgConnection::connect(migrated).await?);
        let mut yardstick = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.clone())).fetch(&mut left);
        let mut ours = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut right);
        loop {
            let rows = (yardstick.try_next().await?, ours.try_next().await?);
            match rows {
                (None, None) => break,
                (yardstick, ours) if yardstick == ours => {}
                (yardstick, ours) => {
                    return Err(format!("{table}: the yardstick stored\n{yardstick:?}\nand migrate\n{ours:?}").into());
                }
            }
        }
    }
    Ok(())
}
