//! Migrated rows are rolled back by lineage; what was changed since, or is in use, is kept and named; what dies leaves
//! whole rows; and `migrate` brings everything back.

mod beside;
mod killed;
mod law;

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Role, Start, stored, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::rollback::error::RollbackError;
use pad_migrate::migration::pg::rollback::{RollbackRequest, rollback};
use pad_migrate::migration::rollback::{RollbackReport, Selection};
use pad_migrate::migration::run::Options;
use pretty_assertions::assert_eq;

fn request<'a>(db: &'a Db, table: &'a TableName, selection: Selection, dry_run: bool) -> RollbackRequest<'a> {
    RollbackRequest {
        target: &db.database,
        source: LegacySource::Table { database: &db.database, table },
        environment: Environment::Local,
        selection,
        batch_size: 7,
        dry_run,
    }
}

async fn try_rollback(db: &Db, selection: Selection, dry_run: bool) -> Result<RollbackReport, RollbackError> {
    let table = TableName::legacy();
    rollback(&request(db, &table, selection, dry_run), &mut |_| (), std::future::pending()).await
}

async fn take_back(db: &Db, selection: Selection) -> RollbackReport {
    try_rollback(db, selection, false).await.expect("the rollback runs")
}

/// Why rows are kept: id, reason, and what the reason is about.
fn reasons(report: &RollbackReport) -> BTreeSet<String> {
    report.kept.iter().map(|it| format!("{} {} {}", it.source_id, it.reason, it.target)).collect()
}

/// Rows that the migration didn't write, by table, surrogate keys and times included, and its rejections, but for when
/// they were tried last.
async fn rest(db: &Db) -> BTreeMap<&'static str, Option<String>> {
    let mut all = BTreeMap::new();
    for table in [
        "pad_request",
        "pad_approval",
        "pad_execution",
        "pad_breach",
        "audit_log",
        "compliance_decision_outcome",
        "employee_role",
        "migration_reject",
    ] {
        let sql = format!(
            "select md5(string_agg((to_jsonb(t) - 'last_run_id')::text, '|' order by t.id)) \
             from padealing.{table} t where not exists \
             (select from padealing.migration_mapping m where split_part(m.target_table, ':', 1) = '{table}' \
              and m.target_id = t.id)"
        );
        all.insert(table, db.value(&sql).await);
    }
    all
}

/// What is half there: a target row with the legacy mark and without lineage, or lineage without its row.
async fn half(db: &Db) -> Option<String> {
    db.value(
        "select string_agg(it, ', ') from ( \
             select 'audit ' || a.id from padealing.audit_log a where a.details ->> 'source' = 'legacy_migration' \
                 and not exists (select from padealing.migration_mapping m where m.target_id = a.id \
                                 and m.target_table like 'audit%') \
             union all select m.target_table || ' ' || m.source_id from padealing.migration_mapping m \
                 left join padealing.pad_request r on m.target_table = 'pad_request' and r.id = m.target_id \
                 left join padealing.pad_approval a on m.target_table like 'pad_approval%' and a.id = m.target_id \
                 left join padealing.pad_execution e on m.target_table = 'pad_execution' and e.id = m.target_id \
                 left join padealing.audit_log l on m.target_table like 'audit%' and l.id = m.target_id \
                 where coalesce(r.id, a.id, e.id, l.id) is null) h (it)",
    )
    .await
}

