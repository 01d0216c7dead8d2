//! The laws of the migration set. The oracle is pg_dump, which shares no code with us.

use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::harness::{Db, ROWS, Role, Start, apply_all, apply_request, roles, with_db};
use crate::waiting::{LIMIT, until_true};
use pad_migrate::config::settings::Roles;
use pad_migrate::ledger::properties::parse;
use pad_migrate::ledger::revisions::{ALL, NOTHING, declarations, declared_schema};
use pad_migrate::schema::pg::error::ApplyError;
use pad_migrate::schema::pg::{apply, request, revert};

/// Roles whose names must be quoted, too.
const CREATE_ROLES: &str = "
    do $$ begin create role \"pad_migrate_odd \"\"owner\"\"\"; exception when duplicate_object or unique_violation \
    then null; end $$;
    comment on role \"pad_migrate_odd \"\"owner\"\"\" is 'made by pad-migrate for tests';
    grant usage on schema bo_airflow to public; grant references on all tables in schema bo_airflow to public";

fn odd_roles() -> Roles {
    Roles { owner: Some("pad_migrate_odd \"owner\"".to_owned()), ..roles() }
}

/// What pg_dump says of the application schema and of managed tables in public.
async fn dump(db: &Db, arguments: &[&str]) -> String {
    let ours = ["--schema=padealing", "--schema=public", "--exclude-table=public.personal_account_dealing"];
    db.dump(&[&ours, arguments].concat()).await
}

async fn schema(db: &Db) -> String {
    dump(db, &["--schema-only"]).await
}

/// Rows of every table but our history.
async fn data(db: &Db) -> String {
    dump(db, &["--data-only", "--exclude-table=padealing.schema_revision"]).await
}

#[tokio::test]
async fn the_revisions_add_up_to_the_declared_schema() {
    with_db(Start::Reference, async |declared| {
        declared.execute(declared_schema()).await;
        with_db(Start::Applied, async |applied| {
            let privileges = ["--schema-only", "--no-privileges", "--no-owner"];
            assert_eq!(
                dump(&applied, &privileges).await,
                dump(&declared, &privileges).await,
                "change migrations/schema.sql together with the revisions"
            );
        })
        .await;
    })
    .await;
}

/// With roles every other revision, without them the rest, and on the next major version the other way round.
#[tokio::test]
async fn each_revision_down_and_up_again_is_the_identity() {
    for with_roles in [false, true] {
        with_db(Start::Reference, async |db| {
            db.execute(CREATE_ROLES).await;
            let is_for = db.turn().await;
            let roles = if with_roles { odd_roles() } else { Roles::default() };
            let request = apply_request(&db.database, &roles);
            apply::apply(&request, None).await.expect("the revisions apply");
            let head = schema(&db).await;
            for (at, revision) in ALL.iter().enumerate().filter(|(at, _)| is_for(at + usize::from(with_roles), 13)) {
                let before = at.checked_sub(1).map(|it| ALL[it].number);
                // Rows that this revision's down migration doesn't drop with their table.
                if revision.number > "0003" {
                    db.execute(ROWS).await;
                }
                let rows = data(&db).await;
                let reverted = revert::revert(
                    &request::ChangeRequest { to: Some(before.unwrap_or(NOTHING)), ..request },
                    true,
                    None,
                )
                .await
                .expect("the down migrations run");
                assert_eq!(reverted.revisions.len(), ALL.len() - at);
                let applied = apply::apply(&request, None).await.expect("the revisions apply again");
                assert_eq!(applied.route.records.len(), ALL.len() - at, "down to before {}", revision.number);
                assert_eq!(schema(&db).await, head, "down to before {} and up again", revision.number);
                if revision.number > "0003" {
                    assert_eq!(data(&db).await, rows, "down to before {} and up again", revision.number);
                    db.execute(
                        "truncate padealing.pad_request, padealing.pad_breach, padealing.employee_role, \
                        padealing.restricted_security, padealing.compliance_config, padealing.chatbot_session \
                        restart identity cascade",
                    )
                    .await;
                }
            }
            revert::revert(&request::ChangeRequest { to: Some(NOTHING), ..request }, true, None)
                .await
                .expect("the down migrations run");
            let gone = "select to_regnamespace('padealing') is null";
            assert_eq!(db.value(gone).await.as_deref(), Some("true"), "nothing is left of the schema");
        })
        .await;
    }
}

