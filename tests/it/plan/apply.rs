//! `apply` and `revert` on every kind of database that they may meet: each ends fully there or untouched.

use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection};

use crate::drift::cases::catalog;
use crate::harness::{Db, ROWS, Role, Start, apply_request, roles, with_db};
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::ledger::revisions::{ALL, NOTHING};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::Expectation;
use pad_migrate::schema::drift::finding::{Change, Severity};
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::request::ChangeRequest;
use pad_migrate::schema::pg::{apply, plan, revert, status};
use pad_migrate::schema::plan::outcome;
use pad_migrate::schema::plan::step::Decision;

/// The rows of our tables, wherever they are: a digest for each, over the columns that it had at first.
pub(super) struct Rows(BTreeMap<String, Vec<String>>);

impl Rows {
    /// Which tables and columns there are.
    pub(super) async fn of(db: &Db) -> Self {
        let mut connection = db.connect().await;
        let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
            "select c.relname::text, array_agg(a.attname::text order by a.attname) from pg_class c \
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
             where c.relnamespace in (to_regnamespace('padealing'), 'public'::regnamespace) and c.relkind = 'r' \
               and c.relname not in ('schema_revision', 'personal_account_dealing') group by 1",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the query runs");
        connection.close().await.expect("the connection closes");
        Self(rows.into_iter().collect())
    }

    /// A column has another name by now.
    fn called(&mut self, old: &str, new: &str) {
        self.0.values_mut().flatten().filter(|it| *it == old).for_each(|it| *it = new.to_owned());
    }

    pub(super) async fn digests(&self, db: &Db) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        for (table, columns) in &self.0 {
            let schema = format!(
                "select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = \
                 '{table}' and c.relkind = 'r' and n.nspname in ('padealing', 'public')"
            );
            let Some(schema) = db.value(&schema).await else { continue };
            let row: Vec<String> = columns.iter().map(|it| format!("\"{it}\"::text")).collect();
            let sql = format!(
                "select count(*) || ' ' || md5(string_agg(it, e'\\n' order by it)) from (select concat_ws('|', {}) \
                 as it from {schema}.{table}) it",
                row.join(", ")
            );
            digests.insert(table.clone(), db.value(&sql).await.unwrap_or_default());
        }
        digests
    }
}

/// Applies, or says why not.
pub(super) async fn go(request: &ChangeRequest<'_>) -> outcome::Applied {
    let applied = apply::apply(request, None).await;
    applied.unwrap_or_else(|error| panic!("{}", pad_migrate::base::text::sentence(&error)))
}

/// What must not change if nothing was done.
pub(super) async fn everything(db: &Db) -> String {
    db.dump(&[]).await
}

/// What differs from the newest revision, and matters.
async fn drifted(db: &Db, roles: &Roles) -> Vec<String> {
    let mut connection = Session::from(db.connect().await);
    sqlx::raw_sql("set search_path = pg_catalog").execute(&mut connection).await.expect("a setting");
    let live = catalog(&mut connection).await;
    connection.close().await.expect("the connection closes");
    let context =
        pad_migrate::schema::drift::expectation::RoleContext { roles: roles.clone(), inherits: BTreeMap::new() };
    let findings = compare(Expectation::embedded(), live, &context).into_iter();
    findings
        .filter(|it| it.severity > Severity::Info && it.change != Change::Unmanaged && it.id.schema == "padealing")
        .map(|it| format!("{} {}", it.kind(), it.object()))
        .collect()
}

/// Nothing differs, nothing is left to do, and new rows get new numbers.
pub(super) async fn check_there(db: &Db, request: &ChangeRequest<'_>) {
    assert_eq!(drifted(db, request.roles).await, Vec::<String>::new());
    let again = plan::plan(request).await.expect("a plan can be made");
    assert!(again.route.is_empty(), "{:#?}", again.route.plan.steps);
    db.execute(
        "insert into padealing.pad_request (employee_id, status) values (1003, 'approved'); \
         insert into padealing.audit_log (action_type, action_status, actor_type) values ('x', 'success', 'user'); \
         insert into padealing.pad_breach (employee_id, breach_type, severity) values (1003, 'x', 'low')",
    )
    .await;
}

