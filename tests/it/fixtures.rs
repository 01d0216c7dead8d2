//! Every case of `fixtures/legacy/cases`, through the whole migration.
//!
//! `PAD_BLESS=1 cargo test fixtures` writes what came out as the expectation; read the diff before you commit it.

use std::collections::BTreeMap;
use std::path::Path;

use pad_migrate::fixtures::{Outcome, cases};
use pad_migrate::pg::migrate::Options;
use pretty_assertions::assert_eq;

use crate::harness::{Start, stored, with_db};

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
        for case in cases().expect("the fixtures are right") {
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
