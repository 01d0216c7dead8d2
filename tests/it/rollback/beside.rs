//! What happens beside the deletes: rows that others write about the deleted ones, and what the target's triggers do.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use sqlx::{AssertSqlSafe, Connection};

use super::killed::WAITING;
use super::{half, reasons, rest, take_back, try_rollback};
use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Role, Start, stored, with_db};
use crate::waiting::until_true;
use pad_migrate::migration::rollback::{Dangling, Selection};
use pad_migrate::migration::run::Options;

/// An audit entry about a row, without its request.
fn entry(id: i64, table: &str, named: &str) -> String {
    format!(
        "insert into padealing.audit_log (id, action_type, action_status, actor_type, entity_type, entity_id) \
         values ({id}, 'viewed', 'success', 'bot', '{table}', {named});"
    )
}

/// Entries have no foreign key: those that are committed while a page waits, and those that are still being written.
#[tokio::test]
async fn what_names_a_row_by_its_id_alone_keeps_it_when_it_is_written_meanwhile() {
    with_db(Start::Migrated, async |db| {
        let (mut holding, mut writing) = (db.connect().await, db.connect().await);
        // One page, which waits for a row when the entry about another one is committed.
        let hold = "begin; select from padealing.pad_request where id = 601 for update";
        sqlx::raw_sql(hold).execute(&mut holding).await.expect("the row is locked");
        let running = tokio::spawn({
            let db = db.clone();
            async move { take_back(&db, Selection::Sources([553, 601].into())).await }
        });
        until_true(&db, "a worker waits", WAITING).await;
        db.execute(&entry(9_000_009, "pad_request", "553")).await;
        sqlx::raw_sql("rollback").execute(&mut holding).await.expect("the row is free");
        let report = running.await.expect("the task ends");
        assert_eq!(reasons(&report), ["553 referred padealing.audit_log".to_owned()].into());
        db.execute("delete from padealing.audit_log where id = 9000009").await;
        db.migrate(Options::default()).await;

        db.execute(&entry(8_000_010, "other", "1")).await;
        let hold = "begin; select from padealing.pad_request where id = 101 for update";
        sqlx::raw_sql(hold).execute(&mut holding).await.expect("the row is locked");
        let running = tokio::spawn({
            let db = db.clone();
            async move { take_back(&db, Selection::All).await }
        });
        // The first page waits for its row; as many as there are workers are rolled back after it.
        let left = "(select count(*) from padealing.migration_mapping where target_table = 'pad_request') = 46";
        until_true(&db, "three pages are rolled back", left).await;
        until_true(&db, "a worker waits", WAITING).await;
        let approval = "(select min(id) from padealing.pad_approval where request_id = 804)";
        let execution = "(select id from padealing.pad_execution where request_id = 1701)";
        db.execute(&[
            entry(9_000_001, "pad_request", "101"),
            entry(9_000_002, "padealing.pad_request", "102"),
            entry(9_000_003, "pad_approval", approval),
            entry(9_000_004, "PAD_EXECUTION", execution),
            // A row that is gone, and one that nobody knows.
            entry(9_000_005, "pad_request", "501"),
            entry(9_000_006, "other", "103"),
        ].concat())
        .await;
        // Of one request by its key, of another one by its entity.
        db.execute(
            "insert into padealing.audit_log (id, action_type, action_status, actor_type, entity_type, entity_id, request_id) \
             values (9000007, 'viewed', 'success', 'bot', 'pad_request', 901, 103); \
             insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
             values ('another', 1, 'pad_request', 1001); \
             insert into padealing.migration_mapping (id, source_table, source_id, target_table, target_id) \
             values (-1, 'another', 2, 'pad_request', 502); \
             update padealing.audit_log set entity_type = 'pad_request', entity_id = 503 where id = 8000010",
        )
        .await;
        let open = format!("begin; {}", entry(9_000_008, "pad_request", "1101"));
        sqlx::raw_sql(AssertSqlSafe(open)).execute(&mut writing).await.expect("it may write");
        sqlx::raw_sql("rollback").execute(&mut holding).await.expect("the row is free");
        // What it writes isn't known yet, so its end is waited for.
        let waits = "exists (select from pg_stat_activity where application_name = 'pad-migrate rollback worker' \
                     and datname = current_database() and query like '%virtualtransaction = any%')";
        until_true(&db, "the writer is waited for", waits).await;
        sqlx::raw_sql("commit").execute(&mut writing).await.expect("the entry is written");
        let report = running.await.expect("the task ends");
        let expected: BTreeSet<String> = [
            "101 referred padealing.audit_log",
            "102 referred padealing.audit_log",
            "103 referred padealing.audit_log",
            "901 referred padealing.audit_log",
            "1001 referred padealing.migration_mapping",
            "804 referred padealing.audit_log",
            "1101 referred padealing.audit_log",
            "1701 referred padealing.audit_log",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(reasons(&report), expected);
        let dangling = Dangling { audit_log: vec![8_000_010, 9_000_005], migration_mapping: vec![-1] };
        assert_eq!((report.dangling.clone(), report.verdict().as_str()), (dangling, "attention"));
        db.execute("delete from padealing.migration_mapping where id = -1").await;
        assert_eq!(half(&db).await, None);
        for session in [holding, writing] {
            session.close().await.expect("it closes");
        }
    })
    .await;
}

/// Whatever a trigger or a rule writes elsewhere: the page is as it was, and what did it is named, beforehand too.
#[tokio::test]
async fn what_writes_to_other_rows_is_refused_and_named() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create schema other; create table other.log (id bigint); grant usage on schema other to public; grant all on other.log to public; create table padealing.\"Odd\" (id bigint); \
             insert into padealing.\"Odd\" values (1); \
             insert into padealing.pad_breach (id, employee_id, breach_type, severity) values (77, 1003, 'x', 'low'); \
             create function other.does() returns trigger language plpgsql as $$ begin execute tg_argv[0]; \
                 if tg_level = 'ROW' then return old; end if; return null; end $$",
        )
        .await;
        let audit = "insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id) \
                     values (''deleted'', ''success'', ''system'', ''pad_request'', 1)";
        let hide = |to: &str, is_local: bool| format!("perform set_config(''track'' || ''_counts'', ''{to}'', {is_local})");
        let [hidden, hidden_locally] = [false, true].map(|it| {
            let (off, on) = (hide("off", it), hide("on", it));
            format!("do $x$ begin {off}; insert into other.log values (1); {on}; end $x$")
        });
        for (event, what, expected) in [
            (
                "after delete on padealing.pad_approval for each row",
                "delete from padealing.pad_breach where id = 77",
                "the target also deleted 1 other row of padealing.pad_breach",
            ),
            (
                "before delete on padealing.pad_request for each row",
                "update padealing.pad_breach set severity = severity",
                "other rows of padealing.pad_breach",
            ),
            (
                "after delete on padealing.migration_mapping for each statement",
                audit,
                "the target also inserted 1 other row into padealing.audit_log",
            ),
            (
                "after delete on padealing.audit_log for each statement",
                "insert into other.log values (1)",
                "the target also inserted 1 other row into other.log",
            ),
            (
                "before delete on padealing.pad_execution for each statement",
                "truncate padealing.\"Odd\"",
                "the target also emptied, altered or locked padealing.Odd",
            ),
            (
                "before delete on padealing.pad_execution for each statement",
                "drop table if exists padealing.\"Odd\"",
                "the target also dropped the relation that `select ",
            ),
            // It is as if it had not been, and the counters don't know that.
            (
                "after delete on padealing.audit_log for each statement",
                "do $x$ begin insert into other.log values (1); raise exception ''x''; exception when others then null; end $x$",
                "inserted 1 other row into other.log (the server also counts what a trigger undoes itself); ",
            ),
            // The counters don't see it, but they were kept from that.
            ("after delete on padealing.audit_log for each statement", &*hidden, "the target also set track_counts, so that "),
            (
                "before delete on padealing.pad_request for each row",
                &*hidden_locally,
                "the target also set track_counts, so that ",
            ),
        ] {
            check(
                &db,
                &format!("create trigger \"A b\" {event} execute function other.does('{what}')"),
                expected,
                "the trigger A b of padealing.",
            )
            .await;
        }
        check(
            &db,
            &format!(
                "create constraint trigger \"A b\" after delete on padealing.pad_request deferrable \
             initially deferred for each row execute function other.does('{audit}')"
            ),
            "into padealing.audit_log",
            "disable trigger \"A b\"",
        )
        .await;
        check(
            &db,
            &format!(
                "create constraint trigger \"A b\" after delete on padealing.pad_request deferrable \
             initially deferred for each row execute function other.does('{hidden}')"
            ),
            "the target also set track_counts, so that ",
            "disable trigger \"A b\"",
        )
        .await;
        check(
            &db,
            "create rule \"A b\" as on delete to padealing.pad_request do also insert into other.log values (1)",
            "into other.log",
            "alter table \"padealing\".\"pad_request\" disable rule \"A b\"",
        )
        .await;
        // Where the server is kept from counting, nothing is deleted.
        for (change, undo) in [
            ("alter function other.does set track_counts = off", "alter function other.does reset all"),
            // Within it another value may be set by a computed name, which ends with the function.
            ("alter function other.does set track_counts = on", "alter function other.does reset all"),
            (
                "create function other.log_it() returns void language plpgsql as $$ begin \
                     execute 'set track' || '_counts = off'; insert into other.log values (1); \
                     execute 'reset ' || 'track' || '_counts'; end $$",
                "drop function other.log_it",
            ),
            (
                "create function other.log_it() returns void language sql set track_counts = no \
                 as 'insert into other.log values (1)'",
                "drop function other.log_it",
            ),
        ] {
            db.execute(change).await;
            db.execute(
                "create function other.calls() returns trigger language plpgsql as \
                     'begin if to_regproc(''other.log_it'') is not null then perform other.log_it(); end if; return null; end'; \
                 create trigger \"A b\" after delete on padealing.pad_request execute function other.does('select 1'); \
                 create trigger \"B c\" after delete on padealing.audit_log execute function other.calls()",
            )
            .await;
            let before = (stored::outcomes(&db).await, rest(&db).await);
            let error = try_rollback(&db, Selection::Sources([301].into()), false).await.expect_err("it is refused");
            let text = pad_migrate::base::text::sentence(&error);
            let named = if change.contains("log_it") { ("other.log_it()", "B c") } else { ("other.does()", "A b") };
            assert!(text.contains(&format!("the function {} at ", named.0)), "{text}");
            assert!(text.contains(&format!("what fires when these rows are deleted is the trigger {} of", named.1)), "{text}");
            assert_eq!((stored::outcomes(&db).await, rest(&db).await), before);
            db.execute(undo).await;
            db.execute("drop trigger \"A b\" on padealing.pad_request; drop function other.calls cascade").await;
        }
        // What writes nothing is no reason to stop, nor is a table that is the trigger's own.
        db.execute(
            "create trigger \"A b\" after delete on padealing.pad_request for each row \
             execute function other.does('create temp table own (id int); update padealing.pad_breach set id = id where false; \
                                          drop table own')",
        )
        .await;
        let report = take_back(&db, Selection::Sources([101].into())).await;
        assert_eq!((report.counts.rolled_back, report.notes.len()), (1, 1));
        // What a superuser's text can hide is said to be that.
        let warning = "runs text as SQL with the rights of a superuser";
        assert!(report.notes[0].contains(warning), "{:?}", report.notes);
        db.execute("grant select on public.personal_account_dealing to pad_migrate_owner").await;
        let owner = db.url_as(Role::Owner).await;
        let dry = run(&["--database-url", &owner, "rollback", "--dry-run", "--source-id", "301", "--json"], &[]);
        let noted = stdout(&dry);
        assert!(noted.contains("fires when rows are deleted") && !noted.contains(warning), "{noted}{}", stderr(&dry));
        db.execute("create table other.old () inherits (padealing.pad_request)").await;
        let error = try_rollback(&db, Selection::All, true).await.expect_err("it is refused").to_string();
        assert!(error.contains("other.old at ") && error.contains("inherits from padealing.pad_request"), "{error}");
    })
    .await;
}

