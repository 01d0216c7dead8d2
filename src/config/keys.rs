//! The keys of the configuration.

/// A key that the files and the environment may set.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) default: Option<&'static str>,
}

/// The keys of the configuration.
pub(crate) const KEYS: &[Key] = &[
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

/// Keys of the target's address: the first three belong together.
pub(crate) const ADDRESS: [&str; 4] = ["DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD"];

/// Keys whose values hold a password.
pub(crate) const SECRET: [&str; 2] = ["DB_PASSWORD", "SOURCE_DATABASE_URL"];

/// What `sslmode` may be.
pub(crate) const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// What a key's value must be one of; none of them, if it must be a number or what only few texts are. Nothing, if it may be
/// most texts.
pub(crate) fn words_of(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "DB_PORT" | "PGPORT" | "DB_CONNECT_TIMEOUT" | "PGOPTIONS" | "LEGACY_TABLE" => &[],
        "DB_SSLMODE" | "PGSSLMODE" => &SSL_MODES,
        "APP_ENV" => &["local", "dev", "qa", "prod"],
        "DATABASE_SCHEMA" => &["padealing"],
        "REFERENCE_SCHEMA" => &["bo_airflow"],
        _ => return None,
    })
}

/// Parameters of a URL that the driver knows, but for the password, and that hold no secret.
pub(crate) const PARAMETERS: [&str; 17] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "dbname",
    "application_name",
    "options",
    "statement-cache-capacity",
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
];

/// Keys, and variables of libpq, whose values are names: nothing with a colon, as an address with a password has.
pub(crate) const NAMES: [&str; 7] =
    ["DB_NAME", "DB_USER", "DB_OWNER_ROLE", "DB_APP_ROLE", "DB_READER_ROLE", "PGDATABASE", "PGUSER"];

/// Of these, the ones that log in: behind them a password may be put, in many ways.
pub(crate) const USERS: [&str; 2] = ["DB_USER", "PGUSER"];

/// libpq's variables, which the driver reads where the keys above say nothing.
pub(crate) const DRIVER: [&str; 12] = [
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

/// libpq's variables that ask for more than the driver does, and that it doesn't read.
pub(crate) const IGNORED: [&str; 7] = [
    "PGSERVICE",
    "PGTARGETSESSIONATTRS",
    "PGCHANNELBINDING",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGSSLCRL",
    "PGSSLMINPROTOCOLVERSION",
];

/// The key of that name, or the one that a misspelt name probably means.
pub(crate) fn find(name: &str) -> Result<&'static Key, Option<&'static str>> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let distance = |key: &&Key| strsim::damerau_levenshtein(key.name, &name.to_ascii_uppercase());
    Err(KEYS.iter().min_by_key(distance).filter(|key| distance(key) <= 3).map(|key| key.name))
}
