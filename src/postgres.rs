//! How any Postgres is spoken to: connections, statements, locks, client programs.

pub mod archive;
pub(crate) mod archive_text;
pub(crate) mod connect;
pub mod connect_error;
pub mod database;
pub(crate) mod lock;
pub(crate) mod pooler;
pub(crate) mod programs;
pub mod query_error;
pub(crate) mod room;
pub mod session;
pub(crate) mod sqlstate;
pub mod statement;
pub(crate) mod tls;
pub(crate) mod transaction;
pub mod undelayed;
pub(crate) mod url;
pub(crate) mod watch;
