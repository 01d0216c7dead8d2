//! What differs between two catalogs, and how much it matters. Pure.
//!
//! `comparison` finds what differs; `effects` groups consequences under their cause; `severity` says how much a cause
//! matters; `remedy` says what to do. Findings have a fixed order.

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
use crate::schema::drift::comparison::serial::follow_serials;
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::expectation::{Expectation, RoleContext, resolve_roles};
use crate::schema::drift::finding::{Finding, Severity, sort};

/// Compares. Roles are needed for the embedded catalog only: the catalog of a database has names.
pub fn compare(expectation: Expectation, mut live: Catalog, context: &RoleContext) -> Vec<Finding> {
    let Expectation { catalog: mut expected, embedded } = expectation;
    let mut findings = Vec::new();
    if embedded {
        findings.extend(resolve_roles(&mut expected, &mut live, &context.roles));
    }
    follow_serials(&mut expected, &live);
    let comparison = Comparison::new(expected, live, embedded, &context.inherits);
    let differences = effects::one_for_each_cause(comparison.differences(), &comparison);
    let weighed = differences.iter().filter_map(|it| Some((it, severity::weigh(it, &comparison)?)));
    let (differences, severities): (Vec<&Difference>, Vec<Severity>) = weighed.unzip();
    let remedies = remedy::remedies(&differences, &comparison);
    for ((difference, severity), (remedy, order)) in differences.into_iter().zip(severities).zip(remedies) {
        let Difference { change, id, role, expected, actual, effects, .. } = difference.clone();
        findings.push(Finding { severity, change, id, role, expected, actual, remedy, order, effects, facts: None });
    }
    sort(&mut findings);
    findings
}
