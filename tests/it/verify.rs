//! The verification proves itself: what is stored is corrupted in many ways, and each is found and named.

use pretty_assertions::assert_eq;
use rstest::rstest;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::evidence::proof::Bundle;
use crate::harness::program::{run, run_in, stderr, stdout};
use crate::harness::{Role, Seen, Start, other, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::run::Options;
use pad_migrate::migration::verification::VerifyCounts;

/// Corrupts what is stored for a migrated fixture and checks that exactly these are named: source id, target, field. By
/// `proof.sql`, too.
async fn check_found(corruption: &str, want: &[(i64, &str, &str)]) {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        db.check_clean().await;
        let bundle = Bundle::of(&db, &TableName::legacy()).await;
        db.execute(corruption).await;
        let report = db.verify().await;
        let found: Vec<(i64, &str, &str)> =
            report.differences.iter().map(|it| (it.source_id, it.target.as_str(), it.field.as_str())).collect();
        assert_eq!(found, want, "{corruption}\n{:#?}", report.differences);
        assert!(!report.counts.is_clean());
        bundle.check_found(&db, want).await;
    })
    .await;
}

/// Row 1901 has everything: both approvals, an execution, three audit entries.
#[rstest]
#[case::a_swapped_approver(
    "update padealing.pad_approval set approver_id = 1004 where request_id = 1901 and approval_type = 'manager'",
    &[(1901, "pad_approval:manager", "approver_id")]
)]
#[case::the_two_approvers_swapped(
    "update padealing.pad_approval set approver_id = 2003 - approver_id where request_id = 1901",
    &[(1901, "pad_approval:compliance", "approver_id"), (1901, "pad_approval:manager", "approver_id")]
)]
#[case::empty_for_null(
    "update padealing.pad_request set relation = '' where id = 1901",
    &[(1901, "pad_request", "relation")]
)]
#[case::null_for_empty(
    "update padealing.pad_request set ticker = null where id = 402",
    &[(402, "pad_request", "ticker")]
)]
#[case::one_cent(
    "update padealing.pad_request set estimated_value = estimated_value + 0.01 where id = 1901",
    &[(1901, "pad_request", "estimated_value")]
)]
#[case::a_ten_thousandth_of_a_share(
    "update padealing.pad_execution set execution_quantity = execution_quantity - 0.0001 where request_id = 1901",
    &[(1901, "pad_execution", "execution_quantity")]
)]
#[case::the_last_digit_of_the_price(
    "update padealing.pad_execution set execution_price = execution_price + 0.00000001 where request_id = 1901",
    &[(1901, "pad_execution", "execution_price")]
)]
#[case::one_microsecond(
    "update padealing.pad_request set updated_at = updated_at + interval '1 microsecond' where id = 1901",
    &[(1901, "pad_request", "updated_at")]
)]
#[case::one_microsecond_of_a_decision(
    "update padealing.pad_approval set decided_at = decided_at - interval '1 microsecond' where request_id = 1901 \
     and approval_type = 'compliance'",
    &[(1901, "pad_approval:compliance", "decided_at")]
)]
#[case::a_deleted_execution(
    "delete from padealing.pad_execution where request_id = 1901",
    &[(1901, "pad_execution", "id"), (1901, "pad_execution", "lineage")]
)]
#[case::a_doubled_execution(
    "insert into padealing.pad_execution (request_id, executed_at, execution_price, execution_quantity, \
     contract_note_received, recorded_by_id) select request_id, executed_at, execution_price, execution_quantity, \
     contract_note_received, recorded_by_id from padealing.pad_execution where request_id = 1901",
    &[(1901, "pad_execution", "id")]
)]
#[case::a_doubled_audit_row(
    "insert into padealing.audit_log (\"timestamp\", action_type, action_status, actor_type, actor_id, entity_type, \
     entity_id, request_id, details) select \"timestamp\", action_type, action_status, actor_type, actor_id, \
     entity_type, entity_id, request_id, details from padealing.audit_log where request_id = 1901 \
     and action_type = 'request_submitted'",
    &[(1901, "audit_log:request_submitted", "id")]
)]
#[case::a_deleted_audit_row(
    "delete from padealing.audit_log where request_id = 1901 and action_type = 'approval_manager'",
    &[(1901, "audit_log:approval_manager", "id"), (1901, "audit_log:approval_manager", "lineage")]
)]
#[case::an_audit_row_blamed_on_another(
    "update padealing.audit_log set actor_id = 1000 where request_id = 1901 and action_type = 'request_submitted'",
    &[(1901, "audit_log:request_submitted", "actor_id")]
)]
#[case::an_audit_row_without_its_mark(
    "update padealing.audit_log set details = null where request_id = 1901 and action_type = 'request_submitted'",
    &[(1901, "audit_log:request_submitted", "details")]
)]
#[case::an_audit_row_moved_to_another_request(
    "update padealing.audit_log set request_id = 1801, entity_id = 1801 where request_id = 1901 \
     and action_type = 'approval_manager'",
    &[
        (1801, "audit_log:approval_manager", "id"),
        (1901, "audit_log:approval_manager", "id"),
        (1901, "audit_log:approval_manager", "lineage"),
    ]
)]
#[case::two_rows_comments_exchanged(
    "update padealing.pad_approval a set comments = b.comments from padealing.pad_approval b \
     where a.request_id = 1901 and b.request_id = 1901 and a.id <> b.id",
    &[(1901, "pad_approval:compliance", "comments"), (1901, "pad_approval:manager", "comments")]
)]
#[case::two_requests_justifications_exchanged(
    "update padealing.pad_request a set justification = b.justification from padealing.pad_request b \
     where (a.id, b.id) in ((401, 1901), (1901, 401))",
    &[(401, "pad_request", "justification"), (1901, "pad_request", "justification")]
)]
#[case::a_dangling_mapping(
    "update padealing.migration_mapping set target_id = 999999 where source_id = 1901 and target_table = \
     'pad_execution'",
    &[(1901, "pad_execution", "lineage")]
)]
#[case::mappings_exchanged(
    "update padealing.migration_mapping m set target_id = o.target_id from padealing.migration_mapping o \
     where m.source_id = 1901 and o.source_id = 1901 and m.target_table like 'pad_approval:%' \
     and o.target_table like 'pad_approval:%' and m.id <> o.id",
    &[(1901, "pad_approval:compliance", "lineage"), (1901, "pad_approval:manager", "lineage")]
)]
#[case::a_lost_mapping(
    "delete from padealing.migration_mapping where source_id = 1901 and target_table = 'audit_log:approval_compliance'",
    &[(1901, "audit_log:approval_compliance", "lineage")]
)]
#[case::a_mapping_too_many(
    "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
     values ('personal_account_dealing', 101, 'pad_approval:manager', 1)",
    &[(101, "pad_approval:manager", "lineage")]
)]
#[case::a_flipped_boolean(
    "update padealing.pad_request set insider_info_declaration = not insider_info_declaration where id = 201",
    &[(201, "pad_request", "insider_info_declaration")]
)]
#[case::a_flipped_check(
    "update padealing.pad_approval set conflict_check = true where request_id = 1901 and approval_type = 'compliance'",
    &[(1901, "pad_approval:compliance", "conflict_check")]
)]
#[case::a_check_on_the_managers(
    "update padealing.pad_approval set conflict_check = false where request_id = 1901 and approval_type = 'manager'",
    &[(1901, "pad_approval:manager", "conflict_check")]
)]
#[case::trailing_blanks(
    "update padealing.pad_request set security_name = rtrim(security_name) where id = 401",
    &[(401, "pad_request", "security_name")]
)]
#[case::another_normal_form(
    "update padealing.pad_request set conflict_comments = normalize(conflict_comments, NFC) where id = 401",
    &[(401, "pad_request", "conflict_comments")]
)]
#[case::another_status(
    "update padealing.pad_request set status = 'approved' where id = 807",
    &[(807, "pad_request", "status")]
)]
#[case::a_status_that_legacy_rows_never_have(
    "update padealing.pad_request set status = 'executed' where id = 805",
    &[(805, "pad_request", "status")]
)]
#[case::another_security(
    "update padealing.pad_request set security_id = 502 where id = 704",
    &[(704, "pad_request", "security_id")]
)]
#[case::a_lost_security(
    "update padealing.pad_request set security_id = null where id = 701",
    &[(701, "pad_request", "security_id")]
)]
#[case::a_deleter(
    "update padealing.pad_request set deleted_by_id = 1000 where id = 1001",
    &[(1001, "pad_request", "deleted_by_id")]
)]
#[case::the_holding_period_lost(
    "update padealing.pad_request set compliance_assessment = compliance_assessment - 'holding_period' where id = 1301",
    &[(1301, "pad_request", "compliance_assessment"), (1301, "pad_request", "compliance_assessment.holding_period")]
)]
#[case::a_key_of_the_residual_lost(
    "update padealing.pad_request set compliance_assessment = compliance_assessment #- '{legacy,tags}' where id = 2001",
    &[(2001, "personal_account_dealing", "tags")]
)]
#[case::a_value_of_the_residual_changed(
    "update padealing.pad_request set compliance_assessment = jsonb_set(compliance_assessment, '{legacy,name}', \
     '\"B\"') where id = 1101",
    &[(1101, "personal_account_dealing", "name")]
)]
#[case::a_key_that_says_nothing(
    "update padealing.pad_request set compliance_assessment = '{\"legacy\": {\"status\": \"request\"}}' where id = 601",
    &[(601, "pad_request", "compliance_assessment.legacy.status")]
)]
#[case::a_key_that_migrate_does_not_write(
    "update padealing.pad_request set compliance_assessment = '{\"score\": 5}' where id = 601",
    &[(601, "pad_request", "compliance_assessment")]
)]
#[case::an_empty_object(
    "update padealing.pad_request set compliance_assessment = '{}' where id = 601; \
     update padealing.pad_request set compliance_assessment = '{\"legacy\": {}}' where id = 101; \
     update padealing.pad_request set compliance_assessment = compliance_assessment || '{\"legacy\": {}}' where id = 1301",
    &[
        (101, "pad_request", "compliance_assessment"),
        (601, "pad_request", "compliance_assessment"),
        (1301, "pad_request", "compliance_assessment"),
    ]
)]
#[case::a_number_beyond_every_float(
    "update padealing.pad_request set compliance_assessment = '{\"score\": 1e999}' where id = 601",
    &[(601, "pad_request", "compliance_assessment")]
)]
#[case::a_column_and_the_residual(
    "update padealing.pad_request set quantity = 5, compliance_assessment = compliance_assessment - 'legacy' \
     where id = 1101",
    &[
        (1101, "pad_request", "compliance_assessment"),
        (1101, "pad_request", "quantity"),
        (1101, "personal_account_dealing", "name"),
    ]
)]
#[case::a_column_whose_residual_is_right(
    "update padealing.pad_request set status = 'pending_manager' where id = 803",
    &[(803, "pad_request", "status")]
)]
#[case::missing_rows_and_the_residual(
    "delete from padealing.pad_execution where request_id = 1901; \
     delete from padealing.pad_approval where request_id = 1901 and approval_type = 'manager'; \
     update padealing.pad_request set compliance_assessment = coalesce(compliance_assessment, '{}') || \
     '{\"legacy\": {\"name\": \"B\"}}' where id = 1901",
    &[
        (1901, "pad_approval:manager", "id"),
        (1901, "pad_approval:manager", "lineage"),
        (1901, "pad_execution", "id"),
        (1901, "pad_execution", "lineage"),
        (1901, "personal_account_dealing", "inst_symbol"),
        (1901, "personal_account_dealing", "name")
    ]
)]
#[case::a_number_in_a_large_residual(
    "update padealing.pad_request set compliance_assessment = jsonb_build_object('legacy', jsonb_build_object( \
         'name', 5, 'padding', repeat('x', 600000))) where id = 1101",
    &[
        (1101, "pad_request", "compliance_assessment"),
        (1101, "personal_account_dealing", "name"),
        (1101, "personal_account_dealing", "padding")
    ]
)]
#[case::a_large_assessment_that_is_no_object(
    "update padealing.pad_request set compliance_assessment = to_jsonb(repeat('x', 600000)) where id = 601",
    &[(601, "pad_request", "compliance_assessment")]
)]
#[case::an_approval_that_no_stage_gave(
    "insert into padealing.pad_approval (request_id, approval_type, approver_id, decision, decided_at) \
     values (101, 'manager', 1001, 'approved', now())",
    &[(101, "pad_approval:manager", "id")]
)]
#[case::a_lost_request(
    "alter table padealing.pad_request disable trigger all; delete from padealing.pad_request where id = 101",
    &[(101, "pad_request", "id")]
)]
#[case::one_request_claimed_twice(
    "update padealing.migration_mapping set target_id = 601 where source_id = 702 and target_table = 'pad_request'",
    &[
        (702, "audit_log:request_submitted", "lineage"),
        (601, "pad_request", "id"),
        (702, "audit_log:request_submitted", "id"),
    ]
)]
#[case::a_changed_source(
    "update personal_account_dealing set justification = 'after' where id = 2301",
    &[(2301, "pad_request", "justification")]
)]
#[case::a_changed_unknown_column(
    "update personal_account_dealing set desk_code = 'FX' where id = 2001",
    &[(2001, "personal_account_dealing", "desk_code")]
)]
#[case::a_lost_source(
    "delete from personal_account_dealing where id = 2301",
    &[(2301, "personal_account_dealing", "id")]
)]
#[case::the_last_source_lost(
    "delete from personal_account_dealing where id = 9000000600",
    &[(9_000_000_600, "personal_account_dealing", "id")]
)]
#[tokio::test]
async fn a_corruption_is_found_and_named(#[case] corruption: &str, #[case] want: &[(i64, &str, &str)]) {
    check_found(corruption, want).await;
}

