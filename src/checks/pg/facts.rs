//! What a database says about itself, its tables and its roles. One awkward table costs what it alone would have told.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::doctor::{Facts, Filled, Relation, Role, Rows, SchemaRights, Server, TableRights};
use crate::checks::pg::request::{BEGIN, Request};
use crate::config::settings::TableName;
use crate::ledger::history::applied;
use crate::ledger::pg::history::{history_access, read_history};
use crate::postgres::session::{Attempt, QueryError, fetch_value, run};
use crate::postgres::transaction::savepoint;
use crate::schema::names::{CRITICAL_REFERENCE_TABLES, MANAGED_TABLES};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::relations::{ESTIMATE, kind, migration_histories, unknown_relations};
use crate::schema::pg::{plan, request};

pub(crate) async fn server(connection: &mut PgConnection) -> Result<Server, QueryError> {
    const WHAT: &str = "asking the server about itself";
    type Row = (String, i32, bool, bool, String, String, String, i64, i64, i64, i64, i64, i64);
    let row: Row = sqlx::query_as(
        "select split_part(current_setting('server_version'), ' ', 1), \
                current_setting('server_version_num')::int4 / 10000, pg_is_in_recovery(), \
                (select reset_val = 'on' from pg_settings where name = 'default_transaction_read_only'), \
                pg_encoding_to_char(d.encoding)::text, d.datcollate::text, current_setting('log_timezone'), \
                current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8 \
                    - coalesce(current_setting('reserved_connections', true), '0')::int8, \
                (select sum(numbackends)::int8 from pg_stat_database), \
                d.datconnlimit::int8, (select numbackends::int8 from pg_stat_database where datid = d.oid), \
                r.rolconnlimit::int8, (select count(*) from pg_stat_activity where usename = current_user) \
         from pg_database d, pg_roles r where d.datname = current_database() and r.rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    let (
        version,
        major,
        standby,
        read_only,
        encoding,
        collation,
        clock_zone,
        max,
        used,
        datlimit,
        datused,
        limit,
        mine,
    ) = row;
    // The version of a database's own collation is noted since 15.
    let own = "union all select 'the database''s default', datcollversion, pg_database_collation_actual_version(oid) \
               from pg_database where datname = current_database() \
               and datcollversion <> pg_database_collation_actual_version(oid)";
    let changes = format!(
        "select collname::text, collversion, pg_collation_actual_version(oid) from pg_collation \
         where collversion <> pg_collation_actual_version(oid) and oid in (select attcollation from pg_attribute a \
             join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace \
             where nspname in ('padealing', 'bo_airflow')) {}",
        if major >= 15 { own } else { "" }
    );
    let collation_changes = sqlx::query_as(AssertSqlSafe(changes)).fetch_all(&mut *connection).await.attempt(WHAT)?;
    let zones = sqlx::query_as(
        "select concat_ws(' in ', case when setrole <> 0 then 'role ' || pg_get_userbyid(setrole) end, \
                case when setdatabase <> 0 then 'this database' else 'every database' end), split_part(setting, '=', 2) \
         from pg_db_role_setting, unnest(setconfig) setting where lower(setting) like 'timezone=%' \
           and setdatabase in (0, (select oid from pg_database where datname = current_database())) order by 1",
    )
    .fetch_all(connection)
    .await
    .attempt(WHAT)?;
    Ok(Server {
        version,
        major: major.unsigned_abs(),
        standby,
        read_only,
        encoding,
        collation,
        collation_changes,
        clock_zone,
        zones,
        connections: (max, used),
        database_connections: (datlimit, datused),
        role_connections: (limit, mine),
    })
}

