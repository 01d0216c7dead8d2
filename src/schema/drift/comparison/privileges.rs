//! Privileges that a role lacks, and privileges that it has too many.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Id, Object, Property, Value};
use crate::schema::drift::comparison::{Comparison, Difference};
use crate::schema::drift::finding::Change;

/// Privileges by role, in the words of a finding.
type ByRole = BTreeMap<String, Vec<String>>;

/// A privilege that a role has; one with grant option ends in an asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant<'a> {
    role: &'a str,
    privilege: &'a str,
}

/// The privileges that a property of an object lists.
struct Grants<'a>(BTreeSet<Grant<'a>>);

impl<'a> Grants<'a> {
    fn of(object: &'a Object, property: Property) -> Self {
        let items = object.get(&property).map(Value::parts).unwrap_or_default();
        let grants = items.iter().filter_map(|item| item.rsplit_once('='));
        Self(grants.map(|(role, privilege)| Grant { role, privilege }).collect())
    }

    fn has(&self, role: &str, privilege: &str) -> bool {
        self.0.contains(&Grant { role, privilege })
    }

    /// With or without grant option.
    fn holds(&self, role: &str, privilege: &str) -> bool {
        self.has(role, privilege) || self.has(role, &format!("{privilege}*"))
    }

    /// The grants that the others lack, in the words of a finding.
    fn beyond(&self, others: &Self) -> impl Iterator<Item = (&'a str, String)> {
        let lacking = self.0.iter().filter(|grant| !others.holds(grant.role, grant.privilege));
        lacking.map(|grant| {
            let plain = grant.privilege.trim_end_matches('*');
            let text = match plain != grant.privilege && others.has(grant.role, plain) {
                true => format!("grant option for {plain}"),
                false => grant.privilege.replace('*', " with grant option"),
            };
            (grant.role, text)
        })
    }
}

impl Comparison<'_> {
    /// Which roles lack privileges on an object, and which have too many.
    pub(super) fn privileges(&self, id: &Id, expected: &Object, live: &Object) -> Vec<Difference> {
        let (wanted, held) = (Grants::of(expected, Property::Privileges), Grants::of(live, Property::Privileges));
        let (to_revoke, revoked) = (Grants::of(expected, Property::Revoked), Grants::of(live, Property::Revoked));
        let owner = live.get(&Property::Owner).or_else(|| expected.get(&Property::Owner)).map(Value::to_string);
        let mut lost = ByRole::new();
        let mut gained = ByRole::new();
        let missing = wanted.beyond(&held);
        let missing = missing.filter(|(role, text)| !self.has_otherwise(role, text, owner.as_deref(), &wanted, &held));
        for (role, text) in missing.chain(revoked.beyond(&to_revoke)) {
            lost.entry(role.to_owned()).or_default().push(text);
        }
        for (role, text) in held.beyond(&wanted).chain(to_revoke.beyond(&revoked)) {
            gained.entry(role.to_owned()).or_default().push(text);
        }
        let difference = |change, role: String, privileges: Vec<String>| {
            let privileges = privileges.join(", ");
            let (expected, actual) = match change {
                Change::Lost => (Some(privileges), None),
                _ => (None, Some(privileges)),
            };
            let role = match role.as_str() {
                "{self}" => owner.clone().unwrap_or_else(|| "its owner".to_owned()),
                _ => role,
            };
            Difference { role: Some(role), ..Difference::new(change, id).between(expected, actual) }
        };
        let lost = lost.into_iter().map(|(role, privileges)| difference(Change::Lost, role, privileges));
        let gained = gained.into_iter().map(|(role, privileges)| difference(Change::Gained, role, privileges));
        lost.chain(gained).collect()
    }

    /// Whether a role has a privilege through another role, through PUBLIC or as the owner: then it lacks nothing.
    fn has_otherwise(
        &self,
        role: &str,
        privilege: &str,
        owner: Option<&str>,
        wanted: &Grants<'_>,
        held: &Grants<'_>,
    ) -> bool {
        let Some(others) = self.inherits.get(role) else { return false };
        let is_owner = owner.is_some_and(|owner| owner == role || others.contains(owner));
        // A plan revokes what is not expected, so it can't be relied on.
        let lasts = |other: &str| !self.planning || wanted.has(other, privilege);
        let held_by = |other: &str| lasts(other) && held.holds(other, privilege);
        is_owner || held_by("PUBLIC") || others.iter().any(|other| held_by(other))
    }
}
