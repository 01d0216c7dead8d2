//! Databases for tests: one ephemeral server a run, a fresh database a test.
//!
//! - `host`: the server, and how several processes share it.
//! - `template`: what a database holds at the start, and the roles.
//! - `other`: servers of their own, for what only another configuration shows; `certificates` for them.
//! - `program`: the built program, run as its user runs it.
//! - `proxy`: a network on which something fails; `pooler`: one that gives each transaction another server process.
//! - `random`: numbers that a seed gives again. `terminal`: a terminal for the program.
//! - `stored`: what is stored for each legacy row, read with SQL that shares nothing with the program.
//!
//! Tests share a URL, never a connection: a connection belongs to the runtime that opened it.

pub(crate) mod certificates;
mod host;
pub(crate) mod other;
pub(crate) mod pooler;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod stored;
mod template;
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};

use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::{Roles, TableName};
use pad_migrate::harness::fixtures::{self, Case};
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::pg::lease::keep_statement;
use pad_migrate::harness::server::names::{database_url, url_value};
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::migrate_error::MigrateError;
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::rejection::Rejection;
use pad_migrate::migration::run::{self, Observer, Options, Progress};
use pad_migrate::migration::verification;
use pad_migrate::postgres::database::Database;
use pad_migrate::schema::pg::{apply, request};
use pad_migrate::schema::plan::outcome;

pub(crate) use host::host;
pub(crate) use template::{ROWS, Role, Start, roles};

/// A test's own database.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) database: EphemeralDatabase,
    pub(crate) url: String,
}

/// Host (or a socket's folder), port, name, and the superuser's password if it needs one.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) name: String,
    pub(crate) user: String,
    /// As the URL has it, percent-encoded.
    pub(crate) password: String,
}

/// The cases of `fixtures/legacy/cases`, from the folders as they are now.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy/cases");
    let mut files = BTreeMap::new();
    for case in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let entries: Vec<_> = case.path().read_dir().expect("a case is a folder").flatten().collect();
        // A folder that holds nothing is a case that lacks everything.
        files.insert(format!("{}/", case.file_name().display()), String::new());
        for file in entries {
            let path = format!("{}/{}", case.file_name().display(), file.file_name().display());
            files.insert(path, std::fs::read_to_string(file.path()).expect("the file can be read"));
        }
    }
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    fixtures::read_cases(files).expect("the fixtures are right")
}

/// Runs `body` on a fresh database. When it panics the database is kept, and the output says how to connect to it.
#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
pub(crate) async fn with_db(start: Start, body: impl AsyncFnOnce(Db)) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = &host().announcement;
    let admin = EphemeralDatabase::at(&server.url).expect("the server's URL is right");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}test_{}_{number}", server.prefix, std::process::id());
    let url = database_url(&server.url, &name);
    let db = Db { database: EphemeralDatabase::at(&url).expect("the URL is right"), url };
    eprintln!("{}", server.line);
    template::secret().await;
    let template = start.template().await;
    admin::create_database(&admin, &name, template.as_deref()).await.expect("a test database is created");
    if let Err(panic) = AssertUnwindSafe(body(db)).catch_unwind().await {
        admin::execute(&admin, &keep_statement(&name)).await.expect("the database is marked as kept");
        let until = if server.given {
            "for half an hour at least".to_owned()
        } else if std::env::var_os("PAD_KEEP").is_some() {
            host().keep(&name);
            format!("with its server, which ends with: {}", server.stop)
        } else {
            "until this run ends, and longer with PAD_KEEP=1".to_owned()
        };
        eprintln!("the test's database is kept, {until}: {}", server.connect.replace("{}", &name));
        std::panic::resume_unwind(panic);
    }
    admin::execute(&admin, &format!("drop database {name} with (force)")).await.expect("the database is dropped");
}

/// Applies the revisions without naming roles.
pub(crate) async fn apply_all(database: &Database) -> outcome::Applied {
    apply_with(database, &Roles::default()).await
}

pub(crate) async fn apply_with(database: &Database, roles: &Roles) -> outcome::Applied {
    apply::apply(&apply_request(database, roles), None).await.expect("the revisions apply")
}

