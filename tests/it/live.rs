//! The checks that every environment must pass, on one that is real: `APP_ENV=qa cargo test --test it live`.
//!
//! Asked for by name and with APP_ENV set, these tests read the configuration of that environment as the program does,
//! from the project's folder, and examine what it names, reading only. Otherwise the same functions run on an ephemeral
//! database. nextest runs every test by its full name, so under nextest it is always an ephemeral one.

use std::ffi::OsString;

use crate::harness::{Role, Start, roles, with_db};
use pad_migrate::base::outcome::Verdict;
use pad_migrate::base::text::sentence;
use pad_migrate::checks::check::Status;
use pad_migrate::checks::integrity::select;
use pad_migrate::checks::pg::examine;
use pad_migrate::checks::pg::integrity::{IntegrityRequest, integrity};
use pad_migrate::config::load::Flags;
use pad_migrate::config::settings::Config;
use pad_migrate::postgres::database::Database;
use pad_migrate::report;
use pad_migrate::report::doctor::Doctor;
use pad_migrate::schema::drift::exceptions::Exceptions;
use pad_migrate::schema::drift::finding::Severity;
use pad_migrate::schema::pg::drift::{self, Expected};

/// Whether a real environment is meant.
fn is_asked_for() -> bool {
    let by_name = std::env::args().skip(1).any(|it| it.split("::").next() == Some("live"));
    by_name && std::env::var_os("APP_ENV").is_some_and(|it| !it.is_empty()) && std::env::var_os("NEXTEST").is_none()
}

/// Nothing about the environment fails.
#[expect(clippy::print_stderr, reason = "shown when the test fails, or with --nocapture")]
async fn check_doctor(config: &Config) {
    let found = examine::examine_environment(config, false).await.expect("a database is named");
    let report = Doctor::new(config, &found);
    eprintln!("{}", report.page().render(100, false));
    let failed: Vec<&str> = found.checks.iter().filter(|it| it.status == Status::Fail).map(|it| it.name).collect();
    let failure = found.failure.clone().unwrap_or_default();
    let (environment, failed) = (config.environment, failed.join(", "));
    assert!(failed.is_empty() && failure.is_empty(), "{environment} fails: {failed} {failure}");
}

/// The schemas are what they should be: no finding that is more than cosmetic.
#[expect(clippy::print_stderr, reason = "shown when the test fails, or with --nocapture")]
async fn check_drift(config: &Config) {
    let target = config.target().expect("a database is named");
    let target = Database::new(target, config.environment, &config.transport).expect("the address is right");
    let request = drift::DriftRequest {
        target: &target,
        environment: config.environment,
        roles: &config.roles,
        expected: Expected::Embedded,
        schemas: &[],
        exceptions: &Exceptions::default(),
        today: drift::today(),
    };
    let drift = match drift::drift(request).await {
        Ok(drift) => drift,
        Err(error) => panic!("{} could not be compared: {}", config.environment, sentence(&error)),
    };
    eprintln!("{}", report::drift::page(&drift, Severity::Warning).render(100, false));
    let drifted = report::drift::verdict(&drift, Severity::Warning) == Verdict::Attention;
    assert!(!drifted, "{} has drifted: {}", config.environment, report::drift::counted(&drift));
}

/// Runs a check on the environment that APP_ENV names, if it is asked for, and else on an ephemeral database.
async fn check(check: impl AsyncFnOnce(&Config)) {
    if is_asked_for() {
        let flags = Flags { needs_target: true, ..Flags::default() };
        let config = Config::load(flags, |key| std::env::var_os(key)).expect("the configuration is right");
        check(&config).await;
        return;
    }
    with_db(Start::Migrated, async |db| {
        db.execute("grant select on public.personal_account_dealing to pad_migrate_reader").await;
        let flags = Flags { database_url: Some(db.url_as(Role::Reader).await), needs_target: true, ..Flags::default() };
        let nothing = |_: &str| None::<OsString>;
        let config = Config::load(Flags { config_dir: Some("tests".into()), ..flags }, nothing);
        let config = Config { roles: roles(), ..config.expect("the configuration is right") };
        check(&config).await;
    })
    .await;
}

#[tokio::test]
async fn doctor_finds_nothing_that_fails() {
    check(check_doctor).await;
}

/// The rows make sense, as far as this role can see them.
#[expect(clippy::print_stderr, reason = "shown when the test fails, or with --nocapture")]
async fn check_integrity(config: &Config) {
    let target = config.target().expect("a database is named");
    let target = Database::new(target, config.environment, &config.transport).expect("the address is right");
    let request = IntegrityRequest {
        target: &target,
        environment: config.environment,
        checks: &select(&[]).expect("all checks"),
        exceptions: None,
        today: drift::today(),
    };
    let found = integrity(&request).await.unwrap_or_else(|error| panic!("{}", sentence(&error)));
    eprintln!("{}", report::integrity::page(&found).render(100, false));
    assert_eq!(found.with(Status::Fail), [""; 0]);
}

#[tokio::test]
async fn no_integrity_check_fails() {
    check(check_integrity).await;
}

#[tokio::test]
async fn the_schemas_have_not_drifted() {
    check(check_drift).await;
}
