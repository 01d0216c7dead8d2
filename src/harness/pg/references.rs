//! The people and securities that a real source's rows refer to, copied for a rehearsal.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::base::quote::quote_identifier;
use crate::base::text::list;
use crate::config::settings::TableName;
use crate::harness::pg::databases::PrepareError;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::ledger::pg::admission::SessionError;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::identity::SourceIdentity;
use crate::migration::legacy::{LegacyColumn, LegacyRow};
use crate::migration::lookups::{Ids, SecuritiesBySymbol, Security};
use crate::migration::pg::identity::identify;
use crate::migration::pg::legacy::CsvPages;
use crate::migration::pg::legacy_page::read_legacy_page;
use crate::migration::pg::lookup::References;
use crate::migration::pg::source::Source;
use crate::migration::transform::references::{people, symbol};
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::run;
use crate::postgres::transaction::{Limits, begin_reading, begin_writing};
use crate::schema::backup::Manifest;
use crate::schema::guard;
use crate::schema::guard::scope::Scope;
use crate::schema::mirror;
use crate::schema::pg::requisites::lacking;

/// Legacy rows of one step.
const PAGE_ROWS: usize = 2000;

/// Copies the people and securities that a real source's rows refer to into the mirror of an ephemeral database:
/// from the source's own reference schema, or else from `other`. Reads only, by the functions that the migration reads
/// and looks up with, so that a rehearsal finds what the migration will find.
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
    widen(&mut to).await?;
    let mut references = References::default();
    let mut after = None;
    loop {
        let page = read_legacy_page(&mut from, &legacy, after, PAGE_ROWS).await?;
        let Some((last, _)) = page.rows.last() else { break };
        after = Some(*last);
        let rows = || page.rows.iter().map(|(_, row)| row);
        begin_reading(&mut reference, Limits::default()).await?;
        let people = references.people.of(&mut reference, rows()).await?;
        let found = references.securities.of(&mut reference, rows()).await?;
        run(&mut reference, "commit", "ending the transaction").await?;
        add(&mut to, people, found).await?;
    }
    for connection in [from, reference, to] {
        let _ = connection.close().await;
    }
    Ok(())
}

/// The same for the rows of a file: from the database `other`, whether it has a reference schema. If it has none, or
/// there is none, each person and each security that a row refers to gets a stand-in.
pub(crate) async fn references_of_csv(
    database: &EphemeralDatabase,
    csv: &Arc<ProvedCsv>,
    other: Option<&Database>,
) -> Result<bool, PrepareError> {
    let mut to = database.connect(Access::Write, "rehearse").await?;
    run(&mut to, mirror::REFERENCE_SCHEMA, "creating the reference mirror").await?;
    widen(&mut to).await?;
    let mut reference = match other {
        Some(other) => Some(other.connect(Access::Read, "rehearse").await?),
        None => None,
    };
    if let Some(session) = &mut reference
        && !has_reference(session).await?
    {
        reference = None;
    }
    let mut references = References::default();
    let mut standing = StandIns::default();
    let mut pages = CsvPages::start(Arc::clone(csv), PAGE_ROWS);
    while let Some(page) = pages.next().await? {
        let rows = || page.iter().map(|(_, row)| row);
        let (people, found) = match &mut reference {
            Some(reference) => {
                begin_reading(reference, Limits::default()).await?;
                let people = references.people.of(reference, rows()).await?;
                let found = references.securities.of(reference, rows()).await?;
                run(reference, "commit", "ending the transaction").await?;
                (people, found)
            }
            None => (rows().flat_map(people).collect(), standing.of(rows())),
        };
        add(&mut to, people, found).await?;
    }
    let is_copied = reference.is_some();
    for connection in [reference, Some(to)].into_iter().flatten() {
        let _ = connection.close().await;
    }
    Ok(is_copied)
}

/// A security for each symbol, with the identifiers of the first row that has it.
#[derive(Default)]
struct StandIns {
    known: HashSet<String>,
}

