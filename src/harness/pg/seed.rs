//! Test data for local and ephemeral databases: the reference mirror, its rows, the legacy table and its rows.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::harness::fixtures::{self, Case, FixtureError};
use crate::harness::generate::Generator;
use crate::harness::generate::columns::{UNKNOWN, WIDENED};
use crate::harness::generate::reference::{FIRST_PERSON, REFERENCE};
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::ledger::pg::admission::{RefusedError, SessionError, check_environment, check_local, from_session_error};
use crate::migration::copy_text::escape;
use crate::migration::legacy::LegacyColumn;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{fetch_value, run};
use crate::postgres::transaction::{CommitError, Limits, begin_writing, commit};
use crate::schema::mirror::mirror;

/// Why nothing was seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The fixtures can't be read.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// The COMMIT.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// An earlier seed has put other rows there.
    #[error(
        "the legacy table {table} at {place} holds other rows ({found}) than those that were asked for ({wanted}); name \
         another database with --database-url, or run `{drop}` there and seed again"
    )]
    #[expect(missing_docs, reason = "the message says what each is")]
    OtherRows { table: String, place: String, found: String, wanted: String, drop: String },
}

from_session_error!(SeedError: ConnectError, RefusedError, QueryError);

/// What was seeded: each thing, and how many rows it got. What existed before is unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// What was created or filled, in order.
    pub done: Vec<String>,
    /// What existed before.
    pub unchanged: Vec<String>,
}

/// The rows that a database is seeded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedRows {
    /// None: only the tables are created.
    None,
    /// The rows of the fixtures.
    Fixtures,
    /// Generated rows, and the people and securities that they refer to.
    Generated(Generator),
}

/// As the mark of a legacy table has it.
impl fmt::Display for SeedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fixtures => f.write_str("fixtures"),
            Self::Generated(generator) => fmt::Display::fmt(generator, f),
        }
    }
}

/// Creates the mirror's tables and lets the roles of `padealing` refer to them.
pub(crate) async fn create_mirror(connection: &mut Session, roles: &Roles) -> Result<(), QueryError> {
    run(connection, &mirror(roles).sql, "creating the reference mirror").await
}

/// What the comment of a legacy table begins with that seed has filled; what it was filled with follows.
const LEGACY_MARK: &str = "Legacy table filled by pad-migrate for local and ephemeral use: ";

/// What is in a legacy table.
enum Content {
    Nothing,
    /// What an earlier seed has put there, as [`SeedRows`] says it.
    Seeded(String),
    Unknown,
}

async fn content(connection: &mut Session, legacy: &str) -> Result<Content, QueryError> {
    if fetch_value::<bool>(connection, &format!("select not exists (select from {legacy})"), LOOKING).await? {
        return Ok(Content::Nothing);
    }
    let comment = format!("select obj_description({}::regclass, 'pg_class')", quote_literal(legacy));
    let comment = fetch_value::<Option<String>>(connection, &comment, LOOKING).await?;
    let rows = comment.as_deref().and_then(|it| it.strip_prefix(LEGACY_MARK));
    Ok(rows.map_or(Content::Unknown, |it| Content::Seeded(it.to_owned())))
}

/// Whether the legacy table is to be filled. Rows that seed didn't put there may be real ones: an address on this machine
/// may be the end of a tunnel.
async fn is_to_be_filled(
    connection: &mut Session,
    database: &Database,
    table: &TableName,
    legacy: &str,
    rows: SeedRows,
) -> Result<bool, SeedError> {
    let (place, table) = (database.place(), table.to_string());
    match content(connection, legacy).await? {
        Content::Nothing => Ok(rows != SeedRows::None),
        Content::Seeded(found) if rows == SeedRows::None || found == rows.to_string() => Ok(false),
        Content::Seeded(found) => {
            let drop = format!("drop table {legacy}");
            Err(SeedError::OtherRows { table, place, found, wanted: rows.to_string(), drop })
        }
        Content::Unknown => {
            let reason = format!(
                "{place} has rows in {table} that seed did not put there, and they may be real; name another database \
                 with --database-url, or an empty table with LEGACY_TABLE"
            );
            Err(RefusedError::NotLocal { what: "seed", reason }.into())
        }
    }
}

