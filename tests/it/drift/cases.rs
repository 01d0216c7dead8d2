//! The cases of `fixtures/drift`, each in a transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rstest::rstest;

use sqlx::AssertSqlSafe;

use crate::harness::{Start, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::Catalog;
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, Finding};
use pad_migrate::schema::pg::introspect;
use pad_migrate::schema::snapshot::Snapshot;

/// A change, and its findings: severity, kind, schema, object.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// File and line.
    pub(crate) place: String,
    pub(crate) findings: BTreeSet<String>,
    pub(crate) sql: String,
    /// The first major version that has it.
    pub(crate) from: u32,
    /// Whether pg_dump shows the change, though it is not reported on purpose.
    pub(crate) seen_by_pg_dump: bool,
}

/// The cases of a file.
pub(crate) fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut cases: Vec<Case> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let Some(head) = line.strip_prefix("--- ") else {
            open = false;
            let case = cases.last_mut().expect("a case begins with a line of dashes");
            case.sql.push_str(line);
            case.sql.push('\n');
            continue;
        };
        if !open {
            let place = format!("{file}:{}", number + 1);
            cases.push(Case { place, findings: BTreeSet::new(), sql: String::new(), from: 0, seen_by_pg_dump: false });
            open = true;
        }
        let case = cases.last_mut().expect("one was just added");
        match head.strip_prefix("from ") {
            Some(version) => case.from = version.parse().expect("a major version"),
            None if head == "quiet" => {}
            None if head == "quiet, though pg_dump sees it" => case.seen_by_pg_dump = true,
            None => assert!(case.findings.insert(head.to_owned()), "{}: twice", case.place),
        }
    }
    cases
}

/// The files with cases.
pub(crate) const FILES: [&str; 9] = [
    "fixtures/drift/columns.sql",
    "fixtures/drift/constraints.sql",
    "fixtures/drift/contract.sql",
    "fixtures/drift/database.sql",
    "fixtures/drift/indexes.sql",
    "fixtures/drift/routines.sql",
    "fixtures/drift/tables.sql",
    "fixtures/drift/types.sql",
    "fixtures/drift/views.sql",
];

pub(crate) const SCHEMAS: [&str; 2] = ["bo_airflow", "padealing"];

pub(crate) async fn catalog(connection: &mut Session) -> Catalog {
    introspect::read(connection, &SCHEMAS.map(str::to_owned)).await.expect("the catalog can be read").catalog
}

/// A finding as cases spell it.
fn line(finding: &Finding) -> String {
    let schema = if finding.id.schema.is_empty() { "-" } else { &finding.id.schema };
    format!("{} {} {schema} {}", finding.severity, finding.kind(), finding.object())
}

pub(crate) async fn run(connection: &mut Session, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}

/// Each of them is a case below.
const _: () = assert!(FILES.len() == 9, "a file without a case is not tried");

#[rstest]
#[case::columns(FILES[0])]
#[case::constraints(FILES[1])]
#[case::contract(FILES[2])]
#[case::database(FILES[3])]
#[case::indexes(FILES[4])]
#[case::routines(FILES[5])]
#[case::tables(FILES[6])]
#[case::types(FILES[7])]
#[case::views(FILES[8])]
#[tokio::test]
async fn a_change_is_found_and_named(#[case] file: &str) {
    with_db(Start::Drift, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        let me: String =
            sqlx::query_scalar("select current_user::text").fetch_one(&mut connection).await.expect("a name");
        let before = catalog(&mut connection).await;
        let mut wrong = String::new();
        for case in cases(file).into_iter().filter(|it| it.from <= before.major) {
            run(&mut connection, "begin").await.expect("a transaction begins");
            if let Err(error) = run(&mut connection, &case.sql).await {
                wrong.push_str(&format!("{}: {error}\n", case.place));
                run(&mut connection, "rollback").await.expect("it ends");
                continue;
            }
            let after = catalog(&mut connection).await;
            run(&mut connection, "rollback").await.expect("it ends");
            let found = compare(Expectation::of(before.clone()), after.clone(), &RoleContext::default());
            let details: BTreeMap<String, String> =
                found.iter().map(|it| (line(it), format!("{:?} -> {:?}", it.expected, it.actual))).collect();
            let found: BTreeSet<String> = found.iter().map(line).collect();
            let wanted: BTreeSet<String> = case.findings.iter().map(|it| it.replace("{me}", &me)).collect();
            // Its twin: the same change on both sides, one of them written down and read again.
            let (environment, version, major) = (String::new(), String::new(), after.major.to_string());
            let written = Snapshot { environment, server_version: major, version, catalog: after.clone() }.write();
            let twin = Snapshot::read(&written).expect("a snapshot can be read").catalog;
            let mut quiet = compare(Expectation::of(twin), after, &RoleContext::default());
            quiet.retain(|it| it.change != Change::Unmodelled);
            assert_eq!(quiet, [], "{}", case.place);
            if found != wanted {
                wrong.push_str(&format!("{}: {}", case.place, case.sql));
                found.difference(&wanted).for_each(|it| wrong.push_str(&format!("    + {it} {}\n", details[it])));
                wanted.difference(&found).for_each(|it| wrong.push_str(&format!("    - {it}\n")));
            }
        }
        connection.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
    })
    .await;
}
