//! Random single changes: of a character of any value that the evidence is about, and of a byte of its files. Each is named by
//! everything that looks at it. `scripts/changes` makes thousands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pad_migrate::base::quote::{quote_identifier, quote_literal};
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::run::Options;
use pretty_assertions::assert_eq;

use crate::evidence::bundle::{clean, on};
use crate::generate::with_generated;
use crate::harness::program::{stderr, stdout};
use crate::harness::random::{Random, setting};
use crate::harness::{Db, Start, with_db};

/// Changes of the database that are there at one time, each in the rows of another legacy row.
const ROUND: usize = 150;

/// A text that differs in one character: another one, one more, or one less.
fn changed(random: &mut Random, text: &str, kind: &str) -> String {
    const CHARACTERS: [char; 12] = ['0', '1', '7', 'a', 'B', ' ', '.', '-', 'é', '漢', '\'', '\\'];
    let mut characters: Vec<char> = text.chars().collect();
    let digits = !matches!(kind, "text" | "varchar" | "bpchar" | "json" | "jsonb" | "_text");
    let place = random.below(characters.len() + 1);
    let other = if digits { char::from(b'0' + random.below(10) as u8) } else { *random.of(&CHARACTERS) };
    match random.below(if digits { 1 } else { 3 }) {
        0 if place < characters.len() => characters[place] = other,
        1 if place < characters.len() => drop(characters.remove(place)),
        _ => characters.insert(place, other),
    }
    characters.into_iter().collect()
}

/// A value that can be changed.
struct Cell {
    source_id: i64,
    table: String,
    /// What finds the row.
    condition: String,
}

/// Tables, with what each row of them is found by, and the columns whose changes nobody promises to find or that find the row.
const TABLES: [(&str, &str, &[&str]); 7] = [
    ("public.personal_account_dealing", "select t.id, t.id from public.personal_account_dealing t", &["id"]),
    (
        "padealing.pad_request",
        "select m.source_id, m.target_id from padealing.migration_mapping m where m.target_table = 'pad_request'",
        &["id"],
    ),
    (
        "padealing.pad_approval",
        "select m.source_id, m.target_id from padealing.migration_mapping m where m.target_table like 'pad_approval:%'",
        &["id"],
    ),
    (
        "padealing.pad_execution",
        "select m.source_id, m.target_id from padealing.migration_mapping m where m.target_table = 'pad_execution'",
        &["id"],
    ),
    (
        "padealing.audit_log",
        "select m.source_id, m.target_id from padealing.migration_mapping m where m.target_table like 'audit_log:%'",
        &["id"],
    ),
    ("padealing.migration_mapping", "select m.source_id, m.id from padealing.migration_mapping m", &["id"]),
    (
        "padealing.migration_reject",
        "select r.source_id, r.id from padealing.migration_reject r where r.resolved_run_id is null",
        &["id", "source_id"],
    ),
];

async fn cells(db: &Db) -> BTreeMap<&'static str, (Vec<Cell>, Vec<(String, String)>)> {
    let mut found = BTreeMap::new();
    for (table, rows, without) in TABLES {
        let sql = format!("(select string_agg(s || ' ' || i, ',' order by s, i) from ({rows}) r (s, i))");
        let rows = db.value(&sql).await.expect("rows");
        let cell = |row: &str| {
            let (source_id, id) = row.split_once(' ').expect("two ids");
            let source_id = source_id.parse().expect("an id");
            Cell { source_id, table: table.to_owned(), condition: format!("id = {id}") }
        };
        let (schema, name) = table.split_once('.').expect("a schema");
        let sql = format!(
            "(select string_agg(column_name || ' ' || udt_name, chr(31) order by ordinal_position) \
              from information_schema.columns where table_schema = '{schema}' and table_name = '{name}')"
        );
        let columns = db.value(&sql).await.expect("columns");
        let column = |it: &str| it.rsplit_once(' ').map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        let columns: Vec<_> = columns.split('\u{1f}').filter_map(column).collect();
        let columns = columns.into_iter().filter(|it| !without.contains(&it.0.as_str())).collect();
        found.insert(table, (rows.split(',').map(cell).collect(), columns));
    }
    found
}

/// A change that was made.
struct Made {
    source_id: i64,
    what: String,
    back: String,
}

