//! Databases of an ephemeral server: created, and filled with what a rehearsal needs.

use crate::base::hint::RESTORE;
use crate::base::quote::quote_identifier;
use crate::harness::fixtures::{self, Case, FixtureError};
use crate::harness::generate::Generator;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::seed::{analyze, load_cases, load_generated, load_reference};
use crate::migration::csv::error::CsvError;
use crate::migration::pg::source::SourceError;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Access;
use crate::postgres::query_error::QueryError;
use crate::postgres::statement::{run, server_facts};
use crate::schema::guard::refusal::Refusal;
use crate::schema::mirror;

/// Why a rehearsal's database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The fixtures are wrong.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// The legacy table can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The CSV file can't be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// Neither database has reference rows.
    #[error(
        "neither the source nor the target has the tables bo_airflow.oracle_employee and oracle_bloomberg, from \
         which the referenced people and securities are copied; name the database that has them with --database-url"
    )]
    NoReference,
    /// What no ephemeral server can have.
    #[error(
        "the backup can't be rehearsed: it needs {lacking}, for which an ephemeral server can have no stand-in; restore it \
         into a test database that has this, with `{RESTORE} --from FILE`, which the gate takes instead"
    )]
    #[expect(missing_docs, reason = "the message says what it is")]
    NoStandIn { lacking: String },
    /// What this server can't have.
    #[error(
        "the backup can't be rehearsed: it needs {requisite}, and a stand-in for it could not be made on the ephemeral \
         server; restore it into a test database that has this, with `{RESTORE} --from FILE`, which the gate \
         takes instead"
    )]
    #[expect(missing_docs, reason = "the message says what it is")]
    StandIn { requisite: String, source: QueryError },
    /// A manifest holds what a backup's never does, or more than can be made safely.
    #[error(
        "the backup can't be rehearsed: it needs {requisite}, and what the manifest says it is can't be made on the ephemeral \
         server; restore it into a test database that has this, with `{RESTORE} --from FILE`, which the gate \
         takes instead"
    )]
    #[expect(missing_docs, reason = "the message says what it is")]
    UnsafeStandIn { requisite: String, source: Refusal },
    /// Something outside the reference mirror is referred to.
    #[error(
        "the backup refers to {table} ({columns}), which the reference mirror doesn't have, so it can't be rehearsed; \
         restore it into a database that has {table}"
    )]
    NoStub {
        /// The table.
        table: String,
        /// Its columns.
        columns: String,
    },
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The role may not create databases.
    #[error("the role may not create databases on the server {place}; grant it CREATEDB, or use another role")]
    MayNotCreate {
        /// Host, port, database and role.
        place: String,
    },
    /// Another run is removing leftovers, and doesn't come to an end.
    #[error("another run holds the lock on the test databases of {place}; wait for it to end, or end it")]
    Locked {
        /// Host, port, database and role.
        place: String,
    },
}

/// The legacy table of an ephemeral database.
const LEGACY_TABLE: &str = "public.personal_account_dealing";

/// Runs SQL on a database of an ephemeral server.
pub async fn execute(database: &EphemeralDatabase, sql: &str) -> Result<(), PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    run(&mut connection, sql, "preparing the ephemeral database").await?;
    let _ = connection.close().await;
    Ok(())
}

/// The version that a server says it has.
pub async fn server_version(database: &EphemeralDatabase) -> Result<String, PrepareError> {
    let mut connection = database.connect(Access::Read, "rehearse").await?;
    let facts = server_facts(&mut connection).await?;
    let _ = connection.close().await;
    Ok(facts.version)
}

/// Creates the reference mirror, the legacy table and the rows of the cases in an ephemeral database.
pub async fn fill_with_fixtures(database: &EphemeralDatabase, cases: &[Case]) -> Result<usize, PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    for sql in [mirror::REFERENCE_SCHEMA, fixtures::REFERENCE_ROWS, fixtures::LEGACY_TABLE] {
        run(&mut connection, sql, "loading the fixtures").await?;
    }
    let count = load_cases(&mut connection, LEGACY_TABLE, cases).await?;
    let _ = connection.close().await;
    Ok(count)
}

/// Creates the reference mirror and the legacy table in an ephemeral database, and fills them with generated rows;
/// `progress` is given the number of legacy rows so far.
pub async fn fill_with_generated(
    database: &EphemeralDatabase,
    generator: Generator,
    progress: impl FnMut(u64),
) -> Result<(), PrepareError> {
    let mut connection = database.connect(Access::Write, "rehearse").await?;
    for sql in [mirror::REFERENCE_SCHEMA, fixtures::LEGACY_TABLE] {
        run(&mut connection, sql, "creating the reference mirror and the legacy table").await?;
    }
    load_reference(&mut connection).await?;
    load_generated(&mut connection, LEGACY_TABLE, generator, progress).await?;
    analyze(&mut connection, LEGACY_TABLE).await?;
    let _ = connection.close().await;
    Ok(())
}

/// Creates a database on an ephemeral server, from a sealed template, or else as initdb made it: template0, which
/// accepts no connections that could be in the way.
pub async fn create_database(
    server: &EphemeralDatabase,
    name: &str,
    template: Option<&str>,
) -> Result<EphemeralDatabase, PrepareError> {
    let template = match template {
        Some(template) => quote_identifier(template),
        None => "template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'".to_owned(),
    };
    execute(server, &format!("create database {} template {template}", quote_identifier(name))).await?;
    Ok(server.named(name))
}
