//! The floor of a verification: everything that it reads, by COPY in the order of its ids, in as many sessions as the
//! machine has cores, and thrown away.

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use sqlx::{Connection, PgConnection};

use super::Result;
use super::shares::Share;

/// Tables, their column with the id of the legacy row, what they are sorted by.
const TABLES: [(&str, &str, &str); 7] = [
    ("public.personal_account_dealing", "id", "id"),
    ("padealing.pad_request", "id", "id"),
    ("padealing.pad_approval", "request_id", "request_id"),
    ("padealing.pad_execution", "request_id", "request_id"),
    ("padealing.audit_log", "request_id", "request_id"),
    ("padealing.migration_mapping", "source_id", "source_table, source_id"),
    ("padealing.migration_reject", "source_id", "source_table, source_id"),
];

/// Each share in a session of its own. They have as many rows, so that they end at about the same time.
pub(super) async fn read(url: &str, shares: &[Share]) -> Result<()> {
    let sessions = shares.iter().map(|share| tokio::spawn(read_share(url.to_owned(), share.clone())));
    for ended in try_join_all(sessions).await? {
        ended.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn read_share(url: String, share: Share) -> std::result::Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&url).await?;
    for (table, key, order) in TABLES {
        let sql = format!("copy (select * from {table} where {} order by {order}) to stdout", share.condition(key));
        let mut rows = connection.copy_out_raw(&sql).await?;
        while rows.try_next().await?.is_some() {}
    }
    connection.close().await
}
