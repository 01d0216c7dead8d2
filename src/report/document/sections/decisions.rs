//! The decisions about legacy rows, so that no number needs another document.

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

/// All of them.
pub(crate) fn section() -> Section {
    let fact = |it: &Decision| Fact {
        label: format!("{}: {}", it.number, it.title),
        value: it.text.to_owned(),
        id: Some(place(it)),
    };
    let mut section = Section::new("decisions", "Decisions about legacy rows");
    section.text(
        "How legacy rows are migrated was decided before, and is part of the program: the same for every row. Each decision \
         has a number, by which this document names it.",
    );
    section.push(Block::Facts { facts: DECISIONS.iter().map(fact).collect() });
    section
}
