//! What holds for every catalog.

use std::path::Path;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use rstest::rstest;
use strum::VariantArray;

use super::cases::{cases, catalog, run};
use crate::harness::{Db, Start, roles, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::exceptions::Exceptions;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, Finding, Severity};
use pad_migrate::schema::snapshot::Snapshot;

fn drift(expected: &Catalog, live: &Catalog) -> Vec<Finding> {
    compare(Expectation::of(expected.clone()), live.clone(), &RoleContext::default())
}

/// The catalog of a test's database.
pub(super) async fn catalog_of(db: &Db) -> Catalog {
    let mut connection = Session::from(db.connect().await);
    run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
    let catalog = catalog(&mut connection).await;
    connection.close().await.expect("the connection closes");
    catalog
}

fn recorded(file: &str) -> Snapshot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    Snapshot::read(&std::fs::read_to_string(path).expect("the file can be read")).expect("the file is a snapshot")
}

#[rstest]
#[case(Start::Drift)]
#[case(Start::Migrated)]
#[case(Start::AlembicLater)]
#[tokio::test]
async fn a_database_has_no_drift_to_itself(#[case] start: Start) {
    with_db(start, async |db| {
        let found = catalog_of(&db).await;
        assert!(found.objects.len() > 100, "{}", found.objects.len());
        assert_eq!(drift(&found, &found), []);
    })
    .await;
}

/// Role names, which differ between servers, are made the same; an extension's version is the server's.
fn on_any_server(catalog: Catalog, me: &str) -> Catalog {
    let mut catalog = catalog.with_roles(|role| (role == me).then(|| "{me}".to_owned()));
    catalog.objects.values_mut().for_each(|it| {
        it.remove(&Property::Version);
    });
    catalog
}

/// After a change of the base, record it: `PAD_RECORD=1 cargo test --test it drift::laws`.
#[tokio::test]
async fn the_same_ddl_on_another_major_version_gives_no_findings() {
    const FILE: &str = "fixtures/drift/base.json";
    with_db(Start::Drift, async |db| {
        let me = db.value("select current_user::text").await.expect("a name");
        let found = on_any_server(catalog_of(&db).await, &me);
        if std::env::var_os("PAD_RECORD").is_some() {
            let (environment, version) = ("local".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
            let server_version = found.major.to_string();
            let text = Snapshot { environment, server_version, version, catalog: found.clone() }.write();
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE), text).expect("the file can be written");
        }
        let recorded = recorded(FILE).catalog;
        for (one, other) in [(&recorded, &found), (&found, &recorded)] {
            assert_eq!(drift(one, other), [], "from {} to {}", one.major, other.major);
        }
    })
    .await;
}

#[tokio::test]
async fn the_migrations_produce_what_is_expected_on_every_major_version() {
    with_db(Start::Applied, async |db| {
        let context = RoleContext { roles: roles(), ..RoleContext::default() };
        assert_eq!(compare(Expectation::embedded(), catalog_of(&db).await, &context), []);
    })
    .await;
}

/// Without a configured owner role, owners are not compared.
#[tokio::test]
async fn a_role_that_is_not_configured_is_not_compared() {
    with_db(Start::Applied, async |db| {
        db.execute("alter table padealing.pad_breach owner to pad_migrate_stranger").await;
        let live = catalog_of(&db).await;
        let kinds = |context: &RoleContext| -> Vec<String> {
            compare(Expectation::embedded(), live.clone(), context).iter().map(Finding::kind).collect()
        };
        assert_eq!(kinds(&RoleContext::default()), ["role_unnamed"]);
        assert_eq!(kinds(&RoleContext { roles: roles(), ..RoleContext::default() }), ["table_owner"]);
    })
    .await;
}

/// Postgres spells expressions differently after a dump and restore.
#[rstest]
#[case(Start::Drift)]
#[case(Start::Migrated)]
#[tokio::test]
async fn a_dump_and_restore_is_no_drift(#[case] start: Start) {
    with_db(start, async |db| {
        let before = catalog_of(&db).await;
        let dump = db.dump(&["--schema-only"]).await;
        with_db(Start::Empty, async |copy| {
            copy.execute(&dump).await;
            if start == Start::Drift {
                // Without data there is none in it either.
                copy.execute("refresh materialized view padealing.request_counts").await;
            }
            assert_eq!(drift(&before, &catalog_of(&copy).await), []);
        })
        .await;
    })
    .await;
}

