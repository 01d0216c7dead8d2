//! Which environment a command is for, and how it reaches the databases. Pure but for `load`, which reads the files.

pub mod environment;
pub mod error;
pub mod load;
pub mod mask;
pub mod settings;
