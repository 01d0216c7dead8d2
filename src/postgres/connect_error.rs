//! Why there is no session: what failed, where, and what to do.

use crate::base::text::{plural, sentence};
use crate::base::version::SUPPORTED;
use crate::config::environment::Environment;
use crate::postgres::query_error::{Cause, QueryError};
use crate::postgres::sqlstate;

/// Why there is no connection. Each is one sentence that says where, what, and what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ConnectError {
    /// The URL can't be parsed. It isn't shown, since it may hold a password.
    #[error(
        "the database URL can't be parsed; write postgres://user@host:5432/database, and percent-encode the characters \
         / ? # @ : % and blanks in its password"
    )]
    Url,
    /// The URL has no user, and there is no PGUSER.
    #[error("the database URL names no user; write postgres://user@host:5432/database, or set PGUSER")]
    NoUser,
    /// The URL's user may have a password behind it. It isn't shown.
    #[error(
        "the user in the database URL looks like a user and a password (: / ; , or | after a plain name); write \
         postgres://user@host:5432/database, and put the password into DB_PASSWORD or behind a bare colon"
    )]
    User,
    /// The URL names several hosts.
    #[error("several hosts are named; name one, that of the primary, in the URL or in DB_HOST")]
    Hosts,
    /// The URL has a parameter that can't be honoured. Its value isn't shown, since it may be a password.
    #[error("the database URL has the parameter {name}, which can't be used as it is: {advice}")]
    Parameter { name: String, advice: String },
    /// The URL has a parameter of which not even the name is shown: it may be part of a password.
    #[error(
        "the database URL has a parameter that PostgreSQL doesn't have; remove it, and percent-encode the character ? \
         in the password"
    )]
    UnknownParameter,
    /// The driver would wait for a password file, or read it without an end.
    #[error("the password file {path} is not a regular file; name one that is in PGPASSFILE, or set DB_PASSWORD")]
    PasswordFile { path: String },
    /// The driver can't send the password.
    #[error(
        "connecting to {place} failed: the password has a character that the driver can't send, such as an emoji or a \
         control character (it keeps to RFC 4013); give the role another password: alter role … password '…'"
    )]
    Password {
        /// Host, port, database and role.
        place: String,
    },
    /// TLS would not be verified, and no setting allows that.
    #[error(
        "a connection without verified TLS is refused in environment {environment}; \
         to allow it, set DB_SSLMODE"
    )]
    Unverified { environment: Environment },
    /// The host's name can't be resolved.
    #[error(
        "connecting to {place} failed: the host name {host} can't be resolved ({reason}); \
         check the spelling, the VPN and this machine's DNS settings"
    )]
    Name {
        /// Host, port, database and role.
        place: String,
        host: String,
        reason: String,
    },
    /// No answer in time, not even to the request for a connection.
    #[error(
        "connecting to {place} timed out after {seconds} s: no answer; \
         check the host, the port, the VPN and firewalls"
    )]
    Timeout {
        /// Host, port, database and role.
        place: String,
        /// DB_CONNECT_TIMEOUT.
        seconds: u64,
    },
    /// The port accepted the connection, and PostgreSQL never answered.
    #[error(
        "connecting to {place} timed out after {seconds} s: the port accepts connections but PostgreSQL doesn't \
         answer; check the port, and whether the server or a proxy in front of it hangs"
    )]
    Silent {
        /// Host, port, database and role.
        place: String,
        /// DB_CONNECT_TIMEOUT.
        seconds: u64,
    },
    /// The connection is there, and no session: a pooler keeps a client waiting for one.
    #[error(
        "connecting to {place} timed out after {seconds} s: the connection was accepted, and no session came{}; a connection pooler \
         there has no connection left, or the server or the network hangs; raise the size of the pool (default_pool_size of \
         PgBouncer), wait until others have ended{}, or connect to PostgreSQL itself",
        if *.open > 0 { format!(", while this command has {open} open") } else { String::new() },
        if *.is_set { " (DB_CONNECT_TIMEOUT, in seconds)" } else { "" }
    )]
    NoSession {
        /// Host, port, database and role.
        place: String,
        seconds: u64,
        /// Whether it is DB_CONNECT_TIMEOUT that is so long.
        is_set: bool,
        /// The command's own sessions there.
        open: usize,
    },
    /// A pool, or a limit, is too small for the command.
    #[error(
        "{place} gives {} at once now, and this command needs {needed}: {how}; nothing was begun: {}",
        plural(*.open as u64, "session", "sessions"),
        room(*.lacking, *.fewer_jobs)
    )]
    Room {
        /// Host, port, database and role.
        place: String,
        open: usize,
        needed: usize,
        /// How it was found out.
        how: String,
        lacking: Lacking,
        /// Whether fewer --jobs would be enough.
        fewer_jobs: bool,
    },
    /// The connection was refused, or can't be routed.
    #[error("connecting to {place} failed: {source}; check the host and the port, and that a server is running there")]
    Unreachable {
        /// Host, port, database and role.
        place: String,
        /// The system's message, which the sentence includes.
        source: std::io::Error,
    },
    /// The other end doesn't speak PostgreSQL's protocol, or stopped.
    #[error(
        "connecting to {place} failed: the connection was closed before PostgreSQL answered; \
         check that PostgreSQL listens on this port, and read the server's log"
    )]
    Closed {
        /// Host, port, database and role.
        place: String,
    },
    /// The server requires an authentication method that the driver doesn't have.
    #[error(
        "connecting to {place} failed: the server requires an authentication method that this program doesn't support \
         ({reason}); allow password or certificate authentication for the role (pg_hba.conf)"
    )]
    Method {
        /// Host, port, database and role.
        place: String,
        /// The driver's message.
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
    /// The server refused the session.
    #[error("connecting to {place} failed: {source}{}", advice(.source, *.with_password))]
    Refused {
        /// Host, port, database and role.
        place: String,
        /// Whether a password was sent.
        with_password: bool,
        source: Cause,
    },
    /// The server is too old.
    #[error(
        "the server at {place} runs PostgreSQL {version}; versions {} to {} are supported: connect to another server",
        SUPPORTED.start(),
        SUPPORTED.end()
    )]
    Version {
        /// Host, port, database and role.
        place: String,
        version: String,
    },
    /// The command writes, and a standby can't.
    #[error("the server at {place} is a standby, which is read-only; connect to the primary")]
    Standby {
        /// Host, port, database and role.
        place: String,
    },
    /// The other end is a pooler that shares the server's processes.
    #[error(
        "{place} is a connection pooler in transaction or statement mode, where settings and locks don't hold, or a pool \
         without a free connection ({how}); connect to PostgreSQL itself, or to a pool in session mode with connections \
         to spare"
    )]
    Pooler {
        /// Host, port, database and role.
        place: String,
        /// How it was found out.
        how: String,
    },
    /// Triggers and foreign keys wouldn't fire.
    #[error(
        "session_replication_role is {value} for this role or database at {place}, so that foreign keys and triggers \
         would not fire; have it reset (alter role … reset session_replication_role, or alter database …)"
    )]
    Replica {
        /// Host, port, database and role.
        place: String,
        value: String,
    },
    /// The session could not be set up.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl ConnectError {
    /// The same as an error of a command that opens one more session in the middle of its work: one of a connection that was
    /// lost stays one.
    pub(crate) fn in_the_middle(self, what: &str) -> QueryError {
        match self {
            Self::Query(error) => error,
            other => QueryError { what: what.to_owned(), source: Cause(sqlx::Error::Protocol(sentence(&other))) },
        }
    }
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// A limit that is known.
    Limit {
        /// Whether others use some of it.
        has_others: bool,
    },
    /// The server, or a pool, says that it has no more.
    Connections,
    /// A pool gives none, and says nothing.
    Pool,
}

