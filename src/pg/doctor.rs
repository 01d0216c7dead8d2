//! Asks a server and a database what they are, step by step, reading only.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection};

use super::{Access, Attempt, ConnectError, Database, QueryError, RefusedError, check_environment, run};
use crate::catalog::MANAGED_TABLES;
use crate::checks::{Check, Status};
use crate::config::{Environment, Roles, TableName};
use crate::doctor::{
    Expectations, Facts, Relation, Role, Rows, SchemaRights, Server, Stranger, TableRights, checks, legacy,
};
use crate::revisions::quote_identifier;
use crate::server::SUPPORTED;

/// What to examine.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The target.
    pub target: &'a Database,
    /// The database with the legacy table, if it is another.
    pub source: Option<&'a Database>,
    /// The environment.
    pub environment: Environment,
    /// The roles that are named.
    pub roles: &'a Roles,
    /// The legacy table.
    pub table: &'a TableName,
    /// Whether rows are counted.
    pub exact: bool,
}

/// Why an examination ended early.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of the same name")]
pub enum DoctorError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Refused(#[from] RefusedError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What an examination has found, as far as it got.
#[derive(Debug)]
pub struct Examination {
    /// The steps of connecting, and then everything else.
    pub checks: Vec<Check>,
    /// The server's version, if it has said so.
    pub server_version: Option<String>,
    /// What it failed with, if it didn't get to the end.
    pub failure: Option<DoctorError>,
}

impl Examination {
    fn has(&self, name: &str) -> bool {
        self.checks.iter().any(|it| it.name == name)
    }

    /// Says at which step it ended: those before it were passed, those after it were not reached.
    fn blame(&mut self, failure: &DoctorError) {
        let wanted = STEPS.iter().position(|it| *it == step_of(failure)).unwrap_or_default();
        // A server that falls silent does so at the first step that it has not answered.
        let at = (wanted..STEPS.len()).find(|at| !self.has(STEPS[*at]));
        for (position, name) in STEPS.into_iter().enumerate().filter(|it| !self.has(it.1)).collect::<Vec<_>>() {
            self.checks.push(match Some(position).cmp(&at) {
                Ordering::Less => Check::new(name, Status::Pass, "passed"),
                Ordering::Equal => Check::new(name, Status::Fail, crate::report::sentence(failure)),
                Ordering::Greater => Check::new(name, Status::Skip, "not reached"),
            });
        }
        if at.is_none() {
            self.checks.push(Check::new("examination", Status::Fail, crate::report::sentence(failure)));
        }
        self.checks.sort_by_key(|it| STEPS.iter().position(|step| *step == it.name).unwrap_or(STEPS.len()));
    }
}

/// How long a statement waits for a lock that somebody holds for a change.
const LOCK_TIMEOUT: &str = "5s";

/// The steps of getting to a database, in order.
const STEPS: [&str; 6] = ["name", "port", "tls", "authentication", "database", "schemas"];

/// Examines the target, and the legacy table's database if it is another. Reads only.
pub async fn examine(request: &Request<'_>) -> Examination {
    let mut found = Examination { checks: Vec::new(), server_version: None, failure: None };
    if let Err(failure) = examine_into(request, &mut found).await {
        found.blame(&failure);
        found.failure = Some(failure);
    }
    found
}

/// The step that an error belongs to.
fn step_of(failure: &DoctorError) -> &'static str {
    let DoctorError::Connect(error) = failure else { return "schemas" };
    match error {
        ConnectError::Url | ConnectError::Name { .. } => "name",
        ConnectError::Timeout { .. } | ConnectError::Unreachable { .. } => "port",
        ConnectError::Silent { .. } | ConnectError::Closed { .. } => "port",
        ConnectError::Unverified { .. } | ConnectError::Tls { .. } => "tls",
        ConnectError::Refused { source, .. } => match source.sqlstate().as_deref() {
            Some("3D000" | "42501" | "55000" | "57P03" | "53300") => "database",
            _ => "authentication",
        },
        ConnectError::Version { .. } | ConnectError::Standby { .. } | ConnectError::Query(_) => "database",
    }
}

