//! How much a difference matters (`docs/drift.md` has the rules in words). Pure.
//!
//! A policy a file: the application schema is compared strictly, the reference schema as a contract, the database as a
//! whole by rules of its own.

mod contract;
mod database;
mod reach;
mod strict;
mod types;

use crate::schema::catalog::{Kind, Object, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::Severity;

/// The severity of a difference; none if the policy accepts it.
pub(crate) fn weigh(difference: &Difference, comparison: &Comparison<'_>) -> Option<Severity> {
    let live_id = difference.live_id.as_ref().unwrap_or(&difference.id);
    let expected = comparison.expected.objects.get(live_id);
    let expected = expected.or_else(|| comparison.expected.objects.get(&difference.id));
    let live = comparison.live.objects.get(live_id);
    let case = Case { difference, comparison, expected, live };
    match () {
        () if comparison.is_contract(&difference.id) => case.contract(),
        () if difference.id.schema.is_empty() => Some(case.database()),
        () => Some(case.strict()),
    }
}

/// A difference, with both objects.
struct Case<'a> {
    difference: &'a Difference,
    comparison: &'a Comparison<'a>,
    expected: Option<&'a Object>,
    live: Option<&'a Object>,
}

impl Case<'_> {
    /// A constraint or an index that makes rows unique, or refers to others.
    fn is_key(&self, object: Option<&Object>) -> bool {
        match self.difference.id.kind {
            Kind::Constraint => text(object, Property::Type) != "check",
            Kind::Index => has(object, Property::Unique) || has(object, Property::Constraint),
            _ => false,
        }
    }
}

fn has(object: Option<&Object>, property: Property) -> bool {
    object.is_some_and(|object| object.contains_key(&property))
}

fn text(object: Option<&Object>, property: Property) -> String {
    object.and_then(|object| object.get(&property)).map(Value::to_string).unwrap_or_default()
}

/// Whether one of these privileges allows more than reading.
fn is_writing(privileges: &str) -> bool {
    privileges.split(", ").any(|privilege| {
        let plain = privilege.trim_start_matches("grant option for ").split(" with ").next().unwrap_or_default();
        !matches!(plain, "SELECT" | "REFERENCES" | "USAGE" | "EXECUTE" | "CONNECT")
    })
}
