//! The floor: rows that are ready to be stored, on two connections, each with half of them, in one transaction each.

use std::io::SeekFrom;
use std::path::Path;

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use sqlx::{Connection, Executor, PgConnection};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::Result;
use super::shares::shares;

/// The tables in the order of their foreign keys, and the column that names the request a row belongs to.
const TABLES: [(&str, &str); 5] = [
    ("pad_request", "id"),
    ("pad_approval", "request_id"),
    ("pad_execution", "request_id"),
    ("audit_log", "request_id"),
    ("migration_mapping", "source_id"),
];
const PIECE: usize = 1 << 20;

/// What becomes of the tables whose rows are in files. A disk has no room for both at some sizes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    Kept,
    Emptied,
}

/// The rows of a migrated database in files, half of the requests each.
pub(super) struct Ready {
    halves: Vec<Vec<File>>,
}

impl Ready {
    pub(super) async fn export(url: &str, afterwards: Afterwards) -> Result<Self> {
        let shares = shares(url, 2).await?;
        let mut connection = PgConnection::connect(url).await?;
        let mut halves: Vec<Vec<File>> = shares.iter().map(|_| Vec::new()).collect();
        // Those first that no other refers to, so that a table can be emptied.
        for (table, key) in TABLES.into_iter().rev() {
            for (share, files) in shares.iter().zip(&mut halves) {
                let mut file = File::from_std(tempfile::tempfile()?);
                let what = format!("(select * from padealing.{table} where {}) to stdout", share.condition(key));
                export(&mut connection, &what, &mut file).await?;
                files.push(file);
            }
            if afterwards == Afterwards::Emptied {
                let truncate = format!("truncate padealing.{table} cascade");
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(truncate))).await?;
            }
        }
        connection.close().await?;
        halves.iter_mut().for_each(|files| files.reverse());
        Ok(Self { halves })
    }

    pub(super) async fn load(self, url: &str) -> Result<()> {
        try_join_all(self.halves.into_iter().map(|files| load_half(url, files))).await?;
        Ok(())
    }
}

/// Writes the legacy table into a file, as Postgres writes CSV.
pub(super) async fn export_csv(url: &str, path: &Path) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let mut file = File::create(path).await?;
    let sql = "(select * from public.personal_account_dealing order by id) to stdout (format csv, header)";
    export(&mut connection, sql, &mut file).await?;
    connection.close().await?;
    Ok(())
}

async fn export(connection: &mut PgConnection, what: &str, file: &mut File) -> Result<()> {
    let mut rows = connection.copy_out_raw(&format!("copy {what}")).await?;
    while let Some(line) = rows.try_next().await? {
        file.write_all(&line).await?;
    }
    Ok(file.flush().await?)
}

async fn load_half(url: &str, files: Vec<File>) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql("begin")).await?;
    let mut piece = vec![0; PIECE];
    for ((table, _), mut file) in TABLES.into_iter().zip(files) {
        file.seek(SeekFrom::Start(0)).await?;
        let mut copy = connection.copy_in_raw(&format!("copy padealing.{table} from stdin")).await?;
        loop {
            let read = file.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            copy.send(&piece[..read]).await?;
        }
        copy.finish().await?;
    }
    connection.execute(sqlx::raw_sql("commit")).await?;
    connection.close().await?;
    Ok(())
}
