//! Both schemas as the catalog describes them.

use sqlx::Row as _;

use crate::dashboard::rows::{ColumnReference, TableReference};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

const WHAT: &str = "reading the catalog";

/// The tables and views of both schemas, with their columns and comments.
pub(crate) async fn reference(session: &mut Session) -> Result<Vec<TableReference>, QueryError> {
    let rows = sqlx::query(
        "select n.nspname::text, c.relname::text, left(obj_description(c.oid, 'pg_class'), 1000), a.attname::text, \
                format_type(a.atttypid, a.atttypmod), a.attnotnull, left(col_description(c.oid, a.attnum), 1000), \
                (select k.confrelid::regclass::text from pg_constraint k \
                 where k.conrelid = c.oid and k.contype = 'f' and k.conkey = array[a.attnum] limit 1) \
         from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') \
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
         where n.nspname in ('padealing', 'bo_airflow') \
         order by n.nspname desc, c.relname, a.attnum limit 2000",
    )
    .fetch_all(session)
    .await
    .attempt(WHAT)?;
    let mut tables: Vec<TableReference> = Vec::new();
    for row in rows {
        let text = |at: usize| row.try_get::<Option<String>, _>(at).attempt(WHAT);
        let (schema, name) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
        let column = ColumnReference {
            name: text(3)?.unwrap_or_default(),
            data_type: text(4)?.unwrap_or_default(),
            is_required: row.try_get(5).attempt(WHAT)?,
            comment: text(6)?,
            refers_to: text(7)?,
        };
        match tables.last_mut().filter(|it| it.schema == schema && it.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(TableReference { schema, name, comment: text(2)?, columns: vec![column] }),
        }
    }
    Ok(tables)
}