/// Makes a change, if the schema takes it.
async fn make(db: &Db, random: &mut Random, cell: &Cell, (column, kind): &(String, String)) -> Option<Made> {
    let Cell { source_id, table, condition } = cell;
    let quoted = quote_identifier(column);
    let old = db.value(&format!("(select {quoted}::text from {table} where {condition})")).await;
    let literal = |text: &Option<String>| text.as_ref().map_or("null".to_owned(), |it| quote_literal(it));
    let new = match (&old, kind.as_str()) {
        (Some(text), "bool") => Some(if text == "true" { "false".to_owned() } else { "true".to_owned() }),
        // Now and then, a value is gone.
        (Some(_), _) if random.below(20) == 0 => None,
        (Some(text), kind) => Some(changed(random, text, kind)),
        (None, "bool") => Some("true".to_owned()),
        (None, "json" | "jsonb" | "_text") => Some("{}".to_owned()),
        (None, "interval" | "timestamp" | "timestamptz" | "date") => None,
        (None, _) => Some("7".to_owned()),
    };
    if old == new {
        return None;
    }
    // What a check forbids the application can't write; somebody who is after a row can.
    let set = |value: &str| {
        format!(
            "set session_replication_role = replica; update {table} set {quoted} = {value}::{kind} where {condition}"
        )
    };
    let mut session = db.connect().await;
    let update = set(&literal(&new));
    if sqlx::raw_sql(sqlx::AssertSqlSafe(update)).execute(&mut session).await.is_err() {
        return None;
    }
    let now = db.value(&format!("(select {quoted}::text from {table} where {condition})")).await;
    let what = format!("{table}.{column} of legacy row {source_id}: {old:?} is now {now:?}");
    (now != old).then(|| Made { source_id: *source_id, what, back: set(&literal(&old)) })
}

/// The legacy rows that the checks of an answer name.
fn named(answer: &serde_json::Value, lists: &[&str]) -> BTreeSet<i64> {
    let all =
        lists.iter().flat_map(|it| answer.pointer(it).and_then(serde_json::Value::as_array).into_iter().flatten());
    let rows = all.flat_map(|it| match it["rows"].as_array() {
        Some(rows) => rows.iter().collect(),
        None => vec![it],
    });
    rows.filter_map(|row| row["id"].as_i64().or_else(|| row["source_id"].as_i64())).collect()
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "the figure is for people who run scripts/changes")]
async fn a_random_change_of_any_value_is_named() {
    let (wanted, mut random) = (setting("PAD_CHANGES", 150) as usize, Random::new(1));
    with_generated(Generator { rows: 2000, seed: 14 }, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let proof = std::fs::read_to_string(dir.path().join("evidence/proof.sql")).expect("it is written");
        db.execute(
            "do $$ declare c record; begin for c in select conrelid::regclass as t, conname from pg_constraint \
             where conrelid::regclass::text ~ 'padealing|personal' and contype in ('c', 'u') loop \
             execute format('alter table %s drop constraint %I', c.t, c.conname); end loop; end $$",
        )
        .await;
        let cells = cells(&db).await;
        let tables: Vec<&str> = cells.keys().copied().collect();
        let (mut made, mut by_table) = (0, BTreeMap::<String, usize>::new());
        while made < wanted {
            let (mut round, mut taken) = (Vec::new(), BTreeSet::new());
            while round.len() < ROUND.min(wanted - made) {
                let (rows, columns) = &cells[*random.of(&tables)];
                let (cell, column) = (random.of(rows), random.of(columns));
                // There are few rejections.
                if taken.contains(&cell.source_id) {
                    continue;
                }
                if column.0 == "migrated_at" {
                    continue;
                }
                if let Some(change) = make(&db, &mut random, cell, column).await {
                    taken.insert(cell.source_id);
                    *by_table.entry(cell.table.clone()).or_default() += 1;
                    round.push(change);
                }
            }
            look(&db, dir.path(), &proof, &round).await;
            for change in &round {
                db.execute(&change.back).await;
            }
            made += round.len();
            eprintln!("{made} of {wanted} changes named by all: {by_table:?}");
        }
        assert_eq!(db.verify().await.differences, [], "everything is as it was");
    })
    .await;
}

