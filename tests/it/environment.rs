//! What the shell that starts the tests holds has no say in them: it may be a real database's address.

use rstest::rstest;

use crate::harness::program::{command, stderr, stdout};
use crate::tidy::root;
use crate::waiting::output;

/// Variables that the program reads.
const OF_THE_PROGRAM: &[(&str, &str)] = &[
    ("APP_ENV", "prod"),
    ("SOURCE_DATABASE_URL", "postgres://u@127.0.0.1:1/production"),
    ("LEGACY_TABLE", "public.other"),
    ("DB_HOST", "127.0.0.1"),
    ("DB_PORT", "1"),
    ("DB_NAME", "production"),
    ("DB_USER", "u"),
    ("DB_SSLMODE", "no mode"),
    ("DB_CONNECT_TIMEOUT", "soon"),
    ("DATABASE_SCHEMA", "other"),
    ("COLUMNS", "7"),
];

/// And those that its driver reads in any process, this one too.
const OF_THE_DRIVER: &[(&str, &str)] = &[
    ("PGHOST", "127.0.0.1"),
    ("PGPORT", "1"),
    ("PGUSER", "u"),
    ("PGDATABASE", "production"),
    ("PGSSLMODE", "verify-full"),
    ("PGSSLROOTCERT", "/nowhere"),
    ("PGOPTIONS", "-c default_transaction_read_only=on -c no_such_setting=1"),
];

/// A test that has children and databases passes with all of it set: the children get none, and cargo's runner takes
/// the driver's from the tests themselves.
#[rstest]
#[case::of_the_program(&[OF_THE_PROGRAM], false)]
#[case::of_the_driver(&[OF_THE_PROGRAM, OF_THE_DRIVER], true)]
fn a_poisoned_environment_changes_nothing(#[case] poison: &[&[(&str, &str)]], #[case] with_runner: bool) {
    let binary = std::env::current_exe().expect("this is a program");
    let mut command = command(if with_runner { root().join("scripts/run") } else { binary.clone() });
    command.args(with_runner.then_some(binary)).args(["--exact", "files::the_standard_streams_get_it_once"]);
    // Under nextest the server is the run's.
    command.envs(std::env::var_os("NEXTEST_RUN_ID").map(|it| ("NEXTEST_RUN_ID", it)));
    let output = output(command.envs(poison.concat()));
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("1 passed"), "{}", stdout(&output));
}
