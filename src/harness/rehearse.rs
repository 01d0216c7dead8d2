//! The whole cutover, start to finish, on an ephemeral Postgres: a phase each.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
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
use crate::harness::pg::references::copy_references;
use crate::harness::pg::seed::{self, SeedError};
use crate::harness::server;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::Server;
use crate::harness::server::request::ServerRequest;
use crate::ledger::pg::admission::SessionError;
use crate::migration::pg::migrate;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::verify;
use crate::migration::pg::verify_error::VerifyError;
use crate::migration::rejection::{Rejection, Rule};
use crate::migration::run::{self, Observer, Options, Progress};
use crate::migration::verification;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;
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

/// Rehearses on generated rows if there is a generator, on the rows of a real source if the configuration names one,
/// and else on the fixtures. The server is handed back, so that the caller decides how long it lives.
pub async fn rehearse(
    config: &Config,
    generator: Option<Generator>,
    wanted: ServerRequest,
    watcher: &mut (dyn Watcher + Send),
) -> Result<(Rehearsal, Server), RehearseError> {
    let mut phases = Phases { watcher, done: Vec::new(), since: Instant::now() };
    let server = start_server(&mut phases, wanted).await?;
    let (target, legacy) = prepare(&mut phases, &server, config, generator).await?;
    let revisions = apply_revisions(&mut phases, &target, legacy.cases.as_deref()).await?;
    let expected = generator.map(expected_of_generated).or_else(|| legacy.cases.as_deref().map(expected_of_cases));
    let (migrated, unexpected) = migrate_rows(&mut phases, &target, &legacy, expected).await?;
    let verified = verify_rows(&mut phases, &target, &legacy).await?;
    let drift = compare_schemas(&mut phases, &target).await?;
    let integrity = check_rows(&mut phases, &target).await?;
    let rehearsal = Rehearsal {
        environment: config.environment,
        server_version: server.version.clone(),
        provider: server.description.clone(),
        server: server.line(),
        source: legacy.description,
        revisions,
        migrated,
        verified,
        unexpected,
        drift,
        integrity,
        phases: phases.done,
    };
    Ok((rehearsal, server))
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
    generator: Option<Generator>,
) -> Result<(EphemeralDatabase, LegacyRows), RehearseError> {
    phases.begin("prepare");
    let maintenance = EphemeralDatabase::at(&server.url)?;
    let target = databases::create_database(&maintenance, &server.database_name(DATABASE), None).await?;
    let legacy = load(phases.watcher, &target, config, generator).await?;
    phases.end(match legacy.is_real {
        true => "people and securities that the rows refer to copied".to_owned(),
        false => "reference mirror and legacy table loaded".to_owned(),
    });
    Ok((target, legacy))
}

/// The legacy rows of a rehearsal.
struct LegacyRows {
    source: Database,
    table: TableName,
    description: String,
    /// Whether they are in the table of a real source.
    is_real: bool,
    /// The cases, if the rows are the fixtures.
    cases: Option<Vec<Case>>,
}

/// Loads the reference schema, and the legacy rows unless a real source has them.
async fn load(
    watcher: &mut (dyn Watcher + Send),
    target: &EphemeralDatabase,
    config: &Config,
    generator: Option<Generator>,
) -> Result<LegacyRows, RehearseError> {
    let in_target = |description, cases| {
        let (source, table) = (Database::clone(target), TableName::legacy());
        LegacyRows { source, table, description, is_real: false, cases }
    };
    if let Some(generator) = generator {
        let total = generator.rows;
        let progress = |done| watcher.progress(Progress { done, total, rejected: 0 });
        databases::fill_with_generated(target, generator, progress).await?;
        return Ok(in_target(generator.to_string(), None));
    }
    let Some(endpoint) = &config.source else {
        let cases = fixtures::cases()?;
        let rows = databases::fill_with_fixtures(target, &cases).await?;
        return Ok(in_target(format!("fixtures, {rows} rows of {} cases", cases.len()), Some(cases)));
    };
    let (environment, transport) = (config.environment, &config.transport);
    let other = config.target.as_ref().map(|it| Database::new(it, environment, transport)).transpose()?;
    let source = Database::another(endpoint, environment, transport, other.as_ref())?;
    let source = source.in_timezone(config.source_timezone.clone());
    let table = config.legacy_table.clone();
    copy_references(target, &source, &table, other.as_ref()).await?;
    let description = format!("{table} at {}", source.place());
    Ok(LegacyRows { source, table, description, is_real: true, cases: None })
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
        source: &legacy.source,
        table: &legacy.table,
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
    let (source, table) = (&legacy.source, &legacy.table);
    let request = verify::VerifyRequest { target, source, table, environment: Environment::Local };
    let verified = verify::verify(&request, |progress| phases.watcher.progress(progress)).await?;
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
