//! The roles that are checked.

use crate::checks::facts::TargetFacts;
use crate::checks::part::Part;
use crate::config::settings::Roles;

/// A role that is checked, and every part that it has.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) role: &'a str,
    pub(crate) parts: Vec<Part>,
}

/// The connected role and the configured ones that exist, each once.
pub(crate) fn subjects<'a>(facts: &'a TargetFacts, roles: &'a Roles) -> Vec<Subject<'a>> {
    let named = [(Part::Owner, &roles.owner), (Part::App, &roles.app), (Part::Reader, &roles.reader)];
    let named = named.into_iter().filter_map(|(part, name)| Some((part, name.as_deref()?)));
    let mut all: Vec<Subject<'a>> = Vec::new();
    for (part, role) in std::iter::once((Part::Connected, &*facts.role.name)).chain(named) {
        if facts.missing_roles.iter().any(|(_, missing)| missing == role) {
            continue;
        }
        match all.iter_mut().find(|subject| subject.role == role) {
            Some(subject) => subject.parts.push(part),
            None => all.push(Subject { role, parts: vec![part] }),
        }
    }
    all
}
