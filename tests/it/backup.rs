//! `backup` and `restore`: what is restored is what was backed up, and what isn't good is no backup.

mod damaged;
mod first;
mod refused;
mod requisites;

use std::path::Path;
use std::process::Output;

use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::schema::backup::Manifest;
use pad_migrate::schema::pg::backup::{BackupRequest, changed_since};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};

/// The roles of padealing where the backup is taken.
pub(crate) const HERE: [(&str, &str); 4] = [
    ("APP_ENV", "qa"),
    ("DB_OWNER_ROLE", "pad_migrate_owner"),
    ("DB_APP_ROLE", "pad_migrate_app"),
    ("DB_READER_ROLE", "pad_migrate_reader"),
];

/// Where it is restored, the application and the reader have each other's names.
const THERE: [(&str, &str); 4] = [
    ("APP_ENV", "dev"),
    ("DB_OWNER_ROLE", "pad_migrate_owner"),
    ("DB_APP_ROLE", "pad_migrate_reader"),
    ("DB_READER_ROLE", "pad_migrate_app"),
];

/// Names that need quotes, what isn't a table, rows that a key doesn't allow and was never checked for, a sequence that
/// stands still; and beside them what isn't managed, of another owner.
const ODD: &str = r#"
    set role pad_migrate_owner;
    alter table padealing.pad_request add column "Odd ""name""
of two lines" text default E'a\tb\\c\n\\.x\n';
    update padealing.pad_request set "Odd ""name""
of two lines" = (array[E'\\N', E'\\.', ''])[id % 3 + 1] where id % 2 = 0;
    create type padealing."Mood" as enum ('calm', 'it''s "odd"');
    alter table padealing.pad_breach add column "Mood" padealing."Mood" default 'calm';
    create function padealing.touch() returns trigger language plpgsql as 'begin /*
COPY padealing.pad_request (id) FROM stdin;
SET default_tablespace = '';
\unrestrict x
*/ return new; end';
    create trigger touch before update on padealing.pad_breach for each row execute function padealing.touch();
    alter table padealing.pad_breach disable trigger touch;
    create sequence padealing."Unused seq";

    create statistics padealing.together on status, direction from padealing.pad_request;
    comment on schema padealing is 'it''s ours';
    create sequence padealing.count_them;
    alter table padealing.pad_breach add column counted bigint default nextval('padealing.count_them');
    reset role;
    alter sequence padealing."Unused seq" owner to pad_migrate_stranger;
    create table padealing.active_stocks (id serial primary key);
    create view padealing.stocks as select * from padealing.active_stocks;
    alter table padealing.active_stocks owner to pad_migrate_stranger;
    alter view padealing.stocks owner to pad_migrate_stranger;
    insert into padealing.pad_breach (employee_id, breach_type, severity, request_id)
        select 1003, 'late_note', 'low', min(id) from padealing.pad_request;
    alter table padealing.pad_breach add constraint later foreign key (request_id)
        references bo_airflow.oracle_bloomberg (id) not valid;
"#;

pub(crate) fn go(folder: &Path, url: &str, keys: &[(&str, &str)], arguments: &[&str]) -> Output {
    let keys = [keys, &[("DB_SSLMODE", "disable")]].concat();
    run_in(folder, &[&["--database-url", url], arguments].concat(), &keys)
}

/// The lines of a dump of padealing, of what a backup has of it. Privileges come in the order in which they were given.
async fn dumped(db: &Db) -> Vec<String> {
    let mut arguments = vec!["--schema=padealing"];
    arguments.extend(["--exclude-table=padealing.*stocks*", "--exclude-table=padealing.alembic_version"]);
    arguments.push("--exclude-table=padealing.\"Unused seq\"");
    let dump = db.dump(&arguments).await;
    // The history has the names of the roles in its texts, and isn't changed.
    let history = dump.find("INSERT INTO padealing.schema_revision ").unwrap_or(dump.len());
    let after = dump[history..].find("\n\n\n").map_or(dump.len(), |at| history + at);
    let lines = dump[..history].lines().chain(dump[after..].lines());
    // PostgreSQL spells a list of texts otherwise when it has read its own spelling.
    let spelled = |line: &str| match line.contains(" CHECK ((") {
        true => line.replace("::character varying", "").replace("::text", "").replace(['(', ')', '[', ']'], ""),
        false => line.to_owned(),
    };
    let mut lines: Vec<String> = lines.map(spelled).collect();
    lines.sort();
    lines
}

