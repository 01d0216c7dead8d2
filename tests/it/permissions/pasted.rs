//! What doctor shows is pasted, each statement as the role that it names: then nothing is missing, and neither doctor nor
//! drift finds anything wrong that wasn't before.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;

use pad_migrate::checks::examination::Examination;
use pad_migrate::checks::pg::examine::examine;
use pad_migrate::checks::pg::request::ExamineRequest;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::{Roles, TableName};
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names::url_value;
use pad_migrate::ledger::permission::{Lack, statements};
use pad_migrate::postgres::database::Database;
use pad_migrate::schema::drift::exceptions::Exceptions;
use pad_migrate::schema::drift::finding::Finding;
use pad_migrate::schema::pg::drift::{DriftRequest, Expected, drift, today};

use super::run_statements;
use crate::harness::{Db, Start, roles, with_db};

/// A role, what a database gives it, and what it is configured as.
struct Case {
    name: &'static str,
    start: Start,
    /// `{me}` is the role that connects.
    sql: &'static str,
    configured: fn(&str) -> Roles,
    /// Whether it is sent to another role to apply and to migrate.
    is_advised: bool,
    /// The oldest version that has what it is about.
    from: u32,
}

fn as_configured(_: &str) -> Roles {
    roles()
}

fn as_app(me: &str) -> Roles {
    Roles { app: Some(me.to_owned()), ..roles() }
}

fn as_reader(me: &str) -> Roles {
    Roles { reader: Some(me.to_owned()), ..roles() }
}

fn as_owner(me: &str) -> Roles {
    Roles { owner: Some(me.to_owned()), ..roles() }
}

fn unnamed(_: &str) -> Roles {
    Roles::default()
}

fn owner_named(_: &str) -> Roles {
    Roles { owner: roles().owner, ..Roles::default() }
}

fn reader_unnamed(_: &str) -> Roles {
    Roles { reader: None, ..roles() }
}

const fn case(name: &'static str, start: Start, configured: fn(&str) -> Roles, sql: &'static str) -> Case {
    Case { name, start, sql, configured, is_advised: false, from: 13 }
}

/// A role that is not to apply and to migrate, and is sent to one that is.
const fn advised(name: &'static str, start: Start, configured: fn(&str) -> Roles, sql: &'static str) -> Case {
    Case { is_advised: true, ..case(name, start, configured, sql) }
}

const fn from_16(case: Case) -> Case {
    Case { from: 16, ..case }
}

const NOINHERIT: &str = "alter role {me} noinherit; grant pad_migrate_owner to {me}";
const NOINHERIT_PENDING: &str = "alter role {me} noinherit; grant pad_migrate_owner to {me}; \
    drop index padealing.audit_log_timestamp_idx";
const NOINHERIT_POLICED: &str = "alter role {me} noinherit; grant pad_migrate_owner to {me}; \
    alter table padealing.pad_request enable row level security, force row level security";
const PENDING: &str = "drop index padealing.audit_log_timestamp_idx; \
    alter table padealing.pad_request drop column deleted_at";
const POLICED: &str = "alter table public.personal_account_dealing enable row level security; \
    grant select on public.personal_account_dealing to {me}";
const MORE_POLICED: &str = "alter table padealing.pad_request enable row level security; \
    alter table bo_airflow.oracle_employee enable row level security";
const OF_A_SUPERUSER: &str = "reassign owned by pad_migrate_owner to current_user";
const APP_OWNS_TABLE: &str = "alter table padealing.pad_request owner to pad_migrate_app; \
    alter table padealing.migration_mapping owner to pad_migrate_app";
const READER_OWNS_TABLE: &str = "alter table padealing.pad_request owner to pad_migrate_reader";
const APP_OWNS_ALL: &str = "alter schema padealing owner to pad_migrate_app; \
    do $$ declare it regclass; begin for it in select c.oid from pg_class c join pg_namespace n on n.oid = relnamespace \
        where nspname = 'padealing' and relkind in ('r', 'v') loop \
        execute format('alter table %s owner to pad_migrate_app', it); end loop; end $$";
