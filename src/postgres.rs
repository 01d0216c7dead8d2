//! How any Postgres is spoken to: connections, statements, locks, client programs.

pub mod backup;
pub mod connect;
pub(crate) mod lock;
pub(crate) mod programs;
pub mod session;
pub(crate) mod transaction;
