//! The only module that speaks to Postgres.
//!
//! Every connection is one session with pinned settings, so that what the server prints doesn't depend on how a
//! database or a role is configured (D20).

pub mod admin;
pub mod apply;
mod copy;
mod lookup;
pub mod migrate;
pub mod seed;
mod sequences;
mod source;
pub mod verify;

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::config::{Endpoint, Environment, Transport};

/// Something that was asked of a database, and failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed")]
pub struct QueryError {
    /// What was attempted.
    pub what: String,
    /// The cause.
    #[source]
    pub source: Cause,
}

/// Why a database didn't do what was asked: its own words, without the driver's.
#[derive(Debug)]
pub struct Cause(pub sqlx::Error);

impl std::error::Error for Cause {}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            sqlx::Error::Database(error) => {
                f.write_str(error.message())?;
                if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    for more in [error.detail(), error.hint()].into_iter().flatten() {
                        write!(f, "; {more}")?;
                    }
                }
                error.code().map_or(Ok(()), |code| write!(f, " (SQLSTATE {code})"))
            }
            sqlx::Error::Io(error) => write!(f, "the connection was lost: {error}"),
            sqlx::Error::Protocol(text) => f.write_str(text),
            sqlx::Error::Tls(error) => write!(f, "TLS: {error}"),
            error => write!(f, "{error}"),
        }
    }
}

impl QueryError {
    /// The SQLSTATE, if the server said one.
    pub fn sqlstate(&self) -> Option<String> {
        self.source.0.as_database_error().and_then(|it| it.code()).map(|it| it.into_owned())
    }
}

/// Says what was attempted when a statement fails.
pub(crate) trait Attempt<T> {
    fn attempt(self, what: &str) -> Result<T, QueryError>;
}

impl<T> Attempt<T> for Result<T, sqlx::Error> {
    fn attempt(self, what: &str) -> Result<T, QueryError> {
        self.map_err(|source| QueryError { what: what.to_owned(), source: Cause(source) })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL can't be read. It isn't shown, since it may hold a password.
    #[error(
        "a database URL can't be read; it must look like postgres://user@host:5432/database, and in its password \
         the characters / ? # @ : % must be percent-encoded"
    )]
    Url,
    /// TLS would not be verified, and nobody has taken that on himself.
    #[error(
        "a connection without verified TLS is refused in environment {environment}; \
         if it must be, ask for it with DB_SSLMODE"
    )]
    Unverified {
        /// The environment.
        environment: Environment,
    },
    /// The server did not answer in time.
    #[error("connecting to {place} took longer than {seconds} s; check the host, the port and the network")]
    Timeout {
        /// Host, port and database.
        place: String,
        /// The limit.
        seconds: u64,
    },
    /// Nobody answered there.
    #[error("connecting to {place} failed: {source}; check the host and the port, and that a server is running there")]
    Unreachable {
        /// Host, port, database and role.
        place: String,
        /// The system's word, which the sentence holds already.
        source: std::io::Error,
    },
    /// The server, or the way to it, said no.
    #[error("connecting to {place} failed")]
    Refused {
        /// Host, port, database and role.
        place: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The session could not be set up.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How to connect to one database, all settings resolved.
#[derive(Clone, Debug)]
pub struct Database {
    options: PgConnectOptions,
    timeout: std::time::Duration,
}

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written: the session's transactions are read-only.
    Read,
    /// Writing is allowed.
    Write,
}

impl Database {
    /// Resolves an endpoint. Outside local, TLS is verified in full unless a mode was asked for.
    pub fn new(endpoint: &Endpoint, environment: Environment, transport: &Transport) -> Result<Self, ConnectError> {
        let mut options = match endpoint {
            Endpoint::Url(url) => {
                // The driver takes any scheme, and takes what a bare / ? or # of a password leaves behind for a name.
                let is_postgres = ["postgres://", "postgresql://"].iter().any(|it| url.0.starts_with(it));
                let parsed = PgConnectOptions::from_str(&url.0).ok().filter(|_| is_postgres && !url.0.contains('#'));
                let query = url.0.split_once('?').map_or("", |it| it.1);
                let names = |it: &PgConnectOptions| [it.get_host(), it.get_database().unwrap_or(""), query].concat();
                parsed.filter(|it| !names(it).contains('@')).ok_or(ConnectError::Url)?
            }
            Endpoint::Parts { host, port, database, user, password } => {
                // The driver looks into ~/.pgpass when it reads a URL, and not for a host that is set afterwards.
                let [host, user, database] = [host, user, database].map(|it| percent_encode(it));
                let url = format!("postgres:///?host={host}&port={port}&user={user}&dbname={database}&sslmode=prefer");
                let options = PgConnectOptions::from_str(&url).map_err(|_| ConnectError::Url)?;
                password.iter().fold(options, |options, password| options.password(&password.0))
            }
        };
        let asked = transport.ssl_mode.as_deref().and_then(|it| PgSslMode::from_str(it).ok());
        options = match (asked, environment, options.get_ssl_mode()) {
            (Some(mode), _, _) => options.ssl_mode(mode),
            (None, Environment::Local, _) | (None, _, PgSslMode::VerifyCa | PgSslMode::VerifyFull) => options,
            // What nobody asked for; a URL's `prefer` is not to be told from it, and is no plea for less.
            (None, _, PgSslMode::Prefer) => options.ssl_mode(PgSslMode::VerifyFull),
            (None, _, _) if options.get_socket().is_none() => return Err(ConnectError::Unverified { environment }),
            (None, _, _) => options,
        };
        if options.get_socket().is_some() {
            // There is no TLS on a socket, and nobody between its two ends.
            options = options.ssl_mode(PgSslMode::Disable);
        }
        if let Some(cert) = &transport.ssl_root_cert {
            options = options.ssl_root_cert(cert);
        }
        Ok(Self { options: options.disable_statement_logging(), timeout: transport.connect_timeout })
    }

