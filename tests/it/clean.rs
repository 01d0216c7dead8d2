//! Test data is removed by employee: all of it or nothing, never in prod, and never what came from the legacy table.

use std::collections::{BTreeMap, BTreeSet};

use pretty_assertions::assert_eq;
use serde_json::Value;
use sqlx::Connection;

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};
use crate::waiting::until_true;
use pad_migrate::config::environment::Environment;
use pad_migrate::migration::clean::CleanReport;
use pad_migrate::migration::pg::clean::{CleanError, CleanRequest, clean};

async fn try_clean(db: &Db, employees: &[i64], dry_run: bool) -> Result<CleanReport, CleanError> {
    let employees: BTreeSet<i64> = employees.iter().copied().collect();
    let environment = Environment::Local;
    clean(&CleanRequest { target: &db.database, environment, employees: &employees, dry_run }).await
}

/// What is removed, by table.
fn deleted(report: &CleanReport) -> BTreeMap<&'static str, u64> {
    report.tables.iter().filter(|it| it.deleted > 0).map(|it| (it.table, it.deleted)).collect()
}

/// What stays: table, reason, rows.
fn left(report: &CleanReport) -> BTreeSet<String> {
    report.left.iter().map(|it| format!("{} {} {}", it.rows, it.table, it.reason)).collect()
}

/// Every row of the application and of the migration but its runs, by table.
async fn everything(db: &Db, but: &str) -> BTreeMap<&'static str, Option<String>> {
    let mut all = BTreeMap::new();
    for table in [
        "pad_request",
        "pad_approval",
        "pad_execution",
        "pad_breach",
        "audit_log",
        "chatbot_session",
        "compliance_config",
        "compliance_decision_outcome",
        "employee_role",
        "restricted_security",
        "migration_mapping",
        "migration_reject",
    ] {
        let sql = format!("select md5(string_agg(t::text, '|' order by id)) from padealing.{table} t where {but}");
        all.insert(table, db.value(&sql).await);
    }
    all
}

/// Test data of the employees 1001 and 1002: ids from 7000 on, and from 8000 on what stays.
const ROWS: &str = "
    insert into padealing.pad_request (id, employee_id, status) values
        (7001, 1001, 'executed'), (7002, 1001, 'pending_manager'), (7003, 1002, 'declined'),
        (8001, 1001, 'approved'), (8002, 1003, 'approved');
    insert into padealing.pad_approval (id, request_id, approval_type, approver_id, decision, decided_at) values
        (7001, 7001, 'manager', 1003, 'approved', now()), (7002, 7003, 'manager', 1001, 'declined', now()),
        (8001, 8002, 'manager', 1001, 'approved', now());
    insert into padealing.pad_execution (id, request_id, executed_at, recorded_by_id) values
        (7001, 7001, now(), 1003), (8001, 8002, now(), 1002);
    insert into padealing.pad_breach (id, request_id, employee_id, breach_type, severity, resolved_by_id) values
        (7001, 7001, 1001, 'late', 'low', null), (7002, null, 1002, 'late', 'low', null),
        (8001, 8001, 1003, 'late', 'low', null), (8002, 8002, 1001, 'late', 'low', null),
        (8003, null, 1003, 'late', 'low', 1001);
    insert into padealing.compliance_decision_outcome (id, request_id, outcome) values (7001, 7001, 'ok'), (8001, 8002, 'ok');
    insert into padealing.audit_log (id, action_type, action_status, actor_type, actor_id, entity_type, entity_id, request_id)
    values (7001, 'request_submitted', 'success', 'user', 1001, 'pad_request', 7001, 7001),
        (7002, 'approval_manager', 'success', 'user', 1003, 'pad_request', 7001, 7001),
        (7003, 'login', 'success', 'user', 1001, null, null, null),
        (7004, 'viewed', 'success', 'bot', null, 'pad_request', 7002, null),
        (8001, 'approval_manager', 'success', 'user', 1001, 'pad_request', 8002, 8002),
        (8002, 'viewed', 'success', 'user', 1001, 'pad_request', 8002, null),
        (8003, 'login', 'success', 'bot', 1001, null, null, null);
    insert into padealing.employee_role (id, employee_id, role, granted_by_id) values
        (7001, 1001, 'tester', 1003), (8001, 1003, 'tester', 1001);
    insert into padealing.chatbot_session (id, session_key, employee_id) values (7001, 'a', 1001), (8001, 'b', 1003);
    insert into padealing.restricted_security (id, reason, added_by_id) values (8001, 'r', 1001);
    insert into padealing.compliance_config (id, config_key, config_value, updated_by_id) values (8001, 'kk', '1', 1001);
    update padealing.pad_request set updated_by_id = 1002 where id = 8002;";

