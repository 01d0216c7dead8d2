//! What may be sent for a change of the schema, and everything that may not.

mod bodies;
mod statements;

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
#[case::a_byte_order_mark("\u{feff}create table padealing.t (a int)", "byte order mark")]
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

#[test]
fn a_refusal_says_which_statement_it_is_about() {
    let sql = format!("select 1;\n\ndrop view\n  bo_airflow.x, {};", "padealing.y, ".repeat(20) + "padealing.z");
    let refusal = check(&sql, &up()).expect_err("it changes bo_airflow").to_string();
    assert_eq!(
        refusal,
        "refused to send `drop view bo_airflow.x, padealing.y, padealing.y, padealing.y, padealing.y, pade…`: \
         bo_airflow.x is not in padealing, or its name does not say so"
    );
    let refusal =
        check(&bodies::block("null; drop view bo_airflow.x;"), &up()).expect_err("it changes bo_airflow").to_string();
    assert!(refusal.starts_with("refused to send `drop view bo_airflow.x`: "), "{refusal}");
}
