//! The expected catalog, which the program carries: what `migrations/` produce, with placeholders for the roles, and of
//! the reference schema what padealing relies on.

use std::path::Path;

use pad_migrate::catalog::{
    CONTRACT_SCHEMA, CRITICAL_REFERENCE_TABLES, Catalog, Id, Kind, Object, Property, Snapshot, Value,
};
use pad_migrate::pg::introspect;
use pretty_assertions::assert_eq;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::cases::SCHEMAS;
use crate::harness::{Role, Start, with_db};

const FILE: &str = "migrations/expected.json";

/// Role names in place of what they stand for.
pub(super) fn with_placeholders(catalog: Catalog) -> Catalog {
    catalog.with_roles(|role| {
        let known = [(Role::Owner, "{owner}"), (Role::App, "{app}"), (Role::Reader, "{reader}")];
        known.iter().find(|it| it.0.name() == role).map(|it| it.1.to_owned())
    })
}

/// What is relied upon in the reference schema: tables, columns with their types, primary keys, and who may read.
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
        // What foreign keys point at.
        let referenced = CRITICAL_REFERENCE_TABLES[..2].contains(&id.name.as_str());
        list.retain(|it| {
            it.ends_with("=SELECT") && (referenced || *it != "{owner}=SELECT")
                || referenced && it == "{owner}=REFERENCES"
        });
    }
    Some(object)
}

async fn produced() -> (u32, Snapshot) {
    let mut result = None;
    with_db(Start::Applied, async |db| {
        let mut connection = PgConnection::connect(&db.url).await.expect("the server accepts connections");
        super::cases::run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let found =
            introspect::read(&mut connection, &SCHEMAS.map(str::to_owned)).await.expect("the catalog can be read");
        connection.close().await.expect("the connection closes");
        let mut catalog = with_placeholders(found.catalog);
        catalog.objects = std::mem::take(&mut catalog.objects)
            .into_iter()
            .filter(|(id, _)| id.kind != Kind::Database)
            .filter_map(|(id, object)| match id.schema == CONTRACT_SCHEMA {
                true => contract(&id, &object).map(|object| (id.clone(), object)),
                false => Some((id, object)),
            })
            .collect();
        let major = catalog.major;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let server_version = major.to_string();
        result = Some((major, Snapshot { environment: "local".to_owned(), server_version, version, catalog }));
    })
    .await;
    result.expect("the body has run")
}

/// Whoever changes a migration records what it leads to: `PAD_RECORD=1 cargo test --test it drift::recorded`.
#[tokio::test]
async fn the_expected_catalog_is_what_the_migrations_produce() {
    let (major, produced) = produced().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("PAD_RECORD").is_some() {
        std::fs::write(&path, produced.write()).expect("the file can be written");
    }
    let text = std::fs::read_to_string(&path).expect("the file can be read");
    let recorded = Snapshot::read(&text).expect("the file is a snapshot");
    // Another major version says the same in other words, which only drift can tell.
    if recorded.catalog.major == major {
        assert_eq!(recorded.write(), produced.write(), "record it: PAD_RECORD=1 cargo test --test it drift::recorded");
    }
    assert!(recorded.catalog.objects.len() > 300, "{}", recorded.catalog.objects.len());
}
