//! A bundle as it is written, signed, and checked by itself.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use pretty_assertions::assert_eq;
use rstest::rstest;
use sha2::{Digest, Sha256};

use crate::harness::program::{command, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};
use pad_migrate::migration::pg::evidence::bundle::Bundle;
use pad_migrate::migration::run::Options;

/// Runs the program on a database.
pub(super) fn on(db: &Db, dir: &Path, arguments: &[&str]) -> Output {
    run_in(dir, &[&["--database-url", &db.url], arguments].concat(), &[])
}

/// The same, which must find nothing.
#[track_caller]
pub(super) fn clean(db: &Db, dir: &Path, arguments: &[&str]) -> String {
    let output = on(db, dir, arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

pub(super) fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&read(&folder.join("manifest.json"))).expect("the manifest is JSON")
}

pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The root of leaves, folded the long way round.
fn folded(mut level: Vec<String>) -> String {
    for _ in 0..8 {
        level = level.chunks(16).map(|nodes| sha256(&format!("node {}\n", nodes.join(" ")))).collect();
    }
    level.into_iter().next().unwrap_or_else(|| sha256("node\n"))
}

#[tokio::test]
async fn the_format_is_what_it_says() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let folder = dir.path().join("evidence");
        let line = |name: &str, value: &str| format!("{}:{name}={}:{value}\n", name.len(), value.len());
        let reasons = read(&folder.join("rejections.jsonl"));
        let leaf = |line_of_row: &str, column: usize| {
            let fields: Vec<&str> = line_of_row.split(' ').collect();
            let source = line("row", fields[2]);
            match (fields[1], column) {
                ("migrated", 0) => fields[2].to_owned(),
                ("migrated", 1) => if fields[3] == "=" { fields[2] } else { fields[3] }.to_owned(),
                ("migrated", _) => fields[4].to_owned(),
                ("pending", _) => sha256(&format!("pending\n{source}")),
                _ => {
                    let mut text = format!("rejected\n{source}");
                    for reason in reasons.lines() {
                        let reason: serde_json::Value = serde_json::from_str(reason).expect("a reason is JSON");
                        if reason["source_id"].as_i64() != fields[0].parse().ok() {
                            continue;
                        }
                        for name in ["id", "field", "rule", "value", "message", "first_run_id", "last_run_id"] {
                            text += &match reason[name].as_str() {
                                Some(value) => line(name, value),
                                None => format!("{}:{name}=\n", name.len()),
                            };
                        }
                    }
                    sha256(&text)
                }
            }
        };
        let rows = read(&folder.join("rows.txt"));
        for state in ["migrated", "rejected"] {
            assert!(rows.contains(&format!(" {state} ")), "{rows}");
        }
        let manifest = manifest(&folder);
        for (column, root) in ["source", "target", "keys"].into_iter().enumerate() {
            let leaves = rows.lines().map(|row| leaf(row, column)).collect();
            assert_eq!(manifest["roots"][root], folded(leaves), "{root}");
        }
        assert_eq!(manifest["roots"]["source"], manifest["roots"]["target"]);
        // The third opinion prints the same lines.
        let (printed, status) = db.psql_output(&read(&folder.join("proof.sql")), "-q -At -v rows=1").await;
        assert_eq!((printed + "\n", status), (rows.clone(), 0));
        let (counts, lines) = (&manifest["rows"], rows.lines().count() as u64);
        let number = |name: &str| counts[name].as_u64().expect("a number");
        assert_eq!(number("read"), number("migrated") + number("rejected") + number("pending"));
        assert_eq!(number("read"), lines + number("without_leaf"));

        // The text of a row, by hand, of a migrated one with its columns as COPY prints them.
        let id = rows.lines().find(|row| row.contains(" migrated ")).and_then(|row| row.split(' ').next());
        let id = id.expect("a row is migrated");
        clean(&db, dir.path(), &["evidence", "show", id, "--from", "evidence", "--out", "proof"]);
        let text = read(&dir.path().join("proof"));
        let (_, text) = text.split_once("\n\n").expect("a proof has a head");
        let columns = ["id", "employee", "requested_date"].map(|name| {
            let text = format!("l.{name}::text");
            format!("'{}:{name}=' || coalesce(octet_length({text}) || ':' || {text}, '')", name.len())
        });
        let columns = columns.join(" || e'\\n' || ");
        let sql = format!("(select {columns} from public.personal_account_dealing l where l.id = {id})");
        let begin = db.value(&sql).await;
        let begin = format!("row\n{}\n4:name=", begin.expect("the row is there"));
        assert!(text.starts_with(&begin), "{text}\n{begin}");
    })
    .await;
}

