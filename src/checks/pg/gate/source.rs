//! Who may write to the legacy table, and whether anybody does while it is watched.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::sleep;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::gate::source::{Counters, Writers};
use crate::checks::pg::gate::request::GateRequest;
use crate::checks::pg::request::LIMITS;
use crate::config::settings::TableName;
use crate::ledger::pg::admission::SessionError;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::pg::legacy::LegacySource;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::begin_reading;

const WHAT: &str = "asking who writes to the legacy table";

/// So often the source is watched, until nothing has changed for once.
const WATCHES: usize = 3;

/// What was seen of the source.
pub(crate) struct Watched {
    pub(crate) writers: Writers,
    /// Looks at it, the last one at the end.
    pub(crate) looks: Vec<Counters>,
    /// With its indexes.
    pub(crate) bytes: i64,
}

/// Watches the source for as long as the request says.
pub(crate) async fn watch(request: &GateRequest<'_>) -> Result<Watched, String> {
    let (database, table) = match request.source {
        LegacySource::Table { database, table } => (database, table),
        LegacySource::Csv(csv) => return Ok(exported(csv)),
    };
    let work = async {
        let mut session = database.connect(Access::Read, "gate").await?;
        let mut looks = vec![look(&mut session, table).await?];
        if !request.freeze.is_zero() {
            // Counters arrive late, before version 15 with the next statement of an idle session only (documentation, The
            // Cumulative Statistics System): what was written before the watch began may show in its first part.
            for _ in 0..WATCHES {
                sleep(request.freeze.max(Duration::from_secs(1))).await;
                looks.push(look(&mut session, table).await?);
                if looks.last_chunk::<2>().is_some_and(|[before, now]| before == now) {
                    break;
                }
            }
        }
        begin_reading(&mut session, LIMITS).await?;
        let writers = writers(&mut session, table).await?;
        let bytes = bytes(&mut session, table).await?;
        run(&mut session, "commit", "ending the transaction").await?;
        let _ = session.close().await;
        Ok::<_, SessionError>(Watched { writers, looks, bytes })
    };
    work.await.map_err(|error| sentence(&error))
}

/// Of a file it is known that it doesn't change, and nothing of the table that it was exported from.
fn exported(csv: &ProvedCsv) -> Watched {
    let rows = i64::try_from(csv.facts.rows).unwrap_or(i64::MAX);
    Watched {
        writers: Writers { elsewhere: Some("the legacy rows come from a file".to_owned()), ..Writers::default() },
        looks: vec![Counters { rows, ..Counters::default() }],
        bytes: i64::try_from(csv.bytes).unwrap_or(i64::MAX),
    }
}

/// The relations whose rows are the table's: itself, its partitions and children, what a view reads, and views that read
/// it, through which it may be written to.
const TREE: &str = "with recursive tree(oid) as ( \
        select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = $1 and c.relname = $2 \
        union select below.oid from tree, lateral ( \
            select inhrelid as oid from pg_inherits where inhparent = tree.oid \
            union all select d.refobjid from pg_rewrite r join pg_depend d \
                on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass \
            where r.ev_class = tree.oid and d.refobjid <> tree.oid) below), \
     through(oid) as ( \
        select oid from tree \
        union select r.ev_class from through join pg_depend d on d.refobjid = through.oid \
            and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass \
        join pg_rewrite r on r.oid = d.objid and r.ev_class <> through.oid) ";

async fn look(session: &mut Session, table: &TableName) -> Result<Counters, QueryError> {
    begin_reading(session, LIMITS).await?;
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
    let sql = format!("select count(*), max(id)::text, max(last_modified_date)::text from {name}");
    let (rows, largest, newest) =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *session).await.attempt("counting the legacy rows")?;
    run(session, "commit", "ending the transaction").await?;
    Ok(Counters { written, rows, largest, newest })
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

async fn writers(session: &mut Session, table: &TableName) -> Result<Writers, QueryError> {
    let may = format!(
        "{TREE} select r.rolname::text, string_agg(distinct p.name || case when c.relkind = 'v' then ' through ' || \
                c.oid::regclass::text else '' end, ', ') \
         from through join pg_class c on c.oid = through.oid, pg_roles r, \
              unnest(array['insert', 'update', 'delete', 'truncate']) p(name) \
         where r.rolcanlogin and not r.rolsuper \
           and case when p.name in ('insert', 'update') then has_any_column_privilege(r.oid, c.oid, p.name) \
                    else has_table_privilege(r.oid, c.oid, p.name) end \
           and has_schema_privilege(r.oid, c.relnamespace, 'usage') \
           and not pg_has_role(r.oid, c.relowner, 'usage') and c.relkind in ('r', 'p', 'v') \
           and (c.relkind <> 'v' or pg_relation_is_updatable(c.oid, true) <> 0) group by 1 order by 1"
    );
    let may: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(may))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_all(&mut *session)
        .await
        .attempt(WHAT)?;
    let owners = format!(
        "{TREE} select r.rolname::text, exists (select from pg_stat_activity a where a.usesysid = r.oid \
             and a.datname = current_database() and coalesce(a.application_name, '') not like 'pad-migrate %') \
         from pg_roles r where r.rolcanlogin and not r.rolsuper and exists ( \
             select from tree join pg_class c on c.oid = tree.oid where pg_has_role(r.oid, c.relowner, 'usage')) \
         order by 1"
    );
    let owners: Vec<(String, bool)> = sqlx::query_as(AssertSqlSafe(owners))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_all(&mut *session)
        .await
        .attempt(WHAT)?;
    let writing = format!(
        "{TREE} select distinct l.pid from pg_locks l join tree on tree.oid = l.relation \
         where l.locktype = 'relation' and l.granted and l.pid is not null and l.pid <> pg_backend_pid() \
           and l.database = (select oid from pg_database where datname = current_database()) \
           and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') \
         order by 1"
    );
    let writing: Vec<(i32,)> = sqlx::query_as(AssertSqlSafe(writing))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_all(&mut *session)
        .await
        .attempt(WHAT)?;
    let foreign = format!(
        "{TREE} select c.oid::regclass::text from tree join pg_class c on c.oid = tree.oid where c.relkind = 'f' limit 1"
    );
    let foreign: Option<(String,)> = sqlx::query_as(AssertSqlSafe(foreign))
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_optional(&mut *session)
        .await
        .attempt(WHAT)?;
    let counts: bool = sqlx::query_scalar("select current_setting('track_counts')::bool")
        .fetch_one(&mut *session)
        .await
        .attempt(WHAT)?;
    let elsewhere = foreign.map(|(name,)| format!("{name} is a foreign table"));
    Ok(Writers {
        may,
        owners_here: owners.iter().filter(|(_, is_here)| *is_here).map(|(role, _)| role.clone()).collect(),
        owners: owners.into_iter().map(|(role, _)| role).collect(),
        writing: writing.into_iter().map(|(process,)| process).collect(),
        elsewhere: elsewhere.or_else(|| (!counts).then(|| "track_counts is off".to_owned())),
    })
}
