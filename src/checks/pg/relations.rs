//! The tables: their kinds, sizes and rows. A table that is locked or can't be read costs its own facts only.

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::base::text::sentence;
use crate::checks::facts::{Filled, Relation, Rows, TargetFacts};
use crate::checks::pg::request::{ExamineRequest, LIMITS};
use crate::config::settings::TableName;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::begin_reading;
use crate::postgres::transaction::savepoint;
use crate::schema::names::CRITICAL_REFERENCE_TABLES;
use crate::schema::pg::relations::{ESTIMATE, kind};

/// The relations of these schemas, the legacy table, and those in `public` with a managed table's name.
pub(crate) async fn relations(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
    schemas: &[&str],
) -> Result<Vec<Relation>, QueryError> {
    type Row = (i64, String, String, String, f32, String, bool, bool, bool, bool, bool, bool);
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "select c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, {ESTIMATE}, \
                pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'usage'), \
                coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'), false), \
                row_security_active(c.oid), c.relrowsecurity, c.relispopulated, c.relhassubclass \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and (n.nspname = any($1) or n.nspname = $2 and c.relname = $3 \
                 or n.nspname = 'public' and 'padealing' = any($1) and c.relname = any($4)) \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid \
                           and deptype = 'e') \
         order by n.nspname = 'padealing' desc, n.nspname = 'bo_airflow' desc, 2, 3"
    )))
    .bind(schemas)
    .bind(&request.table.schema)
    .bind(&request.table.name)
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt("listing the tables")?;
    let oids: Vec<i64> = rows.iter().map(|(oid, ..)| *oid).collect();
    let sizes = sizes(connection, &oids).await?;
    let mut found = Vec::new();
    for (row, size) in rows.into_iter().zip(sizes) {
        let (_, schema, name, relkind, estimate, owner, owned, readable, policed, has_row_security, ..) = row;
        let (.., populated, has_children) = row;
        let (bytes, main) = size.unzip();
        let is_legacy = schema == request.table.schema && name == request.table.name;
        let is_needed = is_legacy || schema == "bo_airflow" && CRITICAL_REFERENCE_TABLES.contains(&&*name);
        let filled = if relkind == "r" && main == Some(0) && !has_children {
            Filled::No
        } else if !is_needed {
            Filled::Unknown("not checked".to_owned())
        } else if !readable {
            Filled::Unknown("no SELECT privilege".to_owned())
        } else if policed {
            Filled::Unknown("a policy may hide rows".to_owned())
        } else if !populated {
            Filled::Unknown("a materialized view that was never populated".to_owned())
        } else {
            filled(connection, &schema, &name).await?
        };
        let rows = match &*relkind {
            "v" => Rows::View,
            _ if estimate < 0.0 => Rows::Unknown,
            _ => Rows::Estimate(estimate as i64),
        };
        let countable = readable && !policed && populated && (is_legacy || ["r", "p", "m"].contains(&&*relkind));
        let kind = kind(&relkind);
        found.push(Relation {
            schema,
            name,
            kind,
            rows,
            bytes,
            owner,
            owned,
            readable,
            countable,
            filled,
            policed,
            has_row_security,
        });
    }
    Ok(found)
}

/// Whether a table holds a row. A table that can't be read costs this answer only.
async fn filled(connection: &mut Session, schema: &str, name: &str) -> Result<Filled, QueryError> {
    let sql = format!("select exists (select from {}.{})", quote_identifier(schema), quote_identifier(name));
    let found = savepoint(connection, async |connection| fetch_value::<bool>(connection, &sql, LOOKING).await).await?;
    Ok(match found {
        Ok(true) => Filled::Yes,
        Ok(false) => Filled::No,
        Err(error) => Filled::Unknown(sentence(&error)),
    })
}

/// Bytes in all and of the main fork, for each relation; none for one that is locked.
async fn sizes(connection: &mut Session, oids: &[i64]) -> Result<Vec<Option<(i64, i64)>>, QueryError> {
    if let Ok(all) = savepoint(connection, async |connection| measure(connection, oids).await).await? {
        return Ok(all.into_iter().map(|(all, main)| all.zip(main)).collect());
    }
    let mut found = Vec::new();
    for oid in oids {
        let one = savepoint(connection, async |connection| measure(connection, &[*oid]).await).await?;
        found.push(one.ok().and_then(|sizes| sizes.first().copied()).and_then(|(all, main)| all.zip(main)));
    }
    Ok(found)
}

/// Bytes in all and of the main fork; nulls for what was dropped meanwhile.
async fn measure(connection: &mut Session, oids: &[i64]) -> Result<Vec<(Option<i64>, Option<i64>)>, QueryError> {
    sqlx::query_as(
        "select pg_total_relation_size(oid::oid), pg_relation_size(oid::oid) \
         from unnest($1::int8[]) with ordinality it (oid, at) order by at",
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .attempt("measuring the tables")
}

/// Counts the rows of each table, in a transaction of its own: locks on many tables at once, however weak, would block
/// jobs that load them. Unknown relations are not counted, since their statistics would show that as use.
pub(crate) async fn count_rows(
    connection: &mut Session,
    legacy: &TableName,
    facts: &mut TargetFacts,
) -> Result<(), QueryError> {
    for relation in &mut facts.relations {
        let is_legacy = relation.schema == legacy.schema && relation.name == legacy.name;
        let is_unknown = facts.unknown.iter().any(|other| other.name == relation.name);
        if relation.rows == Rows::View && !is_legacy || is_unknown {
            continue;
        }
        if !relation.countable {
            relation.rows = Rows::Hidden;
            continue;
        }
        begin_reading(connection, LIMITS).await?;
        let sql =
            format!("select count(*) from {}.{}", quote_identifier(&relation.schema), quote_identifier(&relation.name));
        let counted = fetch_value(connection, &sql, LOOKING).await;
        run(connection, "rollback", "ending the transaction").await?;
        relation.rows = match counted {
            Ok(rows) => Rows::Exact(rows),
            Err(error) => Rows::Failed(sentence(&error)),
        };
    }
    Ok(())
}

/// What reading the rows of a table is called where it fails.
const LOOKING: &str = "looking at a table's rows";
