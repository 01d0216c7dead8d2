//! What the way of reading the legacy table depends on, beside its columns.

use crate::base::text::list;
use crate::config::settings::TableName;

/// How the legacy table is read, and what can't be known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyTraits {
    /// Whether no index gives the rows in the order of their ids, so that each page would be a scan of the whole.
    pub needs_cursor: bool,
    /// Foreign tables that its rows come from.
    pub foreign: Vec<String>,
    /// Tables with row-level security that a view reads with its owner's privileges.
    pub policed: Vec<String>,
}

impl LegacyTraits {
    /// What people are to know of it, a sentence each.
    pub(crate) fn notes(&self, table: &TableName) -> Vec<String> {
        let cursor = self.needs_cursor.then(|| {
            format!(
                "no index gives the rows of {table} in the order of their ids, so they are read once, by a cursor, in \
                 one snapshot"
            )
        });
        cursor.into_iter().chain(self.warnings(table)).collect()
    }

    /// Rows that may be hidden where nobody here can see it.
    pub(crate) fn warnings(&self, table: &TableName) -> Vec<String> {
        let foreign = (!self.foreign.is_empty()).then(|| {
            format!(
                "rows of {table} come from another server (foreign table {}), where a policy may hide some; that can't be \
                 seen from here, so compare the number of rows with the one there",
                list(&self.foreign)
            )
        });
        let policed = (!self.policed.is_empty()).then(|| {
            format!(
                "{table} is a view of {}, which has row-level security; a policy may hide rows from the view's owner",
                list(&self.policed)
            )
        });
        foreign.into_iter().chain(policed).collect()
    }
}
