//! What a database sets for every session changes no result and ends no command.

use pretty_assertions::assert_eq;

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Start, with_db};

/// Each with a value that would change what is read, written or waited for. The first version that has it.
const HOSTILE: [(&str, &str, u32); 30] = [
    ("array_nulls", "off", 13),
    ("bytea_output", "'escape'", 13),
    ("client_encoding", "'LATIN1'", 13),
    ("client_min_messages", "'debug1'", 13),
    ("datestyle", "'German, DMY'", 13),
    ("default_transaction_deferrable", "on", 13),
    ("default_transaction_isolation", "'serializable'", 13),
    ("default_transaction_read_only", "on", 13),
    ("enable_indexscan", "off", 13),
    ("enable_seqscan", "off", 13),
    ("exit_on_error", "on", 13),
    ("extra_float_digits", "-15", 13),
    ("gin_fuzzy_search_limit", "1", 13),
    ("idle_in_transaction_session_timeout", "'3s'", 13),
    ("idle_session_timeout", "'3s'", 14),
    ("intervalstyle", "'sql_standard'", 13),
    ("jit_above_cost", "0", 13),
    ("lock_timeout", "'1ms'", 13),
    ("plan_cache_mode", "'force_generic_plan'", 13),
    ("quote_all_identifiers", "on", 13),
    ("row_security", "on", 13),
    ("search_path", "'public, pg_catalog'", 13),
    ("standard_conforming_strings", "off", 13),
    ("statement_timeout", "'200ms'", 13),
    ("synchronous_commit", "off", 13),
    ("timezone", "'Asia/Kolkata'", 13),
    ("transaction_timeout", "'2s'", 17),
    ("transform_null_equals", "on", 13),
    ("xmlbinary", "'hex'", 13),
    ("xmloption", "'document'", 13),
];

/// What was migrated, but for when, and for numbers that depend on which worker drew first.
async fn stored(db: &Db) -> Vec<Option<String>> {
    let mut digests = Vec::new();
    for table in ["pad_request", "pad_approval", "pad_execution", "audit_log"] {
        let row = if table == "pad_request" { "to_jsonb(r)" } else { "to_jsonb(r) - 'id'" };
        let sql = format!("select md5(string_agg(({row})::text, '|' order by ({row})::text)) from padealing.{table} r");
        digests.push(db.value(&sql).await);
    }
    let columns = "source_id, target_table";
    let lineage = format!(
        "select md5(string_agg(concat_ws(',', {columns}), '|' order by {columns})) from padealing.migration_mapping"
    );
    digests.push(db.value(&lineage).await);
    digests
}

#[tokio::test]
async fn no_setting_changes_a_result_or_ends_a_command() {
    with_db(Start::Seeded, async |usual| {
        with_db(Start::Seeded, async |db| {
            let major = db.major().await;
            let name = db.place().name;
            // Functions in the way of those that are meant.
            db.execute(
                "create function public.now() returns timestamptz language sql as 'select null::timestamptz';
                 create function public.length(text) returns int language sql as 'select 0';",
            )
            .await;
            let known = HOSTILE.iter().filter(|(_, _, since)| *since <= major);
            let settings: String =
                known.map(|(setting, value, _)| format!("alter database {name} set {setting} = {value};")).collect();
            db.execute(&settings).await;
            let go = |db: &Db, arguments: &[&str]| {
                let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
                assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {}", stderr(&output));
                assert_eq!(stderr(&output), "", "{arguments:?}");
                stdout(&output).replace(&db.place().name, "DATABASE")
            };
            for arguments in [
                &["migrate", "--jobs", "4", "--batch-size", "7"][..],
                &["verify"],
                &["rollback", "--dry-run"],
                &["migrate", "--dry-run"],
                &["status"],
                &["plan"],
            ] {
                let without_times = |text: String| {
                    // A run has the times at which it began and ended.
                    let (before, runs) = text.split_once("Runs of migrate").unwrap_or((&text, ""));
                    let lines = before.lines().filter(|line| !line.starts_with("Time "));
                    lines.chain(runs.split_once("\n\n").map(|(_, after)| after)).collect::<Vec<_>>().join("\n")
                };
                let expected = without_times(go(&usual, arguments));
                assert_eq!(without_times(go(&db, arguments)), expected, "{arguments:?}");
            }
            // What the database sets is a difference, and the only one.
            let drift = go(&db, &["drift", "--format", "json"]);
            assert!(drift.contains("\"setting_unexpected\""), "{drift}");
            usual.execute(&format!("alter database {name} reset all")).await;
            assert_eq!(stored(&db).await, stored(&usual).await);
            usual.execute(&format!("alter database {name} set session_replication_role = replica")).await;
            let output = run(&["--database-url", &db.url, "migrate"], &[]);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains("foreign keys and triggers would not fire"), "{}", stderr(&output));
        })
        .await;
    })
    .await;
}

/// A database that doesn't have commits wait for the disk would have a crash take back what a command has said it did.
#[tokio::test]
async fn what_is_done_waits_for_the_disk() {
    with_db(Start::Reference, async |db| {
        let name = db.place().name;
        db.execute(&format!(
            "alter database {name} set synchronous_commit = off; create table public.seen (setting text); \
             create function public.look() returns event_trigger language plpgsql as $$ begin \
                 insert into public.seen values (current_setting('synchronous_commit')); end $$; \
             create event trigger look_{name} on ddl_command_end execute function public.look()"
        ))
        .await;
        let output = run(&["--database-url", &db.url, "apply", "--yes", "--allow-object", "public.seen"], &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let seen = async || db.value("select string_agg(distinct setting, ',') from public.seen").await;
        assert_eq!(seen().await.as_deref(), Some("on"));
        db.execute("truncate public.seen").await;
        let output = run(&["--database-url", &db.url, "revert", "--yes", "--allow-object", "public.seen"], &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(seen().await.as_deref(), Some("on"));
    })
    .await;
}

/// A login that becomes another role by a setting has that role's privileges, and its name is what is recorded.
#[tokio::test]
async fn a_session_may_be_given_another_role() {
    with_db(Start::Seeded, async |db| {
        let (name, owner) = (db.place().name, "pad_migrate_owner");
        db.execute(&format!(
            "grant usage on schema bo_airflow to {owner}; grant select on all tables in schema bo_airflow to {owner}; \
             grant select on personal_account_dealing to {owner}; \
             do $$ begin execute format('alter role %I in database {name} set role = {owner}', session_user); end $$"
        ))
        .await;
        for (arguments, code) in [
            (&["doctor"][..], 0..=1),
            (&["plan"], 0..=0),
            (&["status"], 0..=0),
            (&["migrate", "--dry-run"], 1..=1),
            (&["migrate"], 1..=1),
            (&["verify"], 0..=0),
        ] {
            let output = run(&[&["--database-url", &db.url], arguments].concat(), &[]);
            let found = output.status.code().expect("it ends by itself");
            assert!(code.contains(&found), "{arguments:?} {found}: {}{}", stdout(&output), stderr(&output));
        }
        let by = "select database_role || ' ' || outcome from padealing.migration_run";
        assert_eq!(db.value(by).await.as_deref(), Some("pad_migrate_owner attention"));
    })
    .await;
}