pub(crate) async fn facts(
    request: &Request<'_>,
    connection: &mut PgConnection,
    server: Server,
) -> Result<Facts, QueryError> {
    let role = role(connection, request.roles.owner.as_deref(), server.major).await?;
    let named = [
        ("DB_OWNER_ROLE", &request.roles.owner),
        ("DB_APP_ROLE", &request.roles.app),
        ("DB_READER_ROLE", &request.roles.reader),
    ];
    let named = named.into_iter().filter_map(|(key, role)| Some((key, role.clone()?)));
    let mut roles: Vec<String> = named.clone().map(|it| it.1).collect();
    roles.push(role.name.clone());
    let attributes: Vec<(String, bool, bool)> =
        sqlx::query_as("select rolname::text, rolsuper, rolbypassrls from pg_roles where rolname = any($1) order by 1")
            .bind(&roles)
            .fetch_all(&mut *connection)
            .await
            .attempt("asking about the roles")?;
    let missing_roles = named.filter(|(_, role)| !attributes.iter().any(|it| it.0 == *role)).collect();
    let special = attributes.into_iter().filter_map(|(role, superuser, bypasses)| match (superuser, bypasses) {
        (true, _) => Some((role, "superuser")),
        (false, true) => Some((role, "BYPASSRLS")),
        (false, false) => None,
    });
    let revisions = match history_access(connection).await?.is_readable {
        true => savepoint(connection, read_history)
            .await?
            .map(|it| Some(applied(&it).into_keys().collect()))
            .map_err(|error| sentence(&error)),
        false => Ok(None),
    };
    let wanted = request::Request {
        legacy: Some(request.table),
        ..request::Request::new(request.target, request.environment, request.roles)
    };
    let apply = match savepoint(connection, async |it| plan::assess(it, &wanted).await).await? {
        Ok(found) => match found.route.plan.blocking().count() {
            0 => Ok(found.route.plan.steps.len() + found.route.records.len() + usize::from(found.makes_mirror)),
            _ => Err("some of what differs needs a person first, as pad-migrate plan shows".to_owned()),
        },
        Err(ApplyError::NoReference { table, .. }) => Err(format!("there is no bo_airflow.{table}")),
        Err(error) => Err(sentence(&error)),
    };
    Ok(Facts {
        strangers: unknown_relations(connection, &known(request.table), server.major).await?,
        relations: relations(request, connection, &["padealing", "bo_airflow"]).await?,
        schema_rights: schema_rights(connection, &roles).await?,
        table_rights: table_rights(connection, &roles).await?,
        missing_roles,
        attributes: special.collect(),
        revisions,
        apply: Some(apply),
        managers: migration_histories(connection).await?,
        server,
        role,
    })
}

async fn role(connection: &mut PgConnection, owner: Option<&str>, major: u32) -> Result<Role, QueryError> {
    type Row = (String, Option<String>, Option<f64>, bool, Option<String>, Option<bool>, Option<bool>, Option<bool>);
    // To give something to a role asks for the right to become it, which since 16 is apart from being a member.
    let become_it = if major >= 16 { "set" } else { "member" };
    let sql = format!(
        "select rolname::text, to_char(rolvaliduntil, 'YYYY-MM-DD'), \
                (extract(epoch from rolvaliduntil - now()) / 86400)::float8, \
                has_database_privilege(current_database(), 'create'), \
                (select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'padealing'), \
                (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'padealing'), \
                (select pg_has_role(oid, '{become_it}') from pg_roles where rolname = $1), \
                (select has_database_privilege(oid, current_database(), 'create') from pg_roles where rolname = $1) \
         from (select rolname, case when isfinite(rolvaliduntil) then rolvaliduntil end as rolvaliduntil \
               from pg_roles) it where rolname = current_user"
    );
    let (name, until, days, creates_schemas, application_owner, owns_application, may_become, becomes_owner): Row =
        sqlx::query_as(AssertSqlSafe(sql)).bind(owner).fetch_one(connection).await.attempt("asking about the role")?;
    Ok(Role {
        name,
        valid_until: until.zip(days),
        creates_schemas,
        application_owner,
        owns_application,
        named_owner: may_become.zip(becomes_owner),
    })
}