#[tokio::test]
async fn roles_get_what_the_data_model_says() {
    with_db(Start::Reference, async |db| {
        db.execute(CREATE_ROLES).await;
        apply::apply(&apply_request(&db.database, &odd_roles()), None).await.expect("the revisions apply");
        let can = async |role: &str, right: &str, table: &str| {
            let sql = format!("select has_table_privilege('{role}', 'padealing.{table}', '{right}')");
            db.value(&sql).await.as_deref() == Some("true")
        };
        for right in ["select", "insert", "update", "delete"] {
            assert!(can(Role::App.name(), right, "pad_request").await, "{right}");
            assert_eq!(can(Role::Reader.name(), right, "pad_request").await, right == "select", "{right}");
            assert!(
                !can(Role::App.name(), right, "migration_mapping").await,
                "our bookkeeping is not the application's"
            );
        }
        assert!(can(Role::Reader.name(), "select", "migration_mapping").await);
        let owners = "select string_agg(distinct pg_get_userbyid(relowner), ',') from pg_class \
                      where relnamespace = 'padealing'::regnamespace and relkind in ('r', 'S')";
        assert_eq!(db.value(owners).await.as_deref(), Some("pad_migrate_odd \"owner\""));
        db.execute("set role \"pad_migrate_odd \"\"owner\"\"\"; create table padealing.later (id int); reset role")
            .await;
        assert!(can(Role::Reader.name(), "select", "later").await, "default privileges reach tables that come later");
    })
    .await;
}

#[tokio::test]
async fn tables_in_public_move_with_data_keys_and_sequences_and_move_back() {
    with_db(Start::Public, async |db| {
        // Somebody else's table of the same name stays where it is.
        db.execute("alter table public.chatbot_session rename to chatbot_session_of_ours; create table \
            public.chatbot_session (id int)").await;
        let before = (schema(&db).await, data(&db).await);
        let applied = apply_all(&db.database).await;
        let records: Vec<String> =
            applied.route.records.iter().map(|it| format!("{} {}", it.revision.number, it.kind)).collect();
        assert_eq!(records, ["0001 applied", "0002 applied", "0007 baseline"]);
        let moved = "select string_agg(relname, ',' order by relname) from pg_class where relkind = 'r' \
                     and relnamespace = 'padealing'::regnamespace and obj_description(oid) like 'Moved from public%'";
        let want = "audit_log,compliance_config,compliance_decision_outcome,employee_role,pad_approval,pad_breach,pad_execution,pad_request,restricted_security";
        assert_eq!(db.value(moved).await.as_deref(), Some(want));
        let left = "select string_agg(relname, ',' order by relname) from pg_class where relkind in ('r', 'S') \
                    and relnamespace = 'public'::regnamespace and relname not like '%chatbot%'";
        assert_eq!(db.value(left).await.as_deref(), Some("alembic_version,personal_account_dealing"));
        // The keys still hold, both ways, and the sequences go on.
        db.execute("insert into padealing.pad_request (employee_id, status) values (1003, 'approved')").await;
        assert_eq!(db.value("select max(id) from padealing.pad_request").await.as_deref(), Some("2"));
        db.execute("insert into padealing.pad_breach (employee_id, breach_type, severity) values (1003, 'x', 'low'); \
            delete from padealing.pad_breach where breach_type = 'x'").await;
        for orphan in [
            "insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) values (99, \
             'manager', 'approved', now())",
            "insert into padealing.pad_request (employee_id, status) values (99, 'approved')",
            "delete from padealing.pad_request where id = 1",
        ] {
            let mut connection = db.connect().await;
            let error = sqlx::raw_sql(orphan).execute(&mut connection).await.expect_err("the foreign key holds");
            assert_eq!(error.as_database_error().and_then(|it| it.code()).as_deref(), Some("23503"), "{orphan}");
        }
        db.execute("delete from padealing.pad_request where id = 2; select setval('padealing.pad_request_id_seq', \
            1); select setval('padealing.loose', 1); select setval('padealing.pad_approval_id_seq', 1)").await;
        let roles = Roles::default();
        revert::revert(&request::ChangeRequest { to: Some(NOTHING), ..apply_request(&db.database, &roles) }, false, None).await.expect("the down migrations run");
        // Nothing remembers that a sequence was nobody's.
        db.execute("alter sequence public.loose owned by none").await;
        // The legacy fields' indexes went with their columns; everything else is where it was.
        assert_eq!((schema(&db).await, data(&db).await), before);
    })
    .await;
}

