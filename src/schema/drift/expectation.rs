//! What is expected, and how strictly.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::settings::Roles;
use crate::ledger::revisions::ALL;
use crate::schema::catalog::{Catalog, Id, Kind, Property, Value};
use crate::schema::drift::comparison::Comparison;
use crate::schema::drift::finding::{Change, Finding, Severity};
use crate::schema::names::APPLICATION_SCHEMA;

/// What is expected, and how strictly.
#[derive(Clone, Debug)]
pub struct Expectation {
    pub(crate) catalog: Catalog,
    /// Whether it is the embedded catalog, which knows of no database and speaks of three roles.
    pub(crate) embedded: bool,
}

impl Expectation {
    /// What another database is.
    pub fn of(catalog: Catalog) -> Self {
        Self { catalog, embedded: false }
    }

    /// What `migrations/` produce, and what we rely on in the reference schema.
    pub fn embedded() -> Self {
        let newest = ALL.last().map_or("", |it| it.number);
        Self::recorded(newest).expect("a test reads it")
    }

    /// What the schema is after a revision of `migrations/`.
    pub fn recorded(number: &str) -> Option<Self> {
        let snapshot = crate::schema::snapshot::Snapshot::read(crate::ledger::revisions::recorded(number)?)
            .expect("a test reads it");
        Some(Self { catalog: snapshot.catalog, embedded: true })
    }

    /// The same as a live catalog would be, with these roles' names.
    pub(crate) fn named(self, roles: &Roles) -> Catalog {
        self.catalog.with_roles(|role| match role {
            "{owner}" => roles.owner.clone(),
            "{app}" => roles.app.clone(),
            "{reader}" => roles.reader.clone(),
            _ => None,
        })
    }

    /// The schemas that something is expected of.
    pub fn schemas(&self) -> &[String] {
        &self.catalog.schemas
    }

    /// Schema and name of everything that stands by itself.
    pub fn names(&self) -> BTreeSet<(String, String)> {
        let names = self.catalog.objects.keys().filter(|it| it.parent.is_empty() && !it.name.is_empty());
        names.map(|it| (it.schema.clone(), it.name.clone())).collect()
    }

    /// What is expected of some schemas only.
    #[must_use]
    pub fn restricted(self, schemas: &[String]) -> Self {
        Self { catalog: self.catalog.restricted(schemas), ..self }
    }
}

/// The roles that the embedded catalog speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// Their names.
    pub roles: Roles,
    /// The roles whose privileges each of them has too: those that it is a member of and inherits from. A superuser has
    /// those of all.
    pub inherits: BTreeMap<String, BTreeSet<String>>,
}

impl Expectation {
    /// What of it isn't so: the expected catalog with the parties' names, both catalogs side by side, and what differs.
    pub(crate) fn against<'p>(self, mut live: Catalog, parties: &'p Parties) -> (Catalog, Comparison<'p>) {
        let Self { catalog: mut expected, embedded } = self;
        if embedded {
            settle_roles(&mut expected, &mut live, &parties.roles);
        }
        let mut comparison = Comparison::new(expected.clone(), live, embedded, &parties.inherits);
        comparison.planning = true;
        (expected, comparison)
    }
}

/// Puts real roles for the embedded catalog's, and leaves out of both catalogs what can't be compared without a name.
pub(crate) fn settle_roles(expected: &mut Catalog, live: &mut Catalog, roles: &Roles) -> Vec<Finding> {
    let schema =
        |name: &str| Id { schema: name.to_owned(), parent: String::new(), kind: Kind::Schema, name: String::new() };
    let owner_there =
        live.objects.get(&schema(APPLICATION_SCHEMA)).and_then(|it| it.get(&Property::Owner)).map(Value::to_string);
    let named = [
        ("{owner}", "DB_OWNER_ROLE", roles.owner.clone(), owner_there),
        ("{app}", "DB_APP_ROLE", roles.app.clone(), None),
        ("{reader}", "DB_READER_ROLE", roles.reader.clone(), None),
    ];
    // The database itself is nobody's agreement with us.
    expected.objects.retain(|id, _| id.kind != Kind::Database);
    live.objects.retain(|id, _| id.kind != Kind::Database);
    // What a role without a name should have, any role may have.
    let mut allowed: BTreeMap<Id, BTreeSet<String>> = BTreeMap::new();
    let unnamed: Vec<&str> = named.iter().filter(|it| it.2.is_none()).map(|it| it.0).collect();
    let known: Vec<&String> = named.iter().filter_map(|it| it.2.as_ref()).collect();
    for (id, object) in &mut expected.objects {
        if let Some(Value::List(list)) = object.get_mut(&Property::Privileges) {
            list.retain(|item| match item.rsplit_once('=') {
                Some((role, privilege)) if unnamed.contains(&role) => {
                    allowed.entry(id.clone()).or_default().insert(privilege.to_owned());
                    false
                }
                _ => true,
            });
        }
        if roles.owner.is_none() {
            object.remove(&Property::Owner);
        }
    }
    *expected = std::mem::take(expected).with_roles(|role| {
        let (_, _, asked, there) = named.iter().find(|it| it.0 == role)?;
        asked.clone().or_else(|| there.clone())
    });
    let allowed: BTreeMap<Id, BTreeSet<String>> = allowed
        .into_iter()
        .map(|(id, it)| match (id.kind, &named[0].3) {
            (Kind::DefaultPrivileges, Some(owner)) => (Id { name: id.name.replace("{owner}", owner), ..id }, it),
            _ => (id, it),
        })
        .collect();
    for (id, object) in &mut live.objects {
        let allowed = allowed.get(id);
        if let Some(Value::List(list)) = object.get_mut(&Property::Privileges) {
            list.retain(|item| {
                let Some((role, privilege)) = item.rsplit_once('=') else { return true };
                let free = allowed.is_some_and(|it| it.contains(privilege));
                !free || role == "PUBLIC" || known.iter().any(|it| *it == role)
            });
        }
    }
    for catalog in [expected, live] {
        for object in catalog.objects.values_mut() {
            if object.get(&Property::Privileges).is_some_and(|it| it.parts().is_empty()) {
                object.remove(&Property::Privileges);
            }
        }
        catalog.objects.retain(|id, object| id.kind != Kind::DefaultPrivileges || !object.is_empty());
    }
    let missing: Vec<&str> = named.iter().filter(|it| it.2.is_none()).map(|it| it.1).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        severity: Severity::Info,
        change: Change::Unnamed,
        id: Id { schema: String::new(), parent: String::new(), kind: Kind::Database, name: String::new() },
        role: None,
        expected: Some(format!("roles named by {}", missing.join(", "))),
        actual: Some("not set, so what these roles own and may do is not compared".to_owned()),
        remedy: "name the roles in the environment's file".to_owned(),
        effects: Vec::new(),
        facts: Vec::new(),
    }]
}
