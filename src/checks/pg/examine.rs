//! Asks a server and a database what they are, step by step, reading only.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use facts::count_rows;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgSslMode};

use crate::base::text::sentence;
use crate::base::version::SUPPORTED;
use crate::checks::check::{Check, Status};
use crate::checks::doctor::{Expectations, Facts, checks, legacy};
use crate::checks::examination::Examination;
use crate::checks::pg::facts;
use crate::checks::pg::request::{BEGIN, Request};
use crate::config::environment::Environment;
use crate::config::error::ConfigError;
use crate::config::settings::Config;
use crate::ledger::pg::admission::{RefusedError, check_environment};
use crate::ledger::pg::history::history_access;
use crate::ledger::revisions::ALL;
use crate::postgres::connect::{Access, Database};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::session::{Attempt, QueryError, run};
use crate::postgres::sqlstate;

/// Why an examination ended early.
#[derive(Debug, thiserror::Error)]
enum ExamineError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Refused(#[from] RefusedError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Examines what a configuration names. Reads only.
pub async fn examine_environment(config: &Config, exact: bool) -> Result<Examination, EnvironmentError> {
    let resolve = |endpoint| Database::new(endpoint, config.environment, &config.transport);
    let target = resolve(config.target()?)?;
    let source = config.source.as_ref().map(resolve).transpose()?;
    let request = Request {
        target: &target,
        source: source.as_ref(),
        environment: config.environment,
        roles: &config.roles,
        table: &config.legacy_table,
        exact,
    };
    Ok(examine(&request).await)
}

/// Why there is nothing to examine.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the same name")]
pub enum EnvironmentError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Examines the target, and the legacy table's database if it is another. Reads only.
pub async fn examine(request: &Request<'_>) -> Examination {
    let mut found = Examination::of(request.target.place());
    if let Err(failure) = examine_into(request, &mut found).await {
        found.mark_failed(step_of(&failure), sentence(&failure));
    }
    found
}

/// The step that an error belongs to.
fn step_of(failure: &ExamineError) -> &'static str {
    let ExamineError::Connect(error) = failure else { return "schemas" };
    match error {
        ConnectError::Url | ConnectError::Name { .. } => "name",
        ConnectError::Timeout { .. } | ConnectError::Unreachable { .. } => "port",
        ConnectError::Silent { .. } | ConnectError::Closed { .. } => "port",
        ConnectError::Unverified { .. } | ConnectError::Tls { .. } => "tls",
        ConnectError::Method { .. } => "authentication",
        ConnectError::Refused { source, .. } => match source.sqlstate().as_deref() {
            // A server that is starting up, or full, says so before it asks who is there.
            Some(sqlstate::TOO_MANY_CONNECTIONS) if source.to_string().starts_with("sorry, ") => "authentication",
            Some(
                sqlstate::UNKNOWN_DATABASE
                | sqlstate::INSUFFICIENT_PRIVILEGE
                | sqlstate::NOT_IN_PREREQUISITE_STATE
                | sqlstate::TOO_MANY_CONNECTIONS,
            ) => "database",
            _ => "authentication",
        },
        ConnectError::Version { .. } | ConnectError::Standby { .. } | ConnectError::Query(_) => "database",
    }
}

async fn examine_into(request: &Request<'_>, found: &mut Examination) -> Result<(), ExamineError> {
    let target = request.target;
    let deadline = Instant::now() + target.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let reached = reach(target, deadline, &mut found.checks).await?;
    // What we try by ourselves only explains and times: whether there is a session is for the driver to say.
    let since = Instant::now();
    let mut connection = target.connect_within(left(), Access::Read, "doctor").await?;
    let spent = since.elapsed();
    let result = examine_session(request, &mut connection, found, reached, spent).await;
    let _ = connection.close().await;
    result?;
    if let Some(source) = request.source {
        let check = source_check(request, source).await;
        found.checks.push(check);
    }
    Ok(())
}

/// How long the steps before a session took that the session's start repeats.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    tcp: Duration,
    tls: Option<Duration>,
}