impl StandIns {
    fn of<'a>(&mut self, rows: impl Iterator<Item = &'a LegacyRow>) -> SecuritiesBySymbol {
        let mut found = SecuritiesBySymbol::default();
        for row in rows {
            let Some(symbol) = symbol(row).filter(|it| !self.known.contains(*it)) else { continue };
            self.known.insert(symbol.to_owned());
            let text = |column| row.plain(column).map(str::to_owned);
            let security = Security {
                id: self.known.len() as i64,
                isin: text(LegacyColumn::Isin),
                sedol: text(LegacyColumn::Sedol),
                bloomberg: text(LegacyColumn::Bloomberg),
                ticker: text(LegacyColumn::Ticker),
            };
            found.insert(symbol.into(), Arc::new([security]));
        }
        found
    }
}

/// The real table's texts may be longer than our mirror's: lets the mirror hold any.
async fn widen(to: &mut Session) -> Result<(), QueryError> {
    let each =
        ["inst_symbol", "isin", "sedol", "bloomberg", "ticker"].map(|column| format!("alter {column} type text"));
    let sql = format!("alter table bo_airflow.oracle_bloomberg {}", each.join(", "));
    run(to, &sql, "widening the reference mirror").await
}

/// Adds people and securities to the mirror, as far as the migration looks at them.
async fn add(to: &mut Session, people: Ids, securities: SecuritiesBySymbol) -> Result<(), QueryError> {
    const WHAT: &str = "copying reference rows";
    let people: Vec<i64> = people.into_iter().collect();
    sqlx::query("insert into bo_airflow.oracle_employee (id) select unnest($1::int8[]) on conflict do nothing")
        .bind(people)
        .execute(&mut *to)
        .await
        .attempt(WHAT)?;
    let found = || securities.iter().flat_map(|(symbol, found)| found.iter().map(move |it| (symbol, it)));
    let texts = |text: fn(&Security) -> &Option<String>| found().map(|(_, it)| text(it).clone()).collect::<Vec<_>>();
    sqlx::query(
        "insert into bo_airflow.oracle_bloomberg (id, inst_symbol, isin, sedol, bloomberg, ticker) \
         select * from unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) \
         on conflict do nothing",
    )
    .bind(found().map(|(_, it)| it.id).collect::<Vec<_>>())
    .bind(found().map(|(symbol, _)| symbol.to_string()).collect::<Vec<_>>())
    .bind(texts(|it| &it.isin))
    .bind(texts(|it| &it.sedol))
    .bind(texts(|it| &it.bloomberg))
    .bind(texts(|it| &it.ticker))
    .execute(to)
    .await
    .map(|_| ())
    .attempt(WHAT)
}

/// Values that rows of reference tables must have: by schema, table and columns.
pub(crate) type AllReferred = BTreeMap<(String, String, Vec<String>), Referred>;

/// Values that are referred to, and the types of the columns that refer to them.
#[derive(Default)]
pub(crate) struct Referred {
    pub(crate) types: Vec<String>,
    pub(crate) values: BTreeSet<Vec<String>>,
}

/// Creates the reference mirror in an ephemeral database, with a row for all that is referred to, which has nothing else.
/// A table that the mirror lacks gets the columns that are referred to.
pub(crate) async fn stub_references(database: &EphemeralDatabase, referred: &AllReferred) -> Result<(), PrepareError> {
    let mut to = database.connect(Access::Write, "rehearse").await?;
    run(&mut to, mirror::REFERENCE_SCHEMA, "creating the reference mirror").await?;
    for ((schema, table, columns), referred) in referred {
        stub(&mut to, schema, table, columns, referred).await?;
    }
    let _ = to.close().await;
    Ok(())
}

