//! Which environment a command is for, and how it reaches the databases. Pure but for `load` and `pem`, which read
//! files.

pub(crate) mod env_file;
pub mod environment;
pub mod error;
pub(crate) mod keys;
pub mod load;
pub mod mask;
pub(crate) mod pem;
pub(crate) mod placeholder;
pub mod settings;
pub(crate) mod values;