/// What the application does beside the migration is none of the verification's business.
#[tokio::test]
async fn what_the_application_adds_is_not_reported() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        db.execute(
            "insert into padealing.pad_request (employee_id, status, compliance_assessment) values \
                 (1003, 'pending_manager', null), (1003, 'declined', '[\"legacy\"]'), (1003, 'declined', '\"legacy\"'); \
             insert into padealing.audit_log (action_type, action_status, actor_type, request_id) \
                 values ('request_viewed', 'success', 'user', 1901), ('request_submitted', 'success', 'user', null); \
             insert into padealing.pad_breach (employee_id, request_id, breach_type, severity) \
                 values (1003, 1901, 'late_note', 'low')",
        )
        .await;
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn rows_are_counted_by_what_became_of_them() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options { limit: Some(60), ..Options::default() }).await;
        db.execute(
            "delete from personal_account_dealing where id = 103; \
             alter table padealing.pad_request disable trigger all; delete from padealing.pad_request where id = 104",
        )
        .await;
        let counts = db.verify().await.counts;
        let VerifyCounts { source, verified, different, missing, rejected, pending, missing_source, extra } = counts;
        assert_eq!((source, missing, missing_source), (99, 1, 1));
        // What was tried, but for the two, and what was not.
        assert_eq!((verified, pending), (58, 40));
        assert_eq!((different, rejected, extra), (0, 0, 0));
    })
    .await;
}

