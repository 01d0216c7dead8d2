//! Why nothing was applied.

use crate::base::hint::PLAN;
use crate::config::environment::Environment;
use crate::ledger::permission::Permissions;
use crate::ledger::pg::admission::{RefusedError, SessionError, from_session_error};
use crate::ledger::revisions::numbers;
use crate::postgres::connect_error::ConnectError;
use crate::postgres::query_error::QueryError;
use crate::postgres::transaction::CommitError;
use crate::schema::guard::refusal::Refusal;
use crate::schema::pg::introspect::IntrospectError;

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ApplyError {
    /// The session with the database ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The catalog could not be read.
    #[error(transparent)]
    Introspect(#[from] IntrospectError),
    /// Another `apply` is at work.
    #[error("another apply is running on {place}: {holder}; wait for it to end, then run this again")]
    Locked { place: String, holder: String },
    /// Another session holds a lock on what is to be changed.
    #[error(
        "{object} is locked by {holders}; tried {attempts} times for {seconds} s; nothing was changed; \
         run it again when they have finished, or raise --lock-timeout"
    )]
    Busy {
        /// What the step is about.
        object: String,
        /// For how long each attempt waited.
        seconds: f32,
        attempts: u32,
        holders: String,
    },
    /// A revision's SQL is not what was applied.
    #[error(
        "revision {number} was applied with other SQL than this program has for it; \
         use the program version that applied it, or restore migrations/{number}_{name}.up.sql"
    )]
    Changed { number: String, name: String },
    /// The history names a revision that the program doesn't know.
    #[error("the database is at revision {number}, which this program doesn't know; use a newer pad-migrate")]
    Newer { number: String },
    /// There is no such revision.
    #[error("there is no revision {number}; there are {}", numbers())]
    Unknown {
        /// What was asked for.
        number: String,
    },
    /// The reference tables that foreign keys point at are missing.
    #[error(
        "{place} has no table bo_airflow.{table}, which padealing refers to; \
         create the reference schema, or grant USAGE on bo_airflow to this role"
    )]
    NoReference { place: String, table: &'static str },
    /// The role may not do what the plan does.
    #[error(
        "{} may not apply this at {place}: {}; nothing was changed; `{PLAN}` shows the statements that \
         change that, and who runs them",
        permissions.role, permissions.words()
    )]
    NotPermitted { place: String, permissions: Permissions },
    /// A trigger has dropped or changed the line.
    #[error(
        "nothing was changed; padealing.schema_revision doesn't hold the line that was written for {number}: a trigger \
         or a rule on it drops or changes lines; switch it off, and run this again"
    )]
    Unrecorded { number: String },
    /// There is no such object to be locked.
    #[error("--allow-object {name}: there is no table {name} at {place}; write it as SCHEMA.TABLE, as apply names it")]
    NoObject { name: String, place: String },
    /// Locks on it are never let through.
    #[error(
        "--allow-object {name}: it is for tables that triggers of others write to, and never for schema {schema}; \
         leave it out"
    )]
    NotAllowable { name: String, schema: String },
    /// A trigger of somebody else stopped a step; all of them are rolled back.
    #[error("nothing was changed; {what}")]
    Stopped {
        /// Which trigger has stopped what, who can switch it off, and with which statement.
        what: String,
        #[source]
        source: QueryError,
    },
    /// Something must be done by hand first.
    #[error("{count} manual action, so nothing was changed: {first}{others}; `{PLAN}` shows the whole plan")]
    Blocked {
        count: String,
        /// The first of them, with its reason.
        first: String,
        /// The others by their names, a few of them; empty if there are none.
        others: String,
    },
    /// The schema has changed since it was planned for.
    #[error(
        "the schema has changed since the plan was shown; nothing was changed; run it again and review the new plan"
    )]
    Moved,
    /// A statement would change something outside padealing. A defect of this program.
    #[error(transparent)]
    Guard(#[from] Refusal),
    /// The transaction has locked something outside padealing. A defect of this program.
    #[error("the guard stopped the transaction before COMMIT, so nothing was changed: {0}")]
    Held(String),
    /// The schema would not be what it should be.
    #[error(
        "the steps didn't reach the expected schema, so nothing was changed; still to do: {first} ({count} in all)"
    )]
    Unreached {
        /// How many steps would be left.
        count: usize,
        first: String,
    },
    /// A step failed; all of them are rolled back.
    #[error("nothing was changed; step {object}")]
    Step {
        /// What it is about.
        object: String,
        #[source]
        source: QueryError,
    },
    /// The COMMIT.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is nothing to roll back.
    #[error("no revision above {to} is applied at {place}, so there is nothing to roll back")]
    NothingToRevert {
        place: String,
        /// The revision to go to.
        to: String,
    },
    /// Something that stays depends on what would be dropped.
    #[error(
        "rolling back {revisions} would drop {dropped}, and PostgreSQL drops nothing that others depend on: {dependents}; \
         nothing was changed; ask their owners to change or drop them first, and run this again"
    )]
    Depended {
        revisions: String,
        dropped: String,
        /// What depends on it, and its owners.
        dependents: String,
    },
    /// Rows would be lost.
    #[error(
        "rolling back {revisions} would lose {losses}; nothing was changed; to accept the loss, run \
         `pad-migrate --env {environment} revert --to {to} --allow-data-loss`"
    )]
    Loss {
        environment: Environment,
        /// The revision to go to.
        to: String,
        revisions: String,
        /// What would be lost.
        losses: String,
    },
}

from_session_error!(ApplyError: ConnectError, RefusedError, QueryError);
