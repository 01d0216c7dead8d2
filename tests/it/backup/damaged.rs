//! Files that are no good backup: each is found before a database is asked, or before anything is committed.

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::program::{run_in, stderr, stdout};
use crate::harness::{ROWS, Start, with_db};

use super::go;

fn manifest(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("it.dump.manifest.json")).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Writes an archive and a manifest, whose hash is the archive's if that is wanted.
fn write(folder: &Path, archive: &[u8], manifest: &Value, is_signed: bool) {
    let mut manifest = manifest.clone();
    if is_signed {
        manifest["sha256"] = pad_migrate::base::text::hex(&Sha256::digest(archive)).into();
        manifest["bytes"] = archive.len().into();
    }
    std::fs::write(folder.join("bad.dump"), archive).expect("it is written");
    std::fs::write(folder.join("bad.dump.manifest.json"), manifest.to_string()).expect("it is written");
}

/// Runs a restore that has to be refused; its sentence.
fn refused(folder: &Path, url: &str) -> String {
    let output = run_in(folder, &["--database-url", url, "restore", "--from", "bad.dump", "--yes"], &[]);
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
    said
}

/// What is changed in a manifest.
type Change<'a> = &'a dyn Fn(&mut Value);

#[tokio::test]
async fn a_damaged_backup_is_refused() {
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let folder = dir.path();
        let output = go(folder, &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let archive = std::fs::read(folder.join("it.dump")).expect("it is there");
        let good = manifest(folder);

        // Nothing listens there: what is wrong is found before.
        let nowhere = "postgres://u@127.0.0.1:1/n";
        std::fs::write(folder.join("bad.dump"), &archive).expect("it is written");
        let said = refused(folder, nowhere);
        assert!(said.contains("bad.dump has no manifest: bad.dump.manifest.json doesn't exist; "), "{said}");
        let end = archive.len();
        for length in [0, 3, 100, end / 3, end - 2000, end - 1] {
            write(folder, &archive[..length], &good, false);
            let said = refused(folder, nowhere);
            assert!(said.contains("is not the backup that its manifest describes: it has "), "{said}");
            // By somebody who makes the hash fit.
            write(folder, &archive[..length], &good, true);
            let said = refused(folder, nowhere);
            assert!(said.contains("bad.dump can't be read as a backup: pg_restore "), "{length}: {said}");
        }
        for place in [end / 4, end / 2, end - 500] {
            let mut changed = archive.clone();
            changed[place] ^= 0x55;
            write(folder, &changed, &good, false);
            let said = refused(folder, nowhere);
            assert!(said.contains("describes: its SHA-256 is "), "{said}");
        }

        // A manifest of something else.
        let changed = |change: Change<'_>| {
            let mut manifest = good.clone();
            change(&mut manifest);
            write(folder, &archive, &manifest, true);
        };
        let without = |of: &str, name: &str, it: &mut Value| {
            it[of].as_array_mut().expect("a list").retain(|it| it["table"] != name && it["name"] != name);
        };
        let twice = |of: &str, it: &mut Value| {
            let list = it[of].as_array_mut().expect("a list");
            list.push(list[0].clone());
        };
        let cases: [(Change<'_>, &str); 21] = [
            (
                &|it| twice("tables", it),
                "it is not a manifest of a backup: it names the table padealing.audit_log twice; take ",
            ),
            (&|it| twice("sequences", it), "it is not a manifest of a backup: it names the sequence padealing."),
            (&|it| twice("references", it), "it is not a manifest of a backup: it names the key "),
            (&|it| twice("catalog", it), " in its catalog twice; take "),
            (
                &|it| it["taken_at"] = "9026-02-03T00:00:00Z".into(),
                "its taken_at, \"9026-02-03T00:00:00Z\", is in the future; take ",
            ),
            (
                &|it| it["server_version"] = "15x".into(),
                "its server_version, \"15x\", is not a version of PostgreSQL; take ",
            ),
            (
                &|it| it["pg_dump_version"] = "0".into(),
                "its pg_dump_version, \"0\", is not a version of PostgreSQL; take ",
            ),
            (
                &|it| it["taken_at"] = "2026-02-30T00:00:00Z".into(),
                "its taken_at, \"2026-02-30T00:00:00Z\", is not a time in UTC",
            ),
            (&|it| without("tables", "audit_log", it), "padealing.audit_log is in it, and not in the manifest"),
            (&|it| without("catalog", "audit_log", it), "the manifest doesn't describe padealing.audit_log"),
            (&|it| it["format"] = 2.into(), "the manifest has format 2, and pad-migrate "),
            (&|it| it["command"] = "snapshot".into(), "it is not a manifest of a backup: "),
            (&|it| it["tables"] = 5.into(), "it is not a manifest of a backup: "),
            (
                &|it| it["tables"][0]["rows"] = 9.into(),
                "doesn't hold what its manifest says: padealing.audit_log has 1 row in it instead of 9",
            ),
            (
                &|it| {
                    let more = json!({ "schema": "padealing", "table": "more", "rows": 0, "checksum": "" });
                    it["tables"].as_array_mut().expect("a list").push(more);
                },
                "padealing.more is not in it",
            ),
            (&|it| it["sequences"][0]["last_value"] = 99.into(), "sequences stand elsewhere"),
            (&|it| it["tool"] = "pg-migrate".into(), "its tool, \"pg-migrate\", is not pad-migrate; take "),
            (&|it| it["left_out"] = json!(["audit_log"]), "its left_out names audit_log, which is in it; take "),
            (
                &|it| it["whole_schema"] = false.into(),
                "its whole_schema is false, and all of its tables are in padealing; take ",
            ),
            (&|it| it["references"] = json!([]), "its references lack the key "),
            (
                &|it| without("references", "pad_request_employee_id_fkey", it),
                "lack the key pad_request_employee_id_fkey of padealing.pad_request, which its catalog has; take ",
            ),
        ];
        for (change, words) in cases {
            changed(change);
            let said = refused(folder, nowhere);
            assert!(said.contains(words), "{said}");
        }

        // Capital letters are the same hash.
        for (hash, words) in [
            ("12".to_owned(), "its sha256, \"12\", is not a SHA-256; take "),
            ("0".repeat(64), "describes: its SHA-256 is "),
            (good["sha256"].as_str().expect("a text").to_uppercase(), "connecting to "),
        ] {
            let mut manifest = good.clone();
            manifest["sha256"] = hash.into();
            write(folder, &archive, &manifest, false);
            let said = refused(folder, nowhere);
            assert!(said.contains(words), "{said}");
        }

        // What only a database can tell: nothing is committed.
        with_db(Start::Reference, async |to| {
            let cases: [(Change<'_>, &str); 6] = [
                (
                    &|it| it["revision"] = "0006".into(),
                    "the manifest says revision 0006, and the history in the backup 0007",
                ),
                (
                    &|it| {
                        let objects = it["catalog"].as_array_mut().expect("a list");
                        objects.retain(|it| it["name"] != "audit_log_id_seq");
                    },
                    "the restored schema differs from the backup's in 1, such as audit_log_id_seq",
                ),
                (
                    &|it| it["tables"][0]["checksum"] = "00".into(),
                    "the rows of padealing.audit_log have another checksum",
                ),
                (
                    &|it| {
                        let objects = it["catalog"].as_array_mut().expect("a list");
                        objects.retain(|it| it["name"] != "pad_request_status_check");
                    },
                    "the restored schema differs from the backup's in 1, such as pad_request.pad_request_status_check",
                ),
                (&|it| it["server_version"] = "99.1".into(), "an older server may not understand it"),
                (
                    &|it| it["environment"] = "prod".into(),
                    "the backup is of environment prod, and this run is for local",
                ),
            ];
            for (change, words) in cases {
                changed(change);
                let said = refused(folder, &to.url);
                assert!(said.contains(words), "{said}");
                assert_eq!(to.value("to_regnamespace('padealing')").await, None, "nothing was committed");
            }
            // Another environment's is restored in dev; which one it is isn't taken from the manifest alone.
            changed(&|it| it["environment"] = "qa".into());
            let dev = [("APP_ENV", "dev"), ("DB_SSLMODE", "disable")];
            let arguments = ["--database-url", &to.url, "restore", "--from", "bad.dump", "--yes"];
            let said = stderr(&run_in(folder, &arguments, &dev));
            assert!(said.contains("the manifest says environment qa, and the history in the backup local"), "{said}");
        })
        .await;
    })
    .await;
}
