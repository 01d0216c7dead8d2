//! The laws of the migration set. The oracle is pg_dump, which shares no code with us.

use std::process::Command;
use std::time::{Duration, Instant};

use pad_migrate::config::Roles;
use pad_migrate::pg::apply::{self, ApplyError};
use pad_migrate::revisions::{ALL, RoleNames, declared_schema, render};
use pad_migrate::server::programs;
use pretty_assertions::assert_eq;

use crate::harness::{Db, Start, apply_all, apply_request, with_db};

fn roles() -> Roles {
    let name = |it: &str| Some(it.to_owned());
    Roles { owner: name("pad \"owner\""), app: name("pad_app_user"), reader: name("pad_reader") }
}

const CREATE_ROLES: &str = "
    do $$ begin
        if to_regrole('pad_app_user') is null then
            create role \"pad \"\"owner\"\"\"; create role pad_app_user; create role pad_reader;
        end if;
    exception when duplicate_object or unique_violation then null;
    end $$";

/// What pg_dump says of the application schema and of tables of ours in public.
fn dump(db: &Db, arguments: &[&str]) -> String {
    let program = programs().into_iter().next().expect("PostgreSQL's programs are here").bin.join("pg_dump");
    let output = Command::new(program)
        .args(["--schema=padealing", "--schema=public", "--exclude-table=public.personal_account_dealing"])
        .args(arguments)
        .arg(&db.url)
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Since the minor releases of August 2025 a dump is fenced with a random key.
    let text = String::from_utf8(output.stdout).expect("the dump is UTF-8");
    text.lines()
        .filter(|it| !it.starts_with("\\restrict") && !it.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn schema(db: &Db) -> String {
    dump(db, &["--schema-only"])
}

/// Rows of every table but our history.
fn data(db: &Db) -> String {
    dump(db, &["--data-only", "--inserts", "--exclude-table=padealing.schema_revision"])
}

#[tokio::test]
async fn the_revisions_add_up_to_the_declared_schema() {
    with_db(Start::Reference, async |declared| {
        declared.execute(declared_schema()).await;
        with_db(Start::Applied, async |applied| {
            let privileges = ["--schema-only", "--no-privileges", "--no-owner"];
            assert_eq!(
                dump(&applied, &privileges),
                dump(&declared, &privileges),
                "change migrations/schema.sql together with the revisions"
            );
        })
        .await;
    })
    .await;
}

/// Rows for every table of the application, as far as its columns exist at a revision.
const ROWS: &str = "
    insert into padealing.pad_request (id, employee_id, status, justification) values (1, 1003, 'approved', 'kept');
    insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) values (1, 'manager', 'approved', '2021-01-01');
    insert into padealing.pad_execution (request_id, executed_at) values (1, '2021-01-02');
    insert into padealing.pad_breach (employee_id, breach_type, severity) values (1003, 'late_note', 'low');
    insert into padealing.audit_log (action_type, action_status, actor_type, request_id) values ('x', 'success', 'user', 1);
    insert into padealing.employee_role (employee_id, role) values (1002, 'compliance_officer');
    insert into padealing.restricted_security (reason, added_by_id) values ('r', 1002);
    insert into padealing.compliance_config (config_key, config_value) values ('k', '1');
    insert into padealing.compliance_decision_outcome (request_id, outcome) values (1, 'o');
    insert into padealing.chatbot_session (session_key) values ('s');";

#[tokio::test]
async fn each_revision_down_and_up_again_is_the_identity() {
    for with_roles in [false, true] {
        with_db(Start::Reference, async |db| {
            db.execute(CREATE_ROLES).await;
            db.execute("grant usage on schema bo_airflow to public; grant references on all tables in schema bo_airflow to public").await;
            let roles = if with_roles { roles() } else { Roles::default() };
            let request = apply_request(&db.database, &roles);
            apply::apply(&request).await.expect("the revisions apply");
            let head = schema(&db);
            for (at, revision) in ALL.iter().enumerate() {
                let before = at.checked_sub(1).map(|it| ALL[it].number);
                // Rows that the way down of this revision doesn't take with their table.
                if revision.number > "0003" {
                    db.execute(ROWS).await;
                }
                let rows = data(&db);
                let reverted = apply::revert(&request, before).await.expect("the way down works");
                assert_eq!(reverted.len(), ALL.len() - at);
                let applied = apply::apply(&request).await.expect("the way up works again");
                assert_eq!(applied.revisions.len(), ALL.len() - at, "down to before {}", revision.number);
                assert_eq!(schema(&db), head, "down to before {} and up again", revision.number);
                if revision.number > "0003" {
                    assert_eq!(data(&db), rows, "down to before {} and up again", revision.number);
                    db.execute("truncate padealing.pad_request, padealing.pad_breach, padealing.employee_role, padealing.restricted_security, padealing.compliance_config, padealing.chatbot_session restart identity cascade").await;
                }
            }
            apply::revert(&request, None).await.expect("the way down works");
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
        db.execute(
            "grant usage on schema bo_airflow to public; grant references on all tables in schema bo_airflow to public",
        )
        .await;
        apply::apply(&apply_request(&db.database, &roles())).await.expect("the revisions apply");
        let can = async |role: &str, right: &str, table: &str| {
            let sql = format!("select has_table_privilege('{role}', 'padealing.{table}', '{right}')");
            db.value(&sql).await.as_deref() == Some("true")
        };
        for right in ["select", "insert", "update", "delete"] {
            assert!(can("pad_app_user", right, "pad_request").await, "{right}");
            assert_eq!(can("pad_reader", right, "pad_request").await, right == "select", "{right}");
            assert!(!can("pad_app_user", right, "migration_mapping").await, "our bookkeeping is not the application's");
        }
        assert!(can("pad_reader", "select", "migration_mapping").await);
        let owners = "select string_agg(distinct pg_get_userbyid(relowner), ',') from pg_class \
                      where relnamespace = 'padealing'::regnamespace and relkind in ('r', 'S')";
        assert_eq!(db.value(owners).await.as_deref(), Some("pad \"owner\""));
        db.execute("set role \"pad \"\"owner\"\"\"; create table padealing.later (id int); reset role").await;
        assert!(can("pad_reader", "select", "later").await, "default privileges reach tables that come later");
    })
    .await;
}

/// The tables where an earlier version of the application had them: in public, with data, keys and sequences.
async fn public_tables(db: &Db) {
    let tables = ALL.iter().find(|it| it.number == "0003").expect("revision 0003 creates the tables").up;
    let tables = render(tables, &RoleNames { owner: "postgres".to_owned(), ..RoleNames::default() });
    db.execute(&tables.replace("padealing.", "public.")).await;
    db.execute(&ROWS.replace("padealing.", "public.")).await;
    db.execute(
        "select setval('public.pad_request_id_seq', 1); create sequence public.loose; alter table public.pad_breach alter column id drop identity, \
             alter column id set default nextval('public.loose'); select nextval('public.loose'); \
         comment on table public.pad_approval is 'decisions'; \
         create table public.alembic_version (version_num varchar(32)); \
         insert into public.alembic_version values ('fc3b6e7695d9')",
    )
    .await;
}

#[tokio::test]
async fn tables_in_public_move_with_data_keys_and_sequences_and_move_back() {
    with_db(Start::Reference, async |db| {
        public_tables(&db).await;
        // Somebody else's table of the same name stays where it is.
        db.execute("alter table public.chatbot_session rename to chatbot_session_of_ours; create table public.chatbot_session (id int)").await;
        let before = (schema(&db), data(&db));
        let applied = apply_all(&db.database).await;
        assert_eq!(applied.revisions.len(), ALL.len());
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
        db.execute("insert into padealing.pad_breach (employee_id, breach_type, severity) values (1003, 'x', 'low'); delete from padealing.pad_breach where breach_type = 'x'").await;
        for orphan in [
            "insert into padealing.pad_approval (request_id, approval_type, decision, decided_at) values (99, 'manager', 'approved', now())",
            "insert into padealing.pad_request (employee_id, status) values (99, 'approved')",
            "delete from padealing.pad_request where id = 1",
        ] {
            let mut connection = db.connect().await;
            let error = sqlx::raw_sql(orphan).execute(&mut connection).await.expect_err("the foreign key holds");
            assert_eq!(error.as_database_error().and_then(|it| it.code()).as_deref(), Some("23503"), "{orphan}");
        }
        db.execute("delete from padealing.pad_request where id = 2; select setval('padealing.pad_request_id_seq', 1); select setval('padealing.loose', 1); select setval('padealing.pad_approval_id_seq', 1)").await;
        let roles = Roles::default();
        apply::revert(&apply_request(&db.database, &roles), None).await.expect("the way down works");
        // The legacy fields' indexes went with their columns; everything else is where it was.
        assert_eq!((schema(&db), data(&db)), before);
    })
    .await;
}

#[tokio::test]
async fn a_table_that_lacks_columns_is_not_moved_and_nothing_is_changed() {
    with_db(Start::Reference, async |db| {
        public_tables(&db).await;
        db.execute("alter table public.pad_request drop column justification").await;
        let before = schema(&db);
        let roles = Roles::default();
        let error = apply::apply(&apply_request(&db.database, &roles)).await.expect_err("it is refused");
        let ApplyError::Revision { number, source, .. } = &error else { panic!("another error: {error}") };
        let cause = source.source.to_string();
        assert_eq!(*number, "0002");
        assert!(
            cause.contains("public.pad_request can not move to padealing: it lacks the columns justification"),
            "{cause}"
        );
        assert_eq!(schema(&db), before);
    })
    .await;
}

#[tokio::test]
async fn apply_again_finds_nothing_to_do() {
    with_db(Start::Applied, async |db| {
        let again = apply_all(&db.database).await;
        assert_eq!((again.revisions.len(), again.already), (0, ALL.len()));
    })
    .await;
}

#[tokio::test]
async fn what_apply_can_not_answer_for_is_refused() {
    let roles = Roles::default();
    for (change, want) in [
        (
            "update padealing.schema_revision set checksum = 'x' where revision = '0003'",
            "revision 0003 was applied with another text",
        ),
        (
            "update padealing.schema_revision set revision = '0099' where revision = '0007'",
            "the database is at revision 0099",
        ),
        (
            "update padealing.schema_revision set environment = 'qa'",
            "set up as environment qa, and this run is for local",
        ),
        ("drop table padealing.schema_revision", "holds audit_log, chatbot_session,"),
        (
            "drop schema padealing cascade; drop schema bo_airflow cascade; create schema bo_airflow",
            "has no table bo_airflow.oracle_employee",
        ),
    ] {
        with_db(Start::Applied, async |db| {
            db.execute(change).await;
            let error = apply::apply(&apply_request(&db.database, &roles)).await.expect_err("it is refused");
            assert!(error.to_string().contains(want), "{error}");
        })
        .await;
    }
}

#[tokio::test]
async fn two_applies_at_once_make_one_history() {
    with_db(Start::Reference, async |db| {
        let roles = Roles::default();
        let request = apply_request(&db.database, &roles);
        let (one, two) = tokio::join!(apply::apply(&request), apply::apply(&request));
        let applied = one.expect("one applies").revisions.len() + two.expect("the other waits").revisions.len();
        assert_eq!(applied, ALL.len());
        let rows = db.value("select count(*) from padealing.schema_revision").await;
        assert_eq!(rows.as_deref(), Some(ALL.len().to_string().as_str()));
        // The locks go with their sessions, which the server ends in its own time.
        let locks = "select count(*) from pg_locks l where locktype = 'advisory' \
                     and database = (select oid from pg_database where datname = current_database())";
        let deadline = Instant::now() + Duration::from_secs(20);
        while db.value(locks).await.as_deref() != Some("0") {
            assert!(Instant::now() < deadline, "no lock is left");
        }
    })
    .await;
}

/// A reviewer reads the revisions one by one: numbered without a gap, each with its way down.
#[test]
fn revisions_are_numbered_and_have_both_ways() {
    for (at, revision) in ALL.iter().enumerate() {
        assert_eq!(revision.number, format!("{:04}", at + 1));
        assert!(!revision.up.trim().is_empty() && !revision.down.trim().is_empty(), "{}", revision.number);
    }
}
