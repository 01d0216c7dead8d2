//! Asks a server and a database what they are. Reads only.

pub mod examine;
mod facts;
pub mod request;
