//! Blocks and functions: what their bodies may hold.

use rstest::rstest;

use super::{check, check_passes, check_refused};
use pad_migrate::schema::guard::scope::Scope;

/// A block, and a function of either language, that holds these statements.
pub(super) fn block(body: &str) -> String {
    format!("do $x$ begin {body} end $x$")
}

fn function(language: &str, body: &str) -> String {
    format!("create function padealing.f() returns void language {language} as $x$ {body} $x$")
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

/// What a backup depends on is made in an ephemeral database as its manifest says: nothing that acts.
#[test]
fn stand_ins_only_compute() {
    let scope = Scope { stand_ins: true, ..Scope::default() };
    let function = |body: &str| {
        format!("create or replace function public.f() returns trigger language plpgsql as $x$ begin {body} end $x$")
    };
    for sql in [
        function("new.a := lower(new.a); return new;"),
        "create function public.g(a text) returns text language sql immutable as $x$ select public.h(lower(a)) $x$"
            .to_owned(),
        "create type public.side as enum ('B', 'S')".to_owned(),
        "create domain public.short as text constraint c check (length(value) < 9)".to_owned(),
        "create collation public.by_number (provider = icu, locale = 'en-u-kn')".to_owned(),
    ] {
        assert_eq!(check(&sql, &scope), Ok(()), "{sql}");
        assert!(check(&sql, &Scope::default()).is_err(), "only where it is a stand-in: {sql}");
    }
    for sql in [
        "copy (select 1) to program 'touch /tmp/x'".to_owned(),
        "create extension plpython3u".to_owned(),
        "create table public.t (a int)".to_owned(),
        "alter role postgres superuser".to_owned(),
        "create type pg_catalog.t as enum ('a')".to_owned(),
        function("copy (select 1) to program 'touch /tmp/x'; return new;"),
        function("execute 'copy (select 1) to program ''x'''; return new;"),
        function("perform pg_read_file('/etc/passwd'); return new;"),
        function("insert into public.log values (1); return new;"),
        "create domain public.d as text check (pg_catalog.pg_read_file(value) is null)".to_owned(),
        "create domain public.d as text default pg_read_file('/etc/passwd')".to_owned(),
        "create type public.side as enum ('B'); select pg_read_file('/etc/passwd')".to_owned(),
        "create function public.f() returns int language plpython3u as 'return 1'".to_owned(),
        "create function public.f() returns int language sql as 'select lo_export(1, ''/tmp/x'')'".to_owned(),
    ] {
        assert!(check(&sql, &scope).is_err(), "{sql}");
    }
}
