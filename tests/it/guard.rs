//! What may be sent for a change of the schema, and everything that may not.

use pretty_assertions::assert_eq;
use rstest::rstest;
use sha2::{Digest, Sha256};
use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{AstNode, Stmt};

use pad_migrate::ledger::revisions::{ALL, RoleNames, declared_schema, render};
use pad_migrate::schema::guard::check;
use pad_migrate::schema::guard::scope::Scope;
use pad_migrate::schema::mirror::REFERENCE_SCHEMA;

fn up() -> Scope {
    Scope { moves_from: vec!["public".to_owned()], ..Scope::default() }
}

fn down() -> Scope {
    Scope { down: true, ..up() }
}

/// Passes in an up and in a down migration; is refused with the reference schema's name in any one place instead.
#[track_caller]
fn check_passes(sql: &str) {
    for scope in [up(), down()] {
        assert_eq!(check(sql, &scope), Ok(()), "{scope:?}");
        for (at, schema) in sql.match_indices("padealing") {
            let moved = [&sql[..at], "bo_airflow", &sql[at + schema.len()..]].concat();
            assert!(check(&moved, &scope).is_err(), "{moved}");
        }
    }
}

#[track_caller]
fn check_refused_in(scope: &Scope, sql: &str, reason: &str) {
    assert!(!reason.is_empty(), "every reason has an empty text in it");
    let refusal = check(sql, scope).expect_err(sql);
    assert!(refusal.reason.contains(reason), "{sql}\nis refused for another reason: {refusal}");
}

/// Is refused in either migration, for a reason that says this.
#[track_caller]
fn check_refused(sql: &str, reason: &str) {
    for scope in [up(), down()] {
        check_refused_in(&scope, sql, reason);
    }
}

/// Passes in a down migration only.
#[track_caller]
fn check_passes_down_only(sql: &str, reason: &str) {
    check_refused_in(&up(), sql, reason);
    assert_eq!(check(sql, &down()), Ok(()));
}

/// A block, and a function of either language, that holds these statements.
fn block(body: &str) -> String {
    format!("do $x$ begin {body} end $x$")
}

fn function(language: &str, body: &str) -> String {
    format!("create function padealing.f() returns void language {language} as $x$ {body} $x$")
}

/// The guard decides by the kinds of statements that the parser knows, so the parser is not upgraded unseen.
///
/// Before writing another version and other kinds here: read the new kinds of statements in `ast::Stmt`, and in the
/// parser's changes which statements have another tree than before. Then go through `src/schema/guard/kinds.rs`
/// (what is listed), `guard/names.rs` (places where a name is only read) and `guard/bodies.rs` (PL/pgSQL).
#[test]
fn the_parser_is_the_one_that_was_reviewed() {
    let lock = include_str!("../../Cargo.lock");
    for package in ["squawk-syntax", "squawk-parser", "squawk-lexer"] {
        let entry = format!("name = \"{package}\"\nversion = \"2.68.0\"\n");
        assert!(lock.contains(&entry), "{package} is another than the one that was reviewed: see this test's comment");
    }
    let all = (0..=SyntaxKind::__LAST as u16).map(SyntaxKind::from);
    let statements: Vec<String> = all.filter(|kind| Stmt::can_cast(*kind)).map(|kind| format!("{kind:?}\n")).collect();
    let digest = Sha256::digest(statements.concat());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let reviewed = (190, "99a776df614f0b4d08b0c80099ce9a3e25a3c9bd5bd1eb71fd8c6ed6d195fb34");
    assert_eq!((statements.len(), digest.as_str()), reviewed, "see this test's comment:\n{}", statements.concat());
}

#[test]
fn our_revisions_pass_for_any_roles() {
    for app in [None, Some("app; drop table bo_airflow.x".to_owned())] {
        let roles = RoleNames { owner: "o\"wner".to_owned(), reader: app.clone(), app };
        for revision in ALL.iter() {
            assert_eq!(check(&render(revision.up, &roles), &up()), Ok(()), "{} up", revision.number);
            assert_eq!(check(&render(revision.down, &roles), &down()), Ok(()), "{} down", revision.number);
        }
    }
    assert_eq!(check(declared_schema(), &Scope::default()), Ok(()));
}

#[test]
fn revisions_need_the_scope_that_they_are_given() {
    let roles = RoleNames { owner: "owner".to_owned(), ..RoleNames::default() };
    let moving = ALL.iter().find(|it| it.number == "0002").expect("a revision that moves tables");
    check_refused_in(&Scope::default(), moving.up, "only managed tables");
    check_refused_in(&up(), moving.down, "only managed tables");
    for revision in ALL.iter().filter(|it| !["0002", "0007"].contains(&it.number)) {
        check_refused_in(&up(), &render(revision.down, &roles), "only a down migration drops");
    }
}

#[test]
fn the_mirror_is_made_in_a_local_database_only() {
    check_refused(REFERENCE_SCHEMA, "schema bo_airflow is not padealing");
    assert_eq!(check(REFERENCE_SCHEMA, &Scope { mirror: true, ..up() }), Ok(()));
    let grant = "grant usage on schema bo_airflow to a; grant select on all tables in schema bo_airflow to a";
    check_refused(grant, "schema bo_airflow");
    assert_eq!(check(grant, &Scope { mirror: true, ..up() }), Ok(()));
}

#[rstest]
#[case::altered("alter table bo_airflow.oracle_employee add column x int", "bo_airflow.oracle_employee")]
#[case::dropped("drop table bo_airflow.oracle_employee", "only a down migration drops")]
#[case::written("insert into bo_airflow.oracle_employee values (1)", "bo_airflow.oracle_employee")]
#[case::granted("grant select on bo_airflow.oracle_employee to public", "bo_airflow.oracle_employee")]
#[case::commented("comment on table bo_airflow.oracle_employee is 'x'", "bo_airflow.oracle_employee")]
#[case::viewed("create view bo_airflow.v as select 1", "bo_airflow.v")]
#[case::owned("alter schema bo_airflow owner to me", "schema bo_airflow")]
#[case::another("create schema other", "schema other")]
fn the_mirror_is_made_and_nothing_else(#[case] sql: &str, #[case] reason: &str) {
    check_refused_in(&Scope { mirror: true, ..up() }, sql, reason);
}

/// What the fixture of drift creates for others is refused, the rest passes, each statement on its own.
#[test]
fn every_kind_of_object_that_drift_knows_may_be_created_in_padealing() {
    let statements = include_str!("../../fixtures/drift/base.sql").split(";\n");
    let refused: Vec<&str> = statements
        .filter(|it| check(it, &Scope::default()).is_err())
        .flat_map(|sql| sql.lines().find(|line| !line.is_empty() && !line.starts_with("--")))
        .map(|it| it.split(['(', '=']).next().unwrap_or(it).trim())
        .collect();
    assert_eq!(
        refused,
        [
            "create extension hstore schema public",
            "create extension file_fdw schema public",
            "create schema bo_airflow",
            "grant usage on schema bo_airflow to pad_migrate_app, pad_migrate_reader",
            "create table bo_airflow.oracle_employee",
            "create index oracle_employee_surname_idx on bo_airflow.oracle_employee",
            "comment on table bo_airflow.oracle_employee is 'People'",
            "create table bo_airflow.oracle_bloomberg",
            "create view bo_airflow.employee_names as select id, forename, surname from bo_airflow.oracle_employee",
            "create function bo_airflow.initials",
            "grant select on bo_airflow.oracle_employee, bo_airflow.oracle_bloomberg to pad_migrate_app, \
             pad_migrate_reader",
            "grant references on bo_airflow.oracle_employee to pad_migrate_app",
            "create server price_files foreign data wrapper file_fdw",
            "create publication pad_changes for table padealing.pad_request with",
            "create function public.note_ddl",
            "create event trigger note_ddl on ddl_command_end execute function public.note_ddl",
        ]
    );
}

