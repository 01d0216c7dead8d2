//! How the legacy table is read: by pages or by a cursor, in which time zone, from where.

use pretty_assertions::assert_eq;

use super::count;
use crate::harness::program::run;
use crate::harness::{Db, Seen, Start, stored, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::verify_error::VerifyError;
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::run::{MigrateReport, Options};
use pad_migrate::postgres::database::Database;

/// A table without an index on its id is read once, and the result is the same.
#[tokio::test]
async fn a_table_without_an_index_is_read_once_by_a_cursor() {
    with_db(Start::Seeded, async |db| {
        let view = TableName { schema: "public".to_owned(), name: "indexed".to_owned() };
        db.execute("create view public.indexed as select * from personal_account_dealing where id > 0").await;
        assert_eq!(try_migrate(&db.database, &view).await.expect("it runs").notes, [""; 0]);
        let mut first = None;
        for change in [
            "drop view public.indexed",
            "alter table personal_account_dealing drop constraint personal_account_dealing_pkey",
            "alter table personal_account_dealing alter column id type text",
        ] {
            db.execute(
                "truncate padealing.migration_mapping; delete from padealing.audit_log; \
                 delete from padealing.pad_execution; delete from padealing.pad_approval; \
                 delete from padealing.pad_breach; delete from padealing.compliance_decision_outcome; \
                 delete from padealing.pad_request",
            )
            .await;
            db.execute(change).await;
            let said = |notes: &[String]| notes.iter().any(|it| it.contains("so they are read once, by a cursor"));
            let (dry, _) = db.migrate(Options { dry_run: true, ..Options::default() }).await;
            let before = db.migrate(Options { limit: Some(20), batch_size: 7, ..Options::default() }).await.0;
            let (report, _) = db.migrate(Options { batch_size: 9, ..Options::default() }).await;
            assert_eq!((report.counts.read, report.counts.already_migrated), (100, before.counts.migrated));
            let all = [&dry.notes, &before.notes, &report.notes, &db.verify().await.notes];
            assert!(all.iter().all(|it| said(it) == first.is_some()), "{change}: {all:?}");
            db.check_clean().await;
            let stored = stored::outcomes(&db).await;
            assert_eq!(first.get_or_insert_with(|| stored.clone()), &stored, "{change}");
        }
    })
    .await;
}

async fn try_migrate(
    source: &Database,
    table: &TableName,
) -> Result<MigrateReport, pad_migrate::migration::pg::migrate_error::MigrateError> {
    let request = migrate::MigrateRequest {
        target: source,
        source: LegacySource::Table { database: source, table },
        environment: Environment::Local,
        options: Options::default(),
    };
    migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await
}

async fn try_verify(db: &Db, zone: Option<&str>) -> Result<bool, VerifyError> {
    let source = Database::clone(&db.database).in_timezone(zone.map(str::to_owned));
    let table = TableName::legacy();
    let environment = Environment::Local;
    let request = verify::VerifyRequest {
        target: &db.database,
        source: LegacySource::Table { database: &source, table: &table },
        environment,
    };
    Ok(verify::verify(&request, |_| ()).await?.counts.is_clean())
}

/// What a clock showed is stored, the moment itself is kept, and the time zone is that of the first run for good.
#[tokio::test]
async fn moments_need_a_time_zone_which_is_recorded() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "truncate personal_account_dealing; alter table personal_account_dealing \
                 alter column requested_date type timestamptz, alter column auth_manager_date type timestamptz, \
                 add column seen timestamptz; \
             insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, seen, \
                 auth_manager, status_manager, auth_manager_date) \
             values (1, 1003, '2021-06-30 23:30:00+00', 'approved', 'N', '2021-06-30 23:30:00+00', 1001, 'approved', \
                     '2021-12-31 23:30:00+00'), \
                    (2, 1003, '2021-10-31 00:30:00+00', 'approved', 'N', null, null, null, null), \
                    (3, 1003, '2021-10-31 01:30:00+00', 'approved', 'N', null, null, null, null), \
                    (4, 1003, 'infinity', 'approved', 'N', null, 1001, 'approved', '-infinity'), \
                    (5, 1003, '294276-12-31 23:59:59.999999+00', 'approved', 'N', null, null, null, null)",
        )
        .await;
        let table = TableName::legacy();
        let zoned = |zone: Option<&str>| Database::clone(&db.database).in_timezone(zone.map(str::to_owned));
        let refused = async |zone| try_migrate(&zoned(zone), &table).await.expect_err("it is refused").to_string();
        let text = refused(None).await;
        assert!(text.contains("timestamptz: requested_date, auth_manager_date;"), "{text}");
        assert!(text.contains("--source-timezone, such as Europe/London"), "{text}");
        let set = format!("alter database {} set timezone = 'Asia/Tokyo'", db.place().name);
        db.execute(&set).await;
        assert!(refused(None).await.contains("such as Asia/Tokyo (a setting of"), "the database's own is named");
        assert!(refused(Some("Europe/Lond")).await.contains("pg_timezone_names"), "the server doesn't know it");
        let output = run(&["--database-url", &db.url, "doctor", "--format", "json"], &[]);
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("need a time zone: requested_date, auth_manager_date")
        );

        let report = try_migrate(&zoned(Some("Europe/London")), &table).await.expect("it runs");
        assert_eq!(report.counts.migrated, 5);
        let created = "select string_agg(created_at::text, ', ' order by id) from padealing.pad_request where id < 6";
        let want =
            "2021-07-01 00:30:00, 2021-10-31 01:30:00, 2021-10-31 01:30:00, infinity, 294276-12-31 23:59:59.999999";
        assert_eq!(db.value(created).await.as_deref(), Some(want));
        let decided = "select decided_at::text from padealing.pad_approval where request_id = 1";
        assert_eq!(db.value(decided).await.as_deref(), Some("2021-12-31 23:30:00"));
        assert_eq!(
            count(
                &db,
                "select count(*) from padealing.migration_run where options ->> 'source_timezone' = \
            'Europe/London'"
            )
            .await,
            1
        );
        assert!(try_verify(&db, None).await.expect("it runs"), "the recorded zone is used");
        assert!(try_verify(&db, Some("Europe/London")).await.expect("it runs"));
        let other = try_verify(&db, Some("UTC")).await.expect_err("it is refused").to_string();
        assert!(other.contains("rows were migrated with Europe/London"), "{other}");
        assert!(refused(Some("UTC")).await.contains("rows were migrated with Europe/London"));
    })
    .await;
}

