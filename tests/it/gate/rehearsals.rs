//! A rehearsal counts if it was one of this cutover, and if its report can be believed.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{read, rehearsal};
use pad_migrate::checks::check::Status;
use pad_migrate::checks::gate::rehearsal::{Rehearsable, fits, rehearsed};
use pad_migrate::config::environment::Environment;
use pad_migrate::migration::identity::SourceIdentity;
use std::time::Duration;

const VERSION: &str = "18.1";

fn table(system_identifier: Option<&str>, place: &str, table: &str) -> SourceIdentity {
    SourceIdentity::Table {
        system_identifier: system_identifier.map(str::to_owned),
        place: place.to_owned(),
        database: "qa".to_owned(),
        table: table.to_owned(),
    }
}

fn real() -> SourceIdentity {
    table(Some("7"), "db.example.com:5432/qa as release", "public.personal_account_dealing")
}

fn judge(report: &Value, source: Option<&SourceIdentity>) -> (Status, String) {
    let wanted = Rehearsable { environment: Environment::Local, source, server_version: Some("18.3") };
    let check = rehearsed(Some(&read(report)), wanted);
    (check.status, check.message)
}

fn clean() -> Value {
    rehearsal(env!("CARGO_PKG_VERSION"), 500, VERSION, &real())
}

#[test]
fn what_is_not_a_rehearsal_of_this_cutover_is_not_known() {
    assert_eq!(judge(&clean(), Some(&real())), (Status::Pass, "500 rows were rehearsed on PostgreSQL 18.1".to_owned()));
    let generated = json!({"kind": "generated"});
    let file = json!({"kind": "csv", "sha256": "00"});
    for (at, value, why) in [
        ("/environment", json!("prod"), "it was for prod"),
        ("/environment", json!(null), "it was for nothing"),
        (
            "/source_identity",
            generated,
            "it had generated rows, and the legacy rows are public.personal_account_dealing",
        ),
        ("/source_identity", json!({"kind": "fixtures"}), "it had the fixtures"),
        ("/source_identity", file, "it had the file with the SHA-256 00"),
        ("/source_identity", json!(null), "does not say which rows"),
        ("/source_identity/system_identifier", json!("8"), "it had public.personal_account_dealing at db.example.com"),
        ("/source_identity/table", json!("public.other"), "it had public.other"),
        ("/source_identity/database", json!("dev"), "it had public.personal"),
        ("/revisions", json!(["0001"]), "it applied 1 revision"),
        ("/revisions", json!(null), "it applied 0 revisions"),
        ("/phases", json!([]), "does not say that server was done"),
        ("/phases/4/seconds", json!(null), "does not say that migrate was done"),
        ("/phases/4/seconds", json!(-1), "does not say that migrate was done"),
        ("/phases/4/status", json!("failed"), "does not say that migrate was done"),
        ("/phases/4/name", json!("apply"), "does not say that apply was done"),
        ("/verify", json!(null), "lacks counts, verify"),
        ("/drift", json!(null), "lacks counts, verify"),
        ("/checks", json!(null), "lacks counts, verify"),
        ("/counts", json!(null), "lacks counts, verify"),
        ("/planted", json!(null), "checks or planted"),
        ("/planted/found_by_verify", json!(499), "contradicts itself"),
        ("/planted/false_alarms", json!([{"source_id": 1}]), "contradicts itself"),
        ("/counts/read", json!(501), "contradicts itself"),
        ("/counts/migrated", json!(499), "contradicts itself"),
        ("/verify/verified", json!(3), "contradicts itself"),
        ("/verify/different", json!(1), "contradicts itself"),
        ("/checks/0/status", json!("fail"), "contradicts itself"),
        ("/outcome", json!("attention"), "contradicts itself"),
    ] {
        let mut report = clean();
        *report.pointer_mut(at).expect("it is there") = value.clone();
        let (status, message) = judge(&report, Some(&real()));
        assert_eq!(status, Status::Skip, "{at} {value}: {message}");
        assert!(message.contains(why), "{at} {value}: {message}");
        assert!(message.contains("`pad-migrate rehearse --real-rows --format json --report FILE`"), "{message}");
    }
    assert_eq!(judge(&clean(), None).0, Status::Skip);
}