#[tokio::test]
async fn the_same_database_gives_the_same_bytes_and_no_folder_is_replaced() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "one"]);
        std::fs::create_dir(dir.path().join("two")).expect("a folder is made");
        clean(&db, dir.path(), &["verify", "--evidence", "two"]);
        let mode = std::fs::metadata(dir.path().join("one")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "it holds values of rejected rows");
        let mut names = Vec::new();
        for file in std::fs::read_dir(dir.path().join("one")).expect("the folder is there") {
            let name = file.expect("a file").file_name();
            let [one, two] = ["one", "two"].map(|folder| std::fs::read(dir.path().join(folder).join(&name)));
            assert_eq!(one.expect("it is there"), two.expect("it is there"), "{name:?}");
            names.push(name);
        }
        assert!(names.len() >= 7, "{names:?}");
        for (folder, why) in [
            ("one", "it holds files already"),
            ("one/manifest.json", "it is a file"),
            ("nowhere/evidence", "the folder in which it would be doesn't exist"),
            ("..", "it is not the name of a new folder"),
        ] {
            let output = on(&db, dir.path(), &["verify", "--evidence", folder]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
            assert!(stderr(&output).contains(why) || folder == "..", "{}", stderr(&output));
        }
        // Nothing half done is left beside them.
        let left: Vec<_> = std::fs::read_dir(dir.path()).expect("it is there").collect();
        assert_eq!(left.len(), 2, "{left:?}");
    })
    .await;
}

#[tokio::test]
async fn every_changed_byte_of_a_bundle_is_found() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        clean(&db, dir.path(), &["verify", "--evidence", "evidence"]);
        let folder = dir.path().join("evidence");
        assert_eq!(Bundle::open(&folder).expect("it opens").wrong_files().0, []);
        let mut changed = 0;
        for file in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = file.expect("a file").path();
            let whole = std::fs::read(&path).expect("the file is read");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            // All files have less than 100,000 bytes; each in some hundred places.
            for at in (0..whole.len()).step_by(1 + whole.len() / 150) {
                let mut other = whole.clone();
                other[at] ^= 1 << (at % 8);
                std::fs::write(&path, &other).expect("the file is written");
                let bundle = Bundle::open(&folder).expect("it opens");
                let (wrong, _) = bundle.wrong_files();
                let is_named = wrong.iter().any(|it| it.name == name || name == "SHA256SUMS");
                assert!(is_named, "{name} at {at}: {wrong:?}");
                changed += 1;
            }
            std::fs::write(&path, &whole).expect("the file is written");
        }
        assert!(changed > 500, "{changed}");
        assert_eq!(Bundle::open(&folder).expect("it opens").wrong_files().0, []);

        // A file less, and one that leads elsewhere.
        std::fs::remove_file(folder.join("rows.txt")).expect("it is removed");
        let output = on(&db, dir.path(), &["evidence", "check", "evidence", "--offline"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("rows.txt"), "{}", stdout(&output));
        let output = on(&db, dir.path(), &["evidence", "check", "elsewhere"]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        assert!(stderr(&output).contains("elsewhere is not a folder of"), "{}", stderr(&output));
    })
    .await;
}

/// Makes a key without a passphrase.
fn key(dir: &Path, name: &str) {
    let mut keygen = command("ssh-keygen");
    keygen.current_dir(dir).args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name]);
    assert!(keygen.status().expect("ssh-keygen runs").success());
}