#[rstest]
#[case::nothing("")]
#[case::a_comment("-- drop table bo_airflow.x;\n/* drop table bo_airflow.x; /* nested */ */ ;;")]
#[case::names_in_any_case("CREATE TABLE PADEALING.x (a int); create table \"padealing\".\"X\" (a int)")]
#[case::comments_between("create /* x */ table padealing . -- bo_airflow\n x (a int)")]
#[case::schema("create schema if not exists padealing authorization somebody")]
#[case::schema_is_given("alter schema padealing owner to current_user")]
#[case::table("create unlogged table if not exists padealing.t (like bo_airflow.x including all, b public.hstore)")]
#[case::partition("create table padealing.p partition of padealing.t for values in (1)")]
#[case::child("create table padealing.p () inherits (padealing.t)")]
#[case::table_of_a_query("create table padealing.t as select count(*) from bo_airflow.x with no data")]
#[case::foreign_table("create foreign table padealing.f (a int) server s options (filename 'x')")]
#[case::foreign_key(
    "alter table padealing.t add foreign key (a) references bo_airflow.x on delete cascade on update cascade"
)]
#[case::columns(
    "alter table if exists only padealing.t add column a int default 1, alter b type text using lower(b), alter c \
     set not null"
)]
#[case::constraints(
    "alter table padealing.t add constraint c check (length(a) > 1) not valid, validate constraint c, drop constraint d"
)]
#[case::exclusion("alter table padealing.t add exclude using gist (a with operator(public.&&), lower(b) with =)")]
#[case::index_of_a_constraint(
    "alter table padealing.t add primary key using index i, cluster on i, replica identity using index i"
)]
#[case::owner("alter table padealing.t owner to \"o\"\"wner\"")]
#[case::partitions(
    "alter table padealing.t attach partition padealing.p default; alter table padealing.t detach partition padealing.p"
)]
#[case::inheritance("alter table padealing.p inherit padealing.t, no inherit padealing.u")]
#[case::triggers_off("alter table padealing.t disable trigger all, enable row level security")]
#[case::renamed("alter table padealing.t rename to u; alter table padealing.t rename column a to b")]
#[case::drawn("alter table padealing.t add column a int default nextval('padealing.s'::regclass)")]
#[case::index(
    "create unique index concurrently if not exists i on only padealing.t using gist (lower(a) public.ops) where b"
)]
#[case::index_changed(
    "alter index padealing.i rename to j; alter index padealing.i attach partition padealing.j; drop index \
     concurrently padealing.i"
)]
#[case::index_rebuilt("reindex index concurrently padealing.i; reindex (concurrently) index padealing.i")]
#[case::view(
    "create or replace view padealing.v as with a as (select * from bo_airflow.x) table a; alter view padealing.v \
     rename to w; drop view padealing.v"
)]
#[case::view_of_anything(
    "create view padealing.v as select bo_airflow.initials('a', 'b'), public.similarity(a, b) from bo_airflow.x"
)]
#[case::materialized_view(
    "create materialized view padealing.v as select lower(a) from bo_airflow.x; refresh materialized view \
     concurrently padealing.v; drop materialized view padealing.v"
)]
#[case::sequence(
    "create sequence padealing.s owned by padealing.t.a; alter sequence padealing.s owned by none restart with 3"
)]
#[case::types("create type padealing.e as enum ('a'); alter type padealing.e add value 'b'; drop type padealing.e")]
#[case::range("create type padealing.r as range (subtype = numeric, multirange_type_name = padealing.m)")]
#[case::domains(
    "create domain padealing.d as public.citext check (value <> ''); alter domain padealing.d drop constraint c; \
     drop domain padealing.d"
)]
#[case::aggregate(
    "create aggregate padealing.a (int) (sfunc = public.f, stype = int); drop aggregate padealing.a (int)"
)]
#[case::operator(
    "create operator padealing.=== (leftarg = int, rightarg = int, function = int4eq, commutator = \
     operator(padealing.===)); drop operator padealing.=== (int, int)"
)]
#[case::collation(
    "create collation padealing.c from \"C\"; alter collation padealing.c rename to d; drop collation padealing.c"
)]
#[case::statistics(
    "create statistics padealing.s on a, b from padealing.t; alter statistics padealing.s set statistics 3; drop \
     statistics padealing.s"
)]
#[case::text_search(
    "create text search dictionary padealing.d (template = simple); create text search configuration padealing.c \
     (copy = pg_catalog.simple); alter text search configuration padealing.c alter mapping for word with \
     public.d; drop text search configuration padealing.c; drop text search dictionary padealing.d"
)]
#[case::trigger(
    "create trigger t before update of a on padealing.t for each row when (old.a is distinct from new.a) execute \
     function padealing.f('x'); alter trigger t on padealing.t rename to u; drop trigger t on padealing.t"
)]
#[case::rule(
    "create rule r as on delete to padealing.t do also insert into padealing.audit_log (id) values (old.id); drop \
     rule r on padealing.t"
)]
#[case::policy(
    "create policy p on padealing.t for select using (exists (select from bo_airflow.x)); alter policy p on \
     padealing.t to me; drop policy p on padealing.t"
)]
#[case::cast("create cast (padealing.a as text) with function public.f(text); drop cast (text as padealing.a)")]
#[case::function_changed(
    "alter function padealing.f(int) owner to me; alter routine padealing.f set search_path to bo_airflow, public; \
     drop function padealing.f(int), padealing.g"
)]
#[case::comments(
    "comment on schema padealing is 'x'; comment on column padealing.t.a is null; comment on constraint c on \
     padealing.t is 'x'; comment on trigger t on padealing.t is 'x'; comment on function \
     padealing.f(bo_airflow.x) is 'x'"
)]
#[case::grants(
    "grant select (a), update on padealing.t, padealing.u to me with grant option; grant usage on schema padealing \
     to me; revoke all on all functions in schema padealing from public; grant execute on function \
     padealing.f(int) to me"
)]
#[case::default_privileges("alter default privileges for role me in schema padealing grant select on tables to you")]
#[case::rows(
    "insert into padealing.pad_breach (id) select id from bo_airflow.x on conflict (id) do update set id = 1 \
     returning *; update only padealing.pad_request set isin = upper(isin) from bo_airflow.x where true; delete \
     from padealing.audit_log a using bo_airflow.x"
)]
#[case::queries(
    "select setval('padealing.s', 1), pg_catalog.format('%s', 1), coalesce(a, 'set'), extract(year from b) from \
     bo_airflow.x; values (1); table bo_airflow.x; (select 1) union select 2"
)]
#[case::sequence_of_a_column("select setval(pg_get_serial_sequence('padealing.t', 'id'), max(id)) from bo_airflow.x")]
#[case::moved(
    "alter table public.pad_request set schema padealing; alter sequence if exists public.s set schema padealing"
)]
#[case::words_in_literals("comment on table padealing.t is 'drop table bo_airflow.x; cascade'")]
fn what_concerns_padealing_passes(#[case] sql: &str) {
    check_passes(sql);
}