async fn examine_into(request: &Request<'_>, found: &mut Examination) -> Result<(), DoctorError> {
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
        let knocked = tokio::time::timeout_at(until, target.clone().knock()).await.map_err(|_| timeout())?;
        knocked.map_err(|error| target.explain(sqlx::Error::Io(error)))?;
        let text = "the socket accepts connections";
        checks.push(Check::new("port", Status::Pass, text).took(since.elapsed()));
        return Ok(Reached { tcp: since.elapsed(), tls: None });
    }
    let since = Instant::now();
    let looked_up = tokio::net::lookup_host((host.as_str(), port));
    let addresses = tokio::time::timeout_at(until, looked_up).await.map_err(|_| timeout())?;
    let addresses: Vec<SocketAddr> = addresses.map_err(|error| target.explain(sqlx::Error::Io(error)))?.collect();
    let named: BTreeSet<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    let named = named.into_iter().collect::<Vec<_>>().join(" and ");
    checks.push(if named == host {
        Check::new("name", Status::Pass, format!("{host} is an address"))
    } else {
        Check::new("name", Status::Pass, format!("{host} is {named}")).took(since.elapsed())
    });
    let since = Instant::now();
    let opened = tokio::time::timeout_at(until, tokio::net::TcpStream::connect(&*addresses)).await;
    let stream = opened.map_err(|_| timeout())?.map_err(|error| target.explain(sqlx::Error::Io(error)))?;
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
    let probed = tokio::task::spawn_blocking(move || probe_tls(stream?, &host, left)).await;
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
) -> Result<(), DoctorError> {
    let target = request.target;
    let since = Instant::now();
    let begin = format!("begin read only; set local lock_timeout = '{LOCK_TIMEOUT}'");
    run(connection, &begin, "starting the transaction").await?;
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
    let server = server(connection).await?;
    found.server_version = Some(server.version.clone());
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut *connection)
        .await
        .attempt("asking for the database's name")?;
    found.checks.push(Check::new("database", Status::Pass, database).took(since.elapsed()));

    let since = Instant::now();
    let schemas = schemas(connection, request.environment).await?;
    found.checks.push(schemas.took(since.elapsed()));
    if super::history_access(connection).await?.1 {
        check_environment(connection, target, request.environment).await?;
    }
    let facts = facts(request, connection, server).await?;
    let revisions: Vec<&str> = crate::revisions::ALL.iter().map(|it| it.number).collect();
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
        run(&mut connection, "begin read only", "starting the transaction").await?;
        let found = relations(request, &mut connection, &[]).await?;
        let _ = connection.close().await;
        Ok::<_, DoctorError>(found)
    };
    let place = format!(" at {}", source.place());
    match asked.await {
        Ok(found) => legacy(found.first(), request.table, &place),
        Err(error) => Check::new("legacy_table", Status::Fail, crate::report::sentence(&error)),
    }
}

