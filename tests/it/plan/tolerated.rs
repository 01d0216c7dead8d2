//! What is tolerated in place of what is expected brings needs of its own, and what no step may decide is left to a
//! person.

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use super::apply::bring_there;
use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Start, with_db};
use pad_migrate::migration::run::Options;

const ROLES: [(&str, &str); 4] = [
    ("DB_OWNER_ROLE", "pad_migrate_owner"),
    ("DB_APP_ROLE", "pad_migrate_app"),
    ("DB_READER_ROLE", "pad_migrate_reader"),
    ("DB_SSLMODE", "disable"),
];

fn go(db: &Db, arguments: &[&str]) -> std::process::Output {
    run(&[&["--env", "local", "--database-url", &db.url], arguments].concat(), &ROLES)
}

/// What drift finds to be at least a warning.
fn findings(db: &Db) -> Vec<String> {
    let output = go(db, &["drift", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let all = report["findings"].as_array().expect("a list").iter();
    let all = all.filter(|it| it["severity"] != "info");
    all.map(|it| format!("{} {} {}.{}", it["severity"], it["kind"], it["schema"], it["object"]).replace('"', ""))
        .collect()
}

/// In place of the identity of `pad_request.id`: a sequence by some name, of some kind.
fn serial(sequence: &str, more: &str) -> String {
    format!(
        "alter table padealing.pad_request alter column id drop identity; create sequence {sequence}{more}; \
         alter table padealing.pad_request alter column id set default nextval('{sequence}'); \
         revoke all on sequence {sequence} from public, pad_migrate_app, pad_migrate_reader"
    )
}

/// The application can insert, and so can the migration, once what drift reports is gone; and plan removes it.
#[rstest]
#[case::nothing_granted_nor_linked(
    serial("padealing.pad_request_id_seq", ""),
    &["breaking privilege_lost padealing.pad_request_id_seq for pad_migrate_app",
      "breaking sequence_owned_by padealing.pad_request_id_seq", "warning sequence_owner padealing.pad_request_id_seq"],
)]
#[case::by_another_name_and_narrow(
    serial("padealing.request_numbers", " as integer"),
    &["breaking privilege_lost padealing.request_numbers for pad_migrate_app",
      "breaking sequence_type padealing.request_numbers",
      "breaking sequence_owned_by padealing.request_numbers", "warning sequence_owner padealing.request_numbers"],
)]
#[case::of_another_column(
    serial("padealing.request_numbers", "") + "; alter sequence padealing.request_numbers owner to pad_migrate_owner; \
     grant usage on sequence padealing.request_numbers to pad_migrate_app; \
     alter sequence padealing.request_numbers owned by padealing.pad_breach.id",
    &["breaking sequence_owned_by padealing.request_numbers"],
)]
#[case::an_identity_by_another_name(
    "alter sequence padealing.pad_request_id_seq rename to request_numbers".to_owned(),
    &["breaking sequence_renamed padealing.pad_request_id_seq"],
)]
#[tokio::test]
async fn a_sequence_in_place_of_an_identity_has_its_rights_limits_and_column(
    #[case] change: String,
    #[case] expected: &[&str],
) {
    with_db(Start::Seeded, async |db| {
        db.execute(&change).await;
        assert_eq!(findings(&db), expected);
        bring_there(&db).await;
        assert_eq!(findings(&db), Vec::<String>::new());
        let (report, _) = db.migrate(Options::default()).await;
        assert!(report.counts.migrated > 0, "{report:?}");
        db.execute(
            "set role pad_migrate_app; \
             insert into padealing.pad_request (employee_id, status) values (1003, 'approved')",
        )
        .await;
    })
    .await;
}

