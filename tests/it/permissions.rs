//! Whether a role may do something: what is said beforehand is what happens, and the statements that are shown change it.
//!
//! Each case is a role in a database of its own. The library's `apply` and `migrate` don't ask beforehand: they are the
//! truth that the answer is compared with.

use pretty_assertions::assert_eq;

use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names::url_value;
use pad_migrate::ledger::permission::{Lack, RunAs, statements};
use pad_migrate::schema::pg::{apply, plan};

use crate::harness::{Db, Start, apply_request, with_db};

/// A role, and what a database gives it.
struct Case {
    name: &'static str,
    start: Start,
    /// `{me}` is the role that connects, `{owner}` the one that is to own padealing, `{other}` a third.
    sql: &'static str,
    /// Whether DB_OWNER_ROLE names `{owner}`.
    has_owner: bool,
    /// Whether it may apply.
    may: bool,
    /// The oldest version that has what it is about.
    from: u32,
}

const fn case(name: &'static str, start: Start, sql: &'static str, has_owner: bool, may: bool) -> Case {
    Case { name, start, sql, has_owner, may, from: 13 }
}

/// What creating the schema needs, beside the owner's role.
const CREATES: &str = "do $$ begin execute format('grant create on database %I to {me}', current_database()); end $$; \
    grant usage on schema bo_airflow to {me}; \
    grant references on bo_airflow.oracle_employee, bo_airflow.oracle_bloomberg to {me};";

/// A step on one table: an index is missing.
const PENDING: &str = "drop index padealing.audit_log_timestamp_idx;";

const CASES: &[Case] = &[
    case("a superuser", Start::Reference, "alter role {me} superuser", true, true),
    case("no owner named", Start::Reference, "{creates}", false, true),
    case("a member of the owner", Start::Reference, "{creates} grant {owner} to {me}", true, true),
    case(
        "a member without inheritance",
        Start::Reference,
        "{creates} alter role {me} noinherit; grant {owner} to {me}",
        true,
        false,
    ),
    Case {
        from: 16,
        ..case(
            "inherits, may not set",
            Start::Reference,
            "{creates} grant {owner} to {me} with inherit true, set false",
            true,
            false,
        )
    },
    Case {
        from: 16,
        ..case(
            "may set, doesn't inherit",
            Start::Reference,
            "{creates} grant {owner} to {me} with inherit false, set true",
            true,
            false,
        )
    },
    case(
        "a member whose owner may create",
        Start::Reference,
        "{creates} revoke create on database {db} from {me}; grant create on database {db} to {owner}; grant {owner} to {me}",
        true,
        true,
    ),
    case(
        "the owner of the database",
        Start::Reference,
        "{creates} revoke create on database {db} from {me}; alter database {db} owner to {me}",
        true,
        false,
    ),
    case(
        "the owner of the database, no owner named",
        Start::Reference,
        "{creates} alter database {db} owner to {me}",
        false,
        true,
    ),
    case("CREATE on the database only", Start::Reference, "grant create on database {db} to {me}", false, false),
    case("nothing", Start::Reference, "", true, false),
    case("nothing, no owner named", Start::Reference, "", false, false),
    case(
        "owns the empty schema",
        Start::Reference,
        "{creates} revoke create on database {db} from {me}; create schema padealing authorization {me}",
        false,
        true,
    ),
    case(
        "owns the empty schema, can't give it",
        Start::Reference,
        "{creates} revoke create on database {db} from {me}; create schema padealing authorization {me}; grant {owner} to {me}",
        true,
        false,
    ),
    case(
        "a reader of an applied schema",
        Start::Applied,
        "{given} {pending} grant usage on schema padealing to {me}; grant select on all tables in schema padealing to {me}",
        true,
        false,
    ),
    case(
        "a member of the owner of an applied schema",
        Start::Applied,
        "{given} {pending} grant {owner} to {me}",
        true,
        true,
    ),
    Case {
        from: 16,
        ..case(
            "inherits an applied schema",
            Start::Applied,
            "{given} {pending} grant {owner} to {me} with inherit true, set false",
            true,
            true,
        )
    },
    case(
        "a table of another owner",
        Start::Applied,
        "{given} {pending} grant {owner} to {me}; alter table padealing.audit_log owner to {other}",
        true,
        false,
    ),
    case(
        "a child of another owner",
        Start::Applied,
        "{given} grant {owner} to {me}; alter table padealing.pad_request drop column deleted_at; create table padealing.kid () inherits (padealing.pad_request); alter table padealing.kid owner to {other}",
        true,
        false,
    ),
    case(
        "a child of another owner, of a table that isn't changed",
        Start::Applied,
        "{given} {pending} grant {owner} to {me}; create table padealing.kid () inherits (padealing.pad_request); alter table padealing.kid owner to {other}",
        true,
        true,
    ),
];

