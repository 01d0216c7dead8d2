//! Rows that the target refuses: its constraints, its triggers, its types.

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::count;
use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Seen, Start, stored, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::migration::refusal::{Culprit, Refusal, culprit};
use pad_migrate::migration::run::Options;

/// Sixty rows that can be migrated, but for what the target has against some of them.
const ROWS: &str = "
    truncate personal_account_dealing; delete from padealing.audit_log; delete from padealing.pad_execution;
    delete from padealing.pad_approval; delete from padealing.pad_breach; delete from padealing.pad_request;
    delete from padealing.compliance_decision_outcome;
    insert into personal_account_dealing (id, employee, requested_date, status, is_deleted_yn, currency, auth_manager,
        status_manager)
    select id, 1003, '2021-01-01', 'approved', 'N', 'GBP', 1001, 'approved' from generate_series(1, 60) id;
    update personal_account_dealing set justification = 'checked' where id = 1;
    update personal_account_dealing set justification = 'raised' where id = 7;
    update personal_account_dealing set justification = 'dropped' where id = 8;
    update personal_account_dealing set justification = 'deferred' where id = 15;
    update personal_account_dealing set justification = 'twin' where id in (20, 40);
    update personal_account_dealing set justification = 'other twin' where id in (21, 22, 59);
    update personal_account_dealing set justification = 'other twin', currency = null where id = 19;
    update personal_account_dealing set isin = 'TOOLONG' where id = 30;
    update personal_account_dealing set sedol = 'X' where id = 31;
    update personal_account_dealing set ticker = 'BAD' where id = 32;
    update personal_account_dealing set bloomberg = 'secret' where id = 33;
    update personal_account_dealing set other_comments = (select string_agg(md5(i::text), '') from
        generate_series(1, 400) i) where id = 34;
    update personal_account_dealing set justification = 'coded' where id = 60;";

/// What the target has against them.
const OBSTACLES: &str = "
    create table public.sedols (sedol varchar(7) primary key);
    create domain public.ticker as varchar(50) check (value <> 'BAD');
    alter table padealing.pad_request
        add constraint extra check (justification <> 'checked'), alter currency set not null,
        alter isin type varchar(6), alter ticker type public.ticker,
        add constraint listed foreign key (sedol) references public.sedols deferrable initially deferred,
        add constraint alone exclude (justification with =) where (justification = 'other twin');
    create index comments on padealing.pad_request (other_comments);
    create unique index twin on padealing.pad_request (justification) where justification = 'twin';
    create function padealing.refuse() returns trigger language plpgsql as $$
    declare row padealing.pad_request; begin
        select * into row from padealing.pad_request where id = new.request_id;
        if row.justification = 'raised' then raise 'request % is refused', new.request_id; end if;
        if row.justification = 'coded' then raise 'no' using errcode = 'PAD01'; end if;
        if row.justification = 'dropped' then return null; end if;
        perform row.bloomberg_ticker::int where row.bloomberg_ticker = 'secret'; return new; end $$;
    create trigger refuse before insert on padealing.audit_log for each row execute function padealing.refuse();
    create function padealing.later() returns trigger language plpgsql as $$ begin
        if new.justification = 'deferred' then raise 'not at the end' using errcode = 'check_violation'; end if;
        return null; end $$;
    create constraint trigger later after insert on padealing.pad_request deferrable initially deferred
        for each row execute function padealing.later();";

const REMOVED: &str = "
    drop trigger refuse on padealing.audit_log; drop trigger later on padealing.pad_request;
    drop index padealing.twin, padealing.comments;
    alter table padealing.pad_request drop constraint extra, drop constraint listed, drop constraint alone,
        alter isin type varchar(12), alter ticker type varchar(50), alter currency drop not null;";

async fn empty(db: &Db) {
    db.execute("truncate padealing.pad_request, padealing.migration_mapping, padealing.migration_reject cascade").await;
}

