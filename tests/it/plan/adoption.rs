//! Schemas that another program created become managed ones, with their rows.

use pretty_assertions::assert_eq;
use rstest::rstest;

use super::apply::{Rows, bring_there, check_there, everything, go};
use crate::harness::{Role, Start, apply_request, roles, with_db};
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names::url_value;
use pad_migrate::ledger::history::RecordKind;
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::request::ChangeRequest;
use pad_migrate::schema::pg::{apply, status};
use pad_migrate::schema::plan::step::Decision;

/// Sequences that are behind the rows of their tables would give numbers twice.
const MORE_ROWS: &str = "
    insert into padealing.pad_request (employee_id, status) select 1003, 'approved' from generate_series(1, 50);
    insert into padealing.audit_log (action_type, action_status, actor_type, request_id, entity_id)
        select 'x', 'success', 'user', 1 + i % 50, i from generate_series(1, 300) i;
    create table padealing.active_stocks (ticker text);
    insert into padealing.active_stocks values ('X');";

#[rstest]
#[case::without_lineage(Start::Alembic)]
#[case::with_lineage(Start::AlembicLater)]
#[tokio::test]
async fn what_alembic_left_is_adopted_with_its_rows(#[case] start: Start) {
    with_db(start, async |db| {
        db.execute(
            "truncate padealing.pad_request, padealing.audit_log restart identity cascade; drop table if \
            exists padealing.active_stocks",
        )
        .await;
        db.execute(MORE_ROWS).await;
        let rows = Rows::of(&db).await;
        let before = rows.digests(&db).await;
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let applied = go(&request).await;
        let records: Vec<(&str, RecordKind)> =
            applied.route.records.iter().map(|it| (it.revision.number, it.kind)).collect();
        assert_eq!(records, [("0007", RecordKind::Baseline)]);
        assert_eq!(applied.route.plan.tables["pad_request"], Decision::Upgrade);
        assert_eq!(applied.route.plan.tables["migration_run"], Decision::Create);
        assert_eq!(rows.digests(&db).await, before);
        assert!(before["alembic_version"].starts_with("1 "), "{before:?}");
        check_there(&db, &request).await;
        let status = status::status(&request).await.expect("a status");
        assert_eq!(status.current.map(|it| it.number), Some("0007"));
        assert_eq!(status.pending, []);
        assert!(status.managers.iter().any(|it| it.program == "Alembic"), "{:?}", status.managers);
    })
    .await;
}

/// Alembic's tables, before anybody thought of schemas.
#[tokio::test]
async fn alembics_tables_in_public_are_moved_and_adopted() {
    with_db(Start::Alembic, async |db| {
        db.execute(MORE_ROWS.split("create table").next().expect("a part")).await;
        db.execute(
            "do $$ declare it record; begin for it in select relname from pg_class \
             where relnamespace = 'padealing'::regnamespace and relkind = 'r' \
             loop execute format('alter table padealing.%I set schema public', it.relname); end loop; end $$; \
             drop schema padealing; comment on table public.pad_breach is 'Breaches'; \
             create view public.requests as select id, employee_id, status from public.pad_request",
        )
        .await;
        let rows = Rows::of(&db).await;
        let before = rows.digests(&db).await;
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        // An unmanaged view depends on a column whose type has to change: everything or nothing.
        let dump = everything(&db).await;
        let error = apply::apply(&request, None).await.expect_err("the view is in the way");
        assert!(pad_migrate::base::text::sentence(&error).contains("requests"), "{error:?}");
        assert_eq!(everything(&db).await, dump);
        db.execute("drop view public.requests").await;
        let applied = go(&request).await;
        assert_eq!(applied.route.plan.tables["pad_request"], Decision::Move);
        assert_eq!(rows.digests(&db).await, before);
        check_there(&db, &request).await;
        assert_eq!(
            db.value(
                "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relname \
            like 'pad%'"
            )
            .await
            .as_deref(),
            Some("0")
        );
    })
    .await;
}