/// Has everything look at the changes of a round.
async fn look(db: &Db, dir: &Path, proof: &str, round: &[Made]) {
    let missed = |by: &str, named: &BTreeSet<i64>| {
        let missed: Vec<&Made> = round.iter().filter(|it| !named.contains(&it.source_id)).collect();
        let missed: Vec<&str> = missed.iter().map(|it| it.what.as_str()).collect();
        assert!(missed.is_empty(), "missed by {by}: {missed:#?}");
        // A change of lineage may concern two rows.
        assert!(named.len() <= 2 * round.len(), "{by} names {} rows for {} changes", named.len(), round.len());
    };
    let output = on(db, dir, &["evidence", "check", "evidence", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(output.status.code(), Some(1), "{answer:#}");
    missed("evidence check", &named(&answer, &["/checks"]));
    let (printed, _) = db.psql_output(proof, "-q").await;
    assert!(printed.contains("NOT PROVED: "), "{printed}");
    let rows = printed.lines().filter_map(|line| line.strip_prefix("row ")?.split(':').next()?.parse().ok());
    let mut found: BTreeSet<i64> = rows.collect();
    // As it says itself: what has changed since is seen row by row beside the bundle's.
    let then = std::fs::read_to_string(dir.join("evidence/rows.txt")).expect("it is written");
    let (now, _) = db.psql_output(proof, "-q -At -v rows=1").await;
    let (then, now): (BTreeSet<&str>, BTreeSet<&str>) = (then.lines().collect(), now.lines().collect());
    let id = |line: &&&str| line.split(' ').next()?.parse::<i64>().ok();
    found.extend(then.symmetric_difference(&now).filter_map(|it| id(&it)));
    missed("proof.sql", &found);
    let output = on(db, dir, &["verify", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    // Of what was rejected nothing but the bundle has a second record.
    let mut found = named(&answer, &["/differences"]);
    let rejected = "(select string_agg(distinct source_id::text, ',') from padealing.migration_reject)";
    let rejected = db.value(rejected).await.unwrap_or_default();
    let rejected: BTreeSet<i64> = rejected.split(',').filter_map(|it| it.parse().ok()).collect();
    let is_rejected =
        |it: &&Made| it.what.starts_with(REASONS) || it.what.starts_with("public.") && rejected.contains(&it.source_id);
    found.extend(round.iter().filter(is_rejected).map(|it| it.source_id));
    missed("verify", &found);
}

const REASONS: &str = "padealing.migration_reject";

/// A byte that is another one, one more, or one less.
fn damaged(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    let (place, byte) = (random.below(bytes.len()), random.below(256) as u8);
    match random.below(4) {
        0 => bytes[place] ^= 1 << random.below(8),
        1 => bytes[place] = bytes[place].wrapping_add(byte.max(1)),
        2 => bytes.insert(place, byte),
        _ => drop(bytes.remove(place)),
    }
    bytes
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "the figure is for people who run scripts/changes")]
async fn a_random_change_of_a_file_of_the_bundle_is_named() {
    let (wanted, mut random) = (setting("PAD_CHANGES", 150) as usize / 3, Random::new(2));
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let folder = dir.path().join("evidence");
        let mut files: Vec<_> = std::fs::read_dir(&folder).expect("the folder is there").flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        for _ in 0..wanted {
            let file = random.of(&files);
            let (path, name) = (file.path(), file.file_name().into_string().expect("a name"));
            let whole = std::fs::read(&path).expect("the file is read");
            let changed = damaged(&mut random, whole.clone());
            let what = || {
                let place = whole.iter().zip(&changed).position(|(one, other)| one != other);
                format!("{name}, {} bytes, then {}, from byte {place:?} on", whole.len(), changed.len())
            };
            std::fs::write(&path, &changed).expect("the file is written");
            let output = on(&db, dir.path(), &["evidence", "check", "evidence"]);
            let said = stdout(&output) + &stderr(&output);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{}: {said}", what());
            assert!(said.contains(&name), "{}: {said}", what());
            std::fs::write(&path, &whole).expect("the file is written");
        }
        eprintln!("{wanted} changes of {} files named", files.len());
        clean(&db, dir.path(), &["evidence", "check", "evidence"]);
    })
    .await;
}
