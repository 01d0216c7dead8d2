//! Whether a command may run on a database: its environment, its revision, whether it is local.

use clap::ValueEnum as _;

use crate::base::hint::APPLY;
use crate::base::text::plural;
use crate::config::environment::Environment;
use crate::ledger::history::pending;
use crate::ledger::permission::{Need, Permissions};
use crate::ledger::pg::history::{history_access, read_history};
use crate::ledger::pg::permission::{current_role, permissions};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;
use crate::postgres::query_error::{Attempt, QueryError};
use crate::postgres::session::Session;
use crate::postgres::statement::{ServerFacts, server_facts};

/// Why a command may not run here.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum RefusedError {
    /// The database belongs to another environment.
    #[error(
        "the database at {place} was set up as environment {recorded}, and this run is for {asked}; \
         correct --env or APP_ENV, or the address{}", how_to_adopt(recorded, *asked)
    )]
    OtherEnvironment {
        place: String,
        /// What the database says.
        recorded: String,
        /// What the run says.
        asked: Environment,
    },
    /// The database is not a restored copy of another environment's.
    #[error("the database at {place} can't become that of environment {environment}: {reason}; nothing was changed")]
    NotAdopted { place: String, environment: Environment, reason: String },
    /// The application schema isn't at the current revision.
    #[error("the database at {place} has no padealing schema at the current revision; run `{APPLY}` first")]
    NotApplied { place: String },
    /// A command for local databases was called elsewhere.
    #[error("{what} is for local databases only: {reason}")]
    NotLocal { what: &'static str, reason: String },
    /// The database can't hold every text.
    #[error("the database at {place} has the encoding {encoding}; the target must be UTF8 to hold every text")]
    Encoding { place: String, encoding: String },
    /// The role lacks privileges.
    #[error("{} may not {what} at {place}: {}; {}", permissions.role, permissions.words(), permissions.remedy())]
    NotPermitted { place: String, what: &'static str, permissions: Permissions },
    /// The question itself failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Why a command's session on a database ended: what every command that works on one can meet.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The command may not run on this database.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Lets `?` turn causes of a [`SessionError`] into an error with a variant `Session` for it.
macro_rules! from_session_error {
    ($error:ty: $($cause:ty),+) => {$(
        impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Self::Session(cause.into())
            }
        }
    )+};
}
pub(crate) use from_session_error;

/// What a role needs to read the history.
fn history_needs(role: &str) -> [Need; 3] {
    const HISTORY: (&str, &str) = ("padealing", "schema_revision");
    [
        Need::schema(role, HISTORY.0, "USAGE"),
        Need::table(role, HISTORY.0, HISTORY.1, "SELECT"),
        Need::rows(role, HISTORY.0, HISTORY.1),
    ]
}

/// Checks that the connected role has what something needs.
pub(crate) async fn check_permitted(
    connection: &mut Session,
    database: &Database,
    needs: &[Need],
    what: &'static str,
) -> Result<(), RefusedError> {
    let permissions = permissions(connection, needs, &database.roles).await?;
    match permissions.are_complete() {
        true => Ok(()),
        false => Err(RefusedError::NotPermitted { place: database.place(), what, permissions }),
    }
}

/// Whether a database that was another environment's may become this one's. A local one is made by this program; into
/// prod nothing is restored but prod.
pub(crate) fn may_adopt(environment: Environment) -> bool {
    matches!(environment, Environment::Dev | Environment::Qa)
}

fn how_to_adopt(recorded: &str, asked: Environment) -> String {
    match Environment::from_str(recorded, false) {
        Ok(recorded) if may_adopt(asked) => {
            format!("; if it is a copy of {recorded} that was restored, run `{APPLY} --adopt-environment {recorded}`")
        }
        _ => String::new(),
    }
}

/// The environment that the history says the database belongs to.
async fn recorded_environment(connection: &mut Session) -> Result<Option<String>, QueryError> {
    if !history_access(connection).await?.exists {
        return Ok(None);
    }
    sqlx::query_scalar("select environment from padealing.schema_revision order by id desc limit 1")
        .fetch_optional(connection)
        .await
        .attempt("reading the schema's history")
}