async fn server(connection: &mut PgConnection) -> Result<Server, QueryError> {
    const WHAT: &str = "asking the server about itself";
    type Row = (String, i32, bool, bool, String, String, String, i64, i64, i64, i64, i64, i64);
    let row: Row = sqlx::query_as(
        "select split_part(current_setting('server_version'), ' ', 1), \
                current_setting('server_version_num')::int4 / 10000, pg_is_in_recovery(), \
                (select reset_val = 'on' from pg_settings where name = 'default_transaction_read_only'), \
                pg_encoding_to_char(d.encoding)::text, d.datcollate::text, current_setting('log_timezone'), \
                current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8 \
                    - coalesce(current_setting('reserved_connections', true), '0')::int8, \
                (select sum(numbackends)::int8 from pg_stat_database), \
                d.datconnlimit::int8, (select numbackends::int8 from pg_stat_database where datid = d.oid), \
                r.rolconnlimit::int8, (select count(*) from pg_stat_activity where usename = current_user) \
         from pg_database d, pg_roles r where d.datname = current_database() and r.rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await
    .attempt(WHAT)?;
    let (
        version,
        major,
        standby,
        read_only,
        encoding,
        collation,
        clock_zone,
        max,
        used,
        datlimit,
        datused,
        limit,
        mine,
    ) = row;
    // The version of a database's own collation is noted since 15.
    let own = "union all select 'the database''s default', datcollversion, pg_database_collation_actual_version(oid) \
               from pg_database where datname = current_database() \
               and datcollversion <> pg_database_collation_actual_version(oid)";
    let changes = format!(
        "select collname::text, collversion, pg_collation_actual_version(oid) from pg_collation \
         where collversion <> pg_collation_actual_version(oid) and oid in (select attcollation from pg_attribute a \
             join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace \
             where nspname in ('padealing', 'bo_airflow')) {}",
        if major >= 15 { own } else { "" }
    );
    let collation_changes = sqlx::query_as(AssertSqlSafe(changes)).fetch_all(&mut *connection).await.attempt(WHAT)?;
    let zones = sqlx::query_as(
        "select concat_ws(' in ', case when setrole <> 0 then 'role ' || pg_get_userbyid(setrole) end, \
                case when setdatabase <> 0 then 'this database' else 'every database' end), split_part(setting, '=', 2) \
         from pg_db_role_setting, unnest(setconfig) setting where lower(setting) like 'timezone=%' \
           and setdatabase in (0, (select oid from pg_database where datname = current_database())) order by 1",
    )
    .fetch_all(connection)
    .await
    .attempt(WHAT)?;
    Ok(Server {
        version,
        major: major.unsigned_abs(),
        standby,
        read_only,
        encoding,
        collation,
        collation_changes,
        clock_zone,
        zones,
        connections: (max, used),
        database_connections: (datlimit, datused),
        role_connections: (limit, mine),
    })
}

async fn facts(request: &Request<'_>, connection: &mut PgConnection, server: Server) -> Result<Facts, QueryError> {
    let role = role(connection).await?;
    let named = [
        ("DB_OWNER_ROLE", &request.roles.owner),
        ("DB_APP_ROLE", &request.roles.app),
        ("DB_READER_ROLE", &request.roles.reader),
    ];
    let named = named.into_iter().filter_map(|(key, role)| Some((key, role.clone()?)));
    let mut roles: Vec<String> = named.clone().map(|it| it.1).collect();
    roles.push(role.name.clone());
    let attributes: Vec<(String, bool, bool)> =
        sqlx::query_as("select rolname::text, rolsuper, rolbypassrls from pg_roles where rolname = any($1) order by 1")
            .bind(&roles)
            .fetch_all(&mut *connection)
            .await
            .attempt("asking about the roles")?;
    let missing_roles = named.filter(|(_, role)| !attributes.iter().any(|it| it.0 == *role)).collect();
    let special = attributes.into_iter().filter_map(|(role, superuser, bypasses)| match (superuser, bypasses) {
        (true, _) => Some((role, "superuser")),
        (false, true) => Some((role, "BYPASSRLS")),
        (false, false) => None,
    });
    let revisions = match super::history_access(connection).await?.1 {
        true => Some(super::apply::history(connection).await?.into_keys().collect()),
        false => None,
    };
    // Counting is a read of what nobody is known to read: what is known of that comes first.
    let strangers = strangers(connection, request.table, server.major).await?;
    Ok(Facts {
        strangers,
        relations: relations(request, connection, &["padealing", "bo_airflow"]).await?,
        schema_rights: schema_rights(connection, &roles).await?,
        table_rights: table_rights(connection, &roles).await?,
        missing_roles,
        attributes: special.collect(),
        revisions,
        managers: managers(connection).await?,
        server,
        role,
    })
}

async fn role(connection: &mut PgConnection) -> Result<Role, QueryError> {
    type Row = (String, Option<String>, Option<f64>, bool, Option<String>, Option<bool>);
    let (name, until, days, creates_schemas, application_owner, owns_application): Row = sqlx::query_as(
        "select rolname::text, to_char(rolvaliduntil, 'YYYY-MM-DD'), \
                (extract(epoch from rolvaliduntil - now()) / 86400)::float8, \
                has_database_privilege(current_database(), 'create'), \
                (select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'padealing'), \
                (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'padealing') \
         from (select rolname, case when isfinite(rolvaliduntil) then rolvaliduntil end as rolvaliduntil \
               from pg_roles) it where rolname = current_user",
    )
    .fetch_one(connection)
    .await
    .attempt("asking about the role")?;
    Ok(Role { name, valid_until: until.zip(days), creates_schemas, application_owner, owns_application })
}

/// What a relation is called in SQL.
fn kind(relkind: &str) -> &'static str {
    match relkind {
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "table",
    }
}