#[tokio::test]
async fn a_signature_says_who_and_of_what() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path();
        for name in ["officer", "other"] {
            key(path, name);
        }
        let public = read(&path.join("officer.pub"));
        std::fs::write(path.join("signers"), format!("officer@example.com {public}")).expect("the file is written");
        clean(&db, path, &["verify", "--evidence", "signed", "--sign", "officer"]);
        clean(&db, path, &["verify", "--evidence", "of_other", "--sign", "other"]);
        let check = |folder: &str, who: &str| {
            on(&db, path, &["evidence", "check", folder, "--offline", "--signers", "signers", "--signer", who])
        };
        let output = check("signed", "officer@example.com");
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        assert!(stdout(&output).contains("signature for officer@example.com"), "{}", stdout(&output));
        // Without its signature it is nobody's.
        clean(&db, path, &["verify", "--evidence", "unsigned_one"]);
        let output = check("unsigned_one", "officer@example.com");
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        let nowhere = ["evidence", "check", "signed", "--offline", "--signers", "nowhere", "--signer", "x"];
        assert_eq!(on(&db, path, &nowhere).status.code(), Some(2));
        for (folder, who) in [("signed", "other@example.com"), ("of_other", "officer@example.com")] {
            let output = check(folder, who);
            assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
            assert!(stdout(&output).contains("the signature doesn't fit"), "{}", stdout(&output));
        }
        // A changed manifest can be given sums that fit, and not the signature.
        let manifest = path.join("signed/manifest.json");
        let text = read(&manifest).replacen("\"rejected\": ", "\"rejected\":  ", 1);
        std::fs::write(&manifest, &text).expect("the file is written");
        let sums = path.join("signed/SHA256SUMS");
        let fitting: String = read(&sums)
            .lines()
            .map(|line| match line.strip_suffix("  manifest.json") {
                Some(_) => format!("{}  manifest.json\n", sha256(&text)),
                None => format!("{line}\n"),
            })
            .collect();
        std::fs::write(&sums, fitting).expect("the file is written");
        let output = check("signed", "officer@example.com");
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(stdout(&output).contains("the signature doesn't fit"), "{}", stdout(&output));

        std::fs::write(path.join("no_key"), "this is no key").expect("the file is written");
        for (key, why) in [("no_key", "is not a public key file"), ("nowhere", "No such file")] {
            let output = on(&db, path, &["verify", "--evidence", "unsigned", "--sign", key]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
            assert!(stderr(&output).contains(why), "{}", stderr(&output));
            assert!(!path.join("unsigned").exists());
        }
    })
    .await;
}

/// Who may only read can take evidence and check it.
#[rstest]
#[case::reader(Role::Reader)]
#[tokio::test]
async fn a_role_that_may_only_read_is_enough(#[case] role: Role) {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        db.execute(&format!("grant select on public.personal_account_dealing to {}", role.name())).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let url = db.url_as(role).await;
        for arguments in [
            &["verify", "--evidence", "evidence"][..],
            &["evidence", "check", "evidence"],
            &["evidence", "show", "1901", "--from", "evidence"],
            &["evidence", "show", "1901"],
        ] {
            let output = run_in(dir.path(), &[&["--database-url", &url], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        }
    })
    .await;
}

/// Of several rows with one id there is none, in a file as in a table: nothing is shown for one of them.
#[tokio::test]
async fn of_several_rows_with_one_id_none_is_shown() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "delete from personal_account_dealing; \
             insert into personal_account_dealing (id, employee, requested_date, status) \
                 values (63, 1001, '2024-01-01', 'approved'), (64, 1002, '2024-01-02', 'approved')",
        )
        .await;
        let copy = "copy public.personal_account_dealing to stdout (format csv, header)";
        let (text, _) = db.psql_output(copy, "-q").await;
        let line = text.lines().find(|it| it.starts_with("63,")).expect("the row").to_owned();
        let dir = tempfile::tempdir().expect("a directory is made");
        std::fs::write(dir.path().join("rows.csv"), format!("{text}\n{}\n", line.replace("1001", "1003")))
            .expect("written");
        let source = ["--source-csv", "rows.csv", "--csv-null", "unquoted"];
        on(&db, dir.path(), &[&["migrate"], &source[..]].concat());
        let shown = clean(&db, dir.path(), &[&["evidence", "show", "64"], &source[..]].concat());
        assert!(shown.contains("migrated"), "{shown}");
        let output = on(&db, dir.path(), &[&["evidence", "show", "63"], &source[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains("has the id 63, or several have"), "{}", stderr(&output));
    })
    .await;
}
