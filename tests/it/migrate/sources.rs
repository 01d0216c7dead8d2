//! Legacy tables of other kinds: elsewhere, large, of other types and encodings.

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::count;
use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Role, Seen, Start, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::TableName;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::ledger::pg::admission::SessionError;
use pad_migrate::migration::pg::legacy::LegacySource;
use pad_migrate::migration::pg::migrate_error::MigrateError;
use pad_migrate::migration::pg::{migrate, verify};
use pad_migrate::migration::run::{MigrateCounts, Options};
use pad_migrate::migration::verification::VerifyCounts;

#[tokio::test]
async fn the_source_may_be_another_database() {
    with_db(Start::Seeded, async |source| {
        with_db(Start::Applied, async |target| {
            let table = TableName::legacy();
            let request = migrate::MigrateRequest {
                target: &target.database,
                source: LegacySource::Table { database: &source.database, table: &table },
                environment: Environment::Local,
                options: Options::default(),
            };
            let report = migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await;
            // Without the fixtures' own requests in the target, nothing collides.
            assert_eq!(report.expect("the migration runs").counts.migrated, 69);
            assert_eq!(count(&source, "select count(*) from padealing.migration_mapping").await, 0);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_text_larger_than_memory_should_hold_is_moved_in_pieces() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table personal_account_dealing add column attachment bytea, add column essay text; \
             update personal_account_dealing set attachment = decode(repeat('00ff5c22', 1500000), 'hex'), \
                 essay = repeat(E'Ünïcode \"quoted\" \\\\ back\\n\\t\\u0001', 200000), \
                 comments_manager = repeat('äöü', 2000000), justification = repeat('x', 5000000) || 'ü' \
             where id in (1901, 401)",
        )
        .await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 67);
        let same = "select bool_and(r.justification = l.justification \
                        and r.compliance_assessment -> 'legacy' ->> 'attachment' = l.attachment::text \
                        and r.compliance_assessment -> 'legacy' ->> 'essay' = l.essay \
                        and coalesce((select a.comments from padealing.pad_approval a where a.request_id = r.id and \
                            approval_type = 'manager'), r.compliance_assessment -> 'legacy' ->> 'comments_manager') \
                            = l.comments_manager) \
                    from padealing.pad_request r join personal_account_dealing l using (id) where id in (1901, 401)";
        assert_eq!(db.value(same).await.as_deref(), Some("true"));
        db.check_clean().await;
        // One character in millions.
        db.execute("update padealing.pad_request set justification = left(justification, -1) || 'u' where id = 1901")
            .await;
        let verified = db.verify().await;
        let fields: Vec<(i64, &str)> =
            verified.differences.iter().map(|it| (it.source_id, it.field.as_str())).collect();
        assert_eq!(fields, [(1901, "justification")]);
    })
    .await;
}

#[tokio::test]
async fn a_value_that_no_jsonb_holds_is_a_rejection() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "delete from personal_account_dealing where id <> 401; \
             alter table personal_account_dealing add column attachment bytea; \
             update personal_account_dealing set attachment = decode(repeat('ab', 140000000), 'hex'), status = 'what'",
        )
        .await;
        let (_, seen) = db.migrate(Options::default()).await;
        let reasons: Vec<String> = seen
            .rejections
            .iter()
            .flat_map(|row| &row.reasons)
            .map(|reason| format!("{} {}", reason.field, reason.rule))
            .collect();
        // No reason hides another.
        assert_eq!(reasons, ["attachment too_long", "status unknown_status"]);
    })
    .await;
}

/// Unexpected types in known columns.
#[tokio::test]
async fn columns_of_other_types_are_read_as_their_text() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "create type mood as enum ('1', '2'); create domain flag as varchar(1); \
             truncate personal_account_dealing; alter table personal_account_dealing \
                 alter column id type numeric, alter column employee type numeric(20,2), \
                 alter column requested_date type text, alter column last_modified_date type date, \
                 alter column related_yn type mood using null, alter column conflicts_yn type flag, \
                 alter column restricted_yn type integer using null, alter column buysell type char(4), \
                 alter column trade_size type double precision, alter column name type xml using null, \
                 alter column currency type char(3); \
             insert into personal_account_dealing (id, employee, requested_date, last_modified_date, status, \
                 related_yn, conflicts_yn, restricted_yn, buysell, trade_size, name, currency, is_deleted_yn) \
             values (5, 1003, '2021-03-01 08:00:00', '2021-03-02', 'request', '1', '2', 1, 's', 1.5, '<a/>', \
             'GB', 'N')",
        )
        .await;
        let (report, seen) = db.migrate(Options::default()).await;
        assert_eq!(report.counts.migrated, 1, "{:?}", seen.rejections);
        let row = "select concat_ws('|', employee_id, created_at, updated_at, is_related_party, has_conflict, \
                   is_restricted, direction, quantity, currency) from padealing.pad_request where id = 5";
        let want = "1003|2021-03-01 08:00:00|2021-03-02 00:00:00|t|f|t|SELL|1.5000|GB ";
        assert_eq!(db.value(row).await.as_deref(), Some(want));
        db.check_clean().await;
    })
    .await;
}