/// Looks the name up, connects to the port, and sees how far TLS gets.
async fn reach(target: &Database, deadline: Instant, checks: &mut Vec<Check>) -> Result<Reached, ConnectError> {
    let (host, port) = (target.options.get_host().to_owned(), target.options.get_port());
    let seconds = target.timeout.as_secs();
    let until = tokio::time::Instant::from_std(deadline);
    let timeout = || ConnectError::Timeout { place: target.place(), seconds };
    if target.options.get_socket().is_some() {
        checks.push(Check::new("name", Status::Skip, "a socket on this machine needs none"));
        let since = Instant::now();
        let accepted = tokio::time::timeout_at(until, target.clone().probe()).await.map_err(|_| timeout())?;
        accepted.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?;
        let text = "the socket accepts connections";
        checks.push(Check::new("port", Status::Pass, text).took(since.elapsed()));
        return Ok(Reached { tcp: since.elapsed(), tls: None });
    }
    let since = Instant::now();
    let looked_up = tokio::net::lookup_host((host.as_str(), port));
    let addresses = tokio::time::timeout_at(until, looked_up).await.map_err(|_| timeout())?;
    let addresses: Vec<SocketAddr> = addresses.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?.collect();
    let named: BTreeSet<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    let named = named.into_iter().collect::<Vec<_>>().join(" and ");
    checks.push(if named == host {
        Check::new("name", Status::Pass, format!("{host} is an address"))
    } else {
        Check::new("name", Status::Pass, format!("{host} is {named}")).took(since.elapsed())
    });
    let since = Instant::now();
    let opened = tokio::time::timeout_at(until, tokio::net::TcpStream::connect(&*addresses)).await;
    let stream = opened.map_err(|_| timeout())?.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?;
    let tcp = since.elapsed();
    let address = stream.peer_addr().map_or_else(|_| host.clone(), |it| it.to_string());
    checks.push(Check::new("port", Status::Pass, format!("{address} accepts connections")).took(tcp));
    if matches!(target.options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow) {
        checks.push(Check::new("tls", Status::Skip, "not used"));
        return Ok(Reached { tcp, tls: None });
    }
    let silent = || ConnectError::Silent { place: target.place(), seconds };
    let left = deadline.saturating_duration_since(Instant::now());
    let stream = stream.into_std().and_then(|it| it.set_nonblocking(false).map(|()| it));
    let ours = stream.as_ref().ok().and_then(|it| it.try_clone().ok());
    let probe = tokio::task::spawn_blocking(move || probe_tls(stream?, &host, left));
    let Ok(probed) = tokio::time::timeout_at(until, probe).await else {
        // Each of its reads has the time that was left, and a server may say a byte at a time.
        let _ = ours.map(|it| it.shutdown(std::net::Shutdown::Both));
        return Err(silent());
    };
    match probed.expect("the probe doesn't panic") {
        Ok(None) => Ok(Reached { tcp, tls: None }),
        Ok(Some(tls)) => {
            checks.push(Check::new("tls", Status::Pass, "the server agrees to it").took(tls));
            Ok(Reached { tcp, tls: Some(tls) })
        }
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            Err(silent())
        }
        // The driver will meet the same, and has words for it.
        Err(_) => Ok(Reached { tcp, tls: None }),
    }
}

/// How long the server takes to agree to TLS and to show its certificate; none if it declines (documentation, Message
/// Flow, SSL Session Encryption). Trusts nobody, so that the handshake ends there, and sends nothing.
fn probe_tls(mut stream: TcpStream, host: &str, patience: Duration) -> std::io::Result<Option<Duration>> {
    let patience = Some(patience.max(Duration::from_millis(1)));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    let since = Instant::now();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    let Ok(name) = rustls::pki_types::ServerName::try_from(host.to_owned()) else { return Ok(None) };
    if answer != *b"S" {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    match session.complete_io(&mut stream) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            Err(error)
        }
        _ => Ok(Some(since.elapsed())),
    }
}

async fn examine_session(
    request: &Request<'_>,
    connection: &mut PgConnection,
    found: &mut Examination,
    reached: Reached,
    spent: Duration,
) -> Result<(), ExamineError> {
    let target = request.target;
    let since = Instant::now();
    run(connection, BEGIN, "starting the transaction").await?;
    let encrypted: Option<(String, String)> =
        sqlx::query_as("select version, cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl")
            .fetch_optional(&mut *connection)
            .await
            .attempt("asking whether the session is encrypted")?;
    found.checks.retain(|it| it.name != "tls");
    found.checks.push(tls_check(target, request.environment, encrypted, reached.tls));
    let authentication = spent.saturating_sub(reached.tcp + reached.tls.unwrap_or_default());
    let role = target.options.get_username();
    found.checks.push(Check::new("authentication", Status::Pass, role).took(authentication));
    let server = facts::server(connection).await?;
    found.server_version = Some(server.version.clone());
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut *connection)
        .await
        .attempt("asking for the database's name")?;
    found.checks.push(Check::new("database", Status::Pass, database).took(since.elapsed()));

    let since = Instant::now();
    let schemas = schemas(connection, request.environment).await?;
    found.checks.push(schemas.took(since.elapsed()));
    if history_access(connection).await?.is_readable {
        check_environment(connection, target, request.environment).await?;
    }
    let mut facts = facts::facts(request, connection, server).await?;
    run(connection, "commit", "ending the transaction").await?;
    if request.exact {
        count_rows(connection, request.table, &mut facts).await?;
    }
    let applied = facts.revisions.as_ref().ok().and_then(Option::as_ref);
    let is_applied = |number: &str| applied.is_some_and(|it| it.contains(number));
    let known = ALL.iter();
    let known = known.filter(|it| is_applied(it.number) || it.not_for(request.environment).is_none());
    let revisions: Vec<&str> = known.map(|it| it.number).collect();
    let expected = Expectations {
        environment: request.environment,
        roles: request.roles,
        legacy: request.table,
        source_elsewhere: request.source.is_some(),
        supported: &SUPPORTED,
        revisions: &revisions,
    };
    found.checks.extend(checks(&facts, &expected));
    Ok(())
}

