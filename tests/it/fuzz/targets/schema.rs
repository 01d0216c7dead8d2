//! What is read about a schema: snapshots, exceptions, statements, spellings.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pad_migrate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::exceptions::Exceptions;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::guard::check;
use pad_migrate::schema::guard::scope::Scope;
use pad_migrate::schema::snapshot::Snapshot;

use super::text;

/// A snapshot that is read is written and read again as it was.
pub(super) fn snapshot(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(snapshot) = Snapshot::read(text) {
        let written = snapshot.write();
        let again = Snapshot::read(&written).expect("what is written is read");
        assert_eq!(again, snapshot);
        assert_eq!(again.write(), written);
    }
}

/// Exceptions that are read are the same when TOML has printed them.
pub(super) fn exceptions(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let read = |text: &str| Exceptions::read(text, |check| check.starts_with('x').then(Vec::new));
    match read(text) {
        Ok(exceptions) => {
            let table: toml::Table = toml::from_str(text).expect("it was read");
            let printed = toml::to_string(&table).expect("a table is printed");
            assert_eq!(read(&printed).expect("it was read"), exceptions);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Each kind of change that the guard is asked about.
pub(crate) fn scopes() -> [Scope; 2] {
    let up = Scope { moves_from: vec!["public".to_owned()], ..Scope::default() };
    [Scope { down: true, ..up.clone() }, up]
}

/// The guard ends, says the same twice, says it whatever blanks and comments stand around, and allows in an up
/// migration nothing that it refuses in a down migration.
pub(super) fn guard(data: &[u8]) {
    let Some(text) = text(data).filter(|it| it.len() <= 4096) else { return };
    let begun = Instant::now();
    let [down, up] = scopes();
    let passes = check(text, &up).is_ok();
    assert_eq!(check(text, &up).is_ok(), passes);
    if passes {
        assert_eq!(check(text, &down), Ok(()));
        assert_eq!(check(&format!("/* a */ -- b\n{text}\n-- c\n"), &up), Ok(()));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{text}");
}

/// A schema that has a table with one check, a default and a policy of an expression.
fn with_expression(expression: &str) -> Catalog {
    let id = |kind, name: &str| Id {
        schema: "padealing".to_owned(),
        parent: "sample".to_owned(),
        kind,
        name: name.to_owned(),
    };
    let object = |all: &[(Property, &str)]| -> Object {
        all.iter().map(|(property, text)| (*property, Value::Text((*text).to_owned()))).collect()
    };
    let check = format!("CHECK ({expression})");
    let table = Id { parent: String::new(), name: "sample".to_owned(), ..id(Kind::Table, "") };
    let objects = BTreeMap::from([
        (table, Object::new()),
        (id(Kind::Column, "a"), object(&[(Property::Type, "text"), (Property::Default, expression)])),
        (id(Kind::Constraint, "c"), object(&[(Property::Type, "check"), (Property::Definition, &check)])),
        (id(Kind::Policy, "p"), object(&[(Property::Using, expression)])),
    ]);
    Catalog { major: 15, schemas: vec!["padealing".to_owned()], objects }
}

/// The kinds of objects in which drift finds two expressions to differ.
pub(crate) fn differing(one: &str, other: &str) -> Vec<Kind> {
    let (expected, live) = (Expectation::of(with_expression(one)), with_expression(other));
    let found = compare(expected, live, &RoleContext::default());
    let mut kinds: Vec<Kind> = found.into_iter().map(|it| it.id.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Of two expressions, with a line end between them: each is the same as itself, and what is said of both does not
/// depend on which is expected.
pub(super) fn spelling(data: &[u8]) {
    let Some((one, other)) = text(data).filter(|it| it.len() <= 2048).and_then(|it| it.split_once('\n')) else {
        return;
    };
    assert_eq!(differing(one, one), []);
    assert_eq!(differing(other, other), []);
    assert_eq!(differing(one, other), differing(other, one), "{one}\n{other}");
}
