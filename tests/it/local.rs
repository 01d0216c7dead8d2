//! What local may do, and where; and the local server of `scripts/local`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::harness::other::{self, Other};
use crate::harness::program::{command, run, run_in, stderr, stdout};
use crate::harness::{Start, with_db};
use crate::waiting::output;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::settings::Roles;
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::harness::pg::ephemeral::EphemeralDatabase;
use pad_migrate::schema::pg::{apply, request};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file is there")
}

/// A server on which the init script of `scripts/local` has run.
async fn local_server() -> Other {
    let server = other::start(other::ASK).await;
    server.execute("postgres", &["create database pad_db"]).await;
    server.execute("pad_db", &[&read("scripts/local/init.sql")]).await;
    server
}

/// The way that the README shows, with the template as it is; then each role sees what it needs.
#[tokio::test]
async fn the_local_server_fits_its_template() {
    let server = local_server().await;
    let dir = tempfile::tempdir().expect("a directory is made");
    let file = dir.path().join(".env.local");
    std::fs::write(&file, read(".env.local.example")).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let place = [("DB_HOST", &*server.host), ("DB_PORT", &*server.port)];
    let go = |arguments: &[&str], more: &[(&str, &str)]| run_in(dir.path(), arguments, &[&place, more].concat());
    for (arguments, code) in [
        (&["doctor"] as &[&str], 1),
        (&["apply", "--yes"], 0),
        (&["doctor"], 1),
        (&["seed"], 0),
        (&["migrate"], 1),
        (&["verify"], 0),
        (&["doctor"], 0),
    ] {
        let output = go(arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
    for role in ["pad_app_user", "pad_reader"] {
        let output = go(&["doctor", "--exact"], &[("DB_USER", role), ("DB_PASSWORD", role)]);
        assert_eq!(output.status.code(), Some(0), "{role}: {}{}", stdout(&output), stderr(&output));
    }
}

/// QA, reached through a tunnel or taken for something else: whatever local alone may do is refused, and so is what
/// would change a padealing that isn't ours.
#[rstest]
#[case(&["seed"], MIRROR)]
#[case(&["seed", "--empty"], MIRROR)]
#[case(&["seed", "--rows", "10"], MIRROR)]
#[case(&["apply", "--yes"], MIRROR)]
#[case(&["migrate"], "at the current revision")]
#[tokio::test]
async fn qa_under_the_name_local_is_unchanged(#[case] arguments: &[&str], #[case] why: &str) {
    with_db(Start::Alembic, async |db| {
        db.execute("comment on schema bo_airflow is 'mirrored from Oracle every night'").await;
        let before = db.dump(&[]).await;
        let output = run(&[&["--env", "local", "--database-url", &db.url], arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let error = stderr(&output);
        assert!(error.contains(why) && error.lines().count() == 1, "{error}");
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// Why a database that has this schema is not a local one.
const MIRROR: &str = "bo_airflow that pad-migrate did not create";

/// Nothing that only looks like this machine is local.
#[rstest]
#[case::a_socket("postgres:///n?host=/tmp&user=u", true)]
#[case::by_name("postgres://u@localhost/n", true)]
#[case::by_number("postgres://u@127.0.0.1/n", true)]
#[case::another_number("postgres://u@127.1.2.3/n", true)]
#[case::of_version_6("postgres://u@[::1]/n", true)]
#[case::another_machine("postgres://u@10.0.0.1/n", false)]
#[case::any_address("postgres://u@0.0.0.0/n", false)]
#[case::a_name("postgres://u@db.example.com/n", false)]
#[case::a_name_that_begins_so("postgres://u@localhost.example.com/n", false)]
#[case::a_number_that_begins_so("postgres://u@127.0.0.1.example.com/n", false)]
fn a_local_database_is_on_this_machine(#[case] url: &str, #[case] is_local: bool) {
    assert_eq!(EphemeralDatabase::at(url).expect("the URL is right").is_loopback(), is_local);
}

/// A database has its environment on record: a run for another one is refused, with both names.
#[tokio::test]
async fn a_database_of_another_environment_is_refused() {
    with_db(Start::Reference, async |db| {
        let roles = Roles::default();
        apply::apply(&request::ChangeRequest::new(&db.database, Environment::Qa, &roles), None)
            .await
            .expect("the revisions apply");
        let before = db.dump(&[]).await;
        for (arguments, refuses_prod) in [
            (&["doctor"] as &[&str], true),
            (&["apply", "--yes"], true),
            (&["migrate"], true),
            (&["migrate", "--dry-run"], true),
            (&["rollback", "--yes"], true),
            (&["rollback", "--dry-run"], true),
            (&["verify"], true),
            (&["integrity"], true),
            (&["report"], true),
            (&["serve"], true),
            // In prod there is no test data, and none is made.
            (&["seed"], false),
            (&["clean", "--employee", "1003", "--yes"], false),
            (&["gate"], true),
            (&["gate", "--stage", "before", "--freeze-seconds", "0"], true),
        ] {
            for environment in ["local", "prod"].into_iter().take(1 + usize::from(refuses_prod)) {
                let whole = [&["--env", environment, "--database-url", &db.url], arguments].concat();
                let output = run(&whole, &[("DB_SSLMODE", "disable")]);
                assert_eq!(output.status.code(), Some(2), "{arguments:?}");
                let error = stderr(&output);
                let both = format!("was set up as environment qa, and this run is for {environment}; correct --env");
                assert!(error.contains(&both) && error.lines().count() == 1, "{arguments:?}: {error}");
            }
        }
        assert_eq!(db.dump(&[]).await, before);
    })
    .await;
}

/// A copy of prod that was restored into QA: it is taken only by who names what it was, and only if nobody uses it.
#[tokio::test]
async fn a_restored_copy_becomes_the_database_of_its_environment() {
    with_db(Start::Reference, async |db| {
        let roles = Roles::default();
        apply::apply(&request::ChangeRequest::new(&db.database, Environment::Prod, &roles), None)
            .await
            .expect("the revisions apply");
        let ask = |environment: &str, arguments: &[&str]| {
            let arguments = [&["--env", environment, "--database-url", &db.url], arguments].concat();
            run(&arguments, &[("DB_SSLMODE", "disable")])
        };
        let adopt = |given_up| ["apply", "--yes", "--adopt-environment", given_up];
        let before = db.dump(&[]).await;
        let refused = ask("qa", &["status"]);
        let hint = "run `pad-migrate --env qa apply --adopt-environment prod`";
        assert!(stderr(&refused).contains(hint), "{}", stderr(&refused));
        assert!(!stderr(&ask("local", &["status"])).contains("adopt"), "a local database is made, not adopted");
        let mut session = db.connect().await;
        for (environment, given_up, why) in [
            ("qa", "dev", "it was set up as environment prod, not dev"),
            ("local", "prod", "only dev and qa adopt"),
            ("prod", "qa", "only dev and qa adopt"),
            ("qa", "prod", "1 other session is connected to it"),
        ] {
            let output = ask(environment, &adopt(given_up));
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
            assert!(stderr(&output).contains(why) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
        }
        assert_eq!(db.dump(&[]).await, before);
        sqlx::query("select 1").execute(&mut session).await.expect("the session is still there");
        sqlx::Connection::close(session).await.expect("the session ends");
        let output = ask("qa", &adopt("prod"));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let lines = "select string_agg(distinct environment || ' ' || (sql like '%a copy of prod%')::text, ', ') \
             from padealing.schema_revision where id = (select max(id) from padealing.schema_revision)";
        assert_eq!(db.value(lines).await.as_deref(), Some("qa true"));
        assert_eq!(ask("qa", &["status"]).status.code(), Some(0));
        assert_eq!(ask("qa", &["drift", "--fail-on", "breaking"]).status.code(), Some(0));
        assert_eq!(ask("prod", &["status"]).status.code(), Some(2));
        assert!(stderr(&ask("qa", &adopt("prod"))).contains("it is that already"));
    })
    .await;
}

/// The tests that look at a real environment when they are asked to, on a second server that plays QA.
#[tokio::test]
async fn the_same_checks_run_on_an_environment_that_is_named() {
    let server = local_server().await;
    let database = EphemeralDatabase::at(&server.url("pad_db")).expect("the URL is right");
    server.execute("pad_db", &["drop schema bo_airflow"]).await;
    admin::fill_with_fixtures(&database, &crate::harness::cases()).await.expect("the fixtures load");
    let name = |it: &str| Some(it.to_owned());
    let roles = Roles { owner: name("pad_owner"), app: name("pad_app_user"), reader: name("pad_reader") };
    let request = request::ChangeRequest::new(&database, Environment::Qa, &roles);
    let grants = "comment on schema bo_airflow is 'mirrored'; \
         grant usage on schema bo_airflow to pad_owner, pad_app_user, pad_reader; \
         grant select on all tables in schema bo_airflow to pad_app_user, pad_reader; \
         grant select, references on all tables in schema bo_airflow to pad_owner; \
         grant select on public.personal_account_dealing to pad_reader";
    server.execute("pad_db", &[grants]).await;
    apply::apply(&request, None).await.expect("the revisions apply");
    let folder = tempfile::tempdir().expect("a directory is made");
    let ask = |environment: &str| -> Output {
        let mut command = command(std::env::current_exe().expect("this is a program"));
        // Where no file of a developer's own has a say.
        command.args(["live", "--nocapture"]).current_dir(folder.path()).env("APP_ENV", environment);
        command.envs([("DB_HOST", &*server.host), ("DB_PORT", &*server.port), ("DB_NAME", "pad_db")]);
        command.envs([("DB_USER", "pad_reader"), ("DB_PASSWORD", "pad_reader"), ("DB_SSLMODE", "disable")]);
        command.envs([
            ("DB_OWNER_ROLE", "pad_owner"),
            ("DB_APP_ROLE", "pad_app_user"),
            ("DB_READER_ROLE", "pad_reader"),
        ]);
        output(&mut command)
    };
    let output = ask("qa");
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let place = format!("qa, {}:{}/pad_db as pad_reader", server.host, server.port);
    assert!(stderr(&output).contains(&place), "{}", stderr(&output));
    let output = ask("prod");
    assert!(stderr(&output).contains("was set up as environment qa"), "{}", stderr(&output));
    assert!(!output.status.success(), "it is not prod");
    server.execute("pad_db", &["drop table padealing.pad_breach"]).await;
    let output = ask("qa");
    assert!(stderr(&output).contains("qa fails: critical_tables"), "{}", stderr(&output));
    assert!(stderr(&output).contains("qa has drifted: 1 breaking"), "{}", stderr(&output));
    assert!(!output.status.success(), "a table is missing");
}
