//! Examines an environment, step by step, reading only.

use std::time::{Duration, Instant};

use sqlx::postgres::PgSslMode;

use crate::base::hint::APPLY;
use crate::base::text::sentence;
use crate::base::version::SUPPORTED;
use crate::checks::check::{Check, Status};
use crate::checks::doctor::{checks, legacy_table};
use crate::checks::examination::Examination;
use crate::checks::expectations::Expectations;
use crate::checks::facts::TargetFacts;
use crate::checks::pg::facts::facts;
use crate::checks::pg::legacy::legacy;
use crate::checks::pg::reach::{Reached, reach};
use crate::checks::pg::relations::{count_rows, relations};
use crate::checks::pg::request::{ExamineRequest, LIMITS};
use crate::checks::pg::server::server;
use crate::config::environment::Environment;
use crate::config::error::ConfigError;
use crate::config::settings::Config;
use crate::ledger::pg::admission::{SessionError, check_environment};
use crate::ledger::pg::history::history_access;
use crate::ledger::revisions::ALL;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::{Access, Database};
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::sqlstate;
use crate::postgres::statement::run;
use crate::postgres::transaction::begin_reading;

/// Examines what a configuration names. Reads only.
pub async fn examine_environment(config: &Config, exact: bool) -> Result<Examination, EnvironmentError> {
    let (environment, transport) = (config.environment, &config.transport);
    let zone = || config.source_timezone.clone();
    let target = Database::new(config.target()?, environment, transport)?.in_timezone(zone());
    let source = |it| Ok(Database::another(it, environment, transport, Some(&target))?.in_timezone(zone()));
    let source = config.source.as_ref().map(source).transpose().map_err(EnvironmentError::Connect)?;
    let request = ExamineRequest {
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
pub async fn examine(request: &ExamineRequest<'_>) -> Examination {
    let mut found = Examination::of(request.target.place());
    if let Err(failure) = examine_into(request, &mut found).await {
        let step = step_of(&failure);
        // That the server offers TLS was seen before its certificate was judged.
        if step == TLS {
            found.checks.retain(|it| it.name != TLS);
        }
        found.mark_failed(step, sentence(&failure));
    }
    found
}

const TLS: &str = "tls";

/// The step that an error belongs to.
fn step_of(failure: &SessionError) -> &'static str {
    let SessionError::Connect(error) = failure else { return "schemas" };
    match error {
        ConnectError::Url
        | ConnectError::NoUser
        | ConnectError::User
        | ConnectError::Hosts
        | ConnectError::Parameter { .. } => "name",
        ConnectError::UnknownParameter | ConnectError::PasswordFile { .. } | ConnectError::Name { .. } => "name",
        ConnectError::Timeout { .. } | ConnectError::Unreachable { .. } => "port",
        ConnectError::Silent { .. } | ConnectError::Closed { .. } => "port",
        ConnectError::Unverified { .. } | ConnectError::Tls { .. } => TLS,
        ConnectError::Method { .. } | ConnectError::Password { .. } => "authentication",
        ConnectError::Refused { source, .. } => match source.sqlstate().as_deref() {
            // A server that is full says so before it authenticates the role.
            Some(sqlstate::TOO_MANY_CONNECTIONS) if source.to_string().starts_with("sorry, ") => "authentication",
            Some(
                sqlstate::UNKNOWN_DATABASE
                | sqlstate::INSUFFICIENT_PRIVILEGE
                | sqlstate::NOT_IN_PREREQUISITE_STATE
                | sqlstate::TOO_MANY_CONNECTIONS,
            ) => "database",
            _ => "authentication",
        },
        ConnectError::Version { .. }
        | ConnectError::Standby { .. }
        | ConnectError::Pooler { .. }
        | ConnectError::NoSession { .. }
        | ConnectError::Room { .. }
        | ConnectError::Replica { .. }
        | ConnectError::Query(_) => "database",
    }
}

async fn examine_into(request: &ExamineRequest<'_>, found: &mut Examination) -> Result<(), SessionError> {
    let target = request.target;
    let deadline = Instant::now() + target.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let reached = reach(target, deadline, &mut found.checks).await?;
    // Reaching the server only explains and times: whether there is a session is the driver's result.
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

async fn examine_session(
    request: &ExamineRequest<'_>,
    connection: &mut Session,
    found: &mut Examination,
    reached: Reached,
    spent: Duration,
) -> Result<(), SessionError> {
    let target = request.target;
    let since = Instant::now();
    begin_reading(connection, LIMITS).await?;
    let encrypted: Option<(String, String)> =
        sqlx::query_as("select version, cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl")
            .fetch_optional(&mut *connection)
            .await
            .attempt("reading whether the session is encrypted")?;
    found.checks.retain(|it| it.name != TLS);
    found.checks.push(tls_check(target, request.environment, encrypted, reached.tls));
    let authentication = spent.saturating_sub(reached.tcp + reached.tls.unwrap_or_default());
    let role = target.options.get_username();
    found.checks.push(Check::new("authentication", Status::Pass, role).took(authentication));
    let server = server(connection).await?;
    found.server_version = Some(server.version.clone());
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut *connection)
        .await
        .attempt("reading the database's name")?;
    found.checks.push(Check::new("database", Status::Pass, database).took(since.elapsed()));

    let since = Instant::now();
    let schemas = schemas(connection, request.environment).await?;
    found.checks.push(schemas.took(since.elapsed()));
    if history_access(connection).await?.is_readable {
        check_environment(connection, target, request.environment).await?;
    }
    let mut facts = facts(request, connection, server).await?;
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
    found.block = facts.permissions.block;
    found.optional = facts.permissions.optional;
    found.role = facts.role.name;
    Ok(())
}

fn tls_check(
    target: &Database,
    environment: Environment,
    encrypted: Option<(String, String)>,
    elapsed: Option<Duration>,
) -> Check {
    let local = environment == Environment::Local;
    let mode = target.options.get_ssl_mode();
    let check = match (encrypted, mode) {
        _ if target.options.get_socket().is_some() => Check::new(TLS, Status::Skip, "not needed for a local socket"),
        (None, _) if local => Check::new(TLS, Status::Pass, "not used, and not required in environment local"),
        (None, mode) => {
            let mode = format!("{mode:?}").to_lowercase();
            let text = format!("not used (DB_SSLMODE {mode}): others on the network can read and change what is sent");
            Check::new(TLS, Status::Warn, text)
        }
        (Some((version, cipher)), mode) => {
            let (status, text) = match mode {
                PgSslMode::VerifyFull => {
                    (Status::Pass, "the certificate is valid for this host and signed by a trusted authority")
                }
                PgSslMode::VerifyCa => {
                    (Status::Pass, "the certificate is signed by a trusted authority; its host name isn't checked")
                }
                _ if local => (Status::Pass, "the certificate isn't checked, which environment local doesn't require"),
                _ => (
                    Status::Warn,
                    "the certificate isn't checked, so any server could pose as this one; remove DB_SSLMODE",
                ),
            };
            Check::new(TLS, status, format!("{version}, {cipher}; {text}"))
        }
    };
    elapsed.map_or_else(|| check.clone(), |it| check.clone().took(it))
}

async fn schemas(connection: &mut Session, environment: Environment) -> Result<Check, QueryError> {
    const NAME: &str = "schemas";
    let (application, reference): (bool, bool) = sqlx::query_as(
        "select exists (select from pg_namespace where nspname = 'padealing'), \
         exists (select from pg_namespace where nspname = 'bo_airflow')",
    )
    .fetch_one(connection)
    .await
    .attempt("looking for the schemas")?;
    let local = environment == Environment::Local;
    Ok(match (application, reference) {
        (true, true) => Check::new(NAME, Status::Pass, "padealing and bo_airflow exist"),
        (_, false) if local => {
            Check::new(NAME, Status::Fail, format!("bo_airflow doesn't exist; in a local database {APPLY} creates it"))
        }
        (_, false) => Check::new(
            NAME,
            Status::Fail,
            "bo_airflow doesn't exist; connect to the right database, or have the reference schema set up",
        ),
        (false, true) => {
            Check::new(NAME, Status::Warn, format!("bo_airflow exists, padealing doesn't yet; {APPLY} creates it"))
        }
    })
}

/// The legacy table in a database of its own. A database that can't be read is a failed check.
async fn source_check(request: &ExamineRequest<'_>, source: &Database) -> Check {
    let asked = async {
        let mut connection = source.connect(Access::Read, "doctor").await?;
        begin_reading(&mut connection, LIMITS).await?;
        let mut found =
            TargetFacts { relations: relations(request, &mut connection, &[]).await?, ..TargetFacts::default() };
        let is_readable = found.relations.first().is_some_and(|it| it.readable && !it.policed);
        (found.legacy, _) = legacy(source, &mut connection, request.table, is_readable).await?;
        run(&mut connection, "commit", "ending the transaction").await?;
        if request.exact {
            count_rows(&mut connection, request.table, &mut found).await?;
        }
        let _ = connection.close().await;
        Ok::<_, SessionError>(found)
    };
    let place = format!(" at {}", source.place());
    match asked.await {
        Ok(found) => legacy_table::check(found.relations.first(), &found.legacy, request.table, &place),
        Err(error) => Check::new("legacy_table", Status::Fail, sentence(&error)),
    }
}
