//! The map is true: arrows between the files of `src` run down only, none runs in a circle, and the pure files reach
//! neither a database nor a clock nor the environment. `ARCHITECTURE.md` has the layers in words.

mod imports;

use std::collections::{BTreeMap, BTreeSet};

use imports::{Imports, imports};
use rstest::rstest;

use crate::tidy::{files, read, root};

/// The layers, the lowest first. Layers that stand side by side know nothing of each other.
const LAYERS: [&[&str]; 10] = [
    &["base"],
    &["config"],
    &["postgres"],
    &["ledger"],
    &["schema", "migration"],
    &["checks"],
    &["report"],
    &["dashboard"],
    &["harness"],
    &["commands"],
];

/// The file that names all layers, and the one that calls the topmost.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

/// Layers whose purpose is to act. In the others only what lies in a folder `pg` or `http`, and the files below, may.
const ACTING: [&str; 3] = ["postgres", "harness", "commands"];

/// Files that act though they are in no folder `pg`: those that write and read files for all.
const ACTING_FILES: [&str; 5] =
    ["base/file.rs", "base/input.rs", "config/load.rs", "config/pem.rs", "migration/csv/file.rs"];

/// Folders and files of an acting layer that are pure.
const PURE_WITHIN: [&str; 5] =
    ["harness/fixtures.rs", "harness/generate.rs", "harness/generate/", "harness/plant.rs", "harness/plant/"];

/// What a pure file may not reach: a database, a runtime, the terminal, files, processes, a clock, the environment.
const FORBIDDEN: [&str; 21] = [
    "sqlx",
    "tokio",
    "futures_util",
    "tempfile",
    "rustix",
    "rustls",
    "indicatif",
    "jiff::Timestamp",
    "jiff::Zoned",
    "terminal_size",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::os",
];

/// A second opinion is worth something only as long as it shares no code with the first. Modules, with those below
/// them.
const APART: [(&str, &[&str]); 7] = [
    ("migration/check", &MIGRATE),
    ("migration/stored", &MIGRATE),
    ("migration/reconstruct", &MIGRATE),
    ("migration/pg/verify", &MIGRATE),
    ("migration/pg/stored_page", &MIGRATE),
    ("migration/proof", &MIGRATE),
    ("migration/proof", &["migration/check", "migration/reconstruct", "migration/stored", "migration/verification"]),
];

/// What transforms and writes.
const MIGRATE: [&str; 9] = [
    "migration/columns",
    "migration/copy_rows",
    "migration/copy_text",
    "migration/pg/large_text",
    "migration/pg/legacy_page",
    "migration/pg/migrate",
    "migration/pg/worker",
    "migration/pg/write",
    "migration/transform",
];