/// A migration that is at work is mentioned, and what it commits between the two snapshots is not claimed to be wrong.
#[tokio::test]
async fn beside_a_running_migration_nothing_is_claimed_that_a_second_look_clears() {
    with_db(Start::Seeded, async |source| {
        with_db(Start::Applied, async |target| {
            let table = TableName::legacy();
            let environment = Environment::Local;
            let request = migrate::MigrateRequest {
                target: &target.database,
                source: LegacySource::Table { database: &source.database, table: &table },
                environment,
                options: Options::default(),
            };
            migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await.expect("it runs");
            // The first look finds a row gone, as a standby that lags would; the second finds it.
            source
                .execute(
                    "create view public.late as select * from personal_account_dealing l where id <> 1901 or exists \
                         (select from pg_locks where locktype = 'advisory' and objid = 4711 and granted)",
                )
                .await;
            let lagging = TableName { schema: "public".to_owned(), name: "late".to_owned() };
            let request = verify::VerifyRequest {
                target: &target.database,
                source: LegacySource::Table { database: &source.database, table: &lagging },
                environment,
            };
            let mut running = target.connect().await;
            let busy = "select pg_advisory_lock(x'7061646d'::int, 1)";
            sqlx::raw_sql(busy).execute(&mut running).await.expect("the lock of a migration is taken");
            let mut kept = None;
            let appears = || {
                let url = source.url.clone();
                let thread = std::thread::spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
                    let session = runtime.block_on(async {
                        let mut session = PgConnection::connect(&url).await.expect("it connects");
                        let lock = sqlx::raw_sql("select pg_advisory_lock(4711)");
                        lock.execute(&mut session).await.expect("the row appears");
                        session
                    });
                    (runtime, session)
                });
                thread.join().expect("the thread ends")
            };
            let report = verify::verify(&request, |_| {
                kept.get_or_insert_with(appears);
            });
            let report = report.await.expect("it runs");
            assert!(
                report.notes.iter().any(|it| it.contains("a migration was running meanwhile")),
                "{:?}",
                report.notes
            );
            assert_eq!(report.counts.missing_source, 0, "{:?}", report.differences);
            let (runtime, session) = kept.expect("there was a first look");
            drop(session);
            runtime.shutdown_background();
        })
        .await;
    })
    .await;
}

