//! What every layer uses: verdicts, text, styles, quoting, versions. Pure but for `file` and `input`.

pub mod escape;
pub mod file;
pub(crate) mod hint;
pub(crate) mod input;
pub mod outcome;
pub mod quote;
pub mod sql_text;
pub(crate) mod style;
pub mod text;
pub mod version;
