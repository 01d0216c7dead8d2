//! Models against an environment (`docs/models.md`): what SQLAlchemy and Alembic really sent for the project
//! `fixtures/models`, as `scripts/models` has recorded it, compared with what stands in for QA.
//!
//! What is planted and what is there is asked of the databases, by SQL that shares nothing with the program.

use std::collections::BTreeSet;
use std::process::Output;

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use crate::harness::program::{run, run_in, stderr, stdout};
use crate::harness::{Db, Role, Start, with_db};
use crate::snapshots::Snapshot;
use pad_migrate::schema::snapshot;

/// What was recorded of the project.
struct Recorded {
    /// What its models of the reference schema send.
    mirror: &'static str,
    /// What `alembic upgrade head --sql` prints.
    upgrade: &'static str,
    /// What `pad-migrate snapshot` took after both.
    snapshot: &'static str,
}

const AS_IT_IS: Recorded = Recorded {
    mirror: include_str!("../../fixtures/models/recorded/as_it_is/mirror.sql"),
    upgrade: include_str!("../../fixtures/models/recorded/as_it_is/upgrade.sql"),
    snapshot: include_str!("../../fixtures/models/recorded/as_it_is/snapshot.json"),
};

/// With `fixtures/models/corrected.patch`.
const CORRECTED: Recorded = Recorded {
    mirror: include_str!("../../fixtures/models/recorded/corrected/mirror.sql"),
    upgrade: include_str!("../../fixtures/models/recorded/corrected/upgrade.sql"),
    snapshot: include_str!("../../fixtures/models/recorded/corrected/snapshot.json"),
};

/// What models of `fixtures/models` have and the reference schema doesn't: how drift reports it, and what it says to read.
const PLANTED: [(&str, &str, &str); 6] = [
    ("mako_position.symbol", "column_renamed", "if only models expect this, change the models"),
    ("oracle_bloomberg.country_code", "column_missing", "if only models expect this, change the models"),
    ("oracle_employee.email", "column_missing", "join bo_airflow.oracle_contact"),
    ("oracle_employee.full_name", "column_missing", "join bo_airflow.oracle_contact"),
    ("oracle_position.last_trade_date", "column_missing", "read max(position_date)"),
    // Its type is missing with it.
    ("oracle_product.risk", "column_missing", "if only models expect this, change the models"),
];

const FIELDS: [&str; 11] = [
    "pad_request.broker_reporting",
    "pad_request.conflict_comments",
    "pad_request.deleted_at",
    "pad_request.deleted_by_id",
    "pad_request.executed_within_two_days",
    "pad_request.is_derivative",
    "pad_request.is_leveraged",
    "pad_request.other_comments",
    "pad_request.related_party_name",
    "pad_request.signed_declaration",
    "pad_request.updated_by_id",
];

async fn replay(db: &Db, recorded: &Recorded) {
    db.execute(recorded.mirror).await;
    db.execute(recorded.upgrade).await;
}

/// Every column of a schema, as `table.column`.
async fn columns(db: &Db, schema: &str) -> BTreeSet<String> {
    let sql = format!(
        "select string_agg(relname || '.' || attname, ' ') from pg_attribute join pg_class on pg_class.oid = attrelid \
         where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'v', 'm', 'f', 'p') and attnum > 0 and not \
         attisdropped"
    );
    db.value(&sql).await.unwrap_or_default().split(' ').map(str::to_owned).collect()
}

/// What a model has and the database hasn't.
struct Found {
    object: String,
    kind: String,
    remedy: String,
}

/// Compares a database, as the reader, with what models expect: how the command ends, and what it finds.
async fn compared(db: &Db, recorded: &Recorded, schema: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a directory is made");
    std::fs::write(folder.path().join("models.json"), recorded.snapshot).expect("the file is written");
    let reader = db.url_as(Role::Reader).await;
    let arguments = ["drift", "--expected", "models.json", "--schema", schema, "--fail-on", "breaking"];
    run_in(folder.path(), &[&["--database-url", &reader][..], &arguments, more].concat(), &[])
}

async fn findings(db: &Db, recorded: &Recorded, schema: &str) -> (Option<i32>, Vec<Found>) {
    let output = compared(db, recorded, schema, &["--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let found = report["findings"].as_array().expect("a list").iter().map(|it| Found {
        object: text(it, "object"),
        kind: text(it, "kind"),
        remedy: text(it, "remedy"),
    });
    (output.status.code(), found.collect())
}

/// What models expect in vain: what docs/models.md has jq select.
async fn expected_in_vain(db: &Db, recorded: &Recorded, schema: &str) -> (Option<i32>, Vec<Found>) {
    let (code, mut found) = findings(db, recorded, schema).await;
    found.retain(|it| {
        let (of, change) = it.kind.split_once('_').expect("a kind of object, and what happened to it");
        ["schema", "table", "column"].contains(&of) && ["missing", "empty", "renamed", "moved"].contains(&change)
    });
    (code, found)
}

fn objects(found: &[Found]) -> Vec<&str> {
    found.iter().map(|it| it.object.as_str()).collect()
}

