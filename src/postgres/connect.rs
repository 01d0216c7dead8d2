//! Getting to a database: the address resolved, a session opened with pinned settings, and why there is none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rustls::CertificateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::base::version::SUPPORTED;
use crate::config::environment::Environment;
use crate::config::settings::{Endpoint, Transport};
use crate::postgres::session::{Attempt, Cause, QueryError, run};

/// Why there is no connection. Each is one sentence that says where, what, and what to do.
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
    /// The host's name means nothing here.
    #[error(
        "connecting to {place} failed: no address is known for {host} ({reason}); \
         check the spelling, and the VPN and the name service of this machine"
    )]
    Name {
        /// Host, port, database and role.
        place: String,
        /// The host.
        host: String,
        /// The system's word.
        reason: String,
    },
    /// Nobody answered in time.
    #[error(
        "connecting to {place} took longer than {seconds} s and nothing answered; \
         check the host and the port, the VPN, and firewalls on the way"
    )]
    Timeout {
        /// Host, port, database and role.
        place: String,
        /// DB_CONNECT_TIMEOUT.
        seconds: u64,
    },
    /// Somebody accepted the connection, and then said nothing.
    #[error(
        "connecting to {place} took longer than {seconds} s: the port accepts connections and PostgreSQL doesn't answer; \
         check the port, and whether the server or a proxy before it hangs"
    )]
    Silent {
        /// Host, port, database and role.
        place: String,
        /// DB_CONNECT_TIMEOUT.
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
    /// Whoever answers doesn't speak PostgreSQL's protocol to its end.
    #[error(
        "connecting to {place} failed: the connection was closed before PostgreSQL had answered; \
         check that the port is PostgreSQL's and not something else's, and the server's log"
    )]
    Closed {
        /// Host, port, database and role.
        place: String,
    },
    /// The server asks for something that the driver doesn't know.
    #[error(
        "connecting to {place} failed: the server asks for a way of authentication that this program doesn't have ({reason}); \
         have the role let in by password or certificate (pg_hba.conf)"
    )]
    Method {
        /// Host, port, database and role.
        place: String,
        /// The driver's word.
        reason: String,
    },
    /// There is no TLS, or none that can be trusted.
    #[error("connecting to {place} failed: TLS: {problem}")]
    Tls {
        /// Host, port, database and role.
        place: String,
        /// Which check failed, and what to do.
        problem: String,
    },
    /// The server, or the way to it, said no.
    #[error("connecting to {place} failed: {source}{}", advice(.source, *.with_password))]
    Refused {
        /// Host, port, database and role.
        place: String,
        /// Whether a password was sent.
        with_password: bool,
        /// The cause.
        source: Cause,
    },
    /// The server is too old.
    #[error(
        "the server at {place} is PostgreSQL {version}; versions {} to {} are supported: name another server",
        SUPPORTED.start(),
        SUPPORTED.end()
    )]
    Version {
        /// Host, port, database and role.
        place: String,
        /// Its version.
        version: String,
    },
    /// Something was to be written, and the server can't.
    #[error("the server at {place} is a standby, on which nothing can be written; name the primary")]
    Standby {
        /// Host, port, database and role.
        place: String,
    },
    /// The session could not be set up.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What to do when a server refuses a session (documentation, appendix A, PostgreSQL Error Codes).
fn advice(cause: &Cause, with_password: bool) -> String {
    let sqlx::Error::Database(error) = &cause.0 else { return String::new() };
    let unencrypted = ["no encryption", "SSL off"].iter().any(|it| error.message().contains(it));
    let what = match error.code().as_deref() {
        Some("28P01") if !with_password => {
            "no password was given: set DB_PASSWORD, or add a line to ~/.pgpass, readable by you alone"
        }
        Some("28P01") => "check the role and its password; one that has expired is refused in the same words",
        Some("28000") if unencrypted => {
            "it may want TLS from this machine (leave DB_SSLMODE out), or not let this role in at all (pg_hba.conf)"
        }
        Some("28000") if error.message().contains("client certificate") => {
            "name our certificate and its key in DB_SSLCERT and DB_SSLKEY"
        }
        Some("28000") => {
            "check the role, or ask the server's administrator to let it in from this machine (pg_hba.conf)"
        }
        Some("3D000") => "check the name of the database",
        Some("42501") => "have the role granted CONNECT on the database",
        Some("53300") => "wait until others have disconnected, or have the limit raised",
        Some("57P03") => "wait until the server is ready, then run this again",
        Some("55000") => "have the database's administrator allow connections again",
        _ => return String::new(),
    };
    format!("; {what}")
}

