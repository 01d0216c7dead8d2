//! Reads the configuration.
//!
//! Flags win over environment variables, those over `.env.<env>`, that over `.env`. A password is kept in a [`Secret`],
//! which no output prints. All problems are reported at once. Reads files and nothing else.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::file::reason;
use crate::base::input::read_within;
use crate::config::env_file;
use crate::config::environment::Environment;
use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::keys::{ADDRESS, DRIVER, IGNORED, KEYS, NAMES, SSL_MODES, USERS};
use crate::config::mask::{Secret, decoded, has_controls, has_password, is_address, is_host, is_joined, mask_file};
use crate::config::pem::Pem;
use crate::config::settings::{Config, Endpoint, Origin, Roles, TableName, Transport};
use crate::config::values::{Values, Variables};

/// More than any file of keys has.
const LIMIT: usize = 64 * 1024;

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
    /// `--source-timezone`.
    pub source_timezone: Option<String>,
    /// Whether the command can't do without a target.
    pub needs_target: bool,
}

impl Config {
    /// Reads the configuration; `variable` gives the process's environment variables.
    pub fn load(flags: Flags, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigErrors> {
        let variables: Variables<'_> = &variable;
        let mut values = Values::default();
        let environment = values.environment(flags.environment, variables);
        let mut warnings = Vec::new();
        if let Some(path) = flags.config_dir.clone().filter(|path| !path.is_dir()) {
            values.problems.push(ConfigError::NoFolder { path, environment });
        }
        let dir = flags.config_dir.clone().unwrap_or_default();
        let own = dir.join(format!(".env.{environment}"));
        let mut absent = Some(own.clone());
        for path in [dir.join(".env"), own] {
            let Some(has_password) = read_file(&path, environment, &mut values) else { continue };
            absent = absent.filter(|own| *own != path);
            let mode = path.metadata().map_or(0, |file| file.permissions().mode());
            if has_password && mode & 0o077 != 0 {
                let path = path.display();
                warnings.push(format!("{path} holds a password and other users can read it; run: chmod 600 {path}"));
            }
        }
        for key in KEYS.iter().map(|key| key.name).chain(DRIVER.into_iter().filter(|key| *key != "PGPASSWORD")) {
            values.read_variable(key, variables);
        }
        values.check_placeholders(environment, flags.database_url.is_some(), flags.source_url.is_some());
        let config = resolve(&mut values, &flags, environment, absent, warnings, variables);
        if values.problems.is_empty() { Ok(config) } else { Err(ConfigErrors(values.problems)) }
    }

    /// The target's address, which every command but `rehearse` needs.
    pub fn target(&self) -> Result<&Endpoint, ConfigError> {
        let no_database = || ConfigError::NoDatabase { environment: self.environment, absent: None };
        self.target.as_ref().ok_or_else(no_database)
    }
}

/// Reads a file, if it exists, and says whether it holds a password.
fn read_file(path: &Path, environment: Environment, values: &mut Values) -> Option<bool> {
    let failed = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let text = match read_within(path, LIMIT).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Ok(Err(_)) => {
            values.problems.push(failed("it is not UTF-8 text".to_owned()));
            return None;
        }
        Err(error) => {
            values.problems.push(failed(reason(&error, "it doesn't exist")));
            return None;
        }
    };
    let text = text.trim_start_matches('\u{feff}');
    if let Some(line) = env_file::reference(text) {
        let how = "has a $, and nothing is put in the place of a name here; write the value itself, in single quotes";
        values.problems.push(failed(format!("line {line} {how}")));
        return None;
    }
    let pairs = env_file::pairs(path, text, &mut values.problems);
    values.read_pairs(path, (text, &pairs), environment);
    for (key, is_quoted) in env_file::ambiguous_secrets(text, &pairs) {
        let path = path.to_owned();
        let problem = if is_quoted { ConfigError::Quoted { path, key } } else { ConfigError::Unquoted { path, key } };
        values.problems.push(problem);
    }
    let has_value = |key: &str| pairs.get(key).is_some_and(|value| !value.is_empty());
    Some(has_value("DB_PASSWORD") || pairs.get("SOURCE_DATABASE_URL").is_some_and(|url| has_password(url)))
}

