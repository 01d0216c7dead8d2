//! Which expressions are the same: what drift says against what PostgreSQL makes of both on one table.
//!
//! Pairs of expressions are generated, nearly the same ones too. PostgreSQL's word: printed, read and printed again, they
//! are one text. Where they are two, rows tell them apart, or drift may have a reason to call them the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::cases::{catalog, run};
use crate::harness::{Start, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, Finding};

/// Two tables: the other one has columns of other types, as if they were retyped.
const TABLES: &str = r#"
create schema padealing;
create table padealing.sample (
    a int, lo int, hi int, big bigint, amount numeric(10,2), status varchar(30), note text, tags text[], flag boolean,
    made timestamptz, "user" text, "current_user" text, "session_user" name, "current_date" date, "localtimestamp" timestamp
);
create table padealing.retyped (
    a bigint, lo int, hi int, big bigint, amount numeric(12,2), status text, note text, tags text[], flag boolean,
    made timestamptz, "user" text, "current_user" text, "session_user" name, "current_date" date, "localtimestamp" timestamp
);
create function padealing.pick(place int, number int, among anyarray) returns anyelement language sql
    as $$ select among[1 + abs(hashint4(place * 1009 + number)) % cardinality(among)] $$;
insert into padealing.sample select
    padealing.pick(i, 1, array[null, -1, 0, 1, 2, 5]), padealing.pick(i, 2, array[null, 0, 1, 3]),
    padealing.pick(i, 3, array[null, 2, 1, 4]), padealing.pick(i, 4, array[null, 1, 2, 5]::bigint[]),
    padealing.pick(i, 5, array[null, 0.5, 1, 1.5, 2.49, 5]), padealing.pick(i, 6, array[null, 'approved', 'declined', 'a b']),
    padealing.pick(i, 7, array[null, 'approved', 'a  b', 'declined', 'Approved']),
    array[padealing.pick(i, 8, array['a', 'b', null]), padealing.pick(i, 9, array['a', 'b'])],
    padealing.pick(i, 10, array[null, true, false]), padealing.pick(i, 11, array[null, now(), '2025-03-01', '2026-01-01 10:00']),
    padealing.pick(i, 12, array[null, current_user::text, 'approved']), padealing.pick(i, 13, array[null, current_user::text, 'declined']),
    padealing.pick(i, 14, array[null, session_user::text, 'approved']), padealing.pick(i, 15, array[null, current_date, '2025-03-01']),
    padealing.pick(i, 16, array[null, localtimestamp, '2025-03-01'])
    from generate_series(1, 400) i;
insert into padealing.retyped select * from padealing.sample;
"#;

/// Bytes that decide what an expression is: a changed byte is a nearly equal expression.
struct Genome<'a>(std::slice::Iter<'a, u8>);

