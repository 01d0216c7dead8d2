//! The whole cutover, start to finish, on an ephemeral Postgres: a phase each.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::checks::integrity;
use crate::checks::integrity::outcome::Integrity;
use crate::checks::pg::integrity as pg_integrity;
use crate::config::environment::Environment;
use crate::config::settings::{Config, Roles, TableName};
use crate::harness::fixtures::{self, Case, FixtureError, Outcome};
use crate::harness::generate::Generator;
use crate::harness::pg::databases::{self, PrepareError};
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::pg::plant::{PlantError, plant};
use crate::harness::pg::references::{copy_references, identify_at, references_of_csv};
use crate::harness::pg::seed::{self, SeedError};
use crate::harness::server;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::Server;
use crate::harness::server::request::ServerRequest;
use crate::ledger::pg::admission::SessionError;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::csv::reading::reading;
use crate::migration::csv::summary::CsvSummary;
use crate::migration::identity::SourceIdentity;
use crate::migration::pg::legacy::LegacySource;
use crate::migration::pg::migrate;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::verify;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::rejection::{Rejection, Rule};
use crate::migration::run::{self, Observer, Options, Progress, SOURCE_SESSIONS};
use crate::migration::verification;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::report::planted::Planted;
use crate::report::rehearsal::{Phase, Rehearsal, Unexpected};
use crate::schema::drift::exceptions::Exceptions;
use crate::schema::drift::outcome::Drift;
use crate::schema::pg::drift::{self, DriftError, Expected};
use crate::schema::pg::error::ApplyError;
use crate::schema::pg::{apply, plan, request};
use crate::schema::plan::step::Decision;

/// Why a rehearsal ended early.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the phase of the same name")]
pub enum RehearseError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Drift(#[from] DriftError),
    #[error(transparent)]
    Integrity(#[from] SessionError),
    #[error(transparent)]
    Plant(#[from] PlantError),
}

/// Sees how far the rehearsal is.
pub trait Watcher: Observer {
    /// A phase begins.
    fn phase(&mut self, name: &'static str);
    /// A server was started, and this command connects to the rehearsal's database on it.
    fn server(&mut self, server: &Server, connect: &str);
}

/// What a row must be rejected for: field, blank, rule. Ascending ids; rows that must be migrated are left out.
type Expectations = Box<dyn Iterator<Item = (i64, Vec<String>)> + Send>;

/// Compares rejections with the expected ones as they come, both in id order, so that neither is ever held whole.
struct Recorder<'a> {
    watcher: &'a mut (dyn Watcher + Send),
    expected: Option<Peekable<Expectations>>,
    unexpected: Unexpected,
}

impl Recorder<'_> {
    /// Reports the expected rejections of rows before `id` that have not come.
    fn report_missing(&mut self, id: Option<i64>) {
        let Some(expected) = &mut self.expected else { return };
        while let Some((row, reasons)) = expected.next_if(|(row, _)| id.is_none_or(|id| *row < id)) {
            for reason in reasons {
                self.unexpected.add(format!("row {row} was not rejected for {reason}"));
            }
        }
    }

    /// How the rejections differ from the expected ones, if something was expected.
    fn finish(mut self) -> Option<Unexpected> {
        self.report_missing(None);
        self.expected.is_some().then_some(self.unexpected)
    }
}

impl Observer for Recorder<'_> {
    fn progress(&mut self, progress: Progress) {
        self.watcher.progress(progress);
    }

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        let id = rejection.source_id;
        self.report_missing(Some(id));
        if let Some(expected) = &mut self.expected {
            let reasons = expected.next_if(|(row, _)| *row == id).map(|(_, reasons)| reasons).unwrap_or_default();
            let expected: BTreeSet<String> = reasons.into_iter().collect();
            let actual: BTreeSet<String> =
                rejection.reasons.iter().map(|reason| format!("{} {}", reason.field, reason.rule)).collect();
            for reason in expected.difference(&actual) {
                self.unexpected.add(format!("row {id} was not rejected for {reason}"));
            }
            for reason in actual.difference(&expected) {
                self.unexpected.add(format!("row {id} was rejected for {reason}"));
            }
        }
        self.watcher.rejected(rejection)
    }
}

/// What the rehearsal's database is called on its server.
pub const DATABASE: &str = "rehearsal";