/// The configuration that the values give; `absent` is the environment's own file, if it doesn't exist.
fn resolve(
    values: &mut Values,
    flags: &Flags,
    environment: Environment,
    absent: Option<PathBuf>,
    mut warnings: Vec<String>,
    variables: Variables<'_>,
) -> Config {
    for (key, only) in [("DATABASE_SCHEMA", "padealing"), ("REFERENCE_SCHEMA", "bo_airflow")] {
        values.parsed(key, only, |text| (text == only).then_some(()));
    }
    for key in NAMES {
        let must = "a name by itself; a password goes into DB_PASSWORD, a URL into --database-url";
        let is_user = USERS.contains(&key);
        let is_name = |text: &str| !(has_controls(text) || is_address(text) || is_user && is_joined(text));
        // A part of a URL that was put here.
        values.parsed(key, must, |text| {
            (is_name(text) && is_name(&decoded(text)) && is_name(&decoded(&decoded(text)))).then_some(())
        });
    }
    let must = "a schema and a table, such as public.personal_account_dealing";
    let table = values.parsed("LEGACY_TABLE", must, |text| {
        let parts = text.split_once('.').filter(|_| !is_address(text) && !text.contains(['@', '/']));
        let (schema, name) = parts.filter(|(schema, name)| !schema.is_empty() && !name.is_empty())?;
        Some(TableName { schema: schema.to_owned(), name: name.to_owned() })
    });
    let transport = transport(values);
    let host = values.found.get("DB_HOST").filter(|(_, origin)| matches!(origin, Origin::File(_)));
    if let (Some((_, origin)), Some(own)) = (host, &absent)
        && flags.database_url.is_none()
        && environment != Environment::Local
    {
        warnings.push(format!(
            "{} doesn't exist: environment {environment} uses the database {origin}, as every environment does",
            own.display()
        ));
    }
    let url = |text: &String| Endpoint::Url(Secret(text.clone()));
    let target = flags.database_url.as_ref().map(url).or_else(|| parts(values, flags.needs_target));
    // Any other problem may be the reason why there is none.
    if target.is_none()
        && flags.needs_target
        && values.problems.is_empty()
        && !values.found.keys().any(|key| ADDRESS.contains(key))
    {
        values.problems.push(ConfigError::NoDatabase { environment, absent });
    }
    if let Some(source) = &flags.source_url {
        values.found.insert("SOURCE_DATABASE_URL", (source.clone(), Origin::Flag("--source-url")));
    }
    Config {
        environment,
        target,
        source: values.get("SOURCE_DATABASE_URL").as_ref().map(url),
        source_timezone: flags.source_timezone.clone(),
        transport,
        roles: Roles {
            owner: values.get("DB_OWNER_ROLE"),
            app: values.get("DB_APP_ROLE"),
            reader: values.get("DB_READER_ROLE"),
        },
        legacy_table: table.unwrap_or_else(TableName::legacy),
        settings: values.settings(flags.database_url.as_deref(), variables),
        warnings,
        remarks: remarks(flags, environment, variables),
    }
}

/// Passwords that the process list shows, and variables that have no effect.
fn remarks(flags: &Flags, environment: Environment, variables: Variables<'_>) -> Vec<String> {
    let urls = [("--database-url", &flags.database_url), ("--source-url", &flags.source_url)];
    let open = urls.into_iter().filter(|(_, url)| url.as_ref().is_some_and(|url| has_password(url)));
    let remark = |(flag, _)| {
        format!("the password in {flag} is visible to other users of this machine; use DB_PASSWORD or ~/.pgpass")
    };
    if environment == Environment::Local {
        return Vec::new();
    }
    let ignored = IGNORED.into_iter().filter(|key| variables(key).is_some_and(|value| !value.is_empty()));
    let ignored = ignored.map(|key| format!("{key} is set, and pad-migrate doesn't read it; psql does"));
    open.map(remark).chain(ignored).collect()
}