pub(crate) fn apply_request<'a>(database: &'a Database, roles: &'a Roles) -> request::ChangeRequest<'a> {
    request::ChangeRequest::new(database, Environment::Local, roles)
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

pub(crate) async fn try_migrate(
    database: &Database,
    options: Options,
    seen: &mut Seen,
) -> Result<run::MigrateReport, MigrateError> {
    let request = migrate::MigrateRequest {
        target: database,
        source: LegacySource::Table { database, table: &TableName::legacy() },
        environment: Environment::Local,
        options,
    };
    migrate::migrate(&request, seen, std::future::pending()).await
}

async fn migrate_all(database: &Database) {
    try_migrate(database, Options::default(), &mut Seen::default()).await.expect("the migration runs");
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("the URL is right");
    PgConnection::connect_with(&options).await.expect("the database accepts connections")
}

/// The one value of a query, as text.
async fn value(url: &str, sql: &str) -> Option<String> {
    let mut connection = connect(url).await;
    let sql = format!("select ({sql})::text");
    let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("the query runs");
    connection.close().await.expect("the connection closes");
    value
}

impl Db {
    /// Where the database is, from its URL.
    pub(crate) fn place(&self) -> Place {
        let options: PgConnectOptions = self.url.parse().expect("the URL is right");
        let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |it| it.display().to_string());
        let (before, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let user = before.split_once("://").and_then(|it| it.1.rsplit_once('@')).map(|it| it.0);
        let parameter = query.split('&').find_map(|it| it.strip_prefix("password="));
        let password = user.and_then(|it| it.split_once(':')).map(|it| it.1).or(parameter).unwrap_or_default();
        Place {
            host,
            port: options.get_port().to_string(),
            name: options.get_database().expect("the URL has a name").to_owned(),
            user: options.get_username().to_owned(),
            password: password.to_owned(),
        }
    }

    /// The URL for one of the roles that exist everywhere.
    pub(crate) async fn url_as(&self, role: Role) -> String {
        let Place { host, port, name, .. } = self.place();
        let host = url_value(host);
        let (user, password) = (role.name(), template::password(role).await);
        format!("postgres:///{name}?host={host}&port={port}&user={user}&password={password}")
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// Runs statements.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the SQL runs");
        connection.close().await.expect("the connection closes");
    }

    /// The server's major version.
    pub(crate) async fn major(&self) -> u32 {
        let version = self.value("current_setting('server_version_num')::int / 10000").await;
        version.expect("a version").parse().expect("a number")
    }

    /// Whether the case at a place, which needs a version, is for this server: every other one, and the rest on the
    /// next major version, so that CI's have all of them between them; what is new in a version, on each from it on.
    pub(crate) async fn turn(&self) -> impl Fn(usize, u32) -> bool + use<> {
        let major = self.major().await;
        move |at, from| major >= from && (from > 13 || at % 2 == major as usize % 2)
    }

    /// The one value of a query, as text.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        value(&self.url, sql).await
    }

    pub(crate) async fn migrate(&self, options: Options) -> (run::MigrateReport, Seen) {
        let mut seen = Seen::default();
        let report = self.try_migrate(options, &mut seen).await.expect("the migration runs");
        (report, seen)
    }

    pub(crate) async fn try_migrate(
        &self,
        options: Options,
        seen: &mut Seen,
    ) -> Result<run::MigrateReport, MigrateError> {
        try_migrate(&self.database, options, seen).await
    }

    /// A program of the server's own version and the arguments that bring it to this database: nobody else needs to
    /// have it, the server runs it.
    async fn program(&self, name: &str, connection: &mut PgConnection) -> String {
        let sql = "select format('''%s/%s'' -h ''%s'' -p %s -U ''%s'' -d ''%s''', setting, $1::text, \
                       case when left(folders, 1) = chr(34) then trim(chr(34) from folders) \
                       else trim(split_part(folders, ',', 1)) end, \
                       current_setting('port'), \
                       current_user, current_database()) \
                   from (select setting, current_setting('unix_socket_directories') as folders from pg_config \
                         where name = 'BINDIR') as found";
        let found = sqlx::query_scalar(sql).bind(name).fetch_one(connection).await;
        found.expect("the server says where its programs are")
    }

    /// Runs a script with psql.
    pub(crate) async fn psql(&self, script: &str) {
        let mut connection = self.connect().await;
        let program = self.program("psql", &mut connection).await;
        // COPY would escape what a script is full of.
        let copy = format!(
            "copy (select replace(encode(convert_to({}, 'UTF8'), 'base64'), e'\\n', '')) to program {}",
            pad_migrate::base::quote::quote_literal(script),
            pad_migrate::base::quote::quote_literal(&format!(
                "base64 -d | {program} -qX -v ON_ERROR_STOP=1 >/dev/null"
            ))
        );
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.expect("psql runs it to its end");
        connection.close().await.expect("the connection closes");
    }

    /// Runs a script from a file with psql: what it prints, errors included, and its exit status.
    pub(crate) async fn psql_output(&self, script: &str, arguments: &str) -> (String, i32) {
        let mut connection = self.connect().await;
        let program = self.program("psql", &mut connection).await;
        let quote = pad_migrate::base::quote::quote_literal;
        // In the server's own folder, where its programs start.
        let file = format!("{}.sql", self.place().name);
        let put = format!(
            "copy (select replace(encode(convert_to({}, 'UTF8'), 'base64'), e'\\n', '')) to program {}",
            quote(script),
            quote(&format!("base64 -d >{file}"))
        );
        // Neither character is in what it prints, so that a line is one value.
        let get = format!(
            "create temp table output (number int generated always as identity, line text); \
             copy pg_temp.output (line) from program {} (format csv, delimiter e'\\x01', quote e'\\x02')",
            quote(&format!("{program} -X {arguments} -f {file} 2>&1; echo $?; rm {file}"))
        );
        for sql in [put, get] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("psql runs");
        }
        let lines: Vec<Option<String>> = sqlx::query_scalar("select line from pg_temp.output order by number")
            .fetch_all(&mut connection)
            .await
            .expect("the output is read");
        connection.close().await.expect("the connection closes");
        let mut lines: Vec<String> = lines.into_iter().map(Option::unwrap_or_default).collect();
        let status = lines.pop().expect("there is a last line").parse().expect("it is the status");
        (lines.join("\n"), status)
    }

    /// What pg_dump says.
    pub(crate) async fn dump(&self, arguments: &[&str]) -> String {
        let mut connection = self.connect().await;
        let quoted: Vec<String> = arguments.iter().map(|it| format!("'{it}'")).collect();
        // A dump with COPY has lines that would end ours, and one with carriage returns is none of lines.
        let program = self.program("pg_dump", &mut connection).await;
        let program = format!("{program} --inserts {} | tr '\\r' '\\003'", quoted.join(" "));
        // A line is one value whatever it holds: neither character is in a dump.
        let copy = format!(
            "create temp table dump (number int generated always as identity, line text); \
             copy pg_temp.dump (line) from program {} (format csv, delimiter e'\\x01', quote e'\\x02')",
            pad_migrate::base::quote::quote_literal(&program)
        );
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.expect("pg_dump runs");
        let lines: Vec<Option<String>> = sqlx::query_scalar("select line from pg_temp.dump order by number")
            .fetch_all(&mut connection)
            .await
            .expect("the dump is read");
        connection.close().await.expect("the connection closes");
        // The pipe hides how pg_dump ended; its last words don't.
        let is_whole = lines.iter().flatten().any(|line| line == "-- PostgreSQL database dump complete");
        assert!(is_whole, "pg_dump ended early; see the server's log");
        // Since the minor releases of August 2025 a dump is fenced with a random key.
        let lines = lines.into_iter().map(Option::unwrap_or_default);
        lines
            .filter(|it| !it.starts_with("\\restrict") && !it.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Every migrated row verifies, and nothing is left to look at.
    pub(crate) async fn check_clean(&self) -> verification::VerifyCounts {
        let report = self.verify().await;
        assert!(report.counts.is_clean(), "{:?} {:?}", report.counts, report.differences);
        report.counts
    }

    pub(crate) async fn verify(&self) -> verification::VerifyReport {
        let request = verify::VerifyRequest {
            target: &self.database,
            source: LegacySource::Table { database: &self.database, table: &TableName::legacy() },
            environment: Environment::Local,
        };
        verify::verify(&request, |_| ()).await.expect("the verification runs")
    }
}

/// The program that cargo has built for these tests, or another build of it that `PAD_PROGRAM` names, such as the slim
/// one.
pub(crate) fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let built = env!("CARGO_BIN_EXE_pad-migrate").to_owned();
        std::env::var("PAD_PROGRAM").ok().filter(|it| !it.is_empty()).unwrap_or(built)
    });
    &PROGRAM
}

/// Compares a text with `snapshots/<name>.snap`. Times, paths and versions, which change, are made fixed first.
#[track_caller]
pub(crate) fn check_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"[0-9.]+ s, [0-9,]+ rows a second", "T s, N rows a second");
    settings.add_filter(r" +[0-9]+\.[0-9]{2} s  ", "      T s  ");
    settings.add_filter(
        r"PostgreSQL [0-9.a-z]+, (local|downloaded|Docker|the server).*(\n {12}.*)*",
        "PostgreSQL V, PROVIDER",
    );
    settings.add_filter(r"[0-9][0-9.a-z]* started", "V started");
    settings
        .add_filter(r"(?m)^Target( +).*\nServer( +)PostgreSQL [0-9.a-z]+", "Target${1}PLACE\nServer${2}PostgreSQL V");
    settings
        .add_filter(r"[0-9]+ reads?, [0-9]+ rows? written since [0-9-]+(, last read [0-9-]+)?", "N reads since DAY");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
