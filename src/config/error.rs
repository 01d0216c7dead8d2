//! Everything that can be wrong with a configuration, each with what to do.

use std::path::PathBuf;

use crate::config::environment::Environment;
use crate::config::settings::Origin;

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// Why a configuration can't be used. Each is one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A `.env` file can't be read.
    #[error("{} can't be read: {reason}; correct or remove the file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the line's content.
        reason: String,
    },
    /// The folder of the files isn't there.
    #[error("--config-dir {} is no folder; name the one that holds .env and .env.{environment}", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
        /// The environment.
        environment: Environment,
    },
    /// A key has a value that it can't have.
    #[error("{key} is {value:?} ({origin}); it must be {must}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What it must be.
        must: &'static str,
    },
    /// A key that nobody reads.
    #[error("{} sets {key}, which is no key of pad-migrate{}; correct or remove the line", path.display(), meant(.like))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The key that may be meant.
        like: Option<&'static str>,
    },
    /// A file says two things.
    #[error("{} sets {key} twice, to different values; remove one of the lines", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A file is for another environment than the run.
    #[error(
        "{} sets APP_ENV to {value:?} and this run is for {environment}; \
         a file comes too late to choose: use --env or a real environment variable, or remove the line",
        path.display()
    )]
    OtherEnvironment {
        /// The file.
        path: PathBuf,
        /// What it says.
        value: String,
        /// What the run is for.
        environment: Environment,
    },
    /// A value of a template was never filled in.
    #[error("{key} is still the template's {value:?} ({origin}); put the real value there")]
    Placeholder {
        /// The key.
        key: &'static str,
        /// The placeholder.
        value: String,
        /// Where it came from.
        origin: Origin,
    },
    /// A secret would not be read as it was written.
    #[error(
        "{key} in {} holds a character that has a meaning in such a file ($ \\ \" ' or a leading #); \
         put the whole value between single quotes",
        path.display()
    )]
    Unquoted {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A file that a key names isn't there, or isn't what it is named for.
    #[error("{key} names {} ({origin}), which can't be used: {reason}; name the right file", path.display())]
    NoFile {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Where it came from.
        origin: Origin,
        /// Why not.
        reason: String,
    },
    /// Two keys that exclude each other, or only one of two that belong together.
    #[error("{0}")]
    Contradiction(String),
    /// No database is named.
    #[error(
        "no database is named for environment {environment}{}; set DB_HOST, DB_NAME and DB_USER in .env.{environment} \
         or in the environment, or give --database-url",
        no_file(.absent)
    )]
    NoDatabase {
        /// The environment.
        environment: Environment,
        /// The environment's file, if it isn't there.
        absent: Option<PathBuf>,
    },
    /// Some of the keys of a database are missing.
    #[error(
        "{set} is set and {} {} not; set {} too, or give --database-url",
        missing.join(" and "),
        if missing.len() == 1 { "is" } else { "are" },
        if missing.len() == 1 { "it" } else { "them" }
    )]
    Incomplete {
        /// The first key that is set.
        set: &'static str,
        /// The keys that are missing.
        missing: Vec<&'static str>,
    },
}

pub(crate) fn meant(like: &Option<&str>) -> String {
    like.map(|it| format!(" (is {it} meant?)")).unwrap_or_default()
}

pub(crate) fn no_file(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|it| format!(" and there is no {}", it.display())).unwrap_or_default()
}
