//! What the guard lets through changes nothing in `bo_airflow`: PostgreSQL runs it, and looks.
//!
//! Statements are made of pieces that look alike: names with and without quotation marks and escapes, in and outside
//! `bo_airflow`, in bodies, strings and comments. `PAD_FUZZ_STATEMENTS` (2000) and `PAD_SEED` (14) choose how many and
//! which.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use super::targets::schema::scopes;
use crate::harness::{Start, with_db};
use pad_migrate::schema::guard::check;

/// What is in `bo_airflow`, and who may do what there. What a foreign key of another schema leaves at the table that it
/// refers to is not a change of it.
const SUM: &str = "
    select md5(string_agg(part, '|' order by part)) from (
    select 'schema ' || n::text as part from pg_namespace n where nspname = 'bo_airflow'
    union all select 'relation ' || concat_ws(',', oid, relname, relkind, relowner, relacl, reloptions, relrowsecurity,
        relforcerowsecurity, relreplident, relhasrules, relispartition, relpersistence, reltablespace)
        from pg_class where relnamespace = 'bo_airflow'::regnamespace
    union all select 'column ' || concat_ws(',', attrelid, attname, atttypid, attnotnull, attacl, attstattarget,
        attisdropped, attoptions) from pg_attribute
        where attrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'default ' || d::text from pg_attrdef d
        where adrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'constraint ' || c::text from pg_constraint c where connamespace = 'bo_airflow'::regnamespace
    union all select 'index ' || i::text from pg_index i
        where indrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'trigger ' || t::text from pg_trigger t where not tgisinternal
        and tgrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'rule ' || r::text from pg_rewrite r
        where ev_class in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'policy ' || p::text from pg_policy p
        where polrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'routine ' || p::text from pg_proc p where pronamespace = 'bo_airflow'::regnamespace
    union all select 'type ' || t::text from pg_type t where typnamespace = 'bo_airflow'::regnamespace
    union all select 'parent ' || i::text from pg_inherits i
        where 'bo_airflow'::regnamespace in (select relnamespace from pg_class where oid in (inhrelid))
    union all select 'statistics ' || stxname from pg_statistic_ext where stxnamespace = 'bo_airflow'::regnamespace
    union all select 'comment ' || d::text from pg_description d
        where (classoid = 'pg_class'::regclass and objoid in
        (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace))
        or (classoid = 'pg_namespace'::regclass and objoid = 'bo_airflow'::regnamespace)
        or (classoid = 'pg_proc'::regclass and objoid in
        (select oid from pg_proc where pronamespace = 'bo_airflow'::regnamespace))
    union all select 'label ' || l::text from pg_seclabel l
    union all select 'privileges ' || a::text from pg_default_acl a where defaclnamespace = 'bo_airflow'::regnamespace
    union all select 'published ' || p::text from pg_publication_rel p
        where prrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
    union all select 'employee ' || e::text from bo_airflow.oracle_employee e
    union all select 'security ' || b::text from bo_airflow.oracle_bloomberg b
    union all select 'contact ' || c::text from bo_airflow.oracle_contact c
    union all select 'number ' || last_value::text || is_called::text from bo_airflow.numbers
    union all select 'made ' || m::text from bo_airflow.made m) parts";

/// Something of other kinds that a statement could change, and ways to it that a text doesn't show.
const MORE: &str = "
    create sequence bo_airflow.numbers;
    create table bo_airflow.made (a int, b text);
    insert into bo_airflow.made values (1, 'x');
    create view bo_airflow.seen as select a, b from bo_airflow.made;
    create function bo_airflow.act() returns int language sql as 'insert into bo_airflow.made values (2) returning a';
    create function bo_airflow.acts() returns trigger language plpgsql as
        'begin insert into bo_airflow.made values (3); return new; end';
    create table padealing.t (a int, b text);
    insert into padealing.t values (1, 'x');
    create view padealing.v as select a, b from padealing.t;
    create sequence padealing.s;
    create function padealing.f() returns int language sql as 'select 1';";

/// Pieces by their names; in a piece, `{name}` is one of another's.
type Grammar = BTreeMap<&'static str, Vec<String>>;

fn grammar() -> Grammar {
    let (mut grammar, mut name) = (Grammar::new(), "");
    for line in include_str!("grammar.txt").lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
        match line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(begun) => name = begun,
            None => grammar.entry(name).or_default().push(line.replace("\\n", "\n")),
        }
    }
    grammar
}

/// Choices of a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is below a usize")
    }
}

/// A piece with everything in it chosen; below a depth, the first choices, which end.
fn expand(grammar: &Grammar, name: &str, dice: &mut Dice, depth: usize, out: &mut String) {
    let pieces = &grammar[name];
    let mut rest = pieces[if depth == 0 { 0 } else { dice.below(pieces.len()) }].as_str();
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (inner, after) = after.split_once('}').expect("a name ends");
        expand(grammar, inner, dice, depth.saturating_sub(1), out);
        rest = after;
    }
    out.push_str(rest);
}

async fn sum(connection: &mut PgConnection) -> String {
    sqlx::query_scalar(SUM).fetch_one(connection).await.expect("the sum is read")
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a long run says how far it got")]
async fn what_passes_changes_nothing_in_the_reference_schema() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |it| it.parse().expect("a number"));
    let (count, seed) = (number("PAD_FUZZ_STATEMENTS", 2000), number("PAD_SEED", 14));
    with_db(Start::Applied, async |db| {
        db.execute(MORE).await;
        let mut connection = db.connect().await;
        connection
            .execute("set search_path = pg_catalog; set lock_timeout = '5s'; set statement_timeout = '10s'")
            .await
            .expect("settings");
        let before = sum(&mut connection).await;
        let (grammar, mut dice) = (grammar(), Dice(seed));
        let (mut passed, mut ran, mut wrong) = (0_u64, 0_u64, Vec::new());
        for _ in 0..count {
            let mut sql = String::new();
            expand(&grammar, "statement", &mut dice, 5, &mut sql);
            if !scopes().iter().any(|scope| check(&sql, scope).is_ok()) {
                continue;
            }
            passed += 1;
            connection.execute("begin; set local check_function_bodies = off").await.expect("a transaction begins");
            let done = connection.execute(AssertSqlSafe(sql.clone())).await.is_ok();
            ran += u64::from(done);
            // What ended the transaction is seen as well, since it is looked at afterwards, too.
            if done && sum(&mut connection).await != before {
                wrong.push(sql.clone());
            }
            connection.execute("rollback; set search_path = pg_catalog").await.expect("it ends");
            if done && sql.contains("commit") && sum(&mut connection).await != before {
                wrong.push(sql);
                break;
            }
        }
        println!("{count} statements of seed {seed}: {passed} pass the guard, PostgreSQL ran {ran} of them");
        assert!(wrong.is_empty(), "{} statements pass and change bo_airflow:\n{}", wrong.len(), wrong.join("\n---\n"));
        assert!(passed * 50 > count && ran * 4 > passed, "{passed} of {count} pass, {ran} of them run");
    })
    .await;
}
