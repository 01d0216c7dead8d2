//! A database's address, with all settings resolved.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::OnceCell;

use crate::config::environment::Environment;
use crate::config::settings::{Endpoint, Roles, Transport};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::Cause;
use crate::postgres::room::{While, is_full};
use crate::postgres::sqlstate::is_unknown_setting;
use crate::postgres::undelayed;
use crate::postgres::{tls, url};

/// How to connect to one database, all settings resolved.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) options: PgConnectOptions,
    pub(crate) timeout: Duration,
    root_cert: Option<PathBuf>,
    client_cert: Option<(PathBuf, PathBuf)>,
    /// Whether a connection is a session: found out once.
    pub(crate) is_session: Arc<OnceCell<()>>,
    /// How many sessions the command has open at once.
    pub(crate) at_once: usize,
    /// How many fewer there would be with fewer --jobs.
    pub(crate) spare: usize,
    /// Whether the other end doesn't know what a session begins with: an older server, a pooler.
    begins_plainly: Arc<AtomicBool>,
    /// The server's processes of the sessions that are open, and when each began.
    sessions: Arc<Mutex<BTreeMap<i32, String>>>,
    pub(crate) patience: Patience,
    /// What people are to know while a command waits.
    note: Option<fn(&str)>,
    /// What the command is at now.
    phase: Option<fn(&str)>,
    /// What the server waits for, if it waits for another session.
    wait: Option<fn(Option<&str>)>,
    /// The time zone in which a source's `timestamptz` columns are read.
    pub(crate) timezone: Option<String>,
    /// The roles of padealing there: which statements are offered to a role that lacks privileges depends on them.
    pub(crate) roles: Roles,
}

fn strictness(mode: PgSslMode) -> u8 {
    match mode {
        PgSslMode::Disable => 0,
        PgSslMode::Allow => 1,
        PgSslMode::Prefer => 2,
        PgSslMode::Require => 3,
        PgSslMode::VerifyCa => 4,
        PgSslMode::VerifyFull => 5,
    }
}

