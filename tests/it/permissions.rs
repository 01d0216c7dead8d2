//! Whether a role may do something: what is said beforehand is what happens, and the statements that are shown change it.
//!
//! Each case is a role in a database of its own. The library's `apply` and `migrate` don't ask beforehand: they are the
//! truth that the answer is compared with.

mod pasted;

use pretty_assertions::assert_eq;
use serde_json::Value;

use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::harness::server::names::url_value;
use pad_migrate::ledger::permission::{Lack, RunAs, statements};
use pad_migrate::schema::pg::{apply, plan};

use crate::harness::program::{run, stderr, stdout};
use crate::harness::{Db, Role, Start, apply_request, with_db};

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

/// Foreign keys need REFERENCES on the columns that they refer to, not on the whole table.
const KEYS_ONLY: &str = "{creates} revoke references on bo_airflow.oracle_employee, bo_airflow.oracle_bloomberg from {me}; \
    grant references (id) on bo_airflow.oracle_employee to {me}; grant references (id) on bo_airflow.oracle_bloomberg to {me}";
const OTHER_COLUMN: &str = "{creates} revoke references on bo_airflow.oracle_employee from {me}; \
    grant references (forename) on bo_airflow.oracle_employee to {me}";

/// A step on one table: an index is missing.
const PENDING: &str = "drop index padealing.audit_log_timestamp_idx;";

