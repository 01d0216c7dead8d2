//! What a URL asks for, and what is said of values that a server quotes.

use clap::ValueEnum;
use pretty_assertions::assert_eq;
use rstest::rstest;

use super::SOON;
use crate::harness::program::{run, stderr};
use crate::harness::{Start, with_db};
use pad_migrate::base::text::sentence;
use pad_migrate::config::environment::Environment;
use pad_migrate::config::mask::Secret;
use pad_migrate::config::settings::{Endpoint, Transport};
use pad_migrate::harness::pg::databases as admin;
use pad_migrate::postgres::database::Database;

/// What a URL asks for is done, or refused: the driver would drop it without a word.
#[rstest]
#[case::misspelt("sslmod=require", "the parameter sslmod, which can't be used as it is: did you mean sslmode?")]
#[case::a_mode_that_is_none("sslmode=full", "sslmode, which can't be used as it is: it must be disable, ")]
#[case::the_primary("target_session_attrs=read-write", "target_session_attrs, which can't be used as it is: name the")]
#[case::channel_binding("channel_binding=require", "channel_binding, which can't be used as it is: the driver has no")]
#[case::a_service("service=prod", "service, which can't be used as it is: write the host")]
#[case::a_password_file("passfile=/hunter2", "passfile, which can't be used as it is: set PGPASSFILE instead")]
#[case::a_timeout("connect_timeout=5", "connect_timeout, which can't be used as it is: set DB_CONNECT_TIMEOUT")]
#[case::a_revocation_list("sslcrl=/hunter2", "sslcrl, which can't be used as it is: the driver doesn't have it")]
#[case::a_method("require_auth=scram-sha-256", "require_auth, which can't be used as it is: the driver doesn't")]
#[case::an_address_that_is_none("hostaddr=hunter2", "hostaddr, which can't be used as it is: it must be an address")]
#[case::a_port("port=0", "port, which can't be used as it is: it must be a number from 1 to 65535")]
#[case::options_left_open("options[search_path=hunter2", "has a parameter that PostgreSQL doesn't have; remove it")]
#[case::part_of_a_password("hunter2=x", "has a parameter that PostgreSQL doesn't have; remove it")]
#[case::no_pair("hunter2", "the database URL can't be parsed")]
#[case::a_zero("user=u%00options%00hunter2", "the database URL can't be parsed")]
#[case::two_hosts("host=a,hunter2", "several hosts are named; name one, that of the primary")]
fn a_parameter_is_honoured_or_refused(#[case] parameter: &str, #[case] says: &str) {
    let output = run(&["--database-url", &format!("postgres://u@127.0.0.1:1/n?{parameter}"), "status"], &[]);
    let reported = stderr(&output);
    assert!(reported.contains(says) && reported.lines().count() == 1, "{reported}");
    assert!(!reported.contains("hunter2"), "{reported}");
}

/// What is done anyway may be asked for.
#[rstest]
#[case("channel_binding=prefer&target_session_attrs=any&gssencmode=prefer&client_encoding=UTF8", None)]
#[case("options=-c%20search_path%3Dx&application_name=app&fallback_application_name=app", None)]
#[case("sslmode=prefer", Some(("PGSSLMODE", "PGSSLMODE is \"ful\" (from the environment); it must be disable, allow, ")))]
#[case("sslmode=prefer", Some(("PGPORT", "PGPORT is \"ful\" (from the environment); it must be a port, a number ")))]
fn what_is_done_anyway_may_be_asked_for(#[case] parameters: &str, #[case] variable: Option<(&str, &str)>) {
    let url = format!("postgres://u@127.0.0.1:1/n?{parameters}");
    let variables: Vec<_> = variable.iter().map(|(name, _)| (*name, "ful")).collect();
    let reported = stderr(&run(&["--database-url", &url, "status"], &variables));
    assert!(reported.contains(variable.map_or("connecting to 127.0.0.1:1/n as u failed", |it| it.1)), "{reported}");
}

/// A URL may leave the host out behind a user, as libpq lets it.
#[rstest]
#[case("postgres://u@/n?host=/nowhere&port=1", "/nowhere:1/n as u")]
#[case("postgres://u%2B+&:hunter2@/n?host=127.0.0.1&port=1", "127.0.0.1:1/n as u++&")]
#[case("postgresql://u@?host=127.0.0.1&port=1&dbname=n", "127.0.0.1:1/n as u")]
#[case("postgresql://u@127.0.0.1:1/a%2Fb", "127.0.0.1:1/a/b as u")]
fn a_host_may_be_a_parameter(#[case] url: &str, #[case] place: &str) {
    let reported = stderr(&run(&["--database-url", url, "status"], &[]));
    assert!(reported.contains(&format!("connecting to {place} failed")), "{reported}");
    assert!(!reported.contains("hunter2"), "{reported}");
}

