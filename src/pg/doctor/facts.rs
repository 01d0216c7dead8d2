//! What a database says about itself, its tables and its roles. One awkward table costs what it alone would have told.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::{BEGIN, Request};
use crate::catalog::{CRITICAL_REFERENCE_TABLES, MANAGED_TABLES};
use crate::config::TableName;
use crate::doctor::{Facts, Filled, Relation, Role, Rows, SchemaRights, Server, Stranger, TableRights};
use crate::pg::apply::{self, ApplyError};
use crate::pg::plan;
use crate::pg::{Attempt, QueryError, history_access, run};
use crate::plan::route::applied;
use crate::report::sentence;
use crate::revisions::quote_identifier;

/// Does something that may fail without losing the transaction.
async fn apart<T, E>(
    connection: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<Result<T, E>, QueryError> {
    run(connection, "savepoint apart", "setting a savepoint").await?;
    let result = work(connection).await;
    let end =
        if result.is_ok() { "release savepoint apart" } else { "rollback to savepoint apart; release savepoint apart" };
    run(connection, end, "ending a savepoint").await?;
    Ok(result)
}

pub(super) async fn server(connection: &mut PgConnection) -> Result<Server, QueryError> {
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

pub(super) async fn facts(
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
    let revisions = match history_access(connection).await?.1 {
        true => apart(connection, plan::history)
            .await?
            .map(|it| Some(applied(&it).into_keys().collect()))
            .map_err(|error| sentence(&error)),
        false => Ok(None),
    };
    let wanted = apply::Request {
        legacy: Some(request.table),
        ..apply::Request::new(request.target, request.environment, request.roles)
    };
    let apply = match apart(connection, async |it| plan::assess(it, &wanted).await).await? {
        Ok(found) => match found.route.plan.blocking().count() {
            0 => Ok(found.route.plan.steps.len() + found.route.records.len() + usize::from(found.makes_mirror)),
            _ => Err("some of what differs needs a person first, as pad-migrate plan shows".to_owned()),
        },
        Err(ApplyError::NoReference { table, .. }) => Err(format!("there is no bo_airflow.{table}")),
        Err(error) => Err(sentence(&error)),
    };
    Ok(Facts {
        strangers: strangers(connection, &known(request.table), server.major).await?,
        relations: relations(request, connection, &["padealing", "bo_airflow"]).await?,
        schema_rights: schema_rights(connection, &roles).await?,
        table_rights: table_rights(connection, &roles).await?,
        missing_roles,
        attributes: special.collect(),
        revisions,
        apply: Some(apply),
        managers: managers(connection).await?,
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

/// What a relation is called in SQL.
fn kind(relkind: &str) -> &'static str {
    match relkind {
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "table",
    }
}

/// The planner's estimate of the rows of `pg_class c`, -1 when there is none. Before version 14 a table that nobody
/// has analysed has the estimate 0, as an empty one (documentation, pg_class.reltuples).
pub(in crate::pg) const ESTIMATE: &str = "(case when c.reltuples = 0 and c.relpages = 0 \
     and current_setting('server_version_num')::int4 < 140000 then -1 else c.reltuples end)";

/// The relations of these schemas, the legacy table, and what sits in `public` and may be ours.
pub(super) async fn relations(
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
            match apart(connection, async |it| ask::<bool>(it, &sql).await).await? {
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
    if let Ok(all) = apart(connection, async |it| measure(it, oids).await).await? {
        return Ok(all.into_iter().map(|(all, main)| all.zip(main)).collect());
    }
    let mut found = Vec::new();
    for oid in oids {
        let one = apart(connection, async |it| measure(it, &[*oid]).await).await?;
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
pub(super) async fn count_rows(
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
        let counted = ask(connection, &sql).await;
        run(connection, "rollback", "ending the transaction").await?;
        it.rows = match counted {
            Ok(rows) => Rows::Exact(rows),
            Err(error) => Rows::Failed(sentence(&error)),
        };
    }
    Ok(())
}

async fn ask<T>(connection: &mut PgConnection, sql: &str) -> Result<T, QueryError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.attempt("looking at a table's rows")
}

/// The names in `padealing` that are ours, or known to be somebody's.
fn known(legacy: &TableName) -> Vec<&str> {
    let legacy = (legacy.schema == "padealing").then_some(&*legacy.name);
    MANAGED_TABLES.iter().copied().chain(["alembic_version"]).chain(legacy).collect()
}

/// What is known of the relations of `padealing` but for these.
pub(in crate::pg) async fn strangers(
    connection: &mut PgConnection,
    known: &[&str],
    major: u32,
) -> Result<Vec<Stranger>, QueryError> {
    let last_read = if major >= 16 { "greatest(s.last_seq_scan, s.last_idx_scan)" } else { "null::timestamptz" };
    // Whatever depends on the table, on its row type or on a sequence of its own, but for its own parts.
    let sql = format!(
        "with stranger as ( \
             select c.* from pg_class c where c.relnamespace = (select oid from pg_namespace where nspname = 'padealing') \
               and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> all($1) and not exists ( \
                   select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')) \
         select c.relname::text, c.relkind::text, pg_get_userbyid(c.relowner)::text, obj_description(c.oid, 'pg_class'), \
                (select string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum) \
                 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), \
                array(select distinct case when v.oid is not null then \
                          format('%s %s', case v.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'rule of' end, v.oid::regclass) \
                          else pg_describe_object(d.classid, d.objid, 0) end \
                      from pg_depend d left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid \
                      left join pg_class v on v.oid = w.ev_class \
                      left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid \
                      left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid \
                      where (d.refclassid = 'pg_class'::regclass and (d.refobjid = c.oid or d.refobjid in ( \
                                 select o.objid from pg_depend o join pg_class q on q.oid = o.objid and q.relkind = 'S' \
                                 where o.classid = 'pg_class'::regclass and o.refclassid = 'pg_class'::regclass \
                                   and o.refobjid = c.oid and o.deptype in ('a', 'i'))) \
                          or d.refclassid = 'pg_type'::regclass and d.refobjid in (c.reltype, (select typarray from pg_type where oid = c.reltype))) \
                        and (d.deptype = 'n' or d.classid = 'pg_publication_rel'::regclass) \
                        and not (d.classid = 'pg_class'::regclass and d.objid = c.oid) \
                        and coalesce(v.oid, k.conrelid, a.adrelid, 0) <> c.oid \
                        and d.classid not in ('pg_type'::regclass, 'pg_policy'::regclass, 'pg_statistic_ext'::regclass, 'pg_trigger'::regclass, 'pg_default_acl'::regclass) \
                      order by 1), \
                case when c.relkind = 'p' then 'it is partitioned' when c.relispartition then 'it is a partition of ' || \
                         (select inhparent::regclass::text from pg_inherits where inhrelid = c.oid limit 1) \
                     when exists (select from pg_inherits where inhparent = c.oid) then 'others inherit from it' \
                     when exists (select from pg_inherits where inhrelid = c.oid) then 'it inherits from ' || \
                         (select min(inhparent::regclass::text) from pg_inherits where inhrelid = c.oid) end, \
                coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0), \
                coalesce(s.n_tup_ins, 0) + coalesce(s.n_tup_upd, 0) + coalesce(s.n_tup_del, 0), \
                to_char(b.since, 'YYYY-MM-DD'), (extract(epoch from now() - b.since) / 86400)::float8, \
                current_setting('track_counts')::bool, \
                to_char({last_read}, 'YYYY-MM-DD'), (extract(epoch from now() - {last_read}) / 86400)::float8, \
                case when c.relkind in ('r', 'm') and {ESTIMATE} >= 0 then c.reltuples::int8 end \
         from stranger c left join pg_stat_all_tables s on s.relid = c.oid \
         cross join (select coalesce(stats_reset, pg_postmaster_start_time()) as since from pg_stat_database \
                     where datname = current_database()) b \
         order by 1"
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(known).fetch_all(connection).await.attempt("looking at unknown tables")?;
    let stranger = |row: &PgRow| -> Result<Stranger, sqlx::Error> {
        Ok(Stranger {
            name: row.try_get(0)?,
            kind: kind(row.try_get(1)?),
            owner: row.try_get(2)?,
            comment: row.try_get(3)?,
            columns: row.try_get::<Option<String>, _>(4)?.unwrap_or_default(),
            dependents: row.try_get(5)?,
            family: row.try_get(6)?,
            reads: row.try_get(7)?,
            writes: row.try_get(8)?,
            since: (row.try_get(9)?, row.try_get(10)?),
            counted: row.try_get(11)?,
            last_read: row.try_get::<Option<String>, _>(12)?.zip(row.try_get(13)?),
            estimate: row.try_get(14)?,
        })
    };
    rows.iter().map(stranger).collect::<Result<_, _>>().attempt("looking at unknown tables")
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

/// Tables in which programs keep the history of a schema, and the programs.
const HISTORIES: [(&str, &str); 12] = [
    ("alembic_version", "Alembic"),
    ("flyway_schema_history", "Flyway"),
    ("databasechangelog", "Liquibase"),
    ("django_migrations", "Django"),
    ("schema_migrations", "Rails, golang-migrate or dbmate"),
    ("goose_db_version", "goose"),
    ("knex_migrations", "Knex"),
    ("_prisma_migrations", "Prisma"),
    ("SequelizeMeta", "Sequelize"),
    ("_sqlx_migrations", "sqlx"),
    ("__diesel_schema_migrations", "Diesel"),
    ("refinery_schema_history", "refinery"),
];

pub(in crate::pg) async fn managers(
    connection: &mut PgConnection,
) -> Result<Vec<(String, &'static str, Option<String>)>, QueryError> {
    const WHAT: &str = "looking for other programs' histories";
    let names = HISTORIES.map(|it| it.0);
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p') and c.relname = any($1) order by 1, 2",
    )
    .bind(&names[..])
    .fetch_all(&mut *connection)
    .await
    .attempt(WHAT)?;
    let mut found = Vec::new();
    for (schema, name, readable) in rows {
        let Some((table, program)) = HISTORIES.iter().find(|it| it.0 == name) else { continue };
        let quoted = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let version = if *table != "alembic_version" {
            None
        } else if !readable {
            Some("may not be read".to_owned())
        } else {
            let sql = format!("select string_agg(version_num, ', ' order by version_num) from {quoted}");
            let read = apart(connection, async |it| {
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(it).await.attempt("reading the version")
            });
            read.await?.unwrap_or_else(|error| Some(sentence(&error)))
        };
        found.push((format!("{schema}.{name}"), *program, version));
    }
    Ok(found)
}