/// One server has many names; where its identifier can't be seen, its name decides.
#[test]
fn a_source_is_known_by_its_server() {
    let (name, other) = ("db.example.com:5432/qa as release", "127.0.0.1:5432/qa as release");
    let csv = |sha256: &str, content: Option<&str>| SourceIdentity::Csv {
        sha256: sha256.to_owned(),
        content_sha256: content.map(str::to_owned),
        reading: String::new(),
    };
    for (one, another, is_known) in [
        (table(Some("7"), name, "t"), table(Some("7"), other, "t"), true),
        (table(None, name, "t"), table(Some("7"), "db.example.com:5432/qa as reader", "t"), true),
        (table(None, name, "t"), table(Some("7"), other, "t"), false),
        (csv("1", None), csv("1", None), true),
        (csv("1", None), csv("2", None), false),
        // Packed and unpacked; a report of an earlier version.
        (csv("1", Some("3")), csv("3", Some("3")), true),
        (csv("3", None), csv("1", Some("3")), true),
        (csv("1", None), csv("1", Some("3")), true),
        (csv("1", None), csv("2", Some("3")), false),
    ] {
        let report = rehearsal(env!("CARGO_PKG_VERSION"), 500, VERSION, &one);
        assert_eq!(judge(&report, Some(&another)).0 == Status::Pass, is_known, "{one:?} {another:?}");
    }
}

/// What it found is judged: rows that are rejected by the dry run, the rest here.
#[test]
fn what_a_rehearsal_found_counts() {
    for (changes, status, why) in [
        (
            &[
                ("/outcome", json!("attention")),
                ("/counts/migrated", json!(498)),
                ("/counts/rejected", json!(2)),
                ("/verify/verified", json!(498)),
            ][..],
            Status::Warn,
            "its verdict was",
        ),
        (&[("/outcome", json!("attention")), ("/verify/different", json!(1))], Status::Fail, "rows differ"),
        (&[("/outcome", json!("attention")), ("/drift/warning", json!(1))], Status::Fail, "have drifted"),
        (
            &[("/outcome", json!("attention")), ("/checks/0/status", json!("fail"))],
            Status::Fail,
            "integrity checks fail: sequences",
        ),
        (&[("/outcome", json!("attention")), ("/checks/0/status", json!("warn"))], Status::Warn, "its verdict was"),
        (
            &[("/outcome", json!("attention")), ("/planted/found_by_verify", json!(499))],
            Status::Fail,
            "verify missed a planted fault",
        ),
        (&[("/outcome", json!("failed"))], Status::Fail, "the rehearsal failed"),
        (&[("/version", json!("0.0.1"))], Status::Fail, "with pad-migrate 0.0.1"),
    ] {
        let mut report = clean();
        for (at, value) in changes {
            *report.pointer_mut(at).expect("it is there") = value.clone();
        }
        let (found, message) = judge(&report, Some(&real()));
        assert_eq!(found, status, "{changes:?}: {message}");
        assert!(message.contains(why), "{changes:?}: {message}");
    }
}

/// A source that has grown since takes longer in proportion; times that can't be are no forecast.
#[test]
fn a_forecast_grows_with_the_rows() {
    let forecast = |report: &Value, rows| fits(Some(&read(report)), Some(Duration::from_secs(60)), Some(rows));
    assert_eq!(forecast(&clean(), 500).message, "500 rows take some 10 s; the window is 60 s");
    assert_eq!(forecast(&clean(), 2500).message, "2,500 rows take some 42 s, more than half of the window of 60 s");
    assert_eq!(forecast(&clean(), 5000).status, Status::Fail);
    assert_eq!(forecast(&clean(), 5010).status, Status::Skip, "too few");
    for (at, value) in [
        ("/phases", json!([])),
        ("/phases/4/seconds", json!(-1)),
        ("/phases/6/status", json!("failed")),
        ("/counts", json!(null)),
    ] {
        let mut report = clean();
        *report.pointer_mut(at).expect("it is there") = value.clone();
        assert_eq!(forecast(&report, 500).status, Status::Skip, "{at} {value}");
    }
}
