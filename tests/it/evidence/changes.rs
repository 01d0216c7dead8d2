//! What changes after a bundle was written is found, and named; and proofs of rows hold for these rows only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pretty_assertions::assert_eq;

use crate::evidence::bundle::{clean, manifest, on, sha256};
use crate::generate::with_generated;
use crate::harness::program::{command, stdout};
use crate::harness::{Db, Start, with_db};
use pad_migrate::harness::generate::Generator;
use pad_migrate::migration::run::Options;

/// A change of one value of each column of each table that the migration writes, each in a row of another legacy row.
/// The legacy row's id by what was changed.
async fn change_every_column(db: &Db) -> BTreeMap<String, i64> {
    const TABLES: [(&str, &str); 6] = [
        ("pad_request", "t.id = m.target_id and m.target_table = 'pad_request'"),
        ("pad_approval", "t.id = m.target_id and m.target_table like 'pad_approval:%'"),
        ("pad_execution", "t.id = m.target_id and m.target_table = 'pad_execution'"),
        ("audit_log", "t.id = m.target_id and m.target_table like 'audit_log:%'"),
        ("migration_mapping", "t.id = m.id"),
        ("personal_account_dealing", "t.id = m.source_id"),
    ];
    let mut script = "set session_replication_role = replica;".to_owned();
    for (table, _) in TABLES {
        // What a check forbids the application can't write; somebody who is after a row can.
        script += &format!(
            "do $$ declare c record; begin for c in select conrelid::regclass as t, conname from pg_constraint \
             where conrelid::regclass::text like '%{table}' and contype in ('c', 'u') loop \
             execute format('alter table %s drop constraint %I', c.t, c.conname); end loop; end $$;"
        );
    }
    db.execute(&script).await;
    let mut changed = BTreeMap::new();
    for (table, condition) in TABLES {
        let schema = if table == "personal_account_dealing" { "public" } else { "padealing" };
        let columns = format!(
            "select string_agg(column_name || ' ' || udt_name, chr(31) order by ordinal_position) from \
             information_schema.columns where table_schema = '{schema}' and table_name = '{table}' \
             and column_name <> 'id'"
        );
        let columns = db.value(&format!("({columns})")).await.expect("the table has columns");
        for column in columns.split('\x1f') {
            let (column, kind) = column.rsplit_once(' ').expect("a name and a type");
            let value = match kind {
                "bool" => format!("not coalesce(t.\"{column}\", false)"),
                "interval" => format!("coalesce(t.\"{column}\", '1 day') + interval '1 microsecond'"),
                "date" => format!("coalesce(t.\"{column}\", '2020-01-01') + 1"),
                "bytea" => format!("coalesce(t.\"{column}\", '') || '\\x7a'::bytea"),
                "json" => "'{\"another\": \"document\"}'::json".to_owned(),
                "_text" => format!("coalesce(t.\"{column}\", '{{}}') || 'z'::text"),
                "timestamp" | "timestamptz" => {
                    format!("coalesce(t.\"{column}\", '2020-01-01') + interval '1 microsecond'")
                }
                "jsonb" => format!("coalesce(t.\"{column}\", '{{}}') || '{{\"a key more\": 1}}'"),
                "int8" | "int4" | "numeric" | "float8" => format!("coalesce(t.\"{column}\", 0) + 1"),
                _ => format!("case when t.\"{column}\" = 'z' then 'y' else 'z' end"),
            };
            let taken = changed.values().map(i64::to_string).collect::<Vec<_>>().join(",");
            let quoted = column.replace('"', "\"\"");
            let value = value.replace(&format!("\"{column}\""), &format!("\"{quoted}\""));
            let find = format!(
                "(select min(m.source_id) from padealing.migration_mapping m join {schema}.{table} t on {condition} \
                 where m.source_id <> all('{{{taken}}}'))"
            );
            let id = db.value(&find).await.unwrap_or_else(|| panic!("no row is left for {table}.{column}"));
            let update = format!(
                "set session_replication_role = replica; update {schema}.{table} t set \"{quoted}\" = {value} \
                 where t.ctid = (select t.ctid from padealing.migration_mapping m join {schema}.{table} t \
                                 on {condition} where m.source_id = {id} order by t.id limit 1)"
            );
            db.execute(&update).await;
            changed.insert(format!("{table}.{column}"), id.parse().expect("an id"));
        }
    }
    changed
}

