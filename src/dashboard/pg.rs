//! What asks the database.

pub(crate) mod admission;
pub(crate) mod keyset;
pub(crate) mod lists;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod pool;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod requests;
pub mod source;
pub(crate) mod within;