/// Seeds a local database.
pub async fn seed(
    database: &Database,
    environment: Environment,
    roles: &Roles,
    table: &TableName,
    rows: SeedRows,
    progress: impl FnMut(u64),
) -> Result<Seeded, SeedError> {
    let mut connection = database.connect(Access::Write, "seed").await?;
    check_environment(&mut connection, database, environment).await?;
    check_local(&mut connection, database, environment, "seed").await?;
    begin_writing(&mut connection, Limits { lock: None, statement: Some(STATEMENT) }).await?;
    let mut seeded = Seeded::default();
    let legacy = format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name));
    create_tables(&mut connection, roles, table, &legacy, &mut seeded).await?;
    let fill = is_to_be_filled(&mut connection, database, table, &legacy, rows).await?;
    match rows {
        SeedRows::None => {}
        SeedRows::Fixtures => seed_fixtures(&mut connection, fill.then_some(&*legacy), &mut seeded).await?,
        SeedRows::Generated(generator) if fill => {
            let there = format!("select exists (select from bo_airflow.oracle_employee where id = {FIRST_PERSON})");
            if fetch_value::<bool>(&mut connection, &there, LOOKING).await? {
                seeded.unchanged.push("the generated reference rows".to_owned());
            } else {
                load_reference(&mut connection).await?;
                seeded.done.push("reference rows: people, contacts, securities".to_owned());
            }
            load_generated(&mut connection, &legacy, generator, progress).await?;
            seeded.done.push(format!("legacy rows: {generator}"));
        }
        SeedRows::Generated(_) => seeded.unchanged.push("the legacy rows".to_owned()),
    }
    if fill {
        let mark = quote_literal(&format!("{LEGACY_MARK}{rows}"));
        run(&mut connection, &format!("comment on table {legacy} is {mark}"), "marking the legacy table").await?;
    }
    commit(&mut connection, database, "committing the seed").await?;
    if fill {
        analyze(&mut connection, &legacy).await?;
    }
    let _ = connection.close().await;
    Ok(seeded)
}

/// Creates the mirror and the legacy table, if they aren't there.
async fn create_tables(
    connection: &mut Session,
    roles: &Roles,
    table: &TableName,
    legacy: &str,
    seeded: &mut Seeded,
) -> Result<(), QueryError> {
    if fetch_value::<bool>(connection, "select to_regclass('bo_airflow.oracle_employee') is not null", LOOKING).await? {
        seeded.unchanged.push("the reference mirror".to_owned());
    } else {
        create_mirror(connection, roles).await?;
        seeded.done.push("the reference mirror bo_airflow".to_owned());
    }
    let legacy_exists = format!("select to_regclass({}) is not null", quote_literal(legacy));
    if fetch_value::<bool>(connection, &legacy_exists, LOOKING).await? {
        seeded.unchanged.push(format!("the legacy table {table}"));
    } else {
        let sql = fixtures::LEGACY_TABLE.replace("public.personal_account_dealing", legacy);
        run(connection, &sql, "creating the legacy table").await?;
        seeded.done.push(format!("the legacy table {table}"));
    }
    Ok(())
}

/// Fills what is empty with the fixtures' rows; the legacy table if it is named.
async fn seed_fixtures(connection: &mut Session, legacy: Option<&str>, seeded: &mut Seeded) -> Result<(), SeedError> {
    // Generated people come after those of the fixtures.
    let lacking = format!("select not exists (select from bo_airflow.oracle_employee where id < {FIRST_PERSON})");
    if fetch_value::<bool>(connection, &lacking, LOOKING).await? {
        run(connection, fixtures::REFERENCE_ROWS, "filling the reference mirror").await?;
        seeded.done.push("reference rows: people, contacts, securities, currencies".to_owned());
    } else {
        seeded.unchanged.push("the reference rows".to_owned());
    }
    match legacy {
        Some(legacy) => {
            let cases = fixtures::cases()?;
            let count = load_cases(connection, legacy, &cases).await?;
            seeded.done.push(format!("{count} legacy rows of {} cases", cases.len()));
        }
        None => seeded.unchanged.push("the legacy rows".to_owned()),
    }
    let applied =
        fetch_value::<bool>(connection, "select to_regclass('padealing.employee_role') is not null", LOOKING).await?;
    if applied
        && fetch_value::<bool>(connection, "select not exists (select from padealing.employee_role)", LOOKING).await?
    {
        run(connection, fixtures::APPLICATION_ROWS, "filling the application's tables").await?;
        seeded.done.push("application rows: a compliance officer, a restricted security, a setting".to_owned());
    }
    Ok(())
}

/// Lets the planner know the tables that were just filled; a scan of them then has no hint bits to write either.
pub(crate) async fn analyze(connection: &mut Session, legacy: &str) -> Result<(), QueryError> {
    let filled: String = REFERENCE.iter().map(|it| format!("bo_airflow.{}, ", it.table)).collect();
    run(connection, &format!("vacuum (analyze) {filled}{legacy}"), "analysing what was filled").await
}

