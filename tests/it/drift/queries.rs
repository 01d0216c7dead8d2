//! Queries in other words: views whose text PostgreSQL prints differently, and what drift says of each pair.

use super::cases::{catalog, run};
use crate::harness::{Start, with_db};
use pad_migrate::postgres::session::Session;
use pad_migrate::schema::catalog::Catalog;
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};

const TABLES: &str = "
create schema padealing;
create type padealing.cost as (amount numeric, currency text);
create table padealing.t (id int, a text, b text, n int, m int, x xml, at timestamptz, until timestamptz, price padealing.cost);
create table padealing.u (id int, a text, amount numeric, price int);
create function padealing.of(variadic items text[]) returns text language sql as 'select items[1]';
create function padealing.of(items text[], other int) returns text language sql as 'select items[1]';
";

/// Pairs that say the same.
const SAME: &[[&str; 2]] = &[
    [
        "select r.id, s.a from padealing.t r join padealing.u s on s.id = r.id",
        "select t.id, u.a from padealing.t join padealing.u on u.id = t.id",
    ],
    ["select q.id from padealing.t q", "select id from padealing.t"],
    ["select q.id from padealing.t as q tablesample system (10)", "select id from padealing.t tablesample system (10)"],
    // The names change places, and so do the tables.
    [
        "select a.n, b.m from padealing.t a join padealing.t b on a.n = b.m",
        "select b.n, a.m from padealing.t b join padealing.t a on b.n = a.m",
    ],
    [
        "select id from padealing.t where exists (select from padealing.u where u.id = t.n)",
        "select id from padealing.t o where exists (select from padealing.u i where i.id = o.n)",
    ],
    // An inner name hides an outer one.
    [
        "select id from padealing.t z where exists (select from padealing.u y where y.id = z.n and exists \
         (select from padealing.u z where z.id = y.price))",
        "select id from padealing.t a where exists (select from padealing.u b where b.id = a.n and exists \
         (select from padealing.u c where c.id = b.price))",
    ],
    [
        "select s.top from (select max(q.n) as top from padealing.t q) s",
        "select r.top from (select max(n) as top from padealing.t) r",
    ],
    [
        "select t.id, l.m from padealing.t, lateral (select max(u.id) as m from padealing.u where u.a = t.a) l",
        "select o.id, k.m from padealing.t o, lateral (select max(i.id) as m from padealing.u i where i.a = o.a) k",
    ],
    ["select t.* from padealing.t for update of t", "select q.* from padealing.t q for update of q"],
    ["select id from padealing.t where a in ('x', 'y', 'z')", "select id from padealing.t where a in ('z', 'x', 'y')"],
    ["select id from padealing.t where n not in (1, 2)", "select id from padealing.t where n <> all ('{2,1}')"],
    ["select id from padealing.t where at < now()", "select id from padealing.t where at < current_timestamp"],
    ["select trim(a) as c from padealing.t", "select btrim(a) as c from padealing.t"],
    ["select row_to_json(t.*) as j from padealing.t", "select row_to_json(q.*) as j from padealing.t q"],
    [
        "with w as (select t.id from padealing.t) select w.id from w",
        "with w as (select q.id from padealing.t q) select v.id from w v",
    ],
    [
        "select t.id from padealing.t union select u.id from padealing.u order by 1",
        "select a.id from padealing.t a union select a.id from padealing.u a order by 1",
    ],
];