/// pg_dump shares no code with pad-migrate: changes that are not reported are not in its output either, or their cases
/// say that they are.
#[tokio::test]
async fn what_is_not_reported_is_not_in_a_dump_either() {
    with_db(Start::Drift, async |db| {
        let mut before = db.dump(&["--schema-only"]).await;
        let mut number = 0;
        let mut wrong = String::new();
        let major = catalog_of(&db).await.major;
        for file in super::cases::FILES {
            for case in cases(file).into_iter().filter(|it| it.findings.is_empty() && it.from <= major) {
                number += 1;
                db.execute(&case.sql).await;
                let after = db.dump(&["--schema-only"]).await;
                if (before != after) != case.seen_by_pg_dump {
                    wrong.push_str(&format!("{}: pg_dump sees it: {}\n", case.place, before != after));
                }
                before = after;
            }
        }
        assert!(number > 40, "{number} quiet cases");
        assert!(wrong.is_empty(), "{wrong}");
    })
    .await;
}

/// Any catalog that Postgres allows.
fn any_catalog() -> impl Strategy<Value = Catalog> {
    // Any text without the one character that Postgres can't store.
    let name = || "[^\u{0}]{1,8}";
    let value =
        prop_oneof![name().prop_map(Value::Text), prop::collection::vec("[^\u{0}]{0,8}", 0..3).prop_map(Value::List)];
    let property = prop::sample::select(Property::VARIANTS);
    let object = prop::collection::btree_map(property, value, 0..4);
    let kind = prop::sample::select(Kind::VARIANTS);
    let schema = prop::sample::select(&["padealing", "bo_airflow", ""][..]);
    let id = (kind, schema, prop_oneof![Just(String::new()), name().prop_map(String::from)], name())
        .prop_map(|(kind, schema, parent, name)| Id { schema: schema.to_owned(), parent, kind, name });
    let objects = prop::collection::btree_map(id, object, 0..12);
    (objects, 13..19_u32).prop_map(|(objects, major)| {
        let schemas = ["padealing", "bo_airflow"].map(str::to_owned).to_vec();
        Catalog { major, schemas, objects }
    })
}

/// Properties that are no findings by themselves.
const SILENT: [Property; 3] = [Property::Position, Property::Inherited, Property::Constraint];

fn essence(catalog: &Catalog) -> Vec<(&Id, Object)> {
    let kept =
        |object: &Object| object.iter().filter(|it| !SILENT.contains(it.0)).map(|(k, v)| (*k, v.clone())).collect();
    catalog.objects.iter().map(|(id, object)| (id, kept(object))).collect()
}