#[rstest]
#[case::table("drop table if exists padealing.pad_breach, padealing.migration_run", "only a down migration drops")]
#[case::sequence("drop sequence padealing.s", "only a down migration drops")]
#[case::schema("drop schema padealing", "only a down migration drops")]
#[case::foreign_table("drop foreign table padealing.f", "only a down migration drops")]
#[case::column("alter table padealing.t drop column a, drop b restrict", "only a down migration drops columns")]
#[case::moved_back("alter table padealing.pad_breach set schema public", "only managed tables")]
#[case::sequence_moved_back("alter sequence padealing.s set schema public", "only managed tables")]
#[case::comment_where_it_went("comment on table public.pad_breach is null", "public.pad_breach")]
#[case::in_a_block("do $$ begin execute format('drop table padealing.%I', 'x'); end $$", "only a down migration drops")]
fn what_takes_away_passes_on_the_way_down_only(#[case] sql: &str, #[case] reason: &str) {
    check_passes_down_only(sql, reason);
}

#[rstest]
#[case::their_table("alter table only bo_airflow.x add column a int", "bo_airflow.x")]
#[case::a_comment_inside("alter/**/table bo_airflow.x add column a int", "bo_airflow.x")]
#[case::a_line_comment("alter table -- padealing.\nbo_airflow.x add column a int", "bo_airflow.x")]
#[case::a_comment_before_the_dot("alter table bo_airflow/* padealing */.x add column a int", "bo_airflow.x")]
#[case::nested_comments("/* /* */ alter table padealing.t add a int; */ drop index bo_airflow.i", "bo_airflow.i")]
#[case::the_last_of_several("select 1; create table padealing.t (a int); ; drop index bo_airflow.i", "bo_airflow.i")]
#[case::quoted("alter table \"bo_airflow\".\"x\" add column a int", "bo_airflow.x")]
#[case::quoted_capitals("create table \"PADEALING\".x (a int)", "PADEALING.x")]
#[case::a_quote_in_the_name("create table \"padealing\"\"\".x (a int)", "padealing\".x")]
#[case::escaped_name("create table U&\"padealing\".x (a int)", "U&")]
#[case::escaped_name_elsewhere("create view padealing.v as select * from u&\"\\0062\".x", "U&")]
#[case::capitals_that_fold("create table PADEALİNG.x (a int)", "is not in padealing")]
#[case::no_schema("create table x (a int)", "x is not in padealing")]
#[case::no_schema_to_drop("drop view x", "x is not in padealing")]
#[case::a_database_before_it("create view padealing.bo_airflow.x as select 1", "padealing.bo_airflow.x")]
#[case::a_database_before_a_column("comment on column padealing.bo_airflow.x.y is 'z'", "padealing.bo_airflow.x.y")]
#[case::a_table_called_so("comment on column padealing.x is 'z'", "padealing.x")]
#[case::created_if_missing("create table if not exists bo_airflow.x (a int)", "bo_airflow.x")]
#[case::two_views("drop view padealing.a, bo_airflow.b", "bo_airflow.b")]
#[case::two_functions("drop function padealing.a, b", "b is not in padealing")]
#[case::two_operators("drop operator padealing.=== (int, int), + (int, int)", "without a schema")]
#[case::public("create table public.x (a int)", "public.x")]
#[case::pg_temp("create table pg_temp.x (a int)", "pg_temp.x")]
#[case::temporary("create temp table padealing.x (a int)", "temporary")]
#[case::temporary_view("create temporary view padealing.x as select 1", "temporary")]
#[case::their_index("alter index bo_airflow.i rename to j", "bo_airflow.i")]
#[case::an_index_on_reference("create index on bo_airflow.x (a)", "bo_airflow.x")]
#[case::an_index_of_ours_on_reference("create index concurrently padealing_i on only bo_airflow.x (a)", "bo_airflow.x")]
#[case::a_trigger_on_reference(
    "create trigger t after insert on bo_airflow.x execute function padealing.f()",
    "bo_airflow.x"
)]
#[case::a_trigger_from_reference(
    "create constraint trigger t after insert on padealing.t from bo_airflow.x for each row execute function \
     padealing.f()",
    "bo_airflow.x"
)]
#[case::a_trigger_that_calls_reference(
    "create trigger t after insert on padealing.t execute function bo_airflow.f()",
    "function bo_airflow.f"
)]
#[case::a_rule_on_reference("create rule r as on insert to bo_airflow.x do nothing", "bo_airflow.x")]
#[case::a_policy_on_reference("create policy p on bo_airflow.x using (true)", "bo_airflow.x")]
#[case::statistics_on_reference("create statistics padealing.s on a, b from bo_airflow.x", "bo_airflow.x")]
#[case::a_comment_on_reference("comment on table bo_airflow.x is 'x'", "bo_airflow.x")]
#[case::a_comment_on_a_trigger("comment on trigger t on bo_airflow.x is 'x'", "bo_airflow.x")]
#[case::a_comment_on_a_constraint("comment on constraint c on bo_airflow.x is 'x'", "bo_airflow.x")]
#[case::a_comment_on_their_schema("comment on schema bo_airflow is 'x'", "schema bo_airflow")]
#[case::a_comment_on_the_database("comment on database padealing is 'x'", "names nothing in padealing")]
#[case::a_comment_on_a_large_object("comment on large object 1 is 'x'", "names nothing in padealing")]
#[case::a_comment_on_a_role("comment on role padealing is 'x'", "names nothing in padealing")]
#[case::a_comment_on_another_cast("comment on cast (text as bo_airflow.a) is 'x'", "names nothing in padealing")]
#[case::another_cast("create cast (public.a as text) with inout", "names nothing in padealing")]
#[case::another_cast_dropped("drop cast (bo_airflow.a as text)", "names nothing in padealing")]
#[case::refreshed("refresh materialized view bo_airflow.x", "bo_airflow.x")]
#[case::rebuilt_index("reindex index bo_airflow.i", "bo_airflow.i")]
#[case::rebuilt_table("reindex table padealing.t", "only an index")]
#[case::rebuilt_schema("reindex schema padealing", "only an index")]
#[case::attached("alter table padealing.t attach partition bo_airflow.x default", "bo_airflow.x")]
#[case::detached("alter table padealing.t detach partition bo_airflow.x", "bo_airflow.x")]
#[case::parent("alter table padealing.t inherit bo_airflow.x", "bo_airflow.x")]
#[case::parents("create table padealing.t (a int) inherits (padealing.u, bo_airflow.x)", "bo_airflow.x")]
#[case::partition_of_reference("create table padealing.t partition of bo_airflow.x default", "bo_airflow.x")]
#[case::owned_by_reference("alter sequence padealing.s owned by bo_airflow.x.y", "bo_airflow.x.y")]
#[case::created_owned_by_reference("create sequence padealing.s owned by bo_airflow.x.y", "bo_airflow.x.y")]
#[case::a_sequence_beside(
    "create table padealing.t (a int generated always as identity (sequence name bo_airflow.s))",
    "bo_airflow.s"
)]
#[case::a_sequence_beside_an_old_column(
    "alter table padealing.t alter a add generated always as identity (sequence name bo_airflow.s)",
    "bo_airflow.s"
)]
#[case::a_multirange_beside(
    "create type padealing.r as range (subtype = numeric, multirange_type_name = bo_airflow.m)",
    "multirange_type_name"
)]
#[case::a_multirange_in_quotes(
    "create type padealing.r as range (subtype = numeric, \"multirange_type_name\" = \"m\")",
    "multirange_type_name"
)]
#[case::a_commutator_there(
    "create operator padealing.=== (leftarg = int, function = int4eq, commutator = operator(bo_airflow.===))",
    "commutator"
)]
#[case::a_negator_anywhere("create operator padealing.=== (leftarg = int, function = int4eq, negator = <>)", "negator")]
#[case::a_commutator_later(
    "alter operator padealing.=== (int, int) set (commutator = operator(bo_airflow.===))",
    "commutator"
)]
#[case::moved_out("alter table padealing.pad_request set schema bo_airflow", "only managed tables")]
#[case::moved_in("alter table bo_airflow.pad_request set schema padealing", "only managed tables")]
#[case::moved_unmanaged("alter table public.x set schema padealing", "only managed tables")]
#[case::moved_view("alter view public.pad_request set schema padealing", "only managed tables")]
#[case::moved_function("alter function padealing.f() set schema bo_airflow", "only managed tables")]
#[case::moved_of_another_database(
    "alter table public.padealing.pad_request set schema padealing",
    "only managed tables"
)]
#[case::tablespace("alter table padealing.t set tablespace x", "tablespaces")]
#[case::tablespace_of_an_index("create index on padealing.t (a) tablespace x", "tablespaces")]
#[case::all_of_a_tablespace("alter table all in tablespace a set tablespace b", "tablespaces")]
#[case::schema_renamed("alter schema padealing rename to bo_airflow", "schema bo_airflow")]
#[case::schema_of_ours_renamed("alter schema padealing rename to x", "schema x")]
#[case::their_schema_renamed("alter schema bo_airflow rename to padealing", "schema bo_airflow")]
#[case::schema_of_a_role("create schema authorization padealing", "names nothing in padealing")]
#[case::schema_with_elements("create schema padealing create table bo_airflow.x (a int)", "within another statement")]
#[case::unmanaged_dropped("do $$ begin drop view padealing.v; drop index bo_airflow.i; end $$", "bo_airflow.i")]
#[case::program_of_a_foreign_table(
    "create foreign table padealing.f (a int) server s options (program 'rm')",
    "program"
)]
#[case::foreign_partition(
    "create foreign table padealing.f partition of padealing.pad_request default server s",
    "foreign table"
)]
#[case::unparsable("create tabel padealing.t", "can't be parsed")]
#[case::unparsable_at_the_end("select 1; drop table bo_airflow.x what", "can't be parsed")]
#[case::unterminated("select 'a", "can't be parsed")]
#[case::a_zero("select 1\0; drop table bo_airflow.x", "character")]
#[case::the_hole("drop table padealing.\"\u{F8FF}\"", "character")]
fn what_is_not_in_padealing_is_refused(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[rstest]
#[case::an_unmanaged_table("drop table padealing.scratch", "not a managed table")]
#[case::reference("drop table bo_airflow.oracle_employee", "bo_airflow.oracle_employee")]
#[case::reference_behind_ours(
    "drop table padealing.pad_breach, bo_airflow.oracle_employee",
    "bo_airflow.oracle_employee"
)]
#[case::their_schema("drop schema padealing, bo_airflow", "schema bo_airflow")]
#[case::of_another_database("drop table padealing.bo_airflow.pad_breach", "padealing.bo_airflow.pad_breach")]
#[case::cascading("drop table padealing.pad_breach cascade", "CASCADE")]
#[case::a_schema_cascading("drop schema padealing cascade", "CASCADE")]
#[case::a_column_cascading("alter table padealing.t drop column a cascade", "CASCADE")]
#[case::their_column("alter table bo_airflow.x drop column a", "bo_airflow.x")]
#[case::elsewhere("alter table padealing.pad_breach set schema bo_airflow", "only managed tables")]
#[case::a_comment_elsewhere("comment on table public.somebodys is null", "public.somebodys")]
fn a_way_down_has_bounds(#[case] sql: &str, #[case] reason: &str) {
    check_refused_in(&down(), sql, reason);
}