/// What is done to the rows of a migration, to which legacy row, and why it is kept then.
const KEPT: [(&str, i64, &str); 23] = [
    ("update padealing.pad_request set ticker = 'NEW' where id = 101", 101, "changed pad_request"),
    (
        "update padealing.pad_request set compliance_assessment = '{\"holding_period\": true, \"by\": 7}' where id = 102",
        102,
        "changed pad_request",
    ),
    ("update padealing.pad_approval set comments = 'x' where request_id = 301", 301, "changed pad_approval:manager"),
    (
        "update padealing.pad_execution set contract_note_verified = true where request_id = 1701",
        1701,
        "changed pad_execution",
    ),
    (
        "update padealing.audit_log set comments = 'x' where request_id = 802 and action_type = 'approval_manager'",
        802,
        "changed audit_log:approval_manager",
    ),
    ("delete from padealing.pad_execution where request_id = 1702", 1702, "changed pad_execution"),
    ("update personal_account_dealing set ticker = 'NEW' where id = 103", 103, "source_changed pad_request"),
    (
        "update personal_account_dealing set comments_manager = 'NEW' where id = 803",
        803,
        "source_changed pad_approval:manager",
    ),
    ("delete from personal_account_dealing where id = 104", 104, "source_gone personal_account_dealing"),
    (
        "insert into padealing.pad_breach (request_id, employee_id, breach_type, severity) values (201, 1003, 'x', 'low')",
        201,
        "referred padealing.pad_breach",
    ),
    (
        "insert into padealing.compliance_decision_outcome (request_id, outcome) values (202, 'o')",
        202,
        "referred padealing.compliance_decision_outcome",
    ),
    (
        "insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) \
         values (203, 'manager', 'approved', '2026-01-01')",
        203,
        "referred padealing.pad_approval",
    ),
    (
        "insert into padealing.pad_execution (request_id, executed_at) values (302, '2026-01-01')",
        302,
        "referred padealing.pad_execution",
    ),
    (
        "insert into padealing.audit_log (action_type, action_status, actor_type, request_id) \
         values ('viewed', 'success', 'bot', 303)",
        303,
        "referred padealing.audit_log",
    ),
    (
        "insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id) \
         values ('viewed', 'success', 'bot', 'pad_request', 401)",
        401,
        "referred padealing.audit_log",
    ),
    (
        "insert into padealing.audit_log (action_type, action_status, actor_type, entity_type, entity_id) \
         select 'viewed', 'success', 'bot', 'pad_approval', id from padealing.pad_approval where request_id = 804",
        804,
        "referred padealing.audit_log",
    ),
    // Tables that nobody manages, whose keys would delete with the row, or forget it.
    (
        "create table public.notes (id int primary key, request bigint references padealing.pad_request on delete cascade); \
         insert into public.notes values (1, 402)",
        402,
        "referred public.notes",
    ),
    (
        "create table public.\"Files\" (approval bigint references padealing.pad_approval on delete set null); \
         insert into public.\"Files\" select id from padealing.pad_approval where request_id = 806",
        806,
        "referred public.Files",
    ),
    (
        "delete from padealing.migration_mapping where source_id = 501 and target_table <> 'pad_request'",
        501,
        "incomplete_lineage pad_request",
    ),
    (
        "delete from padealing.audit_log where request_id = 502; delete from padealing.pad_request where id = 502",
        502,
        "missing pad_request",
    ),
    (
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
         values ('another', 1, 'pad_request', 503)",
        503,
        "claimed_twice pad_request",
    ),
    (
        "create function padealing.hold() returns trigger language plpgsql as $$ begin \
             if old.request_id = 504 then raise exception 'legal hold'; end if; \
             if old.request_id = 551 then return null; end if; return old; end $$; \
         create trigger hold before delete on padealing.audit_log for each row execute function padealing.hold()",
        504,
        "refused audit_log",
    ),
    (
        "alter table padealing.pad_request add column seen_by text; \
         update padealing.pad_request set seen_by = 'reader' where id = 552",
        552,
        "changed pad_request",
    ),
];