fn swapped(lines: Vec<String>) -> Vec<String> {
    let swap = |line: String| {
        line.replace(Role::App.name(), "{app}")
            .replace(Role::Reader.name(), Role::App.name())
            .replace("{app}", Role::Reader.name())
    };
    let mut lines: Vec<String> = lines.into_iter().map(swap).collect();
    lines.sort();
    lines
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// From a database with roles of some names into one with others, by the owner, who is no superuser: pg_dump tells no
/// difference. The backup changes nothing.
#[rstest]
#[case::migrated(Start::Migrated, ODD)]
#[case::alembic(Start::Alembic, "")]
#[case::alembic_later(Start::AlembicLater, "")]
#[tokio::test]
async fn what_is_restored_is_what_was_backed_up(#[case] start: Start, #[case] more: &str) {
    let is_ours = matches!(start, Start::Migrated);
    with_db(start, async |from| {
        from.execute(more).await;
        let folder = tempfile::tempdir().expect("a directory is made");
        let before = dumped(&from).await;
        let url = if is_ours { from.url_as(Role::Owner).await } else { from.url.clone() };
        // What Alembic left says of no environment; a migrated database is a local one.
        let keys = |keys: &[(&'static str, &'static str)], environment| {
            let mut keys = keys.to_vec();
            keys[0] = ("APP_ENV", environment);
            keys
        };
        let environment = if is_ours { "local" } else { "qa" };
        let taken = go(folder.path(), &url, &keys(&HERE, environment), &["--json", "backup", "--out", "it.dump"]);
        let taken = json(&taken);
        assert_eq!(dumped(&from).await, before, "a backup changes nothing");
        if is_ours {
            assert_eq!(taken["left_out"], serde_json::json!(["Unused seq", "active_stocks", "stocks"]));
        }
        with_db(Start::Reference, async |to| {
            to.execute(&format!("grant create on database \"{}\" to {}", to.place().name, Role::Owner.name())).await;
            let url = if is_ours { to.url_as(Role::Owner).await } else { to.url.clone() };
            let others = to.dump(&["--exclude-schema=padealing"]).await;
            let done =
                go(folder.path(), &url, &keys(&THERE, "dev"), &["--json", "restore", "--from", "it.dump", "--yes"]);
            let done = json(&done);
            assert_eq!(swapped(dumped(&to).await), before);
            assert_eq!(to.dump(&["--exclude-schema=padealing"]).await, others, "nothing else was changed");
            for same in ["tables", "sequences", "sha256", "taken_at"] {
                assert_eq!(done[same], taken[same], "{same}");
            }
            let analysed = "exists (select from pg_stats where schemaname = 'padealing' and tablename = 'pad_request')";
            assert_eq!(to.value(analysed).await.as_deref(), Some("true"), "statistics were gathered");
            let notes = done["notes"].to_string();
            assert_eq!(notes.contains("pad-migrate --env dev apply --adopt-environment local"), is_ours, "{notes}");
            if is_ours {
                // It is another environment's until it is adopted.
                let adopted = [&THERE[..], &[("DB_SSLMODE", "disable")]].concat();
                let output = run_in(folder.path(), &["--database-url", &url, "status"], &adopted);
                assert!(stderr(&output).contains("was set up as environment local"), "{}", stderr(&output));
            }
        })
        .await;
        // The ephemeral server lacks the roles.
        let output = go(folder.path(), &url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        let said = stdout(&output);
        assert!(
            said.contains("CLEAN: the backup can be restored") && said.contains("Rehearsed"),
            "{said}{}",
            stderr(&output)
        );
    })
    .await;
}

/// Sums of rows depend on the rows only: not on their order on the disk, nor on the version of the server.
#[tokio::test]
async fn checksums_are_of_rows_and_nothing_else() {
    with_db(Start::Applied, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        db.execute(
            "insert into padealing.compliance_config (id, config_key, config_value, updated_at) values \
             (1, 'a', '{\"b\": [1, 2.50, null], \"a\": \"\\u00e4\"}', '0044-03-15 BC'), (2, 'ä', '1e3', 'infinity'), \
             (3, e'\\t\\\\N\"', '\"x\"', null)",
        )
        .await;
        let sum = || {
            let output = go(folder.path(), &db.url, &[], &["--json", "backup", "--out", "it.dump"]);
            let taken = json(&output);
            let tables = taken["tables"].as_array().expect("a list").clone();
            let table = tables.into_iter().find(|it| it["table"] == "compliance_config").expect("it is there");
            (table["rows"].as_u64(), table["checksum"].as_str().expect("a text").to_owned())
        };
        let first = sum();
        assert_eq!(first, (Some(3), "6c34696ce81fb9bb6a97aba2c5363016".to_owned()));
        let text = std::fs::read_to_string(folder.path().join("it.dump.manifest.json")).expect("it is there");
        let manifest = Manifest::read(&text).expect("it is a manifest");
        let (environment, roles) = (Environment::Local, &Roles::default());
        let request = BackupRequest { database: &db.database, environment, roles, legacy: None };
        let changed = async || changed_since(&request, &manifest).await.expect("it is compared");
        assert_eq!(changed().await, []);
        db.execute("update padealing.compliance_config set id = id where id = 1").await;
        assert_eq!(changed().await, []);
        assert_eq!(sum(), first);
        db.execute(
            "alter database current_db set datestyle = 'German'".replace("current_db", &db.place().name).as_str(),
        )
        .await;
        assert_eq!(sum(), first);
        db.execute("update padealing.compliance_config set config_key = 'b' where id = 1").await;
        assert_ne!(sum(), first);
        let tables = changed().await;
        assert_eq!(tables.iter().map(|it| (&*it.table, it.rows)).collect::<Vec<_>>(), [("compliance_config", 3)]);
    })
    .await;
}

/// One snapshot serves the counts and pg_dump: rows that come and go meanwhile make no backup wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_meanwhile_are_not_in_it() {
    with_db(Start::Applied, async |db| {
        let folder = tempfile::tempdir().expect("a directory is made");
        let writer = {
            let url = db.url.clone();
            tokio::spawn(async move {
                let mut connection =
                    <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.expect("it connects");
                let insert = "insert into padealing.audit_log (action_type, action_status, actor_type) \
                              select 'x', 'success', 'user' from generate_series(1, 10)";
                loop {
                    sqlx::raw_sql(insert).execute(&mut connection).await.expect("it runs");
                }
            })
        };
        crate::waiting::until_true(&db, "rows come", "(select count(*) > 0 from padealing.audit_log)").await;
        for _ in 0..3 {
            let output = go(folder.path(), &db.url, &[], &["backup", "--out", "it.dump"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        writer.abort();
        let _ = writer.await;
    })
    .await;
}

/// As on Amazon Aurora and AlloyDB, as their users report.
#[tokio::test]
async fn a_server_without_a_position_of_its_log_is_backed_up() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "revoke execute on function pg_current_wal_lsn() from public;
             grant usage on schema padealing, bo_airflow, public to pad_migrate_stranger;
             grant select on all tables in schema padealing, bo_airflow, public to pad_migrate_stranger;
             grant select on all sequences in schema padealing to pad_migrate_stranger",
        )
        .await;
        let url = db.url_as(Role::Stranger).await;
        let folder = tempfile::tempdir().expect("a directory is made");
        let output = go(folder.path(), &url, &[], &["backup", "--out", "it.dump"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let manifest =
            std::fs::read_to_string(folder.path().join("it.dump.manifest.json")).expect("there is a manifest");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("it is JSON");
        assert_eq!(manifest["wal_position"], "0/0");
        let output = go(folder.path(), &db.url, &[], &["restore", "--from", "it.dump", "--rehearse"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    })
    .await;
}