#[test]
fn nothing_moves_from_a_schema_that_is_not_named() {
    let sql = "alter table public.pad_request set schema padealing";
    check_refused_in(&Scope::default(), sql, "only managed tables");
    let back = "alter table padealing.pad_request set schema public";
    check_refused_in(&Scope { down: true, ..Scope::default() }, back, "only managed tables");
}

#[rstest]
#[case::view("drop view padealing.v cascade")]
#[case::constraint("alter table padealing.t drop constraint c cascade")]
#[case::domain("alter domain padealing.d drop constraint c cascade")]
#[case::attribute("alter type padealing.c add attribute a int cascade")]
#[case::function("drop function padealing.f(int) CasCade")]
#[case::revoked("revoke all on padealing.t from me cascade")]
#[case::default_privileges("alter default privileges in schema padealing revoke all on tables from me cascade")]
#[case::in_a_block("do $$ begin drop view padealing.v/**/cascade; end $$")]
fn nothing_cascades(#[case] sql: &str) {
    check_refused(sql, "CASCADE");
}

#[rstest]
#[case::reference("grant select on bo_airflow.x to me", "bo_airflow.x")]
#[case::reference_behind_ours("grant select on padealing.a, bo_airflow.b to me", "bo_airflow.b")]
#[case::a_column_of_reference("grant update (a) on table bo_airflow.b to me", "bo_airflow.b")]
#[case::a_name_without_schema("revoke all on a from me", "a is not in padealing")]
#[case::their_schema("grant create on schema padealing, bo_airflow to me", "schema bo_airflow")]
#[case::all_of_reference("grant select on all tables in schema bo_airflow to me", "schema bo_airflow")]
#[case::all_of_both("grant select on all sequences in schema padealing, bo_airflow to me", "schema bo_airflow")]
#[case::a_role("grant padealing to me", "names nothing in padealing")]
#[case::a_role_with_admin("grant padealing, select to me with admin option", "names nothing in padealing")]
#[case::a_role_taken("revoke padealing from me", "names nothing in padealing")]
#[case::the_database("grant create on database padealing to me", "names nothing in padealing")]
#[case::a_language("grant usage on language sql to me", "names nothing in padealing")]
#[case::a_setting("grant set on parameter padealing.x to me", "setting padealing.x")]
#[case::a_large_object("grant select on large object 1 to me", "names nothing in padealing")]
#[case::by_default_everywhere("alter default privileges grant select on tables to me", "names nothing in padealing")]
#[case::by_default_for_a_role(
    "alter default privileges for role padealing grant all on schemas to me",
    "names nothing"
)]
#[case::by_default_there(
    "alter default privileges in schema bo_airflow grant select on tables to me",
    "schema bo_airflow"
)]
#[case::by_default_in_both(
    "alter default privileges in schema padealing, bo_airflow grant select on tables to me",
    "schema bo_airflow"
)]
fn privileges_are_of_padealing(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[rstest]
#[case::inserted("insert into bo_airflow.x values (1)", "bo_airflow.x")]
#[case::updated("update only bo_airflow.x set a = 1", "bo_airflow.x")]
#[case::deleted("delete from bo_airflow.x *", "bo_airflow.x")]
#[case::no_schema("insert into pad_request values (1)", "pad_request is not in padealing")]
#[case::a_view("insert into padealing.some_view values (1)", "might be a view")]
#[case::a_view_updated("update padealing.some_view v set a = 1", "might be a view")]
#[case::merged("merge into padealing.pad_request using bo_airflow.x on true when matched then delete", "not among")]
#[case::in_a_cte("with a as (delete from bo_airflow.x returning *) select * from a", "within another statement")]
#[case::in_a_cte_of_ours(
    "with a as (delete from padealing.pad_breach returning *) select * from a",
    "within another statement"
)]
#[case::in_a_cte_of_an_insert(
    "with a as (update bo_airflow.x set a = 1 returning *) insert into padealing.pad_breach select * from a",
    "within another statement"
)]
#[case::in_a_cte_deep_down(
    "select (select 1 from (with a as (insert into bo_airflow.x values (1) returning 1) select 1) b)",
    "within another statement"
)]
#[case::in_a_view(
    "create view padealing.v as with a as (delete from bo_airflow.x returning *) select * from a",
    "within another statement"
)]
#[case::in_a_materialized_view(
    "create materialized view padealing.v as with a as (delete from bo_airflow.x returning *) select * from a",
    "within another statement"
)]
#[case::in_a_new_table(
    "create table padealing.t as with a as (delete from bo_airflow.x returning *) select * from a",
    "within another statement"
)]
#[case::in_a_rule(
    "create rule r as on insert to padealing.t do instead insert into bo_airflow.x values (1)",
    "bo_airflow.x"
)]
#[case::in_a_rule_of_several(
    "create rule r as on insert to padealing.t do (insert into padealing.audit_log values (1); delete from \
     bo_airflow.x)",
    "bo_airflow.x"
)]
#[case::in_a_rule_through_a_view(
    "create rule r as on insert to padealing.v do instead update padealing.w set a = 1",
    "might be a view"
)]
#[case::notify_in_a_rule("create rule r as on insert to padealing.t do also notify x", "not among")]
#[case::a_table_made_a_view(
    "create rule \"_RETURN\" as on select to padealing.pad_breach do instead select * from bo_airflow.x",
    "makes a view of a table"
)]
#[case::a_view_with_a_managed_name(
    "create view padealing.pad_breach as select * from bo_airflow.x",
    "a managed table's"
)]
#[case::a_view_that_gets_one("alter view padealing.v rename to pad_breach", "a managed table's")]
#[case::a_view_that_gets_one_as_a_table("alter table padealing.v rename to pad_breach", "a managed table's")]
#[case::a_foreign_table_with_one("create foreign table padealing.audit_log (a int) server s", "a managed table's")]
#[case::locked_rows("select * from bo_airflow.x for update", "locks rows")]
#[case::shared_rows("select * from (select * from bo_airflow.x for key share) a", "locks rows")]
#[case::locked_for_an_insert(
    "insert into padealing.pad_breach select * from bo_airflow.x for share nowait",
    "locks rows"
)]
#[case::locked_in_a_view("create view padealing.v as select * from bo_airflow.x for update", "locks rows")]
#[case::into_a_table("select * into bo_airflow.y from padealing.t", "creates a table")]
#[case::into_a_table_of_ours("select 1 into padealing.y", "creates a table")]
#[case::into_a_temporary_table("select 1 into temp y", "creates a table")]
#[case::copied("copy bo_airflow.x from stdin", "not among")]
#[case::copied_out("copy padealing.pad_request to program 'rm'", "not among")]
#[case::copied_from_a_query("copy (delete from bo_airflow.x returning 1) to stdout", "not among")]
#[case::executed("create table padealing.t as execute p", "within another statement")]
#[case::explained("explain analyze delete from bo_airflow.x", "not among")]
fn what_writes_is_refused(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[rstest]
#[case::reference("select bo_airflow.f()", "function bo_airflow.f")]
#[case::ours("select padealing.f()", "function padealing.f")]
#[case::in_from("select * from public.f() x", "function public.f")]
#[case::in_rows_from("select * from rows from (now(), f())", "function f")]
#[case::in_where(
    "delete from padealing.pad_breach where dblink_exec('', 'drop table bo_airflow.x') = ''",
    "function dblink_exec"
)]
#[case::quoted("select \"pg_catalog\".\"pg_terminate_backend\"(1)", "pg_terminate_backend")]
#[case::unlisted("select pg_advisory_lock(1)", "pg_advisory_lock")]
#[case::that_runs_sql("select query_to_xml('select 1', true, true, '')", "query_to_xml")]
#[case::that_sets("select set_config('search_path', 'bo_airflow', false)", "set_config")]
#[case::in_another_database("select padealing.pg_catalog.now()", "another database")]
#[case::of_a_value("select (a).b(1) from bo_airflow.x a", "expected function name")]
#[case::an_operator("select 1 operator(bo_airflow.+) 2", "operator of bo_airflow")]
#[case::drawing_reference("select nextval('bo_airflow.s')", "nextval")]
#[case::setting_reference("select pg_catalog.setval('bo_airflow.s'::regclass, 1)", "setval")]
#[case::setting_something("select setval(a, 1) from bo_airflow.x", "setval")]
#[case::setting_what_a_query_says("select setval((select 'bo_airflow.s'), 1)", "setval")]
#[case::setting_without_schema("select setval('s', 1)", "setval")]
#[case::setting_in_another_database("select setval('padealing.bo_airflow.s', 1)", "setval")]
#[case::setting_by_name("select setval(a => 'bo_airflow.s', b => 1)", "setval")]
#[case::setting_with_escapes("select setval(E'padealing.s', 1)", "setval")]
#[case::setting_their_column("select setval(pg_get_serial_sequence('bo_airflow.x', 'id'), 1)", "setval")]
#[case::as_a_default("alter table padealing.t add column a int default nextval('bo_airflow.s')", "nextval")]
#[case::as_a_default_of_reference(
    "alter table padealing.t add column a int default bo_airflow.f()",
    "function bo_airflow.f"
)]
#[case::as_a_default_elsewhere(
    "alter table padealing.t add column a text default public.dblink_exec('x')",
    "dblink_exec"
)]
#[case::as_a_check("alter table padealing.t add check (pg_reload_conf())", "pg_reload_conf")]
#[case::using("alter table padealing.t alter a type int using lo_unlink(a)", "lo_unlink")]
#[case::in_an_index("create index on padealing.t (bo_airflow.f(a))", "function bo_airflow.f")]
#[case::in_a_table_of_a_query("create table padealing.t as select pg_cancel_backend(1)", "pg_cancel_backend")]
#[case::in_values("values (1), (lo_unlink(2))", "lo_unlink")]
#[case::in_a_view("create view padealing.v as select nextval('bo_airflow.s')", "nextval")]
fn what_calls_is_refused(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[rstest]
#[case::truncated("truncate padealing.pad_request", "TRUNCATE")]
#[case::locked("lock table padealing.pad_request in access share mode", "LOCK")]
#[case::search_path("set search_path = bo_airflow", "session parameters")]
#[case::local("set local search_path to padealing", "session parameters")]
#[case::role("set role me", "session parameters")]
#[case::authorization("set session authorization me", "session parameters")]
#[case::reset("reset all", "session parameters")]
#[case::shown("show search_path", "session parameters")]
#[case::constraints("set constraints all deferred", "session parameters")]
#[case::begun("begin", "ends transactions")]
#[case::committed("commit; drop table bo_airflow.x", "ends transactions")]
#[case::rolled_back("rollback to savepoint a", "ends transactions")]
#[case::saved("savepoint a", "ends transactions")]
#[case::released("release a", "ends transactions")]
#[case::prepared_transaction("prepare transaction 'a'", "ends transactions")]
#[case::prepared("prepare p as delete from bo_airflow.x", "ends transactions")]
#[case::executed("execute p", "not among")]
#[case::called("call padealing.p()", "not among")]
#[case::declared("declare c cursor for select 1", "not among")]
#[case::vacuumed("vacuum padealing.t", "not among")]
#[case::analyzed("analyze padealing.t", "not among")]
#[case::clustered("cluster padealing.t using i", "not among")]
#[case::notified("notify x", "not among")]
#[case::listened("listen x", "not among")]
#[case::loaded("load 'x'", "not among")]
#[case::discarded("discard all", "session parameters")]
#[case::checkpoint("checkpoint", "not among")]
#[case::imported("import foreign schema x from server s into padealing", "not among")]
#[case::labelled("security label on table padealing.t is 'x'", "not among")]
#[case::reassigned("reassign owned by me to you", "not among")]
#[case::owned("drop owned by me", "not managed by pad-migrate")]
#[case::database("create database padealing", "not managed by pad-migrate")]
#[case::database_altered("alter database padealing set search_path = x", "not managed by pad-migrate")]
#[case::role_created("create role padealing", "not managed by pad-migrate")]
#[case::role_altered("alter role me superuser", "not managed by pad-migrate")]
#[case::user("drop user me", "not managed by pad-migrate")]
#[case::tablespace("drop tablespace x", "not managed by pad-migrate")]
#[case::extension("create extension hstore schema padealing", "not managed by pad-migrate")]
#[case::extension_altered("alter extension hstore add table padealing.t", "not managed by pad-migrate")]
#[case::event_trigger(
    "create event trigger t on ddl_command_end execute function padealing.f()",
    "not managed by pad-migrate"
)]
#[case::publication("create publication p for table padealing.t", "not managed by pad-migrate")]
#[case::subscription("drop subscription s", "not managed by pad-migrate")]
#[case::server("create server s foreign data wrapper w", "not managed by pad-migrate")]
#[case::wrapper("drop foreign data wrapper w", "not managed by pad-migrate")]
#[case::mapping("create user mapping for me server s", "not managed by pad-migrate")]
#[case::language("create language plpython3u", "not managed by pad-migrate")]
#[case::operator_class(
    "create operator class padealing.c for type int using btree as storage int",
    "not managed by pad-migrate"
)]
#[case::operator_family(
    "alter operator family padealing.f using btree add operator 1 < (int, int)",
    "not managed by pad-migrate"
)]
#[case::transform("drop transform for int language sql", "not managed by pad-migrate")]
#[case::conversion("create conversion padealing.c for 'UTF8' to 'LATIN1' from f", "not managed by pad-migrate")]
#[case::system("alter system set work_mem = 1", "not managed by pad-migrate")]
fn what_a_change_of_the_schema_does_not_need_is_refused(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[rstest]
#[case::statements("create table padealing.t (a int); insert into padealing.pad_breach values (1);")]
#[case::flow(
    "if exists (select from bo_airflow.x) then null; elsif true then perform 1; else for i in 1..3 loop continue \
     when i = 2; end loop; end if;"
)]
#[case::nested("declare a text := 'drop'; begin while true loop a := lower(a) || 'x'; exit; end loop; end;")]
#[case::raised("raise exception 'drop table bo_airflow.x %', 1 using hint = 'delete';")]
#[case::into(
    "declare a int; b int; begin select 1, 2 into strict a, b from bo_airflow.x; insert into padealing.pad_breach \
     values (1) returning id into a; end;"
)]
#[case::executed(
    "execute 'create index on padealing.t (a)'; execute $y$alter table padealing.t add a text default 'it''s'$y$;"
)]
#[case::formatted(
    "execute format('comment on table padealing.%I is %L', lower('x'), 'drop'); execute pg_catalog.format('alter \
     table padealing.%1$I add %2$I int', 'a', 'b');"
)]
#[case::moved("execute format('alter table public.%I set schema padealing', 'x');")]
#[case::queried("for a in execute 'select 1' using 2 loop null; end loop;")]
fn what_a_block_may_do(#[case] body: &str) {
    check_passes(&block(body));
    check_passes(&format!(
        "do language plpgsql '{}'",
        block(body).replace("do $x$", "").replace("$x$", "").replace('\'', "''")
    ));
}