/// What is replayed without Python is what the real run left.
#[rstest]
#[case::as_it_is(AS_IT_IS)]
#[case::corrected(CORRECTED)]
#[tokio::test]
async fn the_recorded_statements_leave_the_recorded_snapshot(#[case] recorded: Recorded) {
    with_db(Start::Empty, async |db| {
        replay(&db, &recorded).await;
        let output = run(&["--database-url", &db.url, "snapshot"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut left = snapshot::Snapshot::read(&stdout(&output)).expect("it is a snapshot");
        let wanted = snapshot::Snapshot::read(recorded.snapshot).expect("it is a snapshot");
        // It was recorded on one version, as the superuser that the harness has there.
        left.server_version.clone_from(&wanted.server_version);
        left.catalog.major = wanted.catalog.major;
        let user = db.place().user;
        left.catalog = left.catalog.with_roles(|role| (role == user).then(|| "postgres".to_owned()));
        assert_eq!(left.write(), wanted.write(), "scripts/models records it");
    })
    .await;
}

/// As many as were planted, each with what to read instead, and nothing that is there.
#[rstest]
#[case::alembic(Start::Alembic)]
#[case::alembic_later(Start::AlembicLater)]
#[case::migrated(Start::Migrated)]
#[tokio::test]
async fn every_phantom_column_of_every_model_is_named(#[case] start: Start) {
    with_db(Start::Empty, async |models| {
        replay(&models, &AS_IT_IS).await;
        with_db(start, async |qa| {
            let there = columns(&qa, "bo_airflow").await;
            let planted: Vec<String> = columns(&models, "bo_airflow").await.difference(&there).cloned().collect();
            assert_eq!(planted, PLANTED.map(|it| it.0), "these are planted");
            let (code, found) = expected_in_vain(&qa, &AS_IT_IS, "bo_airflow").await;
            assert_eq!((code, objects(&found)), (Some(1), PLANTED.map(|it| it.0).to_vec()));
            for (it, (object, kind, instead)) in found.iter().zip(PLANTED) {
                assert_eq!(it.kind, kind, "{object}");
                assert!(it.remedy.contains(instead), "{object}: {}", it.remedy);
            }
            let (code, found) = expected_in_vain(&qa, &CORRECTED, "bo_airflow").await;
            assert_eq!((code, objects(&found)), (Some(0), Vec::new()), "corrected models have none");
        })
        .await;
    })
    .await;
}

/// A mirror may have views, materialized views and foreign tables in place of tables: what is missing in them is missing.
#[tokio::test]
async fn a_view_in_place_of_a_table_hides_no_phantom() {
    with_db(Start::Alembic, async |qa| {
        qa.execute(
            "alter table bo_airflow.oracle_position rename to oracle_position_rows; \
             create view bo_airflow.oracle_position as select * from bo_airflow.oracle_position_rows; \
             alter table bo_airflow.mako_position rename to mako_position_rows; \
             create materialized view bo_airflow.mako_position as select * from bo_airflow.mako_position_rows; \
             drop table bo_airflow.oracle_exchange",
        )
        .await;
        let mut wanted: Vec<&str> = PLANTED.map(|it| it.0).to_vec();
        wanted.push("oracle_exchange");
        wanted.sort_unstable();
        let (code, found) = expected_in_vain(&qa, &AS_IT_IS, "bo_airflow").await;
        assert_eq!((code, objects(&found)), (Some(1), wanted));
        let (code, found) = expected_in_vain(&qa, &CORRECTED, "bo_airflow").await;
        assert_eq!((code, objects(&found)), (Some(1), vec!["oracle_exchange"]));
    })
    .await;
}

/// Of the application's own models what QA lacks, and nothing else: fields of a revision that wasn't applied there, and the
/// history of Alembic where it is in another schema or never was.
#[rstest]
#[case::behind(Start::Alembic, &[&FIELDS[..], &["alembic_version", "migration_mapping"]].concat())]
#[case::up_to_date(Start::AlembicLater, &[])]
#[case::migrated(Start::Migrated, &["alembic_version"])]
#[tokio::test]
async fn of_the_applications_models_what_is_not_there_is_named(#[case] start: Start, #[case] lacks: &[&str]) {
    with_db(start, async |qa| {
        let (_, found) = expected_in_vain(&qa, &AS_IT_IS, "padealing").await;
        let found: BTreeSet<&str> = objects(&found).into_iter().collect();
        assert_eq!(found, lacks.iter().copied().collect());
    })
    .await;
}

/// `fixtures/alembic`, which stands in for QA, is what Alembic writes: only roles tell the two apart, and a table that no
/// model has.
#[tokio::test]
async fn the_stand_in_for_qa_is_what_alembic_writes() {
    with_db(Start::AlembicLater, async |qa| {
        let (_, found) = findings(&qa, &AS_IT_IS, "padealing").await;
        let kinds: BTreeSet<&str> = found.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(kinds, BTreeSet::from(["privilege_gained", "table_unmanaged"]));
    })
    .await;
}

/// What a developer reads.
#[tokio::test]
async fn the_report_names_model_table_and_column_first() {
    with_db(Start::AlembicLater, async |qa| {
        let output = compared(&qa, &AS_IT_IS, "bo_airflow", &[]).await;
        assert_eq!((output.status.code(), stderr(&output)), (Some(1), String::new()));
        let text = stdout(&output);
        let text: String = text
            .lines()
            .filter(|it| !it.starts_with("Live") && !it.starts_with("Server"))
            .fold(String::new(), |text, line| text + line + "\n");
        Snapshot::drift__models.check(&text);
    })
    .await;
}