/// How long a session waits before it asks what became of what it waits for, and before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before anybody asks.
    pub first: Duration,
    /// Between two questions.
    pub every: Duration,
    /// For a connection and an answer.
    pub asking: Duration,
    /// The server has answered, or waits for us, and we have not heard it: a large answer may be so long on its way.
    pub on_its_way: Duration,
    /// For a synchronous standby.
    pub standby: Duration,
    /// How long the server keeps a session of ours that it hears nothing of, twice as long as the session is silent on
    /// purpose, or longer.
    pub unheard: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            every: Duration::from_secs(8),
            asking: Duration::from_secs(8),
            on_its_way: Duration::from_secs(40),
            standby: Duration::from_secs(60),
            unheard: Duration::from_secs(60),
        }
    }
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
        let (options, own) = url::parse(endpoint)?;
        let asked = transport.ssl_mode.as_deref().and_then(|it| PgSslMode::from_str(it).ok());
        let mode = match (asked, environment, own.unwrap_or(options.get_ssl_mode())) {
            // Of two that are asked for, the stricter.
            (Some(asked), _, _) => own.filter(|own| strictness(*own) > strictness(asked)).unwrap_or(asked),
            (None, Environment::Local, mode) => mode,
            (None, _, mode @ (PgSslMode::VerifyCa | PgSslMode::VerifyFull)) => mode,
            // The driver's default; a URL's own `prefer` doesn't ask for less.
            (None, _, PgSslMode::Prefer) => PgSslMode::VerifyFull,
            (None, _, _) if options.get_socket().is_none() => return Err(ConnectError::Unverified { environment }),
            (None, _, mode) => mode,
        };
        let mut options = options.ssl_mode(mode);
        // A socket's folder that comes from PGHOST.
        if options.get_socket().is_none() && options.get_host().starts_with('/') {
            let folder = options.get_host().to_owned();
            options = options.socket(folder);
        }
        if options.get_socket().is_some() {
            // There is no TLS on a socket, and no network between its two ends.
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
        // A pooler refuses what it doesn't know at the beginning; every session sets it anyway.
        let options = options.extra_float_digits(None);
        Ok(Self {
            options,
            timeout: transport.connect_timeout,
            root_cert: transport.ssl_root_cert.clone(),
            client_cert: transport.client_cert.clone(),
            is_session: Arc::default(),
            at_once: 1,
            spare: 0,
            begins_plainly: Arc::default(),
            sessions: Arc::default(),
            patience: Patience::default(),
            note: None,
            phase: None,
            wait: None,
            timezone: None,
            roles: Roles::default(),
        })
    }

    /// Resolves another database than the target. What DB_SSLMODE and the environment allow is meant for the target's
    /// server and for this machine: on any other server TLS is verified unless the database's own URL asks for less, so
    /// that no password is sent there in clear.
    pub fn another(
        endpoint: &Endpoint,
        environment: Environment,
        transport: &Transport,
        target: Option<&Self>,
    ) -> Result<Self, ConnectError> {
        let found = Self::new(endpoint, environment, transport)?;
        let (_, own) = url::parse(endpoint)?;
        let is_meant = match target {
            Some(target) => target.options.get_host() == found.options.get_host(),
            None => transport.ssl_mode.is_some(),
        };
        if own.is_some() || is_meant || found.is_loopback() {
            return Ok(found);
        }
        Ok(Self { options: found.options.ssl_mode(PgSslMode::VerifyFull), ..found })
    }

    /// The same; what people are to know while a command works or waits is said.
    pub(crate) fn noting(self, note: fn(&str), phase: fn(&str), wait: fn(Option<&str>)) -> Self {
        Self { note: Some(note), phase: Some(phase), wait: Some(wait), ..self }
    }

    /// The same; nothing is said, since nobody waits for it at the terminal.
    #[cfg(feature = "serve")]
    pub(crate) fn silent(self) -> Self {
        Self { note: None, phase: None, wait: None, ..self }
    }

    /// The same; the roles of padealing there are these.
    pub(crate) fn with_roles(self, roles: &Roles) -> Self {
        Self { roles: roles.clone(), ..self }
    }

    /// The same; the command has so many sessions open at once, which is tried out with the first.
    pub(crate) fn for_sessions(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// The same for one session, of which nothing is known yet.
    pub(crate) fn for_one_session(&self) -> Self {
        Self { is_session: Arc::default(), at_once: 1, ..self.clone() }
    }

    /// The same for one session more than the command needs: connecting finds out whether there is room, for the one
    /// that asks after the others, too.
    pub(crate) fn for_one_more(&self) -> Self {
        self.for_more_sessions(self.at_once + 1)
    }

    /// The same for more sessions than were tried out; connecting finds out whether there is room.
    pub(crate) fn for_more_sessions(&self, at_once: usize) -> Self {
        Self { is_session: Arc::default(), at_once, ..self.clone() }
    }

    /// The same; of these sessions so many can be done without, with fewer --jobs.
    pub(crate) fn with_spare(self, spare: usize) -> Self {
        Self { spare, ..self }
    }

    /// The same server and role, another database.
    pub fn named(&self, database: &str) -> Self {
        let options = self.options.clone().database(database);
        Self { options, ..self.for_one_session() }
    }

    /// A connection, nothing of a session's set on it. Where connections are known to be sessions, the server ends it
    /// in time from its beginning on, and not only from the first statement on that it hears; what doesn't know these
    /// settings gets none.
    pub(crate) async fn dial(&self, activity: &str) -> Result<PgConnection, sqlx::Error> {
        let connection = self.dial_delayed(activity).await?;
        if self.options.get_socket().is_none() {
            undelayed::send_at_once();
        }
        Ok(connection)
    }

    /// The same, tried again for a while where the server has no connection left at first.
    pub(crate) async fn dial_when_there_is_room(&self, activity: &str) -> Result<PgConnection, sqlx::Error> {
        let patience = While::of(self.timeout);
        loop {
            match self.dial(activity).await {
                Err(error) if is_full(&error) && patience.lasts().await => {}
                dialled => return dialled,
            }
        }
    }

    async fn dial_delayed(&self, activity: &str) -> Result<PgConnection, sqlx::Error> {
        let plain = self.options.clone().application_name(&format!("pad-migrate {activity}"));
        if !self.is_session.initialized() || self.begins_plainly.load(Ordering::Relaxed) {
            return plain.connect().await;
        }
        let unheard = self.patience.unheard.as_millis().to_string();
        let limits = ["idle_in_transaction_session_timeout", "idle_session_timeout", "tcp_user_timeout"];
        let limited = plain.clone().options(limits.map(|it| (it, unheard.as_str())));
        match limited.connect().await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref().is_some_and(is_unknown_setting) => {
                self.begins_plainly.store(true, Ordering::Relaxed);
                plain.connect().await
            }
            result => result,
        }
    }

    /// Host, port, database and role, for people; never the password.
    pub fn place(&self) -> String {
        let options = &self.options;
        let host = match options.get_socket() {
            Some(socket) => format!("{}:{}", socket.display(), options.get_port()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        format!("{host}/{database} as {}", options.get_username())
    }

    /// What TLS has to prove, as `sslmode` says it.
    pub fn ssl_mode(&self) -> &'static str {
        match self.options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        }
    }

    /// Whether the server is on this machine, as far as its address shows.
    pub fn is_loopback(&self) -> bool {
        let host = self.options.get_host();
        self.options.get_socket().is_some()
            || host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
    }

    /// Whether the server's port, or socket, accepts connections.
    pub(crate) async fn probe(self) -> std::io::Result<()> {
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

    /// What an error of the driver means here.
    pub(crate) fn connect_error(&self, error: sqlx::Error) -> ConnectError {
        let place = self.place();
        let host = self.options.get_host().to_owned();
        if let Some(tls) = tls::as_tls(&error) {
            return ConnectError::Tls { place, problem: tls::problem(tls, &host, self.root_cert.as_deref()) };
        }
        match error {
            // The standard library has no kind for it.
            sqlx::Error::Io(error) if error.to_string().contains("failed to lookup address") => {
                let reason = error.to_string();
                let reason = reason.rsplit_once(": ").map_or(&*reason, |(_, last)| last).to_owned();
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
                    "a certificate or key file can't be read ({error}); check sslrootcert, sslcert and sslkey in the \
                     URL, and the variables PGSSLROOTCERT, PGSSLCERT and PGSSLKEY"
                );
                ConnectError::Tls { place, problem }
            }
            // The driver's words show the character.
            sqlx::Error::Configuration(error) if error.to_string().contains("saslprep") => {
                ConnectError::Password { place }
            }
            sqlx::Error::Configuration(error) => {
                ConnectError::Tls { place, problem: format!("{error}; check the client certificate and its key") }
            }
            sqlx::Error::Io(source) => ConnectError::Unreachable { place, source },
            // The driver has no variant for a server that declines.
            sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => {
                let problem = "the server has TLS switched off; switch it on there (ssl = on), \
                               or allow an unencrypted connection with DB_SSLMODE=disable"
                    .to_owned();
                ConnectError::Tls { place, problem }
            }
            sqlx::Error::Tls(error) => ConnectError::Tls { place, problem: error.to_string() },
            source => {
                let with_password = url::password(&self.options).is_some_and(|it| !it.is_empty());
                ConnectError::Refused { place, with_password, source: Cause(source) }
            }
        }
    }

    /// Whether a session may begin with settings: not behind every pooler. Found out by a connection.
    pub(crate) async fn takes_settings(&self) -> Result<bool, ConnectError> {
        let connection = self.dial("connect").await.map_err(|error| self.connect_error(error))?;
        let _ = connection.close().await;
        Ok(!self.begins_plainly.load(Ordering::Relaxed))
    }

    /// The connection as PostgreSQL's client programs read it from their environment (documentation, libpq,
    /// Environment Variables).
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let options = &self.options;
        let socket = options.get_socket().map(|it| it.display().to_string());
        let mut variables = vec![
            ("PGHOST", socket.unwrap_or_else(|| options.get_host().to_owned())),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", options.get_username().to_owned()),
            ("PGDATABASE", options.get_database().unwrap_or(options.get_username()).to_owned()),
            ("PGSSLMODE", self.ssl_mode().to_owned()),
            ("PGCONNECT_TIMEOUT", self.timeout.as_secs().max(2).to_string()),
        ];
        variables.extend(url::password(options).map(|it| ("PGPASSWORD", it)));
        variables.extend(options.get_options().map(|it| ("PGOPTIONS", it.to_owned())));
        if let Some((cert, key)) = &self.client_cert {
            variables.extend([("PGSSLCERT", cert.display().to_string()), ("PGSSLKEY", key.display().to_string())]);
        }
        variables.extend(self.root_cert.iter().map(|it| ("PGSSLROOTCERT", it.display().to_string())));
        variables
    }

    /// Whether certificate authorities are named beside the system's.
    pub(crate) fn has_root_cert(&self) -> bool {
        self.root_cert.is_some()
    }

    /// The same, with other patience.
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same as a source whose `timestamptz` columns are read in a time zone.
    pub fn in_timezone(self, timezone: Option<String>) -> Self {
        Self { timezone, ..self }
    }

    /// The open sessions.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, BTreeMap<i32, String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the command is at now, if anybody listens.
    pub(crate) fn phase(&self, name: &str) {
        if let Some(phase) = self.phase {
            phase(name);
        }
    }

    /// Says what the server waits for, or that it no longer does, if anybody listens.
    pub(crate) fn wait(&self, what: Option<&str>) {
        if let Some(wait) = self.wait {
            wait(what);
        }
    }

    /// Says something to people, if anybody listens.
    pub(crate) fn note(&self, text: &str) {
        if let Some(note) = self.note {
            note(text);
        }
    }
}