fn expected_of_cases(cases: &[Case]) -> Expectations {
    let rejected = cases.iter().flat_map(|it| &it.expected).filter_map(|(id, outcome)| match outcome {
        Outcome::Rejected { rejected } => Some((*id, rejected.clone())),
        Outcome::Migrated(_) => None,
    });
    Box::new(rejected.collect::<BTreeMap<_, _>>().into_iter())
}

fn expected_of_generated(generator: Generator) -> Expectations {
    let named = |(field, rule): (&str, Rule)| format!("{field} {rule}");
    Box::new(generator.rejections().map(move |(id, reasons)| (id, reasons.into_iter().map(named).collect())))
}

/// Where a rehearsal's legacy rows come from.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Generated.
    Generated(Generator),
    /// A CSV file.
    Csv(Arc<ProvedCsv>),
    /// The real source that the configuration names, or else the fixtures.
    Configured,
    /// The real source that the configuration names, or else the target, as `migrate` reads it.
    Real,
}

/// Rehearses on legacy rows. The server is handed back, so that the caller decides how long it lives.
pub async fn rehearse(
    config: &Config,
    rows: Rows,
    wanted: ServerRequest,
    watcher: &mut (dyn Watcher + Send),
) -> Result<(Rehearsal, Server), RehearseError> {
    check_room(config, &rows).await?;
    let mut phases = Phases { watcher, done: Vec::new(), since: Instant::now() };
    let server = start_server(&mut phases, wanted).await?;
    let (target, legacy) = prepare(&mut phases, &server, config, &rows).await?;
    let revisions = apply_revisions(&mut phases, &target, legacy.cases.as_deref()).await?;
    let expected = match &rows {
        Rows::Generated(generator) => Some(expected_of_generated(*generator)),
        _ => legacy.cases.as_deref().map(expected_of_cases),
    };
    let (mut migrated, unexpected) = migrate_rows(&mut phases, &target, &legacy, expected).await?;
    if legacy.references == References::StandIns {
        migrated.notes.push(STAND_INS.to_owned());
    }
    let verified = verify_rows(&mut phases, &target, &legacy).await?;
    let drift = compare_schemas(&mut phases, &target).await?;
    let integrity = check_rows(&mut phases, &target).await?;
    let planted = plant_faults(&mut phases, &server).await?;
    let rehearsal = Rehearsal {
        environment: config.environment,
        server_version: server.version.clone(),
        provider: server.description.clone(),
        server: server.line(),
        source: legacy.description,
        source_identity: legacy.identity,
        revisions,
        migrated,
        verified,
        unexpected,
        drift,
        integrity,
        planted,
        phases: phases.done,
    };
    Ok((rehearsal, server))
}

/// Whether the real source has room for what reads it at once, before anything is started.
async fn check_room(config: &Config, rows: &Rows) -> Result<(), RehearseError> {
    let target = target(config)?;
    if let Some(source) = source(config, rows, target.as_ref())? {
        let _ = source.connect(Access::Read, "rehearse").await?.close().await;
    }
    Ok(())
}

/// The target that the configuration names.
fn target(config: &Config) -> Result<Option<Database>, ConnectError> {
    config.target.as_ref().map(|it| Database::new(it, config.environment, &config.transport)).transpose()
}

/// The database of real legacy rows, if they come from one.
fn source(config: &Config, rows: &Rows, target: Option<&Database>) -> Result<Option<Database>, ConnectError> {
    let endpoint = match rows {
        Rows::Generated(_) | Rows::Csv(_) => None,
        Rows::Real => config.source.as_ref().or(config.target.as_ref()),
        Rows::Configured => config.source.as_ref(),
    };
    let of = |it| Database::another(it, config.environment, &config.transport, target);
    let source = endpoint.map(of).transpose()?;
    Ok(source.map(|it| it.in_timezone(config.source_timezone.clone()).for_sessions(SOURCE_SESSIONS)))
}

async fn start_server(phases: &mut Phases<'_>, wanted: ServerRequest) -> Result<Server, RehearseError> {
    phases.begin("server");
    let server = tokio::task::spawn_blocking(move || server::start(&wanted));
    let server = server.await.expect("starting a server doesn't panic")?;
    phases.watcher.server(&server, &server.connect.replace("{}", &server.database_name(DATABASE)));
    phases.end(format!("{} started", server.version));
    Ok(server)
}

