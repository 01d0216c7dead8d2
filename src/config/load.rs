//! Which environment we are in, and how to reach its databases.
//!
//! Flags win over environment variables, those over `.env.<env>`, that over `.env`. A password is kept in a [`Secret`],
//! which no output prints. Everything that is wrong is said at once. Reads the files and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::mask::{HIDDEN, Secret, has_password, masked_url, shown};
use crate::config::settings::{Config, Endpoint, Origin, Roles, Setting, TableName, Transport};

/// A key that the files and the environment may set.
struct Key {
    name: &'static str,
    default: Option<&'static str>,
}

/// The keys of the configuration.
const KEYS: &[Key] = &[
    Key { name: "DB_HOST", default: None },
    Key { name: "DB_PORT", default: Some("5432") },
    Key { name: "DB_NAME", default: None },
    Key { name: "DB_USER", default: None },
    Key { name: "DB_PASSWORD", default: None },
    Key { name: "DB_SSLMODE", default: None },
    Key { name: "DB_SSLROOTCERT", default: None },
    Key { name: "DB_SSLCERT", default: None },
    Key { name: "DB_SSLKEY", default: None },
    Key { name: "DB_CONNECT_TIMEOUT", default: Some("10") },
    Key { name: "DB_OWNER_ROLE", default: None },
    Key { name: "DB_APP_ROLE", default: None },
    Key { name: "DB_READER_ROLE", default: None },
    Key { name: "DATABASE_SCHEMA", default: Some("padealing") },
    Key { name: "REFERENCE_SCHEMA", default: Some("bo_airflow") },
    Key { name: "LEGACY_TABLE", default: Some("public.personal_account_dealing") },
    Key { name: "SOURCE_DATABASE_URL", default: None },
];

/// Keys that name a database: the first three belong together.
const ADDRESS: [&str; 4] = ["DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD"];

/// Keys whose values hold a password.
const SECRET: [&str; 2] = ["DB_PASSWORD", "SOURCE_DATABASE_URL"];

/// What the driver reads from the environment where our keys say nothing (libpq's variables).
const DRIVER: [&str; 12] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGOPTIONS",
];

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
    /// Whether the command can't do without a target.
    pub needs_target: bool,
}

impl Config {
    /// Reads the configuration; `variable` gives the process's environment variables.
    pub fn load(flags: Flags, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigErrors> {
        let mut values = Values { found: BTreeMap::new(), problems: Vec::new() };
        let environment = values.environment(flags.environment, &variable);
        let mut warnings = Vec::new();
        if let Some(path) = flags.config_dir.clone().filter(|it| !it.is_dir()) {
            values.problems.push(ConfigError::NoFolder { path, environment });
        }
        let dir = flags.config_dir.clone().unwrap_or_default();
        let own = dir.join(format!(".env.{environment}"));
        let mut absent = Some(own.clone());
        for path in [dir.join(".env"), own] {
            let Some(has_password) = values.read_file(&path, environment) else { continue };
            absent = absent.filter(|it| *it != path);
            let mode = path.metadata().map_or(0, |it| it.permissions().mode());
            if has_password && mode & 0o077 != 0 {
                let path = path.display();
                warnings.push(format!("{path} holds a password and others may read it; run: chmod 600 {path}"));
            }
        }
        for key in KEYS {
            values.read_variable(key.name, &variable);
        }
        values.check_placeholders(environment, &flags);
        let config = values.config(&flags, environment, absent, warnings, &variable);
        if values.problems.is_empty() { Ok(config) } else { Err(ConfigErrors(values.problems)) }
    }

    /// The target's address, which every command but `rehearse` needs.
    pub fn target(&self) -> Result<&Endpoint, ConfigError> {
        let no_database = || ConfigError::NoDatabase { environment: self.environment, absent: None };
        self.target.as_ref().ok_or_else(no_database)
    }
}

/// The values that were found, and what is wrong with them.
struct Values {
    found: BTreeMap<&'static str, (String, Origin)>,
    problems: Vec<ConfigError>,
}

impl Values {
    fn environment(&mut self, flag: Option<Environment>, variable: &impl Fn(&str) -> Option<OsString>) -> Environment {
        self.read_variable("APP_ENV", variable);
        if let Some(environment) = flag {
            self.found.insert("APP_ENV", (environment.to_string(), Origin::Flag("--env")));
            return environment;
        }
        let Some((name, origin)) = self.found.get("APP_ENV").cloned() else {
            self.found.insert("APP_ENV", (Environment::Local.to_string(), Origin::Default));
            return Environment::Local;
        };
        clap::ValueEnum::from_str(&name, false).unwrap_or_else(|_| {
            let must = "local, dev, qa or prod";
            self.problems.push(ConfigError::Value { key: "APP_ENV", value: shown(&name), origin, must });
            Environment::Local
        })
    }

