//! Where the legacy rows are, for as long as a dashboard shows what became of them.

use std::sync::Arc;

use crate::config::settings::TableName;
use crate::migration::csv::proved::ProvedCsv;
use crate::migration::pg::legacy::LegacySource;
use crate::postgres::database::Database;

/// Where the legacy rows are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In a table.
    Table(Box<Database>, TableName),
    /// In a file.
    Csv(Arc<ProvedCsv>),
}

impl Source {
    /// The legacy table, if it is in this database.
    pub(crate) fn table_in(&self, target: &Database) -> Option<&TableName> {
        match self {
            Self::Table(database, table) if database.place() == target.place() => Some(table),
            _ => None,
        }
    }

    pub(crate) fn legacy(&self) -> LegacySource<'_> {
        match self {
            Self::Table(database, table) => LegacySource::Table { database, table },
            Self::Csv(csv) => LegacySource::Csv(csv),
        }
    }
}