#[tokio::test]
async fn what_was_changed_or_is_in_use_is_kept_and_named_and_the_rest_comes_back() {
    with_db(Start::Migrated, async |db| {
        for (sql, ..) in KEPT {
            db.execute(sql).await;
        }
        let (before, application) = (stored::outcomes(&db).await, rest(&db).await);
        let mut expected: BTreeSet<String> = KEPT.iter().map(|(_, id, reason)| format!("{id} {reason}")).collect();
        // A stage's comments are in its audit entry, too.
        expected.insert("803 source_changed audit_log:approval_manager".to_owned());
        let dry = try_rollback(&db, Selection::All, true).await.expect("a dry run");
        let foreseen = expected.iter().filter(|it| !it.contains("refused")).cloned().collect();
        assert_eq!(reasons(&dry), foreseen);
        assert_eq!((stored::outcomes(&db).await, rest(&db).await), (before.clone(), application.clone()));

        let report = take_back(&db, Selection::All).await;
        // A trigger that drops the delete without a word is one that refuses it.
        expected.insert("551 refused audit_log".to_owned());
        assert_eq!(reasons(&report), expected);
        assert_eq!((report.counts.selected, report.counts.kept, report.counts.rolled_back), (67, 24, 43));
        let texts: Vec<&str> = report.kept.iter().map(|it| it.message.as_str()).collect();
        let all = texts.join("\n");
        for part in [
            "not what the legacy row gives: ticker; it was changed in padealing since it was migrated",
            "`pad-migrate rollback --source-id 103` rolls it back",
            "1 row of public.notes refers to it, such as the one with the id 1",
            "padealing.audit_log refuses to let the row go: legal hold (SQLSTATE P0001, function padealing.hold())",
            "a trigger or a rule of the table keeps it",
            "seen_by, which migrate doesn't write, holds a value",
        ] {
            assert!(all.contains(part), "{part} isn't in:\n{all}");
        }
        assert_eq!(rest(&db).await, application, "rows of the application are as they were");
        let kept: BTreeSet<i64> = report.kept.iter().map(|it| it.source_id).collect();
        let mut left = before.clone();
        // 1 is another table's.
        left.retain(|id, _| kept.contains(id) || *id == 1);
        assert_eq!(stored::outcomes(&db).await, left, "what is kept is kept whole");
        assert_eq!(db.value("select count(*) from public.notes").await.as_deref(), Some("1"));
        assert_eq!(
            db.value("select count(*) from public.\"Files\" where approval is null").await.as_deref(),
            Some("0")
        );

        // Again: nothing is left that could be rolled back.
        let again = take_back(&db, Selection::All).await;
        assert_eq!((again.counts.selected, again.counts.rolled_back, reasons(&again)), (24, 0, expected));
        let verified = db.verify().await;
        assert_eq!(verified.counts.pending, 43, "{:?}", verified.counts);
        db.migrate(Options::default()).await;
        assert_eq!(stored::outcomes(&db).await, before, "and what was rolled back is there again, as it was");
        assert_eq!(rest(&db).await, application);
    })
    .await;
}

/// D23: a legacy row that was changed after it was migrated is rolled back by its id, and migrated again.
#[tokio::test]
async fn a_legacy_row_that_was_changed_is_migrated_again_after_its_rollback_by_id() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "update personal_account_dealing set ticker = 'NEW' where id in (101, 102); \
             update padealing.pad_request set currency = 'XTS' where id = 102; \
             delete from personal_account_dealing where id = 103",
        )
        .await;
        let report = take_back(&db, Selection::Sources([101, 102, 103, 104, 999, 2101].into())).await;
        let expected = ["102 changed pad_request", "103 source_gone personal_account_dealing"];
        assert_eq!(reasons(&report), expected.map(str::to_owned).into());
        assert_eq!((report.counts.rolled_back, report.counts.not_migrated), (2, 2));
        assert_eq!(report.not_migrated, [999, 2101]);
        let pending = db.verify().await;
        assert_eq!((pending.counts.pending, pending.counts.different, pending.counts.missing_source), (2, 1, 1));
        db.migrate(Options::default()).await;
        let new = "select ticker from padealing.pad_request where id = 101";
        assert_eq!(db.value(new).await.as_deref(), Some("NEW"));
        // Nothing says who has changed what after a restore in one transaction: then it is kept.
        db.execute(
            "update personal_account_dealing set ticker = 'NEWER' where id = 101; \
             begin; update padealing.schema_revision set name = name; update padealing.migration_mapping set id = id; \
             update padealing.pad_request set id = id; update padealing.audit_log set id = id; \
             update padealing.pad_execution set id = id; update padealing.pad_approval set id = id; commit",
        )
        .await;
        let report = take_back(&db, Selection::Sources([101].into())).await;
        assert_eq!(reasons(&report), ["101 changed pad_request".to_owned()].into());
    })
    .await;
}

