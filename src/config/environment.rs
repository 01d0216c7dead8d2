//! The environments of PA Dealing.

use std::fmt;

/// An environment of PA Dealing.
#[expect(missing_docs, reason = "each variant is the environment of the same name")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    Local,
    Dev,
    Qa,
    Prod,
}

impl Environment {
    /// The name as `APP_ENV` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Qa => "qa",
            Self::Prod => "prod",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