impl Genome<'_> {
    fn next(&mut self) -> usize {
        self.0.next().copied().unwrap_or_default().into()
    }

    fn pick(&mut self, among: &[&str]) -> String {
        among[self.next() % among.len()].to_owned()
    }

    fn text(&mut self, depth: usize) -> String {
        const TEXTS: [&str; 12] = [
            "status",
            "note",
            "\"user\"",
            "user",
            "\"current_user\"",
            "current_user",
            "\"session_user\"",
            "session_user",
            "'approved'",
            "'declined'",
            "'a b'",
            "'a  b'",
        ];
        match self.next() % if depth == 0 { 5 } else { 8 } {
            5 => format!("{}({})", self.pick(&["lower", "upper", "\"lower\""]), self.text(depth - 1)),
            6 => format!(
                "({}){}",
                self.text(depth - 1),
                self.pick(&["", "::text", "::varchar", "::varchar(3)", "", "::char(3)"])
            ),
            7 => format!("coalesce(({})::text, ({})::text)", self.text(depth - 1), self.text(depth - 1)),
            _ => self.pick(&TEXTS),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        const NUMBERS: [&str; 10] =
            ["a", "lo", "hi", "big", "amount", "1", "2", "-1", "extract(year from made)", "date_part('year', made)"];
        match self.next() % if depth == 0 { 5 } else { 7 } {
            5 => format!(
                "({}){}",
                self.number(depth - 1),
                self.pick(&["", "::int", "::bigint", "::numeric", "::smallint", "", "::numeric(10,1)", "::float8"])
            ),
            6 => format!("({} {} {})", self.number(depth - 1), self.pick(&["+", "-", "*"]), self.number(depth - 1)),
            _ => self.pick(&NUMBERS),
        }
    }

    fn time(&mut self) -> String {
        const TIMES: [&str; 13] = [
            "made",
            "now()",
            "current_timestamp",
            "transaction_timestamp()",
            "current_timestamp(0)",
            "made::date",
            "current_date",
            "\"current_date\"",
            "now()::date",
            "localtimestamp",
            "\"localtimestamp\"",
            "date '2025-03-01'",
            "made at time zone 'UTC'",
        ];
        self.pick(&TIMES)
    }

    fn list(&mut self) -> String {
        const LISTS: [&str; 14] = [
            "status in ('approved', 'declined')",
            "status in ('declined', 'approved')",
            "status in ('approved', 'a b')",
            "status not in ('declined', 'approved')",
            "status not in ('approved', 'declined')",
            "status::text = any (array['approved'::text, 'declined'::text])",
            "status = any ('{declined,approved}'::text[])",
            "status <> any (array['approved', 'declined'])",
            "note > any (array['approved', 'declined'])",
            "a in (1, 2)",
            "a in (2, 1, 1)",
            "a = any ('{1,2}')",
            "a in (1, lo, hi)",
            "a in (1, hi, lo)",
        ];
        self.pick(&LISTS)
    }

    fn truth(&mut self, depth: usize) -> String {
        let compared = ["=", "<>", "<", ">", "is distinct from"];
        match self.next() % if depth == 0 { 6 } else { 10 } {
            0 | 1 => format!("{} {} {}", self.text(depth), self.pick(&compared), self.text(depth)),
            2 => format!("{} {} {}", self.number(depth), self.pick(&compared), self.number(depth)),
            3 => format!("{} {} {}", self.time(), self.pick(&compared), self.time()),
            4 => self.list(),
            5 => self.pick(&[
                "flag",
                "\"flag\"",
                "flag is true",
                "tags @> array['a', 'b']",
                "tags = array['a', 'b']",
                "tags = array['b', 'a']",
                "tags = '{a,b}'",
                "(a, lo) < (1, 2)",
                "position('a' in note) = 1",
                "trim(note) = 'a b'",
                "btrim(note) = 'a b'",
            ]),
            6 => format!("not ({})", self.truth(depth - 1)),
            7 => format!("({}) is {}", self.truth(depth - 1), self.pick(&["null", "not null", "true", "not false"])),
            _ => format!("(({}) {} ({}))", self.truth(depth - 1), self.pick(&["and", "or"]), self.truth(depth - 1)),
        }
    }
}

/// Pairs of expressions, the second from a genome with a few other bytes.
fn pairs(count: usize) -> Vec<[String; 2]> {
    let genome = prop::collection::vec(any::<u8>(), 16);
    // A step to a neighbour in a list of the grammar, where names and keywords that look alike stand together.
    let changes = prop::collection::vec((0..6_usize, 1..3_u8), 0..3);
    let mut runner = TestRunner::deterministic();
    let express = |genome: &[u8]| Genome(genome.iter()).truth(1);
    let pair = (genome, changes).prop_map(|(genome, changes)| {
        let mut other = genome.clone();
        changes.into_iter().for_each(|(at, step)| other[at] = other[at].wrapping_add(step));
        [express(&genome), express(&other)]
    });
    (0..count).map(|_| pair.new_tree(&mut runner).expect("nothing is rejected").current()).collect()
}

/// What PostgreSQL prints of checks of a table: by constraint's name.
async fn printed(connection: &mut Session, table: &str, checks: &BTreeMap<String, String>) -> Catalog {
    let add = checks.iter().map(|(name, check)| format!("add constraint {name} {check} not valid"));
    run(connection, "begin").await.expect("a transaction begins");
    let sql = format!("alter table padealing.{table} {}", add.collect::<Vec<_>>().join(", "));
    run(connection, &sql).await.expect("every expression is valid");
    let found = catalog(connection).await;
    run(connection, "rollback").await.expect("it ends");
    found
}

fn definition(catalog: &Catalog, table: &str, name: &str) -> String {
    let id =
        Id { schema: "padealing".to_owned(), parent: table.to_owned(), kind: Kind::Constraint, name: name.to_owned() };
    catalog.objects[&id][&Property::Definition].to_string()
}