/// The relations of these schemas, and the legacy table.
///
/// Before version 14 one that nobody has analysed has the estimate 0, as an empty one.
async fn relations(
    request: &Request<'_>,
    connection: &mut PgConnection,
    schemas: &[&str],
) -> Result<Vec<Relation>, QueryError> {
    type Row = (String, String, String, f32, i64, i64, bool, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, c.relkind::text, \
                case when c.reltuples = 0 and c.relpages = 0 and current_setting('server_version_num')::int4 < 140000 \
                     then -1 else c.reltuples end, pg_total_relation_size(c.oid), \
                pg_relation_size(c.oid), \
                has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'), \
                row_security_active(c.oid) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and (n.nspname = any($1) or n.nspname = $2 and c.relname = $3 \
                 or n.nspname = 'public' and 'padealing' = any($1) and c.relname = any($4)) \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e') \
         order by n.nspname = 'padealing' desc, n.nspname = 'bo_airflow' desc, 1, 2",
    )
    .bind(schemas)
    .bind(&request.table.schema)
    .bind(&request.table.name)
    .bind(MANAGED_TABLES)
    .fetch_all(&mut *connection)
    .await
    .attempt("listing the tables")?;
    let mut found = Vec::new();
    for (schema, name, relkind, estimate, bytes, main, readable, policed) in rows {
        let estimated = if estimate < 0.0 { Rows::Unknown } else { Rows::Estimate(estimate as i64) };
        let stored = ["r", "m"].contains(&relkind.as_str());
        let quoted = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let may_look = readable && !policed && relkind != "v";
        let is_needed = schema == "bo_airflow" || schema == request.table.schema && name == request.table.name;
        let filled = match (stored && main == 0, may_look && is_needed) {
            (true, _) => Some(false),
            (false, true) => Some(ask(connection, &format!("select exists (select from {quoted})")).await?),
            // Who may not look, or must not be seen to, takes the file's size for an answer.
            (false, false) => (schema == "padealing").then_some(true),
        };
        let rows = match (request.exact, may_look) {
            (true, true) => Rows::Exact(ask(connection, &format!("select count(*) from {quoted}")).await?),
            _ if relkind == "v" => Rows::View,
            (true, false) => Rows::Hidden,
            (false, _) => estimated,
        };
        found.push(Relation { schema, name, kind: kind(&relkind), rows, bytes, readable, filled, policed });
    }
    Ok(found)
}

async fn ask<T>(connection: &mut PgConnection, sql: &str) -> Result<T, QueryError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.attempt("looking at a table's rows")
}

/// What is known of the relations of `padealing` that are neither ours nor known to be somebody's.
async fn strangers(connection: &mut PgConnection, legacy: &TableName, major: u32) -> Result<Vec<Stranger>, QueryError> {
    type Row = (
        String,
        String,
        String,
        Option<String>,
        Option<String>,
        Vec<String>,
        i64,
        i64,
        Option<String>,
        Option<String>,
        Option<f64>,
    );
    let last_read = if major >= 16 { "greatest(s.last_seq_scan, s.last_idx_scan)" } else { "null::timestamptz" };
    let sql = format!(
        "select c.relname::text, c.relkind::text, pg_get_userbyid(c.relowner)::text, obj_description(c.oid, 'pg_class'), \
                (select string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum) \
                 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), \
                array(select format('%s %s', case v.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'rule on' end, v.oid::regclass) \
                      from pg_depend d join pg_rewrite w on w.oid = d.objid join pg_class v on v.oid = w.ev_class \
                      where d.classid = 'pg_rewrite'::regclass and d.refobjid = c.oid and v.oid <> c.oid \
                      union select format('foreign key %s of %s', conname, conrelid::regclass) from pg_constraint \
                      where contype = 'f' and confrelid = c.oid and conrelid <> c.oid \
                      union select format('function %s', objid::regprocedure) from pg_depend \
                      where classid = 'pg_proc'::regclass and refobjid in (c.oid, c.reltype) order by 1), \
                coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0), \
                coalesce(s.n_tup_ins, 0) + coalesce(s.n_tup_upd, 0) + coalesce(s.n_tup_del, 0), \
                (select to_char(stats_reset, 'YYYY-MM-DD') from pg_stat_database where datname = current_database()), \
                to_char({last_read}, 'YYYY-MM-DD'), (extract(epoch from now() - {last_read}) / 86400)::float8 \
         from pg_class c left join pg_stat_all_tables s on s.relid = c.oid \
         where c.relnamespace = (select oid from pg_namespace where nspname = 'padealing') \
           and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> all($1) and c.relname <> 'alembic_version' \
           and not ($2 = 'padealing' and c.relname = $3) \
           and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e') \
         order by 1"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(MANAGED_TABLES)
        .bind(&legacy.schema)
        .bind(&legacy.name)
        .fetch_all(connection)
        .await
        .attempt("looking at unknown tables")?;
    let stranger =
        |(name, relkind, owner, comment, columns, dependents, reads, writes, since, last, days): Row| Stranger {
            name,
            kind: kind(&relkind),
            owner,
            comment,
            columns: columns.unwrap_or_default(),
            dependents,
            reads,
            writes,
            since,
            last_read: last.zip(days),
        };
    Ok(rows.into_iter().map(stranger).collect())
}

async fn schema_rights(connection: &mut PgConnection, roles: &[String]) -> Result<Vec<SchemaRights>, QueryError> {
    // An identity's sequence needs no privilege of its own.
    let rows: Vec<(String, String, bool, bool, i64)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, has_schema_privilege(r.oid, n.oid, 'usage'), \
                has_schema_privilege(r.oid, n.oid, 'create'), \
                (select count(*) from pg_class c where c.relnamespace = n.oid \
                   and case c.relkind when 'S' then not has_sequence_privilege(r.oid, c.oid, 'usage') end and not exists (select from pg_depend \
                       where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'i')) \
         from pg_roles r, pg_namespace n where r.rolname = any($1) and n.nspname in ('padealing', 'bo_airflow') \
         order by 1, n.nspname = 'padealing' desc",
    )
    .bind(roles)
    .fetch_all(connection)
    .await
    .attempt("asking for rights on the schemas")?;
    let rights = |(role, schema, usage, create, closed_sequences)| SchemaRights {
        role,
        schema,
        usage,
        create,
        closed_sequences,
    };
    Ok(rows.into_iter().map(rights).collect())
}