#[tokio::test]
async fn a_run_takes_back_its_own_rows() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options { limit: Some(10), batch_size: 3, ..Options::default() }).await;
        db.migrate(Options { limit: Some(20), batch_size: 7, ..Options::default() }).await;
        // A rejected row that a later run migrates belongs to that one.
        db.execute("update personal_account_dealing set employee = 1003 where id = 2501").await;
        db.migrate(Options::default()).await;
        let runs = "select string_agg(id::text, ',' order by started_at) from padealing.migration_run";
        let runs = db.value(runs).await.expect("there are runs");
        let counted = "select string_agg(counts ->> 'migrated', ',' order by started_at) from padealing.migration_run";
        let counted = db.value(counted).await.expect("there are counts");
        let before = stored::outcomes(&db).await;
        for (id, migrated) in runs.split(',').zip(counted.split(',')) {
            let dry = try_rollback(&db, Selection::Run(id.to_owned()), true).await.expect("a dry run");
            assert_eq!(dry.counts.selected.to_string(), migrated);
        }
        let second = runs.split(',').nth(1).expect("there are three").to_owned();
        let report = take_back(&db, Selection::Run(second.clone())).await;
        assert_eq!((report.counts.rolled_back, report.counts.kept), (20, 0));
        assert!(!report.notes.iter().any(|it| it.contains("belong")), "{:?}", report.notes);
        let left = stored::outcomes(&db).await;
        let gone: Vec<&i64> = before.keys().filter(|id| !left.contains_key(id)).collect();
        let of_second: Vec<&i64> = before.keys().skip(10).take(20).collect();
        assert_eq!(gone, of_second);
        // Its rows are those of the run that brings them back.
        db.migrate(Options::default()).await;
        assert_eq!(stored::outcomes(&db).await, before);
        assert_eq!(take_back(&db, Selection::Run(second.clone())).await.counts.selected, 0);
        // What no run takes is said, whatever is wrong with the time.
        db.execute(
            "update padealing.migration_mapping set migrated_at = '2001-01-01' where source_id = 101; \
             update padealing.migration_mapping set migrated_at = null where source_id = 301",
        )
        .await;
        for dry_run in [true, false] {
            let report = try_rollback(&db, Selection::Run(second.clone()), dry_run).await.expect("it can be done");
            let said = "2 rows with lineage belong to no run that is on record, by migrated_at of the lineage, so that \
                        --run takes none of them; `pad-migrate rollback --source-id 101` takes the first";
            assert!(report.notes.iter().any(|it| it.starts_with(said)), "{:?}", report.notes);
        }

        let of_rollback = "select id from padealing.migration_run where command = 'rollback' limit 1";
        let of_rollback = db.value(of_rollback).await.expect("it is recorded");
        db.execute(&format!(
            "update padealing.migration_run set started_at = (select started_at from padealing.migration_run \
             where id = '{second}') where id = '{}'",
            runs.split(',').next_back().expect("there are three")
        ))
        .await;
        for (id, part) in [
            (of_rollback, "is one of rollback, which migrates no rows; name a run of migrate"),
            ("00000000-0000-0000-0000-000000000000".to_owned(), "there is no run with the id 00000000-"),
            (second, "overlap, so which of both has written a row isn't known; name rows with --source-id"),
        ] {
            let error = try_rollback(&db, Selection::Run(id), false).await.expect_err("it is refused").to_string();
            assert!(error.contains(part), "{error}");
        }
    })
    .await;
}