/// A policy on another server hides rows where nobody here can see it.
#[tokio::test]
async fn rows_of_a_foreign_table_may_be_hidden_which_is_said() {
    with_db(Start::Seeded, async |db| {
        if count(&db, "select count(*) from pg_available_extensions where name = 'postgres_fdw'").await == 0 {
            return;
        }
        db.execute(
            "create schema far; alter table personal_account_dealing set schema far; create extension postgres_fdw; \
             do $$ begin execute format('create server far foreign data wrapper postgres_fdw options (host %L, port %L, \
                 dbname %L)', trim(chr(34) from split_part(current_setting('unix_socket_directories'), ',', 1)), \
                 current_setting('port'), \
                 current_database()); end $$; \
             create user mapping for current_user server far",
        )
        .await;
        db.execute(
            "import foreign schema far limit to (personal_account_dealing) from server far into public",
        )
        .await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 67);
        let said = |notes: &[String]| notes.iter().any(|it| it.contains("foreign table public.personal_account_dealing"));
        assert!(said(&report.notes), "{:?}", report.notes);
        assert!(said(&db.verify().await.notes));
        let output = run(&["--database-url", &db.url, "doctor", "--format", "json"], &[]);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains("a policy may hide some; that can't be seen from here"), "{printed}");
    })
    .await;
}
