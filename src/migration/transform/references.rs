//! What a row refers to, and the id that its request gets: D6, D7 and D16b.

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow};
use crate::migration::lookups::{Collision, Security};
use crate::migration::rejection::Rule;
use crate::migration::target::Stage;
use crate::migration::transform::approval::StageColumns;
use crate::migration::transform::reader::RowReader;
use crate::migration::value::parse_identifier;

/// The people that the row may write to a column with a foreign key (D16b), to be looked up before the transform.
/// What can't be read as an id is left out; the transform rejects it.
pub(crate) fn people(row: &LegacyRow) -> impl Iterator<Item = i64> {
    let executed = row.has_text(Col::TwoBusinessDaysExecution) || row.has_text(Col::ContractNotesReceived);
    let approvers = Stage::ALL.iter().filter_map(move |stage| {
        let columns = StageColumns::of(*stage);
        let recorder = *stage == Stage::Compliance && executed;
        (recorder || !row.is_null(columns.status)).then_some(columns.approver)
    });
    let columns = [Col::Employee, Col::LastModifiedBy].into_iter().chain(approvers);
    columns.filter_map(|it| parse_identifier(row.plain(it)?).ok())
}

/// The symbol under which the row's security is looked up, if it has one (D7).
pub(crate) fn symbol(row: &LegacyRow) -> Option<&str> {
    row.compared(Col::InstSymbol).filter(|it| !it.is_empty())
}

impl RowReader<'_, '_> {
    /// D6: the legacy id, unless the target uses it for another request.
    pub(super) fn request_id(&mut self, source_id: i64) -> Option<i64> {
        match self.lookups.collisions.get(&source_id) {
            // The identity sequence must be moved past every id, and there is none past this one (D6).
            None if source_id == i64::MAX => {
                let message =
                    format!("id is {source_id}, which leaves no larger id for new requests; correct it in the source");
                self.reject(Col::Id, Rule::OutOfRange, message);
                None
            }
            None => Some(source_id),
            Some(Collision::StrayLineage) => {
                let message = "migration_mapping has rows for this id, but none for its request; \
                               find out what wrote them, and remove them";
                self.reject(Col::Id, Rule::IdCollision, message);
                None
            }
            Some(Collision::Reassign(id)) => Some(*id),
            Some(Collision::Reject) => {
                let message = format!(
                    "padealing.pad_request {source_id} exists and did not come from this row; \
                     move it, or run with --on-id-collision reassign"
                );
                self.reject(Col::Id, Rule::IdCollision, message);
                None
            }
        }
    }

    pub(super) fn employee(&mut self) -> Option<i64> {
        if self.row.is_null(Col::Employee) {
            self.reject(Col::Employee, Rule::UnknownEmployee, "employee is null; a request belongs to an employee");
        }
        self.person(Col::Employee)
    }

    /// D16b: called exactly for a value that would be written to a column with a foreign key.
    pub(super) fn person(&mut self, column: Col) -> Option<i64> {
        let id = self.parsed(column, parse_identifier)?;
        if !self.lookups.employees.contains(&id) {
            let message = format!(
                "{column} is {id}, which is not in bo_airflow.oracle_employee; \
                 correct the source, or ask the owners of bo_airflow to load it again"
            );
            self.reject(column, Rule::UnknownEmployee, message);
        }
        Some(id)
    }

    /// D7: the one security with the symbol, or the one of several that an identifier singles out.
    pub(super) fn security(&mut self) -> Option<i64> {
        let column = Col::InstSymbol;
        if self.row.compared(column).is_some_and(str::is_empty) || !self.row.has_text(column) {
            return None;
        }
        let candidates = symbol(self.row).and_then(|it| self.lookups.securities.get(it)).map_or(&[][..], |it| &**it);
        match candidates {
            [] if self.lookups.missing_security_is_null => None,
            [] => {
                let message = format!(
                    "no security in bo_airflow.oracle_bloomberg has the inst_symbol {}; \
                     ask the owners of bo_airflow to load it again, or run with --on-missing-security null",
                    self.shown(column)
                );
                self.reject(column, Rule::UnknownSecurity, message);
                None
            }
            [only] => Some(only.id),
            several => {
                let mut agreeing = several.iter().filter(|it| self.agrees(it));
                if let (Some(one), None) = (agreeing.next(), agreeing.next()) {
                    return Some(one.id);
                }
                let message = format!(
                    "{} securities in bo_airflow.oracle_bloomberg have the inst_symbol {}, and isin, sedol, bloomberg \
                     and ticker match none or several of them; correct these columns in the source",
                    several.len(),
                    self.shown(column)
                );
                self.reject(column, Rule::AmbiguousSecurity, message);
                None
            }
        }
    }

    pub(super) fn agrees(&self, security: &Security) -> bool {
        let equal = |of_security: &Option<String>, column| {
            of_security.as_deref().is_some_and(|it| !it.is_empty() && self.row.compared(column) == Some(it))
        };
        equal(&security.isin, Col::Isin)
            || equal(&security.sedol, Col::Sedol)
            || equal(&security.bloomberg, Col::Bloomberg)
            || equal(&security.ticker, Col::Ticker)
    }
}