    /// The same server and role, another database.
    pub fn named(&self, database: &str) -> Self {
        Self { options: self.options.clone().database(database), timeout: self.timeout }
    }

    /// Host, port, database and role, for people; never the password.
    pub fn place(&self) -> String {
        let options = &self.options;
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        format!("{host}/{database} as {}", options.get_username())
    }

    /// Whether the server is on this machine, as far as its address tells.
    pub fn is_loopback(&self) -> bool {
        let host = self.options.get_host();
        self.options.get_socket().is_some()
            || host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
    }

    /// Opens a session. `activity` is what `pg_stat_activity` shows of it.
    pub(crate) async fn connect(&self, access: Access, activity: &str) -> Result<PgConnection, ConnectError> {
        let options = self.options.clone().application_name(&format!("pad-migrate {activity}"));
        let place = self.place();
        let opened = tokio::time::timeout(self.timeout, PgConnection::connect_with(&options)).await;
        let mut connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(sqlx::Error::Io(source))) => return Err(ConnectError::Unreachable { place, source }),
            Ok(Err(source)) => {
                return Err(ConnectError::Refused { place, source: Cause(source) });
            }
            Err(_) => {
                return Err(ConnectError::Timeout { place, seconds: self.timeout.as_secs() });
            }
        };
        // Rows that a policy hides would be lost in silence: without row security the server says so instead.
        // A cached plan would stay what it was when the tables were empty: force_custom_plan has each batch planned
        // for the tables as they are. Just-in-time compilation costs more than these short statements take.
        let mut settings = String::from(
            "set search_path = pg_catalog; set datestyle = 'ISO'; set intervalstyle = 'postgres'; \
             set timezone = 'UTC'; set extra_float_digits = 3; set bytea_output = 'hex'; set lc_monetary = 'C'; \
             set standard_conforming_strings = on; set plan_cache_mode = force_custom_plan; set jit = off; \
             set lock_timeout = '30s'; set idle_in_transaction_session_timeout = 0; \
             set row_security = off; set quote_all_identifiers = off; \
             select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'; ",
        );
        if access == Access::Read {
            settings.push_str("set default_transaction_read_only = on; set statement_timeout = '10min'; ");
        } else {
            settings.push_str("set statement_timeout = 0; ");
        }
        run(&mut connection, &settings, "setting up the session").await?;
        Ok(connection)
    }
}

/// A text as a URL's query holds it.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|it| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

/// Runs statements that return nothing.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str, what: &str) -> Result<(), QueryError> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ()).attempt(what)
}

/// Key of the advisory lock that keeps a second writer of a kind out: `padm` in ASCII, then the kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    Apply,
    Migrate,
}

impl Lock {
    fn keys(self) -> (i32, i32) {
        (i32::from_be_bytes(*b"padm"), self as i32)
    }