/// Applies with the roles' names, and checks that it leads there.
pub(super) async fn bring_there(db: &Db) -> outcome::Applied {
    let roles = roles();
    let request = apply_request(&db.database, &roles);
    let applied = go(&request).await;
    check_there(db, &request).await;
    applied
}

/// What has been changed at the newest revision, and how it looks to `apply`.
#[rstest]
#[case::an_index("drop index padealing.pad_request_status_idx")]
#[case::a_column("alter table padealing.pad_request drop column deleted_by_id, drop column ticker")]
#[case::a_table("drop table padealing.pad_breach")]
#[case::a_check("alter table padealing.pad_request drop constraint pad_request_status_check")]
#[case::a_type(
    "alter table padealing.pad_request alter column isin type varchar(40), alter column quantity type numeric"
)]
#[case::not_null("alter table padealing.pad_request alter column status drop not null")]
#[case::a_default("alter table padealing.pad_request alter column created_at drop default")]
#[case::a_key("alter table padealing.compliance_config drop constraint compliance_config_pkey")]
#[case::a_foreign_key("alter table padealing.pad_request drop constraint pad_request_employee_id_fkey")]
#[case::the_history("drop table padealing.schema_revision")]
#[case::an_identity("alter table padealing.pad_approval alter column id drop identity")]
#[case::rights(
    "revoke all on all tables in schema padealing from pad_migrate_app; revoke usage on schema padealing from \
     pad_migrate_reader; grant all on padealing.pad_request to public"
)]
#[case::names(
    "alter table padealing.pad_request rename column status to standing; alter index padealing.pad_request_isin_idx \
     rename to ix_isin"
)]
#[case::an_invalid_index(
    "update pg_index set indisvalid = false where indexrelid = 'padealing.pad_request_status_idx'::regclass"
)]
#[tokio::test]
async fn what_was_changed_by_hand_is_altered_back_and_its_rows_are_kept(#[case] change: &str) {
    with_db(Start::Applied, async |db| {
        db.execute(ROWS).await;
        db.execute(&change.replace("pad_request_isin_idx", "pad_request_created_at_idx")).await;
        let mut rows = Rows::of(&db).await;
        let before = rows.digests(&db).await;
        rows.called("standing", "status");
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        assert!(!go(&request).await.route.plan.steps.is_empty(), "the change is seen");
        assert_eq!(rows.digests(&db).await, before);
        db.execute(
            "select setval('padealing.pad_request_id_seq', 100), setval('padealing.audit_log_id_seq', 100); \
             truncate padealing.pad_breach",
        )
        .await;
        check_there(&db, &request).await;
    })
    .await;
}

