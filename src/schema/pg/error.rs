//! Why nothing was applied.

use crate::ledger::pg::admission::RefusedError;
use crate::ledger::revisions::{self, Revision};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::session::QueryError;
use crate::schema::guard::Refusal;
use crate::schema::pg::introspect::IntrospectError;

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database is not for this.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// The catalog could not be read.
    #[error(transparent)]
    Introspect(#[from] IntrospectError),
    /// Another `apply` is at work.
    #[error("another apply is running on {place}: {holder}; wait for it to end, then run this again")]
    Locked {
        /// Where.
        place: String,
        /// Who.
        holder: String,
    },
    /// Somebody else uses what is to be changed.
    #[error(
        "{object} could not be locked within {seconds} s, {attempts} times: in use by {holders}; nothing was changed; \
         wait for them or end them, or allow more with --lock-timeout"
    )]
    Busy {
        /// What the step is about.
        object: String,
        /// For how long each attempt waited.
        seconds: f32,
        /// How often.
        attempts: u32,
        /// Who holds locks.
        holders: String,
    },
    /// A revision that was applied has another text now.
    #[error(
        "revision {number} was applied with another text than this program has for it; \
         use the program version that applied it, or restore migrations/{number}_{name}.up.sql"
    )]
    Changed {
        /// The revision.
        number: String,
        /// Its name.
        name: String,
    },
    /// The history names a revision that the program doesn't know.
    #[error("the database is at revision {number}, which this program doesn't know; use a newer pad-migrate")]
    Newer {
        /// The revision.
        number: String,
    },
    /// There is no such revision.
    #[error("there is no revision {number}; there are {}", numbers())]
    Unknown {
        /// What was asked for.
        number: String,
    },
    /// The reference tables that foreign keys point at are missing.
    #[error(
        "{place} has no table bo_airflow.{table}, which padealing refers to; \
         have the mirror set up, or grant USAGE on bo_airflow to this role"
    )]
    NoReference {
        /// Where.
        place: String,
        /// The table.
        table: &'static str,
    },
    /// What is expected can't be reached without a person.
    #[error(
        "{count} must be seen to by a person first, and nothing was changed: {first}; `pad-migrate plan` shows more"
    )]
    Blocked {
        /// How many.
        count: String,
        /// One of them.
        first: String,
    },
    /// The schema isn't any more what the plan was made for.
    #[error("the schema was changed by somebody else since the plan was shown; nothing was done; look at the new plan")]
    Moved,
    /// A statement would touch what isn't ours. A defect of this program.
    #[error(transparent)]
    Guard(#[from] Refusal),
    /// The transaction holds what it must not. A defect of this program.
    #[error("the guard stopped it before COMMIT, and nothing was changed: {0}")]
    Held(String),
    /// The schema would not be what it should be.
    #[error("the schema would still differ, so nothing was changed: {first}; {count} in all")]
    Unreached {
        /// How many steps would be left.
        count: usize,
        /// One of them.
        first: String,
    },
    /// A step failed; all of them are rolled back.
    #[error("{object}: the step failed, and nothing was changed")]
    Step {
        /// What it is about.
        object: String,
        /// The cause.
        #[source]
        source: QueryError,
    },
    /// Whether the end was reached is not known.
    #[error("the connection was lost while committing; `pad-migrate status` tells whether it was done")]
    Commit(#[source] QueryError),
    /// There is nothing to take back.
    #[error("no revision above {to} is applied at {place}, so there is nothing to take back")]
    NothingToRevert {
        /// Where.
        place: String,
        /// The revision to go to.
        to: String,
    },
    /// Rows would be lost.
    #[error(
        "taking back {revisions} would lose {losses}; nothing was changed; give --allow-data-loss to revert if that is meant"
    )]
    Loss {
        /// The revisions.
        revisions: String,
        /// What would be lost.
        losses: String,
    },
    /// A statement between the steps failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

pub(crate) fn numbers() -> String {
    let number = |it: Option<&Revision>| it.map_or("none", |it| it.number);
    format!("{} to {}", number(revisions::ALL.first()), number(revisions::ALL.last()))
}