/// The ids that the checks of an answer name.
fn named(answer: &serde_json::Value) -> BTreeSet<i64> {
    let checks = answer["checks"].as_array().expect("checks");
    let rows = checks.iter().flat_map(|check| check["rows"].as_array().expect("rows"));
    rows.filter_map(|row| row["id"].as_i64().or_else(|| row["source_id"].as_i64())).collect()
}

#[tokio::test]
async fn a_change_of_any_column_is_named_by_its_row() {
    with_generated(Generator { rows: 600, seed: 14 }, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        clean(&db, dir.path(), &["evidence", "check", "evidence"]);
        let changed = change_every_column(&db).await;
        assert!(changed.len() > 120, "{changed:?}");
        let output = on(&db, dir.path(), &["evidence", "check", "evidence", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        let named = named(&answer);
        let missed: Vec<_> = changed.iter().filter(|(_, id)| !named.contains(id)).collect();
        assert_eq!(missed, [], "{answer:#}");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_record_or_of_a_claim_is_named() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        for (change, back, name) in [
            ("set value = value || 'x'", "set value = left(value, -1)", "value"),
            ("set message = message || 'x'", "set message = left(message, -1)", "message"),
            ("set rule = 'too_wide'", "set rule = 'too_long'", "rejections"),
        ] {
            let which =
                "where id = (select min(id) from padealing.migration_reject where rule in ('too_long', 'too_wide'))";
            db.execute(&format!("update padealing.migration_reject {change} {which}")).await;
            let output = on(&db, dir.path(), &["evidence", "check", "evidence"]);
            assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
            assert!(stdout(&output).contains(name), "{}", stdout(&output));
            db.execute(&format!("update padealing.migration_reject {back} {which}")).await;
            clean(&db, dir.path(), &["evidence", "check", "evidence"]);
        }
        // Of no row, and of one that is resolved.
        let run =
            "select 'personal_account_dealing', 3, 'x', 'y', 'z', id, id, id from padealing.migration_run limit 1";
        db.execute(&format!(
            "insert into padealing.migration_reject (source_table, source_id, field, rule, message, first_run_id, \
             last_run_id, resolved_run_id) {run}"
        ))
        .await;
        let output = on(&db, dir.path(), &["evidence", "check", "evidence"]);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(stdout(&output).contains("reasons_sha256"), "{}", stdout(&output));
        db.execute("delete from padealing.migration_reject where field = 'x'").await;
        clean(&db, dir.path(), &["evidence", "check", "evidence"]);
        // What people run is what this version writes, whatever the sums say.
        for name in ["proof.sql", "check-row.sh", "legacy-view.sql", "README.txt"] {
            let folder = dir.path().join("forged");
            copy_folder(&dir.path().join("evidence"), &folder);
            forge(&folder, name);
            let output = on(&db, dir.path(), &["evidence", "check", "forged"]);
            assert_eq!(output.status.code(), Some(1), "{name}: {}", stdout(&output));
            assert!(stdout(&output).contains("not what this version writes"), "{name}: {}", stdout(&output));
            std::fs::remove_dir_all(&folder).expect("the folder is removed");
        }
        db.execute("update padealing.migration_run set outcome = 'clean'").await;
        let output = on(&db, dir.path(), &["evidence", "check", "evidence"]);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(stdout(&output).contains("runs[0].outcome"), "{}", stdout(&output));
    })
    .await;
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder is made");
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let file = file.expect("a file").path();
        std::fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("it is copied");
    }
}

/// Adds a line to a file, and makes all sums fit.
fn forge(folder: &Path, name: &str) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the file is there");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the file is written");
    let (whole, manifest, sums) = (read(name), read("manifest.json"), read("SHA256SUMS"));
    let forged = format!("{whole}-- more\n");
    let of_file = |text: &str| text.replace(&sha256(&whole), &sha256(&forged));
    let bytes = |text: &str| format!("\"bytes\": {},\n      \"sha256\": \"{}\"", text.len(), sha256(text));
    let changed = manifest.replace(&bytes(&whole), &bytes(&forged));
    assert_ne!(manifest, changed, "{name}");
    write(name, &forged);
    write("manifest.json", &changed);
    write("SHA256SUMS", &of_file(&sums).replace(&sha256(&manifest), &sha256(&changed)));
}