/// Batch sizes, workers and order make no difference: of two rows that exclude each other the first is migrated.
#[tokio::test]
async fn what_the_target_refuses_is_a_rejection_and_the_others_are_migrated() {
    with_db(Start::Seeded, async |db| {
        db.execute(ROWS).await;
        db.execute(OBSTACLES).await;
        let mut first = None;
        for (batch_size, jobs) in [(500, 2), (1, 1), (7, 4), (16, 4), (500, 1)] {
            empty(&db).await;
            let (report, seen) = db.migrate(Options { batch_size, jobs, ..Options::default() }).await;
            let (rejected, others) = (seen.rejections.len() as u64, report.counts.migrated);
            assert_eq!((rejected, others, report.counts.rejected), (14, 46, 14), "{batch_size} {jobs}");
            let found = (seen.rejections, stored::outcomes(&db).await);
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{batch_size} {jobs}");
        }
        let (rejections, _) = first.expect("it ran");
        let lines: Vec<String> = rejections
            .iter()
            .flat_map(|it| &it.reasons)
            .map(|it| format!("{} {} {}", it.field, it.rule, it.message.split_once("; correct").expect("it advises").0))
            .collect();
        Snapshot::migrate__refused_by_target.check(&lines.join("\n"));
        let counts = db.check_clean().await;
        assert_eq!((counts.verified, counts.rejected), (46, 14));
        let open = "select count(*) from padealing.migration_reject where resolved_run_id is null";
        assert_eq!(count(&db, open).await, 14);
        db.execute(REMOVED).await;
        let (report, _) = db.migrate(Options::default()).await;
        assert_eq!((report.counts.migrated, report.counts.rejected), (14, 0));
        assert_eq!(count(&db, open).await, 0);
        db.check_clean().await;
    })
    .await;
}

/// A cause that lies in the target refuses every row, and each is tried.
#[tokio::test]
async fn every_row_may_be_refused() {
    with_db(Start::Seeded, async |db| {
        db.execute(ROWS).await;
        db.execute("alter table padealing.pad_approval add column desk text not null").await;
        let (report, _) = db.migrate(Options { batch_size: 25, ..Options::default() }).await;
        assert_eq!((report.counts.migrated, report.counts.rejected), (0, 60));
        assert_eq!(report.by_rule["refused_by_target"], 60);
    })
    .await;
}

/// What isn't a row's fault stops the run, and no row is blamed.
#[tokio::test]
async fn what_is_no_rows_fault_stops_the_run() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "create table public.hidden (); create function padealing.look() returns trigger language plpgsql \
             security definer as $$ begin perform 1 from public.hidden; return new; end $$; \
             alter function padealing.look() owner to pad_migrate_stranger; \
             create trigger look before insert on padealing.audit_log for each row execute function padealing.look()",
        )
        .await;
        let error = db.try_migrate(Options::default(), &mut Seen::default()).await.expect_err("it stops");
        assert!(error.to_string().contains("could not be migrated"), "{error}");
        assert_eq!(count(&db, "select count(*) from padealing.migration_reject").await, 0);
    })
    .await;
}

#[rstest]
#[case::check("23514", Culprit::Row)]
#[case::sequence_at_its_end("2200H", Culprit::Run)]
#[case::value("22001", Culprit::Row)]
#[case::raised("P0001", Culprit::Row)]
#[case::row_size("54000", Culprit::Row)]
#[case::no_case("20000", Culprit::Row)]
#[case::own_code("PAD01", Culprit::Row)]
#[case::too_many_arguments("54023", Culprit::Run)]
#[case::right("42501", Culprit::Run)]
#[case::broken_function("42703", Culprit::Run)]
#[case::disk("53100", Culprit::Run)]
#[case::memory("53200", Culprit::Run)]
#[case::lock("55P03", Culprit::Run)]
#[case::deadlock("40P01", Culprit::Run)]
#[case::cancelled("57014", Culprit::Run)]
#[case::connection("08006", Culprit::Run)]
#[case::read_only("25006", Culprit::Run)]
#[case::corrupted("XX001", Culprit::Run)]
#[case::foreign_server("HV000", Culprit::Run)]
fn an_error_is_a_rows_or_the_runs(#[case] sqlstate: &str, #[case] want: Culprit) {
    assert_eq!(culprit(sqlstate), want);
}