/// Which check of TLS failed, and what to do.
fn tls_problem(error: &rustls::Error, host: &str, root_cert: Option<&Path>) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired, or this machine's clock is wrong; have it renewed".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate isn't valid yet, or this machine's clock is wrong".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let presented = match why {
                    CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                        // DnsName("db.example.com"), as rustls has it.
                        let names: Vec<&str> = presented.iter().map(|it| it.split('"').nth(1).unwrap_or(it)).collect();
                        format!(" but for {}", names.join(" and "))
                    }
                    _ => String::new(),
                };
                format!(
                    "the server's certificate is not for {host}{presented}; connect by a name that it is for, \
                     or give up checking the name with DB_SSLMODE=verify-ca"
                )
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => match root_cert {
                None => "nobody whom this machine trusts has signed the server's certificate; \
                         put the certificate of the authority that did into a file and name it in DB_SSLROOTCERT"
                    .to_owned(),
                Some(path) => format!(
                    "the server's certificate is signed by nobody whom this machine trusts, nor by an authority whose \
                     certificate is in {} (DB_SSLROOTCERT); put the right one there",
                    path.display()
                ),
            },
            other => format!("the server's certificate is refused: {other}"),
        },
        rustls::Error::InconsistentKeys(_) => {
            "the key in DB_SSLKEY isn't that of the certificate in DB_SSLCERT; name the one that belongs to it"
                .to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!(
            "the server refuses our side of it ({alert:?}); check the client certificate in DB_SSLCERT and DB_SSLKEY"
        ),
        other => other.to_string(),
    }
}

/// The error of TLS in an error of the connection, which the driver hands on in several wrappings.
fn as_tls(error: &sqlx::Error) -> Option<&rustls::Error> {
    match error {
        sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
        sqlx::Error::Tls(error) => error.downcast_ref(),
        _ => None,
    }
}