    /// Takes the lock for the session, or says who holds it. Polls: a session that waits inside the lock function
    /// holds a snapshot, which stops CREATE INDEX CONCURRENTLY elsewhere.
    pub(crate) async fn acquire(
        self,
        connection: &mut PgConnection,
        patience: std::time::Duration,
    ) -> Result<Result<(), String>, QueryError> {
        let (class, object) = self.keys();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
                .bind(class)
                .bind(object)
                .fetch_one(&mut *connection)
                .await
                .attempt("taking the advisory lock")?;
            if taken {
                return Ok(Ok(()));
            }
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let holder: Option<String> = sqlx::query_scalar(
            "select format('process %s (%s, role %s, from %s, since %s)', a.pid, a.application_name, a.usename, \
                    coalesce(host(a.client_addr), 'this machine'), date_trunc('second', a.backend_start)::timestamp) \
             from pg_locks l join pg_stat_activity a using (pid) \
             where l.locktype = 'advisory' and l.granted and l.classid = $1::int8::oid and l.objid = $2::int8::oid \
               and l.database = (select oid from pg_database where datname = current_database())",
        )
        .bind(i64::from(class))
        .bind(i64::from(object))
        .fetch_optional(&mut *connection)
        .await
        .attempt("finding who holds the advisory lock")?;
        Ok(Err(holder.unwrap_or_else(|| "a session that has just ended".to_owned())))
    }
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version`, such as `15.18`.
    pub version: String,
    /// The encoding of the database.
    pub encoding: String,
}

pub(crate) async fn server_facts(connection: &mut PgConnection) -> Result<ServerFacts, QueryError> {
    let (version, encoding) = sqlx::query_as::<_, (String, String)>(
        "select split_part(current_setting('server_version'), ' ', 1), current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .attempt("asking the server for its version")?;
    Ok(ServerFacts { version, encoding })
}

/// Why a command may not run here.
#[derive(Debug, thiserror::Error)]
pub enum RefusedError {
    /// The database belongs to another environment.
    #[error(
        "the database at {place} was set up as environment {recorded}, and this run is for {asked}; \
         correct --env or APP_ENV, or the address"
    )]
    OtherEnvironment {
        /// Where.
        place: String,
        /// What the database says.
        recorded: String,
        /// What the run says.
        asked: Environment,
    },
    /// There is no application schema of ours yet.
    #[error("the database at {place} has no padealing schema at the current revision; run `pad-migrate apply` first")]
    NotApplied {
        /// Where.
        place: String,
    },
    /// A command for local databases was called elsewhere.
    #[error("{what} is for local databases only: {reason}")]
    NotLocal {
        /// What was refused.
        what: &'static str,
        /// Which condition fails.
        reason: String,
    },
    /// The database can't hold every text.
    #[error("the database at {place} has the encoding {encoding}; the target must be UTF8 to hold every text")]
    Encoding {
        /// Where.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The question itself failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Checks that the database is the one that the run is meant for.
pub(crate) async fn check_environment(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    let exists: bool = sqlx::query_scalar("select to_regclass('padealing.schema_revision') is not null")
        .fetch_one(&mut *connection)
        .await
        .attempt("looking for the schema's history")?;
    if !exists {
        return Ok(());
    }
    let recorded: Option<String> =
        sqlx::query_scalar("select environment from padealing.schema_revision order by id desc limit 1")
            .fetch_optional(connection)
            .await
            .attempt("reading the schema's history")?;
    match recorded {
        Some(recorded) if recorded != environment.as_str() => {
            Err(RefusedError::OtherEnvironment { place: database.place(), recorded, asked: environment })
        }
        _ => Ok(()),
    }
}

/// Checks that the target is at the current revision and can hold every text.
pub(crate) async fn check_applied(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    let facts = server_facts(connection).await?;
    if facts.encoding != "UTF8" {
        return Err(RefusedError::Encoding { place: database.place(), encoding: facts.encoding });
    }
    check_environment(connection, database, environment).await?;
    let not_applied = || RefusedError::NotApplied { place: database.place() };
    let there: bool = sqlx::query_scalar("select to_regclass('padealing.schema_revision') is not null")
        .fetch_one(&mut *connection)
        .await
        .attempt("looking for the schema's history")?;
    if !there {
        return Err(not_applied());
    }
    let applied = apply::history(connection).await?;
    let current = crate::revisions::ALL.iter().all(|revision| applied.contains_key(revision.number));
    if current { Ok(()) } else { Err(not_applied()) }
}

/// Text of our mark on a reference schema that we created.
pub(crate) const MIRROR_MARK: &str = "Reference mirror made by pad-migrate for local and ephemeral use.";

/// Checks everything that a command for local databases needs (command line, "What local may do").
pub(crate) async fn check_local(
    connection: &mut PgConnection,
    database: &Database,
    environment: Environment,
    what: &'static str,
) -> Result<(), RefusedError> {
    let refused = |reason: String| Err(RefusedError::NotLocal { what, reason });
    if environment != Environment::Local {
        return refused(format!("this run is for environment {environment}"));
    }
    if !database.is_loopback() {
        return refused(format!("{} is not on this machine", database.place()));
    }
    let foreign: bool = sqlx::query_scalar(
        "select exists (select from pg_namespace where nspname = 'bo_airflow' \
         and obj_description(oid, 'pg_namespace') is distinct from $1)",
    )
    .bind(MIRROR_MARK)
    .fetch_one(connection)
    .await
    .attempt("looking for the reference schema")?;
    if foreign {
        return refused(format!(
            "{} has a reference schema bo_airflow that pad-migrate did not create",
            database.place()
        ));
    }
    Ok(())
}