async fn stub(
    to: &mut Session,
    schema: &str,
    table: &str,
    columns: &[String],
    Referred { types: own, values }: &Referred,
) -> Result<(), PrepareError> {
    const WHAT: &str = "making reference rows";
    let mut types = column_types(to, schema, table, columns).await?;
    if types.is_none() {
        run(to, &stub_table(schema, table, columns, own), WHAT).await?;
        types = column_types(to, schema, table, columns).await?;
    }
    let Some(types) = types else {
        return Err(PrepareError::NoStub { table: format!("{schema}.{table}"), columns: list(columns) });
    };
    let names = columns.iter().map(|it| quote_identifier(it)).collect::<Vec<_>>().join(", ");
    let arrays = types.iter().enumerate().map(|(at, of)| format!("${}::text[]::{of}[]", at + 1));
    let sql = format!(
        "insert into {}.{} ({names}) select * from unnest({}) on conflict do nothing",
        quote_identifier(schema),
        quote_identifier(table),
        arrays.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for at in 0..columns.len() {
        query = query.bind(values.iter().filter_map(|it| it.get(at).cloned()).collect::<Vec<String>>());
    }
    query.execute(to).await.map(|_| ()).attempt(WHAT)?;
    Ok(())
}

/// The types of columns; none if one isn't there.
async fn column_types(
    to: &mut Session,
    schema: &str,
    table: &str,
    columns: &[String],
) -> Result<Option<Vec<String>>, QueryError> {
    let types: Vec<(String, String)> = sqlx::query_as(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod) from pg_attribute a \
         join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = $1 and c.relname = $2 and a.attnum > 0",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(to)
    .await
    .attempt("asking for the columns of a reference table")?;
    let of = |column: &String| types.iter().find(|(name, _)| name == column).map(|(_, of)| of.clone());
    Ok(columns.iter().map(of).collect())
}

/// A table of these columns, which a key may refer to; it may be there with others.
fn stub_table(schema: &str, table: &str, columns: &[String], types: &[String]) -> String {
    let names: Vec<String> = columns.iter().map(|it| quote_identifier(it)).collect();
    let (schema, table) = (quote_identifier(schema), quote_identifier(table));
    let columns = names.iter().zip(types).map(|(name, of)| format!("add column if not exists {name} {of}"));
    format!(
        "create schema if not exists {schema}; create table if not exists {schema}.{table} (); \
         alter table {schema}.{table} {}, add unique ({})",
        columns.collect::<Vec<_>>().join(", "),
        names.join(", ")
    )
}

/// Makes what a backup depends on, and the server lacks.
pub(crate) async fn stand_in(target: &EphemeralDatabase, manifest: &Manifest) -> Result<(), PrepareError> {
    let mut session = target.connect(Access::Write, "restore").await?;
    begin_writing(&mut session, Limits::default()).await?;
    let lacking = lacking(&mut session, &manifest.requisites, &manifest.server_version).await?;
    let without = lacking.iter().filter(|it| it.requisite.definition.is_none());
    let without: Vec<String> = without.map(ToString::to_string).collect();
    if !without.is_empty() {
        return Err(PrepareError::NoStandIn { lacking: list(without) });
    }
    for it in lacking.iter().map(|it| it.requisite) {
        let failed = |source| PrepareError::StandIn { requisite: it.to_string(), source };
        let schema = format!("create schema if not exists {}", quote_identifier(&it.schema));
        let settings = ["set local check_function_bodies = off".to_owned(), schema];
        let made = match &it.extension {
            Some(extension) => Some(create_extension(extension, &it.schema)),
            None => it.definition.clone(),
        };
        if it.extension.is_none()
            && let Some(definition) = &made
        {
            let scope = Scope { stand_ins: true, ..Scope::default() };
            guard::check(definition, &scope)
                .map_err(|source| PrepareError::UnsafeStandIn { requisite: it.to_string(), source })?;
        }
        for sql in settings.into_iter().chain(made) {
            // A prepared statement is one: nothing can come behind it.
            let made = sqlx::query(AssertSqlSafe(sql)).execute(&mut session).await.map(|_| ());
            made.attempt("making a stand-in").map_err(failed)?;
        }
    }
    run(&mut session, "commit", "making stand-ins").await?;
    let _ = session.close().await;
    Ok(())
}

/// An extension is made by its name alone: its script is the server's.
fn create_extension(name: &str, schema: &str) -> String {
    let schema = if schema.is_empty() { String::new() } else { format!(" schema {}", quote_identifier(schema)) };
    format!("create extension if not exists {}{schema} cascade", quote_identifier(name))
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

/// What identifies a legacy table, by a session of its own.
pub(crate) async fn identify_at(database: &Database, table: &TableName) -> Result<SourceIdentity, SessionError> {
    let mut session = database.connect(Access::Read, "rehearse").await?;
    let found = identify(&mut session, database, table).await;
    let _ = session.close().await;
    Ok(found?)
}