async fn table_rights(connection: &mut PgConnection, roles: &[String]) -> Result<Vec<TableRights>, QueryError> {
    let rows: Vec<(String, String, String, Vec<String>)> = sqlx::query_as(
        "select r.rolname::text, n.nspname::text, c.relname::text, \
                array(select it from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES']) it \
                      where has_table_privilege(r.oid, c.oid, it)) \
         from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where r.rolname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f') \
           and (n.nspname = 'bo_airflow' or n.nspname = 'padealing' and c.relname = any($2)) order by 1, 2, 3",
    )
    .bind(roles)
    .bind(MANAGED_TABLES)
    .fetch_all(connection)
    .await
    .attempt("asking for rights on the tables")?;
    let rights = |(role, schema, table, privileges)| TableRights { role, schema, table, privileges };
    Ok(rows.into_iter().map(rights).collect())
}

/// Tables in which programs keep the history of a schema, and the programs.
const HISTORIES: [(&str, &str); 12] = [
    ("alembic_version", "Alembic"),
    ("flyway_schema_history", "Flyway"),
    ("databasechangelog", "Liquibase"),
    ("django_migrations", "Django"),
    ("schema_migrations", "Rails, golang-migrate or dbmate"),
    ("goose_db_version", "goose"),
    ("knex_migrations", "Knex"),
    ("_prisma_migrations", "Prisma"),
    ("SequelizeMeta", "Sequelize"),
    ("_sqlx_migrations", "sqlx"),
    ("__diesel_schema_migrations", "Diesel"),
    ("refinery_schema_history", "refinery"),
];

async fn managers(connection: &mut PgConnection) -> Result<Vec<(String, &'static str, Option<String>)>, QueryError> {
    const WHAT: &str = "looking for other programs' histories";
    let names = HISTORIES.map(|it| it.0);
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text, has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p') and c.relname = any($1) order by 1, 2",
    )
    .bind(&names[..])
    .fetch_all(&mut *connection)
    .await
    .attempt(WHAT)?;
    let mut found = Vec::new();
    for (schema, name, readable) in rows {
        let Some((table, program)) = HISTORIES.iter().find(|it| it.0 == name) else { continue };
        let quoted = format!("{}.{}", quote_identifier(&schema), quote_identifier(&name));
        let version = match *table == "alembic_version" && readable {
            true => {
                let sql = format!("select string_agg(version_num, ', ' order by version_num) from {quoted}");
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.attempt(WHAT)?
            }
            false => (*table == "alembic_version").then(|| "may not be read".to_owned()),
        };
        found.push((format!("{schema}.{name}"), *program, version));
    }
    Ok(found)
}
