//! What a transaction has locked outside padealing, by the server's own account.
//!
//! The other half of the guard, and it shares nothing with [`crate::schema::guard`]: that one reads statements before
//! they are sent, this one asks before COMMIT which relations the transaction holds locks on (PostgreSQL 13.3.1,
//! 54.12).

use std::collections::{BTreeMap, BTreeSet};

use crate::base::hint::{APPLY, REVERT};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// The relations outside the application schema, before anything is done.
#[derive(Debug)]
pub(crate) struct Outside {
    /// Each with its table's name.
    tables: BTreeMap<i64, String>,
    /// What the transaction has locked already, each with the mode.
    before: BTreeSet<(i64, String)>,
}

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
    /// Tables of other schemas, with their schema, that may be locked because the user says so.
    pub(crate) objects: BTreeSet<String>,
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
        .fetch_all(&mut *connection)
        .await
        .attempt("listing relations outside padealing")?;
        let before = held(connection).await?.into_iter().map(|it| (it.relation, it.mode)).collect();
        Ok(Self { tables: relations.into_iter().collect(), before })
    }

    /// Relations that are locked and may not be, in words.
    pub(crate) async fn violations(
        &self,
        connection: &mut Session,
        allowed: &Allowed,
    ) -> Result<Vec<String>, QueryError> {
        let locks = held(connection).await?;
        let new = locks.into_iter().filter(|it| !self.before.contains(&(it.relation, it.mode.clone())));
        Ok(new.filter_map(|it| self.violation(&it, allowed)).collect())
    }

    fn violation(&self, lock: &Held, allowed: &Allowed) -> Option<String> {
        let Held { relation, mode, place, table } = lock;
        let before = self.tables.get(relation);
        let was_outside = before.is_some();
        let Some(Place { schema, name, kind }) = place else {
            // It is gone: in padealing, an interim table of a rewrite, an index of a table that has moved, or
            // another's.
            let before = before.filter(|it| !allowed.moved.contains(*it));
            return before.map(|it| format!("{it}, which is outside padealing, was dropped or rewritten"));
        };
        let is_table = matches!(kind.as_str(), "r" | "p");
        let is_allowed = match schema.as_str() {
            "padealing" => !was_outside || !allowed.moved.is_empty() && (!is_table || allowed.moved.contains(name)),
            "pg_catalog" | "information_schema" => true,
            it if it.starts_with("pg_toast") || it.starts_with("pg_temp") => true,
            // Moved back.
            "public" if allowed.down && !was_outside => {
                !allowed.moved.is_empty() && (!is_table || allowed.moved.contains(name))
            }
            "bo_airflow" if allowed.mirror => true,
            // A reference table may be a partition itself, or have some.
            it if allowed.references.contains(table) || allowed.references.contains(&format!("{it}.{name}")) => {
                mode == "ShareRowExclusiveLock" || allowed.down && mode == "AccessExclusiveLock"
            }
            "bo_airflow" => false,
            _ => allowed.objects.contains(table),
        };
        (!is_allowed).then(|| {
            let may_be_allowed = was_outside && schema != "bo_airflow";
            let command = if allowed.down { REVERT } else { APPLY };
            let how = match may_be_allowed {
                true => format!(
                    "; if a trigger or an event trigger is meant to write there, run `{command} \
                     --allow-object {table}`"
                ),
                false => String::new(),
            };
            format!("{schema}.{name} is locked in {mode}{how}")
        })
    }
}

/// A lock of the transaction.
struct Held {
    relation: i64,
    mode: String,
    /// None, if the relation is gone.
    place: Option<Place>,
    /// The table that a relation is, belongs to or is a partition of, with its schema.
    table: String,
}

struct Place {
    schema: String,
    name: String,
    kind: String,
}

/// The transaction's locks that keep others from more than reading.
async fn held(connection: &mut Session) -> Result<Vec<Held>, QueryError> {
    type Row = (i64, String, Option<String>, Option<String>, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(
        "select l.relation::int8, l.mode, n.nspname::text, c.relname::text, c.relkind::text, \
                (select format('%s.%s', s.nspname, t.relname) from pg_class t \
                 join pg_namespace s on s.oid = t.relnamespace \
                 where t.oid = coalesce(pg_partition_root(b.oid), b.oid)) \
         from pg_locks l left join pg_class c on c.oid = l.relation \
         left join pg_namespace n on n.oid = c.relnamespace \
         left join pg_index i on i.indexrelid = c.oid \
         left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid and c.relkind = 'S' \
             and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i') \
         left join pg_class b on b.oid = coalesce(i.indrelid, o.refobjid, c.oid) \
         where l.pid = pg_backend_pid() and l.locktype = 'relation' \
           and l.database = (select oid from pg_database where datname = current_database()) \
           and l.mode not in ('AccessShareLock', 'RowShareLock') \
         order by n.nspname, c.relname, l.mode",
    )
    .fetch_all(connection)
    .await
    .attempt("listing the transaction's locks")?;
    let lock = |(relation, mode, schema, name, kind, table): Row| {
        let place = schema.zip(name).zip(kind).map(|((schema, name), kind)| Place { schema, name, kind });
        Held { relation, mode, place, table: table.unwrap_or_default() }
    };
    Ok(rows.into_iter().map(lock).collect())
}