/// The relations of these schemas, the legacy table, and what sits in `public` and may be ours.
pub(crate) async fn relations(
    request: &Request<'_>,
    connection: &mut PgConnection,
    schemas: &[&str],
) -> Result<Vec<Relation>, QueryError> {
    type Row = (i64, String, String, String, f32, String, bool, bool, bool, bool, bool);
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "select c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, {ESTIMATE}, \
                pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'usage'), \
                coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'), false), \
                row_security_active(c.oid), c.relispopulated, c.relhassubclass \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and (n.nspname = any($1) or n.nspname = $2 and c.relname = $3 \
                 or n.nspname = 'public' and 'padealing' = any($1) and c.relname = any($4)) \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e') \
         order by n.nspname = 'padealing' desc, n.nspname = 'bo_airflow' desc, 2, 3"
    )))
    .bind(schemas)
    .bind(&request.table.schema)
    .bind(&request.table.name)
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt("listing the tables")?;
    let oids: Vec<i64> = rows.iter().map(|it| it.0).collect();
    let sizes = sizes(connection, &oids).await?;
    let mut found = Vec::new();
    for ((_, schema, name, relkind, estimate, owner, owned, readable, policed, populated, has_children), size) in
        rows.into_iter().zip(sizes)
    {
        let (bytes, main) = size.unzip();
        let is_legacy = schema == request.table.schema && name == request.table.name;
        let is_needed = is_legacy || schema == "bo_airflow" && CRITICAL_REFERENCE_TABLES.contains(&&*name);
        let quoted = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let filled = if relkind == "r" && main == Some(0) && !has_children {
            Filled::No
        } else if !is_needed {
            Filled::Unseen("nobody has looked".to_owned())
        } else if !readable {
            Filled::Unseen("SELECT is missing".to_owned())
        } else if policed {
            Filled::Unseen("a policy may hide rows".to_owned())
        } else if !populated {
            Filled::Unseen("it is a materialized view that was never filled".to_owned())
        } else {
            let sql = format!("select exists (select from {quoted})");
            match savepoint(connection, async |connection| fetch_value::<bool>(connection, &sql, LOOKING).await).await?
            {
                Ok(true) => Filled::Yes,
                Ok(false) => Filled::No,
                Err(error) => Filled::Unseen(sentence(&error)),
            }
        };
        let rows = match &*relkind {
            "v" => Rows::View,
            _ if estimate < 0.0 => Rows::Unknown,
            _ => Rows::Estimate(estimate as i64),
        };
        let countable = readable && !policed && populated && (is_legacy || ["r", "p", "m"].contains(&&*relkind));
        let kind = kind(&relkind);
        found.push(Relation { schema, name, kind, rows, bytes, owner, owned, readable, countable, filled, policed });
    }
    Ok(found)
}