#[tokio::test]
async fn a_table_that_lacks_columns_is_not_moved_and_nothing_is_changed() {
    with_db(Start::Public, async |db| {
        db.execute("alter table public.pad_request drop column justification").await;
        let before = schema(&db).await;
        let roles = Roles::default();
        let error = apply::apply(&apply_request(&db.database, &roles), None).await.expect_err("it is refused");
        // What the revision would raise is known before; `plan::foreseen` sees that it raises it.
        let ApplyError::Blocked { first, .. } = &error else { panic!("another error: {error}") };
        assert!(first.starts_with("table_incomplete pad_request:") && first.contains("lacks justification"), "{first}");
        assert_eq!(schema(&db).await, before);
    })
    .await;
}

#[tokio::test]
async fn apply_again_finds_nothing_to_do() {
    with_db(Start::Applied, async |db| {
        let again = apply_all(&db.database).await;
        assert!(again.route.is_empty() && !again.mirror_created, "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn what_apply_can_not_answer_for_is_refused() {
    let roles = Roles::default();
    for (change, want) in [
        (
            "update padealing.schema_revision set checksum = 'x' where revision = '0003'",
            "revision 0003 was applied with other SQL",
        ),
        (
            "update padealing.schema_revision set revision = '0099' where revision = '0007'",
            "the database is at revision 0099",
        ),
        (
            "update padealing.schema_revision set environment = 'qa'",
            "set up as environment qa, and this run is for local",
        ),
        (
            "drop schema padealing cascade; drop schema bo_airflow cascade; create schema bo_airflow",
            "has no table bo_airflow.oracle_employee",
        ),
    ] {
        with_db(Start::Applied, async |db| {
            db.execute(change).await;
            let before = db.dump(&[]).await;
            let error = apply::apply(&apply_request(&db.database, &roles), None).await.expect_err("it is refused");
            assert!(error.to_string().contains(want), "{error}");
            assert_eq!(db.dump(&[]).await, before);
        })
        .await;
    }
}

/// A revision that was rolled back and applied again with other SQL counts with its present SQL.
#[tokio::test]
async fn an_earlier_text_of_a_revision_that_was_taken_back_is_no_matter() {
    with_db(Start::Applied, async |db| {
        let roles = roles();
        let request = apply_request(&db.database, &roles);
        revert::revert(&request, false, None).await.expect("the newest is rolled back");
        apply::apply(&request, None).await.expect("it is applied again");
        let lines = "select count(*) from padealing.schema_revision where revision = '0007'";
        assert_eq!(db.value(lines).await.as_deref(), Some("3"));
        db.execute(
            "update padealing.schema_revision set checksum = 'x' where id in (select min(id) from \
             padealing.schema_revision where revision = '0007')",
        )
        .await;
        assert!(apply::apply(&request, None).await.expect("nothing has changed").route.is_empty());
    })
    .await;
}

/// Each role can connect with its password and does what the data model lets it do, and nothing else.
#[tokio::test]
async fn each_role_can_do_what_it_may_and_no_more() {
    with_db(Start::Migrated, async |db| {
        let read = "select count(*) from padealing.pad_request";
        let reference = "select count(*) from bo_airflow.oracle_employee";
        let write = "insert into padealing.pad_request (employee_id, status) values (1003, 'approved')";
        let lineage = "delete from padealing.migration_mapping";
        let change = "alter table padealing.pad_request add column later int";
        let write_reference = "insert into bo_airflow.oracle_employee (id) values (-1)";
        for (role, may) in [
            (Role::Owner, vec![read, reference, write, lineage, change]),
            (Role::App, vec![read, reference, write]),
            (Role::Reader, vec![read, reference]),
            (Role::Stranger, vec![]),
        ] {
            for statement in [read, reference, write, lineage, change, write_reference] {
                let mut connection =
                    PgConnection::connect(&db.url_as(role).await).await.expect("the role has its password");
                let sql = format!("begin; {statement}; rollback");
                let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
                let code =
                    done.as_ref().err().and_then(|it| it.as_database_error()?.code().map(|code| code.into_owned()));
                let want = (!may.contains(&statement)).then_some("42501");
                assert_eq!(code.as_deref(), want, "{role:?}: {statement}: {done:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn two_applies_at_once_make_one_history() {
    with_db(Start::Reference, async |db| {
        let roles = Roles::default();
        let request = request::ChangeRequest { lock_timeout: LIMIT, ..apply_request(&db.database, &roles) };
        // A reader keeps the one that comes first at work until the other is there.
        let mut reader = db.connect().await;
        let read = "begin; select count(*) from bo_airflow.oracle_employee; lock table bo_airflow.oracle_employee";
        sqlx::raw_sql(read).execute(&mut reader).await.expect("the table is locked");
        let both = "(select count(*) from pg_stat_activity where datname = current_database() \
                         and application_name = 'pad-migrate apply') = 2 \
                    and (select count(*) from pg_stat_activity where datname = current_database() \
                         and application_name = 'pad-migrate apply' and wait_event_type = 'Lock') = 1";
        let (one, two, ()) = tokio::join!(apply::apply(&request, None), apply::apply(&request, None), async {
            until_true(&db, "one is at work, and the other waits for it", both).await;
            sqlx::raw_sql("rollback").execute(&mut reader).await.expect("the table is free");
        });
        let applied = one.expect("one applies").route.records.len() + two.expect("the other waits").route.records.len();
        assert_eq!(applied, ALL.len());
        let rows = db.value("select count(*) from padealing.schema_revision").await;
        assert_eq!(rows.as_deref(), Some(ALL.len().to_string().as_str()));
        // The locks go with their sessions, which the server ends in its own time.
        let locks = "select count(*) from pg_locks l where locktype = 'advisory' \
                     and database = (select oid from pg_database where datname = current_database())";
        until_true(&db, "no lock is left", &format!("({locks}) = 0")).await;
    })
    .await;
}

/// Each revision is declared, and nothing else is: a forgotten declaration would be taken for one that says nothing.
#[test]
fn each_revision_is_declared() {
    let declared: Vec<String> = parse(declarations()).expect("the declarations are read").into_keys().collect();
    let revisions: Vec<&str> = ALL.iter().map(|revision| revision.number).collect();
    assert_eq!(declared, revisions, "migrations/revisions.toml");
}

/// The declared columns are those by which the SQL recognises a table, the array before its `needs`.
#[test]
fn the_declared_tables_are_those_that_the_sql_moves() {
    for revision in ALL.iter() {
        let mut marks = BTreeMap::new();
        for line in revision.up.lines().filter_map(|line| line.trim_start().strip_prefix("('")) {
            let (table, rest) = line.split_once("', '{").expect("a table with an array");
            let (columns, _) = rest.split_once('}').expect("an array");
            marks.insert(table.to_owned(), columns.split(',').map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(marks, revision.properties.moves_tables, "{}", revision.number);
    }
}

#[rstest]
#[case::no_toml("0001", "expected")]
#[case::an_unknown_property("[0001]\nmoves_rows = true", "unknown field `moves_rows`")]
#[case::no_environment(
    "[0001]\nnot_for = { test = 'x' }",
    "revision 0001 is not for test, which is not an environment"
)]
#[case::by_name_alone("[0001]\nmoves_tables = { a = [] }", "revision 0001 moves a without columns that identify it")]
fn a_wrong_declaration_is_refused(#[case] text: &str, #[case] want: &str) {
    let error = parse(text).expect_err("it is refused").to_string();
    assert!(error.starts_with("migrations/revisions.toml: ") && error.contains(want), "{error}");
}

/// A reviewer reads the revisions one by one: numbered without a gap, each with a down migration.
#[test]
fn revisions_are_numbered_and_can_be_reverted() {
    for (at, revision) in ALL.iter().enumerate() {
        assert_eq!(revision.number, format!("{:04}", at + 1));
        assert!(!revision.up.trim().is_empty() && !revision.down.trim().is_empty(), "{}", revision.number);
    }
}
