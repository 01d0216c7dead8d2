//! Privileges that a role lacks, and privileges that it has too many.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
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
        let owner = self.owner_of(id, expected, live);
        // With the ownership a role gets what the former owner has, and loses its own grants (ALTER … OWNER TO).
        let heir = self.heir_of(id, expected).filter(|heir| owner.as_ref() != Some(heir));
        let mut lost = ByRole::new();
        let mut gained = ByRole::new();
        let missing = wanted.beyond(&held);
        let missing = missing.filter(|(role, text)| !self.has_otherwise(role, text, owner.as_deref(), &wanted, &held));
        let missing = missing.filter(|(role, text)| !self.has_through_table(id, role, text));
        for (role, text) in missing.chain(revoked.beyond(&to_revoke)) {
            lost.entry(role.to_owned()).or_default().push(text);
        }
        let more = held.beyond(&wanted).filter(|(role, text)| !self.says_nothing_new(id, role, text));
        // What an owner was granted before it owned the object says nothing: it has every privilege.
        let more = more.filter(|(role, _)| heir.as_deref() != Some(role) && *role != "{self}");
        for (role, text) in more.chain(to_revoke.beyond(&revoked)) {
            gained.entry(role.to_owned()).or_default().push(text);
        }
        let difference = |change, role: String, privileges: Vec<String>| {
            let privileges = privileges.join(", ");
            let (expected, actual) = match change {
                Change::Lost => (Some(privileges), None),
                _ => (None, Some(privileges)),
            };
            let role = match role.as_str() {
                "{self}" => heir.clone().or_else(|| owner.clone()).unwrap_or_else(|| "its owner".to_owned()),
                _ => role,
            };
            Difference { role: Some(role), ..Difference::new(change, id).between(expected, actual) }
        };
        let lost = lost.into_iter().map(|(role, privileges)| difference(Change::Lost, role, privileges));
        let gained = gained.into_iter().map(|(role, privileges)| difference(Change::Gained, role, privileges));
        lost.chain(gained).collect()
    }

    /// The owner of an object: a column's is its table's, and the name of default privileges has the owner in it.
    fn owner_of(&self, id: &Id, expected: &Object, live: &Object) -> Option<String> {
        let own = |object: &Object| object.get(&Property::Owner).map(Value::to_string);
        match id.kind {
            Kind::Column => [&self.live, &self.expected].into_iter().find_map(|it| own(self.table_of(it, id)?.1)),
            Kind::DefaultPrivileges => id.name.split_once(" of ").map(|(_, owner)| owner.to_owned()),
            _ => own(live).or_else(|| own(expected)),
        }
    }

    /// The owner that an object is to have.
    fn heir_of(&self, id: &Id, expected: &Object) -> Option<String> {
        let object = match id.kind {
            Kind::Column => self.table_of(&self.expected, id)?.1,
            _ => expected,
        };
        object.get(&Property::Owner).map(Value::to_string)
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
        // An owner has every privilege, also where it isn't known of which roles it is a member.
        if owner == Some(role) {
            return true;
        }
        let Some(others) = self.inherits.get(role) else { return false };
        let is_owner = owner.is_some_and(|owner| others.contains(owner));
        // A plan revokes what is not expected, so it can't be relied on.
        let lasts = |other: &str| !self.planning || wanted.has(other, privilege);
        let held_by = |other: &str| lasts(other) && held.holds(other, privilege);
        is_owner || held_by("PUBLIC") || others.iter().any(|other| held_by(other))
    }

    /// Whether a role has a column's privilege through one for the whole table, which stays.
    fn has_through_table(&self, id: &Id, role: &str, text: &str) -> bool {
        let Some((table, live)) = self.table_of(&self.live, id) else { return false };
        let stays = !self.planning
            || self.table_of(&self.expected, id).is_some_and(|(_, expected)| holds(expected, role, text))
            || self.is_of_every_column(table, role, text);
        holds(live, role, text) && stays
    }

    /// Whether a role is expected to have the privilege anyway: a column's through its table, or a table's for each of
    /// its columns.
    fn says_nothing_new(&self, id: &Id, role: &str, text: &str) -> bool {
        match self.table_of(&self.expected, id) {
            Some((_, expected)) => holds(expected, role, text),
            None => id.kind.is_relation() && self.is_of_every_column(id, role, text),
        }
    }

    /// The relation of a column.
    fn table_of<'a>(&self, catalog: &'a Catalog, id: &Id) -> Option<(&'a Id, &'a Object)> {
        (id.kind == Kind::Column).then(|| catalog.relation(&id.schema, &id.parent)).flatten()
    }

    /// Whether a role is expected to have the privilege on each of a relation's columns.
    fn is_of_every_column(&self, table: &Id, role: &str, text: &str) -> bool {
        let names = |catalog: &'_ Catalog| -> BTreeSet<String> {
            let columns = catalog.children(&table.schema, &table.name).filter(|(id, _)| id.kind == Kind::Column);
            columns.map(|(id, _)| id.name.clone()).collect()
        };
        let expected = self.expected.children(&table.schema, &table.name).filter(|(id, _)| id.kind == Kind::Column);
        let granted = expected.filter(|(_, column)| holds(column, role, text)).count();
        let (expected, live) = (names(&self.expected), names(&self.live));
        granted > 0 && granted == expected.len() && live.is_subset(&expected)
    }
}

/// Whether an object's privileges have one, given in the words of a finding.
fn holds(object: &Object, role: &str, text: &str) -> bool {
    let grants = Grants::of(object, Property::Privileges);
    match text.strip_suffix(" with grant option").or_else(|| text.strip_prefix("grant option for ")) {
        Some(plain) => grants.has(role, &format!("{plain}*")),
        None => grants.holds(role, text),
    }
}