#[rstest]
#[case::a_statement("drop index bo_airflow.i;", "bo_airflow.i")]
#[case::after_then("if true then alter table bo_airflow.x add a int; end if;", "bo_airflow.x")]
#[case::after_else("if true then null; else delete from bo_airflow.x; end if;", "bo_airflow.x")]
#[case::in_a_loop("<<l>> loop update bo_airflow.x set a = 1; end loop;", "bo_airflow.x")]
#[case::in_a_case("case 1 when 1 then delete from bo_airflow.x; end case;", "bo_airflow.x")]
#[case::unqualified("delete from pad_request;", "pad_request is not in padealing")]
#[case::through_a_view("insert into padealing.v values (1);", "might be a view")]
#[case::looped_over("for r in delete from bo_airflow.x returning * loop null; end loop;", "bo_airflow.x")]
#[case::returned("insert into bo_airflow.x values (1) returning id into a;", "bo_airflow.x")]
#[case::selected_into("select 1 into a from bo_airflow.x for update;", "locks rows")]
#[case::executed("execute 'drop index bo_airflow.i';", "bo_airflow.i")]
#[case::executed_in_another_quote("execute $y$drop index bo_airflow.i$y$;", "bo_airflow.i")]
#[case::executed_after_a_good_one("execute 'select 1; drop index bo_airflow.i';", "bo_airflow.i")]
#[case::executed_with_escapes("execute E'drop index bo_airflow.i';", "in one piece")]
#[case::executed_in_pieces("execute 'drop index ' || 'bo_airflow.i';", "in one piece")]
#[case::executed_on_two_lines("execute 'select 1;'\n' drop index bo_airflow.i';", "in one piece")]
#[case::executed_from_a_variable("execute a;", "in one piece")]
#[case::executed_from_a_query("execute (select 'drop index bo_airflow.i');", "in one piece")]
#[case::executed_from_a_row("execute 'select 1' from bo_airflow.x;", "in one piece")]
#[case::executed_concat("execute concat('drop index bo_airflow.i');", "in one piece")]
#[case::executed_other_format("execute padealing.format('select 1');", "in one piece")]
#[case::formatted_text("execute format('drop index %s', 'bo_airflow.i');", "something else than %I and %L")]
#[case::formatted_width("execute format('drop index padealing.%-10I', 'i');", "something else than %I and %L")]
#[case::formatted_schema("execute format('alter table %I.x add a int', 'bo_airflow');", "is not in padealing")]
#[case::formatted_name("execute format('drop index %I', 'i');", "is not in padealing")]
#[case::formatted_target(
    "execute format('alter table padealing.pad_breach set schema %I', 'bo_airflow');",
    "only managed tables"
)]
#[case::formatted_schema_name("execute format('create schema %I', 'bo_airflow');", "is not padealing")]
#[case::formatted_glue("execute format('create table padealing.a as table bo_%I', 'x');", "glues")]
#[case::formatted_twice("execute format('create table padealing.%I%I ()', 'x', 'y');", "glues")]
#[case::formatted_in_a_string(
    "execute format('comment on table padealing.t is ''; %I ;''', 'x');",
    "part of something else"
)]
#[case::formatted_in_quotes("execute format('create table \" %I \".x ()', 'x');", "can't be parsed")]
#[case::formatted_in_a_comment("execute format('select 1 -- %I', 'x');", "part of something else")]
#[case::formatted_literals_that_touch("execute format('select %L%L', 'x', 'y');", "glues")]
#[case::formatted_escape("execute format('select E%L', 'x');", "glues")]
#[case::formatted_managed_table("execute format('delete from padealing.%I', 'v');", "might be a view")]
#[case::formatted_view(
    "execute format('create view padealing.%I as table bo_airflow.x', 'pad_breach');",
    "a managed table's"
)]
#[case::formatted_rename("execute format('alter view padealing.v rename to %I', 'pad_breach');", "a managed table's")]
#[case::formatted_option(
    "execute format('create operator padealing.=== (leftarg = int, function = int4eq, %I = operator(bo_airflow.+))', \
     'commutator');",
    "is not known"
)]
#[case::formatted_program(
    "execute format('create foreign table padealing.f () server s options (%I ''rm'')', 'program');",
    "program"
)]
#[case::formatted_function("execute format('select %I()', 'pg_reload_conf');", "is not listed")]
#[case::formatted_default(
    "execute format('alter table padealing.t alter a set default %I()', 'pg_reload_conf');",
    "is not listed"
)]
#[case::formatted_sequence("execute format('select setval(%L, 1)', 'bo_airflow.s');", "setval")]
#[case::formatted_body(
    "execute format('create function padealing.f() returns int language sql as %L', 'drop');",
    "can't be parsed"
)]
#[case::formatted_nothing("execute format();", "in one piece")]
#[case::formatted_variadic("execute format(variadic array['drop index bo_airflow.i']);", "in one piece")]
#[case::executed_block("execute 'do $y$ begin end $y$';", "a block within a block")]
#[case::looped_execute("for r in execute 'delete from bo_airflow.x returning 1' loop null; end loop;", "bo_airflow.x")]
#[case::returned_execute("return query execute 'delete from bo_airflow.x returning 1';", "bo_airflow.x")]
#[case::opened_execute("open c for execute 'delete from bo_airflow.x returning 1';", "bo_airflow.x")]
#[case::opened("open c for delete from bo_airflow.x returning 1;", "bo_airflow.x")]
#[case::performed("perform padealing.f();", "function padealing.f")]
#[case::selected("select bo_airflow.f() into a;", "function bo_airflow.f")]
#[case::assigned("a := padealing.f();", "function padealing.f")]
#[case::assigned_a_locked_row("a := b from bo_airflow.x for update;", "locks rows")]
#[case::asked("if public.f() then null; end if;", "function public.f")]
#[case::raised("raise notice '%', set_config('role', 'x', true);", "set_config")]
#[case::an_argument_of_format("execute format('select %L', padealing.f());", "function padealing.f")]
#[case::an_argument_of_using("execute 'select $1' using dblink_exec('x');", "dblink_exec")]
#[case::called("call padealing.p();", "not among")]
#[case::nested_block("do $y$ begin drop index bo_airflow.i; end $y$;", "a block within a block")]
#[case::committed("commit;", "ends transactions")]
#[case::rolled_back("rollback and chain;", "ends transactions")]
#[case::an_exception("null; exception when others then null;", "EXCEPTION")]
#[case::an_inner_exception("begin null; exception when others then drop index bo_airflow.i; end;", "EXCEPTION")]
#[case::set("set local search_path = bo_airflow;", "session parameters")]
#[case::truncated("truncate padealing.pad_request;", "TRUNCATE")]
#[case::unparsable("drop wat;", "can't be parsed")]
#[case::after_the_end("null; end; begin drop index bo_airflow.i;", "bo_airflow.i")]
fn what_a_block_may_not_do(#[case] body: &str, #[case] reason: &str) {
    check_refused(&block(body), reason);
}

