//! What `migrations/revisions.toml` declares of each revision: what the planner can't read from a catalog. Pure.

use std::collections::BTreeMap;

use clap::ValueEnum as _;
use serde::Deserialize;

use crate::config::environment::Environment;

/// What is declared of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Properties {
    /// The environments that skip it, each with the reason.
    pub not_for: BTreeMap<String, String>,
    /// Whether it changes rows, so that altering what differs can't replace it.
    pub moves_data: bool,
    /// The tables that it moves from `public`, each with the columns that identify it.
    pub moves_tables: BTreeMap<String, Vec<String>>,
    /// Checksums of earlier texts, which led to the same schema.
    pub earlier: Vec<String>,
}

/// Why a declaration can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum PropertiesError {
    /// The text isn't TOML, or has a key that means nothing.
    #[error("migrations/revisions.toml: {0}")]
    Toml(#[from] toml::de::Error),
    /// A revision is to skip an environment that doesn't exist.
    #[error("migrations/revisions.toml: revision {revision} is not for {environment}, which is not an environment")]
    Environment { revision: String, environment: String },
    /// A table would be recognised by its name alone.
    #[error("migrations/revisions.toml: revision {revision} moves {table} without columns that identify it")]
    Columns { revision: String, table: String },
}

/// The properties of each revision, by its number.
pub fn parse(text: &str) -> Result<BTreeMap<String, Properties>, PropertiesError> {
    let all: BTreeMap<String, Properties> = toml::from_str(text)?;
    for (revision, properties) in &all {
        let is_known = |name: &str| Environment::value_variants().iter().any(|known| known.as_str() == name);
        if let Some(environment) = properties.not_for.keys().find(|name| !is_known(name)) {
            return Err(PropertiesError::Environment { revision: revision.clone(), environment: environment.clone() });
        }
        if let Some((table, _)) = properties.moves_tables.iter().find(|(_, columns)| columns.is_empty()) {
            return Err(PropertiesError::Columns { revision: revision.clone(), table: table.clone() });
        }
    }
    Ok(all)
}
