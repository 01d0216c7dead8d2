//! Every case of `fixtures/legacy/cases`, through the whole migration.
//!
//! `PAD_BLESS=1 cargo test fixtures` writes what came out as the expectation; read the diff before you commit it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pretty_assertions::assert_eq;
use rstest::rstest;

use crate::harness::{Start, cases, stored, with_db};
use crate::tidy::{read, root};
use pad_migrate::harness::fixtures::{self, Outcome};
use pad_migrate::migration::rejection::Rule;
use pad_migrate::migration::run::Options;

#[tokio::test]
async fn every_case_becomes_what_it_expects() {
    with_db(Start::Seeded, async |db| {
        let (_, seen) = db.migrate(Options::default()).await;
        let mut outcomes = stored::outcomes(&db).await;
        for rejection in &seen.rejections {
            let rejected = rejection.reasons.iter().map(|it| format!("{} {}", it.field, it.rule)).collect();
            let before = outcomes.insert(rejection.source_id, Outcome::Rejected { rejected });
            assert_eq!(before, None, "row {} is rejected and migrated", rejection.source_id);
        }
        let bless = std::env::var_os("PAD_BLESS").is_some();
        for case in cases() {
            let ids = case.rows.iter().map(|row| row["id"].parse::<i64>().expect("the id is a number"));
            let actual: BTreeMap<i64, Outcome> =
                ids.map(|id| (id, outcomes.remove(&id).unwrap_or_else(|| panic!("row {id} left no trace")))).collect();
            if bless {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy/cases").join(&case.name);
                let named: BTreeMap<String, &Outcome> = actual.iter().map(|(id, it)| (id.to_string(), it)).collect();
                let text = toml::to_string(&named).expect("an outcome is TOML");
                std::fs::write(file.join("expected.toml"), text).expect("the fixture can be written");
            } else {
                assert_eq!(actual, case.expected, "{}: {}", case.name, case.says);
            }
        }
        assert_eq!(outcomes, BTreeMap::new(), "rows that no case has");
    })
    .await;
}

/// The program carries the folders as they are.
#[test]
fn the_embedded_cases_are_the_folders() {
    let embedded = fixtures::cases().expect("the fixtures are right");
    assert_eq!(format!("{embedded:#?}"), format!("{:#?}", cases()));
}

#[rstest]
#[case::nothing(&[("a/", "")], "legacy.toml is missing")]
#[case::no_expectation(&[("a/legacy.toml", "says = 's'\n[[row]]\nid = '1'")], "expected.toml is missing")]
#[case::a_file_too_many(&[("a/legacy.toml", ""), ("a/expected.sql", "")], "expected.sql is not a file of a case")]
#[case::other_rows(&[("a/legacy.toml", "says = 's'\n[[row]]\nid = '1'"), ("a/expected.toml", "")], "exactly the rows")]
#[case::unknown_key(&[("a/legacy.toml", "sais = 's'"), ("a/expected.toml", "")], "unknown field")]
fn an_incomplete_case_fails(#[case] files: &[(&str, &str)], #[case] want: &str) {
    let error = fixtures::read_cases(files.iter().copied()).expect_err("the case is incomplete").to_string();
    assert!(error.starts_with("fixtures/legacy/cases/a: ") && error.contains(want), "{error}");
}

/// One case for each decision and for each rejection rule, and the rule's case rejects by it.
#[test]
fn every_decision_and_every_rule_has_its_case() {
    let cases = cases();
    // A decision is explained where its number stands in bold: **D8 Status**.
    let explained = read(&root().join("docs/field-mapping.md"));
    let number = |after: &str| after.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok();
    let decisions: BTreeSet<u32> = explained.split("**D").skip(1).filter_map(number).collect();
    assert_eq!(decisions, (1..=decisions.len() as u32).collect(), "decisions are numbered without gaps");
    assert!(decisions.len() >= 23, "docs/field-mapping.md explains D1 to D{}", decisions.len());
    for decision in decisions {
        let prefix = format!("d{decision:02}_");
        assert!(cases.iter().any(|it| it.name.starts_with(&prefix)), "no case shows D{decision}");
    }
    // What the target refuses depends on what the target has beside its own schema: `migrate::refused`.
    for rule in Rule::ALL.into_iter().filter(|it| *it != Rule::RefusedByTarget) {
        let case = cases.iter().find(|it| it.name == format!("reject_{rule}")).expect("each rule has its case");
        assert!(!case.expected.is_empty(), "{} has rows", case.name);
        for (id, outcome) in &case.expected {
            let Outcome::Rejected { rejected } = outcome else { panic!("row {id} of {} is migrated", case.name) };
            let by_rule = |it: &String| it.ends_with(&format!(" {rule}"));
            assert!(!rejected.is_empty() && rejected.iter().all(by_rule), "row {id}: {rejected:?}");
        }
    }
}

/// The test data has the people and the security that the application's own tests need.
#[tokio::test]
async fn the_reference_rows_resolve_people_by_email() {
    with_db(Start::Seeded, async |db| {
        let unresolved = "select count(*) from bo_airflow.oracle_employee e where (select count(*) from \
             bo_airflow.oracle_contact c where c.employee_id = e.id and lower(c.email) = \
             lower(translate(e.forename, 'é', 'e') || '.' || replace(e.surname, ' ', '-') || '@example.com')) <> 1";
        assert_eq!(db.value(unresolved).await.as_deref(), Some("0"));
        let officer = "select c.email from padealing.employee_role r \
                       join bo_airflow.oracle_contact c using (employee_id) \
                       where r.role = 'compliance_officer' and r.revoked_at is null";
        assert_eq!(db.value(officer).await.as_deref(), Some("amara.okafor@example.com"));
        let manager = "select m.forename from bo_airflow.oracle_contact c join bo_airflow.oracle_employee e on \
                       e.id = c.employee_id join bo_airflow.oracle_employee m on m.id = e.manager_id \
                       where lower(c.email) = 'bruno.castell@example.com'";
        assert_eq!(db.value(manager).await.as_deref(), Some("Tomas"));
        let restricted = "select bool_and(b.is_restricted) from padealing.restricted_security s \
                          join bo_airflow.oracle_bloomberg b on b.id = s.security_id where s.is_active";
        assert_eq!(db.value(restricted).await.as_deref(), Some("true"));
    })
    .await;
}
