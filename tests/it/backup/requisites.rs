//! What a backup depends on and doesn't hold: said when it is taken, looked for before it is restored, and stood in for
//! where that is rehearsed.

use pretty_assertions::assert_eq;

use crate::harness::program::{stderr, stdout};
use crate::harness::{Start, with_db};

use super::go;

/// In other schemas: a trigger's function, a domain, an enum and its array, functions of a generated column and of an
/// index, a collation, an extension's operator class, a table that isn't the reference mirror's. What others do with
/// padealing is no matter: their views and keys are not backed up.
const CREATED: &str = r#"
    create schema "Other one";
    create function "Other one".touch() returns trigger language plpgsql as 'begin return new; end';
    create domain "Other one".short as text collate "C" default 'it''s' check (length(value) < 9);
    create type public."Mood" as enum ('calm', 'it''s "odd"');
    create function public.next(int) returns int language sql immutable as 'select $1 + 1';
    create collation public.plain (locale = 'C');
    create table public.note (id int primary key);
    insert into public.note values (7);
"#;

/// What depends on that, in padealing and elsewhere.
const DEPENDING: &str = r#"
    create trigger touch before insert on padealing.pad_request for each row execute function "Other one".touch();
    alter table padealing.pad_breach add column a "Other one".short, add column b public."Mood"[],
        add column c int generated always as (public.next(id::int)) stored, add column d text collate public.plain,
        add column e int default 7 references public.note;
    create index by_next on padealing.pad_breach (public.next(id::int));
    insert into padealing.pad_breach (employee_id, breach_type, severity, b)
        values (1003, 'late_note', 'low', '{calm}');
    create view public.seen as select * from padealing.pad_breach;
    create table public.kept (id int references padealing.pad_request, mood public."Mood");
    create table padealing.active_stocks (id serial primary key, mood public."Mood");
"#;

#[tokio::test]
async fn what_a_backup_depends_on_is_said_and_looked_for() {
    with_db(Start::Seeded, async |db| {
        db.execute(CREATED).await;
        db.execute(DEPENDING).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let taken = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump", "--json"]);
        assert_eq!(taken.status.code(), Some(0), "{}", stderr(&taken));
        let names = [
            "type \\\"Other one\\\".short (for table column padealing.pad_breach.a)",
            "type public.\\\"Mood\\\" (for table column padealing.pad_breach.b)",
            "function \\\"Other one\\\".touch() (for trigger touch on padealing.pad_request)",
            "function public.next(integer) (for ",
            "collation public.plain (for table column padealing.pad_breach.d)",
        ];
        let said = stdout(&taken);
        for name in names {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert_eq!(said.matches(" (for ").count(), names.len(), "{said}");

        let rehearsed = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert!(stdout(&rehearsed).contains("CLEAN: the backup can be restored"), "{}", stderr(&rehearsed));

        let restore = ["restore", "--from", "it.dump", "--yes"];
        with_db(Start::Reference, async |to| {
            let refused = |words: &[&str]| {
                let output = go(dir.path(), &to.url, &[], &restore);
                let said = stderr(&output);
                assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
                for it in words {
                    assert!(said.contains(it) && said.trim_end().lines().count() == 1, "{it}: {said}");
                }
            };
            let unescaped: Vec<String> = names.iter().map(|it| it.replace('\\', "")).collect();
            let unescaped: Vec<&str> = unescaped.iter().map(String::as_str).collect();
            refused(&[&["the backup needs what "], &unescaped[..]].concat());
            to.execute(CREATED).await;
            for (undo, redo, words) in [
                ("truncate public.note", "insert into public.note values (7)", "1 row of public.note (id 7; for "),
                (
                    "alter table public.note drop constraint note_pkey",
                    "alter table public.note add primary key (id)",
                    "lacks: a primary or unique key of public.note (id)",
                ),
                (
                    "alter table public.note rename id to number",
                    "alter table public.note rename number to id",
                    "lacks: the columns id of public.note",
                ),
                (
                    "alter function public.next rename to later",
                    "alter function public.later rename to next",
                    "lacks: function public.next(integer) (for ",
                ),
            ] {
                to.execute(undo).await;
                refused(&[words]);
                to.execute(redo).await;
            }
            assert_eq!(to.value("to_regnamespace('padealing')").await, None, "nothing was changed");
            let output = go(dir.path(), &to.url, &[], &restore);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            assert_eq!(to.value("(select c - id from padealing.pad_breach)").await.as_deref(), Some("1"));
        })
        .await;
    })
    .await;
}

/// A type of an extension isn't whatever bears its name.
#[tokio::test]
async fn names_alone_are_no_requisites() {
    with_db(Start::Applied, async |db| {
        db.execute("create extension citext schema public; alter table padealing.pad_breach add c public.citext").await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert!(stdout(&output).contains("CLEAN: the backup can be restored"), "{}", stderr(&output));
        with_db(Start::Reference, async |to| {
            to.execute("create domain public.citext as text").await;
            let output = go(dir.path(), &to.url, &[], &["restore", "--from", "it.dump", "--yes"]);
            let said = stderr(&output);
            assert!(
                output.status.code() == Some(2) && said.contains("type public.citext of the extension citext"),
                "{said}"
            );
        })
        .await;
    })
    .await;
}

/// A manifest is a file, which anybody may have written: what it says of a function is read before it is run.
#[tokio::test]
async fn a_manifest_runs_nothing_on_the_machine() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "create function public.tf() returns trigger language plpgsql as 'begin return new; end'; \
             create trigger zz before insert on padealing.pad_breach for each row execute function public.tf()",
        )
        .await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let (manifest, mark) = (dir.path().join("it.dump.manifest.json"), dir.path().join("mark"));
        let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
        let mut edited: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let run = format!("copy (select 1) to program 'touch {}'", mark.display());
        edited["requisites"][0]["definition"] = run.into();
        std::fs::write(&manifest, edited.to_string()).expect("the manifest is written");
        let output = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        let said = stderr(&output);
        assert!(
            output.status.code() == Some(2) && said.contains("what the manifest says it is can't be made"),
            "{said}"
        );
        assert!(!mark.exists(), "nothing was run");
    })
    .await;
}

/// A table that a rule writes to, or a type of another table's rows: no ephemeral server can have it. The restore itself,
/// where it is, is the rehearsal then.
#[tokio::test]
async fn what_can_not_be_rehearsed_is_said() {
    with_db(Start::Applied, async |db| {
        let outside = "create table public.pair (id int)";
        db.execute(&format!("{outside}; alter table padealing.pad_breach add column a public.pair")).await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        let said = stderr(&output);
        let words = "the backup can't be rehearsed: it needs type public.pair (for table column padealing.pad_breach.a), \
                     for which an ephemeral server can have no stand-in; restore it into a test database that has this";
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
        with_db(Start::Reference, async |to| {
            to.execute(outside).await;
            let output = go(dir.path(), &to.url, &[], &["restore", "--from", "it.dump", "--yes"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            assert!(dir.path().join("it.dump.rehearsed.json").exists(), "the gate takes it");
        })
        .await;
    })
    .await;
}