/// Edits of one object among those that the migrations produce, within the schema that is strict.
fn edited(catalog: &Catalog, place: usize, edit: u8, property: Property) -> Catalog {
    let mut edited = catalog.clone();
    // A schema can't be there twice.
    let can_be = |it: &&Id| it.schema == "padealing" && (edit != 3 || it.kind != Kind::Schema);
    let ids: Vec<Id> = catalog.objects.keys().filter(can_be).cloned().collect();
    let id = &ids[place % ids.len()];
    let object = edited.objects.get_mut(id).expect("the id was just read");
    match edit {
        0 => {
            edited.objects.remove(id);
        }
        1 => {
            let value = match property {
                Property::Privileges | Property::Revoked => Value::List(vec!["somebody=SELECT".to_owned()]),
                _ => Value::Text("something unexpected".to_owned()),
            };
            object.insert(property, value);
        }
        2 => {
            object.remove(&property);
        }
        _ => {
            let new = Id { name: format!("{} x", id.name), parent: id.parent.clone(), ..id.clone() };
            let object = object.clone();
            edited.objects.insert(new, object);
        }
    }
    edited
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A snapshot is a fixed point of write and read.
    #[test]
    fn a_snapshot_is_what_was_written(catalog in any_catalog()) {
        let (environment, version) = ("local".to_owned(), "0.1.0".to_owned());
        let snapshot = Snapshot { environment, server_version: catalog.major.to_string(), version, catalog };
        let text = snapshot.write();
        let read = Snapshot::read(&text).expect("a snapshot can be read");
        prop_assert_eq!(&read, &snapshot);
        prop_assert_eq!(read.write(), text);
    }

    /// Comparing any two catalogs ends, finds nothing in equal ones, and reports objects of one of them only.
    #[test]
    fn comparing_ends_and_reports_objects_that_exist(one in any_catalog(), other in any_catalog()) {
        let unmodelled = |it: &Catalog| it.objects.keys().filter(|id| id.kind == Kind::Unmodelled).count();
        prop_assert_eq!(drift(&one, &one).len(), unmodelled(&one));
        for finding in drift(&one, &other) {
            let id = &finding.id;
            let is_there = one.objects.contains_key(id) || other.objects.contains_key(id);
            prop_assert!(is_there || finding.change == Change::Empty, "{:?}", finding);
        }
    }

    /// There are findings if and only if there is a difference.
    #[test]
    fn a_difference_is_a_finding(
        edits in prop::collection::vec((any::<usize>(), 0..4_u8, prop::sample::select(Property::VARIANTS)), 0..3)
    ) {
        let edits: Vec<_> = edits.into_iter().filter(|it| !SILENT.contains(&it.2)).collect();
        let expected = recorded("migrations/expected.json").catalog;
        let live = edits.iter().fold(expected.clone(), |it, (place, edit, property)| edited(&it, *place, *edit, *property));
        let found = drift(&expected, &live);
        prop_assert_eq!(found.is_empty(), essence(&expected) == essence(&live), "{:?}", found);
    }
}

/// An object of an unknown kind is reported whether it has changed or not: it was not compared.
#[test]
fn what_is_not_modelled_is_never_clean() {
    let id = Id {
        schema: "padealing".to_owned(),
        parent: String::new(),
        kind: Kind::Unmodelled,
        name: "graph g".to_owned(),
    };
    let catalog = Catalog { major: 19, schemas: vec!["padealing".to_owned()], objects: [(id, Object::new())].into() };
    let found = drift(&catalog, &catalog);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].change, found[0].severity), (Change::Unmodelled, Severity::Warning));
}

/// The day on which an exception expires is the last one on which it holds.
#[test]
fn an_exception_holds_to_the_end_of_its_day() {
    let expected = recorded("migrations/expected.json").catalog;
    let mut live = expected.clone();
    live.objects.retain(|id, _| id.parent != "pad_breach" && id.name != "pad_breach");
    let today = pad_migrate::schema::pg::drift::today();
    let kinds = |expires: &str| -> (Vec<String>, usize) {
        let head = "[[exception]]\nname = \"e\"\nkind = \"table_missing\"\nobject = \"pad_breach\"\nreason = \"r\"";
        let exceptions =
            Exceptions::read(&format!("{head}\nexpires = {expires}\n"), |_| None).expect("the file is right");
        let mut findings = drift(&expected, &live);
        let excepted = exceptions.apply(&mut findings, today);
        (findings.iter().map(Finding::kind).collect(), excepted.len())
    };
    assert_eq!(kinds(&today.to_string()), (vec![], 1));
    assert_eq!(kinds("2020-01-31"), (vec!["table_missing".to_owned(), "exception_expired".to_owned()], 0));
}

/// The line of a fault is found, whatever characters stand there.
#[test]
fn a_fault_of_the_exceptions_has_its_line() {
    for (text, line) in [("exception \u{feff}= 1", 1), ("# é\né = 1", 2), ("a = \"é", 1), ("a = 1\n\u{1f600}", 2)] {
        let error = Exceptions::read(text, |_| None).expect_err(text).to_string();
        assert!(error.starts_with(&format!("line {line}: ")), "{text}: {error}");
    }
}