const CASES: &[Case] = &[
    case("a superuser", Start::Reference, "alter role {me} superuser", true, true),
    case("no owner named", Start::Reference, "{creates}", false, true),
    case(
        "others have objects with the names of tables",
        Start::Reference,
        "{creates} create schema padealing authorization {me}; \
         create function padealing.migration_run() returns int language sql as 'select 1'; \
         create collation padealing.pad_request from \"C\"; \
         create text search configuration padealing.pad_breach (copy = pg_catalog.simple)",
        false,
        true,
    ),
    case("references on the keys only", Start::Reference, KEYS_ONLY, false, true),
    case("references on another column", Start::Reference, OTHER_COLUMN, false, false),
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
    for (at, case) in CASES.iter().enumerate() {
        with_db(case.start, async |db| {
            if !db.turn().await(at, case.from) {
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

/// Runs a command as one of the test server's roles.
async fn go(db: &Db, role: Role, arguments: &[&str]) -> std::process::Output {
    let url = db.url_as(role).await;
    let keys = [
        ("DB_OWNER_ROLE", Role::Owner.name()),
        ("DB_APP_ROLE", Role::App.name()),
        ("DB_READER_ROLE", Role::Reader.name()),
    ];
    run(&[&["--database-url", &url][..], arguments].concat(), &keys)
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("it is JSON: {}", stderr(output)))
}

/// Runs the statements of a report, each as the role that it names.
async fn run_all(db: &Db, statements: &Value) {
    for statement in statements.as_array().expect("there are statements") {
        let role = statement["run_as"].as_str().map(|it| format!("set role \"{it}\"; ")).unwrap_or_default();
        db.execute(&format!("{role}{}", statement["sql"].as_str().expect("a text"))).await;
    }
}

/// A reader sees the whole plan, and that it may not apply it; apply says so before it asks; the SQL is the same.
#[tokio::test]
async fn a_plan_says_what_its_role_may_not_do() {
    with_db(Start::Applied, async |db| {
        db.execute(PENDING).await;
        let text = go(&db, Role::Reader, &["plan"]).await;
        assert_eq!(text.status.code(), Some(1), "{}", stderr(&text));
        let shown = stdout(&text);
        let first = "Plan        ATTENTION: 1 step to apply, which pad_migrate_reader may not\n";
        assert!(shown.starts_with(first), "{shown}");
        let (_, last) = shown.split_once("\nPermissions\n").expect("it is the last part");
        let says = "no CREATE on schema padealing; table padealing.audit_log belongs to pad_migrate_owner";
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(last).starts_with(&format!("pad_migrate_reader may not apply this: {says}")), "{last}");
        let script = async |role| {
            let output = go(&db, role, &["plan", "--format", "sql"]).await;
            stdout(&output).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(script(Role::Reader).await, script(Role::Owner).await);
        assert_eq!(go(&db, Role::Owner, &["plan"]).await.status.code(), Some(0));
        // Without a terminal it would ask for --yes; it is refused before.
        let refused = go(&db, Role::Reader, &["apply"]).await;
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
        let report = json(&go(&db, Role::Reader, &["plan", "--format", "json"]).await);
        assert_eq!((&report["outcome"], &report["permissions"]["complete"]), (&"attention".into(), &false.into()));
        let allowed = json(&go(&db, Role::Owner, &["plan", "--format", "json"]).await);
        assert_eq!(allowed["permissions"]["complete"], true);
    })
    .await;
}

/// Who may revert is known beforehand, too.
#[tokio::test]
async fn a_revert_is_refused_before_it_asks() {
    with_db(Start::Applied, async |db| {
        let refused = go(&db, Role::Reader, &["revert"]).await;
        assert_eq!(refused.status.code(), Some(2));
        let says = "schema padealing and tables ";
        assert!(stderr(&refused).contains("pad_migrate_reader may not revert at "), "{}", stderr(&refused));
        assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
        // An owner may have taken its own privileges, without which nothing is counted.
        db.execute("revoke select on padealing.pad_breach from pad_migrate_owner").await;
        let refused = go(&db, Role::Owner, &["revert", "--to", "0002", "--yes"]).await;
        assert_eq!(refused.status.code(), Some(2));
        for part in
            ["may not revert at ", "no SELECT on padealing.pad_breach", "grant select on padealing.pad_breach to"]
        {
            assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
        }
        // The schema goes back to the role that reverts, which takes CREATE on the database.
        let refused = go(&db, Role::Owner, &["revert", "--to", "0006", "--yes"]).await;
        assert_eq!((refused.status.code(), stderr(&refused)), (Some(0), String::new()));
    })
    .await;
}

/// A dry run works the day before, for a role that only reads, and writes nothing. Migrate itself refuses.
#[tokio::test]
async fn a_dry_run_needs_no_schema() {
    with_db(Start::Seeded, async |db| {
        db.execute("grant select on public.personal_account_dealing to pad_migrate_reader").await;
        let before = json(&go(&db, Role::Reader, &["migrate", "--dry-run", "--format", "json"]).await);
        assert_eq!((&before["not_known"], &before["permissions"]["complete"]), (&Value::Null, &false.into()));
        db.execute("drop schema padealing cascade").await;
        let dump = db.dump(&[]).await;
        let output = go(&db, Role::Reader, &["migrate", "--dry-run", "--format", "json"]).await;
        let report = json(&output);
        assert_eq!((output.status.code(), &report["counts"]["read"]), (Some(1), &before["counts"]["read"]));
        // Ids that are taken and rows that are migrated can't be seen.
        let mut rules = before["rejected_by_rule"].clone();
        rules.as_object_mut().expect("an object").remove("id_collision");
        rules.as_object_mut().expect("an object").remove("stray_lineage");
        assert_eq!(report["rejected_by_rule"], rules);
        let unknown = "padealing isn't at the current revision yet, so which rows are migrated already and which ids other \
                       requests have is not known; run `pad-migrate apply` before migrate";
        assert_eq!(report["not_known"], unknown);
        let refused = go(&db, Role::Reader, &["migrate"]).await;
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("has no padealing schema at the current revision"), "{}", stderr(&refused));
        with_db(Start::Reference, async |target| {
            let source = db.url_as(Role::Reader).await;
            let output = go(&target, Role::Reader, &["--source-url", &source, "migrate", "--dry-run", "--format", "json"]).await;
            assert_eq!(json(&output)["rejected_by_rule"], rules);
        })
        .await;
        assert_eq!(db.dump(&[]).await, dump);
    })
    .await;
}

/// What a key is checked as: the owner of the table that it refers to, who may lack what anybody has.
#[tokio::test]
async fn owners_of_reference_tables_need_their_rights() {
    with_db(Start::Seeded, async |db| {
        db.execute(
            "alter table bo_airflow.oracle_employee owner to pad_migrate_stranger; \
             revoke update on bo_airflow.oracle_employee from pad_migrate_stranger; \
             grant select on public.personal_account_dealing to pad_migrate_owner; \
             grant select, references on bo_airflow.oracle_employee to pad_migrate_owner",
        )
        .await;
        let report = json(&go(&db, Role::Owner, &["migrate", "--dry-run", "--format", "json"]).await);
        let missing: Vec<String> = report["permissions"]["missing"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| format!("{}: {}", it["role"], it["what"]).replace('"', ""))
            .collect();
        assert_eq!(
            missing,
            [
                "pad_migrate_stranger: no USAGE on schema bo_airflow",
                "pad_migrate_stranger: no UPDATE on bo_airflow.oracle_employee",
            ]
        );
        assert_eq!(go(&db, Role::Owner, &["migrate"]).await.status.code(), Some(2));
        run_all(&db, &report["permissions"]["statements"]).await;
        assert_eq!(go(&db, Role::Owner, &["migrate"]).await.status.code(), Some(1), "rows are rejected, and no more");
    })
    .await;
}

/// doctor judges the legacy table's columns as migrate does, in its words.
#[tokio::test]
async fn doctor_and_migrate_judge_the_legacy_table_alike() {
    with_db(Start::Applied, async |db| {
        db.execute("grant select on public.personal_account_dealing to pad_migrate_owner").await;
        for (change, back, says) in [
            (
                "alter table public.personal_account_dealing rename status to old_status",
                "alter table public.personal_account_dealing rename old_status to status",
                "lacks the columns status; ",
            ),
            (
                "alter table public.personal_account_dealing alter value type money using null",
                "alter table public.personal_account_dealing alter value type numeric(20,4) using null",
                "public.personal_account_dealing.value has the type money",
            ),
            (
                "alter table public.personal_account_dealing rename status to \"STATUS\"",
                "alter table public.personal_account_dealing rename \"STATUS\" to status",
                "has its columns in upper case (STATUS); ",
            ),
        ] {
            db.execute(change).await;
            let doctor = json(&go(&db, Role::Owner, &["doctor", "--format", "json"]).await);
            let check = doctor["checks"].as_array().expect("a list").iter().find(|it| it["name"] == "legacy_table");
            let check = check.expect("the check is there");
            let message = check["message"].as_str().expect("a text");
            assert!(check["status"] == "fail" && message.contains(says), "{check}");
            let migrate = go(&db, Role::Owner, &["migrate", "--dry-run"]).await;
            assert_eq!(
                (migrate.status.code(), stderr(&migrate).contains(message)),
                (Some(2), true),
                "{}",
                stderr(&migrate)
            );
            db.execute(back).await;
        }
    })
    .await;
}

/// doctor misses the columns that migrate would miss, in its words.
#[tokio::test]
async fn doctor_and_migrate_miss_the_same_columns() {
    with_db(Start::Applied, async |db| {
        db.execute("grant select on public.personal_account_dealing to pad_migrate_owner").await;
        db.execute("alter table padealing.audit_log drop column comments").await;
        let doctor = json(&go(&db, Role::Owner, &["doctor", "--format", "json"]).await);
        let check = doctor["checks"].as_array().expect("a list").iter().find(|it| it["name"] == "critical_tables");
        let check = check.expect("the check is there");
        let says = "lacks audit_log.comments, which migrate and verify need; ";
        assert!(check["status"] == "fail" && check["message"].as_str().is_some_and(|it| it.contains(says)), "{check}");
        let migrate = go(&db, Role::Owner, &["migrate"]).await;
        assert_eq!((migrate.status.code(), stderr(&migrate).contains(says)), (Some(2), true), "{}", stderr(&migrate));
    })
    .await;
}

/// Row security is shown with its policies, and with SQL that shows them, whatever their names are.
#[tokio::test]
async fn the_policies_are_named() {
    with_db(Start::Applied, async |db| {
        db.execute(
            "create table padealing.\"o'neil\" (); alter table padealing.\"o'neil\" enable row level security; \
             create policy \"a b\" on padealing.\"o'neil\" for select to pad_migrate_app using (current_user = 'x')",
        )
        .await;
        let doctor = json(&go(&db, Role::Reader, &["doctor", "--format", "json"]).await);
        let check = doctor["checks"].as_array().expect("a list").iter().find(|it| it["name"] == "row_security");
        let check = check.expect("the check is there");
        assert_eq!(check["rows"][0]["policy"], "a b", "{check}");
        let message = check["message"].as_str().expect("a text");
        let sql = message.split("the policies: ").nth(1).and_then(|it| it.split("; ").next()).expect("it has SQL");
        let found = db.value(&format!("select string_agg(policyname, ',') from ({sql}) it")).await;
        assert_eq!(found.as_deref(), Some("a b"), "{sql}");
    })
    .await;
}

/// A role that has nothing: what doctor shows for it, run as doctor says, is enough to migrate.
#[tokio::test]
async fn what_is_shown_is_enough_to_migrate() {
    with_db(Start::Seeded, async |db| {
        let place = db.place();
        let (name, me) = (&place.name, format!("{}_me", place.name));
        db.execute(&format!(
            "create role {me} login password 'may'; comment on role {me} is 'made by pad-migrate for tests'"
        ))
        .await;
        let host = url_value(&place.host);
        let url = format!("postgres:///{name}?host={host}&port={}&user={me}&password=may", place.port);
        let refused = run(&["--database-url", &url, "migrate"], &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        let says = format!("{me} may not migrate at ");
        assert!(stderr(&refused).contains(&says), "{}", stderr(&refused));
        for command in ["status", "plan", "drift", "verify"] {
            let refused = run(&["--database-url", &url, command], &[]);
            assert_eq!(refused.status.code(), Some(2), "{command}: {}", stdout(&refused));
            let says = format!("{me} may not ");
            assert!(stderr(&refused).contains(&says), "{command}: {}", stderr(&refused));
        }
        let doctor = json(&run(&["--database-url", &url, "doctor", "--format", "json"], &[]));
        run_all(&db, &doctor["statements"]).await;
        run_all(&db, &doctor["optional_statements"]).await;
        let migrated = run(&["--database-url", &url, "migrate"], &[]);
        assert_eq!(migrated.status.code(), Some(1), "rows are rejected, and no more: {}", stderr(&migrated));
        assert_eq!(run(&["--database-url", &url, "verify"], &[]).status.code(), Some(0));
        db.execute(&format!("drop owned by {me}; drop role {me}")).await;
    })
    .await;
}
