//! What the guard lets through changes nothing in `bo_airflow`: PostgreSQL runs it, and looks.
//!
//! Statements are made of pieces that look alike: names with and without quotation marks and escapes, in and outside
//! `bo_airflow`, in bodies, strings and comments. `PAD_FUZZ_STATEMENTS` (4000) and `PAD_SEED` (14) choose how many and which.

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
    union all select 'column ' || concat_ws(',', attrelid, attname, atttypid, attnotnull, attacl, attstattarget, attisdropped, attoptions)
        from pg_attribute where attrelid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace)
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
        where (classoid = 'pg_class'::regclass and objoid in (select oid from pg_class where relnamespace = 'bo_airflow'::regnamespace))
        or (classoid = 'pg_namespace'::regclass and objoid = 'bo_airflow'::regnamespace)
        or (classoid = 'pg_proc'::regclass and objoid in (select oid from pg_proc where pronamespace = 'bo_airflow'::regnamespace))
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
fn grammar() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        (
            "in",
            vec![
                "padealing",
                "padealing",
                "padealing",
                "padealing",
                "\"padealing\"",
                "PaDealing",
                "bo_airflow",
                "\"bo_airflow\"",
                "BO_AIRFLOW",
                "u&\"bo\\005fairflow\"",
                "U&\"bo!005fairflow\" uescape '!'",
                "pg_temp",
                "public",
            ],
        ),
        ("dot", vec![".", ".", ".", " . ", "/* /* a */ */.", ".--\n"]),
        (
            "relation",
            vec![
                "{in}{dot}t",
                "{in}{dot}t",
                "{in}{dot}made",
                "{in}{dot}oracle_employee",
                "padealing.pad_breach",
                "padealing.pad_request",
                "padealing.audit_log",
                "made",
                "t",
                "{in}{dot}v",
                "{in}{dot}seen",
                "only {in}{dot}made",
                "\"bo_airflow.made\"",
                "padealing.n",
            ],
        ),
        ("column", vec!["a", "b", "\"a\"", "id", "u&\"\\0061\""]),
        ("type", vec!["int", "text", "bo_airflow.made", "pg_catalog.int4", "{in}{dot}made%rowtype", "varchar(3)"]),
        ("role", vec!["public", "current_user", "pad_migrate_reader", "\"pad_migrate_app\""]),
        ("string", vec!["'x'", "E'\\'x'", "$$x$$", "$a$ '; {changed}; -- $a$", "'''; {changed}; --'", "u&'\\0061'"]),
        (
            "value",
            vec![
                "1",
                "{column}",
                "{string}",
                "lower({column}::text)",
                "(select max(a) from {relation})",
                "padealing.f()",
                "bo_airflow.act()",
                "nextval('{in}.s')",
                "nextval('bo_airflow.numbers')",
                "pg_catalog.nextval({string})",
                "setval('bo_airflow.numbers', 9)",
                "query_to_xml('{changed}', true, true, '')",
                "now()",
                "current_setting('a')",
                "set_config('search_path', 'bo_airflow', false)",
                "coalesce({value}, {value})",
                "'bo_airflow.made'::regclass",
                "(with w as ({changed} returning *) select 1)",
                "lo_import('/etc/hostname')",
                "bo_airflow.numbers.nextval",
            ],
        ),
        (
            "changed",
            vec![
                "insert into {relation} ({column}) values (1)",
                "update {relation} set {column} = {value}",
                "delete from {relation}",
                "delete from {relation} using {relation} x where true",
                "truncate {relation}",
                "truncate padealing.t, {relation}",
                "update padealing.t set a = 1 from {relation} x",
                "drop table {relation}",
                "insert into padealing.audit_log (action_type, action_status, actor_type) select 'a', 'success', 'user' from {relation}",
                "merge into {relation} using padealing.t on true when matched then delete",
                "copy {relation} from stdin",
                "insert into {relation} (a) select {value}",
                "update padealing.pad_request set justification = {value}",
                "with w as ({changed} returning *) select * from w",
                "with w as (select 1) {changed}",
            ],
        ),
        (
            "action",
            vec![
                "add column {column}{number} {type} default {value}",
                "drop column {column}",
                "owner to {role}",
                "add column c{number} int references {relation}",
                "rename to n{number}",
                "rename column a to c{number}",
                "set schema {in}",
                "enable row level security",
                "alter column {column} type text using {value}",
                "add constraint c{number} check ({value} is not null) not valid",
                "add foreign key (a) references {relation}",
                "inherit {relation}",
                "no inherit {relation}",
                "attach partition {relation} default",
                "set (fillfactor = 50)",
                "disable trigger all",
                "replica identity full",
                "alter column a set default {value}, {action}",
                "cluster on i",
                "add column c{number} int generated always as ({value}) stored",
                "add exclude (a with =)",
                "set tablespace pg_default",
            ],
        ),
        (
            "body",
            vec![
                "{changed}",
                "select {value}",
                "{statement}",
                "perform {value}",
                "execute '{changed}'",
                "null",
                "execute format('%s', '{changed}')",
                "execute 'select ' || {value}",
                "x := {value}",
                "return",
                "for x in {changed} loop null; end loop",
                "begin {body}; exception when others then {body}; end",
                "if ({value}) is not null then {body}; end if",
                "call padealing.p()",
                "raise notice '%', {value}",
                "perform set_config('search_path', 'bo_airflow', true)",
                "set local search_path = bo_airflow; {body}",
            ],
        ),
        ("number", vec!["1", "2", "3"]),
        (
            "object",
            vec![
                "table {relation}",
                "column {relation}.a",
                "view {relation}",
                "schema {in}",
                "function {in}{dot}f()",
                "function {in}{dot}act()",
                "sequence {in}{dot}numbers",
                "constraint c on {relation}",
                "type {in}{dot}made",
                "index {in}{dot}i",
                "trigger r on {relation}",
                "rule r on {relation}",
                "database postgres",
                "role public",
            ],
        ),
        (
            "statement",
            vec![
                "{changed}",
                "alter table {relation} {action}",
                "alter table if exists only {relation} {action}",
                "create table {in}{dot}n{number} (a int, b {type} default {value}, check ({value} is not null))",
                "create table {in}{dot}n{number} (like {relation} including all)",
                "create table {in}{dot}n{number} as {changed} returning *",
                "create table {in}{dot}n{number} () inherits ({relation})",
                "create table {in}{dot}n{number} as select {value} from {relation}",
                "create table {in}{dot}n{number} (a int references {relation})",
                "create index on {relation} ({column}, ({value}))",
                "create index i{number} on {relation} ({column}) where {value} is null",
                "create view {in}{dot}n{number} as select {value} from {relation}",
                "create view {in}{dot}n{number} as {changed} returning *",
                "create materialized view {in}{dot}n{number} as select {value} as a",
                "refresh materialized view {relation}",
                "create or replace view {relation} as select 1 as a, {string} as b",
                "create rule r as on insert to {relation} do also {changed}",
                "create rule r as on insert to {relation} do instead ({changed}; {changed})",
                "create function {in}{dot}n{number}() returns int language sql as {function}",
                "create or replace function {in}{dot}f() returns int language {language} as {function}",
                "create procedure {in}{dot}p() language plpgsql as {function}",
                "create function {in}{dot}g(a int default {value}) returns int begin atomic {changed}; select 1; end",
                "create trigger r before insert on {relation} for each row execute function {in}{dot}acts()",
                "create policy p on {relation} using ({value} is null)",
                "do $$ begin {body}; end $$",
                "do 'begin {body}; end'",
                "do $a$ declare x int := {value}; begin {body}; {body}; end $a$",
                "do language plpgsql $$ <<l>> begin {body}; end l $$",
                "grant select on {relation} to {role}",
                "grant all on all tables in schema {in} to {role}",
                "grant usage on schema {in} to {role}",
                "revoke all on {relation} from {role}",
                "alter default privileges in schema {in} grant select on tables to {role}",
                "comment on {object} is {string}",
                "alter function {in}{dot}act() owner to {role}",
                "alter sequence {in}{dot}numbers restart 5",
                "alter sequence {in}{dot}s owned by {relation}.a",
                "alter schema {in} owner to {role}",
                "alter schema {in} rename to n{number}",
                "drop {object}",
                "drop {object} cascade",
                "drop view {relation}",
                "alter view {relation} set schema {in}",
                "alter view {relation} rename to n{number}",
                "set search_path = {in}",
                "set local search_path to {in}, pg_catalog; {statement}",
                "reset search_path",
                "set role {role}",
                "commit",
                "begin; {statement}",
                "prepare p as {changed}",
                "execute p",
                "call {in}{dot}p()",
                "select {value}",
                "explain analyze {changed}",
                "lock table {relation}",
                "reindex table {relation}",
                "reindex index {in}{dot}i",
                "analyze {relation}",
                "vacuum {relation}",
                "cluster {relation}",
                "create statistics {in}{dot}n{number} on a, b from {relation}",
                "create sequence {in}{dot}n{number} owned by {relation}.a",
                "create type {in}{dot}n{number} as (a {type})",
                "create domain {in}{dot}n{number} as int default {value} check ({value} is not null)",
                "create publication n for table {relation}",
                "security label on {object} is {string}",
                "alter publication n add table {relation}",
                "create schema if not exists padealing create table {in}{dot}n{number} (a int)",
                "alter extension plpgsql add {object}",
                "create cast (int as {type}) with function {in}{dot}f()",
                "create temp table made (a int)",
                "create operator {in}.@ (function = {in}.f)",
                "create event trigger n on ddl_command_start execute function {in}.acts()",
                "alter type {in}{dot}made add attribute c int",
                "import foreign schema a from server b into {in}",
                "create aggregate {in}.n(int) (sfunc = {in}.f, stype = int)",
                "select 1 into {relation}",
                "{statement}; {statement}",
                "/* {statement} */ {statement}",
                "-- {statement}\n{statement}",
                "/* /* */ {changed}; */ {statement}",
                "{statement} /* ' */",
            ],
        ),
        ("language", vec!["sql", "plpgsql", "plpgsql", "internal"]),
        (
            "function",
            vec![
                "$$ {changed} $$",
                "$f$ begin {body}; return 1; end $f$",
                "'begin {body}; return 1; end'",
                "$$ select {value}::int $$",
            ],
        ),
    ])
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
fn expand(grammar: &BTreeMap<&str, Vec<&str>>, name: &str, dice: &mut Dice, depth: usize, out: &mut String) {
    let pieces = &grammar[name];
    let mut rest = pieces[if depth == 0 { 0 } else { dice.below(pieces.len()) }];
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
async fn what_passes_changes_nothing_in_the_reference_schema() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |it| it.parse().expect("a number"));
    let (count, seed) = (number("PAD_FUZZ_STATEMENTS", 4000), number("PAD_SEED", 14));
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