/// What the role lacks is said before anything is asked or deleted: on each table, and on those that refer to the rows.
#[tokio::test]
async fn who_may_roll_back_is_known_beforehand() {
    with_db(Start::Migrated, async |db| {
        let owner = Role::Owner.name();
        db.execute(&format!(
            "grant usage on schema bo_airflow to {owner}; grant select on all tables in schema bo_airflow to {owner}; \
             grant select on personal_account_dealing to {owner}; \
             create table public.notes (request bigint references padealing.pad_request on delete cascade)"
        ))
        .await;
        let url = db.url_as(Role::Owner).await;
        let go = |arguments: &[&str]| run(&[&["--database-url", &url, "rollback"], arguments].concat(), &[]);
        for (lacking, undo, words) in [
            (String::new(), format!("grant select on public.notes to {owner}"), "no SELECT on public.notes"),
            (
                format!("revoke delete on padealing.pad_execution from {owner}"),
                format!("grant delete on padealing.pad_execution to {owner}"),
                "no DELETE on padealing.pad_execution",
            ),
            (
                format!("revoke insert on padealing.migration_run from {owner}"),
                format!("grant insert on padealing.migration_run to {owner}"),
                "no INSERT on padealing.migration_run",
            ),
            (
                "alter table public.notes enable row level security".to_owned(),
                "alter table public.notes disable row level security".to_owned(),
                "public.notes",
            ),
        ] {
            db.execute(&lacking).await;
            let output = go(&["--yes"]);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
            let reported = stderr(&output);
            assert!(reported.contains(&format!("{owner} may not roll back at ")), "{reported}");
            assert!(reported.contains(words) && reported.lines().count() == 1, "{reported}");
            db.execute(&undo).await;
        }
        let output = go(&["--yes", "--source-id", "101", "--source-id", "102", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = go(&["--yes", "--source-id", "101"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains("CLEAN: there is nothing to roll back"), "{}", stdout(&output));
        let recorded = "select string_agg(database_role || (counts ->> 'rolled_back') || (options ->> 'source_ids'), ',') \
                        from padealing.migration_run where command = 'rollback'";
        assert_eq!(db.value(recorded).await, Some(format!("{owner}2[101, 102]")));
        let status = run(&["--database-url", &url, "status"], &[]);
        assert!(stdout(&status).contains("rollback: 2 rolled back, 0 kept"), "{}", stdout(&status));
    })
    .await;
}

/// Where lineage lost its constraints, what it lacks is said in one sentence.
#[tokio::test]
async fn lineage_without_ids_is_said_to_be_that() {
    with_db(Start::Migrated, async |db| {
        let loosen = ["source_id", "target_table", "target_id"].map(|it| format!("alter {it} drop not null"));
        db.execute(&format!("alter table padealing.migration_mapping {}", loosen.join(", "))).await;
        let report = try_rollback(&db, Selection::All, true).await.expect("the constraints alone are no matter");
        assert!(report.counts.selected > 0);
        for column in ["source_id", "target_id", "target_table"] {
            db.execute(&format!(
                "create table kept as select * from padealing.migration_mapping; \
                 update padealing.migration_mapping set {column} = null where source_id in (101, 301)"
            ))
            .await;
            let rows = "select count(*) from padealing.migration_mapping where num_nulls(source_id, target_table, target_id) > 0";
            let rows = db.value(rows).await.expect("they are counted");
            let found = format!("there are {rows} rows in padealing.migration_mapping at ");
            for command in [&["verify"][..], &["rollback", "--dry-run"], &["rollback", "--yes"]] {
                let output = run(&[&["--database-url", &*db.url], command].concat(), &[]);
                let said = stderr(&output);
                assert!(output.status.code() == Some(2) && said.contains(&found), "{command:?}: {said}");
                assert!(said.contains(" is null)`)") && said.lines().count() == 1, "{command:?}: {said}");
            }
            db.execute(
                "truncate padealing.migration_mapping; insert into padealing.migration_mapping select * from kept; \
                 drop table kept",
            )
            .await;
        }
    })
    .await;
}
