//! What to do where no SQL helps, in words. Pure.

use crate::base::hint::APPLY;
use crate::schema::catalog::{Id, Kind};
use crate::schema::drift::finding::Change;
use crate::schema::drift::remedy::Case;
use crate::schema::names::{CONTRACT_SCHEMA, read_instead};

impl Case<'_> {
    /// What stands for a column that the reference schema never had.
    pub(super) fn phantom(&self) -> Option<String> {
        let Id { schema, parent, kind, name } = self.id;
        let is_column = *kind == Kind::Column && self.difference.change == Change::Missing;
        let instead = read_instead(schema, parent, name).filter(|_| is_column)?;
        Some(format!("{CONTRACT_SCHEMA} never had this column: {instead}"))
    }

    pub(super) fn words(&self) -> String {
        if self.comparison.is_contract(self.id) {
            return format!("pad-migrate doesn't manage {CONTRACT_SCHEMA}; ask its owners whether this is intended");
        }
        let kind = self.id.kind.words();
        let is_embedded = self.comparison.embedded;
        let origin = if is_embedded { "migrations/" } else { "the expected database" };
        match self.difference.change {
            Change::Missing if self.id.kind == Kind::Table && is_embedded => {
                format!("find out who dropped it, and where its rows are; `{APPLY}` creates it without rows").to_owned()
            }
            Change::Empty => {
                format!("check that this is the right database; `{APPLY}` then creates the missing objects")
            }
            Change::Missing => format!("create it as in {origin}"),
            Change::Unexpected => {
                format!(
                    "unexpected {kind}, left unchanged: find out what it is for, then add it to {origin} or drop it"
                )
            }
            Change::Replaced => format!("find out who replaced the {kind}"),
            Change::Order => "no action needed: columns are read by name".to_owned(),
            Change::Unmanaged => "no action needed: a known table that pad-migrate doesn't manage".to_owned(),
            Change::Unmodelled => {
                "check it by hand: pad-migrate doesn't know this kind of object, and has not compared it".to_owned()
            }
            _ => format!("change it by hand to match {origin}"),
        }
    }
}
