//! What a page of legacy rows refers to in the target, as the transform is given it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A security of the reference schema, as far as it takes part in D7.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `oracle_bloomberg.id`.
    pub id: i64,
    /// `oracle_bloomberg.isin`.
    pub isin: Option<String>,
    /// `oracle_bloomberg.sedol`.
    pub sedol: Option<String>,
    /// `oracle_bloomberg.bloomberg`.
    pub bloomberg: Option<String>,
    /// `oracle_bloomberg.ticker`.
    pub ticker: Option<String>,
}

/// What becomes of a legacy row whose id is taken by another request in the target (D6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collision {
    /// The row is rejected.
    Reject,
    /// The row is rejected: there is lineage of its approvals, execution or audit entries, and none of a request.
    StrayLineage,
    /// The request gets this id instead.
    Reassign(i64),
}

/// Ids of rows.
pub type Ids = HashSet<i64, foldhash::fast::RandomState>;

/// Securities by symbol, which pages share.
pub type SecuritiesBySymbol = HashMap<Arc<str>, Arc<[Security]>, foldhash::fast::RandomState>;

/// What a set of legacy rows refers to, looked up before the transform.
#[derive(Clone, Debug, Default)]
pub struct Lookups {
    /// Ids that exist in `oracle_employee`, of those referred to.
    pub employees: Ids,
    /// Rows of `oracle_bloomberg` by symbol, for the symbols referred to.
    pub securities: SecuritiesBySymbol,
    /// Source ids that the target uses for a request which lineage doesn't tie to the source row.
    pub collisions: HashMap<i64, Collision>,
    /// Whether a symbol that no security has becomes null instead of a rejection (`--on-missing-security null`).
    pub missing_security_is_null: bool,
}