/// Deletes are watched where there is anything to watch; what there is can change while they wait.
#[tokio::test]
async fn what_comes_to_fire_while_a_page_waits_is_watched() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create table padealing.log (id bigint); grant all on padealing.log to public; create function padealing.does() returns trigger language plpgsql as \
                 $$ begin insert into padealing.log values (1); return old; end $$",
        )
        .await;
        for (make, expected) in [
            (
                "create trigger \"A b\" before delete on padealing.audit_log for each row execute function padealing.does()",
                "rows into padealing.log (",
            ),
            (
                "create rule \"A b\" as on delete to padealing.pad_approval do also insert into padealing.log values (1)",
                "into padealing.log (",
            ),
            (
                "create table padealing.key (id bigint references padealing.pad_request on delete cascade)",
                "",
            ),
        ] {
            let (before, application) = (stored::outcomes(&db).await, rest(&db).await);
            let mut other = db.connect().await;
            let lock = "begin; lock table padealing.audit_log, padealing.pad_approval in share row exclusive mode";
            sqlx::raw_sql(lock).execute(&mut other).await.expect("the tables are locked");
            let running = tokio::spawn({
                let db = db.clone();
                async move { try_rollback(&db, Selection::Sources([301, 1701].into()), false).await }
            });
            until_true(&db, "a worker waits", WAITING).await;
            sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut other).await.expect("it is made");
            sqlx::raw_sql("commit").execute(&mut other).await.expect("the tables are free");
            match (running.await.expect("the task ends"), expected) {
                (Ok(report), "") => assert_eq!(report.counts.rolled_back, 2),
                (Ok(report), _) => panic!("{make}: {:?}", report.counts),
                (Err(error), expected) => {
                    let text = pad_migrate::base::text::sentence(&error);
                    assert!(!expected.is_empty() && text.contains(expected) && text.contains("A b"), "{text}");
                    assert_eq!((stored::outcomes(&db).await, rest(&db).await), (before, application));
                }
            }
            let undo = "drop trigger if exists \"A b\" on padealing.audit_log; \
                        drop rule if exists \"A b\" on padealing.pad_approval; drop table if exists padealing.key";
            db.execute(undo).await;
        }
    })
    .await;
}

async fn check(db: &crate::harness::Db, make: &str, expected: &str, named: &str) {
    let (before, application) = (stored::outcomes(db).await, rest(db).await);
    db.execute(make).await;
    let dry = try_rollback(db, Selection::All, true).await.expect("a dry run");
    assert!(
        dry.notes.iter().any(|it| it.contains("A b") && it.contains("fires when rows are deleted")),
        "{:?}",
        dry.notes
    );
    // All in one page: the row that the trigger is for is in it.
    let error = try_rollback(db, Selection::Sources([301, 1701].into()), false).await.expect_err("it is refused");
    let text = pad_migrate::base::text::sentence(&error);
    assert!(text.contains(expected) && text.contains(named), "{text}");
    assert_eq!((stored::outcomes(db).await, rest(db).await), (before, application));
    let undo = "do $$ declare t regclass; k text; begin for t, k in \
                    select tgrelid::regclass, 'trigger' from pg_trigger where tgname = 'A b' union \
                    select ev_class::regclass, 'rule' from pg_rewrite where rulename = 'A b' \
                loop execute format('drop %s \"A b\" on %s', k, t); end loop; end $$";
    db.execute(undo).await;
}
