//! The laws of plans, over drift cases in both directions and in heaps, and over schemas that chance has made.

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::apply::{Rows, check_there};
use super::cases::{End, remove};
use crate::drift::cases::{Case, FILES, cases, catalog, run};
use crate::harness::{Db, Start, apply_request, roles, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::drift::expectation::Expectation;

async fn session(db: &Db) -> Session {
    let mut connection = Session::from(db.connect().await);
    run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
    connection
}

fn all_cases(major: u32) -> Vec<Case> {
    let all = FILES.iter().flat_map(|it| cases(it));
    all.filter(|it| {
        it.from <= major && it.findings.iter().any(|finding| finding.split(' ').nth(2) == Some("padealing"))
    })
    .collect()
}

/// What is too much in one direction is missing in the other.
#[tokio::test]
async fn the_reverse_of_each_change_is_removed_or_reported() {
    with_db(Start::Drift, async |db| {
        let mut connection = session(&db).await;
        let major = catalog(&mut connection).await.major;
        let mut wrong = String::new();
        let (mut removed, mut reported, mut same) = (0, 0, Vec::new());
        // Every other one, and the rest on the next major version.
        for case in all_cases(major).into_iter().skip(major as usize % 2).step_by(2) {
            run(&mut connection, "begin").await.expect("a transaction begins");
            run(&mut connection, &case.sql).await.expect("the case runs");
            let expected = Expectation::of(catalog(&mut connection).await);
            run(&mut connection, "rollback; begin").await.expect("it is rolled back");
            match remove(&mut connection, &expected).await {
                Ok(Some(End::Removed(_))) => removed += 1,
                Ok(Some(End::Partly(_) | End::Blocked(_))) => reported += 1,
                Ok(None) => same.push(case.place),
                Err(error) => wrong.push_str(&format!("{}: {}    {error}\n\n", case.place, case.sql)),
            }
            run(&mut connection, "rollback").await.expect("it ends");
        }
        connection.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
        assert!(removed > reported, "{removed} removed, {reported} reported");
        assert!(same.len() < 3, "what is found one way round mostly differs the other way round, too: {same:?}");
    })
    .await;
}

/// Several changes at once, in any order: what can be made is planned away all at once.
#[tokio::test]
async fn several_changes_at_once_are_removed() {
    with_db(Start::Drift, async |db| {
        let mut connection = session(&db).await;
        let before = catalog(&mut connection).await;
        let cases = all_cases(before.major);
        let expected = Expectation::of(before);
        let mut runner = TestRunner::deterministic();
        let heap = prop::collection::vec(0..cases.len(), 2..7);
        let mut wrong = String::new();
        let mut removed = 0;
        for _ in 0..60 {
            let heap = heap.new_tree(&mut runner).expect("a heap").current();
            run(&mut connection, "begin").await.expect("a transaction begins");
            let mut done = Vec::new();
            for case in heap.into_iter().map(|at| &cases[at]) {
                // What one change has taken away another can't change.
                run(&mut connection, "savepoint change").await.expect("a savepoint");
                match run(&mut connection, &case.sql).await {
                    Ok(()) => done.push(case.sql.trim()),
                    Err(_) => run(&mut connection, "rollback to change").await.expect("it is rolled back"),
                }
            }
            match remove(&mut connection, &expected).await {
                Ok(Some(End::Removed(_))) => removed += 1,
                Ok(_) => {}
                Err(error) => wrong.push_str(&format!("{}\n    {error}\n\n", done.join("\n"))),
            }
            run(&mut connection, "rollback").await.expect("it ends");
        }
        connection.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
        assert!(removed > 10, "{removed}");
    })
    .await;
}

/// A table that has been renamed and doesn't look like itself keeps the names of its indexes: another can't get them.
#[tokio::test]
async fn what_a_renamed_table_keeps_stops_a_new_one() {
    with_db(Start::Drift, async |db| {
        let mut connection = session(&db).await;
        let expected = Expectation::of(catalog(&mut connection).await);
        let change = "begin; alter table padealing.pad_approval rename to pad_decision; \
                      drop type padealing.money_amount cascade";
        run(&mut connection, change).await.expect("it runs");
        match remove(&mut connection, &expected).await {
            Ok(Some(End::Blocked(left))) => assert!(left.iter().any(|it| it.kind == "name_taken"), "{left:#?}"),
            Ok(_) => panic!("the names of indexes are taken"),
            Err(error) => panic!("{error}"),
        }
        connection.close().await.expect("the connection closes");
    })
    .await;
}

/// An oracle that shares no code with us: after each change and its removal, pg_dump says what it said before.
#[tokio::test]
async fn what_is_removed_is_dumped_as_before() {
    // What Postgres prints of what it has read once more is what it goes on printing.
    let mut dumped = String::new();
    with_db(Start::Drift, async |db| dumped = db.dump(&[]).await).await;
    with_db(Start::Empty, async |db| {
        db.psql(&dumped).await;
        let mut connection = session(&db).await;
        let before = catalog(&mut connection).await;
        let major = before.major;
        let expected = Expectation::of(before);
        // Grants come in the order in which they were given, on 13.
        let dump = async || {
            let text = db.dump(&["--schema-only", "--schema=padealing"]).await;
            let (mut grants, rest): (Vec<String>, Vec<String>) =
                text.lines().map(str::to_owned).partition(|it| it.starts_with("GRANT "));
            grants.sort();
            [rest, grants].concat().join("\n")
        };
        let first = dump().await;
        let mut compared = 0;
        let ours = |it: &&Case| {
            let known = it.sql.contains("active_stocks") || it.sql.contains("alembic_version");
            !known && it.findings.iter().all(|it| it.split(' ').nth(2) == Some("padealing"))
        };
        for case in all_cases(major).iter().filter(ours).step_by(5) {
            run(&mut connection, "begin").await.expect("a transaction begins");
            run(&mut connection, &case.sql).await.unwrap_or_else(|error| panic!("{}: {error}", case.place));
            let columns = "select string_agg(attrelid::regclass || '.' || attname || attnum, ',' order by 1) \
                           from pg_attribute \
                           where attnum > 0 and attrelid::regclass::text like 'padealing.%'";
            let places: Option<String> = sqlx::query_scalar(columns).fetch_one(&mut connection).await.expect("it runs");
            let removed = matches!(remove(&mut connection, &expected).await, Ok(Some(End::Removed(_))));
            let after: Option<String> = sqlx::query_scalar(columns).fetch_one(&mut connection).await.expect("it runs");
            // A column that comes back is the last one.
            let end = if removed && places == after { "commit" } else { "rollback" };
            run(&mut connection, end).await.expect("it ends");
            if end == "commit" {
                assert_eq!(dump().await, first, "{}: {}", case.place, case.sql);
                compared += 1;
            }
        }
        connection.close().await.expect("the connection closes");
        assert!(compared > 25, "{compared}");
    })
    .await;
}

/// The types that each column may have. Within a row most values of one are values of the others, so that a change can
/// be planned; between rows nothing is known that would keep them.
const TYPES: [&[&str]; 5] = [
    &["integer", "bigint", "smallint"],
    &["text", "varchar(10)", "varchar(20)"],
    &["numeric(10,2)", "numeric(12,4)"],
    &["boolean"],
    &["date", "timestamp"],
];

/// A column, if there is one: its type, whether it must be filled, and whether it is without being given.
type Column = Option<(&'static str, bool, bool)>;

/// A table: columns, and which of the things that may be on them are.
type Table = (Vec<Column>, [bool; 6]);

fn any_schema() -> impl Strategy<Value = Vec<Option<Table>>> {
    let column = |at: usize| {
        let odd = TYPES[(at + 1) % TYPES.len()];
        let of_type = prop_oneof![40 => prop::sample::select(TYPES[at]), 1 => prop::sample::select(odd)];
        prop::option::weighted(0.8, (of_type, any::<bool>(), any::<bool>()))
    };
    let columns = [column(0), column(1), column(2), column(3), column(4)].prop_map(Vec::from);
    let table = (columns, any::<[bool; 6]>());
    prop::collection::vec(prop::option::weighted(0.8, table), 3)
}

/// The statements that make it.
fn sql(schema: &[Option<Table>]) -> String {
    let mut out = String::from("create schema padealing;\n");
    for (at, table) in schema.iter().enumerate() {
        let Some((columns, [key, unique, check, index, foreign, view])) = table else { continue };
        let name = format!("padealing.t{at}");
        let mut lines = vec!["id bigint generated by default as identity".to_owned()];
        let named = || columns.iter().enumerate().filter_map(|(at, it)| Some((format!("c{at}"), (*it)?)));
        for (column, (of_type, not_null, default)) in named() {
            let default = match of_type {
                _ if !default => "",
                "boolean" => " default true",
                "date" | "timestamp" => " default '2021-01-01'",
                _ => " default '1'",
            };
            lines.push(format!("{column} {of_type}{}{default}", if not_null { " not null" } else { "" }));
        }
        if *key {
            lines.push(format!("constraint t{at}_pkey primary key (id)"));
        }
        out.push_str(&format!("create table {name} ({});\n", lines.join(", ")));
        let mut names = named();
        if let (true, Some((first, _))) = (unique, names.next()) {
            out.push_str(&format!("alter table {name} add constraint t{at}_once unique ({first});\n"));
        }
        if let (true, Some((second, _))) = (check, names.next()) {
            out.push_str(&format!(
                "alter table {name} add constraint t{at}_check check ({second} is not null or id > 0);\n"
            ));
        }
        if let (true, Some((third, _))) = (index, names.next()) {
            out.push_str(&format!("create index t{at}_idx on {name} ({third} desc, id);\n"));
        }
        // To the table before, if that has a key.
        if let (true, Some(Some((_, [true, ..])))) = (foreign, at.checked_sub(1).map(|it| &schema[it])) {
            out.push_str(&format!(
                "alter table {name} add constraint t{at}_fkey foreign key (id) references padealing.t{};\n",
                at - 1
            ));
        }
        if *view {
            let columns: Vec<String> = named().map(|it| it.0).collect();
            let list = if columns.is_empty() { "id".to_owned() } else { columns.join(", ") };
            out.push_str(&format!("create view padealing.v{at} as select {list} from {name} where id > 1;\n"));
        }
    }
    out
}

/// From any schema to any other: what is left is listed, and nothing else is left.
#[tokio::test]
async fn any_schema_becomes_any_other() {
    with_db(Start::Empty, async |db| {
        db.execute("create schema bo_airflow").await;
        let mut connection = session(&db).await;
        let mut runner = TestRunner::deterministic();
        let pair = (any_schema(), any_schema());
        let mut wrong = String::new();
        let (mut removed, mut partly, mut blocked) = (0, 0, 0);
        for _ in 0..60 {
            let (from, to) = pair.new_tree(&mut runner).expect("two schemas").current();
            let (from, to) = (sql(&from), sql(&to));
            run(&mut connection, &format!("begin; {to}")).await.expect("the schema is made");
            let expected = Expectation::of(catalog(&mut connection).await);
            run(&mut connection, &format!("rollback; begin; {from}")).await.expect("the other schema is made");
            match remove(&mut connection, &expected).await {
                Ok(Some(End::Removed(_))) => removed += 1,
                Ok(Some(End::Partly(_))) => partly += 1,
                Ok(Some(End::Blocked(_))) => blocked += 1,
                Ok(None) => {}
                Err(error) => wrong.push_str(&format!("-- from\n{from}-- to\n{to}    {error}\n\n")),
            }
            run(&mut connection, "rollback").await.expect("it ends");
        }
        connection.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
        // A schema of so much chance mostly has something that can't be kept, or that is unexpected.
        assert!(removed + partly > 20, "{removed} removed, {partly} partly, {blocked} not at all");
    })
    .await;
}

/// The plan as SQL, run by psql, has the end that `apply` has.
#[tokio::test]
async fn psql_does_what_apply_does() {
    for start in [Start::Alembic, Start::Public, Start::Reference] {
        with_db(start, async |by_psql| {
            with_db(start, async |by_apply| {
                let roles = roles();
                let found = pad_migrate::schema::pg::plan::plan(&apply_request(&by_psql.database, &roles))
                    .await
                    .expect("a plan");
                let rows = Rows::of(&by_psql).await;
                let before = rows.digests(&by_psql).await;
                let place = by_psql.database.place();
                let planned = pad_migrate::report::plan::Planned {
                    environment: pad_migrate::config::environment::Environment::Local,
                    place: &place,
                    found: &found,
                    check: false,
                };
                by_psql.psql(&planned.sql()).await;
                let request = apply_request(&by_apply.database, &roles);
                pad_migrate::schema::pg::apply::apply(&request, None).await.expect("it applies");
                // When it was recorded is the one thing that differs.
                let dump = async |db: &Db| {
                    let history = "select string_agg(concat_ws('|', id, revision, name, checksum, kind, sql, \
                        database_role, \
                                   program_version, environment), e'\\n' order by id) from padealing.schema_revision";
                    let text = db.dump(&["--schema=padealing", "--exclude-table-data=padealing.schema_revision"]).await;
                    text + &db.value(history).await.expect("a history")
                };
                assert_eq!(dump(&by_psql).await, dump(&by_apply).await);
                assert_eq!(rows.digests(&by_psql).await, before);
                assert!(!found.route.is_empty() && !found.route.records.is_empty(), "{start:?} has something to do");
                if start == Start::Alembic {
                    check_there(&by_psql, &apply_request(&by_psql.database, &roles)).await;
                }
            })
            .await;
        })
        .await;
    }
}