fn is_within(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// What the verification shares with the migration all the same: how legacy rows and reference rows are read; and what
/// keeps its evidence.
const SHARED: [&str; 12] = [
    "migration/pg/ahead.rs",
    "migration/pg/evidence/records.rs",
    "migration/pg/evidence/spool.rs",
    "migration/pg/legacy.rs",
    "migration/pg/lookup.rs",
    "migration/pg/missing.rs",
    "migration/pg/plain_page.rs",
    "migration/pg/reading.rs",
    "migration/pg/source.rs",
    "migration/pg/stored_page.rs",
    "migration/pg/traits.rs",
    "migration/pg/verify_error.rs",
];

/// The files that open a connection which may write, or write through one: nothing else changes a database.
const WRITERS: [&str; 14] = [
    "harness/pg/databases.rs",
    "harness/pg/lease.rs",
    "harness/pg/plant.rs",
    "harness/pg/references.rs",
    "harness/pg/seed.rs",
    "migration/pg/clean.rs",
    "migration/pg/migrate.rs",
    "migration/pg/rollback.rs",
    "migration/pg/run_record.rs",
    "migration/pg/worker.rs",
    "migration/pg/write.rs",
    "postgres/connect.rs",
    "schema/pg/restore.rs",
    "schema/pg/transaction.rs",
];

fn layer(file: &str) -> &str {
    file.split_once('/').map_or(file.trim_end_matches(".rs"), |(layer, _)| layer)
}

fn rank(file: &str) -> Option<usize> {
    LAYERS.iter().position(|names| names.contains(&layer(file)))
}

fn is_pure(file: &str) -> bool {
    let in_pg = file.split('/').any(|part| ["pg", "pg.rs", "http", "http.rs"].contains(&part));
    let acting_layer = ACTING.contains(&layer(file));
    let pure_within = PURE_WITHIN.iter().any(|pure| file == *pure || pure.ends_with('/') && file.starts_with(pure));
    !ROOTS.contains(&file) && !in_pg && !ACTING_FILES.contains(&file) && (!acting_layer || pure_within)
}

/// Everything that is wrong with a tree of files, by name and text.
fn violations(tree: &BTreeMap<String, String>) -> Vec<String> {
    let all: BTreeMap<&str, Imports> =
        tree.iter().map(|(file, text)| (file.as_str(), imports(file, text, tree))).collect();
    let mut found = Vec::new();
    for (file, imports) in all.iter().filter(|(file, _)| !ROOTS.contains(*file)) {
        let Some(from) = rank(file) else {
            found.push(format!("{file} belongs to no layer"));
            continue;
        };
        for target in &imports.files {
            match rank(target) {
                _ if ROOTS.contains(&target.as_str()) => found.push(format!("{file} imports {target}, which is above")),
                Some(to) if to > from => found.push(format!("{file} imports {target}, which is above")),
                Some(to) if to == from && layer(file) != layer(target) => {
                    found.push(format!("{file} imports {target}, which is beside"));
                }
                _ => {}
            }
        }
        for (_, apart) in APART.iter().filter(|(of, _)| is_within(file, of)) {
            for target in imports.files.iter().filter(|target| apart.iter().any(|module| is_within(target, module))) {
                found.push(format!("{file} must share nothing with {target}"));
            }
        }
        if is_pure(file) {
            found.extend(reached(file, &all));
        }
    }
    found.extend(circles(&all));
    found
}

/// What a pure file reaches and must not, itself or through others, each with the way there.
fn reached(file: &str, all: &BTreeMap<&str, Imports>) -> Vec<String> {
    let mut found = Vec::new();
    let mut ways = vec![vec![file]];
    let mut seen = BTreeSet::from([file]);
    while let Some(way) = ways.pop() {
        let Some(imports) = way.last().and_then(|at| all.get(at)) else { continue };
        for path in &imports.paths {
            let is = |wanted: &&str| path == wanted || path.starts_with(&format!("{wanted}::"));
            if let Some(forbidden) = FORBIDDEN.iter().find(|wanted| is(wanted)) {
                found.push(format!("{} is pure and reaches {forbidden}", way.join(" → ")));
            }
        }
        for target in imports.files.iter().filter(|target| seen.insert(target)) {
            ways.push(way.iter().copied().chain([target.as_str()]).collect());
        }
    }
    found
}

/// Circles: from what is left when everything that imports nothing, or is imported by nothing, is taken away.
fn circles(all: &BTreeMap<&str, Imports>) -> Option<String> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> =
        all.iter().map(|(file, imports)| (*file, imports.files.iter().map(String::as_str).collect())).collect();
    loop {
        let targets: BTreeSet<&str> = left.values().flatten().copied().collect();
        let before = left.len();
        let files: BTreeSet<&str> = left.keys().copied().collect();
        left.retain(|file, imports| targets.contains(file) && imports.iter().any(|target| files.contains(target)));
        if left.len() == before {
            break;
        }
    }
    let named: Vec<&str> = left.into_keys().collect();
    (!named.is_empty()).then(|| format!("import each other in a circle: {}", named.join(", ")))
}

/// The files of `src`, by name, with their text.
fn sources() -> BTreeMap<String, String> {
    let folder = root().join("src");
    let name = |path: &std::path::Path| path.strip_prefix(&folder).expect("it is below src").display().to_string();
    files("src", ".rs").iter().map(|path| (name(path), read(path))).collect()
}

#[test]
fn arrows_run_down_and_pure_files_are_pure() {
    let tree = sources();
    let found = violations(&tree);
    assert!(found.is_empty(), "{}", found.join("\n"));
    // What the rules speak of is there: a rule about a file that has moved would hold for ever.
    for module in APART.iter().flat_map(|(module, apart)| [module].into_iter().chain(*apart)) {
        assert!(tree.contains_key(&format!("{module}.rs")), "the rules name the module {module}, which isn't there");
    }
    for file in ACTING_FILES.iter().chain(PURE_WITHIN.iter().filter(|it| it.ends_with(".rs"))) {
        assert!(tree.contains_key(*file), "the rules name {file}, which isn't there");
    }
    for layer in LAYERS.concat() {
        assert!(tree.contains_key(&format!("{layer}.rs")), "the rules name the layer {layer}, which isn't there");
    }
}

/// Files whose code names a connection that may write.
fn writers(tree: &BTreeMap<String, String>) -> Vec<&str> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let writes = |line: &str| line.contains("Access::Write") || line.contains(".copy_in(");
    let found = tree.iter().filter(|(_, text)| text.lines().filter(is_code).any(writes));
    found.map(|(file, _)| file.as_str()).collect()
}

#[test]
fn only_these_files_may_write_to_a_database() {
    assert_eq!(writers(&sources()), WRITERS);
    let added = tree(&[("schema/pg/read.rs", "// Access::Write\nconnect(Access::Write)")]);
    assert_eq!(writers(&added), ["schema/pg/read.rs"]);
}

#[test]
fn the_verification_shares_reading_and_nothing_else() {
    let tree = sources();
    let is_verify = |file: &str| is_within(file, "migration/pg/verify");
    let files = tree.iter().filter(|(file, _)| is_verify(file));
    let all: BTreeSet<String> = files.flat_map(|(file, text)| imports(file, text, &tree).files).collect();
    let shared = all.iter().filter(|file| file.starts_with("migration/pg/") && !is_verify(file));
    assert_eq!(shared.collect::<Vec<_>>(), SHARED.iter().collect::<Vec<_>>());
}

