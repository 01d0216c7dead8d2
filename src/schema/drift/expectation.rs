//! The expected catalog, and the roles that it has placeholders for.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::settings::Roles;
use crate::ledger::revisions::ALL;
use crate::schema::catalog::{Catalog, Id, Kind, Property, Value};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::comparison::serial::follow_serials;
use crate::schema::drift::finding::{Change, Finding, Remedy, Severity};
use crate::schema::drift::outcome::Name;
use crate::schema::names::APPLICATION_SCHEMA;

/// The expected catalog.
#[derive(Clone, Debug)]
pub struct Expectation {
    pub(crate) catalog: Catalog,
    /// Whether it is the embedded catalog, which has no database object and placeholders for three roles.
    pub(crate) embedded: bool,
}

impl Expectation {
    /// What another database is.
    pub fn of(catalog: Catalog) -> Self {
        Self { catalog, embedded: false }
    }

    /// What `migrations/` produce, and the part of the reference schema that the application relies on.
    pub fn embedded() -> Self {
        let newest = ALL.last().map_or("", |it| it.number);
        Self::recorded(newest).expect("a test reads it")
    }

    /// The application schema after a revision of `migrations/`.
    pub fn recorded(number: &str) -> Option<Self> {
        let snapshot = crate::schema::snapshot::Snapshot::read(crate::ledger::revisions::recorded(number)?)
            .expect("a test reads it");
        Some(Self { catalog: snapshot.catalog, embedded: true })
    }

    /// As a live catalog would be, with these roles in place of the placeholders.
    pub(crate) fn named(self, roles: &Roles) -> Catalog {
        self.catalog.with_roles(|role| match role {
            "{owner}" => roles.owner.clone(),
            "{app}" => roles.app.clone(),
            "{reader}" => roles.reader.clone(),
            _ => None,
        })
    }

    /// The schemas that are expected.
    pub(crate) fn schemas(&self) -> &[String] {
        &self.catalog.schemas
    }

    /// The objects that belong to no other object.
    pub(crate) fn names(&self) -> BTreeSet<Name> {
        self.catalog.objects.keys().filter(|id| id.parent.is_empty() && !id.name.is_empty()).map(Name::of).collect()
    }

    /// Some of the schemas only.
    #[must_use]
    pub(crate) fn restricted(self, schemas: &[String]) -> Self {
        Self { catalog: self.catalog.restricted(schemas), ..self }
    }
}

/// The roles that the embedded catalog has placeholders for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleContext {
    /// Their names.
    pub roles: Roles,
    /// The roles whose privileges each of them has too, since it is a member of them and inherits. A superuser has
    /// those of every role.
    pub inherits: BTreeMap<String, BTreeSet<String>>,
}

impl Expectation {
    /// For a plan: the expected catalog with real role names, and its comparison with the live one.
    pub(crate) fn against<'p>(self, mut live: Catalog, context: &'p RoleContext) -> (Catalog, Comparison<'p>) {
        let Self { catalog: mut expected, embedded } = self;
        if embedded {
            resolve_roles(&mut expected, &mut live, &context.roles);
        }
        follow_serials(&mut expected, &live);
        let mut comparison = Comparison::new(expected.clone(), live, embedded, &context.inherits);
        comparison.planning = true;
        (expected, comparison)
    }
}

/// A role that the embedded catalog has a placeholder for.
struct Placeholder {
    /// As the embedded catalog spells it.
    text: &'static str,
    /// The configuration key that names the role.
    key: &'static str,
    role: Option<String>,
    /// The role that stands in if none is configured.
    instead: Option<String>,
}