/// A table in both schemas must be merged by hand.
#[tokio::test]
async fn a_table_that_is_in_both_schemas_stops_everything() {
    with_db(Start::Alembic, async |db| {
        db.execute("create table public.pad_request (like padealing.pad_request)").await;
        let before = everything(&db).await;
        let roles = roles();
        let error = apply::apply(&apply_request(&db.database, &roles), None).await.expect_err("it is refused");
        let ApplyError::Blocked { first, .. } = &error else { panic!("another error: {error}") };
        assert!(first.contains("public.pad_request and padealing.pad_request both exist"), "{first}");
        assert_eq!(everything(&db).await, before);
    })
    .await;
}

/// Alembic's tables taken to the first revision only, and from there to the newest.
#[tokio::test]
async fn an_adoption_may_be_made_in_two_steps() {
    with_db(Start::Alembic, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        let rows = Rows::of(&db).await;
        let before = rows.digests(&db).await;
        apply::apply(&ChangeRequest { to: Some("0001"), ..request }, None).await.expect("the history is made");
        go(&request).await;
        assert_eq!(rows.digests(&db).await, before);
        check_there(&db, &request).await;
    })
    .await;
}

/// Managed tables beside the legacy table, in a schema of its own.
#[tokio::test]
async fn tables_where_the_legacy_table_is_are_moved_with_their_rows() {
    with_db(Start::Alembic, async |db| {
        db.execute(
            "create schema legacy; do $$ declare it record; begin for it in select relname from pg_class \
             where relnamespace = 'padealing'::regnamespace \
             and relkind = 'r' and relname <> 'active_stocks' loop execute format('alter table padealing.%I set \
             schema legacy', it.relname); end loop; end $$",
        )
        .await;
        let roles = roles();
        let legacy = pad_migrate::config::settings::TableName {
            schema: "legacy".to_owned(),
            name: "personal_account_dealing".to_owned(),
        };
        let request = ChangeRequest { legacy: Some(&legacy), ..apply_request(&db.database, &roles) };
        let count = db.value("select count(*) from legacy.pad_request").await;
        let applied = go(&request).await;
        assert_eq!(applied.route.plan.tables["pad_request"], Decision::Move);
        assert_eq!(db.value("select count(*) from padealing.pad_request").await, count);
        check_there(&db, &request).await;
    })
    .await;
}

/// Whatever gave the numbers, new rows get new ones.
#[rstest]
#[case::no_default("alter table padealing.pad_request alter column id drop default")]
#[case::loose(
    "alter table padealing.pad_request alter column id drop default; alter sequence padealing.pad_request_id_seq \
     owned by none"
)]
#[case::no_sequence("drop sequence padealing.pad_request_id_seq cascade")]
#[tokio::test]
async fn new_rows_get_new_numbers(#[case] change: &str) {
    with_db(Start::Alembic, async |db| {
        db.execute(change).await;
        db.execute(
            "insert into padealing.pad_request (id, employee_id, status, created_at) values (7, 1003, \
            'approved', now())",
        )
        .await;
        bring_there(&db).await;
        assert_eq!(db.value("select max(id) from padealing.pad_request").await.as_deref(), Some("8"));
    })
    .await;
}

/// No superuser: a role that owns what Alembic made, and is a member of the owner to be.
#[tokio::test]
async fn who_is_no_superuser_can_adopt() {
    with_db(Start::Alembic, async |db| {
        let place = db.place();
        // Of this test's own: other runs on the same server make their own.
        let me = format!("{}_adopter", place.name);
        db.execute(&format!(
            "create role {me} login password 'adopter'; comment on role {me} is 'made by pad-migrate for tests'; \
             grant {owner} to {me}; alter schema padealing owner to {me}; \
             grant usage on schema bo_airflow to {me}; \
             grant references, select on all tables in schema bo_airflow to {me}; \
             do $$ declare it record; begin \
             execute format('grant create on database %I to {me}, {owner}', current_database()); \
             for it in select relname from pg_class where relnamespace = 'padealing'::regnamespace and relkind = 'r' \
             loop execute format('alter table padealing.%I owner to {me}', it.relname); end loop; end $$",
            owner = Role::Owner.name(),
        ))
        .await;
        let url = format!(
            "postgres:///{}?host={}&port={}&user={me}&password=adopter",
            place.name,
            url_value(&place.host),
            place.port
        );
        let database = EphemeralDatabase::at(&url).expect("the URL is right");
        let roles = roles();
        go(&apply_request(&database, &roles)).await;
        check_there(&db, &apply_request(&db.database, &roles)).await;
    })
    .await;
}