#[tokio::test]
async fn test_data_is_removed_with_what_hangs_on_it_and_nothing_else() {
    with_db(Start::Migrated, async |db| {
        db.execute("delete from padealing.employee_role where employee_id in (1001, 1002)").await;
        let at_first = everything(&db, "true").await;
        db.execute(ROWS).await;
        let sequences = "select string_agg(sequencename || last_value, ',' order by 1) from pg_sequences \
                         where schemaname = 'padealing'";
        let (sequences_before, before) = (db.value(sequences).await, everything(&db, "true").await);
        let stays = everything(&db, "id < 7000 or id >= 8000").await;
        let dry = try_clean(&db, &[1001, 1002], true).await.expect("a dry run");
        assert_eq!(everything(&db, "true").await, before);
        let report = try_clean(&db, &[1001, 1002], false).await.expect("it is done");
        assert_eq!(everything(&db, "true").await, stays);
        assert_eq!((deleted(&dry), left(&dry)), (deleted(&report), left(&report)));
        let expected = [
            ("audit_log", 4),
            ("chatbot_session", 1),
            ("compliance_decision_outcome", 1),
            ("employee_role", 1),
            ("pad_approval", 2),
            ("pad_breach", 2),
            ("pad_execution", 1),
            ("pad_request", 3),
        ];
        assert_eq!(deleted(&report), expected.into());
        for it in &report.tables {
            assert_eq!(it.after, it.before - it.deleted, "{}", it.table);
        }
        // The fixtures' rows name both as approvers.
        let expected = [
            "1 employee_role names_employee",
            "1 pad_breach about_others",
            "1 pad_breach names_employee",
            "1 pad_request in_use",
            "2 compliance_config names_employee",
            "2 pad_request names_employee",
            "2 restricted_security names_employee",
            "22 pad_approval names_employee",
            "23 audit_log names_employee",
            "3 pad_execution names_employee",
        ];
        assert_eq!(left(&report), expected.map(str::to_owned).into());
        assert_eq!(db.value(sequences).await, sequences_before);
        let recorded = "select options ->> 'employees' || ' ' || outcome from padealing.migration_run \
                        where command = 'clean'";
        assert_eq!(db.value(recorded).await.as_deref(), Some("[1001, 1002] attention"));
        // What stays goes when what keeps it goes; the rest is as it was at first.
        db.execute("delete from padealing.pad_breach where id in (8001, 8002)").await;
        let again = try_clean(&db, &[1001], false).await.expect("it is done");
        assert_eq!(deleted(&again), [("pad_request", 1)].into());
        let others = everything(&db, "id < 7000").await;
        let changed: Vec<_> = at_first.iter().filter(|(table, digest)| others[**table] != **digest).collect();
        // Migrated ids above 8000 are in both.
        assert!(
            changed.iter().all(|(table, _)| **table == "pad_request" || **table == "migration_reject"),
            "{changed:?}"
        );
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn what_came_from_the_legacy_table_is_no_test_data() {
    with_db(Start::Migrated, async |db| {
        let before = everything(&db, "true").await;
        let report = try_clean(&db, &[1003], false).await.expect("it is done");
        assert!(report.left.iter().any(|it| it.reason.to_string() == "migrated" && it.rows > 10), "{:?}", report.left);
        let lineage = "select count(*) from padealing.migration_mapping m left join padealing.pad_request r \
                       on r.id = m.target_id where m.target_table = 'pad_request' and r.id is null";
        assert_eq!(db.value(lineage).await.as_deref(), Some("0"));
        for table in ["migration_mapping", "pad_approval", "pad_execution"] {
            assert_eq!(everything(&db, "true").await[table], before[table]);
        }
        db.check_clean().await;
    })
    .await;
}

/// All or nothing: what refuses is named, and nothing is removed.
#[tokio::test]
async fn what_stops_it_is_named_and_nothing_is_removed() {
    with_db(Start::Migrated, async |db| {
        db.execute(ROWS).await;
        let before = everything(&db, "true").await;
        for (make, undo, expected) in [
            (
                "create table public.notes (id int, breach bigint references padealing.pad_breach on delete cascade); \
                 insert into public.notes values (1, 7001)",
                "drop table public.notes",
                "1 row of public.notes, which pad-migrate doesn't manage, at ",
            ),
            (
                "create function padealing.hold() returns trigger language plpgsql as $$ begin return null; end $$; \
                 create trigger hold before delete on padealing.pad_request for each row execute function padealing.hold()",
                "drop trigger hold on padealing.pad_request",
                "kept 3 rows that were to be removed: a trigger or a rule of the table keeps them",
            ),
            (
                "create or replace function padealing.hold() returns trigger language plpgsql as $$ begin \
                     raise exception 'legal hold'; end $$; create trigger hold before delete on padealing.employee_role \
                     execute function padealing.hold()",
                "drop trigger hold on padealing.employee_role",
                "deleting from employee_role failed: legal hold",
            ),
            (
                "create or replace function padealing.hold() returns trigger language plpgsql as $$ begin \
                     delete from padealing.pad_execution where request_id = 1901; return old; end $$; \
                 create trigger hold after delete on padealing.employee_role for each row \
                     execute function padealing.hold()",
                "drop trigger hold on padealing.employee_role",
                "the target also deleted 1 other row of padealing.pad_execution (the server also counts \
                 what a trigger undoes itself); what fires when these rows are deleted is the \
                 trigger hold of padealing.employee_role",
            ),
        ] {
            db.execute(make).await;
            let output = run(&["--database-url", &db.url, "clean", "--yes", "--employee", "1001", "1002"], &[]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
            assert!(stderr(&output).contains(expected), "{}", stderr(&output));
            assert_eq!(stderr(&output).lines().count(), 1);
            assert_eq!(everything(&db, "true").await, before);
            db.execute(undo).await;
        }
        for (arguments, expected) in [
            (&["--employee", "1001", "99", "98"][..], "has no employee with the id 98, 99; nothing was removed"),
            (&["--employee", "1001"], "clean changes the database and asks for confirmation; without a terminal use --yes"),
            (&["--employee", "1001", "--json"], "with JSON nothing is asked; add --yes"),
        ] {
            let output = run(&[&["--database-url", &db.url, "clean"], arguments].concat(), &[]);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        }
        // Whatever the flags: by --env, by APP_ENV, and by what the database says of itself.
        let clean = ["--database-url", &*db.url, "clean", "--yes", "--employee", "1001"];
        let prod = "clean removes test data and never works in prod";
        let refused = |arguments: &[&str], variables: &[(&str, &str)], expected: &str| {
            let output = run(arguments, variables);
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        };
        refused(&[&["--env", "prod"], &clean[..]].concat(), &[("DB_SSLMODE", "disable")], prod);
        refused(&[&clean[..], &["--dry-run"]].concat(), &[("APP_ENV", "prod"), ("DB_SSLMODE", "disable")], prod);
        db.execute("update padealing.schema_revision set environment = 'prod'").await;
        for environment in ["local", "dev", "qa"] {
            let arguments = [&["--env", environment], &clean[..]].concat();
            refused(&arguments, &[("DB_SSLMODE", "disable")], "was set up as environment prod, and this run is for ");
        }
        assert_eq!(everything(&db, "true").await, before);
        db.execute("update padealing.schema_revision set environment = 'local'").await;
        let url = db.url_as(Role::Reader).await;
        let output = run(&["--database-url", &url, "clean", "--yes", "--employee", "1001"], &[]);
        assert!(stderr(&output).contains("pad_migrate_reader may not remove test data at "), "{}", stderr(&output));
        let output = run(&["--database-url", &db.url, "clean", "--yes", "--json", "--employee", "1001", "1002"], &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!((&json["command"], &json["tables"][5]["deleted"]), (&Value::from("clean"), &Value::from(3)));
    })
    .await;
}

/// Audit entries that name test data without its request go with it; those of another request keep it.
#[tokio::test]
async fn what_names_test_data_goes_with_it_or_keeps_it() {
    with_db(Start::Migrated, async |db| {
        db.execute("delete from padealing.employee_role where employee_id in (1001, 1002)").await;
        db.execute(ROWS).await;
        let entry = |id: i64, table: &str, named: i64, request: &str| {
            format!(
                "insert into padealing.audit_log (id, action_type, action_status, actor_type, actor_id, entity_type, \
                 entity_id, request_id) values ({id}, 'viewed', 'success', 'user', 1003, '{table}', {named}, {request});"
            )
        };
        let goes = ["pad_request", "pad_approval", "pad_execution", "pad_breach", "compliance_decision_outcome",
                    "employee_role", "chatbot_session", "padealing.pad_approval"];
        let goes = goes.iter().zip(7101..).map(|(table, id)| entry(id, table, 7001, "null"));
        db.execute(&goes.collect::<String>()).await;
        // The approval of a request that goes is named as one of a request that stays, a breach without a request, too.
        db.execute(&[entry(8101, "pad_approval", 7002, "8002"), entry(8102, "pad_breach", 7002, "8002"),
                     entry(8103, "pad_approval", 8001, "null")].concat()).await;
        // The employee's own entry about a row that stays.
        db.execute(&entry(8104, "pad_approval", 8001, "null").replace("1003", "1001")).await;
        let report = try_clean(&db, &[1001, 1002], false).await.expect("it is done");
        assert_eq!((deleted(&report)["audit_log"], deleted(&report)["pad_request"]), (4 + 8, 2));
        let in_use: Vec<_> = report.left.iter().filter(|it| it.reason.to_string() == "in_use").collect();
        assert_eq!(in_use.iter().map(|it| it.ids.as_slice()).collect::<Vec<_>>(), [[8001], [7003]]);
        let there = "select string_agg(id::text, ',' order by id) from padealing.audit_log where id between 7100 and 8999 \
                     and action_type = 'viewed'";
        assert_eq!(db.value(there).await.as_deref(), Some("8002,8101,8102,8103,8104"));
        let breach = "select count(*) from padealing.pad_breach where id = 7002";
        assert_eq!(db.value(breach).await.as_deref(), Some("1"));
        db.execute("create table public.old () inherits (padealing.pad_breach)").await;
        let error = try_clean(&db, &[1001], true).await.expect_err("it is refused").to_string();
        assert!(error.contains("public.old at ") && error.contains("inherits from padealing.pad_breach"), "{error}");
    })
    .await;
}

/// What is written about a request while it is waited for goes with it.
#[tokio::test]
async fn what_is_written_while_it_waits_goes_with_it() {
    with_db(Start::Migrated, async |db| {
        db.execute(ROWS).await;
        let mut other = db.connect().await;
        let hold = "begin; select from padealing.pad_request where id = 7002 for update";
        sqlx::raw_sql(hold).execute(&mut other).await.expect("the row is locked");
        let running = tokio::spawn({
            let db = db.clone();
            async move { try_clean(&db, &[1001], false).await }
        });
        let waits = "exists (select from pg_stat_activity where application_name = 'pad-migrate clean' \
                     and datname = current_database() and wait_event_type = 'Lock')";
        until_true(&db, "it waits", waits).await;
        db.execute(
            "insert into padealing.audit_log (id, action_type, action_status, actor_type, entity_type, entity_id) \
             values (7105, 'viewed', 'success', 'bot', 'pad_request', 7001)",
        )
        .await;
        sqlx::raw_sql("commit").execute(&mut other).await.expect("the row is free");
        let report = running.await.expect("the task ends").expect("it is done");
        assert_eq!((deleted(&report)["pad_request"], report.dangling.is_empty()), (2, true));
        assert_eq!(db.value("select count(*) from padealing.audit_log where id = 7105").await.as_deref(), Some("0"));
        other.close().await.expect("it closes");
    })
    .await;
}