/// Pairs that don't.
const OTHER: &[[&str; 2]] = &[
    [
        "select a.n, b.m from padealing.t a join padealing.t b on a.n = b.m",
        "select b.n, a.m from padealing.t a join padealing.t b on a.n = b.m",
    ],
    [
        "select id from padealing.t where exists (select from padealing.u where u.id = t.n)",
        "select id from padealing.t where exists (select from padealing.t q where q.id = q.n)",
    ],
    [
        "select r.id from padealing.t r where exists (select from padealing.t s where s.id = r.n)",
        "select r.id from padealing.t r where exists (select from padealing.t s where s.id = s.n)",
    ],
    ["select t.id from padealing.t join padealing.u on true", "select u.id from padealing.t join padealing.u on true"],
    [
        "select t.id, u.price as c from padealing.t, padealing.u",
        "select t.id, (t.price).amount::int as c from padealing.t, padealing.u",
    ],
    ["select (price).amount from padealing.t", "select (price).currency::numeric as amount from padealing.t"],
    ["select id as n, n as id from padealing.t", "select n, id from padealing.t"],
    ["select count(distinct n) as c from padealing.t", "select count(n) as c from padealing.t"],
    ["select count(*) as c from padealing.t", "select count(n) as c from padealing.t"],
    [
        "select string_agg(a, ',' order by n) as c from padealing.t",
        "select string_agg(a, ',' order by m) as c from padealing.t",
    ],
    ["select string_agg(a, ',' order by n) as c from padealing.t", "select string_agg(a, ',') as c from padealing.t"],
    [
        "select padealing.of(variadic array[a, b]) as c from padealing.t",
        "select padealing.of(array[a, b], 1) as c from padealing.t",
    ],
    ["select sum(n) filter (where m > 1) as c from padealing.t", "select sum(n) as c from padealing.t"],
    ["select trim(both 'x' from a) as c from padealing.t", "select trim(both a from 'x') as c from padealing.t"],
    ["select trim(leading 'x' from a) as c from padealing.t", "select trim(trailing 'x' from a) as c from padealing.t"],
    ["select position(a in b) as c from padealing.t", "select position(b in a) as c from padealing.t"],
    [
        "select substring(a from 2 for 3) as c from padealing.t",
        "select substring(a from 3 for 2) as c from padealing.t",
    ],
    ["select extract(year from at) as c from padealing.t", "select extract(month from at) as c from padealing.t"],
    [
        "select id from padealing.t where (at, until) overlaps (at, now())",
        "select id from padealing.t where (until, at) overlaps (now(), at)",
    ],
    [
        "select at::timestamp at time zone a as c from padealing.t",
        "select at::timestamp at time zone b as c from padealing.t",
    ],
    ["select normalize(a, nfc) as c from padealing.t", "select normalize(a, nfd) as c from padealing.t"],
    ["select a is nfc normalized as c from padealing.t", "select a is nfkc normalized as c from padealing.t"],
    ["select current_timestamp as c", "select current_timestamp(3) as c"],
    ["select current_time as c", "select localtime::time with time zone as c"],
    ["select array[]::text[]::text as c", "select array[]::int[]::text as c"],
    ["select array['a', 'b'] as c", "select array['b', 'a'] as c"],
    [
        "select id from padealing.t where a = any (array['a', b])",
        "select id from padealing.t where a = any (array[b, 'a']) and true",
    ],
    [
        "select id from padealing.t where n = any (array[1, 2])",
        "select id from padealing.t where n = all (array[1, 2])",
    ],
    [
        "select id from padealing.t where n > any (array[1, 2])",
        "select id from padealing.t where n > any (array[2, 2])",
    ],
    ["select 'a  b'::text as c", "select 'a b'::text as c"],
    ["select E'a\\nb'::text as c", "select 'a\\nb'::text as c"],
    ["select 'A'::text as c", "select 'a'::text as c"],
    ["select \"A\" from (select 1 as \"A\") q", "select a as \"A\" from (select 1 as a) q"],
    ["select id from padealing.t order by n nulls first", "select id from padealing.t order by n"],
    ["select id from padealing.t order by n desc", "select id from padealing.t order by n"],
    [
        "select id from padealing.t order by n limit 3",
        "select id from padealing.t order by n fetch first 3 rows with ties",
    ],
    [
        "select t.id from padealing.t, padealing.u for update of t",
        "select t.id from padealing.t, padealing.u for update of u",
    ],
    [
        "select t.id from padealing.t left join padealing.u on u.id = t.id",
        "select t.id from padealing.t join padealing.u on u.id = t.id",
    ],
    ["select id from padealing.t tablesample system (10)", "select id from padealing.t tablesample system (20)"],
    ["select id from padealing.t tablesample system (10)", "select id from padealing.t"],
    ["select id from padealing.t", "select id from only padealing.t"],
    ["select n::numeric / 2 as c from padealing.t", "select (n / 2)::numeric as c from padealing.t"],
    ["select n::bigint as c from padealing.t", "select n::smallint::bigint as c from padealing.t"],
    ["select a::varchar(3)::text as c from padealing.t", "select a::varchar(4)::text as c from padealing.t"],
    ["select rank() over (order by n) as c from padealing.t", "select rank() over (order by m) as c from padealing.t"],
    [
        "select xmlserialize(content x as text) as c from padealing.t",
        "select xmlserialize(document x as text) as c from padealing.t",
    ],
    [
        "select xmlexists('/a' passing x) as c from padealing.t",
        "select xmlexists('/b' passing x) as c from padealing.t",
    ],
];

#[tokio::test]
async fn queries_are_compared_by_what_they_ask() {
    with_db(Start::Empty, async |db| {
        let mut connection = Session::from(db.connect().await);
        run(&mut connection, "set search_path = pg_catalog; set jit = off").await.expect("a setting");
        run(&mut connection, TABLES).await.expect("the tables are created");
        let major = catalog(&mut connection).await.major;
        let pairs: Vec<&[&str; 2]> = SAME.iter().chain(OTHER).collect();
        let mut catalogs: [Catalog; 2] = Default::default();
        for (side, catalog_of_side) in catalogs.iter_mut().enumerate() {
            run(&mut connection, "begin").await.expect("a transaction begins");
            for (at, pair) in pairs.iter().enumerate() {
                let sql = pair[side];
                let view = format!("create view padealing.v_{at} as {sql}");
                // Since version 14 a function's body may be a tree, too.
                let function =
                    format!("create function padealing.f_{at}() returns void language sql begin atomic {sql}; end");
                let statements = if major < 14 { vec![view] } else { vec![view, function] };
                for sql in statements {
                    run(&mut connection, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                }
            }
            *catalog_of_side = catalog(&mut connection).await;
            run(&mut connection, "rollback").await.expect("it ends");
        }
        connection.close().await.expect("the connection closes");
        let [expected, live] = catalogs;
        let found = compare(Expectation::of(expected), live, &RoleContext::default());
        let is_found = |name: &str| found.iter().any(|it| it.id.parent.is_empty() && it.id.name == name);
        let is_wrong = |at: usize| {
            let differs = at >= SAME.len();
            is_found(&format!("v_{at}")) != differs || major >= 14 && is_found(&format!("f_{at}()")) != differs
        };
        let wrong = pairs.iter().enumerate().filter(|(at, _)| is_wrong(*at));
        let wrong: Vec<String> = wrong.map(|(_, [one, other])| format!("{one}\n    {other}")).collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    })
    .await;
}