const OF_A_SUPERUSER_TOO: &str =
    "alter default privileges in schema padealing grant insert on tables to pad_migrate_reader";
const TOO_MUCH: &str = "grant insert on padealing.migration_mapping to {me}";
const MAY_BECOME: &str = "grant pad_migrate_owner to {me} with inherit false, set true";
const MAY_NOT_BECOME: &str = "grant pad_migrate_owner to {me} with inherit true, set false; \
    drop index padealing.audit_log_timestamp_idx";
const MAY_BECOME_READER: &str = "grant pad_migrate_reader to {me} with inherit false, set true";

const CASES: &[Case] = &[
    advised("app, given too much", Start::Applied, as_app, TOO_MUCH),
    advised("app, a member of the owner", Start::Applied, as_app, NOINHERIT),
    advised("app, with something to apply", Start::Applied, as_app, PENDING),
    advised("app before the schema", Start::Reference, as_app, ""),
    advised("app of what Alembic left", Start::Alembic, as_app, ""),
    advised("reader, with something to apply", Start::Applied, as_reader, PENDING),
    advised("reader of rows that are hidden", Start::Applied, as_reader, POLICED),
    advised("reader of what Alembic left", Start::Alembic, as_reader, ""),
    case("owner in place of another", Start::Applied, as_owner, ""),
    case("owner of what Alembic left", Start::Alembic, as_owner, ""),
    case("another, with something to apply", Start::Applied, as_configured, PENDING),
    case("another before the schema", Start::Reference, as_configured, ""),
    case("another of what Alembic left", Start::Alembic, as_configured, ""),
    case("another, nobody named", Start::Applied, unnamed, ""),
    case("another, the owner named", Start::Applied, owner_named, ""),
    case("another, the reader not named", Start::Applied, reader_unnamed, ""),
    case("another, a superuser owns it, nobody named", Start::Applied, unnamed, OF_A_SUPERUSER),
    case("another, a superuser owns it", Start::Applied, as_configured, OF_A_SUPERUSER),
    case("another, default privileges of a superuser", Start::Applied, as_configured, OF_A_SUPERUSER_TOO),
    case("app owns a table", Start::Applied, as_configured, APP_OWNS_TABLE),
    case("reader owns a table", Start::Applied, as_configured, READER_OWNS_TABLE),
    case("app owns all", Start::Applied, as_configured, APP_OWNS_ALL),
    case("app owns what Alembic left", Start::Alembic, as_configured, APP_OWNS_ALL),
    case("another, and policies", Start::Applied, as_configured, MORE_POLICED),
    case("member without inheritance, with rows", Start::Seeded, as_configured, NOINHERIT),
    case("member without inheritance, with something to apply", Start::Applied, as_configured, NOINHERIT_PENDING),
    case("member without inheritance, of what Alembic left", Start::Alembic, as_configured, NOINHERIT),
    case("member without inheritance, and policies", Start::Applied, as_configured, NOINHERIT_POLICED),
    from_16(case("may become the owner, doesn't inherit", Start::Seeded, as_configured, MAY_BECOME)),
    from_16(case("inherits from the owner, can't become it", Start::Applied, as_configured, MAY_NOT_BECOME)),
    from_16(case("may become the reader, doesn't inherit", Start::Applied, as_configured, MAY_BECOME_READER)),
];

/// What doctor and drift have found.
struct Seen {
    found: Examination,
    findings: BTreeSet<String>,
}

/// What the roles have too much, as doctor says it.
fn excess(found: &Examination) -> BTreeSet<String> {
    let check = found.checks.iter().find(|it| it.name == "excess_privileges");
    let text = check.map_or("", |it| it.message.trim_end_matches("; ignored in a local database"));
    text.split("; ").filter(|it| *it != "none").map(str::to_owned).collect()
}