#[tokio::test]
async fn a_table_that_can_not_be_read_is_refused_before_the_first_row() {
    for (change, want) in [
        ("drop table personal_account_dealing", "the table public.personal_account_dealing doesn't exist"),
        ("alter table personal_account_dealing drop column sedol, drop column isin", "lacks the columns isin, sedol"),
        (
            "alter table personal_account_dealing alter column value type bytea using null",
            "personal_account_dealing.value has the type bytea",
        ),
    ] {
        with_db(Start::Seeded, async |db| {
            db.execute(change).await;
            let error = db.try_migrate(Options::default(), &mut Seen::default()).await.expect_err("it is refused");
            assert!(error.to_string().contains(want), "{error}");
            assert_eq!(count(&db, "select count(*) from padealing.migration_mapping").await, 0);
        })
        .await;
    }
}

#[tokio::test]
async fn ids_that_are_texts_are_ordered_as_numbers() {
    with_db(Start::Seeded, async |db| {
        db.execute("alter table personal_account_dealing alter column id type text").await;
        let (report, _) = db.migrate(Options { batch_size: 7, ..Options::default() }).await;
        assert_eq!(report.counts.migrated, 67);
        db.check_clean().await;
    })
    .await;
}

/// A policy hides rows from a role that it applies to; reading what is left would lose the others in silence.
#[tokio::test]
async fn rows_behind_a_policy_are_an_error_and_not_nothing() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "grant usage on schema padealing, bo_airflow to pad_migrate_stranger; \
             grant all on all tables in schema padealing, public to pad_migrate_stranger; \
             grant select on all tables in schema bo_airflow to pad_migrate_stranger; \
             alter table personal_account_dealing enable row level security; \
             create policy narrow on personal_account_dealing using (id < 200)",
        )
        .await;
        let narrow = EphemeralDatabase::at(&db.url_as(Role::Stranger).await).expect("the URL is right");
        let request = migrate::MigrateRequest {
            target: &narrow,
            source: LegacySource::Table { database: &narrow, table: &TableName::legacy() },
            environment: Environment::Local,
            options: Options { dry_run: true, ..Options::default() },
        };
        let error = migrate::migrate(&request, &mut Seen::default(), std::future::pending()).await;
        let MigrateError::Session(SessionError::Refused(error)) = error.expect_err("it is refused") else {
            panic!("another error")
        };
        let says = "a policy may hide rows of public.personal_account_dealing; run as a superuser: alter role \
                    pad_migrate_stranger bypassrls; ";
        assert!(error.to_string().contains(says), "{error}");
    })
    .await;
}

