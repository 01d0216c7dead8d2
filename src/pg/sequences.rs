//! Moves identity sequences past the ids that were written with explicit values (D6).

use sqlx::postgres::PgConnection;

use super::{Attempt, QueryError, run};
use crate::revisions::quote_literal;

/// Moves every identity sequence of `padealing` past the largest id of its table, and that of `pad_request` past
/// `source_max` too. Never moves one back.
pub(super) async fn advance(connection: &mut PgConnection, source_max: i64) -> Result<(), QueryError> {
    let owned: Vec<(String, String, String)> = sqlx::query_as(
        "select t.oid::regclass::text, quote_ident(a.attname), s.oid::regclass::text \
         from pg_depend d \
         join pg_class s on s.oid = d.objid and s.relkind = 'S' \
         join pg_class t on t.oid = d.refobjid and t.relnamespace = 'padealing'::regnamespace \
         join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid \
         where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
         order by 1",
    )
    .fetch_all(&mut *connection)
    .await
    .attempt("finding the identity sequences")?;
    for (table, column, sequence) in owned {
        let floor = if table == "padealing.pad_request" { source_max } else { 0 };
        let behind = format!(
            "select greatest((select max({column})::int8 from {table}), {floor}) as needed, \
             (select case when is_called then last_value else last_value - 1 end from {sequence}) as reached"
        );
        let behind: Option<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "select needed, reached from ({behind}) s where needed > reached"
        )))
        .fetch_optional(&mut *connection)
        .await
        .attempt("comparing an identity sequence with its table")?;
        if behind.is_none() {
            continue;
        }
        // The application may be drawing from the sequence right now. ALTER SEQUENCE keeps it out until the commit, so
        // that setval can't move back what it has drawn in between; it changes nothing (nextval takes a weaker lock).
        let move_on = format!(
            "begin; alter sequence {sequence} no cycle; \
             select setval({}, greatest((select max({column})::int8 from {table}), {floor}, \
                 (select last_value from {sequence}))); commit",
            quote_literal(&sequence)
        );
        run(connection, &move_on, "moving an identity sequence").await?;
    }
    Ok(())
}