    /// A real environment variable wins over the files. An empty one says nothing.
    fn read_variable(&mut self, key: &'static str, variable: &impl Fn(&str) -> Option<OsString>) {
        match variable(key).map(OsString::into_string) {
            Some(Ok(value)) if !value.is_empty() => {
                self.found.insert(key, (value, Origin::Variable));
            }
            Some(Err(value)) => {
                // What can't be shown might be a password.
                let value = if SECRET.contains(&key) { HIDDEN.to_owned() } else { shown(&value.display().to_string()) };
                let must = "UTF-8 text";
                self.problems.push(ConfigError::Value { key, value, origin: Origin::Variable, must });
            }
            _ => {}
        }
    }

    /// Reads a file, if it is there, and says whether it holds a password.
    fn read_file(&mut self, path: &Path, environment: Environment) -> Option<bool> {
        let failed = |reason: String| ConfigError::File { path: path.to_owned(), reason };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.problems.push(failed(error.to_string()));
                return None;
            }
        };
        let text = text.trim_start_matches('\u{feff}');
        let mut here: BTreeMap<String, String> = BTreeMap::new();
        for line in dotenvy::from_read_iter(text.as_bytes()) {
            let (key, value) = match line {
                Ok(pair) => pair,
                // dotenvy's message repeats the line, which may hold a password.
                Err(dotenvy::Error::LineParse(line, column)) => {
                    // It is the line's content, or that of its value.
                    let start = text.find(line.trim_end()).unwrap_or_default();
                    let before = &text[..start];
                    let number = before.matches('\n').count() + 1;
                    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + column + 1;
                    let reason = format!("line {number} is no KEY=value, from column {column} on");
                    self.problems.push(failed(reason));
                    continue;
                }
                Err(error) => {
                    self.problems.push(failed(error.to_string()));
                    break;
                }
            };
            if here.get(&key).is_some_and(|earlier| *earlier != value) {
                self.problems.push(ConfigError::Twice { path: path.to_owned(), key: key.clone() });
            }
            here.insert(key, value);
        }
        for (key, value) in &here {
            let known = KEYS.iter().find(|it| it.name == key);
            match known {
                Some(_) if value.is_empty() => {}
                Some(known) => {
                    self.found.insert(known.name, (value.clone(), Origin::File(path.to_owned())));
                }
                None if key == "APP_ENV" => {
                    if !value.is_empty() && value != environment.as_str() {
                        let (path, value) = (path.to_owned(), shown(value));
                        self.problems.push(ConfigError::OtherEnvironment { path, value, environment });
                    }
                }
                None => {
                    let near = |it: &&Key| strsim::damerau_levenshtein(it.name, &key.to_ascii_uppercase());
                    let like = KEYS.iter().min_by_key(near).filter(|it| near(it) <= 3).map(|it| it.name);
                    self.problems.push(ConfigError::Unknown { path: path.to_owned(), key: key.clone(), like });
                }
            }
        }
        for key in SECRET.into_iter().filter(|it| here.contains_key(*it)) {
            if text.lines().any(|line| is_ambiguous(line, key)) {
                self.problems.push(ConfigError::Unquoted { path: path.to_owned(), key });
            }
        }
        let holds = |key: &str| here.get(key).is_some_and(|it| !it.is_empty());
        Some(holds("DB_PASSWORD") || here.get("SOURCE_DATABASE_URL").is_some_and(|it| has_password(it)))
    }

    fn check_placeholders(&mut self, environment: Environment, flags: &Flags) {
        let is_overruled = |key: &str| match key {
            "SOURCE_DATABASE_URL" => flags.source_url.is_some(),
            _ => flags.database_url.is_some() && (ADDRESS.contains(&key) || key == "DB_PORT"),
        };
        for (key, (value, origin)) in self.found.iter().filter(|it| !is_overruled(it.0)) {
            // A local database's password may well be one of the words.
            let words = !(SECRET.contains(key) && environment == Environment::Local);
            if is_placeholder(value, words) {
                // It might be a password after all.
                let value = if SECRET.contains(key) { HIDDEN.to_owned() } else { shown(value) };
                let origin = origin.clone();
                self.problems.push(ConfigError::Placeholder { key, value, origin });
            }
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.found.get(key).map(|it| it.0.clone())
    }

    /// A value that must satisfy something; one that doesn't is a problem.
    fn parsed<T>(&mut self, key: &'static str, must: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (value, origin) = self.found.get(key)?;
        let parsed = parse(value);
        if parsed.is_none() && !is_placeholder(value, true) {
            let (value, origin) = (shown(value), origin.clone());
            self.problems.push(ConfigError::Value { key, value, origin, must });
        }
        parsed
    }

    /// A file that must be there, and hold what it is named for, PEM.
    fn file(&mut self, key: &'static str, kind: Pem) -> Option<PathBuf> {
        let (value, origin) = self.found.get(key)?;
        let path = PathBuf::from(value);
        let reason = match std::fs::read(&path) {
            Err(error) => Some(error.kind().to_string()),
            Ok(text) => kind.missing(&text),
        };
        if let Some(reason) = reason {
            let (path, origin) = (path.clone(), origin.clone());
            self.problems.push(ConfigError::NoFile { key, path, origin, reason });
        }
        Some(path)
    }

    fn config(
        &mut self,
        flags: &Flags,
        environment: Environment,
        absent: Option<PathBuf>,
        mut warnings: Vec<String>,
        variable: &impl Fn(&str) -> Option<OsString>,
    ) -> Config {
        for (key, only) in [("DATABASE_SCHEMA", "padealing"), ("REFERENCE_SCHEMA", "bo_airflow")] {
            self.parsed(key, only, |it| (it == only).then_some(()));
        }
        let must = "a schema and a table, such as public.personal_account_dealing";
        let table = self.parsed("LEGACY_TABLE", must, |text| {
            let (schema, name) =
                text.split_once('.').filter(|(schema, name)| !schema.is_empty() && !name.is_empty())?;
            Some(TableName { schema: schema.to_owned(), name: name.to_owned() })
        });
        let seconds = self.parsed("DB_CONNECT_TIMEOUT", "a number of seconds from 1 to 600", |text| {
            text.parse::<u64>().ok().filter(|it| (1..=600).contains(it))
        });
        const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
        let ssl_mode = self.parsed("DB_SSLMODE", "disable, allow, prefer, require, verify-ca or verify-full", |text| {
            MODES.contains(&text).then(|| text.to_owned())
        });
        let ssl_root_cert = self.file("DB_SSLROOTCERT", Pem::Certificate);
        let client_cert = match (self.file("DB_SSLCERT", Pem::Certificate), self.file("DB_SSLKEY", Pem::Key)) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (cert, _) => {
                let (set, missing) =
                    if cert.is_some() { ("DB_SSLCERT", "DB_SSLKEY") } else { ("DB_SSLKEY", "DB_SSLCERT") };
                let text = format!("{set} is set and {missing} is not; a client certificate needs both");
                self.problems.push(ConfigError::Contradiction(text));
                None
            }
        };
        self.check_modes(ssl_mode.as_deref());
        let common =
            self.found.get("DB_HOST").filter(|it| matches!(&it.1, Origin::File(_)) && flags.database_url.is_none());
        if let (Some((_, origin)), Some(own)) = (common, &absent)
            && environment != Environment::Local
        {
            let own = own.display();
            warnings.push(format!(
                "there is no {own}: the database of environment {environment} is {origin}, as any other's"
            ));
        }
        let url = |text: &String| Endpoint::Url(Secret(text.clone()));
        let target = flags.database_url.as_ref().map(url).or_else(|| self.parts(flags.needs_target));
        // What else is wrong may be why there is none.
        if target.is_none()
            && flags.needs_target
            && self.problems.is_empty()
            && !self.found.keys().any(|it| ADDRESS.contains(it))
        {
            self.problems.push(ConfigError::NoDatabase { environment, absent });
        }
        if let Some(source) = &flags.source_url {
            self.found.insert("SOURCE_DATABASE_URL", (source.clone(), Origin::Flag("--source-url")));
        }
        let mut remarks = Vec::new();
        let in_arguments = [("--database-url", &flags.database_url), ("--source-url", &flags.source_url)];
        for (flag, _) in in_arguments.iter().filter(|(_, url)| url.as_ref().is_some_and(|it| has_password(it))) {
            if environment != Environment::Local {
                remarks.push(format!(
                    "the password in {flag} can be seen by others on this machine; use DB_PASSWORD or ~/.pgpass"
                ));
            }
        }
        Config {
            environment,
            target,
            source: self.get("SOURCE_DATABASE_URL").as_ref().map(url),
            transport: Transport {
                ssl_mode,
                ssl_root_cert,
                client_cert,
                connect_timeout: Duration::from_secs(seconds.unwrap_or(10)),
            },
            roles: Roles {
                owner: self.get("DB_OWNER_ROLE"),
                app: self.get("DB_APP_ROLE"),
                reader: self.get("DB_READER_ROLE"),
            },
            legacy_table: table.unwrap_or_else(TableName::legacy),
            settings: self.settings(flags.database_url.as_deref(), variable),
            warnings,
            remarks,
        }
    }

    /// TLS switched off, and a key that only TLS has a use for, said in the same place.
    fn check_modes(&mut self, ssl_mode: Option<&str>) {
        let Some((_, origin)) = self.found.get("DB_SSLMODE") else { return };
        for key in ["DB_SSLROOTCERT", "DB_SSLCERT"] {
            // `allow` is unencrypted with this driver unless the server insists, and then fails.
            let idle = matches!(ssl_mode, Some("disable" | "allow"));
            if idle && self.found.get(key).is_some_and(|it| it.1 == *origin) {
                let mode = ssl_mode.unwrap_or_default();
                let text =
                    format!("DB_SSLMODE is {mode} and {key} is set {origin}; without TLS it has no use: remove one");
                self.problems.push(ConfigError::Contradiction(text));
            }
        }
    }

    fn parts(&mut self, needed: bool) -> Option<Endpoint> {
        let port = self
            .parsed("DB_PORT", "a port, a number from 1 to 65535", |text| text.parse().ok().filter(|it: &u16| *it > 0));
        let must = "a host name, an address or a socket's folder; the port goes into DB_PORT";
        self.parsed("DB_HOST", must, |text| {
            let is_address = text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
            let plain = !text.contains(['/', ':', '@', ' ']);
            (text.starts_with('/') || is_address || plain).then_some(())
        });
        let set = ADDRESS.into_iter().find(|it| self.found.contains_key(it))?;
        let [host, name, user, _] = ADDRESS;
        let needed_keys = [host, name, user];
        let missing: Vec<&'static str> = needed_keys.into_iter().filter(|it| !self.found.contains_key(it)).collect();
        if needed && !missing.is_empty() {
            self.problems.push(ConfigError::Incomplete { set, missing });
        }
        let password = self.get("DB_PASSWORD").map(Secret);
        let [host, database, user] = needed_keys.map(|it| self.get(it));
        Some(Endpoint::Parts { host: host?, port: port.unwrap_or(5432), database: database?, user: user?, password })
    }

    /// What has a say in this run, for people.
    fn settings(&self, url: Option<&str>, variable: &impl Fn(&str) -> Option<OsString>) -> Vec<Setting> {
        let mut settings = Vec::new();
        // A role's name may have an @.
        let visible = |value: &str| if value.contains("://") { masked_url(value) } else { value.to_owned() };
        let mut overruled = BTreeSet::new();
        let setting = |key: &'static str| {
            let (value, origin) = self.found.get(key)?;
            let value = if key == "DB_PASSWORD" { HIDDEN.to_owned() } else { visible(value) };
            Some(Setting { key, value: Some(value), origin: origin.clone() })
        };
        settings.extend(setting("APP_ENV"));
        if let Some(url) = url {
            let origin = Origin::Flag("--database-url");
            settings.push(Setting { key: "DATABASE_URL", value: Some(masked_url(url)), origin });
            overruled.extend(KEYS[..5].iter().map(|it| it.name));
        }
        for key in KEYS.iter().filter(|it| !overruled.contains(it.name)) {
            let default = Setting { key: key.name, value: key.default.map(str::to_owned), origin: Origin::Default };
            settings.push(setting(key.name).unwrap_or(default));
        }
        for key in DRIVER {
            if let Some(value) = variable(key).filter(|it| !it.is_empty()) {
                let value = if key == "PGPASSWORD" { HIDDEN.to_owned() } else { visible(&value.display().to_string()) };
                settings.push(Setting { key, value: Some(value), origin: Origin::Variable });
            }
        }
        settings
    }
}

