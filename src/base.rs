//! Things without an opinion: how a command ended, text, quoting, versions. Pure but for `file`.

pub mod file;
pub mod outcome;
pub mod quote;
pub(crate) mod style;
pub mod text;
pub mod version;