/// A view casts what its table has as text, as messages advise: what can't be cast rejects its row, on every path.
#[tokio::test]
async fn a_value_that_a_view_fails_to_compute_rejects_its_row_only() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table personal_account_dealing alter column value type text; \
             update personal_account_dealing set value = 'seven' where id in (101, 1901); \
             update personal_account_dealing set status = 'what' where id = 1901; \
             do $$ begin execute (select 'create view public.casted as select ' || string_agg(case attname \
                 when 'value' then 'value::numeric as value' else quote_ident(attname) end, ', ' order by attnum) \
                 || ' from public.personal_account_dealing' from pg_attribute \
                 where attrelid = 'public.personal_account_dealing'::regclass and attnum > 0); end $$",
        )
        .await;
        let table = TableName { schema: "public".to_owned(), name: "casted".to_owned() };
        let go = async |options| {
            let request = migrate::MigrateRequest {
                target: &db.database,
                source: LegacySource::Table { database: &db.database, table: &table },
                environment: Environment::Local,
                options,
            };
            let mut seen = Seen::default();
            let report = migrate::migrate(&request, &mut seen, std::future::pending()).await.expect("it runs");
            let rows = seen.rejections.iter().filter(|it| [101, 1901].contains(&it.source_id));
            let reasons = rows.flat_map(|it| it.reasons.iter().map(|it| format!("{} {} {}", it.field, it.rule, it.message)));
            (report.counts, reasons.collect::<Vec<_>>())
        };
        let dry = go(Options { dry_run: true, ..Options::default() }).await;
        let (counts, reasons) = go(Options { batch_size: 16, ..Options::default() }).await;
        assert_eq!((&dry.0.rejected, &dry.1), (&counts.rejected, &reasons));
        assert_eq!((counts.read, counts.migrated), (100, 65));
        let failed = "value unreadable the source can't compute value of this row: invalid input syntax for type numeric: \
                      \"…\" (SQLSTATE 22P02); correct what it is computed from";
        assert_eq!(reasons.len(), 3, "{reasons:?}");
        assert!(reasons[2] == failed && reasons[0] == failed && reasons[1].starts_with("status unknown_status"), "{reasons:?}");
        let request =
            verify::VerifyRequest { target: &db.database, source: LegacySource::Table { database: &db.database, table: &table }, environment: Environment::Local };
        let verified = verify::verify(&request, |_| ()).await.expect("it runs");
        assert!(verified.counts.is_clean(), "{:?}", verified.differences);
        assert_eq!((verified.counts.verified, verified.counts.rejected), (65, 35));
    })
    .await;
}

/// Ids that don't identify a row stop no other row: each such row is counted and rejected, by migrate and its dry run
/// alike, verify counts it so, and doctor says it beforehand in the same words.
#[rstest]
#[case::numbers(
    "alter table personal_account_dealing drop constraint personal_account_dealing_pkey; \
     alter table personal_account_dealing alter column id drop not null, alter column id type numeric; \
     insert into personal_account_dealing (id, employee, requested_date, status) \
         select id, 1003, now(), 'request' from unnest('{NaN,null,null,1.5,9223372036854775808,101,101.0,1901}'::numeric[]) id",
    "5 rows of public.personal_account_dealing have an id that is not a whole number of 64 bits (null 2 times, '1.5', \
     '9223372036854775808', 'NaN'), and are rejected",
    5
)]
#[case::texts(
    "alter table personal_account_dealing alter column id type text; \
     insert into personal_account_dealing (id, employee, requested_date, status) \
         select id, 1003, now(), 'request' from unnest('{A1,A1;,\"\",+101,101.0,01901,1e400}'::text[]) id",
    "4 rows of public.personal_account_dealing have an id that is not a whole number of 64 bits ('', '1e400', 'A1', \
     'A1;'), and are rejected",
    4
)]
#[tokio::test]
async fn ids_that_identify_no_row_stop_no_other_row(
    #[case] change: &str,
    #[case] without: &str,
    #[case] rows_without: u64,
) {
    with_db(Start::Seeded, async |db| {
        db.execute(change).await;
        let repeated = "2 ids of public.personal_account_dealing occur more than once (101, 1901), in 5 rows, which \
                        can't be told apart and are rejected (id_collision)";
        let output = run(&["--database-url", &db.url, "doctor", "--format", "json"], &[]);
        for want in [without, repeated] {
            assert!(stdout(&output).contains(&want.replace('"', "\\\"")), "{want}: {}", stdout(&output));
        }
        let mut first = None;
        for (dry_run, batch_size) in [(true, 500), (true, 3), (false, 3)] {
            let (report, seen) = db.migrate(Options { dry_run, batch_size, ..Options::default() }).await;
            let MigrateCounts { read, migrated, rejected, without_id, .. } = report.counts;
            // 101 and 1901 are among the rows that could be migrated.
            assert_eq!((without_id, migrated, read - migrated), (rows_without, 65, rejected));
            assert!(report.notes.iter().any(|it| it.starts_with(without)), "{:?}", report.notes);
            assert!(report.notes.iter().any(|it| it.starts_with(repeated)), "{:?}", report.notes);
            let twice = |id| seen.rejections.iter().filter(|it| it.source_id == id).count();
            assert_eq!((twice(101), twice(1901)), (3, 2));
            assert_eq!(first.get_or_insert(report.counts.rejected), &report.counts.rejected);
        }
        let open = "select count(*) from padealing.migration_reject where source_id in (101, 1901)";
        assert_eq!(count(&db, open).await, 2);
        let counts = db.check_clean().await;
        assert_eq!((counts.verified, Some(counts.rejected)), (65, first));
        let output = run(&["--database-url", &db.url, "status", "--format", "json"], &[]);
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!((status["rows"]["rejected"].as_u64(), status["rows"]["left"].as_u64()), (first, Some(0)));
        // What comes later was never tried.
        db.execute("insert into personal_account_dealing (id) values ('NaN'), ('3000'), ('3e3')").await;
        let counts = db.verify().await.counts;
        assert_eq!((counts.pending, Some(counts.rejected)), (3, first));
    })
    .await;
}