async fn doctor(database: &Database, roles: &Roles) -> Examination {
    let (table, environment) = (TableName::legacy(), Environment::Local);
    let request = ExamineRequest { target: database, source: None, environment, roles, table: &table, exact: false };
    let found = examine(&request).await;
    assert_eq!(found.failure, None);
    found
}

async fn findings(database: &Database, roles: &Roles) -> BTreeSet<String> {
    let request = DriftRequest {
        target: database,
        environment: Environment::Local,
        roles,
        expected: Expected::Embedded,
        schemas: &[],
        exceptions: &Exceptions::default(),
        today: today(),
    };
    let findings = drift(request).await.expect("it is compared").findings;
    let text = |it: &Finding| format!("{} {:?} {:?} {:?} {:?}", it.kind(), it.id, it.role, it.expected, it.actual);
    findings.iter().map(text).collect()
}

/// What is wrong after both blocks were pasted, the second only if there is one.
async fn pasted(case: &Case, db: &Db, database: &Database, roles: &Roles) -> Vec<String> {
    let before = Seen { found: doctor(database, roles).await, findings: findings(&db.database, roles).await };
    run_statements(db, &before.found.block).await;
    let between = doctor(database, roles).await;
    let superuser: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut db.connect().await).await.expect("a role");
    let granted = format!("grant {superuser} to ");
    let shown = [&before.found.block, &before.found.optional, &between.block, &between.optional];
    let shown = shown.into_iter().flat_map(|it| statements(it).into_values().flatten());
    let membership: Vec<String> = shown.filter(|it| it.starts_with(&granted)).collect();
    let mut left = between.block.clone();
    let optional = statements(&between.optional);
    let last = if optional.is_empty() {
        between
    } else {
        run_statements(db, &between.optional).await;
        let last = doctor(database, roles).await;
        left.extend(last.block.clone());
        left.extend(last.optional.clone());
        last
    };
    let words = |it: &Lack| format!("{}: {}", it.role, it.what);
    let mut wrong: Vec<String> = left.iter().filter(|it| it.instead.is_none()).map(words).collect();
    wrong.extend(membership);
    wrong.extend(excess(&last).difference(&excess(&before.found)).cloned());
    wrong.extend(findings(&db.database, roles).await.difference(&before.findings).cloned());
    let is_advised = last.optional.iter().any(|it| it.instead.is_some());
    if is_advised != case.is_advised {
        wrong.push(format!("is sent to another role: {is_advised}"));
    }
    if !wrong.is_empty() {
        wrong.push(format!("ran {:?}, then {optional:?}", statements(&before.found.block)));
    }
    wrong
}

#[tokio::test]
async fn what_is_pasted_is_enough_and_not_too_much() {
    let mut all = Vec::new();
    for (at, case) in CASES.iter().enumerate() {
        with_db(case.start, async |db| {
            if !db.turn().await(at, case.from) {
                return;
            }
            let place = db.place();
            let (name, me) = (&place.name, format!("{}_me", place.name));
            db.execute(&format!(
                "create role {me} login password 'may'; comment on role {me} is 'made by pad-migrate for tests'; {}",
                case.sql.replace("{me}", &me)
            ))
            .await;
            let host = url_value(&place.host);
            let url = format!("postgres:///{name}?host={host}&port={}&user={me}&password=may", place.port);
            let database = EphemeralDatabase::at(&url).expect("the URL is right");
            let wrong = pasted(case, &db, &database, &(case.configured)(&me)).await;
            all.extend(wrong.into_iter().map(|it| format!("{}: {it}", case.name)));
            db.execute(&format!("reassign owned by {me} to current_user; drop owned by {me}; drop role {me}")).await;
        })
        .await;
    }
    assert_eq!(all, Vec::<String>::new());
}