/// What rows stand in the way of is never sent; the query shows them.
#[rstest]
#[case::nulls(
    "alter table padealing.pad_request alter column status drop not null; insert into padealing.pad_request \
     (employee_id) values (1003)",
    "column_not_null pad_request.status",
    1,
    true
)]
#[case::long_values(
    "alter table padealing.pad_request alter column isin type text; insert into padealing.pad_request (employee_id, \
     status, isin) values (1003, 'approved', repeat('x', 13))",
    "column_type pad_request.isin",
    1,
    true
)]
#[case::digits(
    "alter table padealing.pad_request alter column quantity type numeric; insert into padealing.pad_request \
     (employee_id, status, quantity) values (1003, 'approved', 1.23456)",
    "column_type pad_request.quantity",
    1,
    true
)]
#[case::too_many_digits(
    "alter table padealing.pad_request alter column quantity type numeric; insert into padealing.pad_request \
     (employee_id, status, quantity) values (1003, 'approved', 1e16)",
    "column_type pad_request.quantity",
    1,
    true
)]
#[case::a_number_too_large(
    "alter table padealing.pad_request alter column quantity type bigint; insert into padealing.pad_request \
     (employee_id, status, quantity) values (1003, 'approved', 1e16)",
    "column_type pad_request.quantity",
    1,
    true
)]
#[case::other_values(
    "alter table padealing.pad_request drop constraint pad_request_status_check; insert into padealing.pad_request \
     (employee_id, status) values (1003, 'perhaps'), (1003, 'never')",
    "constraint_missing pad_request.pad_request_status_check",
    2,
    true
)]
#[case::the_same_twice(
    "drop index padealing.employee_role_current_key; insert into padealing.employee_role (employee_id, role) values \
     (1003, 'x'), (1003, 'x')",
    "index_missing employee_role.employee_role_current_key",
    1,
    true
)]
#[case::people_who_are_not_there(
    "alter table padealing.pad_request drop constraint pad_request_employee_id_fkey; insert into \
     padealing.pad_request (employee_id, status) values (77, 'approved')",
    "constraint_missing pad_request.pad_request_employee_id_fkey",
    1,
    true
)]
#[tokio::test]
async fn rows_in_the_way_are_shown_and_left(
    #[case] change: &str,
    #[case] what: &str,
    #[case] count: usize,
    #[case] is_blocking: bool,
) {
    with_db(Start::Applied, async |db| {
        db.execute(change).await;
        let before = everything(&db).await;
        let rows = Rows::of(&db).await;
        let digests = rows.digests(&db).await;
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let found = plan::plan(&request).await.expect("a plan can be made");
        let left: Vec<_> =
            found.route.plan.left.iter().filter(|it| format!("{} {}", it.kind, it.object) == what).collect();
        let [left] = &left[..] else { panic!("{:#?}", found.route.plan) };
        let query = left.query.as_deref().expect("a query");
        let mut connection = db.connect().await;
        let shown = sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await.expect("it runs");
        connection.close().await.expect("the connection closes");
        assert_eq!(shown.len(), count, "{query}");
        assert_eq!(left.is_blocking, is_blocking, "{left:?}");
        let applied = apply::apply(&request, None).await;
        if is_blocking {
            assert!(matches!(applied, Err(ApplyError::Blocked { .. })), "{applied:?}");
            assert_eq!(everything(&db).await, before);
        } else {
            // A warning's worth of difference doesn't stop the rest.
            applied.expect("it applies");
            let again = plan::plan(&request).await.expect("a plan can be made").route.plan;
            assert!(again.left.iter().any(|it| format!("{} {}", it.kind, it.object) == what), "{again:#?}");
            assert_eq!(rows.digests(&db).await, digests);
        }
    })
    .await;
}

/// What just fits is in nobody's way.
#[rstest]
#[case::a_text("isin", "text", "repeat('x', 12)")]
#[case::a_number("quantity", "numeric", "9999999999999999.9999")]
#[case::a_whole_number("quantity", "bigint", "9999999999999999")]
#[tokio::test]
async fn values_at_the_limit_of_a_type_are_kept(#[case] column: &str, #[case] of_type: &str, #[case] value: &str) {
    with_db(Start::Applied, async |db| {
        db.execute(&format!(
            "alter table padealing.pad_request alter column {column} type {of_type}; \
             insert into padealing.pad_request (employee_id, status, {column}) values (1003, 'approved', {value})"
        ))
        .await;
        bring_there(&db).await;
        let kept = format!("exists (select from padealing.pad_request where {column} = {value})");
        assert_eq!(db.value(&kept).await.as_deref(), Some("true"));
    })
    .await;
}