#[rstest]
#[case::a_default("do $$ declare a int := padealing.f(); begin end $$", "function padealing.f")]
#[case::a_default_that_locks("do $$ declare a int := b from bo_airflow.x for update; begin end $$", "locks rows")]
#[case::a_cursor("do $$ declare c cursor for delete from bo_airflow.x returning 1; begin end $$", "bo_airflow.x")]
#[case::nested_quotes("do $a$ begin execute $b$ do $c$ begin drop index bo_airflow.i; end $c$ $b$; end $a$", "block")]
#[case::escapes("do E'begin drop index bo_airflow.i; end'", "escapes")]
#[case::unicode_escapes("do U&'begin drop index bo_airflow.i; end'", "escapes")]
#[case::pieces("do 'begin '\n'drop index bo_airflow.i; end'", "escapes")]
#[case::another_language("do language plpython3u $$ pass $$", "its language is not plpgsql")]
#[case::sql("do language sql $$ drop index bo_airflow.i $$", "not a valid language for DO")]
#[case::two_blocks("do $$ begin null; end; begin drop index bo_airflow.i; end $$", "bo_airflow.i")]
#[case::a_line_comment("do $$ begin -- end $$;\n drop index bo_airflow.i; end $$", "can't be parsed")]
#[case::a_quote_between("do $$ begin null; end $$; drop index bo_airflow.i; select $$ $$", "bo_airflow.i")]
fn what_a_block_is_made_of(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

/// For Postgres, the second string goes on with the escapes of the first: it ends at the quote after the backslash's.
#[test]
fn a_string_whose_end_can_be_mistaken_is_refused() {
    check_refused("select E'a'\n'\\''; drop index bo_airflow.i; --'", "goes on in a second one");
    check_refused(
        "select e'a' -- b\n /* c */ '\\''; drop index bo_airflow.i; --'",
        "Comments between string literals are not allowed",
    );
    check_refused(&block("a := E'a'\n'\\''; drop index bo_airflow.i; --';\n"), "goes on in a second one");
}

#[rstest]
#[case::any_of_ours(
    "delete from padealing.scratch; update padealing.v set a = 1; insert into padealing.pad_breach values (1);"
)]
#[case::new("new.created_at := now(); new.a = public.f(old.a);")]
#[case::any_function("perform bo_airflow.f(), pg_notify('a', 'b'), nextval(a);")]
#[case::an_exception("begin null; exception when others then null; end;")]
#[case::executed("execute format('insert into padealing.%I values ($1)', tg_table_name) using new.id;")]
#[case::into("select a, b into strict c.d, e from bo_airflow.x where f = 'into'; return c;")]
#[case::created("create table padealing.t (a int);")]
fn what_a_function_may_do(#[case] body: &str) {
    check_passes(&function("plpgsql", &format!("begin {body} end")));
    check_passes(&function("\"plpgsql\" security definer", &format!("declare c record; begin {body} end;")));
}

