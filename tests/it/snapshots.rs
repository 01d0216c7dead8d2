//! The snapshots, by name: one that no test compares doesn't compile, and one that isn't named here is found.
//!
//! This is as strict as `cargo insta test --unreferenced=reject`, and needs neither that program nor a run of all
//! tests.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use pretty_assertions::assert_eq;

use crate::harness::program::command;
use crate::harness::{check_snapshot, program};

include!("snapshots/macro.rs");

snapshots! {
    configuration__keys
    cutover__night
    doctor__qa
    drift__alembic
    drift__github
    drift__json
    drift__junit
    drift__markdown
    drift__models
    drift__sarif
    drift__sql
    drift__text
    error__apply_as_reader
    error__apply_backup_nowhere
    error__apply_blocked
    error__apply_changed
    error__apply_newer
    error__apply_other_history
    error__apply_to_nowhere
    error__apply_without_terminal
    error__apply_without_yes
    error__connect_database_closed
    error__connect_database_full
    error__connect_database_private
    error__connect_database_unknown
    error__connect_not_applied
    error__connect_password
    error__connect_password_expired
    error__connect_password_missing
    error__connect_role_barred
    error__connect_role_full
    error__connect_role_unknown
    error__connect_unknown_host
    error__connect_wrong_port
    error__drift_exceptions_field
    error__drift_exceptions_no_date
    error__drift_exceptions_no_file
    error__drift_exceptions_no_kind
    error__drift_exceptions_no_reason
    error__drift_exceptions_no_toml
    error__drift_exceptions_twice
    error__drift_locked
    error__drift_newer
    error__drift_no_database
    error__drift_no_file
    error__drift_no_json
    error__drift_no_schema
    error__drift_nothing_expected
    error__drift_other_output
    error__drift_stalled
    error__drift_unknown_property
    error__drift_wrong_database
    error__environment
    error__half_named
    error__integrity_no_check
    error__legacy_table
    error__migrate_before_apply
    error__no_database
    error__no_folder
    error__no_such_socket
    error__other_environment
    error__plan_down
    error__port
    error__port_is_a_url
    error__refused_port
    error__rejects_folder
    error__revert_loss
    error__revert_nothing
    error__rows_of_two_kinds
    error__schema
    error__seed_beside_a_real_mirror
    error__seed_in_qa
    error__snapshot_no_schema
    error__ssl_mode
    error__timeout
    error__tls_declined_by_us
    error__tls_expired
    error__tls_false_client_certificate
    error__tls_foreign_authority
    error__tls_keys_of_two_certificates
    error__tls_no_client_certificate
    error__tls_other_host
    error__tls_switched_off
    error__tls_unknown_authority
    error__unverified
    error__url_unreadable
    error__url_with_a_bare_hash
    error__url_with_a_bare_question_mark
    error__url_with_a_bare_slash
    evidence__decisions
    generate__seed_1
    help
    help__apply
    help__backup
    help__clean
    help__completions
    help__doctor
    help__drift
    help__evidence
    help__gate
    help__integrity
    help__man
    help__migrate
    help__plan
    help__rehearse
    help__report
    help__restore
    help__revert
    help__rollback
    help__seed
    help__serve
    help__snapshot
    help__status
    help__verify
    integrity__found
    local__apply
    local__apply_again
    local__migrate
    local__migrate_again
    local__migrate_dry_run
    local__rejects_csv
    local__seed
    local__seed_again
    local__seed_generated
    local__seed_generated_again
    local__verify
    local__verify_before_migrate
    local__verify_corrupted
    migrate__refused_by_target
    plan__pairs
    plan__qa
    plan__qa_sql
    plan__read
    plan__steps
    plan__whole_way
    rehearse__fixtures
}

impl Snapshot {
    /// Compares a text with the file.
    #[track_caller]
    pub(crate) fn check(self, text: &str) {
        check_snapshot(self.name(), text);
    }

    /// Exit 2, nothing on stdout, and one sentence on stderr, which the file shows.
    #[track_caller]
    pub(crate) fn check_refused(self, output: &Output) {
        program::check_refused(self.name().strip_prefix("error__").expect("it shows an error"), output);
    }
}

/// The files of a folder that have no name here, and the names that have no file.
fn unpaired(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder can be read").flatten();
    let files = files.map(|it| it.file_name().display().to_string());
    // What insta has written beside one that differs is of that test.
    let files: BTreeSet<String> = files.filter(|it| !it.ends_with(".snap.new")).collect();
    let names: BTreeSet<String> = NAMES.iter().map(|it| format!("{it}.snap")).collect();
    files.symmetric_difference(&names).cloned().collect()
}

#[test]
fn every_snapshot_is_compared_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    assert_eq!(unpaired(&folder), [""; 0]);
}

#[test]
fn a_file_without_a_name_and_a_name_without_a_file_are_found() {
    let folder = tempfile::tempdir().expect("a directory is made");
    for name in &NAMES[1..] {
        std::fs::write(folder.path().join(format!("{name}.snap")), "").expect("a file is written");
    }
    let stale = "plan__nobody_asks.snap";
    std::fs::write(folder.path().join(stale), "").expect("a file is written");
    assert_eq!(unpaired(folder.path()), [&format!("{}.snap", NAMES[0]), stale]);
}

/// The compiler that has built this test is asked about a program that names two snapshots and uses one or both.
#[test]
fn a_name_that_no_test_uses_does_not_compile() {
    let folder = tempfile::tempdir().expect("a directory is made");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots/macro.rs");
    let compile = |used: &str| {
        let program = format!(
            "include!({list:?}); snapshots! {{ plan__one plan__two }} \
             fn main() {{ for it in [{used}] {{ println!(\"{{}} {{NAMES:?}}\", it.name()) }} }}"
        );
        let file = folder.path().join("main.rs");
        std::fs::write(&file, program).expect("a file is written");
        let compiler = Path::new(env!("CARGO")).with_file_name("rustc");
        let arguments = ["--edition=2024", "--emit=metadata", "main.rs"];
        let output = command(compiler).args(arguments).current_dir(folder.path()).output();
        let output = output.expect("the compiler runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (compiles, printed) = compile("Snapshot::plan__one, Snapshot::plan__two");
    assert!(compiles, "{printed}");
    let (compiles, printed) = compile("Snapshot::plan__one");
    assert!(!compiles && printed.contains("variant `plan__two` is never constructed"), "{printed}");
}