/// A limit lets no row be passed over: some runs come to the end of them all, and all commands count alike then.
#[tokio::test]
async fn rows_that_their_ids_dont_identify_are_tried_within_a_limit() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table personal_account_dealing drop constraint personal_account_dealing_pkey; \
             alter table personal_account_dealing alter column id drop not null; \
             insert into personal_account_dealing (id, employee, requested_date, status) \
                 select id, 1003, now(), 'request' from unnest('{null,null,101,101,101,1901}'::int8[]) id",
        )
        .await;
        let whole = Options { dry_run: true, ..Options::default() };
        let rejected = db.migrate(whole).await.0.counts.rejected;
        let mut tried = Vec::new();
        // What was rejected is tried again by each run, before what never was.
        for limit in [70, rejected - 3, rejected - 1, rejected] {
            let (report, _) = db.migrate(Options { limit: Some(limit), ..Options::default() }).await;
            assert!(report.counts.migrated + report.counts.rejected <= limit, "{:?}", report.counts);
            let counts = db.verify().await.counts;
            let output = run(&["--database-url", &db.url, "status", "--format", "json"], &[]);
            let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
            tried.push((counts.pending, status["rows"]["left"].as_u64()));
        }
        assert_eq!(tried.last(), Some(&(0, Some(0))), "{tried:?}");
        assert!(tried[0].0 > 0, "{tried:?}");
        assert_eq!(db.check_clean().await.rejected, rejected);
        // A run that tries fewer doesn't make the others untried.
        db.migrate(Options { limit: Some(1), ..Options::default() }).await;
        assert_eq!(db.verify().await.counts.rejected, rejected);
    })
    .await;
}

/// A row that was migrated when its id was its own stays migrated.
#[tokio::test]
async fn an_id_that_another_row_takes_later_is_reported_and_written_once() {
    with_db(Start::Migrated, async |db| {
        db.execute(
            "create table kid () inherits (personal_account_dealing); \
             insert into kid (id, employee, requested_date, status) values (101, 1003, now(), 'request')",
        )
        .await;
        let (report, seen) = db.migrate(Options::default()).await;
        assert_eq!((report.counts.migrated, report.counts.already_migrated), (0, 67));
        let of_it: Vec<_> = seen.rejections.iter().filter(|it| it.source_id == 101).collect();
        assert_eq!(of_it.len(), 1, "one of the two was migrated");
        assert!(of_it[0].reasons[0].message.contains("one of them was migrated while it was alone"), "{of_it:?}");
        let open = "select count(*) from padealing.migration_reject where source_id = 101";
        assert_eq!(count(&db, open).await, 0, "what is migrated is not on record as rejected");
        assert!(
            report.notes.iter().any(|it| it.contains("occurs more than once (101), in 2 rows")),
            "{:?}",
            report.notes
        );
        let verified = db.verify().await;
        let VerifyCounts { different, missing_source, pending, rejected, .. } = verified.counts;
        assert_eq!((different, missing_source, pending, rejected), (1, 0, 0, report.counts.rejected));
        let said: Vec<_> = verified.differences.iter().map(|it| (it.source_id, it.actual.as_deref())).collect();
        assert_eq!(said, [(101, Some("2 legacy rows, one of which was migrated"))]);
        let output = run(&["--database-url", &db.url, "status", "--format", "json"], &[]);
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(status["rows"]["rejected"].as_u64(), Some(report.counts.rejected));
        assert_eq!(status["rows"]["left"].as_u64(), Some(0));
        let dir = tempfile::tempdir().expect("a directory is made");
        let folder = dir.path().join("evidence").display().to_string();
        let output = run(&["--database-url", &db.url, "verify", "--evidence", &folder], &[]);
        assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
        db.execute("delete from kid").await;
        db.check_clean().await;
    })
    .await;
}