#[rstest]
#[case::sql(&function("sql", "select bo_airflow.f(1); delete from padealing.scratch; select setval('padealing.s', 1)"))]
#[case::string(
    "create function padealing.f() returns setof text language 'sql' as 'select ''drop'' from bo_airflow.x'"
)]
#[case::atomic(
    "create function padealing.f() returns int begin atomic insert into padealing.t values (1); select 1; end"
)]
#[case::an_expression(
    "create or replace function padealing.f(a int default 3) returns int language sql return bo_airflow.g(a)"
)]
#[case::settings("create procedure padealing.p() language sql set search_path = bo_airflow set work_mem = '8MB' as ''")]
#[case::a_table(
    "create function padealing.f(a bo_airflow.x) returns table (a bo_airflow.x.y%type) language sql as 'select 1'"
)]
fn what_a_function_may_be(#[case] sql: &str) {
    check_passes(sql);
}

#[rstest]
#[case::plpgsql(&function("plpgsql", "begin delete from bo_airflow.x; end"), "bo_airflow.x")]
#[case::executed(&function("plpgsql", "begin execute 'delete from bo_airflow.x'; end"), "bo_airflow.x")]
#[case::executed_in_pieces(&function("plpgsql", "begin execute 'delete from ' || a; end"), "in one piece")]
#[case::truncated(&function("plpgsql", "begin truncate padealing.t; end"), "TRUNCATE")]
#[case::in_a_handler(&function("plpgsql", "begin null; exception when others then delete from bo_airflow.x; end"), "bo_airflow.x")]
#[case::committed(&function("plpgsql", "begin commit; end"), "ends transactions")]
#[case::into_a_table(&function("plpgsql", "begin for r in select 1 into padealing.t loop null; end loop; end"), "creates a table")]
#[case::into_hides_nothing(&function("plpgsql", "begin select 1 into a; delete from bo_airflow.x; end"), "bo_airflow.x")]
#[case::into_takes_names_only(&function("plpgsql", "begin select 1 into a, (delete from bo_airflow.x); end"), "can't be parsed")]
#[case::drawn(&function("plpgsql", "begin perform nextval('bo_airflow.s'); end"), "nextval")]
#[case::sql(&function("sql", "select 1; delete from bo_airflow.x"), "bo_airflow.x")]
#[case::sql_cte(&function("sql", "with a as (delete from bo_airflow.x returning 1) select 1"), "within another statement")]
#[case::sql_dropped(&function("sql", "drop view bo_airflow.x"), "bo_airflow.x")]
#[case::string(
    "create function padealing.f() returns int language sql as 'delete from \"bo_airflow\".x where a = ''''; select 1'",
    "bo_airflow.x"
)]
#[case::escapes(
    "create function padealing.f() returns int language sql as E'delete from bo\\x5fairflow.x; select 1'",
    "escapes"
)]
#[case::pieces(
    "create function padealing.f() returns int language sql as 'select 1;'\n'delete from bo_airflow.x'",
    "escapes"
)]
#[case::atomic(
    "create function padealing.f() returns int language sql begin atomic delete from bo_airflow.x; select 1; end",
    "bo_airflow.x"
)]
#[case::unqualified(
    "create function padealing.f() returns int language sql set search_path = bo_airflow as 'delete from x; select 1'",
    "x is not in padealing"
)]
#[case::unqualified_block(
    "create function padealing.f() returns void language plpgsql set search_path = padealing as 'begin delete from \
     scratch; end'",
    "scratch is not in padealing"
)]
#[case::another_role(
    "create function padealing.f() returns int language sql set role = me as 'select 1'",
    "setting role is not listed"
)]
#[case::another_reading(
    "create function padealing.f() returns int language sql set standard_conforming_strings = off as 'select 1'",
    "standard_conforming_strings"
)]
#[case::another_reading_later(
    "alter function padealing.f() set standard_conforming_strings = off",
    "standard_conforming_strings"
)]
#[case::authorization(
    "create function padealing.f() returns int language sql set session authorization me as 'select 1'",
    "can't be parsed"
)]
#[case::c("create function padealing.f() returns int language c as 'a', 'b'", "neither sql nor plpgsql")]
#[case::internal(
    "create function padealing.f() returns int language internal as 'lo_unlink'",
    "neither sql nor plpgsql"
)]
#[case::python("create function padealing.f() returns int language plpython3u as 'pass'", "neither sql nor plpgsql")]
#[case::capitals(
    "create function padealing.f() returns int language 'PLPGSQL' as 'begin end'",
    "neither sql nor plpgsql"
)]
#[case::no_language(
    "create function padealing.f() returns int as 'delete from bo_airflow.x'",
    "neither sql nor plpgsql"
)]
#[case::two_languages(
    "create function padealing.f() returns int language sql language plpgsql as 'select 1'",
    "Conflicting or redundant options"
)]
#[case::two_bodies(
    "create function padealing.f() returns int language sql as 'select 1' as 'delete from bo_airflow.x'",
    "Conflicting or redundant options"
)]
#[case::elsewhere("create function bo_airflow.f() returns int language sql as 'select 1'", "bo_airflow.f")]
#[case::procedure(
    "create procedure padealing.p() language plpgsql as $$ begin delete from bo_airflow.x; end $$",
    "bo_airflow.x"
)]
#[case::a_function_in_a_function(&function("plpgsql", "begin create function padealing.g() returns int language sql \
    as 'delete from bo_airflow.x; select 1'; end"), "bo_airflow.x")]
fn what_a_function_may_not_be(#[case] sql: &str, #[case] reason: &str) {
    check_refused(sql, reason);
}

#[test]
fn a_refusal_says_which_statement_it_is_about() {
    let sql = format!("select 1;\n\ndrop view\n  bo_airflow.x, {};", "padealing.y, ".repeat(20) + "padealing.z");
    let refusal = check(&sql, &up()).expect_err("it changes bo_airflow").to_string();
    assert_eq!(
        refusal,
        "refused to send `drop view bo_airflow.x, padealing.y, padealing.y, padealing.y, padealing.y, pade…`: \
         bo_airflow.x is not in padealing, or its name does not say so"
    );
    let refusal = check(&block("null; drop view bo_airflow.x;"), &up()).expect_err("it changes bo_airflow").to_string();
    assert!(refusal.starts_with("refused to send `drop view bo_airflow.x`: "), "{refusal}");
}
