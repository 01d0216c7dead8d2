//! The whole cutover, start to finish, on an ephemeral Postgres (F21).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::config::{Config, Endpoint, Environment, Roles, Secret, TableName, Transport};
use crate::fixtures::{self, FixtureError, Outcome};
use crate::pg::admin::{self, PrepareError};
use crate::pg::apply::{self, ApplyError};
use crate::pg::migrate::{self, MigrateError, Observer, Options, Progress};
use crate::pg::seed::{self, SeedError};
use crate::pg::verify::{self, VerifyError};
use crate::pg::{ConnectError, Database};
use crate::report::{Phase, Rehearsal};
use crate::server::{self, Durability, PREFIX, Provider, Server, ServerError};
use crate::transform::Rejection;

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
}

/// Sees how far the rehearsal is.
pub trait Watcher: Observer {
    /// A phase begins.
    fn phase(&mut self, name: &'static str);
}

struct Recorder<'a> {
    watcher: &'a mut (dyn Watcher + Send),
    rejections: Option<BTreeSet<(i64, String)>>,
}

impl Observer for Recorder<'_> {
    fn progress(&mut self, progress: Progress) {
        self.watcher.progress(progress);
    }

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        if let Some(seen) = &mut self.rejections {
            seen.extend(rejection.reasons.iter().map(|it| (rejection.source_id, format!("{} {}", it.field, it.rule))));
        }
        self.watcher.rejected(rejection)
    }
}

/// Connection settings of an ephemeral database, which is on this machine.
pub fn ephemeral(url: &str) -> Result<Database, ConnectError> {
    let transport = Transport { ssl_mode: None, ssl_root_cert: None, connect_timeout: Duration::from_secs(30) };
    Database::new(&Endpoint::Url(Secret(url.to_owned())), Environment::Local, &transport)
}

/// Rehearses on the fixtures, or on the rows of a real source if the configuration names one. The server is handed
/// back, so that the caller decides how long it lives.
pub async fn rehearse(
    config: &Config,
    provider: Provider,
    watcher: &mut (dyn Watcher + Send),
) -> Result<(Rehearsal, Server), RehearseError> {
    let mut phases = Phases { watcher, done: Vec::new(), since: Instant::now() };
    phases.begin("server");
    let server = tokio::task::spawn_blocking(move || server::start(provider, Durability::None));
    let server = server.await.expect("starting a server doesn't panic")?;
    let admin = ephemeral(&server.url)?;
    let server_version = admin::server_version(&admin).await?;
    phases.end(format!("{server_version} started"));

    phases.begin("prepare");
    let target = admin::create_database(&admin, &format!("{PREFIX}rehearsal"), None).await?;
    let connect = |endpoint: &Endpoint| Database::new(endpoint, config.environment, &config.transport);
    let (source, table, described, cases) = match &config.source {
        Some(endpoint) => {
            let source = connect(endpoint)?;
            let other = config.target.as_ref().map(connect).transpose()?;
            admin::copy_references(&target, &source, &config.legacy_table, other.as_ref()).await?;
            phases.end("people and securities that the rows refer to copied".to_owned());
            let described = format!("{} at {}", config.legacy_table, source.place());
            (source, config.legacy_table.clone(), described, None)
        }
        None => {
            let cases = fixtures::cases()?;
            let rows = admin::fill_with_fixtures(&target, &cases).await?;
            phases.end("reference mirror and legacy table loaded".to_owned());
            let described = format!("fixtures, {rows} rows of {} cases", cases.len());
            (target.clone(), TableName::legacy(), described, Some(cases))
        }
    };

    phases.begin("apply");
    let request = apply::Request {
        database: &target,
        environment: Environment::Local,
        roles: &Roles::default(),
        lock_timeout: Duration::from_secs(30),
    };
    let applied = apply::apply(&request).await?;
    if let Some(cases) = &cases {
        seed::prepare_target(&target, cases).await?;
    }
    phases.end(format!("{} revisions", applied.revisions.len()));

    phases.begin("migrate");
    let request = migrate::Request {
        target: &target,
        source: &source,
        table: &table,
        environment: Environment::Local,
        options: Options::default(),
    };
    let mut recorder = Recorder { watcher: &mut *phases.watcher, rejections: cases.is_some().then(BTreeSet::new) };
    let migrated = migrate::migrate(&request, &mut recorder, std::future::pending()).await?;
    let seen = recorder.rejections.unwrap_or_default();
    phases.end(format!("{} rows", migrated.counts.migrated));

    phases.begin("verify");
    let request = verify::Request { target: &target, source: &source, table: &table, environment: Environment::Local };
    let verified = verify::verify(&request, |progress| phases.watcher.progress(progress)).await?;
    phases.end(format!("{} rows", verified.counts.verified));
    for name in ["drift", "integrity"] {
        phases.done.push(Phase { name, text: "not built yet".to_owned(), elapsed: None });
    }

    let unexpected = cases.map(|cases| {
        let expected = cases.iter().flat_map(|it| &it.expected).filter_map(|(id, outcome)| match outcome {
            Outcome::Rejected { rejected } => Some(rejected.iter().map(move |it| (*id, it.clone()))),
            Outcome::Migrated(_) => None,
        });
        let expected: BTreeSet<(i64, String)> = expected.flatten().collect();
        let missed = expected.difference(&seen).map(|(id, it)| format!("row {id} was not rejected for {it}"));
        missed.chain(seen.difference(&expected).map(|(id, it)| format!("row {id} was rejected for {it}"))).collect()
    });
    let rehearsal = Rehearsal {
        environment: config.environment,
        server_version,
        provider: server.description.clone(),
        source: described,
        revisions: applied.revisions.iter().map(|it| (it.number, it.name)).collect(),
        migrated,
        verified,
        unexpected,
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