/// A catalog with a table, one check of it, and a policy of the same expression; the types are those of another table.
fn with_check(of: &Catalog, types: &str, definition: &str) -> Catalog {
    let expression = definition.strip_prefix("CHECK ").expect("it is a check").to_owned();
    let id = |kind, name: &str| Id {
        schema: "padealing".to_owned(),
        parent: "sample".to_owned(),
        kind,
        name: name.to_owned(),
    };
    let mut objects: BTreeMap<Id, Object> = of
        .children("padealing", types)
        .filter(|(id, _)| id.kind == Kind::Column)
        .map(|(column, object)| (id(Kind::Column, &column.name), object.clone()))
        .collect();
    let table = Id { parent: String::new(), name: "sample".to_owned(), ..id(Kind::Table, "") };
    objects.insert(table, Object::new());
    let check = [(Property::Type, "check"), (Property::Definition, definition)];
    let text = |(property, text): (Property, &str)| (property, Value::Text(text.to_owned()));
    objects.insert(id(Kind::Constraint, "c"), check.into_iter().map(text).collect());
    objects.insert(id(Kind::Policy, "p"), [text((Property::Using, &expression))].into());
    Catalog { major: of.major, schemas: vec!["padealing".to_owned()], objects }
}

/// Whether drift finds the check and the policy the same.
fn is_same(expected: Catalog, live: Catalog) -> bool {
    let found = compare(Expectation::of(expected), live, &RoleContext::default());
    let of = |kind| found.iter().filter(move |it: &&Finding| it.id.kind == kind).count();
    let about = [of(Kind::Constraint), of(Kind::Policy)];
    assert_eq!(about[0], about[1], "{found:?}");
    assert!(
        found.iter().all(|it| it.id.kind != Kind::Constraint || it.change == Change::Differs(Property::Definition))
    );
    about[0] == 0
}

/// In how many rows of a table the expressions of each pair differ.
async fn rows_that_differ(connection: &mut Session, table: &str, pairs: &[[String; 2]]) -> Vec<i64> {
    let each = pairs.iter().map(|[one, other]| format!("count(*) filter (where ({one}) is distinct from ({other}))"));
    let sql = format!("select array[{}] from padealing.{table}", each.collect::<Vec<_>>().join(", "));
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.expect("every expression has a value")
}

#[tokio::test]
async fn same_is_what_postgres_makes_the_same_of() {
    let pairs = pairs(800);
    with_db(Start::Empty, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        run(&mut connection, TABLES).await.expect("the tables are created");
        let names = |at: usize| [format!("one_{at}"), format!("other_{at}")];
        let written = pairs.iter().enumerate().flat_map(|(at, pair)| names(at).into_iter().zip(pair));
        let written = written.map(|(name, expression)| (name, format!("check ({expression})"))).collect();
        let first = printed(&mut connection, "sample", &written).await;
        let again = |catalog: &Catalog, table: &str| -> BTreeMap<String, String> {
            written.keys().map(|name| (name.clone(), definition(catalog, table, name))).collect()
        };
        let second = printed(&mut connection, "sample", &again(&first, "sample")).await;
        let second = printed(&mut connection, "sample", &again(&second, "sample")).await;
        // ALTER COLUMN TYPE reads what was printed again.
        let mut moved = again(&first, "sample");
        moved.extend(
            written.iter().filter(|(name, _)| name.starts_with("other")).map(|(name, it)| (name.clone(), it.clone())),
        );
        let retyped = printed(&mut connection, "retyped", &moved).await;
        let rows = rows_that_differ(&mut connection, "sample", &pairs).await;
        let retyped_rows = rows_that_differ(&mut connection, "retyped", &pairs).await;
        let mut wrong = String::new();
        let (mut same, mut reasons) = (0, 0);
        for at in 0..pairs.len() {
            let [one, other] = names(at).map(|name| definition(&first, "sample", &name));
            let [one_again, other_again] = names(at).map(|name| definition(&second, "sample", &name));
            let said = is_same(with_check(&first, "sample", &one), with_check(&first, "sample", &other));
            same += usize::from(said);
            reasons += usize::from(said && one_again != other_again);
            match () {
                () if said && rows[at] > 0 => wrong.push_str(&format!("a miss: {one}\n    {other}\n")),
                () if !said && one_again == other_again => {
                    wrong.push_str(&format!("a false alarm: {one}\n    {other}\n"));
                }
                () => {}
            }
            // The other table's columns have other types: only what that explains is forgiven.
            let [same, other] = names(at).map(|name| definition(&retyped, "retyped", &name));
            let is_same = |live: &str| is_same(with_check(&first, "sample", &one), with_check(&first, "retyped", live));
            if !is_same(&same) {
                wrong.push_str(&format!("of a type: {one}\n    {same}\n"));
            }
            if is_same(&other) && retyped_rows[at] > 0 {
                wrong.push_str(&format!("hidden by a type: {one}\n    {other}\n"));
            }
        }
        connection.close().await.expect("the connection closes");
        assert!(wrong.is_empty(), "\n{wrong}");
        assert!(same > 100 && same < 500 && reasons > 2, "{same} pairs are the same, {reasons} of them for a reason");
    })
    .await;
}