/// A role without a right fails at the step that needs it, and leaves nothing.
#[tokio::test]
async fn a_role_that_lacks_a_right_changes_nothing() {
    with_db(Start::Alembic, async |db| {
        let before = everything(&db).await;
        let database = EphemeralDatabase::at(&db.url_as(Role::App).await).expect("the URL is right");
        let roles = roles();
        let error = apply::apply(&apply_request(&database, &roles), None).await.expect_err("it is refused");
        assert!(pad_migrate::base::text::sentence(&error).contains("42501"), "{error:?}");
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

/// The second half of the guard sees what no planned statement says: here what an existing trigger does.
#[rstest]
#[case::written(
    "update bo_airflow.oracle_employee set surname = surname",
    "bo_airflow.oracle_employee is locked in RowExclusiveLock"
)]
#[case::locked("lock table bo_airflow.currency in share mode", "bo_airflow.currency is locked in ShareLock")]
#[case::altered(
    "alter table bo_airflow.contact add column x int",
    "bo_airflow.contact is locked in AccessExclusiveLock"
)]
#[case::dropped("drop table bo_airflow.mako_position", "mako_position, which is outside padealing, was dropped")]
#[case::created("create table if not exists public.more (id int)", "public.more is locked in")]
#[case::of_others(
    "create function bo_airflow.f() returns int language sql as 'select 1'",
    "the reference schema changed"
)]
#[tokio::test]
async fn what_is_held_outside_is_seen_before_commit(#[case] act: &str, #[case] want: &str) {
    with_db(Start::Alembic, async |db| {
        db.execute(&format!(
            "create function public.act() returns event_trigger language plpgsql as $$ begin \
                 if tg_tag = 'CREATE INDEX' and current_setting('pad.acted', true) is distinct from 'yes' then \
                     perform set_config('pad.acted', 'yes', true); {act}; end if; end $$; \
             create event trigger act on ddl_command_start execute function public.act()"
        ))
        .await;
        let before = everything(&db).await;
        let roles = roles();
        let error = apply::apply(&apply_request(&db.database, &roles), None).await.expect_err("it is stopped");
        let ApplyError::Held(printed) = &error else {
            panic!("another error: {}", pad_migrate::base::text::sentence(&error))
        };
        assert!(printed.contains(want), "{printed}");
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

/// Both directions, by number.
#[tokio::test]
async fn to_goes_up_and_down() {
    with_db(Start::Reference, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let to = |number| ChangeRequest { to: Some(number), ..request };
        let applied = apply::apply(&to("0004"), None).await.expect("up to 0004");
        assert_eq!(applied.route.records.len(), 4);
        let status = status::status(&request).await.expect("a status");
        assert_eq!(status.pending.iter().map(|it| it.number).collect::<Vec<_>>(), ["0005", "0006", "0007"]);
        assert_eq!(apply::apply(&request, None).await.expect("up").route.records.len(), 3);
        db.execute(ROWS).await;
        let down = revert::revert(&to("0004"), false, None).await.expect("down: these hold no rows");
        assert_eq!(down.revisions.len(), 3);
        go(&request).await;
        db.execute(
            "delete from padealing.audit_log; delete from padealing.pad_approval; delete from \
            padealing.pad_execution; delete from padealing.compliance_decision_outcome; delete from \
            padealing.pad_request",
        )
        .await;
        check_there(&db, &request).await;
        for wrong in ["9", "0099", "", "0003 "] {
            let error = apply::apply(&to(wrong), None).await.expect_err("there is no such revision");
            assert!(error.to_string().contains("there are 0001 create_schema, 0002"), "{error}");
        }
    })
    .await;
}

/// What would be lost is counted, and said before.
#[tokio::test]
async fn the_way_down_says_what_it_would_lose() {
    with_db(Start::Migrated, async |db| {
        db.execute("update padealing.pad_request set deleted_at = null").await;
        db.execute(
            "update padealing.pad_request set deleted_at = '2021-01-01' where id in (select min(id) from \
            padealing.pad_request)",
        )
        .await;
        let before = everything(&db).await;
        let roles = roles();
        let request = ChangeRequest { to: Some("0003"), ..apply_request(&db.database, &roles) };
        let reversal = revert::plan_reversal(&request).await.expect("it is asked");
        let lineage = db.value("select count(*) from padealing.migration_mapping").await.expect("a number");
        assert!(reversal.losses.contains(&format!("{lineage} rows of migration_mapping")), "{reversal:?}");
        assert!(reversal.losses.contains(&"1 value of pad_request.deleted_at".to_owned()), "{reversal:?}");
        let error = revert::revert(&request, false, None).await.expect_err("it is refused");
        assert!(matches!(&error, ApplyError::Loss { .. }), "{error}");
        assert!(error.to_string().contains("1 value of pad_request.deleted_at"), "{error}");
        assert_eq!(everything(&db).await, before);
        // Between the question and the answer more comes in.
        db.execute("update padealing.pad_request set deleted_at = '2021-01-01'").await;
        let error = revert::revert(&request, false, Some(&reversal)).await.expect_err("it is not what was asked");
        assert!(matches!(error, ApplyError::Moved), "{error}");
        let all = ChangeRequest { to: Some(NOTHING), ..request };
        revert::revert(&all, true, None).await.expect("it was meant");
        assert_eq!(db.value("select to_regnamespace('padealing') is null").await.as_deref(), Some("true"));
        let up = apply_request(&db.database, &roles);
        assert_eq!(apply::apply(&up, None).await.expect("up again").route.records.len(), ALL.len());
        check_there(&db, &up).await;
    })
    .await;
}

/// A plan that was agreed to is the plan that is run.
#[tokio::test]
async fn another_plan_than_the_one_that_was_shown_is_not_run() {
    with_db(Start::Alembic, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let shown = plan::plan(&request).await.expect("a plan").route;
        db.execute("alter table padealing.pad_request add column deleted_at timestamp").await;
        let before = everything(&db).await;
        let error = apply::apply(&request, Some(&shown)).await.expect_err("it has changed");
        assert!(matches!(error, ApplyError::Moved), "{error}");
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

/// A revision that isn't for an environment is shown with its reason, and not run.
#[tokio::test]
async fn a_revision_that_is_not_for_an_environment_is_skipped() {
    with_db(Start::Public, async |db| {
        let before = db.dump(&["--schema=public"]).await;
        let roles = roles();
        let request = ChangeRequest { environment: Environment::Dev, ..apply_request(&db.database, &roles) };
        let applied = go(&request).await;
        let records: Vec<&str> = applied.route.records.iter().map(|it| it.revision.number).collect();
        assert!(!records.contains(&"0002"), "{records:?}");
        assert_eq!(db.dump(&["--schema=public"]).await, before, "what sits in public in dev isn't managed");
        let status = status::status(&request).await.expect("a status");
        assert_eq!(status.pending, []);
        let skipped: Vec<(&str, &str)> = status.skipped.iter().map(|it| (it.revision.number, it.reason)).collect();
        assert!(
            matches!(skipped[..], [("0002", reason)] if reason.contains("dev has had both schemas")),
            "{skipped:?}"
        );
        check_there(&db, &request).await;
    })
    .await;
}

/// Without roles the last revision changes nothing, and what was dropped at the newest revision is no older revision's.
#[rstest]
#[case::an_index(None, "drop index padealing.pad_request_status_idx")]
#[case::a_table(None, "drop table padealing.chatbot_session")]
#[case::below(Some("0006"), "drop index padealing.pad_request_status_idx")]
#[case::far_below(Some("0003"), "alter table padealing.pad_request drop column isin")]
#[tokio::test]
async fn without_roles_it_is_altered_back_too(#[case] to: Option<&str>, #[case] change: &str) {
    with_db(Start::Reference, async |db| {
        let roles = Roles::default();
        let request = apply_request(&db.database, &roles);
        apply::apply(&ChangeRequest { to, ..request }, None).await.expect("it applies");
        db.execute(change).await;
        assert!(!go(&request).await.route.plan.steps.is_empty(), "the change is seen");
        check_there(&db, &request).await;
    })
    .await;
}

/// Roles that are named later get what they should have.
#[tokio::test]
async fn roles_may_be_named_later() {
    with_db(Start::Reference, async |db| {
        let none = Roles::default();
        apply::apply(&apply_request(&db.database, &none), None).await.expect("it applies");
        bring_there(&db).await;
    })
    .await;
}

/// Privileges that default privileges grant on new objects are revoked.
#[tokio::test]
async fn default_privileges_of_others_give_nothing_here() {
    with_db(Start::Reference, async |db| {
        db.execute(
            "alter default privileges grant all on tables to public; alter default privileges grant select on \
            sequences to pad_migrate_stranger",
        )
        .await;
        db.execute("create table public.given ()").await;
        bring_there(&db).await;
        let may = |table: &str| format!("has_table_privilege('pad_migrate_stranger', '{table}', 'select')");
        for (table, may_read) in
            [("public.given", "true"), ("padealing.pad_request", "false"), ("padealing.pad_request_id_seq", "false")]
        {
            assert_eq!(db.value(&may(table)).await.as_deref(), Some(may_read), "{table}");
        }
    })
    .await;
}

/// A revert doesn't drop unasked what Alembic has created, empty as it may be; it drops what an adoption has created.
#[tokio::test]
async fn what_was_there_before_is_dropped_only_if_that_is_meant() {
    with_db(Start::Alembic, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        go(&request).await;
        let down = ChangeRequest { to: Some(NOTHING), ..request };
        let losses = revert::plan_reversal(&down).await.expect("it is asked").losses;
        assert!(losses.contains(&"table pad_breach, which was there before pad-migrate".to_owned()), "{losses:?}");
        assert!(!losses.iter().any(|it| it.contains("migration_run")), "{losses:?}");
        let error = revert::revert(&down, false, None).await.expect_err("it is refused");
        assert!(matches!(error, ApplyError::Loss { .. }), "{error}");
    })
    .await;
}

/// A table or a column that the history knows is not recreated without a warning.
#[tokio::test]
async fn what_was_there_once_is_reported() {
    with_db(Start::Applied, async |db| {
        db.execute("drop table padealing.pad_breach; alter table padealing.pad_approval drop column comments").await;
        let roles = roles();
        let found = plan::plan(&apply_request(&db.database, &roles)).await.expect("a plan");
        assert_eq!(found.route.plan.tables["pad_breach"], Decision::Create);
        let notes: Vec<&str> =
            found.route.plan.steps.iter().flat_map(|it| &it.hazards).map(|it| it.note.as_str()).collect();
        for before in ["pad_breach existed before", "pad_approval.comments existed before"] {
            assert!(notes.iter().any(|it| it.starts_with(before)), "{before}: {notes:?}");
        }
    })
    .await;
}

/// Nor is it put beside a column with values that may be its own, wherever that one stands.
#[tokio::test]
async fn what_may_stand_under_another_name_stops_a_plan() {
    with_db(Start::Migrated, async |db| {
        let roles = roles();
        let moved = "alter table padealing.pad_approval add column remarks varchar(500); \
                     update padealing.pad_approval set remarks = 'as it was'; \
                     alter table padealing.pad_approval drop column comments";
        db.execute(moved).await;
        let stops = async || {
            let found = plan::plan(&apply_request(&db.database, &roles)).await.expect("a plan");
            found.route.plan.blocking().map(|it| (it.object.clone(), it.reason.clone())).collect::<Vec<_>>()
        };
        let found = stops().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == "pad_approval.comments" && found[0].1.contains("doesn't know (remarks)"), "{found:?}");
        db.execute("update padealing.pad_approval set remarks = null").await;
        assert_eq!(stops().await, []);
        // Nor does one that is recognised under another name.
        db.execute("alter table padealing.pad_approval rename column decision to verdict").await;
        assert_eq!(stops().await, []);
    })
    .await;
}