/// Gives an applied schema to `{owner}`.
const GIVEN: &str = "alter schema padealing owner to {owner}; do $$ declare it record; begin \
    for it in select relname from pg_class where relnamespace = 'padealing'::regnamespace and relkind = 'r' \
    loop execute format('alter table padealing.%I owner to {owner}', it.relname); end loop; end $$; \
    alter default privileges for role pad_migrate_owner in schema padealing revoke all on tables from \
    pad_migrate_app, pad_migrate_reader; \
    alter default privileges for role pad_migrate_owner in schema padealing revoke all on sequences from \
    pad_migrate_app; \
    alter default privileges for role {owner} in schema padealing grant select, insert, update, delete on tables to \
    pad_migrate_app; alter default privileges for role {owner} in schema padealing grant usage on sequences to \
    pad_migrate_app; alter default privileges for role {owner} in schema padealing grant select on tables to \
    pad_migrate_reader;";

async fn run_statements(db: &Db, lacks: &[Lack]) {
    for (run_as, all) in statements(lacks) {
        for sql in all {
            match &run_as {
                RunAs::Superuser => db.execute(&sql).await,
                RunAs::Role(role) => db.execute(&format!("set role \"{role}\"; {sql}")).await,
            }
        }
    }
}

#[tokio::test]
async fn who_may_apply_is_known_beforehand() {
    let mut wrong = Vec::new();
    for case in CASES {
        with_db(case.start, async |db| {
            let major: u32 = db.value("current_setting('server_version_num')::int / 10000").await.expect("a number").parse().expect("a number");
            if major < case.from {
                return;
            }
            let place = db.place();
            let name = &place.name;
            let names = |sql: &str| {
                let sql = sql.replace("{creates}", CREATES).replace("{given}", GIVEN).replace("{pending}", PENDING);
                let sql = sql.replace("{db}", name).replace("{me}", &format!("{name}_me"));
                sql.replace("{owner}", &format!("{name}_owner")).replace("{other}", &format!("{name}_other"))
            };
            let [me, owner, other] = ["{me}", "{owner}", "{other}"].map(names);
            for role in [&me, &owner, &other] {
                db.execute(&format!("create role {role} login password 'may'; comment on role {role} is 'made by pad-migrate for tests'")).await;
            }
            db.execute(&names(case.sql)).await;
            let url = format!("postgres:///{name}?host={}&port={}&user={me}&password=may", url_value(&place.host), place.port);
            let database = EphemeralDatabase::at(&url).expect("the URL is right");
            let applied = case.start == Start::Applied;
            let role = |it: &str| applied.then(|| it.to_owned());
            let roles = Roles { owner: case.has_owner.then(|| owner.clone()), app: role("pad_migrate_app"), reader: role("pad_migrate_reader") };
            let request = apply_request(&database, &roles);
            let found = plan::plan(&request).await.expect("it plans");
            assert!(!found.route.is_empty(), "{}: there is something to apply", case.name);
            let says = found.permissions.are_complete();
            let does = apply::apply(&request, None).await;
            if (says, does.is_ok()) != (case.may, case.may) {
                wrong.push(format!("{}: says {says}: {}; {:?}", case.name, found.permissions.words(), does.err()));
            } else if !case.may {
                run_statements(&db, &found.permissions.lacks).await;
                let again = plan::plan(&request).await.expect("it plans");
                if let Err(error) = apply::apply(&request, None).await {
                    let ran = statements(&found.permissions.lacks);
                    wrong.push(format!("{}: after {ran:?}: {error:?}", case.name));
                }
                if !again.permissions.are_complete() {
                    wrong.push(format!("{}: afterwards: {}", case.name, again.permissions.words()));
                }
            }
            db.execute(&format!("drop schema if exists padealing cascade; drop table if exists padealing.kid; do $$ begin execute format('alter database %I owner to %I', current_database(), current_user); end $$; drop owned by {me}, {owner}, {other}; drop role {me}, {owner}, {other}")).await;
        })
        .await;
    }
    assert_eq!(wrong, Vec::<String>::new());
}