/// How to connect, whatever the database.
fn transport(values: &mut Values) -> Transport {
    let seconds = values.parsed("DB_CONNECT_TIMEOUT", "a number of seconds from 1 to 600", |text| {
        text.parse::<u64>().ok().filter(|seconds| (1..=600).contains(seconds))
    });
    const MUST: &str = "disable, allow, prefer, require, verify-ca or verify-full";
    let mode = |text: &str| SSL_MODES.contains(&text).then(|| text.to_owned());
    let ssl_mode = values.parsed("DB_SSLMODE", MUST, mode);
    // The driver would take what it doesn't know for the default.
    values.parsed("PGSSLMODE", MUST, mode);
    values.parsed("PGPORT", PORT, as_port);
    values.parsed("PGHOST", HOST, as_host);
    values.parsed("PGHOSTADDR", HOST, as_host);
    let options = |text: &str| text.trim_start().starts_with('-').then_some(());
    values.parsed("PGOPTIONS", "options of a session, such as -c work_mem=64MB", options);
    let ssl_root_cert = pem_file(values, "DB_SSLROOTCERT", Pem::Certificate);
    let client_cert = match (pem_file(values, "DB_SSLCERT", Pem::Certificate), pem_file(values, "DB_SSLKEY", Pem::Key))
    {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (cert, _) => {
            let (set, missing) = if cert.is_some() { ("DB_SSLCERT", "DB_SSLKEY") } else { ("DB_SSLKEY", "DB_SSLCERT") };
            let text = format!("{set} is set and {missing} is not; a client certificate needs both");
            values.problems.push(ConfigError::Contradiction(text));
            None
        }
    };
    check_modes(values, ssl_mode.as_deref());
    let connect_timeout = Duration::from_secs(seconds.unwrap_or(10));
    Transport { ssl_mode, ssl_root_cert, client_cert, connect_timeout }
}

/// The file that a key names, which must hold what it is named for.
fn pem_file(values: &mut Values, key: &'static str, kind: Pem) -> Option<PathBuf> {
    let (value, origin) = values.found.get(key)?;
    let path = PathBuf::from(value);
    if let Some(reason) = kind.problem(&path) {
        let (path, origin) = (mask_file(&path), origin.clone());
        values.problems.push(ConfigError::NoFile { key, path, origin, reason });
    }
    Some(path)
}

/// TLS switched off, and in the same place a key that only TLS uses.
fn check_modes(values: &mut Values, ssl_mode: Option<&str>) {
    let Some((_, origin)) = values.found.get("DB_SSLMODE") else { return };
    // `allow` is unencrypted with this driver unless the server insists, and then fails.
    let Some(mode) = ssl_mode.filter(|mode| ["disable", "allow"].contains(mode)) else { return };
    let unused = |key: &&str| values.found.get(*key).is_some_and(|(_, other)| other == origin);
    let problem = |key| {
        let text = format!("DB_SSLMODE is {mode}, but {key} is set {origin} and needs TLS; remove one of them");
        ConfigError::Contradiction(text)
    };
    let problems: Vec<ConfigError> = ["DB_SSLROOTCERT", "DB_SSLCERT"].into_iter().filter(unused).map(problem).collect();
    values.problems.extend(problems);
}

const PORT: &str = "a port, a number from 1 to 65535";

fn as_port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

const HOST: &str = "a host name, an address or a socket's folder; the port goes into DB_PORT";

fn as_host(text: &str) -> Option<()> {
    is_host(text).then_some(())
}

/// The target that the `DB_` keys name.
fn parts(values: &mut Values, needed: bool) -> Option<Endpoint> {
    let port = values.parsed("DB_PORT", PORT, as_port);
    values.parsed("DB_HOST", HOST, as_host);
    let set = ADDRESS.into_iter().find(|key| values.found.contains_key(key))?;
    let [host, name, user, _] = ADDRESS;
    let needed_keys = [host, name, user];
    let missing: Vec<&'static str> = needed_keys.into_iter().filter(|key| !values.found.contains_key(key)).collect();
    if needed && !missing.is_empty() {
        values.problems.push(ConfigError::Incomplete { set, missing });
    }
    let password = values.get("DB_PASSWORD").map(Secret);
    let [host, database, user] = needed_keys.map(|key| values.get(key));
    Some(Endpoint::Parts { host: host?, port: port.unwrap_or(5432), database: database?, user: user?, password })
}
