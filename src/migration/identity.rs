//! Which legacy rows were read: whether two commands had the same source.

use serde::{Deserialize, Serialize};

/// Where legacy rows come from, so that it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SourceIdentity {
    /// The fixtures.
    Fixtures,
    /// Generated rows.
    Generated,
    /// A table.
    Table {
        /// Of the server and its replicas, whatever they are called; null if the role may not see it.
        system_identifier: Option<String>,
        /// Host, port, database and role.
        place: String,
        /// The database.
        database: String,
        /// Schema and table.
        table: String,
    },
    /// A CSV file.
    Csv {
        /// The SHA-256 of the file, in lower-case hexadecimal.
        sha256: String,
        /// The SHA-256 of what it holds, unpacked; absent in reports of earlier versions.
        #[serde(default)]
        content_sha256: Option<String>,
        /// How it was read: encoding, NULL, numbers and dates.
        #[serde(default)]
        reading: String,
    },
}

impl SourceIdentity {
    /// Whether it is the same source. A file is the same packed and unpacked. A server has many names, and one
    /// identifier; where that can't be seen, the names decide.
    pub(crate) fn is(&self, other: &Self) -> bool {
        if let (
            Self::Csv { sha256, content_sha256, reading },
            Self::Csv { sha256: of_other, content_sha256: its_content, reading: its_reading },
        ) = (self, other)
        {
            let content = content_sha256.as_ref().unwrap_or(sha256);
            return reading == its_reading
                && (sha256 == of_other || content == its_content.as_ref().unwrap_or(of_other));
        }
        let Self::Table { system_identifier, place, database, table } = self else { return self == other };
        let Self::Table { system_identifier: of_other, place: its_place, database: its_database, table: its_table } =
            other
        else {
            return false;
        };
        let without_role = |place: &str| place.rsplit_once(" as ").map_or(place, |(it, _)| it).to_owned();
        let is_there = match (system_identifier, of_other) {
            (Some(one), Some(another)) => one == another && database == its_database,
            _ => without_role(place) == without_role(its_place),
        };
        is_there && table == its_table
    }

    /// In a sentence: `rows of …`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Fixtures => "the fixtures".to_owned(),
            Self::Generated => "generated rows".to_owned(),
            Self::Table { place, table, .. } => format!("{table} at {place}"),
            Self::Csv { sha256, reading, .. } => format!("the file with the SHA-256 {sha256}, read as {reading}"),
        }
    }
}
