//! Databases of an ephemeral server: created, filled with what a rehearsal needs, dropped.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use futures_util::TryStreamExt;

use super::source::Source;
use super::{Access, Attempt, ConnectError, Database, QueryError, run};
use crate::config::TableName;
use crate::fixtures::{self, Case, FixtureError};
use crate::legacy::LegacyColumn;
use crate::pg::source::SourceError;
use crate::revisions::{quote_identifier, quote_literal};
use crate::value::parse_identifier;

/// Why a rehearsal's database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The fixtures are wrong.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// The legacy table is not fit to be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nobody has reference rows.
    #[error(
        "neither the source nor the target has a table bo_airflow.oracle_employee to copy the referenced people from; \
         give the database that has it as --database-url"
    )]
    NoReference,
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Runs SQL of our own on a database of an ephemeral server.
pub async fn execute(database: &Database, sql: &str) -> Result<(), PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    run(&mut connection, sql, "preparing the ephemeral database").await?;
    let _ = connection.close().await;
    Ok(())
}

/// The version that a server says it has.
pub async fn server_version(database: &Database) -> Result<String, PrepareError> {
    let mut connection = database.connect(Access::Read, "rehearse").await?;
    let facts = super::server_facts(&mut connection).await?;
    let _ = connection.close().await;
    Ok(facts.version)
}

/// Creates the reference mirror, the legacy table and the rows of the cases in an ephemeral database.
pub async fn fill_with_fixtures(database: &Database, cases: &[Case]) -> Result<usize, PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    for sql in [fixtures::REFERENCE_SCHEMA, fixtures::REFERENCE_ROWS, fixtures::LEGACY_TABLE] {
        run(&mut connection, sql, "loading the fixtures").await?;
    }
    let count = super::seed::load_cases(&mut connection, "public.personal_account_dealing", cases).await?;
    let _ = connection.close().await;
    Ok(count)
}

/// Copies the people and securities that a real source's rows refer to into the mirror of an ephemeral database:
/// from the source's own reference schema, or else from `other`. Reads only.
pub async fn copy_references(
    database: &Database,
    source: &Database,
    table: &TableName,
    other: Option<&Database>,
) -> Result<(), PrepareError> {
    let mut to = database.connect(Access::Write, "rehearse").await?;
    run(&mut to, fixtures::REFERENCE_SCHEMA, "creating the reference mirror").await?;
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
        people.copy(&mut from, legacy.distinct(column), &mut reference, &mut to, readable).await?;
    }
    let securities = Copied { table: "oracle_bloomberg", key: "inst_symbol", array: "text[]" };
    securities.widen(&mut to).await?;
    securities.copy(&mut from, legacy.distinct(LegacyColumn::InstSymbol), &mut reference, &mut to, Some).await?;
    for connection in [from, reference, to] {
        let _ = connection.close().await;
    }
    Ok(())
}

async fn has_reference(connection: &mut PgConnection) -> Result<bool, QueryError> {
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
    async fn widen(&self, to: &mut PgConnection) -> Result<(), QueryError> {
        let columns = self.columns(to).await?;
        for (column, _) in columns.iter().filter(|(_, category)| category == "S") {
            let sql = format!("alter table bo_airflow.{} alter column {column} type text", self.table);
            run(to, &sql, "widening the reference mirror").await?;
        }
        Ok(())
    }

    async fn columns(&self, connection: &mut PgConnection) -> Result<Vec<(String, String)>, QueryError> {
        sqlx::query_as(
            "select quote_ident(a.attname), t.typcategory::text from pg_attribute a join pg_type t on t.oid = a.atttypid \
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
        from: &mut PgConnection,
        distinct: String,
        reference: &mut PgConnection,
        to: &mut PgConnection,
        key: impl Fn(String) -> Option<String>,
    ) -> Result<(), QueryError> {
        const WHAT: &str = "reading what the legacy rows refer to";
        let theirs = self.columns(reference).await?;
        let common: Vec<String> =
            self.columns(to).await?.into_iter().filter(|it| theirs.contains(it)).map(|it| it.0).collect();
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
        reference: &mut PgConnection,
        to: &mut PgConnection,
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
        let mut out = reference.copy_out_raw(&select).await.attempt(WHAT)?;
        let mut copy = to.copy_in_raw(&format!("copy pg_temp.incoming ({columns}) from stdin")).await.attempt(WHAT)?;
        while let Some(line) = out.try_next().await.attempt(WHAT)? {
            copy.send(line).await.attempt(WHAT)?;
        }
        copy.finish().await.attempt(WHAT)?;
        let insert = format!(
            "insert into bo_airflow.{table} ({columns}) select {columns} from pg_temp.incoming \
             on conflict do nothing; drop table pg_temp.incoming"
        );
        run(to, &insert, WHAT).await
    }
}

/// Creates a database of our own on an ephemeral server.
pub async fn create_database(server: &Database, name: &str, template: Option<&str>) -> Result<Database, PrepareError> {
    let template = template.map(|it| format!(" template {}", quote_identifier(it))).unwrap_or_default();
    execute(server, &format!("create database {}{template}", quote_identifier(name))).await?;
    Ok(server.named(name))
}