/// A standby cancels what reads an old snapshot: the page is read again in a new one, and the settings are named.
#[tokio::test]
async fn a_page_that_a_standby_cancels_is_read_again() {
    with_db(Start::Migrated, async |db| {
        // Each session is cancelled at its first look in a snapshot, which its lock outlives.
        db.execute(
            "create function public.conflict() returns boolean language plpgsql as $$ begin \
                 if current_setting('transaction_isolation') = 'repeatable read' and not exists (select from pg_locks \
                     where locktype = 'advisory' and objid = 4711 and pid = pg_backend_pid()) then \
                     perform pg_advisory_lock_shared(4711); \
                     raise 'canceling statement due to conflict with recovery' using errcode = '40001'; \
                 end if; return true; end $$; \
             create view public.on_standby as select * from personal_account_dealing where public.conflict()",
        )
        .await;
        let table = TableName { schema: "public".to_owned(), name: "on_standby".to_owned() };
        let environment = Environment::Local;
        let request = verify::VerifyRequest {
            target: &db.database,
            source: LegacySource::Table { database: &db.database, table: &table },
            environment,
        };
        let report = verify::verify(&request, |_| ()).await.expect("it runs");
        assert!(report.counts.is_clean(), "{:?}", report.differences);
        let said = |it: &String| it.contains("cancelled reading 1 time") && it.contains("hot_standby_feedback = on");
        assert!(report.notes.iter().any(said), "{:?}", report.notes);
        db.execute(
            "create or replace function public.conflict() returns boolean language plpgsql as \
            $$ begin if current_setting('transaction_isolation') = 'repeatable read' then \
            raise 'cancelled' using errcode = '40001'; end if; return true; end $$",
        )
        .await;
        let error = verify::verify(&request, |_| ()).await.expect_err("it gives up").to_string();
        assert!(error.contains("cancelled 10 times in a row"), "{error}");
    })
    .await;
}