/// Bytes in all and of the rows alone, for each relation; none for one that somebody has locked.
async fn sizes(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<Option<(i64, i64)>>, QueryError> {
    if let Ok(all) = savepoint(connection, async |it| measure(it, oids).await).await? {
        return Ok(all.into_iter().map(|(all, main)| all.zip(main)).collect());
    }
    let mut found = Vec::new();
    for oid in oids {
        let one = savepoint(connection, async |it| measure(it, &[*oid]).await).await?;
        found.push(one.ok().and_then(|it| it.first().copied()).and_then(|(all, main)| all.zip(main)));
    }
    Ok(found)
}

/// Bytes in all and of the rows alone; nulls for what is gone.
async fn measure(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<(Option<i64>, Option<i64>)>, QueryError> {
    sqlx::query_as(
        "select pg_total_relation_size(oid::oid), pg_relation_size(oid::oid) \
         from unnest($1::int8[]) with ordinality it (oid, at) order by at",
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .attempt("measuring the tables")
}

/// Counts the rows of each table, in a transaction of its own: a lock on many tables at once, however weak, would stand in
/// the way of whoever loads them. What nobody is known to use is not counted, since that would be a use.
pub(crate) async fn count_rows(
    connection: &mut PgConnection,
    legacy: &TableName,
    facts: &mut Facts,
) -> Result<(), QueryError> {
    for it in &mut facts.relations {
        let is_legacy = it.schema == legacy.schema && it.name == legacy.name;
        if it.rows == Rows::View && !is_legacy || facts.strangers.iter().any(|other| other.name == it.name) {
            continue;
        }
        if !it.countable {
            it.rows = Rows::Hidden;
            continue;
        }
        run(connection, BEGIN, "starting the transaction").await?;
        let sql = format!("select count(*) from {}.{}", quote_identifier(&it.schema), quote_identifier(&it.name));
        let counted = fetch_value(connection, &sql, LOOKING).await;
        run(connection, "rollback", "ending the transaction").await?;
        it.rows = match counted {
            Ok(rows) => Rows::Exact(rows),
            Err(error) => Rows::Failed(sentence(&error)),
        };
    }
    Ok(())
}

/// What reading the rows of a table is called where it fails.
const LOOKING: &str = "looking at a table's rows";

/// The names in `padealing` that are ours, or known to be somebody's.
fn known(legacy: &TableName) -> Vec<&str> {
    let legacy = (legacy.schema == "padealing").then_some(&*legacy.name);
    MANAGED_TABLES.iter().copied().chain(["alembic_version"]).chain(legacy).collect()
}

async fn schema_rights(connection: &mut PgConnection, roles: &[String]) -> Result<Vec<SchemaRights>, QueryError> {
    // The application's inserts draw from an identity's sequence without a right of their own; migrate draws by itself.
    let rows: Vec<(String, String, bool, bool, i64, i64, i64)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, has_schema_privilege(r.oid, n.oid, 'usage'), \
                has_schema_privilege(r.oid, n.oid, 'create'), \
                count(c.oid) filter (where not coalesce(has_sequence_privilege(r.oid, c.oid, 'usage'), true) \
                    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'i')), \
                count(c.oid) filter (where not coalesce(has_sequence_privilege(r.oid, c.oid, 'usage') \
                    and has_sequence_privilege(r.oid, c.oid, 'select'), true)), \
                count(c.oid) filter (where has_sequence_privilege(r.oid, c.oid, 'usage, update')) \
         from pg_roles r cross join pg_namespace n \
         left join lateral (select oid from pg_class where relnamespace = n.oid and relkind = 'S' offset 0) c on true \
         where r.rolname = any($1) and n.nspname in ('padealing', 'bo_airflow') \
         group by r.oid, r.rolname, n.oid, n.nspname order by 1, n.nspname = 'padealing' desc",
    )
    .bind(roles)
    .fetch_all(connection)
    .await
    .attempt("asking for rights on the schemas")?;
    let rights = |(role, schema, usage, create, closed_sequences, undrawable_sequences, open_sequences)| SchemaRights {
        role,
        schema,
        usage,
        create,
        closed_sequences,
        undrawable_sequences,
        open_sequences,
    };
    Ok(rows.into_iter().map(rights).collect())
}

async fn table_rights(connection: &mut PgConnection, roles: &[String]) -> Result<Vec<TableRights>, QueryError> {
    let rows: Vec<(String, String, String, Vec<String>, bool)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, c.relname::text, \
                array(select it from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES']) it \
                      where has_table_privilege(r.oid, c.oid, it)), \
                coalesce(has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate') \
                    or has_any_column_privilege(r.oid, c.oid, 'insert, update'), false) \
         from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where r.rolname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f') \
           and n.nspname in ('bo_airflow', 'padealing') order by 1, 2, 3",
    )
    .bind(roles)
    .fetch_all(connection)
    .await
    .attempt("asking for rights on the tables")?;
    let rights = |(role, schema, table, privileges, writes)| TableRights { role, schema, table, privileges, writes };
    Ok(rows.into_iter().map(rights).collect())
}
