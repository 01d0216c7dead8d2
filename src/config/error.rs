//! Everything that can be wrong with a configuration, each with what to do.

use std::path::PathBuf;

use crate::config::environment::Environment;
use crate::config::mask::mask_path;
use crate::config::settings::Origin;

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// Why a configuration can't be used. Each is one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ConfigError {
    /// A `.env` file can't be read.
    #[error("{} can't be read: {reason}; correct or remove the file", path.display())]
    File {
        path: PathBuf,
        /// What is wrong, without the line's content.
        reason: String,
    },
    /// The folder of the files doesn't exist.
    #[error("--config-dir {} is not a folder; name the folder of .env and .env.{environment}", mask_path(path))]
    NoFolder { path: PathBuf, environment: Environment },
    /// A key has a value that it can't have.
    #[error("{key} is {value:?} ({origin}); it must be {must}")]
    Value {
        key: &'static str,
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What it must be.
        must: &'static str,
    },
    /// A key that pad-migrate doesn't have.
    #[error("{} sets {key}, which pad-migrate doesn't know{}; correct or remove the line", path.display(), meant(.like))]
    Unknown {
        path: PathBuf,
        key: String,
        /// The key that may be meant.
        like: Option<&'static str>,
    },
    /// A file sets a key twice, to different values.
    #[error("{} sets {key} twice, to different values; remove one of the lines", path.display())]
    Twice { path: PathBuf, key: String },
    /// A file is for another environment than the run.
    #[error(
        "{} sets APP_ENV to {value:?}, but this run is for {environment}; a file can't choose the environment: \
         use --env or an environment variable, or remove the line",
        path.display()
    )]
    OtherEnvironment {
        path: PathBuf,
        value: String,
        /// What the run is for.
        environment: Environment,
    },
    /// A value is still a template's.
    #[error("{key} is still the template's {value:?} ({origin}); set the real value")]
    Placeholder {
        key: &'static str,
        value: String,
        /// Where it came from.
        origin: Origin,
    },
    /// dotenvy would change a secret.
    #[error(
        "{key} in {} has a special character ($ \\ \" ', a leading # or an unusual blank); put the whole value in single quotes",
        path.display()
    )]
    Unquoted { path: PathBuf, key: &'static str },
    /// dotenvy would take the end of a secret for something else.
    #[error(
        "{key} in {} begins with a single quotation mark and has not just the one other that ends it, in the same line; write a \
         value with ' in double quotes, with a \\ before each $ \\ and \"",
        path.display()
    )]
    Quoted { path: PathBuf, key: &'static str },
    /// A file that a key names doesn't exist, or doesn't hold what it must.
    #[error("{key} is {path} ({origin}), which can't be used: {reason}; name the right file")]
    NoFile {
        key: &'static str,
        /// As it is shown.
        path: String,
        /// Where it came from.
        origin: Origin,
        reason: String,
    },
    /// Two keys that exclude each other, or only one of two that belong together.
    #[error("{0}")]
    Contradiction(String),
    /// No database is configured.
    #[error(
        "no database is configured for environment {environment}{}; set DB_HOST, DB_NAME and DB_USER in \
         .env.{environment} or as environment variables, or use --database-url",
        no_file(.absent)
    )]
    NoDatabase {
        environment: Environment,
        /// The environment's file, if it doesn't exist.
        absent: Option<PathBuf>,
    },
    /// Some of the keys of a database are missing.
    #[error(
        "{set} is set and {} {} not; set {} too, or use --database-url",
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

fn meant(like: &Option<&str>) -> String {
    like.map(|it| format!(" (did you mean {it}?)")).unwrap_or_default()
}

fn no_file(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|it| format!(", and {} doesn't exist", it.display())).unwrap_or_default()
}