/// How to connect to one database, all settings resolved.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) options: PgConnectOptions,
    pub(crate) timeout: Duration,
    root_cert: Option<PathBuf>,
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
        // A socket's folder that comes from PGHOST.
        if options.get_socket().is_none() && options.get_host().starts_with('/') {
            let folder = options.get_host().to_owned();
            options = options.socket(folder);
        }
        if options.get_socket().is_some() {
            // There is no TLS on a socket, and nobody between its two ends.
            options = options.ssl_mode(PgSslMode::Disable);
        }
        if let Some(cert) = &transport.ssl_root_cert {
            options = options.ssl_root_cert(cert);
        }
        if let Some((cert, key)) = &transport.client_cert {
            options = options.ssl_client_cert(cert).ssl_client_key(key);
        }
        // An address of IPv6 is in brackets in a URL, and nowhere else.
        let host = options.get_host().trim_matches(['[', ']']).to_owned();
        let options = options.host(&host).disable_statement_logging();
        Ok(Self { options, timeout: transport.connect_timeout, root_cert: transport.ssl_root_cert.clone() })
    }

    /// The same server and role, another database.
    pub fn named(&self, database: &str) -> Self {
        Self { options: self.options.clone().database(database), ..self.clone() }
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
        self.connect_within(self.timeout, access, activity).await
    }

    /// The same, in what is left of the time.
    pub(crate) async fn connect_within(
        &self,
        left: Duration,
        access: Access,
        activity: &str,
    ) -> Result<PgConnection, ConnectError> {
        let half = left / 2;
        let mut opening = std::pin::pin!(self.open(access, activity));
        if let Ok(opened) = tokio::time::timeout(half, &mut opening).await {
            return opened;
        }
        // So slow that somebody has to see whether anybody is there at all.
        let knocking = tokio::spawn(self.clone().knock());
        if let Ok(opened) = tokio::time::timeout(left - half, opening).await {
            return opened;
        }
        let accepted = knocking.is_finished() && matches!(knocking.await, Ok(Ok(())));
        let (place, seconds) = (self.place(), self.timeout.as_secs());
        Err(if accepted { ConnectError::Silent { place, seconds } } else { ConnectError::Timeout { place, seconds } })
    }

    /// Whether the server's port, or socket, accepts connections.
    pub(crate) async fn knock(self) -> std::io::Result<()> {
        match self.options.get_socket() {
            Some(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{}", self.options.get_port()));
                tokio::net::UnixStream::connect(socket).await.map(|_| ())
            }
            None => {
                let address = (self.options.get_host(), self.options.get_port());
                tokio::net::TcpStream::connect(address).await.map(|_| ())
            }
        }
    }

    /// What an error of the driver means.
    pub(crate) fn explain(&self, error: sqlx::Error) -> ConnectError {
        let place = self.place();
        let host = self.options.get_host().to_owned();
        if let Some(tls) = as_tls(&error) {
            return ConnectError::Tls { place, problem: tls_problem(tls, &host, self.root_cert.as_deref()) };
        }
        match error {
            // The standard library has no kind for it.
            sqlx::Error::Io(error) if error.to_string().contains("failed to lookup address") => {
                let reason = error.to_string();
                let reason = reason.rsplit_once(": ").map_or(&*reason, |it| it.1).to_owned();
                ConnectError::Name { place, host, reason }
            }
            sqlx::Error::Io(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                ConnectError::Closed { place }
            }
            sqlx::Error::Protocol(reason) if reason.contains("uthenticat") || reason.contains("SASL") => {
                ConnectError::Method { place, reason }
            }
            sqlx::Error::Protocol(_) => ConnectError::Closed { place },
            sqlx::Error::Io(error)
                if self.options.get_socket().is_none()
                    && matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory
                    ) =>
            {
                let problem = format!(
                    "a file of certificates or keys can't be read ({error}); check sslrootcert, sslcert and sslkey in the URL, \
                     and the variables PGSSLROOTCERT, PGSSLCERT and PGSSLKEY"
                );
                ConnectError::Tls { place, problem }
            }
            sqlx::Error::Configuration(error) => {
                ConnectError::Tls { place, problem: format!("{error}; check the client certificate and its key") }
            }
            sqlx::Error::Io(source) => ConnectError::Unreachable { place, source },
            // The driver's only word for a server that declines.
            sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => {
                let problem = "the server has it switched off; have it switched on, \
                               or ask for an unencrypted connection with DB_SSLMODE=disable"
                    .to_owned();
                ConnectError::Tls { place, problem }
            }
            sqlx::Error::Tls(error) => ConnectError::Tls { place, problem: error.to_string() },
            source => {
                // Not with our own host and role, which the driver puts into a URL as they are, and panics.
                let plain = self.options.clone().host("h").username("u").to_url_lossy();
                let with_password = plain.password().is_some_and(|it| !it.is_empty());
                ConnectError::Refused { place, with_password, source: Cause(source) }
            }
        }
    }

    /// The connection as PostgreSQL's own programs take it from their environment (PostgreSQL 34.15).
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let options = &self.options;
        let mode = match options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        };
        let socket = options.get_socket().map(|it| it.display().to_string());
        let mut variables = vec![
            ("PGHOST", socket.unwrap_or_else(|| options.get_host().to_owned())),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", options.get_username().to_owned()),
            ("PGDATABASE", options.get_database().unwrap_or(options.get_username()).to_owned()),
            ("PGSSLMODE", mode.to_owned()),
            ("PGCONNECT_TIMEOUT", self.timeout.as_secs().max(2).to_string()),
        ];
        // Not with our own host and role, which the driver puts into a URL as they are, and panics.
        let url = options.clone().host("h").username("u").to_url_lossy();
        variables.extend(url.password().map(|it| ("PGPASSWORD", percent_decode(it))));
        variables.extend(self.root_cert.iter().map(|it| ("PGSSLROOTCERT", it.display().to_string())));
        variables
    }

    async fn open(&self, access: Access, activity: &str) -> Result<PgConnection, ConnectError> {
        let options = self.options.clone().application_name(&format!("pad-migrate {activity}"));
        let mut connection = PgConnection::connect_with(&options).await.map_err(|error| self.explain(error))?;
        let place = self.place();
        if let Some(number) = connection.server_version_num().filter(|it| *it < SUPPORTED.start() * 10_000) {
            // 9.6.24 was 90624, 12.22 is 120022.
            let minor = if number < 100_000 { number / 100 % 100 } else { number % 10_000 };
            let version = format!("{}.{minor}", number / 10_000);
            return Err(ConnectError::Version { place, version });
        }
        // Rows that a policy hides would be lost in silence: without row security the server says so instead.
        // A cached plan would stay what it was when the tables were empty: force_custom_plan has each batch planned
        // for the tables as they are. Just-in-time compilation costs more than these short statements take.
        let mut settings = String::from(
            "set search_path = pg_catalog; set datestyle = 'ISO'; set intervalstyle = 'postgres'; \
             set timezone = 'UTC'; set extra_float_digits = 3; set bytea_output = 'hex'; set lc_monetary = 'C'; \
             set standard_conforming_strings = on; set plan_cache_mode = force_custom_plan; set jit = off; \
             set lock_timeout = '30s'; set idle_in_transaction_session_timeout = 0; \
             set row_security = off; set quote_all_identifiers = off; ",
        );
        if connection.server_version_num().is_some_and(|it| it >= 140_000) {
            settings.push_str("set idle_session_timeout = 0; ");
        }
        if access == Access::Read {
            settings.push_str("set default_transaction_read_only = on; set statement_timeout = '10min'; ");
        } else {
            settings.push_str("set statement_timeout = 0; ");
        }
        run(&mut connection, &settings, "setting up the session").await?;
        if access == Access::Write {
            let standby: bool = sqlx::query_scalar("select pg_is_in_recovery()")
                .fetch_one(&mut connection)
                .await
                .attempt("asking whether the server is a standby")?;
            if standby {
                return Err(ConnectError::Standby { place });
            }
        }
        Ok(connection)
    }
}

/// What a part of a URL says.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code =
            after.get(..2).and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| u8::from_str_radix(it, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text as a URL's query holds it.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|it| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}
