//! Test data for local and ephemeral databases: the reference mirror, its rows, the legacy table and its rows (F19).

use std::collections::BTreeMap;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::copy::escape;
use super::{Access, Attempt, ConnectError, Database, QueryError, RefusedError, check_environment, check_local, run};
use crate::config::{Environment, Roles, TableName};
use crate::fixtures::{self, Case, FixtureError};
use crate::legacy::LegacyColumn;
use crate::revisions::quote_identifier;

/// Why nothing was seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database is not for this.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// The fixtures are wrong.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What was seeded: each thing, and how many rows it got. What was there already is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// What was created or filled, in order.
    pub done: Vec<String>,
    /// What was there already.
    pub left: Vec<String>,
}

/// Creates the mirror's tables and lets the roles of `padealing` refer to them.
pub(super) async fn create_mirror(connection: &mut PgConnection, roles: &Roles) -> Result<(), QueryError> {
    run(connection, fixtures::REFERENCE_SCHEMA, "creating the reference mirror").await?;
    for (role, rights) in [(&roles.owner, "select, references"), (&roles.app, "select"), (&roles.reader, "select")] {
        let Some(role) = role.as_deref().map(quote_identifier) else {
            continue;
        };
        let sql = format!(
            "grant usage on schema bo_airflow to {role}; grant {rights} on all tables in schema bo_airflow to {role}"
        );
        run(connection, &sql, "granting the use of the reference mirror").await?;
    }
    Ok(())
}

/// Seeds a local database. With `rows`, the fixtures' rows; without, the tables only.
pub async fn seed(
    database: &Database,
    environment: Environment,
    roles: &Roles,
    table: &TableName,
    rows: bool,
) -> Result<Seeded, SeedError> {
    let mut connection = database.connect(Access::Write, "seed").await?;
    check_environment(&mut connection, database, environment).await?;
    check_local(&mut connection, database, environment, "seed").await?;
    run(&mut connection, "begin", "starting the transaction").await?;
    let mut seeded = Seeded::default();
    let exists = |name: &'static str| format!("select to_regclass('{name}') is not null");
    if ask(&mut connection, &exists("bo_airflow.oracle_employee")).await? {
        seeded.left.push("the reference mirror".to_owned());
    } else {
        create_mirror(&mut connection, roles).await?;
        seeded.done.push("the reference mirror bo_airflow".to_owned());
    }
    let legacy = format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    let legacy_exists = format!("select to_regclass({}) is not null", crate::revisions::quote_literal(&legacy));
    if ask(&mut connection, &legacy_exists).await? {
        seeded.left.push(format!("the legacy table {table}"));
    } else {
        let sql = fixtures::LEGACY_TABLE.replace("public.personal_account_dealing", &legacy);
        run(&mut connection, &sql, "creating the legacy table").await?;
        seeded.done.push(format!("the legacy table {table}"));
    }
    if rows {
        if ask(&mut connection, "select not exists (select from bo_airflow.oracle_employee)").await? {
            run(&mut connection, fixtures::REFERENCE_ROWS, "filling the reference mirror").await?;
            seeded.done.push("reference rows: people, contacts, securities, currencies".to_owned());
        } else {
            seeded.left.push("the reference rows".to_owned());
        }
        if ask(&mut connection, &format!("select not exists (select from {legacy})")).await? {
            let cases = fixtures::cases()?;
            let count = load_cases(&mut connection, &legacy, &cases).await?;
            seeded.done.push(format!("{count} legacy rows of {} cases", cases.len()));
        } else {
            seeded.left.push("the legacy rows".to_owned());
        }
        let applied = ask(&mut connection, &exists("padealing.employee_role")).await?;
        if applied && ask(&mut connection, "select not exists (select from padealing.employee_role)").await? {
            run(&mut connection, fixtures::APPLICATION_ROWS, "filling the application's tables").await?;
            seeded.done.push("application rows: a compliance officer, a restricted security, a setting".to_owned());
        }
    }
    run(&mut connection, "commit", "committing the seed").await?;
    let _ = connection.close().await;
    Ok(seeded)
}

async fn ask(connection: &mut PgConnection, sql: &str) -> Result<bool, QueryError> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.attempt("looking at what is there")
}

/// Loads the rows of cases, after giving the table the columns and types that they ask for.
pub(super) async fn load_cases(
    connection: &mut PgConnection,
    table: &str,
    cases: &[Case],
) -> Result<usize, QueryError> {
    let columns: BTreeMap<&String, &String> = cases.iter().flat_map(|it| &it.columns).collect();
    for (name, kind) in columns {
        let quoted = quote_identifier(name);
        let change = match LegacyColumn::from_name(name) {
            Some(_) => format!("alter table {table} alter column {quoted} type {kind}"),
            None => format!("alter table {table} add column {quoted} {kind}"),
        };
        run(connection, &change, "shaping the legacy table for the fixtures").await?;
    }
    let rows: Vec<&BTreeMap<String, String>> = cases.iter().flat_map(|it| &it.rows).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let mut names: Vec<&String> = rows.iter().flat_map(|it| it.keys()).collect();
    names.sort();
    names.dedup();
    let mut lines = Vec::new();
    for row in &rows {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                lines.push(b'\t');
            }
            match row.get(*name) {
                Some(text) => escape(text.as_bytes(), &mut lines),
                None => lines.extend_from_slice(b"\\N"),
            }
        }
        lines.push(b'\n');
    }
    const WHAT: &str = "loading the legacy rows";
    let list: Vec<String> = names.iter().map(|it| quote_identifier(it)).collect();
    let statement = format!("copy {table} ({}) from stdin", list.join(", "));
    let mut copy = connection.copy_in_raw(&statement).await.attempt(WHAT)?;
    copy.send(lines).await.attempt(WHAT)?;
    copy.finish().await.attempt(WHAT)?;
    Ok(rows.len())
}

/// Runs what the cases want done in the target before the migration.
pub async fn prepare_target(database: &Database, cases: &[Case]) -> Result<(), SeedError> {
    let mut connection = database.connect(Access::Write, "seed").await?;
    for sql in cases.iter().filter_map(|it| it.before.as_deref()) {
        run(&mut connection, sql, "preparing the target for a fixture").await?;
    }
    run(&mut connection, fixtures::APPLICATION_ROWS, "filling the application's tables").await?;
    let _ = connection.close().await;
    Ok(())
}
