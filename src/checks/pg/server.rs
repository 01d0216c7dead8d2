//! What a server and a database are.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::checks::facts::{CollationChange, Server, Usage};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "asking the server about itself";

pub(crate) async fn server(connection: &mut Session) -> Result<Server, QueryError> {
    let row = sqlx::query(
        "select split_part(current_setting('server_version'), ' ', 1) as version, \
                current_setting('server_version_num')::int4 / 10000 as major, pg_is_in_recovery() as standby, \
                (select reset_val = 'on' from pg_settings where name = 'default_transaction_read_only') as read_only, \
                pg_encoding_to_char(d.encoding)::text as encoding, d.datcollate::text as collation, \
                current_setting('log_timezone') as clock_zone, \
                current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8 \
                    - coalesce(current_setting('reserved_connections', true), '0')::int8 as server_limit, \
                (select sum(numbackends)::int8 from pg_stat_database) as server_used, \
                d.datconnlimit::int8 as database_limit, \
                (select numbackends::int8 from pg_stat_database where datid = d.oid) as database_used, \
                r.rolconnlimit::int8 as role_limit, \
                (select count(*) from pg_stat_activity where usename = current_user) as role_used \
         from pg_database d, pg_roles r where d.datname = current_database() and r.rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    let server = decode(&row).attempt(WHAT)?;
    Ok(Server {
        collation_changes: collation_changes(connection, server.major).await?,
        zones: zones(connection).await?,
        ..server
    })
}

fn decode(row: &PgRow) -> Result<Server, sqlx::Error> {
    let usage = |limit, used| Ok::<_, sqlx::Error>(Usage { limit: row.try_get(limit)?, used: row.try_get(used)? });
    Ok(Server {
        version: row.try_get("version")?,
        major: row.try_get::<i32, _>("major")?.unsigned_abs(),
        standby: row.try_get("standby")?,
        read_only: row.try_get("read_only")?,
        encoding: row.try_get("encoding")?,
        collation: row.try_get("collation")?,
        clock_zone: row.try_get("clock_zone")?,
        connections: usage("server_limit", "server_used")?,
        database_connections: usage("database_limit", "database_used")?,
        role_connections: usage("role_limit", "role_used")?,
        collation_changes: Vec::new(),
        zones: Vec::new(),
    })
}

async fn collation_changes(connection: &mut Session, major: u32) -> Result<Vec<CollationChange>, QueryError> {
    // The version of a database's own collation is recorded since 15.
    let own = "union all select 'the database''s default', datcollversion, pg_database_collation_actual_version(oid) \
               from pg_database where datname = current_database() \
               and datcollversion <> pg_database_collation_actual_version(oid)";
    let sql = format!(
        "select collname::text, collversion, pg_collation_actual_version(oid) from pg_collation \
         where collversion <> pg_collation_actual_version(oid) and oid in (select attcollation from pg_attribute a \
             join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace \
             where nspname in ('padealing', 'bo_airflow')) {}",
        if major >= 15 { own } else { "" }
    );
    let rows: Vec<(String, String, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await.attempt(WHAT)?;
    let change = |(name, recorded, actual)| CollationChange { name, recorded, actual };
    Ok(rows.into_iter().map(change).collect())
}

/// Time zones that are set for databases and roles: for what, zone.
async fn zones(connection: &mut Session) -> Result<Vec<(String, String)>, QueryError> {
    sqlx::query_as(
        "select concat_ws(' in ', case when setrole <> 0 then 'role ' || pg_get_userbyid(setrole) end, \
                case when setdatabase <> 0 then 'this database' else 'every database' end), \
                split_part(setting, '=', 2) \
         from pg_db_role_setting, unnest(setconfig) setting where lower(setting) like 'timezone=%' \
           and setdatabase in (0, (select oid from pg_database where datname = current_database())) order by 1",
    )
    .fetch_all(connection)
    .await
    .attempt(WHAT)
}
