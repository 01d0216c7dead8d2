//! The values of the keys, each with its origin, and what is wrong with them. Later ones win.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use crate::config::env_file::shown_key;
use crate::config::environment::Environment;
use crate::config::error::ConfigError;
use crate::config::keys::{ADDRESS, DRIVER, KEYS, SECRET, find};
use crate::config::mask::{HIDDEN, has_controls, mask_url, mask_urls, mask_value, mask_wrong};
use crate::config::placeholder::is_placeholder;
use crate::config::settings::{Origin, Setting};

/// The process's environment.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The values that were found, and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) found: BTreeMap<&'static str, (String, Origin)>,
    pub(crate) problems: Vec<ConfigError>,
}

impl Values {
    /// Which environment the run is for.
    pub(crate) fn environment(&mut self, flag: Option<Environment>, variables: Variables<'_>) -> Environment {
        self.read_variable("APP_ENV", variables);
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
            self.problems.push(ConfigError::Value {
                key: "APP_ENV",
                value: mask_wrong("APP_ENV", &name),
                origin,
                must,
            });
            Environment::Local
        })
    }

    /// Takes the value of an environment variable. An empty one counts as not set.
    pub(crate) fn read_variable(&mut self, key: &'static str, variables: Variables<'_>) {
        match variables(key).map(OsString::into_string) {
            Some(Ok(value)) if !value.is_empty() => {
                self.found.insert(key, (value, Origin::Variable));
            }
            Some(Err(value)) => {
                // What isn't text may be a password all the same.
                let is_secret = SECRET.contains(&key);
                let value = if is_secret { HIDDEN.to_owned() } else { mask_wrong(key, &value.display().to_string()) };
                let must = "UTF-8 text";
                self.problems.push(ConfigError::Value { key, value, origin: Origin::Variable, must });
            }
            _ => {}
        }
    }

    /// Takes the pairs of a file. An empty value counts as not set.
    pub(crate) fn read_pairs(
        &mut self,
        path: &Path,
        (text, pairs): (&str, &BTreeMap<String, String>),
        environment: Environment,
    ) {
        for (name, value) in pairs {
            match find(name) {
                Ok(_) if value.is_empty() => {}
                Ok(key) => {
                    self.found.insert(key.name, (value.clone(), Origin::File(path.to_owned())));
                }
                Err(_) if name == "APP_ENV" => {
                    if !value.is_empty() && value != environment.as_str() {
                        let (path, value) = (path.to_owned(), mask_wrong("APP_ENV", value));
                        self.problems.push(ConfigError::OtherEnvironment { path, value, environment });
                    }
                }
                Err(like) => {
                    let (path, key) = (path.to_owned(), shown_key(text, name));
                    self.problems.push(ConfigError::Unknown { path, key, like });
                }
            }
        }
    }

    /// Adds a problem for each value that is still a template's and isn't overruled by a flag.
    pub(crate) fn check_placeholders(&mut self, environment: Environment, has_url: bool, has_source: bool) {
        let is_overruled = |key: &str| match key {
            "SOURCE_DATABASE_URL" => has_source,
            _ => has_url && (ADDRESS.contains(&key) || key == "DB_PORT"),
        };
        for (key, (value, origin)) in self.found.iter().filter(|(key, _)| !is_overruled(key)) {
            // A local database's password may well be one of the words.
            let words = !(SECRET.contains(key) && environment == Environment::Local);
            if is_placeholder(value, words) {
                // It might be a password after all.
                let value = if SECRET.contains(key) { HIDDEN.to_owned() } else { mask_value(key, value) };
                let origin = origin.clone();
                self.problems.push(ConfigError::Placeholder { key, value, origin });
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.found.get(key).map(|(value, _)| value.clone())
    }

    /// A value that must satisfy something; one that doesn't is a problem.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        must: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (value, origin) = self.found.get(key)?;
        let parsed = parse(value);
        if parsed.is_none() && !is_placeholder(value, true) {
            let (value, origin) = (mask_wrong(key, value), origin.clone());
            self.problems.push(ConfigError::Value { key, value, origin, must });
        }
        parsed
    }

    /// The values that this run uses, for `doctor`; passwords are masked.
    pub(crate) fn settings(&self, url: Option<&str>, variables: Variables<'_>) -> Vec<Setting> {
        let mut settings = Vec::new();
        // A role's name may have an @.
        let is_masked = |value: &str| value.contains("://") || has_controls(value);
        let visible = |value: &str| if is_masked(value) { mask_url(value) } else { mask_urls(value) };
        let mut overruled = BTreeSet::new();
        let setting = |key: &'static str| {
            let (value, origin) = self.found.get(key)?;
            let value = if key == "DB_PASSWORD" { HIDDEN.to_owned() } else { visible(value) };
            Some(Setting { key, value: Some(value), origin: origin.clone() })
        };
        settings.extend(setting("APP_ENV"));
        if let Some(url) = url {
            let origin = Origin::Flag("--database-url");
            settings.push(Setting { key: "DATABASE_URL", value: Some(mask_url(url)), origin });
            overruled.extend(KEYS[..5].iter().map(|key| key.name));
        }
        for key in KEYS.iter().filter(|key| !overruled.contains(key.name)) {
            let default = Setting { key: key.name, value: key.default.map(str::to_owned), origin: Origin::Default };
            settings.push(setting(key.name).unwrap_or(default));
        }
        for key in DRIVER {
            if let Some(value) = variables(key).filter(|value| !value.is_empty()) {
                let value = if key == "PGPASSWORD" { HIDDEN.to_owned() } else { visible(&value.display().to_string()) };
                settings.push(Setting { key, value: Some(value), origin: Origin::Variable });
            }
        }
        settings
    }
}
