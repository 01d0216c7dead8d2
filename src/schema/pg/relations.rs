//! Relations that pad-migrate doesn't manage, and the histories of other migration tools. Read-only.

use std::collections::BTreeMap;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::config::environment::Environment;
use crate::config::settings::TableName;
use crate::ledger::revisions;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::transaction::savepoint;
use crate::schema::names::{APPLICATION_SCHEMA, CONTRACT_SCHEMA};
use crate::schema::relation::UnknownRelation;

/// The kind of a relation in SQL.
pub(crate) fn kind(relkind: &str) -> &'static str {
    match relkind {
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "table",
    }
}

/// The planner's estimate of the rows of `pg_class c`, -1 when there is none. Before version 14 a table that was never
/// analysed has the estimate 0, like an empty one (documentation, pg_class.reltuples).
pub(crate) const ESTIMATE: &str = "(case when c.reltuples = 0 and c.relpages = 0 \
     and current_setting('server_version_num')::int4 < 140000 then -1 else c.reltuples end)";

/// Tables in `public`, and beside the legacy table, with the name and the identifying columns of a managed one.
pub(crate) async fn elsewhere(
    connection: &mut Session,
    legacy: Option<&TableName>,
) -> Result<BTreeMap<String, Vec<String>>, QueryError> {
    let marks: BTreeMap<&str, &[String]> = (revisions::ALL.iter())
        .flat_map(|revision| &revision.properties.moves_tables)
        .map(|(table, columns)| (table.as_str(), columns.as_slice()))
        .collect();
    let names: Vec<&str> = marks.keys().copied().collect();
    let legacy = legacy.map_or("public", |it| it.schema.as_str());
    let places: Vec<&str> =
        ["public", legacy].into_iter().filter(|it| ![APPLICATION_SCHEMA, CONTRACT_SCHEMA].contains(it)).collect();
    let rows: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, \
                array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 \
                      and not attisdropped) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = any($1) and c.relname = any($2) and c.relkind in ('r', 'p') \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid \
                           and deptype = 'e') \
         order by 1, 2",
    )
    .bind(places)
    .bind(names)
    .fetch_all(connection)
    .await
    .attempt("looking for managed tables in other schemas")?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (schema, table, columns) in rows {
        let identifying = marks.get(table.as_str()).copied().unwrap_or_default();
        if identifying.iter().all(|column| columns.contains(column)) {
            found.entry(schema).or_default().push(table);
        }
    }
    Ok(found)
}

/// Tables in `public` that look like managed ones. None where the environment leaves what is in `public` alone.
pub(crate) async fn in_public(connection: &mut Session, environment: Environment) -> Result<Vec<String>, QueryError> {
    let mut moving = revisions::ALL.iter().filter(|it| !it.properties.moves_tables.is_empty());
    if moving.any(|revision| revision.not_for(environment).is_some()) {
        return Ok(Vec::new());
    }
    Ok(elsewhere(connection, None).await?.remove("public").unwrap_or_default())
}

/// What is known of the relations of `padealing`, except for the known ones.
pub(crate) async fn unknown_relations(
    connection: &mut Session,
    known: &[&str],
    major: u32,
) -> Result<Vec<UnknownRelation>, QueryError> {
    let last_read = if major >= 16 { "greatest(s.last_seq_scan, s.last_idx_scan)" } else { "null::timestamptz" };
    // What depends on the table, on its row type or on a sequence that it owns, except for its own parts.
    let sql = format!(
        "with unknown as ( \
             select c.* from pg_class c where \
                   c.relnamespace = (select oid from pg_namespace where nspname = 'padealing') \
               and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> all($1) and not exists ( \
                   select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')) \
         select c.relname::text, c.relkind::text, pg_get_userbyid(c.relowner)::text, \
                obj_description(c.oid, 'pg_class'), \
                (select string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum) \
                 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), \
                array(select distinct case when v.oid is not null then \
                          format('%s %s', case v.relkind when 'v' then 'view' when 'm' then 'materialized view' \
                              else 'rule of' end, v.oid::regclass) else pg_describe_object(d.classid, d.objid, 0) end \
                      from pg_depend d left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass \
                          and w.oid = d.objid \
                      left join pg_class v on v.oid = w.ev_class \
                      left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid \
                      left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid \
                      where (d.refclassid = 'pg_class'::regclass and (d.refobjid = c.oid or d.refobjid in ( \
                                 select o.objid from pg_depend o join pg_class q on q.oid = o.objid \
                                     and q.relkind = 'S' \
                                 where o.classid = 'pg_class'::regclass and o.refclassid = 'pg_class'::regclass \
                                   and o.refobjid = c.oid and o.deptype in ('a', 'i'))) \
                          or d.refclassid = 'pg_type'::regclass and \
                             d.refobjid in (c.reltype, (select typarray from pg_type where oid = c.reltype))) \
                        and (d.deptype = 'n' or d.classid = 'pg_publication_rel'::regclass) \
                        and not (d.classid = 'pg_class'::regclass and d.objid = c.oid) \
                        and coalesce(v.oid, k.conrelid, a.adrelid, 0) <> c.oid \
                        and d.classid not in ('pg_type'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, \
                            'pg_statistic_ext'::regclass, 'pg_default_acl'::regclass) \
                      order by 1), \
                case when c.relkind = 'p' then 'it is partitioned' \
                     when c.relispartition then 'it is a partition of ' || \
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
         from unknown c left join pg_stat_all_tables s on s.relid = c.oid \
         cross join (select coalesce(stats_reset, pg_postmaster_start_time()) as since from pg_stat_database \
                     where datname = current_database()) b \
         order by 1"
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(known).fetch_all(connection).await.attempt("looking at unknown tables")?;
    let relation = |row: &PgRow| -> Result<UnknownRelation, sqlx::Error> {
        Ok(UnknownRelation {
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
    rows.iter().map(relation).collect::<Result<_, _>>().attempt("looking at unknown tables")
}

/// Tables in which migration tools keep their history, and the tools.
pub(crate) const HISTORY_TABLES: [(&str, &str); 12] = [
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

/// The history tables of other migration tools in the database: table, tool, and the version that it is at, if
/// readable.
pub(crate) async fn migration_histories(
    connection: &mut Session,
) -> Result<Vec<(String, &'static str, Option<String>)>, QueryError> {
    const WHAT: &str = "looking for history tables of other migration tools";
    let names = HISTORY_TABLES.map(|(table, _)| table);
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, has_schema_privilege(n.oid, 'usage') \
         and has_table_privilege(c.oid, 'select') \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p') and c.relname = any($1) order by 1, 2",
    )
    .bind(&names[..])
    .fetch_all(&mut *connection)
    .await
    .attempt(WHAT)?;
    let mut found = Vec::new();
    for (schema, name, readable) in rows {
        let Some((table, program)) = HISTORY_TABLES.iter().find(|(table, _)| *table == name) else { continue };
        let quoted = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let version = if *table != "alembic_version" {
            None
        } else if !readable {
            Some("version not readable by this role".to_owned())
        } else {
            let sql = format!("select string_agg(version_num, ', ' order by version_num) from {quoted}");
            let read = savepoint(connection, async |connection| {
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.attempt("reading the version")
            });
            read.await?.unwrap_or_else(|error| Some(sentence(&error)))
        };
        found.push((format!("{schema}.{name}"), *program, version));
    }
    Ok(found)
}
