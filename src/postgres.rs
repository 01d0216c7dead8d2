//! How any Postgres is spoken to: connections, statements, locks, client programs.

pub mod backup;
pub mod connect;
pub mod connect_error;
pub(crate) mod lock;
pub(crate) mod programs;
pub mod session;
pub(crate) mod sqlstate;
pub(crate) mod tls;
pub(crate) mod transaction;
pub(crate) mod url;