/// Loads the people and securities that generated rows refer to.
pub async fn load_reference(connection: &mut Session) -> Result<(), QueryError> {
    for reference in REFERENCE {
        let statement = format!("copy bo_airflow.{} ({}) from stdin", reference.table, reference.columns);
        let write = |row, out: &mut Vec<u8>| {
            for cell in (reference.cells)(row) {
                add_cell(cell.as_deref(), out);
            }
        };
        copy_lines(connection, &statement, reference.rows, write, |_| ()).await?;
    }
    Ok(())
}

/// Shapes the legacy table for generated rows and loads them, in bounded memory.
pub(crate) async fn load_generated(
    connection: &mut Session,
    table: &str,
    generator: Generator,
    progress: impl FnMut(u64),
) -> Result<(), QueryError> {
    let widened = WIDENED.iter().map(|(column, kind)| format!("alter column {column} type {kind}"));
    let added = UNKNOWN.iter().map(|it| format!("add column if not exists {} {}", quote_identifier(it.name), it.kind));
    let changes: Vec<String> = widened.chain(added).collect();
    let change = format!("alter table {table} {}", changes.join(", "));
    run(connection, &change, "shaping the legacy table for generated rows").await?;
    let names = LegacyColumn::ALL.iter().map(|column| column.name()).chain(UNKNOWN.iter().map(|unknown| unknown.name));
    let names: Vec<String> = names.map(quote_identifier).collect();
    let statement = format!("copy {table} ({}) from stdin", names.join(", "));
    let mut buffer = String::new();
    let write = |row, out: &mut Vec<u8>| generator.row(row).cells(&mut buffer, |cell| add_cell(cell, out));
    copy_lines(connection, &statement, generator.rows, write, progress).await
}

fn add_cell(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => escape(text.as_bytes(), out),
        None => out.extend_from_slice(b"\\N"),
    }
    out.push(b'\t');
}

/// Sends rows to a COPY, a chunk at a time; `write` adds the cells of one.
async fn copy_lines(
    connection: &mut Session,
    statement: &str,
    rows: u64,
    mut write: impl FnMut(u64, &mut Vec<u8>),
    mut progress: impl FnMut(u64),
) -> Result<(), QueryError> {
    const CHUNK: usize = 1024 * 1024;
    // The server ends a COPY that it hears nothing of by the time that the whole of it may take.
    const ROWS: usize = 20_000;
    let what = statement.split('(').next().unwrap_or(statement).trim();
    let mut lines = Vec::new();
    for first in (0..rows).step_by(ROWS) {
        let end = rows.min(first + ROWS as u64);
        let mut copy = connection.copy_in(statement).await.attempt(what)?;
        for row in first..end {
            write(row, &mut lines);
            if let Some(last) = lines.last_mut() {
                *last = b'\n';
            }
            if lines.len() >= CHUNK || row + 1 == end {
                copy.send(&*lines).await.attempt(what)?;
                lines.clear();
                progress(row + 1);
            }
        }
        copy.finish().await.attempt(what)?;
    }
    Ok(())
}

/// No statement of a seed takes so long.
const STATEMENT: Duration = Duration::from_secs(60);

/// What the question is called in an error.
const LOOKING: &str = "checking what exists already";

/// Loads the rows of cases, after giving the table the columns and types that they ask for.
pub(crate) async fn load_cases(connection: &mut Session, table: &str, cases: &[Case]) -> Result<usize, QueryError> {
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
    let list: Vec<String> = names.iter().map(|it| quote_identifier(it)).collect();
    let statement = format!("copy {table} ({}) from stdin", list.join(", "));
    let write = |row, out: &mut Vec<u8>| {
        for name in &names {
            add_cell(rows[row as usize].get(*name).map(String::as_str), out);
        }
    };
    copy_lines(connection, &statement, rows.len() as u64, write, |_| ()).await?;
    Ok(rows.len())
}

/// Runs the statements that the cases need in the target before the migration.
pub async fn prepare_target(database: &EphemeralDatabase, cases: &[Case]) -> Result<(), SeedError> {
    let mut connection = database.connect(Access::Write, "seed").await?;
    for sql in cases.iter().filter_map(|it| it.before.as_deref()) {
        run(&mut connection, sql, "preparing the target for a fixture").await?;
    }
    run(&mut connection, fixtures::APPLICATION_ROWS, "filling the application's tables").await?;
    let _ = connection.close().await;
    Ok(())
}
