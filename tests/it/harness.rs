//! Databases for tests: one ephemeral server a process, a fresh database a test.
//!
//! Tests share a URL, never a connection: a connection belongs to the runtime that opened it. The server outlives the
//! static that holds it, but not the process: its keeper sees the process end.

pub(crate) mod stored;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pad_migrate::config::{Environment, Roles, TableName};
use pad_migrate::fixtures::cases;
use pad_migrate::pg::migrate::{self, Observer, Options, Progress};
use pad_migrate::pg::{Database, admin, apply, seed, verify};
use pad_migrate::rehearse::ephemeral;
use pad_migrate::server::{self, Durability, PREFIX, Provider, Server};
use pad_migrate::transform::Rejection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::OnceCell;

/// What a test's database holds at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Empty,
    /// The reference mirror with its rows, and the legacy table without rows.
    Reference,
    /// The same, and `padealing` at the current revision.
    Applied,
    /// The same, and the fixtures' legacy rows and what they want in the target.
    Seeded,
}

/// A test's own database.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    pub(crate) database: Database,
    pub(crate) url: String,
}

/// Host (or a socket's folder), port, name, and the superuser's password if it needs one.
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) name: String,
    pub(crate) password: String,
}

static SERVER: OnceLock<Server> = OnceLock::new();

fn server() -> &'static Server {
    SERVER.get_or_init(|| {
        let provider = std::env::var("PAD_PROVIDER").map_or(Ok(Provider::Auto), |it| it.parse());
        let provider = provider.expect("PAD_PROVIDER names a provider");
        server::start(provider, Durability::None).expect("an ephemeral server starts")
    })
}

impl Start {
    /// The name of the sealed template, built by the first test that needs it.
    async fn template(self) -> Option<&'static str> {
        static REFERENCE: OnceCell<()> = OnceCell::const_new();
        static APPLIED: OnceCell<()> = OnceCell::const_new();
        static SEEDED: OnceCell<()> = OnceCell::const_new();
        let (cell, name) = match self {
            Self::Empty => return None,
            Self::Reference => (&REFERENCE, "pad_migrate_template_reference"),
            Self::Applied => (&APPLIED, "pad_migrate_template_applied"),
            Self::Seeded => (&SEEDED, "pad_migrate_template_seeded"),
        };
        cell.get_or_init(|| async {
            let admin = ephemeral(&server().url).expect("the server's URL is right");
            let database = admin::create_database(&admin, name, None).await.expect("the template is created");
            let cases = if self == Self::Seeded { cases().expect("the fixtures are right") } else { Vec::new() };
            admin::fill_with_fixtures(&database, &cases).await.expect("the fixtures load");
            if self != Self::Reference {
                apply_all(&database).await;
            }
            if self == Self::Seeded {
                seed::prepare_target(&database, &cases).await.expect("the target takes what the fixtures want");
            }
            let seal = format!("alter database {name} with is_template true allow_connections false");
            admin::execute(&admin, &seal).await.expect("the template is sealed");
        })
        .await;
        Some(name)
    }
}

/// Runs `body` on a fresh database. A panic in it skips the drop: the captured output names the database, which lives
/// as long as the server does.
#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
pub(crate) async fn with_db(start: Start, body: impl AsyncFnOnce(Db)) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let template = start.template().await;
    let name = format!("{PREFIX}test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let admin = ephemeral(&server().url).expect("the server's URL is right");
    let database = admin::create_database(&admin, &name, template).await.expect("a test database is created");
    let url = server().database_url(&name);
    eprintln!("test database: psql '{url}'");
    body(Db { database, url }).await;
    admin::execute(&admin, &format!("drop database {name} with (force)")).await.expect("the database is dropped");
}

pub(crate) async fn apply_all(database: &Database) -> apply::Applied {
    apply::apply(&apply_request(database, &Roles::default())).await.expect("the revisions apply")
}

pub(crate) fn apply_request<'a>(database: &'a Database, roles: &'a Roles) -> apply::Request<'a> {
    apply::Request { database, environment: Environment::Local, roles, lock_timeout: Duration::from_secs(5) }
}

/// Keeps what it sees.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rejections: Vec<Rejection>,
}

impl Observer for Seen {
    fn progress(&mut self, _: Progress) {}

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        self.rejections.push(rejection.clone());
        Ok(())
    }
}

impl Db {
    /// Where the database is, from its URL.
    pub(crate) fn place(&self) -> Place {
        let (before, query) = self.url.split_once('?').expect("the URL has parameters");
        let (authority, name) = before.trim_start_matches("postgres://").split_once('/').expect("the URL has a name");
        let (user, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = server.split_once(':').unwrap_or_default();
        let parameter = |key: &str| query.split('&').find_map(|it| it.strip_prefix(key)).map(str::to_owned);
        Place {
            host: parameter("host=").unwrap_or_else(|| host.to_owned()),
            port: parameter("port=").unwrap_or_else(|| port.to_owned()),
            name: name.to_owned(),
            password: user.split_once(':').map_or(String::new(), |it| it.1.to_owned()),
        }
    }

    /// The URL for another role, which has the same password as ours if we have one.
    pub(crate) fn url_as(&self, role: &str) -> String {
        self.url.replace("user=postgres", &format!("user={role}")).replace("//postgres:", &format!("//{role}:"))
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.url.parse().expect("the URL is right");
        PgConnection::connect_with(&options).await.expect("the database accepts connections")
    }

    /// Runs statements.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the SQL runs");
        connection.close().await.expect("the connection closes");
    }

    /// The one value of a query, as text.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        let mut connection = self.connect().await;
        let sql = format!("select ({sql})::text");
        let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("the query runs");
        connection.close().await.expect("the connection closes");
        value
    }

    pub(crate) async fn migrate(&self, options: Options) -> (migrate::Report, Seen) {
        let mut seen = Seen::default();
        let report = self.try_migrate(options, &mut seen).await.expect("the migration runs");
        (report, seen)
    }

    pub(crate) async fn try_migrate(
        &self,
        options: Options,
        seen: &mut Seen,
    ) -> Result<migrate::Report, migrate::MigrateError> {
        let request = migrate::Request {
            target: &self.database,
            source: &self.database,
            table: &TableName::legacy(),
            environment: Environment::Local,
            options,
        };
        migrate::migrate(&request, seen, std::future::pending()).await
    }

    /// Every migrated row verifies, and nothing is left to look at.
    pub(crate) async fn check_clean(&self) -> verify::Counts {
        let report = self.verify().await;
        assert!(report.counts.is_clean(), "{:?} {:?}", report.counts, report.differences);
        report.counts
    }

    pub(crate) async fn verify(&self) -> verify::Report {
        let request = verify::Request {
            target: &self.database,
            source: &self.database,
            table: &TableName::legacy(),
            environment: Environment::Local,
        };
        verify::verify(&request, |_| ()).await.expect("the verification runs")
    }
}

/// The program that cargo has built for these tests.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_pad-migrate")
}

/// Compares a text with `snapshots/<name>.snap`. Times, paths and versions, which change, are made fixed first.
#[track_caller]
pub(crate) fn check_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"[0-9.]+ s, [0-9]+ rows a second", "T s, N rows a second");
    settings.add_filter(r" +[0-9]+\.[0-9]{2} s  ", "      T s  ");
    settings.add_filter(r"PostgreSQL [0-9.a-z]+, local programs in \S+", "PostgreSQL V, local programs in BIN");
    settings.add_filter(r"[0-9.]+ started", "V started");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
