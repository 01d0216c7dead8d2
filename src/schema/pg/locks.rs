//! What a transaction has locked outside padealing, by the server's own account.
//!
//! The other half of the guard, and it shares nothing with [`crate::schema::guard`]: that one reads statements before
//! they are sent, this one asks before COMMIT which relations the transaction holds locks on (PostgreSQL 13.3.1,
//! 54.12).

use std::collections::{BTreeMap, BTreeSet};

use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// The relations outside the application schema, before anything is done, each with its table's name.
#[derive(Debug)]
pub(crate) struct Outside(BTreeMap<i64, String>);

/// What may be locked outside padealing.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    /// Reference tables, with their schema, whose foreign keys are added or dropped.
    pub(crate) references: BTreeSet<String>,
    /// Whether keys are dropped, which locks their target for reading too.
    pub(crate) down: bool,
    /// Tables that change their schema.
    pub(crate) moved: BTreeSet<String>,
    /// Whether the reference mirror is created.
    pub(crate) mirror: bool,
}

impl Outside {
    pub(crate) async fn read(connection: &mut Session) -> Result<Self, QueryError> {
        let relations: Vec<(i64, String)> = sqlx::query_as(
            "select c.oid::int8, coalesce(t.relname, c.relname)::text from pg_class c \
             join pg_namespace n on n.oid = c.relnamespace \
             left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid \
             where n.nspname not in ('padealing', 'pg_catalog', 'information_schema') \
               and n.nspname !~ '^pg_(toast|temp)'",
        )
        .fetch_all(connection)
        .await
        .attempt("listing relations outside padealing")?;
        Ok(Self(relations.into_iter().collect()))
    }

    /// Relations that are locked and may not be, in words.
    pub(crate) async fn violations(
        &self,
        connection: &mut Session,
        allowed: &Allowed,
    ) -> Result<Vec<String>, QueryError> {
        type Row = (i64, String, Option<String>, Option<String>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "select l.relation::int8, l.mode, n.nspname::text, c.relname::text, c.relkind::text \
             from pg_locks l left join pg_class c on c.oid = l.relation \
             left join pg_namespace n on n.oid = c.relnamespace \
             where l.pid = pg_backend_pid() and l.locktype = 'relation' \
               and l.database = (select oid from pg_database where datname = current_database()) \
               and l.mode not in ('AccessShareLock', 'RowShareLock') \
             order by n.nspname, c.relname, l.mode",
        )
        .fetch_all(connection)
        .await
        .attempt("listing the transaction's locks")?;
        let violation = |(oid, mode, schema, name, kind): Row| {
            let table = self.0.get(&oid);
            let was_outside = table.is_some();
            let (Some(schema), Some(name), Some(kind)) = (schema, name, kind) else {
                // It is gone: in padealing, an interim table of a rewrite, an index of a table that has moved, or
                // another's.
                let table = table.filter(|it| !allowed.moved.contains(*it));
                return table.map(|it| format!("{it}, which is outside padealing, was dropped or rewritten"));
            };
            let place = format!("{schema}.{name}");
            let is_table = matches!(kind.as_str(), "r" | "p");
            let is_allowed = match schema.as_str() {
                "padealing" => {
                    !was_outside || !allowed.moved.is_empty() && (!is_table || allowed.moved.contains(&name))
                }
                "pg_catalog" | "information_schema" => true,
                it if it.starts_with("pg_toast") || it.starts_with("pg_temp") => true,
                // Moved back.
                "public" if allowed.down && !was_outside => {
                    !allowed.moved.is_empty() && (!is_table || allowed.moved.contains(&name))
                }
                "bo_airflow" if allowed.mirror => true,
                _ if allowed.references.contains(&place) => {
                    mode == "ShareRowExclusiveLock" || allowed.down && mode == "AccessExclusiveLock"
                }
                _ => false,
            };
            (!is_allowed).then(|| format!("{place} is locked in {mode}"))
        };
        Ok(rows.into_iter().filter_map(violation).collect())
    }
}
