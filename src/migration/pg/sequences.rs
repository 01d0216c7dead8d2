//! Moves identity sequences past the ids that were written with explicit values (D6).

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_literal;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_writing};

/// The most ids that are drawn and thrown away, so that the application isn't locked out of its sequence.
pub(crate) const DRAWN: i64 = 10_000;
/// How often the lock is asked for, each time for as long as the application is made to wait at most.
const ATTEMPTS: u32 = 60;

/// Moves the sequence of each managed table past the largest id of its table, and that of `pad_request` past
/// `source_max` too. Never moves one back, even if other sessions draw from it meanwhile.
pub(crate) async fn advance(connection: &mut Session, source_max: i64) -> Result<(), QueryError> {
    let owned: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select t.oid::regclass::text, quote_ident(a.attname), s.oid::regclass::text, \
                t.oid = 'padealing.pad_request'::regclass \
         from pg_depend d \
         join pg_class s on s.oid = d.objid and s.relkind = 'S' \
         join pg_class t on t.oid = d.refobjid and t.relnamespace = 'padealing'::regnamespace \
         join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid \
         where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') \
           and t.relname = any($1) \
         order by 1",
    )
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt("finding the identity sequences")?;
    for (table, column, sequence, is_request) in owned {
        let floor = if is_request { source_max } else { 0 };
        let needed = format!("greatest((select max({column})::int8 from {table}), {floor})");
        let reached = format!("(select case when is_called then last_value else last_value - 1 end from {sequence})");
        let behind: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select coalesce({needed} - {reached}, 0)")))
            .fetch_one(&mut *connection)
            .await
            .attempt("comparing an identity sequence with its table")?;
        let name = quote_literal(&sequence);
        if (1..=DRAWN).contains(&behind) {
            let draw = format!("select count(nextval({name})) from generate_series(1, {behind})");
            run(connection, &draw, "moving an identity sequence").await?;
        } else if behind > DRAWN {
            // ALTER SEQUENCE changes nothing here, and keeps others from drawing until the commit: between what is
            // read and what is set nothing may happen.
            let jump = format!(
                "alter sequence {sequence} no cycle; \
                 select setval({name}, greatest({needed}, (select last_value from {sequence}))); commit"
            );
            jump_when_free(connection, &jump).await?;
        }
    }
    Ok(())
}

/// Waits for open transactions that have drawn from the sequence, without making other sessions wait for long.
async fn jump_when_free(connection: &mut Session, jump: &str) -> Result<(), QueryError> {
    let mut attempt = 1;
    loop {
        begin_writing(connection, Limits { lock: Some(Duration::from_millis(250)), statement: None }).await?;
        let Err(error) = run(connection, jump, "moving an identity sequence").await else { return Ok(()) };
        run(connection, "rollback", "rolling back").await?;
        if error.sqlstate().as_deref() != Some(sqlstate::LOCK_NOT_AVAILABLE) || attempt == ATTEMPTS {
            return Err(error);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
