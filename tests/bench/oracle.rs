//! What the yardstick stored against what `migrate` stored.

use std::io::{BufReader, BufWriter, Read, Seek, Write};

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Result;

/// Tables, and an order of their rows that both have.
const TABLES: [(&str, &str); 5] = [
    ("pad_request", "id"),
    ("pad_approval", "request_id, approval_type"),
    ("pad_execution", "request_id"),
    ("audit_log", "request_id, action_type"),
    ("migration_mapping", "source_id, target_table"),
];

/// What a row becomes in the file: the first bytes of its SHA-256.
type Mark = [u8; 8];

/// Marks of every row that a database holds, surrogate keys and times of migration aside. A database that was read need
/// not be there any more: at some sizes a disk has no room for two.
pub(super) struct Stored {
    tables: Vec<std::fs::File>,
}

impl Stored {
    pub(super) async fn of(url: &str) -> Result<Self> {
        let mut tables = Vec::new();
        for table in TABLES {
            let mut file = BufWriter::new(tempfile::tempfile()?);
            each_row(url, table, |row| Ok(file.write_all(&mark(row))?)).await?;
            tables.push(file.into_inner()?);
        }
        Ok(Self { tables })
    }

    /// Every row side by side with what another database holds.
    pub(super) async fn compare(&mut self, migrated: &str) -> Result<()> {
        for (table, file) in TABLES.into_iter().zip(&mut self.tables) {
            file.rewind()?;
            let (mut marks, mut count) = (BufReader::new(file), 0_u64);
            each_row(migrated, table, |row| {
                let mut expected = Mark::default();
                let is_there = marks.read_exact(&mut expected).is_ok();
                count += 1;
                match is_there && expected == mark(row) {
                    true => Ok(()),
                    false => {
                        Err(format!("{}: row {count} of the yardstick is not what migrate stored:\n{row}", table.0)
                            .into())
                    }
                }
            })
            .await?;
            if marks.read(&mut [0])? > 0 {
                return Err(format!("{}: the yardstick stored more than {count} rows", table.0).into());
            }
        }
        Ok(())
    }
}

fn mark(row: &str) -> Mark {
    let hash = Sha256::digest(row);
    std::array::from_fn(|at| hash[at])
}

async fn each_row(url: &str, (table, order): (&str, &str), mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
    // A lineage row's target id is a surrogate key too, unless it is the request's.
    let row = match table {
        "pad_request" => "to_jsonb(t)",
        "migration_mapping" => "jsonb_build_array(t.source_table, t.source_id, t.target_table)",
        _ => "to_jsonb(t) - 'id'",
    };
    let sql = format!("select ({row})::text from padealing.{table} t order by {order}");
    let mut connection = PgConnection::connect(url).await?;
    {
        let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(row) = rows.try_next().await? {
            each(&row)?;
        }
    }
    Ok(connection.close().await?)
}
