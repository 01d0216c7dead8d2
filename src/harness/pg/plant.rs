//! Plants faults in a database of its own, and has them verified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::base::quote::{quote_identifier, quote_literal};
use crate::config::environment::Environment;
use crate::config::settings::{Roles, TableName};
use crate::harness::generate::Generator;
use crate::harness::pg::databases::{self, PrepareError, create_database, fill_with_generated};
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::psql::{find_psql, run_script};
use crate::harness::plant::fault::{Column, Migrated, Place, Row, Stock};
use crate::harness::plant::{Attempted, Fault, judge, judge_proof, not_checked, rounds};
use crate::migration::evidence::manifest::SourceOf;
use crate::migration::pg::evidence::error::EvidenceError;
use crate::migration::pg::evidence::take::{Facts, take};
use crate::migration::pg::legacy::LegacySource;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::pg::{migrate, verify};
use crate::migration::rejection::Rejection;
use crate::migration::run::{Observer, Options, Progress};
use crate::migration::target::{Role, SOURCE_TABLE};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Access;
use crate::postgres::query_error::{Attempt, Cause, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
use crate::report::planted::{Planted, PlantedFault};
use crate::schema::pg::apply;
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::request::ChangeRequest;

/// Why no faults were planted, or not all.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of what it is named for")]
pub enum PlantError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// There is no room for a script.
    #[error("a folder for proof.sql can't be made: {0}; make room, or set TMPDIR")]
    Folder(std::io::Error),
    /// Not every difference is listed.
    #[error(
        "verify found {differences} differences and lists fewer, so what it missed can't be known; please report this"
    )]
    Unlisted { differences: u64 },
    /// A statement has changed nothing.
    #[error("a fault could not be planted, since its statement changes nothing: {fault:?}; please report this")]
    NoFault { fault: PlantedFault },
}

/// The rows that faults are planted in: enough of each shape that two rounds have room for all faults. Always the same,
/// whatever is rehearsed: a source that is only read can't be changed, and its rows may lack a shape.
const ROWS: Generator = Generator { rows: 500, seed: 1 };

/// Plants each fault in a database of this name, and says which of them the verification finds. Nothing is left on the
/// server.
pub async fn plant(maintenance: &EphemeralDatabase, name: &str) -> Result<Planted, PlantError> {
    let base = create_database(maintenance, name, None).await?;
    prepare(&base).await?;
    let stock = read_stock(&base).await?;
    let found = rounds(&stock);
    let mut planted = Planted::new(ROWS.to_string(), found.not_planted);
    let proof = Proof::write(&base).await?;
    planted.proof_not_run = proof.as_ref().err().cloned();
    let last = found.rounds.len();
    for (at, round) in found.rounds.into_iter().enumerate() {
        // The last round needs no copy.
        let copy = (at + 1 < last).then(|| format!("{name}_{at}"));
        let database = match &copy {
            Some(copy) => create_database(maintenance, copy, Some(name)).await?,
            None => base.clone(),
        };
        let round = plant_round(&database, round).await?;
        let table = TableName::legacy();
        let source = LegacySource::Table { database: &database, table: &table };
        let request = verify::VerifyRequest { target: &database, source, environment: Environment::Local };
        let report = verify::verify(&request, |_| ()).await?;
        if report.total_differences > report.differences.len() as u64 {
            return Err(PlantError::Unlisted { differences: report.total_differences });
        }
        judge(&mut planted, &round, &report.differences);
        if let Ok(proof) = &proof {
            match proof.named(&database).await {
                Ok(named) => judge_proof(&mut planted, &round, &named),
                Err(why) => planted.proof_not_run = Some(why),
            }
        }
        if let Some(copy) = copy {
            drop_database(maintenance, &copy).await?;
        }
    }
    planted.not_checked = not_checked(&stock, &planted);
    drop_database(maintenance, name).await?;
    Ok(planted)
}

/// The script of a bundle that was written before the faults.
struct Proof {
    psql: PathBuf,
    folder: TempDir,
}

