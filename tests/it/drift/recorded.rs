//! The embedded catalog: what `migrations/` produce, with placeholders for the roles, and the part of the reference
//! schema that the application relies on.

use std::path::Path;

use clap::ValueEnum;
use pretty_assertions::assert_eq;

use super::cases::SCHEMAS;
use crate::harness::{Role, Start, roles, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::ledger::revisions::{ALL, RoleNames, render};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use pad_migrate::schema::names::{CONTRACT_SCHEMA, CRITICAL_REFERENCE_TABLES};
use pad_migrate::schema::pg::introspect;
use pad_migrate::schema::snapshot::Snapshot;

/// Placeholders in place of role names.
pub(super) fn with_placeholders(catalog: Catalog) -> Catalog {
    catalog.with_roles(|role| {
        let known = [(Role::Owner, "{owner}"), (Role::App, "{app}"), (Role::Reader, "{reader}")];
        known.iter().find(|it| it.0.name() == role).map(|it| it.1.to_owned())
    })
}

/// The contract of the reference schema: tables, columns with their types, primary keys, and who may read.
fn contract(id: &Id, object: &Object) -> Option<Object> {
    let kept: &[Property] = match id.kind {
        Kind::Schema | Kind::Table => &[Property::Privileges],
        Kind::Column => &[Property::Type, Property::Position],
        Kind::Constraint if object[&Property::Type].to_string() == "primary key" => {
            &[Property::Type, Property::Definition]
        }
        _ => return None,
    };
    let kept = object.iter().filter(|it| kept.contains(it.0));
    let mut object: Object = kept.map(|(property, value)| (*property, value.clone())).collect();
    if let (Kind::Table, Some(Value::List(list))) = (id.kind, object.get_mut(&Property::Privileges)) {
        // Foreign keys refer to these.
        let referenced = CRITICAL_REFERENCE_TABLES[..2].contains(&id.name.as_str());
        list.retain(|it| {
            it.ends_with("=SELECT") && (referenced || *it != "{owner}=SELECT")
                || referenced && it == "{owner}=REFERENCES"
        });
    }
    Some(object)
}

/// Without what no revision determines: the database, and who applied; and of the reference schema only the contract.
fn essence(catalog: Catalog, newest: bool) -> Catalog {
    let mut catalog = with_placeholders(catalog);
    let objects = std::mem::take(&mut catalog.objects).into_iter().filter(|(id, _)| id.kind != Kind::Database);
    let kept = objects.filter_map(|(id, mut object)| {
        if object.get(&Property::Owner).is_some_and(|it| !it.to_string().starts_with('{')) {
            object.remove(&Property::Owner);
        }
        match id.schema == CONTRACT_SCHEMA {
            true if newest => contract(&id, &object).map(|object| (id.clone(), object)),
            true => None,
            false => Some((id, object)),
        }
    });
    catalog.objects = kept.collect();
    if !newest {
        catalog.schemas.retain(|it| it != CONTRACT_SCHEMA);
    }
    catalog
}

/// The catalog after each revision: its file, and what the file must have.
async fn produced() -> Vec<(String, Snapshot)> {
    let mut result = Vec::new();
    with_db(Start::Reference, async |db| {
        let mut connection = Session::from(db.connect().await);
        let Roles { owner, app, reader } = roles();
        let names = RoleNames { owner: owner.expect("a name"), app, reader };
        for revision in ALL.iter() {
            super::cases::run(&mut connection, &render(revision.up, &names)).await.expect("the revision applies");
            super::cases::run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
            let found = introspect::read(&mut connection, &SCHEMAS.map(str::to_owned)).await.expect("it can be read");
            let newest = Some(revision) == ALL.last();
            let file = match newest {
                true => "expected.json".to_owned(),
                false => format!("{}_{}.json", revision.number, revision.name),
            };
            let catalog = essence(found.catalog, newest);
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let server_version = catalog.major.to_string();
            result.push((file, Snapshot { environment: "local".to_owned(), server_version, version, catalog }));
        }
        connection.close().await.expect("the connection closes");
    })
    .await;
    result
}

/// After a change of a migration, record its catalog: `PAD_RECORD=1 cargo test --test it drift::recorded`.
#[tokio::test]
async fn the_recorded_catalogs_are_what_the_migrations_produce() {
    let produced = produced().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = |text: &Path| text.extension().is_some_and(|it| it == "json");
    let there = std::fs::read_dir(&folder).expect("the folder can be read").flatten().filter(|it| files(&it.path()));
    let record = std::env::var_os("PAD_RECORD").is_some();
    let known = |name: &str| produced.iter().any(|it| it.0 == name);
    for file in there {
        assert!(known(&file.file_name().to_string_lossy()), "{}: belongs to no revision", file.path().display());
    }
    for (file, produced) in &produced {
        let path = folder.join(file);
        if record {
            std::fs::write(&path, produced.write()).expect("the file can be written");
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let recorded = Snapshot::read(&text).expect("the file is a snapshot");
        // Every major version prints the application schema alike; only the version number may differ.
        let mut alike = produced.clone();
        alike.server_version.clone_from(&recorded.server_version);
        alike.catalog.major = recorded.catalog.major;
        let hint = "record it: PAD_RECORD=1 cargo test --test it drift::recorded";
        assert_eq!(recorded.write(), alike.write(), "{file}: {hint}");
    }
    let newest = &produced.last().expect("there are revisions").1;
    assert!(newest.catalog.objects.len() > 300, "{}", newest.catalog.objects.len());
}

/// Where it is not run, a comparison of schemas takes it for applied: it must not change the schema.
#[tokio::test]
async fn a_revision_that_is_not_for_an_environment_changes_no_schema() {
    let produced = produced().await;
    let mut skipped = Vec::new();
    for (at, revision) in ALL.iter().enumerate() {
        if Environment::value_variants().iter().any(|it| revision.not_for(*it).is_some()) {
            let before = &produced[at.checked_sub(1).expect("not the first")].1;
            assert_eq!(before.catalog, produced[at].1.catalog, "{}", revision.number);
            skipped.push(revision.number);
        }
    }
    assert_eq!(skipped, ["0002"]);
}
