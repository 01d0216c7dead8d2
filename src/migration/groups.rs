//! Rejections by rule and field, so that many of one kind don't hide a few of another.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::migration::rejection::{Reason, Rejection, Rule};

/// Examples that a group keeps, each of another value.
pub(crate) const EXAMPLES: usize = 3;

/// The same of rows that the target refuses, each for another cause.
const CAUSES: usize = 20;

/// The rows that one rule has rejected for one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RejectionGroup {
    /// The rule.
    pub rule: Rule,
    /// The legacy column.
    pub field: String,
    /// How many rows; a row with several reasons is in several groups.
    pub rows: u64,
    /// The first rows, each with another value.
    pub examples: Vec<RejectionExample>,
}

/// A value that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct RejectionExample {
    /// The first row with it.
    pub source_id: i64,
    /// The value; null if the column was.
    pub value: Option<String>,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
    /// How many rows of the group have this value.
    pub rows: u64,
}

/// All groups, as rows come in id order. Their number is bounded by the rules and the columns.
#[derive(Clone, Debug, Default)]
pub struct RejectionGroups(BTreeMap<(Rule, String), RejectionGroup>);

impl RejectionGroups {
    pub(crate) fn add(&mut self, rejection: &Rejection) {
        let mut seen: Vec<(Rule, &str)> = Vec::new();
        for Reason { field, rule, value, message } in &rejection.reasons {
            if seen.contains(&(*rule, field)) {
                continue;
            }
            seen.push((*rule, field));
            let group = self.0.entry((*rule, field.clone())).or_insert_with(|| RejectionGroup {
                rule: *rule,
                field: field.clone(),
                rows: 0,
                examples: Vec::new(),
            });
            group.rows += 1;
            // What refuses a row is in the message only.
            let by_message = *rule == Rule::RefusedByTarget;
            let is_same = |it: &RejectionExample| match by_message {
                true => it.message == *message,
                false => it.value == *value,
            };
            match group.examples.iter().position(is_same) {
                Some(at) => group.examples[at].rows += 1,
                None if group.examples.len() < if by_message { CAUSES } else { EXAMPLES } => {
                    group.examples.push(RejectionExample {
                        source_id: rejection.source_id,
                        value: value.clone(),
                        message: message.clone(),
                        rows: 1,
                    })
                }
                None => {}
            }
        }
    }

    /// The groups, the largest first.
    pub fn largest_first(&self) -> Vec<RejectionGroup> {
        let mut groups: Vec<RejectionGroup> = self.0.values().cloned().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
        groups
    }
}