impl Proof {
    /// Writes it; or says why it can't be run.
    async fn write(base: &EphemeralDatabase) -> Result<Result<Self, String>, PlantError> {
        let Some(psql) = find_psql().await else {
            return Ok(Err("psql is not installed".to_owned()));
        };
        let folder = tempfile::Builder::new().prefix("pad-migrate-plant.").tempdir().map_err(PlantError::Folder)?;
        let table = TableName::legacy();
        let source = LegacySource::Table { database: base, table: &table };
        let request = verify::VerifyRequest { target: base, source, environment: Environment::Local };
        let facts = Facts { source: SourceOf { is_beside: true, ..SourceOf::default() }, ..Facts::default() };
        take(&request, facts, folder.path(), |_| ()).await?;
        Ok(Ok(Self { psql, folder }))
    }

    /// The legacy rows that it names.
    async fn named(&self, database: &EphemeralDatabase) -> Result<BTreeSet<i64>, String> {
        let (printed, is_proved) = run_script(&self.psql, database, &self.folder.path().join("proof.sql")).await?;
        let verdict = if is_proved { "PROVED: " } else { "NOT PROVED: " };
        if !printed.lines().any(|line| line.starts_with(verdict)) {
            return Err("proof.sql ended without a verdict".to_owned());
        }
        let named = printed.lines().filter_map(|line| line.strip_prefix("row ")?.split(':').next()?.parse().ok());
        Ok(named.collect())
    }
}

async fn drop_database(maintenance: &EphemeralDatabase, name: &str) -> Result<(), PrepareError> {
    databases::execute(maintenance, &format!("drop database {} with (force)", quote_identifier(name))).await
}

/// Nobody looks at how far it is.
struct Unwatched;

impl Observer for Unwatched {
    fn progress(&mut self, _: Progress) {}

    fn rejected(&mut self, _: &Rejection) -> std::io::Result<()> {
        Ok(())
    }
}

/// Rows that are migrated as the rehearsal's are.
async fn prepare(base: &EphemeralDatabase) -> Result<(), PlantError> {
    fill_with_generated(base, ROWS, |_| ()).await?;
    let roles = Roles::default();
    apply::apply(&ChangeRequest::new(base, Environment::Local, &roles), None).await?;
    let table = TableName::legacy();
    let request = migrate::MigrateRequest {
        target: base,
        source: LegacySource::Table { database: base, table: &table },
        environment: Environment::Local,
        options: Options::default(),
    };
    migrate::migrate(&request, &mut Unwatched, std::future::pending()).await?;
    let mut session = base.connect(Access::Write, "rehearse").await?;
    run(&mut session, WITHOUT_KEY, "preparing the legacy table for faults").await?;
    let _ = session.close().await;
    Ok(())
}

/// Reads the columns from the catalog, and of each migrated row what is stored.
async fn read_stock(base: &EphemeralDatabase) -> Result<Stock, PlantError> {
    let mut session = base.connect(Access::Read, "rehearse").await?;
    let mut stock = Stock::default();
    let mut migrated: BTreeMap<i64, Migrated> = BTreeMap::new();
    let mut tables: Vec<(String, Place)> = Place::all().map(|it| (it.qualified(), it)).collect();
    tables.dedup_by(|a, b| a.0 == b.0);
    for (table, place) in tables {
        let columns = read_columns(&mut session, &table).await?;
        for (source_id, role, id, cells) in read_rows(&mut session, place, &columns).await? {
            let Some(place) = place_of(place, &role) else { continue };
            let entry = migrated.entry(source_id).or_insert_with(|| Migrated { source_id, ..Migrated::default() });
            entry.rows.insert(place, Row { id, cells });
        }
        stock.columns.insert(place.table().to_owned(), columns);
    }
    let _ = session.close().await;
    stock.migrated = migrated.into_values().filter(|it| it.rows.contains_key(&Place::Lineage(Role::Request))).collect();
    Ok(stock)
}

/// The place of a row of the same table.
fn place_of(of_table: Place, role: &str) -> Option<Place> {
    match of_table {
        Place::Legacy => Some(of_table),
        Place::Target(_) => Role::from_word(role).map(Place::Target),
        Place::Lineage(_) => Role::from_word(role).map(Place::Lineage),
    }
}