/// What a file of TLS is for.
#[derive(Clone, Copy)]
enum Pem {
    Certificate,
    Key,
}

impl Pem {
    /// What is wrong with such a file's content.
    fn missing(self, text: &[u8]) -> Option<String> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let found = match self {
            Self::Certificate => matches!(CertificateDer::pem_slice_iter(text).next(), Some(Ok(_))),
            Self::Key => PrivateKeyDer::from_pem_slice(text).is_ok(),
        };
        let encrypted = String::from_utf8_lossy(text).contains("ENCRYPTED");
        match (self, found) {
            (_, true) => None,
            (Self::Certificate, false) => Some("there is no certificate in it (PEM)".to_owned()),
            (Self::Key, false) if encrypted => Some("its key is encrypted, which the driver can't undo".to_owned()),
            (Self::Key, false) => Some("there is no private key in it (PEM)".to_owned()),
        }
    }
}

/// Whether a line sets a key to something that a parser of such files takes for more than text.
fn is_ambiguous(line: &str, key: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let Some(value) = line.strip_prefix(key).and_then(|it| it.trim_start().strip_prefix('=')) else {
        return false;
    };
    let value = value.trim();
    match value.chars().next() {
        // What is in single quotes is taken as it is.
        Some('\'') => value[1..].find('\'').is_none_or(|end| {
            let rest = value[end + 2..].trim_start();
            !rest.is_empty() && !rest.starts_with('#')
        }),
        Some('"') => {
            let pairs = value.chars().zip(value.chars().skip(1));
            pairs.into_iter().any(|(before, it)| it == '$' && before != '\\')
        }
        Some('#') => true,
        _ => value.contains(['$', '\\', '"', '\'']),
    }
}

/// Whether a value is what a template says where something is to be filled in.
fn is_placeholder(value: &str, words: bool) -> bool {
    const WORDS: [&str; 5] = ["changeme", "todo", "tbd", "fixme", "placeholder"];
    let bracketed =
        [("<", ">"), ("{{", "}}"), ("${", "}")].iter().any(|(a, b)| value.starts_with(a) && value.ends_with(b));
    let plain = value.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let repeated = plain.len() >= 3 && plain.bytes().all(|it| it == b'x');
    let yours = ["your-", "your_", "your "].iter().any(|it| value.to_ascii_lowercase().starts_with(it));
    bracketed || words && (WORDS.contains(&plain.as_str()) || repeated || yours)
}