/// What makes room.
fn room(lacking: Lacking, fewer_jobs: bool) -> String {
    let raise = match lacking {
        Lacking::Limit { .. } => "raise that limit",
        Lacking::Connections => {
            "raise the limit of the role, the database or the server, or the size of the pool (default_pool_size of PgBouncer)"
        }
        Lacking::Pool => "raise the size of the pool (default_pool_size of PgBouncer)",
    };
    let wait = (lacking != Lacking::Limit { has_others: false }).then_some(", or wait until others end");
    let jobs = fewer_jobs.then_some(", or give fewer --jobs");
    [Some(raise), wait, jobs].into_iter().flatten().collect()
}

/// What to do when a server refuses a session (documentation, appendix A, PostgreSQL Error Codes).
fn advice(cause: &Cause, with_password: bool) -> String {
    let sqlx::Error::Database(error) = &cause.0 else { return String::new() };
    let unencrypted = ["no encryption", "SSL off"].iter().any(|it| error.message().contains(it));
    let what = match error.code().as_deref() {
        Some(sqlstate::INVALID_PASSWORD) if !with_password => {
            "no password was given: set DB_PASSWORD, or add a line to ~/.pgpass (chmod 600)"
        }
        Some(sqlstate::INVALID_PASSWORD) => {
            "check the role and its password; an expired password is reported in the same words"
        }
        Some(sqlstate::INVALID_AUTHORIZATION) if unencrypted => {
            "the server may require TLS from this machine (remove DB_SSLMODE), or may not admit this role at all \
             (pg_hba.conf)"
        }
        Some(sqlstate::INVALID_AUTHORIZATION) if error.message().contains("client certificate") => {
            "set DB_SSLCERT and DB_SSLKEY to the client certificate and its key"
        }
        Some(sqlstate::INVALID_AUTHORIZATION) => {
            "check the role, or ask the server's administrator to admit it from this machine (pg_hba.conf)"
        }
        Some(sqlstate::UNKNOWN_DATABASE) => "check the database name",
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => "have CONNECT on the database granted to the role",
        Some(sqlstate::TOO_MANY_CONNECTIONS) => "wait until other sessions end, or have the connection limit raised",
        Some(code) if sqlstate::is_end_of_session(code) || code == sqlstate::CANNOT_CONNECT_NOW => {
            "wait until the server is ready, then run this again"
        }
        Some(sqlstate::NOT_IN_PREREQUISITE_STATE) => "ask the database's administrator to allow connections again",
        _ => return String::new(),
    };
    format!("; {what}")
}
