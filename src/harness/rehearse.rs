//! The whole cutover, start to finish, on an ephemeral Postgres (F21).

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::time::{Duration, Instant};

use crate::config::environment::Environment;
use crate::config::settings::{Config, Endpoint, Roles, TableName};
use crate::harness::fixtures::{self, Case, FixtureError, Outcome};
use crate::harness::generate::Generator;
use crate::harness::pg::databases as admin;
use crate::harness::pg::databases::PrepareError;
use crate::harness::pg::seed::{self, SeedError};
use crate::harness::server;
use crate::harness::server::error::ServerError;
use crate::harness::server::lease::Server;
use crate::migration::pg::migrate;
use crate::migration::pg::migrate_error::MigrateError;
use crate::migration::pg::verify::{self, VerifyError};
use crate::migration::rejection::{Rejection, Rule};
use crate::migration::run::{Observer, Options, Progress};
use crate::postgres::connect::Database;
use crate::postgres::connect_error::ConnectError;
use crate::report::rehearsal::{Phase, Rehearsal, Unexpected};
use crate::schema::drift::exceptions::Exceptions;
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
}

/// Sees how far the rehearsal is.
pub trait Watcher: Observer {
    /// A phase begins.
    fn phase(&mut self, name: &'static str);
    /// A server was got, and this command connects to the rehearsal's database on it.
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
    /// Every expected rejection of a row before `id` is one that didn't come.
    fn pass(&mut self, id: Option<i64>) {
        let Some(expected) = &mut self.expected else { return };
        while let Some((row, reasons)) = expected.next_if(|(row, _)| id.is_none_or(|id| *row < id)) {
            for reason in reasons {
                self.unexpected.add(format!("row {row} was not rejected for {reason}"));
            }
        }
    }

    /// How the rejections differ from the expected ones, if something was expected.
    fn finish(mut self) -> Option<Unexpected> {
        self.pass(None);
        self.expected.is_some().then_some(self.unexpected)
    }
}

impl Observer for Recorder<'_> {
    fn progress(&mut self, progress: Progress) {
        self.watcher.progress(progress);
    }

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        let id = rejection.source_id;
        self.pass(Some(id));
        if let Some(expected) = &mut self.expected {
            let expected: BTreeSet<String> =
                expected.next_if(|it| it.0 == id).map(|it| it.1).unwrap_or_default().into_iter().collect();
            let seen: BTreeSet<String> =
                rejection.reasons.iter().map(|it| format!("{} {}", it.field, it.rule)).collect();
            for reason in expected.difference(&seen) {
                self.unexpected.add(format!("row {id} was not rejected for {reason}"));
            }
            for reason in seen.difference(&expected) {
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
    wanted: crate::harness::server::request::Request,
    watcher: &mut (dyn Watcher + Send),
) -> Result<(Rehearsal, Server), RehearseError> {
    let mut phases = Phases { watcher, done: Vec::new(), since: Instant::now() };
    phases.begin("server");
    let server = tokio::task::spawn_blocking(move || server::start(&wanted));
    let server = server.await.expect("starting a server doesn't panic")?;
    let admin = admin::ephemeral(&server.url)?;
    let name = server.database_name(DATABASE);
    phases.watcher.server(&server, &server.connect.replace("{}", &name));
    phases.end(format!("{} started", server.version));

    phases.begin("prepare");
    let target = admin::create_database(&admin, &name, None).await?;
    let connect = |endpoint: &Endpoint| Database::new(endpoint, config.environment, &config.transport);
    let (source, table, described, cases) = match (generator, &config.source) {
        (Some(generator), _) => {
            let total = generator.rows;
            let progress = |done| phases.watcher.progress(Progress { done, total, rejected: 0 });
            admin::fill_with_generated(&target, generator, progress).await?;
            phases.end("reference mirror and legacy table loaded".to_owned());
            (target.clone(), TableName::legacy(), generator.to_string(), None)
        }
        (None, Some(endpoint)) => {
            let source = connect(endpoint)?;
            let other = config.target.as_ref().map(connect).transpose()?;
            admin::copy_references(&target, &source, &config.legacy_table, other.as_ref()).await?;
            phases.end("people and securities that the rows refer to copied".to_owned());
            let described = format!("{} at {}", config.legacy_table, source.place());
            (source, config.legacy_table.clone(), described, None)
        }
        (None, None) => {
            let cases = fixtures::cases()?;
            let rows = admin::fill_with_fixtures(&target, &cases).await?;
            phases.end("reference mirror and legacy table loaded".to_owned());
            let described = format!("fixtures, {rows} rows of {} cases", cases.len());
            (target.clone(), TableName::legacy(), described, Some(cases))
        }
    };

    phases.begin("plan");
    let roles = Roles::default();
    let request = request::Request {
        lock_timeout: Duration::from_secs(30),
        ..request::Request::new(&target, Environment::Local, &roles)
    };
    let found = plan::plan(&request).await?;
    let created = found.route.plan.tables.values().filter(|it| **it == Decision::Create).count();
    phases.end(format!("{created} tables to create"));

    phases.begin("apply");
    let applied = apply::apply(&request, Some(&found.route)).await?;
    if let Some(cases) = &cases {
        seed::prepare_target(&target, cases).await?;
    }
    phases.end(format!("{} revisions", applied.route.records.len()));

    phases.begin("migrate");
    let request = migrate::Request {
        target: &target,
        source: &source,
        table: &table,
        environment: Environment::Local,
        options: Options::default(),
    };
    let expected = generator.map(expected_of_generated).or_else(|| cases.as_deref().map(expected_of_cases));
    let mut recorder = Recorder {
        watcher: &mut *phases.watcher,
        expected: expected.map(Iterator::peekable),
        unexpected: Unexpected::default(),
    };
    let migrated = migrate::migrate(&request, &mut recorder, std::future::pending()).await?;
    let unexpected = recorder.finish();
    phases.end(format!("{} rows", migrated.counts.migrated));

    phases.begin("verify");
    let request = verify::Request { target: &target, source: &source, table: &table, environment: Environment::Local };
    let verified = verify::verify(&request, |progress| phases.watcher.progress(progress)).await?;
    phases.end(format!("{} rows", verified.counts.verified));

    phases.begin("drift");
    let request = drift::Request {
        target: &target,
        environment: Environment::Local,
        roles: &Roles::default(),
        expected: Expected::Embedded,
        schemas: &[],
        exceptions: &Exceptions::default(),
        today: drift::today(),
    };
    let drift = drift::drift(request).await?;
    phases.end(format!("{} objects compared", drift.compared.len()));
    phases.done.push(Phase { name: "integrity", text: "not built yet".to_owned(), elapsed: None });

    let rehearsal = Rehearsal {
        environment: config.environment,
        server_version: server.version.clone(),
        provider: server.description.clone(),
        server: server.line(),
        source: described,
        revisions: applied.route.records.iter().map(|it| (it.revision.number, it.revision.name)).collect(),
        migrated,
        verified,
        unexpected,
        drift,
        phases: phases.done,
    };
    Ok((rehearsal, server))
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
