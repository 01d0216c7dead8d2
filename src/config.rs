//! Which environment we are in, and how to reach its databases.
//!
//! Flags win over environment variables, those over `.env.<env>`, that over `.env`. A password is kept in a [`Secret`],
//! which no output prints.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

/// How to reach a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A `postgres://` URL, which may hold a password.
    Url(Secret),
    /// The `DB_…` keys.
    Parts {
        /// `DB_HOST`: a name, an address, or a socket's folder.
        host: String,
        /// `DB_PORT`.
        port: u16,
        /// `DB_NAME`.
        database: String,
        /// `DB_USER`.
        user: String,
        /// `DB_PASSWORD`.
        password: Option<Secret>,
    },
}

/// What of a database's address holds for every connection of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// `DB_SSLMODE`; without it TLS is verified in full everywhere but in local.
    pub ssl_mode: Option<String>,
    /// `DB_SSLROOTCERT`.
    pub ssl_root_cert: Option<PathBuf>,
    /// `DB_CONNECT_TIMEOUT`.
    pub connect_timeout: Duration,
}

/// The database roles that own, use and read the application schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// `DB_OWNER_ROLE`.
    pub owner: Option<String>,
    /// `DB_APP_ROLE`.
    pub app: Option<String>,
    /// `DB_READER_ROLE`.
    pub reader: Option<String>,
}

/// A table by schema and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl TableName {
    /// Where the legacy table is by default.
    pub fn legacy() -> Self {
        Self { schema: "public".to_owned(), name: "personal_account_dealing".to_owned() }
    }
}

/// The configuration of one run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The environment.
    pub environment: Environment,
    /// The database that holds `padealing`, if one is named.
    pub target: Option<Endpoint>,
    /// The database that holds the legacy table; the target if none is named.
    pub source: Option<Endpoint>,
    /// How to connect.
    pub transport: Transport,
    /// The roles of `padealing`.
    pub roles: Roles,
    /// `LEGACY_TABLE`.
    pub legacy_table: TableName,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
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
    #[error("{key} is {value:?}; it must be {must}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// No database is named.
    #[error(
        "no database is named for environment {environment}; set DB_HOST, DB_NAME and DB_USER in .env.{environment} or \
         in the environment, or give --database-url"
    )]
    NoDatabase {
        /// The environment.
        environment: Environment,
    },
    /// Some of the keys of a database are missing.
    #[error("DB_HOST is set and {missing} is not; set it too, or give --database-url")]
    Incomplete {
        /// The first key that is missing.
        missing: &'static str,
    },
}

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--env`.
    pub environment: Option<Environment>,
    /// `--config-dir`.
    pub config_dir: Option<PathBuf>,
    /// `--database-url`.
    pub database_url: Option<String>,
    /// `--source-url`.
    pub source_url: Option<String>,
}

impl Config {
    /// Reads the configuration; `variable` gives the process's environment variables.
    pub fn load(flags: Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variable = |key: &str| variable(key).filter(|it| !it.is_empty());
        let environment = match (flags.environment, variable("APP_ENV")) {
            (Some(environment), _) => environment,
            (None, None) => Environment::Local,
            (None, Some(name)) => clap::ValueEnum::from_str(&name, false).map_err(|_| ConfigError::Value {
                key: "APP_ENV",
                value: name,
                must: "local, dev, qa or prod",
            })?,
        };
        if let Some(path) = flags.config_dir.as_ref().filter(|it| !it.is_dir()) {
            return Err(ConfigError::NoFolder { path: path.clone(), environment });
        }
        let dir = flags.config_dir.unwrap_or_default();
        let mut files = read_file(&dir.join(".env"))?;
        files.extend(read_file(&dir.join(format!(".env.{environment}")))?);
        let value = |key: &str| variable(key).or_else(|| files.get(key).cloned().filter(|it| !it.is_empty()));

        for (key, only) in [("DATABASE_SCHEMA", "padealing"), ("REFERENCE_SCHEMA", "bo_airflow")] {
            if let Some(value) = value(key).filter(|it| it != only) {
                return Err(ConfigError::Value { key, value, must: only });
            }
        }
        let legacy_table = match value("LEGACY_TABLE") {
            None => TableName::legacy(),
            Some(text) => match text.split_once('.') {
                Some((schema, name)) if !schema.is_empty() && !name.is_empty() => {
                    TableName { schema: schema.to_owned(), name: name.to_owned() }
                }
                _ => {
                    let must = "a schema and a table, such as public.personal_account_dealing";
                    return Err(ConfigError::Value { key: "LEGACY_TABLE", value: text, must });
                }
            },
        };
        let seconds = value("DB_CONNECT_TIMEOUT").map_or(Ok(10), |text| {
            let parsed = text.parse::<u64>().ok().filter(|it| (1..=600).contains(it));
            let must = "a number of seconds from 1 to 600";
            parsed.ok_or(ConfigError::Value { key: "DB_CONNECT_TIMEOUT", value: text, must })
        })?;
        let ssl_mode = value("DB_SSLMODE");
        if let Some(mode) = &ssl_mode
            && !["disable", "allow", "prefer", "require", "verify-ca", "verify-full"].contains(&mode.as_str())
        {
            let must = "disable, allow, prefer, require, verify-ca or verify-full";
            return Err(ConfigError::Value { key: "DB_SSLMODE", value: mode.clone(), must });
        }
        let url = |text: String| Endpoint::Url(Secret(text));
        Ok(Self {
            environment,
            target: match flags.database_url {
                Some(text) => Some(url(text)),
                None => parts(&value)?,
            },
            source: flags.source_url.or_else(|| value("SOURCE_DATABASE_URL")).map(url),
            transport: Transport {
                ssl_mode,
                ssl_root_cert: value("DB_SSLROOTCERT").map(PathBuf::from),
                connect_timeout: Duration::from_secs(seconds),
            },
            roles: Roles { owner: value("DB_OWNER_ROLE"), app: value("DB_APP_ROLE"), reader: value("DB_READER_ROLE") },
            legacy_table,
        })
    }

    /// The target's address, which every command but `rehearse` needs.
    pub fn target(&self) -> Result<&Endpoint, ConfigError> {
        self.target.as_ref().ok_or(ConfigError::NoDatabase { environment: self.environment })
    }
}

fn parts(value: &impl Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, ConfigError> {
    let Some(host) = value("DB_HOST") else {
        return Ok(None);
    };
    let need = |key: &'static str| value(key).ok_or(ConfigError::Incomplete { missing: key });
    let port = value("DB_PORT").map_or(Ok(5432), |text| {
        let must = "a port, a number from 1 to 65535";
        text.parse().ok().filter(|it| *it > 0).ok_or(ConfigError::Value { key: "DB_PORT", value: text, must })
    })?;
    let password = value("DB_PASSWORD").map(Secret);
    Ok(Some(Endpoint::Parts { host, port, database: need("DB_NAME")?, user: need("DB_USER")?, password }))
}

fn read_file(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let failed = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(HashMap::new());
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    // dotenvy's message repeats the line, which may hold a password.
    let line_error = |error| match error {
        dotenvy::Error::LineParse(_, column) => failed(format!("a line can't be parsed at column {column}")),
        other => failed(other.to_string()),
    };
    lines.map(|line| line.map_err(line_error)).collect()
}