fn tls_check(
    target: &Database,
    environment: Environment,
    encrypted: Option<(String, String)>,
    elapsed: Option<Duration>,
) -> Check {
    const NAME: &str = "tls";
    let local = environment == Environment::Local;
    let mode = target.options.get_ssl_mode();
    let check = match (encrypted, mode) {
        _ if target.options.get_socket().is_some() => {
            Check::new(NAME, Status::Skip, "a socket on this machine needs none")
        }
        (None, _) if local => Check::new(NAME, Status::Pass, "not used; in local it need not be"),
        (None, mode) => {
            let mode = format!("{mode:?}").to_lowercase();
            let text = format!("not used (DB_SSLMODE {mode}): what is sent can be read and changed on the way");
            Check::new(NAME, Status::Warn, text)
        }
        (Some((version, cipher)), mode) => {
            let (status, text) = match mode {
                PgSslMode::VerifyFull => {
                    (Status::Pass, "the certificate is for this host, and signed by somebody trusted")
                }
                PgSslMode::VerifyCa => {
                    (Status::Pass, "the certificate is signed by somebody trusted; its name isn't checked")
                }
                _ if local => (Status::Pass, "the certificate isn't checked; in local it need not be"),
                _ => {
                    (Status::Warn, "the certificate isn't checked, so the server may be anybody; leave DB_SSLMODE out")
                }
            };
            Check::new(NAME, status, format!("{version}, {cipher}; {text}"))
        }
    };
    elapsed.map_or_else(|| check.clone(), |it| check.clone().took(it))
}

async fn schemas(connection: &mut PgConnection, environment: Environment) -> Result<Check, QueryError> {
    const NAME: &str = "schemas";
    let (ours, theirs): (bool, bool) = sqlx::query_as(
        "select exists (select from pg_namespace where nspname = 'padealing'), \
         exists (select from pg_namespace where nspname = 'bo_airflow')",
    )
    .fetch_one(connection)
    .await
    .attempt("looking for the schemas")?;
    let local = environment == Environment::Local;
    Ok(match (ours, theirs) {
        (true, true) => Check::new(NAME, Status::Pass, "padealing and bo_airflow are there"),
        (_, false) if local => {
            Check::new(NAME, Status::Fail, "there is no bo_airflow; in a local database pad-migrate apply creates it")
        }
        (_, false) => {
            Check::new(NAME, Status::Fail, "there is no bo_airflow; correct the address, or have the mirror set up")
        }
        (false, true) => {
            Check::new(NAME, Status::Warn, "bo_airflow is there, padealing isn't yet; pad-migrate apply creates it")
        }
    })
}

/// What is known of the legacy table in a database of its own. One that can't be asked is a failed check.
async fn source_check(request: &Request<'_>, source: &Database) -> Check {
    let asked = async {
        let mut connection = source.connect(Access::Read, "doctor").await?;
        run(&mut connection, BEGIN, "starting the transaction").await?;
        let mut found = Facts { relations: facts::relations(request, &mut connection, &[]).await?, ..Facts::default() };
        run(&mut connection, "commit", "ending the transaction").await?;
        if request.exact {
            count_rows(&mut connection, request.table, &mut found).await?;
        }
        let _ = connection.close().await;
        Ok::<_, ExamineError>(found)
    };
    let place = format!(" at {}", source.place());
    match asked.await {
        Ok(found) => legacy(found.relations.first(), request.table, &place),
        Err(error) => Check::new("legacy_table", Status::Fail, sentence(&error)),
    }
}
