//! The decisions about legacy rows that a document names, so that no number needs another document.

use std::collections::BTreeSet;

use crate::migration::decision::{DECISIONS, Decision, decision, of_rule};
use crate::migration::rejection::Rule;
use crate::report::document::block::{Block, Fact, Link, Section};

fn place(decision: &Decision) -> String {
    format!("decision-{}", decision.number.to_lowercase())
}

/// The decision behind a rule, by the rule's stored name.
pub(crate) fn link(rule: &str) -> Option<Link> {
    let known = Rule::ALL.into_iter().find(|it| it.as_str() == rule)?;
    let decision = decision(of_rule(known))?;
    Some(Link { text: format!("{}: {}", decision.number, decision.title), to: place(decision) })
}

/// Those behind the rules that have rejected rows; none if there are no such rules.
pub(crate) fn section<'r>(rules: impl IntoIterator<Item = &'r str>) -> Option<Section> {
    let named: BTreeSet<String> = rules.into_iter().filter_map(link).map(|it| it.to).collect();
    let fact = |it: &Decision| Fact {
        label: format!("{}: {}", it.number, it.title),
        value: it.text.to_owned(),
        id: Some(place(it)),
    };
    let facts: Vec<Fact> = DECISIONS.iter().filter(|it| named.contains(&place(it))).map(fact).collect();
    if facts.is_empty() {
        return None;
    }
    let mut section = Section::new("decisions", "Decisions that this document names");
    section.text("How legacy rows are migrated was decided beforehand. Each decision has a number.");
    section.push(Block::Facts { facts });
    Some(section)
}