/// Puts the configured roles in place of the embedded catalog's placeholders, and removes from both catalogs what can't
/// be compared as long as a role is not configured.
pub(crate) fn resolve_roles(expected: &mut Catalog, live: &mut Catalog, roles: &Roles) -> Vec<Finding> {
    let schema =
        Id { schema: APPLICATION_SCHEMA.to_owned(), parent: String::new(), kind: Kind::Schema, name: String::new() };
    let live_owner = live.objects.get(&schema).and_then(|object| object.get(&Property::Owner)).map(Value::to_string);
    let owner =
        Placeholder { text: "{owner}", key: "DB_OWNER_ROLE", role: roles.owner.clone(), instead: live_owner.clone() };
    let app = Placeholder { text: "{app}", key: "DB_APP_ROLE", role: roles.app.clone(), instead: None };
    let reader = Placeholder { text: "{reader}", key: "DB_READER_ROLE", role: roles.reader.clone(), instead: None };
    let placeholders = [owner, app, reader];
    // The owner and the privileges of the database itself are not part of migrations/.
    expected.objects.retain(|id, _| id.kind != Kind::Database);
    live.objects.retain(|id, _| id.kind != Kind::Database);
    let free = take_unconfigured(expected, &placeholders);
    if roles.owner.is_none() {
        expected.objects.values_mut().for_each(|object| {
            object.remove(&Property::Owner);
        });
    }
    *expected = std::mem::take(expected).with_roles(|role| {
        let placeholder = placeholders.iter().find(|it| it.text == role)?;
        placeholder.role.clone().or_else(|| placeholder.instead.clone())
    });
    let free: BTreeMap<Id, BTreeSet<String>> = free
        .into_iter()
        .map(|(id, privileges)| match (id.kind, &live_owner) {
            (Kind::DefaultPrivileges, Some(owner)) => {
                (Id { name: id.name.replace("{owner}", owner), ..id }, privileges)
            }
            _ => (id, privileges),
        })
        .collect();
    ignore_privileges(live, &free, &placeholders);
    for catalog in [expected, live] {
        for object in catalog.objects.values_mut() {
            if object.get(&Property::Privileges).is_some_and(|list| list.parts().is_empty()) {
                object.remove(&Property::Privileges);
            }
        }
        catalog.objects.retain(|id, object| id.kind != Kind::DefaultPrivileges || !object.is_empty());
    }
    let missing: Vec<&str> = placeholders
        .iter()
        .filter(|placeholder| placeholder.role.is_none())
        .map(|placeholder| placeholder.key)
        .collect();
    if missing.is_empty() { Vec::new() } else { vec![unnamed(&missing)] }
}

/// Removes the privileges of roles that are not configured, and returns them by object: any role may have them.
fn take_unconfigured(expected: &mut Catalog, placeholders: &[Placeholder]) -> BTreeMap<Id, BTreeSet<String>> {
    let mut free: BTreeMap<Id, BTreeSet<String>> = BTreeMap::new();
    for (id, object) in &mut expected.objects {
        let Some(Value::List(list)) = object.get_mut(&Property::Privileges) else { continue };
        list.retain(|item| {
            let Some((role, privilege)) = item.rsplit_once('=') else { return true };
            let is_unconfigured = placeholders.iter().any(|it| it.text == role && it.role.is_none());
            if is_unconfigured {
                free.entry(id.clone()).or_default().insert(privilege.to_owned());
            }
            !is_unconfigured
        });
    }
    free
}

/// Removes from the live catalog the privileges that any role may have, unless PUBLIC or a configured role has them.
fn ignore_privileges(live: &mut Catalog, free: &BTreeMap<Id, BTreeSet<String>>, placeholders: &[Placeholder]) {
    for (id, object) in &mut live.objects {
        let (Some(free), Some(Value::List(list))) = (free.get(id), object.get_mut(&Property::Privileges)) else {
            continue;
        };
        list.retain(|item| {
            let Some((role, privilege)) = item.rsplit_once('=') else { return true };
            let is_configured = placeholders.iter().any(|it| it.role.as_deref() == Some(role));
            !free.contains(privilege) || role == "PUBLIC" || is_configured
        });
    }
}

fn unnamed(keys: &[&str]) -> Finding {
    let keys = keys.join(", ");
    Finding {
        severity: Severity::Info,
        change: Change::Unnamed,
        id: Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: String::new() },
        role: None,
        expected: Some(format!("roles named by {keys}")),
        actual: Some("not set; ownership and privileges of these roles are not compared".to_owned()),
        remedy: Remedy::advice(format!("set {keys} in the environment's .env file")),
        order: None,
        effects: Vec::new(),
        facts: None,
    }
}
