//! Kinds of statements and calls that no change of the schema needs.

use rstest::rstest;

use super::check_refused;

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