/// A standby ends a session that keeps a snapshot while it waits, and over a socket the reason is lost with the
/// connection. Local programs only: a container would need a network to its primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_session_that_a_standby_ends_is_begun_again() {
    // Nothing else there keeps a snapshot, so that VACUUM removes what it should.
    let primary = other::start("echo 'autovacuum = off' >>postgresql.conf").await;
    let url = primary.url("postgres");
    if !url.contains("host=/") && !url.contains("host=%2F") {
        return;
    }
    for arguments in [&["apply", "--yes"][..], &["seed", "--rows", "2400"], &["migrate"]] {
        let output = run(&[&["--database-url", &url], arguments].concat(), &[]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    }
    let copy = format!(
        "rm -rf ./* && \"$bin/pg_basebackup\" --pgdata . --write-recovery-conf --checkpoint fast --no-sync \
         --host {} --port {} --username postgres && echo 'max_standby_streaming_delay = 0' >>postgresql.conf",
        primary.host, primary.port
    );
    let standby = other::start(&copy).await;
    let database = EphemeralDatabase::at(&standby.url("postgres")).expect("the URL is right");
    // The rows that the snapshots see are removed: the standby waits for nobody.
    let remove = || {
        let (there, here) = (url.clone(), standby.url("postgres"));
        let work = async move {
            let mut there = PgConnection::connect(&there).await.expect("it connects");
            let mut here = PgConnection::connect(&here).await.expect("it connects");
            const SNAPSHOTS: &str = "select pid from pg_stat_activity where backend_xmin is not null \
                and backend_type = 'client backend' and pid <> pg_backend_pid()";
            let snapshots = async |here: &mut PgConnection| {
                let pids: Vec<i32> = sqlx::query_scalar(SNAPSHOTS).fetch_all(here).await.expect("it runs");
                pids
            };
            let before = snapshots(&mut here).await;
            assert!(!before.is_empty(), "the verification keeps snapshots");
            // A vacuum leaves what something on the primary may still see, such as a session that is about to end.
            for _ in 0..200 {
                for sql in [
                    "update personal_account_dealing set id = id",
                    "update padealing.migration_mapping set id = id",
                    "vacuum personal_account_dealing",
                    "vacuum padealing.migration_mapping",
                ] {
                    sqlx::raw_sql(sql).execute(&mut there).await.expect("it runs");
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                if !snapshots(&mut here).await.iter().any(|pid| before.contains(pid)) {
                    return;
                }
            }
            panic!("the standby keeps the snapshots");
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("it starts").block_on(work);
        });
        thread.join().expect("the thread ends");
    };
    let request = verify::VerifyRequest {
        target: &database,
        source: LegacySource::Table { database: &database, table: &TableName::legacy() },
        environment: Environment::Local,
    };
    let mut pages = 0;
    let report = verify::verify(&request, |_| {
        pages += 1;
        if pages == 1 {
            remove();
        }
    });
    let report = report.await.expect("it goes on");
    assert!(report.counts.is_clean(), "{:?}", report.differences);
    assert_eq!(report.counts.source, 2400);
    assert!(report.notes.iter().any(|it| it.contains("a standby cancelled reading")), "{:?}", report.notes);
    // A backup of it is as good as the primary's, and nothing is restored into it.
    let folder = tempfile::tempdir().expect("a directory is made");
    let place = standby.url("postgres");
    let go = |arguments: &[&str]| run_in(folder.path(), &[&["--database-url", &place], arguments].concat(), &[]);
    let output = go(&["backup", "--out", "it.dump"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = go(&["restore", "--from", "it.dump", "--yes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(" is a standby, which is read-only; connect to the primary"));
}

/// Where judging takes longer than reading there is always another page; an interruption is heard between two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_is_heard_after_each_page() {
    with_db(Start::Applied, async |db| {
        db.execute("insert into personal_account_dealing (id) select generate_series(1, 4000)").await;
        let request = verify::VerifyRequest {
            target: &db.database,
            source: LegacySource::Table { database: &db.database, table: &TableName::legacy() },
            environment: Environment::Local,
        };
        let (interrupted, mut pages) = (tokio::sync::Notify::new(), 0);
        let work = verify::verify(&request, |_| {
            pages += 1;
            std::thread::sleep(std::time::Duration::from_millis(400));
            interrupted.notify_one();
        });
        tokio::select! {
            biased;
            _ = work => panic!("it isn't interrupted"),
            () = interrupted.notified() => {}
        }
        assert_eq!(pages, 1);
    })
    .await;
}

/// A sample has as many rows as it says; what is wrong with each row is seen in it.
/// A role that may not share a snapshot, and one that may have no third session, read in one.
#[tokio::test]
async fn where_there_is_no_second_session_one_reads_all() {
    with_db(Start::Migrated, async |db| {
        let (url, reader) = (db.url_as(Role::Reader).await, Role::Reader.name());
        db.execute(&format!("grant select on personal_account_dealing to {reader}")).await;
        let verified = |what: &str| {
            let output = run(&["verify", "--database-url", &url], &[]);
            assert_eq!(output.status.code(), Some(0), "{what}: {}", stderr(&output));
            stdout(&output).lines().find(|it| it.starts_with("Rows")).expect("the rows are counted").to_owned()
        };
        let rows = verified("as it is");
        db.execute("revoke execute on function pg_catalog.pg_export_snapshot() from public").await;
        assert_eq!(verified("without the right to share a snapshot"), rows);
        db.execute("grant execute on function pg_catalog.pg_export_snapshot() to public").await;
        db.execute(&format!("alter database {} connection limit 2", db.place().name)).await;
        assert_eq!(verified("with two sessions"), rows);
    })
    .await;
}

#[tokio::test]
async fn a_sample_has_as_many_rows_as_were_asked_for() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let sample = async |rows: u64| {
            let request = verify::VerifyRequest {
                target: &db.database,
                source: LegacySource::Table { database: &db.database, table: &TableName::legacy() },
                environment: Environment::Local,
            };
            verify::sample::verify_sample(&request, rows, |_| ()).await.expect("the sample is verified")
        };
        let whole = db.verify().await.counts;
        for rows in [1, 7, 40] {
            let report = sample(rows).await;
            let VerifyCounts { source, verified, rejected, .. } = report.counts;
            assert_eq!((source, verified + rejected), (rows, rows), "{:?}", report.differences);
            let sample = report.sample.expect("it was a sample");
            assert_eq!((sample.rows, sample.of), (rows, whole.source));
        }
        // More than there are is all of them.
        let report = sample(1_000_000).await;
        assert_eq!((report.counts, report.sample), (whole, None));

        db.execute("update padealing.pad_request set relation = 'another'").await;
        let report = sample(40).await;
        assert_eq!(report.counts.different + report.counts.rejected, 40, "{:?}", report.counts);
        let url = ["--database-url", &db.url, "verify", "--sample"];
        let output = run(&[&url[..], &["3", "--json"]].concat(), &[]);
        assert!(stdout(&output).contains("\"sample\""), "{}", stdout(&output));
        for wrong in ["0", "-1", "100001", "x"] {
            let output = run(&[&url[..], &[wrong]].concat(), &[]);
            assert_eq!(output.status.code(), Some(2), "{wrong}: {}", stderr(&output));
        }
    })
    .await;
}
