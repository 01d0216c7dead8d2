//! The people and securities that a real source's rows refer to, copied for a rehearsal.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::settings::TableName;
use crate::harness::pg::databases::PrepareError;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::migration::legacy::LegacyColumn;
use crate::migration::pg::source::Source;
use crate::migration::value::parse_identifier;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::schema::mirror;

/// Copies the people and securities that a real source's rows refer to into the mirror of an ephemeral database:
/// from the source's own reference schema, or else from `other`. Reads only.
pub(crate) async fn copy_references(
    database: &EphemeralDatabase,
    source: &Database,
    table: &TableName,
    other: Option<&Database>,
) -> Result<(), PrepareError> {
    let mut to = database.connect(Access::Write, "rehearse").await?;
    run(&mut to, mirror::REFERENCE_SCHEMA, "creating the reference mirror").await?;
    let mut from = source.connect(Access::Read, "rehearse").await?;
    let legacy = Source::describe(&mut from, table, &source.place()).await?;
    let mut reference = source.connect(Access::Read, "rehearse").await?;
    if !has_reference(&mut reference).await? {
        let _ = reference.close().await;
        reference = other.ok_or(PrepareError::NoReference)?.connect(Access::Read, "rehearse").await?;
        if !has_reference(&mut reference).await? {
            return Err(PrepareError::NoReference);
        }
    }
    let people = Copied { table: "oracle_employee", key: "id", array: "int8[]" };
    people.widen(&mut to).await?;
    for column in
        [LegacyColumn::Employee, LegacyColumn::LastModifiedBy, LegacyColumn::AuthManager, LegacyColumn::AuthCompliance]
    {
        let readable = |text: String| parse_identifier(&text).ok().map(|it| it.to_string());
        people.copy(&mut from, distinct(&legacy, column), &mut reference, &mut to, readable).await?;
    }
    let securities = Copied { table: "oracle_bloomberg", key: "inst_symbol", array: "text[]" };
    securities.widen(&mut to).await?;
    securities.copy(&mut from, distinct(&legacy, LegacyColumn::InstSymbol), &mut reference, &mut to, Some).await?;
    for connection in [from, reference, to] {
        let _ = connection.close().await;
    }
    Ok(())
}

/// The query for what a column of the legacy table refers to.
fn distinct(legacy: &Source, column: LegacyColumn) -> String {
    format!(
        "select distinct {name}::text from {table} where {name} is not null",
        name = quote_identifier(column.name()),
        table = legacy.qualified
    )
}

async fn has_reference(connection: &mut Session) -> Result<bool, QueryError> {
    sqlx::query_scalar(
        "select to_regclass('bo_airflow.oracle_employee') is not null \
         and to_regclass('bo_airflow.oracle_bloomberg') is not null",
    )
    .fetch_one(connection)
    .await
    .attempt("looking for the reference tables")
}

/// A reference table of which the rows that are referred to are copied.
struct Copied {
    table: &'static str,
    key: &'static str,
    array: &'static str,
}

impl Copied {
    /// Keys that are looked up at a time.
    const CHUNK: usize = 5000;

    /// The real table's texts may be longer than our mirror's: lets the mirror hold any.
    async fn widen(&self, to: &mut Session) -> Result<(), QueryError> {
        let columns = self.columns(to).await?;
        for (column, _) in columns.iter().filter(|(_, category)| category == "S") {
            let sql = format!("alter table bo_airflow.{} alter column {column} type text", self.table);
            run(to, &sql, "widening the reference mirror").await?;
        }
        Ok(())
    }

    async fn columns(&self, connection: &mut Session) -> Result<Vec<(String, String)>, QueryError> {
        sqlx::query_as(
            "select quote_ident(a.attname), t.typcategory::text from pg_attribute a \
             join pg_type t on t.oid = a.atttypid \
             where a.attrelid = to_regclass('bo_airflow.' || $1) and a.attnum > 0 and not a.attisdropped \
               and a.attname <> 'manager_id' order by a.attnum",
        )
        .bind(self.table)
        .fetch_all(connection)
        .await
        .attempt("reading the columns of a reference table")
    }

    async fn copy(
        &self,
        from: &mut Session,
        distinct: String,
        reference: &mut Session,
        to: &mut Session,
        key: impl Fn(String) -> Option<String>,
    ) -> Result<(), QueryError> {
        const WHAT: &str = "reading what the legacy rows refer to";
        let source_columns = self.columns(reference).await?;
        let mut common = self.columns(to).await?;
        common.retain(|column| source_columns.contains(column));
        let common: Vec<String> = common.into_iter().map(|(name, _)| name).collect();
        let common = common.join(", ");
        let mut chunk: Vec<String> = Vec::new();
        let mut stream = sqlx::query_scalar::<_, String>(AssertSqlSafe(distinct)).fetch(from);
        loop {
            let next = stream.try_next().await.attempt(WHAT)?;
            let ended = next.is_none();
            chunk.extend(next.and_then(&key));
            if chunk.len() == Self::CHUNK || ended && !chunk.is_empty() {
                self.copy_chunk(&chunk, &common, reference, to).await?;
                chunk.clear();
            }
            if ended {
                return Ok(());
            }
        }
    }

    async fn copy_chunk(
        &self,
        keys: &[String],
        columns: &str,
        reference: &mut Session,
        to: &mut Session,
    ) -> Result<(), QueryError> {
        const WHAT: &str = "copying reference rows";
        let Self { table, key, array } = self;
        let elements: Vec<String> = keys.iter().map(|it| quote_literal(it)).collect();
        let select = format!(
            "copy (select {columns} from bo_airflow.{} where {} = any(array[{}]::{array})) to stdout",
            table,
            quote_identifier(key),
            elements.join(", ")
        );
        let incoming = format!(
            "create temp table incoming as select {columns} from bo_airflow.{table} where false; \
             truncate pg_temp.incoming"
        );
        run(to, &incoming, WHAT).await?;
        let mut out = reference.copy_out(&select).await.attempt(WHAT)?;
        let mut copy = to.copy_in(&format!("copy pg_temp.incoming ({columns}) from stdin")).await.attempt(WHAT)?;
        while let Some(line) = out.try_next().await.attempt(WHAT)? {
            copy.send(line.as_ref()).await.attempt(WHAT)?;
        }
        copy.finish().await.attempt(WHAT)?;
        let insert = format!(
            "insert into bo_airflow.{table} ({columns}) select {columns} from pg_temp.incoming \
             on conflict do nothing; drop table pg_temp.incoming"
        );
        run(to, &insert, WHAT).await
    }
}
