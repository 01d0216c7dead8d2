//! What a backup depends on and doesn't hold: said when it is taken, looked for before it is restored, and stood in for
//! where that is rehearsed.

use pretty_assertions::assert_eq;

use crate::harness::program::{stderr, stdout};
use crate::harness::{Start, with_db};

use super::{HERE, THERE, go};

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

/// Types, a function of a check and one of a trigger, a collation; and what these depend on in turn.
const SHAPED: &str = r#"
    create type public.mood as enum ('calm', 'odd');
    create type public.pair as (a int, b public.mood, c text collate "C");
    create function public.is_short(text) returns boolean language sql immutable as 'select length($1) < 9';
    create domain public.short as varchar(20) check (public.is_short(value) and value in ('a', 'b'));
    create domain public.feeling as public.mood default 'calm';
    create function public.touch() returns trigger language plpgsql as 'begin return new; end';
    create collation public.plain (locale = 'C');
"#;

/// What has the right name and is something else is no requisite either: it is said before anybody is asked.
#[tokio::test]
async fn what_is_there_otherwise_is_said_before_it_is_asked() {
    with_db(Start::Applied, async |db| {
        db.execute(SHAPED).await;
        db.execute(
            "alter table padealing.pad_breach add column a public.pair, add column b public.feeling, \
             add column c public.short, add column d text collate public.plain; \
             create trigger touch before insert on padealing.pad_breach for each row execute function public.touch(); \
             insert into padealing.pad_breach (employee_id, breach_type, severity, a, b, c) \
             values (1003, 'late_note', 'low', '(1,odd,x)', 'odd', 'a')",
        )
        .await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for name in [
            "type public.mood (for type public.",
            "function public.is_short(pg_catalog.text) (for type public.short)",
            "type public.feeling (for table column padealing.pad_breach.b)",
        ] {
            assert!(said.contains(name), "{name}: {said}");
        }
        // The stand-ins are made in an order in which that can be done.
        let output = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert!(stdout(&output).contains("CLEAN: the backup can be restored"), "{}", stderr(&output));

        let restore = ["restore", "--from", "it.dump", "--yes"];
        with_db(Start::Reference, async |to| {
            let drop = "drop domain if exists public.short, public.feeling; drop type if exists public.pair, public.mood; \
                        drop function if exists public.is_short(text), public.touch(); drop collation if exists public.plain;";
            for (change, there, words) in [
                ("('calm', 'odd')", "('calm')", "public.mood (for type public.feeling) with label 'odd', where it has label 'calm'"),
                ("('calm', 'odd')", "('odd', 'calm')", "with label 'calm', label 'odd', where it has label 'odd', label 'calm';"),
                ("(a int, b", "(a int8, b", " with columns a integer, b public.mood, c text collation pg_catalog.\"C\", where it has columns a bigint, b "),
                ("c text collate \"C\")", "c text)", "collation pg_catalog.\"C\", where it has columns a integer, b public.mood, c text;"),
                ("varchar(20)", "varchar(9)", " with base type character varying(20), where it has base type character varying(9)"),
                ("and value in", "or value in", "type public.short (for table column padealing.pad_breach.c) with CHECK (("),
                ("check (public.is_short(value) and value in ('a', 'b'))", "", " with CHECK (("),
                ("public.mood default 'calm'", "text", " with base type public.mood, default 'calm'::public.mood, where it has base type text"),
                (" default 'calm'", "", " with base type public.mood, default 'calm'::public.mood, where it has base type public.mood;"),
                ("immutable", "stable", " with result boolean, immutable, where it has result boolean, stable"),
                ("immutable", "immutable strict", " where it has result boolean, immutable, strict;"),
                ("immutable", "immutable security definer", " where it has result boolean, immutable, security definer;"),
                ("immutable", "immutable set search_path = a", " where it has result boolean, immutable, set search_path=a;"),
                ("returns trigger", "returns event_trigger", "with result trigger, volatile, where it has result event_trigger, "),
                ("locale = 'C'", "locale = 'C', provider = icu", " with libc, locale C, where it has ICU, locale "),
            ] {
                let other = SHAPED.replace(change, there).replace("return new", if there.contains("event") { "return" } else { "return new" });
                assert_ne!(other, SHAPED, "{change}");
                to.execute(&format!("{drop} {other}")).await;
                let output = go(dir.path(), &to.url, &[], &restore);
                let said = stderr(&output);
                assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{change}: {said}");
                assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{words}: {said}");
                assert!(said.contains("the backup needs what "), "{said}");
            }
            // As PostgreSQL spells the domain's check when it has read its own spelling; and a label more is no matter.
            to.execute(&format!("{drop} {SHAPED} alter type public.mood add value 'new' after 'calm'")).await;
            let check = "(select pg_get_constraintdef(oid) from pg_constraint where conname = 'short_check')";
            let spelled = to.value(check).await.expect("it is there");
            let again = format!("alter domain public.short drop constraint short_check, add constraint x {spelled}");
            for part in again.replace(", add", "; alter domain public.short add").split("; ") {
                to.execute(part).await;
            }
            let output = go(dir.path(), &to.url, &[], &restore);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        })
        .await;

        // A manifest that lacks what its own catalog needs is none.
        let manifest = dir.path().join("it.dump.manifest.json");
        let good = std::fs::read_to_string(&manifest).expect("the manifest is there");
        for (lacks, words) in [
            ("touch", "its requisites lack public.touch, which the trigger touch of padealing.pad_breach of its catalog needs"),
            ("pair", "its requisites lack public.pair, which the column a of padealing.pad_breach of its catalog needs"),
            ("", "its requisites lack public."),
        ] {
            let mut bad: serde_json::Value = serde_json::from_str(&good).expect("it is JSON");
            let requisites = bad["requisites"].as_array_mut().expect("a list");
            requisites.retain(|it| !it["name"].as_str().is_some_and(|it| it.contains(lacks)));
            std::fs::write(&manifest, bad.to_string()).expect("it is written");
            let output = go(dir.path(), "postgres://u@127.0.0.1:1/n", &[], &restore);
            let said = stderr(&output);
            assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
        }
        std::fs::write(&manifest, good).expect("it is written");

        // An earlier version recorded names only, and the roles of policies among them.
        with_db(Start::Reference, async |to| {
            let manifest = dir.path().join("it.dump.manifest.json");
            let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
            let mut earlier: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
            let requisites = earlier["requisites"].as_array_mut().expect("a list");
            for it in &mut *requisites {
                it.as_object_mut().expect("an object").remove("shape").expect("it has a shape");
            }
            let mut role = requisites[0].clone();
            (role["kind"], role["address"]) = ("role".into(), "role".into());
            (role["names"], role["definition"]) = (serde_json::json!(["nobody"]), serde_json::Value::Null);
            requisites.push(role);
            std::fs::write(&manifest, earlier.to_string()).expect("the manifest is written");
            to.execute(SHAPED).await;
            let output = go(dir.path(), &to.url, &[], &restore);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        })
        .await;
    })
    .await;
}

