//! Whether anybody writes to the legacy table while it is watched.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::sleep;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::gate::source::{Counters, Rows, Writers};
use crate::checks::pg::gate::request::GateRequest;
use crate::checks::pg::gate::writers::{TREE, writers};
use crate::checks::pg::request::LIMITS;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::SessionError;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::csv::reading::reading;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::identity::SourceIdentity;
use crate::migration::pg::identity::identify;
use crate::migration::pg::legacy::LegacySource;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_reading};

const WHAT: &str = "asking what was written to the legacy table";

/// So often the source is watched, until nothing has changed for once.
const WATCHES: usize = 3;

/// What was seen of the source.
pub(crate) struct Watched {
    pub(crate) writers: Writers,
    /// Looks at it, the last one at the end.
    pub(crate) looks: Vec<Counters>,
    /// With its indexes.
    pub(crate) bytes: i64,
    /// Which source it is.
    pub(crate) identity: SourceIdentity,
}

/// Watches the source for as long as the request says.
pub(crate) async fn watch(request: &GateRequest<'_>) -> Result<Watched, String> {
    let (database, table) = match request.source {
        LegacySource::Table { database, table } => (database, table),
        LegacySource::Csv(csv) => return Ok(exported(csv)),
    };
    let work = async {
        let mut session = database.connect(Access::Read, "gate").await?;
        // A look reads the whole table. The gate as a whole ends in time, and so does what it leaves behind on the server.
        let limits = Limits { statement: Some(request.timeout), ..LIMITS };
        let mut looks = vec![look(&mut session, table, limits).await?];
        if !request.freeze.is_zero() {
            // Counters arrive late, before version 15 with the next statement of an idle session only (documentation, The
            // Cumulative Statistics System): what was written before the watch began may show in its first part.
            for _ in 0..WATCHES {
                sleep(request.freeze.max(Duration::from_secs(1))).await;
                looks.push(look(&mut session, table, limits).await?);
                // Rows are seen as they are: once they have changed there is nothing to wait for.
                let is_decided = |[before, now]: &[Counters; 2]| before == now || before.rows != now.rows;
                if looks.last_chunk::<2>().is_some_and(is_decided) {
                    break;
                }
            }
        }
        begin_reading(&mut session, limits).await?;
        let writers = writers(&mut session, table).await?;
        let bytes = bytes(&mut session, table).await?;
        let identity = identify(&mut session, database, table).await?;
        run(&mut session, "commit", "ending the transaction").await?;
        let _ = session.close().await;
        Ok::<_, SessionError>(Watched { writers, looks, bytes, identity })
    };
    work.await.map_err(|error| sentence(&error))
}

/// Of a file it is known that it doesn't change, and nothing of the table that it was exported from.
fn exported(csv: &ProvedCsv) -> Watched {
    let rows = Rows { count: i64::try_from(csv.facts.rows).unwrap_or(i64::MAX), ..Rows::default() };
    Watched {
        writers: Writers { elsewhere: Some("the legacy rows come from a file".to_owned()), ..Writers::default() },
        looks: vec![Counters { rows, ..Counters::default() }],
        bytes: i64::try_from(csv.content_bytes).unwrap_or(i64::MAX),
        identity: SourceIdentity::Csv {
            sha256: csv.sha256.clone(),
            content_sha256: Some(csv.content_sha256.clone()),
            reading: reading(&CsvSummary::from(csv)),
        },
    }
}

async fn look(session: &mut Session, table: &TableName, limits: Limits) -> Result<Counters, QueryError> {
    begin_reading(session, limits).await?;
    let counted = format!(
        "{TREE} select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::int8 \
         from tree join pg_stat_all_tables s on s.relid = tree.oid"
    );
    let written: i64 = sqlx::query_scalar(AssertSqlSafe(counted))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_one(&mut *session)
        .await
        .attempt(WHAT)?;
    let name = format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    let row = match has_versions(session, table).await? {
        // Whatever writes a row gives it another version, at another place.
        true => "concat_ws(' ', t.tableoid::text, t.ctid::text, t.xmin::text)",
        false => "t::text",
    };
    let sql = format!(
        "select count(*), max(t.last_modified_date)::text, sum(hashtextextended({row}, 0))::text from {name} t"
    );
    let (count, newest, digest) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *session).await.attempt("reading the legacy rows")?;
    run(session, "commit", "ending the transaction").await?;
    Ok(Counters { written, rows: Rows { count, newest, digest } })
}

/// Whether each row has a version: those of a view and of a foreign table have none, and who may select some columns only
/// can't see it.
async fn has_versions(session: &mut Session, table: &TableName) -> Result<bool, QueryError> {
    let sql = format!(
        "{TREE} select coalesce(bool_and(c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')), false) \
         from tree join pg_class c on c.oid = tree.oid"
    );
    let asked = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&table.schema).bind(&table.name);
    asked.fetch_one(session).await.attempt(WHAT)
}

async fn bytes(session: &mut Session, table: &TableName) -> Result<i64, QueryError> {
    let sql = format!("{TREE} select coalesce(sum(pg_total_relation_size(oid)), 0)::int8 from tree");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_one(session)
        .await
        .attempt("asking for the size of the legacy table")
}
