//! Examines environments, reading only.

pub mod examine;
pub(crate) mod facts;
pub(crate) mod gaps;
pub mod gate;
pub mod integrity;
pub(crate) mod legacy;
pub(crate) mod reach;
pub(crate) mod relations;
pub mod request;
pub(crate) mod rights;
pub(crate) mod server;
