//! Foreign keys on tables that rows are deleted from, whatever table they are of.

use crate::base::quote::{quote_identifier, quote_literal};
use crate::ledger::permission::Need;
use crate::migration::target::SOURCE_TABLE;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;

/// A foreign key on a table of padealing.
pub(crate) struct ForeignKey {
    pub(crate) schema: String,
    pub(crate) table: String,
    columns: Vec<String>,
    /// The table that it is on.
    pub(crate) referred: String,
    referred_columns: Vec<String>,
    has_id: bool,
}

/// The foreign keys on some tables of padealing.
pub(crate) async fn foreign_keys(session: &mut Session, tables: &[&str]) -> Result<Vec<ForeignKey>, QueryError> {
    type Key = (String, String, Vec<String>, String, Vec<String>, bool);
    let keys: Vec<Key> = sqlx::query_as(
        "select n.nspname::text, r.relname::text, \
                array(select a.attname::text from unnest(c.conkey) with ordinality k (at, place) \
                      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.at order by place), \
                t.relname::text, \
                array(select a.attname::text from unnest(c.confkey) with ordinality k (at, place) \
                      join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.at order by place), \
                exists (select from pg_attribute a where a.attrelid = c.conrelid and a.attname = 'id' \
                        and not a.attisdropped) \
         from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace \
         join pg_class t on t.oid = c.confrelid \
         where c.contype = 'f' and c.conparentid = 0 and t.relnamespace = to_regnamespace('padealing') \
           and t.relname = any($1) order by 1, 2, c.conname",
    )
    .bind(tables)
    .fetch_all(session)
    .await
    .attempt("looking for foreign keys on the rows that are deleted")?;
    let key = |(schema, table, columns, referred, referred_columns, has_id)| ForeignKey {
        schema,
        table,
        columns,
        referred,
        referred_columns,
        has_id,
    };
    Ok(keys.into_iter().map(key).collect())
}

impl ForeignKey {
    /// Whether it is what ties a row of padealing to its request.
    pub(crate) fn is_of_request(&self) -> bool {
        self.schema == "padealing"
            && (&*self.referred, &*self.columns, &*self.referred_columns)
                == ("pad_request", &["request_id".to_owned()], &["id".to_owned()])
    }

    /// What a role needs to see the rows that have it.
    pub(crate) fn needs(&self, role: &str) -> [Need; 3] {
        let Self { schema, table, .. } = self;
        [
            Need::schema(role, schema, "USAGE"),
            Need::table(role, schema, table, "SELECT"),
            Need::rows(role, schema, table),
        ]
    }

    /// The table whose rows refer, with its schema.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }

    /// Rows that refer to some of the deleted ones, counted: `$1` has their ids, or the legacy rows' of lineage.
    pub(crate) fn query(&self) -> String {
        let list = |alias: &str, columns: &[String]| {
            columns.iter().map(|it| format!("{alias}.{}", quote_identifier(it))).collect::<Vec<_>>().join(", ")
        };
        if let ([column], [_]) = (&*self.columns, &*self.referred_columns)
            && self.referred_columns == ["id"]
            && self.referred != "migration_mapping"
        {
            // Without the table that is referred to: mostly there is nothing to find.
            return format!(
                "select x.{column}::int8, count(*), {example} from {schema}.{table} x where x.{column} = any($1) group by 1",
                column = quote_identifier(column),
                example = if self.has_id { "min(x.id::text)" } else { "null::text" },
                schema = quote_identifier(&self.schema),
                table = quote_identifier(&self.table),
            );
        }
        let (key, more) = match &*self.referred {
            "migration_mapping" => ("source_id", format!(" and t.source_table = {}", quote_literal(SOURCE_TABLE))),
            _ => ("id", String::new()),
        };
        format!(
            "select t.{key}::int8, count(*), {example} from {schema}.{table} x join padealing.{referred} t \
             on ({columns}) = ({referred_columns}) where t.{key} = any($1){more} group by 1",
            example = if self.has_id { "min(x.id::text)" } else { "null::text" },
            schema = quote_identifier(&self.schema),
            table = quote_identifier(&self.table),
            referred = self.referred,
            columns = list("x", &self.columns),
            referred_columns = list("t", &self.referred_columns),
        )
    }
}