/// Creates the rehearsal's database and loads what must be there before the revisions.
async fn prepare(
    phases: &mut Phases<'_>,
    server: &Server,
    config: &Config,
    rows: &Rows,
) -> Result<(EphemeralDatabase, LegacyRows), RehearseError> {
    phases.begin("prepare");
    let maintenance = EphemeralDatabase::at(&server.url)?;
    let target = databases::create_database(&maintenance, &server.database_name(DATABASE), None).await?;
    let legacy = load(phases.watcher, &target, config, rows).await?;
    phases.end(legacy.references.text().to_owned());
    Ok((target, legacy))
}

/// The legacy rows of a rehearsal.
struct LegacyRows {
    origin: RowsOf,
    description: String,
    identity: SourceIdentity,
    /// Where the rows come from that they refer to.
    references: References,
    /// The cases, if the rows are the fixtures.
    cases: Option<Vec<Case>>,
}

/// Where the legacy rows are.
enum RowsOf {
    Table(Box<Database>, TableName),
    Csv(Arc<ProvedCsv>),
}

impl LegacyRows {
    fn source(&self) -> LegacySource<'_> {
        match &self.origin {
            RowsOf::Table(database, table) => LegacySource::Table { database, table },
            RowsOf::Csv(csv) => LegacySource::Csv(csv),
        }
    }
}

/// Where the people and securities come from that the rows refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    Loaded,
    Copied,
    StandIns,
}

impl References {
    fn text(self) -> &'static str {
        match self {
            Self::Loaded => "reference mirror and legacy table loaded",
            Self::Copied => "people and securities that the rows refer to copied",
            Self::StandIns => "stand-ins made for people and securities",
        }
    }
}

/// What a rehearsal on stand-ins doesn't show.
const STAND_INS: &str = "no database was named that has people and securities, so each that a row refers to has a stand-in, and no \
                         row is rejected for an unknown one; name the target with --database-url";

/// Loads the reference schema, and the legacy rows unless a real source has them.
async fn load(
    watcher: &mut (dyn Watcher + Send),
    target: &EphemeralDatabase,
    config: &Config,
    rows: &Rows,
) -> Result<LegacyRows, RehearseError> {
    let in_target = |description, identity, cases| {
        let origin = RowsOf::Table(Box::new(Database::clone(target)), TableName::legacy());
        LegacyRows { origin, description, identity, references: References::Loaded, cases }
    };
    let other = self::target(config)?;
    if let Rows::Csv(csv) = rows {
        let references = match references_of_csv(target, csv, other.as_ref()).await? {
            true => References::Copied,
            false => References::StandIns,
        };
        let description = format!("{}, SHA-256 {}", csv.name(), csv.sha256);
        let identity = SourceIdentity::Csv {
            sha256: csv.sha256.clone(),
            content_sha256: Some(csv.content_sha256.clone()),
            reading: reading(&CsvSummary::from(&**csv)),
        };
        return Ok(LegacyRows { origin: RowsOf::Csv(Arc::clone(csv)), description, identity, references, cases: None });
    }
    if let Rows::Generated(generator) = *rows {
        let total = generator.rows;
        let progress = |done| watcher.progress(Progress { done, total, rejected: 0 });
        databases::fill_with_generated(target, generator, progress).await?;
        return Ok(in_target(generator.to_string(), SourceIdentity::Generated, None));
    }
    let Some(source) = source(config, rows, other.as_ref())? else {
        let cases = fixtures::cases()?;
        let rows = databases::fill_with_fixtures(target, &cases).await?;
        let description = format!("fixtures, {rows} rows of {} cases", cases.len());
        return Ok(in_target(description, SourceIdentity::Fixtures, Some(cases)));
    };
    let table = config.legacy_table.clone();
    copy_references(target, &source, &table, other.as_ref()).await?;
    let identity = identify_at(&source, &table).await?;
    let description = format!("{table} at {}", source.place());
    Ok(LegacyRows {
        origin: RowsOf::Table(Box::new(source), table),
        description,
        identity,
        references: References::Copied,
        cases: None,
    })
}