#[tokio::test]
async fn a_proof_is_of_its_row_and_of_no_other() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let folder = dir.path().join("evidence");
        let root = manifest(&folder)["roots"]["source"].as_str().expect("a root").to_owned();
        let rows = std::fs::read_to_string(folder.join("rows.txt")).expect("the rows are there");
        let first = |state: &str| {
            let row = rows.lines().find(|row| row.contains(state)).expect("there is one");
            row.split(' ').next().expect("an id").to_owned()
        };
        let script = folder.join("check-row.sh");
        let by_shell = |proof: &std::path::Path, root: &str| {
            let mut shell = command("sh");
            shell.arg(&script).arg(proof).arg(root).output().expect("the shell runs").status.code()
        };
        for id in [first(" migrated "), first(" rejected "), "1901".to_owned()] {
            let proof = dir.path().join(format!("proof_{id}"));
            let name = proof.to_str().expect("UTF-8");
            clean(&db, dir.path(), &["evidence", "show", &id, "--from", "evidence", "--out", name]);
            // Without a folder the same proof is made of all rows.
            let again = format!("{name}_again");
            clean(&db, dir.path(), &["evidence", "show", &id, "--out", &again]);
            let bytes = std::fs::read(&proof).expect("the proof is there");
            assert_eq!(bytes, std::fs::read(&again).expect("it is there"));
            clean(&db, dir.path(), &["evidence", "check", name, "--root", &root]);
            assert_eq!(by_shell(&proof, &root), Some(0));
            let other = root.replace(char::is_numeric, "0");
            let output = on(&db, dir.path(), &["evidence", "check", name, "--root", &other]);
            assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
            assert_eq!(by_shell(&proof, &other), Some(1));
            // Whatever its head or its nodes say, no other row is under the root.
            let text = String::from_utf8(bytes.clone()).expect("the proof is text");
            let forged = text.replacen("employee=", "employee=1", 1);
            for (false_proof, what) in [
                (forged.replacen(" *", "", 1), "a node without a star"),
                (text.replacen("node ", "node * ", 1), "two stars"),
                (text.replacen("node ", "node \nnode ", 1), "a ninth node"),
                (text.replacen(&format!("id {id}\n"), "id 7\n", 1), "another id"),
                (text.replacen("state ", "state re", 1), "another state"),
                (text.replacen("\n\n", &format!("\n\n{forged}"), 1), "a row before the row"),
                (text.replacen(&format!("root {root}"), &format!("root {other}"), 1), "another root"),
                (format!("{text}x"), "more text"),
            ] {
                std::fs::write(&proof, &false_proof).expect("the proof is written");
                let output = on(&db, dir.path(), &["evidence", "check", name, "--root", &root]);
                let is_head = ["another id", "another state", "another root"].contains(&what);
                assert!(output.status.code() == Some(1) || what == "another root", "{what}: {}", stdout(&output));
                // The script says which row it is by the row itself, whatever the head says.
                assert!(by_shell(&proof, &root) != Some(0) || is_head, "{what}");
            }
            let body = bytes.windows(2).position(|it| it == b"\n\n").expect("an empty line") + 2;
            for at in [body, body + 9, (body + bytes.len()) / 2, bytes.len() - 1] {
                let mut forged = bytes.clone();
                forged[at] ^= 1;
                std::fs::write(&proof, forged).expect("the proof is written");
                let output = on(&db, dir.path(), &["evidence", "check", name, "--root", &root]);
                assert_eq!(output.status.code(), Some(1), "{at}: {}", stdout(&output));
                assert_ne!(by_shell(&proof, &root), Some(0), "{at}");
            }
        }
        let output = on(&db, dir.path(), &["evidence", "show", "424242"]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
    })
    .await;
}