async fn read_columns(session: &mut Session, table: &str) -> Result<Vec<Column>, QueryError> {
    let sql = "select a.attname::text, format_type(a.atttypid, null), not a.attnotnull, \
                 (select f.confrelid::regclass::text from pg_constraint f \
                     where f.conrelid = a.attrelid and f.contype = 'f' and f.conkey = array[a.attnum]) \
             from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped \
             order by a.attnum";
    let rows: Vec<(String, String, bool, Option<String>)> =
        sqlx::query_as(sql).bind(table).fetch_all(session).await.attempt("reading the columns")?;
    let column = |(name, kind, is_nullable, references)| Column { name, kind, is_nullable, references };
    Ok(rows.into_iter().map(column).collect())
}

type StoredRow = (i64, String, i64, Vec<Option<String>>);

/// The rows of a table that lineage names, with the role of each; their texts are cut.
async fn read_rows(session: &mut Session, place: Place, columns: &[Column]) -> Result<Vec<StoredRow>, QueryError> {
    let cells = columns.iter().map(|it| format!("left(t.{}::text, 400)", quote_identifier(&it.name)));
    let cells = cells.collect::<Vec<_>>().join(", ");
    let table = place.qualified();
    let source = quote_literal(SOURCE_TABLE);
    let sql = match place {
        Place::Legacy => format!("select t.id, '', t.id, array[{cells}] from {table} t order by 1"),
        Place::Lineage(_) => format!(
            "select t.source_id, t.target_table, t.id::int8, array[{cells}] from {table} t \
             where t.source_table = {source} order by 1"
        ),
        Place::Target(_) => format!(
            "select m.source_id, m.target_table, t.id, array[{cells}] from padealing.migration_mapping m \
             join {table} t on t.id = m.target_id \
             where m.source_table = {source} and split_part(m.target_table, ':', 1) = {} order by 1",
            quote_literal(place.table())
        ),
    };
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(session).await.attempt("reading what is stored")
}

/// Without a key the legacy table takes what a table of another database may hold, and the verification, which reads it
/// by a cursor then, doesn't look at hundreds of rows a second time, each on its own. Nobody else writes here.
const WITHOUT_KEY: &str = "alter table public.personal_account_dealing drop constraint personal_account_dealing_pkey; \
                           alter table public.personal_account_dealing alter column id drop not null";

/// Plants the faults of a round, each on its own.
async fn plant_round(database: &EphemeralDatabase, round: Vec<Fault>) -> Result<Vec<(Fault, Attempted)>, PlantError> {
    let mut session = database.connect(Access::Write, "rehearse").await?;
    run(&mut session, "set synchronous_commit = off", "setting up the session").await?;
    let mut attempted = Vec::with_capacity(round.len());
    for fault in round {
        let outcome = attempt(&mut session, &fault).await?;
        attempted.push((fault, outcome));
    }
    let _ = session.close().await;
    Ok(attempted)
}

async fn attempt(session: &mut Session, fault: &Fault) -> Result<Attempted, PlantError> {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(fault.statement.as_str()));
    match sqlx::Executor::execute(&mut *session, sql).await {
        Ok(done) if done.rows_affected() > 0 => Ok(Attempted::Planted),
        Ok(_) => Err(PlantError::NoFault { fault: fault.described.clone() }),
        Err(error) => {
            let error = QueryError { what: "planting a fault".to_owned(), source: Cause(error) };
            match refusal(&error) {
                Some(constraint) => Ok(Attempted::Refused(constraint)),
                None => Err(error.into()),
            }
        }
    }
}

/// What refuses a value, if the schema does.
fn refusal(error: &QueryError) -> Option<String> {
    let state = error.sqlstate()?;
    if state == sqlstate::NOT_NULL_VIOLATION {
        return Some("not null".to_owned());
    }
    if !sqlstate::is_about_rows(&state) {
        return None;
    }
    let sqlx::Error::Database(source) = &error.source.0 else { return None };
    Some(source.constraint().unwrap_or("type").to_owned())
}