/// What plan must not decide: apply is refused, and says what to look at.
#[rstest]
#[case::numbers_from_elsewhere(
    serial("public.loose", ""),
    "breaking sequence_missing padealing.pad_request_id_seq",
    "the column takes its numbers from public.loose"
)]
#[case::row_security(
    "alter table padealing.pad_request enable row level security".to_owned(),
    "breaking table_row_security padealing.pad_request",
    "alter table padealing.pad_request disable row level security",
)]
#[case::row_security_of_the_owner(
    "alter table padealing.pad_request force row level security".to_owned(),
    "breaking table_row_security_forced padealing.pad_request",
    "alter table padealing.pad_request no force row level security",
)]
#[tokio::test]
async fn what_a_person_decides_is_no_step(#[case] change: String, #[case] finding: &str, #[case] words: &str) {
    with_db(Start::Applied, async |db| {
        db.execute(&change).await;
        assert_eq!(findings(&db), [finding]);
        let plan = go(&db, &["plan"]);
        assert_eq!(plan.status.code(), Some(1), "{}", stderr(&plan));
        let text = stdout(&plan).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("Manual action required") && text.contains(words), "{text}");
        let before = db.dump(&[]).await;
        let apply = go(&db, &["apply", "--yes"]);
        assert_eq!(apply.status.code(), Some(2), "{}", stdout(&apply));
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// What is breaking and no step's business is never called as expected.
#[rstest]
#[case::a_second_table(
    "create table public.pad_request (like padealing.pad_request)",
    "breaking table_unexpected public.pad_request",
    "table_moved pad_request"
)]
#[case::a_trigger(
    "create function padealing.f() returns trigger language plpgsql as 'begin return null; end'; \
     revoke all on function padealing.f() from public; alter function padealing.f() owner to pad_migrate_owner; \
     create trigger guard before insert on padealing.pad_request for each row execute function padealing.f()",
    "breaking trigger_unexpected padealing.pad_request.guard",
    "trigger_unexpected pad_request.guard"
)]
#[tokio::test]
async fn what_is_left_is_said_with_its_severity(#[case] change: &str, #[case] finding: &str, #[case] left: &str) {
    with_db(Start::Applied, async |db| {
        db.execute(change).await;
        assert!(findings(&db).contains(&finding.to_owned()), "{:?}", findings(&db));
        for arguments in [&["plan"][..], &["plan", "--check"], &["apply", "--yes"]] {
            let output = go(&db, arguments);
            let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}{}", stderr(&output));
            assert!(!text.contains("as expected") && !text.contains("CLEAN"), "{text}");
            let is_named = text.contains(&format!("breaking: {left}"))
                || left.split_once(' ').is_some_and(|(kind, name)| text.contains(&format!("breaking, {kind} {name}")));
            assert!(is_named, "{text}");
        }
    })
    .await;
}

/// A sequence that belongs to nobody, and has the name that a column's own would have, isn't taken over.
#[rstest]
#[case::the_column_has_another("alter sequence padealing.pad_request_id_seq rename to own_numbers")]
#[case::the_table_is_missing("drop table padealing.pad_breach")]
#[tokio::test]
async fn a_sequence_of_others_is_not_taken_over(#[case] change: &str) {
    with_db(Start::Applied, async |db| {
        let name = if change.starts_with("drop") { "pad_breach_id_seq" } else { "pad_request_id_seq" };
        db.execute(&format!("{change}; create sequence padealing.{name}; alter sequence padealing.{name} restart 7"))
            .await;
        let plan = go(&db, &["plan"]);
        let text = stdout(&plan).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(plan.status.code(), Some(1), "{text}{}", stderr(&plan));
        assert!(text.contains("Manual action required") && text.contains(name), "{text}");
        let before = db.dump(&[]).await;
        assert_eq!(go(&db, &["apply", "--yes"]).status.code(), Some(2));
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// Whoever is to own an object keeps what it may do with it, and nobody else gets more.
#[rstest]
#[case::with_grants(
    "alter table padealing.pad_request owner to pad_migrate_stranger; \
     grant select, insert, update on padealing.pad_request to pad_migrate_owner"
)]
#[case::without_a_right(
    "alter table padealing.pad_request owner to pad_migrate_stranger; \
     revoke delete on padealing.pad_request from pad_migrate_stranger"
)]
#[tokio::test]
async fn an_owner_gets_its_object_back_with_all_rights(#[case] change: &str) {
    with_db(Start::Applied, async |db| {
        db.execute(change).await;
        let remedies = go(&db, &["drift", "--format", "sql"]);
        let mut connection = db.connect().await;
        let script = format!("begin; {}; {}", stdout(&remedies), "set local role pad_migrate_owner");
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.expect("the remedies run");
        let may = "select has_table_privilege('padealing.pad_request', 'select, delete')";
        let may: bool = sqlx::query_scalar(may).fetch_one(&mut connection).await.expect("the query runs");
        assert!(may, "{}", stdout(&remedies));
        drop(connection);
        bring_there(&db).await;
        assert_eq!(findings(&db), Vec::<String>::new());
    })
    .await;
}
