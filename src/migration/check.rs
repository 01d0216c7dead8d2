//! Proves one migrated row from what is stored, against its legacy row.
//!
//! Pure, and a second opinion: it shares the row types, the value types and [`crate::migration::reconstruct`] with the
//! rest, and nothing with [`crate::migration::transform`] or the writer. What the decisions say is written here once
//! more, from the stored side: for each stored column, which text must be there given the legacy row. A file each: the
//! columns of [`request`], [`approval`], [`execution`] and [`audit`], then [`lineage`], then the [`reconstruction`] of
//! the legacy row.

mod approval;
mod audit;
mod checker;
mod decode;
mod execution;
mod lineage;
mod reconstruction;
mod request;

use arrayvec::ArrayVec;

use crate::migration::check::checker::Checker;
use crate::migration::check::decode::decode;
use crate::migration::difference::Difference;
use crate::migration::legacy::{LegacyRow, Names};
use crate::migration::lookups::SecuritiesBySymbol;
use crate::migration::reconstruct::{default_inverse, restore_residual};
use crate::migration::stored::Stored;
use crate::migration::target::{Role, Stage};

/// Compares what is stored for a migrated row with its legacy row. Empty if all of it is right.
pub(crate) fn check(
    source_id: i64,
    row: &LegacyRow,
    stored: &Stored,
    securities: &SecuritiesBySymbol,
) -> Vec<Difference> {
    let mut checker = Checker::of(source_id, row);
    checker.all(stored, securities);
    checker.differences.sort();
    checker.differences.dedup();
    checker.differences
}

/// The legacy row that what is stored for it gives back (D20); none if there is no request, or a stored value is one that
/// the migration never writes.
pub(crate) fn given_back(source_id: i64, names: &Names, stored: &Stored) -> Option<LegacyRow> {
    let rows = decode(source_id, stored)?;
    let mut back = default_inverse(&rows, names);
    restore_residual(&mut back, stored.assessment.legacy.iter());
    Some(back)
}

impl Checker<'_> {
    fn all(&mut self, stored: &Stored, securities: &SecuritiesBySymbol) {
        let Some(request) = &stored.request else {
            self.note("pad_request", "id", "the request that lineage names", "no such row");
            return;
        };
        let request_id = request.get("id");
        self.request(request, securities);
        self.assessment(stored);
        let mut roles: ArrayVec<Role, { Role::ALL.len() }> = ArrayVec::new();
        roles.push(Role::Request);
        for stage in Stage::ALL {
            roles.extend(self.approval(*stage, stored, request_id));
        }
        roles.extend(self.execution(stored, request_id));
        let audited: ArrayVec<Role, 3> = roles
            .iter()
            .filter_map(|it| match it {
                Role::Request => Some(Role::AuditSubmitted),
                Role::Manager => Some(Role::AuditManager),
                Role::Compliance => Some(Role::AuditCompliance),
                _ => None,
            })
            .collect();
        self.audit(&audited, stored, request_id);
        roles.extend(audited);
        self.lineage(&roles, stored);
        self.reconstruction(stored);
    }
}