/// Values of the row, and secrets, stay out of the reason, in whatever language and by whatever statement of a function
/// the server quotes them. What a function raises are its author's words.
#[test]
fn a_refusal_names_what_refuses_and_quotes_no_value() {
    let at =
        |statement: &str| format!("PL/pgSQL function padealing.f() line 3 at {statement}\nCOPY pad_request, line 1");
    let inner = at("EXECUTE").replace("PL/pg", "SQL statement \"select\n7 High Street\"\nPL/pg");
    let copy = "COPY pad_request, line 1, column isin: \"7 High Street\"".to_owned();
    for (sqlstate, message, context, want) in [
        (
            "22P02",
            "invalid input syntax for type integer: \"7 High Street\"",
            &copy,
            "type integer: \"…\" (SQLSTATE 22P02);",
        ),
        ("22P02", "ungültige Eingabesyntax für Typ integer: »7 High Street«", &copy, "für Typ integer: »…« (SQLSTATE"),
        (
            "22007",
            "invalid input syntax for type date: \"7 \"High\" Street\"",
            &inner,
            "type date: \"…\" (SQLSTATE 22007, f",
        ),
        (
            "22003",
            "value \"7 High Street\" is out of range",
            &at("assignment"),
            "value \"…\" is out of range (SQLSTATE",
        ),
        (
            "42601",
            "syntax error at or near \"7 High Street\"",
            &at("EXECUTE"),
            "syntax error at or near \"…\" (SQLSTATE",
        ),
        (
            "42601",
            "unterminated quoted string at or near \"'7 High Street\"",
            &at("FOR over EXECUTE statement"),
            "\"…\" (",
        ),
        ("42P01", "relation \"7 High Street\" does not exist", &at("OPEN"), "relation \"…\" does not exist ("),
        ("42703", "column \"7 High Street\" does not exist", &at("RETURN QUERY"), "column \"…\" does not exist ("),
        (
            "3F000",
            "schema \"7 High Street\" does not exist",
            &inner,
            "schema \"…\" does not exist (SQLSTATE 3F000, function",
        ),
        (
            "38000",
            "KeyError: '7 High Street'",
            &"PL/Python function \"f\"".to_owned(),
            "KeyError: '…' (SQLSTATE 38000)",
        ),
        ("42P01", "relation \"ledger\" does not exist", &at("SQL statement"), "relation \"ledger\" does not exist ("),
        (
            "23514",
            "row for \"r\" violates \"c\"",
            &copy,
            "padealing.pad_request refuses the row: row for \"r\" violates \"c\" (",
        ),
        (
            "P0001",
            "request \"A 5\" is closed",
            &at("RAISE"),
            "request \"A 5\" is closed (SQLSTATE P0001, function padealing.f()",
        ),
        ("22000", "request \"A 5\" is closed", &at("RAISE"), "request \"A 5\" is closed (SQLSTATE 22000"),
        ("P0001", "see postgres://u:hunter2@h/d", &at("RAISE"), "see postgres://u:••••@h/d ("),
    ] {
        let refusal = Refusal::new(Some("pad_request".to_owned()), sqlstate, message, Some(context));
        let reason = refusal.reason(5).message;
        assert!(reason.contains(want) && !reason.contains("High Street"), "{reason}");
    }
}

/// The same of an error that stops the run.
#[tokio::test]
async fn an_error_that_stops_the_run_quotes_no_value() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "create function padealing.put_together() returns trigger language plpgsql as $$ declare found text; begin \
                 execute 'select ' || new.security_name into found; return new; end $$; \
             create trigger put_together before insert on padealing.pad_request for each row \
                 execute function padealing.put_together(); \
             update personal_account_dealing set security_description = '7 High Street'",
        )
        .await;
        let output = run(&["--database-url", &db.url, "migrate"], &[]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("at or near \"…\" (SQLSTATE 42601)"), "{}", stderr(&output));
        assert!(!(stderr(&output) + &stdout(&output)).contains("High"), "{}", stderr(&output));
        // Next morning somebody asks why.
        let status = run(&["--database-url", &db.url, "status", "--json"], &[]);
        assert!(stdout(&status).contains("at or near \\\"…\\\" (SQLSTATE 42601)"), "{}", stdout(&status));
        assert!(!stdout(&status).contains("High"), "{}", stdout(&status));
        let shown = run(&["--database-url", &db.url, "status"], &[]);
        assert!(stdout(&shown).contains("(SQLSTATE 42601)"), "{}", stdout(&shown));
        // A function's own words may be anything; who runs it reads them, and the records don't have them.
        db.execute(
            "create or replace function padealing.put_together() returns trigger language plpgsql as $$ begin \
                 raise exception using errcode = '53100', message = 'full at ' || new.security_name, \
                     detail = 'detail ' || new.security_name, hint = 'hint ' || new.security_name; end $$",
        )
        .await;
        let output = run(&["--database-url", &db.url, "migrate"], &[]);
        assert!(stderr(&output).contains("full at 7 High Street (SQLSTATE 53100)"), "{}", stderr(&output));
        let status = run(&["--database-url", &db.url, "status", "--json"], &[]);
        assert!(stdout(&status).contains("a function raised an error of its own"), "{}", stdout(&status));
        assert!(!stdout(&status).contains("High"), "{}", stdout(&status));
    })
    .await;
}