/// What would be read as something else than was meant is refused, and not shown.
#[rstest]
#[case::no_user("postgresql://u:12345/a", "the database URL names no user")]
#[case::no_user_and_a_password("postgresql://:hunter2@127.0.0.1:1/n", "the database URL names no user")]
#[case::a_tab("postgresql://u:hun\tter2@127.0.0.1:1/n", "the database URL can't be parsed")]
#[case::a_blank_at_the_end("postgresql://u:hunter2@127.0.0.1:1/n\u{a0}", "the database URL can't be parsed")]
#[case::a_database_and_more("postgresql://u@127.0.0.1:1/a/hunter2", "the database URL can't be parsed")]
#[case::a_host_and_more(
    "postgresql://u@/n?host=127.0.0.1:hunter2",
    "host, which can't be used as it is: it must be a host"
)]
#[case::a_user_over_two_lines("postgresql://u%0Ahunter2@127.0.0.1:1/n", "the database URL can't be parsed")]
fn what_is_meant_otherwise_is_refused(#[case] url: &str, #[case] says: &str) {
    let reported = stderr(&run(&["--database-url", url, "status"], &[]));
    assert!(reported.contains(says) && reported.lines().count() == 1, "{reported}");
    assert!(!reported.contains("hunter2") && !reported.contains("12345"), "{reported}");
}

#[rstest]
#[case("postgres://u:p@a.example.com,b.example.com/n")]
#[case("postgres://u:p@a.example.com:1,b.example.com:2/n?sslmode=verify-full")]
fn several_hosts_are_refused(#[case] url: &str) {
    let reported = stderr(&run(&["--database-url", url, "status"], &[]));
    assert!(reported.contains("several hosts are named; name one"), "{reported}");
}

/// No password goes in clear to another server than the target's, whatever the target's own settings allow: TLS is what
/// its URL says, and verified in full where that says nothing.
#[rstest]
#[case::what_is_allowed_here_is_not_allowed_there("local", "disable", "prod.example.com", "", "verify-full")]
#[case::in_qa_neither("qa", "disable", "prod.example.com", "", "verify-full")]
#[case::its_own_url_may_ask_for_less("local", "disable", "prod.example.com", "?sslmode=require", "require")]
#[case::the_stricter_of_two("qa", "disable", "prod.example.com", "?sslmode=verify-ca", "verify-ca")]
#[case::the_same_server("qa", "disable", "db.example.com", "", "disable")]
#[case::this_machine("local", "disable", "127.0.0.1", "", "disable")]
#[case::nothing_is_asked_for("local", "", "prod.example.com", "", "verify-full")]
fn another_server_gets_no_password_in_clear(
    #[case] environment: &str,
    #[case] asked: &str,
    #[case] host: &str,
    #[case] parameters: &str,
    #[case] mode: &str,
) {
    let environment = Environment::from_str(environment, false).expect("it is one");
    let ssl_mode = (!asked.is_empty()).then(|| asked.to_owned());
    let transport = Transport { ssl_mode, ssl_root_cert: None, client_cert: None, connect_timeout: SOON };
    let url = |host: &str, more: &str| Endpoint::Url(Secret(format!("postgres://u:p@{host}/n{more}")));
    let target = Database::new(&url("db.example.com", ""), environment, &transport).expect("it is right");
    let other = Database::another(&url(host, parameters), environment, &transport, Some(&target));
    assert_eq!(other.expect("it is right").ssl_mode(), mode);
}

/// A server quotes whole rows, with all that is personal in them, where a constraint is violated: the constraint is named
/// and the row isn't shown. What says which objects are in the way is shown.
#[tokio::test]
async fn no_row_is_quoted() {
    with_db(Start::Empty, async |db| {
        let tables = "create table t (id int primary key, email text not null unique check (email <> 'hunter2 x')); \
            create table child (id int references t); \
            create view v as select * from t where email = 'hunter2' with check option; \
            create table parted (id int, email text) partition by list (id); \
            insert into t values (1, 'hunter2'); create view w as select * from t";
        db.execute(tables).await;
        let raised = "do $$ begin raise exception 'not so' using detail = 'hunter2', hint = 'ask hunter2'; end $$";
        for (sql, says) in [
            ("insert into t values (2, 'hunter2 x')", "violates check constraint \"t_email_check\" (SQLSTATE 23514)"),
            ("insert into t values (2, 'hunter2')", "violates unique constraint \"t_email_key\" (SQLSTATE 23505)"),
            ("update t set email = null", "violates not-null constraint (SQLSTATE 23502)"),
            ("insert into child values (7)", "violates foreign key constraint \"child_id_fkey\" (SQLSTATE 23503)"),
            ("insert into v values (3, 'else')", "violates check option for view \"v\" (SQLSTATE 44000)"),
            ("insert into parted values (3, 'hunter2')", "no partition of relation \"parted\" found for row (SQLSTATE"),
            (raised, "not so (SQLSTATE P0001)"),
            ("drop table t", "view v depends on table t"),
        ] {
            let sql = format!("set search_path = public; {sql}");
            let error = sentence(&admin::execute(&db.database, &sql).await.expect_err("it is refused"));
            assert!(error.contains(says), "{sql}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("(7)"), "{sql}: {error}");
        }
    })
    .await;
}