/// Plans and applies the revisions; their numbers and names.
async fn apply_revisions(
    phases: &mut Phases<'_>,
    target: &EphemeralDatabase,
    cases: Option<&[Case]>,
) -> Result<Vec<(&'static str, &'static str)>, RehearseError> {
    phases.begin("plan");
    let roles = Roles::default();
    let request = request::ChangeRequest {
        lock_timeout: Duration::from_secs(30),
        ..request::ChangeRequest::new(target, Environment::Local, &roles)
    };
    let found = plan::plan(&request).await?;
    let created = found.route.plan.tables.values().filter(|decision| **decision == Decision::Create).count();
    phases.end(format!("{created} tables to create"));

    phases.begin("apply");
    let applied = apply::apply(&request, Some(&found.route)).await?;
    if let Some(cases) = cases {
        seed::prepare_target(target, cases).await?;
    }
    let records = &applied.route.records;
    phases.end(format!("{} revisions", records.len()));
    Ok(records.iter().map(|record| (record.revision.number, record.revision.name)).collect())
}

/// Migrates, and compares the rejections with the expected ones.
async fn migrate_rows(
    phases: &mut Phases<'_>,
    target: &EphemeralDatabase,
    legacy: &LegacyRows,
    expected: Option<Expectations>,
) -> Result<(run::MigrateReport, Option<Unexpected>), RehearseError> {
    phases.begin("migrate");
    let request = migrate::MigrateRequest {
        target,
        source: legacy.source(),
        environment: Environment::Local,
        options: Options::default(),
    };
    let mut recorder = Recorder {
        watcher: &mut *phases.watcher,
        expected: expected.map(Iterator::peekable),
        unexpected: Unexpected::default(),
    };
    let migrated = migrate::migrate(&request, &mut recorder, std::future::pending()).await?;
    let unexpected = recorder.finish();
    phases.end(format!("{} rows", migrated.counts.migrated));
    Ok((migrated, unexpected))
}

async fn verify_rows(
    phases: &mut Phases<'_>,
    target: &EphemeralDatabase,
    legacy: &LegacyRows,
) -> Result<verification::VerifyReport, RehearseError> {
    phases.begin("verify");
    let request = verify::VerifyRequest { target, source: legacy.source(), environment: Environment::Local };
    let verified = verify::verify_with_accounting(&request, |progress| phases.watcher.progress(progress)).await?;
    phases.end(format!("{} rows", verified.counts.verified));
    Ok(verified)
}

async fn compare_schemas(phases: &mut Phases<'_>, target: &EphemeralDatabase) -> Result<Drift, RehearseError> {
    phases.begin("drift");
    let request = drift::DriftRequest {
        target,
        environment: Environment::Local,
        roles: &Roles::default(),
        expected: Expected::Embedded,
        schemas: &[],
        exceptions: &Exceptions::default(),
        today: drift::today(),
    };
    let drift = drift::drift(request).await?;
    phases.end(format!("{} objects compared", drift.compared.len()));
    Ok(drift)
}

async fn check_rows(phases: &mut Phases<'_>, target: &EphemeralDatabase) -> Result<Integrity, RehearseError> {
    phases.begin("integrity");
    let checks = integrity::select(&[]).expect("every check is one");
    let request = pg_integrity::IntegrityRequest {
        target,
        environment: Environment::Local,
        checks: &checks,
        exceptions: None,
        today: drift::today(),
    };
    let found = pg_integrity::integrity(&request).await?;
    phases.end(format!("{} checks", found.outcomes.len()));
    Ok(found)
}

async fn plant_faults(phases: &mut Phases<'_>, server: &Server) -> Result<Planted, RehearseError> {
    phases.begin("plant");
    let planted = plant(&EphemeralDatabase::at(&server.url)?, &server.database_name("planted")).await?;
    phases.end(format!("{} faults", planted.faults));
    Ok(planted)
}

struct Phases<'a> {
    watcher: &'a mut (dyn Watcher + Send),
    done: Vec<Phase>,
    since: Instant,
}

impl Phases<'_> {
    fn begin(&mut self, name: &'static str) {
        self.watcher.phase(name);
        self.since = Instant::now();
        self.done.push(Phase { name, text: String::new(), elapsed: None });
    }

    fn end(&mut self, text: String) {
        if let Some(phase) = self.done.last_mut() {
            phase.text = text;
            phase.elapsed = Some(self.since.elapsed());
        }
    }
}
