//! What differs between two catalogs, and how much it matters. Pure.
//!
//! Expected × live × policy → findings in a fixed order. [`compare`] says what differs; `effects` leaves one finding for
//! one cause; `severity` weighs it; `remedy` says what to do.

pub(crate) mod comparison;
mod effects;
pub mod exceptions;
pub mod expectation;
pub mod finding;
pub mod outcome;
mod remedy;
pub(crate) mod severity;
pub(crate) mod spelling;

use crate::schema::catalog::Catalog;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::expectation::{Expectation, Parties, settle_roles};
use crate::schema::drift::finding::{Finding, sort};
use crate::schema::names::APPLICATION_SCHEMA;

/// Compares. What another database is, is compared without parties: by the names that are there.
pub fn compare(expectation: Expectation, mut live: Catalog, parties: &Parties) -> Vec<Finding> {
    let Expectation { catalog: mut expected, embedded } = expectation;
    let mut findings = Vec::new();
    if embedded {
        findings.extend(settle_roles(&mut expected, &mut live, &parties.roles));
    }
    let comparison = Comparison::new(expected, live, embedded, &parties.inherits);
    let differences = effects::one_for_each_cause(comparison.differences(), &comparison);
    findings.extend(differences.into_iter().filter_map(|difference| {
        let severity = severity::weigh(&difference, &comparison)?;
        let remedy = remedy::remedy(&difference, &comparison);
        let Difference { change, id, role, expected, actual, effects, .. } = difference;
        Some(Finding { severity, change, id, role, expected, actual, remedy, effects, facts: Vec::new() })
    }));
    sort(&mut findings);
    findings
}