/// Checks that the database is a copy of another environment's, and that it isn't in use as that.
pub(crate) async fn check_adoption(
    connection: &mut Session,
    database: &Database,
    environment: Environment,
    given_up: Environment,
) -> Result<(), RefusedError> {
    let refused = |reason: String| Err(RefusedError::NotAdopted { place: database.place(), environment, reason });
    if !may_adopt(environment) {
        return refused("only dev and qa adopt a copy of another environment".to_owned());
    }
    match recorded_environment(connection).await?.as_deref() {
        None => {
            return refused(format!("no environment is recorded in it; run `{APPLY}` without --adopt-environment"));
        }
        Some(recorded) if recorded == environment.as_str() => {
            return refused(format!("it is that already; run `{APPLY}` without --adopt-environment"));
        }
        Some(recorded) if recorded != given_up.as_str() => {
            return refused(format!("it was set up as environment {recorded}, not {given_up}"));
        }
        Some(_) => {}
    }
    // What looks like a copy may be prod itself, through a tunnel.
    let others: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null \
           and application_name not like 'pad-migrate%'",
    )
    .fetch_one(connection)
    .await
    .attempt("looking for other sessions")?;
    if given_up == Environment::Prod && others > 0 {
        let sessions = plural(others.unsigned_abs(), "other session is", "other sessions are");
        return refused(format!(
            "{sessions} connected to it, so it may be prod itself; make sure that it is a copy, and end them first"
        ));
    }
    Ok(())
}

/// Checks that the database is the one that the run is meant for.
pub(crate) async fn check_environment(
    connection: &mut Session,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    let access = history_access(connection).await?;
    if access.exists && !access.is_readable {
        let role = current_role(connection).await?;
        check_permitted(connection, database, &history_needs(&role), "read the history of padealing").await?;
    }
    let recorded = recorded_environment(connection).await?;
    match recorded {
        Some(recorded) if recorded != environment.as_str() => {
            Err(RefusedError::OtherEnvironment { place: database.place(), recorded, asked: environment })
        }
        _ => Ok(()),
    }
}

/// Checks that the target can hold every text.
pub(crate) fn check_encoding(database: &Database, facts: &ServerFacts) -> Result<(), RefusedError> {
    match facts.encoding.as_str() {
        "UTF8" => Ok(()),
        encoding => Err(RefusedError::Encoding { place: database.place(), encoding: encoding.to_owned() }),
    }
}

/// Checks that the target is at the current revision and can hold every text.
pub(crate) async fn check_applied(
    connection: &mut Session,
    database: &Database,
    environment: Environment,
) -> Result<(), RefusedError> {
    check_encoding(database, &server_facts(connection).await?)?;
    check_environment(connection, database, environment).await?;
    let not_applied = || RefusedError::NotApplied { place: database.place() };
    if !history_access(connection).await?.exists {
        return Err(not_applied());
    }
    let history = read_history(connection).await?;
    if pending(&history, environment).is_empty() { Ok(()) } else { Err(not_applied()) }
}

/// Text of our mark on a reference schema that we created.
pub(crate) const MIRROR_MARK: &str = "Reference mirror made by pad-migrate for local and ephemeral use.";

/// Whether there is no reference mirror yet: no schema, or one with our mark and no tables.
pub(crate) async fn lacks_mirror(connection: &mut Session) -> Result<bool, QueryError> {
    sqlx::query_scalar(
        "select not exists (select from pg_namespace n where nspname = 'bo_airflow' \
             and (obj_description(n.oid, 'pg_namespace') is distinct from $1 \
                  or exists (select from pg_class where relnamespace = n.oid)))",
    )
    .bind(MIRROR_MARK)
    .fetch_one(connection)
    .await
    .attempt("looking for the reference mirror")
}

/// Why a command for local databases is refused, whatever the database.
pub(crate) fn not_local(what: &'static str, environment: Environment) -> Option<RefusedError> {
    let reason = format!("this run is for environment {environment}");
    (environment != Environment::Local).then_some(RefusedError::NotLocal { what, reason })
}

/// Checks everything that a command for local databases needs (environment local, an address on this machine, no
/// reference schema that pad-migrate did not create).
pub(crate) async fn check_local(
    connection: &mut Session,
    database: &Database,
    environment: Environment,
    what: &'static str,
) -> Result<(), RefusedError> {
    if let Some(error) = not_local(what, environment) {
        return Err(error);
    }
    let refused = |reason: String| Err(RefusedError::NotLocal { what, reason });
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