/// A small tree in which nothing is wrong but what a case adds.
fn tree(added: &[(&str, &str)]) -> BTreeMap<String, String> {
    let sound = [
        ("lib.rs", "pub mod base; pub mod schema; pub mod migration; pub mod postgres; pub mod commands;"),
        ("main.rs", "fn main() { pad_migrate::commands::main() }"),
        ("base.rs", "pub mod text;"),
        ("base/text.rs", "pub fn plural() {}"),
        ("postgres.rs", "pub mod connect;"),
        ("postgres/connect.rs", "use sqlx::Connection; use crate::base::text::plural;"),
        ("schema.rs", "pub mod catalog; pub mod pg;"),
        ("schema/catalog.rs", "use std::time::Duration; use crate::base::text::plural;"),
        ("schema/pg.rs", "pub mod read;"),
        ("schema/pg/read.rs", "use crate::postgres::connect; use super::super::catalog::Catalog;"),
        ("migration.rs", "pub mod row;"),
        ("migration/row.rs", "//! Unlike crate::commands, \"crate::commands\" is only named here."),
        ("commands.rs", "use crate::schema::pg::read; use tokio::signal;"),
    ];
    let all = sound.iter().chain(added);
    all.map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_sound_tree_has_no_violations() {
    assert_eq!(violations(&tree(&[])), Vec::<String>::new());
}

/// The test itself: every kind of violation is found.
#[rstest]
#[case::up(&[("base/text.rs", "use crate::schema::catalog::Catalog;")], "base/text.rs imports schema/catalog.rs, \
    which is above")]
#[case::up_within_braces(&[("base/text.rs", "use crate::{schema::{catalog::{self, \
    Catalog}}};")], "base/text.rs imports schema/catalog.rs, which is above")]
#[case::up_by_super(&[("base/text.rs", "use super::super::schema::catalog as c;")], "base/text.rs imports \
    schema/catalog.rs, which is above")]
#[case::up_in_an_expression(&[("base/text.rs", "fn f() { crate::schema::catalog::make() }")], "base/text.rs imports schema/catalog.rs, which is above")]
#[case::up_in_a_macro(&[("base/text.rs", "fn f() { println!(\"{}\", crate::schema::catalog::NAME) }")], "base/text.rs imports schema/catalog.rs, which is above")]
#[case::up_in_an_inner_module(&[("base/text.rs", "mod inner { use super::super::super::schema::catalog::Catalog; }")], "base/text.rs imports schema/catalog.rs, which is above")]
#[case::beside(&[("migration/row.rs", "use crate::schema::catalog::Catalog;")], "migration/row.rs imports \
    schema/catalog.rs, which is beside")]
#[case::the_root(&[("base/text.rs", "use crate::Everything;")], "base/text.rs imports lib.rs, which is above")]
#[case::a_circle(&[("base/text.rs", "use crate::base::word::W;"), ("base/word.rs", "use crate::base::text::plural;")], "import each other in a circle: base/text.rs, base/word.rs")]
#[case::a_circle_of_parent_and_child(&[("base.rs", "mod text; use text::plural;"), ("base/text.rs", "use super::Thing;")], "import each other in a circle: base.rs, base/text.rs")]
#[case::a_circle_of_three(&[("base/a.rs", "use super::b::B;"), ("base/b.rs", "use super::c::C;"), ("base/c.rs", "pub use super::a::A;")], "import each other in a circle: base/a.rs, base/b.rs, base/c.rs")]
#[case::a_driver(&[("schema/catalog.rs", "use sqlx::Row;")], "schema/catalog.rs is pure and reaches sqlx")]
#[case::a_driver_in_full(&[("schema/catalog.rs", "fn f(row: &sqlx::postgres::PgRow) {}")], "schema/catalog.rs is pure and reaches sqlx")]
#[case::a_driver_through_another(&[("schema/catalog.rs", "use crate::schema::pg::read::Found;")], "schema/catalog.rs → schema/pg/read.rs → postgres/connect.rs is pure and reaches sqlx")]
#[case::a_clock(&[("schema/catalog.rs", "use std::time::{Duration, \
    Instant};")], "schema/catalog.rs is pure and reaches std::time::Instant")]
#[case::the_environment(&[("migration/row.rs", "fn f() { let _ = std::env::var(\"HOME\"); }")], "migration/row.rs is pure and reaches std::env")]
#[case::a_file(&[("migration/row.rs", "use std::{fs, fmt};")], "migration/row.rs is pure and reaches std::fs")]
#[case::a_runtime(&[("migration/row.rs", "async fn f() { tokio::select! {} }")], "migration/row.rs is pure and \
    reaches tokio")]
#[case::no_layer(&[("loose.rs", "")], "loose.rs belongs to no layer")]
#[case::a_shared_opinion(&[("migration/check.rs", "use crate::migration::transform::transform;"), ("migration/transform.rs", "")], "migration/check.rs must share nothing with migration/transform.rs")]
fn each_kind_of_violation_is_found(#[case] added: &[(&str, &str)], #[case] expected: &str) {
    let found = violations(&tree(added));
    assert!(found.iter().any(|it| it == expected), "{found:#?}");
}