/// The same of what no rehearsal can make.
#[tokio::test]
async fn operator_classes_and_ranges_are_compared_too() {
    const SHAPED: &str = "create type public.span as range (subtype = text, collation = \"C\"); \
        create operator class public.odd for type int8 using btree as operator 1 <, operator 2 <=, operator 3 =, \
            operator 4 >=, operator 5 >, function 1 btint8cmp(int8, int8)";
    with_db(Start::Applied, async |db| {
        db.execute(SHAPED).await;
        db.execute(
            "alter table padealing.pad_breach add column a public.span; \
             create index odd on padealing.pad_breach (employee_id public.odd)",
        )
        .await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let output = go(dir.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        with_db(Start::Reference, async |to| {
            for (change, there, words) in [
                (
                    ", collation = \"C\"",
                    "",
                    "with subtype text, collation pg_catalog.\"C\", where it has subtype text;",
                ),
                ("operator 1 <,", "", "with operator 1 <(bigint,bigint), where it has "),
                ("btint8cmp(", "public.cmp(", "with support function 1 btint8cmp(bigint,bigint), where it has "),
            ] {
                let other = SHAPED.replace(change, there);
                assert_ne!(other, SHAPED, "{change}");
                to.execute(&format!(
                    "drop type if exists public.span; drop operator family if exists public.odd using btree; \
                     create or replace function public.cmp(int8, int8) returns int language sql immutable \
                     as 'select btint8cmp($1, $2)'; {other}"
                ))
                .await;
                let output = go(dir.path(), &to.url, &[], &["restore", "--from", "it.dump", "--yes"]);
                let said = stderr(&output);
                assert!(output.status.code() == Some(2) && said.contains(words), "{words}: {said}");
            }
        })
        .await;
    })
    .await;
}

/// Policies are for the roles of the target, as privileges are. One for a role that isn't there would be for nobody.
#[tokio::test]
async fn policies_follow_the_roles() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "alter table padealing.pad_breach enable row level security; \
             create policy of_app on padealing.pad_breach to pad_migrate_app using (severity = 'low'); \
             comment on policy of_app on padealing.pad_breach is 'What the application sees'; \
             create policy of_both on padealing.pad_breach as restrictive for update \
             to pad_migrate_reader, pad_migrate_stranger with check (id > 0)",
        )
        .await;
        let dir = tempfile::tempdir().expect("a directory is made");
        let taken = go(dir.path(), &db.url, &HERE[1..], &["backup", "--out", "it.dump"]);
        let said = stdout(&taken).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(taken.status.code(), Some(0), "{}", stderr(&taken));
        assert!(said.contains("role pad_migrate_stranger (for policy pad_breach.of_both)"), "{said}");
        assert_eq!(said.matches("(for policy ").count(), 1, "{said}");
        let output = go(dir.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert!(stdout(&output).contains("CLEAN: the backup can be restored"), "{}", stderr(&output));

        let restore = ["restore", "--from", "it.dump", "--yes"];
        with_db(Start::Reference, async |to| {
            let output = go(dir.path(), &to.url, &THERE[1..3], &restore);
            let said = stderr(&output);
            let words =
                "lacks: the role that DB_READER_ROLE is to name, which is not set (for policy pad_breach.of_both);";
            assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
            assert_eq!(to.value("to_regnamespace('padealing')").await, None, "nothing was changed");

            let output = go(dir.path(), &to.url, &THERE[1..], &restore);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let policies = "(select string_agg(concat_ws(' ', policyname, permissive, cmd, roles, qual, with_check, \
                            obj_description(p.oid, 'pg_policy')), '; ' order by policyname) \
                            from pg_policies s join pg_policy p on p.polname = s.policyname)";
            let wanted = "of_app PERMISSIVE ALL {pad_migrate_reader} ((severity)::text = 'low'::text) \
                          What the application sees; \
                          of_both RESTRICTIVE UPDATE {pad_migrate_app,pad_migrate_stranger} (id > 0)";
            assert_eq!(to.value(policies).await.as_deref(), Some(wanted));
        })
        .await;

        // By a role that no server has, and by a manifest that lacks a policy.
        let manifest = dir.path().join("it.dump.manifest.json");
        let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
        with_db(Start::Reference, async |to| {
            for (text, words) in [
                (
                    text.replace("pad_migrate_stranger", "nobody_has_it"),
                    "lacks: role nobody_has_it (for policy pad_breach.of_both)",
                ),
                (
                    text.replace("\"policy\"", "\"rule\""),
                    "the backup has 2 row security policies, and its manifest 0; ",
                ),
            ] {
                std::fs::write(&manifest, text).expect("the manifest is written");
                let output = go(dir.path(), &to.url, &THERE[1..], &restore);
                let said = stderr(&output);
                assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
                assert_eq!(to.value("to_regnamespace('padealing')").await, None, "nothing was changed");
            }
        })
        .await;
    })
    .await;
}
