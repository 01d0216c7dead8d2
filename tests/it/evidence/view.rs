//! The legacy table as a view.

use pretty_assertions::assert_eq;

use crate::harness::{Start, with_db};
use pad_migrate::config::settings::TableName;
use pad_migrate::migration::pg::proof::read_proof;
use pad_migrate::migration::proof::view::legacy_view;
use pad_migrate::migration::run::Options;

/// Both ways: as texts, the migrated rows of the table are the rows of the view.
#[tokio::test]
async fn the_view_gives_the_legacy_table_back() {
    with_db(Start::Seeded, async |db| {
        db.migrate(Options::default()).await;
        let proof = read_proof(&db.database, &TableName::legacy()).await.expect("the columns are read");
        db.execute(&legacy_view(&proof.columns, ("public", "legacy \"as it was\""))).await;
        let migrated = "select l::text from personal_account_dealing l where id in (select source_id from \
                        padealing.migration_mapping where target_table = 'pad_request')";
        let view = "select l::text from public.\"legacy \"\"as it was\"\"\" l";
        for (one, other) in [(migrated, view), (view, migrated)] {
            let differing = db.value(&format!("select string_agg(d, e'\\n') from ({one} except {other}) d(d)")).await;
            assert_eq!(differing, None);
        }
        let same =
            db.value(&format!("(select count(*) from ({migrated}) l) = (select count(*) from ({view}) l)")).await;
        assert_eq!(same.as_deref(), Some("true"));
    })
    .await;
}
