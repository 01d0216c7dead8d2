//! Which way is taken, where the revisions that there are don't show it: no database.

use std::sync::LazyLock;

use pretty_assertions::assert_eq;

use pad_migrate::config::environment::Environment;
use pad_migrate::ledger::history::{Record, RecordKind};
use pad_migrate::ledger::properties::Properties;
use pad_migrate::ledger::revisions::{self, RoleNames};
use pad_migrate::schema::catalog::{Catalog, Id, Kind};
use pad_migrate::schema::drift::expectation::RoleContext;
use pad_migrate::schema::plan::losses::created_tables;
use pad_migrate::schema::plan::route::{Route, Situation, stages};
use pad_migrate::schema::plan::step::DataFacts;
use pad_migrate::schema::snapshot::Snapshot;

/// The schema after a revision.
fn after(number: &str) -> Catalog {
    let text = revisions::recorded(number).expect("a revision");
    Snapshot::read(text).expect("a snapshot").catalog
}

/// The same without an index.
fn patched(number: &str) -> Catalog {
    let mut catalog = after(number);
    let index = Id {
        schema: "padealing".to_owned(),
        parent: "pad_request".to_owned(),
        kind: Kind::Index,
        name: "pad_request_status_idx".to_owned(),
    };
    catalog.objects.remove(&index).expect("it is there");
    catalog
}

static MOVES_DATA: LazyLock<Properties> = LazyLock::new(|| Properties { moves_data: true, ..Properties::default() });

/// The route, were 0005 a revision that changes rows.
fn route(live: &Catalog, history: &[(&str, RecordKind)]) -> Route {
    let mut stages = stages();
    let stage = stages.iter_mut().find(|it| it.revision.number == "0005").expect("a revision");
    stage.revision.up = "update padealing.pad_request set comments = null;";
    stage.revision.properties = &MOVES_DATA;
    let record = |(number, kind): &(&str, RecordKind)| Record {
        revision: (*number).to_owned(),
        name: String::new(),
        checksum: String::new(),
        kind: *kind,
        applied_at: String::new(),
        role: String::new(),
        version: String::new(),
        environment: String::new(),
        allowed: None,
    };
    let history: Vec<Record> = history.iter().map(record).collect();
    let (context, names, facts) = (RoleContext::default(), RoleNames::default(), DataFacts::default());
    let environment = Environment::Qa;
    let (stages, history, context, names, facts) = (&stages[..], &history[..], &context, &names, &facts);
    let situation =
        Situation { stages, environment, live, history, context, names, facts, to: None, is_adopted: false };
    situation.route().expect("there is such a revision")
}

fn check(route: &Route, records: &[&str]) {
    let printed: Vec<String> = route.records.iter().map(|it| format!("{} {}", it.revision.number, it.kind)).collect();
    assert_eq!(printed, records);
}

/// The difference leads to the revision before it; it runs in its place, and all that follow.
#[test]
fn a_revision_that_moves_rows_runs_in_its_place() {
    let route = route(&patched("0003"), &[]);
    check(&route, &["0004 baseline", "0005 applied", "0006 applied", "0007 applied"]);
    let objects: Vec<&str> = route.plan.steps.iter().map(|it| it.object.as_str()).collect();
    let at = |object: &str| objects.iter().position(|it| it.starts_with(object)).expect("a step");
    assert!(at("pad_request.pad_request_status_idx") < at("revision 0005"), "{objects:?}");
    assert!(
        at("pad_request.deleted_at") < at("revision 0005") && at("revision 0005") < at("revision 0006"),
        "{objects:?}"
    );
    assert!(!objects.contains(&"migration_run"), "what later revisions create belongs to them: {objects:?}");
    assert!(route.plan.steps[at("revision 0005")].sql.contains("update padealing.pad_request"), "verbatim");
}

/// Once it has run, the difference goes past it.
#[test]
fn a_revision_that_has_moved_rows_is_not_run_again() {
    check(&route(&patched("0006"), &[("0006", RecordKind::Baseline)]), &["0007 baseline"]);
}

/// The schema of a revision gets the later ones, whether or not there is a history.
#[test]
fn the_schema_of_a_revision_gets_the_later_ones() {
    check(&route(&after("0004"), &[("0004", RecordKind::Baseline)]), &["0005 applied", "0006 applied", "0007 applied"]);
    check(&route(&after("0004"), &[]), &["0004 baseline", "0005 applied", "0006 applied", "0007 applied"]);
}

/// What an adoption has created is read off its statements, not off words in them.
#[test]
fn created_tables_are_those_of_statements() {
    let sql = "create table padealing.migration_run (\n    id bigint not null\n);\n\
               create unlogged table padealing.\"Odd one\" (id int);\n\
               create table bo_airflow.oracle_employee (id int);\n\
               -- create table padealing.in_a_comment (id int);\n\
               comment on table padealing.pad_breach is 'create table padealing.pad_breach ';\n\
               alter table padealing.pad_request add column created_at timestamp;\n";
    let created: Vec<String> = created_tables(sql).into_iter().collect();
    assert_eq!(created, ["Odd one", "migration_run"]);
}
